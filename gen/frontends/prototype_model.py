"""The user's own arrays: nothing to convert."""

from typing import Any

from prototile.frontends.base import FrontEnd
from prototile.model import PrototypeModel


class PrototypeModelFrontEnd(FrontEnd):
    """Takes a `PrototypeModel` as it is."""

    supported = "PrototypeModel"
    place = -2

    def accepts(self, model: Any) -> bool:
        """Tell whether it is a `PrototypeModel`."""
        return isinstance(model, PrototypeModel)

    def convert(self, model: PrototypeModel) -> PrototypeModel:
        """Return the model itself."""
        return model
