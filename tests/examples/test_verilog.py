"""The example of a system in plain Verilog, run by its own Makefile."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "verilog"
SIMULATORS = [
    "verilator",
    pytest.param(
        "icarus", marks=pytest.mark.skipif(shutil.which("iverilog") is None, reason="iverilog is not installed")
    ),
]
#: Variables of a surrounding make that would change this one.
FOREIGN = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "SIM", "BUILD", "VERILATOR_ROOT")


def make(build, simulator):
    environment = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    return subprocess.run(
        ["make", f"SIM={simulator}", f"BUILD={build}", f"PYTHON={sys.executable}"],
        cwd=EXAMPLE,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


@pytest.mark.tools
@pytest.mark.parametrize("simulator", SIMULATORS)
def test_every_led_is_right(simulator, tmp_path):
    result = make(tmp_path / "example", simulator)
    assert result.returncode == 0, result.stderr
    assert "PASS: 50 answers, 0 wrong\n" in result.stdout
    lines = re.findall(r"^query (\d+): class LEDs ([01]{3}), doubt LED ([01])$", result.stdout, re.MULTILINE)
    assert [int(query) for query, _, _ in lines] == list(range(25))
    # Every class, and both states of the other LED.
    assert {leds for _, leds, _ in lines} == {"001", "010", "100"}
    assert {doubt for _, _, doubt in lines} == {"0", "1"}

    # The comparison can fail, and make says so.
    expected = tmp_path / "example" / "expected.hex"
    first, *rest = expected.read_text().splitlines()
    expected.write_text("\n".join([f"{int(first, 16) ^ 1:x}", *rest]) + "\n")
    result = make(tmp_path / "example", simulator)
    assert result.returncode != 0
    assert "FAIL: 50 answers, 2 wrong\n" in result.stdout
