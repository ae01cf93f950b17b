"""Training samples that are worth keeping, by what their nearest neighbours are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from prototile.distances import distances
from prototile.errors import InputError
from prototile.training.libraries import missing

#: Neighbours that decide whether a sample is kept.
EDITING_NEIGHBOURS = 3
#: What scikit-learn calls the metrics.
_NAMES = {"l1": "manhattan", "l2": "euclidean", "linf": "chebyshev"}


def condensed_neighbours(
    X: NDArray[np.float64], classes: NDArray[np.int64], metric: str, random: np.random.RandomState
) -> NDArray[np.int64]:
    """Samples with which the nearest one has the right class for all others, ties aside (Hart, 1968).

    Own code: ``CondensedNearestNeighbour`` of imbalanced-learn holds each class against the smallest one only, so with
    three classes and more it leaves out samples that what it keeps gets wrong.

    Parameters
    ----------
    X, classes
        Samples (samples, features) and the class index of each.
    metric
        ``l1``, ``l2`` or ``linf``.
    random
        Source of the order in which samples are looked at, on which it depends which are kept.

    Returns
    -------
    ndarray of shape (kept,)
        Rows, ascending.
    """
    order = random.permutation(len(X))
    kept = np.zeros(len(X), np.bool_)
    nearest, nearest_class = np.full(len(X), np.inf), np.full(len(X), -1)
    added = True
    while added:
        added = False
        for row in order:
            if nearest_class[row] == classes[row] or kept[row]:
                continue
            between = distances(metric, X[row : row + 1], X)[0]
            closer = between < nearest
            nearest[closer], nearest_class[closer] = between[closer], classes[row]
            kept[row] = added = True
    return np.flatnonzero(kept).astype(np.int64)


def edited_neighbours(X: NDArray[np.float64], classes: NDArray[np.int64], metric: str) -> NDArray[np.int64]:
    """Samples whose class is the most frequent one among their 3 nearest neighbours (Wilson, 1972).

    Parameters
    ----------
    X, classes
        Samples (samples, features) and the class index of each; two classes at least.
    metric
        ``l1``, ``l2`` or ``linf``.

    Returns
    -------
    ndarray of shape (kept,)
        Rows, ascending.

    Raises
    ------
    InputError
        If imbalanced-learn is not installed, there are not more than 3 samples, or none of them is kept.
    """
    try:
        from imblearn.under_sampling import EditedNearestNeighbours
    except ImportError as error:
        raise missing("edited neighbours", "imbalanced-learn") from error
    from sklearn.neighbors import NearestNeighbors

    if len(X) <= EDITING_NEIGHBOURS:
        raise InputError(
            f"edited neighbours need more than {EDITING_NEIGHBOURS} samples, not {len(X)}; use the method 'kmeans'."
        )
    sampler = EditedNearestNeighbours(
        sampling_strategy="all",
        # A sample itself is the first of its neighbours there.
        n_neighbors=NearestNeighbors(n_neighbors=EDITING_NEIGHBOURS + 1, metric=_NAMES[metric]),
        kind_sel="mode",
    )
    sampler.fit_resample(X, classes)
    kept = np.unique(sampler.sample_indices_).astype(np.int64)
    if not kept.size:
        raise InputError(
            f"edited neighbours keep none of {len(X)} samples, as most neighbours of each are of another class; use the"
            " method 'kmeans'."
        )
    return kept
