"""The search for the minimum: the smallest key leaves, whole, and of equal ones that of the lowest index."""

from amaranth.hdl import Cat, Const, Mux, Signal
from formal.proof import Mutation, Proof
from formal.subjects import configuration, core_of

from prototile.rtl.tile import CompareExchange


def node(bench, *, bits):
    """Two keys of up to `bits` bits, tails included, at any pace of ``clear`` and ``settle``."""
    m = bench.m
    dut = CompareExchange(has_west=True)
    inside = bench.add(dut, "node")
    bench.unknown(*inside.registers())
    for name in ("own", "west", "clear", "settle"):
        bench.drive(getattr(dut, name), name)

    # What came since `clear`, and what left a cycle later.
    own, west, left = (Signal(bits, name=f"whole_{name}", reset_less=True) for name in ("own", "west", "left"))
    own_smaller, settled, cleared = (
        Signal(name=name, reset_less=True) for name in ("own_smaller", "settled", "cleared")
    )
    count = Signal(range(bits + 1), reset_less=True)
    takes = ~dut.clear & (count != bits)
    own_next, west_next, left_next = (
        Cat(bit, whole)[:bits] for bit, whole in ((dut.own, own), (dut.west, west), (dut.smaller, left))
    )
    with m.If(dut.clear):
        m.d.sync += [own.eq(0), west.eq(0), own_smaller.eq(0), settled.eq(0), count.eq(0), cleared.eq(1)]
    with m.Elif(takes):
        m.d.sync += [own.eq(own_next), west.eq(west_next), count.eq(count + 1), settled.eq(settled | dut.settle)]
        with m.If(~settled):
            m.d.sync += own_smaller.eq(own_next < west_next)
    m.d.sync += left.eq(Mux(count == 0, 0, left_next))
    taken = bench.register(takes, "taken")

    stands = cleared & taken & (count != 0)
    bench.always("the smaller key leaves with its tail", ~stands | (left_next == Mux(own_smaller, own, west)))
    bench.always("the node knows whose it was", ~(stands & settled) | (dut.takes_own == own_smaller))
    for name, winner in (("own", own_smaller), ("west", ~own_smaller)):
        bench.reachable(
            f"{name} wins and its tail follows", stands & settled & winner & (count == bits) & (own != west)
        )
    bench.reachable("equal keys", stands & settled & (own == west) & (count == bits))


NODE = Proof(
    name="compare-exchange node",
    about=("tile.py: CompareExchange",),
    claim="of two keys the smaller leaves bit by bit, with all that follows it; of equal ones the one from the west",
    build=node,
    shapes={"keys of 8 bits": {"bits": 8}},
    controls=(
        Mutation(
            "tile:CompareExchange.elaborate",
            "decided, self.west, self.own & self.west",
            "decided, self.west, self.own | self.west",
        ),
        Mutation("tile:CompareExchange.elaborate", "~self.own & self.west", "self.own & ~self.west"),
        Mutation("tile:CompareExchange.elaborate", "decided | self.settle |", "decided |"),
    ),
)


def row_fields(*, elements, columns, bits, features, radii="none", memory_register=False, k=1):
    """A core of one row, all of whose prototypes are of one class."""
    return {
        "labels": [0] * elements,
        "features": features,
        "bits": bits,
        "columns": columns,
        "pes_per_tile": -(-elements // (columns)),
        "radii": radii,
        "memory": "single_port",
        "writable": True,
        "memory_register": memory_register,
        "k": k,
    }


def row_times(config):
    """Cycles in which words, radii and the distance of a round begin to enter, and in which its keys are complete."""
    last_shift = config.memory_rows + (config.k - 1) * config.pass_interval_cycles
    gap = config.round_interval_cycles - last_shift - config.distance_width
    begin = config.distance_width + gap + 1
    turn = begin + config.words
    shift = begin + config.memory_rows
    # The bit that leads the key leaves a cycle before the distance.
    leads = config.radii == "prototype"
    way = config.unit.latency + config.memory_register + config.columns + config.bank_width + 3 - leads
    first = shift + config.key_width + way
    return begin, turn, shift, [first + readout * config.pass_interval_cycles for readout in range(config.k)]


def row_depth(**shape):
    return row_times(configuration(**row_fields(**shape)))[-1][-1] + 1


def row(bench, **shape):
    """One round on a grid of one row, which may be in any state before.

    That is any state of all registers and memories, those that cannot be reached included. So nothing of earlier rounds
    is left out, and the cycles from there until the key has left are all that need to be looked at. The state is
    followed by what comes before a round's words at least: the distance of the round before leaves, in the pace of the
    sequencer; or there was a reset. What comes after this round's distance is anything at that pace.
    """
    m = bench.m
    core, config = core_of(**row_fields(**shape))
    grid = core.grid
    inside = bench.add(grid, "grid")
    bench.unknown(*inside.registers())

    begin, turn, shift, dues = row_times(config)
    width, pause, end = config.distance_width, config.pass_interval_cycles, dues[-1]
    after_reset = bench.constant(1, "after_reset")
    # One cycle more or less between the rounds.
    waits = bench.constant(1, "waits")
    time = Signal(range(end + 1), reset_less=True)
    m.d.sync += time.eq(Mux(time == end, end, time + 1))
    bench.assume(bench.reset == (after_reset & (time == 0)))
    before = ~after_reset & (time >= waits) & (time < width + waits)
    last = shift + (config.k - 1) * pause
    shifts = [(time >= at) & (time < at + width) for at in range(shift, last + 1, pause)]
    controls = {
        "accumulate": (time >= begin) & (time < turn),
        "rotate": (time >= turn) & (time < shift),
        "shift": before | Cat(shifts).any(),
        "keep": (time >= shift) & (time < last),
    }
    for name, _ in grid.i.shape():
        bench.drive(grid.i[name], f"i_{name}")
        if name in controls:
            bench.assume((time >= last + width) | (grid.i[name] == controls[name]))
    # The distances of the round that follows do not leave before its time.
    bench.assume((time < last + width) | (time >= shift + config.round_interval_cycles) | ~grid.i.shift)
    bench.assume(~grid.i.write)

    # What each accumulator holds when it begins to shift, in the order of indices.
    reads, distances = [], []
    for at in range(config.pes_per_row):
        column, in_tile = divmod(at, config.pes_per_tile)
        bank, place = divmod(in_tile, config.pes_per_bank)
        tile = f"tile_0_{column}.bank_{bank}"
        distance = Signal(width + (config.radii == "prototype"), name=f"distance_{at}", reset_less=True)
        element = f"{tile}.pe_{place}"
        shown = Cat(inside[f"{element}.accumulator"])
        if config.radii == "prototype":
            # The bit that leads the key was shown a cycle before.
            shown = Cat(shown, bench.register(inside[f"{element}.key"], f"silent_{at}"))
        with m.If(time == shift + column + 1 + config.unit.latency + config.memory_register):
            m.d.sync += distance.eq(shown)
        position = (place << config.bank_width | bank) << config.column_width | column
        reads.append(Cat(Const(position, config.position_width), distance))
        distances.append(distance)

    # How many elements come before each: those of a smaller distance, and of those of the same, the ones before.
    ranks = []
    for at, distance in enumerate(distances):
        nearer = [
            other <= distance if one < at else other < distance for one, other in enumerate(distances) if one != at
        ]
        ranks.append(sum(nearer, start=Const(0)))
    past = bench.register(time == end, "past")
    for readout, due in enumerate(dues):
        now = (time == due) & ~past
        bench.always(f"key {readout} comes when it is due", ~now | grid.complete)
        shown = grid.key[config.position_width :][:width]
        if readout >= len(reads):
            bench.always(f"key {readout} is none", ~now | shown.all())
            continue
        for at, (read, rank) in enumerate(zip(reads, ranks, strict=True)):
            its = now & (rank == readout)
            bench.always(f"key {readout} is that of element {at}, if that is the next", ~its | (grid.key == read))
            bench.reachable(f"element {at} comes as number {readout}", its)
        bench.reachable(f"number {readout} has the largest distance", now & (shown == config.distance_max))


OWN_RADII = "2 tiles of 3 elements, own radii"
VOTES, FAR = "3 readouts, 2 elements, own radii", "3 readouts, 3 elements in 3 tiles"
ROW = Proof(
    name="elimination in a row",
    about=("bank.py", "tile.py", "grid.py", "element.py"),
    claim="whatever the distances, a row's keys are its smallest, in turn, and of equal ones the lowest index first",
    build=row,
    depth=row_depth,
    shapes={
        "1 tile of 4 elements, 3 bits": {"elements": 4, "columns": 1, "bits": 3, "features": 1},
        "2 tiles of 2 banks, 12 elements, 2 bits": {"elements": 12, "columns": 2, "bits": 1, "features": 2},
        OWN_RADII: {
            "elements": 6,
            "columns": 2,
            "bits": 1,
            "features": 2,
            "radii": "prototype",
        },
        FAR: {"elements": 3, "columns": 3, "bits": 1, "features": 1, "k": 3},
        VOTES: {"elements": 2, "columns": 1, "bits": 1, "features": 1, "radii": "prototype", "k": 3},
        "2 readouts, 6 elements in 2 banks": {"elements": 6, "columns": 1, "bits": 1, "features": 1, "k": 2},
        "a register after the memory": {
            "elements": 4,
            "columns": 2,
            "bits": 2,
            "features": 1,
            "memory_register": True,
        },
    },
    controls=(
        Mutation("bank:Bank.elaborate", "~any_zero))", "any_zero))"),
        Mutation("bank:Bank._candidate", "zero | (candidate & ~any_zero)", "zero"),
        Mutation("bank:Bank._candidate", "candidate & ~bit", "candidate & bit"),
        Mutation("tile:Tile._controls", "_bits(element, self.place_width)", "_bits(3 - element, self.place_width)"),
        Mutation(
            "tile:Tile._merge",
            "node.own.eq(pair[-1]), node.west.eq(pair[0])",
            "node.own.eq(pair[0]), node.west.eq(pair[-1])",
            "2 tiles of 2 banks, 12 elements, 2 bits",
        ),
        Mutation("bank:Bank._candidate", "joins &= ~won", "joins &= 1", VOTES),
        Mutation("tile:Tile._advance", "self.advance & ~node.takes_own", "self.advance & node.takes_own", FAR),
    ),
)

PROOFS = (NODE, ROW)
