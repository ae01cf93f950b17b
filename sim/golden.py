"""The golden model: decision records by the contract's definition, in integers, with NumPy only.

It shares nothing with the hardware but the configuration, so that a comparison of the two proves something.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from prototile.config import Configuration
from prototile.nodes import Nodes
from prototile.record import RECORD_DTYPE, Status

#: Distances in one chunk: few enough for a processor's cache, and more where threads share a matrix product.
_CHUNK_DISTANCES = {"l1": 1 << 20, "l2": 1 << 21}
#: Integers up to these are exact in floating point, and so is a sum of them in any order.
_EXACT_FLOAT32 = 1 << 24
_EXACT_FLOAT64 = 1 << 53
_LARGEST_KEY = (1 << 63) - 1


class GoldenModel:
    """Distances and decision records of a quantised model.

    Parameters
    ----------
    config
        Fixes shapes, bits, metric, the kind of radii and the threshold of the margin; the shape of the grid plays
        no part.
    nodes
        The model's arrays; radii are None exactly if ``config.radii`` is ``none``.

    Raises
    ------
    TypeError
        If an array does not hold integers.
    ValueError
        If a shape or a value contradicts the configuration, or the metric is unknown.

    Notes
    -----
    Prototypes are kept in the order of their classes, so that the first prototype of each class is a minimum over
    adjacent columns. What is minimised is the contract's order as one integer, ``(not firing, distance, index)``
    with the most significant part first.
    """

    def __init__(self, config: Configuration, nodes: Nodes) -> None:
        radii = nodes.radii
        if config.metric not in ("l1", "l2"):
            raise ValueError(f"metric must be l1 or l2, not {config.metric!r}")
        shape = (config.prototype_count, config.features)
        points = _integers(nodes.values, "values", shape, config.component_max)
        classes = _integers(nodes.labels, "labels", shape[:1], config.class_count - 1)
        if (radii is None) != (config.radii == "none"):
            raise ValueError(f"radii must be given exactly if the configuration has some, which are {config.radii!r}")
        self.config = config
        self._distance_span = config.distance_max + 1
        if 2 * self._distance_span * config.prototype_count > _LARGEST_KEY:
            raise ValueError(
                f"{config.prototype_count} prototypes with distances to {config.distance_max} are too many"
            )
        self._index = np.argsort(classes, kind="stable")
        self._classes, self._starts = np.unique(classes[self._index], return_index=True)
        self._points = points[self._index]
        self._radii = None if radii is None else _integers(radii, "radii", shape[:1], self._distance_span)[self._index]
        self._in_model_order = np.argsort(self._index, kind="stable")
        self._key_matrix = self._squared_key_matrix()

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
            result[rows] = self._distances(queries[rows])[:, self._in_model_order]
        return result

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
            self._decide(queries[rows], records[rows])
        if saturated is not None:
            records["saturated"] = _integers(saturated, "saturated", (len(queries),), self.config.features)
        return records

    def _squared_key_matrix(self) -> NDArray[np.float64] | None:
        """Matrix that takes (q, 1) to keys less |q|**2, for l2 without radii and if all of its sums are exact.

        The key is ``(|q|**2 + |p|**2 - 2 q.p) * prototype_count + index``: one matrix product yields all keys.
        """
        count = self.config.prototype_count
        if self.config.metric != "l2" or self._radii is not None or 3 * self._distance_span * count > _EXACT_FLOAT64:
            return None
        last_row = (self._points**2).sum(axis=1) * count + self._index
        return np.vstack([-2 * count * self._points.T, last_row]).astype(np.float64)

    def _queries(self, Q: NDArray[Any]) -> NDArray[np.int64]:
        array = np.asarray(Q)
        return _integers(array, "Q", (len(array) if array.ndim else 0, self.config.features), self.config.component_max)

    def _chunks(self, count: int) -> list[slice]:
        size = max(1, _CHUNK_DISTANCES[self.config.metric] // self.config.prototype_count)
        return [slice(start, min(start + size, count)) for start in range(0, count, size)]

    def _distances(self, queries: NDArray[np.int64]) -> NDArray[np.int64]:
        """Distances (queries, prototypes), columns in the order of the classes."""
        metric = _manhattan if self.config.metric == "l1" else _squared
        return metric(queries, self._points, self.config.component_max)

    def _firsts(self, queries: NDArray[np.int64]) -> NDArray[np.int64]:
        """Keys of the first prototype of each class that has any, shape (queries, classes)."""
        if self._key_matrix is not None:
            # Keys but for |q|**2, which is the same for all prototypes of a query and is added to the minima.
            augmented = np.append(queries, np.ones((len(queries), 1)), axis=1)
            partial = np.minimum.reduceat(augmented @ self._key_matrix, self._starts, axis=1)
            squares: NDArray[np.int64] = (queries**2).sum(axis=1) * self.config.prototype_count
            return partial.astype(np.int64) + squares[:, None]
        distances = self._distances(queries)
        keys = distances * np.int64(self.config.prototype_count) + self._index
        if self._radii is not None:
            keys += (distances >= self._radii) * np.int64(self._distance_span * self.config.prototype_count)
        return np.minimum.reduceat(keys, self._starts, axis=1)

    def _decide(self, queries: NDArray[np.int64], records: NDArray[np.void]) -> None:
        """Fill the records of one chunk."""
        firsts = self._firsts(queries)
        row = np.arange(len(firsts))
        best = firsts.argmin(axis=1)
        first = _Place(firsts[row, best], self.config.prototype_count, self._distance_span)
        records["prototype"] = first.index
        records["distance"] = first.distance
        records["label"] = self._classes[best]
        records["runner_up"] = -1
        overlap = np.zeros(len(firsts), np.bool_)
        if self._classes.size > 1:
            firsts[row, best] = _LARGEST_KEY
            other = firsts.argmin(axis=1)
            second = _Place(firsts[row, other], self.config.prototype_count, self._distance_span)
            records["runner_up"] = self._classes[other]
            records["margin"] = second.distance - first.distance
            records["tie"] = (second.fires == first.fires) & (second.distance == first.distance)
            overlap = second.fires
        records["status"] = self._status(first.fires, overlap, records["margin"])

    def _status(
        self, fires: NDArray[np.bool_], overlap: NDArray[np.bool_], margin: NDArray[np.int64]
    ) -> NDArray[np.int8]:
        # Without radii everything fires, and that says nothing.
        uncertain = overlap if self._radii is not None else np.zeros_like(overlap)
        if self.config.min_margin is not None:
            uncertain = uncertain | (margin < self.config.min_margin)
        status = np.where(uncertain, Status.UNCERTAIN, Status.IDENTIFIED)
        return np.where(fires, status, Status.UNKNOWN).astype(np.int8)


class _Place:
    """A key taken apart again: index, distance, whether it fires; each of shape (queries,)."""

    def __init__(self, keys: NDArray[np.int64], prototype_count: int, distance_span: int) -> None:
        rest, self.index = np.divmod(keys, prototype_count)
        silent, self.distance = np.divmod(rest, distance_span)
        self.fires = silent == 0


def _manhattan(queries: NDArray[np.int64], points: NDArray[np.int64], component_max: int) -> NDArray[np.int64]:
    """Sum of |q - p|, shape (queries, points).

    As |q - p| = 2 max(q, p) - q - p, one maximum and one addition per component remain. They are done in the
    narrowest type, for as many components as its sum of maxima has room for.
    """
    narrow = np.uint8 if component_max <= 15 else np.uint16 if component_max <= 4095 else np.uint32
    room = int(np.iinfo(narrow).max) // component_max
    columns = np.ascontiguousarray(queries.T.astype(narrow))[:, :, None]
    rows = np.ascontiguousarray(points.T.astype(narrow))[:, None, :]
    shape = (len(queries), len(points))
    wide = np.uint32 if component_max * len(rows) < 1 << 32 else np.int64
    total, part, larger = np.zeros(shape, wide), np.empty(shape, narrow), np.empty(shape, narrow)
    for start in range(0, len(rows), room):
        np.maximum(columns[start], rows[start], out=part)
        for column, row in zip(columns[start + 1 : start + room], rows[start + 1 : start + room], strict=True):
            np.maximum(column, row, out=larger)
            part += larger
        total += part
    distances: NDArray[np.int64] = 2 * total.astype(np.int64) - queries.sum(axis=1)[:, None] - points.sum(axis=1)
    return distances


def _squared(queries: NDArray[np.int64], points: NDArray[np.int64], component_max: int) -> NDArray[np.int64]:
    """Sum of (q - p)**2, shape (queries, points), as |q|**2 + |p|**2 - 2 q.p.

    The products are summed in floating point, which is fast, and exact as long as all sums are small enough.
    """
    largest = queries.shape[1] * component_max**2
    if largest < _EXACT_FLOAT64:
        exact = np.float32 if largest < _EXACT_FLOAT32 else np.float64
        products = (queries.astype(exact) @ points.T.astype(exact)).astype(np.int64)
    else:
        products = queries @ points.T
    distances: NDArray[np.int64] = (queries**2).sum(axis=1)[:, None] + (points**2).sum(axis=1) - 2 * products
    return distances


def _integers(values: NDArray[Any], name: str, shape: tuple[int, ...], largest: int) -> NDArray[np.int64]:
    """Return the values as int64 after checking kind, shape and range."""
    array = np.asarray(values)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} must be integers, not {array.dtype}")
    if array.shape != shape:
        raise ValueError(f"{name} must have the shape {shape}, not {array.shape}")
    if array.size and not (int(array.min()) >= 0 and int(array.max()) <= largest):
        raise ValueError(f"{name} must lie in 0 .. {largest}, not {int(array.min())} .. {int(array.max())}")
    return array.astype(np.int64)
