"""The first of all prototypes, and the first of another class: a tree of comparators, registered after each level."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value

_Node = TypeVar("_Node")


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A prototype that may come first, as values of the hardware.

    Parameters
    ----------
    order
        Its distance, below ``not firing`` where that is compared.
    member
        Which prototype of its class it is; or its index, where ranges of indices overlap.
    group
        Which of the classes below a node it belongs to.
    lowest, highest
        Range of the indices that it may have.
    """

    order: Value
    member: Value
    group: Value
    lowest: int
    highest: int


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The first of some classes, and the first of another one of them; None if there is no other."""

    best: Contender
    runner_up: Contender | None = None


def first_of_class(m: Module, contenders: list[Contender], levels: int, *, numbered: bool) -> Contender:
    """The first of one class, `levels` cycles later; the contenders come in the order of their indices.

    So of two that are equal the left one is first. If `numbered`, ``member`` gets a bit a level: whether the right one
    was.
    """

    def join(left: Contender, right: Contender) -> Contender:
        right_first = right.order < left.order
        first = _either(right_first, right, left)
        if numbered:
            first = replace(first, member=Cat(first.member, right_first))
        return _registered(m, first)

    return _tree(contenders, levels, join, lambda one: _registered(m, one))


def first_of_classes(m: Module, contenders: list[Contender], levels: int) -> Standing:
    """The first of all and the first of another class, `levels` cycles later.

    Each contender is the first of its class, so those below two nodes are all of different classes: the better best of
    the two is the best, and either the other best or the one behind the better best is the runner-up. ``group`` gets a
    bit a level: whether it came from the right.
    """

    def join(left: Standing, right: Standing) -> Standing:
        right_first = ~_precedes(left.best, right.best)
        # Whether the runner-up comes from the right too, and whether it does although the best comes from the left.
        right_second = Const(0) if right.runner_up is None else _precedes(right.runner_up, left.best)
        right_next = Const(1) if left.runner_up is None else _precedes(right.best, left.runner_up)
        from_right = Mux(right_first, right_second, right_next)
        best = _either(right_first, right.best, left.best)
        runner_up = _either(
            from_right,
            _either(right_first, right.runner_up, right.best),
            _either(right_first, left.best, left.runner_up),
        )
        return Standing(
            best=_registered(m, replace(best, group=Cat(best.group, right_first))),
            runner_up=_registered(m, replace(runner_up, group=Cat(runner_up.group, from_right))),
        )

    def wait(one: Standing) -> Standing:
        behind = None if one.runner_up is None else _registered(m, one.runner_up)
        return Standing(best=_registered(m, one.best), runner_up=behind)

    return _tree([Standing(best=one) for one in contenders], levels, join, wait)


def registered(m: Module, value: Value) -> Value:
    """The value, one cycle later. A constant takes no register."""
    if isinstance(value, Const) or not len(value):
        return value
    register = Signal(len(value), reset_less=True)
    m.d.sync += register.eq(value)
    return register


def _tree(
    nodes: list[_Node], levels: int, join: Callable[[_Node, _Node], _Node], wait: Callable[[_Node], _Node]
) -> _Node:
    """Join neighbours, level by level, until one is left; the left one of two holds a full power of two of leaves."""
    if len(nodes) > 1 << levels:
        raise ValueError(f"{len(nodes)} nodes need more than {levels} levels")
    for _ in range(levels):
        pairs = [nodes[at : at + 2] for at in range(0, len(nodes), 2)]
        nodes = [join(*pair) if len(pair) > 1 else wait(*pair) for pair in pairs]
    return nodes[0]


def _precedes(one: Contender, other: Contender) -> Value:
    """Whether `one` comes before `other`: at the same distance, the one with the lower index."""
    if one.highest < other.lowest:
        return one.order <= other.order
    if other.highest < one.lowest:
        return one.order < other.order
    return Cat(one.member, one.order) < Cat(other.member, other.order)


def _either(select: Value, when: Contender | None, otherwise: Contender | None) -> Contender:
    """Multiplexer; what there is, if one is None."""
    if when is None or otherwise is None:
        present = when or otherwise
        assert present is not None
        return present
    return Contender(
        order=Mux(select, when.order, otherwise.order),
        member=_mux(select, when.member, otherwise.member),
        group=_mux(select, when.group, otherwise.group),
        lowest=min(when.lowest, otherwise.lowest),
        highest=max(when.highest, otherwise.highest),
    )


def _mux(select: Value, when: Value, otherwise: Value) -> Value:
    both_empty = not len(when) and not len(otherwise)
    return otherwise if both_empty else Mux(select, when, otherwise)


def _registered(m: Module, one: Contender) -> Contender:
    return replace(
        one, order=registered(m, one.order), member=registered(m, one.member), group=registered(m, one.group)
    )
