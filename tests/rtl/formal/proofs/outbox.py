"""The buffer of records behind the parallel form: each comes out whole and in its turn, whatever the sink does."""

from amaranth.hdl import Cat, Mux, Signal
from formal.proof import Mutation, Proof
from formal.scoreboard import Scoreboard

from prototile.rtl.outbox import OUTBOX_LATENCY, Outbox


def ring(bench, inner, path, *, inside, pending, ahead, picked, came_with, computed=None):
    """Where records are, which makes the properties of the buffer inductive: pending, in the ring, in its register.

    Parameters
    ----------
    inner, path
        Of the device, and of the buffer within.
    inside, pending
        Queries inside, and those of them whose record has not been written.
    picked, ahead, came_with
        Whether a query is watched, how many records leave before its own, and what came with it.
    computed
        What was written for it, and whether it was; if that is watched.
    """
    m = bench.m

    def named(name):
        return inner[f"{path}{name}"]

    shows = named("output_valid")
    came_next, written, oldest, readable = (
        named(name) for name in ("came_with_next", "computed_next", "oldest", "readable")
    )
    buffered = Signal(len(oldest) + 1, name="buffered")
    m.d.comb += buffered.eq((written - oldest)[: len(oldest)])
    fresh = Signal(len(oldest), name="fresh")
    m.d.comb += fresh.eq(written - readable)
    bench.always("those inside are counted", named("inside") == inside)
    bench.always("all are somewhere", inside == pending + buffered + shows)
    bench.always("what came with each is kept", came_next == (written + pending)[: len(oldest)])
    bench.always("what was just written is not read", fresh <= 1)
    bench.always("no more is read than was written", buffered >= fresh)
    place = Signal(len(oldest), name="place")
    m.d.comb += place.eq(oldest + ahead - shows)
    in_ring = picked & ~(shows & (ahead == 0))
    held = inner.word(f"{path}came_with", place)
    bench.always("what came with the watched one is kept", ~in_ring | (held == came_with))
    output = named("output")
    bench.always("and shown", ~picked | in_ring | (output[-len(came_with) :] == came_with))
    bench.always("those ahead are inside", ~picked | (ahead < inside))
    if computed is not None:
        value, is_written = computed
        held = inner.word(f"{path}computed", place)
        bench.always("its record is kept", ~(in_ring & is_written) | (held == value))
        bench.always("and shown too", ~picked | in_ring | (is_written & (output[: len(value)] == value)))
    return shows, buffered, fresh


def outbox(bench, *, queries):
    """A buffer between a pipeline of any latency, that keeps the order, and any sink; a reset at any time."""
    m = bench.m
    dut = Outbox(fields=(("prototype", 2, False), ("saturated", 1, False)), queries=queries)
    inner = bench.add(dut, "outbox")
    for port, name in (
        (dut.accept, "accept"),
        (Cat(dut.saturated, dut.tag), "came_with"),
        (dut.write, "write"),
        (dut.computed, "computed"),
        (dut.o.ready, "o_ready"),
    ):
        bench.drive(port, name)
    pending = Signal(range(queries + 1), name="pending")
    m.d.sync += pending.eq(pending + dut.accept - dut.write)
    bench.assume(~dut.accept | dut.room)
    bench.assume(~dut.write | (pending != 0))

    leaves = dut.o.valid & dut.o.ready
    came_with = Cat(dut.saturated, dut.tag)
    board = Scoreboard(bench, enters=dut.accept, leaves=leaves, content=came_with, most=queries)
    # How many are written before the watched one, and what was written for it.
    before = Signal(range(queries + 1), name="before")
    value, is_written = Signal.like(dut.computed, name="value"), Signal(name="is_written")
    with m.If(dut.write):
        m.d.sync += before.eq(before - 1)
        with m.If(board.picked & ~is_written & (before == 0)):
            m.d.sync += [value.eq(dut.computed), is_written.eq(1)]
    with m.If(board.picks):
        m.d.sync += [before.eq(pending - dut.write), is_written.eq(0)]

    own = board.leaves_next & dut.o.valid
    shown = dut.o.payload.as_value()
    bench.always("there is room for as many as there are places", dut.room == (board.inside != queries))
    bench.always("as many are inside as there are places", board.inside <= queries)
    bench.always("a record is that of a query", ~dut.o.valid | (board.inside != pending))
    bench.always("a record comes in its place, whole", ~own | (is_written & (shown == Cat(value, board.content))))
    stalled = bench.register(dut.o.valid & ~dut.o.ready & ~bench.reset, "stalled")
    stands = dut.o.valid & (shown == bench.register(shown, "shown"))
    bench.always("a record stands until it is taken", ~stalled | stands)
    waits = Signal(range(OUTBOX_LATENCY + 1))
    m.d.sync += waits.eq(Mux(dut.o.valid | (board.inside == pending), 0, waits + 1))
    bench.always("a record comes in time", waits < OUTBOX_LATENCY)
    bench.reachable("all places are taken", (board.inside == queries) & (pending == 0))
    bench.reachable("a picked record behind others", own & bench.register(stalled, "was_stalled") & leaves)

    shows, buffered, fresh = ring(
        bench,
        inner,
        "",
        inside=board.inside,
        pending=pending,
        ahead=board.ahead,
        picked=board.picked,
        came_with=board.content,
        computed=(value, is_written),
    )
    written_ahead = board.inside - pending
    in_ring = board.picked & ~is_written
    bench.always("records are written in their order", ~in_ring | (board.ahead == written_ahead + before))
    bench.always("those before it are pending", ~in_ring | (before < pending))
    bench.always("what was written is inside", ~board.picked | ~is_written | (board.ahead < written_ahead))
    bench.always("it waits to be read, then to be shown", shows | (waits <= Mux(buffered == fresh, 0, 1)))


OUTBOX = Proof(
    name="buffer of records",
    about=("outbox.py",),
    claim="each record leaves whole, in its turn, with what came with its query; it stands until it is taken",
    build=outbox,
    induction=lambda **_: 4,
    shapes={"8 queries": {"queries": 8}, "5 queries": {"queries": 5}},
    controls=(
        Mutation("outbox:Outbox.elaborate", "oldest != readable", "oldest != written"),
        Mutation("outbox:Outbox.elaborate", "(~output_valid | self.o.ready)", "1"),
        Mutation("outbox:Outbox._ring", "next_.eq(next_ + write)", "next_.eq(next_ + 1)"),
    ),
)

PROOFS = (OUTBOX,)
