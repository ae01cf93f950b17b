"""scikit-learn's estimators that hand a query on to another one as it is."""

from typing import Any

from prototile.errors import InputError
from prototile.frontends.base import NamedFrontEnd
from prototile.frontends.registry import to_prototype_model
from prototile.model import PrototypeModel

#: Where each of them keeps the estimator that it asks.
_ASKED = {
    "GridSearchCV": "best_estimator_",
    "RandomizedSearchCV": "best_estimator_",
    "HalvingGridSearchCV": "best_estimator_",
    "HalvingRandomSearchCV": "best_estimator_",
    "SelfTrainingClassifier": "estimator_",
    "FrozenEstimator": "estimator",
}


class WrapperFrontEnd(NamedFrontEnd):
    """Takes searches for parameters, self-training and frozen estimators, whose answers are those of one estimator."""

    names = tuple(_ASKED)
    supported = "a search, such as GridSearchCV, SelfTrainingClassifier or FrozenEstimator around one of these"

    def convert(self, model: Any) -> PrototypeModel:
        """Return the model of the estimator that it asks.

        Raises
        ------
        UnsupportedModelError
            If that is not supported.
        InputError
            If it is not fitted, or kept no estimator.
        """
        name = type(model).__name__
        attribute = _ASKED[name]
        if not hasattr(model, attribute):
            refit = " with refit=True" if attribute == "best_estimator_" else ""
            raise InputError(f"the {name} has no {attribute}; call its fit(X, y) first{refit}.")
        return to_prototype_model(getattr(model, attribute))
