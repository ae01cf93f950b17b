"""From the user's numbers to the chip's integers: one step or one per feature, and as few bits as the answers allow."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prototile.arrays import Matrix, frozen, to_array, to_matrix
from prototile.config import bit_count, index_bit_count
from prototile.errors import InputError
from prototile.maps import AffineMap, MatrixMap
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
#: Thresholds that are so near to integers and halves, in units of these, are taken to lie between integers.
_HALF_SLACK = 1e-3
#: What lies so near to a level, in steps, may lie on it but for the rounding of floats.
_BESIDE = 1e-6
#: `choose_bits` looks at this many rows at most, evenly spread over the data.
CHOICE_ROWS = 1000
#: Distances of a chunk of these (8 MB): few enough for a cache, enough for a matrix product.
_CHUNK_DISTANCES = 1 << 20


@dataclass(frozen=True, eq=False, init=False)
class Quantiser:
    """The rule ``q = clip(rint((z - offset) / step), 0, 2**bits - 1)``, in float64.

    ``rint`` rounds half to even. With one step for all components, a distance between quantised vectors is the distance
    between the vectors divided by the step (l1) or its square (l2), up to rounding. Boxes and tables, which compare or
    look up each component by itself, may have a step for each.

    Parameters
    ----------
    offset
        Value that becomes 0, per component, shape (features,).
    step
        Width of one level, positive; one number, or one per component, shape (features,).
    bits
        Bits of a component, 1 to 16.
    open_ended
        Components whose lowest and highest level stand for all that lies beyond them too, so that they never count as
        clipped, shape (features,); None: none.

    Attributes
    ----------
    step : float, or ndarray of shape (features,)
        A float also if all steps are equal.

    Raises
    ------
    InputError
        If a parameter is not finite or out of its range.
    """

    offset: NDArray[np.float64]
    step: float | NDArray[np.float64]
    bits: int
    open_ended: NDArray[np.bool_]

    def __init__(self, *, offset: ArrayLike, step: ArrayLike, bits: int, open_ended: ArrayLike | None = None) -> None:
        offsets, steps = np.asarray(offset, np.float64), np.asarray(step, np.float64)
        if offsets.ndim != 1 or not offsets.size or not np.isfinite(offsets).all():
            raise InputError(f"offset must be one finite number per feature, not {offset!r}.")
        if steps.shape not in ((), offsets.shape) or not (np.isfinite(steps).all() and (steps > 0).all()):
            raise InputError(f"step must be a positive number, or one per feature, not {step!r}.")
        ends = np.zeros(offsets.shape, np.bool_) if open_ended is None else np.asarray(open_ended)
        if ends.shape != offsets.shape or ends.dtype.kind != "b":
            raise InputError(f"open_ended must be True or False per feature, not {open_ended!r}.")
        common = float(steps.flat[0])
        object.__setattr__(self, "offset", frozen(offsets))
        object.__setattr__(self, "step", common if (steps == common).all() else frozen(steps))
        object.__setattr__(self, "bits", check_bits(bits))
        object.__setattr__(self, "open_ended", frozen(ends))

    @classmethod
    def fit(cls, model: PrototypeModel, calibration: Any = None, *, bits: int | None = None) -> Quantiser:
        """Span calibration data and prototypes together.

        Parameters
        ----------
        model
            With integer prototypes (chip units) the result is offset 0, step 1; tables bring their levels.
        calibration
            Vectors before preprocessing, shape (rows, features), such as the training data. None: the prototypes,
            widened on either side by `MARGIN` of the largest range of a component.
        bits
            1 to 16; default: what integer prototypes need, and calibration data beside them, else `DEFAULT_BITS`.

        Returns
        -------
        Quantiser
            With ``step = (largest range of a component) / (2**bits - 1)``; step 1 if all data are integers whose
            largest range fits into `bits`, or if all ranges are zero. For boxes see `_Span`.

        Raises
        ------
        InputError
            If data or bits are unusable.
        """
        width = None if bits is None else check_bits(bits)
        if model.in_chip_units:
            return cls._in_chip_units(model, calibration, width)
        width = DEFAULT_BITS if width is None else width
        if model.metric == "box":
            return _Span.of(model, calibration).quantiser(width)
        if calibration is None:
            return cls._of_prototypes(_spanned(model), width)
        return cls._of_data(_spanned(model, model.transform(calibration)), width)

    @classmethod
    def _in_chip_units(cls, model: PrototypeModel, calibration: Any, bits: int | None) -> Quantiser:
        if model.bits is not None and bits not in (None, model.bits):
            raise InputError(
                f"the model was trained for components of {model.bits} bits, not of {bits}; use bits={model.bits}, or"
                " train it again."
            )
        needed = _bits_in_chip_units(model, calibration)
        if model.metric == "table" and bits not in (None, needed):
            raise InputError(
                f"tables with {1 << needed} levels belong to components of {needed} bits, not of {bits}; use"
                f" bits={needed}."
            )
        if bits is not None and bits < needed:
            held, seen = int(_counted(model).max()), _largest_in_chip_units(model, calibration)
            where, largest = ("", held) if held >= seen else (" of the calibration data", seen)
            raise InputError(
                f"integer prototypes are in chip units, and one component{where} is {largest}, which does not fit into"
                f" {bits} bits; use bits={needed}{_or_floats(model)}."
            )
        width = needed if bits is None else bits
        if model.levels is not None:
            levels = model.levels
            return cls(offset=levels.offset, step=levels.step, bits=width, open_ended=levels.open_ended)
        return cls(offset=np.zeros(model.features), step=1.0, bits=width)

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
            Components of each row that were clipped, those that are open-ended left out.

        Raises
        ------
        InputError
            If the shape is another or a value is not a finite number.
        """
        levels = self._levels(Z)
        saturated = np.count_nonzero(self._beyond(levels), axis=1)
        return np.clip(levels, 0, (1 << self.bits) - 1).astype(np.uint16), saturated.astype(np.int64)

    def saturates(self, Z: Any) -> NDArray[np.bool_]:
        """Which components of model-space vectors count as clipped, shape (rows, features); see `quantise`."""
        return self._beyond(self._levels(Z))

    def _levels(self, Z: Any) -> NDArray[np.float64]:
        matrix = to_matrix(Z, "X", features=self.features)
        # A quotient beyond float64 is infinite, and is clipped like any other that is too large.
        with np.errstate(over="ignore"):
            levels: NDArray[np.float64] = np.rint((matrix - self.offset) / self.step)
        return levels

    def _beyond(self, levels: NDArray[np.float64]) -> NDArray[np.bool_]:
        beyond: NDArray[np.bool_] = ((levels < 0) | (levels > (1 << self.bits) - 1)) & ~self.open_ended
        return beyond

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
        return replace(
            bare,
            radii=None
            if model.radii is None
            else _thresholds(model.radii, self._unit(model), largest, model.radii_inclusive),
            radii_kind=model.radii_kind,
            min_margin=(
                None
                if model.min_margin is None
                else int(_thresholds(np.array([model.min_margin]), self._unit(model), largest, inclusive=False)[0])
            ),
        )

    def _unit(self, model: PrototypeModel) -> float:
        """What one unit of the chip's distance is worth in the model's."""
        if model.metric == "table":
            return 1.0
        if not isinstance(self.step, float):
            raise InputError(
                "radii and min_margin need one unit of distance, which there is not with a step per feature; leave them"
                " out, or use one step."
            )
        # Not step**2: the square of a huge step is infinite, where Python's power would be an error.
        return self.step * self.step if model.metric == "l2" else self.step

    def _values(self, model: PrototypeModel) -> NDArray[Any]:
        """Prototypes in chip units, in the shape of the metric."""
        if model.metric not in ("box", "table"):
            return self.quantise(model.prototypes)[0]
        return model.prototypes if model.in_chip_units else self._bounds(model)

    def _bounds(self, model: PrototypeModel) -> NDArray[np.int64]:
        """Closed integer bounds for the half-open intervals (lower, upper] of boxes, shape (boxes, features, 2).

        A threshold t becomes ``T = floor((t - offset) / step)``; levels up to T are below it, all others above. So
        boxes that share thresholds and cover the space once cover all integer vectors once. A query rounds to the
        nearest level, hence the chip's threshold lies at T + 1/2, half a step from t at most. With integer data on
        levels no data lie in between, and the chip decides as the model does.
        """
        largest = (1 << self.bits) - 1
        bounds = model.prototypes.astype(np.float64)
        steps = np.broadcast_to(self.step, self.offset.shape)[:, None]
        with np.errstate(over="ignore"):
            quotients = (bounds - self.offset[:, None]) / steps
        thresholds = np.floor(quotients)
        if isinstance(model.preprocess, AffineMap):
            thresholds = self._beside_integers(bounds, quotients, thresholds, model.preprocess)
        lower = np.clip(thresholds[..., 0] + 1, 0, largest + 1).astype(np.int64)
        upper = np.clip(thresholds[..., 1], -1, largest).astype(np.int64)
        # No level lies in between: an empty interval, with both bounds moved to where the chip can hold them.
        empty = lower > upper
        lower[empty] = np.clip(lower[empty], 1, largest)
        upper[empty] = lower[empty] - 1
        return np.stack([lower, upper], axis=2)

    def _beside_integers(
        self, bounds: NDArray[np.float64], quotients: NDArray[np.float64], thresholds: NDArray[Any], scaler: AffineMap
    ) -> NDArray[np.float64]:
        """Thresholds, those corrected that lie on an integer behind a scaler but for the rounding of floats.

        There the side that the integer is on is what the scaler makes of it, compared as the model does.
        """
        scale, shift = (
            np.where(scaler.scale == 0, one, part)[:, None] for one, part in ((1.0, scaler.scale), (0.0, scaler.shift))
        )
        steps = np.broadcast_to(self.step, self.offset.shape)[:, None]
        with np.errstate(over="ignore", invalid="ignore"):
            nearest = np.rint(quotients)
            levels = self.offset[:, None] + nearest * steps
            values = np.rint((levels - shift) / scale) * scale + shift
            beside = (np.abs(quotients - nearest) < _BESIDE) & (np.abs(values - levels) < _BESIDE * steps)
        corrected: NDArray[np.float64] = np.where(beside, np.where(values <= bounds, nearest, nearest - 1), thresholds)
        return corrected


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
    """The chosen width and the way to it, or what a width that the user named costs.

    Parameters
    ----------
    bits
        The choice.
    curve
        One point per width that was tried, from 1 bit upwards; empty if the width was not chosen by data. Of a width
        that was named its own point.
    reached
        Whether the loss is within the limit; False if even `MAX_BITS` lose more.
    max_loss
        The limit.
    named
        Whether the user named the width.
    """

    bits: int
    curve: tuple[BitsPoint, ...]
    reached: bool
    max_loss: float = MAX_LOSS
    named: bool = False

    @property
    def point(self) -> BitsPoint | None:
        """What the choice costs; None if that was not measured."""
        return next((point for point in self.curve if point.bits == self.bits), None)

    @property
    def warning(self) -> str | None:
        """That the choice loses more than the limit, as a sentence; None if it does not, or is not known to."""
        if self.reached or self.point is None:
            return None
        what = "agreement with the model in floating point" if self.point.accuracy is None else "accuracy"
        loses = f"{self.bits} {'bit loses' if self.bits == 1 else 'bits lose'}"
        lost = f"{100 * self.point.loss:.1f} points of {what} on the calibration data"
        limit = f"the {100 * self.max_loss:g} of max_loss"
        if self.named:
            return f"{loses} {lost}, more than {limit}; use more bits, or bits='auto' to have them chosen."
        return f"no width keeps the loss within {limit}; {loses} least, {lost}."


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
        With integer prototypes the answer is what they need, and the calibration data beside them; tables that were
        made from scores are judged by these.
    calibration
        Vectors before preprocessing, shape (rows, features); at most `CHOICE_ROWS` of them are used, evenly spread.
        None: the answer is `DEFAULT_BITS`, or what the maker of tables says.
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
    if calibration is None or _is_exact(model):
        return BitsChoice(bits=_usual_bits(model, calibration), curve=(), reached=True, max_loss=max_loss)
    trial = _BitsTrial.of(model, calibration, y)
    curve: list[BitsPoint] = []
    for bits in _widths(model):
        curve.append(trial.measure(bits))
        if trial.is_within(curve[-1], max_loss):
            return BitsChoice(bits=bits, curve=tuple(curve), reached=True, max_loss=max_loss)
    best = min(curve, key=lambda point: point.loss)
    return BitsChoice(bits=best.bits, curve=tuple(curve), reached=False, max_loss=max_loss)


def measure_bits(
    model: PrototypeModel, bits: int, calibration: Any = None, y: Any = None, *, max_loss: float = MAX_LOSS
) -> BitsChoice | None:
    """Measure what a width that the user named costs, as `choose_bits` measures those that it tries.

    Returns
    -------
    BitsChoice or None
        None without calibration data, and for integer prototypes, which are exact.

    Raises
    ------
    InputError
        As `choose_bits`, and if the model cannot have so many bits.
    """
    check_max_loss(max_loss)
    if calibration is None or _is_exact(model):
        return None
    trial = _BitsTrial.of(model, calibration, y)
    point = trial.measure(check_bits(bits))
    reached = trial.is_within(point, max_loss)
    return BitsChoice(bits=point.bits, curve=(point,), reached=reached, max_loss=max_loss, named=True)


def _is_exact(model: PrototypeModel) -> bool:
    """Whether nothing of the model is rounded."""
    return model.in_chip_units and model.original is None


def _widths(model: PrototypeModel) -> Sequence[int]:
    """Bits that there can be."""
    if model.maker is not None:
        return model.maker.widths
    return (_bits_in_chip_units(model, None),) if model.in_chip_units else range(1, MAX_BITS + 1)


def _usual_bits(model: PrototypeModel, calibration: Any) -> int:
    """Bits that no data choose."""
    if model.maker is not None:
        return model.maker.bits
    return _bits_in_chip_units(model, calibration) if model.in_chip_units else DEFAULT_BITS


@dataclass(frozen=True, eq=False, kw_only=True)
class _BitsTrial:
    """Rows to measure on, with the answers of the float model."""

    model: PrototypeModel
    calibration: Any
    span: _Span | NDArray[np.float64] | None
    rows: NDArray[np.float64]
    truth: NDArray[Any] | None
    left_out: NDArray[np.bool_]
    reference: NDArray[Any]

    @classmethod
    def of(cls, model: PrototypeModel, calibration: Any, y: Any) -> _BitsTrial:
        Z = model.transform(calibration).astype(np.float64)
        truth = None if y is None else checked_truth(y, model, len(Z))
        chosen = np.unique(np.linspace(0, len(Z) - 1, min(len(Z), CHOICE_ROWS)).astype(np.intp))
        rows = Z[chosen]
        if model.metric == "table":
            span, left_out = None, np.zeros((len(rows), model.prototype_count), np.bool_)
            reference = model.predict_transformed(rows)
        else:
            span = _Span.of(model, calibration) if model.metric == "box" else _spanned(model, Z)
            left_out = np.empty((len(rows), model.prototype_count), np.bool_)

            def answer(some: slice) -> NDArray[Any]:
                distances = model.distances(rows[some])
                same = _is_itself(model, distances)
                left_out[some] = same & ~same.all(axis=1, keepdims=True)
                return _predict(model, distances, model.fires(distances), left_out[some])

            reference = _in_chunks(answer, len(rows), model.prototype_count)
        return cls(
            model=model,
            calibration=calibration,
            span=span,
            rows=rows,
            truth=None if truth is None else truth[chosen],
            left_out=left_out,
            reference=reference,
        )

    def is_within(self, point: BitsPoint, max_loss: float) -> bool:
        """Whether a loss is within the limit, give or take a hundredth of a row for what floating point rounds."""
        return point.loss <= max_loss + 0.01 / len(self.rows)

    def measure(self, bits: int) -> BitsPoint:
        """What so many bits cost."""
        model = self.model.with_bits(bits, self.calibration)
        quantiser = self._quantiser(model, bits)
        quantised = quantiser.apply(model)
        golden = GoldenModel(quantised.configuration(), quantised.nodes)
        queries = quantiser.quantise(self.rows)[0]

        def answer(rows: slice) -> NDArray[Any]:
            distances = golden.distances(queries[rows]).astype(np.float64)
            fires = np.ones(distances.shape, np.bool_) if quantised.radii is None else distances < quantised.radii
            return _predict(model, distances, fires, self.left_out[rows])

        answers = _in_chunks(answer, len(queries), model.prototype_count)
        agreement = float(np.mean(answers == self.reference))
        if self.truth is None:
            return BitsPoint(bits=bits, agreement=agreement, accuracy=None, loss=1 - agreement)
        accuracy = float(np.mean(answers == self.truth))
        loss = float(np.mean(self.reference == self.truth)) - accuracy
        return BitsPoint(bits=bits, agreement=agreement, accuracy=accuracy, loss=loss)

    def _quantiser(self, model: PrototypeModel, bits: int) -> Quantiser:
        if self.span is None:
            return Quantiser.fit(model)
        return self.span.quantiser(bits) if isinstance(self.span, _Span) else Quantiser._of_data(self.span, bits)


def _in_chunks(answer: Callable[[slice], NDArray[Any]], rows: int, prototypes: int) -> NDArray[Any]:
    """Answers to all rows, asked for some at a time."""
    size = max(1, _CHUNK_DISTANCES // prototypes)
    return np.concatenate([answer(slice(start, start + size)) for start in range(0, rows, size)])


def checked_truth(y: Any, model: PrototypeModel, rows: int) -> NDArray[Any]:
    """Return the labels of data, one for each row, shape (rows,), to compare a model's answers with.

    Raises
    ------
    InputError
        If the shape is another, a label is missing (None or NaN), or none is one that the model can give: each
        comparison with them would only seem to mean something.
    """
    truth = to_array(y, "y")
    if truth.shape != (rows,):
        raise InputError(f"y must have one label for each of the {rows} rows, not the shape {truth.shape}.")
    labels = truth.tolist()
    missing = next((row for row, label in enumerate(labels) if _is_missing(label)), None)
    if missing is not None:
        raise InputError(
            f"y has {labels[missing]!r} in row {missing} (counted from 0), which is no label; drop rows without one."
        )
    # Sets, as NumPy would turn a number into a string to compare them.
    if not {*model.classes.tolist(), model.reject}.intersection(labels):
        raise InputError(
            f"no label of y is one of the model's classes: {labels[0]!r} is not in {model.classes[:5].tolist()!r};"
            " give the labels as the model was trained with them."
        )
    return truth


def _is_missing(label: Any) -> bool:
    """Whether it is None, NaN or another value that is not equal to itself; that of pandas is neither."""
    try:
        return label is None or bool(label != label)
    except TypeError:
        return True


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


def _bits_in_chip_units(model: PrototypeModel, calibration: Any) -> int:
    """Bits that hold the prototypes, and what of the calibration data takes part in distances."""
    largest = _largest_in_chip_units(model, calibration)
    if model.metric == "table":
        return index_bit_count(model.prototypes.shape[2])
    if model.bits is not None:
        return model.bits
    return max(bits_needed(_counted(model).astype(np.int64)), bit_count(largest))


def _largest_in_chip_units(model: PrototypeModel, calibration: Any) -> int:
    """Largest component of the calibration data of a model in chip units, rounded; 0 if there are none.

    What all prototypes ignore does not count, and neither does what tables are asked for: these have one entry for each
    level, and the nearest one for what lies beyond.
    """
    if calibration is None:
        return 0
    Z = model.transform(calibration)
    # A model that was trained for some bits clips, as its chip does.
    if model.metric == "table" or model.bits is not None:
        return 0
    levels = np.rint(Z if model.masks is None else Z[:, model.masks.any(axis=0)])
    low, high = levels.min(initial=0), levels.max(initial=0)
    if low < 0 or high >= 1 << MAX_BITS:
        raise InputError(
            "integer prototypes are in chip units, and so are their vectors, which must lie in"
            f" 0 .. {(1 << MAX_BITS) - 1}, but one component of the calibration data is"
            f" {int(low if low < 0 else high)}; encode them as such numbers{_or_floats(model)}."
        )
    return int(high)


def _or_floats(model: PrototypeModel) -> str:
    """The other way out where integers are too large; bits that are compared have none."""
    return "" if model.metric == "hamming" else ", or give a float array to have them quantised"


def _spanned(model: PrototypeModel, Z: Matrix | None = None) -> NDArray[np.float64]:
    """Rows (n, features) whose ranges are to be spanned: prototypes and vectors.

    Masked components span nothing: another value of the same component, or 0, stands in for them.
    """
    points = model.prototypes.astype(np.float64)
    counts = np.ones(points.shape, np.bool_) if model.masks is None else model.masks
    if Z is not None:
        points, counts = np.vstack([points, Z]), np.vstack([counts, np.ones(Z.shape, np.bool_)])
    stand_in = np.where(counts.any(axis=0), points[counts.argmax(axis=0), np.arange(model.features)], 0.0)
    return np.where(counts, points, stand_in)


@dataclass(frozen=True, eq=False, kw_only=True)
class _Span:
    """What the levels of boxes reach, component by component: data and bounds, and one level above the highest bound.

    A bound lies between two levels, see `Quantiser._bounds`. So that what is clipped stays on its side of every bound,
    there must be a level below the lowest bound and one above the highest. Where values lie at equal distances, as
    integers do, also behind a scaler, levels lie on the values if there are enough of them; this goes before a margin.

    Attributes
    ----------
    per_feature, calibrated
        Whether each component has its own step, and whether there are data.
    bounded
        Components that have a bound.
    low, high, top
        Lowest and highest datum or bound, and the highest bound (`low` where there is none).
    regular
        Components whose values are ``anchor + n * unit`` for integers n; all or none if there is one step.
    anchor, unit
        As above, where it is so.
    first, last
        The n of the lowest and highest level that is needed.
    """

    per_feature: bool
    calibrated: bool
    bounded: NDArray[np.bool_]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    top: NDArray[np.float64]
    regular: NDArray[np.bool_]
    anchor: NDArray[np.float64]
    unit: NDArray[np.float64]
    first: NDArray[np.float64]
    last: NDArray[np.float64]

    @classmethod
    def of(cls, model: PrototypeModel, calibration: Any) -> _Span:
        Z = None if calibration is None else model.transform(calibration).astype(np.float64)
        bounds = np.moveaxis(model.prototypes.astype(np.float64), 2, 0).reshape(-1, model.features)
        finite = np.isfinite(bounds)
        bounded: NDArray[np.bool_] = np.asarray(finite.any(axis=0))
        bounds = np.where(finite, bounds, np.nan)
        points = np.where(bounded, bounds, 0.0) if Z is None else np.vstack([bounds, Z])
        low, high = np.nanmin(points, axis=0), np.nanmax(points, axis=0)
        _low_and_ranges(np.stack([low, high]))
        top = np.fmax(low, np.fmax.reduce(bounds))
        anchor, unit = np.zeros(model.features), np.ones(model.features)
        if model.step_per_feature and isinstance(model.preprocess, AffineMap):
            # Integers behind a scaler. Whether it turns them round does not matter to where they lie.
            unit = np.abs(model.preprocess.scale)
            anchor = np.where(unit > 0, model.preprocess.shift, 0.0)
            unit = np.where(unit > 0, unit, 1.0)
        with np.errstate(over="ignore"):
            steps = (bounds - anchor) / unit
        if Z is None:
            # Thresholds between integers, as trees choose them; theirs are rounded to float32.
            slack = _HALF_SLACK if model.step_per_feature else 0.0
            regular = np.all(~finite | (np.abs(2 * steps - np.rint(2 * steps)) <= slack), axis=0)
            first, last = np.fmin.reduce(np.floor(steps)), np.fmax.reduce(np.floor(steps) + 1)
        else:
            given: Matrix = Z
            if model.step_per_feature and not isinstance(model.preprocess, MatrixMap):
                given = to_matrix(calibration, "X")
                given = given if model.preprocess is None else model.preprocess.select(given)
            regular = np.all(given == np.rint(given), axis=0)
            values = np.rint((Z - anchor) / unit)
            first = np.fmin(values.min(axis=0), np.fmin.reduce(np.floor(steps)))
            last = np.fmax(values.max(axis=0), np.fmax.reduce(np.floor(steps) + 1))
        if not model.step_per_feature:
            regular = np.full(model.features, regular.all())
        return cls(
            per_feature=model.step_per_feature,
            calibrated=Z is not None,
            bounded=bounded,
            low=low,
            high=high,
            top=top,
            regular=regular,
            anchor=anchor,
            unit=unit,
            first=np.nan_to_num(first),
            last=np.nan_to_num(last),
        )

    def quantiser(self, bits: int) -> Quantiser:
        """The rule with so many bits.

        Raises
        ------
        InputError
            If it has one step, and neither data nor bounds tell how far the data reach.
        """
        levels = (1 << bits) - 1
        counts = self.last - self.first
        fits = (self.regular | (self.per_feature and not self.calibrated)) & (counts <= levels)
        if not self.per_feature:
            fits = np.full(fits.shape, fits.all())
        first, unit = self.first, self.unit
        if not self.calibrated:
            if self.per_feature:
                # Bounds alone do not tell integers from other data: integers lie on levels, and levels also in between.
                parts = np.maximum(np.floor(levels / np.maximum((1 + 2 * MARGIN) * counts, 1)), 1)
                parts = np.where(self.regular | ~fits, 1, parts)
                first, unit = np.floor((self.low - self.anchor) / unit * parts), unit / parts
                counts = np.floor((self.top - self.anchor) / unit) + 1 - first
            wanted = counts if self.per_feature else counts.max()
            first = first - np.floor(np.minimum(MARGIN * wanted, (levels - counts) / 2))
        with np.errstate(over="ignore", invalid="ignore"):
            offset, step = (self.low, unit) if fits.all() else self._uneven(levels)
            offset = np.where(fits, self.anchor + first * unit, offset)
            step = np.where(fits, unit, step)
        if not np.isfinite(step * levels).all():
            raise InputError("the boxes span more than a float64 can hold; scale them down.")
        # Without data nothing is known of a component without a bound, and nothing depends on it.
        open_ended = ~self.bounded if not self.calibrated else None
        return Quantiser(offset=offset, step=step, bits=bits, open_ended=open_ended)

    def _uneven(self, levels: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Offsets and steps of levels that lie on no particular values."""
        ranges = self.high - self.low
        if self.calibrated:
            # The highest bound is half a level below the highest level, or further.
            steps = np.maximum(ranges / levels, (self.top - self.low) / (levels - 0.5))
            if not self.per_feature:
                steps = np.full_like(steps, steps.max())
            return self.low, np.where(steps == 0, np.where(ranges == 0, 1.0, math.ulp(0.0)), steps)
        if self.per_feature:
            alone = self.bounded & (ranges == 0)
            # Nothing tells how far the data reach, only on which side of the bound they are.
            reach = np.where(alone, 2 * np.where(self.low == 0, 1.0, np.abs(self.low)), ranges)
            margin = np.where(alone, 0.0, MARGIN)
            steps = np.where(reach == 0, 1.0, np.maximum(reach * (1 + 2 * margin) / levels, math.ulp(0.0)))
            # A bound between an even level and the next one: a value at it is rounded to the even one, below.
            below = 2 * (levels // 4) + 0.5
            return np.where(alone, self.low - below * steps, self.low - margin * reach), steps
        largest = float(ranges.max())
        if largest == 0:
            raise InputError(
                "boxes with one bound for each component do not tell how far the data reach; give calibration data."
            )
        return self.low - MARGIN * largest, np.full_like(ranges, _step(largest * (1 + 2 * MARGIN), levels))


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
