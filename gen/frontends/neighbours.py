"""What scikit-learn's classifiers of neighbours have in common: how they keep samples and metric."""

from typing import Any

import numpy as np

from prototile.arrays import Matrix, to_array
from prototile.errors import UnsupportedModelError
from prototile.frontends.base import require_fitted
from prototile.model import canonical_metric

#: scikit-learn means other things by further names: its hamming counts components, not bits.
_METRICS = ("l1", "l2", "linf")
_MINKOWSKI = {1: "manhattan", 2: "euclidean", np.inf: "chebyshev"}
_DISTANCES = {"l1": "ManhattanDistance", "l2": "EuclideanDistance", "linf": "ChebyshevDistance"}


def samples_of(model: Any) -> Matrix:
    """Return the training samples of a fitted classifier of one output, shape (samples, features), float64.

    Raises
    ------
    UnsupportedModelError
        If it has several outputs.
    InputError
        If it is not fitted.
    """
    name = type(model).__name__
    require_fitted(model, "_fit_X", "_fit_method", "effective_metric_", "classes_")
    if model.outputs_2d_:
        raise UnsupportedModelError(
            f"{name} has {len(model.classes_)} outputs, but the chip has one label for each prototype; fit one"
            " model per output."
        )
    return to_array(model._fit_X, f"the training samples of {name}").astype(np.float64)


def metric_of(model: Any) -> str:
    """Return the metric of a fitted classifier as the contract calls it.

    Raises
    ------
    UnsupportedModelError
        If the chip has none that is the same, or parameters were changed since it was fitted.
    """
    name = type(model).__name__
    effective = model.effective_metric_
    parameters = {key: value for key, value in model.effective_metric_params_.items() if value is not None}
    if parameters.pop("w", None) is not None:
        raise UnsupportedModelError(
            f"{name} weighs features by metric_params['w'], but the chip weighs all the same; scale the features"
            " before instead, with a scaler in a Pipeline."
        )
    if effective == "minkowski":
        raise UnsupportedModelError(
            f"{name} has the metric 'minkowski' with p={parameters.get('p')!r}, but only p=1 (manhattan),"
            " p=2 (euclidean) and p=inf (chebyshev) are supported; use one of them."
        )
    metric = canonical_metric(effective, name, _METRICS)
    if parameters:
        raise UnsupportedModelError(
            f"{name} has metric_params={parameters!r}, but the metrics of the chip take none; leave them out."
        )
    if _asked_for(model) != effective:
        raise UnsupportedModelError(
            f"{name} has the metric {model.metric!r} with p={model.p!r}, but was fitted with {effective!r}; fit it"
            " again after setting parameters."
        )
    if not _tree_has_metric(model._tree, metric):
        raise UnsupportedModelError(
            f"{name} has the metric {effective!r}, but was fitted on a search tree with another one, which decides;"
            " fit it on arrays X and y."
        )
    return metric


def _tree_has_metric(tree: Any, metric: str) -> bool:
    """Tell whether the search tree, if there is one, was built with the metric; it is only looked at, never asked."""
    return tree is None or any(type(part).__name__.startswith(_DISTANCES[metric]) for part in tree.__getstate__())


def _asked_for(model: Any) -> Any:
    """Return the metric by the present parameters; fitting has turned Minkowski's into the plain ones."""
    if model.metric != "minkowski":
        return model.metric
    p = (model.metric_params or {}).get("p", model.p)
    return _MINKOWSKI.get(p, "minkowski")
