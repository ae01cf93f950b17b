"""Models that compare each component with one number, behind transformers of scikit-learn: exact to the last bit."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prototile.frontends.transformers.composite import transformed
from prototile.maps import AffineMap
from prototile.model import Levels, PrototypeModel
from prototile.scores import AdditiveScores


def compares(model: PrototypeModel) -> bool:
    """Whether the model does nothing with a component but compare it with one number, as BernoulliNB does."""
    levels = model.levels
    selects = model.preprocess is None or (isinstance(model.preprocess, AffineMap) and model.preprocess.is_selection)
    return (
        levels is not None
        and selects
        and bool(levels.open_ended.all() and (levels.step == math.ulp(0.0)).all())
        and model.original is not None
        and model.original.cuts.shape[1] == 1
    )


def thresholds_before(model: PrototypeModel, transformers: Sequence[Any], whole: AffineMap) -> PrototypeModel:
    """Return a model that `compares`, with thresholds for vectors before they are transformed.

    Transformed vectors are rounded, by us in another way than by scikit-learn, and at a threshold that tells. So its
    own transformers are asked, which never bring two numbers out of order.

    Parameters
    ----------
    model
        One that `compares`.
    transformers
        Fitted transformers of scikit-learn, in their order.
    whole
        What they do together, up to rounding; its scales are not negative.
    """
    assert model.levels is not None and model.original is not None
    if isinstance(model.preprocess, AffineMap):
        whole = whole.then(model.preprocess)
    selection, _ = whole.split()
    taken = np.arange(whole.features) if whole.columns is None else whole.columns
    # Components that are made from one feature need a vector each.
    row = np.array([np.count_nonzero(taken[:place] == column) for place, column in enumerate(taken)])

    def scaled(values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The components that are made from these values of their features, each from its own."""
        rows = np.zeros((int(row.max()) + 1, whole.input_features))
        rows[row, taken] = values
        for transformer in transformers:
            rows = transformed(transformer, rows)
        if isinstance(model.preprocess, AffineMap):
            rows = np.asarray(model.preprocess.select(rows), np.float64)
        return np.asarray(rows[row, np.arange(len(taken))])

    offset = _largest_at_most(scaled, model.levels.offset)
    return PrototypeModel(
        model.prototypes,
        model.labels,
        metric="table",
        classes=model.classes,
        preprocess=selection,
        levels=Levels(offset, model.levels.step, model.levels.open_ended),
        original=AdditiveScores(
            intercepts=model.original.intercepts, cuts=offset[:, None], constants=model.original.constants
        ),
    )


def _largest_at_most(scaled: Any, thresholds: NDArray[np.float64]) -> NDArray[np.float64]:
    """The largest float64 of each feature that is scaled to its threshold or less, by bisection over all of them."""
    # The bits of a positive float64, read as an integer, count all floats from 0 on; those of negative ones likewise.
    largest = int(np.float64(np.finfo(np.float64).max).view(np.int64))
    low, high = np.full(thresholds.shape, -largest), np.full(thresholds.shape, largest + 1)
    while (high - 1 > low).any():
        middle = (low >> 1) + (high >> 1) + (low & high & 1)
        is_above = scaled(_float_of(middle)) > thresholds
        low, high = np.where(is_above, low, middle), np.where(is_above, middle, high)
    return _float_of(low)


def _float_of(order: NDArray[np.int64]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = np.where(order < 0, -1.0, 1.0) * np.abs(order).view(np.float64)
    return result
