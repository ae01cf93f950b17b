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
        The same shape; None: zeros.

    Raises
    ------
    InputError
        If shapes contradict each other, or a number is not finite.
    """

    intercepts: NDArray[np.float64]
    cuts: NDArray[np.float64]
    constants: NDArray[np.float64]
    curvatures: NDArray[np.float64]
    centres: NDArray[np.float64]

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
            "curvatures": np.zeros_like(pieces) if curvatures is None else np.asarray(curvatures, np.float64),
            "centres": np.zeros_like(pieces) if centres is None else np.asarray(centres, np.float64),
        }
        bounds = values["cuts"]
        sound = (
            pieces.ndim == 3
            and pieces.size > 0
            and bounds.shape == (pieces.shape[1], pieces.shape[2] - 1)
            and values["intercepts"].shape == pieces.shape[:1]
            and values["curvatures"].shape == values["centres"].shape == pieces.shape
            and not np.isnan(bounds).any()
            and bool((bounds[:, :-1] <= bounds[:, 1:]).all())
            and all(np.isfinite(array).all() for name, array in values.items() if name != "cuts")
        )
        if not sound:
            raise InputError("the scores of an additive model must be finite arrays whose shapes fit one another.")
        for name, array in values.items():
            object.__setattr__(self, name, frozen(array))

    @property
    def features(self) -> int:
        """Components of a vector."""
        return int(self.constants.shape[1])

    @property
    def arrays(self) -> dict[str, NDArray[np.float64]]:
        """The parameters by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def of_feature(self, feature: int, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """What values (n,) of one component add to each class, shape (classes, n); minus infinity beyond float64."""
        piece = np.searchsorted(self.cuts[feature], values, side="left")
        with np.errstate(over="ignore"):
            distance = values - self.centres[:, feature, piece]
            curved = self.curvatures[:, feature, piece] * distance**2
        # Where nothing curves, the square of a huge distance must not make an infinity times 0.
        return self.constants[:, feature, piece] + np.where(self.curvatures[:, feature, piece] == 0, 0.0, curved)

    def __call__(self, Z: Matrix) -> NDArray[np.float64]:
        """Sums of vectors (rows, features), shape (rows, classes)."""
        vectors = Z.astype(np.float64)
        total = np.tile(self.intercepts[:, None], len(vectors))
        for feature in range(self.features):
            total += self.of_feature(feature, vectors[:, feature])
        return total.T
