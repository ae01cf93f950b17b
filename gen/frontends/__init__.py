"""Front ends: one per kind of trained model, each in its own file."""

from typing import Any

from prototile.errors import InputError, UnsupportedModelError
from prototile.frontends.base import FrontEnd
from prototile.frontends.bernoulli_nb import BernoulliNBFrontEnd
from prototile.frontends.categorical_nb import CategoricalNBFrontEnd
from prototile.frontends.decision_tree import DecisionTreeFrontEnd
from prototile.frontends.explainable_boosting import ExplainableBoostingFrontEnd
from prototile.frontends.faiss_index import FaissFrontEnd
from prototile.frontends.forest import ForestFrontEnd
from prototile.frontends.gaussian_mixture import GaussianMixtureFrontEnd
from prototile.frontends.gaussian_nb import GaussianNBFrontEnd
from prototile.frontends.kmeans import KMeansFrontEnd
from prototile.frontends.kmedoids import KMedoidsFrontEnd
from prototile.frontends.kneighbors import KNeighborsFrontEnd
from prototile.frontends.minisom import MiniSomFrontEnd
from prototile.frontends.nearest_centroid import NearestCentroidFrontEnd
from prototile.frontends.pipeline import PipelineFrontEnd
from prototile.frontends.prosemble import ProsembleFrontEnd
from prototile.frontends.prototorch import PrototorchFrontEnd
from prototile.frontends.prototype_grid import PrototypeGridFrontEnd
from prototile.frontends.prototype_model import PrototypeModelFrontEnd
from prototile.frontends.radius_neighbors import RadiusNeighborsFrontEnd
from prototile.frontends.refused import reason_against
from prototile.frontends.sklearn_lvq import SklearnLvqFrontEnd
from prototile.frontends.sklvq import SklvqFrontEnd
from prototile.frontends.torchhd_centroid import TorchhdCentroidFrontEnd
from prototile.model import PrototypeModel

__all__ = ["FRONT_ENDS", "FrontEnd", "to_prototype_model"]


def to_prototype_model(model: Any, labels: Any = None) -> PrototypeModel:
    """Turn a trained model into the prototypes that compute the same.

    Parameters
    ----------
    model
        A fitted estimator or Pipeline, or a `PrototypeModel`.
    labels
        One for each prototype, instead of the model's own; None: its own. For what knows none, in the order of its
        clusters, vectors or components, and of a map row after row.

    Returns
    -------
    PrototypeModel
        Same answers in float64, except where scikit-learn's own answer to a tie depends on its algorithm.

    Raises
    ------
    UnsupportedModelError
        If it is of no supported kind, or has a parameter with which the chip would compute something else.
    InputError
        If it is not fitted, or there are more or fewer labels than prototypes.
    """
    if labels is not None:
        return to_prototype_model(model).with_labels(labels)
    for front_end in FRONT_ENDS:
        if front_end.accepts(model):
            converted = front_end.convert(model)
            # What scikit-learn's estimators know of training on a data frame.
            names = getattr(model, "feature_names_in_", None)
            return converted if names is None else converted.with_feature_names(names)
    if isinstance(model, type):
        raise InputError(f"{model.__name__} is a class; give a fitted object of it.")
    reason = reason_against(model) or "prototile maps models of boxes, tables and nearest prototypes"
    raise UnsupportedModelError(
        f"{_describe(model)} is not supported, as {reason}; supported are"
        f" {'; '.join(front_end.supported for front_end in FRONT_ENDS)}; {_way_out(model)}."
    )


def _describe(model: Any) -> str:
    """Return the class, and the base that is supported itself: an override in the subclass may change the answers."""
    name = type(model).__name__
    bases = [base.__name__ for base in type(model).__mro__[1:] if base.__module__.startswith("sklearn.")]
    known = [base for base in bases if any(base in front_end.supported.split("(")[0] for front_end in FRONT_ENDS)]
    return f"{name}, a subclass of {known[0]}," if known else name


def _way_out(model: Any) -> str:
    if hasattr(model, "best_estimator_"):
        return "give its best_estimator_"
    return "train one of these on the same data, or put your prototypes into a PrototypeModel"


#: All front ends, in the order in which they are asked.
FRONT_ENDS: tuple[FrontEnd, ...] = (
    PrototypeModelFrontEnd(),
    PrototypeGridFrontEnd(),
    KNeighborsFrontEnd(),
    RadiusNeighborsFrontEnd(),
    NearestCentroidFrontEnd(),
    DecisionTreeFrontEnd(),
    ForestFrontEnd(),
    GaussianNBFrontEnd(),
    CategoricalNBFrontEnd(),
    BernoulliNBFrontEnd(),
    ExplainableBoostingFrontEnd(),
    KMeansFrontEnd(),
    GaussianMixtureFrontEnd(),
    KMedoidsFrontEnd(),
    MiniSomFrontEnd(),
    FaissFrontEnd(),
    TorchhdCentroidFrontEnd(),
    ProsembleFrontEnd(),
    PrototorchFrontEnd(),
    SklvqFrontEnd(),
    SklearnLvqFrontEnd(),
    PipelineFrontEnd(to_prototype_model),
)
