"""Number of differing bits of two words: a tree of adders as flat as carry chains allow."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring

from prototile.rtl.adders import chained, chains
from prototile.rtl.distance.ports import unit_ports
from prototile.rtl.distance.shape import COUNT_CHAIN_BITS, UnitShape, hamming_carries, hamming_leaves


class Hamming(wiring.Component):
    """Counts differing bits; ports as those of `DistanceUnit`.

    Three differing bits become a number of two bits, in four tables: their inputs are six, and a table with four
    inputs finds room for both bits of a pair that differ, or for one bit and a result of the others. Adders join the
    numbers, two levels a cycle, and each takes one more bit as its carry input; the accumulator is the last of them.
    Several adders share a carry chain.
    """

    def __init__(self, shape: UnitShape):
        self.shape = shape
        super().__init__(unit_ports(query=shape.word_width, memory=shape.memory_width, term=shape.term_width))

    def elaborate(self, platform):
        m = Module()
        shape = self.shape
        differing = self._differing(m)
        carries = hamming_carries(len(differing))
        numbers, loose = self._leaves(m, differing[carries:])
        carry = [self._registered(m, bit & self.enable, "carry") for bit in differing[:carries]]
        level = 0
        while len(numbers) > 1:
            adders = []
            for at in range(0, len(numbers) - 1, 2):
                adders.append((numbers[at], numbers[at + 1], loose.pop() if loose else None))
            rest = numbers[len(numbers) & ~1 :]
            numbers = self._added(m, adders, level) + rest
            if level % 2 or len(numbers) == 1:
                numbers = [self._registered(m, number, f"sum_{level}_{at}") for at, number in enumerate(numbers)]
                loose = [self._registered(m, bit, f"loose_{level}_{at}") for at, bit in enumerate(loose)]
                carry = [self._registered(m, bit, f"carry_{level}") for bit in carry]
            level += 1
        m.d.comb += [self.term.eq(numbers[0][: shape.term_width]), self.carry.eq(Cat(carry))]
        return m

    def _differing(self, m):
        """Bits that differ and are not ignored; with a quiet unit, none where there is no word."""
        shape = self.shape
        bits = []
        for lane in range(shape.lanes):
            query = self.query.word_select(lane, shape.bits)
            memory = self.memory.word_select(lane, shape.component_width)
            for at in range(shape.bits):
                differs = ~(query[at] ^ memory[at])
                bits.append(differs & ~memory[shape.bits] if shape.masked else differs)
        return bits

    def _leaves(self, m, bits):
        """Registered: numbers of up to two bits, and the bits that serve as carry inputs."""
        spare = hamming_leaves(len(bits)) - 1
        loose, rest = bits[:spare], bits[spare:]
        numbers = [self._counted(rest[at : at + 3]) for at in range(0, len(rest), 3)]
        numbers = [self._registered(m, number, f"leaf_{at}", quiet=True) for at, number in enumerate(numbers)]
        return numbers, [self._registered(m, bit, f"loose_{at}", quiet=True) for at, bit in enumerate(loose)]

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
