"""scikit-learn's BernoulliNB."""

from typing import Any

import numpy as np

from prototile.frontends.additive import AdditiveFrontEnd, AdditiveTables, additive_tables
from prototile.frontends.base import require_fitted
from prototile.frontends.discrete_nb import possible_classes
from prototile.model import AffineMap

#: What the distance from the threshold is multiplied by before it is rounded to 0 or 1: small, so that values of up to
#: 65536 beyond it do not count as clipped. Values that are nearer to it than 1e-11 may be taken for the other side.
_SLOPE = 2.0**-16


class BernoulliNBFrontEnd(AdditiveFrontEnd):
    """Takes ``BernoulliNB``: for each class and feature a table with the log-probabilities of 0 and 1.

    A feature is 1 above the model's threshold `binarize`. Without one the features are 0 or 1 themselves. Nothing but
    the entries is rounded; `AdditiveTables.bound` says what follows.
    """

    name = supported = "BernoulliNB"

    def tables(self, model: Any) -> AdditiveTables:
        """Return its tables with their resolution.

        Raises
        ------
        UnsupportedModelError
            If a probability is 0.
        InputError
            If it is not fitted.
        """
        require_fitted(model, "feature_log_prob_", "class_log_prior_", "classes_")
        ones = np.asarray(model.feature_log_prob_)
        with np.errstate(divide="ignore"):
            zeros = np.log(1 - np.exp(ones))
        possible = possible_classes(model, ones, zeros)
        threshold = model.binarize
        # A half is rounded to 0, so a value at the threshold is not above it.
        to_levels = (
            None
            if threshold is None
            else AffineMap(np.full(ones.shape[1], _SLOPE), np.full(ones.shape[1], 0.5 - threshold * _SLOPE))
        )
        return additive_tables(
            list(np.stack([zeros, ones], axis=2)[possible].swapaxes(0, 1)),
            model.class_log_prior_[possible],
            model.classes_,
            labels=model.classes_[possible],
            preprocess=to_levels,
            entry_bits=self.entry_bits,
        )
