"""scikit-learn's selectors of features."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from prototile.arrays import to_array
from prototile.frontends.base import feature_count
from prototile.frontends.leaves import check_tree
from prototile.frontends.transformers.step import Rule, Step
from prototile.maps import AffineMap


def _selector(selector: Any) -> Step:
    kept = np.flatnonzero(selector.get_support())
    return Step(AffineMap.selection(kept, feature_count(selector)))


def _select_from_model(selector: Any) -> Step:
    # Importances are counted in the trees, without looking at their bounds, and the trees may come from a file.
    for tree in _trees(getattr(selector, "estimator_", selector.estimator)):
        check_tree(tree, type(selector.estimator).__name__)
    for name, value in vars(getattr(selector, "estimator_", selector.estimator)).items():
        if hasattr(value, "check_format"):
            # Unpacked to have its indices checked: SciPy multiplies without looking at them.
            to_array(value, f"{name} of the {type(selector.estimator).__name__}")
    return _selector(selector)


def _trees(estimator: Any) -> Iterator[Any]:
    """The decision trees in an estimator, itself or an ensemble."""
    if hasattr(estimator, "tree_"):
        yield estimator.tree_
    parts = getattr(estimator, "estimators_", ())
    # Boosted trees lie in an array with a column for each class.
    for part in parts.ravel() if isinstance(parts, np.ndarray) else parts:
        yield from _trees(part)


SELECTORS: dict[str, Rule] = {
    **dict.fromkeys(
        (
            *("SelectKBest", "SelectPercentile", "SelectFpr", "SelectFdr", "SelectFwe", "GenericUnivariateSelect"),
            *("VarianceThreshold", "RFE", "RFECV", "SequentialFeatureSelector"),
        ),
        _selector,
    ),
    "SelectFromModel": _select_from_model,
}
