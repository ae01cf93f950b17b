"""scikit-learn's CategoricalNB."""

from typing import Any

import numpy as np

from prototile.errors import UnsupportedModelError
from prototile.frontends.additive import AdditiveFrontEnd, AdditiveTables, additive_tables
from prototile.frontends.base import require_fitted
from prototile.frontends.discrete_nb import possible_classes
from prototile.maps import AffineMap
from prototile.quantised import MAX_BITS

#: What is added to a value before it is rounded, so that rounding does what scikit-learn does: it drops the fraction.
#: Integers come to lie just above the half, as a half itself would be rounded to the even neighbour. The distance from
#: it is less than half of float32's last bit below 1, and no integer up to 65536 loses it to the rounding of a float64.
_TO_FLOOR = 2.0**-36 - 0.5


class CategoricalNBFrontEnd(AdditiveFrontEnd):
    """Takes ``CategoricalNB``: for each class and feature a table of the log-probability of each category.

    The levels are the categories themselves, so nothing but the entries is rounded; `AdditiveTables.bound` says what
    follows. As in scikit-learn the fraction of a value is dropped. That is exact for integers and float32; a float64
    that is less than 1.5e-11 below an integer counts as that integer. A category that the model does not know is an
    error in scikit-learn; here it counts as the feature's nearest.
    """

    names = ("CategoricalNB",)
    supported = "CategoricalNB"

    def tables(self, model: Any) -> AdditiveTables:
        """Return its tables with their resolution.

        Raises
        ------
        UnsupportedModelError
            If a probability is 0, or a feature has more than 65536 categories.
        InputError
            If it is not fitted.
        """
        require_fitted(model, "feature_log_prob_", "class_log_prior_", "n_categories_", "classes_")
        most = int(np.max(model.n_categories_))
        if most > 1 << MAX_BITS:
            raise UnsupportedModelError(
                f"CategoricalNB has a feature with {most} categories, but the chip tells {1 << MAX_BITS} apart; merge"
                " some of them."
            )
        features = len(model.feature_log_prob_)
        possible = possible_classes(model, *model.feature_log_prob_)
        return additive_tables(
            [np.asarray(part)[possible] for part in model.feature_log_prob_],
            model.class_log_prior_[possible],
            model.classes_,
            labels=model.classes_[possible],
            preprocess=AffineMap(np.ones(features), np.full(features, _TO_FLOOR)),
            entry_bits=self.entry_bits,
        )
