"""The chip is the model: from the words of a query to its record, held against the contract."""

from amaranth.hdl import Cat, Const, Mux, Signal
from formal.contract import decided
from formal.proof import Mutation, Proof
from formal.proofs.accumulator import decoded_memory, word
from formal.proofs.handshake import parallel
from formal.subjects import core_of, nodes

from prototile.hardware import memory_words


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

PROOFS = (PARALLEL,)
