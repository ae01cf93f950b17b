"""Sizes the grid: which of the shapes that hold the model fits a part, and which of these is best."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from prototile.config import Configuration
from prototile.errors import FitError, InputError
from prototile.estimate import Cells, Estimate, Memory, estimate
from prototile.placement import row_occupancy, segment_count
from prototile.quantised import QuantisedModel
from prototile.rtl.memories import WRITABLE_ONLY

#: Elements of a tile that are tried, and tiles of a row.
PES_PER_TILE = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16)
COLUMNS = (1, 2, 4, 8)
#: Bits of a word of differing bits: with more than one lane where components have few.
HAMMING_WORD = 32
#: A memory of up to this many rows becomes logic: a look-up table holds a bit of 16 rows.
LOGIC_ROWS = 16
#: A memory of up to this many rows may become logic where block RAM runs out: such tables are large.
MOST_LOGIC_ROWS = 128
#: Share of the logic cells that a sized grid may take, so that placement and clock have room.
FILL = 0.85


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What a part offers.

    Parameters
    ----------
    part
        Its name, for messages.
    logic_cells, block_rams
        What it has.
    block_ram_count
        Block RAMs for a memory, called with ``width``, ``depth``, ``writable`` and ``granule``.
    single_ports, single_port_count
        Large RAMs of a single port, and those for a memory, called with ``width``, ``depth`` and ``granule``.
    distributed_ram
        Whether look-up tables can be RAM.
    multipliers
        Multiplier blocks that it has.
    memory_register
        Whether its block RAM is so slow that a register should follow.
    flip_flops_apart
        Whether its logic cells are look-up tables, beside which flip-flops take nothing.
    luts_per_chain
        Look-up tables that lead into and out of a carry chain.
    """

    part: str
    logic_cells: int
    block_rams: int
    block_ram_count: Callable[..., int]
    single_ports: int = 0
    single_port_count: Callable[..., int] | None = None
    distributed_ram: bool = False
    multipliers: int = 0
    memory_register: bool = False
    flip_flops_apart: bool = False
    luts_per_chain: float = 0.0

    def cells_of(self, figures: Estimate) -> int:
        """Logic cells of the part that a design takes."""
        return round(self._cells(figures.total))

    def pe_cells_of(self, figures: Estimate) -> float:
        """Logic cells of the part that the grid alone takes, divided by its processing elements."""
        return self._cells(figures.grid) / figures.pe_count

    def _cells(self, figures: Cells) -> float:
        taken = figures.look_up_tables if self.flip_flops_apart else figures.logic_cells
        return taken + self.luts_per_chain * figures.chains

    def block_rams_of(self, figures: Estimate) -> int:
        """Block RAMs that all memories of a design take."""
        return self.block_rams_for(figures.memories)

    def block_rams_for(self, memories: Iterable[Memory]) -> int:
        """Block RAMs that these memories take."""
        return sum(
            memory.count
            * self.block_ram_count(
                width=memory.width, depth=memory.depth, writable=memory.writable, granule=memory.granule
            )
            for memory in memories
            if memory.kind == "block"
        )

    def single_ports_for(self, memories: Iterable[Memory]) -> int:
        """Large RAMs of a single port that these memories take."""
        found = [memory for memory in memories if memory.kind == "single_port"]
        if not found or self.single_port_count is None:
            return 0
        return sum(
            memory.count * self.single_port_count(width=memory.width, depth=memory.depth, granule=memory.granule)
            for memory in found
        )


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What the user fixed; None leaves it to the sizing. `reduction` is always fixed."""

    reduction: str = "serial"
    lanes: int | None = None
    pe_count: int | None = None
    prototypes_per_pe: int | None = None
    pes_per_tile: int | None = None
    columns: int | None = None
    memory: str | None = None
    writable: bool | None = None
    memory_register: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Sized:
    """A shape with its estimate.

    Attributes
    ----------
    config, estimate
        The shape, and what it takes.
    block_rams
        Block RAMs planned.
    pe_count
        Elements: places that hold a prototype in some round.
    """

    config: Configuration
    estimate: Estimate
    block_rams: int
    pe_count: int


def size(model: QuantisedModel, budget: Budget, choices: Choices | None = None, *, must_fit: bool = True) -> Sized:
    """Find the shape with the shortest interval that fits, and of these the smallest.

    Parameters
    ----------
    model
        What the grid must hold.
    budget
        What it may take.
    choices
        What is fixed already. With `pe_count`, shapes of at most so many elements are considered; places that no
        prototype fills are no elements.
    must_fit
        Whether a model that is too large is refused; if not, it gets the shape that comes closest.

    Raises
    ------
    FitError
        If none fits; the message says by how much, and how many elements would.
    InputError
        If no shape meets the choices.
    """
    choices = choices or Choices()
    _check_memory(budget, choices)
    sizes = np.bincount(model.labels, minlength=model.class_count)
    candidates = _parallel if choices.reduction == "parallel" else _shapes
    shapes = sorted(candidates(model, sizes, budget, choices), key=lambda config: config.interval_cycles)
    if not shapes:
        raise InputError(
            f"no grid with {_fixed(choices)} holds {model.prototype_count} prototypes of {model.class_count} classes: "
            "leave one of these open"
        )
    tried = []
    for _, equally_fast in groupby(shapes, key=lambda config: config.interval_cycles):
        found = [_sized(budget, config, sizes) for config in equally_fast]
        fitting = [one for one in found if _fits(one, budget)]
        if fitting:
            return min(fitting, key=lambda one: (budget.cells_of(one.estimate), one.block_rams, one.config.columns))
        tried += found
    closest = min(tried, key=lambda one: _excess(one, budget))
    if not must_fit:
        return closest
    raise FitError(_too_large(closest, budget, model, choices))


def _fits(one: Sized, budget: Budget) -> bool:
    return (
        one.block_rams <= budget.block_rams
        and budget.single_ports_for(one.estimate.memories) <= budget.single_ports
        and budget.cells_of(one.estimate) <= FILL * budget.logic_cells
    )


def _sized(budget: Budget, config: Configuration, class_sizes: NDArray[np.int64]) -> Sized:
    occupied = row_occupancy(config, class_sizes)
    figures = estimate(config, occupied, multipliers=budget.multipliers)
    return Sized(
        config=config, estimate=figures, block_rams=budget.block_rams_of(figures), pe_count=int(occupied.sum())
    )


def _shapes(
    model: QuantisedModel, sizes: NDArray[np.int64], budget: Budget, choices: Choices
) -> Iterator[Configuration]:
    """All shapes that hold the model and meet the choices."""
    # What is there to be written is chosen to be written, unless the user says otherwise and is refused.
    writable = choices.memory in WRITABLE_ONLY if choices.writable is None else choices.writable
    register = budget.memory_register if choices.memory_register is None else choices.memory_register
    for lanes in (choices.lanes,) if choices.lanes else _lanes(model):
        for rows, rounds, pes_per_tile, columns in _grids(sizes, choices):
            config = model.configuration(
                lanes=lanes,
                rows=rows,
                columns=columns,
                pes_per_tile=pes_per_tile,
                prototypes_per_pe=rounds,
                writable=writable,
                memory_register=register,
            )
            if choices.pe_count is not None and row_occupancy(config, sizes).sum() > choices.pe_count:
                continue
            for memory in (choices.memory,) if choices.memory else _memories(config, budget):
                yield replace(config, memory=memory)


def _memories(config: Configuration, budget: Budget) -> list[str]:
    """Kinds of memory that are tried: look-up tables for few rows, and block RAM unless there are very few."""
    in_tables = "distributed" if config.writable else "logic"
    if config.memory_depth > MOST_LOGIC_ROWS or (config.writable and not budget.distributed_ram):
        return ["block"]
    return [in_tables] if config.memory_depth <= LOGIC_ROWS else ["block", in_tables]


def _check_memory(budget: Budget, choices: Choices) -> None:
    """Refuse a kind of memory that the part has not.

    Raises
    ------
    InputError
        If it has not.
    """
    if choices.memory == "distributed" and not budget.distributed_ram:
        raise InputError(
            f"memory='distributed' is RAM in look-up tables, which {budget.part} has not; use memory='block'."
        )
    if choices.memory == "single_port" and not budget.single_ports:
        raise InputError(
            f"memory='single_port' is a large RAM of one port, which {budget.part} has not; use memory='block'."
        )


def _lanes(model: QuantisedModel) -> list[int]:
    """Components a cycle that are tried: one, but words of up to `HAMMING_WORD` bits where bits are counted.

    A count of many bits takes few cells for each of them: most of an element does not grow with the word.
    """
    if model.metric != "hamming":
        return [1]
    most = max(1, min(HAMMING_WORD // model.bits, model.features))
    return [1 << at for at in range(most.bit_length())]


def _grids(sizes: NDArray[np.int64], choices: Choices) -> Iterator[tuple[int, int, int, int]]:
    """Rows, rounds, elements of a tile and columns of all grids that hold classes of these sizes."""
    largest = int(sizes.max())
    seen = set()
    for pes_per_tile in (choices.pes_per_tile,) if choices.pes_per_tile else PES_PER_TILE:
        for columns in (choices.columns,) if choices.columns else COLUMNS:
            pes_per_row = pes_per_tile * columns
            if pes_per_row >= 2 * largest and pes_per_row > 1 and not (choices.pes_per_tile or choices.columns):
                continue
            segments = segment_count(sizes, pes_per_row)
            for rounds in (choices.prototypes_per_pe,) if choices.prototypes_per_pe else _rounds(segments):
                grid = (-(-segments // rounds), rounds, pes_per_tile, columns)
                if grid not in seen:
                    seen.add(grid)
                    yield grid


def _parallel(
    model: QuantisedModel, sizes: NDArray[np.int64], budget: Budget, choices: Choices
) -> Iterator[Configuration]:
    """The one shape of the parallel form: a row a class, as long as the largest. Choices that differ are refused."""
    largest = int(sizes.max())
    for name, needed, refused in (
        ("pe_count", model.prototype_count, (choices.pe_count or model.prototype_count) < model.prototype_count),
        ("pes_per_tile", largest, (choices.pes_per_tile or largest) != largest),
    ):
        if refused:
            raise InputError(
                f"{name} is {needed} with reduction='parallel', which has an element for each prototype, not "
                f"{getattr(choices, name)}: leave it out, or use reduction='serial'."
            )
    yield model.configuration(
        reduction="parallel",
        lanes=choices.lanes or model.features,
        rows=int(np.count_nonzero(sizes)),
        columns=choices.columns or 1,
        pes_per_tile=largest,
        prototypes_per_pe=choices.prototypes_per_pe or 1,
        memory=choices.memory or "logic",
        writable=bool(choices.writable),
        memory_register=bool(choices.memory_register),
    )


def _rounds(segments: int) -> list[int]:
    """Rounds that lead to different numbers of rows: the fewest for each."""
    return sorted({-(-segments // rows) for rows in range(1, segments + 1)})


def _fixed(choices: Choices) -> str:
    named = {name: value for name, value in vars(choices).items() if value is not None and name != "reduction"}
    return ", ".join(f"{name}={value}" for name, value in named.items()) or "these choices"


def _fits_freely(model: QuantisedModel, budget: Budget, choices: Choices) -> bool:
    """Whether a model that does not fit with these choices does without them."""
    free = Choices(reduction=choices.reduction)
    if choices == free:
        return False
    try:
        size(model, budget, free)
    except FitError:
        return False
    return True


def _excess(one: Sized, budget: Budget) -> float:
    """How many times the part a shape takes, of what it takes most of."""
    cells = budget.cells_of(one.estimate) / (FILL * budget.logic_cells)
    return max(cells, one.block_rams / budget.block_rams if budget.block_rams else float(one.block_rams > 0) * 9)


def _too_large(closest: Sized, budget: Budget, model: QuantisedModel, choices: Choices) -> str:
    """Say what is missing for the shape that comes closest, how many elements fit, and what to do."""
    cells, rams = budget.cells_of(closest.estimate), closest.block_rams
    per_pe = budget.pe_cells_of(closest.estimate)
    shell = cells - per_pe * closest.pe_count
    # Rounding must not turn what does not fit into something that does.
    largest = min(closest.pe_count - 1, max(0, int((FILL * budget.logic_cells - shell) / per_pe)))
    if rams and closest.config.memory == "block":
        largest = min(largest, closest.pe_count * budget.block_rams // rams)
    fitting = model.prototype_count * largest // closest.pe_count
    usable = int(FILL * budget.logic_cells)
    cells_used = f"{cells} of {usable} usable logic cells ({FILL:.0%} of all, as place-and-route needs room)"
    figures = f"{cells_used} and {rams} of {budget.block_rams} block RAMs"
    lacking = {"logic cells": cells > usable, "block RAMs": rams > budget.block_rams}
    short = " and ".join(name for name, lacks in lacking.items() if lacks)
    each = closest.config.prototypes_per_pe
    held = "one prototype each" if each == 1 else f"up to {each} prototypes each"
    grid = f"{closest.pe_count} PEs with {held}"
    limit = (
        f"at most about {largest} such PEs, {fitting} prototypes, fit" if fitting else "not one such PE fits beside it"
    )
    ways_out = ["fewer prototypes", "fewer bits", "or a larger part"]
    if model.metric in ("l1", "l2", "linf"):
        ways_out[0] = "fewer prototypes (of samples: prototile.condense, convert --prototypes N)"
    if model.metric == "table":
        ways_out[1] = f"fewer levels of a component (a table has a row for each of the {1 << model.bits})"
    if closest.config.reduction == "parallel":
        ways_out.insert(0, "reduction='serial'")
    advice = f"use {', '.join(ways_out)}"
    if _fits_freely(model, budget, choices):
        advice = f"leave out {_fixed(choices)}, without which it fits"
    return (
        f"{model.prototype_count} prototypes of {model.features} features at {model.bits} bits do not fit "
        f"{budget.part}: the grid that comes closest, {grid}, takes about {figures}; "
        f"{short} run out, {limit}: {advice}."
    )
