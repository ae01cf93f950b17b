"""How a model came to fewer prototypes, and which training samples each of them stands for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prototile.arrays import frozen, to_numbers
from prototile.errors import InputError

#: How a model can be condensed.
METHODS = ("kmeans", "kmedoids", "lvq", "condensed", "edited")


@dataclass(frozen=True, eq=False, init=False)
class Condensation:
    """What `prototile.condense` did, and at which price.

    Parameters
    ----------
    condensed_by
        One of `METHODS`.
    members
        For each training sample, in the order of the data, the prototype that stands for it: the nearest one of its
        class. -1 if there is none. Shape (samples,).
    accuracy_before, accuracy_after
        Share of right answers of all samples as prototypes, and of as few as there are now.
    measured_on
        On what these were measured, as a clause.
    curve_prototypes, curve_accuracies
        Accuracy against the number of prototypes, measured alike, shape (points,) each.

    Raises
    ------
    InputError
        If a value is of the wrong kind or out of its range.
    """

    condensed_by: str
    members: NDArray[np.int64]
    accuracy_before: float
    accuracy_after: float
    measured_on: str
    curve_prototypes: NDArray[np.int64]
    curve_accuracies: NDArray[np.float64]

    def __init__(
        self,
        *,
        condensed_by: Any,
        members: ArrayLike,
        accuracy_before: Any,
        accuracy_after: Any,
        measured_on: Any,
        curve_prototypes: ArrayLike,
        curve_accuracies: ArrayLike,
    ) -> None:
        method, measured = (np.asarray(value).ravel().tolist() for value in (condensed_by, measured_on))
        if method not in [[known] for known in METHODS]:
            raise InputError(f"condensed_by must be one of {', '.join(METHODS)}, not {condensed_by!r}.")
        if len(measured) != 1 or not isinstance(measured[0], str):
            raise InputError(f"measured_on must be a text, not {measured_on!r}.")
        samples, counts = to_numbers(members, "members"), to_numbers(curve_prototypes, "curve_prototypes")
        if samples.ndim != 1 or samples.dtype.kind != "i" or not samples.size or int(samples.min()) < -1:
            raise InputError("members must be an integer for each sample, from -1 upwards.")
        accuracies = to_numbers(curve_accuracies, "curve_accuracies").astype(np.float64)
        if counts.ndim != 1 or accuracies.shape != counts.shape or (counts.size and counts.dtype.kind != "i"):
            raise InputError("curve_prototypes and curve_accuracies must be a number each for each point.")
        before, after = (
            np.ravel(to_numbers(value, name)).astype(np.float64)
            for value, name in ((accuracy_before, "accuracy_before"), (accuracy_after, "accuracy_after"))
        )
        shares = np.concatenate([before, after, accuracies])
        if before.size != 1 or after.size != 1 or not ((shares >= 0) & (shares <= 1)).all():
            raise InputError("accuracies of a condensed model must be shares between 0 and 1.")
        values = {
            "condensed_by": method[0],
            "members": frozen(samples.astype(np.int64)),
            "accuracy_before": float(before[0]),
            "accuracy_after": float(after[0]),
            "measured_on": measured[0],
            "curve_prototypes": frozen(counts.astype(np.int64)),
            "curve_accuracies": frozen(accuracies),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def samples(self) -> int:
        """Training samples that the model was condensed from."""
        return int(self.members.size)

    def members_of(self, prototype: int) -> NDArray[np.int64]:
        """Training samples that a prototype stands for, counted from 0 in the order of the data."""
        return np.flatnonzero(self.members == prototype).astype(np.int64)
