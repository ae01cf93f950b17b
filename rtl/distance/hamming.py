"""Number of differing bits of two words: a tree of adders as flat as carry chains allow."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from prototile.rtl.distance.shape import UnitShape, hamming_leaves

#: Longest chain in which adders are put one behind the other.
CHAIN_BITS = 12


class Hamming(wiring.Component):
    """Counts differing bits; ports as those of `DistanceUnit`, the carry is 0.

    Pairs of differing bits become numbers of two bits, in two tables. Adders join the numbers, two levels a cycle, and
    each takes one more bit as its carry input. Several adders share a carry chain: between two of them lies a cell
    whose operands are both the next one's carry input, so that it passes that on, whatever comes in, and its sum is
    the carry out of the one before.
    """

    def __init__(self, shape: UnitShape):
        self.shape = shape
        super().__init__(
            {
                "query": In(shape.word_width),
                "memory": In(shape.memory_width),
                "enable": In(1),
                "term": Out(shape.term_width),
                "carry": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        shape = self.shape
        numbers, loose = self._leaves(m, self._differing(m))
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
            level += 1
        m.d.comb += self.term.eq(numbers[0][: shape.term_width])
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
        leaves = hamming_leaves(len(bits))
        spare = max(0, len(bits) - 2 * leaves)
        loose, rest = bits[:spare], bits[spare:]
        groups = [rest[at : at + 2] for at in range(0, len(rest), 2)]
        numbers = [Cat(group[0] ^ group[1], group[0] & group[1]) if len(group) > 1 else group[0] for group in groups]
        numbers = [self._registered(m, number, f"leaf_{at}", quiet=True) for at, number in enumerate(numbers)]
        return numbers, [self._registered(m, bit, f"loose_{at}", quiet=True) for at, bit in enumerate(loose)]

    def _registered(self, m, value, name, *, quiet=False):
        register = Signal(len(value), name=name, reset_less=True)
        m.d.sync += register.eq(value)
        if quiet and self.shape.quiet:
            with m.If(~self.enable):
                m.d.sync += register.eq(0)
        return register

    def _added(self, m, adders, level):
        """Sums of all adders of a level, several in one chain."""
        sums = []
        chain = []
        for adder in adders:
            if chain and sum(self._width(each) + 1 for each in [*chain, adder]) > CHAIN_BITS:
                sums += self._chained(m, chain, f"{level}_{len(sums)}")
                chain = []
            chain.append(adder)
        return sums + self._chained(m, chain, f"{level}_{len(sums)}")

    @staticmethod
    def _width(adder):
        left, right, _ = adder
        return max(len(left), len(right))

    def _chained(self, m, chain, name):
        zero = Signal(name=f"zero_{name}")
        left, right = [], []
        places = []
        for at, (one, other, carry) in enumerate(chain):
            width = self._width((one, other, carry))
            if at or carry is not None:
                passed = zero if carry is None else carry
                left.append(passed)
                right.append(passed)
            places.append((len(left), width + 1))
            left += [one, *([zero] * (width - len(one)))]
            right += [other, *([zero] * (width - len(other)))]
            # Positions count bits, not pieces.
            left, right = [*Cat(left)], [*Cat(right)]
        left.append(zero)
        right.append(zero)
        total = Signal(len(left), name=f"total_{name}")
        m.d.comb += total.eq(Cat(left) + Cat(right))
        return [total[start : start + width] for start, width in places]
