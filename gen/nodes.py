"""The arrays of all nodes in chip units: what golden model and hardware are fed from, beside the configuration."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False, kw_only=True)
class Nodes:
    """One row a prototype; what a value means is the metric's.

    Attributes
    ----------
    values : (prototypes, features) or (prototypes, features, n) int array
        ``l1``, ``l2``, ``linf``, ``hamming``: the prototype's components. ``box``: lower and upper bound of each,
        n = 2, both inside. ``table``: what each of the ``2**bits`` levels of a component adds, n = ``2**bits``.
    labels : (prototypes,) int array
        Class indices.
    masks : (prototypes, features) bool array, or None
        True where a component counts.
    shifts : (prototypes, features) int array, or None
        Each component's term counts ``2**shift`` times.
    radii : (prototypes,) int array, or None
        A prototype fires if its distance is smaller.
    """

    values: NDArray[Any]
    labels: NDArray[Any]
    masks: NDArray[np.bool_] | None = None
    shifts: NDArray[Any] | None = None
    radii: NDArray[Any] | None = None

    @property
    def count(self) -> int:
        """Prototypes."""
        return int(self.values.shape[0])

    def exemplars(self, metric: str) -> NDArray[np.int64]:
        """A query for each prototype that is as near to it as one can be, shape (prototypes, features).

        The prototype itself; the lower bounds of a box; the lowest level with the smallest entry of a table.
        """
        nearest: NDArray[np.int64] = self.values.astype(np.int64)
        if metric == "box":
            nearest = nearest[:, :, 0]
        elif metric == "table":
            nearest = nearest.argmin(axis=2)
        return nearest
