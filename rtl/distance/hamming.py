"""Number of differing bits of two words: runs of adders whose sums are parities, then a tree of adders."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring

from prototile.rtl.adders import chained, chains
from prototile.rtl.distance.ports import unit_ports
from prototile.rtl.distance.shape import (
    COUNT_CHAIN_BITS,
    UnitShape,
    count_carries,
    count_numbers,
    count_runs,
)


def coded(shape: UnitShape, word) -> Value:
    """A query's word as the unit wants it: see `UnitShape.code`."""
    return Cat(Cat(word[bit] for bit in bits).xor() for bits in shape.code)


class Hamming(wiring.Component):
    """Counts differing bits; ports as those of `DistanceUnit`, the words coded by `UnitShape.code`.

    A run of bits is added up by full adders one behind the other, each of which takes the sum of the one before and a
    pair of bits. The sums are parities of bits that differ, and those are differences of parities: so query and
    prototype come with parities in place of half of their bits, and a sum takes one table of two inputs, however many
    bits it is of. What a full adder carries takes one table more: where its sums before and behind and one
    bit of the pair are known, the other bit is, too. That makes one table a bit; without the code it would be two.

    A tree adds up the carries. Three of them become a number of two bits; adders join these, two levels a cycle, and
    each takes one more bit as its carry input; the accumulator is the last of them. Several adders share a carry chain.

    With masks, bits differ or not before anything is added up, and words are not coded.
    """

    def __init__(self, shape: UnitShape):
        self.shape = shape
        super().__init__(unit_ports(query=shape.word_width, memory=shape.memory_width, term=shape.term_width))

    def elaborate(self, platform):
        m = Module()
        shape = self.shape
        width = shape.word_width
        differing = self._differing()
        sums, pairs = [], []
        for at, run in enumerate(count_runs(width)):
            sums.append(self._run(m, at, [differing[bit] for bit in run], pairs))
        while len(sums) > 1:
            sums = [*sums[3:], self._joined(*sums[:3], pairs)]
        odd = self._registered(m, sums[0], "odd", quiet=True)
        carry = [bit & self.enable for bit in differing[width - count_carries(width) :]]
        carry = [self._registered(m, bit, "carry") for bit in carry]
        numbers, loose = self._leaves(pairs)
        numbers = [self._registered(m, number, f"number_{at}", quiet=True) for at, number in enumerate(numbers)]
        loose = [self._registered(m, bit, f"loose_{at}", quiet=True) for at, bit in enumerate(loose)]
        level = 0
        while len(numbers) > 1:
            adders = []
            for at in range(0, len(numbers) - 1, 2):
                adders.append((numbers[at], numbers[at + 1], loose.pop() if loose else None))
            rest = numbers[len(numbers) & ~1 :]
            numbers = self._added(m, adders, level) + rest
            if level % 2 and len(numbers) > 1:
                numbers = [self._registered(m, number, f"sum_{level}_{at}") for at, number in enumerate(numbers)]
                loose = [self._registered(m, bit, f"loose_{level}_{at}") for at, bit in enumerate(loose)]
                carry = [self._registered(m, bit, f"carry_{level}") for bit in carry]
                odd = self._registered(m, odd, f"odd_{level}")
            level += 1
        m.d.comb += [self.term.eq(Cat(odd, *numbers)), self.carry.eq(Cat(carry))]
        return m

    def _differing(self):
        """Bits that differ and are not ignored."""
        shape = self.shape
        bits = []
        for lane in range(shape.lanes):
            query = self.query.word_select(lane, shape.bits)
            memory = self.memory.word_select(lane, shape.component_width)
            for at in range(shape.bits):
                differs = ~(query[at] ^ memory[at])
                bits.append(differs & ~memory[shape.bits] if shape.masked else differs)
        return bits

    def _run(self, m, at, bits, pairs):
        """The sum of a run; what its adders carry joins `pairs`."""
        total = bits[0]
        for place, (one, other) in enumerate(zip(bits[1::2], bits[2::2], strict=True)):
            after = Signal(name=f"sum_{at}_{place}")
            m.d.comb += after.eq(total ^ one ^ other if self.shape.masked else other)
            pairs.append(Mux(total ^ one, ~after, one))
            total = after
        return total

    @staticmethod
    def _joined(one, other, third, pairs):
        """The sum of three sums of runs; what it carries joins `pairs`."""
        pairs.append(Mux(one ^ other, third, one))
        return one ^ other ^ third

    def _leaves(self, bits):
        """Numbers of up to two bits, and the bits that serve as carry inputs."""
        numbers, at = [], 0
        for count in count_numbers(len(bits)):
            numbers.append(self._counted(bits[at : at + count]))
            at += count
        return numbers, bits[at:]

    @staticmethod
    def _counted(bits):
        """How many of up to three bits are set."""
        if len(bits) == 1:
            return bits[0]
        first, second, *third = bits
        odd, both = first ^ second, first & second
        return Cat(odd ^ third[0], both | (odd & third[0])) if third else Cat(odd, both)

    def _registered(self, m, value, name, *, quiet=False):
        register = Signal(len(value), name=name, reset_less=True)
        m.d.sync += register.eq(value)
        if quiet and self.shape.quiet:
            with m.If(~self.enable):
                m.d.sync += register.eq(0)
        return register

    @staticmethod
    def _added(m, adders, level):
        """Sums of all adders of a level, several in one chain."""
        sums = []
        for at, chain in enumerate(chains(adders, COUNT_CHAIN_BITS)):
            value, places = chained(chain)
            total = Signal(len(value), name=f"total_{level}_{at}")
            m.d.comb += total.eq(value)
            sums += [total[start : start + width] for start, width in places]
        return sums
