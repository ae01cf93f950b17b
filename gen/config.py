"""The one frozen configuration that feeds the golden model, the hardware, the report and the driver."""

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from prototile.errors import InputError
from prototile.rtl.distance.shape import METRICS as METRICS
from prototile.rtl.distance.shape import UnitShape
from prototile.rtl.memories import MEMORIES as MEMORIES
from prototile.rtl.memories import WRITABLE_ONLY

#: Metrics whose terms may count ``2**shift`` times, and metrics in which a prototype may ignore components.
WEIGHTED_METRICS = ("l1", "l2")
MASKED_METRICS = ("l1", "l2", "linf", "hamming")
#: How the first of all prototypes is found: key bit by key bit, or in a tree of comparators, an answer a cycle.
REDUCTIONS = ("serial", "parallel")
#: Most neighbours that vote.
MAX_K = 15
#: How influence radii reach the decision: ``none``, one for all, one per class, one per prototype.
RADII = ("none", "common", "class", "prototype")

#: Bits of a chunk, on the host, of a word that is wider than its integers.
CHUNK_BITS = 32

#: More elements than this in one bank would make its loop, not the accumulator, limit the clock.
BANK_SIZE = 4
#: Registers on the way of a query that do not depend on the shape, see `Configuration.run_cycles`.
RUN_REGISTERS = 11
#: Registers on the way from the list of neighbours to its votes.
VOTE_REGISTERS = 2
#: Registers on the way of a query through the parallel form: see `Configuration.latency_cycles`.
PARALLEL_REGISTERS = 5
#: With a constant prototype and components of up to so many bits, a term is looked up.
LOOKED_UP_BITS = 5
#: Cycles from the taking of a record to the start that it made room for, and of that start itself.
IN_FLIGHT_TURN = 2


def bit_count(largest: int) -> int:
    """Bits that hold every integer from 0 to `largest`, at least one."""
    return max(1, largest.bit_length())


def index_bit_count(count: int) -> int:
    """Bits that number `count` things from 0; none for a single thing."""
    return (count - 1).bit_length()


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """Numbers that fix what a chip computes and how its grid is shaped.

    Parameters
    ----------
    features, bits
        Components of a query, and bits of each.
    metric
        One of `METRICS`.
    prototype_count, class_count
        Sizes of the model.
    radii
        One of `RADII`.
    min_margin
        Answers with a smaller margin are uncertain; None for no such threshold.
    k
        Neighbours that vote, up to `MAX_K`.
    masked
        Whether each prototype says which components it ignores.
    shift_max
        Largest local weight, as a power of two: a term counts ``2**shift`` times, shift up to this.
    entry_max
        Largest entry of the tables, for the metric ``table``; else 0.
    reduction
        One of `REDUCTIONS`. ``parallel`` takes all components at once and has one prototype an element: `lanes` is
        `features`, a row holds a class, and prototypes are constants in logic.
    lanes
        Components that a processing element takes per cycle.
    rows, columns, pes_per_tile
        The grid: ``rows * columns`` tiles of ``pes_per_tile`` processing elements.
    prototypes_per_pe
        Rounds: prototypes that one processing element serves, one after another.
    memory
        One of `MEMORIES`: ``block`` RAM; ``logic``, look-up tables whose contents are constant; ``distributed`` RAM in
        look-up tables; a large RAM of a ``single_port``, which starts with anything.
    writable
        Whether the memory can be written at run time. All of the model that is no memory of a prototype stays as it
        is.
    memory_register
        Whether a register follows the prototype memory (a faster clock, more cells).
    """

    features: int
    bits: int
    metric: str
    prototype_count: int
    class_count: int
    radii: str = "none"
    min_margin: int | None = None
    k: int = 1
    masked: bool = False
    shift_max: int = 0
    entry_max: int = 0
    reduction: str = "serial"
    lanes: int = 1
    rows: int = 1
    columns: int = 1
    pes_per_tile: int = 1
    prototypes_per_pe: int = 1
    memory: str = "block"
    writable: bool = False
    memory_register: bool = False

    def __post_init__(self) -> None:
        if self.reduction not in REDUCTIONS:
            raise InputError(f"reduction must be one of {', '.join(REDUCTIONS)}, not {self.reduction!r}.")
        if self.memory not in MEMORIES:
            raise InputError(f"memory must be one of {', '.join(MEMORIES)}, not {self.memory!r}.")
        if self.writable and self.memory == "logic":
            raise InputError("memory='logic' is constant and not writable: use another memory, or leave writable out.")
        if self.memory in WRITABLE_ONLY and not self.writable:
            raise InputError(f"memory={self.memory!r} is for what is written: use writable=True, or another memory.")
        if self.reduction == "serial":
            return
        if self.k > 1:
            raise InputError(f"k = {self.k} neighbours vote only with reduction='serial', not with {self.reduction!r}.")
        fixed = {"lanes": self.features, "columns": 1, "prototypes_per_pe": 1, "memory": "logic", "writable": False}
        for name, value in {**fixed, "memory_register": False}.items():
            if getattr(self, name) != value:
                raise InputError(
                    f"{name} is {value!r} with reduction='parallel', not {getattr(self, name)!r}: "
                    f"leave it out, or use reduction='serial'."
                )

    @property
    def place_count(self) -> int:
        """Places for processing elements; one that no prototype fills stays empty."""
        return self.rows * self.columns * self.pes_per_tile

    @property
    def pes_per_row(self) -> int:
        """Processing elements whose minimum is one key: they serve one class per round."""
        return self.columns * self.pes_per_tile

    @property
    def words(self) -> int:
        """Words of `lanes` components in one query."""
        return -(-self.features // self.lanes)

    @cached_property
    def unit(self) -> UnitShape:
        """The distance unit of each element."""
        return UnitShape(
            metric=self.metric,
            bits=self.bits,
            lanes=self.lanes,
            masked=self.masked,
            shift_max=self.shift_max,
            entry_bits=bit_count(self.entry_max),
            # Between readouts that keep the distance, accumulators take terms as ever.
            quiet=self.k > 1,
        )

    @property
    def word_width(self) -> int:
        """Bits of one word of a query."""
        return self.lanes * self.bits

    @property
    def component_max(self) -> int:
        """Largest value of a component."""
        return (1 << self.bits) - 1

    @property
    def distance_max(self) -> int:
        """Largest distance that there can be: that of one component, times the features unless it is a maximum."""
        return self.term_max if self.metric == "linf" else self.features * self.term_max

    @property
    def term_max(self) -> int:
        """Largest distance of one component, its weight included."""
        term = {
            "l1": self.component_max,
            "l2": self.component_max**2,
            "linf": self.component_max,
            "hamming": self.bits,
            "box": self.component_max,
            "table": self.entry_max,
        }[self.metric]
        return term << self.shift_max

    @property
    def looks_terms_up(self) -> bool:
        """Whether the parallel form looks terms up, instead of computing them.

        A prototype is constant there, so that a term is a function of the query's component, and a look-up table or two
        give each of its bits.
        """
        small = self.metric in ("l1", "l2", "box") and self.bits <= LOOKED_UP_BITS
        return self.reduction == "parallel" and (small or self.metric == "table")

    @property
    def distance_width(self) -> int:
        """Bits of a distance, and of one more where there is a radius per prototype, which always fires, or where
        several neighbours vote: a row that has no more of them answers with all ones.
        """
        return bit_count(self.distance_max + (self.radii == "prototype" or self.k > 1))

    @property
    def index_width(self) -> int:
        """Bits of a prototype's index."""
        return max(1, index_bit_count(self.prototype_count))

    @property
    def class_width(self) -> int:
        """Bits of a class index."""
        return max(1, index_bit_count(self.class_count))

    @property
    def saturated_width(self) -> int:
        """Bits of the count of clipped components."""
        return bit_count(self.features)

    @property
    def pes_per_bank(self) -> int:
        """Elements of a bank, among which a minimum is found by elimination."""
        return min(self.pes_per_tile, BANK_SIZE)

    @property
    def place_width(self) -> int:
        """Bits that number the elements of a bank."""
        return index_bit_count(self.pes_per_bank)

    @property
    def bank_width(self) -> int:
        """Bits that number the banks of a tile."""
        return index_bit_count(-(-self.pes_per_tile // self.pes_per_bank))

    @property
    def column_width(self) -> int:
        """Bits that number the tiles of a row."""
        return index_bit_count(self.columns)

    @property
    def position_width(self) -> int:
        """Bits that number the elements of a row."""
        return self.place_width + self.bank_width + self.column_width

    @property
    def key_width(self) -> int:
        """Bits of a row's key: ``not firing`` with a radius per prototype, distance, place, bank, column."""
        return (self.radii == "prototype") + self.distance_width + self.position_width

    @property
    def memory_rows(self) -> int:
        """Memory rows of one prototype: its words, and the bits of its own radius."""
        return self.words + (self.distance_width if self.radii == "prototype" else 0)

    @property
    def memory_depth(self) -> int:
        """Rows of a tile's memory; of a table each is one of as many as a component has levels."""
        rows = self.prototypes_per_pe * self.memory_rows
        return rows << self.bits if self.metric == "table" else rows

    def multiplier_count(self, elements: int) -> int:
        """Multipliers of so many elements, one a lane where squares are not looked up."""
        return elements * self.lanes if self.unit.multiplies and self.reduction == "serial" else 0

    @property
    def pass_interval_cycles(self) -> int:
        """Cycles from one readout of the distances to the next, where several neighbours vote.

        What the row's end found must come back to the bank that had it: through all columns east, and west again. And
        the keys of all rows must have left for the collector, a row every second cycle.
        """
        own = int(self.radii == "prototype")
        back = self.distance_width + self.bank_width + 2 * (self.columns - 1) + own + 4
        return max(back, self.key_width + 2 * self.rows)

    @property
    def round_interval_cycles(self) -> int:
        """Cycles from one round to the next: words, own radius and distance one after another, `k` times the distance.

        Before the next keys arrive, those of all rows must have left for the collector, a row every second cycle, and
        the votes must have been counted.
        """
        last = max(self.memory_rows + self.distance_width, self.key_width + 2 * self.rows)
        if self.k == 1:
            return last
        return (self.k - 1) * self.pass_interval_cycles + max(last, 2 * self.rows + self.vote_cycles)

    @property
    def vote_cycles(self) -> int:
        """Cycles in which the votes of `k` neighbours are counted, one neighbour a cycle."""
        return self.k + VOTE_REGISTERS if self.k > 1 else 0

    @property
    def run_cycles(self) -> int:
        """Cycles from a query's start until its record can be taken.

        The last round ends its words and radius (``not firing`` leaves with the radius's last bit), its key passes tile
        by tile to the end of row 0, one row after another reaches the collector, and the rest is a fixed way through
        registers.
        """
        rounds = (self.prototypes_per_pe - 1) * self.round_interval_cycles + (self.k - 1) * self.pass_interval_cycles
        tiles = self.unit.latency + self.memory_register + self.bank_width + self.columns - 1
        key = self.distance_width + self.position_width
        return rounds + self.memory_rows + tiles + key + 2 * (self.rows - 1) + self.vote_cycles + RUN_REGISTERS

    @property
    def interval_cycles(self) -> int:
        """Cycles from one record to the next, queries back to back.

        The rounds of a query follow one another without a gap, and so do queries; unless a query runs for longer than
        two intervals, because no more than two are between their start and the taking of their record. The parallel
        form answers every cycle.
        """
        if self.reduction == "parallel":
            return 1
        return max(self.prototypes_per_pe * self.round_interval_cycles, -(-(self.run_cycles + IN_FLIGHT_TURN) // 2))

    @property
    def latency_cycles(self) -> int:
        """Cycles from the edge that takes a query's first word to the first edge that can take its record.

        For an idle core, and words that come without a gap. In the parallel form: tables and the tree that adds up what
        they say, or the distance unit and one cycle to add its carry; the comparison with radii that differ; the trees
        within the largest class and over the classes; and `PARALLEL_REGISTERS`: the query's own, the margin's, and
        three of the buffer of records.
        """
        if self.reduction == "parallel":
            own = self.radii in ("class", "prototype")
            trees = self.member_levels + self.class_levels
            tables = 1 + index_bit_count(self.features)
            distance = tables if self.looks_terms_up else self.unit.latency + 1
            return distance + own + trees + PARALLEL_REGISTERS
        return self.words + 1 + self.run_cycles

    @property
    def member_levels(self) -> int:
        """Levels of the parallel form's tree within the largest class."""
        return index_bit_count(self.pes_per_row)

    @property
    def class_levels(self) -> int:
        """Levels of the parallel form's tree over the classes that have prototypes."""
        return index_bit_count(self.rows)

    @property
    def queries_inside(self) -> int:
        """Queries that the core takes while no record leaves: two in the buffer and two behind it.

        In the parallel form as many as keep it busy: the place of a record can be given away again in the cycle after
        the record was taken.
        """
        return self.latency_cycles + 1 if self.reduction == "parallel" else 4

    def record_fields(self) -> tuple[tuple[str, int, bool], ...]:
        """Fields of the decision record in hardware: name, width in bits, whether signed; least significant first."""
        return (
            ("prototype", self.index_width, False),
            ("distance", self.distance_width, False),
            ("label", self.class_width, False),
            ("runner_up", self.class_width + 1, True),
            ("margin", self.distance_width + 1, True),
            ("status", 2, False),
            ("tie", 1, False),
            ("saturated", self.saturated_width, False),
        )

    def to_dict(self) -> dict[str, Any]:
        """Fields by name, ready for JSON."""
        return asdict(self)
