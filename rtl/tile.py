"""The tile: processing elements that share one memory word, the search for their minimum, and the hop to neighbours."""

from dataclasses import asdict, dataclass
from itertools import compress

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from prototile.rtl.bank import Bank, control_layout
from prototile.rtl.checks import positive
from prototile.rtl.distance.shape import UnitShape
from prototile.rtl.memories import MEMORIES, STARTS_EMPTY


@dataclass(frozen=True, kw_only=True)
class WriteWidths:
    """Bits that tell which memory is written, and of its word, as far as the query's word has no room for them."""

    row: int
    column: int
    element: int
    beside: int


def hop_layout(
    *,
    word_width: int,
    address_width: int,
    round_width: int,
    radius: bool,
    keeps: bool,
    write: WriteWidths | None = None,
) -> data.StructLayout:
    """What goes from tile to tile with each cycle.

    ``query`` and ``address`` are the word and where its prototypes' words lie; the controls say what the elements do
    with it: ``accumulate`` its term, ``rotate`` (only with a radius per prototype) the radius past the distance,
    ``shift`` the distance out, ``keep`` (only if distances are read out more than once) it for a further readout.
    ``round`` tells which of its prototypes an element serves (only where tiles differ).

    Where memories can be written, ``write`` says that the word is one for the memory at ``address`` of one element,
    which ``row``, ``column`` and ``element`` name; ``beside`` are its upper bits. No query may be played then.
    """
    members = {"query": word_width, "address": address_width, "accumulate": 1, "shift": 1}
    if radius:
        members["rotate"] = 1
    if keeps:
        members["keep"] = 1
    if round_width:
        members["round"] = round_width
    if write is not None:
        members |= {"write": 1, **asdict(write)}
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
    takes_own : Out(1)
        From the cycle after ``settle`` until ``clear``: whether it was the own one.
    """

    def __init__(self, *, has_west: bool):
        self.has_west = has_west
        super().__init__(
            {
                "own": In(1),
                "west": In(1),
                "clear": In(1),
                "settle": In(1),
                "smaller": Out(1, init=0),
                "takes_own": Out(1),
            },
        )

    def elaborate(self, platform):
        m = Module()
        smaller = Signal(reset_less=True)
        m.d.comb += self.smaller.eq(smaller)
        if not self.has_west:
            m.d.sync += smaller.eq(self.own)
            m.d.comb += self.takes_own.eq(1)
            return m
        decided = Signal(reset_less=True)
        takes_own = Signal(reset_less=True)
        m.d.comb += self.takes_own.eq(takes_own)
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
    """Banks of processing elements around one memory, whose minimum joins that of the tiles to the west.

    The key of an element is what `Bank` makes of it, then the bank, then the tile's column. Banks and tiles are
    compared by `CompareExchange` nodes, which prefer the lower and the west of equal keys: so their numbers follow
    the key without being compared.

    The way of one word: taken over from the neighbour at the end of cycle 0 (the memory reads at the same edge), in the
    distance unit in cycle 1 (2 with `memory_register`), in the accumulator at the end of cycle ``1 + latency``. All
    controls are delayed to match. The first bit of the key leaves ``smaller`` three cycles after it left the
    accumulator, and one more for each time that the banks are halved.

    With `keeps`, the distances leave several times a round. After each time but the last, the tile at the row's end
    tells the node whose key won, west or own, down to the bank: a pulse that goes west, a tile a cycle.

    Parameters
    ----------
    unit, distance_width, radius, keeps
        As in `ProcessingElement`.
    memories
        Rows of the prototype memory, one int each: words of all elements side by side, the first element lowest. With a
        radius, ``distance_width`` rows follow the words of each round, in which the lowest bit of each element's field
        is a bit of its radius, most significant first. For the metric ``table`` there is one memory a lane, and each of
        these rows is one of ``2**bits`` that the query's component chooses from.
    memory
        One of `MEMORIES`.
    write
        How a word of the memory is addressed; None for a memory that cannot be written.
    memory_register
        Whether a register follows the memory.
    members
        For each element the rounds in which it holds a prototype, as a bit mask. A tile may end with fewer elements
        than its neighbours.
    rounds
        Prototypes per element.
    pes_per_bank, place_width
        Elements of a bank, and how many bits number them.
    bank_width
        Bits that number the banks of a tile.
    row, column, column_width
        Row and column of this tile, and how many bits number the columns of a row.
    round_width
        Bits of the round in the hop, 0 where no tile needs it.

    Attributes
    ----------
    i, o : In, Out (hop_layout)
        From one neighbour, and a cycle later to the others.
    west : In(1)
        Key from the tile to the west.
    smaller : Out(1)
        The smaller of it and the tile's own.
    advance : In(1)
        Only with `keeps`: the row's minimum was that which left ``smaller``.
    advance_west : Out(1)
        The same for the tile to the west, a cycle later.
    settled : Out(1)
        Only with `keeps`: when a tile at the row's end may advance.
    key_phase : Out(1)
        High while the bits of the key leave the accumulators and counters.
    """

    def __init__(
        self,
        *,
        unit: UnitShape,
        distance_width: int,
        radius: bool,
        keeps: bool,
        memories: list[list[int]],
        memory: str,
        write: WriteWidths | None,
        memory_register: bool,
        members: list[int],
        rounds: int,
        pes_per_bank: int,
        place_width: int,
        bank_width: int,
        row: int,
        column: int,
        column_width: int,
        round_width: int,
    ):
        positive(rounds=rounds, pes_per_bank=pes_per_bank)
        if memory not in MEMORIES:
            raise ValueError(f"memory must be one of {', '.join(MEMORIES)}, not {memory!r}")
        if not members:
            raise ValueError("members must name at least one element")
        if len(members) > pes_per_bank << bank_width:
            raise ValueError(f"{1 << bank_width} banks of {pes_per_bank} elements cannot hold {len(members)} elements")
        self.unit = unit
        self.radius = radius
        self.keeps = keeps
        self.memories = memories
        self.memory = memory
        self.write = write
        self.memory_register = memory_register
        self.members = members
        self.place_width = place_width
        self.bank_width = bank_width
        self.tail_width = bank_width + column_width
        self.pes_per_bank = pes_per_bank
        self.row = row
        self.column = column
        #: Cycles from a word at the hop's output to its term in the accumulator.
        self.depth = unit.latency + memory_register
        self.layout = hop_layout(
            word_width=unit.word_width,
            address_width=max(1, (self.rows - 1).bit_length()),
            round_width=round_width,
            radius=radius,
            keeps=keeps,
            write=write,
        )
        self.control_layout = control_layout(
            radius=radius, keeps=keeps, round_width=round_width, pes_per_bank=pes_per_bank, tail_width=self.tail_width
        )
        self.banks = [
            Bank(
                unit=unit,
                distance_width=distance_width,
                radius=radius,
                keeps=keeps,
                members=members[at : at + pes_per_bank],
                rounds=rounds,
                tail=_bits(at // pes_per_bank, bank_width) + _bits(column, column_width),
                controls=self.control_layout,
            )
            for at in range(0, len(members), pes_per_bank)
        ]
        ports = {"i": In(self.layout), "o": Out(self.layout), "west": In(1), "smaller": Out(1), "key_phase": Out(1)}
        if keeps:
            ports |= {"advance": In(1), "advance_west": Out(1), "settled": Out(1)}
        super().__init__(ports)

    @property
    def rows(self) -> int:
        """Rows that the hop's address tells apart."""
        return len(self.memories[0]) >> self.unit.level_bits

    def elaborate(self, platform):
        m = Module()
        hop = self._hop(m)
        query, words, enable = self._words(m, hop)
        controls, settle = self._controls(m, hop)
        radius_bits = self._radius_bits(m, words)

        keys = []
        for at, bank in enumerate(self.banks):
            m.submodules[f"bank_{at}"] = bank
            first = at * self.pes_per_bank
            m.d.comb += [
                bank.query.eq(query),
                bank.enable.eq(enable),
                bank.words.eq(words[first * self.unit.memory_width :]),
                bank.radius_bits.eq(radius_bits[first:]),
                bank.controls.eq(controls),
            ]
            keys.append(bank.key)
        self._merge(m, keys, controls.arm, settle, controls.keep if self.keeps else None)
        return m

    def _hop(self, m):
        """What came in a cycle ago, which is also what goes out."""
        hop = Signal(self.layout)
        m.d.sync += hop.eq(self.i)
        m.d.comb += self.o.eq(hop)
        if self.write is not None:
            # A reset must not end a write that the host takes for done, so that is in registers without one.
            for name in ("query", "address", "write", *vars(self.write)):
                member = Signal(len(self.i[name]), reset_less=True, name=f"hop_{name}")
                m.d.sync += member.eq(self.i[name])
                m.d.comb += self.o[name].eq(member)
        return self.o if self.write is not None else hop

    def _merge(self, m, keys, arm, settle, keep):
        """Halve the banks' keys until one is left, and let it meet that from the west."""
        clear = self._registered(m, arm, "clear_0")
        levels = []
        for level in range(self.bank_width):
            levels.append([])
            pairs = [keys[at : at + 2] for at in range(0, len(keys), 2)]
            keys = []
            for at, pair in enumerate(pairs):
                m.submodules[f"node_{level}_{at}"] = node = CompareExchange(has_west=len(pair) > 1)
                # The lower bank takes the west's part, so that it is preferred.
                m.d.comb += [node.clear.eq(clear), node.settle.eq(settle), node.own.eq(pair[-1]), node.west.eq(pair[0])]
                keys.append(node.smaller)
                levels[-1].append(node)
            clear = self._registered(m, clear, f"clear_{level + 1}")
            settle = self._registered(m, settle, f"settle_{level + 1}")
        m.submodules.node = node = CompareExchange(has_west=self.column > 0)
        m.d.comb += [
            node.own.eq(keys[0]),
            node.west.eq(self.west),
            node.clear.eq(clear),
            node.settle.eq(settle),
            self.smaller.eq(node.smaller),
        ]
        if self.keeps:
            self._advance(m, node, levels, settle, keep)

    def _advance(self, m, node, levels, settle, keep):
        """Tell the bank that had the row's minimum, or the west."""
        m.d.comb += [
            # Sampled while it still belongs to the readout that has ended.
            self.settled.eq(self._registered(m, settle & keep, "settled")),
            self.advance_west.eq(self._registered(m, self.advance & ~node.takes_own, "advance_west")),
        ]
        pulses = [self._registered(m, self.advance & node.takes_own, "advance_own")]
        for nodes in reversed(levels):
            below = []
            for pulse, node in zip(pulses, nodes, strict=True):
                if node.has_west:
                    below.append(pulse & ~node.takes_own)
                below.append(pulse & node.takes_own)
            pulses = below
        for bank, pulse in zip(self.banks, pulses, strict=True):
            m.d.comb += bank.advance.eq(pulse)

    def _words(self, m, hop):
        """The query's word, the memory's, and whether they count, in step at the distance units."""
        bits = self.unit.bits
        fields = []
        for at, rows in enumerate(self.memories):
            field_width = self.unit.field_width
            m.submodules[f"memory_{at}"] = memory = Memory(
                shape=len(self.members) * field_width,
                depth=len(rows),
                init=[] if self.memory in STARTS_EMPTY else rows,
                attrs={"ram_style" if self.write else "rom_style": MEMORIES[self.memory]},
            )
            read = memory.read_port()
            address = self.i.address
            if self.unit.metric == "table":
                address = Cat(self.i.query.word_select(at, bits), address)
            m.d.comb += read.addr.eq(address)
            if self.write:
                self._take_word(m, memory, read, self._written.word_select(at, field_width))
            fields.append([read.data.word_select(element, field_width) for element in range(len(self.members))])
        # Each element's fields side by side.
        data = Cat(*(field for element in zip(*fields, strict=True) for field in element))
        if not self.memory_register:
            return hop.query, data, hop.accumulate
        query = Signal(self.unit.word_width, reset_less=True)
        word = Signal(len(data), reset_less=True)
        m.d.sync += [query.eq(hop.query), word.eq(data)]
        return query, word, self._registered(m, hop.accumulate, "enable")

    @property
    def _written(self):
        """The word for an element's memory that comes in."""
        beside = self.i.beside
        return beside if self.unit.metric == "table" else Cat(self.i.query, beside)[: self.unit.memory_width]

    def _take_word(self, m, memory, read, word):
        """Write the word into one element's part of the row, if it is for this tile."""
        i = self.i
        write = memory.write_port(granularity=len(word))
        here = i.write & (i.row == self.row) & (i.column == self.column)
        m.d.comb += [
            # Not at once: so one port does for both, and two need no rule for what is read where something is written.
            read.en.eq(~here),
            write.addr.eq(read.addr),
            write.data.eq(word.replicate(len(self.members))),
            *(write.en[at].eq(here & (i.element == at)) for at in range(len(self.members))),
        ]

    def _controls(self, m, hop):
        """Controls in step with the accumulators, and the pulse with the last compared bit at the first nodes.

        Each comes straight from a register, made of the stage before it: they reach many elements, and a look-up table
        on the way would cost the clock.
        """
        shifts = [self.i.shift, hop.shift]
        accumulate = hop.accumulate
        rotate = hop.rotate if self.radius else Const(0, 0)
        keep = hop.keep if self.keeps else Const(0, 0)
        round_ = hop.round if "round" in self.layout.members else Const(0, 0)
        for stage in range(self.depth - 1):
            shifts.append(self._registered(m, shifts[-1], f"shift_{stage}"))
            accumulate = self._registered(m, accumulate, f"accumulate_{stage}")
            rotate = self._registered(m, rotate, f"rotate_{stage}")
            keep = self._registered(m, keep, f"keep_{stage}")
            round_ = self._registered(m, round_, f"round_{stage}")

        # An element with a radius puts one bit ahead of its distance, in the last cycle of its turn.
        compared_next = shifts[-2] | shifts[-1] if self.radius else shifts[-1]
        compared = self._registered(m, compared_next, "compared")
        arm = self._registered(m, compared_next & ~compared, "arm")
        # This resets to 0, the wrong value for a cycle in which nothing depends on it: where flip-flops can only start
        # with 0, a 1 would become an inverter between the register and all its loads.
        clear_next = ~Cat(accumulate, shifts[-1], rotate, keep).any()
        clear = self._registered(m, clear_next, "clear")

        # One pulse for each bit of place, bank and column. As the next ones are known, each element's bit of its place
        # comes from a register too.
        comes = [compared & ~compared_next]
        pulses = []
        count = self.place_width + self.tail_width
        for at in range(max(1, count) + 1):
            pulses.append(self._registered(m, comes[at], f"pulse_{at}"))
            comes.append(pulses[at])
        place = Cat(
            self._registered(m, Cat(compress(comes, _bits(element, self.place_width))).any(), f"place_{element}")
            for element in range(self.pes_per_bank)
        )

        controls = Signal(self.control_layout)
        m.d.comb += [
            controls.clear.eq(clear),
            controls.clear_next.eq(clear_next),
            controls.shift_next.eq(shifts[-1]),
            controls.rotate.eq(self._registered(m, rotate, "rotate")),
            controls.keep.eq(self._registered(m, keep, "keep")),
            controls.load.eq(self._registered(m, accumulate, "load") if self.keeps else 0),
            controls.round.eq(self._registered(m, round_, "round")),
            controls.arm.eq(arm),
            controls.compared.eq(compared if self.radius else 0),
            controls.place.eq(place),
            controls.tail.eq(Cat(pulses[self.place_width + 1 : count + 1])),
            self.key_phase.eq(compared | Cat(pulses[:count]).any()),
        ]
        return controls, pulses[1]

    def _radius_bits(self, m, words):
        """The lowest bit of each element's field, in step with the accumulators."""
        if not self.radius:
            return Const(0, len(self.members))
        bits = Cat(words[at * self.unit.memory_width] for at in range(len(self.members)))
        for stage in range(self.depth - self.memory_register):
            bits = self._registered(m, bits, f"radius_{stage}")
        return bits

    @staticmethod
    def _registered(m, value, name):
        register = Signal(len(value), name=name)
        m.d.sync += register.eq(value)
        return register


def _bits(value: int, width: int) -> list[int]:
    """Bits of a number, most significant first."""
    return [value >> at & 1 for at in range(width - 1, -1, -1)]
