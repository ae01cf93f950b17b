"""Vectors of a test bench: rows of the user's data that hold many cases, and queries that are made for the others."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prototile.config import Configuration
from prototile.sim.cases import cases_of
from prototile.sim.golden import GoldenModel

#: Terms of distances that a round of the search computes, unless that were fewer queries than so many.
_ROUND_TERMS, _FEWEST = 1 << 23, 64
#: Prototypes from which a search starts, at most; points on the way from one of them to another; and how often the part
#: of a way on which the answer changes is looked at more closely.
_STARTS, _STEPS, _ZOOMS = 32, 24, 3
#: Rounds that follow small margins, and from how many queries each.
_DESCENTS, _BEAM = 8, 8


def choose_vectors(config: Configuration, records: NDArray[np.void], count: int) -> NDArray[np.int64]:
    """Rows that make a good small set of vectors: every case of the records first, then rows spread over all.

    Parameters
    ----------
    config
        The design's configuration.
    records : (rows,) `RECORD_DTYPE`
        Records of all rows to choose from.
    count
        Rows wanted, at least 1; all are chosen if there are no more. Where that is too few for all cases, those that
        `cases_of` lists first have them.

    Returns
    -------
    ndarray of shape (min(count, rows),), int64
        Indices of rows, ascending.
    """
    if count < 1:
        raise ValueError(f"count must be a positive integer, not {count!r}")
    chosen: dict[int, None] = {}
    for case in cases_of(config, records).values():
        rows = np.flatnonzero(case)
        if rows.size and not chosen.keys() & set(rows.tolist()):
            chosen[int(rows[0])] = None
    spread = np.linspace(0, len(records) - 1, min(count, len(records))).astype(np.int64)
    rest = [*spread.tolist(), *range(len(records))]
    chosen.update(dict.fromkeys(rest))
    return np.sort(np.array(list(chosen)[:count], dtype=np.int64))


@dataclass(frozen=True, eq=False, kw_only=True)
class Vectors:
    """Queries with the records that they must get.

    Attributes
    ----------
    queries : (rows, features) int64
    saturated : (rows,) int64
        Components that count as clipped.
    records : (rows,) `RECORD_DTYPE`
    made_for
        What the last queries were made for, by the names of `cases_of`; the others are the user's.
    """

    queries: NDArray[np.int64]
    saturated: NDArray[np.int64]
    records: NDArray[np.void]
    made_for: tuple[str, ...]


def completed(
    golden: GoldenModel,
    exemplars: NDArray[Any],
    labels: NDArray[Any],
    queries: NDArray[Any],
    saturated: NDArray[Any],
    impossible: Collection[str],
) -> Vectors:
    """Queries, and one more for each case that they do not hold, as far as a search finds it.

    Tried are queries at the prototypes, corners of the space, ways from prototypes to the nearest ones of other
    classes, random queries, and then what lies beside those whose classes are all but equally near. The search is
    the same each time.

    Parameters
    ----------
    golden
        The design.
    exemplars : (prototypes, features) integers
        A query for each prototype that is as near to it as can be.
    labels : (prototypes,) integers
        Class indices.
    queries : (rows, features) integers, ``0 .. config.component_max``
    saturated : (rows,) counts of clipped components
    impossible
        Cases that are not searched, by the names of `cases_of`.
    """
    records = golden.decide(queries, saturated)
    cases = cases_of(golden.config, records)
    missing = [case for case, rows in cases.items() if not rows.any() and case not in impossible]
    made = _made(golden, exemplars.astype(np.int64), np.asarray(labels), missing)
    if made:
        added = np.array([query for query, _ in made.values()])
        counts = np.array([count for _, count in made.values()])
        queries, saturated = np.vstack([queries, added]), np.concatenate([saturated, counts])
        records = np.concatenate([records, golden.decide(added, counts)])
    return Vectors(
        queries=queries.astype(np.int64),
        saturated=saturated.astype(np.int64),
        records=records,
        made_for=tuple(made),
    )


def _made(
    golden: GoldenModel, exemplars: NDArray[np.int64], labels: NDArray[Any], missing: Sequence[str]
) -> dict[str, tuple[NDArray[np.int64], int]]:
    """A query and its clipped components for each of the missing cases that is found, in their order."""
    config = golden.config
    found: dict[str, tuple[NDArray[np.int64], int]] = {}
    if "saturated" in missing:
        # As many as there are, so that the count is seen in full.
        found["saturated"] = np.full(config.features, config.component_max), config.features
    search = _Search(golden, exemplars, labels)
    for queries in search.rounds():
        if len(found) == len(missing):
            break
        cases = cases_of(config, search.decide(queries))
        for case in missing:
            if case not in found and cases[case].any():
                found[case] = queries[int(cases[case].argmax())], 0
    return {case: found[case] for case in missing if case in found}


class _Search:
    """Rounds of queries, each as large as the time for it allows."""

    def __init__(self, golden: GoldenModel, exemplars: NDArray[np.int64], labels: NDArray[Any]) -> None:
        self._golden, self._config = golden, golden.config
        self._random = np.random.default_rng(0)
        self._rows = max(_FEWEST, _ROUND_TERMS // (self._config.prototype_count * self._config.features))
        self._exemplars, self._labels = exemplars, labels
        self._near: list[tuple[int, int, NDArray[np.int64]]] = []
        self._answers = np.zeros(0, np.int64)
        self._count = 0

    def decide(self, queries: NDArray[np.int64]) -> NDArray[np.void]:
        """Decide, and remember what the next rounds follow."""
        records = self._golden.decide(queries)
        self._answers = records["label"]
        margins = np.abs(records["margin"])
        for row in np.argsort(margins, kind="stable")[:_BEAM].tolist():
            self._count += 1
            heappush(self._near, (int(margins[row]), self._count, queries[row]))
        return records

    def rounds(self) -> Iterator[NDArray[np.int64]]:
        """Queries (rows, features), in the order in which they are tried."""
        yield self._exemplars[_spread(len(self._exemplars), self._rows)]
        yield self._corners()
        ends = self._opposite()
        for _ in range(_ZOOMS):
            ways = self._ways(*ends)
            yield ways.reshape(-1, self._config.features)
            ends = self._changes(ways)
        yield self._random.integers(0, self._config.component_max + 1, (min(self._rows, 1024), self._config.features))
        for _ in range(_DESCENTS):
            yield self._beside()

    def _corners(self) -> NDArray[np.int64]:
        corners = self._random.integers(0, 2, (_FEWEST, self._config.features))
        corners[0], corners[1] = 0, 1
        return corners * self._config.component_max

    def _opposite(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Prototypes, some of each class, and the nearest ones of other classes."""
        _, first_of_class = np.unique(self._labels, return_index=True)
        starts = np.unique([*first_of_class[:_STARTS], *_spread(len(self._labels), _STARTS)])
        distances = self._golden.distances(self._exemplars[starts])
        distances[self._labels == self._labels[starts, None]] = np.iinfo(np.int64).max
        return self._exemplars[starts], self._exemplars[distances.argmin(axis=1)]

    def _ways(self, here: NDArray[np.int64], there: NDArray[np.int64]) -> NDArray[np.int64]:
        """Points on ways from here to there, straight and component by component, shape (ways, points, features)."""
        few = _spread(len(here), self._rows // (2 * _STEPS))
        here, there = here[few, None], there[few, None]
        share = np.linspace(0, 1, _STEPS)[:, None]
        straight = here + np.rint((there - here) * share).astype(np.int64)
        order = self._random.permutation(self._config.features)
        return np.concatenate([straight, np.where(order < share * self._config.features, there, here)])

    def _changes(self, ways: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Neighbouring points of ways between which the answer changes."""
        answers = self._answers.reshape(ways.shape[:2])
        way, point = np.nonzero(answers[:, 1:] != answers[:, :-1])
        return ways[way, point], ways[way, point + 1]

    def _beside(self) -> NDArray[np.int64]:
        """One component changed by 1, in those of the remembered queries whose margins are smallest."""
        features = self._config.features
        components = self._random.permutation(features)[: min(_FEWEST, self._rows // 2)]
        changes = np.zeros((len(components), features), np.int64)
        changes[np.arange(len(components)), components] = 1
        beam = min(_BEAM, self._rows // (2 * len(components)), len(self._near))
        chosen = np.array([heappop(self._near)[2] for _ in range(beam)]).reshape(beam, 1, features)
        beside: NDArray[np.int64] = chosen + np.concatenate([changes, -changes])
        return beside.reshape(-1, features).clip(0, self._config.component_max)


def _spread(count: int, most: int) -> NDArray[np.int64]:
    """Indices of `count` things; of too many some that are evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64))
