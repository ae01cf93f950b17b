"""What fixes a distance unit: plain numbers, and what follows from them, which the generator shares."""

from dataclasses import dataclass

from prototile.rtl.checks import positive

METRICS = ("l1", "l2", "linf", "hamming", "box", "table")
#: Up to this many bits a square is looked up, beyond it is multiplied.
SQUARE_TABLE_BITS = 4
#: Longest carry chain in which the adders of a count of bits are put one behind the other.
COUNT_CHAIN_BITS = 12
#: Bits at most that a count of bits takes one behind the other.
_RUN_BITS = 11


@dataclass(frozen=True, kw_only=True)
class UnitShape:
    """One kind of distance unit.

    Parameters
    ----------
    metric
        One of `METRICS`.
    bits, lanes
        Bits of a component, components of a word.
    masked
        Whether a prototype says which components it ignores.
    shift_max
        Largest shift of a local weight: a term counts ``2**shift`` times.
    entry_bits
        Bits of a table's entry, for ``table``.
    quiet
        Whether terms are 0 where there is no word. Without it they are anything.
    """

    metric: str
    bits: int
    lanes: int = 1
    masked: bool = False
    shift_max: int = 0
    entry_bits: int = 1
    quiet: bool = False

    def __post_init__(self) -> None:
        positive(bits=self.bits, lanes=self.lanes, entry_bits=self.entry_bits)
        if self.metric not in METRICS:
            raise ValueError(f"metric must be one of {', '.join(METRICS)}, not {self.metric!r}")

    @property
    def word_width(self) -> int:
        """Bits of a query's word."""
        return self.lanes * self.bits

    @property
    def code(self) -> list[tuple[int, ...]]:
        """The bits of a word whose parity is each bit of the word that a unit gets, of query and prototype likewise.

        All but words that are coded are what they are.
        """
        return parity_code(self.word_width) if self.is_coded else [(at,) for at in range(self.word_width)]

    @property
    def is_coded(self) -> bool:
        """Whether words are coded: those of bits that all count, see `prototile.rtl.distance.hamming`."""
        return self.metric == "hamming" and not self.masked

    @property
    def shift_bits(self) -> int:
        """Bits of a shift."""
        return self.shift_max.bit_length()

    @property
    def component_width(self) -> int:
        """Bits of a component in memory."""
        if self.metric == "box":
            return 2 * self.bits
        if self.metric == "table":
            return self.entry_bits
        return self.bits + self.masked + self.shift_bits

    @property
    def memory_width(self) -> int:
        """Bits of a prototype's word in memory."""
        return self.lanes * self.component_width

    @property
    def memories(self) -> int:
        """Memories that a word lies in: each component of a table addresses one of its own."""
        return self.lanes if self.metric == "table" else 1

    @property
    def field_width(self) -> int:
        """Bits of a prototype's word in one memory."""
        return self.memory_width // self.memories

    @property
    def level_bits(self) -> int:
        """Bits of a memory's address that come from a component of the query, for a table."""
        return self.bits if self.metric == "table" else 0

    @property
    def written_beside(self) -> int:
        """Bits of a word for the memory that a query's word has no room for, where the memory can be written.

        The query's word takes the lower ones; but for a table it says which entries are meant, and takes none.
        """
        return self.memory_width if self.metric == "table" else max(0, self.memory_width - self.word_width)

    @property
    def is_maximum(self) -> bool:
        """Whether terms are not added up, but the largest counts."""
        return self.metric == "linf"

    @property
    def lane_width(self) -> int:
        """Bits of a lane's term."""
        widths = {"l2": 2 * self.bits, "hamming": self.bits.bit_length(), "table": self.entry_bits}
        return widths.get(self.metric, self.bits) + self.shift_max

    @property
    def term_width(self) -> int:
        """Bits of a word's term: a sum of two needs one bit more, a maximum none."""
        if self.metric == "hamming":
            return (self.word_width - count_carries(self.word_width)).bit_length()
        return self.lane_width + (0 if self.is_maximum else (self.lanes - 1).bit_length())

    @property
    def multiplies(self) -> bool:
        """Whether lanes square by a multiplier; narrow components are squared by a table."""
        return self.metric == "l2" and self.bits > SQUARE_TABLE_BITS

    @property
    def lane_latency(self) -> int:
        """Cycles from a component to its term."""
        cycles = {"l1": 1, "l2": 3 if self.multiplies else 2, "linf": 2, "box": 2, "table": 1}
        return cycles[self.metric] + (self.shift_max > 0)

    @property
    def latency(self) -> int:
        """Cycles from a word to its term: those of a lane, and one for each level of the tree of lanes.

        A count of bits is registered where its adders begin, and between each two levels of these and the next.
        """
        if self.metric == "hamming":
            return 1 + max(0, count_levels(self.word_width) - 1) // 2
        return self.lane_latency + (self.lanes - 1).bit_length()


def count_carries(bits: int) -> int:
    """Bits of a count that are left over to whoever adds up counts: one of an even number, as adders take two each."""
    return int(bits % 2 == 0)


def count_runs(bits: int) -> list[range]:
    """The bits of a count, in runs of an odd length; their number is odd, too, so that adders of three join them."""
    counted = bits - count_carries(bits)
    runs = -(-counted // _RUN_BITS) | 1 if counted > _RUN_BITS else 1
    pairs, more = divmod((counted - runs) // 2, runs)
    ends = [0]
    for run in range(runs):
        ends.append(ends[-1] + 1 + 2 * (pairs + (run < more)))
    return [range(*ends[at : at + 2]) for at in range(runs)]


def count_pairs(bits: int) -> int:
    """Pairs among the bits of a count: what is counted behind its runs."""
    return (bits - count_carries(bits) - 1) // 2


def count_numbers(bits: int) -> list[int]:
    """How many of some bits make each of the numbers that adders join; each adder takes one more bit as its carry.

    Numbers of up to three bits, as few as there can be.
    """
    if not bits:
        return []
    numbers = -(-(bits + 1) // 4)
    some, more = divmod(bits - (numbers - 1), numbers)
    return [some + (at < more) for at in range(numbers)]


def count_levels(bits: int) -> int:
    """Levels of adders behind the runs of a count."""
    return max(0, len(count_numbers(count_pairs(bits))) - 1).bit_length()


def parity_code(bits: int) -> list[tuple[int, ...]]:
    """For each bit of a coded word the bits of the word whose parity it is.

    The third, fifth and so on bit of a run become the parity of the run up to there, all others stay as they are. Each
    bit can be found again from its parity and those before it, so no two words have one code.
    """
    code = [(at,) for at in range(bits)]
    for run in count_runs(bits):
        for place in range(2, len(run), 2):
            code[run[place]] = tuple(run[: place + 1])
    return code
