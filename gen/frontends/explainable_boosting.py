"""interpret's ExplainableBoostingClassifier on integer-valued features."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from prototile.errors import UnsupportedModelError
from prototile.frontends.additive import AdditiveFrontEnd, AdditiveTables, additive_tables
from prototile.frontends.base import require_fitted
from prototile.model import AffineMap

_NAME = "ExplainableBoostingClassifier"
#: Levels of a feature that are told apart.
MAX_LEVELS = 256


class ExplainableBoostingFrontEnd(AdditiveFrontEnd):
    """Takes ``ExplainableBoostingClassifier`` without interactions: for each class and feature a table of its scores.

    A feature's bins lie between cut points at any distance, and the chip's levels are evenly spaced. So features must
    be integer-valued and span at most `MAX_LEVELS` integers: then each integer has its own entry and nothing but the
    entries is rounded; `AdditiveTables.bound` says what follows, in the unit of the scores, log-odds. Integers beyond
    the range of the training data fall into the first or last bin, as with interpret. Other numbers are rounded first.
    """

    library, name = "interpret", _NAME
    supported = f"{_NAME} of interpret without interactions on integer-valued features"

    def tables(self, model: Any) -> AdditiveTables:
        """Return its tables with their resolution.

        Raises
        ------
        UnsupportedModelError
            If it has interactions, a single class, or features that are not integers within `MAX_LEVELS`.
        InputError
            If it is not fitted.
        """
        require_fitted(model, "bins_", "term_scores_", "term_features_", "intercept_", "classes_")
        if len(model.classes_) < 2:
            raise UnsupportedModelError(
                f"{_NAME} has one class only, so that there is nothing to add; train it on more."
            )
        pairs = [features for features in model.term_features_ if len(features) > 1]
        if pairs:
            raise UnsupportedModelError(
                f"{_NAME} has {len(pairs)} interactions, such as of the features {pairs[0]}, but a table has one"
                " feature; fit it with interactions=0."
            )
        count = int(model.n_features_in_)
        # A feature without a term has one level, whatever its values.
        scores = [np.zeros((len(model.classes_), 1))] * count
        scale, shift = np.zeros(count), np.zeros(count)
        for (feature,), values in zip(model.term_features_, model.term_scores_, strict=True):
            integers, cuts = _integers(model, feature), np.asarray(model.bins_[feature][0])
            # Bin 0 is for missing values; a value at a cut lies in the bin above.
            scores[feature] = _per_class(values)[:, 1 + np.searchsorted(cuts, integers, side="right")]
            scale[feature], shift[feature] = 1, -integers[0]
        levels = (scale == 1).all() and not shift.any()
        return additive_tables(
            scores,
            _per_class(np.atleast_2d(model.intercept_) if len(model.classes_) > 2 else model.intercept_)[:, 0],
            model.classes_,
            preprocess=None if levels else AffineMap(scale, shift),
            entry_bits=self.entry_bits,
        )


def _integers(model: Any, feature: int) -> NDArray[np.float64]:
    """The integers of a feature, one for each level."""
    kind = model.feature_types_in_[feature]
    low, high = model.feature_bounds_[feature]
    if not (
        kind == "continuous"
        and low == np.rint(low)
        and high == np.rint(high)
        and model.unique_val_counts_[feature] <= high - low + 1 <= MAX_LEVELS
        # Two cuts between the same integers would tell other numbers apart.
        and len(np.unique(np.ceil(model.bins_[feature][0]))) == len(model.bins_[feature][0])
    ):
        what = f"from {low:g} to {high:g}" if kind == "continuous" else f"of the type {kind!r}"
        raise UnsupportedModelError(
            f"{_NAME} has the feature {feature} (counted from 0) {what}, whose bins are no evenly spaced levels, so"
            f" only integers that span at most {MAX_LEVELS} are supported; round the features to such integers before"
            " fitting."
        )
    return np.arange(low, high + 1)


def _per_class(values: Any) -> NDArray[np.float64]:
    """Scores (bins,) of the second of two classes, or (bins, classes), in the shape (classes, bins)."""
    scores = np.asarray(values, np.float64)
    return np.stack([np.zeros_like(scores), scores]) if scores.ndim == 1 else scores.T
