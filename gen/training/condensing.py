"""`condense`: few prototypes in place of a whole training set."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prototile.condensation import METHODS, SELF_SIZED, Condensation
from prototile.errors import InputError, UnsupportedModelError
from prototile.model import PrototypeModel
from prototile.quantised import check_bits
from prototile.training.centres import class_centres, class_medoids
from prototile.training.neighbours import condensed_neighbours, edited_neighbours
from prototile.training.radii import held_out

#: Share of each class on which accuracies are measured, with prototypes made of the others.
HELD_OUT = 0.25
#: Points of the curve are the number that is asked for, this many halves of it, and its double.
HALVES = 3
#: Bits of prototypes that are trained, unless others are asked for.
TRAINED_BITS = 4
#: Runs of k-means, of which the best is taken.
_STARTS = 3
_METRICS = ("l1", "l2", "linf")
#: Distances between samples and prototypes that are computed at once (32 MB).
_CHUNK_DISTANCES = 1 << 22


def condense(
    model: Any,
    count: int | None = None,
    *,
    method: str = "kmeans",
    bits: int = TRAINED_BITS,
    random_state: int = 0,
    trust_pickle: bool = False,
) -> PrototypeModel:
    """Put few prototypes in place of a whole training set, as a model of nearest neighbours keeps it.

    What it costs is measured, always: a quarter of each class is held out, prototypes are made of the other three
    quarters, `count` of them, fewer and more, and asked for the held-out samples, in floating point. The prototypes
    that are returned are then made of all samples. The result tells of it in its `condensation`, reports of its designs
    show it, and their explanations name the training samples that a prototype stands for.

    Parameters
    ----------
    model
        A fitted ``KNeighborsClassifier``, a Pipeline that ends in one, a path to a model file, or a `PrototypeModel`
        whose prototypes are samples.
    count
        Prototypes, of all classes together. They are divided evenly; a class with fewer samples gets one for each.
        Equal samples make one prototype, so there can be fewer. None: for methods that find it out themselves.
    method
        - ``"kmeans"``: centres of each class by k-means.
        - ``"kmedoids"``: samples of each class that are nearest to its others in the model's metric, by FasterPAM;
          needs the library kmedoids.
        - ``"lvq"``: trained at `bits`, as `PrototypeGridClassifier` does with one step for all features; l1 and l2.
        - ``"condensed"``: samples with which the nearest one is right for all others, ties aside (Hart, 1968). It finds
          out itself how many these are.
        - ``"edited"``: all samples but those that most of their 3 nearest neighbours contradict (Wilson, 1972). It
          finds out itself how many these are: mostly nearly all. Needs the library imbalanced-learn.
        - ``"edited-kmeans"``: centres of each class by k-means, of the samples that ``"edited"`` keeps.
    bits
        For ``"lvq"``: bits of a component, 1 to 16.
    random_state
        Seed of every random choice.
    trust_pickle
        Whether a pickle file may be loaded, which runs whatever code it holds.

    Returns
    -------
    PrototypeModel
        With the metric, the classes and the preprocessing of the model. One prototype decides, however many neighbours
        voted before: prototypes average as votes do.

    Raises
    ------
    InputError
        If a parameter is out of its range or is none of the method's, there are no more samples than prototypes or
        fewer prototypes than classes, or a library is not installed.
    UnsupportedModelError
        If the model's prototypes are no training samples, its metric is none of l1, l2 and linf, or it has radii,
        masks or weights.
    """
    if not isinstance(method, str) or method not in METHODS:
        raise InputError(f"method must be one of {', '.join(METHODS)}, not {method!r}.")
    check_bits(bits)
    _check_seed(random_state)
    source = _samples_of(model, trust_pickle)
    _check_method(method, source)
    task = _Task(source=source, method=method, bits=bits, seed=int(random_state))
    made = task.made_of(np.arange(source.prototype_count), _checked_count(count, method, source))
    lost = np.setdiff1d(source.class_indices, made.class_indices)
    if lost.size:
        raise InputError(
            f"method {method!r} removes all samples of the class {source.classes[lost].tolist()[0]!r}, as their"
            " neighbours are of other classes; use 'kmeans'."
        )
    result = made if source.preprocess is None else made.preceded_by(source.preprocess)
    condensation = Condensation(condensed_by=method, members=_members(source, made), **_measured(task, count))
    return result.with_feature_names(source.feature_names).with_condensation(condensation)


@dataclass(frozen=True, kw_only=True)
class _Task:
    """How samples become prototypes, all of them or a part."""

    source: PrototypeModel
    method: str
    bits: int
    seed: int

    def made_of(self, rows: NDArray[np.intp], count: int | None) -> PrototypeModel:
        """Prototypes made of some samples, for vectors in the space of the samples.

        The count is None if the method finds it. A class of which the method removes all samples has no prototype.
        """
        Z, classes = self.source.prototypes[rows].astype(np.float64), self.source.class_indices[rows]
        if self.method in ("edited", "edited-kmeans"):
            kept = edited_neighbours(Z, classes, self.source.metric)
        elif self.method == "condensed":
            kept = condensed_neighbours(Z, classes, self.source.metric, np.random.RandomState(self.seed))
        else:
            kept = np.arange(len(Z))
        Z, classes = Z[kept], classes[kept]
        if count is None:
            return self._model(Z, classes)
        counts = divided(count, np.bincount(classes, minlength=self.source.class_count))
        if self.method == "lvq":
            return self._trained(Z, classes, counts)
        if self.method == "kmedoids":
            medoids = class_medoids(Z, classes, counts, self.source.metric, self.seed)
            return self._model(Z[medoids], classes[medoids])
        return self._model(*class_centres(Z, classes, counts, np.random.RandomState(self.seed), starts=_STARTS))

    def _model(self, points: NDArray[np.float64], classes: NDArray[np.int64]) -> PrototypeModel:
        source = self.source
        values = np.rint(points).astype(np.int64) if source.in_chip_units else points
        return PrototypeModel(values, source.classes[classes], source.metric, classes=source.classes)

    def _trained(self, Z: NDArray[np.float64], classes: NDArray[np.int64], counts: NDArray[np.int64]) -> PrototypeModel:
        from prototile.training.classifier import PrototypeGridClassifier

        source = self.source
        trained = PrototypeGridClassifier(
            counts[counts > 0], source.metric, self.bits, scaling="common", random_state=self.seed
        ).fit(Z, classes)
        given = trained.to_prototype_model()
        return PrototypeModel(
            given.prototypes,
            source.classes[given.labels],
            source.metric,
            classes=source.classes,
            preprocess=given.preprocess,
            bits=given.bits,
        )


def divided(count: int, samples: NDArray[np.int64]) -> NDArray[np.int64]:
    """Prototypes of each class: as evenly as its samples allow, the rest to the classes with most samples.

    Parameters
    ----------
    count
        Of all classes together.
    samples
        Of each class, shape (classes,).

    Returns
    -------
    ndarray of shape (classes,)
        Their sum is `count`, or that of `samples` if it is smaller.
    """
    counts = np.zeros_like(samples)
    while counts.sum() < min(count, samples.sum()):
        open_classes = np.flatnonzero(counts < samples)
        least = counts[open_classes].min()
        behind = open_classes[counts[open_classes] == least]
        behind = behind[np.argsort(-samples[behind], kind="stable")]
        counts[behind[: count - int(counts.sum())]] += 1
    return counts


def _check_seed(seed: Any) -> None:
    if isinstance(seed, (bool, np.bool_)) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 1 << 32:
        raise InputError(f"random_state must be an integer from 0 to {(1 << 32) - 1}, not {seed!r}.")


def _samples_of(model: Any, trust_pickle: bool) -> PrototypeModel:
    """The samples as prototypes."""
    if isinstance(model, (str, os.PathLike)):
        from prototile.files import load_model

        source = load_model(model, trust_pickle=trust_pickle)
    elif hasattr(model, "shape") or isinstance(model, (list, tuple)):
        raise InputError(
            "an array alone is no model to condense; give PrototypeModel(X, y, metric) or a fitted"
            " KNeighborsClassifier."
        )
    else:
        from prototile.frontends import to_prototype_model

        source = to_prototype_model(model)
    if source.condensation is not None:
        raise UnsupportedModelError(
            f"the model was condensed already, from {source.condensation.samples} samples; condense the model that has"
            " all of these."
        )
    if source.trained or source.bits is not None:
        raise UnsupportedModelError(
            "the model's prototypes were trained and are no samples, so they cannot be condensed; train fewer of them,"
            " or give a KNeighborsClassifier."
        )
    if source.metric not in _METRICS:
        raise UnsupportedModelError(
            f"samples with the metrics {', '.join(_METRICS)} can be condensed, but not with {source.metric!r}; convert"
            " the model as it is."
        )
    for name in ("radii", "masks", "weights", "min_margin"):
        if getattr(source, name) is not None:
            raise UnsupportedModelError(
                f"the model has {name}, which say nothing about other prototypes; leave them out, or convert the model"
                " as it is."
            )
    return source


def _check_method(method: str, source: PrototypeModel) -> None:
    if method == "lvq" and source.metric == "linf":
        raise UnsupportedModelError("method 'lvq' trains for the metrics l1 and l2, not for linf; use 'kmeans'.")
    if method in (*SELF_SIZED, "edited-kmeans") and len(np.unique(source.class_indices)) < 2:
        raise InputError(
            f"method {method!r} compares samples of two classes and more, but the model has one; use 'kmeans'."
        )


def _checked_count(count: Any, method: str, source: PrototypeModel) -> int | None:
    if method in SELF_SIZED:
        if count is None:
            return None
        others = ", ".join(repr(other) for other in METHODS if other not in SELF_SIZED)
        raise InputError(
            f"method {method!r} finds out itself how many samples it keeps, so it takes no number of prototypes such as"
            f" {count!r}; leave it out, or use one of {others}."
        )
    if count is None:
        raise InputError(f"method {method!r} needs the number of prototypes; give count=N (--prototypes N).")
    if isinstance(count, (bool, np.bool_)) or not isinstance(count, (int, np.integer)):
        raise InputError(f"the number of prototypes must be an integer, not {count!r}.")
    classes = len(np.unique(source.class_indices))
    if classes == source.prototype_count:
        raise InputError(f"each of the {classes} samples has a class of its own, so none can stand for another.")
    if not classes <= count < source.prototype_count:
        raise InputError(
            f"{source.prototype_count} samples of {classes} classes can be condensed to {classes} up to"
            f" {source.prototype_count - 1} prototypes, not to {count}; give a number between."
        )
    return int(count)


def _measured(task: _Task, count: int | None) -> dict[str, Any]:
    """What `Condensation` tells of accuracies; empty if there are too few samples to hold some out."""
    source = task.source
    out = held_out(source.class_indices, HELD_OUT, np.random.RandomState(task.seed))
    if not out.any():
        return {}
    tested, kept = np.flatnonzero(out), np.flatnonzero(~out)

    def accuracy(model: PrototypeModel) -> float:
        return float(np.mean(model.predict(source.prototypes[tested]) == source.labels[tested]))

    before = PrototypeModel(
        source.prototypes[kept], source.labels[kept], source.metric, k=min(source.k, len(kept)), classes=source.classes
    )
    # The numbers of prototypes that were made, which copies of samples can make fewer than were asked for.
    curve: dict[int, float] = {}
    chosen = 0
    for number in _numbers(count, len(np.unique(source.class_indices)), len(kept)):
        made = task.made_of(kept, number)
        curve.setdefault(made.prototype_count, accuracy(made))
        if number is None or count is None or number <= count:
            chosen = made.prototype_count
    numbers = sorted(curve)
    return {
        "held_out": len(tested),
        "accuracy_before": accuracy(before),
        "curve_prototypes": numbers,
        "curve_accuracies": [curve[number] for number in numbers],
        "chosen": numbers.index(chosen),
    }


def _numbers(count: int | None, classes: int, samples: int) -> Sequence[int | None]:
    """Numbers of prototypes on the curve, ascending; None for a method that finds it itself."""
    if count is None:
        return [None]
    numbers = {min(count, samples), min(2 * count, samples), *(count >> halves for halves in range(1, HALVES + 1))}
    return sorted(number for number in numbers if classes <= number <= samples)


def _members(source: PrototypeModel, made: PrototypeModel) -> NDArray[np.int64]:
    """The nearest prototype of its class for each sample."""
    members = np.empty(source.prototype_count, np.int64)
    step = max(1, _CHUNK_DISTANCES // made.prototype_count)
    for start in range(0, len(members), step):
        rows = slice(start, start + step)
        own = source.class_indices[rows][:, None] == made.class_indices
        between = made.distances(made.transform(source.prototypes[rows]))
        members[rows] = np.where(own, between, np.inf).argmin(axis=1)
    return members
