"""Probes: queries made for a design, at the edges of what it tells apart, which data seldom meet."""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from prototile.config import Configuration
from prototile.nodes import Nodes
from prototile.sim.golden import GoldenModel

_Value = Callable[[NDArray[np.int64]], NDArray[np.int64]]
#: Steps of a way from one query to another that are looked at together.
_STEPS = 16
#: Queries around one that are looked at together, and how often, with other components.
_NEIGHBOURS, _GROUPS = 512, 8
#: Components of all of them.
_NUMBERS = 1 << 16
#: More than any distance.
_FAR = np.iinfo(np.int64).max
#: Queries for a prototype: about so many.
_EACH = 10


def probe_queries(config: Configuration, nodes: Nodes, count: int) -> NDArray[np.int64]:
    """Queries for which a small fault of the hardware changes the answer.

    For each prototype, or for as many as half of `count` has room for, spread over all: at its smallest and at its
    largest distance, which takes all bits of an accumulator; as near to its radius as can be on both sides; and as near
    as can be to where the next class takes over, and to where that is by ``min_margin``, on both sides, with a tie if
    there is one. Components that are all 0, all the largest, and both in turn. The rest is drawn: components from
    everywhere, and mixed from two prototypes.

    Parameters
    ----------
    config, nodes
        The design's.
    count
        Most queries wanted, at least 1.

    Returns
    -------
    ndarray of shape (up to `count`, features), int64
        All different; fewer if there are not so many, ``0 .. config.component_max``. The same for the same design.
    """
    if count < 1:
        raise ValueError(f"count must be a positive integer, not {count!r}")
    nearest, farthest = nodes.exemplars(config.metric), _farthest(config, nodes)
    prototypes = min(nodes.count, max(1, count // (2 * _EACH)))
    chosen = np.linspace(0, nodes.count - 1, prototypes).astype(np.int64)
    rivals = _rivals(config, nodes, nearest, chosen)
    found = [*_extremes(config)]
    for prototype, rival in zip(chosen.tolist(), rivals, strict=True):
        found += [nearest[prototype], farthest[prototype]]
        pair = _pair(config, nodes, prototype, prototype if rival is None else rival)
        if nodes.radii is not None:
            radius = int(nodes.radii[prototype])
            found += _beside(
                nearest[prototype], farthest[prototype], config.component_max, partial(_beyond, pair, radius)
            )
        if rival is not None:
            for threshold in sorted({0, 1, config.min_margin or 0}):
                found += _beside(
                    nearest[prototype], nearest[rival], config.component_max, partial(_trails, pair, threshold)
                )
    found += [*_drawn(config, nearest, count)]
    different = list(dict.fromkeys(tuple(query.tolist()) for query in found))
    return np.array(different[:count], dtype=np.int64)


def _farthest(config: Configuration, nodes: Nodes) -> NDArray[np.int64]:
    """(prototypes, features) a query as far from each prototype as there is."""
    values, largest = nodes.values.astype(np.int64), config.component_max
    farthest: NDArray[np.int64]
    if config.metric == "table":
        farthest = values.argmax(axis=2)
    elif config.metric == "hamming":
        farthest = values ^ largest
    else:
        lower, upper = (values[:, :, 0], values[:, :, 1]) if config.metric == "box" else (values, values)
        farthest = np.where(lower > largest - upper, 0, largest)
    return farthest


def _extremes(config: Configuration) -> list[NDArray[np.int64]]:
    """Components that are all 0, all the largest, and both in turn."""
    turns = np.arange(config.features) % 2
    return [factors * config.component_max for factors in (turns * 0, turns * 0 + 1, turns, 1 - turns)]


def _drawn(config: Configuration, nearest: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """So many random queries: by turns of components from everywhere, and of those of two prototypes."""
    numbers = np.random.default_rng(count)
    queries = numbers.integers(0, config.component_max + 1, (count, config.features))
    pairs = nearest[numbers.integers(0, len(nearest), (count, 2))]
    mixed = np.where(numbers.random(queries.shape) < 0.5, pairs[:, 0], pairs[:, 1])
    queries[1::2] = mixed[1::2]
    return queries


def _rivals(
    config: Configuration, nodes: Nodes, nearest: NDArray[np.int64], chosen: NDArray[np.int64]
) -> list[int | None]:
    """For each of these prototypes the one of another class that is nearest to it; None if there is no other class."""
    model = _model(config, nodes)
    labels = np.asarray(nodes.labels)
    rivals: list[int | None] = []
    for prototype in chosen.tolist():
        others = np.flatnonzero(labels != labels[prototype])
        distances = model.distances(nearest[prototype][None])[0, others]
        rivals.append(int(others[distances.argmin()]) if others.size else None)
    return rivals


def _pair(config: Configuration, nodes: Nodes, *prototypes: int) -> GoldenModel:
    """Distances to some of the prototypes only."""
    rows = list(prototypes)
    return _model(
        config,
        Nodes(
            values=nodes.values[rows],
            labels=nodes.labels[rows],
            masks=None if nodes.masks is None else nodes.masks[rows],
            shifts=None if nodes.shifts is None else nodes.shifts[rows],
        ),
    )


def _model(config: Configuration, nodes: Nodes) -> GoldenModel:
    """Distances, without what decides."""
    bare = Configuration(
        features=config.features,
        bits=config.bits,
        metric=config.metric,
        prototype_count=nodes.count,
        class_count=config.class_count,
        masked=config.masked,
        shift_max=config.shift_max,
        entry_max=config.entry_max,
    )
    return GoldenModel(bare, Nodes(values=nodes.values, labels=nodes.labels, masks=nodes.masks, shifts=nodes.shifts))


def _beyond(pair: GoldenModel, radius: int, queries: NDArray[np.int64]) -> NDArray[np.int64]:
    """By how much the first of two prototypes is farther than its radius."""
    beyond: NDArray[np.int64] = pair.distances(queries)[:, 0] - radius
    return beyond


def _trails(pair: GoldenModel, threshold: int, queries: NDArray[np.int64]) -> NDArray[np.int64]:
    """By how much the first of two prototypes is farther than the second, and a threshold more."""
    own, other = pair.distances(queries).T
    trails: NDArray[np.int64] = own - other + threshold
    return trails


def _beside(start: NDArray[np.int64], end: NDArray[np.int64], largest: int, value: _Value) -> list[NDArray[np.int64]]:
    """Queries on both sides of where a value changes its sign on the way from one query to another.

    The way leads component by component, and each component level by level. Where the sign changes, a few components
    take all levels from 0 to `largest`, and those queries are taken whose values are nearest to 0. If the sign does not
    change, there are none.
    """
    negative = value(np.array([start, end])) < 0
    if negative[0] == negative[1]:
        return []
    while np.abs(end - start).sum() > 1:
        way = _way(start, end)
        at = int(np.flatnonzero((value(way) < 0) != negative[0])[0])
        start, end = way[at - 1], way[at]
    below, above = (start, end) if negative[0] else (end, start)
    component = int(np.flatnonzero(start != end)[0])
    for first in range(component, component + min(len(start), _GROUPS)):
        around = np.concatenate([[below, above], _around(below, first % len(start), largest)])
        values = value(around)
        below = around[np.where(values < 0, values, -_FAR).argmax()]
        above = around[np.where(values < 0, _FAR, values).argmin()]
        if value(np.array([below, above])).tolist() == [-1, 0]:
            break
    return [below, above]


def _around(query: NDArray[np.int64], component: int, largest: int) -> NDArray[np.int64]:
    """Queries that differ from one in this component and, as long as they are few, in those that follow it."""
    most = max(_STEPS, min(_NEIGHBOURS, _NUMBERS // len(query)))
    count = 1
    while count < len(query) and (largest + 1) ** (count + 1) <= most:
        count += 1
    columns = (component + np.arange(count)) % len(query)
    low = max(0, min(int(query[component]) - most // 2, largest + 1 - most))
    levels = np.arange(low, min(low + most, largest + 1))
    grid = np.stack(np.meshgrid(*[levels] * count, indexing="ij"), axis=-1).reshape(-1, count)
    around = np.repeat(query[None], len(grid), axis=0)
    around[:, columns] = grid
    return around


def _way(start: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.int64]:
    """Queries from one to another in a few steps, ends included: of components, or of levels of the last one."""
    components = np.flatnonzero(start != end)
    if components.size > 1:
        done = np.linspace(0, components.size, min(_STEPS, components.size) + 1).astype(np.int64)
        way = np.repeat(start[None], len(done), axis=0)
        for row, count in zip(way, done, strict=True):
            row[components[:count]] = end[components[:count]]
        return way
    low, high = start[components[0]], end[components[0]]
    levels = np.linspace(low, high, min(_STEPS, abs(high - low)) + 1)
    way = np.repeat(start[None], len(levels), axis=0)
    way[:, components[0]] = np.rint(levels)
    return way
