"""Distances of the golden model, one class for each metric; `METRICS` names them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from prototile.config import Configuration

#: Integers up to these are exact in floating point, and so is a sum of them in any order.
_EXACT_FLOAT32 = 1 << 24
EXACT_FLOAT64 = 1 << 53


class Metric(ABC):
    """Distances to prototypes, whose columns are in the order of `values`.

    Parameters
    ----------
    values
        Shape (prototypes, features) and `value_shape`.
    weights
        How often each component's term counts, shape (prototypes, features); None for once.
    """

    #: Distances in one chunk: few enough for a processor's cache.
    chunk = 1 << 20

    def __init__(self, config: Configuration, values: NDArray[Any], weights: NDArray[np.int64] | None) -> None:
        self.config, self.values, self.weights = config, values, weights
        #: Numbers that are held for a query, beside its distances.
        self.query_width = config.features

    @staticmethod
    def value_shape(config: Configuration) -> tuple[int, ...]:
        """Shape of what a prototype has for one component."""
        return ()

    @staticmethod
    def value_max(config: Configuration) -> int:
        """Largest of the values."""
        return config.component_max

    @abstractmethod
    def distances(self, queries: NDArray[np.int64]) -> NDArray[np.int64]:
        """Shape (queries, prototypes)."""

    @abstractmethod
    def term(self, query: NDArray[np.int64], values: NDArray[np.int64]) -> NDArray[np.int64]:
        """The metric's definition for each component of one query and one prototype's values, shape (features,)."""

    def contributions(self, query: NDArray[np.int64], column: int) -> NDArray[np.int64]:
        """Each component's term, as often as it counts."""
        terms = self.term(query, self.values[column].astype(np.int64))
        return terms if self.weights is None else terms * self.weights[column]


class _Manhattan(Metric):
    """Sum of |q - p|. As that is 2 max(q, p) - q - p, one maximum and one addition per component remain."""

    def __init__(self, config: Configuration, values: NDArray[Any], weights: NDArray[np.int64] | None) -> None:
        super().__init__(config, values, weights)
        self._maxima = _Maxima(config, values, weights)
        self._weighted = None if weights is None else Product(weights.T, config.distance_max)
        self._constant = _weighted(values.astype(np.int64), weights).sum(axis=1)

    def term(self, query: NDArray[np.int64], values: NDArray[np.int64]) -> NDArray[np.int64]:
        terms: NDArray[np.int64] = np.abs(query - values)
        return terms

    def distances(self, queries: NDArray[np.int64]) -> NDArray[np.int64]:
        result = self._maxima(queries)
        result *= 2
        result -= queries.sum(axis=1)[:, None] if self._weighted is None else self._weighted(queries).astype(np.int64)
        result -= self._constant
        return result


class _Box(Metric):
    """Sum of max(lower - q, 0, q - upper).

    That is (max(q, lower) - q) + (max(q, upper) - upper): no two of the differences are positive together, as lower is
    at most upper + 1.
    """

    def __init__(self, config: Configuration, values: NDArray[Any], weights: NDArray[np.int64] | None) -> None:
        super().__init__(config, values, weights)
        lower, upper = np.moveaxis(values.astype(np.int64), 2, 0)
        empty = np.argwhere(lower > upper + 1)
        if len(empty):
            prototype, component = (int(position) for position in empty[0])
            raise ValueError(
                "values must have no lower bound above its upper bound + 1, not"
                f" {lower[prototype, component]} and {upper[prototype, component]}"
            )
        self._lower, self._upper = _Maxima(config, lower, None), _Maxima(config, upper, None)
        self._constant = upper.sum(axis=1)

    @staticmethod
    def value_shape(config: Configuration) -> tuple[int, ...]:
        return (2,)

    def term(self, query: NDArray[np.int64], values: NDArray[np.int64]) -> NDArray[np.int64]:
        terms: NDArray[np.int64] = np.maximum(np.maximum(values[:, 0] - query, query - values[:, 1]), 0)
        return terms

    def distances(self, queries: NDArray[np.int64]) -> NDArray[np.int64]:
        result = self._lower(queries)
        result += self._upper(queries)
        result -= queries.sum(axis=1)[:, None]
        result -= self._constant
        return result


class _Chebyshev(Metric):
    """Largest |q - p|, 0 if all components are masked."""

    def __init__(self, config: Configuration, values: NDArray[Any], weights: NDArray[np.int64] | None) -> None:
        super().__init__(config, values, weights)
        self._signed = _narrowest((np.int8, np.int16, np.int32, np.int64), config.component_max)
        self._rows = np.ascontiguousarray(values.T.astype(self._signed))
        self._masks = None if weights is None else np.ascontiguousarray(weights.T.astype(self._signed))

    def term(self, query: NDArray[np.int64], values: NDArray[np.int64]) -> NDArray[np.int64]:
        terms: NDArray[np.int64] = np.abs(query - values)
        return terms

    def distances(self, queries: NDArray[np.int64]) -> NDArray[np.int64]:
        columns = np.ascontiguousarray(queries.T.astype(self._signed))[:, :, None]
        largest = np.zeros((len(queries), len(self.values)), self._signed)
        difference = np.empty_like(largest)
        for component, (column, row) in enumerate(zip(columns, self._rows, strict=True)):
            np.subtract(column, row, out=difference)
            np.abs(difference, out=difference)
            if self._masks is not None:
                difference *= self._masks[component]
            np.maximum(largest, difference, out=largest)
        return largest.astype(np.int64)


class _Table(Metric):
    """Sum of the entries that the components of the query choose, one row of all prototypes for each."""

    def __init__(self, config: Configuration, values: NDArray[Any], weights: NDArray[np.int64] | None) -> None:
        super().__init__(config, values, weights)
        self._sum = _Sum(config.features, config.entry_max)
        self._entries = np.ascontiguousarray(np.moveaxis(values, 0, 2).astype(self._sum.dtype))

    @staticmethod
    def value_shape(config: Configuration) -> tuple[int, ...]:
        return (config.component_max + 1,)

    @staticmethod
    def value_max(config: Configuration) -> int:
        return config.entry_max

    def term(self, query: NDArray[np.int64], values: NDArray[np.int64]) -> NDArray[np.int64]:
        entries: NDArray[np.int64] = values[np.arange(len(query)), query]
        return entries

    def distances(self, queries: NDArray[np.int64]) -> NDArray[np.int64]:
        columns = np.ascontiguousarray(queries.T)

        def choose(component: int, out: NDArray[Any]) -> None:
            # The mode plays no part, as all levels are in range, but without it NumPy would copy once more.
            np.take(self._entries[component], columns[component], axis=0, out=out, mode="clip")

        return self._sum((len(queries), len(self.values)), choose)


class Bilinear(Metric):
    """A distance that is one matrix product: ``encode(q) @ matrix + constant + offset(q)``."""

    # Threads share a matrix product, and want more of it.
    chunk = 1 << 21
    matrix: NDArray[np.int64]
    constant: NDArray[np.int64]
    _product: Product

    @abstractmethod
    def encode(self, queries: NDArray[np.int64]) -> NDArray[Any]:
        """Shape (queries, `query_width`)."""

    def offset(self, queries: NDArray[np.int64]) -> NDArray[np.int64]:
        """What all distances of a query have in common, shape (queries,)."""
        return np.zeros(len(queries), np.int64)

    def distances(self, queries: NDArray[np.int64]) -> NDArray[np.int64]:
        """Shape (queries, prototypes)."""
        result: NDArray[np.int64] = self._product(self.encode(queries)).astype(np.int64)
        result += self.constant
        result += self.offset(queries)[:, None]
        return result


class _Squared(Bilinear):
    """Sum of w (q - p)**2 as w q**2 - 2 w p q + w p**2; without weights the first is the same for all prototypes."""

    def __init__(self, config: Configuration, values: NDArray[Any], weights: NDArray[np.int64] | None) -> None:
        super().__init__(config, values, weights)
        points = values.astype(np.int64)
        self.matrix = -2 * _weighted(points, weights).T
        self.constant = _weighted(points**2, weights).sum(axis=1)
        # All products of -2 p q are even.
        largest = config.distance_max
        if weights is not None:
            self.matrix = np.vstack([self.matrix, weights.T])
            self.query_width *= 2
            largest *= 2
        self._product = Product(self.matrix, largest)

    def term(self, query: NDArray[np.int64], values: NDArray[np.int64]) -> NDArray[np.int64]:
        terms: NDArray[np.int64] = (query - values) ** 2
        return terms

    def encode(self, queries: NDArray[np.int64]) -> NDArray[Any]:
        return queries if self.weights is None else np.hstack([queries, queries**2])

    def offset(self, queries: NDArray[np.int64]) -> NDArray[np.int64]:
        if self.weights is not None:
            return super().offset(queries)
        squares: NDArray[np.int64] = (queries**2).sum(axis=1)
        return squares


class _Hamming(Bilinear):
    """Number of differing bits: of each bit, q + p - 2 p q."""

    def __init__(self, config: Configuration, values: NDArray[Any], weights: NDArray[np.int64] | None) -> None:
        super().__init__(config, values, weights)
        self._bits = np.arange(config.bits, dtype=np.uint32)
        self.query_width *= config.bits
        points = self.encode(values.astype(np.int64)).astype(np.int64)
        counts = None if weights is None else np.repeat(weights, config.bits, axis=1)
        self.matrix = _weighted(1 - 2 * points, counts).T
        self.constant = _weighted(points, counts).sum(axis=1)
        self._product = Product(self.matrix, config.distance_max)

    def term(self, query: NDArray[np.int64], values: NDArray[np.int64]) -> NDArray[np.int64]:
        terms: NDArray[np.int64] = ((query ^ values)[:, None] >> self._bits & 1).sum(axis=1)
        return terms

    def encode(self, queries: NDArray[np.int64]) -> NDArray[Any]:
        bits = queries.astype(np.uint32)[:, :, None] >> self._bits & 1
        return bits.reshape(len(queries), self.query_width)


METRICS: dict[str, type[Metric]] = {
    "l1": _Manhattan,
    "l2": _Squared,
    "linf": _Chebyshev,
    "hamming": _Hamming,
    "box": _Box,
    "table": _Table,
}


class Product:
    """Product of integer vectors and one integer matrix, in floating point as far as that is exact.

    No sum of some of its products may be larger than `largest`, but for a factor that is a power of two and in all.
    """

    def __init__(self, matrix: NDArray[np.int64], largest: int) -> None:
        exact = np.float32 if largest <= _EXACT_FLOAT32 else np.float64 if largest <= EXACT_FLOAT64 else np.int64
        self.dtype: np.dtype[Any] = np.dtype(exact)
        self._matrix = matrix.astype(self.dtype)

    def __call__(self, vectors: NDArray[Any]) -> NDArray[Any]:
        """Shape (vectors, columns of the matrix), of the type `dtype`."""
        product: NDArray[Any] = vectors.astype(self.dtype, copy=False) @ self._matrix
        return product


class _Sum:
    """Sums of one term per component, in the narrowest type, for as many components as it has room for."""

    def __init__(self, count: int, largest: int) -> None:
        # Fewer than 16 terms at a time would not pay for the additions of the wide sum.
        self.dtype = _narrowest((np.uint8, np.uint16, np.uint32, np.uint64), 16 * largest)
        self._count = count
        self._room = int(np.iinfo(self.dtype).max) // max(1, largest)
        self._wide = np.uint32 if largest * count < 1 << 32 else np.uint64

    def __call__(self, shape: tuple[int, int], term: Callable[[int, NDArray[Any]], object]) -> NDArray[np.int64]:
        """Sum of what `term` writes for each component into the array that it is given."""
        total = np.zeros(shape, np.result_type(self._wide, self.dtype))
        part, one = np.empty(shape, self.dtype), np.empty(shape, self.dtype)
        for start in range(0, self._count, self._room):
            term(start, part)
            for component in range(start + 1, min(start + self._room, self._count)):
                term(component, one)
                part += one
            total += part
        return total.astype(np.int64)


class _Maxima:
    """Sum of max(q, p), shape (queries, prototypes), each as often as it counts."""

    def __init__(self, config: Configuration, points: NDArray[Any], weights: NDArray[np.int64] | None) -> None:
        self._sum = _Sum(config.features, config.component_max << config.shift_max)
        self._rows = np.ascontiguousarray(points.T.astype(self._sum.dtype))
        self._weights = None if weights is None else np.ascontiguousarray(weights.T.astype(self._sum.dtype))

    def __call__(self, queries: NDArray[np.int64]) -> NDArray[np.int64]:
        columns = np.ascontiguousarray(queries.T.astype(self._sum.dtype))[:, :, None]
        rows, weights = self._rows, self._weights

        def larger(component: int, out: NDArray[Any]) -> None:
            np.maximum(columns[component], rows[component], out=out)
            if weights is not None:
                np.multiply(out, weights[component], out=out)

        return self._sum((len(queries), rows.shape[1]), larger)


def _weighted(terms: NDArray[np.int64], weights: NDArray[np.int64] | None) -> NDArray[np.int64]:
    return terms if weights is None else terms * weights


def _narrowest(types: tuple[DTypeLike, ...], largest: int) -> np.dtype[Any]:
    """First of the types that holds integers up to `largest`, or the last one."""
    return next((np.dtype(kind) for kind in types if largest <= np.iinfo(kind).max), np.dtype(types[-1]))
