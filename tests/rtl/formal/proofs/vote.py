"""Votes of k neighbours: who is among the first k, which class most of them have, and what a tie is."""

from amaranth.hdl import Cat, Mux, Signal
from formal.contract import elected
from formal.proof import Mutation, Proof

from prototile.rtl.vote import Vote


def times(k, keys, gap):
    """Cycles in which keys are shown, two apart but for one gap, and that in which the winner stands."""
    shown = [2 * at + (gap if at >= keys // 2 else 0) for at in range(keys)]
    return shown, shown[-1] + 1 + k + 3


def votes(bench, *, k, keys, classes, distance_width, gap):
    """Keys of one query, each any or none, after anything: who wins is counted here as the contract says it.

    The state before is any of all registers. So the cycles from the first key until the winner stands are all.
    """
    m = bench.m
    index_width = (keys - 1).bit_length()
    order_width = index_width + distance_width + 1
    dut = Vote(k=k, class_width=(classes - 1).bit_length(), distance_width=distance_width, order_width=order_width)
    inside = bench.add(dut, "vote")
    bench.unknown(*inside.registers())
    bench.without_reset()
    shown, end = times(k, keys, gap)
    time = Signal(range(end + 1), reset_less=True)
    m.d.sync += time.eq(Mux(time == end, time, time + 1))
    bench.drive(dut.order, "order")
    bench.drive(dut.class_, "class")
    found = []
    for at, when in enumerate(shown):
        order = bench.constant(order_width, f"order_{at}")
        label = bench.constant(len(dut.class_), f"class_{at}")
        there = bench.constant(1, f"there_{at}")
        bench.assume((time != when) | ((dut.order == order) & (dut.class_ == label)))
        bench.assume(label < classes)
        for other, _, _ in found:
            bench.assume(order != other)
        found.append((order, label, there))
    bench.assume(Cat(there for _, _, there in found).any())
    m.d.comb += [
        dut.take.eq(Cat((time == when + 1) & there for when, (_, _, there) in zip(shown, found, strict=True)).any()),
        dut.first.eq(time == shown[0] + 1),
        dut.start.eq(time == shown[-1] + 1),
    ]
    winner, distance, tie = elected(m, found, k=k, classes=classes, index_width=index_width)
    ends = time == end
    bench.always("it ends in time", (time != end - 1) | dut.ended)
    bench.always("the class with most votes wins, the lowest of several", ~ends | (dut.label == winner))
    bench.always("its distance is that of its first", ~ends | (dut.distance == distance))
    bench.always("a tie is told", ~ends | (dut.tie == tie))
    bench.reachable("a tie", ends & dut.tie)
    order, label, there = found[0]
    bench.reachable("the nearest loses", ends & there & (order == 0) & (dut.label != label))
    bench.reachable("none fires", ends & Cat(order[-1] for order, _, _ in found).all())


VOTES = Proof(
    name="votes of neighbours",
    about=("vote.py",),
    claim="of the first k in the order that fire, or of the first k if none does, the class with most wins",
    build=votes,
    depth=lambda k, keys, gap, **_: times(k, keys, gap)[1] + 1,
    shapes={
        "3 of 5 keys, 3 classes": {"k": 3, "keys": 5, "classes": 3, "distance_width": 2, "gap": 0},
        "2 of 4, 4 classes, a pause": {"k": 2, "keys": 4, "classes": 4, "distance_width": 2, "gap": 3},
        "5 of 6, 2 classes": {"k": 5, "keys": 6, "classes": 2, "distance_width": 1, "gap": 1},
    },
    controls=(
        Mutation("vote:Vote._keep", "self.order < neighbour.order", "self.order > neighbour.order"),
        Mutation("vote:Vote._keep", "self.take if ahead is None else 0", "1 if ahead is None else 0"),
        Mutation("vote:Vote._count", "counted_class < self.label", "counted_class > self.label"),
        Mutation("vote:Vote._count", "(~neighbour.silent | ~any_fires)", "1"),
        Mutation("vote:Vote._count", "self.tie.eq(as_many)", "self.tie.eq(0)"),
    ),
)

PROOFS = (VOTES,)
