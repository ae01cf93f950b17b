"""scikit-learn's BernoulliNB."""

import math
from typing import Any

import numpy as np

from prototile.errors import InputError, UnsupportedModelError
from prototile.frontends.additive import AdditiveFrontEnd, AdditiveTables, additive_tables
from prototile.frontends.base import require_fitted
from prototile.frontends.discrete_nb import possible_classes
from prototile.model import Levels
from prototile.scores import AdditiveScores


class BernoulliNBFrontEnd(AdditiveFrontEnd):
    """Takes ``BernoulliNB``: for each class and feature a table with the log-probabilities of 0 and 1.

    A feature is 1 above the model's threshold `binarize`, as exactly as scikit-learn compares float64: the two levels
    lie one on the threshold and the other at the smallest distance from it that there is. All that lies beyond them is
    on one side or the other, so that nothing counts as clipped. Without a threshold scikit-learn would let a fraction
    count in part, which no level does: such a model is refused. Nothing but the entries is rounded;
    `AdditiveTables.bound` says what follows.
    """

    names = ("BernoulliNB",)
    supported = "BernoulliNB"

    def tables(self, model: Any) -> AdditiveTables:
        """Return its tables with their resolution.

        Raises
        ------
        UnsupportedModelError
            If a probability is 0, there is no threshold, or that of float32 vectors is another one.
        InputError
            If it is not fitted.
        """
        require_fitted(model, "feature_log_prob_", "class_log_prior_", "classes_")
        ones = np.asarray(model.feature_log_prob_)
        with np.errstate(divide="ignore"):
            zeros = np.log(1 - np.exp(ones))
        possible = possible_classes(model, ones, zeros)
        offsets = np.full(ones.shape[1], _checked_threshold(model.binarize))
        # A difference of two float64 is 0 only if they are equal, so anything above the threshold is a level above.
        levels = Levels(offsets, np.full(ones.shape[1], math.ulp(0.0)), np.ones(ones.shape[1], np.bool_))
        original = AdditiveScores(
            intercepts=model.class_log_prior_[possible],
            cuts=offsets[:, None],
            constants=np.stack([zeros, ones], axis=2)[possible],
        )
        return additive_tables(
            list(np.stack([zeros, ones], axis=2)[possible].swapaxes(0, 1)),
            model.class_log_prior_[possible],
            model.classes_,
            labels=model.classes_[possible],
            levels=levels,
            original=original,
            entry_bits=self.entry_bits,
        )


def _checked_threshold(threshold: Any) -> float:
    """Return the threshold if vectors of float32 are compared with the same one as all others.

    NumPy rounds it to their type. If it is rounded up, a float32 at the rounded threshold is not above it, but the same
    number in float64 is above the threshold.
    """
    if threshold is None:
        raise UnsupportedModelError(
            "BernoulliNB has binarize=None, with which a fraction counts in part and a larger number more than once,"
            " but on the chip a feature is 0 or 1; set binarize=0.5, which is the same for zeros and ones."
        )
    value = float(threshold)
    if not math.isfinite(value):
        raise InputError(f"binarize of BernoulliNB must be a finite number, not {threshold!r}; fit it again.")
    rounded = float(np.float32(value))
    if rounded > value:
        raise UnsupportedModelError(
            f"BernoulliNB has binarize={value!r}, but scikit-learn compares vectors of float32 with {rounded!r}, so"
            f" that the same number has two answers; set binarize={rounded!r}, which is the same for both."
        )
    return value
