"""The parallel form of the core: all components at once, one element a prototype, an answer a cycle."""

from dataclasses import dataclass, replace
from itertools import pairwise

from amaranth.hdl import Cat, Const, Module, Signal, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from prototile.rtl.distance.hamming import coded
from prototile.rtl.distance.shape import UnitShape
from prototile.rtl.distance.unit import DistanceUnit
from prototile.rtl.layout import query_layout, record_layout
from prototile.rtl.lookup import LookedUpDistance, entry, lookup_latency
from prototile.rtl.outbox import Outbox
from prototile.rtl.record import First, RecordShape, judged, margin_of
from prototile.rtl.tournament import Contender, first_of_class, first_of_classes, registered


@dataclass(frozen=True, kw_only=True)
class Prototype:
    """What is constant in one element.

    Parameters
    ----------
    index, class_
        Its index in the order of prototypes, and its class.
    word
        The word of all components that `DistanceUnit` wants.
    tables
        What each value of each component adds to the distance, as `LookedUpDistance` wants it, which then serves
        instead; or None.
    radius
        A prototype fires if its distance is smaller; None for a model without radii.
    """

    index: int
    class_: int
    word: int = 0
    tables: list[list[int]] | None = None
    radius: int | None = None


@dataclass(frozen=True, kw_only=True)
class ParallelShape:
    """Plain numbers of the parallel form; they come from `prototile.config.Configuration`.

    Parameters
    ----------
    unit
        Distance unit of an element without tables; its lanes are all components.
    distance_width
        Bits of a distance.
    radii
        ``none``, or where prototypes differ in their radius: ``common`` (nowhere), ``class``, ``prototype``.
    member_levels, class_levels
        Levels of the tree within the largest class, and over the classes that have prototypes.
    queries
        Queries that may be inside at a time; a query a cycle takes one more than the cycles of one's way.
    """

    unit: UnitShape
    distance_width: int
    radii: str
    member_levels: int
    class_levels: int
    queries: int


class ParallelCore(wiring.Component):
    """One distance unit for each prototype, a tree of comparators, and a buffer for the records.

    A query that comes in goes through all stages without a stop: it is taken only if its record will find a place in
    the `Outbox`. So no stall of either side reaches the pipeline, and no register of it has an enable.

    One query a cycle if the sink takes one a cycle. The latency is a formula of the configuration: see
    `prototile.config.Configuration`.

    Notes
    -----
    Radii are compared where prototypes begin to differ in them: those of prototypes before all comparisons, those of
    classes when the first of each class is known, and a common one not before the first of all are, because up to there
    the distance alone tells the order.

    Attributes
    ----------
    query : In(stream)
        `query_layout`. A query is one word; with ``drop``, or with more words, it is forgotten.
    record : Out(stream)
        `record_layout`.
    """

    def __init__(self, *, shape: ParallelShape, record: RecordShape, prototypes: list[Prototype]):
        if [one.index for one in prototypes] != list(range(len(prototypes))) or not prototypes:
            raise ValueError("prototypes must be all prototypes in the order of their indices")
        if any((one.radius is None) != (shape.radii == "none") for one in prototypes):
            raise ValueError(
                f"each prototype must have a radius exactly if radii is not 'none', not with {shape.radii!r}"
            )
        self.shape = shape
        self.record_shape = record
        # In the order of their first prototypes: so ranges of indices overlap only where classes do.
        self.classes = [
            [one for one in prototypes if one.class_ == class_]
            for class_ in dict.fromkeys(one.class_ for one in prototypes)
        ]
        self.outbox = Outbox(fields=record.fields, queries=shape.queries)
        super().__init__(
            {
                "query": In(stream.Signature(query_layout(shape.unit.word_width, record.width("saturated")))),
                "record": Out(stream.Signature(record_layout(record.fields))),
            }
        )

    @property
    def interleaved(self) -> bool:
        """Whether the ranges of two classes' indices overlap."""
        return any(one[-1].index > other[0].index for one, other in pairwise(self.classes))

    @property
    def stages(self) -> int:
        """Cycles from the edge that takes a query to the one that writes its record."""
        shape = self.shape
        own = shape.radii in ("class", "prototype")
        # Around the rest: the query's register, and the margin's.
        return 1 + self.distance_latency + own + shape.member_levels + shape.class_levels + 1

    @property
    def distance_latency(self) -> int:
        """Cycles from a query to the distances: those of a unit, and one to add its carry, or those of the tables."""
        if self.classes[0][0].tables is not None:
            return lookup_latency(self.shape.unit.lanes)
        return self.shape.unit.latency + 1

    def elaborate(self, platform):
        m = Module()
        m.submodules.outbox = outbox = self.outbox
        accept = self._accept(m)
        valid = Signal(self.stages)
        m.d.sync += valid.eq(Cat(accept, valid))
        word = registered(m, coded(self.shape.unit, self.query.payload.data))

        firsts = [self._first_of_class(m, at, word) for at in range(len(self.classes))]
        standing = first_of_classes(m, firsts, self.shape.class_levels)
        fields = self._judge(m, standing.best, standing.runner_up)
        computed = Signal(record_layout(self.record_shape.fields))
        m.d.comb += [
            *(computed[name].eq(value) for name, value in fields.items()),
            outbox.write.eq(valid[-1]),
            outbox.computed.eq(computed.as_value()[: outbox.computed_width]),
        ]
        wiring.connect(m, wiring.flipped(self.record), outbox.o)
        return m

    def _accept(self, m):
        """Whether a good query is taken."""
        query, outbox = self.query, self.outbox
        further = Signal()
        accept = Signal()
        m.d.comb += [
            # The further words of a query that is too long go nowhere, so there is always room for them.
            query.ready.eq(outbox.room | further),
            accept.eq(query.valid & query.ready & query.payload.last & ~query.payload.drop & ~further),
            outbox.accept.eq(accept),
            outbox.saturated.eq(query.payload.saturated),
            outbox.tag.eq(query.payload.tag),
        ]
        with m.If(query.valid & query.ready):
            m.d.sync += further.eq(~query.payload.last)
        return accept

    def _first_of_class(self, m, at, word):
        """The first prototype of a class, compared with its radius if that is its own or the class's."""
        shape, members = self.shape, self.classes[at]
        contenders = []
        for one in members:
            distance = self._distance(m, one, word)
            contenders.append(
                Contender(
                    order=self._compared(m, distance, one.radius) if shape.radii == "prototype" else distance,
                    member=Const(one.index, self.record_shape.width("prototype")) if self.interleaved else Const(0, 0),
                    group=Const(0, 0),
                    lowest=one.index,
                    highest=one.index,
                )
            )
        first = first_of_class(m, contenders, shape.member_levels, numbered=not self.interleaved)
        if shape.radii == "class":
            first = replace(
                first, order=self._compared(m, first.order, members[0].radius), member=registered(m, first.member)
            )
        return first

    def _distance(self, m, prototype, word):
        """The distance to one prototype, registered."""
        shape = self.shape
        if prototype.tables is not None:
            unit = LookedUpDistance(bits=shape.unit.bits, tables=prototype.tables)
            m.d.comb += unit.query.eq(word)
            distance = unit.distance
        else:
            unit = DistanceUnit(shape.unit)
            m.d.comb += [
                unit.query.eq(word),
                unit.memory.eq(Const(prototype.word, shape.unit.memory_width)),
                unit.enable.eq(1),
            ]
            distance = registered(m, unit.term + unit.carry)
        m.submodules[f"unit_{prototype.index}"] = unit
        # As wide as all others: any may be compared with any.
        same_width = Signal(shape.distance_width, name=f"distance_{prototype.index}")
        m.d.comb += same_width.eq(distance)
        return same_width

    @staticmethod
    def _compared(m, distance, radius):
        """Whether the prototype does not fire, above its distance; registered."""
        return registered(m, Cat(distance, distance >= radius))

    def _judge(self, m, best, runner_up):
        """Values of the computed fields, from registers."""
        first = self._named(best)
        second = First(valid=Const(0), class_=Const(0), distance=Const(0), not_firing=Const(0))
        if runner_up is not None:
            second = self._named(runner_up)
        margin = Signal(signed(self.record_shape.width("margin")), reset_less=True)
        m.d.sync += margin.eq(margin_of(first, second))
        return judged(
            self.record_shape,
            _held(m, first),
            _held(m, second),
            prototype=registered(m, self._index(best)),
            margin=margin,
            has_radii=self.shape.radii != "none",
        )

    def _named(self, contender):
        """What the record says of a contender."""
        distance = contender.order[: self.shape.distance_width]
        not_firing = Const(0)
        if self.shape.radii == "common":
            not_firing = distance >= self.classes[0][0].radius
        elif self.shape.radii != "none":
            not_firing = contender.order[-1]
        classes = [members[0].class_ for members in self.classes]
        return First(
            valid=Const(1),
            class_=entry(classes, contender.group, self.record_shape.width("label")),
            distance=distance,
            not_firing=not_firing,
        )

    def _index(self, contender):
        """Index of the prototype: where ranges do not overlap, each class follows the one before."""
        if self.interleaved:
            return contender.member
        width = self.record_shape.width("prototype")
        start = entry([members[0].index for members in self.classes], contender.group, width)
        return (start + contender.member)[:width] if len(contender.member) else start


def _held(m, first):
    """The same, one cycle later."""
    return First(**{name: registered(m, value) for name, value in vars(first).items()})
