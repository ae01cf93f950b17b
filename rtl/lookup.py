"""The distance to a constant prototype: what each component adds is looked up, and a tree adds it up."""

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from prototile.rtl.adders import chained, chains
from prototile.rtl.checks import positive

#: Longest carry chain that several adders share: a longer one would be slower than a comparison of distances.
CHAIN_BITS = 24


class LookedUpDistance(wiring.Component):
    """A table for each component, and a tree of adders with a register after each level.

    Sums are as wide as the largest that there can be with these tables, and components that add nothing take nothing.
    Several adders share a carry chain.

    Parameters
    ----------
    bits
        Bits of a component.
    tables
        For each component, what each of its ``2**bits`` values adds to the distance.

    Attributes
    ----------
    query : In(len(tables) * bits)
        Component j from bit ``j * bits`` on.
    distance : Out
        `latency` cycles later, as wide as it can become.
    latency : int
        See `lookup_latency`.
    """

    def __init__(self, *, bits: int, tables: list[list[int]]):
        positive(bits=bits, tables=len(tables))
        if any(len(table) != 1 << bits for table in tables):
            raise ValueError(f"tables must have {1 << bits} entries each, not {[len(table) for table in tables]}")
        self.bits = bits
        self.tables = tables
        self.latency = lookup_latency(len(tables))
        width = sum(max(table) for table in tables).bit_length()
        super().__init__({"query": In(len(tables) * bits), "distance": Out(max(1, width))})

    def elaborate(self, platform):
        m = Module()
        sums = []
        for at, table in enumerate(self.tables):
            if any(table):
                term = Signal(max(table).bit_length(), name=f"term_{at}", reset_less=True)
                m.d.sync += term.eq(entry(table, self.query.word_select(at, self.bits), len(term)))
                sums.append((term, max(table)))
        for level in range(self.latency - 1):
            sums = self._added(m, level, sums)
        if sums:
            m.d.comb += self.distance.eq(sums[0][0])
        return m

    def _added(self, m, level, sums):
        """Sums of neighbours, registered, with their largest values."""
        adders = [(sums[at][0], sums[at + 1][0], None) for at in range(0, len(sums) - 1, 2)]
        largest = [sums[at][1] + sums[at + 1][1] for at in range(0, len(sums) - 1, 2)]
        added = []
        for at, chain in enumerate(chains(adders, CHAIN_BITS)):
            value, places = chained([chain[0], *map(_lowest_as_carry, chain[1:])])
            total = Signal(len(value), name=f"sum_{level}_{at}", reset_less=True)
            m.d.sync += total.eq(value)
            for start, _ in places:
                most = largest[len(added)]
                added.append((total[start : start + most.bit_length()], most))
        if len(sums) % 2:
            left_over, most = sums[-1]
            waited = Signal(len(left_over), name=f"sum_{level}_left_over", reset_less=True)
            m.d.sync += waited.eq(left_over)
            added.append((waited, most))
        return added


def _lowest_as_carry(adder):
    """The same sum with the right operand's lowest bit as carry input."""
    one, other, _ = adder
    return one, Cat(Const(0, 1), other[1:]), other[0]


def lookup_latency(components: int) -> int:
    """Cycles from a query to its distance: the tables, and one for each level of the tree."""
    return 1 + (components - 1).bit_length()


def entry(values, address, width):
    """A constant table in logic."""
    if len(values) == 1 or not len(address):
        return Const(values[0], width)
    if values == list(range(len(values))):
        return Cat(address, Const(0, width))[:width]
    columns = [sum((value >> place & 1) << at for at, value in enumerate(values)) for place in range(width)]
    return Cat(Const(column, len(values)).bit_select(address, 1) for column in columns)
