import os
import shutil
from pathlib import Path

import numpy as np
import pytest

import prototile as pt
from prototile.errors import ToolError
from prototile.sim.icarus import IcarusCore
from prototile.sim.verilated import Stalls, VerilatedCore, compiled

needs_iverilog = pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog is not installed")


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


@pytest.mark.tools
@pytest.mark.parametrize("simulator", [VerilatedCore, pytest.param(IcarusCore, marks=needs_iverilog)])
@pytest.mark.parametrize("resets", [0, 40])
def test_a_core_that_takes_queries_and_never_answers_is_given_up(tmp_path, simulator, resets):
    design = pt.convert(pt.PrototypeModel(np.eye(3, dtype=int) * 7, [0, 1, 2]), bits=3)
    silent = design.core_verilog.replace(".record__valid(record_valid)", ".record__valid()")
    assert silent != design.core_verilog
    path = tmp_path / "prototile_core.v"
    path.write_text(silent)
    # After each reset it takes the same queries again.
    with pytest.raises(ToolError, match=r"no record for \d+ cycles, after 0 of 20"):
        simulator(design.config, [path]).run(np.zeros((20, 3), np.int64), stalls=Stalls(resets=resets))
