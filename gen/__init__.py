"""prototile: trained prototype classifiers as grids of localised processing elements on open FPGAs."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prototile.design import Design, Explanation, Verification, convert
    from prototile.errors import (
        BoardError,
        DigestError,
        FitError,
        InputError,
        LossWarning,
        ModelFileError,
        PrototileError,
        TimingError,
        ToolError,
        UnsupportedModelError,
    )
    from prototile.folder import load
    from prototile.maps import AffineMap, MatrixMap
    from prototile.model import PrototypeModel
    from prototile.record import RECORD_DTYPE, Status
    from prototile.training import PrototypeGridClassifier
    from prototile.training.condensing import condense

__version__ = "0.1.0"

# Public names and where they live. They are imported when first used, so that each part can be had without the others.
_HOMES = {
    "AffineMap": "maps",
    "BoardError": "errors",
    "Design": "design",
    "DigestError": "errors",
    "Explanation": "design",
    "FitError": "errors",
    "InputError": "errors",
    "LossWarning": "errors",
    "MatrixMap": "maps",
    "ModelFileError": "errors",
    "PrototileError": "errors",
    "PrototypeGridClassifier": "training",
    "PrototypeModel": "model",
    "RECORD_DTYPE": "record",
    "Status": "record",
    "TimingError": "errors",
    "ToolError": "errors",
    "UnsupportedModelError": "errors",
    "Verification": "design",
    "condense": "training.condensing",
    "convert": "design",
    "load": "folder",
}

__all__ = [
    "RECORD_DTYPE",
    "AffineMap",
    "BoardError",
    "Design",
    "DigestError",
    "Explanation",
    "FitError",
    "InputError",
    "LossWarning",
    "MatrixMap",
    "ModelFileError",
    "PrototileError",
    "PrototypeGridClassifier",
    "PrototypeModel",
    "Status",
    "TimingError",
    "ToolError",
    "UnsupportedModelError",
    "Verification",
    "condense",
    "convert",
    "load",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
