"""Counts what is inside a device, and watches one of it."""

from amaranth.hdl import Cat, Signal
from formal.bench import Bench


class Scoreboard:
    """Things that enter a device and leave it in their order, one of which is picked at random when it enters.

    Parameters
    ----------
    bench
        Which counts.
    enters, leaves
        One enters or leaves.
    content
        What comes with it.
    most
        How many may be inside.

    Attributes
    ----------
    inside
        How many have entered and not left.
    picked, ahead
        Whether one is watched, and how many leave before it.
    picks
        It is picked in this cycle.
    content
        What came with the watched one.
    leaves_next
        The watched one is the next to leave.
    """

    def __init__(self, bench: Bench, *, enters, leaves, content, most: int):
        m = bench.m
        self.inside = Signal(range(most + 2), name="inside")
        m.d.sync += self.inside.eq(self.inside + enters - leaves)
        self.picked = Signal(name="picked")
        self.ahead = Signal(range(most + 1), name="ahead")
        self.content = Signal(len(Cat(content)), name="picked_content")
        self.picks = Signal(name="picks")
        m.d.comb += self.picks.eq(bench.free(1, "pick") & enters & ~self.picked)
        self.leaves_next = self.picked & (self.ahead == 0)
        with m.If(self.picked & leaves):
            m.d.sync += self.ahead.eq(self.ahead - 1)
            with m.If(self.ahead == 0):
                m.d.sync += self.picked.eq(0)
        with m.If(self.picks):
            m.d.sync += [self.picked.eq(1), self.ahead.eq(self.inside - leaves), self.content.eq(Cat(content))]
