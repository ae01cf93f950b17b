"""What the grid hears: the words of the queries that came in, in their order, each as often as there are rounds."""

from amaranth.hdl import Cat, Mux, Signal
from formal.proof import Mutation, Proof
from formal.scoreboard import Scoreboard
from formal.subjects import core_of


def played(bench, **fields):
    """A sequencer whose source, grid and writer do what they like, with a reset at any time.

    One word of one query is watched, any of any. Beats are counted as they leave: a query's are as many as it has
    words, for each round.
    """
    m = bench.m
    core, config = core_of(**fields)
    dut = core.sequencer
    inner = bench.add(dut, "sequencer")
    for name in ("valid", "payload"):
        bench.drive(getattr(dut.i, name), f"i_{name}")
        if config.writable:
            bench.drive(getattr(dut.write, name), f"write_{name}")
    bench.drive(dut.released, "released")
    bench.assume(~dut.released | (inner["in_flight"] != 0))

    words, rounds = config.words, config.prototypes_per_pe
    at = bench.constant(max(1, (words - 1).bit_length()), "at")
    bench.assume(at < words)
    # Words of a query so far, and the watched one of them.
    count, came = Signal(range(words + 1)), Signal(config.word_width, name="came")
    moved, word = dut.i.valid & dut.i.ready, dut.i.payload
    with m.If(moved):
        m.d.sync += count.eq(Mux(word.last, 0, Mux(count == words, words, count + 1)))
        with m.If(count == at):
            m.d.sync += came.eq(word.data)
    enters = moved & word.last & ~word.drop & (count == words - 1)
    content = Mux(count == at, word.data, came)

    beat, round_ = Signal(range(words)), Signal(range(rounds))
    plays = dut.o.accumulate
    ends = plays & (beat == words - 1) & (round_ == rounds - 1)
    with m.If(plays):
        m.d.sync += beat.eq(Mux(beat == words - 1, 0, beat + 1))
        with m.If(beat == words - 1):
            m.d.sync += round_.eq(Mux(round_ == rounds - 1, 0, round_ + 1))
    board = Scoreboard(bench, enters=enters, leaves=ends, content=content, most=2)
    own = plays & board.leaves_next & (beat == at)
    bench.always("what is played is a query's", ~plays | (board.inside != 0))
    bench.always("the word is the one that came", ~own | (dut.o.query == board.content))
    row = round_ * config.memory_rows + beat
    bench.always("it meets its row of the memories", ~plays | (dut.o.address == row))
    bench.always("a query is played without a gap", (beat == 0) | plays)
    if config.writable:
        bench.always("nothing is written then", ~(plays & dut.o.write))
    last_own = own & (at == words - 1)
    behind = Signal()
    with m.If(board.picks):
        m.d.sync += behind.eq(board.inside != ends)
    bench.reachable("a watched word after another query", last_own & behind)
    bench.reachable("the last round", own & (round_ == rounds - 1))

    # What makes it inductive: where the words lie, and how far the play is.
    full = inner["full"]
    take_slot, play_slot = inner.several("slot")
    running, step, inner_round = inner["running"], inner["step"], inner["round_"]
    last_round = inner_round == rounds - 1
    loaded = Mux(running, inner_round * words + Mux(step < words, step, words), 0)
    left = round_ * words + beat + plays
    total = rounds * words
    bench.always("beats follow loads", Mux(loaded == total, 0, loaded) == Mux(left == total, 0, left))
    bench.always("the words are counted", (inner["count"] == count) & (count <= words))
    bench.always("a query comes into a free slot", (count == 0) | ~full.bit_select(take_slot, 1))
    bench.always("slots are filled in turn", take_slot == play_slot ^ full[0] ^ full[1])
    bench.always("a full slot is the one to be played", (full == 0) | full.bit_select(play_slot, 1))
    bench.always("queries are in slots", board.inside == full[0] + full[1] + ends)
    unplayed = running & (~last_round | (step < words))
    bench.always("what plays is in its slot", ~unplayed | full.bit_select(play_slot, 1))
    rest = config.interval_cycles - (rounds - 1) * config.round_interval_cycles
    in_range = (step < Mux(last_round, rest, config.round_interval_cycles)) & (inner_round < rounds)
    bench.always("steps are in range", ~running | in_range)
    turned = Mux(step < config.memory_rows, step, config.memory_rows)
    rows, address = inner_round * config.memory_rows + turned, inner["address"]
    bench.always("rows are counted", ~running | (address == rows[: len(address)]))
    lies = board.picked & ~(ends & (board.ahead == 0))
    slot = play_slot ^ (board.ahead - ends)[0]
    place = at[: (words - 1).bit_length()]
    held, coming = (inner.word("buffer", Cat(place, one)) for one in (slot, take_slot))
    bench.always("the watched word is in its slot", ~lies | (held == board.content))
    bench.always("so is that of the query that comes", (count <= at) | (coming == came))
    bench.always("those ahead are inside", ~board.picked | (board.ahead < board.inside))


PLAYED = Proof(
    name="words that are played",
    about=("sequencer.py",),
    claim="each query is played with the words that came in, in their order, once a round, and none that was dropped",
    build=played,
    induction=lambda **_: 3,
    shapes={
        "3 words of 2 bits": {"labels": [0], "features": 3, "bits": 2},
        "2 words, 2 rounds, own radii": {
            "labels": [0, 1],
            "features": 2,
            "prototypes_per_pe": 2,
            "radii": "prototype",
        },
        "1 word": {"labels": [0]},
        "2 words, 3 votes": {"labels": [0, 1, 0], "features": 2, "k": 3},
        "4 words, written": {"labels": [0], "features": 4, "memory": "distributed", "writable": True},
    },
    controls=(
        Mutation("sequencer:Sequencer._take", "Cat(count[:word_bits], slot)", "Cat(count[:word_bits], Const(0, 1))"),
        Mutation("sequencer:Sequencer._take", "(count == self.shape.words - 1)", "1"),
        Mutation("sequencer:Sequencer._take", "~self.i.payload.drop & ", ""),
        Mutation(
            "sequencer:Sequencer._play", "loads & (round_ == rounds_last)", "loads", "2 words, 2 rounds, own radii"
        ),
        Mutation("sequencer:Sequencer._play", "(~running | query_end)", "1"),
    ),
)

PROOFS = (PLAYED,)
