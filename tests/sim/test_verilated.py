import os
import shutil
from pathlib import Path

import pytest

from prototile.errors import ToolError
from prototile.sim.verilated import compiled


@pytest.mark.parametrize(
    ("programs", "message"),
    [
        (("sh", "env", "perl", "python3", "make"), r"the C\+\+ compiler g\+\+ was not found; install it \(Debian: "),
        (("sh", "env", "perl", "python3", "g++"), "make was not found; install it"),
    ],
)
def test_missing_programs_are_named(tmp_path, monkeypatch, programs, message):
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in programs:
        if (program := shutil.which(name)) is not None:
            (folder / name).symlink_to(os.path.realpath(program))
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("PROTOTILE_CACHE", str(tmp_path / "cache"))
    source = tmp_path / "prototile_core.v"
    source.write_text("module prototile_core (input clk); endmodule\n")
    with pytest.raises(ToolError, match=message):
        compiled([source], top="prototile_core", harness="core.cpp")


@pytest.mark.tools
def test_failed_run_leaves_its_log_only(tmp_path, monkeypatch):
    monkeypatch.setenv("PROTOTILE_CACHE", str(tmp_path / "cache"))
    broken = tmp_path / "prototile_core.v"
    broken.write_text("module prototile_core (input clk;\n")
    with pytest.raises(ToolError, match="verilator failed on the generated Verilog: see ") as caught:
        compiled([broken], top="prototile_core", harness="core.cpp")
    assert "syntax error" in Path(str(caught.value).partition(": see ")[2]).read_text()
    assert list((tmp_path / "cache" / "simulations").iterdir()) == []
