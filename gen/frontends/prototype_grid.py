"""This package's own `PrototypeGridClassifier`."""

from typing import Any

from prototile.frontends.base import NamedFrontEnd, require_fitted
from prototile.model import PrototypeModel

_NAME = "PrototypeGridClassifier"


class PrototypeGridFrontEnd(NamedFrontEnd):
    """Takes a fitted ``PrototypeGridClassifier``: its integer prototypes, levels and radii as they are."""

    library = "prototile"
    names = (_NAME,)
    supported = _NAME
    place = -1

    def convert(self, model: Any) -> PrototypeModel:
        """Return its prototypes.

        Raises
        ------
        InputError
            If it is not fitted.
        """
        require_fitted(model, "prototypes_", "classes_", "bits_")
        result: PrototypeModel = model.to_prototype_model()
        return result
