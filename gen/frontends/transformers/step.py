"""What a transformer of a pipeline becomes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prototile.arrays import frozen
from prototile.errors import UnsupportedModelError
from prototile.maps import AffineMap, Map, MatrixMap, side_by_side

#: Makes a step of a fitted transformer that is known to be of its class.
Rule = Callable[[Any], "Step"]


@dataclass(frozen=True, eq=False, init=False)
class Step:
    """A map, and the bounds to which its components are clipped then.

    Parameters
    ----------
    map
        What is done to a vector.
    low, high
        Bounds of each component, shape (features,), or one for all; infinite where nothing is clipped.
    """

    map: Map
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    def __init__(self, map: Map, low: Any = -np.inf, high: Any = np.inf) -> None:
        object.__setattr__(self, "map", map)
        for name, bound in (("low", low), ("high", high)):
            object.__setattr__(self, name, frozen(np.broadcast_to(np.asarray(bound, np.float64), (map.features,))))

    @property
    def clips(self) -> bool:
        """Whether some component has a bound."""
        return bool(np.isfinite(self.low).any() or np.isfinite(self.high).any())

    def then(self, following: Step) -> Step:
        """Return the one step that does this and then `following`.

        Raises
        ------
        UnsupportedModelError
            If it is no map with bounds behind it, because `following` mixes components that are clipped here.
        InputError
            If the numbers of features differ, or a number is too large for a float64.
        """
        both = self.map.then(following.map)
        if not self.clips:
            return Step(both, following.low, following.high)
        if isinstance(following.map, MatrixMap):
            raise UnsupportedModelError(
                "clip=True is not affine, and a later step mixes the clipped features, so that the chip could not tell;"
                " fit the scaler with clip=False, or transform the data yourself and convert the classifier alone."
            )
        low, high = following.map.bounds(self.low, self.high)
        return Step(both, np.clip(low, following.low, following.high), np.clip(high, following.low, following.high))

    def weighted(self, weight: float) -> Step:
        """Return the step whose components count `weight` times."""
        count = self.map.features
        return self.then(Step(AffineMap(np.full(count, weight), np.zeros(count))))


def beside(steps: Sequence[Step]) -> Step:
    """Return the step whose components are those of all steps, one step after another, from the same features."""
    return Step(
        side_by_side([step.map for step in steps]),
        np.concatenate([step.low for step in steps]),
        np.concatenate([step.high for step in steps]),
    )
