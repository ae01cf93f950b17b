"""Distances in float64, of vectors before any quantisation: what the chip is measured against."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prototile.arrays import Matrix

#: Distances that a library computes, where nothing is masked or weighted.
_PAIRWISE = {"l1": "cityblock", "l2": "sqeuclidean", "linf": "chebyshev"}
#: Up to here each integer is a float64 of its own.
_EXACT_FLOAT = 2**53
#: Ones in each byte.
_ONES = np.array([bin(number).count("1") for number in range(1 << 8)], np.uint8)


def distances(
    metric: str,
    Z: Matrix,
    values: Matrix,
    masks: NDArray[np.bool_] | None = None,
    weights: NDArray[np.int64] | None = None,
) -> NDArray[np.float64]:
    """Distances of vectors to all prototypes.

    Parameters
    ----------
    metric
        One of `prototile.config.METRICS`.
    Z
        Shape (rows, features). Vectors of ``hamming`` and ``table`` are rounded and clipped, as they are no measures.
    values
        Prototypes as in `PrototypeModel`: integer bounds of a ``box`` are closed, and of bounds in floating point the
        lower one lies outside.
    masks, weights
        Shape (prototypes, features), or None.

    Returns
    -------
    ndarray of shape (rows, prototypes)
        float64.
    """
    vectors = Z.astype(np.float64)
    if metric in _PAIRWISE and masks is None and weights is None:
        # Imported here: scikit-learn takes a second to import, and most commands never need it.
        from sklearn.metrics import pairwise_distances

        result: NDArray[np.float64] = pairwise_distances(vectors, values.astype(np.float64), metric=_PAIRWISE[metric])
        return result
    total = np.zeros((len(vectors), len(values)))
    for component in range(vectors.shape[1]):
        with np.errstate(over="ignore"):
            term = _TERMS[metric](vectors[:, component, None], values[:, component])
            if weights is not None:
                term = term * weights[:, component]
            if masks is not None:
                term = np.where(masks[:, component], term, 0.0)
            if metric == "linf":
                np.maximum(total, term, out=total)
            else:
                total += term
    return total


def _absolute(column: NDArray[np.float64], values: Matrix) -> NDArray[np.float64]:
    return np.abs(column - values)


def _squared(column: NDArray[np.float64], values: Matrix) -> NDArray[np.float64]:
    difference: NDArray[np.float64] = column - values
    return difference * difference


def _differing_bits(column: NDArray[np.float64], values: Matrix) -> NDArray[np.float64]:
    bits = _levels(column, _EXACT_FLOAT) ^ values.astype(np.int64)
    count = np.zeros(bits.shape)
    while bits.any():
        count += _ONES[bits & 0xFF]
        bits = bits >> 8
    return count


def _outside(column: NDArray[np.float64], bounds: Matrix) -> NDArray[np.float64]:
    lower, upper = bounds[:, 0], bounds[:, 1]
    below = lower - column
    if bounds.dtype.kind == "f":
        # At the lower bound itself a vector is outside, however little: it belongs to the box below.
        below = np.where(column == lower, np.finfo(np.float64).smallest_subnormal, below)
    return np.maximum(np.maximum(below, column - upper), 0.0)


def _entry(column: NDArray[np.float64], tables: Matrix) -> NDArray[np.float64]:
    entries: NDArray[np.float64] = tables.astype(np.float64)[:, _levels(column[:, 0], tables.shape[1] - 1)]
    return entries.T


def _levels(column: NDArray[np.float64], largest: int) -> NDArray[np.int64]:
    levels: NDArray[np.int64] = np.clip(np.rint(column), 0, largest).astype(np.int64)
    return levels


_TERMS: dict[str, Callable[[NDArray[np.float64], Any], NDArray[np.float64]]] = {
    "l1": _absolute,
    "l2": _squared,
    "linf": _absolute,
    "hamming": _differing_bits,
    "box": _outside,
    "table": _entry,
}
