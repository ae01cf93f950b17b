"""Resources of a design without synthesis: what each part of the hardware takes, added up in microseconds.

The numbers count 4-input look-up tables with a carry input and flip-flops as `prototile.rtl` describes them. What
synthesis saves or adds beyond that is in the numbers of the link and of the query buffer in logic, fitted to whole
chips placed on the iCE40UP5K; the test that builds these says how far off the sum may be.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prototile.config import Configuration, bit_count, index_bit_count
from prototile.rtl.buffers import SLOTS, in_block_ram

#: Bits of the tag that goes with a query, as in `prototile.rtl.layout`, which needs the hardware library.
_TAG_WIDTH = 8


@dataclass(frozen=True, kw_only=True)
class Memory:
    """A memory of the design, or several that are alike.

    Parameters
    ----------
    name
        What it holds.
    count
        How many there are.
    width, depth
        Bits of a row, and rows.
    writable
        Whether it has a write port.
    block
        Whether it is planned in block RAM.
    """

    name: str
    width: int
    depth: int
    count: int = 1
    writable: bool = False
    block: bool = True


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Estimated resources.

    Attributes
    ----------
    lut, ff
        Look-up tables and flip-flops.
    logic_cells
        Cells of a look-up table and a flip-flop each, where a flip-flop shares the cell of the table that feeds it.
    pe_logic_cells
        The same for the grid alone, divided by its processing elements.
    memories
        All memories of the design.
    """

    lut: int
    ff: int
    logic_cells: int
    pe_logic_cells: float
    memories: tuple[Memory, ...]


@dataclass
class _Cells:
    """Cells by what is in them: table and flip-flop, table only, flip-flop only."""

    both: float = 0
    lut: float = 0
    ff: float = 0

    def add(self, other: "_Cells", times: float = 1) -> None:
        self.both += other.both * times
        self.lut += other.lut * times
        self.ff += other.ff * times

    @property
    def total(self) -> float:
        return self.both + self.lut + self.ff


def estimate(config: Configuration, occupied: NDArray[np.int64], *, link: bool = True) -> Estimate:
    """Estimate a core, with its serial link or without.

    Parameters
    ----------
    occupied : (rows,)
        Elements of each row that hold a prototype, see `prototile.placement.row_occupancy`.
    """
    cells = _Cells()
    if config.reduction == "parallel":
        grid = _elements_and_trees(config, occupied)
        cells.add(_ends(config))
    else:
        grid = _grid(config, occupied)
        cells.add(_front_end(config))
        cells.add(_query_buffer(config))
        cells.add(_back_end(config))
    cells.add(grid)
    if link:
        cells.add(_link(config))
    return Estimate(
        lut=round(cells.both + cells.lut),
        ff=round(cells.both + cells.ff),
        logic_cells=round(cells.total),
        pe_logic_cells=round(grid.total / int(occupied.sum()), 1),
        memories=memories(config, occupied),
    )


def memories(config: Configuration, occupied: NDArray[np.int64]) -> tuple[Memory, ...]:
    """All memories: of the tiles, the query buffer and the collector's tables; of the parallel form, its records."""
    if config.reduction == "parallel":
        return _record_memories(config)
    depth = config.prototypes_per_pe * config.memory_rows
    first = np.arange(config.columns) * config.pes_per_tile
    in_tile = np.clip(occupied[:, None] - first, 0, config.pes_per_tile)
    found = [
        Memory(
            name="prototypes",
            width=int(elements) * config.word_width,
            depth=depth,
            count=int(count),
            block=config.memory == "block",
        )
        for elements, count in zip(*np.unique(in_tile[in_tile > 0], return_counts=True), strict=True)
    ]
    buffer_depth = SLOTS << index_bit_count(config.words)
    found.append(
        Memory(
            name="query buffer",
            width=config.word_width,
            depth=buffer_depth,
            writable=True,
            block=in_block_ram(buffer_depth, config.word_width),
        )
    )
    segments = config.rows * config.prototypes_per_pe
    tables = [("index table", segments << config.position_width, config.index_width)]
    tables.append(("class table", segments, 1 + config.class_width + _segment_radius_width(config)))
    for name, rows, width in tables:
        found.append(Memory(name=name, width=width, depth=rows, block=in_block_ram(rows, width)))
    return tuple(found)


def _record_memories(config: Configuration) -> tuple[Memory, ...]:
    """Both memories of `prototile.rtl.outbox.Outbox`."""
    depth = 1 << index_bit_count(config.queries_inside)
    computed = sum(width for _, width, _ in config.record_fields()) - config.saturated_width
    widths = {"records": computed, "what came with queries": config.saturated_width + _TAG_WIDTH}
    return tuple(Memory(name=name, width=width, depth=depth, writable=True) for name, width in widths.items())


def _segment_radius_width(config: Configuration) -> int:
    return config.distance_width if config.radii in ("common", "class") else 0


def _rom_luts(width: int, depth: int) -> float:
    """Tables of a constant memory in logic: one a bit up to 16 rows, then multiplexers on top."""
    return width * max(1.0, depth / 16 * 1.2)


def _element(config: Configuration) -> _Cells:
    bits, lanes, width = config.bits, config.lanes, config.distance_width
    cells = _Cells(both=lanes * (bits + 1))
    term = bits
    if config.metric == "l2":
        if bits <= 4:
            cells.both += lanes * {1: 1, 2: 3, 3: 7, 4: 14}[bits]
        else:
            cells.both += lanes * (bits + 2 * bits)
            cells.lut += lanes * (bits + 0.6 * bits * bits)
        term = 2 * bits
    for level in range(index_bit_count(lanes)):
        adders = lanes >> (level + 1)
        cells.both += adders * (term + level + 2)
        cells.lut += adders * (term + level) * (level == 0 and config.metric == "l1")
    cells.lut += term + index_bit_count(lanes)
    # The accumulator and its carry input; the bit of the key, the candidate, and a share of the bank's minimum.
    cells.both += width
    cells.lut += 1
    cells.both += 2
    cells.lut += 0.75
    if config.radii == "prototype":
        cells.both += 2
        cells.lut += 2
        cells.ff += config.unit_latency_cycles
    if config.memory_register:
        cells.ff += lanes * bits
    if config.memory == "logic":
        cells.both += _rom_luts(lanes * bits, config.prototypes_per_pe * config.memory_rows)
    return cells


def _grid(config: Configuration, occupied: NDArray[np.int64]) -> _Cells:
    cells = _Cells()
    cells.add(_element(config), int(occupied.sum()))
    banks = -(-config.pes_per_tile // config.pes_per_bank)
    address = index_bit_count(config.prototypes_per_pe * config.memory_rows)
    pulses = config.place_width + config.bank_width + config.column_width
    tile = _Cells(ff=config.word_width * (1 + config.memory_register) + address + 2 + pulses, both=6, lut=3)
    tile.add(_Cells(both=2.5, lut=2), banks)
    tile.add(_Cells(both=3), banks - 1 + (config.columns > 1))
    cells.add(tile, config.rows * config.columns)
    cells.add(_Cells(both=config.key_width, ff=5, lut=2), config.rows)
    return cells


def _query_buffer(config: Configuration) -> _Cells:
    """The buffer where it is too small for a block RAM: a flip-flop a bit, and the tables that select a row."""
    rows = SLOTS << index_bit_count(config.words)
    if in_block_ram(rows, config.word_width):
        return _Cells()
    return _Cells(ff=rows * config.word_width, lut=1.2 * rows * config.word_width)


def _front_end(config: Configuration) -> _Cells:
    counters = index_bit_count(config.words + 1) + 2 * index_bit_count(config.interval_cycles)
    address = index_bit_count(config.prototypes_per_pe * config.memory_rows)
    return _Cells(both=counters + 2 * address + 8, lut=40)


def _back_end(config: Configuration) -> _Cells:
    order = config.index_width + config.distance_width + 1
    sideband = config.saturated_width + _TAG_WIDTH
    record = sum(width for _, width, _ in config.record_fields()) + _TAG_WIDTH
    cells = _Cells(both=order + 3 * config.distance_width, ff=3 * order + 3 * config.class_width, lut=2 * order + 30)
    cells.add(_Cells(ff=4 * sideband, lut=2 * sideband))
    cells.add(_Cells(ff=record))
    for memory in (
        (config.index_width, config.rows * config.prototypes_per_pe << config.position_width),
        (1 + config.class_width + _segment_radius_width(config), config.rows * config.prototypes_per_pe),
    ):
        cells.both += _rom_luts(*memory) if memory[1] <= 32 else 0
    return cells


def _constant_units(config: Configuration, count: int) -> _Cells:
    """Distance units of `count` constant prototypes, and the registers of their distances."""
    bits, lanes = config.bits, config.lanes
    term = bit_count(config.term_max)
    cells = _Cells(ff=count * config.distance_width)
    if config.looks_terms_up:
        # Prototypes that are alike in a component share its table: of as many values, so many are different ones.
        levels = 1 << bits
        different = levels * (1 - (1 - 1 / levels) ** count)
        cells.both += different * lanes * term * max(1, levels / 16)
    elif config.metric == "hamming":
        cells.both += count * lanes * bits
    else:
        cells.both += count * lanes * (bits + 1) * (2 if config.metric == "box" else 1)
        cells.both += count * lanes * (term if config.metric != "l1" or config.shift_max else 0)
        if config.metric == "l2":
            cells.both += count * lanes * 2 * bits
            cells.lut += count * lanes * (bits + 0.6 * bits * bits)
    for level in range(index_bit_count(lanes) if config.metric != "hamming" else 0):
        joined, left_over = divmod(-(-lanes >> level), 2)
        width = term if config.metric == "linf" else term + level + 1
        cells.both += count * joined * width
        cells.lut += count * joined * (width if config.metric == "linf" or not config.looks_terms_up else 0)
        cells.ff += count * left_over * width
    return cells


def _elements_and_trees(config: Configuration, occupied: NDArray[np.int64]) -> _Cells:
    """The parallel form's elements, the trees within each class, and the tree over the classes."""
    count, order = int(occupied.sum()), config.distance_width + (config.radii in ("class", "prototype"))
    cells = _constant_units(config, count)
    compared = {"prototype": count, "class": config.rows, "common": 2}.get(config.radii, 0)
    cells.add(_Cells(both=1, lut=config.distance_width, ff=config.distance_width), compared)
    # Each node compares, and chooses the order and a bit or so of the place.
    for members in occupied:
        for level in range(config.member_levels):
            joined, left_over = divmod(-(-int(members) >> level), 2)
            cells.add(_Cells(both=order + level + 1, lut=order), joined)
            cells.add(_Cells(ff=order + level), left_over)
    place = config.member_levels
    for level in range(config.class_levels):
        joined, left_over = divmod(-(-config.rows >> level), 2)
        chosen = 2 * (order + level + 1) + place
        # Above the first level there are three comparisons, and the runner-up is one of four.
        further = _Cells(lut=2 * order + order + level) if level else _Cells()
        cells.add(_Cells(both=chosen, lut=order), joined)
        cells.add(further, joined)
        cells.add(_Cells(ff=chosen), left_over)
    return cells


def _ends(config: Configuration) -> _Cells:
    """What lies around the parallel form's elements and trees: the query's register, the margin, the buffer."""
    record = sum(width for _, width, _ in config.record_fields()) + _TAG_WIDTH
    pointers = 5 * index_bit_count(config.queries_inside)
    fields = 2 * (config.class_width + config.distance_width + 1) + config.index_width
    return _Cells(
        both=config.distance_width + 1 + pointers,
        lut=2 * config.class_width + config.distance_width + 20,
        ff=config.word_width + config.latency_cycles + record + fields,
    )


def _link(config: Configuration) -> _Cells:
    record = sum(width for _, width, _ in config.record_fields())
    # Most flip-flops of the link load a byte or keep it, so that no table of theirs shares their cell.
    return _Cells(both=15 + record + config.word_width, lut=275, ff=140 + config.saturated_width)
