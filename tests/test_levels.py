"""One design at every level, and what each level's comparison says when a bit of the hardware is another."""

import json
import re
import shutil
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

import prototile as pt
from prototile.boards.board import board
from prototile.boards.report import BuildReport
from prototile.boards.tools import cell_models, tool
from prototile.boards.top import models
from prototile.cli import main
from prototile.data import load_dataset, train_prototypes
from prototile.errors import BoardError, DigestError, InputError, ToolError
from prototile.hardware import core
from prototile.levels import Level
from prototile.rtl.top import CoreTop
from prototile.sim.board import simulated_board
from prototile.sim.verilated import Stalls
from prototile.verilog import to_verilog

SPLIT = load_dataset("iris")
MODEL = train_prototypes("iris", SPLIT)
#: Each prototype must be found at distance 0, so no bit of a prototype can be another unseen.
QUERIES = np.vstack([MODEL[:-1].inverse_transform(MODEL[-1]._fit_X), SPLIT.X_test])
ROWS = len(QUERIES)
#: Vectors of the folder: 12 of these, and one each for a tie and for clipped components.
PLAYED = 14
needs_icebox = pytest.mark.skipif(
    shutil.which("icebox_vlog") is None, reason="icebox_vlog is not installed (Debian: fpga-icestorm)"
)


@pytest.fixture(scope="module", name="design")
def iris_design():
    return pt.convert(MODEL, SPLIT.X_train, bits=4, memory="block")


@pytest.fixture(scope="module", name="folder")
def built_folder(design, tmp_path_factory):
    folder = design.save(tmp_path_factory.mktemp("levels") / "iris", vectors=QUERIES[:12])
    design.build(folder=folder / "boards" / "icebreaker")
    return folder


@pytest.fixture(name="build")
def own_build(folder, tmp_path):
    """The build, in a folder that may be changed."""
    shutil.copytree(folder / "boards" / "icebreaker", tmp_path / "icebreaker")
    return BuildReport.read(tmp_path / "icebreaker")


def change(path, pattern, replacement):
    """Replace the first match in a file."""
    text, count = re.subn(pattern, replacement, path.read_text(), count=1)
    assert count == 1
    path.write_text(text)


def flip_memory(build):
    """Change one bit of a prototype in the netlist: the lowest of a memory's first word."""
    change(
        build.folder / "netlist.v",
        r"(\.INIT_0\(256'b[01x]{255})([01])",
        lambda found: f"{found[1]}{1 - int(found[2])}",
    )


def flip_bitstream(build, tmp_path):
    """Change one bit of a prototype in the packed bitstream, as above."""
    work = tmp_path / "asc"
    work.mkdir()
    shutil.copyfile(build.bitstream, work / "chip.bin")
    tool("iceunpack").run(["chip.bin", "chip.asc"], folder=work, log=work / "log")
    change(
        work / "chip.asc",
        r"(\.ram_data \d+ \d+\n[0-9a-f]{60}(?!0000)[0-9a-f]{3})([0-9a-f])",  # those in use hold something
        lambda found: f"{found[1]}{int(found[2], 16) ^ 1:x}",
    )
    tool("icepack").run(["chip.asc", "chip.bin"], folder=work, log=work / "log")
    shutil.copyfile(work / "chip.bin", build.bitstream)


def run(capsys, *words):
    """Exit status, and the lines of stdout and stderr, of a command."""
    status = main([str(word) for word in words])
    out, err = capsys.readouterr()
    return status, out, err.splitlines()


@pytest.mark.tools
def test_netlist_and_board_answer_as_the_golden_model_and_a_changed_netlist_does_not(
    design, folder, build, capsys, tmp_path
):
    report = BuildReport.read(folder / "boards" / "icebreaker")
    told = []
    verification = design.verify(QUERIES, level="netlist", build=report, progress=told.append)
    assert verification.ok
    assert (verification.level, verification.rows) == ("netlist", ROWS)
    assert verification.cycles > ROWS * design.config.interval_cycles
    assert told == [
        "Compiling the netlist of iCEBreaker",
        f"Asking {ROWS} queries through the serial port",
    ]
    flip_memory(build)
    wrong = design.verify(QUERIES, level="netlist", build=build)
    assert not wrong.ok
    assert 0 < wrong.mismatches < ROWS

    # The same through the command line, of the folder.
    vectors = tmp_path / "vectors.npy"
    np.save(vectors, QUERIES)
    words = ("simulate", folder, "--vectors", vectors, "--level", "netlist")
    status, out, _ = run(capsys, *words, "--junit", tmp_path / "netlist.xml", "--json")
    assert status == 0
    assert (json.loads(out)["level"], json.loads(out)["rows"], json.loads(out)["mismatches"]) == ("netlist", ROWS, 0)
    (case,) = ElementTree.parse(tmp_path / "netlist.xml").findall("testsuite/testcase")
    assert (case.get("name"), len(case)) == ("all_queries_at_level_netlist", 0)
    values = json.loads((folder / "report.json").read_text())
    assert values["verification"] == {"level": "netlist", "rows": ROWS, "mismatches": 0}

    changed = tmp_path / "changed"
    shutil.copytree(folder, changed)
    shutil.copyfile(build.folder / "netlist.v", changed / "boards" / "icebreaker" / "netlist.v")
    status, out, _ = run(capsys, *("simulate", changed, *words[2:], "--junit", tmp_path / "wrong.xml"))
    assert status == 1
    assert f"{wrong.mismatches} in any field" in out
    (case,) = ElementTree.parse(tmp_path / "wrong.xml").findall("testsuite/testcase")
    assert case.find("failure").get("message").startswith(f"{wrong.mismatches} of {ROWS} queries are not answered")
    assert (
        f"FAILED: {ROWS} queries at level netlist, {wrong.mismatches} mismatches" in run(capsys, "report", changed)[1]
    )

    # A board at a port: the changed netlist stands for one that is broken.
    target = board("icebreaker")
    with simulated_board(
        [build.folder / "netlist.v", models(target)],
        divisor=target.baud_divisor,
        libraries=[cell_models("ice40/cells_sim.v")],
        reset_button=1,
    ) as broken:
        words = ("simulate", folder, "--vectors", vectors, "--level", "board")
        status, out, _ = run(capsys, *words, "--port", broken.port, "--timeout", 30, "--json")
        assert status == 1
        assert json.loads(out)["mismatches"] == wrong.mismatches
        assert "cycles" not in json.loads(out)
        assert design.verify(QUERIES, level="board", port=broken.port, timeout=30).mismatches == wrong.mismatches
    # Another design's build is told apart by the chip's own word.
    other = pt.convert(MODEL, SPLIT.X_train, bits=5)
    with pytest.raises(DigestError, match="the build for icebreaker is one of another design; build this one again"):
        other.verify(SPLIT.X_test[:1], level="netlist", build=report)


@needs_icebox
@pytest.mark.tools
def test_bitstream_answers_as_the_golden_model_and_a_changed_one_does_not(design, folder, build, capsys, tmp_path):
    status, out, lines = run(
        capsys, "simulate", folder, "--level", "bitstream", "--junit", tmp_path / "b.xml", "--json"
    )
    assert status == 0
    assert (json.loads(out)["rows"], json.loads(out)["mismatches"]) == (PLAYED, 0)
    assert "Taking the bitstream apart" in lines
    (case,) = ElementTree.parse(tmp_path / "b.xml").findall("testsuite/testcase")
    assert (case.get("name"), len(case)) == ("all_queries_at_level_bitstream", 0)
    assert design.verify(QUERIES, level="bitstream", build=build).ok
    flip_bitstream(build, tmp_path)
    wrong = design.verify(QUERIES, level="bitstream", build=build)
    assert not wrong.ok
    assert 0 < wrong.mismatches <= ROWS


def with_verilog(design, pattern, replacement):
    """The design, in whose Verilog something else stands at one place."""
    text, count = re.subn(pattern, replacement, design.core_verilog)
    assert count == 1
    changed = replace(design)
    vars(changed)["core_verilog"] = text
    return changed


@pytest.mark.tools
def test_probes_find_at_level_rtl_what_the_vectors_do_not_meet():
    def converted(radius):
        model = pt.PrototypeModel([[0, 0, 3], [7, 6, 1], [3, 7, 7]], [0, 1, 1], radii=radius)
        return pt.convert(model, bits=3)

    design, other = converted(9), replace(converted(9))
    vars(other)["core_verilog"] = converted(10).core_verilog
    vectors = design.model.prototypes
    verification = design.verify(vectors)
    assert verification.ok
    assert (verification.rows, len(verification.records)) == (3, 3)
    assert verification.probes > 100
    wrong = other.verify(vectors)
    assert not wrong.ok
    assert min(row for row, *_ in wrong.differences) >= 3
    assert {name for _, name, *_ in wrong.differences} == {"status"}


@pytest.mark.tools
def test_writes_that_do_not_reach_a_memory_are_found_at_level_rtl():
    model = pt.PrototypeModel([[0, 0, 3], [7, 6, 1], [3, 7, 7]], [0, 1, 1])
    design = pt.convert(model, bits=3, memory="block", writable=True)
    verification = design.verify(model.prototypes)
    assert verification.ok
    # All once more, of what was written.
    assert verification.probes > verification.rows
    deaf = with_verilog(design, r"\.write__valid\(write_valid\)", ".write__valid(1'h0)")
    wrong = deaf.verify(model.prototypes)
    assert wrong.mismatches > 0
    assert min(row for row, *_ in wrong.differences) > verification.probes // 2


@pytest.fixture(scope="module", name="written")
def written_design():
    """A design whose memories can be written."""
    return pt.convert(pt.PrototypeModel([[0, 0, 3], [7, 6, 1], [3, 7, 7]], [0, 1, 1]), bits=3, writable=True)


@pytest.mark.tools
def test_writes_while_a_query_waits_are_found_at_level_rtl(written):
    hasty = with_verilog(written, r"(\.write__ready\()write_ready(\),[^;]*;)", r"\1\2 assign write_ready = 1'h1;")
    with pytest.raises(ToolError, match="a word for a memory may come while a query waits or plays"):
        hasty.verify(written.model.prototypes)


@pytest.mark.tools
def test_writes_between_queries_to_a_wrong_place_are_found_at_level_rtl(written):
    stalls = Stalls.usual(written.config)
    assert written.verify(written.model.prototypes, stalls=stalls).ok
    # All that is written before the first query goes where it belongs.
    late = with_verilog(
        written,
        r"(  \\prototile_core.core  core \([^;]*?)write_address",
        r"  reg late = 0; always @(posedge clk) late <= late | query_valid; \1(write_address ^ late)",
    )
    assert late.verify(written.model.prototypes).ok
    wrong = late.verify(written.model.prototypes, stalls=stalls)
    assert min(row for row, *_ in wrong.differences) > wrong.probes // 2


@pytest.mark.tools
@pytest.mark.parametrize("module", ["core", "sequencer", "collector"])
def test_a_reset_that_does_not_reach_all_is_found_at_level_rtl(module):
    model = pt.PrototypeModel([[0, 0, 3], [7, 6, 1], [3, 7, 7]], [0, 1, 1])
    design = pt.convert(model, bits=3)
    stalls = Stalls.usual(design.config)
    assert design.verify(model.prototypes, stalls=stalls).ok
    broken = with_verilog(design, rf"(  {module} \([^;]*\.rst)\(rst\)", r"\1(1'h0)")
    assert broken.verify(model.prototypes).ok
    # A record of before the reset comes after it, or none does.
    with pytest.raises(ToolError, match="the simulated core failed: "):
        broken.verify(model.prototypes, stalls=stalls)


@pytest.mark.tools
def test_waveform_of_the_core(folder, capsys, tmp_path):
    status, out, _ = run(capsys, "simulate", folder, "--waves", tmp_path / "core.vcd")
    assert status == 0
    assert f"{PLAYED} at level rtl, 2 of them made for rare cases, " in out
    assert (tmp_path / "core.vcd").stat().st_size > 1000


@pytest.mark.tools
def test_a_waveform_of_some_queries_does_not_take_the_place_of_all(design, capsys, tmp_path, monkeypatch):
    own = design.save(tmp_path / "design", vectors=QUERIES[:12])
    assert run(capsys, "simulate", own)[0] == 0
    proven = json.loads((own / "report.json").read_text())["verification"]
    assert proven["rows"] == PLAYED
    monkeypatch.setattr("prototile.commands._WAVE_ROWS", 3)
    status, _, lines = run(capsys, "simulate", own, "--waves", tmp_path / "core.vcd")
    assert status == 0
    assert f"prototile: the waveform holds the first 3 of {PLAYED} queries; no others are played." in lines
    assert json.loads((own / "report.json").read_text())["verification"] == proven
    # But a mistake is told of.
    core = own / "rtl" / "prototile_core.v"
    core.write_text(re.sub(r"assign record_tie = ([^;]+);", r"assign record_tie = ~(\1);", core.read_text()))
    assert run(capsys, "simulate", own, "--waves", tmp_path / "core.vcd")[0] == 1
    assert json.loads((own / "report.json").read_text())["verification"] == {"level": "rtl", "rows": 3, "mismatches": 3}


@pytest.mark.slow
def test_the_whole_board_and_its_waveform(folder, capsys, tmp_path):
    words = ("simulate", folder, "--level", "board")
    status, out, _ = run(capsys, *words, "--json")
    assert status == 0
    assert (json.loads(out)["rows"], json.loads(out)["mismatches"]) == (PLAYED, 0)
    values = json.loads((folder / "report.json").read_text())
    assert values["verification"] == {"level": "simulated board", "rows": PLAYED, "mismatches": 0}
    status, out, lines = run(capsys, *words, "--waves", tmp_path / "board.vcd")
    assert status == 0
    assert f"prototile: the waveform holds the first 5 of {PLAYED} queries; no others are played." in lines
    assert "5 at level board" in out
    assert "$enddefinitions" in (tmp_path / "board.vcd").read_text()


@pytest.mark.tools
def test_a_board_with_other_prototypes_in_its_core_is_found(design):
    """Its link tells the digest of the design, and only the core is another's."""
    rows, changed, nodes = QUERIES[:20], replace(design), design.quantised.nodes
    values = nodes.values.copy()
    values[0, 0] ^= 1
    top = CoreTop(core(design.config, replace(nodes, values=values)))
    vars(changed)["core_verilog"] = to_verilog(top, "prototile_core")
    wrong = changed.verify(rows, level="board")
    assert 0 < wrong.mismatches < len(rows)


@pytest.mark.tools
def test_a_build_that_is_missing_damaged_or_old_is_told(design, folder, build, capsys, tmp_path):
    words = ("simulate", folder, "--level", "netlist")
    status, _, lines = run(capsys, *words, "--board", "ulx3s-25f")
    assert status == 2
    assert lines[-1].endswith(f"{folder} holds no build for ulx3s-25f; make it with prototile build {folder}.")
    changed = tmp_path / "changed"
    shutil.copytree(folder, changed)
    core = changed / "rtl" / "prototile_core.v"
    core.write_text(core.read_text() + "// changed\n")
    status, _, lines = run(capsys, "simulate", changed, "--level", "netlist")
    assert status == 2
    assert "was built from other Verilog than" in lines[-1]
    (build.folder / "netlist.v").unlink()
    with pytest.raises(InputError, match=r"netlist\.v is missing; build the design again"):
        design.verify(QUERIES, level="netlist", build=build)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "silicon"}, "level must be one of rtl, netlist, bitstream, board, not 'silicon'"),
        ({"simulator": "vcs"}, "simulator must be one of verilator, icarus, not 'vcs'"),
        (
            {"name": "netlist", "simulator": "icarus"},
            "the simulator icarus plays at level rtl only, not at level netlist",
        ),
        ({"port": "/dev/ttyUSB1"}, "a port leads to a real board at level board only, not at level rtl"),
        ({"name": "board", "port": "x", "waves": "y.fst"}, "a real board has no waveform"),
        ({"build": True}, "a build belongs to the levels netlist and bitstream, not to rtl"),
    ],
)
def test_what_does_not_go_together_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        Level(**options)


def test_bitstreams_that_no_open_tool_takes_apart_are_refused_before_anything_is_built(design):
    with pytest.raises(InputError, match="no open tool turns the bitstream of LFE5U-25F-6BG381 back into logic"):
        design.verify(QUERIES, level="bitstream", board="ulx3s-25f")


def test_single_port_rams_and_multipliers_are_not_found_in_bitstreams(tmp_path):
    target = board("icebreaker")
    used = BuildReport(device="x", target_mhz=1.0, timing_met=True, seed=1, digest="", spram=1)
    with pytest.raises(InputError, match="icebox_vlog finds no single-port RAMs in a bitstream"):
        target.part.family.recover(used, target.pins, tmp_path, top="top")


def test_missing_icebox_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match=r"icebox_vlog was not found: install Project IceStorm \(Debian: apt-get"):
        tool("icebox_vlog").prepare()


def test_a_port_that_is_not_there_is_told(design):
    with pytest.raises(BoardError, match="there is no port /dev/nowhere"):
        design.verify(QUERIES, level="board", port="/dev/nowhere")


@pytest.mark.slow
@needs_icebox
@pytest.mark.parametrize(("level", "rows"), [("rtl", 540), ("netlist", 100), ("bitstream", 100), ("board", 100)])
def test_digits_at_every_level(level, rows):
    split = load_dataset("digits")
    design = pt.convert(train_prototypes("digits", split), split.X_train, bits=4, y=split.y_train)
    verification = design.verify(split.X_test[:rows], level=level)
    assert verification.ok
    assert verification.rows == rows


@pytest.mark.slow
@needs_icebox
def test_another_part_of_the_family_answers_from_its_bitstream():
    design = pt.convert(MODEL, SPLIT.X_train, bits=4, memory="block", board="ice40-hx8k")
    assert design.verify(QUERIES, level="bitstream").ok


@pytest.mark.slow
def test_a_whole_board_of_another_family_answers_from_its_netlist():
    design = pt.convert(MODEL, SPLIT.X_train, bits=4, memory="block", board="ulx3s-25f")
    assert design.verify(QUERIES, level="netlist").ok


@pytest.mark.slow
def test_prototypes_that_are_written_at_run_time_reach_the_memories_of_the_netlist():
    source = MODEL
    design = pt.convert(source, SPLIT.X_train, bits=4, memory="single_port")
    assert design.verify(QUERIES, level="netlist").ok
