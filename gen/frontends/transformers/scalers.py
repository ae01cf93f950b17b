"""scikit-learn's scalers, which treat each feature by itself."""

from typing import Any

import numpy as np

from prototile.frontends.base import feature_count
from prototile.frontends.transformers.step import Rule, Step
from prototile.maps import AffineMap


def _standard(scaler: Any) -> Step:
    return _centred(scaler, scaler.mean_ if scaler.with_mean else None, scaler.scale_)


def _robust(scaler: Any) -> Step:
    centre, divisor = scaler.with_centering, scaler.with_scaling
    return _centred(scaler, scaler.center_ if centre else None, scaler.scale_ if divisor else None)


def _max_abs(scaler: Any) -> Step:
    # Old versions know no clip.
    bounds = (-1.0, 1.0) if getattr(scaler, "clip", False) else (-np.inf, np.inf)
    return _centred(scaler, None, scaler.scale_, *bounds)


def _min_max(scaler: Any) -> Step:
    bounds = scaler.feature_range if scaler.clip else (-np.inf, np.inf)
    return Step(AffineMap(np.asarray(scaler.scale_, np.float64), np.asarray(scaler.min_, np.float64)), *bounds)


def _centred(scaler: Any, centre: Any, divisor: Any, *bounds: float) -> Step:
    """``(x - centre) / divisor``; None for a part that is left out."""
    count = feature_count(scaler)
    scale = np.broadcast_to(1 / np.asarray(1.0 if divisor is None else divisor, np.float64), (count,))
    return Step(AffineMap(scale, -np.asarray(0.0 if centre is None else centre, np.float64) * scale), *bounds)


SCALERS: dict[str, Rule] = {
    "StandardScaler": _standard,
    "MinMaxScaler": _min_max,
    "MaxAbsScaler": _max_abs,
    "RobustScaler": _robust,
}
