"""KMedoids of the library kmedoids: its medoids are training samples."""

from typing import Any

import numpy as np

from prototile.errors import UnsupportedModelError
from prototile.frontends.base import NamedFrontEnd, require_fitted
from prototile.model import PrototypeModel, canonical_metric

_NAME = "KMedoids"


class StoredKMedoids:
    """What a file holds of a ``KMedoids``: it is read without the library."""


class KMedoidsFrontEnd(NamedFrontEnd):
    """Takes ``kmedoids.KMedoids`` fitted on samples: a prototype per medoid.

    Classes are what its `predict` returns, which is the row of the medoid in the training data (``medoid_indices_``),
    not the number of the cluster.
    """

    library = "kmedoids"
    names = (_NAME,)
    supported = "KMedoids of the library kmedoids with a manhattan, euclidean or chebyshev metric"

    def accepts(self, model: Any) -> bool:
        """Tell whether it is one itself, in memory or from a file."""
        return isinstance(model, StoredKMedoids) or super().accepts(model)

    def convert(self, model: Any) -> PrototypeModel:
        """Return its medoids as prototypes.

        Raises
        ------
        UnsupportedModelError
            If it was fitted on a matrix of distances, or with another metric.
        InputError
            If it is not fitted.
        """
        require_fitted(model, "medoid_indices_", "cluster_centers_")
        if model.cluster_centers_ is None or model.metric == "precomputed":
            raise UnsupportedModelError(
                f"{_NAME} has metric='precomputed', so it knows distances but no samples; fit it on samples with a"
                " metric, or give X[model.medoid_indices_] to a PrototypeModel."
            )
        metric = canonical_metric(model.metric, _NAME, ("l1", "l2", "linf"))
        return PrototypeModel(
            np.asarray(model.cluster_centers_, np.float64),
            np.asarray(model.medoid_indices_).astype(np.int64),
            metric=metric,
            trained=True,
        )
