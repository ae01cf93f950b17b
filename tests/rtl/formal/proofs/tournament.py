"""The parallel form's trees: the first of all prototypes, and the first of another class."""

from amaranth.hdl import Cat, Const, Mux, Signal
from formal.proof import Mutation, Proof

from prototile.rtl import tournament


def trees(bench, *, classes, bits, interleaved):
    """Distances of all prototypes, anything in each cycle, through the tree of each class and that over the classes.

    The trees have no state but the registers of their stages, so what leaves was given as many cycles ago as there are
    levels: the cycles that are looked at begin in any state and reach until then.
    """
    m = bench.m
    labels = [at for at, count in enumerate(classes) for _ in range(count)]
    if interleaved:
        labels = [label for place in range(max(classes)) for label, count in enumerate(classes) if place < count]
    index_width = max(1, (len(labels) - 1).bit_length())
    distances = [bench.free(bits, f"distance_{at}") for at in range(len(labels))]
    member_levels, class_levels = levels(classes)

    firsts = []
    starts = []
    for label in range(len(classes)):
        indices = [index for index, one in enumerate(labels) if one == label]
        starts.append(indices[0])
        contenders = [
            tournament.Contender(
                order=distances[index],
                member=Const(index, index_width) if interleaved else Const(0, 0),
                group=Const(0, 0),
                lowest=index,
                highest=index,
            )
            for index in indices
        ]
        firsts.append(tournament.first_of_class(m, contenders, member_levels, numbered=not interleaved))
    standing = tournament.first_of_classes(m, firsts, class_levels)

    delayed = distances
    for stage in range(member_levels + class_levels):
        delayed = [bench.register(one, f"delayed_{stage}_{at}") for at, one in enumerate(delayed)]
    filled = Const(1)
    for stage in range(member_levels + class_levels):
        filled = bench.register(filled, f"filled_{stage}")

    def index_of(contender):
        if interleaved:
            return contender.member
        start = Signal(index_width)
        with m.Switch(contender.group):
            for at, first in enumerate(starts):
                with m.Case(at):
                    m.d.comb += start.eq(first)
        return (start + contender.member)[:index_width] if len(contender.member) else start

    def first_of(candidates):
        order, index, label = (Signal(bits), Signal(index_width), Signal(range(len(classes) + 1)))
        found = Const(0)
        best = (Const(0, bits), Const(0, index_width), Const(0, len(label)))
        for at, is_candidate in candidates:
            takes = is_candidate & (~found | (delayed[at] < best[0]))
            best = tuple(Mux(takes, new, old) for new, old in zip((delayed[at], at, labels[at]), best, strict=True))
            found = found | is_candidate
        m.d.comb += [order.eq(best[0]), index.eq(best[1]), label.eq(best[2])]
        return order, index, label

    best, winner, label = first_of([(at, Const(1)) for at in range(len(labels))])
    second, follower, other = first_of([(at, label != one) for at, one in enumerate(labels)])
    found = standing.best
    bench.always(
        "the first is the nearest, of the lowest index", ~filled | ((found.order == best) & (index_of(found) == winner))
    )
    bench.always("its class comes with it", ~filled | (found.group == label))
    behind = standing.runner_up
    bench.always(
        "the runner-up is the nearest of another class",
        ~filled | ((behind.order == second) & (index_of(behind) == follower) & (behind.group == other)),
    )
    bench.reachable("the last is the nearest", filled & (winner == len(labels) - 1))
    bench.reachable("all are as near", filled & Cat(one == best for one in delayed).all())
    bench.reachable("the class first in order is second", filled & (other == 0))


def levels(classes):
    return (max(classes) - 1).bit_length(), (len(classes) - 1).bit_length()


TREES = Proof(
    name="trees of the parallel form",
    about=("tournament.py",),
    claim="the first of all and the first of another class leave, of equal ones that of the lowest index",
    build=trees,
    depth=lambda classes, **_: sum(levels(classes)) + 1,
    shapes={
        "5 prototypes of 3 classes": {"classes": (2, 1, 2), "bits": 2, "interleaved": False},
        "8 prototypes of 4 classes, interleaved": {"classes": (3, 2, 1, 2), "bits": 2, "interleaved": True},
        "6 prototypes of 5 classes": {"classes": (1, 2, 1, 1, 1), "bits": 3, "interleaved": False},
    },
    controls=(
        Mutation("tournament:first_of_class", "right.order < left.order", "right.order <= left.order"),
        Mutation("tournament:_precedes", "one.order <= other.order", "one.order < other.order"),
        Mutation(
            "tournament:first_of_classes",
            "_precedes(right.runner_up, left.best)",
            "~_precedes(right.runner_up, left.best)",
            "8 prototypes of 4 classes, interleaved",
        ),
        Mutation("tournament:first_of_classes", "Mux(right_first, right_second, right_next)", "right_first"),
    ),
)

PROOFS = (TREES,)
