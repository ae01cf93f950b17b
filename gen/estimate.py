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
from prototile.rtl.distance.shape import COUNT_CHAIN_BITS, count_carries, count_numbers, count_pairs, count_runs

#: Bytes of what a chip tells of itself, as in `prototile.boards.driver`, which needs the serial library.
IDENTITY_BYTES = 43
#: Bits of the tag that goes with a query, as in `prototile.rtl.layout`, which needs the hardware library.
_TAG_WIDTH = 8
#: Cells that begin and end a carry chain of several sums, fitted to chips placed on iCE40.
CHAIN_ENDS = 2.0


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
    kind
        One of `prototile.config.MEMORIES`.
    granule
        Bits of a row that are written at once; None for all of them.
    """

    name: str
    width: int
    depth: int
    count: int = 1
    writable: bool = False
    kind: str = "block"
    granule: int | None = None


@dataclass
class Cells:
    """Cells by what is in them.

    Parameters
    ----------
    both, lut, ff
        Those with a look-up table and a flip-flop that it feeds, with a table only, with a flip-flop only.
    chains
        Carry chains whose ends take cells on some families; those that adders share (`prototile.rtl.adders`) do not.
    """

    both: float = 0
    lut: float = 0
    ff: float = 0
    chains: float = 0

    def add(self, other: "Cells", times: float = 1) -> None:
        """Take in `other`, so many times."""
        self.both += other.both * times
        self.lut += other.lut * times
        self.ff += other.ff * times
        self.chains += other.chains * times

    @property
    def look_up_tables(self) -> float:
        """Look-up tables in all cells."""
        return self.both + self.lut

    @property
    def flip_flops(self) -> float:
        """Flip-flops in all cells."""
        return self.both + self.ff

    @property
    def logic_cells(self) -> float:
        """Cells of a table and a flip-flop each."""
        return self.both + self.lut + self.ff


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Estimated resources.

    Attributes
    ----------
    total
        Cells of the whole design.
    grid
        Cells of its `pe_count` processing elements with their tiles and row ends.
    memories
        All memories of the design.
    """

    total: Cells
    grid: Cells
    pe_count: int
    memories: tuple[Memory, ...]


def estimate(
    config: Configuration, occupied: NDArray[np.int64], *, link: bool = True, multipliers: int = 0
) -> Estimate:
    """Estimate a core, with its serial link or without.

    Parameters
    ----------
    occupied : (rows,)
        Elements of each row that hold a prototype, see `prototile.placement.row_occupancy`.
    multipliers
        Multiplier blocks of the part. If it has one for each product, none of these takes logic, else all do.
    """
    cells = Cells()
    if config.reduction == "parallel":
        grid = _elements_and_trees(config, occupied)
        cells.add(_ends(config))
    else:
        in_logic = config.multiplier_count(int(occupied.sum())) > multipliers
        grid = _grid(config, occupied, products_in_logic=in_logic)
        cells.add(_front_end(config))
        cells.add(_query_buffer(config))
        cells.add(_back_end(config))
    cells.add(grid)
    if link:
        cells.add(_link(config))
    return Estimate(total=cells, grid=grid, pe_count=int(occupied.sum()), memories=memories(config, occupied))


def memories(config: Configuration, occupied: NDArray[np.int64]) -> tuple[Memory, ...]:
    """All memories: of the tiles, the query buffer and the collector's tables; of the parallel form, its records.

    Synthesis leaves out what never changes, see `prototile.hardware.planned_memories`.
    """
    if config.reduction == "parallel":
        return _record_memories(config)
    first = np.arange(config.columns) * config.pes_per_tile
    in_tile = np.clip(occupied[:, None] - first, 0, config.pes_per_tile)
    unit = config.unit
    found = [
        Memory(
            name="prototypes",
            width=int(elements) * unit.field_width,
            depth=config.memory_depth,
            count=int(count) * unit.memories,
            writable=config.writable,
            kind=config.memory,
            granule=unit.field_width if config.writable else None,
        )
        for elements, count in zip(*np.unique(in_tile[in_tile > 0], return_counts=True), strict=True)
    ]
    found.append(query_buffer(config))
    segments = config.rows * config.prototypes_per_pe
    found.append(_table("index table", segments << config.position_width, config.index_width))
    found.append(_table("class table", segments, 1 + config.class_width + _segment_radius_width(config)))
    return (*found, *identity_memory(config))


def identity_memory(config: Configuration) -> tuple[Memory, ...]:
    """What tells which model a chip holds, where that can be another than it started with."""
    return (Memory(name="identity", width=8, depth=IDENTITY_BYTES, writable=True),) if config.writable else ()


def query_buffer(config: Configuration) -> Memory:
    """The memory that queries wait in and play from."""
    depth = SLOTS << index_bit_count(config.words)
    kind = memory_kind(depth, config.word_width)
    return Memory(name="query buffer", width=config.word_width, depth=depth, writable=True, kind=kind)


def _table(name: str, depth: int, width: int) -> Memory:
    return Memory(name=name, width=width, depth=depth, kind=memory_kind(depth, width))


def memory_kind(depth: int, width: int) -> str:
    """Where a memory lies that nobody chose a place for."""
    return "block" if in_block_ram(depth, width) else "logic"


def _record_memories(config: Configuration) -> tuple[Memory, ...]:
    """Both memories of `prototile.rtl.outbox.Outbox`."""
    depth = 1 << index_bit_count(config.queries_inside)
    computed = sum(width for _, width, _ in config.record_fields()) - config.saturated_width
    widths = {"records": computed, "what came with queries": config.saturated_width + _TAG_WIDTH}
    return tuple(Memory(name=name, width=width, depth=depth, writable=True) for name, width in widths.items())


def _segment_radius_width(config: Configuration) -> int:
    return config.distance_width if config.radii in ("common", "class") else 0


def _rom_luts(width: int, depth: int) -> float:
    """Tables of a prototype memory in logic: one a bit up to 16 rows, then multiplexers on top."""
    return width * (1.0 if depth <= 16 else depth / 16 * 2.2 - 0.5)


def _rom_share(config: Configuration) -> float:
    """Share of a tile's memory in logic that is left where few rows make columns equal: synthesis merges these."""
    columns = config.pes_per_tile * config.unit.memory_width
    different = 2 ** min(config.memory_depth, 16) - 2
    return different / columns * (1 - (1 - 1 / different) ** columns) if different else 0.0


def _distributed_luts(width: int, depth: int, granule: int) -> float:
    """RAM in look-up tables: 16 rows of 4 bits take four of them and two to write them, then multiplexers on top."""
    return width / granule * -(-granule // 4) * -(-depth // 16) * 6 + width * 0.75 * (-(-depth // 16) - 1)


def _counting_luts(width: int, depth: int) -> float:
    """The same for a table of the collector, whose rows count up for the most part."""
    return width * max(1.0, depth / 16 * 1.2)


def _lane(config: Configuration, products_in_logic: bool) -> Cells:
    """The distance unit of one component, see `prototile.rtl.distance.lanes`."""
    bits, shift = config.bits, config.shift_max
    if config.metric == "table":
        return Cells(ff=config.unit.entry_bits)
    cells = Cells(both=bits + 1, chains=1)
    if config.metric == "l2":
        if not config.unit.multiplies:
            cells.both += {1: 1, 2: 3, 3: 7, 4: 14}[bits]
        else:
            cells.add(Cells(both=bits, chains=1))
            if products_in_logic:
                cells.add(Cells(both=2 * bits, lut=(0.15 * bits - 0.17) * bits * bits))
    elif config.metric == "linf":
        cells.add(Cells(both=bits, lut=bits + 1, chains=bits > 4))
    elif config.metric == "box":
        cells.add(Cells(both=2 * (bits + 1), chains=1))
    if shift:
        term = config.unit.lane_width
        # Up to a shift by one, a bit takes four inputs; a square one less, as it is no difference to be complemented.
        choice = 0.6 * shift - (0.7 if config.metric == "l2" else 0.2) if shift > 1 else 0
        cells.add(Cells(both=term, lut=choice * term, ff=1 + config.unit.shift_bits))
    return cells


def _unit(config: Configuration, products_in_logic: bool) -> tuple[Cells, int]:
    """The distance unit of a word, and the bits of its term."""
    if config.metric == "hamming":
        return _hamming(config), config.unit.term_width
    cells = Cells()
    cells.add(_lane(config, products_in_logic), config.lanes)
    width = config.unit.lane_width
    maximum, carries = config.metric == "linf", config.metric in ("l1", "box")
    if config.metric == "l1" and not config.shift_max and config.bits > 1:
        # What makes an absolute difference of the ones' complement lies ahead of the adders.
        cells.lut += 2 * width * (config.lanes // 2)
    for level in range(index_bit_count(config.lanes)):
        joined, left_over = divmod(-(-config.lanes >> level), 2)
        # A sum, its carry out of the chain into a register, the carry input, and the carry that is passed on.
        join = Cells(both=width, lut=2) if maximum else Cells(both=width, lut=1 + carries, ff=1 + carries)
        join.chains = 1
        cells.add(join, joined)
        cells.ff += left_over * (width + carries)
        width += not maximum
    return cells, width


def _hamming(config: Configuration) -> Cells:
    """The runs and the tree of `prototile.rtl.distance.hamming`, level by level."""
    bits = config.word_width
    carries, pairs, runs = count_carries(bits), count_pairs(bits), len(count_runs(bits))
    numbers = count_numbers(pairs)
    loose = max(0, len(numbers) - 1)
    # Two tables a pair, and one for the first bit of each run; the sum of all needs one more if a pair needs it, too.
    cells = Cells(both=loose + 1 + carries, lut=2 * pairs - loose + runs - (runs > 1 or not pairs))
    cells.lut += bits * config.masked
    cells.both += 2 * sum(number > 1 for number in numbers)
    numbers = [min(2, number) for number in numbers]
    level = 0
    while len(numbers) > 1:
        sums = [max(numbers[at : at + 2]) + 1 for at in range(0, len(numbers) - 1, 2)]
        rest = numbers[len(numbers) & ~1 :]
        loose = max(0, loose - len(sums))
        # Each sum with its carry out; what begins and ends a chain of sums is fitted to whole chips.
        chains = -(-sum(sums) // COUNT_CHAIN_BITS)
        cells.lut += sum(sums) + CHAIN_ENDS * chains
        cells.chains += chains
        numbers = sums + rest
        if level % 2 and len(numbers) > 1:
            cells.ff += 1 + loose + carries + sum(rest)
        level += 1
    return cells


def _element(config: Configuration, products_in_logic: bool) -> Cells:
    width = config.distance_width
    cells, term = _unit(config, products_in_logic)
    if config.metric == "linf":
        cells.add(Cells(both=width, lut=width + 1))
    else:
        # The accumulator, what chooses between the term and itself, and the carry input.
        with_carry = config.metric in ("l1", "box", "hamming") or config.k > 1 or config.radii == "prototype"
        cells.add(Cells(both=width, lut=min(term, width) + with_carry, chains=1))
    # The bit of the key, the candidate, and a share of the bank's minimum.
    cells.add(Cells(both=2, lut=0.75))
    if config.k > 1:
        cells.add(Cells(both=1, lut=2))
    if config.radii == "prototype":
        cells.both += 2
        cells.lut += 2
        cells.ff += config.unit.latency
    if config.memory_register:
        cells.ff += config.unit.memory_width
    if config.memory == "logic":
        cells.both += _rom_luts(config.unit.memory_width, config.memory_depth) * _rom_share(config)
    if config.memory == "distributed":
        cells.lut += _distributed_luts(config.unit.memory_width, config.memory_depth, config.unit.field_width)
        cells.ff += config.unit.memory_width
    if config.writable:
        cells.lut += 1
    return cells


def _grid(config: Configuration, occupied: NDArray[np.int64], *, products_in_logic: bool) -> Cells:
    cells = Cells()
    cells.add(_element(config, products_in_logic), int(occupied.sum()))
    banks = -(-config.pes_per_tile // config.pes_per_bank)
    address = index_bit_count(config.prototypes_per_pe * config.memory_rows)
    pulses = config.place_width + config.bank_width + config.column_width
    tile = Cells(ff=config.word_width * (1 + config.memory_register) + address + 2 + pulses, both=6, lut=3)
    tile.add(Cells(both=2.5, lut=2), banks)
    if config.writable:
        where = index_bit_count(config.rows) + config.column_width + index_bit_count(config.pes_per_tile)
        tile.add(Cells(ff=1 + where + config.unit.written_beside, lut=2))
    if config.k > 1:
        tile.add(Cells(both=3 + banks, ff=config.unit.latency + 2))
    tile.add(Cells(both=3), banks - 1 + (config.columns > 1))
    cells.add(tile, config.rows * config.columns)
    cells.add(Cells(both=config.key_width, ff=5, lut=2), config.rows)
    return cells


def _query_buffer(config: Configuration) -> Cells:
    """The buffer where it is too small for a block RAM: a flip-flop a bit, and the tables that select a row."""
    rows = SLOTS << index_bit_count(config.words)
    if in_block_ram(rows, config.word_width):
        return Cells()
    return Cells(ff=rows * config.word_width, lut=0.85 * rows * config.word_width)


def _front_end(config: Configuration) -> Cells:
    counters = index_bit_count(config.words + 1) + 2 * index_bit_count(config.interval_cycles)
    address = index_bit_count(config.prototypes_per_pe * config.memory_rows)
    cells = Cells(both=counters + 2 * address + 8, lut=40, chains=10)
    if config.writable:
        cells.add(Cells(lut=config.word_width + address, ff=config.unit.memory_width + address + 6))
    return cells


def _back_end(config: Configuration) -> Cells:
    order = config.index_width + config.distance_width + 1
    sideband = config.saturated_width + _TAG_WIDTH
    record = sum(width for _, width, _ in config.record_fields()) + _TAG_WIDTH
    cells = Cells(
        both=order + 3 * config.distance_width,
        ff=3 * order + 3 * config.class_width,
        lut=2 * order + 30,
        chains=14,
    )
    cells.add(Cells(ff=4 * sideband, lut=2 * sideband))
    cells.add(Cells(ff=record))
    if config.k > 1:
        cells.add(_vote(config))
    for memory in (
        (config.index_width, config.rows * config.prototypes_per_pe << config.position_width),
        (1 + config.class_width + _segment_radius_width(config), config.rows * config.prototypes_per_pe),
    ):
        cells.both += _counting_luts(*memory) if memory[1] <= 32 else 0
    return cells


def _vote(config: Configuration) -> Cells:
    """The neighbours that vote, see `prototile.rtl.vote.Vote`."""
    k, order, class_width = config.k, config.index_width + config.distance_width + 1, config.class_width
    answer, count = class_width + config.distance_width, bit_count(k)
    # Each neighbour keeps a key and compares it with the new one.
    cells = Cells(ff=order + class_width)
    cells.add(Cells(both=order + class_width + 1, lut=order + 4), k)
    # One after another is chosen, counted, and becomes the winner.
    cells.add(Cells(both=answer, lut=answer * (k - 1) * 0.6, ff=2 * answer))
    cells.add(Cells(both=count, lut=k * (2 + class_width / 2)))
    cells.add(Cells(both=2 * count + 4, lut=2 * count + answer + class_width + 6))
    return cells


def _constant_units(config: Configuration, count: int) -> Cells:
    """Distance units of `count` constant prototypes."""
    bits, lanes = config.bits, config.lanes
    term = bit_count(config.term_max)
    cells = Cells()
    if config.looks_terms_up:
        tables, term = _looked_up_terms(config, count)
        cells.both += lanes * tables
        cells.lut += lanes * tables * max(0, 2**bits / 16 - 1)
    elif config.metric == "hamming":
        cells.both += count * (lanes * bits + config.distance_width)
    else:
        cells.both += count * config.distance_width
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


def _looked_up_terms(config: Configuration, count: int) -> tuple[float, int]:
    """Tables that `count` prototypes take for one component, a bit each, and bits of a term.

    Prototypes that have a table in common share it, and one that is always the same is none. For differences and
    squares of components that are spread evenly this is counted.
    """
    levels = np.arange(1 << config.bits)
    if config.metric == "table" or config.masked or config.shift_max:
        width = bit_count(config.term_max)
        return width * len(levels) * (1 - (1 - 1 / len(levels)) ** count), width
    terms = np.abs(levels[:, None] - levels)
    if config.metric == "l2":
        terms = terms**2
    width = bit_count(round(float(terms.max(axis=1).mean())))
    bits = terms[:, None, :] >> np.arange(bit_count(config.term_max))[:, None] & 1
    varying = bits.reshape(-1, len(levels))
    varying = varying[varying.min(axis=1) != varying.max(axis=1)]
    _, shared_by = np.unique(varying, axis=0, return_counts=True)
    return float(np.sum(1 - (1 - shared_by / len(levels)) ** count)), width


def _elements_and_trees(config: Configuration, occupied: NDArray[np.int64]) -> Cells:
    """The parallel form's elements, the trees within each class, and the tree over the classes."""
    count, order = int(occupied.sum()), config.distance_width + (config.radii in ("class", "prototype"))
    cells = _constant_units(config, count)
    compared = {"prototype": count, "class": config.rows, "common": 2}.get(config.radii, 0)
    cells.add(Cells(both=1, lut=config.distance_width, ff=config.distance_width), compared)
    # Each node compares, and chooses the order and a bit or so of the place.
    for members in occupied:
        for level in range(config.member_levels):
            joined, left_over = divmod(-(-int(members) >> level), 2)
            cells.add(Cells(both=order + level + 1, lut=order), joined)
            cells.add(Cells(ff=order + level), left_over)
    place = config.member_levels
    for level in range(config.class_levels):
        joined, left_over = divmod(-(-config.rows >> level), 2)
        chosen = 2 * (order + level + 1) + place
        # Above the first level there are three comparisons, and the runner-up is one of four.
        further = Cells(lut=2 * order + order + level) if level else Cells()
        cells.add(Cells(both=chosen, lut=order), joined)
        cells.add(further, joined)
        cells.add(Cells(ff=chosen), left_over)
    return cells


def _ends(config: Configuration) -> Cells:
    """What lies around the parallel form's elements and trees: the query's register, the margin, the buffer."""
    record = sum(width for _, width, _ in config.record_fields()) + _TAG_WIDTH
    pointers = 5 * index_bit_count(config.queries_inside)
    fields = 2 * (config.class_width + config.distance_width + 1) + config.index_width
    return Cells(
        both=config.distance_width + 1 + pointers,
        lut=2 * config.class_width + config.distance_width + 20,
        ff=config.word_width + config.latency_cycles + record + fields,
        chains=14,
    )


def _link(config: Configuration) -> Cells:
    record = sum(width for _, width, _ in config.record_fields())
    # Most flip-flops of the link load a byte or keep it, so that no table of theirs shares their cell.
    cells = Cells(both=15 + record + config.word_width, lut=275, ff=140 + config.saturated_width, chains=14)
    if config.writable:
        cells.add(Cells(lut=58, ff=25))
    return cells
