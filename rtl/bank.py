"""A bank: the few elements of a tile among which the minimum is found by elimination."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from prototile.rtl.checks import positive
from prototile.rtl.distance.shape import UnitShape
from prototile.rtl.element import ProcessingElement


def control_layout(
    *, radius: bool, keeps: bool, round_width: int, pes_per_bank: int, tail_width: int
) -> data.StructLayout:
    """Controls that all banks of a tile share.

    ``clear``, ``rotate`` (only with `radius`) and ``keep`` (only with `keeps`) are those of `ProcessingElement`, in
    step with the accumulators. ``clear_next`` and ``shift_next`` come one cycle before: each bank makes its own
    ``shift`` of them. ``load`` (only with `keeps`) is high while accumulators take terms.

    ``compared`` (only with `radius`) is high while the elements give away what is compared first: ``not firing`` and
    the distance. Then ``place`` shows the bits of all elements' places in turn, the first element's lowest. ``arm`` is
    high with the first of all these bits. One pulse of ``tail`` comes for each bit that numbers banks and columns, one
    cycle later than if it were a bit of the place. ``round`` is the round that ends.
    """
    return data.StructLayout(
        {
            "clear": 1,
            "clear_next": 1,
            "shift_next": 1,
            "rotate": int(radius),
            "keep": int(keeps),
            "load": int(keeps),
            "compared": int(radius),
            "arm": 1,
            "place": pes_per_bank,
            "tail": tail_width,
            "round": round_width,
        }
    )


class Bank(wiring.Component):
    """Elements that search their minimum together: where a candidate has a 0, those with a 1 drop out.

    The key is the distance (led by ``not firing`` where elements have a radius), then the place, each most
    significant bit first. The place makes one winner out of equal distances, the lowest. What follows is `tail`, the
    same for all.

    The loop from the candidates through their common minimum and back cannot be cut by a register; it is why a bank is
    small, and larger tiles have several. All that the loop meets comes from registers of the bank itself, each
    element's bit of the key among them. So does ``shift``, which has more loads than any other control.

    With `keeps` the search may be done again and again: a pulse of ``advance`` after it says that this bank's minimum
    was that of the whole row, and the element that had it stays out of the following ones until new words come.

    Parameters
    ----------
    unit, distance_width, radius, keeps
        As in `ProcessingElement`.
    members
        For each element the rounds in which it holds a prototype, as a bit mask. An element without any is left out.
    rounds
        Prototypes per element.
    tail
        Bits that number this bank and its tile, first bit first.
    controls
        Layout of ``controls``, `control_layout`.

    Attributes
    ----------
    query, enable : In
        Word of the query, and whether it is one.
    words : In
        Words of the elements' memories side by side, first element lowest.
    radius_bits : In
        Bits of the elements' radii, in step with the accumulators.
    advance : In(1)
        Only with `keeps`, see above.
    key : Out(1)
        The key of the minimum, two cycles after its bits left the accumulators.
    """

    def __init__(
        self,
        *,
        unit: UnitShape,
        distance_width: int,
        radius: bool,
        keeps: bool,
        members: list[int],
        rounds: int,
        tail: list[int],
        controls: data.StructLayout,
    ):
        positive(rounds=rounds)
        self.radius = radius
        self.keeps = keeps
        self.members = members
        self.rounds = rounds
        self.tail = tail
        self.memory_width = unit.memory_width
        self.elements = [
            ProcessingElement(unit=unit, distance_width=distance_width, radius=radius, keeps=keeps) if mask else None
            for mask in members
        ]
        ports = {
            "query": In(unit.word_width),
            "enable": In(1),
            "words": In(unit.memory_width * len(members)),
            "radius_bits": In(len(members)),
            "controls": In(controls),
            "key": Out(1),
        }
        super().__init__(ports | ({"advance": In(1)} if keeps else {}))

    def elaborate(self, platform):
        m = Module()
        controls = self.controls
        seed = next((element.seed for element in self.elements if element is not None), 0)

        # A cleared accumulator does not care for ``shift``, so any signal of the bank may decide it then. Without one,
        # the registers of all banks would be equal, and synthesis would make one of them, far from most of its loads.
        shift = Signal(reset_less=True)
        m.d.sync += shift.eq(controls.shift_next | (controls.clear_next & seed))

        zeros = []
        any_zero = Signal()
        for place, element in enumerate(self.elements):
            if element is None:
                continue
            m.submodules[f"pe_{place}"] = element
            m.d.comb += [
                element.query.eq(self.query),
                element.enable.eq(self.enable),
                element.memory.eq(self.words.word_select(place, self.memory_width)),
                element.clear.eq(controls.clear),
                element.shift.eq(shift),
            ]
            compared = shift
            if self.radius:
                compared = controls.compared
                m.d.comb += [element.rotate.eq(controls.rotate), element.radius_bit.eq(self.radius_bits[place])]
            if self.keeps:
                m.d.comb += element.keep.eq(controls.keep)
            bit = Signal(name=f"bit_{place}", reset_less=True)
            m.d.sync += bit.eq((element.key & compared) | controls.place[place])
            zeros.append(self._candidate(m, place, bit, any_zero))
        m.d.comb += any_zero.eq(Cat(zeros).any())

        key = Signal(reset_less=True)
        tail = Cat(pulse for pulse, bit in zip(controls.tail, self.tail, strict=True) if bit).any()
        m.d.sync += key.eq(Mux(controls.tail.any(), tail, ~any_zero))
        m.d.comb += self.key.eq(key)
        return m

    def _candidate(self, m, place, bit, any_zero):
        """Whether the element may still be the minimum; returns ``candidate and its bit is 0``."""
        controls = self.controls
        candidate = Signal(name=f"candidate_{place}", reset_less=True)
        zero = Signal(name=f"zero_{place}")
        m.d.comb += zero.eq(candidate & ~bit)
        joins = controls.arm
        mask, every_round = self.members[place], (1 << self.rounds) - 1
        if mask != every_round:
            joins &= Const(mask, self.rounds).bit_select(controls.round, 1)
        if self.keeps:
            won = Signal(name=f"won_{place}")
            m.d.sync += won.eq((won | (self.advance & candidate)) & ~controls.load)
            joins &= ~won
        # Not written with multiplexers: synthesis would make clock enables of them, which have the longer way.
        m.d.sync += candidate.eq(joins | (~controls.arm & (zero | (candidate & ~any_zero))))
        return zero
