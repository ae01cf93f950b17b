"""`condense`: few prototypes in place of a whole training set."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prototile.arrays import to_array
from prototile.condensation import METHODS, Condensation
from prototile.distances import distances
from prototile.errors import InputError, UnsupportedModelError
from prototile.model import PrototypeModel
from prototile.quantised import check_bits
from prototile.training.centres import class_centres
from prototile.training.radii import held_out

#: Share of each class on which the accuracy is measured; the prototypes for it are made of the others.
HELD_OUT = 0.25
#: Points of the curve, of which each has half the prototypes of the next.
POINTS = 5
#: Bits of prototypes that are trained, unless others are asked for.
TRAINED_BITS = 4
#: Neighbours that decide whether a sample is kept by ``edited``.
_EDITING_NEIGHBOURS = 3
#: Runs of k-means, of which the best is taken.
_STARTS = 5
#: What scikit-learn calls the metrics.
_NAMES = {"l1": "manhattan", "l2": "euclidean", "linf": "chebyshev"}


def condense(
    model: Any,
    y: Any = None,
    *,
    count: int | None = None,
    method: str = "kmeans",
    metric: str = "l1",
    bits: int = TRAINED_BITS,
    random_state: int = 0,
    trust_pickle: bool = False,
) -> PrototypeModel:
    """Put few prototypes in place of many samples.

    The accuracy that this costs is measured, always, on a quarter of the samples that is held out, with prototypes made
    of the other three quarters; the prototypes that are returned are made of all. The result tells of it in its
    `condensation`, reports of its designs too, and explanations name the samples that a prototype stands for.

    Parameters
    ----------
    model
        A fitted ``KNeighborsClassifier``, a Pipeline that ends in one, a `PrototypeModel` of samples or a path to a
        model file; or the samples themselves, shape (samples, features), with their labels as `y`.
    y
        Labels of samples, shape (samples,); None if `model` has some.
    count
        Prototypes, for all classes together, divided evenly among them: a class with fewer samples gets one for each.
        None: as many as the method keeps (``condensed`` and ``edited`` only).
    method
        - ``"kmeans"``: centres of each class by k-means.
        - ``"kmedoids"``: samples of each class that are nearest to its others, by FasterPAM in the model's metric;
          needs the library kmedoids.
        - ``"lvq"``: trained at `bits`, as `PrototypeGridClassifier` does with one step for all features; l1 and l2.
        - ``"condensed"``: samples with which 1-nearest-neighbour still gets all samples right, ties aside (Hart, 1968).
          How many these are the data say; more than `count` are refused.
        - ``"edited"``: samples that 2 of their 3 nearest neighbours contradict are removed (Wilson, 1972); what is left
          is given to k-means if there is a `count`. Needs the library imbalanced-learn.
    metric
        Of samples that are given as arrays; a model has its own.
    bits
        For ``"lvq"``: bits of a component, 1 to 16.
    random_state
        Seed of every random choice.
    trust_pickle
        Whether a pickle file may be loaded, which runs whatever code it holds.

    Returns
    -------
    PrototypeModel
        With one vote, whatever the model had: prototypes average as neighbours do.

    Raises
    ------
    InputError
        If a parameter is out of its range, there are fewer samples than prototypes or fewer prototypes than classes, or
        a library is not installed.
    UnsupportedModelError
        If the model's prototypes are no samples: it has radii, masks, weights, or the metric is another.
    """
    if method not in METHODS:
        raise InputError(f"method must be one of {', '.join(METHODS)}, not {method!r}.")
    check_bits(bits)
    source = _samples_of(model, y, metric, trust_pickle)
    if method == "lvq" and source.metric == "linf":
        raise UnsupportedModelError("method 'lvq' trains for the metrics l1 and l2, not for linf; use 'kmeans'.")
    wanted = _checked_count(count, method, source)
    task = _Task(method=method, metric=source.metric, classes=source.classes, bits=bits, seed=random_state)
    Z, classes = source.prototypes.astype(np.float64), source.class_indices
    if source.in_chip_units:
        task = replace(task, whole=True)
    reduced = task.reduce(Z, classes, wanted)
    result = reduced if source.preprocess is None else reduced.preceded_by(source.preprocess)
    result = result.with_feature_names(source.feature_names)
    object.__setattr__(result, "condensation", _measure(task, source, reduced, wanted))
    return result


@dataclass(frozen=True, kw_only=True)
class _Task:
    """How samples in the model's space are condensed."""

    method: str
    metric: str
    classes: NDArray[Any]
    bits: int
    seed: int
    #: Whether the samples are in chip units, so that prototypes must be too.
    whole: bool = False

    def reduce(self, Z: NDArray[np.float64], classes: NDArray[np.int64], count: int | None) -> PrototypeModel:
        """Prototypes for the samples, without a condensation."""
        if self.method == "lvq":
            return self._trained(Z, classes, count)
        points, labels = self._points(Z, classes, count)
        if self.whole:
            points = np.rint(points).astype(np.int64)
        return PrototypeModel(points, self.classes[labels], self.metric, classes=self.classes)

    def _points(
        self, Z: NDArray[np.float64], classes: NDArray[np.int64], count: int | None
    ) -> tuple[NDArray[Any], NDArray[np.int64]]:
        random = np.random.RandomState(self.seed)
        if self.method in ("condensed", "edited"):
            kept = self._kept(Z, classes)
            Z, classes = Z[kept], classes[kept]
            if count is None or (self.method == "edited" and len(kept) <= count):
                return Z, classes
            if self.method == "condensed":
                if len(kept) > count:
                    raise InputError(
                        f"method 'condensed' keeps {len(kept)} samples, more than count={count}; ask for so many, or"
                        " use 'kmeans' or 'lvq'."
                    )
                return Z, classes
        assert count is not None
        counts = _divided(count, np.bincount(classes, minlength=len(self.classes)))
        if self.method == "kmedoids":
            return self._medoids(Z, classes, counts)
        return class_centres(Z, classes, counts, random, starts=_STARTS)

    def _kept(self, Z: NDArray[np.float64], classes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Samples that condensing or editing keeps, ascending."""
        if len(np.unique(classes)) < 2:
            raise InputError(f"method {self.method!r} needs samples of two classes at least; use 'kmeans'.")
        if self.method == "condensed":
            return _needed(Z, classes, self.metric, np.random.RandomState(self.seed))
        try:
            from imblearn.under_sampling import EditedNearestNeighbours
        except ImportError as error:
            raise _missing(self.method, "imbalanced-learn") from error
        from sklearn.neighbors import NearestNeighbors

        if len(Z) <= _EDITING_NEIGHBOURS:
            raise InputError(f"method 'edited' needs more than {_EDITING_NEIGHBOURS} samples, not {len(Z)}.")
        sampler = EditedNearestNeighbours(
            sampling_strategy="all",
            # A sample itself is the first of its neighbours there.
            n_neighbors=NearestNeighbors(n_neighbors=_EDITING_NEIGHBOURS + 1, metric=_NAMES[self.metric]),
            kind_sel="mode",
        )
        sampler.fit_resample(Z, classes)
        return np.unique(sampler.sample_indices_).astype(np.int64)

    def _medoids(
        self, Z: NDArray[np.float64], classes: NDArray[np.int64], counts: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        try:
            from kmedoids import fasterpam
        except ImportError as error:
            raise _missing(self.method, "kmedoids") from error
        from sklearn.metrics import pairwise_distances

        chosen = []
        for index in np.flatnonzero(counts):
            members = np.flatnonzero(classes == index)
            # Duplicates would be medoids of nothing.
            members = members[np.unique(Z[members], axis=0, return_index=True)[1]]
            number = min(int(counts[index]), len(members))
            if number < len(members):
                between = pairwise_distances(Z[members], metric=_NAMES[self.metric])
                members = members[np.sort(fasterpam(between, number, random_state=self.seed, n_cpu=1).medoids)]
            chosen.append(members)
        rows = np.concatenate(chosen)
        return Z[rows], classes[rows]

    def _trained(self, Z: NDArray[np.float64], classes: NDArray[np.int64], count: int | None) -> PrototypeModel:
        from prototile.training.classifier import PrototypeGridClassifier

        assert count is not None
        samples = np.bincount(classes, minlength=len(self.classes))
        counts = _divided(count, samples)
        trained = PrototypeGridClassifier(
            counts[samples > 0].tolist(),
            self.metric,
            self.bits,
            scaling="common",
            random_state=self.seed,
        ).fit(Z, classes)
        given = trained.to_prototype_model()
        labels = self.classes[given.labels]
        return PrototypeModel(
            given.prototypes,
            labels,
            self.metric,
            classes=self.classes,
            preprocess=given.preprocess,
            bits=given.bits,
        )


def _needed(
    Z: NDArray[np.float64], classes: NDArray[np.int64], metric: str, random: np.random.RandomState
) -> NDArray[np.int64]:
    """Samples with which the nearest one has the right class for all, ascending (Hart, 1968).

    Own code, as imbalanced-learn compares each class with the smallest one only: with three classes or more most
    samples that it leaves out are then wrong.
    """
    order = random.permutation(len(Z))
    kept = np.zeros(len(Z), np.bool_)
    nearest, found = np.full(len(Z), np.inf), np.full(len(Z), -1)
    added = True
    while added:
        added = False
        for row in order:
            if found[row] == classes[row] or kept[row]:
                continue
            between = distances(metric, Z[row : row + 1], Z)[0]
            closer = between < nearest
            nearest[closer], found[closer] = between[closer], classes[row]
            kept[row] = added = True
    return np.flatnonzero(kept).astype(np.int64)


def _missing(method: str, library: str) -> InputError:
    return InputError(f"method {method!r} needs the library {library}; install it with pip install {library}.")


def _samples_of(model: Any, y: Any, metric: str, trust_pickle: bool) -> PrototypeModel:
    """The samples as prototypes."""
    if y is not None:
        if hasattr(model, "fit") or isinstance(model, (PrototypeModel, str, os.PathLike)):
            raise InputError("y labels samples that are given as an array, but a model has labels; leave y out.")
        names = getattr(model, "columns", None)
        names = None if names is None or not all(isinstance(name, str) for name in names) else tuple(names)
        source = PrototypeModel(to_array(model, "X").astype(np.float64), y, metric, feature_names=names)
    elif isinstance(model, (str, os.PathLike)):
        from prototile.files import load_model

        source = load_model(model, trust_pickle=trust_pickle)
    elif hasattr(model, "shape") or isinstance(model, (list, tuple)):
        raise InputError("samples need labels; pass them as y.")
    else:
        from prototile.frontends import to_prototype_model

        source = to_prototype_model(model)
    if source.metric not in _NAMES:
        raise UnsupportedModelError(
            f"samples of the metrics {', '.join(_NAMES)} can be condensed, but not of {source.metric!r}; leave out"
            " condensing."
        )
    for name in ("radii", "masks", "weights", "min_margin", "condensation"):
        if getattr(source, name) is not None:
            raise UnsupportedModelError(
                f"the model has {name}, which would mean something else for other prototypes; condense a model"
                " without, or leave out condensing."
            )
    return source


def _checked_count(count: Any, method: str, source: PrototypeModel) -> int | None:
    if count is None:
        if method in ("condensed", "edited"):
            return None
        raise InputError(f"method {method!r} needs the number of prototypes; give count.")
    classes = len(np.unique(source.class_indices))
    if isinstance(count, (bool, np.bool_)) or not isinstance(count, (int, np.integer)) or count < classes:
        raise InputError(f"count must be an integer from {classes}, the number of classes, upwards, not {count!r}.")
    if count >= source.prototype_count:
        raise InputError(
            f"count is {count}, but there are {source.prototype_count} samples; give fewer, or leave out condensing."
        )
    return int(count)


def _divided(count: int, samples: NDArray[np.int64]) -> NDArray[np.int64]:
    """Prototypes of each class: as evenly as its samples allow, the rest to the classes with most samples."""
    counts = np.zeros_like(samples)
    while counts.sum() < min(count, samples.sum()):
        open_classes = np.flatnonzero(counts < samples)
        least = counts[open_classes].min()
        behind = open_classes[counts[open_classes] == least]
        behind = behind[np.argsort(-samples[behind], kind="stable")]
        counts[behind[: count - int(counts.sum())]] += 1
    return counts


def _measure(task: _Task, source: PrototypeModel, reduced: PrototypeModel, count: int | None) -> Condensation:
    Z, classes = source.prototypes.astype(np.float64), source.class_indices
    out = held_out(classes, HELD_OUT, np.random.RandomState(task.seed))
    # Classes too small for a quarter stay in what is kept.
    enough = out.any() and len(np.unique(classes[~out])) == len(np.unique(classes))
    kept, tested = (~out, out) if enough else (np.ones_like(out), np.ones_like(out))
    truth = source.classes[classes[tested]]

    def accuracy(model: PrototypeModel) -> float:
        return float(np.mean(model.predict(Z[tested]) == truth))

    def accuracy_with(number: int | None) -> float:
        return accuracy(task.reduce(Z[kept], classes[kept], number))

    before = PrototypeModel(Z[kept], source.labels[kept], task.metric, k=source.k, classes=source.classes)
    points = _curve_counts(count, len(np.unique(classes)), int(kept.sum()))
    curve = [accuracy_with(number) for number in points] if task.method != "condensed" else []
    # How many condensing keeps the data say, so its own count says nothing about a part of them.
    after = curve[-1] if curve else accuracy_with(None)
    if not curve:
        points = [reduced.prototype_count]
        curve = [after]
    part = f"{int(tested.sum())} samples held out, with prototypes of the other {int(kept.sum())}"
    return Condensation(
        condensed_by=task.method,
        members=_members(reduced, Z, classes),
        accuracy_before=accuracy(before),
        accuracy_after=after,
        measured_on=part if enough else "the samples themselves, which are too few to hold some out",
        curve_prototypes=points,
        curve_accuracies=curve,
    )


def _curve_counts(count: int | None, classes: int, samples: int) -> list[int]:
    """Numbers of prototypes up to `count`, each half of the next, none below one for each class."""
    if count is None:
        return []
    counts = [min(count, samples)]
    while len(counts) < POINTS and counts[-1] // 2 >= classes:
        counts.append(counts[-1] // 2)
    return counts[::-1]


def _members(reduced: PrototypeModel, Z: NDArray[np.float64], classes: NDArray[np.int64]) -> NDArray[np.int64]:
    """The nearest prototype of its class for each sample; -1 if the class has none."""
    members = np.empty(len(Z), np.int64)
    step = max(1, (1 << 22) // reduced.prototype_count)
    for start in range(0, len(Z), step):
        rows = slice(start, start + step)
        own = classes[rows][:, None] == reduced.class_indices
        nearest = np.where(own, reduced.distances(reduced.transform(Z[rows])), np.inf).argmin(axis=1)
        members[rows] = np.where(own.any(axis=1), nearest, -1)
    return members
