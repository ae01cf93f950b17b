"""From the user's numbers to the chip's integers: one common step, and as few bits as the answers allow."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prototile.arrays import Matrix, frozen, to_array, to_matrix
from prototile.config import index_bit_count
from prototile.errors import InputError
from prototile.model import PrototypeModel
from prototile.quantised import MAX_BITS, QuantisedModel, bits_needed, check_bits
from prototile.sim.golden import GoldenModel

#: Without calibration data the range of the prototypes is widened on either side by this share of its largest
#: component. Centres lie inside their data: with NearestCentroid after StandardScaler at 8 bits, on iris, wine,
#: breast_cancer and digits, 34 % of the components of unseen queries are clipped without a margin and 10 % with this
#: one, and agreement with the float model rises from 98.6 to 99.8 %. It costs half a bit of resolution.
MARGIN = 0.25
#: Bits when nothing was asked for and there are no data to choose them by.
DEFAULT_BITS = 8
#: Largest loss that `choose_bits` accepts: half a point of agreement or accuracy.
MAX_LOSS = 0.005
#: `choose_bits` looks at this many rows at most, evenly spread over the data.
CHOICE_ROWS = 1000


@dataclass(frozen=True, eq=False, init=False)
class Quantiser:
    """The rule ``q = clip(rint((z - offset) / step), 0, 2**bits - 1)``, in float64.

    ``rint`` rounds half to even. There is one step for all components, so that a distance between quantised vectors
    is the distance between the vectors divided by the step (l1) or its square (l2), up to rounding.

    Parameters
    ----------
    offset
        Value that becomes 0, per component, shape (features,).
    step
        Width of one level, positive.
    bits
        Bits of a component, 1 to 16.

    Raises
    ------
    InputError
        If a parameter is not finite or out of its range.
    """

    offset: NDArray[np.float64]
    step: float
    bits: int

    def __init__(self, *, offset: ArrayLike, step: float, bits: int) -> None:
        offsets = np.asarray(offset, np.float64)
        if offsets.ndim != 1 or not offsets.size or not np.isfinite(offsets).all():
            raise InputError(f"offset must be one finite number per feature, not {offset!r}.")
        if not (math.isfinite(step) and step > 0):
            raise InputError(f"step must be a positive number, not {step!r}.")
        object.__setattr__(self, "offset", frozen(offsets))
        object.__setattr__(self, "step", float(step))
        object.__setattr__(self, "bits", check_bits(bits))

    @classmethod
    def fit(cls, model: PrototypeModel, calibration: Any = None, *, bits: int | None = None) -> Quantiser:
        """Span calibration data and prototypes together.

        Parameters
        ----------
        model
            With integer prototypes (chip units) the result is offset 0, step 1.
        calibration
            Vectors before preprocessing, shape (rows, features), such as the training data. None: the prototypes,
            widened on either side by `MARGIN` of the largest range of a component.
        bits
            1 to 16; default: what integer prototypes need, else `DEFAULT_BITS`.

        Returns
        -------
        Quantiser
            With ``step = (largest range of a component) / (2**bits - 1)``; step 1 if all data are integers whose
            largest range fits into `bits`, or if all ranges are zero.

        Raises
        ------
        InputError
            If data or bits are unusable.
        """
        width = None if bits is None else check_bits(bits)
        if model.in_chip_units:
            return cls._in_chip_units(model, calibration, width)
        width = DEFAULT_BITS if width is None else width
        if calibration is None:
            points = _spanned(model)
            if model.metric == "box" and not _is_integer(points) and not np.ptp(points, axis=0).any():
                raise InputError(
                    "boxes with one bound for each component do not tell how far the data reach; give calibration data."
                )
            return cls._of_prototypes(points, width)
        return cls._of_data(_spanned(model, model.transform(calibration)), width)

    @classmethod
    def _in_chip_units(cls, model: PrototypeModel, calibration: Any, bits: int | None) -> Quantiser:
        needed = _bits_in_chip_units(model)
        if model.metric == "table" and bits not in (None, needed):
            raise InputError(
                f"tables with {1 << needed} levels belong to components of {needed} bits, not of {bits}; use"
                f" bits={needed}."
            )
        if bits is not None and bits < needed:
            raise InputError(
                f"integer prototypes are in chip units, and one component is {int(_counted(model).max())}, which does"
                f" not fit into {bits} bits; use bits={needed}, or give a float array to have them quantised."
            )
        if calibration is not None:
            model.transform(calibration)
        return cls(offset=np.zeros(model.features), step=1.0, bits=needed if bits is None else bits)

    @classmethod
    def _of_data(cls, data: NDArray[np.float64], bits: int) -> Quantiser:
        low, ranges = _low_and_ranges(data)
        levels = (1 << bits) - 1
        largest = float(ranges.max())
        if _is_integer(data) and largest <= levels:
            return cls(offset=low, step=1.0, bits=bits)
        return cls(offset=low, step=_step(largest, levels), bits=bits)

    @classmethod
    def _of_prototypes(cls, points: NDArray[np.float64], bits: int) -> Quantiser:
        low, ranges = _low_and_ranges(points)
        levels = (1 << bits) - 1
        largest = float(ranges.max())
        if _is_integer(points) and largest <= levels:
            # Exactness goes before the margin, which takes what levels are left.
            return cls(offset=low - np.floor(np.minimum(MARGIN * largest, (levels - ranges) / 2)), step=1.0, bits=bits)
        with np.errstate(over="ignore"):
            widened = largest * (1 + 2 * MARGIN)
        if not math.isfinite(widened):
            raise InputError("the prototypes span more than a float64 can hold; scale them down.")
        return cls(offset=low - MARGIN * largest, step=_step(widened, levels), bits=bits)

    @property
    def features(self) -> int:
        """Components of a vector."""
        return int(self.offset.size)

    def quantise(self, Z: Any) -> tuple[NDArray[np.uint16], NDArray[np.int64]]:
        """Quantise model-space vectors.

        Parameters
        ----------
        Z
            Array-like of shape (rows, features), after the model's preprocessing.

        Returns
        -------
        integers : ndarray of shape (rows, features), uint16
            Components ``0 .. 2**bits - 1``.
        saturated : ndarray of shape (rows,), int64
            Components of each row that were clipped.

        Raises
        ------
        InputError
            If the shape is another or a value is not a finite number.
        """
        matrix = to_matrix(Z, "X", features=self.features)
        # A quotient beyond float64 is infinite, and is clipped like any other that is too large.
        with np.errstate(over="ignore"):
            levels = np.rint((matrix - self.offset) / self.step)
        clipped = np.clip(levels, 0, (1 << self.bits) - 1)
        saturated = np.count_nonzero(clipped != levels, axis=1)
        return clipped.astype(np.uint16), saturated.astype(np.int64)

    def apply(self, model: PrototypeModel) -> QuantisedModel:
        """Quantise a whole model: prototypes, radii and threshold of the margin.

        Raises
        ------
        InputError
            If a prototype in chip units does not fit into the bits.
        """
        bare = QuantisedModel(
            prototypes=self._values(model),
            labels=model.class_indices.astype(np.int32),
            radii=None,
            radii_kind="none",
            metric=model.metric,
            bits=self.bits,
            min_margin=None,
            classes=model.classes,
            masks=model.masks,
            shifts=None if model.weights is None else np.log2(model.weights).astype(np.uint8),
            k=model.k,
        )
        largest = bare.configuration().distance_max + 1
        # Not step**2: the square of a huge step is infinite, where Python's power would be an error.
        unit = self.step * self.step if model.metric == "l2" else self.step
        return replace(
            bare,
            radii=None if model.radii is None else _thresholds(model.radii, unit, largest, model.radii_inclusive),
            radii_kind=model.radii_kind,
            min_margin=(
                None
                if model.min_margin is None
                else int(_thresholds(np.array([model.min_margin]), unit, largest, inclusive=False)[0])
            ),
        )

    def _values(self, model: PrototypeModel) -> NDArray[Any]:
        """Prototypes in chip units, in the shape of the metric."""
        if model.metric not in ("box", "table"):
            return self.quantise(model.prototypes)[0]
        return model.prototypes if model.in_chip_units else self._bounds(model.prototypes.astype(np.float64))

    def _bounds(self, bounds: NDArray[np.float64]) -> NDArray[np.int64]:
        """Closed integer bounds for the half-open intervals (lower, upper] of boxes, shape (boxes, features, 2).

        A threshold t becomes ``T = floor((t - offset) / step)``; levels up to T are below it, all others above. So
        boxes that share thresholds and cover the space once cover all integer vectors once. A query rounds to the
        nearest level, hence the chip's threshold lies at T + 1/2, half a step from t at most. With integer data and
        step 1 no data lie in between, and the chip decides as the model does.
        """
        largest = (1 << self.bits) - 1
        with np.errstate(over="ignore"):
            thresholds = np.floor((bounds - self.offset[:, None]) / self.step)
        lower = np.clip(thresholds[..., 0] + 1, 0, largest + 1).astype(np.int64)
        upper = np.clip(thresholds[..., 1], -1, largest).astype(np.int64)
        # No level lies in between: an empty interval, with both bounds moved to where the chip can hold them.
        empty = lower > upper
        lower[empty] = np.clip(lower[empty], 1, largest)
        upper[empty] = lower[empty] - 1
        return np.stack([lower, upper], axis=2)


@dataclass(frozen=True, kw_only=True)
class BitsPoint:
    """What one width of the components costs.

    Parameters
    ----------
    bits
        Bits of a component.
    agreement
        Share of the rows on which quantised and float model give the same label.
    accuracy
        Share of the rows on which the quantised model is right; None without labels.
    loss
        Accuracy of the float model minus `accuracy`; without labels ``1 - agreement``.
    """

    bits: int
    agreement: float
    accuracy: float | None
    loss: float


@dataclass(frozen=True, kw_only=True)
class BitsChoice:
    """The chosen width and the way to it.

    Parameters
    ----------
    bits
        The choice.
    curve
        One point per width that was tried, from 1 bit upwards; empty if the width was not chosen by data.
    reached
        Whether the loss is within the limit; False if even `MAX_BITS` lose more.
    """

    bits: int
    curve: tuple[BitsPoint, ...]
    reached: bool


def check_max_loss(max_loss: Any) -> None:
    """Refuse a loss that is no share.

    Raises
    ------
    InputError
        If it is no number between 0 and 1.
    """
    number = isinstance(max_loss, (int, float, np.integer, np.floating)) and not isinstance(max_loss, bool)
    if not number or not 0 <= max_loss <= 1:
        raise InputError(f"max_loss must be a share between 0 and 1, not {max_loss!r}.")


def choose_bits(
    model: PrototypeModel, calibration: Any = None, y: Any = None, *, max_loss: float = MAX_LOSS
) -> BitsChoice:
    """Choose the fewest bits whose loss stays within `max_loss`.

    A row that is itself a prototype (a k-nearest-neighbours model and its training data) is judged without that
    prototype: it would find itself at any width.

    Parameters
    ----------
    model
        With integer prototypes the answer is what they need.
    calibration
        Vectors before preprocessing, shape (rows, features); at most `CHOICE_ROWS` of them are used, evenly spread.
        None: the answer is `DEFAULT_BITS`.
    y
        Their labels. With them the loss is one of accuracy, otherwise of agreement with the float model.
    max_loss
        Between 0 and 1.

    Returns
    -------
    BitsChoice
        The choice and the curve up to it.

    Raises
    ------
    InputError
        If data or `max_loss` are unusable.
    """
    check_max_loss(max_loss)
    if model.in_chip_units:
        return BitsChoice(bits=_bits_in_chip_units(model), curve=(), reached=True)
    if calibration is None:
        return BitsChoice(bits=DEFAULT_BITS, curve=(), reached=True)
    trial = _BitsTrial.of(model, calibration, y)
    curve: list[BitsPoint] = []
    for bits in range(1, MAX_BITS + 1):
        curve.append(trial.measure(Quantiser._of_data(trial.data, bits)))
        # A hundredth of a row: a loss that is max_loss exactly may come out a little larger in floating point.
        if curve[-1].loss <= max_loss + 0.01 / len(trial.rows):
            return BitsChoice(bits=bits, curve=tuple(curve), reached=True)
    best = min(curve, key=lambda point: point.loss)
    return BitsChoice(bits=best.bits, curve=tuple(curve), reached=False)


@dataclass(frozen=True, eq=False, kw_only=True)
class _BitsTrial:
    """Rows to measure on, with the answers of the float model."""

    model: PrototypeModel
    data: NDArray[np.float64]
    rows: NDArray[np.float64]
    truth: NDArray[Any] | None
    left_out: NDArray[np.bool_]
    reference: NDArray[Any]

    @classmethod
    def of(cls, model: PrototypeModel, calibration: Any, y: Any) -> _BitsTrial:
        Z = model.transform(calibration).astype(np.float64)
        truth = None if y is None else _checked_truth(y, model, len(Z))
        chosen = np.unique(np.linspace(0, len(Z) - 1, min(len(Z), CHOICE_ROWS)).astype(np.intp))
        rows = Z[chosen]
        distances = model.distances(rows)
        left_out = _is_itself(model, distances)
        left_out[left_out.all(axis=1)] = False
        return cls(
            model=model,
            data=_spanned(model, Z),
            rows=rows,
            truth=None if truth is None else truth[chosen],
            left_out=left_out,
            reference=_predict(model, distances, model.fires(distances), left_out),
        )

    def measure(self, quantiser: Quantiser) -> BitsPoint:
        quantised = quantiser.apply(self.model)
        golden = GoldenModel(quantised.configuration(), quantised.nodes)
        distances = golden.distances(quantiser.quantise(self.rows)[0]).astype(np.float64)
        fires = np.ones(distances.shape, np.bool_) if quantised.radii is None else distances < quantised.radii
        answers = _predict(self.model, distances, fires, self.left_out)
        agreement = float(np.mean(answers == self.reference))
        if self.truth is None:
            return BitsPoint(bits=quantiser.bits, agreement=agreement, accuracy=None, loss=1 - agreement)
        accuracy = float(np.mean(answers == self.truth))
        loss = float(np.mean(self.reference == self.truth)) - accuracy
        return BitsPoint(bits=quantiser.bits, agreement=agreement, accuracy=accuracy, loss=loss)


def _checked_truth(y: Any, model: PrototypeModel, rows: int) -> NDArray[Any]:
    """Labels of the calibration data, of which at least one is one that the model can give."""
    truth = to_array(y, "y")
    if truth.shape != (rows,):
        raise InputError(f"y must have one label for each of the {rows} rows, not the shape {truth.shape}.")
    labels = truth.tolist()
    # Sets, as NumPy would turn a number into a string to compare them.
    if not {*model.classes.tolist(), model.reject}.intersection(labels):
        raise InputError(
            f"no label of y is one of the model's classes: {labels[0]!r} is not in {model.classes[:5].tolist()!r};"
            " give the labels as the model was trained with them."
        )
    return truth


def _predict(
    model: PrototypeModel, distances: NDArray[np.float64], fires: NDArray[np.bool_], left_out: NDArray[np.bool_]
) -> NDArray[Any]:
    """Labels by distances (rows, prototypes) without the prototypes that are left out."""
    return model.decide_by(np.where(left_out, np.inf, distances), fires & ~left_out)


def _is_itself(model: PrototypeModel, distances: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Where a row and a prototype are the same, shape (rows, prototypes); a box is no vector."""
    if model.metric == "box":
        return np.zeros(distances.shape, np.bool_)
    same: NDArray[np.bool_] = distances == 0
    # What a prototype ignores may differ, and what ignores everything is at distance 0 to all.
    return same if model.masks is None else same & model.masks.any(axis=1)


def _counted(model: PrototypeModel) -> NDArray[Any]:
    """The prototypes' components that have a part in distances, in one dimension; 0 if there are none."""
    values = model.prototypes if model.masks is None else model.prototypes[model.masks]
    return values.ravel() if values.size else np.zeros(1, model.prototypes.dtype)


def _bits_in_chip_units(model: PrototypeModel) -> int:
    if model.metric == "table":
        return index_bit_count(model.prototypes.shape[2])
    return bits_needed(_counted(model).astype(np.int64))


def _spanned(model: PrototypeModel, Z: Matrix | None = None) -> NDArray[np.float64]:
    """Rows (n, features) whose ranges are to be spanned: prototypes, bounds of boxes one by one, and vectors.

    Masked components and open ends span nothing: another value of the same component, or 0, stands in for them.
    """
    points = model.prototypes.astype(np.float64)
    counts = np.isfinite(points)
    if model.masks is not None:
        counts &= model.masks
    if model.metric == "box":
        points, counts = (np.moveaxis(array, 2, 0).reshape(-1, model.features) for array in (points, counts))
        # Thresholds between integers, as trees choose them, are no reason to give up step 1.
        if _is_integer(2 * points if Z is None else Z):
            points = np.floor(points)
    if Z is not None:
        points, counts = np.vstack([points, Z]), np.vstack([counts, np.ones(Z.shape, np.bool_)])
    stand_in = np.where(counts.any(axis=0), points[counts.argmax(axis=0), np.arange(model.features)], 0.0)
    return np.where(counts, points, stand_in)


def _low_and_ranges(data: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    low = data.min(axis=0)
    with np.errstate(over="ignore"):
        ranges = data.max(axis=0) - low
    if not np.isfinite(ranges).all():
        raise InputError(
            f"feature {int(np.argmin(np.isfinite(ranges)))} spans more than a float64 can hold; scale the data down."
        )
    return low, ranges


def _step(largest: float, levels: int) -> float:
    """Width of one level; 1 if there is nothing to tell apart, and never 0 for want of precision."""
    return 1.0 if largest == 0 else max(largest / levels, math.ulp(0.0))


def _is_integer(data: Matrix) -> bool:
    return bool(np.array_equal(data, np.rint(data)))


def _thresholds(values: NDArray[np.float64], unit: float, largest: int, inclusive: bool) -> NDArray[np.int64]:
    """Integers r with ``distance < r`` exactly where ``distance * unit`` is below (or, inclusive, at) the value."""
    # A square of a tiny step can be 0, and a quotient can overflow: both mean a radius that always fires. The square of
    # a huge step can be infinite, and a quotient 0: a radius that fires at distance 0 only.
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        quotients = np.where((values == 0) | np.isinf(values), values, values / unit)
    limits = np.floor(quotients) + 1 if inclusive else np.maximum(np.ceil(quotients), values > 0)
    thresholds: NDArray[np.int64] = np.minimum(limits, largest).astype(np.int64)
    return thresholds
