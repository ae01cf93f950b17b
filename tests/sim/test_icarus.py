import shutil
from pathlib import Path

import numpy as np
import pytest

import prototile as pt
from prototile.errors import InputError, ToolError
from prototile.sim.icarus import IcarusCore, check_icarus
from prototile.sim.verilated import Stalls, VerilatedCore

needs_iverilog = pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog is not installed")
CHANCE = np.random.default_rng(5)
DESIGNS = {
    "votes of own radii": {"k": 3, "radii": np.linspace(2, 20, 9)},
    "written": {"options": {"memory": "single_port", "prototypes_per_pe": 2}},
}


@pytest.fixture(name="design", params=DESIGNS)
def small_design(request):
    model = dict(DESIGNS[request.param])
    options = model.pop("options", {})
    prototypes = CHANCE.integers(0, 16, (9, 5))
    return pt.convert(pt.PrototypeModel(prototypes, np.arange(9) % 3, **model), bits=4, **options)


@pytest.fixture(name="source")
def core_source(design, tmp_path):
    path = tmp_path / "prototile_core.v"
    path.write_text(design.core_verilog)
    return path


@needs_iverilog
@pytest.mark.tools
def test_both_simulators_agree_in_every_cycle(design, source):
    queries = CHANCE.integers(0, 16, (40, 5))
    saturated = CHANCE.integers(0, 6, 40)
    golden = design.golden.decide(queries, saturated)
    cores = [simulator(design.config, [source]) for simulator in (IcarusCore, VerilatedCore)]
    for stalls in (None, Stalls(source=0.3, sink=0.4, resets=60, seed=9)):
        runs = [core.run(queries, saturated, stalls, writes=design.first_writes) for core in cores]
        for run in runs:
            assert (run.records == golden).all()
        assert runs[0].cycles == runs[1].cycles
        for name in ("first_word", "last_word", "taken"):
            np.testing.assert_array_equal(getattr(runs[0], name), getattr(runs[1], name))


@needs_iverilog
@pytest.mark.tools
def test_waveforms(design, source, tmp_path):
    for name in ("core.fst", "core.vcd"):
        core = IcarusCore(design.config, [source], waves=tmp_path / name)
        core.run(np.zeros((2, 5), np.int64), writes=design.first_writes)
        assert (tmp_path / name).stat().st_size > 1000
    assert "$enddefinitions" in (tmp_path / "core.vcd").read_text()


@needs_iverilog
@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("assign record_margin = ", "assign record_margin = 1'bx ^ ", "its record 0 has an undefined field"),
        (".i__valid(query_valid)", ".i__valid(1'b0)", "no record for"),
        ("assign record_tag = ", "assign record_tag = 8'd77 ^ ", "record 0 came with the tag of another query"),
        ("endmodule", "", "iverilog failed on the generated Verilog: "),
    ],
)
def test_what_goes_wrong_is_told(tmp_path, before, after, message):
    design = pt.convert(pt.PrototypeModel(np.eye(3, dtype=int) * 7, [0, 1, 2]), bits=3)
    text = design.core_verilog
    head, top = text[: text.index("module prototile_core")], text[text.index("module prototile_core") :]
    assert before in top
    path = tmp_path / "prototile_core.v"
    path.write_text(head + top.replace(before, after))
    with pytest.raises(ToolError, match=message):
        IcarusCore(design.config, [path]).run(np.zeros((2, 3), np.int64))


def test_missing_simulator_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match=r"iverilog was not found: install Icarus Verilog \(Debian: apt-get install"):
        check_icarus()
    with pytest.raises(ToolError, match="iverilog was not found"):
        IcarusCore(pt.convert(pt.PrototypeModel([[0], [1]], [0, 1])).config, [Path("x.v")])


def test_schedules_are_for_the_other_simulator(monkeypatch):
    monkeypatch.setattr("prototile.sim.icarus.check_icarus", lambda: None)
    core = IcarusCore(None, [])
    for stalls in (Stalls(schedule=np.zeros(3, np.uint8)), Stalls(rewrites=0.5)):
        with pytest.raises(InputError, match=r"schedules and rewrites are played by the simulator verilator only"):
            core.run(np.zeros((1, 1), np.int64), stalls=stalls)
