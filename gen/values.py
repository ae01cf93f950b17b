"""Prototypes, masks and weights as users give them: checked by what the metric makes of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from prototile.arrays import Matrix, to_cube, to_matrix, to_numbers
from prototile.config import MASKED_METRICS, WEIGHTED_METRICS
from prototile.errors import InputError, UnsupportedModelError
from prototile.quantised import MAX_BITS, MAX_ENTRY, MAX_SHIFT

#: What does a mask's work in the metrics that have none.
_INSTEAD_OF_MASKS = {
    "box": "open the box in these components, from -inf to inf",
    "table": "set all levels of these components to the same entry",
}


def checked_values(prototypes: Any, metric: str) -> Matrix:
    """Return prototypes in the shape that the metric takes, int64 (chip units) or float64 (model units).

    Returns
    -------
    ndarray
        Shape (prototypes, features); for ``box`` (prototypes, features, 2), lower and upper bound; for ``table``
        (prototypes, features, levels). Whole numbers of ``hamming`` become int64, whatever type they had.

    Raises
    ------
    InputError
        If the shape is another, or a value is none of the metric's.
    """
    if metric == "box":
        return _checked_boxes(prototypes)
    if metric == "table":
        return _checked_tables(prototypes)
    points = to_matrix(prototypes, "prototypes")
    return _checked_codes(points) if metric == "hamming" else points


def checked_masks(masks: Any, metric: str, shape: tuple[int, ...]) -> NDArray[np.bool_] | None:
    """Return masks of the shape (prototypes, features), True where a component counts; None if all count.

    Raises
    ------
    InputError
        If the shape is another, or a value is neither True nor False.
    UnsupportedModelError
        If the metric has no masks.
    """
    if masks is None:
        return None
    if metric not in MASKED_METRICS:
        raise UnsupportedModelError(
            f"masks are for the metrics {', '.join(MASKED_METRICS)}, not for {metric!r}; {_INSTEAD_OF_MASKS[metric]}."
        )
    values = to_numbers(masks, "masks")
    if values.shape != shape:
        raise InputError(f"masks must have the shape of the prototypes, {shape}, and not {values.shape}.")
    strange = (values != 0) & (values != 1)
    if strange.any():
        raise InputError(
            f"masks must be True (the component counts) or False, but one is {values[strange][0].item()!r};"
            " give weights as weights."
        )
    counts: NDArray[np.bool_] = values == 1
    return None if counts.all() else counts


def checked_weights(weights: Any, metric: str, shape: tuple[int, ...]) -> NDArray[np.int64] | None:
    """Return local weights of the shape (prototypes, features), powers of two; None if all are 1.

    Raises
    ------
    InputError
        If the shape is another, or a weight is no positive number.
    UnsupportedModelError
        If the metric has no weights, or a weight is no power of two that the chip has.
    """
    if weights is None:
        return None
    if metric not in WEIGHTED_METRICS:
        raise UnsupportedModelError(
            f"weights are for the metrics {' and '.join(WEIGHTED_METRICS)}, not for {metric!r}; leave them out, or use"
            " one of these."
        )
    values = to_numbers(weights, "weights").astype(np.float64)
    if values.shape != shape:
        raise InputError(f"weights must have the shape of the prototypes, {shape}, and not {values.shape}.")
    unusable = ~(np.isfinite(values) & (values > 0))
    if unusable.any():
        raise InputError(
            f"weights must be positive numbers, but {_place(unusable)} is {values[unusable][0].item()!r};"
            " use masks for components that do not count."
        )
    mantissas, exponents = np.frexp(values)
    strange = (mantissas != 0.5) | (exponents < 1) | (exponents > MAX_SHIFT + 1)
    if strange.any():
        raise UnsupportedModelError(
            f"weights must be powers of two from 1 to {1 << MAX_SHIFT}, as the chip weighs by shifting, but"
            f" {_place(strange)} is {values[strange][0].item()!r}; put relevance that all prototypes share into the"
            " scaling of the features, and scale all weights of the model to powers of two."
        )
    return None if (values == 1).all() else values.astype(np.int64)


def _checked_codes(points: Matrix) -> NDArray[np.int64]:
    """Points whose bits are compared."""
    strange = (points < 0) | (points != np.rint(points)) | (points >= 1 << MAX_BITS)
    if strange.any():
        raise InputError(
            "prototypes of the metric 'hamming' must be whole numbers in"
            f" 0 .. {(1 << MAX_BITS) - 1}, as their bits are compared, but {_place(strange)} is"
            f" {points[strange][0].item()!r}; encode the features as such numbers."
        )
    return points.astype(np.int64)


def _checked_boxes(prototypes: Any) -> Matrix:
    bounds = to_cube(prototypes, "prototypes of the metric 'box'", "2", infinite=True)
    if bounds.shape[2] != 2:
        raise InputError(
            "prototypes of the metric 'box' must have the shape (prototypes, features, 2), lower and upper bound of"
            f" each component, not {bounds.shape}."
        )
    lower, upper = bounds[..., 0], bounds[..., 1]
    closed = bounds.dtype.kind == "i"
    crossed = lower > upper + 1 if closed else lower > upper
    if crossed.any():
        limit = "upper bound + 1 (an empty box)" if closed else "upper bound"
        raise InputError(
            f"a lower bound of a box must not be above its {limit}, but {_place(crossed)} has the bounds"
            f" {lower[crossed][0].item()!r} and {upper[crossed][0].item()!r}; swap them."
        )
    nowhere = (lower == np.inf) | (upper == -np.inf)
    if nowhere.any():
        raise InputError(
            f"a box must not begin at inf or end at -inf, as nothing lies there, but {_place(nowhere)} has the bounds"
            f" {lower[nowhere][0].item()!r} and {upper[nowhere][0].item()!r}; leave the box out."
        )
    return bounds


def _checked_tables(prototypes: Any) -> NDArray[np.int64]:
    entries = to_cube(prototypes, "prototypes of the metric 'table'", "levels")
    if entries.dtype.kind != "i":
        raise InputError(
            "prototypes of the metric 'table' must be integers, as their entries are added as they are, and not"
            f" of type {entries.dtype}; scale the entries, round them and give them as an integer array."
        )
    levels = entries.shape[2]
    if levels < 2 or levels & (levels - 1) or levels > 1 << MAX_BITS:
        raise InputError(
            "prototypes of the metric 'table' must have one entry for each of the 2**bits levels of a component, a"
            f" power of two from 2 to {1 << MAX_BITS}, not {levels}; fill the tables up."
        )
    strange = (entries < 0) | (entries > MAX_ENTRY)
    if strange.any():
        raise InputError(
            f"entries of tables must lie in 0 .. {MAX_ENTRY}, but {_place(strange)} holds"
            f" {entries[strange][0].item()!r}; shift and scale all tables alike."
        )
    return entries.astype(np.int64)


def _place(strange: NDArray[np.bool_]) -> str:
    """Where the first is; both numbers count from 0."""
    row, column = (int(at) for at in np.argwhere(strange)[0][:2])
    return f"component {column} of prototype {row} (counted from 0)"
