"""scikit-learn's Pipeline: scalers, then a supported classifier."""

from collections.abc import Callable
from typing import Any

import numpy as np

from prototile.errors import InputError, UnsupportedModelError
from prototile.frontends.base import is_exactly, require_fitted
from prototile.model import AffineMap, PrototypeModel


class PipelineFrontEnd:
    """Takes a Pipeline of affine scalers that ends in a model of another front end.

    The scalers become the model's `AffineMap`; a Pipeline may end in a Pipeline.

    Parameters
    ----------
    convert_last
        Converts the last step.
    """

    supported = "a Pipeline of StandardScaler, MinMaxScaler, MaxAbsScaler or RobustScaler and one of these"

    def __init__(self, convert_last: Callable[[Any], PrototypeModel]) -> None:
        self._convert_last = convert_last

    def accepts(self, model: Any) -> bool:
        """Tell whether it is scikit-learn's class itself."""
        return is_exactly(model, "sklearn", "Pipeline")

    def convert(self, model: Any) -> PrototypeModel:
        """Return the last step's model with the scalers as its preprocessing.

        Raises
        ------
        UnsupportedModelError
            If a step is no affine scaler, or the last one is not supported.
        InputError
            If a step is not fitted.
        """
        *scalers, (last_name, last) = model.steps
        if last is None or isinstance(last, str):
            raise UnsupportedModelError(
                f"the Pipeline ends in step {last_name!r}, which is {last!r}; its last step must be a classifier."
            )
        result = self._convert_last(last)
        # From the last scaler to the first: each comes before what is there already.
        for name, step in reversed(scalers):
            if step is not None and not (isinstance(step, str) and step == "passthrough"):
                result = result.preceded_by(_affine_map(name, step))
        return result


def _affine_map(name: str, step: Any) -> AffineMap:
    kind = next((kind for kind in _MAPS if is_exactly(step, "sklearn", kind)), None)
    if kind is None:
        raise UnsupportedModelError(
            f"step {name!r} of the Pipeline is a {type(step).__name__}, but only scalers that treat each feature by"
            f" itself ({', '.join(_MAPS)}) can be taken over exactly; transform the data yourself and convert the"
            " classifier alone."
        )
    try:
        require_fitted(step, "n_features_in_")
    except InputError as error:
        raise InputError(
            f"step {name!r} of the Pipeline is not fitted; call the Pipeline's fit(X, y) first."
        ) from error
    if getattr(step, "clip", False):
        raise UnsupportedModelError(
            f"step {name!r} of the Pipeline is a {kind} with clip=True, which is not affine, so only clip=False is"
            " supported; fit it with that: the chip clips queries to the range of its calibration data anyway."
        )
    scale, shift = _MAPS[kind](step)
    count = int(step.n_features_in_)
    return AffineMap(np.broadcast_to(scale, (count,)), np.broadcast_to(shift, (count,)))


def _standard(step: Any) -> tuple[Any, Any]:
    return _centred(step.mean_ if step.with_mean else None, step.scale_)


def _robust(step: Any) -> tuple[Any, Any]:
    return _centred(step.center_ if step.with_centering else None, step.scale_ if step.with_scaling else None)


def _max_abs(step: Any) -> tuple[Any, Any]:
    return _centred(None, step.scale_)


def _min_max(step: Any) -> tuple[Any, Any]:
    return np.asarray(step.scale_, np.float64), np.asarray(step.min_, np.float64)


def _centred(centre: Any, divisor: Any) -> tuple[Any, Any]:
    """``(x - centre) / divisor`` as scale and shift; None for a part that is left out."""
    scale = 1 / np.asarray(1.0 if divisor is None else divisor, np.float64)
    return scale, -np.asarray(0.0 if centre is None else centre, np.float64) * scale


_MAPS: dict[str, Callable[[Any], tuple[Any, Any]]] = {
    "StandardScaler": _standard,
    "MinMaxScaler": _min_max,
    "MaxAbsScaler": _max_abs,
    "RobustScaler": _robust,
}
