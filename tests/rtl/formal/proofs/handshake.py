"""The streams of a core: no query is lost or doubled, their order is kept, whatever stalls on either side."""

from dataclasses import dataclass
from typing import Any

from amaranth.hdl import Cat, Const, Mux, Signal, Value
from formal.bench import Internals
from formal.proof import Mutation, Proof
from formal.proofs.outbox import ring
from formal.scoreboard import Scoreboard
from formal.subjects import core_of, keys_of

from prototile.config import Configuration
from prototile.rtl.buffers import IN_FLIGHT


def handshake(bench, **fields):
    """A core whose source and sink do what they like within the rules of a stream, with a reset at any time.

    One query is picked at random when it enters; how many records must leave before its own is counted. So the tag, the
    count of clipped components and the place in the order are checked of every query.

    That records come at all is a property with a time limit: while a query is inside and no record is shown, no more
    cycles pass than the configuration's latency. So nothing can be lost or get stuck.
    """
    m = bench.m
    core, config = core_of(**fields)
    inner = bench.add(core, "core")
    query, record = core.query, core.record
    inside_max = config.queries_inside
    bench.drive(query.valid, "query_valid")
    bench.drive(query.payload, "query")
    bench.drive(record.ready, "record_ready")
    word, given = query.payload, record.payload
    if config.writable:
        bench.drive(core.write.valid, "write_valid")
        bench.drive(core.write.payload, "write")

    # The words of a query, counted as the contract does.
    words = Signal(range(config.words + 2))
    moved = query.valid & query.ready
    with m.If(moved):
        m.d.sync += words.eq(Mux(word.last, 0, Mux(words > config.words, words, words + 1)))
    enters = moved & word.last & ~word.drop & (words == config.words - 1)
    leaves = record.valid & record.ready

    board = Scoreboard(bench, enters=enters, leaves=leaves, content=Cat(word.saturated, word.tag), most=inside_max)
    inside = board.inside
    bench.always("a record is that of a query", ~record.valid | (inside != 0))
    bench.always("as many are inside as there is room", inside <= inside_max)
    own = board.leaves_next & record.valid
    came_with = Cat(given.saturated, given.tag)
    bench.always("its record comes in its place with its tag and count", ~own | (came_with == board.content))

    limit = config.latency_cycles + 1
    waits = Signal(range(limit + 2))
    with m.If(record.valid | (inside == 0)):
        m.d.sync += waits.eq(0)
    with m.Else():
        m.d.sync += waits.eq(waits + 1)
    bench.always("a record comes in time", waits <= limit)

    stalled = bench.register(record.valid & ~record.ready & ~bench.reset, "stalled")
    shown = bench.register(given, "shown")
    bench.always("a record stands until it is taken", ~stalled | (record.valid & (given.as_value() == shown)))
    begun = words != 0
    bench.always("within a query no word waits", ~begun | query.ready)

    if config.reduction == "serial":
        ages = _inner_serial(bench, config, inner, words, waits, board)
        _in_step(bench, config, core, inner, words, ages)
    else:
        _inner_parallel(bench, inner, words, waits, board)
        _at_once(bench, config, core, inner, enters, board)

    bench.reachable("all room is taken", inside == inside_max)
    bench.reachable("a picked query behind others leaves", own & bench.register(stalled, "was_stalled") & leaves)
    bench.reachable("a query is forgotten", moved & word.last & word.drop & (words == config.words - 1))
    return Streams(core=core, config=config, inner=inner, board=board, moved=moved, words=words)


@dataclass(frozen=True)
class Streams:
    """A core under proof, what is inside it, and words of the query that comes in."""

    core: Any
    config: Configuration
    inner: Internals
    board: Scoreboard
    moved: Value
    words: Value


@dataclass(frozen=True)
class Ages:
    """Cycles since starts: of what plays, of the youngest query under way, and of the oldest whose record is due."""

    played: Value
    youngest: Value
    oldest: Value


def _inner_serial(bench, config, inner, words, waits, board):
    """Where queries are, which makes the properties inductive: in slots, under way, waiting, in the output register.

    A query under way has an age, and its record is made when that is `run`: neither sooner nor later. So a state in
    which the grid's registers say something else breaks a property in fewer cycles than that, and induction over as
    many cycles rules it out.
    """
    m = bench.m
    inside, picked, ahead = board.inside, board.picked, board.ahead
    full = inner["sequencer.full"]
    take_slot, play_slot = inner.several("sequencer.slot")
    running, step, round_ = (inner[f"sequencer.{name}"] for name in ("running", "step", "round_"))
    in_flight, start = inner["sequencer.in_flight"], inner["sequencer.start"]
    waiting, shows = inner["collector.waiting"], inner["collector.output_valid"]
    made, taken = inner["collector.subtracted"], inner["collector.taken"]
    # The first is made without a name.
    into, out_of = inner["collector.$signal"], inner["collector.out_of"]

    # From the start to the register `subtracted`.
    run = config.run_cycles - 2
    ages = [Signal(range(run + 2), name=f"age_{at}") for at in range(2)]
    under_way = [Signal(name=f"under_way_{at}") for at in range(2)]
    m.d.sync += [age.eq(age + 1) for age in ages]
    ends = made
    with m.If(ends):
        m.d.sync += [under_way[0].eq(under_way[1]), ages[0].eq(ages[1] + 1), under_way[1].eq(0)]
    with m.If(start):
        with m.If(~under_way[0] | (ends & ~under_way[1])):
            m.d.sync += [under_way[0].eq(1), ages[0].eq(0)]
        with m.Else():
            m.d.sync += [under_way[1].eq(1), ages[1].eq(0)]
    first, second = under_way
    bench.always("a record is made when it is due", made == (first & (ages[0] == run)))
    bench.always("none is overdue", ~first | (ages[0] <= run))
    bench.always("one follows another", ~second | (first & (ages[0] > ages[1])))
    bench.always("a record that waits is not overwritten", ~(made & waiting & ~taken))
    bench.always("there is a place for each record", in_flight <= IN_FLIGHT)
    bench.always("those in flight are somewhere", in_flight == first + second + waiting + shows)

    youngest = Mux(second, ages[1], ages[0])
    played = step + round_ * config.round_interval_cycles
    bench.always("what plays is under way", ~running | (first & (youngest == played)))
    bench.always("no record waits for long", shows | (waits <= Mux(waiting, run + 4, Mux(first, ages[0] + 3, 3))))

    last_round = round_ == config.prototypes_per_pe - 1
    gap = config.interval_cycles - config.prototypes_per_pe * config.round_interval_cycles
    limit = Mux(last_round, config.round_interval_cycles + gap, config.round_interval_cycles)
    bench.always("steps are in range", (step < limit) | ~running)
    bench.always("rounds are in range", round_ < config.prototypes_per_pe)
    plays = running & (~last_round | (step < config.words))
    bench.always("what plays is in its slot", ~plays | full.bit_select(play_slot, 1))
    counted = Mux(words > config.words, config.words, words)
    bench.always("words are counted", inner["sequencer.count"] == counted)
    bench.always("slots are filled in turn", take_slot == play_slot ^ full[0] ^ full[1])
    bench.always("a full slot is the one to be played", (full == 0) | full.bit_select(play_slot, 1))
    bench.always("all are somewhere", inside == full[0] + full[1] - plays + in_flight)
    # The last key of a query is taken some cycles before its record is made.
    keys = keys_of(config)
    first_taking = run - 4 - config.vote_cycles - keys[-1].after
    taken_of = [
        Mux(is_there, sum((age > first_taking + key.after for key in keys), start=Const(0)), 0)
        for is_there, age in zip(under_way, ages, strict=True)
    ]
    taken_keys = Signal(range(len(keys) + 1), name="taken_keys")
    m.d.comb += taken_keys.eq(Mux(taken_of[0] == len(keys), taken_of[1], taken_of[0]))
    segment, row, readout = (Signal(range(len(keys)), name=f"next_{name}") for name in ("segment", "row", "readout"))
    with m.Switch(taken_keys):
        for at, key in enumerate(keys):
            with m.Case(at):
                of_segment = key.round_ * config.rows + key.row
                m.d.comb += [segment.eq(of_segment), row.eq(key.row), readout.eq(key.readout)]
    bench.always("keys are counted", inner["collector.segment"] == segment)
    bench.always("rows are counted", inner["collector.row"] == row)
    bench.always("readouts are counted", inner["collector.readout"] == readout)

    kept = ["best_order", "best_class", "best_valid", "runner_up_order", "runner_up_class", "runner_up_valid"]
    kept += ["vote.label", "vote.tie"] if config.k > 1 else []
    made_of = Cat(inner[f"collector.{name}"] for name in kept) if len(keys) > 1 else Const(0)
    waits_on = bench.register(waiting & ~taken & ~bench.reset, "waits_on")
    stands = made_of == bench.register(made_of, "made_of")
    bench.always("what a waiting record is made of stands", ~waits_on | stands)
    last_taken = [bench.register(inner["collector.taking"], "taking_1")]
    for at in range(2, 4):
        last_taken.append(bench.register(last_taken[-1] & ~bench.reset, f"taking_{at}"))
    begins = inner["collector.taking"] & (taken_keys == 0)
    bench.always("four cycles are between queries' keys", ~(begins & Cat(last_taken).any()))

    # The ring of what came with each query.
    bench.always("the ring holds those inside", (into - out_of)[: len(into)] == (inside - shows)[: len(into)])
    ring = [inner[f"collector.sideband_{at}"] for at in range(4)]
    output = inner["collector.output"]
    expected = board.content
    place = Signal(2)
    m.d.comb += place.eq(out_of + ahead - shows)
    held = Signal(len(ring[0]))
    with m.Switch(place):
        for at, entry in enumerate(ring):
            with m.Case(at):
                m.d.comb += held.eq(entry)
    shown = output[len(output) - len(expected) :]
    bench.always("what came with it is kept", ~picked | (Mux((ahead == 0) & shows, shown, held) == expected))
    bench.always("those ahead are inside", ~picked | (ahead < inside))
    oldest = Signal(range(run + 3), name="oldest")
    m.d.comb += oldest.eq(Mux(shows, run + 2, Mux(waiting, run + 1, ages[0])))
    return Ages(played=played, youngest=youngest, oldest=oldest)


def _in_step(bench, config, core, inner, words, ages):
    """While source and sink have never let the core wait: how far apart the records are, and how late the first is."""
    m = bench.m
    query, record = core.query, core.record
    good = query.valid & (query.payload.last == (words == config.words - 1)) & ~query.payload.drop
    in_step, begun, shown = Signal(init=1, name="in_step"), Signal(name="begun"), Signal(name="shown_once")
    m.d.sync += in_step.eq(in_step & good & (~record.valid | record.ready))
    latency, interval = config.latency_cycles, config.interval_cycles
    # Cycles since the first word, and since the last record.
    since = Signal(range(latency + 2), name="since")
    gap = Signal(range(interval + 2), name="gap")
    m.d.sync += [since.eq(Mux(since > latency, since, since + 1)), gap.eq(Mux(gap > interval, gap, gap + 1))]
    with m.If(record.valid):
        m.d.sync += [shown.eq(1), gap.eq(1)]
    with m.If(inner["sequencer.start"]):
        m.d.sync += begun.eq(1)
    bench.always("the first record comes after the latency", ~in_step | shown | (record.valid == (since == latency)))
    bench.always("a record comes each interval", ~(in_step & shown) | (record.valid == (gap == interval)))
    bench.reachable("a second record", in_step & shown & record.valid)

    full, in_flight = inner["sequencer.full"], inner["sequencer.in_flight"]
    running, step = inner["sequencer.running"], inner["sequencer.step"]
    unplayed = running & ((inner["sequencer.round_"] != config.prototypes_per_pe - 1) | (step < config.words))
    play_slot = inner.several("sequencer.slot")[1]
    run = config.run_cycles
    bench.always("play goes on", ~in_step | (running == begun))
    bench.always("a query comes in meanwhile", ~(in_step & unplayed) | full.all() | (words >= ages.played))
    bench.always("then it waits", ~(in_step & running) | unplayed | full.bit_select(play_slot, 1))
    bench.always("the first comes at once", ~in_step | begun | (since == Mux(full[0], config.words, words)))
    bench.always("none is behind it", ~in_step | begun | (full <= 1))
    first = in_step & begun & ~shown
    bench.always("the first is under way", ~first | (since == config.words + 1 + ages.oldest))
    bench.always("two are an interval apart", ~in_step | (in_flight != 2) | (ages.oldest == ages.youngest + interval))
    due = Mux(in_flight == 0, ages.played - run, ages.oldest + interval - run)
    bench.always("so are their records", ~(in_step & shown) | record.valid | (gap == due))


def _inner_parallel(bench, inner, words, waits, board):
    """Where queries are: in the stages of the pipeline, in the buffer, in the output register."""
    valid = inner["valid"]
    pending = sum(valid[1:], valid[0])
    shows, buffered, fresh = ring(
        bench,
        inner,
        "outbox.",
        inside=board.inside,
        pending=pending,
        ahead=board.ahead,
        picked=board.picked,
        came_with=board.content,
    )
    # The oldest in the pipeline is as old as its stage; then the buffer has it, and the next cycle shows it.
    stages = len(valid)
    age = Const(0)
    for at in range(stages):
        age = Mux(valid[at], at + 1, age)
    oldest = Mux(buffered == 0, age, Mux(buffered == fresh, stages + 1, stages + 2))
    bench.always("no record waits for long", shows | (waits <= oldest))
    bench.always("a query is one word", inner["further"] == (words != 0))


def _at_once(bench, config, core, inner, enters, board):
    """While the sink has never let a record wait, each comes after the latency, and a query is taken in each cycle."""
    m = bench.m
    record = core.record
    at_once = Signal(init=1)
    m.d.sync += at_once.eq(at_once & (~record.valid | record.ready))
    # Whether a query entered so many cycles ago.
    entered = Signal(config.latency_cycles)
    m.d.sync += entered.eq(Cat(enters, entered))
    bench.always("a record comes after the latency", ~at_once | (record.valid == entered[-1]))
    bench.always("a query is taken in each cycle", ~at_once | core.query.ready)
    streak = at_once & entered.all() & record.ready
    bench.reachable("a record in each cycle", streak & bench.register(streak, "streak"))

    stages = len(inner["valid"])
    written = entered[stages:]
    oldest = inner["outbox.oldest"]
    buffered = (inner["outbox.computed_next"] - oldest)[: len(oldest)]
    bench.always("those inside entered since", ~at_once | (board.inside == sum(entered[1:], entered[0])))
    bench.always("the stages hold them", inner["valid"] == entered[:stages])
    bench.always("no record waits in the buffer", ~at_once | (buffered == written[0] + written[1]))
    was_written = (inner["outbox.computed_next"] - inner["outbox.readable"])[0]
    bench.always("the last to be written is not read", was_written == written[0])


CORE = Proof(
    name="streams of the core",
    about=("core.py", "sequencer.py", "grid.py", "collector.py"),
    claim="every query has one record, in order, with its tag, in time; with nothing in the way, one each interval",
    build=handshake,
    induction=lambda **fields: core_of(**fields)[1].run_cycles + 2,
    shapes={
        "1 element, 1 word": {"labels": [0]},
        "2 rows of 2 tiles, 2 words": {"labels": [0, 0, 1], "columns": 2, "features": 2},
        "2 rounds": {"labels": [0, 1], "prototypes_per_pe": 2},
        "2 votes": {"labels": [0, 1], "k": 2},
        "10 words, back to back": {"labels": [0], "features": 10},
    },
    controls=(
        Mutation("sequencer:Sequencer._play", "in_flight != IN_FLIGHT", "in_flight == in_flight"),
        Mutation("sequencer:Sequencer._take", "~self.i.payload.drop & (count", "(count"),
        Mutation("sequencer:Sequencer._take", "~full.bit_select(slot, 1)", "~full.any()"),
        Mutation("collector:Collector._answer", "(~output_valid | self.o.ready)", "1"),
        Mutation("collector:Collector._sidebands", "out_of.eq(out_of + 1)", "out_of.eq(out_of + 2)"),
    ),
    quick=False,
)


def parallel(*, labels, features, **fields):
    """Fields of a core of the parallel form."""
    largest = max(labels.count(label) for label in set(labels))
    fixed = {"reduction": "parallel", "lanes": features, "pes_per_tile": largest}
    return {"labels": labels, "features": features, **fixed, **fields}


PARALLEL = Proof(
    name="streams of the parallel form",
    about=("parallel.py", "outbox.py"),
    claim=CORE.claim,
    build=handshake,
    induction=lambda **_: 4,
    shapes={
        "1 prototype": parallel(labels=[0], features=1),
        "3 prototypes of 2 classes, 3 features": parallel(labels=[0, 1, 0], features=3),
    },
    controls=(
        Mutation("parallel:ParallelCore._accept", "query.ready.eq(outbox.room | further)", "query.ready.eq(1)"),
        Mutation("parallel:ParallelCore._accept", "~query.payload.drop & ~further", "~further"),
        Mutation("outbox:Outbox.elaborate", "inside + self.accept - taken", "inside + self.accept"),
    ),
)
PROOFS = (CORE, PARALLEL)
