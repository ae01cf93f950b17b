"""The unit of one lane, for each metric that takes components one by one.

All have the same ports:

``query``
    One component of the query.
``memory``
    What the prototype's memory holds for it, lowest bits first: for ``l1``, ``l2`` and ``linf`` the **complement** of
    the prototype's component, then one bit that says to ignore it (only if masked), then the shift of its weight (only
    if weighted). For ``box`` the complement of the upper bound, then the lower bound. For ``table`` the entry.

    With the complement ``e = query + ~prototype`` is a subtraction whose operands reach the carry chain as they are,
    where a subtraction would spend a look-up table a bit on inverting one of them.
``enable``
    In step with both; low where there is no word. Then the carry is 0, and the term too if the unit is quiet.
``term``, ``carry``
    The distance of the components is ``term + carry``, ``shape.lane_latency`` cycles later. The carry is left to
    whoever adds the term up: an adder has a carry input to spare, an incrementer would cost a chain.
"""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from prototile.rtl.checks import positive
from prototile.rtl.distance.ports import unit_ports
from prototile.rtl.distance.shape import UnitShape


class Difference(wiring.Component):
    """Ones' complement difference of two components, registered.

    With ``e = minuend + ~subtrahend`` the carry out says ``minuend > subtrahend``, and ``|minuend - subtrahend|`` is
    ``e + 1`` then and ``~e`` else.

    Parameters
    ----------
    bits
        Bits of a component.
    quiet
        Whether the difference is 0 without ``enable``.

    Attributes
    ----------
    minuend, complement : In(bits)
        Component, and complement of the other.
    enable : In(1)
        Low makes ``greater`` 0. On iCE40 that costs nothing: a bare carry would take one cell to leave the chain and
        another for its register, a carry that goes through a table takes a single cell.
    ignore : In(1)
        High makes the difference 0.
    greater : Out(1)
        ``minuend > subtrahend``, one cycle later.
    rest : Out(bits)
        ``e``, one cycle later.
    """

    def __init__(self, bits: int, *, quiet: bool = False):
        positive(bits=bits)
        self.bits = bits
        self.quiet = quiet
        super().__init__(
            {
                "minuend": In(bits),
                "complement": In(bits),
                "enable": In(1),
                "ignore": In(1),
                "greater": Out(1),
                "rest": Out(bits),
            }
        )

    def elaborate(self, platform):
        m = Module()
        rest = Signal(self.bits, reset_less=True)
        greater = Signal(reset_less=True)
        total = Signal(self.bits + 1)
        m.d.comb += [
            total.eq(self.minuend + self.complement),
            self.rest.eq(rest),
            self.greater.eq(greater),
        ]
        # All ones stand for no difference. What ignores a component is one more input of cells that have one left; what
        # keeps the term quiet sets flip-flops, which costs none.
        m.d.sync += [
            rest.eq(total[:-1] | self.ignore.replicate(self.bits)),
            greater.eq(total[-1] & self.enable & ~self.ignore),
        ]
        if self.quiet:
            with m.If(~self.enable):
                m.d.sync += rest.eq(-1)
        return m


class Lane(wiring.Component):
    """Ports that all lanes have, and the parts of the memory's component."""

    def __init__(self, shape: UnitShape):
        self.shape = shape
        super().__init__(
            unit_ports(query=shape.bits, memory=shape.component_width, term=shape.lane_width),
        )

    def _difference(self, m):
        """Difference of query and prototype, which a masked prototype may ignore."""
        bits = self.shape.bits
        m.submodules.difference = difference = Difference(bits, quiet=self.shape.quiet)
        m.d.comb += [
            difference.minuend.eq(self.query),
            difference.complement.eq(self.memory[:bits]),
            difference.enable.eq(self.enable),
            difference.ignore.eq(self.memory[bits] if self.shape.masked else 0),
        ]
        return difference

    def _weighted(self, m, term, fill):
        """The term, ``2**shift`` times, its lowest bits filled with `fill`; and that fill, in step with it.

        With the carry still to come, ``2**shift * (term + carry)`` is the shifted term, filled with the carry, and the
        carry.
        """
        shape = self.shape
        if not shape.shift_max:
            return term, fill
        shift = self.memory[-shape.shift_bits :]
        for stage in range(shape.lane_latency - 1):
            shift_after = Signal(shape.shift_bits, name=f"shift_{stage}", reset_less=True)
            m.d.sync += shift_after.eq(shift)
            shift = shift_after
        shifted = Signal(len(term) + shape.shift_max, reset_less=True)
        fill_after = Signal(reset_less=True)
        m.d.sync += fill_after.eq(fill)
        with m.Switch(shift):
            for places in range(shape.shift_max):
                with m.Case(places):
                    m.d.sync += shifted.eq(Cat(fill.replicate(places), term))
            with m.Default():
                m.d.sync += shifted.eq(Cat(fill.replicate(shape.shift_max), term))
        return shifted, fill_after


class Manhattan(Lane):
    """``|query - prototype|``."""

    def elaborate(self, platform):
        m = Module()
        difference = self._difference(m)
        absolute = Mux(difference.greater, difference.rest, ~difference.rest)
        term, carry = self._weighted(m, absolute, difference.greater)
        m.d.comb += [self.term.eq(term), self.carry.eq(carry)]
        return m


class SquaredEuclidean(Lane):
    """``(query - prototype)**2``; the carry is 0.

    The square of few bits is a table of the absolute difference. Where the shape `multiplies`, the absolute difference
    is registered and multiplied by itself, which lands in a DSP block where synthesis has one.
    """

    def elaborate(self, platform):
        m = Module()
        bits = self.shape.bits
        difference = self._difference(m)
        absolute = Signal(bits)
        square = Signal(2 * bits, reset_less=True)
        m.d.comb += absolute.eq(Mux(difference.greater, difference.rest + 1, ~difference.rest))
        if not self.shape.multiplies:
            for place in range(2 * bits):
                hits = [value for value in range(1 << bits) if value * value >> place & 1]
                m.d.sync += square[place].eq(absolute.matches(*hits) if hits else 0)
        else:
            factor = Signal(bits, reset_less=True)
            m.d.sync += [factor.eq(absolute), square.eq(factor * factor)]
        term, _ = self._weighted(m, square, Signal())
        m.d.comb += self.term.eq(term)
        return m


class Chebyshev(Lane):
    """``|query - prototype|``, whole, as maxima do not add up; the carry is 0."""

    def elaborate(self, platform):
        m = Module()
        difference = self._difference(m)
        absolute = Signal(self.shape.bits, reset_less=True)
        m.d.sync += absolute.eq(Mux(difference.greater, difference.rest + 1, ~difference.rest))
        m.d.comb += self.term.eq(absolute)
        return m


class Box(Lane):
    """Distance outside an interval: ``lower - query`` below it, ``query - upper`` above it, else 0.

    A query cannot be on both sides, if ``lower <= upper + 1``: so the terms of both are joined by an or.
    """

    def elaborate(self, platform):
        m = Module()
        bits = self.shape.bits
        m.submodules.above = above = Difference(bits)
        m.submodules.below = below = Difference(bits)
        term = Signal(bits, reset_less=True)
        carry = Signal(reset_less=True)
        m.d.comb += [
            above.minuend.eq(self.query),
            above.complement.eq(self.memory[:bits]),
            below.minuend.eq(self.memory[bits:]),
            below.complement.eq(~self.query),
            above.enable.eq(self.enable),
            below.enable.eq(self.enable),
            self.term.eq(term),
            self.carry.eq(carry),
        ]
        m.d.sync += [
            term.eq(Mux(above.greater, above.rest, 0) | Mux(below.greater, below.rest, 0)),
            carry.eq(above.greater | below.greater),
        ]
        return m


class Table(Lane):
    """An entry of the memory, which the query's component has addressed; the carry is 0."""

    def elaborate(self, platform):
        m = Module()
        term = Signal(self.shape.entry_bits, reset_less=True)
        m.d.sync += term.eq(self.memory)
        if self.shape.quiet:
            with m.If(~self.enable):
                m.d.sync += term.eq(0)
        m.d.comb += self.term.eq(term)
        return m


LANES = {"l1": Manhattan, "l2": SquaredEuclidean, "linf": Chebyshev, "box": Box, "table": Table}
