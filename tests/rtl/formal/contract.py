"""The decision record, written down once more after the contract."""

from dataclasses import dataclass

from amaranth.hdl import Cat, Const, Mux, Signal, Value, signed


@dataclass(frozen=True)
class Decision:
    """Parts of a decision: the first in the order and its class; the first of another, that class, if there is one."""

    best: Value
    label: Value
    second: Value
    other: Value
    any_other: Value


def decided(m, config, found):
    """Expected fields of the record but for the count of clipped components, and the `Decision`.

    Parameters
    ----------
    found
        Of each prototype its place in the order, its class, and whether it is there. The order is index, distance and
        whether it does not fire, lowest first; the class is a plain number. If some are not there, or only the firsts
        of classes are, the others come behind them and change nothing.
    """
    best, label = _first(m, found)
    several = None
    distance = best[config.index_width : -1]
    if config.k > 1:
        label, distance, several = elected(
            m, found, k=config.k, classes=config.class_count, index_width=config.index_width
        )
    others = [(order, class_, there & (label != class_)) for order, class_, there in found]
    second, other = _first(m, others)
    any_other = Cat(apart for _, _, apart in others).any()
    margin = Signal(signed(config.distance_width + 1))
    m.d.comb += margin.eq(Mux(any_other, second[config.index_width : -1] - distance, 0))
    has_radii = config.radii != "none"
    close = margin < config.min_margin if config.min_margin is not None else Const(0)
    uncertain = close | (any_other & ~second[-1] & has_radii)
    same_place = any_other & (margin == 0) & (best[-1] == second[-1])
    expected = {
        "prototype": best[: config.index_width],
        "distance": best[config.index_width : -1],
        "label": label,
        "runner_up": Mux(any_other, Cat(other, Const(0, 1)).as_signed(), -1),
        "margin": margin,
        "status": Mux(best[-1] & has_radii, 2, Mux(uncertain, 1, 0)),
        "tie": same_place if several is None else several,
    }
    return expected, Decision(best, label, second, other, any_other)


def elected(m, found, *, k, classes, index_width):
    """The class that is elected by the first `k`, the distance of its first neighbour, and whether it is a tie.

    Parameters
    ----------
    found
        Of each prototype its order, its class, and whether it is there.
    """

    def count(bits):
        return sum(bits[1:], bits[0])

    any_fires = Cat(there & ~order[-1] for order, _, there in found).any()
    voters = []
    for order, class_, there in found:
        votes = Signal()
        ahead = count([is_there & (other < order) for other, _, is_there in found])
        m.d.comb += votes.eq(there & (ahead < k) & (~order[-1] | ~any_fires))
        voters.append((order, class_, votes))
    votes = [Signal(range(len(found) + 1), name=f"votes_of_{class_}") for class_ in range(classes)]
    for class_, total in enumerate(votes):
        m.d.comb += total.eq(count([counts & (label == class_) for _, label, counts in voters]))
    winner, most = Const(0, 1), votes[0]
    for class_, total in enumerate(votes[1:], 1):
        winner_next, most_next = Signal(range(classes)), Signal.like(total)
        m.d.comb += [
            winner_next.eq(Mux(total > most, class_, winner)),
            most_next.eq(Mux(total > most, total, most)),
        ]
        winner, most = winner_next, most_next
    tie = count([total == most for total in votes]) > 1
    first, _ = _first(m, [(order, class_, counts & (class_ == winner)) for order, class_, counts in voters])
    return winner, first[index_width:-1], tie


def _first(m, found):
    """The smallest of those orders that count, and its class."""
    width = len(found[0][0])
    # Each step has its signals: an expression that holds itself several times would be written out as often.
    best, label, any_one = Const(0, width), Const(0, 8), Const(0)
    for order, class_, counts in found:
        ahead, best_next, label_next = Signal(), Signal(width), Signal(8)
        m.d.comb += [
            ahead.eq(counts & (~any_one | (order < best))),
            best_next.eq(Mux(ahead, order, best)),
            label_next.eq(Mux(ahead, class_, label)),
        ]
        best, label, any_one = best_next, label_next, any_one | counts
    return best, label
