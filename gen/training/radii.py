"""Influence radii of trained prototypes, in the chip's units."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


def rce_radii(distances: Integers, is_own: NDArray[np.bool_], limit: int) -> Integers:
    """The largest radius within which no sample of another class lies (Reilly, Cooper and Elbaum, 1982).

    Parameters
    ----------
    distances
        Of samples to prototypes, shape (samples, prototypes).
    is_own
        Whether sample and prototype are of one class, same shape.
    limit
        Radius that none exceeds.

    Returns
    -------
    ndarray of shape (prototypes,)
        A prototype fires if ``distance < radius``, so the nearest sample of another class lies just outside.
    """
    nearest: Integers = np.where(is_own, limit, distances).min(axis=0, initial=limit)
    return np.minimum(nearest, limit)


def quantile_radius(distances: Integers, coverage: float) -> int:
    """The radius within which a new sample lies with the probability `coverage`.

    Parameters
    ----------
    distances
        Of samples that training has not seen to their nearest prototype, shape (samples,).
    coverage
        Share between 0 and 1.

    Returns
    -------
    int
        One more than the distance of rank ``ceil((samples + 1) * coverage)``, as a prototype fires if
        ``distance < radius``. The rank makes the probability hold on average over calibration samples (Vovk et al.,
        2005); where it is beyond the last sample the farthest one is taken.
    """
    rank = min(math.ceil((len(distances) + 1) * coverage), len(distances))
    return int(np.sort(distances)[max(rank, 1) - 1]) + 1


def held_out(classes: Integers, share: float, random: np.random.RandomState) -> NDArray[np.bool_]:
    """Which samples to keep from training: `share` of each class, rounded down.

    Parameters
    ----------
    classes
        Class index of each sample, shape (samples,).
    share
        Between 0 and 1.
    random
        Source of the choice.

    Returns
    -------
    bool ndarray of shape (samples,)
        True for those held out.
    """
    chosen = np.zeros(len(classes), np.bool_)
    for index in np.unique(classes):
        members = np.flatnonzero(classes == index)
        chosen[random.permutation(members)[: int(len(members) * share)]] = True
    return chosen
