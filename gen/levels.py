"""Levels at which the hardware of a design answers: its Verilog, its netlist, its bitstream, a whole board."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from prototile.boards import driver as driver_module
from prototile.boards.board import board as board_named
from prototile.boards.build import NETLIST_FILE
from prototile.boards.report import BuildReport
from prototile.boards.tools import cell_models
from prototile.boards.top import TOP_MODULE, models, top_verilog
from prototile.config import CHUNK_BITS, Configuration
from prototile.design import LEVELS, compare
from prototile.errors import BoardError, DigestError, InputError, ToolError
from prototile.folder import chip
from prototile.hardware import memory_writes
from prototile.nodes import Nodes
from prototile.record import RECORD_DTYPE
from prototile.sim.board import simulated_board
from prototile.sim.golden import GoldenModel
from prototile.sim.icarus import IcarusCore
from prototile.sim.probes import probe_queries
from prototile.sim.verilated import Run, Stalls, VerilatedCore

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from prototile.boards.board import Board
    from prototile.design import Design, Verification

SIMULATORS = ("verilator", "icarus")
#: Seconds that the driver waits for a simulated board, which has the processor for itself at best.
_PATIENCE_S = 60.0
#: Cycles without traffic after which the clock of a simulated board may wait for the host: at least so many, and so
#: many times what a query takes.
_IDLE_CYCLES, _IDLE_QUERIES = 20_000, 8
#: Cycles that probes may take, back to back; and how few and how many they are at that.
_PROBE_CYCLES = 40_000
_PROBES = (16, 1000)
#: Share of the cycles in which a word is written again.
_REWRITES = 0.25

Progress = Callable[[str], None]


def _silent(step: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, kw_only=True)
class Level:
    """How queries are put to the hardware of a design.

    Parameters
    ----------
    name
        ``rtl``: the Verilog of the core. ``netlist``: what synthesis made of the whole board, in the models of the
        part's cells. ``bitstream``: the packed bitstream, taken apart to logic again; iCE40 only. ``board``: the
        Verilog of the whole board, or a real board at `port`. All but ``rtl`` are asked by the driver, through the
        serial port.
    simulator
        ``verilator``; or ``icarus``, at level ``rtl``.
    stalls
        How source and sink make the core wait, at level ``rtl``; None for queries back to back.
    waves
        File for the waveform, ``.fst`` or ``.vcd``; None for none.
    board
        Name of the board that is simulated; default: the one that the grid was sized for.
    build
        The build whose netlist or bitstream is meant, with its folder; default: a new one, or the same from the cache.
    port
        Serial port of a real board.
    timeout, retries
        As for the driver, at a real board.

    Raises
    ------
    InputError
        If there is no such level, or something does not go with it.
    """

    name: str = "rtl"
    simulator: str = "verilator"
    stalls: Stalls | None = None
    waves: Path | None = None
    board: str | None = None
    build: BuildReport | None = None
    port: str | None = None
    timeout: float = 1.0
    retries: int = 4

    def __post_init__(self) -> None:
        if self.name not in LEVELS:
            raise InputError(f"level must be one of {', '.join(LEVELS)}, not {self.name!r}.")
        if self.simulator not in SIMULATORS:
            raise InputError(f"simulator must be one of {', '.join(SIMULATORS)}, not {self.simulator!r}.")
        for given, what, wanted in (
            (self.simulator == "icarus", "the simulator icarus plays", "rtl"),
            (self.stalls is not None, "stalls are made", "rtl"),
            (self.port is not None, "a port leads to a real board", "board"),
        ):
            if given and self.name != wanted:
                raise InputError(f"{what} at level {wanted} only, not at level {self.name}; leave it out.")
        if self.port is not None and self.waves is not None:
            raise InputError("a real board has no waveform; leave out the port or the waves.")
        if self.build is not None and self.name not in ("netlist", "bitstream"):
            raise InputError(f"a build belongs to the levels netlist and bitstream, not to {self.name}; leave it out.")
        if self.build is not None and self.board not in (None, self.build.board):
            raise InputError(f"the build is one for {self.build.board}, not for {self.board}; leave the board out.")


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What the hardware answered.

    Attributes
    ----------
    records : (queries,) `RECORD_DTYPE`
    cycles
        Clock cycles simulated; None at a real board.
    """

    records: NDArray[np.void]
    cycles: int | None


def verified(
    design: Design,
    level: Level,
    components: NDArray[Any],
    saturated: NDArray[np.int64],
    X: Any = None,
    progress: Progress = _silent,
) -> Verification:
    """Put queries to the hardware, and compare the records with the golden model's; parameters as for `play`.

    At level ``rtl``, where a query costs next to nothing, `probe_queries` follow those of the user. And where memories
    can be written, all is asked again of other prototypes, which are written over words that are none of theirs; with
    stalls, words that the memories hold are written again and again between the queries.

    Raises
    ------
    InputError, DigestError, FitError, BoardError, ToolError
        As `play`.
    """
    rows = len(components)
    if level.name != "rtl" or level.waves is not None:
        answers = play(design, level, components, saturated, X, progress)
        golden = design.golden.decide(components, saturated)
        return compare(golden, answers.records, level=level.name, cycles=answers.cycles)
    count = int(np.clip(_PROBE_CYCLES // design.config.interval_cycles, *_PROBES))
    probes = probe_queries(design.config, design.quantised.nodes, count)
    components = np.concatenate([components, probes])
    # All counts of clipped components that there can be, as far as there are probes for them.
    saturated = np.concatenate([saturated, np.arange(len(probes)) % (design.config.features + 1)])
    run = run_core(design, level, components, saturated, progress)
    golden, found, cycles = design.golden.decide(components, saturated), run.records, run.cycles
    if design.config.writable:
        progress("Simulating them again, with other prototypes written into the memories")
        others = _others(design.quantised.nodes)
        rewriting = replace(level, stalls=_rewriting(level))
        run = run_core(design, rewriting, components, saturated, writes=_written_over(design.config, others))
        golden = np.concatenate([golden, GoldenModel(design.config, others).decide(components, saturated)])
        found, cycles = np.concatenate([found, run.records]), cycles + run.cycles
    return compare(golden, found, level=level.name, cycles=cycles, rows=rows)


def _others(nodes: Nodes) -> Nodes:
    """Other prototypes of the same classes: each is its neighbour, with the features in reverse."""

    def moved(array: NDArray[Any] | None) -> Any:
        return None if array is None else np.roll(array[:, ::-1], 1, axis=0)

    return replace(nodes, values=moved(nodes.values), masks=moved(nodes.masks), shifts=moved(nodes.shifts))


def _rewriting(level: Level) -> Stalls | None:
    """The stalls of a level, with words that memories hold offered again all the while, where the simulator can."""
    if level.stalls is None or level.simulator != "verilator":
        return level.stalls
    return replace(level.stalls, rewrites=_REWRITES)


def _written_over(config: Configuration, nodes: Nodes) -> NDArray[np.void]:
    """Words of these prototypes, and before them words that differ from them in every bit."""
    right = memory_writes(config, nodes)
    wrong = right.copy()
    width = config.unit.memory_width
    for chunk in range(wrong["data"].shape[1]):
        wrong["data"][:, chunk] ^= (1 << min(CHUNK_BITS, width - CHUNK_BITS * chunk)) - 1
    return np.concatenate([wrong, right])


def play(
    design: Design,
    level: Level,
    components: NDArray[Any],
    saturated: NDArray[np.int64],
    X: Any = None,
    progress: Progress = _silent,
) -> Answers:
    """Put queries to the hardware.

    Parameters
    ----------
    components, saturated
        Queries in chip units (rows, features), and the components clipped in each row.
    X
        The same in the user's numbers (rows, input features), which the driver then quantises by itself; None if
        unknown.
    progress
        Called with a line at the start of each step.

    Raises
    ------
    InputError
        If the level is none that the board's part has.
    DigestError
        If the build or the board holds another design.
    FitError, BoardError, ToolError
        If it cannot be built, or does not answer.
    """
    if level.name == "rtl":
        run = run_core(design, level, components, saturated, progress)
        return Answers(records=run.records, cycles=run.cycles)
    if level.port is not None:
        progress(f"Asking the board at {level.port}")
        with asking_board(design, level.port, timeout=level.timeout, retries=level.retries) as driver:
            return Answers(records=_decided(driver, components, saturated, X), cycles=None)
    return _play_board(design, level, components, saturated, X, progress)


def run_core(
    design: Design,
    level: Level,
    components: NDArray[Any],
    saturated: NDArray[np.int64],
    progress: Progress = _silent,
    writes: NDArray[np.void] | None = None,
) -> Run:
    """Play queries at level ``rtl``; parameters as for `play`.

    `writes` are the words that go into memories first, `memory_writes`; None: those without which there is no answer.
    """
    progress(f"Simulating {len(components)} queries with {level.simulator}")
    simulator: type[VerilatedCore | IcarusCore] = IcarusCore if level.simulator == "icarus" else VerilatedCore
    with TemporaryDirectory(prefix="prototile-") as folder:
        source = Path(folder, "prototile_core.v")
        source.write_text(design.core_verilog)
        core = simulator(design.config, [source], waves=level.waves)
        writes = design.first_writes if writes is None else writes
        return core.run(components, saturated, level.stalls, writes=writes)


def _play_board(
    design: Design,
    level: Level,
    components: NDArray[Any],
    saturated: NDArray[np.int64],
    X: Any,
    progress: Progress,
) -> Answers:
    build = level.build
    target = board_named((build and build.board) or level.board or design.board_name)
    if level.name == "bitstream" and not target.part.family.recoverable:
        raise InputError(
            f"no open tool turns the bitstream of {target.part.name} back into logic, only those of iCE40; verify at "
            "level netlist, and at level board with the real one."
        )
    config = design.config
    with ExitStack() as stack:
        work = Path(stack.enter_context(TemporaryDirectory(prefix="prototile-")))
        if level.name != "board" and build is None:
            build = design.build(target.name, folder=work / "build", progress=progress)
        sources, libraries = _sources(design, level, target, build, work, progress)
        progress(f"Compiling {_WHAT[level.name]} of {target.title}")
        buttons = {pin.port: int(pin.inverted) for pin in target.pins}
        simulation = simulated_board(
            sources,
            divisor=target.baud_divisor,
            libraries=libraries,
            idle_cycles=max(_IDLE_CYCLES, _IDLE_QUERIES * (config.latency_cycles + config.interval_cycles)),
            reset_button=buttons.get("reset_button"),
            waves=level.waves,
        )
        with simulation as simulated:
            progress(f"Asking {len(components)} queries through the serial port")
            try:
                with asking_board(design, simulated.port, timeout=_PATIENCE_S, retries=0) as driver:
                    if design.first_writes is not None:
                        driver.load()
                    records = _decided(driver, components, saturated, X)
            except DigestError:
                raise DigestError(
                    f"the build for {target.name} is one of another design; build this one again."
                ) from None
            except BoardError as error:
                raise ToolError(
                    f"the simulated board does not answer as it should at level {level.name}: {error}"
                ) from None
    return Answers(records=records, cycles=simulated.cycles)


#: What is compiled at each level with a board.
_WHAT = {"netlist": "the netlist", "bitstream": "the logic of the bitstream", "board": "the Verilog"}


def _sources(
    design: Design, level: Level, target: Board, build: BuildReport | None, work: Path, progress: Progress
) -> tuple[list[Path], list[Path]]:
    """Verilog of the whole board at a level, and libraries of cells."""
    family = target.part.family
    if level.name == "board":
        texts = {
            "top": top_verilog(target),
            "prototile_chip": design.chip_verilog(target.baud_divisor),
            "prototile_core": design.core_verilog,
        }
        for name, text in texts.items():
            (work / f"{name}.v").write_text(text)
        return [*(work / f"{name}.v" for name in texts), models(target)], []
    libraries = [cell_models(family.cell_models)]
    assert build is not None
    if build.folder is None or build.bitstream is None:
        raise InputError("the build has no folder, it is one of figures only; pass what design.build returned.")
    if level.name == "netlist":
        return [_file(build.folder / NETLIST_FILE), models(target)], libraries
    progress("Taking the bitstream apart")
    apart = work / "apart"
    apart.mkdir()
    # The tools of the wheels see names in the current folder only.
    (apart / family.bitstream_file).write_bytes(_file(build.bitstream).read_bytes())
    recovered = work / "recovered.v"
    recovered.write_text(family.recover(build, target.pins, apart, top=TOP_MODULE), encoding="utf-8")
    return [recovered, models(target)], libraries


def _file(path: Path) -> Path:
    if not path.is_file():
        raise InputError(f"{path} is missing; build the design again.")
    return path


def _decided(driver: Any, components: NDArray[Any], saturated: NDArray[np.int64], X: Any) -> NDArray[np.void]:
    found = driver.decide_integers(components, saturated) if X is None else driver.decide(X)
    records: NDArray[np.void] = found.astype(RECORD_DTYPE)
    return records


def ask_board(design: Design, port: str, X: Any, *, timeout: float = 1.0, retries: int = 4) -> NDArray[np.void]:
    """Decision records from the chip at a serial port, once its digest is known to be the design's.

    Raises
    ------
    DigestError, InputError, BoardError
        As `asking_board`.
    """
    with asking_board(design, port, timeout=timeout, retries=retries) as driver:
        records: NDArray[np.void] = driver.decide(X).astype(RECORD_DTYPE)
    return records


@contextmanager
def asking_board(design: Design, port: str, *, timeout: float, retries: int) -> Iterator[Any]:
    """The driver of the chip at a serial port; what goes wrong becomes an error of this package.

    Raises
    ------
    DigestError
        If the chip holds another design. The exit status is 2 then: it was asked the wrong chip, there is no answer.
    BoardError
        If there is no such port, or nothing answers.
    """
    try:
        with driver_module.Driver.open(port, chip(design), timeout=timeout, retries=retries) as connected:
            yield connected
    except driver_module.DigestMismatch as error:
        raise DigestError(str(error)) from error
    except driver_module.VectorError as error:
        raise InputError(str(error)) from error
    except driver_module.DriverError as error:
        raise BoardError(str(error)) from error
