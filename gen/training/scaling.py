"""From the user's numbers to the chip's levels, learned from training data."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from prototile.errors import InputError
from prototile.maps import AffineMap

#: One step for all features, or one for each.
SCALINGS = ("feature", "common")


def scaling_of(X: NDArray[np.float64], scaling: str, largest: int) -> AffineMap:
    """The affine map that spans training data with the levels ``0 .. largest``.

    Parameters
    ----------
    X
        Training data, shape (samples, features).
    scaling
        ``feature``: each feature spans all levels. ``common``: the one with the largest range does, and the others have
        the same step; it is 1 where the data are integers that fit.
    largest
        The highest level.

    Returns
    -------
    AffineMap
        Levels, neither rounded nor clipped. A feature that is constant has the scale 0 with ``feature``.

    Raises
    ------
    InputError
        If a range is more than a float64 holds.
    """
    low, high = X.min(axis=0), X.max(axis=0)
    with np.errstate(over="ignore"):
        ranges = high - low
    if not np.isfinite(ranges).all():
        raise InputError(
            f"feature {int(np.argmin(np.isfinite(ranges)))} spans more than a float64 can hold; scale the data down."
        )
    if scaling == "feature":
        # Also 0 where a range is so small that the scale would be none that a float64 holds.
        with np.errstate(over="ignore", divide="ignore"):
            scale = np.where(ranges > 0, largest / ranges, 0.0)
            scale = np.where(np.isfinite(scale) & np.isfinite(low * scale), scale, 0.0)
        return AffineMap(scale, 0.0 - low * scale)
    widest = float(ranges.max())
    integer = widest <= largest and bool(np.array_equal(X, np.rint(X)))
    step = 1.0 if integer or widest == 0 else widest / largest
    return AffineMap(np.full(X.shape[1], 1 / step), -low / step)


def weighted(levels: AffineMap, factors: NDArray[np.float64], largest: int) -> AffineMap:
    """The map with each feature's step divided by its factor (0 .. 1); the middle of its range stays where it was."""
    middle = largest / 2
    return levels.then(AffineMap(factors, middle * (1 - factors)))
