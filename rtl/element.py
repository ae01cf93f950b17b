"""The processing element: distance unit, accumulator, and its own bit in the search for the minimum."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from prototile.rtl.checks import positive
from prototile.rtl.distance import DistanceUnit


class ProcessingElement(wiring.Component):
    """Adds up the distance of one prototype, then gives it away bit by bit.

    The accumulator is all the state there is. To read it out it is added to itself, which shifts it: the most
    significant bit leaves first and zeros follow, so that it is clear when the last bit has left.

    With a `radius` the element first compares: the accumulator goes round once while the radius passes, most
    significant bit first, and ``distance < radius`` is known with the last bit. So the bit ``not firing``, which leads
    the key, leaves in the last cycle of the turn.

    Parameters
    ----------
    metric, bits, lanes
        As in `DistanceUnit`.
    distance_width
        Bits of the accumulator. The generator sizes it for the largest distance there can be, so it never overflows.
    radius
        Whether the element has an influence radius of its own.

    Attributes
    ----------
    query, prototype, enable : In
        Words as in `DistanceUnit`, enabled where they count; their term reaches the accumulator `latency` cycles later.
    clear : In(1)
        In step with the accumulator: clears it, whatever else is asked of it.
    shift : In(1)
        In step with the accumulator: it gives its bits away instead of taking a term.
    rotate : In(1)
        Only with `radius`, in step with the accumulator: it goes round by one bit, and is compared with ``radius_bit``.
    radius_bit : In(1)
        Only with `radius`: the bit of the radius for this cycle of ``rotate``.
    key : Out(1)
        With ``shift`` the bit of the distance; in the last cycle of ``rotate`` the bit ``not firing``.
    seed : Out(1)
        The accumulator's lowest bit, see `Bank`.
    """

    def __init__(self, *, metric: str, bits: int, lanes: int, distance_width: int, radius: bool):
        positive(distance_width=distance_width)
        self.unit = DistanceUnit(metric=metric, bits=bits, lanes=lanes)
        self.latency = self.unit.latency
        self.distance_width = distance_width
        self.radius = radius
        members = {
            "query": In(lanes * bits),
            "prototype": In(lanes * bits),
            "enable": In(1),
            "clear": In(1),
            "shift": In(1),
            "key": Out(1),
            "seed": Out(1),
        }
        if radius:
            members |= {"rotate": In(1), "radius_bit": In(1)}
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        m.submodules.unit = unit = self.unit
        m.d.comb += [unit.query.eq(self.query), unit.prototype.eq(self.prototype), unit.enable.eq(self.enable)]

        accumulator = Signal(self.distance_width, reset_less=True)
        top = accumulator[-1]
        turn = Signal()
        wrap = Signal()
        m.d.comb += [
            self.seed.eq(accumulator[0]),
            turn.eq(self.shift | self.rotate if self.radius else self.shift),
            wrap.eq(self.rotate & top if self.radius else 0),
        ]

        # The term meets the accumulator only in its low bits. There, turning adds the accumulator to itself. Above, the
        # second operand is the turning signal: its sum is not used then, and the cell has an input left for the bit
        # below.
        low = min(unit.term_width, self.distance_width)
        operand = Signal(self.distance_width)
        total = Signal(self.distance_width)
        m.d.comb += [
            operand[:low].eq(Mux(turn, accumulator[:low], unit.term)),
            operand[low:].eq(turn.replicate(self.distance_width - low)),
            # Without a word there is no carry, so turning needs to keep none away.
            total.eq(accumulator + operand + (unit.carry | wrap)),
        ]
        with m.If(self.clear):
            m.d.sync += accumulator.eq(0)
        with m.Else():
            m.d.sync += [
                accumulator[:low].eq(total[:low]),
                accumulator[low:].eq(Mux(turn, accumulator[low - 1 : -1], total[low:])),
            ]

        if self.radius:
            self._compare(m, top)
        else:
            m.d.comb += self.key.eq(top)
        return m

    def _compare(self, m, top):
        """Compare with the radius while the accumulator goes round, and put ``not firing`` ahead of the distance."""
        decided = Signal(reset_less=True)
        firing = Signal(reset_less=True)
        firing_next = Signal()
        m.d.comb += [
            firing_next.eq(Mux(decided, firing, self.radius_bit & ~top)),
            self.key.eq(Mux(self.shift, top, ~firing_next)),
        ]
        with m.If(self.rotate):
            m.d.sync += [decided.eq(decided | (top ^ self.radius_bit)), firing.eq(firing_next)]
        with m.Else():
            m.d.sync += [decided.eq(0), firing.eq(0)]
