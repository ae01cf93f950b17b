"""The test bench of a design folder: it passes a good core, and each of its tests can fail."""

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from prototile.config import Configuration
from prototile.errors import ToolError
from prototile.hardware import core
from prototile.nodes import Nodes
from prototile.record import RECORD_DTYPE, Status
from prototile.rtl.top import CoreTop
from prototile.sim.bench import Case, announced_tests, choose_vectors, publish, run_bench, write_bench
from prototile.sim.golden import GoldenModel
from prototile.verilog import to_verilog

TESTS = [
    "ports_are_as_described",
    "back_to_back",
    "latency_of_one_query",
    "random_stalls",
    "reset_in_mid_query",
    "dropped_and_damaged_queries",
    "records_hold_still",
    "coverage",
]
CONFIG = Configuration(
    features=5,
    bits=3,
    metric="l1",
    prototype_count=7,
    class_count=3,
    radii="prototype",
    lanes=2,
    rows=2,
    columns=2,
    pes_per_tile=2,
    prototypes_per_pe=2,
)
LABELS = np.array([0, 0, 1, 1, 1, 2, 2])
needs_iverilog = pytest.mark.skipif(shutil.which("iverilog") is None, reason="iverilog is not installed")
#: For negative controls, where either will do: without iverilog the slower one.
EITHER = "icarus" if shutil.which("iverilog") else "verilator"
#: Vectors that are enough there.
FEW = 4


@dataclass(frozen=True)
class Vectors:
    """Queries with their clipped components and golden records."""

    queries: np.ndarray
    saturated: np.ndarray
    records: np.ndarray

    def write(self, folder: Path) -> Path:
        return write_bench(folder, CONFIG, self.queries, self.saturated, self.records)


@pytest.fixture(scope="session")
def model() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    return rng.integers(0, 8, (7, 5)), rng.integers(3, 14, 7)


@pytest.fixture(scope="session")
def vectors(model: tuple[np.ndarray, np.ndarray]) -> Vectors:
    prototypes, radii = model
    rng = np.random.default_rng(4)
    queries = np.vstack([prototypes, rng.integers(0, 8, (300, 5))])
    saturated = rng.integers(0, 3, len(queries))
    records = GoldenModel(CONFIG, Nodes(values=prototypes, labels=LABELS, radii=radii)).decide(queries, saturated)
    rows = choose_vectors(CONFIG, records, 10)
    return Vectors(queries[rows], saturated[rows], records[rows])


@pytest.fixture(scope="session")
def verilog(model: tuple[np.ndarray, np.ndarray]) -> str:
    prototypes, radii = model
    return to_verilog(CoreTop(core(CONFIG, Nodes(values=prototypes, labels=LABELS, radii=radii))), "prototile_core")


@pytest.fixture
def design(tmp_path: Path, vectors: Vectors, verilog: str) -> Path:
    folder = tmp_path / "design"
    (folder / "rtl").mkdir(parents=True)
    (folder / "rtl" / "prototile_core.v").write_text(verilog)
    vectors.write(folder)
    return folder


@pytest.fixture
def shell(tmp_path: Path, vectors: Vectors) -> Path:
    """A design folder whose Makefile is up to the test, and whose hardware nobody looks at."""
    folder = tmp_path / "design"
    (folder / "rtl").mkdir(parents=True)
    vectors.write(folder)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1, f"{text.count(old)} times {old}"
    file.write_text(text.replace(old, new))


def results_xml(*, names: list[str], skipped: str | None = None) -> str:
    cases = "".join(f'<testcase name="{name}">{"<skipped/>" * (name == skipped)}</testcase>' for name in names)
    return f'<testsuites><testsuite tests="{len(names)}" failures="0" errors="0">{cases}</testsuite></testsuites>'


def test_vectors_cover_every_case_of_the_records(vectors: Vectors) -> None:
    records = vectors.records
    assert set(records["label"]) == {0, 1, 2}
    assert set(records["status"]) == set(Status)
    assert records["tie"].any()
    assert (records["saturated"] > 0).any()
    assert (records["margin"] < 0).any()
    assert (records["distance"] == 0).any()


def test_chosen_rows_are_ascending_and_different() -> None:
    records = np.zeros(50, RECORD_DTYPE)
    records["distance"] = 1
    records["label"][37] = 1
    records["tie"][41] = True
    rows = choose_vectors(CONFIG, records, 6)
    assert len(rows) == 6
    assert (np.diff(rows) > 0).all()
    assert {0, 37, 41} <= set(rows.tolist())


def test_no_more_rows_are_chosen_than_there_are() -> None:
    np.testing.assert_array_equal(choose_vectors(CONFIG, np.zeros(3, RECORD_DTYPE), 9), [0, 1, 2])


def test_classes_go_first_where_not_every_case_has_room() -> None:
    records = np.zeros(9, RECORD_DTYPE)
    records["label"][[5, 7]] = 1, 2
    np.testing.assert_array_equal(choose_vectors(CONFIG, records, 3), [0, 5, 7])


def test_count_of_vectors_must_be_positive() -> None:
    with pytest.raises(ValueError, match="count must be a positive integer, not 0"):
        choose_vectors(CONFIG, np.zeros(3, RECORD_DTYPE), 0)


def test_same_input_gives_the_same_bytes(tmp_path: Path, vectors: Vectors) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        assert vectors.write(tmp_path / name) == tmp_path / name / "tb"
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_an_older_bench_is_replaced_whole(tmp_path: Path, vectors: Vectors) -> None:
    vectors.write(tmp_path)
    (tmp_path / "tb" / "stale.json").write_text("{}")
    vectors.write(tmp_path)
    assert sorted(contents(tmp_path)) == [
        f"tb/{name}"
        for name in ("Makefile", "README.md", "bench.json", "expected.json", "test_core.py", "vectors.json")
    ]


def test_description_holds_the_documented_numbers(tmp_path: Path, vectors: Vectors) -> None:
    bench = json.loads((vectors.write(tmp_path) / "bench.json").read_text())
    assert bench["latency_cycles"] == CONFIG.latency_cycles
    assert bench["interval_cycles"] == CONFIG.interval_cycles
    assert bench["words"] == 3
    assert bench["word_width"] == 6
    fields = [(field["name"], field["width"], field["signed"]) for field in bench["record_fields"]]
    assert fields == list(CONFIG.record_fields())
    assert bench["tests"] == TESTS


def test_vectors_and_records_are_written_as_they_are(tmp_path: Path, vectors: Vectors) -> None:
    folder = vectors.write(tmp_path)
    written = json.loads((folder / "vectors.json").read_text())
    assert [row["components"] for row in written] == vectors.queries.tolist()
    assert [row["saturated"] for row in written] == vectors.saturated.tolist()
    expected = json.loads((folder / "expected.json").read_text())
    assert [tuple(row.values()) for row in expected] == [tuple(map(int, row)) for row in vectors.records.tolist()]


def test_bench_imports_nothing_but_cocotb_and_the_standard_library(tmp_path: Path, vectors: Vectors) -> None:
    source = (vectors.write(tmp_path) / "test_core.py").read_text()
    modules = set(re.findall(r"^\s*(?:import|from) (\w+)", source, re.MULTILINE))
    assert modules == {"cocotb", "collections", "dataclasses", "itertools", "json", "os", "pathlib", "random", "typing"}


def test_announced_tests_are_the_decorated_functions() -> None:
    source = "@test\nasync def one(dut): ...\nasync def two(dut): ...\n@test\nasync def three(dut): ...\n"
    assert announced_tests(source) == ["one", "three"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"queries": np.zeros((0, 5), int)}, r"queries must have the shape \(rows, 5\) with some rows, not \(0, 5\)"),
        ({"queries": np.zeros((10, 4), int)}, r"queries must have the shape \(rows, 5\) with some rows, not \(10, 4\)"),
        ({"queries": np.full((10, 5), 8)}, r"queries must lie in 0 \.\. 7, not 8 \.\. 8"),
        ({"queries": np.full((10, 5), -1)}, r"queries must lie in 0 \.\. 7, not -1 \.\. -1"),
        ({"saturated": np.zeros(9, int)}, r"saturated and records must have 10 rows, not \(9,\) and \(10,\)"),
        ({"saturated": np.full(10, 3)}, "saturated must be what the records say"),
        ({"records": np.zeros(10)}, "records must be decision records, not float64"),
    ],
)
def test_input_that_contradicts_itself_is_refused(
    tmp_path: Path, vectors: Vectors, change: dict[str, np.ndarray], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Vectors(**(vars(vectors) | change)).write(tmp_path)
    assert not contents(tmp_path)


@pytest.mark.tools
@pytest.mark.parametrize("simulator", ["verilator", pytest.param("icarus", marks=needs_iverilog)])
def test_good_core_passes(design: Path, tmp_path: Path, simulator: str) -> None:
    before = contents(design)
    junit = tmp_path / "reports" / "bench.xml"
    result = run_bench(design, simulator=simulator, build=tmp_path / "build", seed=5)
    assert (result.ok, result.tests, result.failures, result.failed) == (True, len(TESTS), 0, ())
    assert contents(design) == before
    log = result.log.read_text()
    assert "seed 5, 10 vectors" in log
    assert re.search(r"reset while a record waits +[1-9]", log)
    publish(result.junit, junit, [Case(name="other"), Case(name="another", failure="2 < 3\nrow 1")])
    published = junit.read_text()
    assert [f'name="{name}"' in published for name in TESTS] == [True] * len(TESTS)
    assert 'value="tb/test_core.py"' in published
    assert "hostname" not in published
    assert str(tmp_path) not in published
    root = ElementTree.fromstring(published)
    other, another = root.findall("testsuite")[-1]
    assert (other.get("name"), list(other)) == ("other", [])
    assert [(failure.get("message"), failure.text) for failure in another] == [("2 < 3", "2 < 3\nrow 1")]
    assert sum(int(suite.get("failures", 0)) for suite in root.iter("testsuite")) == 1


#: One fault each: what to replace in the Verilog, and the tests that must find it (others may, too).
FAULTS = {
    "the worse of two keys wins": (
        r"(module \\prototile_core\.core\.collector .*?) < ",
        r"\1 > ",
        {"back_to_back", "random_stalls"},
    ),
    "records do not wait": (r"\.o__ready\(record_ready\)", ".o__ready(1'h1)", {"random_stalls", "records_hold_still"}),
    "no reset": (r"(record_valid\),\n    \.rst)\(rst\)", r"\1(1'h0)", {"reset_in_mid_query"}),
    "no drop": (r"query_drop, (query_last, query_data \})", r"1'h0, \1", {"dropped_and_damaged_queries"}),
}


def test_missing_cocotb_is_said_in_a_sentence(tmp_path: Path, vectors: Vectors) -> None:
    folder = vectors.write(tmp_path)
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "make").symlink_to(str(shutil.which("make")))
    (programs / "sh").symlink_to("/bin/sh")
    result = subprocess.run(["make"], cwd=folder, env={"PATH": str(programs)}, capture_output=True, text=True)
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert "cocotb was not found: activate the environment in which it is installed" in line


@pytest.mark.tools
@pytest.mark.parametrize("fault", FAULTS)
def test_fault_in_the_hardware_is_found(design: Path, tmp_path: Path, fault: str) -> None:
    pattern, replacement, finders = FAULTS[fault]
    file = design / "rtl" / "prototile_core.v"
    broken, count = re.subn(pattern, replacement, file.read_text(), count=1, flags=re.DOTALL)
    assert count == 1
    file.write_text(broken)
    result = run_bench(design, simulator=EITHER, build=tmp_path / "build", count=FEW)
    assert not result.ok
    assert finders <= set(result.failed)
    assert result.tests == len(TESTS)


@pytest.mark.tools
def test_flipped_prototype_bit_is_found(design: Path, tmp_path: Path, model: tuple[np.ndarray, np.ndarray]) -> None:
    prototypes, radii = model
    flipped = prototypes.copy()
    flipped[4, 2] ^= 1
    text = to_verilog(CoreTop(core(CONFIG, Nodes(values=flipped, labels=LABELS, radii=radii))), "prototile_core")
    (design / "rtl" / "prototile_core.v").write_text(text)
    result = run_bench(design, simulator=EITHER, build=tmp_path / "build", count=FEW)
    assert {"back_to_back", "random_stalls"} <= set(result.failed)


@pytest.mark.tools
@needs_iverilog
def test_unknown_output_is_an_error(design: Path, tmp_path: Path) -> None:
    file = design / "rtl" / "prototile_core.v"
    file.write_text(re.sub(r"assign record_tie = [^;]+;", "assign record_tie = 1'hx;", file.read_text()))
    result = run_bench(design, simulator="icarus", build=tmp_path / "build", count=FEW)
    assert "back_to_back" in result.failed
    assert "record_tie is X, neither 0 nor 1" in result.log.read_text()


@pytest.mark.tools
def test_wrong_expected_record_is_found(design: Path, tmp_path: Path, vectors: Vectors) -> None:
    wrong = vectors.records.copy()
    wrong["margin"][0] += 1
    Vectors(vectors.queries, vectors.saturated, wrong).write(design)
    junit = tmp_path / "bench.xml"
    result = run_bench(design, simulator=EITHER, build=tmp_path / "build", count=FEW)
    assert (result.ok, result.tests) == (False, len(TESTS))
    assert {"back_to_back", "latency_of_one_query", "random_stalls"} <= set(result.failed)
    margin = int(vectors.records["margin"][0])
    assert f"vector 0, record 0 of this test: margin {margin}, not {margin + 1}" in result.log.read_text()
    publish(result.junit, junit)
    assert "<failure" in junit.read_text()


@pytest.mark.tools
def test_wrong_figures_are_found(design: Path, tmp_path: Path) -> None:
    file = design / "tb" / "bench.json"
    bench = json.loads(file.read_text())
    for name in ("latency_cycles", "interval_cycles", "queries_inside"):
        bench[name] += 1
    file.write_text(json.dumps(bench))
    result = run_bench(design, simulator=EITHER, build=tmp_path / "build", count=FEW)
    assert {"latency_of_one_query", "back_to_back", "records_hold_still"} <= set(result.failed)


@pytest.mark.tools
def test_bench_without_tests_is_an_error(design: Path, tmp_path: Path) -> None:
    file = design / "tb" / "test_core.py"
    file.write_text(file.read_text().replace("\n@test\n", "\n"))
    with pytest.raises(ToolError, match=r"the test bench .*: see .*bench\.log"):
        run_bench(design, simulator=EITHER, build=tmp_path / "build", count=FEW)


@pytest.mark.tools
def test_default_build_folder_keeps_log_and_results_only(
    design: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    result = run_bench(design, simulator=EITHER, count=FEW)
    assert result.ok
    assert f"seed 1, {FEW} vectors" in result.log.read_text()
    assert result.log.is_relative_to(tmp_path / "scratch")
    assert result.junit.exists()
    assert not (result.junit.parent / "sim_build").exists()


@pytest.mark.tools
@pytest.mark.parametrize(
    ("results", "message"),
    [
        (None, "ended without results"),
        ("<testsuites>", "ended without results"),
        ("<testsuites/>", "did not run ports_are_as_described, back_to_back,"),
        (results_xml(names=TESTS[:-1]), "did not run coverage: see"),
        (results_xml(names=TESTS, skipped="random_stalls"), "did not run random_stalls: see"),
    ],
)
def test_results_that_miss_a_test_are_an_error(shell: Path, tmp_path: Path, results: str | None, message: str) -> None:
    (shell / "tb" / "canned").write_text(results or "")
    recipe = "cp canned results.xml" if results else "true"
    (shell / "tb" / "Makefile").write_text(f"all:\n\t{recipe}\n")
    # What lies in the design folder from a run by hand is no result of this run.
    (shell / "tb" / "results.xml").write_text(results_xml(names=TESTS))
    with pytest.raises(ToolError, match=message):
        run_bench(shell, build=tmp_path / "build")


@pytest.mark.tools
def test_hanging_simulation_is_ended(shell: Path, tmp_path: Path) -> None:
    (shell / "tb" / "Makefile").write_text("all:\n\ttouch started; tail -f /dev/null\n")
    with pytest.raises(ToolError, match=r"the test bench took more than 0\.5 s: see"):
        run_bench(shell, build=tmp_path / "build", timeout=0.5)


@pytest.mark.tools
def test_verilog_that_does_not_compile_is_an_error(design: Path, tmp_path: Path) -> None:
    edit(design / "rtl" / "prototile_core.v", "module prototile_core(", "module prototile_core((")
    with pytest.raises(ToolError, match="ended without results: see"):
        run_bench(design, simulator=EITHER, build=tmp_path / "build", count=FEW)


def test_missing_test_bench_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "design" / "rtl").mkdir(parents=True)
    with pytest.raises(ToolError, match=r"tb could not be read for its test bench; write the design again"):
        run_bench(tmp_path / "design", build=tmp_path / "build")


def test_missing_simulator_is_an_error(shell: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match="iverilog was not found: install Icarus Verilog, or use the simulator verila"):
        run_bench(shell, simulator="icarus", build=tmp_path / "build")


def test_parameters_are_checked(shell: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="simulator must be one of verilator, icarus, not 'vcs'"):
        run_bench(shell, simulator="vcs")
    with pytest.raises(ValueError, match="count must be a positive integer or None, not 0"):
        run_bench(shell, count=0)
    with pytest.raises(ValueError, match="build must lie outside of the design folder, not at "):
        run_bench(shell, build=shell / "build")
    assert (shell / "tb" / "Makefile").exists()
