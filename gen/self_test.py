"""The self-test of a chip: queries whose answers show each bit of its memories that can show.

A bit shows in a query if the record is another one when it is flipped. Whatever else the grid holds, that is so if its
prototype is the first of all and the flip changes its distance, or whether it fires: then the record has another
distance, another status, or another prototype. So there is a query for each prototype that it is the first of, its
exemplar, and there are further ones for what its exemplar does not show: bits of components that a prototype ignores or
that count more, bounds of a box, other entries of a table, radii. In a query as many components differ from the
exemplar as the prototype stays the first with.

What is left over is tried bit by bit: memories of prototypes that others stand in front of. Where a model has few
queries these are all that there are, and what does not show in any of them cannot change an answer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from prototile.config import Configuration
from prototile.hardware import component_words, tables
from prototile.nodes import Nodes
from prototile.placement import place
from prototile.sim.golden import GoldenModel

#: Distances that may be worked out for bits that are tried one by one: some seconds.
_EFFORT = 200_000_000
#: Numbers that are worked out at a time.
_CHUNK = 1 << 21
#: Levels of a component that are all tried; and queries that are drawn for a prototype, or for a distance from it.
_LEVELS, _DRAWS, _WAYS = 64, 24, 4
#: So many queries, as bits of one, are all tried.
_ALL_BITS = 12


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
        Bits of memory: those whose flip changes a record of these queries, those whose flip changes no answer to any
        query, and those of which neither is known. Counted are the words of all prototypes, with what fills them up
        and their own radii, and the tables of indices, classes and radii. What a parallel form has in logic counts as
        words, and its radii.
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
    return Search(config, nodes, golden).run()


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

    @property
    def features(self) -> NDArray[np.int64]:
        """Contents of the components that are features, (prototypes, features, levels)."""
        return self.fields[:, : self.config.features]

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

    def idle(self) -> NDArray[np.bool_]:
        """Copies that no query asks for, (holders, levels, bits)."""
        idle = np.zeros((len(self.values), self.levels, self.width), np.bool_)
        idle[:, 1:, self._words < 0] = True
        return idle


class Search:
    """Looks for queries until each bit is found, or nothing more is known to try.

    Attributes
    ----------
    found, idle : (prototypes, components, levels, bits) bool array
        Of each bit of the prototypes' words whether its flip shows, and whether it can change no answer.
    found_radii, idle_radii : (holders, levels, bits) bool array
        Likewise of radii; empty if there are none.
    first : (prototypes,) bool array
        Whether each is the first of all in a query.
    """

    def __init__(self, config: Configuration, nodes: Nodes, golden: GoldenModel) -> None:
        self.config, self.nodes, self.golden = config, nodes, golden
        self.words = Words(config, nodes)
        self.segments = _segments(config, nodes)
        self.radii = None if nodes.radii is None else Radii(config, nodes, self.segments)
        self.base = self._exemplars()
        self.chance = np.random.default_rng(1)
        self.effort = _EFFORT
        self.queries: list[NDArray[np.int64]] = []
        self.owners: list[NDArray[np.int64]] = []
        self.found = np.zeros((*self.words.fields.shape, self.words.width), np.bool_)
        self.idle = self.words.idle()
        self.idle_radii = np.zeros((0, 1, 0), np.bool_) if self.radii is None else self.radii.idle()
        self.found_radii = np.zeros_like(self.idle_radii)
        self.first = np.zeros(config.prototype_count, np.bool_)
        self.every = _every_query(config) if config.features * config.bits <= _ALL_BITS else None

    def run(self) -> SelfTest:
        """Search, and say what was found."""
        everyone = np.arange(self.config.prototype_count)
        self._keep_firsts(everyone, self.base)
        if not self.words.is_coded:
            for levels in self._probes():
                self._probe(levels)
        if self.radii is not None:
            self._probe_radii(self.radii)
        for prototype in np.flatnonzero((~self.found & ~self.idle).any(axis=(1, 2, 3))):
            self._try_words(int(prototype))
        if self.radii is not None:
            for holder in self._radii_left():
                self._try_radii(self.radii, int(holder))
        queries, owners = np.concatenate(self.queries), np.concatenate(self.owners)
        order = np.argsort(owners, kind="stable")
        queries, owners = queries[order], owners[order]
        records = self.golden.decide(queries)
        counts = self._counts(queries, records)
        return SelfTest(
            queries=queries.astype(np.uint16), prototypes=owners.astype(np.int32), records=records, **counts
        )

    def _counts(self, queries: NDArray[np.int64], records: NDArray[np.void]) -> dict[str, int]:
        found = np.count_nonzero(self.found) + np.count_nonzero(self.found_radii)
        idle = np.count_nonzero(self.idle & ~self.found) + np.count_nonzero(self.idle_radii & ~self.found_radii)
        total = self.found.size + self.found_radii.size
        if self.radii is not None and self.radii.own and self.config.reduction == "serial":
            # A row of memory has one bit of the radius, whatever else there is room for.
            beside = len(self.found) * self.radii.width * self.radii.levels * (self.config.unit.memory_width - 1)
            idle, total = idle + beside, total + beside
        if self.config.reduction == "serial":
            shown = Tables(self.config, self.nodes, self.segments).counts(self.first, queries, records)
            found, idle, total = found + shown[0], idle + shown[1], total + sum(shown)
        return {"found": int(found), "idle": int(idle), "open": int(total - found - idle)}

    # A query that a prototype is the first of shows all that changes its distance or whether it fires.

    def _is_first(self, prototypes: NDArray[np.int64], queries: NDArray[np.int64]) -> NDArray[np.bool_]:
        first: NDArray[np.bool_] = self.golden.decide(queries)["prototype"] == prototypes
        return first

    def _keep_firsts(self, prototypes: NDArray[np.int64], queries: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Take those of the queries that their prototypes are the first of; returns which."""
        first = self._is_first(prototypes, queries)
        prototypes, queries = prototypes[first], queries[first]
        self._keep(prototypes, queries)
        self.first[prototypes] = True
        step = max(1, _CHUNK // (self.words.fields.shape[1] * self.words.width))
        for start in range(0, len(queries), step):
            self._mark(prototypes[start : start + step], queries[start : start + step])
        return first

    def _keep(self, prototypes: NDArray[np.int64], queries: NDArray[np.int64]) -> None:
        self.owners.append(prototypes)
        self.queries.append(queries)

    def _mark(self, prototypes: NDArray[np.int64], queries: NDArray[np.int64]) -> None:
        """Note what queries show that these prototypes are the first of."""
        shown = self.words.deltas(prototypes, queries) % self._span != 0
        components = np.arange(shown.shape[1])
        np.logical_or.at(self.found, (prototypes[:, None], components, self.words.asked(queries)), shown)
        if self.radii is not None:
            at = (self.radii.holder[prototypes][:, None], self.radii.asked(queries), np.arange(self.radii.width))
            np.logical_or.at(self.found_radii, at, self._fires_otherwise(self.radii, prototypes, queries))

    def _fires_otherwise(
        self, radii: Radii, prototypes: NDArray[np.int64], queries: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Whether a prototype fires for a query exactly if it does not with a bit of its radius flipped, (n, bits)."""
        distances = self.golden.distances(queries)[np.arange(len(queries)), prototypes]
        fires = distances < radii.values[radii.holder[prototypes]]
        otherwise: NDArray[np.bool_] = (distances[:, None] < radii.flipped(prototypes)) != fires[:, None]
        return otherwise

    def _exemplars(self) -> NDArray[np.int64]:
        """A query that is as near to each prototype as one can be; where it ignores a component, at another level."""
        values: NDArray[np.int64] = np.asarray(self.nodes.values, np.int64)
        if self.config.metric == "box":
            return values[:, :, 0]
        if self.config.metric == "table":
            return np.asarray(values.argmin(axis=2))
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
        while len(prototypes) and not self._too_much(len(prototypes)):
            first = self._keep_firsts(prototypes, np.where(wanted, levels[prototypes], self.base[prototypes]))
            prototypes, wanted = _halved(prototypes[~first], wanted[~first])

    def _wanted(self, levels: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Prototypes, and for each of them the components that are to be taken to another level in one query."""
        table = self.config.metric == "table"
        wanted = levels != self.base
        prototypes, components = np.nonzero(wanted)
        at = levels[prototypes, components]
        shown = self.words.shows(prototypes, components, at) & ~self.found[prototypes, components, at if table else 0]
        wanted[prototypes, components] = shown.any(axis=1)
        if self.config.unit.is_maximum:
            # Of several components only the farthest would show.
            prototypes, components = np.nonzero(wanted)
            return prototypes, components[:, None] == np.arange(self.config.features)
        prototypes = np.flatnonzero(wanted.any(axis=1))
        return prototypes, wanted[prototypes]

    def _probe_radii(self, radii: Radii) -> None:
        """Take queries just inside and just outside of each radius, or as near to it as there are some."""
        everyone = np.arange(self.config.prototype_count)
        near = radii.values[radii.holder]
        for beyond in (0, *(np.int64(1) << np.arange(radii.width - 1))):
            for goal in (near - 1 - beyond, near + beyond):
                left = np.isin(radii.holder, self._radii_left())
                wanted = np.repeat(everyone[left & (goal >= 0) & (goal <= self.config.distance_max)], _WAYS)
                if not len(wanted) or self._too_much(len(wanted)):
                    continue
                queries = self._at_distances(wanted, goal[wanted])
                first = self._is_first(wanted, queries)
                self._keep_some(radii, wanted[first], queries[first])

    def _keep_some(self, radii: Radii, prototypes: NDArray[np.int64], queries: NDArray[np.int64]) -> None:
        """Take as few of these queries, whose prototypes are the first, as show all the radii's bits that they show."""
        new = self._fires_otherwise(radii, prototypes, queries)
        at = (radii.holder[prototypes][:, None], radii.asked(queries), np.arange(radii.width))
        new &= ~self.found_radii[at]
        chosen = []
        for row in np.flatnonzero(new.any(axis=1)):
            mine = (at[0][row], at[1][row], at[2])
            if (new[row] & ~self.found_radii[mine]).any():
                chosen.append(row)
                self.found_radii[mine] |= new[row]
        self._keep_firsts(prototypes[chosen], queries[chosen])

    def _at_distances(self, prototypes: NDArray[np.int64], goals: NDArray[np.int64]) -> NDArray[np.int64]:
        """Queries that are so far from prototypes, or nearer, some way or other.

        Components go as far as there is distance left, in any order.
        """
        config, words = self.config, self.words
        rows = np.arange(len(prototypes))
        queries = self.base[prototypes].copy()
        left = goals - self._distances(prototypes)
        order = self.chance.permuted(np.tile(np.arange(config.features), (len(rows), 1)), axis=1)
        for components in order.T[: 1 if config.unit.is_maximum else None]:
            levels = self._levels(prototypes, components)
            at = levels if config.metric == "table" else 0
            fields = words.fields[prototypes[:, None], components[:, None], at]
            here = self.base[prototypes, components]
            before = words.fields[prototypes, components, here if config.metric == "table" else 0]
            terms = words.terms(fields, levels) - words.terms(before, here)[:, None]
            # Of two levels as far away either will do.
            rank = np.where(terms <= left[:, None], 2 * terms + self.chance.integers(0, 2, terms.shape), -1)
            chosen = rank.argmax(axis=1)
            moves = rank[rows, chosen] >= 0
            queries[rows[moves], components[moves]] = levels[rows[moves], chosen[moves]]
            left = left - np.where(moves, terms[rows, chosen], 0)
        return queries

    def _distances(self, prototypes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Distance of each prototype from its exemplar."""
        exemplars = self.golden.distances(self.base[np.unique(prototypes)])
        own = np.zeros(self.config.prototype_count, np.int64)
        own[np.unique(prototypes)] = exemplars[np.arange(len(exemplars)), np.unique(prototypes)]
        return own[prototypes]

    def _levels(self, prototypes: NDArray[np.int64], components: NDArray[np.int64]) -> NDArray[np.int64]:
        """Levels to which components of prototypes may be taken, (n, levels)."""
        largest = self.config.component_max
        if largest < _LEVELS or self.config.metric == "table":
            return np.tile(np.arange(largest + 1), (len(prototypes), 1))
        steps = np.int64(1) << np.arange(self.config.bits)
        around = self.base[prototypes, components][:, None] + np.concatenate([[0], steps, -steps])
        return np.asarray(np.clip(around, 0, largest))

    # Else each flip is held against each of many queries.

    def _try_words(self, prototype: int) -> None:
        """Find queries for bits of a prototype's words that do not show yet."""
        left = ~self.found[prototype] & ~self.idle[prototype]
        queries = self._candidates(prototype, left)
        bits = np.argwhere(left)
        if self._too_much(len(queries) * len(bits)):
            return
        distances = self.golden.distances(queries)
        records = self.golden.decide_distances(distances)
        deltas = self.words.deltas(np.full(len(queries), prototype), queries) % self._span
        asked = self.words.asked(queries)
        shown = np.zeros((len(bits), len(queries)), np.bool_)
        doubtful = np.zeros(len(bits), np.bool_)
        for at, (component, level, bit) in enumerate(bits):
            rows = np.flatnonzero((deltas[:, component, bit] != 0) & (asked[:, component] == level))
            changed = distances[rows]
            changed[:, prototype] = (changed[:, prototype] + deltas[rows, component, bit]) % self._span
            shown[at, rows] = self.golden.decide_distances(changed) != records[rows]
            if self.config.k > 1:
                # That prototype would not be there at all.
                lost = changed[:, prototype] == self._span - 1
                shown[at, rows] &= ~lost
                doubtful[at] = lost.any()
        self._take_shown(np.full(len(queries), prototype), queries, shown)
        hit = shown.any(axis=1)
        self.found[(prototype, *bits[hit].T)] = True
        if self.every is not None:
            self.idle[(prototype, *bits[~hit & ~doubtful].T)] = True

    def _radii_left(self) -> NDArray[np.intp]:
        """Radii with bits that do not show yet."""
        return np.flatnonzero((~self.found_radii & ~self.idle_radii).any(axis=(1, 2)))

    def _try_radii(self, radii: Radii, holder: int) -> None:
        """Find queries for bits of a radius that do not show yet."""
        members = np.flatnonzero(radii.holder == holder)
        bits = np.argwhere(~self.found_radii[holder] & ~self.idle_radii[holder])
        nothing = np.zeros(self.found.shape[1:], np.bool_)
        queries = np.unique(
            np.concatenate([self._candidates(int(member), nothing) for member in members[:_DRAWS]]), axis=0
        )
        if self._too_much(len(queries) * len(bits)):
            return
        distances = self.golden.distances(queries)
        fires = distances < np.asarray(self.nodes.radii, np.int64)
        records = self.golden.decide_distances(distances, fires)
        asked = radii.asked(queries)
        shown = np.zeros((len(bits), len(queries)), np.bool_)
        for at, (level, bit) in enumerate(bits):
            rows = np.flatnonzero(asked[:, bit] == level)
            changed = fires[rows]
            changed[:, members] = distances[rows][:, members] < radii.values[holder] ^ (1 << int(bit))
            shown[at, rows] = self.golden.decide_distances(distances[rows], changed) != records[rows]
        self._take_shown(members[distances[:, members].argmin(axis=1)], queries, shown)
        hit = shown.any(axis=1)
        self.found_radii[(holder, *bits[hit].T)] = True
        if self.every is not None:
            self.idle_radii[(holder, *bits[~hit].T)] = True

    def _take_shown(self, prototypes: NDArray[np.int64], queries: NDArray[np.int64], shown: NDArray[np.bool_]) -> None:
        """Take few queries that show every bit that these do, (bits, queries)."""
        chosen = _cover(shown)
        self._keep(prototypes[chosen], queries[chosen])

    def _candidates(self, prototype: int, left: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Queries that may show bits of a prototype: near it, and near those that stand in front of it there."""
        if self.every is not None:
            return self.every
        config = self.config
        largest = config.component_max
        components = np.flatnonzero(left[: config.features].any(axis=(1, 2)))
        centres = [self.base[prototype]]
        front = int(self.golden.decide(self.base[prototype][None])["prototype"][0])
        if front != prototype:
            centres.append(self.base[front])
        queries = [np.array(centres)]
        for centre in centres:
            levels = self._levels(np.full(len(components), prototype), components)
            near = np.repeat(centre[None], levels.size, axis=0)
            near[np.arange(len(near)), np.repeat(components, levels.shape[1])] = levels.ravel()
            # Where the prototype would be with a bit flipped, in many components at once.
            moved = np.repeat(centre[None], config.bits, axis=0)
            moved[:, components] ^= np.int64(1) << np.arange(config.bits)[:, None]
            queries += [near, moved]
        some = self.chance.integers(0, largest + 1, (_DRAWS, config.features))
        queries.append(np.where(self.chance.random(some.shape) < 0.3, some, self.base[prototype]))
        if self.radii is not None:
            around = self.radii.values[self.radii.holder[prototype]] + np.arange(-_WAYS, _WAYS)
            around = around[(around >= 0) & (around <= config.distance_max)]
            queries.append(self._at_distances(np.full(len(around), prototype), around))
        return np.unique(np.concatenate(queries), axis=0)

    @property
    def _span(self) -> int:
        """Distances that the accumulator tells apart."""
        return 1 << self.config.distance_width

    def _too_much(self, records: int) -> bool:
        """Whether so many records are more than may still be worked out."""
        self.effort -= records * self.config.prototype_count
        return self.effort < 0


class Tables:
    """The collector's tables: the index of the prototype in each place, the class and the radius of each segment."""

    def __init__(self, config: Configuration, nodes: Nodes, segments: NDArray[np.int64]) -> None:
        self.config, self.nodes, self.segments = config, nodes, segments
        placement = place(config, np.asarray(nodes.labels, np.int64))
        self.tables = tables(config, placement, nodes.radii)

    def counts(
        self, first: NDArray[np.bool_], queries: NDArray[np.int64], records: NDArray[np.void]
    ) -> tuple[int, int, int]:
        """Bits that are found, idle and open, but for those of the radii that segments with prototypes have.

        Parameters
        ----------
        first : (prototypes,)
            Whether each is the first of all in a query.
        queries, records
            All of the self-test.
        """
        config, segments = self.config, len(self.tables.classes)
        found = idle = total = 0
        if len(self.tables.prototypes) > 1:
            # With another index a record has another prototype. Nothing comes from a place that is empty.
            places = len(self.tables.prototypes)
            found += int(first.sum()) * config.index_width
            idle += (places - len(first)) * config.index_width
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
        found = 0
        for segment in held:
            # Those whose first neighbour is one of the segment's are likely to show it, and few.
            near = self.segments[records["prototype"]] == segment
            for bit in range(config.class_width):
                labels = np.where(self.segments == segment, self.nodes.labels ^ (1 << bit), self.nodes.labels)
                changed = GoldenModel(roomy, replace(self.nodes, labels=labels))
                found += any(
                    bool((changed.decide(queries[rows]) != records[rows]).any()) for rows in (near, ~near) if rows.any()
                )
        return found


def _segments(config: Configuration, nodes: Nodes) -> NDArray[np.int64]:
    """The row and round that holds each prototype, (prototypes,); its class, where each has a row of its own."""
    labels = np.asarray(nodes.labels, np.int64)
    if config.reduction == "parallel":
        return labels if config.radii == "class" else np.zeros_like(labels)
    held = place(config, labels).prototypes.reshape(-1, config.pes_per_row)
    segments = np.zeros_like(labels)
    segment, at = np.nonzero(held >= 0)
    segments[held[segment, at]] = segment
    return segments


def _every_query(config: Configuration) -> NDArray[np.int64]:
    """All queries that there are."""
    levels = [np.arange(config.component_max + 1)] * config.features
    return np.stack(np.meshgrid(*levels, indexing="ij"), axis=-1).reshape(-1, config.features)


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
