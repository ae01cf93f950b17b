"""The collector: whatever keys come, the record is what the contract says of them."""

from amaranth.hdl import Cat, Const, Mux, Signal
from formal.contract import decided
from formal.proof import Mutation, Proof
from formal.subjects import configuration, core_of


def collector_times(config):
    """Cycles of the takings of the keys of all rows, from the first, and the cycle in which the record is shown."""
    takings = [2 * row for row in range(config.rows)]
    return takings, takings[-1] + 7


def record(bench, **fields):
    """The keys of one query, each anything, after a query of which anything may be left.

    The state before is any of all registers, but that the counters of keys are 0, as the proof of the core's streams
    has them between queries, and that no earlier record is under way. So the cycles until the record is shown are all.
    """
    m = bench.m
    core, config = core_of(**fields)
    dut, tables = core.collector, core.collector.tables
    inside = bench.add(dut, "collector")
    bench.unknown(*inside.registers())
    bench.without_reset()
    takings, shown = collector_times(config)
    for name in ("row", "segment", "readout", "moving", "pull"):
        bench.assume(~bench.first | (inside[name] == 0))
    for name in ("looked_up_valid", "compared_valid", "kept_valid", "subtracted", "waiting", "output_valid"):
        bench.assume(~bench.first | ~inside[name])
    for name in ("accepted", "saturated", "tag"):
        bench.drive(getattr(dut, name), name)
    m.d.comb += dut.o.ready.eq(0)

    time = Signal(range(shown + 1), reset_less=True)
    m.d.sync += time.eq(Mux(time == shown, time, time + 1))
    # The keys of the query behind this one follow as soon as the sequencer lets them.
    m.d.comb += [
        dut.complete.eq((time == 0) | (time == config.round_interval_cycles)),
        dut.key.eq(bench.free(config.key_width, "key")),
    ]
    keys = [bench.constant(config.key_width, f"key_{row}") for row in range(config.rows)]
    with m.Switch(time):
        for at, key in zip(takings, keys, strict=True):
            # A key stands for two cycles, then the next row's comes.
            with m.Case(at, at + 1):
                m.d.comb += dut.key.eq(key)
    orders = [_order(config, core.shape, tables, row, key) for row, key in enumerate(keys)]
    for _, legal in orders:
        bench.assume(legal)
    found = [(order, tables.classes[row]) for row, (order, _) in enumerate(orders)]

    expected, parts = decided(m, config, found)
    ends = time == shown
    bench.always("the record is shown when it is due", ~ends | dut.o.valid)
    for name, value in expected.items():
        bench.always(f"{name} is that of the contract", ~ends | (dut.o.payload[name] == value))
    bench.reachable("a tie", ends & dut.o.payload.tie)
    first, other = parts.best == orders[-1][0], parts.any_other & (parts.second == orders[0][0])
    bench.reachable("the last row comes first", ends & first & (orders[0][0] != orders[-1][0]))
    bench.reachable("a runner-up in the first row", ends & other)


def _order(config, shape, tables, row, key):
    """The order of the prototype that a row's key names, and whether the key can be one."""
    index_width = config.index_width
    position, distance = key[: shape.position_width], key[shape.position_width :][: config.distance_width]
    at = row << shape.position_width
    index = Const(tables.prototypes[at], index_width)
    for place in range(1, 1 << shape.position_width):
        index = Mux(position == place, Const(tables.prototypes[at + place], index_width), index)
    legal = position < config.pes_per_row
    silent = Const(0)
    if config.radii == "prototype":
        silent = key[-1]
    elif config.radii != "none":
        silent = distance >= tables.radii[row]
    return Cat(index, distance, silent), legal


RECORD = Proof(
    name="records",
    about=("collector.py", "record.py"),
    claim="whatever keys the rows send, each field of the record is what the contract says of them",
    build=record,
    depth=lambda **fields: collector_times(configuration(**fields))[1] + 1,
    shapes={
        "4 rows of 3 classes": {"labels": [0, 1, 2, 0], "bits": 2},
        "radii per class, a smallest margin": {"labels": [1, 0, 2, 1], "bits": 2, "radii": "class", "min_margin": 1},
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
    ),
)

PROOFS = (RECORD,)
