"""`PrototypeGridClassifier`: a scikit-learn estimator whose answers are those of its chip."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from prototile.errors import InputError
from prototile.maps import AffineMap
from prototile.model import PrototypeModel
from prototile.quantised import QuantisedModel, check_bits
from prototile.quantiser import Quantiser
from prototile.sim.golden import GoldenModel
from prototile.training.glvq import Samples, train
from prototile.training.radii import held_out, quantile_radii, rce_radii
from prototile.training.scaling import SCALINGS, scaling_of, weighted

METRICS = ("l1", "l2")
RADII = ("rce", "quantile")
RADIUS_SCOPES = ("class", "common")
RELEVANCES = ("step", "shifts")
#: Prototypes start at a tenth of the way from the mean of their class to samples of it. From there they spread as far
#: as the loss pays for, so small data sets keep simple boundaries. With k-means centres instead of samples, and from
#: 2 % to all of the way, accuracy is the same within the chance of a split, or worse.
SPREAD = 0.1
#: Largest local weight of ``relevances="shifts"``, as a power of two.
LARGEST_SHIFT = 3


class PrototypeGridClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Nearest-prototype classifier, trained at the width and in the metric of the chip.

    Generalised learning vector quantisation on the chip's own levels: samples and prototypes are rounded and clipped
    to ``bits`` while training, see `prototile.training.glvq`. `predict` computes in integers what the chip computes,
    so `prototile.convert` of a fitted classifier gives a design with the same answers to every query.

    Parameters
    ----------
    prototype_count : int, dict or sequence of int, default=8
        Prototypes of each class: one number for all, a dict from label to number, or a number for each class in the
        order of ``classes_``. A class with fewer distinct samples gets as many as it has.
    metric : {"l1", "l2"}, default="l1"
        Sum of the absolute or of the squared differences.
    bits : int, default=4
        Bits of a component on the chip, 1 to 16.
    radii : {"rce", "quantile"} or None, default=None
        Influence fields. A query that lies in none has the status ``unknown``, one in fields of several classes is
        ``uncertain``, see `decide`.

        - None: there are none.
        - ``"rce"``: one for each prototype, as large as it can be without a training sample of another class in it,
          and at most `radius_limit`. They tell contested regions; only the limit tells what is new.
        - ``"quantile"``: `holdout` of each class is kept from training, and the radii are such that `coverage` of what
          was kept lie in a field. So about ``1 - coverage`` of queries like the training data are unknown.
    scaling : {"feature", "common"}, default="feature"
        How features become levels, as part of the model. ``"feature"``: each spans all levels with its range in the
        training data, which weighs differences by the inverse of that range. ``"common"``: all have the step of the
        widest feature, so the metric is that of the data.
    relevances : {"step", "shifts"} or None, default=None
        Weights of the features, learned with the prototypes before anything is rounded (GRLVQ).

        - None: all features count alike.
        - ``"step"``: the step of each feature is divided by its relevance (l2: by the root), so the chip's metric is
          the weighted one. It costs no hardware, and levels: the less a feature counts, the fewer it spans.
        - ``"shifts"``: terms of the distance count 1, 2, 4 or 8 times, see `PrototypeModel`; each feature keeps all
          its levels.
    min_margin : number or None, default=None
        Answers with a smaller margin are uncertain, in the chip's units: see the records of `decide`.
    reject : label or None, default=None
        What `predict` answers where the status is ``unknown``; None: the label of the nearest prototype.
    holdout : float, default=0.25
        Share of each class that ``radii="quantile"`` keeps from training.
    coverage : float, default=0.95
        Share of what was held out that is to lie inside the radii.
    radius_scope : {"class", "common"}, default="class"
        Whether ``radii="quantile"`` gives one radius per class, in proportion to how far its samples are from their
        prototypes, or one for all.
    radius_limit : int or None, default=None
        Largest radius of ``radii="rce"``, in the chip's units; None: as large as distances get.
    epochs : int, default=60
        How often training sees each sample; small data sets are seen more often.
    random_state : int, RandomState or None, default=0
        The same number and data give the same prototypes. The default is a number, so that the same data give the
        same chip.

    Attributes
    ----------
    classes_ : ndarray of shape (classes,)
        Labels, sorted.
    prototypes_ : ndarray of shape (prototypes, features), int64
        In levels, ``0 .. 2**bits - 1``, class after class.
    prototype_labels_ : ndarray of shape (prototypes,)
        The label of each.
    scale_, shift_ : ndarray of shape (features,), float64
        Level of a feature x: ``clip(rint(x * scale + shift), 0, 2**bits - 1)``. A feature that was constant in training
        has the scale 0 with ``scaling="feature"``.
    radii_ : ndarray of shape (prototypes,), int64, or None
        Radius of each prototype; it fires if ``distance < radius``.
    relevances_ : ndarray of shape (features,), float64
        Weights by which distances count the features, 1 on average; what ``"shifts"`` makes of them is in `shifts_`.
    shifts_ : ndarray of shape (features,), int64, or None
        Binary logarithms of the local weights.
    bits_ : int
        Bits that it was fitted with.
    n_features_in_ : int
        Features of the training data.
    feature_names_in_ : ndarray of shape (features,)
        Their names, if the training data were a frame with names.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> import prototile as pt
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = pt.PrototypeGridClassifier(prototype_count=1).fit(X, y)
    >>> design = pt.convert(classifier)
    >>> bool((design.predict(X) == classifier.predict(X)).all())
    True
    """

    def __init__(
        self,
        prototype_count: Any = 8,
        metric: str = "l1",
        bits: int = 4,
        radii: str | None = None,
        *,
        scaling: str = "feature",
        relevances: str | None = None,
        min_margin: float | None = None,
        reject: Any = None,
        holdout: float = 0.25,
        coverage: float = 0.95,
        radius_scope: str = "class",
        radius_limit: int | None = None,
        epochs: int = 60,
        random_state: Any = 0,
    ) -> None:
        self.prototype_count = prototype_count
        self.metric = metric
        self.bits = bits
        self.radii = radii
        self.scaling = scaling
        self.relevances = relevances
        self.min_margin = min_margin
        self.reject = reject
        self.holdout = holdout
        self.coverage = coverage
        self.radius_scope = radius_scope
        self.radius_limit = radius_limit
        self.epochs = epochs
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> PrototypeGridClassifier:
        """Train prototypes, and radii if there are to be some.

        Parameters
        ----------
        X
            Array-like of shape (samples, features).
        y
            Labels, shape (samples,): integers, strings or booleans.

        Returns
        -------
        PrototypeGridClassifier
            Itself.

        Raises
        ------
        InputError
            If a parameter is out of its range or does not go with the data.
        ValueError
            If the data are unusable, as scikit-learn says it.
        """
        X, y = _validated(self, X, y, reset=True)
        check_classification_targets(y)
        self._check_parameters()
        self.classes_, indices = np.unique(y, return_inverse=True)
        classes = indices.astype(np.int64)
        counts = self._counts()
        random = check_random_state(self.random_state)
        kept_back = self._kept_back(classes, random)
        self._train(X[~kept_back], classes[~kept_back], counts, random)
        self.radii_ = None
        if self.radii is not None:
            self.radii_ = self._radii(X, classes, kept_back)
        self.to_prototype_model()
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """Labels as the chip answers, by integer arithmetic.

        Parameters
        ----------
        X
            Array-like of shape (rows, features).

        Returns
        -------
        ndarray of shape (rows,)
            Labels; `reject`, if there is one, where no prototype fires.
        """
        model, records = self._decided(X)
        return model.to_labels(records["label"], records["status"])

    def decide(self, X: Any) -> NDArray[np.void]:
        """Decision records as of the chip, `prototile.RECORD_DTYPE`.

        Parameters
        ----------
        X
            Array-like of shape (rows, features).

        Returns
        -------
        ndarray of shape (rows,)
            Prototype, distance, label (an index into ``classes_``), runner-up, margin, status and more.
        """
        return self._decided(X)[1]

    def _decided(self, X: Any) -> tuple[PrototypeModel, NDArray[np.void]]:
        """The model, and its decision records."""
        check_is_fitted(self)
        X = _validated(self, X, reset=False)
        model = self.to_prototype_model()
        quantiser = Quantiser.fit(model)
        return model, _golden(quantiser.apply(model)).decide(*quantiser.quantise(model.transform(X)))

    def to_prototype_model(self) -> PrototypeModel:
        """The fitted prototypes as `prototile.convert` takes them.

        Raises
        ------
        InputError
            If labels or `reject` are none that a design can hold.
        """
        check_is_fitted(self)
        shape = self.prototypes_.shape
        return PrototypeModel(
            self.prototypes_,
            self.prototype_labels_,
            metric=self.metric,
            radii=None if self.radii_ is None else self._radii_as_given(),
            classes=self.classes_,
            min_margin=self.min_margin,
            reject=self.reject,
            preprocess=AffineMap(self.scale_, self.shift_),
            weights=None if self.shifts_ is None else np.broadcast_to(1 << self.shifts_, shape),
            bits=self.bits_,
            trained=True,
        )

    def _check_parameters(self) -> None:
        check_bits(self.bits)
        for name, values in (
            ("metric", METRICS),
            ("radii", (*RADII, None)),
            ("scaling", SCALINGS),
            ("relevances", (*RELEVANCES, None)),
            ("radius_scope", RADIUS_SCOPES),
        ):
            value = getattr(self, name)
            if not any(value is known or (isinstance(value, str) and value == known) for known in values):
                raise InputError(f"{name} must be one of {', '.join(map(repr, values))}, not {value!r}.")
        for name in ("holdout", "coverage"):
            share = getattr(self, name)
            if isinstance(share, bool) or not isinstance(share, (int, float, np.number)) or not 0 < share < 1:
                raise InputError(f"{name} must be a share between 0 and 1, not {share!r}.")
        _check_count("epochs", self.epochs)
        if self.radius_limit is not None:
            _check_count("radius_limit", self.radius_limit)

    def _counts(self) -> NDArray[np.int64]:
        """Prototypes of each class, shape (classes,)."""
        given, labels = self.prototype_count, self.classes_.tolist()
        if isinstance(given, Mapping):
            if set(given) != set(labels):
                strange = sorted(set(given) ^ set(labels), key=repr)
                raise InputError(
                    f"prototype_count must name each class once, but {strange[0]!r} is in only one of prototype_count"
                    f" and the labels {labels!r}."
                )
            counts = [given[label] for label in labels]
        elif isinstance(given, (list, tuple, np.ndarray)):
            counts = list(given)
            if len(counts) != len(labels):
                raise InputError(
                    f"prototype_count must have a number for each of the {len(labels)} classes, not {len(counts)}."
                )
        else:
            counts = [given] * len(labels)
        for count in counts:
            _check_count("prototype_count", count)
        return np.array(counts, np.int64)

    def _kept_back(self, classes: NDArray[np.int64], random: np.random.RandomState) -> NDArray[np.bool_]:
        """Samples to calibrate radii with."""
        if self.radii != "quantile":
            return np.zeros(len(classes), np.bool_)
        chosen = held_out(classes, self.holdout, random)
        without = np.setdiff1d(classes, classes[chosen])
        if without.size:
            index = int(without[0])
            raise InputError(
                f"radii='quantile' keeps a share of {self.holdout} of each class from training, but the class"
                f" {self.classes_.tolist()[index]!r} has {int(np.sum(classes == index))} samples; give more of them, or"
                " a larger holdout."
            )
        return chosen

    def _train(
        self,
        X: NDArray[np.float64],
        classes: NDArray[np.int64],
        counts: NDArray[np.int64],
        random: np.random.RandomState,
    ) -> None:
        largest = (1 << int(self.bits)) - 1
        levels = scaling_of(X, self.scaling, largest)
        weights = np.ones(X.shape[1])
        if self.relevances is not None:
            samples = Samples(levels=levels(X), classes=classes, largest=largest)
            weights = train(
                samples,
                *self._start(samples, counts, random),
                metric=self.metric,
                epochs=self.epochs,
                random=random,
                weights=weights,
                learn_relevances=True,
            ).relevances
        self.shifts_ = None
        self.relevances_ = weights
        if self.relevances == "step":
            factors = weights / weights.max()
            levels = weighted(levels, factors if self.metric == "l1" else np.sqrt(factors), largest)
            weights = np.ones_like(weights)
        elif self.relevances == "shifts":
            shifts = np.clip(np.rint(np.log2(weights / weights.max())) + LARGEST_SHIFT, 0, LARGEST_SHIFT)
            self.shifts_ = (shifts - shifts.min()).astype(np.int64)
            weights = np.exp2(self.shifts_)
        samples = Samples(levels=levels(X), classes=classes, largest=largest)
        start, start_classes = self._start(samples, counts, random)
        trained = train(
            samples, start, start_classes, metric=self.metric, epochs=self.epochs, random=random, weights=weights
        )
        self.bits_ = int(self.bits)
        self.scale_, self.shift_ = np.array(levels.scale), np.array(levels.shift)
        self.prototypes_ = np.rint(trained.prototypes).astype(np.int64)
        self.prototype_labels_ = self.classes_[start_classes]

    def _start(
        self, samples: Samples, counts: NDArray[np.int64], random: np.random.RandomState
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Prototypes to start from, and the class index of each, ascending."""
        rounded = samples.rounded()
        starts, labels = [], []
        for index, count in enumerate(counts):
            members = rounded[samples.classes == index]
            distinct = np.unique(members, axis=0)
            chosen = random.permutation(len(distinct))[:count]
            mean = members.mean(axis=0)
            starts.append(mean + SPREAD * (distinct[chosen] - mean))
            labels.append(np.full(len(chosen), index, np.int64))
        return np.vstack(starts), np.concatenate(labels)

    def _radii(
        self, X: NDArray[np.float64], classes: NDArray[np.int64], kept_back: NDArray[np.bool_]
    ) -> NDArray[np.int64]:
        model = self.to_prototype_model()
        quantiser = Quantiser.fit(model)
        golden = _golden(quantiser.apply(model))
        rows = kept_back if self.radii == "quantile" else np.ones_like(kept_back)
        distances = golden.distances(quantiser.quantise(model.transform(X[rows]))[0])
        is_own = classes[rows][:, None] == model.class_indices
        always = golden.config.distance_max + 1
        if self.radii == "rce":
            return rce_radii(distances, is_own, always if self.radius_limit is None else min(self.radius_limit, always))
        to_classes = np.stack(
            [distances[:, model.class_indices == index].min(axis=1) for index in range(len(self.classes_))], axis=1
        )
        scales = np.ones(len(self.classes_))
        if self.radius_scope == "class":
            own = to_classes[np.arange(len(to_classes)), classes[rows]]
            widths = [np.quantile(own[classes[rows] == index], self.coverage) for index in range(len(scales))]
            # Samples on their prototypes have no width; a level is the least that can be told apart.
            scales = np.maximum(widths, 1.0)
        return np.minimum(quantile_radii(to_classes, scales, self.coverage), always)[model.class_indices]

    def _radii_as_given(self) -> Any:
        """Radii in the form that tells their kind."""
        assert self.radii_ is not None
        if self.radii == "rce":
            return self.radii_[:, None]
        if self.radius_scope == "common":
            return int(self.radii_[0])
        places = [int(np.flatnonzero(self.prototype_labels_ == label)[0]) for label in self.classes_]
        return self.radii_[places][None]


def _golden(quantised: QuantisedModel) -> GoldenModel:
    return GoldenModel(quantised.configuration(), quantised.nodes)


def _check_count(name: str, value: Any) -> None:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)) or value < 1:
        raise InputError(f"{name} must be a positive integer, not {value!r}.")


def _validated(estimator: Any, X: Any, y: Any = "no_validation", *, reset: bool) -> Any:
    """Check data as scikit-learn does; from 1.6 on that is a function, before it was a method."""
    options = {"X": X, "y": y, "reset": reset, "dtype": np.float64}
    try:
        from sklearn.utils.validation import validate_data
    except ImportError:
        return estimator._validate_data(**options)
    return validate_data(estimator, **options)
