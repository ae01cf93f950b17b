"""Distance units, all with one interface: see `DistanceUnit`."""

from prototile.rtl.distance.shape import METRICS, UnitShape
from prototile.rtl.distance.unit import DistanceUnit

__all__ = ["METRICS", "DistanceUnit", "UnitShape"]
