"""scikit-learn's KNeighborsClassifier with uniform votes."""

from typing import Any

import numpy as np

from prototile.arrays import to_array
from prototile.config import MAX_K
from prototile.errors import UnsupportedModelError
from prototile.frontends.base import is_exactly, require_fitted
from prototile.model import PrototypeModel, canonical_metric

_NAME = "KNeighborsClassifier"
#: scikit-learn means other things by further names: its hamming counts components, not bits.
_METRICS = ("l1", "l2")
_MINKOWSKI = {1: "manhattan", 2: "euclidean"}


class KNeighborsFrontEnd:
    """Takes ``KNeighborsClassifier`` with up to 15 neighbours: every training sample is a prototype.

    With one neighbour `weights` cannot change a vote; only a function could, by weighing it 0. With more they must be
    ``"uniform"``. Of classes with equally many votes both take the first in ``classes_``. Which of equally near samples
    are among the neighbours depends on `algorithm` in scikit-learn; ours are those of the lowest index, which are for
    one neighbour also those of ``brute``.
    """

    supported = f"KNeighborsClassifier(n_neighbors=1 .. {MAX_K}) with a manhattan or euclidean metric"

    def accepts(self, model: Any) -> bool:
        """Tell whether it is scikit-learn's class itself."""
        return is_exactly(model, "sklearn", _NAME)

    def convert(self, model: Any) -> PrototypeModel:
        """Return its training samples as prototypes.

        Raises
        ------
        UnsupportedModelError
            If number of neighbours, weights, metric, outputs or training structure are others.
        InputError
            If it is not fitted.
        """
        require_fitted(model, "_fit_X", "_fit_method", "effective_metric_", "classes_")
        if model.n_neighbors not in range(1, MAX_K + 1):
            raise UnsupportedModelError(
                f"{_NAME} has n_neighbors={model.n_neighbors!r}, but the chip lets 1 to {MAX_K} neighbours vote; set it"
                " to one of these, or to 1 on k-means centres of each class."
            )
        if model.weights not in ("uniform", "distance", None):
            raise UnsupportedModelError(
                f"{_NAME} has weights={model.weights!r}, but only 'uniform' and 'distance' are supported, which are the"
                " same for one neighbour; use one of them."
            )
        if model.n_neighbors > 1 and model.weights == "distance":
            raise UnsupportedModelError(
                f"{_NAME} has weights='distance' with n_neighbors={model.n_neighbors!r}, but on the chip each neighbour"
                " has one vote; use weights='uniform'."
            )
        if model.outputs_2d_:
            raise UnsupportedModelError(
                f"{_NAME} has {len(model.classes_)} outputs, but the chip has one label for each prototype; fit one"
                " model per output."
            )
        return PrototypeModel(
            to_array(model._fit_X, f"the training samples of {_NAME}").astype(np.float64),
            model.classes_[model._y],
            metric=_metric(model),
            k=int(model.n_neighbors),
            classes=model.classes_,
        )


def _metric(model: Any) -> str:
    """Return the metric as the contract calls it."""
    effective = model.effective_metric_
    parameters = {name: value for name, value in model.effective_metric_params_.items() if value is not None}
    if parameters.pop("w", None) is not None:
        raise UnsupportedModelError(
            f"{_NAME} weighs features by metric_params['w'], but the chip weighs all the same; scale the features"
            " before instead, with a scaler in a Pipeline."
        )
    if effective == "minkowski":
        raise UnsupportedModelError(
            f"{_NAME} has the metric 'minkowski' with p={parameters.get('p')!r}, but only p=1 (manhattan) and"
            " p=2 (euclidean) are supported; use one of them."
        )
    metric = canonical_metric(effective, _NAME, _METRICS)
    if parameters:
        raise UnsupportedModelError(
            f"{_NAME} has metric_params={parameters!r}, but the metrics of the chip take none; leave them out."
        )
    if _asked_for(model) != effective:
        raise UnsupportedModelError(
            f"{_NAME} has the metric {model.metric!r} with p={model.p!r}, but was fitted with {effective!r}; fit it"
            " again after setting parameters."
        )
    if not _tree_has_metric(model._tree, effective):
        raise UnsupportedModelError(
            f"{_NAME} has the metric {effective!r}, but was fitted on a search tree with another one, which decides;"
            " fit it on arrays X and y."
        )
    return metric


def _tree_has_metric(tree: Any, metric: str) -> bool:
    """Tell whether the search tree, if there is one, was built with the metric; it is only looked at, never asked."""
    if tree is None:
        return True
    names = {"l1": "ManhattanDistance", "l2": "EuclideanDistance"}
    wanted = names[canonical_metric(metric)]
    return any(type(part).__name__.startswith(wanted) for part in tree.__getstate__())


def _asked_for(model: Any) -> Any:
    """Return the metric by the present parameters; fitting has turned Minkowski's into the plain ones."""
    if model.metric != "minkowski":
        return model.metric
    p = (model.metric_params or {}).get("p", model.p)
    return _MINKOWSKI.get(p, "minkowski")
