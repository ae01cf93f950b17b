"""The vote of the k nearest neighbours."""

from amaranth.hdl import Array, Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from prototile.rtl.checks import positive


class Vote(wiring.Component):
    """Keeps the first `k` keys in their order, then counts which class has most of them.

    A new key meets all that are kept at once, takes its place, and those behind it move on by one. To vote, one kept
    key after another is held against all of them: the class with most equals wins, the lowest of several.

    Only keys that fire vote; if none does, all do.

    Parameters
    ----------
    k
        Neighbours that vote, at least 2.
    class_width, distance_width, order_width
        Bits of a class, of a distance, and of a whole key: ``not firing`` highest, then the distance, then the index.

    Attributes
    ----------
    order, class_ : In
        A key and its class.
    take : In(1)
        One cycle after the key: it counts.
    first : In(1)
        With ``take`` or without: a new query, what was kept before does not count any more.
    start : In(1)
        After the last ``take``, or with it: count the votes.
    ended : Out(1)
        High for a cycle, ``k + 2`` cycles after ``start``: from the next one on, the winner stands.
    label : Out(class_width)
        The winner.
    distance : Out(distance_width)
        Distance of its first neighbour.
    tie : Out(1)
        Another class has as many votes.
    """

    def __init__(self, *, k: int, class_width: int, distance_width: int, order_width: int):
        positive(k=k - 1, class_width=class_width, distance_width=distance_width)
        self.k = k
        self.class_width = class_width
        self.distance_width = distance_width
        self.order_width = order_width
        super().__init__(
            {
                "order": In(order_width),
                "class_": In(class_width),
                "take": In(1),
                "first": In(1),
                "start": In(1),
                "ended": Out(1),
                "label": Out(class_width),
                "distance": Out(distance_width),
                "tie": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        neighbours = [_Neighbour(at, self.class_width, self.order_width) for at in range(self.k)]
        self._keep(m, neighbours)
        self._count(m, neighbours)
        return m

    def _keep(self, m, neighbours):
        order = Signal(self.order_width, reset_less=True)
        class_ = Signal(self.class_width, reset_less=True)
        m.d.sync += [order.eq(self.order), class_.eq(self.class_)]
        ahead = None
        for neighbour in neighbours:
            before = Signal(name=f"before_{neighbour.at}")
            goes_ahead = Signal(name=f"goes_ahead_{neighbour.at}")
            m.d.sync += before.eq(self.order < neighbour.order)
            m.d.comb += goes_ahead.eq(before | ~neighbour.valid | self.first)
            moves = self.take & goes_ahead
            with m.If(self.first):
                m.d.sync += neighbour.valid.eq(self.take if ahead is None else 0)
            with m.Elif(moves):
                m.d.sync += neighbour.valid.eq(1 if ahead is None else ~ahead[1] | ahead[0].valid)
            with m.If(moves):
                if ahead is None:
                    m.d.sync += [neighbour.order.eq(order), neighbour.class_.eq(class_)]
                else:
                    previous, passed = ahead
                    m.d.sync += [
                        neighbour.order.eq(Mux(passed, previous.order, order)),
                        neighbour.class_.eq(Mux(passed, previous.class_, class_)),
                    ]
            ahead = (neighbour, goes_ahead)

    def _count(self, m, neighbours):
        any_fires = neighbours[0].valid & ~neighbours[0].silent
        voters = [neighbour.valid & (~neighbour.silent | ~any_fires) for neighbour in neighbours]

        # One neighbour a cycle, in three stages: who it is, how many are of its class, whether that is more.
        at = Signal(range(self.k))
        running = Signal()
        with m.If(self.start):
            m.d.sync += [at.eq(0), running.eq(1)]
        with m.Elif(running):
            m.d.sync += at.eq(at + 1)
            with m.If(at == self.k - 1):
                m.d.sync += running.eq(0)

        chosen, chosen_last = Signal(), Signal()
        class_ = Signal(self.class_width, reset_less=True)
        distance = Signal(self.distance_width, reset_less=True)
        m.d.sync += [
            chosen.eq(running & Array(voters)[at]),
            chosen_last.eq(running & (at == self.k - 1)),
            class_.eq(Array(neighbour.class_ for neighbour in neighbours)[at]),
            distance.eq(Array(neighbour.order[-1 - self.distance_width : -1] for neighbour in neighbours)[at]),
        ]

        counted, counted_last = Signal(), Signal()
        votes = Signal(range(self.k + 1), reset_less=True)
        counted_class = Signal(self.class_width, reset_less=True)
        counted_distance = Signal(self.distance_width, reset_less=True)
        equal = Cat(voter & (neighbour.class_ == class_) for voter, neighbour in zip(voters, neighbours, strict=True))
        m.d.sync += [
            counted.eq(chosen),
            counted_last.eq(chosen_last),
            votes.eq(sum(equal[1:], equal[0])),
            counted_class.eq(class_),
            counted_distance.eq(distance),
        ]

        most = Signal(range(self.k + 1))
        more = votes > most
        as_many = (votes == most) & (counted_class != self.label)
        with m.If(self.start):
            m.d.sync += most.eq(0)
        with m.If(counted & (more | (as_many & (counted_class < self.label)))):
            m.d.sync += [most.eq(votes), self.label.eq(counted_class), self.distance.eq(counted_distance)]
        with m.If(counted & (more | as_many)):
            m.d.sync += self.tie.eq(as_many)
        m.d.comb += self.ended.eq(counted_last)


class _Neighbour:
    """One kept key."""

    def __init__(self, at: int, class_width: int, order_width: int):
        self.at = at
        self.valid = Signal(name=f"valid_{at}")
        self.class_ = Signal(class_width, name=f"class_{at}", reset_less=True)
        self.order = Signal(order_width, name=f"order_{at}", reset_less=True)

    @property
    def silent(self):
        """Whether it does not fire."""
        return self.order[-1]
