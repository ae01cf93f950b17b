"""MiniSom: the units of a self-organising map."""

from typing import Any

import numpy as np

from prototile.errors import UnsupportedModelError
from prototile.frontends.base import NamedFrontEnd, require_fitted
from prototile.model import PrototypeModel

_NAME = "MiniSom"
#: By the method that a map calls. Its chebyshev is the largest difference with its sign, and so no distance.
_METRICS = {"_euclidean_distance": "l2", "_manhattan_distance": "l1"}


class MiniSomFrontEnd(NamedFrontEnd):
    """Takes ``MiniSom`` with a euclidean or manhattan distance: a prototype per unit.

    Classes are the numbers of the units, row after row: unit (r, c) of a map of C columns is ``r * C + c``. Of equally
    near units both take the first. Labels of the units, as from `labels_map`, come apart.
    """

    library = "minisom"
    names = (_NAME,)
    supported = "MiniSom with activation_distance='euclidean' or 'manhattan'"

    def convert(self, model: Any) -> PrototypeModel:
        """Return its units as prototypes.

        Raises
        ------
        UnsupportedModelError
            If it has another distance.
        """
        require_fitted(model, "_weights", "_activation_distance")
        distance = getattr(model._activation_distance, "__name__", repr(model._activation_distance))
        own = getattr(model._activation_distance, "__self__", None) is model
        if distance not in _METRICS or not own:
            name = distance.removeprefix("_").removesuffix("_distance")
            signed = ", which in MiniSom is the largest difference with its sign" if name == "chebyshev" else ""
            raise UnsupportedModelError(
                f"{_NAME} has activation_distance={name!r}{signed}, but only 'euclidean' and 'manhattan' are supported;"
                " train it with one of these."
            )
        weights = np.asarray(model.get_weights(), np.float64)
        units = weights.reshape(-1, weights.shape[-1])
        return PrototypeModel(units, np.arange(len(units)), metric=_METRICS[distance], trained=True)
