"""The chip is the model: from the words of a query to its record, held against the contract."""

from dataclasses import replace

import numpy as np
from amaranth.hdl import Cat, Const, Mux, Signal
from formal.contract import decided
from formal.proof import Mutation, Proof
from formal.proofs.accumulator import decoded_memory, word
from formal.proofs.handshake import handshake, parallel
from formal.subjects import core_of, nodes

from prototile.hardware import memory_words
from prototile.placement import place


def parallel_answers(bench, *, labels, **fields):
    """One query, any, between others: what the pipeline writes for it is the decision of the contract.

    The state before is any of all registers, and the pipeline has no loop: so the cycles until the record is written
    are all. The buffer behind it is proved by itself.
    """
    m = bench.m
    core, config = core_of(labels=labels, **fields)
    inside = bench.add(core, "core")
    bench.unknown(*inside.registers())
    bench.without_reset()
    bench.drive(core.query.valid, "query_valid")
    bench.drive(core.query.payload, "query")
    bench.drive(core.record.ready, "record_ready")
    payload = core.query.payload
    enters = core.query.valid & core.query.ready & payload.last & ~payload.drop & ~inside["further"]
    bench.assume(~bench.first | enters)
    query = Signal(config.word_width, name="asked", reset_less=True)
    with m.If(bench.first):
        m.d.sync += query.eq(payload.data)
    time = Signal(range(core.stages + 1), reset_less=True)
    m.d.sync += time.eq(Mux(time == core.stages, time, time + 1))

    model = nodes(config, labels)
    contents = memory_words(config, model)[0, :, 0, 0]
    found = []
    for index, (content, label) in enumerate(zip(contents, labels, strict=True)):
        memory = decoded_memory(config.unit, Const(int(content), config.unit.memory_width))
        total, _ = word(config, query, memory)
        distance = Signal(config.distance_width, name=f"distance_of_{index}")
        m.d.comb += distance.eq(total)
        silent = Const(0) if model.radii is None else distance >= int(model.radii[index])
        found.append((Cat(Const(index, config.index_width), distance, silent), label, Const(1)))
    expected, parts = decided(m, config, found)
    ends = time == core.stages
    written = Signal(core.record.payload.shape(), name="written")
    m.d.comb += written.as_value().eq(core.outbox.computed)
    bench.always("the record is written when it is due", ~ends | core.outbox.write)
    for name, value in expected.items():
        bench.always(f"{name} is that of the contract", ~ends | (written[name] == value))
    bench.reachable("a tie", ends & written.tie)
    bench.reachable("the last is the nearest", ends & (parts.best == found[-1][0]))


OWN_RADII, LINF = "l2, own radii", "linf, 4 features of 3 bits"
PARALLEL = Proof(
    name="answers of the parallel form",
    about=("parallel.py", "lookup.py", "tournament.py", "record.py", "distance/"),
    claim="the record of each query is the decision that the contract makes of its distances to all prototypes",
    build=parallel_answers,
    # From any state: the query goes through its stages, and nothing goes back.
    depth=lambda **fields: core_of(**fields)[0].stages + 1,
    shapes={
        "l1, looked up, 4 features of 2 bits, radii per class": parallel(
            labels=[0, 1, 0, 2], features=4, bits=2, radii="class", min_margin=2
        ),
        OWN_RADII: parallel(labels=[1, 0, 1, 2], features=2, bits=2, metric="l2", radii="prototype"),
        LINF: parallel(labels=[0, 0, 1], features=4, bits=3, metric="linf"),
        "hamming, 9 bits, a common radius": parallel(
            labels=[0, 1, 2], features=9, bits=1, metric="hamming", radii="common"
        ),
    },
    quick=False,
    controls=(
        Mutation("lookup:_lowest_as_carry", "other[1:]), other[0]", "other[1:]), Const(0, 1)"),
        Mutation("parallel:ParallelCore._judge", "margin_of(first, second)", "margin_of(second, first)"),
        Mutation("parallel:ParallelCore._compared", "distance >= radius", "distance > radius", OWN_RADII),
        Mutation("parallel:ParallelCore._index", "start + contender.member", "contender.member", LINF),
    ),
)


def answers(bench, *, labels, **fields):
    """A core whose memories hold anything, and whose source, sink and reset do what they like.

    One query is watched, any, with all its words: its record is held against the decision of the contract. What makes
    that inductive is what makes the streams so, and where the words of the watched query are. An induction reaches back
    over the whole way of a query, and over the one before: so it finds all that is left in the grid.
    """
    m = bench.m
    streams = handshake(bench, labels=labels, memory="single_port", writable=True, **fields)
    core, config, inner, board = streams.core, streams.config, streams.inner, streams.board

    came = [Signal(config.word_width, name=f"came_{at}") for at in range(config.words)]
    asked = [Signal(config.word_width, name=f"asked_{at}") for at in range(config.words)]
    for at, (coming, one) in enumerate(zip(came, asked, strict=True)):
        now = streams.moved & (streams.words == at)
        with m.If(now):
            m.d.sync += coming.eq(core.query.payload.data)
        with m.If(board.picks):
            m.d.sync += one.eq(Mux(now, core.query.payload.data, coming))

    # What a query meets in the memories is what they hold when it has been played: nothing is written meanwhile.
    running, query_end = inner["sequencer.running"], inner["sequencer.query_end"]
    ends = running & query_end & board.picked & (board.ahead + 1 == inner["sequencer.in_flight"])
    found = _found(bench, config, inner, labels, asked, ends)
    expected, parts = decided(m, config, found)
    record = core.record
    own = board.leaves_next & record.valid
    for name, value in expected.items():
        bench.always(f"{name} is that of the contract", ~own | (record.payload[name] == value))
    if config.class_count > 1:
        bench.reachable("a tie", own & record.payload.tie)
    bench.reachable("the last is the nearest", own & (parts.best == found[-1][0]))
    was_written = Signal()
    with m.If(core.write.valid & core.write.ready):
        m.d.sync += was_written.eq(1)
    bench.reachable("an answer after a word was written", own & was_written)

    # Where the words are.
    in_flight = inner["sequencer.in_flight"]
    take_slot, play_slot = inner.several("sequencer.slot")
    step = inner["sequencer.step"]
    last_round = inner["sequencer.round_"] == config.prototypes_per_pe - 1
    plays = running & (~last_round | (step < config.words))
    slot = play_slot ^ (board.ahead - in_flight + plays)[0]
    lies = board.picked & ((board.ahead >= in_flight) | (plays & (board.ahead + 1 == in_flight)))
    for at, (coming, one) in enumerate(zip(came, asked, strict=True)):
        number = Const(at, (config.words - 1).bit_length())
        held, taken = (inner.word("sequencer.buffer", Cat(number, of)) for of in (slot, take_slot))
        bench.always(f"word {at} is in its slot", ~lies | (held == one))
        bench.always(f"word {at} of the next is in its slot", (streams.words <= at) | (taken == coming))
    # What a record that waits is made of.
    waits = board.picked & inner["collector.waiting"] & (board.ahead == inner["collector.output_valid"])
    _, firsts = decided(m, replace(config, k=1), found)
    kept = {"best_order": firsts.best, "best_class": firsts.label, "margin": expected["margin"]}
    kept |= {"runner_up_valid": firsts.any_other, "runner_up_order": firsts.second, "runner_up_class": firsts.other}
    if config.k > 1:
        kept |= {"vote.label": parts.label, "vote.tie": expected["tie"]}
    for name, value in kept.items():
        is_there = firsts.any_other if name in ("runner_up_order", "runner_up_class") else Const(1)
        bench.always(f"{name} is kept for it", ~(waits & is_there) | (inner[f"collector.{name}"] == value))


def _found(bench, config, inner, labels, asked, ends):
    """The order of each prototype, made of what its memory held and what was asked; its class; that it is there."""
    m = bench.m
    model = nodes(config, labels)
    placement = place(config, np.array(labels))
    held = placement.prototypes.reshape(-1, config.rows, config.columns, config.pes_per_tile)
    found = {}
    for (round_, row, column, element), index in np.ndenumerate(held):
        if index < 0:
            continue
        fields = []
        for at in range(config.memory_rows):
            contents = inner.word(f"grid.tile_{row}_{column}.memory_0", round_ * config.memory_rows + at)
            field = Signal(config.unit.field_width, name=f"field_{index}_{at}")
            with m.If(ends):
                m.d.sync += field.eq(contents.word_select(element, len(field)))
            fields.append(field)
        total = Const(0)
        for one, field in zip(asked, fields, strict=False):
            part, _ = word(config, one, field)
            total = Mux(part > total, part, total) if config.metric == "linf" else total + part
        distance = Signal(config.distance_width, name=f"distance_of_{index}")
        m.d.comb += distance.eq(total)
        radius = None if model.radii is None else Const(int(model.radii[index]))
        if config.radii == "prototype":
            # Its bits follow the words, the highest first.
            radius = Cat(field[0] for field in reversed(fields[config.words :]))
        silent = Const(0) if radius is None else distance >= radius
        found[index] = (Cat(Const(index, config.index_width), distance, silent), labels[index], Const(1))
    return [found[index] for index in range(len(labels))]


def answers_depth(**fields):
    config = core_of(memory="single_port", writable=True, **fields)[1]
    return config.run_cycles + config.interval_cycles + 2


WORDS, ROUNDS = "2 of 2 classes, 2 features of 2 bits", "2 rounds of 3 words, radii per class, a smallest margin"
ANSWERS = Proof(
    name="answers of a whole core",
    about=("core.py", "sequencer.py", "grid.py", "tile.py", "bank.py", "element.py", "collector.py", "record.py"),
    claim="whatever the memories hold, the record of each query is the decision of the contract",
    build=answers,
    induction=answers_depth,
    limit=1200,
    shapes={
        "2 elements of 2 classes, 1 bit": {"labels": [0, 1]},
        WORDS: {"labels": [0, 1], "features": 2, "bits": 2},
        "3 of 2 classes in 2 rows": {"labels": [0, 1, 1], "pes_per_tile": 2, "bits": 2},
        ROUNDS: {
            "labels": [0, 1],
            "prototypes_per_pe": 2,
            "features": 3,
            "radii": "class",
            "min_margin": 1,
        },
        "own radii": {"labels": [0, 1], "radii": "prototype"},
        "4 in 2 by 2 tiles": {"labels": [0, 1, 0, 1], "columns": 2, "bits": 2},
        "2 tiles of 1 class": {"labels": [0, 0], "columns": 2, "bits": 2},
        "2 votes": {"labels": [0, 1], "k": 2},
    },
    controls=(
        Mutation("distance.lanes:Difference.elaborate", "total[-1] & self.enable", "total[-1]", ROUNDS),
        Mutation("sequencer:Sequencer._play", "self.o.address.eq(address_after)", "self.o.address.eq(address)", WORDS),
        Mutation("grid:RowEnd.elaborate", "phase[-2] | self.move", "phase[-1] | self.move"),
        Mutation("element:ProcessingElement._compare", "self.radius_bit & ~top", "self.radius_bit | ~top", "own radii"),
    ),
    quick=False,
)

PROOFS = (PARALLEL, ANSWERS)
