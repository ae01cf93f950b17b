import subprocess
import sys
import sysconfig
from fractions import Fraction
from pathlib import Path

import pytest

from prototile.boards.ice40 import ICE40, Ice40Pll, separate_ports
from prototile.errors import BoardError


def settings(pll):
    return pll.divr, pll.divf, pll.divq, pll.filter_range


@pytest.mark.parametrize(("output", "expected"), [(36.0, (0, 47, 4, 1)), (100.5, (0, 66, 3, 1)), (48.0, (0, 63, 4, 1))])
def test_pll_settings_of_the_boards_are_exact(output, expected):
    pll = ICE40.pll(input_mhz=12.0, output_mhz=output, from_pad=True)
    assert settings(pll) == expected
    assert pll.output_mhz == Fraction(output)


@pytest.mark.parametrize("source", [10.0, 12.0, 16.0, 25.0, 100.0, 133.0])
@pytest.mark.parametrize("output", [16.0, 33.333, 99.7, 150.0, 275.0])
def test_pll_is_the_closest_within_all_limits(source, output):
    pll = ICE40.pll(input_mhz=source, output_mhz=output, from_pad=False)
    assert 10 <= pll.detector_mhz <= 133
    assert 533 <= pll.oscillator_mhz <= 1066
    assert 16 <= pll.output_mhz <= 275
    closest = min(
        abs(made - output)
        for divr in range(16)
        if source / (divr + 1) >= 10
        for divf in range(128)
        if 533 <= (oscillator := source / (divr + 1) * (divf + 1)) <= 1066
        for divq in range(1, 7)
        if 16 <= (made := oscillator / 2**divq) <= 275
    )
    assert float(abs(pll.output_mhz - Fraction(output).limit_denominator(10**6))) == pytest.approx(closest, abs=1e-9)


@pytest.mark.parametrize(("source", "output"), [(12.0, 15.9), (12.0, 276.0), (9.0, 36.0), (134.0, 100.0)])
def test_pll_beyond_its_limits_is_refused(source, output):
    with pytest.raises(BoardError, match=f"cannot make {output} MHz from {source} MHz: ask for 16 to 275 MHz"):
        ICE40.pll(input_mhz=source, output_mhz=output, from_pad=False)


@pytest.mark.parametrize(
    ("detector", "expected"), [(10, 1), (16, 1), (17, 2), (26, 3), (44, 4), (65, 4), (66, 5), (101, 6), (133, 6)]
)
def test_filter_range(detector, expected):
    assert Ice40Pll(input_mhz=Fraction(detector), divr=0, divf=7, divq=3, from_pad=False).filter_range == expected


@pytest.mark.tools
@pytest.mark.parametrize(("source", "output"), [(12, 36), (12, 100.5), (100, 66), (25, 99)])
def test_pll_agrees_with_icepll(source, output, tmp_path):
    script = Path(sysconfig.get_path("scripts")) / "yowasp-icepll"
    command = [sys.executable, str(script), "-i", str(source), "-o", str(output)]
    text = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    theirs = tuple(
        int(line.split(":")[1].split()[0]) for line in text.splitlines() if line.startswith(("DIV", "FILTER"))
    )
    pll = ICE40.pll(input_mhz=source, output_mhz=output, from_pad=False)
    if settings(pll) != theirs:
        divr, divf, divq, _ = theirs
        made = Fraction(source) * (divf + 1) / ((divr + 1) << divq)
        assert abs(pll.output_mhz - Fraction(output)) <= abs(made - Fraction(output))
        assert pll.divr <= divr


ASC = """\
.comment made by a tool
.device 5k
.logic_tile 3 4
000100
000000
.logic_tile 3 5
000000
000000
.ram_data 6 1
000f
.extra_bit 0 330 142
.sym 7 chip.rst
"""


def test_all_bits_of_a_bitstream_are_compared_with_the_routed_design():
    unpacked = ASC.replace(".comment made by a tool\n", "").replace(".logic_tile 3 5\n000000\n000000\n", "")
    unpacked = unpacked.replace(".sym 7 chip.rst\n", "").replace(".ram_data", "\n.ram_data 5 1\n0000\n.ram_data")
    assert ICE40.check_unpacked(unpacked, routed=ASC, netlist="") is None
    for before, after in (("000100", "000101"), ("000f", "000e"), (".extra_bit 0 330 142\n", ""), ("3 4", "3 6")):
        assert before in unpacked
        wrong = ICE40.check_unpacked(unpacked.replace(before, after), routed=ASC, netlist="")
        assert wrong is not None
        assert wrong.endswith("are not those that were routed")


def test_ports_are_declared_apart_from_the_header():
    text = "\n\nmodule top (input clk_in, output led);\n\nwire clk_in, led;\nendmodule\n"
    assert separate_ports(text, "top") == (
        "\n\nmodule top (clk_in, led);\ninput clk_in;\noutput led;\n\nwire clk_in, led;\nendmodule\n"
    )
