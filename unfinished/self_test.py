"""The self-test of a chip: queries whose answers show each bit of the prototypes' memories that can show.

A bit shows in a query if the record is another one when it is flipped. That is so, whatever else the grid holds, if its
prototype is the first of all and the flip changes its distance: then either the distance in the record is another one,
or the prototype is. So there is a query for each prototype that it is the first of, its exemplar, and there are further
ones, which differ from it, for bits that do not change the distance of that: of components that a prototype ignores or
that count more, of bounds of a box, of other entries of a table. In a query as many components differ as the prototype
stays the first with.

What is left over is tried bit by bit: memories of prototypes that others stand in front of, and radii.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prototile.config import Configuration
from prototile.hardware import component_words
from prototile.nodes import Nodes
from prototile.sim.golden import GoldenModel

#: Distances that may be worked out to find queries: some seconds.
_EFFORT = 200_000_000
#: Numbers that are worked out at a time.
_CHUNK = 1 << 21
#: Levels of a component that are all tried, and queries that are drawn at random, bit by bit.
_LEVELS, _DRAWS = 64, 24


@dataclass(frozen=True, kw_only=True, eq=False)
class SelfTest:
    """Queries, and what a sound chip answers.

    Attributes
    ----------
    queries : (queries, features) uint16
    prototypes : (queries,) int32
        Whose memory each of them is there for.
    records : (queries,) `prototile.record.RECORD_DTYPE`
    found, idle, open
        Bits of memory: those whose flip shows in a record, those that cannot change any answer, and those of which
        neither is known. It is the memory of the prototypes, and the tables of their indices and classes.
    """

    queries: NDArray[np.uint16]
    prototypes: NDArray[np.int32]
    records: NDArray[np.void]
    found: int
    idle: int
    open: int


def self_test(config: Configuration, nodes: Nodes, golden: GoldenModel) -> SelfTest:
    """Make the self-test of a design.

    Parameters
    ----------
    config, nodes, golden
        The design's.
    """
    return _Search(config, nodes, golden).run()


class _Contents:
    """What the memories hold, and what elements make of it when a bit is flipped.

    Components are those of all words, the last of which may be filled up; there queries are 0.

    Attributes
    ----------
    fields : (prototypes, components, levels) int
        `component_words`.
    width
        Bits of a component in memory.
    """

    def __init__(self, config: Configuration, nodes: Nodes) -> None:
        self.config = config
        self.fields = component_words(config, nodes).astype(np.int64)
        self.width = config.unit.component_width
        self._flips = np.int64(1) << np.arange(self.width)
        #: The bits of a word that are others if a bit of the coded word is, (bits, bits).
        self._coded = _inverse(config.unit.code) if config.unit.is_coded else None

    def padded(self, queries: NDArray[np.int64]) -> NDArray[np.int64]:
        """Queries (queries, features) with all components of their words."""
        wide = np.zeros((len(queries), self.fields.shape[1]), np.int64)
        wide[:, : queries.shape[1]] = queries
        return wide

    def deltas(self, prototypes: NDArray[np.int64], queries: NDArray[np.int64]) -> NDArray[np.int64]:
        """How much farther a prototype is from a query for each flip of a bit that its memory is asked for.

        Parameters
        ----------
        prototypes : (n,)
        queries : (n, features)

        Returns
        -------
        (n, components, bits)
            The accumulator may have no room for what flips make of entries and weights; then its upper bits are lost.
        """
        levels = self.padded(queries)
        components = np.arange(levels.shape[1])
        at = levels if self.config.metric == "table" else 0
        fields = self.fields[prototypes[:, None], components, at]
        if self._coded is not None:
            return self._coded_deltas(levels, fields)
        terms = self._terms(fields, levels)
        flipped = self._terms(fields[:, :, None] ^ self._flips, levels[:, :, None])
        if not self.config.unit.is_maximum:
            return flipped - terms[:, :, None]
        others = np.zeros_like(terms)
        if terms.shape[1] > 1:
            largest = np.partition(terms, -2, axis=1)[:, -2:]
            others = np.where(terms == largest[:, 1:], largest[:, :1], largest[:, 1:])
        before, after = np.maximum(others, terms), np.maximum(others[:, :, None], flipped)
        return after - before[:, :, None]

    def shows(
        self, prototypes: NDArray[np.int64], components: NDArray[np.int64], levels: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Whether flips change the terms of components (n,) of prototypes at levels: (n, bits); not of coded words."""
        fields = self.fields[prototypes, components, levels if self.config.metric == "table" else 0]
        flipped = self._terms(fields[:, None] ^ self._flips, levels[:, None])
        changed: NDArray[np.bool_] = flipped != self._terms(fields, levels)[:, None]
        return changed

    def idle(self) -> NDArray[np.bool_]:
        """Flips that change no term, whatever the query is: (prototypes, components, levels, bits)."""
        config = self.config
        idle = np.zeros((*self.fields.shape, self.width), np.bool_)
        if self.is_coded:
            return idle
        if config.masked or config.shift_max:
            ignores = (self.fields >> config.bits & 1).astype(np.bool_) & config.masked
            idle[..., : config.bits] = ignores[..., None]
            weight = config.bits + config.masked
            shifts = [np.minimum(fields >> weight, config.shift_max) for fields in self._flipped(self.fields)]
            same = np.stack(shifts, axis=-1) == np.minimum(self.fields >> weight, config.shift_max)[..., None]
            idle[..., weight:] = same[..., weight:] | ignores[..., None]
        prototypes, components = np.indices((len(self.fields), self.fields.shape[1] - config.features)).reshape(2, -1)
        components = components + config.features
        filled = ~self.shows(prototypes, components, np.zeros_like(components))
        idle[prototypes, components] = True
        idle[prototypes, components, 0] = filled
        return idle

    def _flipped(self, fields: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        return [fields ^ flip for flip in self._flips]

    @property
    def is_coded(self) -> bool:
        """Whether words are coded, so that a bit of memory is none of one component."""
        return self._coded is not None

    def _coded_deltas(self, levels: NDArray[np.int64], fields: NDArray[np.int64]) -> NDArray[np.int64]:
        config = self.config
        assert self._coded is not None
        differing = (levels ^ config.component_max ^ fields)[:, :, None] >> np.arange(config.bits) & 1
        words = differing.reshape(len(levels), config.words, config.word_width)
        # A bit that did not differ does then, and the other way round.
        deltas = (1 - 2 * words) @ self._coded.T
        return deltas.reshape(*levels.shape, self.width)

    def _terms(self, fields: NDArray[np.int64], levels: NDArray[np.int64]) -> NDArray[np.int64]:
        """Terms of components, as the lanes of an element make them of a memory's contents and a query's."""
        config = self.config
        bits, largest = config.bits, config.component_max
        if config.metric == "table":
            return fields
        if config.metric == "box":
            above = np.maximum(levels - (largest - (fields & largest)), 0)
            below = np.maximum((fields >> bits) - levels, 0)
            outside = (above > 0) | (below > 0)
            return (np.maximum(above - 1, 0) | np.maximum(below - 1, 0)) + outside
        point = largest - (fields & largest)
        if config.metric == "hamming":
            terms = np.bitwise_count(point ^ levels).astype(np.int64)
        else:
            terms = np.abs(point - levels)
            terms = terms**2 if config.metric == "l2" else terms
        if config.masked:
            terms = terms * (1 - (fields >> bits & 1))
        if config.shift_max:
            terms = terms << np.minimum(fields >> (bits + config.masked), config.shift_max)
        return terms


def _inverse(code: list[tuple[int, ...]]) -> NDArray[np.int64]:
    """The bits of a word that are others if one bit of the coded word is: a row for each, the inverse of the code."""
    size = len(code)
    rows = np.zeros((size, 2 * size), np.int64)
    for place, parity in enumerate(code):
        rows[place, list(parity)] = 1
    rows[:, size:] = np.eye(size, dtype=np.int64)
    for column in range(size):
        pivot = column + int(np.argmax(rows[column:, column]))
        rows[[column, pivot]] = rows[[pivot, column]]
        others = rows[:, column].astype(np.bool_)
        others[column] = False
        rows[others] ^= rows[column]
    return rows[:, size:].T


class _Search:
    """Looks for queries until each bit is found, or nothing more is known to try."""

    def __init__(self, config: Configuration, nodes: Nodes, golden: GoldenModel) -> None:
        self.config, self.nodes, self.golden = config, nodes, golden
        self.contents = _Contents(config, nodes)
        self.base = self._exemplars()
        self.chance = np.random.default_rng(1)
        self.effort = _EFFORT
        self.queries: list[NDArray[np.int64]] = []
        self.owners: list[NDArray[np.int64]] = []
        #: Of each bit in memory whether its flip shows: (prototypes, components, levels, bits).
        self.found = np.zeros((*self.contents.fields.shape, self.contents.width), np.bool_)

    def run(self) -> SelfTest:
        """Search, and say what was found."""
        everyone = np.arange(self.config.prototype_count)
        self._keep(everyone, self.base, self._is_first(everyone, self.base))
        if not self.contents.is_coded:
            for levels in self._probes():
                self._probe(levels)
        idle = self.contents.idle()
        for prototype in np.flatnonzero((~self.found & ~idle).any(axis=(1, 2, 3))):
            self._try_bits(int(prototype), idle[prototype])
        queries, owners = np.concatenate(self.queries), np.concatenate(self.owners)
        order = np.argsort(owners, kind="stable")
        records = self.golden.decide(queries[order])
        found, idle_count = int(np.count_nonzero(self.found)), int(np.count_nonzero(idle & ~self.found))
        return SelfTest(
            queries=queries[order].astype(np.uint16),
            prototypes=owners[order].astype(np.int32),
            records=records,
            found=found,
            idle=idle_count,
            open=self.found.size - found - idle_count,
        )

    # A query that a prototype is the first of shows all that changes its distance.

    def _is_first(self, prototypes: NDArray[np.int64], queries: NDArray[np.int64]) -> NDArray[np.bool_]:
        self.effort -= len(queries) * self.config.prototype_count
        first: NDArray[np.bool_] = self.golden.decide(queries)["prototype"] == prototypes
        return first

    def _keep(self, prototypes: NDArray[np.int64], queries: NDArray[np.int64], which: NDArray[np.bool_]) -> None:
        """Take those of the queries that their prototypes are the first of."""
        prototypes, queries = prototypes[which], queries[which]
        self.owners.append(prototypes)
        self.queries.append(queries)
        step = max(1, _CHUNK // (self.contents.fields.shape[1] * self.contents.width))
        for start in range(0, len(queries), step):
            rows = slice(start, start + step)
            self._mark(prototypes[rows], queries[rows], self.contents.deltas(prototypes[rows], queries[rows]) != 0)

    def _mark(self, prototypes: NDArray[np.int64], queries: NDArray[np.int64], shown: NDArray[np.bool_]) -> None:
        """Note flips (n, components, bits) that a query of each prototype shows."""
        levels = self.contents.padded(queries) if self.config.metric == "table" else np.zeros(shown.shape[:2], np.int64)
        components = np.arange(shown.shape[1])
        np.logical_or.at(self.found, (prototypes[:, None], components, levels), shown)

    def _exemplars(self) -> NDArray[np.int64]:
        """A query that is as near to each prototype as one can be; where it ignores a component, at another level."""
        values = np.asarray(self.nodes.values, np.int64)
        if self.config.metric == "box":
            return values[:, :, 0]
        if self.config.metric == "table":
            return values.argmin(axis=2)
        return values if self.nodes.masks is None else np.where(self.nodes.masks, values, values ^ 1)

    def _probes(self) -> list[NDArray[np.int64]]:
        """Levels for each component of each prototype at which further bits may show: (prototypes, features)."""
        config, values = self.config, np.asarray(self.nodes.values, np.int64)
        if config.metric == "table":
            return [np.full(values.shape[:2], level) for level in range(config.component_max + 1)]
        lower, upper = (values, values) if config.metric != "box" else (values[:, :, 0], values[:, :, 1])
        near = [upper, upper + 1, lower - 1]
        ends = [np.zeros_like(lower), np.full_like(lower, config.component_max)]
        return [np.clip(levels, 0, config.component_max) for levels in (*near, *ends)]

    def _probe(self, levels: NDArray[np.int64]) -> None:
        """Take components to these levels where bits show there that do not show yet, as many at once as can be."""
        prototypes, wanted = self._wanted(levels)
        while len(prototypes) and self.effort > 0:
            queries = np.where(wanted, levels[prototypes], self.base[prototypes])
            first = self._is_first(prototypes, queries)
            self._keep(prototypes, queries, first)
            prototypes, wanted = _halved(prototypes[~first], wanted[~first])

    def _wanted(self, levels: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Prototypes, and for each of them the components that are to be taken to another level in one query."""
        table = self.config.metric == "table"
        wanted = levels != self.base
        at = np.nonzero(wanted)
        shown = self.contents.shows(*at, levels[at])
        wanted[at] = (shown & ~self.found[(*at, levels[at] if table else 0)]).any(axis=1)
        if self.config.unit.is_maximum:
            # Of several components only the farthest would show.
            prototypes, components = np.nonzero(wanted)
            return prototypes, components[:, None] == np.arange(self.config.features)
        prototypes = np.flatnonzero(wanted.any(axis=1))
        return prototypes, wanted[prototypes]

    # Else each flip is held against each of many queries.

    def _try_bits(self, prototype: int, idle: NDArray[np.bool_]) -> None:
        """Find queries for bits of a prototype that do not show yet."""
        left = ~self.found[prototype] & ~idle
        queries = self._candidates(prototype, left)
        bits = np.argwhere(left)
        if self._too_much(len(queries) * len(bits)):
            return
        distances = self.golden.distances(queries)
        records = self.golden.decide_distances(distances)
        deltas = self.contents.deltas(np.full(len(queries), prototype), queries)
        levels = (
            self.contents.padded(queries) if self.config.metric == "table" else np.zeros(deltas.shape[:2], np.int64)
        )
        shown = np.zeros((len(bits), len(queries)), np.bool_)
        for at, (component, level, bit) in enumerate(bits):
            rows = np.flatnonzero((deltas[:, component, bit] != 0) & (levels[:, component] == level))
            changed = distances[rows]
            changed[:, prototype] = (changed[:, prototype] + deltas[rows, component, bit]) % self._span
            shown[at, rows] = self.golden.decide_distances(changed) != records[rows]
        chosen = _cover(shown)
        self.owners.append(np.full(len(chosen), prototype))
        self.queries.append(queries[chosen])
        self.found[(prototype, *bits[shown.any(axis=1)].T)] = True

    def _candidates(self, prototype: int, left: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Queries that may show bits of a prototype: near it, and near those that stand in front of it there."""
        config = self.config
        components = np.flatnonzero(left[: config.features].any(axis=(1, 2)))
        largest = config.component_max
        if config.metric == "table":
            levels = np.flatnonzero(left.any(axis=(0, 2)))
        elif largest < _LEVELS:
            levels = np.arange(largest + 1)
        else:
            levels = np.unique([0, largest, *(largest >> np.arange(config.bits))])
        centres = [self.base[prototype]]
        front = int(self.golden.decide(self.base[prototype][None])["prototype"][0])
        if front != prototype:
            centres.append(self.base[front])
        queries = [np.array(centres)]
        for centre in centres:
            near = np.repeat(centre[None], len(components) * len(levels), axis=0)
            near[np.arange(len(near)), np.repeat(components, len(levels))] = np.tile(levels, len(components))
            queries.append(near)
        some = self.chance.integers(0, largest + 1, (_DRAWS, config.features))
        queries.append(np.where(self.chance.random(some.shape) < 0.3, some, self.base[prototype]))
        return np.unique(np.concatenate(queries), axis=0)

    @property
    def _span(self) -> int:
        """Distances that the accumulator tells apart."""
        return 1 << self.config.distance_width

    def _too_much(self, records: int) -> bool:
        """Whether so many records are more than may still be worked out."""
        self.effort -= records * self.config.prototype_count
        return self.effort < 0


def _halved(prototypes: NDArray[np.int64], wanted: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Two halves of the components of each; a single one is given up."""
    counts = wanted.sum(axis=1)
    prototypes, wanted, counts = prototypes[counts > 1], wanted[counts > 1], counts[counts > 1]
    first = wanted & (np.cumsum(wanted, axis=1) <= counts[:, None] // 2)
    return np.tile(prototypes, 2), np.concatenate([first, wanted & ~first])


def _cover(shown: NDArray[np.bool_]) -> list[int]:
    """Few columns that together show every row that is shown by some, the best first."""
    chosen = []
    left = shown.copy()
    while left.any():
        chosen.append(int(left.sum(axis=0).argmax()))
        left = left[~left[:, chosen[-1]]]
    return chosen
