"""The test bench of a design folder: it passes a good core, and each of its tests can fail."""

import json
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import bare_environment
import numpy as np
import pytest

from prototile.config import Configuration
from prototile.errors import ToolError
from prototile.hardware import core
from prototile.nodes import Nodes
from prototile.record import RECORD_DTYPE, Status
from prototile.rtl.top import CoreTop
from prototile.sim.bench import Case, announced_tests, publish, run_bench, write_bench
from prototile.sim.cases import cases_of
from prototile.sim.golden import GoldenModel
from prototile.sim.vectors import choose_vectors
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
IMPOSSIBLE = {"no runner-up": "there are prototypes of other classes"}
MADE_FOR = ("tie", "distance 0")
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
        return write_bench(
            folder, CONFIG, self.queries, self.saturated, self.records, made_for=MADE_FOR, impossible=IMPOSSIBLE
        )


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
    reasons = {item["case"]: item["impossible"] for item in bench["cases"]}
    assert {case for case, reason in reasons.items() if reason} == set(IMPOSSIBLE)
    assert list(reasons) == list(cases_of(CONFIG, vectors.records))


def test_vectors_and_records_are_written_as_they_are(tmp_path: Path, vectors: Vectors) -> None:
    folder = vectors.write(tmp_path)
    written = json.loads((folder / "vectors.json").read_text())
    assert [row["components"] for row in written] == vectors.queries.tolist()
    assert [row["saturated"] for row in written] == vectors.saturated.tolist()
    assert [row.get("made_for") for row in written] == [None] * (len(written) - 2) + ["tie", "distance 0"]
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
        (
            {"saturated": np.zeros(10, int), "records": np.array([(0, 0, 0, -1, 0, 0, False, 0)] * 10, RECORD_DTYPE)},
            "there are records of cases that are said to be impossible: no runner-up",
        ),
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
def test_good_core_passes(design: Path, tmp_path: Path, vectors: Vectors, simulator: str) -> None:
    before = contents(design)
    junit = tmp_path / "reports" / "bench.xml"
    result = run_bench(design, simulator=simulator, build=tmp_path / "build", seed=5)
    assert (result.ok, result.tests, result.failures, result.failed) == (True, len(TESTS), 0, ())
    assert contents(design) == before
    log = result.log.read_text()
    assert "seed 5, 10 vectors" in log
    assert re.search(r"reset while a record waits +[1-9]", log)
    assert re.search(r"status unknown +[1-9][0-9]*\n", log)
    assert "no runner-up                     0 impossible: there are prototypes of other classes\n" in log
    assert "cases: 20 seen, 0 not among the vectors, 1 impossible, 0 missed\n" in log
    coverage = json.loads(result.coverage.read_text())
    assert (coverage["seed"], coverage["vectors"]) == (5, 10)
    assert coverage["prototypes_first"] == sorted(set(vectors.records["prototype"].tolist()))
    assert [one["case"] for one in coverage["cases"] if one["state"] != "seen"] == ["no runner-up"]
    publish(result.junit, junit, [Case(name="other"), Case(name="another", failure="2 < 3\nrow 1")])
    published = junit.read_text()
    assert [f'name="{name}"' in published for name in TESTS] == [True] * len(TESTS)
    assert 'value="tb/test_core.py"' in published
    assert "hostname" not in published
    assert set(re.findall('name="random_seed" value="(.*?)"', published)) == {"5"}
    assert str(tmp_path) not in published
    root = ElementTree.fromstring(published)
    told = root.findtext("testsuite/testcase[@name='coverage']/system-out") or ""
    assert "\nno runner-up: 0, impossible: there are prototypes of other classes\n" in told
    assert re.search(r"^tie: [1-9]", told, re.MULTILINE)
    other, another = root.findall("testsuite")[-1]
    assert (other.get("name"), list(other)) == ("other", [])
    assert [(failure.get("message"), failure.text) for failure in another] == [("2 < 3", "2 < 3\nrow 1")]
    assert sum(int(suite.get("failures", 0)) for suite in root.iter("testsuite")) == 1


@dataclass(frozen=True)
class Fault:
    """Verilog around a good core that makes one fault, and the tests that must fail of it, no other.

    Ports of the good core are wires called ``core_...``; a port that is not named is passed through.
    """

    failed: set[str]
    inputs: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    widths: dict[str, int] = field(default_factory=dict)
    body: str = ""

    def around(self, verilog: str) -> str:
        widths = {f"record_{name}": width for name, width, _ in CONFIG.record_fields()}
        outputs = {"query_ready": 1, "record_valid": 1, "record_tag": 8} | widths
        inputs = {"clk": 1, "rst": 1, "query_valid": 1, "query_data": CONFIG.word_width, "query_last": 1}
        inputs |= {"query_drop": 1, "query_saturated": CONFIG.saturated_width, "query_tag": 8, "record_ready": 1}
        ports = [*inputs, *outputs]
        lines = [f"module prototile_core({', '.join(ports)});"]
        lines += [f"input [{width - 1}:0] {name};" for name, width in inputs.items()]
        lines += [f"output [{self.widths.get(name, width) - 1}:0] {name};" for name, width in outputs.items()]
        lines += [f"wire [{width - 1}:0] core_{name};" for name, width in (inputs | outputs).items()]
        lines.append(self.body)
        lines += [f"assign core_{name} = {self.inputs.get(name, name)};" for name in inputs]
        lines += [f"assign {name} = {self.outputs.get(name, f'core_{name}')};" for name in outputs]
        lines += [f"good_core core({', '.join(f'.{name}(core_{name})' for name in ports)});", "endmodule"]
        good = verilog.replace("module prototile_core(", "module good_core(")
        assert good != verilog
        return good + "\n".join(lines) + "\n"


QUERY_TAKEN, RECORD_TAKEN = "(query_valid & query_ready)", "(record_valid & record_ready)"
INTERVAL = CONFIG.interval_cycles
#: At least one for each test of the bench.
FAULTS = {
    "a port is wider": Fault(
        {"ports_are_as_described"},
        widths={"record_distance": CONFIG.distance_width + 1},
    ),
    "records come a cycle further apart": Fault(
        {"back_to_back"},
        outputs={"record_valid": f"core_record_valid & (since > {INTERVAL})"},
        inputs={"record_ready": f"record_ready & (since > {INTERVAL})"},
        body=f"""reg [15:0] since = 16'hffff;
            always @(posedge clk) since <= {RECORD_TAKEN} ? 16'h1 : since + {{15'h0, ~&since}};""",
    ),
    "each record is shown a cycle late": Fault(
        {"latency_of_one_query"},
        outputs={"record_valid": "core_record_valid & waited"},
        inputs={"record_ready": "record_ready & waited"},
        body=f"reg waited = 0; always @(posedge clk) waited <= core_record_valid & ~{RECORD_TAKEN} & ~rst;",
    ),
    "a pause of three cycles within a query counts as clipped": Fault(
        {"random_stalls"},
        inputs={"query_saturated": "query_saturated ^ paused[2]"},
        body=f"""reg amid = 0; reg [2:0] paused = 0;
            always @(posedge clk) begin
                if ({QUERY_TAKEN} | rst) begin
                    amid <= ~query_last & ~rst;
                    paused <= query_last | rst ? 0 : paused & 3'h4;
                end
                else if (amid & ~query_valid) paused <= {{paused[2] | &paused[1:0], paused[0], 1'b1}};
            end""",
    ),
    # What a test that fails early does not come to is missing in the coverage.
    "a reset is not heard while the core computes": Fault(
        {"reset_in_mid_query", "coverage"},
        inputs={"rst": "rst & (heard | owed == 0 | core_record_valid)"},
        body=f"""reg heard = 0; reg [7:0] owed = 0;
            always @(posedge clk) begin
                // Once only: the tests that follow begin with a reset that is heard.
                if (rst & owed != 0) heard <= 1;
                owed <= core_rst ? 0 : owed + ({QUERY_TAKEN} & query_last) - {RECORD_TAKEN};
            end""",
    ),
    "a reset within a query that is too long loses the next one": Fault(
        {"reset_in_mid_query"},
        inputs={"query_drop": "query_drop | lost"},
        body=f"""reg [7:0] at = 0; reg lost = 0;
            always @(posedge clk) begin
                at <= rst | {QUERY_TAKEN} & query_last ? 0 : at + {QUERY_TAKEN};
                if (rst & at > {CONFIG.words}) lost <= 1;
                else if ({QUERY_TAKEN} & query_last) lost <= 0;
            end""",
    ),
    "nothing is dropped": Fault({"dropped_and_damaged_queries", "coverage"}, inputs={"query_drop": "1'b0"}),
    "a record that waits for long changes": Fault(
        {"records_hold_still"},
        outputs={"record_tie": f"core_record_tie ^ (waited > {3 * INTERVAL + 3})"},
        body="""reg [15:0] waited = 0;
            always @(posedge clk) waited <= record_valid & ~record_ready & ~rst ? waited + 1 : 0;""",
    ),
    "a buffer takes whatever comes": Fault(
        {"latency_of_one_query", "records_hold_still", "coverage"},
        outputs={"query_ready": "1'b1"},
        inputs={"query_valid": "written != read"}
        | {f"query_{name}": f"{name}[read]" for name in ("data", "last", "drop", "saturated", "tag")},
        body=f"""reg [9:0] written = 0, read = 0;
            reg [{CONFIG.word_width - 1}:0] data [0:1023]; reg last [0:1023]; reg drop [0:1023];
            reg [{CONFIG.saturated_width - 1}:0] saturated [0:1023]; reg [7:0] tag [0:1023];
            always @(posedge clk) begin
                if (query_valid) begin
                    data[written] <= query_data; last[written] <= query_last; drop[written] <= query_drop;
                    saturated[written] <= query_saturated; tag[written] <= query_tag;
                end
                written <= rst ? 0 : written + query_valid;
                read <= rst ? 0 : read + (core_query_valid & core_query_ready);
            end""",
    ),
    "tags come back changed": Fault(
        set(TESTS) - {"ports_are_as_described"}, outputs={"record_tag": "core_record_tag ^ 8'h80"}
    ),
}


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Programs of an environment in which nothing is installed but cocotb and a simulator."""
    return bare_environment.make(tmp_path_factory.mktemp("bare"), "cocotb", "verilator")


@pytest.mark.tools
def test_bench_runs_by_its_makefile_with_nothing_but_cocotb(design: Path, bare: Path) -> None:
    environment = {"PATH": f"{bare}:/usr/local/bin:/usr/bin:/bin", "SIM": EITHER, "PROTOTILE_COUNT": str(FEW)}

    def run(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(words, cwd=design / "tb", env=environment | more, capture_output=True, text=True)

    assert run("python", "-c", "import cocotb").returncode == 0
    assert "No module named 'numpy'" in run("python", "-c", "import numpy").stderr

    assert run("make", PROTOTILE_SEED="9").returncode == 0
    results = (design / "tb" / "results.xml").read_text()
    assert set(re.findall('name="random_seed" value="(.*?)"', results)) == {"9"}
    assert json.loads((design / "tb" / "coverage.json").read_text())["seed"] == 9
    # cocotb's own variable will do.
    found = run("make", COCOTB_RANDOM_SEED="8", COCOTB_TEST_FILTER="back_to_back")
    assert found.returncode == 0
    assert f"seed 8, {FEW} vectors" in found.stdout
    assert not (design / "tb" / "coverage.json").exists()

    nothing = run("make", COCOTB_TEST_FILTER="nothing")
    assert (nothing.returncode, nothing.stderr.splitlines()[0]) == (2, "no test ran: see COCOTB_TEST_FILTER")
    edit(design / "tb" / "test_core.py", "assert found == widths", "assert found != widths")
    assert run("make", COCOTB_TEST_FILTER="ports").returncode == 2
    (design / "tb" / "coverage.json").touch()
    assert run("make", "clean").returncode == 0
    assert sorted(path.name for path in (design / "tb").iterdir() if path.name != "__pycache__") == [
        *("Makefile", "README.md", "bench.json", "expected.json", "test_core.py", "vectors.json"),
    ]


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


def test_each_test_of_the_bench_has_a_fault_that_it_finds() -> None:
    assert set.union(*(fault.failed for fault in FAULTS.values())) == set(TESTS)


@pytest.mark.tools
@pytest.mark.parametrize("name", FAULTS)
def test_fault_in_the_hardware_is_found(design: Path, tmp_path: Path, name: str) -> None:
    file = design / "rtl" / "prototile_core.v"
    file.write_text(FAULTS[name].around(file.read_text()))
    result = run_bench(design, simulator=EITHER, build=tmp_path / "build", count=FEW)
    assert set(result.failed) == FAULTS[name].failed
    assert result.tests == len(TESTS)


@pytest.mark.tools
def test_pytest_configuration_around_the_folder_changes_nothing(design: Path, tmp_path: Path) -> None:
    other = tmp_path / "tests" / "test_core.py"
    other.parent.mkdir()
    other.write_text("")
    (tmp_path / "pyproject.toml").write_text('[tool.pytest.ini_options]\npythonpath = ["tests"]\n')
    assert run_bench(design, simulator=EITHER, build=tmp_path / "build", count=FEW).ok


@pytest.mark.tools
def test_no_fault_in_the_hardware_is_found(design: Path, tmp_path: Path) -> None:
    file = design / "rtl" / "prototile_core.v"
    file.write_text(Fault(set()).around(file.read_text()))
    assert run_bench(design, simulator=EITHER, build=tmp_path / "build", count=FEW).ok


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
def test_a_case_that_is_seen_is_not_impossible(design: Path, tmp_path: Path) -> None:
    file = design / "tb" / "bench.json"
    bench = json.loads(file.read_text())
    bench["cases"][0]["impossible"] = "no reason"
    file.write_text(json.dumps(bench))
    result = run_bench(design, simulator=EITHER, build=tmp_path / "build", count=FEW)
    assert result.failed == ("coverage",)
    assert "seen, but impossible: label 0" in result.log.read_text()


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
    log = result.log.read_text()
    assert f"seed 1, {FEW} vectors, 0 of them made for rare cases" in log
    assert re.search(r" 0 not among the vectors$", log, re.MULTILINE)
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
