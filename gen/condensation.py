"""How a model came to few prototypes, what that cost, and which training samples each of them stands for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prototile.arrays import frozen, to_numbers
from prototile.errors import InputError

#: How a model can be condensed, and what people call it.
METHODS = {
    "kmeans": "k-means",
    "kmedoids": "k-medoids",
    "lvq": "learning vector quantisation",
    "condensed": "condensed neighbours",
    "edited": "edited neighbours",
    "edited-kmeans": "edited neighbours, then k-means",
}
#: Methods that find out themselves how many prototypes they keep.
SELF_SIZED = ("condensed", "edited")
#: Points that a curve may have; a picture of more says no more.
MAX_POINTS = 64


@dataclass(frozen=True, eq=False, init=False)
class Condensation:
    """What `prototile.condense` did, and what it cost.

    Parameters
    ----------
    condensed_by
        One of `METHODS`.
    members
        For each training sample, in the order of the data, the prototype that stands for it: the nearest one of its
        class. Shape (samples,).
    held_out
        Samples on which accuracies were measured, with prototypes made of the others; 0 if there were too few samples
        to hold some out, and then there is none of what follows.
    accuracy_before
        Share of the held-out samples that all other samples get right, with the votes of the model as it was.
    curve_prototypes, curve_accuracies
        Numbers of prototypes, ascending, and the share of the held-out samples that so many get right; shape (points,)
        each.
    chosen
        The point of the curve that was made as the model was.

    Raises
    ------
    InputError
        If a value is of the wrong kind or out of its range.
    """

    condensed_by: str
    members: NDArray[np.int64]
    held_out: int
    accuracy_before: float | None
    curve_prototypes: NDArray[np.int64]
    curve_accuracies: NDArray[np.float64]
    chosen: int

    def __init__(
        self,
        *,
        condensed_by: Any,
        members: ArrayLike,
        held_out: Any = 0,
        accuracy_before: Any = None,
        curve_prototypes: ArrayLike = (),
        curve_accuracies: ArrayLike = (),
        chosen: Any = 0,
    ) -> None:
        # Of a file it is an array without dimensions.
        method, *more = np.ravel(condensed_by).tolist() or [None]
        if more or not isinstance(method, str) or method not in METHODS:
            raise InputError(f"condensed_by must be one of {', '.join(METHODS)}, not {condensed_by!r}.")
        samples = _integers(members, "members", 0)
        if not samples.size:
            raise InputError("members must have a prototype for each sample, but there are none.")
        tested = _integer(held_out, "held_out", 0, len(samples) - 1)
        counts = _integers(curve_prototypes, "curve_prototypes", 1)
        shares = _shares(curve_accuracies, "curve_accuracies")
        before = [] if accuracy_before is None else np.ravel(_shares(accuracy_before, "accuracy_before")).tolist()
        if shares.shape != counts.shape or (np.diff(counts) <= 0).any() or len(counts) > MAX_POINTS:
            raise InputError(
                f"curve_prototypes must ascend, with an accuracy each in curve_accuracies, and be {MAX_POINTS} at most."
            )
        measured = bool(len(counts))
        if measured != bool(tested) or len(before) != measured:
            raise InputError("held_out, accuracy_before and the curve go together; give all of them or none.")
        values = {
            "condensed_by": method,
            "members": frozen(samples),
            "held_out": tested,
            "accuracy_before": before[0] if measured else None,
            "curve_prototypes": frozen(counts),
            "curve_accuracies": frozen(shares),
            "chosen": _integer(chosen, "chosen", 0, max(0, len(counts) - 1)),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def samples(self) -> int:
        """Training samples that the model was condensed from."""
        return int(self.members.size)

    @property
    def accuracy(self) -> float | None:
        """Share of the held-out samples that prototypes made like the model's get right; None if not measured."""
        return float(self.curve_accuracies[self.chosen]) if self.held_out else None

    def members_of(self, prototype: int) -> NDArray[np.int64]:
        """Training samples that a prototype stands for, counted from 0 in the order of the data."""
        return np.flatnonzero(self.members == prototype).astype(np.int64)


def _integers(values: Any, name: str, least: int) -> NDArray[np.int64]:
    array = to_numbers(values, name)
    # An empty list is an array of floats.
    if array.ndim != 1 or (array.size and (array.dtype.kind != "i" or int(array.min()) < least)):
        raise InputError(f"{name} must be a list of integers from {least} upwards.")
    return array.astype(np.int64)


def _integer(value: Any, name: str, least: int, most: int) -> int:
    array = to_numbers(value, name)
    if array.size != 1 or array.dtype.kind != "i" or not least <= array.item() <= most:
        raise InputError(f"{name} must be an integer from {least} to {most}, not {array.tolist()!r}.")
    return int(array.item())


def _shares(values: Any, name: str) -> NDArray[np.float64]:
    array = to_numbers(values, name).astype(np.float64)
    if array.ndim > 1 or not ((array >= 0) & (array <= 1)).all():
        raise InputError(f"{name} must be shares from 0 to 1.")
    return array
