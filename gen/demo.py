"""The main job from end to end: train, convert, verify, build, on real data."""

from __future__ import annotations

import csv
import io
import shutil
import sysconfig
import threading
import time
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prototile.commands import bench_folder, build_into, prepare_yosys, save, show, warnings_as_notes, writing
from prototile.console import Steps
from prototile.data import DEMO_BITS, Dataset, load_dataset, recipe_of, train_prototypes
from prototile.design import Design, Verification
from prototile.design import convert as convert_model
from prototile.folder import check_place, usual_port
from prototile.report import Values, built, simulated, update_report, write_whole
from prototile.sim.bench import BenchResult, run_bench

#: Held-out vectors in the test bench of the demonstration's design folder.
BENCH_VECTORS = 24
#: The held-out vectors with their labels, in the design folder.
VECTORS_FILE = "vectors.csv"


@dataclass(frozen=True, kw_only=True)
class _Simulated:
    verification: Verification
    bench: BenchResult


class _Background:
    """Runs a function beside the main thread; its exception comes with `result`.

    The thread does not keep an interrupted program alive: what it does leaves nothing in the design folder.
    """

    def __init__(self, run: Callable[[], _Simulated]) -> None:
        self._run = run
        self._result: _Simulated | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        try:
            self._result = self._run()
        except BaseException as error:
            self._error = error

    def result(self) -> _Simulated:
        self._thread.join()
        if self._error is not None:
            raise self._error
        assert self._result is not None
        return self._result


def demo(options: Namespace) -> int:
    """``prototile demo``."""
    from prototile.boards.board import board
    from prototile.boards.build import prepare_tools

    start = time.monotonic()
    recipe_of(options.dataset)
    target = board(options.board)
    folder = Path(options.output or f"build/{options.dataset}-{target.name}")
    check_place(folder)
    # The first call of each tool takes up to a minute: it starts now, while models are trained and converted.
    prepare_tools(target.part)
    with Steps() as steps:
        with steps.lane() as progress:
            progress(f"Training prototypes on {options.dataset}")
            data = load_dataset(options.dataset)
            model = train_prototypes(options.dataset, data)
            progress(f"Converting the model for {target.name}")
            with warnings_as_notes(steps):
                design = convert_model(
                    model, calibration=data.X_train, y=data.y_train, bits=DEMO_BITS, board=target.name
                )
            prepare_yosys(progress)
            progress(f"Writing {folder}")
            save(design, folder, data.X_test, BENCH_VECTORS)
            with writing(folder):
                write_whole(folder / VECTORS_FILE, _vectors_csv(data))
        simulation = _Background(lambda: _simulate(design, folder, data, steps))
        with steps.lane() as progress:
            report = build_into(design, folder, target.name, progress, use_cache=not options.no_cache)
        found = simulation.result()
        values = update_report(
            folder,
            design,
            simulated(
                design,
                found.verification,
                X=data.X_test,
                y=data.y_test,
                bench=found.bench,
                bench_simulator="verilator",
            ),
        )
        values = update_report(folder, design, built(design, report))
    load = " ".join(target.load_command(str(report.bitstream)))
    predict = f"{_program()} predict {folder} {folder / VECTORS_FILE} --port {usual_port(target)}"
    _show(options, values, folder, str(report.bitstream), load, predict, time.monotonic() - start)
    if not (found.verification.ok and found.bench.ok):
        return 1
    report.check_timing()
    return 0


def _simulate(design: Design, folder: Path, data: Dataset, steps: Steps) -> _Simulated:
    with steps.lane() as progress:
        progress(f"Simulating all {len(data.X_test)} held-out vectors on the generated Verilog")
        verification = design.verify(data.X_test)
        progress("Running the cocotb test bench of the design folder")
        bench = run_bench(folder, build=bench_folder(design, "verilator"))
    return _Simulated(verification=verification, bench=bench)


def _vectors_csv(data: Dataset) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow((*data.feature_names, "label"))
    for row, label in zip(data.X_test.tolist(), data.y_test.tolist(), strict=True):
        writer.writerow((*(f"{value:.17g}" for value in row), label))
    return out.getvalue()


def _program() -> str:
    """The command line's name for a shell: where it lies, unless the shell finds this one by itself."""
    program = Path(sysconfig.get_path("scripts"), "prototile")
    found = shutil.which("prototile")
    if found is not None and Path(found).resolve() == program.resolve():
        return "prototile"
    return str(program.relative_to(Path.cwd()) if program.is_relative_to(Path.cwd()) else program)


def _show(
    options: Namespace, values: Values, folder: Path, bitstream: str, load: str, predict: str, seconds: float
) -> None:
    from prototile.summary import summary

    lines = [
        ("report", str(folder / "report.html")),
        ("bitstream", bitstream),
        ("load it", load),
        ("classify", predict),
        ("took", f"{seconds:.0f} s"),
    ]
    extra: dict[str, Any] = {"folder": str(folder), "bitstream": bitstream, "load": load, "classify": predict}
    show(options, values | extra, lambda: summary(values), lines)
