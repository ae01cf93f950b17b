"""Front ends: one per kind of trained model, each in its own file, which is all that a new one needs."""

from prototile.frontends.base import FrontEnd, NamedFrontEnd
from prototile.frontends.registry import front_ends, to_prototype_model

__all__ = ["FrontEnd", "NamedFrontEnd", "front_ends", "to_prototype_model"]
