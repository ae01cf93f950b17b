"""The distance unit: one word of a query and one of a prototype's memory in, their term of the distance out."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring

from prototile.rtl.distance.hamming import Hamming
from prototile.rtl.distance.lanes import LANES
from prototile.rtl.distance.ports import unit_ports
from prototile.rtl.distance.shape import UnitShape


class DistanceUnit(wiring.Component):
    """Distance of two words, whatever the metric; so a processing element does not know which distance it computes.

    One unit a lane, joined by a tree with a register after each level. Where terms are added up, each adder takes the
    carry of its left operand as carry input and passes that of its right one on, so the carries of all lanes are used
    up without an adder of their own.

    Attributes
    ----------
    query : In(word_width)
        `lanes` components of `bits` bits.
    memory : In(memory_width)
        What the prototype's memory holds for them, see `prototile.rtl.distance.lanes`.
    enable : In(1)
        In step with the words; low where there are none. Then the carry is 0, and the term too if the unit is quiet.
    term : Out(term_width)
        With `carry`: the distance of the words, ``shape.latency`` cycles later.
    carry : Out(1)
        Left to whoever adds up the terms.
    """

    def __init__(self, shape: UnitShape):
        self.shape = shape
        super().__init__(unit_ports(query=shape.word_width, memory=shape.memory_width, term=shape.term_width))

    def elaborate(self, platform):
        m = Module()
        shape = self.shape
        if shape.metric == "hamming":
            m.submodules.hamming = hamming = Hamming(shape)
            m.d.comb += [
                hamming.query.eq(self.query),
                hamming.memory.eq(self.memory),
                hamming.enable.eq(self.enable),
                self.term.eq(hamming.term),
                self.carry.eq(hamming.carry),
            ]
            return m
        partial = []
        for at in range(shape.lanes):
            m.submodules[f"lane_{at}"] = lane = LANES[shape.metric](shape)
            m.d.comb += [
                lane.query.eq(self.query.word_select(at, shape.bits)),
                lane.memory.eq(self.memory.word_select(at, shape.component_width)),
                lane.enable.eq(self.enable),
            ]
            partial.append((lane.term, lane.carry))
        while len(partial) > 1:
            partial = [self._join(m, partial[at : at + 2]) for at in range(0, len(partial), 2)]
        m.d.comb += [self.term.eq(partial[0][0]), self.carry.eq(partial[0][1])]
        return m

    def _join(self, m, pair):
        """Register what a pair of (term, carry) makes, or the odd one out."""
        maximum = self.shape.is_maximum
        width = max(len(term) for term, _ in pair)
        term = Signal(width + (len(pair) > 1 and not maximum), reset_less=True)
        carry = Signal(reset_less=True)
        (left, left_carry), (right, right_carry) = pair if len(pair) > 1 else (pair[0], pair[0])
        if len(pair) == 1:
            m.d.sync += [term.eq(left), carry.eq(left_carry)]
        elif maximum:
            m.d.sync += term.eq(Mux(left > right, left, right))
        else:
            m.d.sync += [term.eq(left + right + left_carry), carry.eq(right_carry)]
        return term, carry
