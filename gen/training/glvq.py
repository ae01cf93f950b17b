"""Generalised learning vector quantisation on the chip's levels, with mini-batches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

#: Samples of a step.
BATCH = 64
#: Fewest steps: small data sets are seen more often than `epochs` says.
MIN_STEPS = 1000
#: Share of the range of a component by which a prototype moves in the first steps; it falls to 0 along a cosine.
RATE = 0.02
#: Steepness of the loss, a logistic function of the relative difference of the two distances.
STEEPNESS = 30.0
#: Samples are moved by up to this part of a level before they are rounded, each time anew: prototypes that fit the
#: rounding of a few samples generalise worse.
JITTER = 0.5
#: Rate of the logarithms of the relevances.
RELEVANCE_RATE = 0.01
#: What SciPy calls the metrics. scikit-learn's checks around the same function take longer than a step does.
_NAMES = {"l1": "cityblock", "l2": "sqeuclidean"}
#: Decay of both moments of a gradient in Adam.
_DECAY_FIRST, _DECAY_SECOND = 0.9, 0.999


@dataclass(frozen=True, eq=False, kw_only=True)
class Samples:
    """Training data on the chip's levels.

    Parameters
    ----------
    levels
        Shape (samples, features), neither rounded nor clipped.
    classes
        Class index of each sample, shape (samples,).
    largest
        The highest level, ``2**bits - 1``.
    """

    levels: Floats
    classes: Indices
    largest: int

    def rounded(self) -> Floats:
        """The samples as the chip sees them."""
        result: Floats = np.clip(np.rint(self.levels), 0, self.largest)
        return result


@dataclass(frozen=True, eq=False, kw_only=True)
class Trained:
    """What training has found.

    Parameters
    ----------
    prototypes
        Shape (prototypes, features), in ``0 .. largest``; not rounded.
    relevances
        Weight of each feature in the distance, shape (features,), 1 on average.
    """

    prototypes: Floats
    relevances: Floats


class _Adam:
    """Steps of one size in each component, whatever the scale of its gradient (Kingma and Ba, 2015)."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._first, self._second, self._count = np.zeros(shape), np.zeros(shape), 0

    def step(self, gradient: Floats) -> Floats:
        self._count += 1
        self._first += (1 - _DECAY_FIRST) * (gradient - self._first)
        self._second += (1 - _DECAY_SECOND) * (gradient**2 - self._second)
        first = self._first / (1 - _DECAY_FIRST**self._count)
        second = self._second / (1 - _DECAY_SECOND**self._count)
        result: Floats = first / (np.sqrt(second) + 1e-12)
        return result


def train(
    samples: Samples,
    start: Floats,
    start_classes: Indices,
    *,
    metric: str,
    epochs: int,
    random: np.random.RandomState,
    weights: Floats,
    learn_relevances: bool = False,
) -> Trained:
    """Move prototypes so that those of a sample's own class are nearer than all others.

    The loss of a sample is a logistic function of ``(d1 - d2) / (d1 + d2)``, its distances to the nearest prototype of
    its own class and of any other (Sato and Yamada, 1995). Distances are those of the chip: sample and prototype are
    rounded and clipped. The gradient passes through the rounding as if it were not there (straight-through estimator,
    Bengio et al., 2013), and prototypes are kept in the chip's range after each step.

    Parameters
    ----------
    samples
        Training data.
    start, start_classes
        Prototypes to start from, shape (prototypes, features), and the class index of each.
    metric
        ``l1`` or ``l2``.
    epochs
        How often each sample is seen; more often if that is less than `MIN_STEPS` steps of `BATCH` samples.
    random
        Source of the order of samples and their jitter.
    weights
        Weight of each feature in the distance, shape (features,).
    learn_relevances
        Whether these are only where the weights start (Hammer and Villmann, 2002). Nothing is rounded then, as the
        levels are not known before.

    Returns
    -------
    Trained
        Prototypes and relevances; the start itself if there is only one class.
    """
    prototypes = start.astype(np.float64)
    logarithms = np.log(np.maximum(weights, 1e-12))
    count = len(samples.classes)
    if len(np.unique(start_classes)) < 2:
        return Trained(prototypes=prototypes, relevances=weights)
    adam, relevance_adam = _Adam(prototypes.shape), _Adam(logarithms.shape)
    steps = max(MIN_STEPS, -(-epochs * count // BATCH))
    own = samples.classes[:, None] == start_classes
    queue = np.zeros(0, np.intp)
    for step in range(steps):
        while len(queue) < BATCH:
            queue = np.concatenate([queue, random.permutation(count)])
        rows, queue = queue[:BATCH], queue[BATCH:]
        if learn_relevances:
            vectors, points = samples.levels[rows], prototypes
        else:
            jitter = random.uniform(-JITTER, JITTER, (BATCH, prototypes.shape[1]))
            vectors = np.clip(np.rint(samples.levels[rows] + jitter), 0, samples.largest)
            points = np.rint(prototypes)
        pair = _Pair.of(metric, vectors, points, weights, own[rows])
        pace = 0.5 * (1 + np.cos(np.pi * step / steps))
        prototypes -= pace * RATE * samples.largest * adam.step(pair.gradient(len(points), weights))
        np.clip(prototypes, 0, samples.largest, out=prototypes)
        if learn_relevances:
            logarithms -= pace * RELEVANCE_RATE * relevance_adam.step(pair.relevance_gradient() * weights)
            weights = np.exp(logarithms - logarithms.max())
            weights = weights / weights.mean()
    return Trained(prototypes=prototypes, relevances=weights)


@dataclass(frozen=True, eq=False, kw_only=True)
class _Pair:
    """The nearest prototype of each sample's own class and the nearest other one, and how they act on the loss."""

    own: NDArray[np.intp]
    other: NDArray[np.intp]
    #: Derivative of the loss by the distance of each.
    pull: Floats
    push: Floats
    #: Derivative of each component's term of the distance by the prototype, before weighting, and the term itself.
    own_slope: Floats
    other_slope: Floats
    own_terms: Floats
    other_terms: Floats

    @classmethod
    def of(cls, metric: str, vectors: Floats, points: Floats, weights: Floats, is_own: NDArray[np.bool_]) -> _Pair:
        roots = weights if metric == "l1" else np.sqrt(weights)
        all_distances = cdist(vectors * roots, points * roots, _NAMES[metric])
        own = np.where(is_own, all_distances, np.inf).argmin(axis=1)
        other = np.where(is_own, np.inf, all_distances).argmin(axis=1)
        rows = np.arange(len(vectors))
        near, far = all_distances[rows, own], all_distances[rows, other]
        total = near + far
        total[total == 0] = 1.0
        loss = 1 / (1 + np.exp(-STEEPNESS * (near - far) / total))
        slope = STEEPNESS * loss * (1 - loss) * 2 / total**2 / len(vectors)
        own_difference, other_difference = points[own] - vectors, points[other] - vectors
        absolute = metric == "l1"
        return cls(
            own=own,
            other=other,
            pull=slope * far,
            push=-slope * near,
            own_slope=np.sign(own_difference) if absolute else 2 * own_difference,
            other_slope=np.sign(other_difference) if absolute else 2 * other_difference,
            own_terms=np.abs(own_difference) if absolute else own_difference**2,
            other_terms=np.abs(other_difference) if absolute else other_difference**2,
        )

    def gradient(self, prototypes: int, weights: Floats) -> Floats:
        """Derivative of the mean loss by the prototypes, shape (prototypes, features)."""
        rows = np.arange(len(self.own))
        # A product with a matrix of one entry a row adds up rows by prototype faster than np.add.at.
        pull, push = np.zeros((len(rows), prototypes)), np.zeros((len(rows), prototypes))
        pull[rows, self.own], push[rows, self.other] = self.pull, self.push
        result: Floats = (pull.T @ self.own_slope + push.T @ self.other_slope) * weights
        return result

    def relevance_gradient(self) -> Floats:
        """Derivative of the mean loss by the weights, shape (features,)."""
        result: Floats = self.pull @ self.own_terms + self.push @ self.other_terms
        return result
