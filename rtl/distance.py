"""Distance units: one word of a query and one word of a prototype in, their term of the distance out.

Every unit has the same interface, so that a processing element does not know which distance it computes:

``query``, ``prototype``
    One word each of `lanes` components of `bits` bits. ``prototype`` is the **complement** of the prototype's
    word: then ``e = query + prototype`` is a subtraction whose operands reach the carry chain as they are, where a
    subtraction would spend a look-up table a bit on inverting one of them.
``enable``
    In step with the words; low where they are none. Then the carry is 0, and the term is anything.
``term``, ``carry``
    The distance of the two words is ``term + carry``, `latency` cycles later. The carry is left to whoever adds the
    term up: an adder has a carry input to spare, an incrementer would cost a chain.
"""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from prototile.rtl.checks import positive

#: Up to this many bits a square is looked up, beyond it is multiplied.
SQUARE_TABLE_BITS = 4


class Difference(wiring.Component):
    """Ones' complement difference of two components, registered.

    With ``e = query + ~prototype`` the carry out says ``query > prototype``, and ``|query - prototype|`` is ``e + 1``
    then and ``~e`` else.

    Parameters
    ----------
    bits
        Bits of a component.

    Attributes
    ----------
    query, prototype : In(bits)
        Component, and complement of the prototype's component.
    enable : In(1)
        Low makes ``greater`` 0. On iCE40 that costs nothing: a bare carry would take one cell to leave the chain and
        another for its register, a carry that goes through a table takes a single cell.
    greater : Out(1)
        ``query > prototype`` and enabled, one cycle later.
    rest : Out(bits)
        ``e``, one cycle later.
    """

    def __init__(self, bits: int):
        positive(bits=bits)
        self.bits = bits
        super().__init__(
            {"query": In(bits), "prototype": In(bits), "enable": In(1), "greater": Out(1), "rest": Out(bits)}
        )

    def elaborate(self, platform):
        m = Module()
        rest = Signal(self.bits, reset_less=True)
        greater = Signal(reset_less=True)
        total = Signal(self.bits + 1)
        m.d.comb += [
            total.eq(self.query + self.prototype),
            self.rest.eq(rest),
            self.greater.eq(greater),
        ]
        m.d.sync += [rest.eq(total[:-1]), greater.eq(total[-1] & self.enable)]
        return m


def _members(bits, term_width):
    """Ports of a lane's unit."""
    return {
        "query": In(bits),
        "prototype": In(bits),
        "enable": In(1),
        "term": Out(term_width),
        "carry": Out(1),
    }


class Manhattan(wiring.Component):
    """``|query - prototype|`` of one component: `latency` 1, `term_width` ``bits``."""

    def __init__(self, bits: int):
        positive(bits=bits)
        self.bits = bits
        self.term_width = bits
        super().__init__(_members(bits, bits))

    @staticmethod
    def latency_for(bits: int) -> int:
        """Cycles from a component to its term."""
        return 1

    def elaborate(self, platform):
        m = Module()
        m.submodules.difference = difference = Difference(self.bits)
        m.d.comb += [
            difference.query.eq(self.query),
            difference.prototype.eq(self.prototype),
            difference.enable.eq(self.enable),
            self.term.eq(Mux(difference.greater, difference.rest, ~difference.rest)),
            self.carry.eq(difference.greater),
        ]
        return m


class SquaredEuclidean(wiring.Component):
    """``(query - prototype)**2`` of one component; `term_width` is ``2 * bits`` and the carry is 0.

    Up to `SQUARE_TABLE_BITS` bits the square is a table of the absolute difference (`latency` 2). Beyond, the absolute
    difference is registered and multiplied by itself (`latency` 3), which lands in a DSP block where synthesis has one.
    """

    def __init__(self, bits: int):
        positive(bits=bits)
        self.bits = bits
        self.term_width = 2 * bits
        super().__init__(_members(bits, 2 * bits))

    @staticmethod
    def latency_for(bits: int) -> int:
        """Cycles from a component to its term."""
        return 2 if bits <= SQUARE_TABLE_BITS else 3

    def elaborate(self, platform):
        m = Module()
        m.submodules.difference = difference = Difference(self.bits)
        absolute = Signal(self.bits)
        square = Signal(2 * self.bits, reset_less=True)
        m.d.comb += [
            difference.query.eq(self.query),
            difference.prototype.eq(self.prototype),
            difference.enable.eq(self.enable),
            absolute.eq(Mux(difference.greater, difference.rest + 1, ~difference.rest)),
            self.term.eq(square),
        ]
        if self.bits <= SQUARE_TABLE_BITS:
            for place in range(2 * self.bits):
                hits = [value for value in range(1 << self.bits) if value * value >> place & 1]
                m.d.sync += square[place].eq(absolute.matches(*hits) if hits else 0)
        else:
            factor = Signal(self.bits, reset_less=True)
            m.d.sync += [factor.eq(absolute), square.eq(factor * factor)]
        return m


UNITS = {"l1": Manhattan, "l2": SquaredEuclidean}


def unit_latency(metric: str, bits: int, lanes: int) -> int:
    """Cycles from a word to its term: those of the lane's unit, and one for each level of the tree of lanes."""
    return UNITS[metric].latency_for(bits) + (lanes - 1).bit_length()


class DistanceUnit(wiring.Component):
    """Distance of two words: one unit a lane, added up by a tree with a register after each level.

    Each adder of the tree takes the carry of its left operand as carry input and passes that of its right one on, so
    the carries of all lanes are used up without an adder of their own.

    Parameters
    ----------
    metric
        Key of `UNITS`.
    bits, lanes
        Bits of a component, components of a word.

    Attributes
    ----------
    latency : int
        See `unit_latency`.
    term_width : int
        Bits of ``term``: the sum over the lanes never exceeds ``lanes * term_max``, so a level adds one bit.
    """

    def __init__(self, *, metric: str, bits: int, lanes: int):
        positive(bits=bits, lanes=lanes)
        if metric not in UNITS:
            raise ValueError(f"metric must be one of {', '.join(UNITS)}, not {metric!r}")
        self.metric = metric
        self.bits = bits
        self.lanes = lanes
        self._units = [UNITS[metric](bits) for _ in range(lanes)]
        self.latency = unit_latency(metric, bits, lanes)
        self.term_width = self._units[0].term_width + (lanes - 1).bit_length()
        super().__init__(
            {
                "query": In(lanes * bits),
                "prototype": In(lanes * bits),
                "enable": In(1),
                "term": Out(self.term_width),
                "carry": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        for lane, unit in enumerate(self._units):
            m.submodules[f"lane_{lane}"] = unit
            m.d.comb += [
                unit.query.eq(self.query.word_select(lane, self.bits)),
                unit.prototype.eq(self.prototype.word_select(lane, self.bits)),
                unit.enable.eq(self.enable),
            ]
        partial = [(unit.term, unit.carry) for unit in self._units]
        while len(partial) > 1:
            partial = [self._join(m, partial[at : at + 2]) for at in range(0, len(partial), 2)]
        m.d.comb += [self.term.eq(partial[0][0]), self.carry.eq(partial[0][1])]
        return m

    @staticmethod
    def _join(m, pair):
        """Register the sum of a pair of (term, carry), or the odd one out."""
        width = max(len(term) for term, _ in pair)
        term = Signal(width + (len(pair) > 1), reset_less=True)
        carry = Signal(reset_less=True)
        if len(pair) == 1:
            m.d.sync += [term.eq(pair[0][0]), carry.eq(pair[0][1])]
        else:
            (left, left_carry), (right, right_carry) = pair
            m.d.sync += [term.eq(left + right + left_carry), carry.eq(right_carry)]
        return term, carry
