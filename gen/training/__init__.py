"""Training prototypes for the chip: at its width, in its metric, with its clipping."""

from prototile.training.classifier import PrototypeGridClassifier

__all__ = ["PrototypeGridClassifier"]
