"""The collector: whatever keys come, the record is what the contract says of them."""

from amaranth.hdl import Cat, Const, Mux, Signal
from formal.contract import decided
from formal.proof import Mutation, Proof
from formal.subjects import configuration, core_of, keys_of


def shown_after(config):
    """Cycles from the taking of the first key until the record is shown."""
    return keys_of(config)[-1].after + 6 + config.vote_cycles


def record(bench, **fields):
    """The keys of one query, each anything, after a query of which anything may be left.

    The state before is any of all registers, but that the counters of keys are 0, as the proof of the core's streams
    has them between queries, and that no earlier key is on its way through the tables: the last was taken four cycles
    before. So the cycles until the record is shown are all. The sink takes it at once; that nothing changes in a record
    that waits is a part of the proof of the streams.
    """
    m = bench.m
    core, config = core_of(**fields)
    dut, tables = core.collector, core.collector.tables
    inside = bench.add(dut, "collector")
    bench.unknown(*inside.registers())
    bench.without_reset()
    named, shown = keys_of(config), shown_after(config)
    for name in ("row", "segment", "readout", "moving", "pull"):
        bench.assume(~bench.first | (inside[name] == 0))
    for name in ("looked_up_valid", "compared_valid", "kept_valid"):
        bench.assume(~bench.first | ~inside[name])
    for name in ("accepted", "saturated", "tag"):
        bench.drive(getattr(dut, name), name)
    m.d.comb += dut.o.ready.eq(1)

    time = Signal(range(shown + 1), reset_less=True)
    m.d.sync += time.eq(Mux(time == shown, time, time + 1))
    # The keys of the query behind this one follow as soon as the sequencer lets them.
    completes = [one.after for one in named if one.row == 0]
    behind = config.prototypes_per_pe * config.round_interval_cycles
    m.d.comb += [
        dut.complete.eq(Cat(time == when for when in (*completes, behind)).any()),
        dut.key.eq(bench.free(config.key_width, "key")),
    ]
    keys = [bench.constant(config.key_width, f"key_{at}") for at in range(len(named))]
    with m.Switch(time):
        for one, key in zip(named, keys, strict=True):
            # A key stands for two cycles, then the next row's comes.
            with m.Case(one.after, one.after + 1):
                m.d.comb += dut.key.eq(key)
    found = []
    for at, (one, key) in enumerate(zip(named, keys, strict=True)):
        segment = one.round_ * config.rows + one.row
        order, there, legal = _order(m, config, core.shape, tables, segment, key)
        bench.assume(legal)
        if one.readout:
            # The next minimum of a row, if there is one.
            before, _, was_there = found[at - config.rows]
            masks = [mask for image in core.grid.images[one.row] for mask in image.members]
            held = sum(mask >> one.round_ & 1 for mask in masks)
            bench.assume(~there | (was_there & (before < order) & (one.readout < held)))
        found.append((order, tables.classes[segment] or 0, there))
    bench.assume(Cat(there for _, _, there in found).any())
    expected, parts = decided(m, config, found)
    ends = time == shown
    bench.always("the record is shown when it is due", ~ends | dut.o.valid)
    for name, value in expected.items():
        bench.always(f"{name} is that of the contract", ~ends | (dut.o.payload[name] == value))
    bench.reachable("a tie", ends & dut.o.payload.tie)
    occupied = sum(class_ is not None for class_ in tables.classes)
    rows = [order for one, (order, _, _) in zip(named, found, strict=True) if one.readout == 0][:occupied]
    bench.reachable("the last row comes first", ends & (parts.best == rows[-1]) & (rows[0] != rows[-1]))
    bench.reachable("a runner-up in the first row", ends & parts.any_other & (parts.second == rows[0]))


def _order(m, config, shape, tables, segment, key):
    """The order of the prototype that a row's key names, whether there is one, and whether the key can be one."""
    index_width = config.index_width
    position, distance = key[: shape.position_width], key[shape.position_width :][: config.distance_width]
    at = segment << shape.position_width
    index = Const(tables.prototypes[at], index_width)
    for place in range(1, 1 << shape.position_width):
        index = Mux(position == place, Const(tables.prototypes[at + place], index_width), index)
    # A row that has no more to give, where several readouts follow one another, shows all ones.
    occupied = tables.classes[segment] is not None
    there = Const(occupied) if config.k == 1 else occupied & ~distance.all()
    legal = position < config.pes_per_row
    silent = Const(0)
    if config.radii == "prototype":
        silent = key[-1]
    elif config.radii != "none":
        silent = distance >= tables.radii[segment]
    order = Signal(index_width + len(distance) + 1)
    m.d.comb += order.eq(Cat(index, distance, silent))
    return order, there, legal


VOTES = "3 votes, 3 rows of 2"
RECORD = Proof(
    name="records",
    about=("collector.py", "record.py"),
    claim="whatever keys the rows send, each field of the record is what the contract says of them",
    build=record,
    depth=lambda **fields: shown_after(configuration(**fields)) + 1,
    shapes={
        "4 rows of 3 classes": {"labels": [0, 1, 2, 0], "bits": 2},
        "radii per class, a smallest margin": {"labels": [1, 0, 2, 1], "bits": 2, "radii": "class", "min_margin": 1},
        VOTES: {"labels": [0, 0, 1, 1, 2, 2], "bits": 2, "pes_per_tile": 2, "k": 3},
        "2 rounds": {"labels": [0, 1, 0], "bits": 2, "prototypes_per_pe": 2, "radii": "common"},
        "2 votes, radii per class": {"labels": [0, 1, 1], "bits": 2, "k": 2, "radii": "class"},
        "own radii, 2 elements a row": {"labels": [0, 1, 0, 1, 0], "bits": 1, "radii": "prototype", "pes_per_tile": 2},
    },
    controls=(
        Mutation("collector:Collector._keep", "~alone & ~same_class & (~runner", "~alone & (~runner"),
        Mutation(
            "collector:Collector._keep", "before_best.eq(order < best.order)", "before_best.eq(order > best.order)"
        ),
        Mutation(
            "collector:judged",
            "margin < shape.min_margin",
            "margin <= shape.min_margin",
            "radii per class, a smallest margin",
        ),
        Mutation("collector:Collector._keep", "runner.order.eq(best.order)", "runner.order.eq(order_after)"),
        Mutation("collector:Collector.elaborate", "Mux(elected, second.class_, first.class_)", "second.class_", VOTES),
        Mutation("collector:Collector._step", "segment - (rows - 1)", "segment - rows", VOTES),
    ),
)

PROOFS = (RECORD,)
