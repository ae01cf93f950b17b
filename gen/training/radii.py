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


def quantile_radii(to_classes: Integers, scales: NDArray[np.float64], coverage: float) -> Integers:
    """Radii per class such that a new sample lies in a field of some class with the probability `coverage`.

    Parameters
    ----------
    to_classes
        Distances of samples that training has not seen to the nearest prototype of each class, shape (samples,
        classes).
    scales
        How wide each class is against the others, positive, shape (classes,).
    coverage
        Share between 0 and 1.

    Returns
    -------
    ndarray of shape (classes,)
        ``scales`` times one common factor: the smallest with which ``ceil((samples + 1) * coverage)`` of the samples
        lie inside. The rank makes the probability hold on average over calibration samples (Vovk et al., 2005); where
        it is beyond the last sample, all lie inside. A prototype fires if ``distance < radius``.
    """
    scores = (to_classes / scales).min(axis=1)
    rank = min(math.ceil((len(scores) + 1) * coverage), len(scores))
    last = int(np.argsort(scores, kind="stable")[rank - 1])
    nearest = int((to_classes[last] / scales).argmin())
    # In this order of operations the class that decides has exactly the distance that decided.
    radii: Integers = np.floor(to_classes[last, nearest] * (scales / scales[nearest])).astype(np.int64) + 1
    return radii


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
