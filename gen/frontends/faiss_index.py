"""Flat indexes of faiss: every vector of the index is a prototype."""

from typing import Any

import numpy as np

from prototile.errors import InputError, UnsupportedModelError
from prototile.frontends.base import NamedFrontEnd
from prototile.model import PrototypeModel

_FLAT = ("IndexFlat", "IndexFlatL2", "IndexFlat1D", "IndexFlatIP")
_BINARY = "IndexBinaryFlat"
#: `faiss.MetricType`.
_METRICS = {1: "l2", 2: "l1", 3: "linf"}


class FaissFrontEnd(NamedFrontEnd):
    """Takes faiss's ``IndexFlatL2``, ``IndexFlat`` (L2, L1, Linf) and ``IndexBinaryFlat`` (Hamming).

    Classes are the numbers of the vectors, as ``search(X, 1)`` returns them; an index knows no labels, so these come
    apart. Queries of a binary index are rows of bytes, as faiss takes them: a component is a byte.
    """

    library = "faiss"
    names = (*_FLAT, _BINARY)
    supported = "faiss's IndexFlat with the metric L2, L1 or Linf; IndexBinaryFlat"

    def convert(self, model: Any) -> PrototypeModel:
        """Return its vectors as prototypes.

        Raises
        ------
        UnsupportedModelError
            If it has another metric.
        InputError
            If it is empty.
        """
        name = type(model).__name__
        if not model.ntotal:
            raise InputError(f"the {name} is empty; add vectors to it first.")
        vectors = model.reconstruct_n(0, int(model.ntotal))
        if name == _BINARY:
            return PrototypeModel(np.asarray(vectors, np.uint8), np.arange(len(vectors)), metric="hamming")
        if int(model.metric_type) not in _METRICS:
            raise UnsupportedModelError(
                f"{name} has the metric type {int(model.metric_type)}, but only METRIC_L2 (1), METRIC_L1 (2) and"
                " METRIC_Linf (3) are distances that the chip computes; build the index with one of these."
            )
        return PrototypeModel(
            np.asarray(vectors, np.float64), np.arange(len(vectors)), metric=_METRICS[int(model.metric_type)]
        )
