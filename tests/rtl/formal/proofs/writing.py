"""Memories that are written: a word lands where it says and nowhere else, and no query meets it half-way."""

from amaranth.hdl import Cat, Const, Mux, Signal
from formal.proof import Mutation, Proof
from formal.subjects import core_of


def writes(bench, **fields):
    """A grid that is played and written by its sequencer, whatever is asked of that.

    One word of one element of one tile is watched, any of them. Its contents were written before or are those of the
    start; what the tile reads from there must be that.
    """
    m = bench.m
    core, config = core_of(memory="distributed", writable=True, **fields)
    sequencer, grid = core.sequencer, core.grid
    inner = bench.add(sequencer, "sequencer")
    tiles = bench.add(grid, "grid")
    m.d.comb += grid.i.eq(sequencer.o)
    for name in ("valid", "payload"):
        bench.drive(getattr(sequencer.i, name), f"i_{name}")
        bench.drive(getattr(sequencer.write, name), f"write_{name}")
    for port, name in ((sequencer.released, "released"), (grid.move, "move")):
        bench.drive(port, name)
    bench.assume(~sequencer.released | (inner["in_flight"] != 0))

    shape = core.shape
    word = sequencer.write.payload
    taken = sequencer.write.valid & sequencer.write.ready
    sent = sequencer.o
    plays = sent.accumulate | sent.shift | (sent.rotate if shape.radius else 0)
    bench.always("nothing is written while a query plays", ~(sent.write & plays))
    bench.always("nothing is written without a word", sent.write == bench.register(taken, "taken_before"))
    bench.always("no word is taken while a query plays or waits", ~taken | ~(inner["running"] | inner["full"].any()))
    for row in range(config.rows):
        for column in range(config.columns):
            _tile(bench, config, core, tiles, taken, word, row, column)
    bench.reachable("a word after a query", taken & bench.register(inner["running"], "ran"))


def _tile(bench, config, core, tiles, taken, word, row, column):
    """What one tile reads is what was last written there."""
    m = bench.m
    tile = f"tile_{row}_{column}"
    image = core.grid.images[row][column]
    unit = core.shape.unit
    count = len(image.members)
    rows = image.memories[0]
    address = bench.constant(max(1, (len(rows) - 1).bit_length()), f"{tile}_address")
    element = bench.constant(max(1, (count - 1).bit_length()), f"{tile}_element")
    bench.assume((address < len(rows)) & (element < count))

    first = Signal(unit.field_width)
    with m.Switch(Cat(element, address)):
        for at, contents in enumerate(rows):
            for one in range(count):
                with m.Case(at << len(element) | one):
                    m.d.comb += first.eq(contents >> one * unit.field_width)
    written = Signal(unit.field_width, name=f"{tile}_written", reset_less=True)
    was_written = Signal(name=f"{tile}_was_written", reset_less=True)
    named = taken & (word.row == row) & (word.column == column) & (word.element == element)
    with m.If(named & (word.address == address)):
        m.d.sync += [written.eq(word.data), was_written.eq(1)]
    expected = Mux(was_written, written, first)

    # As many cycles from the word's taking to its place as there are tiles on the way, and the sequencer's.
    for stage in range(1 + row + column):
        expected = bench.register(expected, f"{tile}_expected_{stage}")
    incoming = core.grid.i
    address_here, here_writes = incoming.address, incoming.write
    for stage in range(row + column):
        address_here = bench.register(address_here, f"{tile}_address_{stage}")
        here_writes = bench.register(here_writes, f"{tile}_writes_{stage}")
    data = tiles[f"{tile}.read__data"]
    field = Signal(unit.field_width, name=f"{tile}_field")
    m.d.comb += field.eq(data.word_select(element, unit.field_width))
    reads = bench.register((address_here == address) & ~here_writes & ~bench.reset, f"{tile}_reads")
    content = bench.register(expected, f"{tile}_content")
    settled = Const(1)
    for stage in range(3 + row + column):
        settled = bench.register(settled, f"{tile}_settled_{stage}")
    bench.always(f"{tile} reads what was written", ~(settled & reads) | (field == content))
    bench.reachable(f"{tile} reads a word that was written", settled & reads & was_written & (content != first))


WRITES = Proof(
    name="writes of memories",
    about=("sequencer.py", "tile.py", "grid.py"),
    claim="a word is written into the named place of the named element and nowhere else, and never during a query",
    build=writes,
    shapes={
        "1 tile of 2 elements, 2 words": {"labels": [0, 0], "pes_per_tile": 2, "features": 2},
        "2 by 2 tiles": {"labels": [0, 0, 1, 1], "columns": 2, "features": 2},
    },
    controls=(
        Mutation("tile:Tile._take_word", "here & (i.element == at)", "here"),
        Mutation("tile:Tile._take_word", "(i.row == self.row) & ", "", "2 by 2 tiles"),
        Mutation("sequencer:Sequencer._play", "~running & ~full.any()", "~full.any()"),
        Mutation("sequencer:Sequencer._write", "writes.eq(taken)", "writes.eq(self.write.valid)"),
    ),
)

PROOFS = (WRITES,)
