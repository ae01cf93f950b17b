"""What a flipped bit of a memory does to an answer: of prototypes' words, of their radii, of the collector's tables."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from prototile.config import Configuration
from prototile.hardware import component_words, tables
from prototile.nodes import Nodes
from prototile.placement import place
from prototile.sim.golden import GoldenModel

#: Numbers that may be worked out for classes where neighbours vote.
_EFFORT = 20_000_000
#: Queries that are tried for a class, and so many before the others.
_MANY, _FEW = 512, 16


class Words:
    """What the words of prototypes hold, and what elements make of them when a bit is flipped.

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

    @property
    def is_coded(self) -> bool:
        """Whether words are coded, so that a bit of memory is none of one component."""
        return self._coded is not None

    def padded(self, queries: NDArray[np.int64]) -> NDArray[np.int64]:
        """Queries (queries, features) with all components of their words."""
        wide = np.zeros((len(queries), self.fields.shape[1]), np.int64)
        wide[:, : queries.shape[1]] = queries
        return wide

    def asked(self, queries: NDArray[np.int64]) -> NDArray[np.int64]:
        """Which of the levels in memory queries ask for, (queries, components)."""
        levels = self.padded(queries)
        return levels if self.config.metric == "table" else np.zeros_like(levels)

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
        fields = self.fields[prototypes[:, None], np.arange(levels.shape[1]), self.asked(queries)]
        if self._coded is not None:
            return self._coded_deltas(levels, fields)
        terms = self.terms(fields, levels)
        flipped = self.terms(fields[:, :, None] ^ self._flips, levels[:, :, None])
        if not self.config.unit.is_maximum:
            return flipped - terms[:, :, None]
        others = np.zeros_like(terms)
        if terms.shape[1] > 1:
            largest = np.partition(terms, -2, axis=1)[:, -2:]
            others = np.where(terms == largest[:, 1:], largest[:, :1], largest[:, 1:])
        before, after = np.maximum(others, terms), np.maximum(others[:, :, None], flipped)
        return after - before[:, :, None]

    def farthest(self) -> NDArray[np.int64]:
        """Distance that no query is farther from each prototype than, (prototypes,)."""
        config = self.config
        if config.metric == "hamming":
            terms = np.full((len(self.fields), config.features, 1), config.bits)
        else:
            ends = np.arange(config.component_max + 1 if config.metric == "table" else 2)
            levels = ends if config.metric == "table" else ends * config.component_max
            terms = self.terms(self.fields[:, : config.features], levels)
        largest = terms.max(axis=2)
        return np.asarray(largest.max(axis=1) if config.unit.is_maximum else largest.sum(axis=1))

    def twins(self, prototype: int, others: NDArray[np.intp]) -> NDArray[np.intp]:
        """Those of the others that hold the same."""
        same: NDArray[np.bool_] = (self.fields[others] == self.fields[prototype]).all(axis=(1, 2))
        return others[same]

    def delta(
        self,
        prototype: int,
        queries: NDArray[np.int64],
        asking: NDArray[np.intp],
        components: NDArray[np.intp],
        bits: NDArray[np.intp],
    ) -> NDArray[np.int64]:
        """`deltas` of one prototype, some of them only.

        Parameters
        ----------
        queries : (queries, features)
        asking, components, bits : (n,)
            Which query, and which bit is flipped.
        """
        if self.is_coded or self.config.unit.is_maximum:
            some: NDArray[np.int64] = self.deltas(np.full(len(queries), prototype), queries)[asking, components, bits]
            return some
        levels = self.padded(queries)[asking, components]
        fields = self.fields[prototype, components, levels if self.config.metric == "table" else 0]
        return self.terms(fields ^ self._flips[bits], levels) - self.terms(fields, levels)

    def shows(
        self, prototypes: NDArray[np.int64], components: NDArray[np.int64], levels: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Whether flips change the terms of components (n,) of prototypes at levels: (n, bits); not of coded words."""
        fields = self.fields[prototypes, components, levels if self.config.metric == "table" else 0]
        flipped = self.terms(fields[:, None] ^ self._flips, levels[:, None])
        changed: NDArray[np.bool_] = flipped != self.terms(fields, levels)[:, None]
        return changed

    def idle(self) -> NDArray[np.bool_]:
        """Flips that change no term, whatever the query is: (prototypes, components, levels, bits).

        Those are what belongs to an ignored component, weights beyond the largest, and some of what fills words up.
        """
        config = self.config
        idle = np.zeros((*self.fields.shape, self.width), np.bool_)
        if self.is_coded:
            return idle
        if config.masked or config.shift_max:
            ignores = (self.fields >> config.bits & 1).astype(np.bool_) & config.masked
            idle[..., : config.bits] = ignores[..., None]
            weight = config.bits + config.masked
            shifts = np.minimum((self.fields[..., None] ^ self._flips) >> weight, config.shift_max)
            same = shifts == np.minimum(self.fields >> weight, config.shift_max)[..., None]
            idle[..., weight:] = same[..., weight:] | ignores[..., None]
        prototypes, components = np.indices((len(self.fields), self.fields.shape[1] - config.features)).reshape(2, -1)
        components = components + config.features
        idle[prototypes, components] = True
        idle[prototypes, components, 0] = ~self.shows(prototypes, components, np.zeros_like(components))
        return idle

    def terms(self, fields: NDArray[np.int64], levels: NDArray[np.int64]) -> NDArray[np.int64]:
        """Terms of components, as the lanes of an element make them of a memory's contents and a query's."""
        config = self.config
        bits, largest = config.bits, config.component_max
        if config.metric == "table":
            return fields
        if config.metric == "box":
            # A flip can make a box so empty that a query is on both sides; lanes join these by an or.
            above = np.maximum(levels - (largest - (fields & largest)), 0)
            below = np.maximum((fields >> bits) - levels, 0)
            outside = (above > 0) | (below > 0)
            outsides: NDArray[np.int64] = (np.maximum(above - 1, 0) | np.maximum(below - 1, 0)) + outside
            return outsides
        point = largest - (fields & largest)
        terms: NDArray[np.int64]
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

    def _coded_deltas(self, levels: NDArray[np.int64], fields: NDArray[np.int64]) -> NDArray[np.int64]:
        config = self.config
        assert self._coded is not None
        differing = (levels ^ config.component_max ^ fields)[:, :, None] >> np.arange(config.bits) & 1
        words = differing.reshape(len(levels), config.words, config.word_width)
        # A bit that did not differ does then, and the other way round.
        deltas = (1 - 2 * words) @ self._coded.T
        return deltas.reshape(*levels.shape, self.width)


def _inverse(code: list[tuple[int, ...]]) -> NDArray[np.int64]:
    """The bits of a word that are others if one bit of the coded word is: a row for each, the inverse of the code."""
    size = len(code)
    rows = np.zeros((size, 2 * size), np.int64)
    for at, parity in enumerate(code):
        rows[at, list(parity)] = 1
    rows[:, size:] = np.eye(size, dtype=np.int64)
    for column in range(size):
        pivot = column + int(np.argmax(rows[column:, column]))
        rows[[column, pivot]] = rows[[pivot, column]]
        others = rows[:, column].astype(np.bool_)
        others[column] = False
        rows[others] ^= rows[column]
    return rows[:, size:].T


class Radii:
    """What is kept of radii: one for each prototype, or for each row of the grid and round.

    Attributes
    ----------
    holder : (prototypes,)
        Which radius is whose.
    values : (holders,)
    width
        Bits of a radius.
    levels
        How many copies of each bit there are: one for each level of a component where memories are tables.
    """

    def __init__(self, config: Configuration, nodes: Nodes, segments: NDArray[np.int64]) -> None:
        assert nodes.radii is not None
        radii = np.asarray(nodes.radii, np.int64)
        self.config = config
        self.own = config.radii == "prototype"
        self.holder = np.arange(len(radii)) if self.own else segments
        self.values = np.zeros(self.holder.max() + 1, np.int64)
        self.values[self.holder] = radii
        # As wide as the collector's table, where it is not in the grid.
        self.width = config.distance_width if self.own else max(1, int(radii.max()).bit_length())
        in_memory = self.own and config.reduction == "serial"
        self.levels = 1 << config.unit.level_bits if in_memory else 1
        #: Word of the query that chooses a copy of each bit, -1 where there never is one.
        self._words = np.zeros(self.width, np.int64)
        if self.levels > 1:
            # The sequencer goes on through the buffer of the query, the most significant bit first.
            steps = (config.words + np.arange(self.width)[::-1]) % (1 << (config.words - 1).bit_length())
            self._words = np.where(steps < config.words, steps, -1)

    def flipped(self, prototypes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Radii with one bit flipped, (n, bits)."""
        flipped: NDArray[np.int64] = self.values[self.holder[prototypes], None] ^ (np.int64(1) << np.arange(self.width))
        return flipped

    def asked(self, queries: NDArray[np.int64]) -> NDArray[np.int64]:
        """Which copy of each bit is taken for queries, (queries, bits)."""
        if self.levels == 1:
            return np.zeros((len(queries), self.width), np.int64)
        chosen: NDArray[np.int64] = np.where(self._words < 0, 0, queries[:, self._words * self.config.lanes])
        return chosen

    def idle(self, nearest: NDArray[np.int64], farthest: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Bits with which the same prototypes fire, flipped or not, and copies that no query asks for.

        Parameters
        ----------
        nearest, farthest : (prototypes,)
            Distances between which those of any query lie.

        Returns
        -------
        (holders, levels, bits)
        """
        radii, flipped = self.values[self.holder, None], self.flipped(np.arange(len(self.holder)))
        never = np.maximum(radii, flipped) <= nearest[:, None]
        always = np.minimum(radii, flipped) > farthest[:, None]
        same = np.ones((len(self.values), self.width), np.bool_)
        np.logical_and.at(same, self.holder, never | always)
        idle = np.repeat(same[:, None], self.levels, axis=1)
        idle[:, 1:, self._words < 0] = True
        return idle


class Tables:
    """The collector's tables: the index of the prototype in each place, the class and the radius of each segment."""

    def __init__(self, config: Configuration, nodes: Nodes, segments: NDArray[np.int64]) -> None:
        self.config, self.nodes, self.segments = config, nodes, segments
        placement = place(config, np.asarray(nodes.labels, np.int64))
        self.tables = tables(config, placement, nodes.radii)

    def counts(
        self,
        indices: tuple[NDArray[np.bool_], NDArray[np.bool_]],
        first: NDArray[np.bool_],
        queries: NDArray[np.int64],
        records: NDArray[np.void],
    ) -> tuple[int, int, int]:
        """Bits that are found, idle and open, but for those of the radii that segments with prototypes have.

        Parameters
        ----------
        indices : (prototypes, bits), (prototypes, bits)
            Bits of indices that are found, and that are idle.
        first : (prototypes,)
            Whether each is the first of all in a query.
        queries, records
            All of the self-test.
        """
        config, segments = self.config, len(self.tables.classes)
        found = idle = total = 0
        if len(self.tables.prototypes) > 1:
            # Nothing comes from a place that is empty.
            places = len(self.tables.prototypes)
            found += int(np.count_nonzero(indices[0]))
            idle += int(np.count_nonzero(indices[1])) + (places - len(first)) * config.index_width
            total += places * config.index_width
        if segments == 1:
            return found, idle, total - found - idle
        held = np.unique(self.segments)
        leads = np.isin(held, self.segments[first])
        # Without its class another prototype answers; with another class the label is that one.
        found += int(leads.sum()) if len(held) > 1 else 0
        found += self._classes_found(held, leads, queries, records)
        empty = segments - len(held)
        idle += empty * (config.class_width + self._radius_width)
        if config.k > 1 or (config.distance_max < (1 << config.distance_width) - 1 and np.any(self.nodes.labels == 0)):
            # What counts as a row of class 0 then has all ones for a distance.
            idle += empty
        total += segments * (1 + config.class_width) + empty * self._radius_width
        return found, idle, total - found - idle

    @property
    def _radius_width(self) -> int:
        radii = self.tables.radii
        return 0 if radii is None else max(1, max(radii).bit_length())

    def _classes_found(
        self, held: NDArray[np.int64], leads: NDArray[np.bool_], queries: NDArray[np.int64], records: NDArray[np.void]
    ) -> int:
        config = self.config
        if config.k == 1:
            return int(leads.sum()) * config.class_width
        # Others vote too.
        roomy = replace(config, class_count=1 << config.class_width)
        sound = GoldenModel(config, self.nodes)
        found, cost = 0, 0
        for segment in held:
            cost += config.class_width * config.prototype_count * (config.features + _FEW)
            if cost > _EFFORT:
                break
            # Those whose first neighbour is one of the segment's are likely to show it, and few of them do.
            asked = np.argsort(self.segments[records["prototype"]] != segment, kind="stable")[:_MANY]
            distances, expected = sound.distances(queries[asked]), records[asked]
            for bit in range(config.class_width):
                labels = np.where(self.segments == segment, self.nodes.labels ^ (1 << bit), self.nodes.labels)
                changed = GoldenModel(roomy, replace(self.nodes, labels=labels))
                found += any(
                    bool((changed.decide_distances(distances[rows]) != expected[rows]).any())
                    for rows in (slice(_FEW), slice(_FEW, None))
                )
        return found


def segments_of(config: Configuration, nodes: Nodes) -> NDArray[np.int64]:
    """The row and round that holds each prototype, (prototypes,); its class, where each has a row of its own."""
    labels = np.asarray(nodes.labels, np.int64)
    if config.reduction == "parallel":
        return labels if config.radii == "class" else np.zeros_like(labels)
    held = place(config, labels).prototypes.reshape(-1, config.pes_per_row)
    segments = np.zeros_like(labels)
    segment, at = np.nonzero(held >= 0)
    segments[held[segment, at]] = segment
    return segments
