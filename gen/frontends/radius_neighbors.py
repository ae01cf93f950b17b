"""scikit-learn's RadiusNeighborsClassifier, where no more samples vote than the chip counts."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prototile.arrays import Matrix
from prototile.config import MAX_K
from prototile.errors import InputError, UnsupportedModelError
from prototile.frontends.base import NamedFrontEnd
from prototile.frontends.neighbours import metric_of, samples_of
from prototile.model import PrototypeModel

_NAME = "RadiusNeighborsClassifier"
_PAIRWISE = {"l1": "cityblock", "l2": "sqeuclidean", "linf": "chebyshev"}
#: Distances of pairs count as within twice the radius if they are so but for rounding.
_SLACK = 1e-9


class RadiusNeighborsFrontEnd(NamedFrontEnd):
    """Takes ``RadiusNeighborsClassifier`` if at most 15 samples within the radius can disagree about any query.

    Every training sample is a prototype that fires at distances up to the radius, the radius included, and the first k
    that fire vote; scikit-learn lets all within the radius vote. Both are the same for all queries if no more than k
    samples of several classes lie within one radius of a query. Such samples lie within twice the radius of each other
    (triangle inequality), and each is that near to one of another class. So it is enough to count, among the samples
    with another class within twice the radius, how many of them lie within twice the radius of each. Where all classes
    are further apart than that, one neighbour answers as all do.
    """

    names = (_NAME,)
    supported = f"RadiusNeighborsClassifier of which no query has more than {MAX_K} neighbours of several classes"

    def convert(self, model: Any) -> PrototypeModel:
        """Return its training samples as prototypes with radii; what no radius reaches gets the outliers' label.

        Raises
        ------
        UnsupportedModelError
            If too many could vote, or weights, metric, outputs or the label of outliers are others.
        InputError
            If it is not fitted, or its radius is no number.
        """
        samples = samples_of(model)
        metric = metric_of(model)
        if model.outlier_label_ is None:
            raise UnsupportedModelError(
                f"{_NAME} has outlier_label=None, with which a query without neighbours is an error, but a chip always"
                " answers; fit it with outlier_label='most_frequent' or a label for them."
            )
        radius = _radius(model, metric)
        voters = _voters(samples, np.asarray(model._y), radius, metric)
        if voters is None:
            raise UnsupportedModelError(
                f"{_NAME} has radius={model.radius!r}, within which more than {MAX_K} samples of several classes may"
                f" lie, but the chip lets {MAX_K} vote; use a smaller radius, fewer samples, or a KNeighborsClassifier,"
                " and radii of a PrototypeModel if far queries are to be rejected."
            )
        if model.weights not in ("uniform", None) and not (voters == 1 and model.weights == "distance"):
            raise UnsupportedModelError(
                f"{_NAME} has weights={model.weights!r}, but on the chip each neighbour has one vote; use"
                " weights='uniform'."
            )
        return PrototypeModel(
            samples,
            model.classes_[model._y],
            metric=metric,
            k=voters,
            classes=model.classes_,
            radii=radius,
            radii_inclusive=True,
            reject=np.asarray(model.outlier_label_).tolist()[0],
        )


def _radius(model: Any, metric: str) -> float:
    """Return the radius in the unit of the chip's distance: for l2 squared, as it is already with sqeuclidean."""
    radius = float(model.radius)
    if not (math.isfinite(radius) and radius >= 0):
        raise InputError(f"{_NAME} has radius={model.radius!r}; fit it with a number that is not negative.")
    return radius * radius if metric == "l2" and model.effective_metric_ != "sqeuclidean" else radius


def _voters(samples: Matrix, classes: NDArray[Any], radius: float, metric: str) -> int | None:
    """Return how many neighbours must vote so that the answer is that of all within the radius; None if too many.

    Samples with at most `MAX_K` others near them can be set aside one after another: none of them is part of a larger
    group of which all are near each other.
    """
    # Twice the radius, in squares four times.
    reach = (4 if metric == "l2" else 2) * radius * (1 + _SLACK)
    disputed = np.flatnonzero(_near(samples, classes, reach, metric)[1] > 0)
    needed = 1
    while disputed.size:
        counts = _near(samples[disputed], classes[disputed], reach, metric)[0]
        crowded = counts > MAX_K
        if not crowded.any():
            return max(needed, int(counts.max()))
        if crowded.all():
            return None
        needed = max(needed, int(counts[~crowded].max()))
        disputed = disputed[crowded]
    return needed


def _near(
    samples: Matrix, classes: NDArray[Any], reach: float, metric: str
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Samples within reach of each, itself included, and those of another class among them; shape (samples,)."""
    from sklearn.metrics import pairwise_distances_chunked

    def count(distances: NDArray[np.float64], start: int) -> NDArray[np.int64]:
        near = distances <= reach
        others = near & (classes[start : start + len(distances), None] != classes)
        return np.stack([np.count_nonzero(near, axis=1), np.count_nonzero(others, axis=1)], axis=1)

    parts = pairwise_distances_chunked(samples, reduce_func=count, metric=_PAIRWISE[metric])
    counts = np.concatenate(list(parts))
    return counts[:, 0], counts[:, 1]
