"""The golden model: decision records by the contract's definition, in integers, with NumPy only.

It shares nothing with the hardware but the configuration, so that a comparison of the two proves something.
"""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prototile.config import MASKED_METRICS, MAX_K, WEIGHTED_METRICS, Configuration
from prototile.nodes import Nodes
from prototile.record import RECORD_DTYPE, Status
from prototile.sim.metrics import EXACT_FLOAT64, METRICS, Bilinear, Product

_LARGEST_KEY = (1 << 63) - 1


class GoldenModel:
    """Distances and decision records of a quantised model.

    Parameters
    ----------
    config
        Fixes shapes, bits, metric, the kind of radii, the neighbours that vote and the threshold of the margin; the
        shape of the grid plays no part.
    nodes
        The model's arrays. Radii are None exactly if ``config.radii`` is ``none``, masks exactly if ``config.masked``
        is false, shifts exactly if ``config.shift_max`` is 0.

    Raises
    ------
    TypeError
        If an array does not hold integers, or the masks do not hold booleans.
    ValueError
        If a shape or a value contradicts the configuration, or the configuration itself.

    Notes
    -----
    Prototypes are kept in the order of their classes, so that the first prototype of each class is a minimum over
    adjacent columns. What is minimised is the contract's order as one integer, ``(not firing, distance, index)``
    with the most significant part first.
    """

    def __init__(self, config: Configuration, nodes: Nodes) -> None:
        _check_configuration(config)
        metric = METRICS[config.metric]
        shape = (config.prototype_count, config.features)
        values = _checked(nodes.values, "values", shape + metric.value_shape(config), metric.value_max(config))
        classes = _integers(nodes.labels, "labels", shape[:1], config.class_count - 1)
        if (nodes.radii is None) != (config.radii == "none"):
            raise ValueError(f"radii must be given exactly if the configuration has some, which are {config.radii!r}")
        self.config = config
        self._distance_span = config.distance_max + 1
        if 2 * self._distance_span * config.prototype_count > _LARGEST_KEY:
            raise ValueError(
                f"{config.prototype_count} prototypes with distances to {config.distance_max} are too many"
            )
        self._index = np.argsort(classes, kind="stable")
        self._class_of = classes
        self._classes, self._starts = np.unique(classes[self._index], return_index=True)
        # Smallest key that a prototype does not fire with.
        self._silent_from = (
            None
            if nodes.radii is None
            else _integers(nodes.radii, "radii", shape[:1], self._distance_span)[self._index] * config.prototype_count
        )
        weights = _weights(config, nodes, shape)
        self._metric = metric(config, values[self._index], None if weights is None else weights[self._index])
        self._in_model_order = np.argsort(self._index, kind="stable")
        self._key_product = self._fused_keys()

    def distances(self, Q: NDArray[Any]) -> NDArray[np.int64]:
        """Distances of queries to all prototypes.

        Parameters
        ----------
        Q
            Integer array of shape (queries, features), ``0 .. config.component_max``.

        Returns
        -------
        ndarray of shape (queries, prototypes), int64
            Columns in the order of the model.

        Raises
        ------
        TypeError, ValueError
            If queries are no integers, or out of range.
        """
        queries = self._queries(Q)
        result = np.empty((len(queries), self.config.prototype_count), np.int64)
        for rows in self._chunks(len(queries)):
            # All columns are there: the mode only spares NumPy a copy.
            np.take(self._metric.distances(queries[rows]), self._in_model_order, axis=1, out=result[rows], mode="clip")
        return result

    def contributions(self, query: NDArray[Any], prototype: int) -> NDArray[np.int64]:
        """Each component's part of the distance of one prototype to one query.

        Parameters
        ----------
        query
            Integer array of shape (features,), ``0 .. config.component_max``.
        prototype
            Its index in the model.

        Returns
        -------
        ndarray of shape (features,), int64
            The distance is their sum, for ``linf`` their maximum. A masked component has 0.

        Raises
        ------
        TypeError, ValueError
            If query or index are no integers, or out of range.
        """
        components = _integers(query, "query", (self.config.features,), self.config.component_max)
        if not isinstance(prototype, Integral):
            raise TypeError(f"prototype must be an integer, not {prototype!r}")
        if not 0 <= prototype < self.config.prototype_count:
            raise ValueError(f"prototype must lie in 0 .. {self.config.prototype_count - 1}, not {prototype}")
        return self._metric.contributions(components, int(self._in_model_order[int(prototype)]))

    def decide(self, Q: NDArray[Any], saturated: NDArray[Any] | None = None) -> NDArray[np.void]:
        """Decision records, one per query.

        Parameters
        ----------
        Q
            Integer array of shape (queries, features), ``0 .. config.component_max``.
        saturated
            Clipped components of each query, shape (queries,); default: none.

        Returns
        -------
        ndarray of shape (queries,), `RECORD_DTYPE`
            The records, every field by section 4 of the contract.

        Raises
        ------
        TypeError, ValueError
            If queries or counts are no integers, or out of range.
        """
        queries = self._queries(Q)
        records = np.zeros(len(queries), RECORD_DTYPE)
        for rows in self._chunks(len(queries)):
            self._decide(self._keys(queries[rows]), self._distance_span, records[rows])
        if saturated is not None:
            records["saturated"] = _integers(saturated, "saturated", (len(queries),), self.config.features)
        return records

    def decide_distances(
        self, distances: NDArray[np.int64], fires: NDArray[np.bool_] | None = None
    ) -> NDArray[np.void]:
        """Decision records of queries that are so far from the prototypes, whatever these are.

        Parameters
        ----------
        distances
            Shape (queries, prototypes), columns in the order of the model; at least 0.
        fires
            Which prototypes fire, likewise; default: what the model's radii say.

        Returns
        -------
        ndarray of shape (queries,), `RECORD_DTYPE`
        """
        columns = np.asarray(distances, np.int64)[:, self._index]
        if fires is None:
            count = self.config.prototype_count
            silent_from = np.iinfo(np.int64).max if self._silent_from is None else self._silent_from // count
            silent = columns >= silent_from
        else:
            silent = ~fires[:, self._index]
        span = max(self._distance_span, int(columns.max(initial=0)) + 1)
        keys = (columns + silent * span) * self.config.prototype_count + self._index
        records = np.zeros(len(keys), RECORD_DTYPE)
        self._decide(_Keys(keys, np.zeros(len(keys), np.int64)), span, records)
        return records

    def _queries(self, Q: NDArray[Any]) -> NDArray[np.int64]:
        array = np.asarray(Q)
        return _integers(array, "Q", (len(array) if array.ndim else 0, self.config.features), self.config.component_max)

    def _chunks(self, count: int) -> list[slice]:
        size = max(1, self._metric.chunk // max(self.config.prototype_count, self._metric.query_width))
        return [slice(start, min(start + size, count)) for start in range(0, count, size)]

    def _fused_keys(self) -> Product | None:
        """Keys by one matrix product, if the metric is one and all sums are exact."""
        count = self.config.prototype_count
        largest = 3 * self._distance_span * count
        if not isinstance(self._metric, Bilinear) or largest > EXACT_FLOAT64:
            return None
        last_row = self._metric.constant * count + self._index
        return Product(np.vstack([self._metric.matrix * count, last_row]), largest)

    def _keys(self, queries: NDArray[np.int64]) -> _Keys:
        """Keys of all prototypes, columns in the order of the classes."""
        count = self.config.prototype_count
        if isinstance(self._metric, Bilinear) and self._key_product is not None:
            encoded = self._metric.encode(queries)
            augmented = np.ones((len(queries), encoded.shape[1] + 1), self._key_product.dtype)
            augmented[:, :-1] = encoded
            keys = self._key_product(augmented)
            offset = self._metric.offset(queries) * count
        else:
            keys = self._metric.distances(queries)
            keys *= count
            keys += self._index
            offset = np.zeros(len(queries), np.int64)
        if self._silent_from is None:
            return _Keys(keys, offset)
        keys += offset.astype(keys.dtype)[:, None]
        keys += (keys >= self._silent_from.astype(keys.dtype)) * keys.dtype.type(self._distance_span * count)
        return _Keys(keys, np.zeros_like(offset))

    def _decide(self, keys: _Keys, span: int, records: NDArray[np.void]) -> None:
        """Fill the records of one chunk, whose keys have distances below `span`."""

        def place(chosen: NDArray[np.int64]) -> _Place:
            return _Place(chosen, self.config.prototype_count, span)

        firsts = keys.first_of_each(self._starts)
        row = np.arange(len(firsts))
        best = firsts.argmin(axis=1)
        first = place(firsts[row, best])
        records["prototype"] = first.index
        records["distance"] = first.distance
        records["label"] = self._classes[best]
        records["runner_up"] = -1
        overlap = np.zeros(len(firsts), np.bool_)
        if self._classes.size > 1:
            own = first
            if self.config.k > 1:
                best, records["tie"] = self._vote(place(keys.smallest(self.config.k)))
                own = place(firsts[row, best])
                records["label"] = self._classes[best]
            firsts[row, best] = _LARGEST_KEY
            other = firsts.argmin(axis=1)
            second = place(firsts[row, other])
            records["runner_up"] = self._classes[other]
            records["margin"] = second.distance - own.distance
            if self.config.k == 1:
                records["tie"] = (second.fires == own.fires) & (second.distance == own.distance)
            overlap = second.fires
        records["status"] = self._status(first.fires, overlap, records["margin"])

    def _vote(self, nearest: _Place) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Position in ``_classes`` of the class with most votes, and whether another one has as many."""
        counts = nearest.fires | ~nearest.fires.any(axis=1, keepdims=True)
        position = np.searchsorted(self._classes, self._class_of[nearest.index])
        votes = np.zeros((len(position), self._classes.size), np.int64)
        row = np.arange(len(position))
        for neighbour in range(position.shape[1]):
            votes[row, position[:, neighbour]] += counts[:, neighbour]
        tie = (votes == votes.max(axis=1, keepdims=True)).sum(axis=1) > 1
        return votes.argmax(axis=1), tie

    def _status(
        self, fires: NDArray[np.bool_], overlap: NDArray[np.bool_], margin: NDArray[np.int64]
    ) -> NDArray[np.int8]:
        # Without radii everything fires, and that says nothing.
        uncertain = overlap if self._silent_from is not None else np.zeros_like(overlap)
        if self.config.min_margin is not None:
            uncertain = uncertain | (margin < self.config.min_margin)
        status = np.where(uncertain, Status.UNCERTAIN, Status.IDENTIFIED)
        return np.where(fires, status, Status.UNKNOWN).astype(np.int8)


class _Keys:
    """Keys (queries, prototypes) but for what all keys of a query have in common, which is added to the few wanted."""

    def __init__(self, relative: NDArray[Any], offset: NDArray[np.int64]) -> None:
        self._relative, self._offset = relative, offset

    def first_of_each(self, starts: NDArray[np.intp]) -> NDArray[np.int64]:
        """Smallest key of each run of columns, shape (queries, runs)."""
        return self._whole(np.minimum.reduceat(self._relative, starts, axis=1))

    def smallest(self, count: int) -> NDArray[np.int64]:
        """The `count` smallest keys, ascending, or all if there are fewer; these are gone from the keys then.

        One minimum after another: for as few as vote that takes a tenth of the time of a partition.
        """
        count = min(count, self._relative.shape[1])
        found = np.empty((len(self._relative), count), self._relative.dtype)
        row = np.arange(len(found))
        taken = np.inf if found.dtype.kind == "f" else _LARGEST_KEY
        for place in range(count):
            at = self._relative.argmin(axis=1)
            found[:, place] = self._relative[row, at]
            self._relative[row, at] = taken
        return self._whole(found)

    def _whole(self, relative: NDArray[Any]) -> NDArray[np.int64]:
        keys: NDArray[np.int64] = relative.astype(np.int64) + self._offset[:, None]
        return keys


class _Place:
    """Keys taken apart again: index, distance, whether it fires; each of the keys' shape."""

    def __init__(self, keys: NDArray[np.int64], prototype_count: int, distance_span: int) -> None:
        rest, self.index = np.divmod(keys, prototype_count)
        silent, self.distance = np.divmod(rest, distance_span)
        self.fires = silent == 0


def _weights(config: Configuration, nodes: Nodes, shape: tuple[int, int]) -> NDArray[np.int64] | None:
    """How often each component of each prototype counts, 0 if masked; None if all count once."""
    if (nodes.masks is None) == config.masked:
        raise ValueError(f"masks must be given exactly if the configuration has some, masked is {config.masked}")
    if (nodes.shifts is None) != (config.shift_max == 0):
        raise ValueError(f"shifts must be given exactly if shift_max is above 0, which is {config.shift_max}")
    if nodes.masks is None and nodes.shifts is None:
        return None
    weights = np.ones(shape, np.int64)
    if nodes.shifts is not None:
        weights <<= _integers(nodes.shifts, "shifts", shape, config.shift_max)
    if nodes.masks is not None:
        weights *= _shaped(nodes.masks, "masks", shape, "b", "booleans")
    return weights


def _check_configuration(config: Configuration) -> None:
    if config.metric not in METRICS:
        raise ValueError(f"metric must be one of {', '.join(METRICS)}, not {config.metric!r}")
    if config.masked and config.metric not in MASKED_METRICS:
        raise ValueError(f"masked needs one of the metrics {', '.join(MASKED_METRICS)}, not {config.metric!r}")
    if config.shift_max > 0 and config.metric not in WEIGHTED_METRICS:
        raise ValueError(
            f"shift_max {config.shift_max} needs one of the metrics {', '.join(WEIGHTED_METRICS)},"
            f" not {config.metric!r}"
        )
    if config.shift_max < 0:
        raise ValueError(f"shift_max must be at least 0, not {config.shift_max}")
    if not 1 <= config.k <= MAX_K:
        raise ValueError(f"k must lie in 1 .. {MAX_K}, not {config.k}")


def _shaped(values: NDArray[Any], name: str, shape: tuple[int, ...], kinds: str, what: str) -> NDArray[Any]:
    """Return the values as an array after checking kind and shape."""
    array = np.asarray(values)
    if array.dtype.kind not in kinds:
        raise TypeError(f"{name} must be {what}, not {array.dtype}")
    if array.shape != shape:
        raise ValueError(f"{name} must have the shape {shape}, not {array.shape}")
    return array


def _checked(values: NDArray[Any], name: str, shape: tuple[int, ...], largest: int) -> NDArray[Any]:
    """Return the values after checking kind, shape and range."""
    array = _shaped(values, name, shape, "iu", "integers")
    if array.size and not (int(array.min()) >= 0 and int(array.max()) <= largest):
        raise ValueError(f"{name} must lie in 0 .. {largest}, not {int(array.min())} .. {int(array.max())}")
    return array


def _integers(values: NDArray[Any], name: str, shape: tuple[int, ...], largest: int) -> NDArray[np.int64]:
    """Return the values as int64 after checking kind, shape and range."""
    return _checked(values, name, shape, largest).astype(np.int64)
