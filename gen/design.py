"""A converted model: the answers of its chip, its hardware, and its folder."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from prototile.arrays import check_columns, to_array
from prototile.config import MEMORIES, REDUCTIONS, Configuration
from prototile.errors import InputError, LossWarning
from prototile.model import PrototypeModel
from prototile.placement import Placement, place, row_occupancy
from prototile.quantised import QuantisedModel, check_bits
from prototile.quantiser import (
    MARGIN,
    MAX_LOSS,
    BitsChoice,
    Quantiser,
    check_max_loss,
    checked_truth,
    choose_bits,
    measure_bits,
)
from prototile.record import Status
from prototile.rtl.memories import STARTS_EMPTY
from prototile.sim.golden import GoldenModel
from prototile.sizing import Budget, Choices, size

if TYPE_CHECKING:
    from amaranth.lib.data import StructLayout

    from prototile.boards.board import Board
    from prototile.boards.family import Part
    from prototile.boards.report import BuildReport
    from prototile.levels import Level
    from prototile.sim.verilated import Run, Stalls

#: Levels at which hardware is compared with the golden model, from the weakest proof to the strongest.
LEVELS = ("rtl", "netlist", "bitstream", "board")
#: Board that a design is sized for if nobody names one.
DEFAULT_BOARD = "icebreaker"
#: Vectors and prototypes together; prototypes alone, with a margin; integers as the chip has them; levels of tables.
RANGE_SOURCES = ("calibration data", "prototypes", "chip units", "tables")
#: Hexadecimal digits of a digest, and of that of a grid.
DIGEST_DIGITS = 32
GRID_DIGITS = 16

Progress = Callable[[str], None]


def _silent(step: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What a comparison of the simulated hardware with the golden model has shown.

    Attributes
    ----------
    level
        What was simulated.
    rows
        Queries compared, each in every field of its record.
    probes
        Further queries compared at level ``rtl``: those of `prototile.sim.probes.probe_queries`; and where memories
        can be written, all once more of other prototypes that were.
    mismatches
        Queries of both whose records differ.
    differences
        Up to ten of them: row, field, golden value, simulated value. Rows after the last are probes.
    cycles
        Clock cycles simulated; None at a real board.
    records : (rows,) `RECORD_DTYPE`
        The records of the hardware.
    """

    level: str
    rows: int
    probes: int
    mismatches: int
    differences: tuple[tuple[int, str, int, int], ...]
    cycles: int | None
    records: NDArray[np.void]

    @property
    def ok(self) -> bool:
        """Whether there were queries, and all their records are equal."""
        return self.rows > 0 and self.mismatches == 0


@dataclass(frozen=True, kw_only=True)
class Neighbour:
    """A prototype as a query meets it.

    Attributes
    ----------
    prototype
        Its index in the model.
    label
        Its class, in the user's label space.
    distance
        In chip units.
    radius
        In chip units; None in a model without radii.
    fires
        Whether the distance is below the radius; true of all prototypes in a model without radii.
    """

    prototype: int
    label: Any
    distance: int
    radius: int | None
    fires: bool


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Why a query got its answer: all that its decision record follows from.

    The order of prototypes is the contract's: (not firing, distance, index).

    Attributes
    ----------
    label
        The answer, in the user's label space: the class of `first_of_label`, or the model's reject label if `status` is
        unknown and there is one.
    status
        Whether it may be trusted: unknown if the first prototype does not fire; else, in a model with radii, uncertain
        if `first_of_runner_up` fires; and uncertain if `margin` is below `min_margin`.
    metric
        That of the distances.
    prototype, distance
        The element that came first, and its distance in chip units.
    neighbours
        The first k prototypes in the order.
    voters
        Which of these voted: those that fire, or all if none fires. Most votes make the class, of equal ones the first
        in the model's classes; with k = 1 it is that of the first prototype.
    contributions
        Part of each component in that distance, shape (features,).
    query, prototype_vector
        Both in chip units, shape (features,); a box has (features, 2) bounds and a table (features, levels) entries.
    runner_up
        Label of the other class that comes first, None if there is no other.
    runner_up_prototype, runner_up_distance
        Its first prototype and its distance.
    first_of_label, first_of_runner_up
        The first prototypes in the order of the class that won and of the runner-up; None without another class.
    margin
        The distance of `first_of_runner_up` minus that of `first_of_label`; 0 without another class.
    min_margin
        Threshold of the margin, in chip units; None if there is none.
    saturated
        Components of the query that were clipped.
    clipped
        Which these are, shape (saturated,).
    stands_for
        Training samples that the element stands for, rows of the model that was condensed, counted from 0, shape
        (members,); None if the model was not condensed.
    tie
        k = 1: whether `first_of_runner_up` fires as `first_of_label` does, at the same distance. k > 1: whether another
        class has as many votes.
    """

    label: Any
    status: Status
    metric: str
    prototype: int
    distance: int
    neighbours: tuple[Neighbour, ...]
    voters: NDArray[np.int64]
    contributions: NDArray[np.int64]
    query: NDArray[np.int64]
    prototype_vector: NDArray[np.int64]
    runner_up: Any
    runner_up_prototype: int | None
    runner_up_distance: int | None
    first_of_label: Neighbour
    first_of_runner_up: Neighbour | None
    margin: int
    min_margin: int | None
    saturated: int
    clipped: NDArray[np.int64]
    stands_for: NDArray[np.int64] | None
    tie: bool


@dataclass(frozen=True, kw_only=True)
class Ranges:
    """Where the range of a quantiser comes from.

    Attributes
    ----------
    source
        One of `RANGE_SOURCES`.
    rows
        Vectors of the calibration data; None if there were none.
    margin
        Share of the largest range of a component by which the prototypes' was widened on either side, at most; None
        with other sources.
    """

    source: str
    rows: int | None = None
    margin: float | None = None

    @classmethod
    def of(cls, model: PrototypeModel, calibration: Any) -> Ranges:
        """The source for a model that is quantised with these vectors, or None."""
        if model.in_chip_units:
            return cls(source="chip units" if model.levels is None else "tables")
        if calibration is None:
            return cls(source="prototypes", margin=MARGIN)
        return cls(source="calibration data", rows=int(np.shape(calibration)[0]))


@dataclass(frozen=True, eq=False, kw_only=True)
class Design:
    """A model as its chip computes it.

    Attributes
    ----------
    model
        The model in the user's numbers.
    quantiser
        From these to chip units.
    quantised
        The model in chip units.
    config
        The chip.
    board_name
        Board that the grid was sized for.
    block_rams
        Block RAMs that the core was planned with there.
    bits_choice
        How the bits were chosen, or what those that the user named cost on the calibration data; None if he named them
        and gave none.
    ranges
        Where the range of the quantiser comes from; None if that is not known, as in older folders.
    """

    model: PrototypeModel
    quantiser: Quantiser
    quantised: QuantisedModel
    config: Configuration
    board_name: str
    bits_choice: BitsChoice | None = None
    ranges: Ranges | None = None

    @cached_property
    def golden(self) -> GoldenModel:
        """The chip in integers."""
        return GoldenModel(self.config, self.quantised.nodes)

    @cached_property
    def placement(self) -> Placement:
        """Where each prototype lies."""
        return place(self.config, self.quantised.labels.astype(np.int64))

    @cached_property
    def occupied(self) -> NDArray[np.int64]:
        """Elements of each row that hold a prototype, shape (rows,)."""
        return row_occupancy(self.config, np.bincount(self.quantised.labels, minlength=self.config.class_count))

    @property
    def pe_count(self) -> int:
        """Processing elements: places of the grid that hold a prototype in some round."""
        return int(self.occupied.sum())

    @property
    def multiplier_count(self) -> int:
        """Multipliers of the grid."""
        return self.config.multiplier_count(self.pe_count)

    def uses_dsp(self, board: Board) -> bool:
        """Whether the multipliers lie in DSP blocks: only if the part has one for each, else all are logic."""
        return 0 < self.multiplier_count <= (board.part.available.dsp or 0)

    @property
    def classes(self) -> NDArray[Any]:
        """The user's labels by class index."""
        return self.model.classes

    @cached_property
    def digest(self) -> str:
        """Digits that tell this design from any other: of everything that fixes an answer and the shape of the grid."""
        state = hashlib.sha256(json.dumps(self.config.to_dict(), sort_keys=True).encode())
        state.update(self.quantised.canonical_bytes())
        state.update(repr(self.model.reject).encode(errors="backslashreplace"))
        numbers = [self.quantiser.offset, np.atleast_1d(self.quantiser.step)]
        if self.quantiser.open_ended.any():
            numbers.append(self.quantiser.open_ended.astype(np.float64))
        if self.model.preprocess is not None:
            numbers += self.model.preprocess.arrays.values()
        for array in numbers:
            state.update(np.ascontiguousarray(array, "<f8").tobytes())
        return state.hexdigest()[:DIGEST_DIGITS]

    @cached_property
    def grid_digest(self) -> str:
        """Digits that are the same for designs whose prototypes a chip can be given; empty if none can be written.

        They tell what stays as it is then: the configuration, the prototypes' classes, and radii that are no
        prototype's own.
        """
        if not self.config.writable:
            return ""
        state = hashlib.sha256(json.dumps(self.config.to_dict(), sort_keys=True).encode())
        fixed: list[NDArray[Any]] = [self.quantised.labels]
        if self.quantised.radii is not None and self.config.radii != "prototype":
            fixed.append(self.quantised.radii)
        for array in fixed:
            state.update(np.ascontiguousarray(array, "<i8").tobytes())
        return state.hexdigest()[:GRID_DIGITS]

    def quantise(self, X: Any) -> tuple[NDArray[np.uint16], NDArray[np.int64]]:
        """Vectors (rows, features) in the user's numbers to chip units, and the components clipped in each row.

        Raises
        ------
        InputError
            If the shape is another or a value is not a finite number.
        """
        return self.quantiser.quantise(self.model.transform(X))

    def decide(self, X: Any) -> NDArray[np.void]:
        """Decision records of vectors (rows, features), `prototile.record.RECORD_DTYPE`."""
        return self.golden.decide(*self.quantise(X))

    def predict(self, X: Any) -> NDArray[Any]:
        """Labels of vectors (rows, features) in the user's label space."""
        return self.labels(self.decide(X))

    def labels(self, records: NDArray[np.void]) -> NDArray[Any]:
        """Labels of records in the user's label space; the reject label, if there is one, where nothing fired."""
        return self.model.to_labels(records["label"], records["status"])

    def score(self, X: Any, y: Any) -> float:
        """Share of vectors whose label is `y`.

        Raises
        ------
        InputError
            If `y` has another shape than one label for each vector, one is missing, or none is one that the model can
            give.
        """
        predicted = self.predict(X)
        return float(np.mean(predicted == checked_truth(y, self.model, len(predicted))))

    def explain(self, x: Any) -> Explanation:
        """Explain the answer to one vector (features,)."""
        check_columns(x, "x", self.model.feature_names)
        vector = np.atleast_2d(to_array(x, "x"))
        if len(vector) != 1:
            raise InputError(f"one vector is explained at a time, not {len(vector)}; pass a single row.")
        queries, saturated = self.quantise(vector)
        record = self.golden.decide(queries, saturated)[0]
        query = queries[0].astype(np.int64)
        prototype, runner_up = int(record["prototype"]), int(record["runner_up"])
        distances, radii = self.golden.distances(queries)[0], self.quantised.radii
        fires = np.ones(distances.shape, np.bool_) if radii is None else distances < radii
        # The contract's order: not firing, distance, index.
        order = np.lexsort((distances, ~fires))

        def neighbour(at: int) -> Neighbour:
            return Neighbour(
                prototype=at,
                label=self.classes[self.quantised.labels[at]],
                distance=int(distances[at]),
                radius=None if radii is None else int(radii[at]),
                fires=bool(fires[at]),
            )

        def first_of(label: int) -> Neighbour:
            return neighbour(int(order[self.quantised.labels[order] == label][0]))

        other = None if runner_up < 0 else first_of(runner_up)
        condensation = self.model.condensation
        return Explanation(
            label=self.labels(np.atleast_1d(record))[0],
            status=Status(int(record["status"])),
            metric=self.config.metric,
            prototype=prototype,
            distance=int(record["distance"]),
            neighbours=tuple(neighbour(int(at)) for at in order[: self.config.k]),
            voters=order[fires[order] | ~fires.any()][: self.config.k],
            contributions=self.golden.contributions(query, prototype),
            query=query,
            prototype_vector=self.quantised.prototypes[prototype].astype(np.int64),
            runner_up=None if other is None else other.label,
            runner_up_prototype=None if other is None else other.prototype,
            runner_up_distance=None if other is None else other.distance,
            first_of_label=first_of(int(record["label"])),
            first_of_runner_up=other,
            margin=int(record["margin"]),
            min_margin=self.quantised.min_margin,
            saturated=int(record["saturated"]),
            clipped=np.flatnonzero(self.quantiser.saturates(self.model.transform(vector))[0]),
            stands_for=None if condensation is None else condensation.members_of(prototype),
            tie=bool(record["tie"]),
        )

    @cached_property
    def core_verilog(self) -> str:
        """Verilog of module ``prototile_core``."""
        from prototile.hardware import core
        from prototile.rtl.top import CoreTop
        from prototile.verilog import to_verilog

        return to_verilog(CoreTop(core(self.config, self.quantised.nodes)), "prototile_core")

    @property
    def first_writes(self) -> NDArray[np.void] | None:
        """Words that must be written before the first query, `prototile.hardware.memory_writes`; None if none."""
        from prototile.hardware import memory_writes

        return memory_writes(self.config, self.quantised.nodes) if self.config.memory in STARTS_EMPTY else None

    @property
    def write_layout(self) -> StructLayout | None:
        """Layout of a word for a memory; None if none can be written."""
        from prototile.hardware import grid_shape

        return grid_shape(self.config, self.placement).write if self.config.writable else None

    @property
    def identity(self) -> bytes:
        """What the chip says of itself once it is configured, and before anything is written."""
        from prototile.boards.driver import NO_GRID, NO_MODEL, identity_bytes

        config = self.config
        return identity_bytes(
            digest=NO_MODEL if config.memory in STARTS_EMPTY else self.digest,
            grid=self.grid_digest or NO_GRID,
            features=config.features,
            bits=config.bits,
            lanes=config.lanes,
            metric=config.metric,
            prototypes=config.prototype_count,
            classes=config.class_count,
            rows=config.rows,
            columns=config.columns,
            pes_per_tile=config.pes_per_tile,
            prototypes_per_pe=config.prototypes_per_pe,
        )

    def chip_verilog(self, divisor: int) -> str:
        """Verilog of module ``prototile_chip``, which holds the core and its serial link of `divisor` clocks a bit."""
        from prototile.rtl.chip import Chip
        from prototile.rtl.link.link import Link
        from prototile.verilog import to_verilog

        config = self.config
        link = Link(
            word_width=config.word_width,
            words=config.words,
            record_fields=config.record_fields(),
            saturated_width=config.saturated_width,
            identity=self.identity,
            divisor=divisor,
            # A query that is inside shows its record within so many cycles, whatever is inside before it.
            latency=config.latency_cycles + 1,
            write=self.write_layout,
        )
        return to_verilog(Chip(link), "prototile_chip")

    def simulate(self, X: Any, *, level: str = "rtl", progress: Progress = _silent, **how: Any) -> NDArray[np.void]:
        """Decision records of vectors (rows, features), computed by the generated hardware.

        Parameters
        ----------
        level
            ``rtl``: the Verilog of the design folder, compiled by Verilator. ``netlist``: what synthesis made of the
            whole board, ``bitstream``: the packed bitstream taken apart to logic again (iCE40), ``board``: the Verilog
            of the whole board, or a real board if `port` names one; the driver asks these three through the serial
            port. What takes a build makes one, or takes it from the cache, unless `build` is given.
        progress
            Called with a line at the start of each step.
        **how
            ``simulator``, ``stalls``, ``waves``, ``board``, ``build``, ``port``, ``timeout`` and ``retries``: see
            `prototile.levels.Level`.

        Raises
        ------
        InputError
            If the vectors are unusable, or there is no such level, or the board's part has none.
        DigestError
            If the board or the build holds another design.
        FitError, BoardError, ToolError
            If the build or the simulation fails, or the board does not answer.
        """
        from prototile.levels import play

        return play(self, _level(level, how), *self.quantise(X), X, progress).records

    def run(self, X: Any, *, simulator: str = "verilator", stalls: Stalls | None = None, waves: Any = None) -> Run:
        """As `simulate` at level ``rtl``, with the cycles in which everything happened."""
        from prototile.levels import Level, run_core

        how = Level(simulator=simulator, stalls=stalls, waves=None if waves is None else Path(waves))
        return run_core(self, how, *self.quantise(X))

    def verify(self, X: Any, *, level: str = "rtl", progress: Progress = _silent, **how: Any) -> Verification:
        """Compare the generated hardware with the golden model, in every field of every record.

        At level ``rtl`` probes are compared too: queries at the edges of what the design tells apart, which data seldom
        meet. And where memories can be written, other prototypes are, and all is compared again.

        Parameters
        ----------
        X, level, progress, **how
            As for `simulate`.
        """
        from prototile.levels import verified

        return verified(self, _level(level, how), *self.quantise(X), X, progress)

    def estimate(self, board: str | None = None) -> dict[str, Any]:
        """Resources without synthesis, in the names of ``report.json``."""
        from prototile.estimate import estimate

        target = find_board(board or self.board_name)
        offer = budget(target.part)
        figures = estimate(self.config, self.occupied, multipliers=offer.multipliers)
        cells, block_rams = offer.cells_of(figures), offer.block_rams_of(figures)
        single_ports = offer.single_ports_for(figures.memories)
        return {
            "board": target.name,
            "device": target.part.name,
            "logic_cells": cells,
            "bram": block_rams,
            "per_pe": {"logic_cells": round(offer.pe_cells_of(figures), 1)},
            **({"spram": single_ports} if single_ports else {}),
            "available": {"logic_cells": offer.logic_cells, "bram": offer.block_rams},
            "util_pct": {
                "logic_cells": round(100 * cells / offer.logic_cells, 1),
                "bram": round(100 * block_rams / offer.block_rams, 1),
            },
            "target_mhz": target.clock_mhz,
        }

    def build(
        self,
        board: str | None = None,
        *,
        folder: str | os.PathLike[str] | None = None,
        use_cache: bool = True,
        seed: int = 1,
        progress: Progress = _silent,
    ) -> BuildReport:
        """Synthesise, place and route, and pack a bitstream.

        Parameters
        ----------
        board
            Name of the board; default: the one that the grid was sized for.
        folder
            Where the files go; default: ``build/<board>`` in the current folder.
        use_cache
            Whether a build of the same inputs may be taken from the cache.
        seed
            First seed of place-and-route.
        progress
            Called with a line at the start of each step.

        Raises
        ------
        BoardError, FitError, ToolError
            If there is no such board, the design is too large for it, or a tool fails.
        """
        from tempfile import TemporaryDirectory

        from prototile.boards.build import BuildOptions, build
        from prototile.hardware import planned_memories

        target = find_board(board or self.board_name)
        memories = planned_memories(self.config, self.quantised.nodes)
        offer = budget(target.part)
        with TemporaryDirectory(prefix="prototile-") as name:
            sources = []
            for module, text in (
                ("prototile_core", self.core_verilog),
                ("prototile_chip", self.chip_verilog(target.baud_divisor)),
            ):
                sources.append(Path(name, f"{module}.v"))
                sources[-1].write_text(text)
            return build(
                sources=sources,
                board=target,
                folder=Path("build", target.name) if folder is None else Path(folder),
                options=BuildOptions(seed=seed, dsp=self.uses_dsp(target)),
                expected_block_rams=offer.block_rams_for(memories),
                expected_single_ports=offer.single_ports_for(memories),
                use_cache=use_cache,
                progress=progress,
            )

    def save(self, folder: str | os.PathLike[str], *, vectors: Any = None) -> Path:
        """Write the design folder, whole or not at all.

        Parameters
        ----------
        folder
            May exist if it is empty or a design folder, which is replaced.
        vectors
            Vectors (rows, features) for the test bench; default: each prototype, as the user would have seen it.
        """
        from prototile.folder import save

        if not isinstance(folder, (str, os.PathLike)):
            raise InputError(f"folder must be a path, not {folder!r}.")
        return save(self, Path(folder), vectors)


def _level(name: str, how: dict[str, Any]) -> Level:
    """How hardware is asked, from the words of a caller."""
    from prototile.levels import Level

    if how.get("waves") is not None:
        how = how | {"waves": Path(how["waves"])}
    return Level(name=name, **how)


def compare(
    golden: NDArray[np.void], found: NDArray[np.void], *, level: str, cycles: int | None, rows: int | None = None
) -> Verification:
    """Compare records field by field.

    Parameters
    ----------
    golden, found
        Records of the golden model and of the hardware.
    level, cycles
        See `Verification`.
    rows
        How many of them are of the user's queries; the rest are of probes. None: all.

    Raises
    ------
    ValueError
        If the numbers of records differ.
    """
    if golden.shape != found.shape:
        raise ValueError(f"{len(golden)} records cannot be compared with {len(found)}")
    names = golden.dtype.names or ()
    unequal = np.stack([golden[name] != found[name] for name in names], axis=1)
    own = len(golden) if rows is None else rows
    places, columns = np.nonzero(unequal)
    differences = tuple(
        (int(row), names[column], int(golden[names[column]][row]), int(found[names[column]][row]))
        for row, column in list(zip(places, columns, strict=True))[:10]
    )
    return Verification(
        level=level,
        rows=own,
        probes=len(golden) - own,
        mismatches=int(unequal.any(axis=1).sum()),
        differences=differences,
        cycles=cycles,
        records=found[:own],
    )


def convert(
    model: Any,
    calibration: Any = None,
    bits: int | str = "auto",
    board: str = DEFAULT_BOARD,
    *,
    y: Any = None,
    labels: Any = None,
    max_loss: float | None = None,
    trust_pickle: bool = False,
    reduction: str = "serial",
    lanes: int | None = None,
    pe_count: int | None = None,
    prototypes_per_pe: int | None = None,
    pes_per_tile: int | None = None,
    columns: int | None = None,
    memory: str | None = None,
    writable: bool | None = None,
    memory_register: bool | None = None,
    grid: Design | str | os.PathLike[str] | None = None,
    must_fit: bool = True,
) -> Design:
    """Turn a fitted model into a design for a board.

    Parameters
    ----------
    model
        A fitted estimator or Pipeline, a path to a model file, or a `PrototypeModel`.
    calibration
        Vectors (rows, features) that span what the chip will see, such as the training data. Without them, the range
        comes from the prototypes with a margin.
    bits
        1 to 16, or ``"auto"``: the fewest with which the calibration data lose no more than `max_loss`.
    board
        Board that the grid is sized for.
    y
        Labels of the calibration data, never without these: then the loss is one of accuracy, else of agreement with
        the model.
    labels
        One for each prototype, instead of the model's own: for clusterings, maps and indexes, which know none. None:
        the model's own.
    max_loss
        Share between 0 and 1 that the calibration data may lose; default: half a point. A design that loses more gives
        a `LossWarning` with the figure, also if the user named the bits.
    trust_pickle
        Whether a pickle file may be loaded, which runs whatever code it holds.
    reduction
        ``serial``: few cells, an answer after some cycles for each feature. ``parallel``: all features at once, an
        answer a cycle, for few prototypes on a large part; the shape of the grid follows, and k must be 1.
    lanes, pe_count, prototypes_per_pe, pes_per_tile, columns, memory, memory_register
        Fix what the sizing would choose; see `prototile.config.Configuration`. `pe_count` is an upper limit.
    writable
        Whether prototypes can be written at run time; default: only in a memory that is there for that.
    grid
        A writable design, or its folder, whose grid the model is for: board, bits and shape are that design's, and its
        chip can be given the prototypes of this model. Counts, classes of the prototypes in their order, and radii that
        are no prototype's own must be the same.
    must_fit
        Whether a model that is too large for the board is refused. If not, the design answers and can be simulated,
        and what it takes more than there is stands in `Design.estimate`; building it ends in a `FitError`.

    Raises
    ------
    UnsupportedModelError
        If the model computes something that the chip would not compute exactly.
    InputError, ModelFileError
        If data, parameters or the model's file are unusable.
    BoardError, FitError
        If there is no such board, or the model does not fit it.
    """
    target = find_board(board)
    if memory is not None and memory not in MEMORIES:
        raise InputError(f"memory must be one of {', '.join(MEMORIES)}, not {memory!r}.")
    if reduction not in REDUCTIONS:
        raise InputError(f"reduction must be one of {', '.join(REDUCTIONS)}, not {reduction!r}.")
    if memory_register is not None and not isinstance(memory_register, bool):
        raise InputError(f"memory_register must be True or False, not {memory_register!r}.")
    if writable is not None and not isinstance(writable, bool):
        raise InputError(f"writable must be True or False, not {writable!r}.")
    if not isinstance(must_fit, bool):
        raise InputError(f"must_fit must be True or False, not {must_fit!r}.")
    if max_loss is not None:
        check_max_loss(max_loss)
    if y is not None and calibration is None:
        raise InputError("y labels the calibration vectors, but there are none; pass calibration=X, or leave y out.")
    choices = Choices(
        reduction=reduction,
        lanes=_count("lanes", lanes),
        pe_count=_count("pe_count", pe_count),
        prototypes_per_pe=_count("prototypes_per_pe", prototypes_per_pe),
        pes_per_tile=_count("pes_per_tile", pes_per_tile),
        columns=_count("columns", columns),
        memory=memory,
        writable=writable,
        memory_register=memory_register,
    )
    source = _prototype_model(model, trust_pickle, labels)
    if grid is not None:
        others = {one.name: getattr(choices, one.name) != one.default for one in fields(Choices)}
        others |= {"bits": bits != "auto", "max_loss": max_loss is not None}
        if any(others.values()):
            named = ", ".join(name for name, given in others.items() if given)
            raise InputError(f"grid names a design that bits and shape come from; leave out {named}.")
        design = _for_grid(source, calibration, y, grid, board)
        _warn(design.bits_choice)
        return design
    limit = MAX_LOSS if max_loss is None else max_loss
    if isinstance(bits, str):
        if bits != "auto":
            raise InputError(f"bits must be an integer from 1 to 16 or 'auto', not {bits!r}.")
        choice: BitsChoice | None = choose_bits(source, calibration, y, max_loss=limit)
        assert choice is not None
        bits = choice.bits
    else:
        choice = measure_bits(source, check_bits(bits), calibration, y, max_loss=limit)
    _warn(choice)
    source, quantiser, quantised = _quantised(source, calibration, bits)
    sized = size(quantised, budget(target.part), choices, must_fit=must_fit)
    return Design(
        model=source,
        quantiser=quantiser,
        quantised=quantised,
        config=sized.config,
        board_name=target.name,
        bits_choice=choice,
        ranges=Ranges.of(source, calibration),
    )


def _warn(choice: BitsChoice | None) -> None:
    """Warn the caller of `convert` if a design loses more than it may."""
    if choice is not None and choice.warning is not None:
        warnings.warn(choice.warning, LossWarning, stacklevel=3)


def _quantised(source: PrototypeModel, calibration: Any, bits: int) -> tuple[PrototypeModel, Quantiser, QuantisedModel]:
    """The model with so many bits, the rule that quantises it, and what that makes of it."""
    source = source.with_bits(bits, calibration)
    quantiser = Quantiser.fit(source, calibration, bits=bits)
    return source, quantiser, quantiser.apply(source)


def _for_grid(
    source: PrototypeModel, calibration: Any, y: Any, grid: Design | str | os.PathLike[str], board: str
) -> Design:
    """The design of a model on the grid of another design.

    Raises
    ------
    InputError
        If that cannot be written, or the model differs in what would stay as it is.
    """
    from prototile.folder import load

    held = grid if isinstance(grid, Design) else load(grid)
    config = held.config
    if board not in (DEFAULT_BOARD, held.board_name):
        raise InputError(f"the grid was sized for {held.board_name}, not for {board}; leave the board out.")
    if not config.writable:
        raise InputError(
            "the memories of that grid cannot be written; convert its model with writable=True (prototile convert "
            "--writable), and build."
        )
    source, quantiser, quantised = _quantised(source, calibration, config.bits)
    shape = ("lanes", "rows", "columns", "pes_per_tile", "prototypes_per_pe", "memory", "writable", "memory_register")
    wanted = quantised.configuration(**{name: getattr(config, name) for name in shape}).to_dict()
    # What only bounds the words of a memory may be less.
    for name in ("entry_max", "shift_max"):
        if 0 < wanted[name] <= getattr(config, name):
            wanted[name] = getattr(config, name)
    for name, value in config.to_dict().items():
        if wanted[name] != value:
            raise InputError(
                f"the grid is made for {name}={value!r}, and this model has {wanted[name]!r}; give it a model of the "
                "same shape, or build a grid for this one."
            )
    design = Design(
        model=source,
        quantiser=quantiser,
        quantised=quantised,
        config=config,
        board_name=held.board_name,
        bits_choice=measure_bits(source, config.bits, calibration, y),
        ranges=Ranges.of(source, calibration),
    )
    if design.grid_digest != held.grid_digest:
        what = "classes of its prototypes, in their order,"
        if np.array_equal(quantised.labels, held.quantised.labels):
            what = "radii"
        raise InputError(f"the {what} are not those that the grid was made for; build a grid for this model.")
    return design


def budget(part: Part) -> Budget:
    """What a part offers to the grid."""
    family, available = part.family, part.available
    cells = available.logic_cells or available.lut
    assert cells, f"{part.name} has no logic cells"
    return Budget(
        part=part.name,
        logic_cells=cells,
        block_rams=available.bram or 0,
        block_ram_count=family.block_ram_count,
        single_ports=(available.spram or 0) if family.single_port_shapes else 0,
        single_port_count=family.single_port_count,
        distributed_ram=family.distributed_ram,
        multipliers=available.dsp or 0,
        memory_register=family.slow_block_ram,
        flip_flops_apart=family.flip_flops_apart,
        luts_per_chain=family.luts_per_chain,
    )


def find_board(name: str) -> Board:
    """The board of this name.

    Raises
    ------
    InputError, BoardError
        If it is no name, or there is none of it.
    """
    from prototile.boards.board import board

    if not isinstance(name, str):
        raise InputError(f"board must be the name of a board, not {name!r}; prototile boards lists them.")
    return board(name)


def _prototype_model(model: Any, trust_pickle: bool, labels: Any) -> PrototypeModel:
    if isinstance(model, (str, os.PathLike)):
        from prototile.files import load_model

        return load_model(model, trust_pickle=trust_pickle, labels=labels)
    from prototile.frontends import to_prototype_model

    return to_prototype_model(model, labels)


def _count(name: str, value: int | None) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise InputError(f"{name} must be a positive integer, not {value!r}.")
    return int(value)
