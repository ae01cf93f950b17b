"""interpret's ExplainableBoostingClassifier on integer-valued features."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from prototile.errors import UnsupportedModelError
from prototile.frontends.additive import AdditiveFrontEnd, AdditiveTables, additive_tables
from prototile.frontends.base import require_fitted
from prototile.model import Levels
from prototile.scores import AdditiveScores

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

    library, names = "interpret", (_NAME,)
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
        offset, open_ended = np.zeros(count), np.ones(count, np.bool_)
        all_cuts: list[NDArray[np.float64]] = [np.empty(0)] * count
        pieces = list(scores)
        for (feature,), values in zip(model.term_features_, model.term_scores_, strict=True):
            integers, cuts = _integers(model, feature), np.asarray(model.bins_[feature][0])
            # Bin 0 is for missing values; a value at a cut lies in the bin above.
            per_class = _per_class(values)
            scores[feature] = per_class[:, 1 + np.searchsorted(cuts, integers, side="right")]
            offset[feature], open_ended[feature] = integers[0], False
            all_cuts[feature], pieces[feature] = np.nextafter(cuts, -np.inf), per_class[:, 1 : 2 + len(cuts)]
        intercepts = _per_class(np.atleast_2d(model.intercept_) if len(model.classes_) > 2 else model.intercept_)[:, 0]
        most = max(map(len, all_cuts))
        return additive_tables(
            scores,
            intercepts,
            model.classes_,
            levels=Levels(offset, np.ones(count), open_ended),
            original=AdditiveScores(
                intercepts=intercepts,
                cuts=np.stack([np.pad(cuts, (0, most - len(cuts)), constant_values=np.inf) for cuts in all_cuts]),
                constants=np.stack(
                    [np.pad(part, ((0, 0), (0, most + 1 - part.shape[1])), "edge") for part in pieces], 1
                ),
            ),
            entry_bits=self.entry_bits,
        )


def _integers(model: Any, feature: int) -> NDArray[np.float64]:
    """The integers of a feature, one for each level."""
    kind = model.feature_types_in_[feature]
    low, high = model.feature_bounds_[feature]
    cuts = np.ceil(model.bins_[feature][0]) if kind == "continuous" else np.empty(0)
    if len(cuts):
        # An integer on either side of each cut: beyond the lowest and highest of them nothing changes.
        first, last = min(low, cuts[0] - 1), max(high, cuts[-1])
    else:
        first, last = low, high
    if not (
        kind == "continuous"
        and low == np.rint(low)
        and high == np.rint(high)
        and model.unique_val_counts_[feature] <= last - first + 1 <= MAX_LEVELS
        # Two cuts between the same integers would tell other numbers apart.
        and len(np.unique(cuts)) == len(cuts)
    ):
        what = f"from {low:g} to {high:g}" if kind == "continuous" else f"of the type {kind!r}"
        raise UnsupportedModelError(
            f"{_NAME} has the feature {feature} (counted from 0) {what}, whose bins are no evenly spaced levels, so"
            f" only integers that span at most {MAX_LEVELS} are supported; round the features to such integers before"
            " fitting."
        )
    return np.arange(first, last + 1)


def _per_class(values: Any) -> NDArray[np.float64]:
    """Scores (bins,) of the second of two classes, or (bins, classes), in the shape (classes, bins)."""
    scores = np.asarray(values, np.float64)
    return np.stack([np.zeros_like(scores), scores]) if scores.ndim == 1 else scores.T
