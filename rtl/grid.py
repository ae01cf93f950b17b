"""The grid: rows of tiles, and at the end of each row the key of its minimum, on its way north to the collector."""

from dataclasses import dataclass
from itertools import pairwise

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from prototile.rtl.checks import positive
from prototile.rtl.distance.shape import UnitShape
from prototile.rtl.layout import write_layout
from prototile.rtl.tile import Tile, WriteWidths, hop_layout


@dataclass(frozen=True, kw_only=True)
class TileImage:
    """What sets one tile apart: see `Tile` for `memories` and `members`."""

    memories: list[list[int]]
    members: list[int]


@dataclass(frozen=True, kw_only=True)
class GridShape:
    """Plain numbers that all parts of the grid share; they come from `prototile.config.Configuration`.

    Parameters
    ----------
    unit, distance_width, radius
        As in `ProcessingElement`.
    rows, columns, pes_per_tile, rounds
        Size of the grid, and prototypes per element.
    words, memory_rows
        Words of a query; memory rows of a prototype, which are its words and the bits of its own radius.
    pes_per_bank
        Elements among which a minimum is found by elimination.
    place_width, bank_width, column_width
        Bits that number the elements of a bank, the banks of a tile and the tiles of a row.
    key_width
        Bits of the key of a row: ``not firing`` (with `radius`), distance, place, bank, column.
    passes, pass_interval
        Times that distances are read out in a round, each row's next minimum each time; cycles from one to the next.
    round_interval
        Cycles from one round to the next.
    memory, memory_register
        As in `Tile`.
    writable
        Whether memories can be written.
    uneven
        Whether some element holds a prototype in some rounds only.
    """

    unit: UnitShape
    distance_width: int
    radius: bool
    rows: int
    columns: int
    pes_per_tile: int
    rounds: int
    words: int
    memory_rows: int
    pes_per_bank: int
    place_width: int
    bank_width: int
    column_width: int
    key_width: int
    passes: int
    pass_interval: int
    round_interval: int
    memory: str
    writable: bool
    memory_register: bool
    uneven: bool

    @property
    def word_width(self) -> int:
        """Bits of one word."""
        return self.unit.word_width

    @property
    def keeps(self) -> bool:
        """Whether distances are read out more than once."""
        return self.passes > 1

    @property
    def position_width(self) -> int:
        """Bits that number the elements of a row: the place above, the bank, the column below."""
        return self.place_width + self.bank_width + self.column_width

    @property
    def round_width(self) -> int:
        """Bits of the round in the hop, 0 where no tile needs it."""
        return (self.rounds - 1).bit_length() if self.uneven else 0

    @property
    def address_width(self) -> int:
        """Bits of the address in the hop."""
        return max(1, (self.rounds * self.memory_rows - 1).bit_length())

    @property
    def write_widths(self) -> WriteWidths | None:
        """What says in the hop which memory is written."""
        if not self.writable:
            return None
        tile, beside = self.write, self.unit.written_beside
        return WriteWidths(
            row=tile["row"].width, column=tile["column"].width, element=tile["element"].width, beside=beside
        )

    @property
    def write(self) -> data.StructLayout:
        """Layout of a word for one element's memory."""
        return write_layout(
            row_width=(self.rows - 1).bit_length(),
            column_width=self.column_width,
            element_width=(self.pes_per_tile - 1).bit_length(),
            address_width=self.address_width + self.unit.level_bits,
            memory_width=self.unit.memory_width,
        )

    def hop(self) -> data.StructLayout:
        """Layout of what goes from tile to tile."""
        return hop_layout(
            word_width=self.word_width,
            address_width=self.address_width,
            round_width=self.round_width,
            radius=self.radius,
            keeps=self.keeps,
            write=self.write_widths,
        )


class RowEnd(wiring.Component):
    """Gathers the key of a row's minimum, then hands it north, and the keys from the south after it.

    Attributes
    ----------
    smaller, key_phase : In(1)
        From the last tile of the row, the key `delay` cycles behind its phase.
    south : In(key_width)
        Key of the row to the south.
    key : Out(key_width)
        The key: compared bits highest, then the place, the bank, the column.
    complete : Out(1)
        High for one cycle, the first in which ``key`` is complete.
    move : In(1)
        Takes over the key from the south in the next cycle.
    move_south : Out(1)
        The same for the row to the south, one cycle later.
    """

    def __init__(self, *, key_width: int, delay: int):
        positive(key_width=key_width, delay=delay - 1)
        self.key_width = key_width
        self.delay = delay
        super().__init__(
            {
                "smaller": In(1),
                "key_phase": In(1),
                "south": In(key_width),
                "key": Out(key_width),
                "complete": Out(1),
                "move": In(1),
                "move_south": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        phase = Signal(self.delay)
        capture = phase[-1]
        capture_after = Signal()
        moving = Signal()
        takes = Signal()
        key = Signal(self.key_width, reset_less=True)
        m.d.sync += [
            phase.eq(Cat(self.key_phase, phase)),
            capture_after.eq(capture),
            moving.eq(self.move),
            # What enables the key comes from a register: it has far to go.
            takes.eq(phase[-2] | self.move),
        ]
        with m.If(takes):
            m.d.sync += key.eq(Mux(moving, self.south, Cat(self.smaller, key[:-1])))
        m.d.comb += [
            self.key.eq(key),
            self.complete.eq(capture_after & ~capture),
            self.move_south.eq(moving),
        ]
        return m


class Grid(wiring.Component):
    """`rows` by `columns` tiles, wired to their neighbours only.

    Words come in at the north-west corner and go east along each row, south along the first column, a tile a cycle.
    Keys go east along the rows, in step with them, and leave at the north-east corner: row 0 first, the others every
    second cycle while ``move`` is pulsed.

    Attributes
    ----------
    i : In(shape.hop())
        Words and controls for tile (0, 0).
    key : Out(key_width)
        Key at the north-east corner.
    complete : Out(1)
        As in `RowEnd`, for row 0.
    move : In(1)
        Brings the key of the next row to the corner, if it is at least two cycles since the last.
    """

    def __init__(self, shape: GridShape, images: list[list[TileImage]]):
        self.shape = shape
        self.images = images
        super().__init__(
            {"i": In(shape.hop()), "key": Out(shape.key_width), "complete": Out(1), "move": In(1)},
        )

    def elaborate(self, platform):
        m = Module()
        shape = self.shape
        into_row = self.i
        ends = []
        for row in range(shape.rows):
            into_tile, smaller, key_phase = into_row, 0, 0
            tiles = []
            for column in range(shape.columns):
                tile = self._tile(row, column)
                m.submodules[f"tile_{row}_{column}"] = tile
                tiles.append(tile)
                m.d.comb += [tile.i.eq(into_tile), tile.west.eq(smaller)]
                into_tile, smaller, key_phase = tile.o, tile.smaller, tile.key_phase
                if column == 0:
                    into_row = tile.o
            if shape.keeps:
                m.d.comb += tiles[-1].advance.eq(tiles[-1].settled)
                for west, east in pairwise(tiles):
                    m.d.comb += west.advance.eq(east.advance_west)
            m.submodules[f"end_{row}"] = end = RowEnd(key_width=shape.key_width, delay=3 + shape.bank_width)
            m.d.comb += [end.smaller.eq(smaller), end.key_phase.eq(key_phase)]
            ends.append(end)
        for north, south in pairwise(ends):
            m.d.comb += [north.south.eq(south.key), south.move.eq(north.move_south)]
        m.d.comb += [self.key.eq(ends[0].key), self.complete.eq(ends[0].complete), ends[0].move.eq(self.move)]
        return m

    def _tile(self, row, column):
        shape = self.shape
        image = self.images[row][column]
        return Tile(
            unit=shape.unit,
            distance_width=shape.distance_width,
            radius=shape.radius,
            keeps=shape.keeps,
            memories=image.memories,
            memory=shape.memory,
            write=shape.write_widths,
            memory_register=shape.memory_register,
            members=image.members,
            rounds=shape.rounds,
            pes_per_bank=shape.pes_per_bank,
            place_width=shape.place_width,
            bank_width=shape.bank_width,
            row=row,
            column=column,
            column_width=shape.column_width,
            round_width=shape.round_width,
        )
