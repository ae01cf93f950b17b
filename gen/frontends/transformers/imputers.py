"""scikit-learn's imputers: a query has no missing value, so nothing is left of them but the features that they drop.

NaN is an error in a query. On complete vectors an imputer changes no value; it drops features that were never seen in
training, and its indicators of missing values are 0.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from prototile.errors import UnsupportedModelError
from prototile.frontends.transformers.step import Rule, Step
from prototile.maps import AffineMap


def _simple(imputer: Any) -> Step:
    count = len(imputer.statistics_)
    dropped = np.array([value != value for value in imputer.statistics_.tolist()])
    kept = np.arange(count) if getattr(imputer, "keep_empty_features", False) else np.flatnonzero(~dropped)
    return _kept(imputer, kept, count, np.ones(len(kept)))


def _nearest(imputer: Any) -> Step:
    seen = np.asarray(imputer._valid_mask, np.bool_)
    if getattr(imputer, "keep_empty_features", False):
        # It sets what was never seen to 0, known or not.
        return _kept(imputer, np.arange(seen.size), seen.size, seen.astype(np.float64))
    kept = np.flatnonzero(seen)
    return _kept(imputer, kept, seen.size, np.ones(len(kept)))


def _kept(imputer: Any, columns: NDArray[np.intp], count: int, scale: NDArray[np.float64]) -> Step:
    missing = imputer.missing_values
    if not (isinstance(missing, float) and missing != missing):
        raise UnsupportedModelError(
            f"the imputer replaces missing_values={missing!r}, a value like others to the chip, and is not affine then;"
            " use NaN for what is missing, or transform the data yourself and convert the classifier alone."
        )
    if imputer.add_indicator:
        flags = np.zeros(len(imputer.indicator_.features_))
        columns, scale = np.append(columns, flags.astype(np.intp)), np.append(scale, flags)
    return Step(AffineMap(scale, np.zeros(len(scale)), columns, count))


IMPUTERS: dict[str, Rule] = {"SimpleImputer": _simple, "KNNImputer": _nearest}
