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

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prototile.config import Configuration
from prototile.flips import Radii, Tables, Words, segments_of
from prototile.nodes import Nodes
from prototile.sim.golden import GoldenModel

#: Distances that may be worked out to find queries: about a second.
_EFFORT = 80_000_000
#: Numbers that are worked out at a time, and distances that are kept at a time.
_CHUNK, _KEPT = 1 << 21, 1 << 24
#: Levels of a component that are all tried; and queries that are drawn for a prototype, or for a distance from it.
_LEVELS, _DRAWS, _WAYS = 64, 24, 4
#: Components that are moved one after another on the way to a distance.
_SINGLY = 64
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
        self.segments = segments_of(config, nodes)
        self.radii = None if nodes.radii is None else Radii(config, nodes, self.segments)
        self.base = self._exemplars()
        self.chance = np.random.default_rng(1)
        self.effort = _EFFORT
        self.queries: list[NDArray[np.int64]] = []
        self.owners: list[NDArray[np.int64]] = []
        self.records: list[NDArray[np.void]] = []
        self.found = np.zeros((*self.words.fields.shape, self.words.width), np.bool_)
        self.idle = self.words.idle()
        self.idle_radii = np.zeros((0, 1, 0), np.bool_)
        if self.radii is not None:
            nearest = self._distances(np.arange(config.prototype_count))
            self.idle_radii = self.radii.idle(nearest, self.words.farthest())
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
            if self.effort > 0:
                self._try_words(int(prototype))
        if self.radii is not None:
            for holder in self._radii_left():
                if self.effort > 0:
                    self._try_radii(self.radii, int(holder))
        indices = self._try_indices()
        queries, owners = np.concatenate(self.queries), np.concatenate(self.owners)
        order = np.argsort(owners, kind="stable")
        queries, owners, records = queries[order], owners[order], np.concatenate(self.records)[order]
        counts = self._counts(indices, queries, records)
        return SelfTest(
            queries=queries.astype(np.uint16), prototypes=owners.astype(np.int32), records=records, **counts
        )

    def _counts(
        self,
        indices: tuple[NDArray[np.bool_], NDArray[np.bool_]],
        queries: NDArray[np.int64],
        records: NDArray[np.void],
    ) -> dict[str, int]:
        found = np.count_nonzero(self.found) + np.count_nonzero(self.found_radii)
        idle = np.count_nonzero(self.idle & ~self.found) + np.count_nonzero(self.idle_radii & ~self.found_radii)
        total = self.found.size + self.found_radii.size
        if self.radii is not None and self.radii.own and self.config.reduction == "serial":
            # A row of memory has one bit of the radius, whatever else there is room for.
            beside = len(self.found) * self.radii.width * self.radii.levels * (self.config.unit.memory_width - 1)
            idle, total = idle + beside, total + beside
        if self.config.reduction == "serial":
            shown = Tables(self.config, self.nodes, self.segments).counts(indices, self.first, queries, records)
            found, idle, total = found + shown[0], idle + shown[1], total + sum(shown)
        return {"found": int(found), "idle": int(idle), "open": int(total - found - idle)}

    # A query that a prototype is the first of shows all that changes its distance or whether it fires.

    def _is_first(self, prototypes: NDArray[np.int64], queries: NDArray[np.int64]) -> NDArray[np.bool_]:
        first: NDArray[np.bool_] = self.golden.decide(queries)["prototype"] == prototypes
        return first

    def _keep_firsts(self, prototypes: NDArray[np.int64], queries: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Take those of the queries that their prototypes are the first of; returns which."""
        records = self.golden.decide(queries)
        first: NDArray[np.bool_] = records["prototype"] == prototypes
        prototypes, queries = prototypes[first], queries[first]
        self._keep(prototypes, queries, records[first])
        self.first[prototypes] = True
        step = max(1, _CHUNK // (self.words.fields.shape[1] * self.words.width))
        for start in range(0, len(queries), step):
            self._mark(prototypes[start : start + step], queries[start : start + step])
        return first

    def _keep(self, prototypes: NDArray[np.int64], queries: NDArray[np.int64], records: NDArray[np.void]) -> None:
        self.owners.append(prototypes)
        self.queries.append(queries)
        self.records.append(records)

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
        nodes = self.nodes
        if self.config.metric == "table" and self.radii is None and nodes.count > 1:
            # Where it leads most of all, so that it may be the first with any one entry.
            values = np.asarray(nodes.values, np.int64)
            return np.asarray((values.sum(axis=0) - nodes.count * values).argmax(axis=2))
        nearest = nodes.exemplars(self.config.metric)
        return nearest if nodes.masks is None else np.where(nodes.masks, nearest, nearest ^ 1)

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

        Components go as far as there is distance left, in any order: as many as can go all the way, and some more.
        """
        config = self.config
        rows = np.arange(len(prototypes))
        queries = self.base[prototypes].copy()
        left = goals - self._distances(prototypes)
        order = self.chance.permuted(np.tile(np.arange(config.features), (len(rows), 1)), axis=1)
        if config.unit.is_maximum:
            order = order[:, :1]
        start = np.zeros(len(rows), np.int64)
        if order.shape[1] > _SINGLY:
            step = max(1, _CHUNK // (config.features * self._levels(prototypes[:1], order[:1, 0]).shape[1]))
            for first in range(0, len(rows), step):
                some = rows[first : first + step]
                start[some], left[some] = self._all_the_way(prototypes[some], order[some], left[some], queries[first:])
        for at in range(min(order.shape[1], _SINGLY)):
            components = order[rows, np.minimum(start + at, order.shape[1] - 1)]
            levels, terms = self._moves(prototypes, components)
            # Of two levels as far away either will do.
            rank = np.where(terms <= left[:, None], 2 * terms + self.chance.integers(0, 2, terms.shape), -1)
            chosen = rank.argmax(axis=1)
            moves = (rank[rows, chosen] >= 0) & (start + at < order.shape[1])
            queries[rows[moves], components[moves]] = levels[rows[moves], chosen[moves]]
            left = left - np.where(moves, terms[rows, chosen], 0)
        return queries

    def _all_the_way(
        self,
        prototypes: NDArray[np.int64],
        order: NDArray[np.int64],
        left: NDArray[np.int64],
        queries: NDArray[np.int64],
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Move components in an order, all at once, while each can go as far as it may; how many did, and what is left.

        Parameters
        ----------
        prototypes : (n,)
        order : (n, features)
        left : (n,)
            Distance that there is left.
        queries : (n or more, features)
            Changed in their first n rows.
        """
        n, features = order.shape
        components = order.reshape(-1)
        levels, terms = self._moves(np.repeat(prototypes, features), components)
        farthest = (2 * terms + self.chance.integers(0, 2, terms.shape)).argmax(axis=1)
        each = np.arange(len(components))
        gone = np.cumsum(terms[each, farthest].reshape(n, features), axis=1)
        fits = np.logical_and.accumulate(gone <= left[:, None], axis=1)
        row, place = np.nonzero(fits)
        queries[row, order[row, place]] = levels[each, farthest].reshape(n, features)[row, place]
        moved = fits.sum(axis=1)
        return moved, left - np.where(moved > 0, gone[np.arange(n), moved - 1], 0)

    def _moves(
        self, prototypes: NDArray[np.int64], components: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Levels to which components of prototypes may be taken, and how much farther that is, (n, levels) each."""
        words, is_table = self.words, self.config.metric == "table"
        levels, here = self._levels(prototypes, components), self.base[prototypes, components]
        fields = words.fields[prototypes[:, None], components[:, None], levels if is_table else 0]
        before = words.fields[prototypes, components, here if is_table else 0]
        return levels, words.terms(fields, levels) - words.terms(before, here)[:, None]

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
        queries = self._around(prototype) if self.every is None else self.every
        bits = self._words_left(prototype)
        step = max(1, _CHUNK // len(queries))
        for start in range(0, len(bits), step):
            some = bits[start : start + step]
            self._hold_against(prototype, some, queries, np.indices((len(some), len(queries))).reshape(2, -1))
        if self.every is None:
            bits = self._words_left(prototype)
            queries, components = self._beside(prototype, np.unique(bits[:, 0]))
            self._hold_against(prototype, bits, queries, np.array(np.nonzero(bits[:, :1] == components)))

    def _words_left(self, prototype: int) -> NDArray[np.intp]:
        """Bits of a prototype's words that do not show yet, (n, 3): component, level, bit."""
        return np.argwhere(~self.found[prototype] & ~self.idle[prototype])

    def _hold_against(
        self, prototype: int, bits: NDArray[np.intp], queries: NDArray[np.int64], pairs: NDArray[np.intp]
    ) -> None:
        """Flip each bit and ask queries, in such pairs (2, n); take few queries that show what any shows."""
        if not len(bits) or not len(queries) or self._too_many(queries, pairs.shape[1] // self.config.prototype_count):
            return
        component, level, bit = bits[pairs[0]].T
        deltas = self.words.delta(prototype, queries, pairs[1], component, bit) % self._span
        which = (deltas != 0) & (self.words.asked(queries)[pairs[1], component] == level)
        pairs, deltas = pairs[:, which], deltas[which]
        if self._too_much(pairs.shape[1]):
            return
        distances = self.golden.distances(queries)
        records = self.golden.decide_distances(distances)
        shown = np.zeros((len(bits), len(queries)), np.bool_)
        doubtful = np.zeros(len(bits), np.bool_)
        step = max(1, _CHUNK // self.config.prototype_count)
        for start in range(0, pairs.shape[1], step):
            rows = slice(start, start + step)
            flipped, asking = pairs[:, rows]
            changed = distances[asking]
            changed[:, prototype] += deltas[rows]
            changed[:, prototype] %= self._span
            shows = self.golden.decide_distances(changed) != records[asking]
            if self.config.k > 1:
                # That prototype would not be there at all.
                lost = changed[:, prototype] == self._span - 1
                doubtful[flipped[lost]] = True
                shows &= ~lost
            shown[flipped, asking] = shows
        self._take_shown(np.full(len(queries), prototype), queries, records, shown)
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
        queries = self.every
        if queries is None:
            queries = np.unique(np.concatenate([self._around(int(member)) for member in members[:_DRAWS]]), axis=0)
        if self._too_many(queries, len(queries) * len(bits)):
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
        self._take_shown(members[distances[:, members].argmin(axis=1)], queries, records, shown)
        hit = shown.any(axis=1)
        self.found_radii[(holder, *bits[hit].T)] = True
        if self.every is not None:
            self.idle_radii[(holder, *bits[~hit].T)] = True

    def _try_indices(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Bits of the prototypes' indices that are found, and that are idle, (prototypes, bits) each.

        The first of all has its index in the record. One that another stands in front of by its index alone comes first
        with a lower one.
        """
        flips = np.int64(1) << np.arange(self.config.index_width)
        found = np.repeat(self.first[:, None], len(flips), axis=1)
        idle = np.zeros_like(found)
        for prototype in np.flatnonzero(~self.first):
            if self._too_much(2 + self.config.features):
                break
            query = self.base[prototype][None]
            distances = self.golden.distances(query)[0]
            silent = np.zeros(len(distances), np.bool_)
            if self.nodes.radii is not None:
                silent = distances >= np.asarray(self.nodes.radii, np.int64)
            alike = (distances == distances[prototype]) & (silent == silent[prototype])
            # The row prefers its lower place, which is that of the lower index.
            before = np.flatnonzero(self.segments[:prototype] == self.segments[prototype])
            record = self.golden.decide(query)
            front = int(record["prototype"][0])
            shows = (prototype ^ flips < front) & alike[front] & ~alike[before].any()
            found[prototype] = shows
            if shows.any():
                self._keep(np.array([prototype]), query, record)
            twins = self.words.twins(int(prototype), before)
            if self.radii is not None and self.radii.own:
                twins = twins[self.radii.values[twins] == self.radii.values[prototype]]
            # Nothing comes from behind a twin but to vote.
            idle[prototype] = bool(len(twins)) and self.config.k == 1
        return found, idle

    def _take_shown(
        self,
        prototypes: NDArray[np.int64],
        queries: NDArray[np.int64],
        records: NDArray[np.void],
        shown: NDArray[np.bool_],
    ) -> None:
        """Take few queries that show every bit that these do, (bits, queries)."""
        chosen = _cover(shown)
        self._keep(prototypes[chosen], queries[chosen], records[chosen])

    def _around(self, prototype: int) -> NDArray[np.int64]:
        """Queries near a prototype, and near those that stand in front of it there."""
        config = self.config
        largest = config.component_max
        centres = self._centres(prototype)
        # Where it would be with a bit flipped, in all components at once.
        moved = centres[:, None] ^ np.int64(1) << np.arange(config.bits)[:, None]
        some = self.chance.integers(0, largest + 1, (_DRAWS, config.features))
        drawn = np.where(self.chance.random(some.shape) < 0.3, some, self.base[prototype])
        queries = [centres, moved.reshape(-1, config.features), drawn]
        if self.radii is not None:
            around = self.radii.values[self.radii.holder[prototype]] + np.arange(-_WAYS, _WAYS)
            around = around[(around >= 0) & (around <= config.distance_max)]
            queries.append(self._at_distances(np.full(len(around), prototype), around))
        return np.unique(np.concatenate(queries), axis=0)

    def _beside(self, prototype: int, components: NDArray[np.intp]) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
        """Queries beside centres in one of these components, and which of them that is."""
        telling = [self._telling(prototype, int(component)) for component in components if component < len(self.base.T)]
        queries, differing = [], []
        for centre in self._centres(prototype):
            for component, levels in zip(components, telling, strict=False):
                beside = np.repeat(centre[None], len(levels), axis=0)
                beside[:, component] = levels
                queries.append(beside)
                differing.append(np.full(len(levels), component))
        nothing = np.zeros((0, self.config.features), np.int64)
        return np.concatenate([nothing, *queries]), np.concatenate([np.zeros(0, np.intp), *differing])

    def _centres(self, prototype: int) -> NDArray[np.int64]:
        """Queries that a prototype is near to, and the exemplar of what stands in front of it."""
        base = self.base[prototype]
        centres = [base]
        if self.config.metric == "box":
            lower, upper = np.sort(np.asarray(self.nodes.values[prototype], np.int64), axis=1).T
            centres += [upper, (lower + upper) // 2, *self.chance.integers(lower, upper + 1, (_WAYS, len(lower)))]
        front = int(self.golden.decide(base[None])["prototype"][0])
        if front != prototype:
            centres.append(self.base[front])
        return np.array(centres)

    def _telling(self, prototype: int, component: int) -> NDArray[np.int64]:
        """Levels of a component at which bits may show: all, or those at and beyond what a bit flipped makes."""
        config = self.config
        largest = config.component_max
        if config.metric == "table":
            return np.arange(largest + 1)
        bounds = np.atleast_1d(np.asarray(self.nodes.values[prototype, component], np.int64))
        made = (bounds[:, None] ^ np.int64(1) << np.arange(config.bits)).ravel()
        return np.unique(np.clip([0, largest, *bounds, *(bounds - 1), *(bounds + 1), *made], 0, largest))

    @property
    def _span(self) -> int:
        """Distances that the accumulator tells apart."""
        return 1 << self.config.distance_width

    def _too_many(self, queries: NDArray[np.int64], records: int) -> bool:
        """Whether these queries have more distances than may be kept, or with so many records take too long."""
        return len(queries) * self.config.prototype_count > _KEPT or self._too_much(len(queries) + records)

    def _too_much(self, records: int) -> bool:
        """Whether so many records are more than may still be worked out."""
        self.effort -= records * self.config.prototype_count
        return self.effort < 0


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
