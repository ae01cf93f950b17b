"""The decision record, written down once more after the contract, for k = 1."""

from dataclasses import dataclass

from amaranth.hdl import Cat, Const, Mux, Signal, Value, signed


@dataclass(frozen=True)
class Decision:
    """Parts of a decision: the first two in the order, and whether there is a second class."""

    best: Value
    second: Value
    any_other: Value


def decided(m, config, found):
    """Expected fields of the record but for the count of clipped components, and the `Decision`.

    Parameters
    ----------
    found
        Of each prototype, or each first of a class, its place in the order and its class: index, distance and whether
        it does not fire, lowest first; and a plain number.
    """
    best, label = _first([(order, class_, Const(1)) for order, class_ in found])
    others = [(order, class_, label != class_) for order, class_ in found]
    second, other = _first(others)
    any_other = Cat(apart for _, _, apart in others).any()
    distances = [order[config.index_width : -1] for order in (best, second)]
    silent = [order[-1] for order in (best, second)]
    margin = Signal(signed(config.distance_width + 1))
    m.d.comb += margin.eq(Mux(any_other, distances[1] - distances[0], 0))
    has_radii = config.radii != "none"
    close = margin < config.min_margin if config.min_margin is not None else Const(0)
    uncertain = close | (any_other & ~silent[1] & has_radii)
    expected = {
        "prototype": best[: config.index_width],
        "distance": distances[0],
        "label": label,
        "runner_up": Mux(any_other, Cat(other, Const(0, 1)).as_signed(), -1),
        "margin": margin,
        "status": Mux(silent[0] & has_radii, 2, Mux(uncertain, 1, 0)),
        "tie": any_other & (margin == 0) & (silent[0] == silent[1]),
    }
    return expected, Decision(best, second, any_other)


def _first(found):
    """The smallest of those orders that count, and its class."""
    best, label, any_one = Const(0, len(found[0][0])), Const(0, 8), Const(0)
    for order, class_, counts in found:
        takes = counts & (~any_one | (order < best))
        best, label, any_one = Mux(takes, order, best), Mux(takes, class_, label), any_one | counts
    return best, label[:8]
