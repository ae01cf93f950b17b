"""The prototype model that everything is generated from, in the user's own numbers and labels."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prototile.arrays import Matrix, check_columns, frozen, to_array, to_matrix, to_numbers
from prototile.condensation import Condensation
from prototile.config import MAX_K, METRICS
from prototile.distances import distances
from prototile.errors import InputError, UnsupportedModelError
from prototile.maps import AffineMap, Map, MatrixMap
from prototile.quantised import MAX_BITS
from prototile.record import Status
from prototile.scores import AdditiveScores
from prototile.values import checked_masks, checked_values, checked_weights

#: Names under which users know the metrics, and what the contract calls them.
METRIC_NAMES = {
    "l1": "l1",
    "manhattan": "l1",
    "cityblock": "l1",
    "l2": "l2",
    "sqeuclidean": "l2",
    "euclidean": "l2",
    "linf": "linf",
    "chebyshev": "linf",
    "maximum": "linf",
    "hamming": "hamming",
    "box": "box",
    "table": "table",
}
#: Chunks of the float reference hold at most this many distances (32 MB).
_CHUNK_DISTANCES = 1 << 22

_INT64_MAX = int(np.iinfo(np.int64).max)
#: Up to here each integer is a float64 of its own.
_EXACT_FLOAT = 2**53


def canonical_metric(metric: Any, where: str = "PrototypeModel", supported: Sequence[str] = METRICS) -> str:
    """Return what the contract calls a metric.

    Parameters
    ----------
    metric
        Any name of `METRIC_NAMES`.
    where
        What has the metric, for the message.
    supported
        Metrics that are taken there; an estimator may mean another one by the same name.

    Raises
    ------
    UnsupportedModelError
        If the metric is another one.
    """
    if isinstance(metric, str) and METRIC_NAMES.get(metric) in supported:
        return METRIC_NAMES[metric]
    raise UnsupportedModelError(
        f"{where} has the metric {metric!r}, but the chip computes {_listed(supported)} only; use one of these."
    )


def _listed(metrics: Sequence[str]) -> str:
    """Metrics with their other names."""
    texts = []
    for metric in metrics:
        names = [name for name, meant in METRIC_NAMES.items() if meant == metric and name != metric]
        texts.append(f"{metric} ({', '.join(names)})" if names else metric)
    return ", ".join(texts[:-1]) + f" and {texts[-1]}"


@dataclass(frozen=True, eq=False, init=False)
class Levels:
    """Where the levels of tables lie: level n of component d is at ``offset[d] + n * step[d]``.

    Parameters
    ----------
    offset, step
        One finite number per feature, shape (features,); steps are positive.
    open_ended
        Features whose lowest and highest level stand for all that lies beyond them too: nothing is lost there, and
        nothing counts as clipped. Shape (features,); None: no feature.

    Raises
    ------
    InputError
        If shapes differ or a number is out of its range.
    """

    offset: NDArray[np.float64]
    step: NDArray[np.float64]
    open_ended: NDArray[np.bool_]

    def __init__(self, offset: ArrayLike, step: ArrayLike, open_ended: ArrayLike | None = None) -> None:
        offsets, steps = np.asarray(offset, np.float64), np.asarray(step, np.float64)
        ends = np.zeros(offsets.shape, np.bool_) if open_ended is None else np.asarray(open_ended).astype(np.bool_)
        if offsets.ndim != 1 or not offsets.size or steps.shape != offsets.shape or ends.shape != offsets.shape:
            raise InputError(
                "offset, step and open_ended of levels must have one value per feature, not the shapes"
                f" {offsets.shape}, {steps.shape} and {ends.shape}."
            )
        if not (np.isfinite(offsets).all() and np.isfinite(steps).all() and (steps > 0).all()):
            raise InputError("offsets of levels must be finite numbers, and steps finite and positive.")
        object.__setattr__(self, "offset", frozen(offsets))
        object.__setattr__(self, "step", frozen(steps))
        object.__setattr__(self, "open_ended", frozen(ends))

    @property
    def features(self) -> int:
        """Components of a vector."""
        return int(self.offset.size)

    def __call__(self, Z: Matrix) -> NDArray[np.float64]:
        """Levels of vectors (rows, features), neither rounded nor clipped; infinite beyond float64."""
        with np.errstate(over="ignore"):
            levels: NDArray[np.float64] = (Z - self.offset) / self.step
        return levels


class TableMaker(Protocol):
    """Makes tables of scores that leave the levels open, as those of densities do."""

    @property
    def widths(self) -> tuple[int, ...]:
        """Bits of a level that there can be, ascending."""
        ...

    @property
    def bits(self) -> int:
        """Bits of a level if nothing else tells."""
        ...

    def make(self, bits: int, Z: NDArray[np.float64] | None = None) -> PrototypeModel:
        """Tables with so many bits, for vectors like those of Z (rows, features) if there are some."""
        ...

    def after(self, before: AffineMap) -> TableMaker:
        """The maker for vectors before an affine map without columns, none of whose scales is 0."""
        ...

    def labelled(self, labels: NDArray[Any]) -> TableMaker:
        """The maker of the same tables with other labels, one for each."""
        ...


@dataclass(frozen=True, eq=False, init=False, repr=False)
class PrototypeModel:
    """Labelled prototypes with a metric: a nearest-prototype classifier, immutable and checked.

    Parameters
    ----------
    prototypes
        Array of shape (prototypes, features). An integer (or boolean) array is in chip units already: offset 0,
        step 1, no negative value. A float array is in model units and will be quantised. Three metrics differ:

        - ``"hamming"``: whole numbers that are not negative, of any type, in chip units.
        - ``"box"``: shape (prototypes, features, 2), lower and upper bound of each component. Integers, in chip units,
          are closed bounds, ``lower <= upper + 1``, where equality makes an empty box. Floats are half-open intervals
          (lower, upper], as a leaf of a decision tree has them; ``-inf`` and ``inf`` are open ends.
        - ``"table"``: integers of the shape (prototypes, features, levels), what each value 0 .. levels - 1 of a
          component adds to the distance, 0 .. 65535; levels is a power of two, ``2**bits``. In chip units.
    labels
        One label per prototype: integers (of at most 64 bits with a sign), strings, booleans, or floats with integer
        values.
    metric
        How far a vector is from a prototype:

        - ``"l1"`` (``manhattan``, ``cityblock``): sum of the absolute differences,
        - ``"l2"`` (``sqeuclidean``, ``euclidean``): sum of the squared differences,
        - ``"linf"`` (``chebyshev``, ``maximum``): largest absolute difference,
        - ``"hamming"``: bits in which the components differ,
        - ``"box"``: sum of what the components lie outside of the bounds,
        - ``"table"``: sum of the entries that the components select.
    radii
        Influence fields, in units of the distance (for l2: of the **squared** distance); a prototype fires if its
        distance is smaller. None: all fire. Otherwise

        - a number: one for all,
        - a dict from label to number: one per class (every class that has prototypes),
        - an array of shape (prototypes,) or (prototypes, 1): one per prototype,
        - an array of shape (classes,) or (1, classes): one per class, in the order of `classes`.

        With as many classes as prototypes a flat array could mean both. It is taken if both give every prototype
        the same radius, and refused otherwise: use the two-dimensional shapes or a dict.
    k
        Neighbours that vote, 1 to 15 and no more than prototypes: the class with most votes among the first `k` that
        fire is the answer (among the first `k` of all, if none fires); of equal votes, the one that comes first in
        `classes`.
    classes
        The label space in the order of the class indices; default: the sorted distinct labels, as in scikit-learn.
        Classes without a prototype are allowed.
    min_margin
        Answers with a smaller margin are uncertain; in units of the distance. None: no such threshold.
    reject
        Label to predict when nothing fires; None: the label of the nearest prototype, or the vote of the `k` nearest.
    preprocess
        Map from the user's input to the model's space, an `AffineMap` or a `MatrixMap`; None: they are the same.
    feature_names
        Names of the user's features in their order, one string each. A data frame with other columns, or with the same
        in another order, is refused then, as in scikit-learn; arrays without names are taken. None: there are no names.
    radii_inclusive
        Whether a prototype also fires at exactly its radius, as in ``RadiusNeighborsClassifier``.
    masks
        Shape (prototypes, features), True where a component of a prototype counts; for l1, l2, linf and hamming.
        None: all count.
    weights
        Shape (prototypes, features), local weights: a component's term of the distance counts so many times; for l1
        and l2. Powers of two from 1 to 32768. None: all are 1.
    step_per_feature
        Whether each component may be quantised with a step of its own; for boxes in model units without `radii` and
        `min_margin`. Which box holds a vector does not depend on it, but distances outside of a box then count levels,
        which are of different widths. Front ends of trees set it; False: one step, as the metric says.
    levels
        For ``table``: where the levels lie. None: component values 0, 1, 2 ... are the levels themselves.
    original
        For ``table``: the scores that the tables are made from, one class for each prototype. `predict` answers by
        them. None: the tables are the model.
    maker
        For ``table``: makes tables of other bits, or for other data. It is no part of a file. None: there is no choice.
    bits
        Bits of a component that a model in chip units was trained for, 1 to 16, for l1, l2 and linf. Vectors are
        rounded and clipped to these levels as part of the model. None: what prototypes and calibration data need.
    trained
        Whether the prototypes were trained, as centres of clusters are, and are no training samples, as those of
        nearest neighbours. It plays no part in an answer: `prototile.condense` takes samples only.
    condensation
        Which samples each prototype stands for, and what it cost to have so few, as `prototile.condense` tells it. It
        plays no part in an answer. None: not known.

    Attributes
    ----------
    prototypes : ndarray of shape (prototypes, features), or (prototypes, features, n)
        int64 (chip units) or float64, read-only.
    labels : ndarray of shape (prototypes,)
        Labels as given.
    class_indices : ndarray of shape (prototypes,)
        ``classes[class_indices] == labels``; int64.
    radii : ndarray of shape (prototypes,), or None
        float64, one per prototype whatever was given.
    radii_kind : str
        ``none``, ``common``, ``class`` or ``prototype``.
    masks : bool ndarray of shape (prototypes, features), or None
        None also if all components count.
    weights : ndarray of shape (prototypes, features), or None
        int64; None also if all are 1.

    Raises
    ------
    InputError
        If an array or a number has the wrong shape, kind or value.
    UnsupportedModelError
        If metric, `k`, masks or weights are none that the chip computes.
    """

    prototypes: Matrix
    labels: NDArray[Any]
    class_indices: NDArray[np.int64]
    classes: NDArray[Any]
    metric: str
    radii: NDArray[np.float64] | None
    radii_kind: str
    radii_inclusive: bool
    k: int
    min_margin: float | None
    reject: Any
    preprocess: Map | None
    feature_names: tuple[str, ...] | None
    masks: NDArray[np.bool_] | None
    weights: NDArray[np.int64] | None
    step_per_feature: bool
    levels: Levels | None
    original: AdditiveScores | None
    maker: TableMaker | None
    bits: int | None
    trained: bool
    condensation: Condensation | None

    def __init__(
        self,
        prototypes: Any,
        labels: Any,
        metric: str = "l1",
        radii: Any = None,
        k: int = 1,
        classes: Any = None,
        min_margin: float | None = None,
        reject: Any = None,
        *,
        preprocess: Map | None = None,
        feature_names: Any = None,
        radii_inclusive: bool = False,
        masks: Any = None,
        weights: Any = None,
        step_per_feature: bool = False,
        levels: Levels | None = None,
        original: AdditiveScores | None = None,
        maker: TableMaker | None = None,
        bits: int | None = None,
        trained: bool = False,
        condensation: Condensation | None = None,
    ) -> None:
        known = canonical_metric(metric)
        points = checked_values(prototypes, known)
        names = _checked_labels(labels, "labels")
        if len(names) != len(points):
            raise InputError(f"there are {len(points)} prototypes but {len(names)} labels; give one label each.")
        space = np.unique(names) if classes is None else _checked_classes(classes)
        indices = _class_indices(names, space)
        _check_units(metric, radii, min_margin)
        _check_k(k, len(points))
        counts, local = (
            checked_masks(masks, known, points.shape[:2]),
            checked_weights(weights, known, points.shape[:2]),
        )
        kind, radius = _radii_per_prototype(radii, indices, space)
        if preprocess is not None and not isinstance(preprocess, (AffineMap, MatrixMap)):
            raise InputError(f"preprocess must be an AffineMap, a MatrixMap or None, not {preprocess!r}.")
        for name, flag in (
            ("radii_inclusive", radii_inclusive),
            ("step_per_feature", step_per_feature),
            ("trained", trained),
        ):
            if not isinstance(flag, (bool, np.bool_)):
                raise InputError(f"{name} must be True or False, not {flag!r}.")
        if preprocess is not None and preprocess.features != points.shape[1]:
            raise InputError(
                f"the preprocessing has {preprocess.features} features, but the prototypes have {points.shape[1]}."
            )
        if step_per_feature:
            _check_steps(known, points, radii, min_margin)
        _check_tables(known, points, levels, original)
        _check_bits(bits, known, points)
        _check_condensation(condensation, len(points))
        values = {
            "prototypes": frozen(points),
            "labels": frozen(names),
            "class_indices": frozen(indices),
            "classes": frozen(space),
            "metric": known,
            "radii": None if radius is None else frozen(radius),
            "radii_kind": kind,
            "radii_inclusive": bool(radii_inclusive),
            "k": int(k),
            "min_margin": None if min_margin is None else _non_negative(min_margin, "min_margin"),
            "reject": None if reject is None else _checked_reject(reject, space),
            "preprocess": preprocess,
            "feature_names": _checked_names(
                feature_names, points.shape[1] if preprocess is None else preprocess.input_features
            ),
            "masks": None if counts is None else frozen(counts),
            "weights": None if local is None else frozen(local),
            "step_per_feature": bool(step_per_feature),
            "levels": levels,
            "original": original,
            "maker": maker,
            "bits": None if bits is None else int(bits),
            "trained": bool(trained),
            "condensation": condensation,
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        return (
            f"PrototypeModel({self.prototype_count} prototypes, {self.features} features, {self.class_count} classes,"
            f" metric={self.metric!r}, radii={self.radii_kind!r}{f', k={self.k}' if self.k > 1 else ''})"
        )

    @property
    def prototype_count(self) -> int:
        """Prototypes of the model."""
        return int(self.prototypes.shape[0])

    @property
    def features(self) -> int:
        """Components of a vector in the model's space, which the prototypes have too."""
        return int(self.prototypes.shape[1])

    @property
    def input_features(self) -> int:
        """Components of a vector of the user's, before preprocessing."""
        return self.features if self.preprocess is None else self.preprocess.input_features

    @property
    def class_count(self) -> int:
        """Classes of the label space."""
        return int(self.classes.size)

    @property
    def in_chip_units(self) -> bool:
        """Whether the prototypes are integers as the chip holds them."""
        return self.prototypes.dtype.kind == "i"

    def preceded_by(self, before: Map) -> PrototypeModel:
        """Return this model with `before` applied to its input first.

        Raises
        ------
        InputError
            If the numbers of features differ.
        """
        if before.features != self.input_features:
            of = "the prototypes have" if self.preprocess is None else "the preprocessing after it takes"
            raise InputError(f"the preprocessing has {before.features} features, but {of} {self.input_features}.")
        preprocess = before if self.preprocess is None else before.then(self.preprocess)
        own = self.preprocess is None or (isinstance(self.preprocess, AffineMap) and self.preprocess.is_selection)
        if self.maker is not None and own and isinstance(preprocess, AffineMap) and (preprocess.scale != 0).all():
            # Levels of the user's own numbers: integers can lie on them.
            selection, following = preprocess.split()
            maker = self.maker.after(following)
            model = copy(maker.make(maker.bits))
            object.__setattr__(model, "preprocess", selection)
            return model
        model = copy(self)
        object.__setattr__(model, "preprocess", preprocess)
        # They named what comes after `before`.
        return model.with_feature_names(None)

    def with_feature_names(self, names: Any) -> PrototypeModel:
        """Return this model with names of the user's features, or without any if `names` is None.

        Raises
        ------
        InputError
            If they are no strings, one for each feature.
        """
        model = copy(self)
        object.__setattr__(model, "feature_names", _checked_names(names, self.input_features))
        return model

    def with_condensation(self, condensation: Condensation | None) -> PrototypeModel:
        """Return this model with what is known of its condensation, or nothing if that is None.

        Raises
        ------
        InputError
            If it names a prototype that there is not.
        """
        _check_condensation(condensation, self.prototype_count)
        model = copy(self)
        object.__setattr__(model, "condensation", condensation)
        return model

    def with_labels(self, labels: Any) -> PrototypeModel:
        """Return this model with other labels, as for clusters and indexes, which know none.

        Parameters
        ----------
        labels
            One for each prototype; several may be equal. Their sorted distinct values become the classes.

        Raises
        ------
        InputError
            If there are more or fewer, or they are no labels.
        """
        derived = ("labels", "class_indices", "classes", "radii", "radii_kind")
        kept = {field.name: getattr(self, field.name) for field in fields(self) if field.name not in derived}
        radii = self.radii
        if radii is not None:
            # One for all stays one for all; those of classes are of each prototype, as classes are others now.
            radii = radii[0] if self.radii_kind == "common" else radii[:, None]
        model = PrototypeModel(labels=np.ravel(to_array(labels, "labels")), radii=radii, **kept)
        if self.maker is not None:
            object.__setattr__(model, "maker", self.maker.labelled(model.labels))
        return model

    def with_bits(self, bits: int, calibration: Any = None) -> PrototypeModel:
        """Return this model with tables of so many bits, made for the calibration data if there are some.

        Parameters
        ----------
        bits
            Of a level.
        calibration
            Vectors before preprocessing, shape (rows, features), or None.

        Raises
        ------
        InputError
            If its tables cannot have so many bits, or the data are unusable.
        """
        if self.maker is None:
            return self
        if bits not in self.maker.widths:
            listed = ", ".join(map(str, self.maker.widths))
            raise InputError(
                f"the tables of this model can have {listed} bits a level, not {bits!r}; use one of these."
            )
        Z = None if calibration is None else self.transform(calibration).astype(np.float64)
        model = self.maker.make(bits, Z)
        object.__setattr__(model, "preprocess", self.preprocess)
        return model.with_feature_names(self.feature_names)

    def transform(self, X: Any) -> Matrix:
        """Check the user's vectors and apply the preprocessing.

        Parameters
        ----------
        X
            Array-like of shape (rows, input features).

        Returns
        -------
        ndarray of shape (rows, features)
            Model-space vectors; int64 if X held integers and there is no preprocessing, else float64.

        Raises
        ------
        InputError
            If the shape is another, a value is not a finite number, or a data frame has other columns than
            `feature_names`.
        """
        check_columns(X, "X", self.feature_names)
        matrix = to_matrix(X, "X", features=self.input_features)
        return matrix if self.preprocess is None else self.preprocess(matrix)

    def distances(self, Z: Matrix) -> NDArray[np.float64]:
        """Distances in float64 of model-space vectors (rows, features) to all prototypes, shape (rows, prototypes)."""
        vectors = Z if self.levels is None else self.levels(Z)
        if self.bits is not None:
            vectors = np.clip(np.rint(vectors), 0, (1 << self.bits) - 1)
        return distances(self.metric, vectors, self.prototypes, self.masks, self.weights)

    def fires(self, distances: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell which prototypes fire at these distances, shape (rows, prototypes)."""
        if self.radii is None:
            return np.ones(distances.shape, dtype=np.bool_)
        fires: NDArray[np.bool_] = distances <= self.radii if self.radii_inclusive else distances < self.radii
        return fires

    def predict(self, X: Any) -> NDArray[Any]:
        """Labels by this model in float64, before any quantisation: what the chip is measured against.

        Where there is an `original`, by its scores, and not by the tables that were made from it.

        Parameters
        ----------
        X
            Array-like of shape (rows, input features), before preprocessing.

        Returns
        -------
        ndarray of shape (rows,)
            Labels, by the vote of the first `k` prototypes in the contract's order.

        Raises
        ------
        InputError
            If the shape is another or a value is not a finite number.
        """
        return self.predict_transformed(self.transform(X))

    def predict_transformed(self, Z: Matrix) -> NDArray[Any]:
        """As `predict`, of model-space vectors (rows, features)."""
        chunk = max(1, _CHUNK_DISTANCES // self.prototype_count)
        parts = [self._predict_chunk(Z[start : start + chunk]) for start in range(0, len(Z), chunk)]
        return np.concatenate(parts)

    def to_labels(self, label: NDArray[Any], status: NDArray[Any]) -> NDArray[Any]:
        """Translate the fields ``label`` and ``status`` of decision records into the user's labels.

        Parameters
        ----------
        label
            Class indices, shape (rows,).
        status
            `Status` values, shape (rows,).

        Returns
        -------
        ndarray of shape (rows,)
            Labels; `reject`, if there is one, where nothing fired.
        """
        predicted: NDArray[Any] = self.classes[label]
        if self.reject is None:
            return predicted
        reject = np.asarray([self.reject], dtype=object if predicted.dtype.kind == "O" else None)
        if predicted.dtype.kind == "u":
            # All labels fit into 64 bits with a sign; with a negative one NumPy would make floats of them.
            predicted = predicted.astype(np.int64)
        return np.where(np.asarray(status) == Status.UNKNOWN, reject, predicted)

    def decide_by(self, distances: NDArray[np.float64], fires: NDArray[np.bool_]) -> NDArray[Any]:
        """Labels by the first `k` prototypes in the order (not firing, distance, index).

        Parameters
        ----------
        distances, fires
            Shape (rows, prototypes). A prototype at an infinite distance has no vote, unless it is the first.

        Returns
        -------
        ndarray of shape (rows,)
            Labels; `reject`, if there is one, where nothing fires.
        """
        any_fires: NDArray[np.bool_] = np.asarray(fires.any(axis=1))
        ordered = np.where(fires | ~any_fires[:, None], distances, np.inf)
        status = np.where(any_fires, Status.IDENTIFIED, Status.UNKNOWN)
        return self.to_labels(self._elected(ordered), status)

    def _elected(self, distances: NDArray[np.float64]) -> NDArray[np.int64]:
        """Class indices by the vote of the `k` nearest; `distances` is overwritten."""
        rows = np.arange(len(distances))
        winner = distances.argmin(axis=1)
        votes = np.zeros((len(distances), self.class_count), dtype=np.int64)
        votes[rows, self.class_indices[winner]] = 1
        for _ in range(1, self.k):
            distances[rows, winner] = np.inf
            winner = distances.argmin(axis=1)
            votes[rows, self.class_indices[winner]] += np.isfinite(distances[rows, winner])
        elected: NDArray[np.int64] = votes.argmax(axis=1)
        return elected

    def _predict_chunk(self, Z: Matrix) -> NDArray[Any]:
        if self.original is not None:
            answers: NDArray[Any] = self.classes[self.class_indices[self.original(Z).argmax(axis=1)]]
            return answers
        distances = self.distances(Z)
        return self.decide_by(distances, self.fires(distances))


def _checked_labels(labels: Any, name: str) -> NDArray[Any]:
    if isinstance(labels, (list, tuple)) and len({_kind(label) for label in labels}) > 1:
        raise InputError(f"{name} must be all strings, all bytes or all numbers, not a mixture.")
    _check_ends(labels, name)
    array = to_array(labels, name)
    if array.ndim != 1:
        raise InputError(f"{name} must have one dimension, not the shape {array.shape}.")
    if array.size == 0:
        raise InputError(f"{name} must not be empty.")
    if array.dtype.kind == "f":
        unusable: NDArray[np.bool_] = np.asarray(~np.isfinite(array) | (array != np.rint(array)))
        if unusable.any():
            raise InputError(
                f"{name} must be classes, but {name}[{int(unusable.argmax())}] is {float(array[unusable][0])!r};"
                " give integers or strings."
            )
    elif array.dtype.kind == "O":
        kinds = {type(label) for label in array}
        texts = (all(issubclass(kind, text) for kind in kinds) for text in (str, bytes))
        if not (any(texts) or kinds <= {int} or kinds <= {bool}):
            listed = ", ".join(sorted(kind.__name__ for kind in kinds))
            raise InputError(
                f"{name} must be all integers, all strings, all bytes or all booleans, not values of type {listed}."
            )
    elif array.dtype.kind not in "biuUS":
        raise InputError(f"{name} must be integers, strings, bytes or booleans, not of type {array.dtype}.")
    _check_portable(array, name)
    return array


def _check_ends(labels: Any, name: str) -> None:
    """Refuse text that ends in a character which NumPy drops there, so that two labels can become one."""
    objects = labels.flat if isinstance(labels, np.ndarray) and labels.dtype.kind == "O" else labels
    for label in objects if isinstance(objects, (list, tuple, np.flatiter)) else ():
        if (isinstance(label, str) and "\0" in label) or (isinstance(label, bytes) and b"\0" in label):
            raise InputError(
                f"{name} must be text, but {label!r} holds the character NUL, which NumPy drops at the end; name it"
                " otherwise."
            )


def _check_portable(labels: NDArray[Any], name: str) -> None:
    """Refuse labels that a design's files, which are JSON and safetensors, cannot hold."""
    kind = _kind_of(labels)
    if kind != "number":
        broken = next((label for label in labels.tolist() if not _is_unicode(label)), None)
        if broken is not None:
            wrong = "holds a lone surrogate" if kind == "text" else "is no UTF-8"
            raise InputError(f"{name} must be valid Unicode, but {broken!r} {wrong}; name it otherwise.")
        return
    # Beyond 2**53 not every integer is a float64: two classes could have become one.
    limit = _EXACT_FLOAT if labels.dtype.kind == "f" else _INT64_MAX
    too_large = next((label for label in labels.tolist() if not -limit <= label <= limit), None)
    if too_large is not None:
        raise InputError(
            f"{name} must be integers that fit into 64 bits with a sign, but one is {too_large!r}; give them as text."
        )


def _is_unicode(text: str | bytes) -> bool:
    try:
        _ = text.decode() if isinstance(text, bytes) else text.encode()
    except UnicodeError:
        return False
    return True


def _checked_classes(classes: Any) -> NDArray[Any]:
    space = _checked_labels(classes, "classes")
    distinct, counts = np.unique(space, return_counts=True)
    if distinct.size != space.size:
        raise InputError(f"classes must be distinct, but {distinct[counts > 1][0].item()!r} is there twice.")
    return space


def _same_kind(first: NDArray[Any], second: NDArray[Any]) -> bool:
    """Whether labels of both arrays can be equal: NumPy would turn a number into a string to compare them."""
    return _kind_of(first) == _kind_of(second)


def _kind_of(labels: NDArray[Any]) -> str:
    return {"U": "text", "S": "bytes"}.get(labels.dtype.kind, _kind(labels.flat[0]))


def _kind(label: Any) -> str:
    return "text" if isinstance(label, str) else "bytes" if isinstance(label, bytes) else "number"


def _class_indices(labels: NDArray[Any], classes: NDArray[Any]) -> NDArray[np.int64]:
    if not _same_kind(labels, classes):
        raise InputError(f"labels are of type {labels.dtype}, but classes of type {classes.dtype}; use one kind.")
    order = np.argsort(classes, kind="stable")
    places = np.searchsorted(classes, labels, sorter=order)
    indices = order[np.minimum(places, classes.size - 1)]
    strange = np.asarray(classes[indices] != labels)
    if strange.any():
        raise InputError(
            f"the label {labels[strange].tolist()[0]!r} is not in classes {classes.tolist()!r}; add it there."
        )
    return indices.astype(np.int64)


def _checked_names(names: Any, features: int) -> tuple[str, ...] | None:
    if names is None:
        return None
    # Not as an array, which would turn a number among strings into one.
    listed = tuple(names) if isinstance(names, (list, tuple, np.ndarray)) and np.ndim(names) == 1 else ()
    if len(listed) != features or not all(isinstance(name, str) for name in listed):
        raise InputError(f"feature_names must be {features} strings, one for each feature, not {names!r}.")
    return tuple(str(name) for name in listed)


def _check_k(k: Any, prototype_count: int) -> None:
    if isinstance(k, (bool, np.bool_)) or not isinstance(k, (int, np.integer)) or k < 1:
        raise InputError(f"k must be a positive integer, not {k!r}.")
    if k > MAX_K:
        raise UnsupportedModelError(
            f"k must be at most {MAX_K}, not {k}, as the chip counts the votes of so many; use fewer neighbours, or k=1"
            " and prototile.condense, whose prototypes average as neighbours do."
        )
    if k > prototype_count:
        raise InputError(f"k is {k}, but there are only {prototype_count} prototypes to vote; use a smaller k.")


def _check_units(metric: Any, radii: Any, min_margin: Any) -> None:
    if metric == "euclidean" and (radii is not None or min_margin is not None):
        raise InputError(
            "radii and min_margin with metric 'euclidean' could be lengths or squared lengths;"
            " say metric='l2' and give them squared, as the chip compares them."
        )


def _check_steps(metric: str, points: Matrix, radii: Any, min_margin: Any) -> None:
    if metric != "box" or points.dtype.kind == "i":
        raise InputError(
            "step_per_feature is for boxes of floats: a step of its own would give each component another weight in the"
            f" metric {metric!r}, and integers are in chip units; scale the features instead."
        )
    if radii is not None or min_margin is not None:
        raise InputError(
            "radii and min_margin need one unit of distance, which there is not with step_per_feature; leave them out,"
            " or use one step."
        )


def _check_condensation(condensation: Any, prototypes: int) -> None:
    if condensation is None:
        return
    if not isinstance(condensation, Condensation):
        raise InputError(f"condensation must be a Condensation or None, not {condensation!r}.")
    largest = int(condensation.members.max())
    if largest >= prototypes:
        raise InputError(f"members name the prototype {largest}, but there are {prototypes}, counted from 0.")


def _check_bits(bits: Any, metric: str, points: Matrix) -> None:
    if bits is None:
        return
    if isinstance(bits, (bool, np.bool_)) or not isinstance(bits, (int, np.integer)) or not 1 <= bits <= MAX_BITS:
        raise InputError(f"bits must be an integer from 1 to {MAX_BITS} or None, not {bits!r}.")
    if metric not in ("l1", "l2", "linf") or points.dtype.kind != "i":
        raise InputError(
            f"bits are for integer prototypes with the metric l1, l2 or linf, not for {points.dtype} with {metric!r};"
            " leave them out."
        )
    if int(points.min()) < 0 or int(points.max()) >= 1 << bits:
        raise InputError(
            f"prototypes of {bits} bits must lie in 0 .. {(1 << bits) - 1}, not {int(points.min())} .."
            f" {int(points.max())}."
        )


def _check_tables(metric: str, points: Matrix, levels: Levels | None, original: AdditiveScores | None) -> None:
    for name, value, kind in (("levels", levels, Levels), ("original", original, AdditiveScores)):
        if value is None:
            continue
        if metric != "table" or not isinstance(value, kind):
            raise InputError(f"{name} must be {kind.__name__} of tables or None, not {value!r} for {metric!r}.")
        if value.features != points.shape[1]:
            raise InputError(f"{name} are of {value.features} features, but the tables of {points.shape[1]}.")
    if original is not None and len(original.intercepts) != len(points):
        raise InputError(f"there are scores of {len(original.intercepts)} classes, but {len(points)} tables.")


def _non_negative(value: Any, name: str) -> float:
    array = to_numbers(value, name)
    if array.ndim != 0:
        raise InputError(f"{name} must be one number, not an array of the shape {array.shape}.")
    number = float(array)
    if np.isnan(number) or number < 0:
        raise InputError(f"{name} must be a number that is not negative, not {number!r}.")
    return number


def _radii_per_prototype(
    radii: Any, indices: NDArray[np.int64], classes: NDArray[Any]
) -> tuple[str, NDArray[np.float64] | None]:
    """Return the kind of the radii and one radius per prototype."""
    count = len(indices)
    if radii is None:
        return "none", None
    if isinstance(radii, dict):
        return "class", _radii_of_dict(radii, indices, classes)[indices]
    values = to_numbers(radii, "radii").astype(np.float64)
    bad = np.atleast_1d(np.isnan(values) | (values < 0))
    if bad.any():
        raise InputError(
            f"radii must be numbers that are not negative, but one is {float(np.atleast_1d(values)[bad][0])!r}."
        )
    if values.ndim == 0:
        return "common", np.full(count, float(values))
    per_class = values.shape in {(classes.size,), (1, classes.size)}
    per_prototype = values.shape in {(count,), (count, 1)}
    flat = values.ravel()
    if per_class and per_prototype and not np.array_equal(flat[indices], flat):
        raise InputError(
            f"radii of the shape {values.shape} could be one per prototype or one per class, as there are {count} of"
            f" each; give the shape ({count}, 1) for prototypes, or (1, {count}) or a dict from label to radius"
            " for classes."
        )
    if per_class:
        return "class", flat[indices]
    if per_prototype:
        return "prototype", flat
    raise InputError(
        f"radii must be one number, one per class ({classes.size}) or one per prototype ({count}),"
        f" not an array of the shape {values.shape}."
    )


def _radii_of_dict(radii: dict[Any, Any], indices: NDArray[np.int64], classes: NDArray[Any]) -> NDArray[np.float64]:
    """Return one radius per class; 0 for classes that have neither prototypes nor an entry."""
    names = classes.tolist()
    strange = [label for label in radii if label not in names]
    if strange:
        raise InputError(f"radii name the class {strange[0]!r}, which the model does not have.")
    missing = [label for label in classes[np.unique(indices)].tolist() if label not in radii]
    if missing:
        raise InputError(f"radii name no radius for the class {missing[0]!r}; give one for each class.")
    return np.array([_non_negative(radii.get(label, 0), f"the radius of class {label!r}") for label in names])


def _checked_reject(reject: Any, classes: NDArray[Any]) -> Any:
    array = _checked_labels([reject], "reject")
    if not _same_kind(array, classes):
        raise InputError(f"reject must be a label of the same kind as the classes ({classes.dtype}), not {reject!r}.")
    return array.tolist()[0]
