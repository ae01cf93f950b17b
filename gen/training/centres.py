"""k-means centres of each class: where training starts, and the simplest way to few prototypes."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray


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
