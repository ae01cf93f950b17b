"""What models that add one number for each feature and class compute in float64, before any table is made of it."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prototile.arrays import Matrix, frozen
from prototile.errors import InputError


@dataclass(frozen=True, eq=False, init=False)
class AdditiveScores:
    """The scores of which the largest sum wins: for each class and feature a parabola or constant between cuts.

    Of a component z the piece is the number of cuts that are below it, so that a value at a cut lies in the piece below
    the cut. There the score is ``constant + curvature * (z - centre)**2``: a log-density of a Gaussian without cuts,
    with cuts and a curvature of 0 a step function.

    Parameters
    ----------
    intercepts
        What each class starts with, shape (classes,).
    cuts
        Sorted, shape (features, cuts); features with fewer are filled up with infinity.
    constants
        Shape (classes, features, cuts + 1).
    curvatures, centres
        The same shape, both or neither; None: the scores are constant between cuts.

    Raises
    ------
    InputError
        If shapes contradict each other, or a number is not finite.
    """

    intercepts: NDArray[np.float64]
    cuts: NDArray[np.float64]
    constants: NDArray[np.float64]
    curvatures: NDArray[np.float64] | None
    centres: NDArray[np.float64] | None

    def __init__(
        self,
        *,
        intercepts: ArrayLike,
        cuts: ArrayLike,
        constants: ArrayLike,
        curvatures: ArrayLike | None = None,
        centres: ArrayLike | None = None,
    ) -> None:
        pieces = np.asarray(constants, np.float64)
        values = {
            "intercepts": np.asarray(intercepts, np.float64),
            "cuts": np.asarray(cuts, np.float64),
            "constants": pieces,
        }
        curved = {"curvatures": curvatures, "centres": centres}
        values |= {name: np.asarray(array, np.float64) for name, array in curved.items() if array is not None}
        bounds = values["cuts"]
        sound = (
            pieces.ndim == 3
            and pieces.size > 0
            and bounds.shape == (pieces.shape[1], pieces.shape[2] - 1)
            and values["intercepts"].shape == pieces.shape[:1]
            and (curvatures is None) == (centres is None)
            and all(values[name].shape == pieces.shape for name in curved if name in values)
            and not np.isnan(bounds).any()
            and bool((bounds[:, :-1] <= bounds[:, 1:]).all())
            and all(np.isfinite(array).all() for name, array in values.items() if name != "cuts")
        )
        if not sound:
            raise InputError("the scores of an additive model must be finite arrays whose shapes fit one another.")
        for field in fields(self):
            array = values.get(field.name)
            object.__setattr__(self, field.name, None if array is None else frozen(array))

    @property
    def features(self) -> int:
        """Components of a vector."""
        return int(self.constants.shape[1])

    @property
    def arrays(self) -> dict[str, NDArray[np.float64]]:
        """The parameters by name, those that are None left out."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: array for name, array in given.items() if array is not None}

    def of_feature(self, feature: int, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """What values (n,) of one component add to each class, shape (classes, n); minus infinity beyond float64."""
        piece = np.searchsorted(self.cuts[feature], values, side="left")
        constants: NDArray[np.float64] = self.constants[:, feature, piece]
        if self.curvatures is None or self.centres is None:
            return constants
        with np.errstate(over="ignore"):
            return constants + self.curvatures[:, feature, piece] * (values - self.centres[:, feature, piece]) ** 2

    def __call__(self, Z: Matrix) -> NDArray[np.float64]:
        """Sums of vectors (rows, features), shape (rows, classes)."""
        vectors = Z.astype(np.float64)
        total = np.tile(self.intercepts[:, None], len(vectors))
        for feature in range(self.features):
            total += self.of_feature(feature, vectors[:, feature])
        return total.T
