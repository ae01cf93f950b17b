"""The tile: processing elements that share one memory word, the search for their minimum, and the hop to neighbours."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from .checks import positive
from .distance import unit_latency
from .element import ProcessingElement


def hop_layout(*, word_width: int, address_width: int, round_width: int, radius: bool) -> data.StructLayout:
    """What goes from tile to tile with each cycle.

    ``query`` and ``address`` are the word and where its prototypes' words lie; the controls say what the elements do
    with it: ``accumulate`` its term, ``rotate`` (only with a radius per prototype) the radius past the distance,
    ``shift`` the distance out. ``round`` tells which of its prototypes an element serves (only where tiles differ).
    """
    members = {"query": word_width, "address": address_width, "accumulate": 1, "shift": 1}
    if radius:
        members["rotate"] = 1
    if round_width:
        members["round"] = round_width
    return data.StructLayout(members)


class CompareExchange(wiring.Component):
    """Passes on the smaller of two keys, bit by bit; the one from the west if they are equal in what is compared.

    Parameters
    ----------
    has_west
        Whether there is a neighbour to the west. Without one, the own key passes.

    Attributes
    ----------
    own, west : In(1)
        Keys, most significant bit first, in step.
    clear : In(1)
        High in the cycle before the first bit.
    settle : In(1)
        High with the last bit that is compared. Bits after it belong to the key that was chosen.
    smaller : Out(1)
        The smaller key, one cycle later.
    """

    def __init__(self, *, has_west: bool):
        self.has_west = has_west
        super().__init__(
            {"own": In(1), "west": In(1), "clear": In(1), "settle": In(1), "smaller": Out(1, init=0)},
        )

    def elaborate(self, platform):
        m = Module()
        smaller = Signal(reset_less=True)
        m.d.comb += self.smaller.eq(smaller)
        if not self.has_west:
            m.d.sync += smaller.eq(self.own)
            return m
        decided = Signal(reset_less=True)
        takes_own = Signal(reset_less=True)
        m.d.sync += smaller.eq(Mux(takes_own, self.own, Mux(decided, self.west, self.own & self.west)))
        with m.If(self.clear):
            m.d.sync += [decided.eq(0), takes_own.eq(0)]
        with m.Else():
            m.d.sync += [
                decided.eq(decided | self.settle | (self.own ^ self.west)),
                takes_own.eq(Mux(decided, takes_own, ~self.own & self.west)),
            ]
        return m


class Tile(wiring.Component):
    """Processing elements around one memory, whose minimum joins that of the tiles to the west.

    The key of an element is its distance (led by ``not firing`` where it has a radius of its own), then its place in the
    tile, then the tile's column, each most significant bit first. Elements whose bit is 1 where another candidate has a
    0 drop out. The place makes one winner out of equal distances, the lowest; the column needs no comparison, because
    `CompareExchange` prefers the west.

    The way of one word: taken over from the neighbour at the end of cycle 0 (the memory reads at the same edge), in the
    distance unit in cycle 1 (2 with `memory_register`), in the accumulator at the end of cycle ``1 + latency``. All
    controls are delayed to match. The first bit of the key leaves ``smaller`` two cycles after it left the accumulator.

    Parameters
    ----------
    metric, bits, lanes, distance_width, radius
        As in `ProcessingElement`.
    memory
        Rows of the prototype memory, one int each: complemented words of all elements side by side, the first element
        lowest. With a radius, ``distance_width`` rows follow the words of each round, in which the lowest bit of each
        element's field is a bit of its radius, most significant first.
    block_memory
        Whether the memory is block RAM; else it becomes logic.
    memory_register
        Whether a register follows the memory.
    members
        For each element the rounds in which it holds a prototype, as a bit mask. An element without any is left out.
    rounds
        Prototypes per element.
    place_width
        Bits that number the places of a tile; a tile may end with fewer elements than its neighbours.
    column, column_width
        Column of this tile, and how many bits number the columns of a row.
    round_width
        Bits of the round in the hop, 0 where no tile needs it.
    """

    def __init__(
        self,
        *,
        metric: str,
        bits: int,
        lanes: int,
        distance_width: int,
        radius: bool,
        memory: list[int],
        block_memory: bool,
        memory_register: bool,
        members: list[int],
        rounds: int,
        place_width: int,
        column: int,
        column_width: int,
        round_width: int,
    ):
        positive(rounds=rounds)
        if not members:
            raise ValueError("members must name at least one element")
        if len(members) > 1 << place_width:
            raise ValueError(f"place_width must number {len(members)} elements, not {place_width!r} bits")
        self.word_width = lanes * bits
        self.radius = radius
        self.memory = memory
        self.block_memory = block_memory
        self.memory_register = memory_register
        self.members = members
        self.rounds = rounds
        self.column = column
        self.column_width = column_width
        self.place_width = place_width
        self.elements = [
            ProcessingElement(metric=metric, bits=bits, lanes=lanes, distance_width=distance_width, radius=radius)
            if mask
            else None
            for mask in members
        ]
        #: Cycles from a word at the hop's output to its term in the accumulator.
        self.depth = unit_latency(metric, bits, lanes) + memory_register
        self.layout = hop_layout(
            word_width=self.word_width,
            address_width=max(1, (len(memory) - 1).bit_length()),
            round_width=round_width,
            radius=radius,
        )
        super().__init__(
            {
                "i": In(self.layout),
                "o": Out(self.layout),
                "west": In(1),
                "smaller": Out(1),
                "key_phase": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        hop = Signal(self.layout)
        m.d.sync += hop.eq(self.i)
        m.d.comb += self.o.eq(hop)

        query, word = self._words(m, hop)
        active, shift, shift_before, rotate, round_ = self._controls(m, hop)

        # The key: its compared bits while `distance_phase`, then the place and the column, one pulse a bit.
        distance_phase = shift
        if self.radius:
            shift_after = Signal()
            m.d.sync += shift_after.eq(shift)
            distance_phase = Signal()
            m.d.comb += distance_phase.eq(shift | shift_after)
        arm = Signal()
        m.d.comb += arm.eq(shift_before & ~shift)
        distance_phase_after = Signal()
        m.d.sync += distance_phase_after.eq(distance_phase)
        settle = Signal()
        m.d.comb += settle.eq(distance_phase_after & ~distance_phase)
        pulses = [settle]
        for at in range(1, self.place_width + self.column_width):
            pulse = Signal(name=f"pulse_{at}")
            m.d.sync += pulse.eq(pulses[-1])
            pulses.append(pulse)
        place_pulses = pulses[: self.place_width]
        column_pulses = pulses[self.place_width : self.place_width + self.column_width]
        m.d.comb += self.key_phase.eq(distance_phase | Cat(place_pulses, column_pulses).any())

        zeros = []
        any_zero = Signal()
        for place, (element, mask) in enumerate(zip(self.elements, self.members, strict=True)):
            if element is None:
                continue
            m.submodules[f"pe_{place}"] = element
            field = word.word_select(place, self.word_width)
            m.d.comb += [
                element.query.eq(query),
                element.prototype.eq(field),
                element.active.eq(active),
                element.shift.eq(shift),
            ]
            if self.radius:
                m.d.comb += [element.rotate.eq(rotate), element.radius_bit.eq(self._delayed(m, field[0], place))]
            zeros.append(self._candidate(m, place, mask, element.key & distance_phase, place_pulses, any_zero, arm, round_))
        m.d.comb += any_zero.eq(Cat(zeros).any())

        own = Signal(reset_less=True)
        column_bit = Cat(
            pulse for at, pulse in enumerate(column_pulses) if self.column >> (self.column_width - 1 - at) & 1
        ).any()
        m.d.sync += own.eq(Mux(Cat(column_pulses).any(), column_bit, ~any_zero))
        m.submodules.node = node = CompareExchange(has_west=self.column > 0)
        arm_after = Signal()
        m.d.sync += arm_after.eq(arm)
        m.d.comb += [
            node.own.eq(own),
            node.west.eq(self.west),
            node.clear.eq(arm_after),
            node.settle.eq(settle),
            self.smaller.eq(node.smaller),
        ]
        return m

    def _words(self, m, hop):
        """The query's word and the memory's, in step at the distance units."""
        width = len(self.members) * self.word_width
        m.submodules.memory = memory = Memory(
            shape=width,
            depth=len(self.memory),
            init=self.memory,
            attrs={"rom_style": "block" if self.block_memory else "logic"},
        )
        read = memory.read_port()
        m.d.comb += read.addr.eq(self.i.address)
        if not self.memory_register:
            return hop.query, read.data
        query = Signal(self.word_width, reset_less=True)
        word = Signal(width, reset_less=True)
        m.d.sync += [query.eq(hop.query), word.eq(read.data)]
        return query, word

    def _controls(self, m, hop):
        """Controls in step with the accumulators: active, shift, shift one cycle ahead, rotate, round."""
        accumulate, shift = hop.accumulate, hop.shift
        rotate = hop.rotate if self.radius else Const(0)
        round_ = hop.round if "round" in self.layout.members else Const(0, 0)
        shift_before = shift
        for stage in range(self.depth):
            shift_before = shift
            accumulate = self._registered(m, accumulate, f"accumulate_{stage}")
            shift = self._registered(m, shift, f"shift_{stage}")
            if self.radius:
                rotate = self._registered(m, rotate, f"rotate_{stage}")
            if len(round_):
                round_ = self._registered(m, round_, f"round_{stage}")
        active = Signal()
        m.d.comb += active.eq(accumulate | shift | rotate)
        return active, shift, shift_before, rotate, round_

    @staticmethod
    def _registered(m, value, name):
        register = Signal(len(value), name=name)
        m.d.sync += register.eq(value)
        return register

    def _delayed(self, m, bit, place):
        """A bit of the memory, in step with the accumulators."""
        for stage in range(self.depth - self.memory_register):
            bit = self._registered(m, bit, f"radius_{place}_{stage}")
        return bit

    def _candidate(self, m, place, mask, distance_bit, place_pulses, any_zero, arm, round_):
        """Whether the element is still a candidate for the minimum; returns ``candidate and its bit is 0``."""
        candidate = Signal(name=f"candidate_{place}", reset_less=True)
        zero = Signal(name=f"zero_{place}")
        place_bit = Cat(
            pulse for at, pulse in enumerate(place_pulses) if place >> (self.place_width - 1 - at) & 1
        ).any()
        m.d.comb += zero.eq(candidate & ~(distance_bit | place_bit))
        every_round = (1 << self.rounds) - 1
        member = Const(mask, self.rounds).bit_select(round_, 1) if mask != every_round else Const(1)
        m.d.sync += candidate.eq(Mux(arm, member, Mux(any_zero, zero, candidate)))
        return zero
