"""Few points for each class: k-means centres, where training starts too, and medoids."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from prototile.distances import distances
from prototile.errors import InputError
from prototile.training.libraries import missing

#: Samples of a class beyond which all distances between them take too much memory.
LARGEST_CLASS = 8_000


def class_centres(
    X: NDArray[np.float64],
    classes: NDArray[np.int64],
    counts: NDArray[np.int64],
    random: np.random.RandomState,
    *,
    starts: int = 1,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Centres of each class by k-means, class after class.

    Parameters
    ----------
    X, classes
        Samples (samples, features) and the class index of each.
    counts
        Centres of each class, shape (classes,). A class with fewer distinct samples gets one for each of these.
    random
        Source of the starts.
    starts
        Runs of k-means, of which the best is taken.

    Returns
    -------
    centres : ndarray of shape (centres, features)
        float64.
    centre_classes : ndarray of shape (centres,)
        Class index of each, ascending.
    """
    from sklearn.cluster import KMeans

    centres, labels = [], []
    for index, wanted in enumerate(counts):
        members = X[classes == index]
        distinct = np.unique(members, axis=0)
        count = min(int(wanted), len(distinct))
        if count == len(distinct):
            found = distinct
        elif count == 1:
            found = members.mean(axis=0, keepdims=True)
        else:
            with warnings.catch_warnings():
                # More threads than BLAS likes: a remark on speed.
                warnings.simplefilter("ignore", UserWarning)
                found = KMeans(count, n_init=starts, random_state=random).fit(members).cluster_centers_
        centres.append(found)
        labels.append(np.full(count, index, np.int64))
    return np.vstack(centres).astype(np.float64), np.concatenate(labels)


def class_medoids(
    X: NDArray[np.float64], classes: NDArray[np.int64], counts: NDArray[np.int64], metric: str, seed: int
) -> NDArray[np.int64]:
    """Samples of each class that are nearest to its others, by FasterPAM (Schubert and Rousseeuw, 2021).

    Parameters
    ----------
    X, classes
        Samples (samples, features) and the class index of each.
    counts
        Medoids of each class, shape (classes,). A class with fewer distinct samples gets one for each of these.
    metric
        Whose sum over a class is made small: ``l1``, ``l2`` (the squared distance) or ``linf``.
    seed
        Of the start.

    Returns
    -------
    ndarray of shape (medoids,)
        Rows, class after class and ascending there.

    Raises
    ------
    InputError
        If the library kmedoids is not installed, or a class has more than `LARGEST_CLASS` distinct samples.
    """
    try:
        from kmedoids import fasterpam
    except ImportError as error:
        raise missing("medoids", "kmedoids") from error

    chosen = []
    for index, wanted in enumerate(counts):
        members = np.flatnonzero(classes == index)
        # Copies of a medoid would be medoids of nothing.
        members = np.sort(members[np.unique(X[members], axis=0, return_index=True)[1]])
        if len(members) > LARGEST_CLASS:
            raise InputError(
                f"medoids need all distances within a class, and one has {len(members)} samples, more than"
                f" {LARGEST_CLASS}; use the method 'kmeans'."
            )
        if wanted < len(members):
            between = distances(metric, X[members], X[members])
            found = fasterpam(between, int(wanted), random_state=seed, n_cpu=1).medoids
            members = members[np.sort(found.astype(np.int64))]
        chosen.append(members)
    return np.concatenate(chosen)
