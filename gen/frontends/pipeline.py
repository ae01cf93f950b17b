"""scikit-learn's Pipeline: scalers, then a supported classifier."""

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prototile.errors import InputError, UnsupportedModelError
from prototile.frontends.base import NamedFrontEnd, is_exactly, require_fitted
from prototile.frontends.registry import to_prototype_model
from prototile.model import AffineMap, Levels, PrototypeModel
from prototile.scores import AdditiveScores


class PipelineFrontEnd(NamedFrontEnd):
    """Takes a Pipeline of affine scalers that ends in a model of another front end.

    The scalers become the model's `AffineMap`, or are taken into the levels of its tables; a Pipeline may end in a
    Pipeline.
    """

    names = ("Pipeline",)
    supported = "a Pipeline of StandardScaler, MinMaxScaler, MaxAbsScaler or RobustScaler and one of these"
    place = 1

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
        result = to_prototype_model(last)
        used = [
            (name, step)
            for name, step in scalers
            if step is not None and not (isinstance(step, str) and step == "passthrough")
        ]
        maps = [_affine_map(name, step) for name, step in used]
        if used and _compares(result):
            return _compared_before(result, [step for _, step in used])
        # From the last scaler to the first: each comes before what is there already.
        for before in reversed(maps):
            result = result.preceded_by(before)
        return result


def _compares(model: PrototypeModel) -> bool:
    """Whether the model does nothing with a component but compare it with one number, as BernoulliNB does."""
    levels = model.levels
    return (
        levels is not None
        and model.preprocess is None
        and bool(levels.open_ended.all() and (levels.step == math.ulp(0.0)).all())
        and model.original is not None
        and model.original.cuts.shape[1] == 1
    )


def _compared_before(model: PrototypeModel, scalers: Sequence[Any]) -> PrototypeModel:
    """Return the model with thresholds for vectors before they are scaled.

    Scaled vectors are rounded, by us in another way than by scikit-learn, and at a threshold that tells. So its own
    scalers are asked, which never bring two numbers out of order.
    """
    assert model.levels is not None and model.original is not None
    offset = _largest_at_most(scalers, model.levels.offset)
    return PrototypeModel(
        model.prototypes,
        model.labels,
        metric="table",
        classes=model.classes,
        levels=Levels(offset, model.levels.step, model.levels.open_ended),
        original=AdditiveScores(
            intercepts=model.original.intercepts, cuts=offset[:, None], constants=model.original.constants
        ),
    )


def _largest_at_most(scalers: Sequence[Any], thresholds: NDArray[np.float64]) -> NDArray[np.float64]:
    """The largest float64 of each feature that is scaled to its threshold or less, by bisection over all of them."""

    def above(X: NDArray[np.float64]) -> NDArray[np.bool_]:
        rows = X[None]
        with warnings.catch_warnings(), np.errstate(over="ignore", invalid="ignore"):
            # Scalers that were fitted with names of features miss them here.
            warnings.simplefilter("ignore", UserWarning)
            for scaler in scalers:
                finite = np.finfo(np.float64)
                rows = np.clip(scaler.transform(rows.copy()), finite.min, finite.max)
        return np.asarray(rows[0] > thresholds)

    # The bits of a positive float64, read as an integer, count all floats from 0 on; those of negative ones likewise.
    largest = int(np.float64(np.finfo(np.float64).max).view(np.int64))
    low, high = np.full(thresholds.shape, -largest), np.full(thresholds.shape, largest)
    while (high - 1 > low).any():
        middle = (low >> 1) + (high >> 1) + (low & high & 1)
        is_above = above(np.where(middle < 0, -1.0, 1.0) * np.abs(middle).view(np.float64))
        low, high = np.where(is_above, low, middle), np.where(is_above, middle, high)
    result: NDArray[np.float64] = np.where(low < 0, -1.0, 1.0) * np.abs(low).view(np.float64)
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
