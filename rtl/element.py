"""The processing element: distance unit, accumulator, and its own bit in the search for the minimum."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from prototile.rtl.checks import positive
from prototile.rtl.distance.shape import UnitShape
from prototile.rtl.distance.unit import DistanceUnit


class ProcessingElement(wiring.Component):
    """Accumulates the distance of one prototype, then gives it away bit by bit.

    The accumulator is all the state there is. To read out a sum it is added to itself, which shifts it: the most
    significant bit leaves first and zeros follow, so that it is clear when the last bit has left. With ``keep`` it goes
    round instead and stands as before.

    With a `radius` the element first compares: the accumulator goes round once while the radius passes, most
    significant bit first, and ``distance < radius`` is known with the last bit. So the bit ``not firing``, which leads
    the key, leaves in the last cycle of the turn; and again before each further readout.

    Parameters
    ----------
    unit
        Shape of the distance unit.
    distance_width
        Bits of the accumulator. The generator sizes it for the largest distance there can be, so it never overflows.
    radius
        Whether the element has an influence radius of its own.
    keeps
        Whether distances are read out more than once. The unit must be quiet then: in a pause the accumulator takes
        terms as ever.

    Attributes
    ----------
    query, memory, enable : In
        As in `DistanceUnit`; their term reaches the accumulator ``unit.latency`` cycles later.
    clear : In(1)
        In step with the accumulator: clears it, whatever else is asked of it.
    shift : In(1)
        In step with the accumulator: it gives its bits away instead of taking a term.
    keep : In(1)
        Only with `keeps`: what leaves comes in again.
    rotate : In(1)
        Only with `radius`, in step with the accumulator: it goes round by one bit, and is compared with ``radius_bit``.
    radius_bit : In(1)
        Only with `radius`: the bit of the radius for this cycle of ``rotate``.
    key : Out(1)
        With ``shift`` the bit of the distance; else, with a radius, ``not firing``.
    seed : Out(1)
        The accumulator's lowest bit, see `Bank`.
    """

    def __init__(self, *, unit: UnitShape, distance_width: int, radius: bool, keeps: bool = False):
        positive(distance_width=distance_width)
        if keeps and not unit.quiet:
            raise ValueError("distances that are read out more than once need a quiet unit")
        self.unit = unit
        self.distance_width = distance_width
        self.radius = radius
        self.keeps = keeps
        members = {
            "query": In(unit.word_width),
            "memory": In(unit.memory_width),
            "enable": In(1),
            "clear": In(1),
            "shift": In(1),
            "key": Out(1),
            "seed": Out(1),
        }
        if keeps:
            members |= {"keep": In(1)}
        if radius:
            members |= {"rotate": In(1), "radius_bit": In(1)}
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        m.submodules.unit = unit = DistanceUnit(self.unit)
        m.d.comb += [unit.query.eq(self.query), unit.memory.eq(self.memory), unit.enable.eq(self.enable)]

        accumulator = Signal(self.distance_width, reset_less=True)
        top = accumulator[-1]
        turn = Signal()
        wrap = Signal()
        rotate = self.rotate if self.radius else 0
        m.d.comb += [
            self.seed.eq(accumulator[0]),
            turn.eq(self.shift | rotate),
            wrap.eq((rotate | (self.keep if self.keeps else 0)) & top),
        ]
        after = (
            self._maximum(m, accumulator, unit, turn, wrap)
            if self.unit.is_maximum
            else (self._sum(m, accumulator, unit, turn, wrap))
        )
        with m.If(self.clear):
            m.d.sync += accumulator.eq(0)
        with m.Else():
            m.d.sync += accumulator.eq(after)

        if self.radius:
            self._compare(m, top)
        else:
            m.d.comb += self.key.eq(top)
        return m

    def _sum(self, m, accumulator, unit, turn, wrap):
        """The accumulator with the term added, or turned by one bit.

        The term meets the accumulator only in its low bits. There, turning adds the accumulator to itself. Above, the
        second operand is the turning signal: its sum is not used then, and the cell has an input left for the bit
        below.
        """
        low = min(self.unit.term_width, self.distance_width)
        operand = Signal(self.distance_width)
        total = Signal(self.distance_width)
        after = Signal(self.distance_width)
        carry = unit.carry | (wrap & turn if self.keeps else wrap)
        m.d.comb += [
            operand[:low].eq(Mux(turn, accumulator[:low], unit.term)),
            operand[low:].eq(turn.replicate(self.distance_width - low)),
            # Without a word there is no carry, so turning needs to keep none away.
            total.eq(accumulator + operand + carry),
            after[:low].eq(total[:low]),
            after[low:].eq(Mux(turn, accumulator[low - 1 : -1], total[low:])),
        ]
        return after

    def _maximum(self, m, accumulator, unit, turn, wrap):
        """The accumulator or a larger term, or turned by one bit."""
        after = Signal(self.distance_width)
        m.d.comb += after.eq(
            Mux(turn, Cat(wrap, accumulator[:-1]), Mux(unit.term > accumulator, unit.term, accumulator))
        )
        return after

    def _compare(self, m, top):
        """Compare with the radius while the accumulator goes round, and show ``not firing`` from then on."""
        decided = Signal(reset_less=True)
        firing = Signal(reset_less=True)
        firing_next = Signal()
        m.d.comb += firing_next.eq(Mux(decided, firing, self.radius_bit & ~top))
        with m.If(self.rotate):
            m.d.sync += [decided.eq(decided | (top ^ self.radius_bit)), firing.eq(firing_next)]
        with m.Else():
            m.d.sync += decided.eq(0)
            if not self.keeps:
                m.d.sync += firing.eq(0)
        shown = Mux(self.rotate, firing_next, firing) if self.keeps else firing_next
        m.d.comb += self.key.eq(Mux(self.shift, top, ~shown))
