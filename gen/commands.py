"""What the commands do, but for the demonstration."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sys
import warnings
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from prototile.arrays import label_text
from prototile.cache import cache_folder
from prototile.console import Progress, Steps
from prototile.design import Design, Verification
from prototile.design import convert as convert_model
from prototile.errors import InputError, ModelFileError
from prototile.files import load_labels, load_model, load_vectors
from prototile.folder import BENCH_VECTORS, CORE_FILE, check_place, load, write_test_bench
from prototile.model import PrototypeModel
from prototile.record import Status
from prototile.report import Values, benched, built, doubts, read_report, simulated, update_report, write_whole
from prototile.sim.bench import BenchResult, Case, publish, run_bench
from prototile.sim.cases import cases_of, impossible_cases
from prototile.sim.vectors import choose_vectors
from prototile.sim.verilated import Stalls

if TYPE_CHECKING:
    from prototile.levels import Level

#: Columns that ``predict`` prints, after the label.
_COLUMNS = ("prototype", "distance", "runner_up", "margin", "status", "tie", "saturated")
#: Columns of a table that goes to a file or another program.
_WIDE = 200
#: Mismatches that are shown, and cases that were not played.
_SHOWN = 3
#: Queries of a waveform: on the core, and on a whole board, where each takes as long as on the serial line.
_WAVE_ROWS, _WAVE_ROWS_OF_BOARD = 50, 5


def convert(options: Namespace) -> int:
    """``prototile convert``."""
    from prototile.boards.board import board
    from prototile.summary import summary

    folder = Path(options.output)
    board(options.board)
    check_place(folder)
    with Steps() as steps, steps.lane() as progress:
        progress(f"Reading {options.model}")
        labels = None if options.labels is None else load_labels(options.labels)
        with warnings_as_notes(steps):
            model = load_model(options.model, trust_pickle=options.trust_pickle, labels=labels)
        if options.prototypes is not None or options.condense is not None:
            progress(f"Condensing {options.model}")
            model = _condensed(model, options)
            if options.prototypes is not None and model.prototype_count < options.prototypes:
                steps.note(
                    "prototile: warning: the classes hold fewer different samples, so there are"
                    f" {model.prototype_count} prototypes, not {options.prototypes}."
                )
        X, y = (None, None) if options.calibration is None else vectors_of(options.calibration, model)
        y = None if y is None else match_labels(y, model.classes, options.calibration)
        bench = X if options.vectors is None else vectors_of(options.vectors, model)[0]
        progress(f"Converting {model.prototype_count} prototypes for {options.board}")
        with warnings_as_notes(steps):
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
                writable=options.writable,
                memory_register=options.memory_register,
                grid=options.grid,
            )
        prepare_yosys(progress)
        progress(f"Writing {folder}")
        save(design, folder, bench)
    values = read_report(folder)
    show(options, values, lambda: summary(values), [("written to", str(folder))])
    return 0


@contextmanager
def warnings_as_notes(steps: Steps) -> Iterator[None]:
    """Tell what a library would warn its user of, one line each."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", UserWarning)
        yield
    for warning in told:
        steps.note(f"prototile: warning: {warning.message}")


def _condensed(model: PrototypeModel, options: Namespace) -> PrototypeModel:
    """The model with few prototypes, as the options say."""
    from prototile.training.condensing import TRAINED_BITS, condense

    return condense(
        model,
        options.prototypes,
        method=options.condense or "kmeans",
        bits=TRAINED_BITS if options.bits == "auto" else options.bits,
    )


def simulate(options: Namespace) -> int:
    """``prototile simulate``."""
    from prototile.levels import verified

    folder = Path(options.folder)
    with Steps() as steps, steps.lane() as progress:
        design = load(folder)
        level = _level(design, folder, options)
        queries = Queries.of(design, folder, options.vectors)
        if queries.are_prototypes_of(design):
            steps.note(
                f"prototile: warning: {folder} holds no vectors of data, so only the model's own prototypes are played,"
                " and queries made for rare cases; name a file with --vectors."
            )
        whole = len(queries.components)
        if level.waves is not None:
            most = _WAVE_ROWS if level.name == "rtl" else _WAVE_ROWS_OF_BOARD
            if whole > most:
                steps.note(f"prototile: the waveform holds the first {most} of {whole} queries; no others are played.")
            queries = queries.first(most)
        # What is checked is what lies in the folder.
        vars(design)["core_verilog"] = core_file(folder).read_text(encoding="utf-8")
        with writing(options.waves or folder):
            verification = verified(design, level, queries.components, queries.saturated, queries.X, progress)
        bench = None
        if options.junit is not None:
            if level.name == "rtl":
                progress(f"Running the cocotb test bench with {options.simulator}")
                bench = bench_of(design, folder, options)
            with writing(options.junit):
                publish(None if bench is None else bench.junit, Path(options.junit), [_case(verification)])
        values = simulated(
            design,
            verification,
            X=queries.X,
            y=queries.y,
            made=queries.made,
            bench=bench,
            bench_simulator=options.simulator,
        )
        # A few queries to look at must not take the place of many that were compared, unless they show a mistake.
        if len(queries.components) == whole or not verification.ok:
            update_report(folder, design, values)
        elif bench is not None:
            update_report(folder, design, benched(bench, options.simulator))
    golden = design.golden.decide(queries.components, queries.saturated)
    cases = {case: int(np.count_nonzero(rows)) for case, rows in cases_of(design.config, golden).items()}
    impossible = impossible_cases(design.config, design.quantised.nodes, design.quantised.reachable)
    found = _simulation(options, values, verification, bench)
    found |= {"made": queries.made, "cases": cases, "impossible": impossible}
    show(options, found, lambda: _table(_simulation_lines(options, found, values, verification, bench)))
    return 0 if verification.ok and (bench is None or bench.ok) else 1


def _level(design: Design, folder: Path, options: Namespace) -> Level:
    """The level that the options name; at levels netlist and bitstream that of the build in the folder.

    Raises
    ------
    InputError
        If options do not go together, or there is no build, or it is one of other Verilog.
    """
    from prototile.boards.board import board
    from prototile.boards.report import BuildReport
    from prototile.levels import Level

    build = None
    if options.level in ("netlist", "bitstream"):
        name = board(options.board or design.board_name).name
        place = folder / "boards" / name
        try:
            build = BuildReport.read(place)
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            raise InputError(f"{folder} holds no build for {name}; make it with prototile build {folder}.") from None
        source = place / core_file(folder).name
        if not source.is_file() or source.read_bytes() != core_file(folder).read_bytes():
            raise InputError(f"{place} was built from other Verilog than {core_file(folder)}; build it again.")
    return Level(
        name=options.level,
        simulator=options.simulator,
        stalls=Stalls.usual(design.config) if options.stalls else None,
        waves=None if options.waves is None else Path(options.waves),
        board=options.board,
        build=build,
        port=options.port,
        timeout=options.timeout,
        retries=options.retries,
    )


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
    wrong = doubts(values)
    if wrong is not None:
        Steps().note(
            f"prototile: warning: the Verilog of this bitstream was found wrong when it was simulated: {wrong}; "
            "convert the model again, and report it if that does not help."
        )
    report.check_timing()
    return 0 if wrong is None else 1


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
    X, y = vectors_of(options.vectors, design.model)
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
    X, y = vectors_of(options.vectors, design.model)
    # Before an answer is written: what is refused leaves nothing behind.
    truth = None if y is None else match_labels(y, design.classes, options.vectors)
    if options.port is None:
        records = design.decide(X)
    else:
        with Steps() as steps, steps.lane() as progress:
            progress(f"Classifying {len(X)} vectors on {options.port}")
            from prototile.levels import ask_board

            records = ask_board(design, options.port, X, timeout=options.timeout, retries=options.retries)
    labels = design.labels(records)
    answers = _answers(design, records)
    text = json.dumps(answers, indent=2) + "\n" if options.json else _answers_csv(answers)
    if options.output is None:
        sys.stdout.write(text)
    else:
        with writing(options.output):
            write_whole(Path(options.output), text)
    if truth is not None:
        right = int(np.count_nonzero(labels == truth))
        Steps().note(f"{right} of {len(truth)} labels are right ({100 * right / len(truth):.1f} %)")
    return 0


def load_chip(options: Namespace) -> int:
    """``prototile load``."""
    from prototile.levels import asking_board

    design = load(options.folder)
    with Steps() as steps, steps.lane() as progress:
        progress(f"Writing {design.model.prototype_count} prototypes into the chip on {options.port}")
        with asking_board(design, options.port, timeout=options.timeout, retries=options.retries) as driver:
            words = driver.load()
    values = {"port": options.port, "digest": design.digest, "words": words}
    show(
        options,
        values,
        lambda: _table([("chip", f"holds design {design.digest}"), ("written", f"{words} words")]),
    )
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
    made
        How many of them, the last ones, were made for rare cases and come from no data.
    """

    components: NDArray[Any]
    saturated: NDArray[np.int64]
    X: Any = None
    y: NDArray[Any] | None = None
    made: int = 0

    @classmethod
    def of(cls, design: Design, folder: Path, file: str | None) -> Queries:
        """Queries of a file, or those that the test bench of a design folder holds."""
        if file is None:
            return cls.of_bench(design, folder)
        X, y = vectors_of(file, design.model)
        return cls.of_vectors(design, X, None if y is None else match_labels(y, design.classes, file))

    @classmethod
    def of_vectors(cls, design: Design, X: Any, y: Any = None) -> Queries:
        """Queries from vectors in the user's numbers."""
        components, saturated = design.quantise(X)
        return cls(components=components, saturated=saturated, X=X, y=y)

    def first(self, count: int) -> Queries:
        """The first `count` of them."""
        return Queries(
            components=self.components[:count],
            saturated=self.saturated[:count],
            X=None if self.X is None else self.X[:count],
            y=None if self.y is None else self.y[:count],
            made=max(0, self.made - max(0, len(self.components) - count)),
        )

    @classmethod
    def of_bench(cls, design: Design, folder: Path) -> Queries:
        """Queries that lie in ``tb/``."""
        file = folder / "tb" / "vectors.json"
        try:
            rows = json.loads(file.read_text(encoding="utf-8"))
            components = np.array([row["components"] for row in rows])
            saturated = np.array([row["saturated"] for row in rows])
            made = sum("made_for" in row for row in rows)
        except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise ModelFileError(f"{file} cannot be read ({error}); name a file with --vectors.") from None
        config = design.config
        if not (
            _integers(components, (len(rows), config.features), config.component_max)
            and _integers(saturated, (len(rows),), config.features)
        ):
            raise ModelFileError(f"{file} holds no queries of this design; name a file with --vectors.")
        return cls(components=components.astype(np.int64), saturated=saturated.astype(np.int64), made=made)

    def are_prototypes_of(self, design: Design) -> bool:
        """Whether these are what a folder's test bench holds if no vectors were given."""
        prototypes = design.quantised.exemplars[:BENCH_VECTORS]
        own = len(self.components) - self.made
        return not self.saturated[:own].any() and np.array_equal(self.components[:own], prototypes)


def _integers(values: NDArray[Any], shape: tuple[int, ...], largest: int) -> bool:
    """Whether there are integers from 0 to `largest`, in this shape."""
    whole = values.shape == shape and values.size > 0 and values.dtype.kind == "i"
    return bool(whole and values.min() >= 0 and values.max() <= largest)


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

    yosys = Tool(name="yosys")
    if not yosys.is_prepared:
        progress("Preparing yosys, whose first call takes a minute")
        yosys.prepare()


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
    where = bench_folder(design, options.simulator)
    if options.vectors is None:
        return run_bench(folder, simulator=options.simulator, build=where)
    queries = Queries.of(design, folder, options.vectors)
    source = where / "design"
    shutil.rmtree(source, ignore_errors=True)
    (source / CORE_FILE).parent.mkdir(parents=True)
    shutil.copyfile(core_file(folder), source / CORE_FILE)
    write_test_bench(design, source, queries.components, queries.saturated)
    return run_bench(source, simulator=options.simulator, build=where / "run")


def core_file(folder: Path) -> Path:
    """The Verilog of a design folder."""
    file = folder / CORE_FILE
    if not file.is_file():
        raise ModelFileError(f"{folder} holds no {CORE_FILE}; convert the model again.")
    return file


def vectors_of(file: str, model: PrototypeModel) -> tuple[Any, NDArray[Any] | None]:
    """Vectors of a model in a file, and their labels if there are some; a header must have the names of training."""
    return load_vectors(file, model.input_features, model.feature_names)


def match_labels(y: NDArray[Any], classes: NDArray[Any], file: str) -> NDArray[Any]:
    """Labels of a file in the model's own type, which a table of text does not keep.

    Raises
    ------
    InputError
        If none is a class: each comparison with them would only seem to mean something.
    """
    if not (y.dtype.kind in "iuf" and classes.dtype.kind in "iuf"):
        names = {str(label_text(label)): label for label in classes}
        found = np.empty(len(y), dtype=object)
        found[:] = [names.get(text, text) for text in (str(label_text(label)) for label in y)]
        y = found
    if not np.isin(y, classes.astype(y.dtype)).any():
        raise InputError(
            f"{file} has labels such as {y[0]}, but the model's classes are"
            f" {', '.join(str(label_text(label)) for label in classes[:5])}"
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
    from rich.cells import cell_len
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_WIDE)
    shown = table()
    names = [*(cell_len(str(cell)) for cell in shown.columns[0].cells), *(len(name) for name, _ in lines)]
    width = max(names, default=0)
    if lines:
        shown.columns[0].min_width = width
    with console.capture() as capture:
        console.print(shown)
        for name, text in lines:
            console.print(Text.assemble((f"{name:{width}}  ", "cyan"), text), soft_wrap=True)
    text = capture.get()
    if not console.is_terminal:
        # Columns are filled up with blanks, which only a terminal's colours need.
        text = "".join(f"{line.rstrip()}\n" for line in text.splitlines())
    sys.stdout.write(text)


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, np.generic):
        return label_text(value.item())
    if is_dataclass(value) and not isinstance(value, type):
        return {name: plain(part) for name, part in vars(value).items()}
    if isinstance(value, tuple):
        return [plain(part) for part in value]
    return value.tolist() if isinstance(value, np.ndarray) else label_text(value)


def _case(verification: Verification) -> Case:
    """The comparison of all queries, as it stands among the results of the test bench."""
    name = f"all_queries_at_level_{verification.level}"
    if verification.ok:
        return Case(name=name)
    asked = verification.rows + verification.probes
    lines = [f"{verification.mismatches} of {asked} queries are not answered as by the golden model"]
    lines += [
        f"row {row}: {field} is {found}, but must be {golden}" for row, field, golden, found in verification.differences
    ]
    return Case(name=name, failure="\n".join(lines))


def _simulation(
    options: Namespace, values: Values, verification: Verification, bench: BenchResult | None
) -> dict[str, Any]:
    """What ``simulate --json`` prints."""
    keys = ("accuracy", "agreement", "ties", "saturated")
    found: dict[str, Any] = {
        "level": options.level,
        **({} if options.port else {"simulator": options.simulator}),
        "rows": verification.rows,
        **({"probes": verification.probes} if verification.probes else {}),
        "mismatches": verification.mismatches,
        "differences": [
            dict(zip(("row", "field", "golden", "simulated"), one, strict=True)) for one in verification.differences
        ],
        **({} if verification.cycles is None else {"cycles": verification.cycles}),
        **{key: values[key] for key in keys if values[key] is not None},
    }
    if bench is not None:
        found["bench"] = {"tests": bench.tests, "failures": bench.failures, "failed": list(bench.failed)}
    return found


def _simulation_lines(
    options: Namespace,
    found: dict[str, Any],
    values: Values,
    verification: Verification,
    bench: BenchResult | None,
) -> list[tuple[str, str]]:
    """What ``simulate`` prints."""
    cycles = "" if verification.cycles is None else f", {verification.cycles:,} cycles"
    probes = f", and {verification.probes} probes" if verification.probes else ""
    made = f", {found['made']} of them made for rare cases" if found["made"] else ""
    stalls = ", with pauses and resets" if options.stalls else ""
    possible = [case for case in found["cases"] if case not in found["impossible"]]
    absent = [case for case in possible if not found["cases"][case]]
    more = ", ..." if len(absent) > _SHOWN else ""
    not_played = f"; not played: {', '.join(absent[:_SHOWN])}{more}" if absent else ""
    lines = [
        ("queries", f"{verification.rows} at level {verification.level}{made}{probes}{stalls}{cycles}"),
        ("cases", f"{len(possible) - len(absent)} of {len(possible)} that this model can have{not_played}"),
        ("mismatches", f"{verification.mismatches} in any field of the record"),
    ]
    for row, field, golden, answer in verification.differences[:_SHOWN]:
        lines.append((f"row {row}", f"{field} is {answer}, but must be {golden}"))
    if values["accuracy"] is not None:
        lines.append(("accuracy", ", ".join(f"{key} {100 * share:.1f} %" for key, share in values["accuracy"].items())))
    if values["agreement"] is not None:
        lines.append(("agreement", f"{100 * values['agreement']:.1f} % with the model in floating point"))
    lines.append(("ties", f"{values['ties']} queries, and {values['saturated']} with clipped components"))
    if options.waves is not None:
        lines.append(("waveform", options.waves))
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


def _answers_csv(answers: list[dict[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, ("label", *_COLUMNS), lineterminator="\n")
    writer.writeheader()
    for answer in answers:
        writer.writerow(
            {name: int(value) if value is True or value is False else value for name, value in answer.items()}
        )
    return out.getvalue()


def _answers(design: Design, records: NDArray[np.void]) -> list[dict[str, Any]]:
    """Each record by the names of its columns, classes as their labels; None where there is no second class."""
    answers = []
    for label, record in zip(design.labels(records), records, strict=True):
        answer = {"label": plain(label)} | {name: plain(record[name]) for name in _COLUMNS}
        runner_up = int(record["runner_up"])
        answer["runner_up"] = None if runner_up < 0 else plain(design.classes[runner_up])
        answer["status"] = Status(int(record["status"])).name.lower()
        answers.append(answer)
    return answers
