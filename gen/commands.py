"""What the commands do, but for the demonstration."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prototile.cache import cache_folder
from prototile.console import Progress, Steps
from prototile.design import Design, Verification, compare
from prototile.design import convert as convert_model
from prototile.errors import BoardError, DigestError, InputError, ModelFileError
from prototile.files import load_model, load_vectors
from prototile.folder import BENCH_VECTORS, CORE_FILE, chip, load
from prototile.record import RECORD_DTYPE, Status
from prototile.report import Values, built, read_report, simulated, update_report, write_whole
from prototile.sim.bench import BenchResult, choose_vectors, run_bench, write_bench
from prototile.sim.verilated import Stalls, VerilatedCore

#: Columns that ``predict`` prints, after the label.
_COLUMNS = ("prototype", "distance", "margin", "status", "tie", "saturated")
#: With ``--stalls``: share of cycles in which either side pauses, and resets in multiples of a query's time.
_PAUSES = 0.25
_RESET_QUERIES = 24
#: Columns of a table that goes to a file or another program.
_WIDE = 200
#: Mismatches that are shown.
_SHOWN = 3


def convert(options: Namespace) -> int:
    """``prototile convert``."""
    from prototile.summary import summary

    folder = Path(options.output)
    with Steps() as steps, steps.lane() as progress:
        progress(f"Reading {options.model}")
        model = load_model(options.model, trust_pickle=options.trust_pickle)
        X, y = (None, None) if options.calibration is None else load_vectors(options.calibration, model.features)
        y = None if y is None else match_labels(y, model.classes, options.calibration)
        bench = X if options.vectors is None else load_vectors(options.vectors, model.features)[0]
        progress(f"Converting {model.prototype_count} prototypes for {options.board}")
        design = convert_model(
            model,
            calibration=X,
            bits=options.bits,
            board=options.board,
            y=y,
            max_loss=options.max_loss,
            reduction=options.reduction,
            lanes=options.lanes,
            pe_count=options.pe_count,
            prototypes_per_pe=options.prototypes_per_pe,
            pes_per_tile=options.pes_per_tile,
            columns=options.columns,
            memory=options.memory,
            memory_register=options.memory_register,
        )
        choice = design.bits_choice
        if choice is not None and not choice.reached:
            steps.note(f"prototile: warning: no width keeps the loss within the limit; {choice.bits} bits lose least.")
        prepare_yosys(progress)
        progress(f"Writing {folder}")
        save(design, folder, bench)
    values = read_report(folder)
    show(options, values, lambda: summary(values), [("written to", str(folder))])
    return 0


def simulate(options: Namespace) -> int:
    """``prototile simulate``."""
    if options.level != "rtl":
        raise InputError(f"level {options.level} cannot be simulated yet; use --level rtl.")
    folder = Path(options.folder)
    with Steps() as steps, steps.lane() as progress:
        design = load(folder)
        queries = Queries.of(design, folder, options.vectors)
        verification, bench = None, None
        if options.simulator == "verilator":
            progress(f"Simulating {len(queries.components)} queries, compiled")
            stalls = _stalls(design) if options.stalls else None
            verification = verify(design, core_file(folder), queries, stalls)
        if options.junit is not None or options.simulator == "icarus":
            progress(f"Running the cocotb test bench with {options.simulator}")
            bench = bench_of(design, folder, options)
        values: Values = {}
        if verification is not None:
            values = simulated(
                design, verification, X=queries.X, y=queries.y, bench=bench, bench_simulator=options.simulator
            )
            update_report(folder, design, values)
    found = _simulation(options, values, verification, bench)
    show(options, found, lambda: _table(_simulation_lines(options, values, verification, bench)))
    failed = (verification is not None and not verification.ok) or (bench is not None and not bench.ok)
    return 1 if failed else 0


def build(options: Namespace) -> int:
    """``prototile build``."""
    from prototile.boards.board import board
    from prototile.summary import summary

    folder = Path(options.folder)
    with Steps() as steps, steps.lane() as progress:
        design = load(folder)
        target = board(options.board or design.board_name)
        report = build_into(design, folder, target.name, progress, use_cache=not options.no_cache, seed=options.seed)
        values = update_report(folder, design, built(design, report))
    assert report.bitstream is not None
    load_command = " ".join(target.load_command(str(report.bitstream)))
    lines = [("bitstream", str(report.bitstream)), ("load it", load_command)]
    extra = {"bitstream": str(report.bitstream), "load": load_command}
    show(options, values | extra, lambda: summary(values), lines)
    report.check_timing()
    return 0


def report(options: Namespace) -> int:
    """``prototile report``."""
    from prototile.report import PAGE_FILE
    from prototile.summary import summary

    folder = Path(options.folder)
    if not folder.exists():
        raise ModelFileError(f"{folder} does not exist; write it with prototile convert.")
    values = read_report(folder)
    show(options, values, lambda: summary(values), [("page", str(folder / PAGE_FILE))])
    return 0


def explain(options: Namespace) -> int:
    """``prototile explain``."""
    from prototile.summary import explanation_table

    design = load(options.folder)
    X, y = load_vectors(options.vectors, design.config.features)
    if not 0 <= options.row < len(X):
        raise InputError(
            f"{options.vectors} has the rows 0 to {len(X) - 1}, but no row {options.row}; choose one of these."
        )
    explanation = design.explain(X[options.row])
    values = {name: plain(value) for name, value in vars(explanation).items()}
    values["status"] = explanation.status.name.lower()
    if y is not None:
        values["true_label"] = plain(y[options.row])
    names = [f"component {index}" for index in range(design.config.features)]
    show(options, values, lambda: explanation_table(explanation, names))
    return 0


def predict(options: Namespace) -> int:
    """``prototile predict``."""
    design = load(options.folder)
    X, y = load_vectors(options.vectors, design.config.features)
    if options.port is None:
        records = design.decide(X)
    else:
        with Steps() as steps, steps.lane() as progress:
            progress(f"Classifying {len(X)} vectors on {options.port}")
            records = ask_board(design, options.port, X)
    labels = design.labels(records)
    text = _answers_json(labels, records) if options.json else _answers_csv(labels, records)
    if options.output is None:
        sys.stdout.write(text)
    else:
        with writing(options.output):
            write_whole(Path(options.output), text)
    if y is not None:
        right = int(np.count_nonzero(labels == match_labels(y, design.classes, options.vectors)))
        Steps().note(f"{right} of {len(y)} labels are right ({100 * right / len(y):.1f} %)")
    return 0


def boards(options: Namespace) -> int:
    """``prototile boards``."""
    from prototile.boards.board import boards as all_boards
    from prototile.summary import boards_table

    known = list(all_boards().values())
    show(options, [board.to_dict() for board in known], lambda: boards_table(known))
    return 0


@dataclass(frozen=True, kw_only=True)
class Queries:
    """What a simulation plays.

    Attributes
    ----------
    components, saturated
        In chip units (rows, features), and the components clipped in each row.
    X, y
        The same in the user's numbers, and labels; None where unknown.
    """

    components: NDArray[Any]
    saturated: NDArray[np.int64]
    X: Any = None
    y: NDArray[Any] | None = None

    @classmethod
    def of(cls, design: Design, folder: Path, file: str | None) -> Queries:
        """Queries of a file, or those that the test bench of a design folder holds."""
        if file is None:
            return cls.of_bench(design, folder)
        X, y = load_vectors(file, design.config.features)
        return cls.of_vectors(design, X, None if y is None else match_labels(y, design.classes, file))

    @classmethod
    def of_vectors(cls, design: Design, X: Any, y: Any = None) -> Queries:
        """Queries from vectors in the user's numbers."""
        components, saturated = design.quantise(X)
        return cls(components=components, saturated=saturated, X=X, y=y)

    @classmethod
    def of_bench(cls, design: Design, folder: Path) -> Queries:
        """Queries that lie in ``tb/``."""
        file = folder / "tb" / "vectors.json"
        try:
            rows = json.loads(file.read_text(encoding="utf-8"))
            components = np.array([row["components"] for row in rows])
            saturated = np.array([row["saturated"] for row in rows])
        except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise ModelFileError(f"{file} cannot be read ({error}); name a file with --vectors.") from None
        config = design.config
        if not (
            _integers(components, (len(rows), config.features), config.component_max)
            and _integers(saturated, (len(rows),), config.features)
        ):
            raise ModelFileError(f"{file} holds no queries of this design; name a file with --vectors.")
        return cls(components=components.astype(np.int64), saturated=saturated.astype(np.int64))


def _integers(values: NDArray[Any], shape: tuple[int, ...], largest: int) -> bool:
    """Whether there are integers from 0 to `largest`, in this shape."""
    whole = values.shape == shape and values.size > 0 and values.dtype.kind == "i"
    return bool(whole and values.min() >= 0 and values.max() <= largest)


def verify(design: Design, core: Path, queries: Queries, stalls: Stalls | None = None) -> Verification:
    """Compare the Verilog of a design folder, compiled, with the golden model in every field."""
    golden = design.golden.decide(queries.components, queries.saturated)
    run = VerilatedCore(design.config, [core]).run(queries.components, queries.saturated, stalls)
    return compare(golden, run.records, level="rtl", cycles=run.cycles)


def build_into(
    design: Design, folder: Path, board: str, progress: Progress, *, use_cache: bool = True, seed: int = 1
) -> Any:
    """Build the Verilog of a design folder into its ``boards/<board>``; returns the `BuildReport`."""
    # What was simulated is what is built; and it need not be generated again.
    vars(design)["core_verilog"] = core_file(folder).read_text(encoding="utf-8")
    progress("Generating the chip")
    with writing(folder):
        return design.build(board, folder=folder / "boards" / board, use_cache=use_cache, seed=seed, progress=progress)


def prepare_yosys(progress: Progress) -> None:
    """Have the yosys that writes Verilog compiled: once, and not by two processes at the same time."""
    from prototile.boards.tools import Tool

    progress("Preparing yosys, whose first call takes a minute")
    Tool(name="yosys").prepare()


def save(design: Design, folder: Path, X: Any = None, count: int = BENCH_VECTORS) -> None:
    """Write a design folder whose test bench holds at most `count` of the vectors, all kinds of answers among them."""
    if X is not None:
        X = X[choose_vectors(design.config, design.decide(X), count)]
    with writing(folder):
        design.save(folder, vectors=X)


def bench_folder(design: Design, simulator: str) -> Path:
    """Where a test bench is built and leaves its log."""
    return cache_folder("benches") / f"{design.digest}-{simulator}"


def bench_of(design: Design, folder: Path, options: Namespace) -> BenchResult:
    """Run the cocotb test bench of a design folder, on the vectors of a file if one is named."""
    junit = None if options.junit is None else Path(options.junit)
    where = bench_folder(design, options.simulator)
    if options.vectors is None:
        return run_bench(folder, simulator=options.simulator, build=where, junit=junit)
    queries = Queries.of(design, folder, options.vectors)
    source = where / "design"
    shutil.rmtree(source, ignore_errors=True)
    (source / CORE_FILE).parent.mkdir(parents=True)
    shutil.copyfile(core_file(folder), source / CORE_FILE)
    records = design.golden.decide(queries.components, queries.saturated)
    write_bench(source, design.config, queries.components, queries.saturated, records)
    return run_bench(source, simulator=options.simulator, build=where / "run", junit=junit)


def core_file(folder: Path) -> Path:
    """The Verilog of a design folder."""
    file = folder / CORE_FILE
    if not file.is_file():
        raise ModelFileError(f"{folder} holds no {CORE_FILE}; convert the model again.")
    return file


def ask_board(design: Design, port: str, X: Any) -> NDArray[np.void]:
    """Decision records from the chip at a serial port, once its digest is known to be the design's.

    Raises
    ------
    DigestError
        If the chip holds another design. The exit status is 2 then: it was asked the wrong chip, there is no answer.
    BoardError
        If there is no such port, or nothing answers.
    """
    from prototile.boards import driver

    try:
        with driver.Driver.open(port, chip(design)) as connected:
            return connected.decide(X).astype(RECORD_DTYPE)
    except driver.DigestMismatch as error:
        raise DigestError(str(error)) from error
    except driver.VectorError as error:
        raise InputError(str(error)) from error
    except driver.DriverError as error:
        raise BoardError(str(error)) from error


def match_labels(y: NDArray[Any], classes: NDArray[Any], file: str) -> NDArray[Any]:
    """Labels of a file in the model's own type, which a table of text does not keep.

    Raises
    ------
    InputError
        If none is a class: each comparison with them would only seem to mean something.
    """
    if not (y.dtype.kind in "iuf" and classes.dtype.kind in "iuf"):
        names = {str(label): label for label in classes}
        found = np.empty(len(y), dtype=object)
        found[:] = [names.get(str(label), str(label)) for label in y]
        y = found
    if not np.isin(y, classes.astype(y.dtype)).any():
        raise InputError(
            f"{file} has labels such as {y[0]}, but the model's classes are {', '.join(map(str, classes[:5]))}"
            f"{', ...' if len(classes) > 5 else ''}; give labels of the model, or leave the column out."
        )
    return y


@contextmanager
def writing(path: str | Path) -> Iterator[None]:
    """Name what was to be written where the system refuses it."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise ModelFileError(f"{path} cannot be written ({reason}); name a place that can be.") from error


def show(options: Namespace, values: Any, table: Callable[[], Any], lines: Sequence[tuple[str, str]] = ()) -> None:
    """Print a JSON document if that was asked for; else a table, and lines that are never wrapped, to be copied."""
    if options.json:
        print(json.dumps(values, indent=2, allow_nan=False))  # noqa: T201 (the document)
        return
    from rich.console import Console
    from rich.text import Text

    class Output(Console):
        def on_broken_pipe(self) -> None:
            # Called while that error is handled: it goes on to where the exit status is chosen, instead of ending here.
            raise

    console = Output(highlight=False)
    if not console.is_terminal:
        console = Output(highlight=False, width=_WIDE)
    console.print(table())
    width = max((len(name) for name, _ in lines), default=0)
    for name, text in lines:
        console.print(Text.assemble((f"{name:{width}}  ", "cyan"), text), soft_wrap=True)


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, np.generic):
        return value.item()
    return value.tolist() if isinstance(value, np.ndarray) else value


def _stalls(design: Design) -> Stalls:
    config = design.config
    # Queries without a record are played again after a reset, so some must get through between two.
    return Stalls(
        source=_PAUSES,
        sink=_PAUSES,
        reset_every=_RESET_QUERIES * (config.latency_cycles + config.interval_cycles),
    )


def _simulation(
    options: Namespace, values: Values, verification: Verification | None, bench: BenchResult | None
) -> dict[str, Any]:
    """What ``simulate --json`` prints."""
    found: dict[str, Any] = {"level": options.level, "simulator": options.simulator}
    if verification is not None:
        keys = ("accuracy", "agreement", "ties", "saturated")
        found |= {
            "rows": verification.rows,
            "mismatches": verification.mismatches,
            "differences": [
                dict(zip(("row", "field", "golden", "simulated"), one, strict=True)) for one in verification.differences
            ],
            "cycles": verification.cycles,
            **{key: values[key] for key in keys if values[key] is not None},
        }
    if bench is not None:
        found["bench"] = {"tests": bench.tests, "failures": bench.failures, "failed": list(bench.failed)}
    return found


def _simulation_lines(
    options: Namespace, values: Values, verification: Verification | None, bench: BenchResult | None
) -> list[tuple[str, str]]:
    """What ``simulate`` prints."""
    lines = []
    if verification is not None:
        lines.append(("queries", f"{verification.rows} at level {verification.level}, {verification.cycles:,} cycles"))
        lines.append(("mismatches", f"{verification.mismatches} in any field of the record"))
        for row, field, golden, found in verification.differences[:_SHOWN]:
            lines.append((f"row {row}", f"{field} is {found}, but must be {golden}"))
        if values["accuracy"] is not None:
            lines.append(
                ("accuracy", ", ".join(f"{key} {100 * share:.1f} %" for key, share in values["accuracy"].items()))
            )
        if values["agreement"] is not None:
            lines.append(("agreement", f"{100 * values['agreement']:.1f} % with the model in floating point"))
        lines.append(("ties", f"{values['ties']} queries, and {values['saturated']} with clipped components"))
    if bench is not None:
        lines.append(("cocotb bench", f"{bench.tests} tests with {options.simulator}, {bench.failures} failed"))
        lines += [("failed", name) for name in bench.failed]
        if not bench.ok:
            lines.append(("log", str(bench.log)))
    return lines


def _table(lines: list[tuple[str, str]]) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in lines:
        table.add_row(name, Text(text))
    return table


def _answers_csv(labels: NDArray[Any], records: NDArray[np.void]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("label", *_COLUMNS))
    for label, record in zip(labels, records, strict=True):
        writer.writerow((label, *(_cell(name, record[name]) for name in _COLUMNS)))
    return out.getvalue()


def _answers_json(labels: NDArray[Any], records: NDArray[np.void]) -> str:
    rows = []
    for label, record in zip(labels, records, strict=True):
        row = {"label": plain(label)} | {name: plain(record[name]) for name in _COLUMNS}
        rows.append(row | {"status": Status(int(record["status"])).name.lower()})
    return json.dumps(rows, indent=2) + "\n"


def _cell(name: str, value: Any) -> Any:
    return Status(int(value)).name.lower() if name == "status" else int(value)
