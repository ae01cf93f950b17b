"""scikit-learn's k-means: clusters are the classes."""

from typing import Any

import numpy as np

from prototile.errors import UnsupportedModelError
from prototile.frontends.base import NamedFrontEnd, is_exactly, require_fitted
from prototile.model import PrototypeModel

_NAMES = ("KMeans", "MiniBatchKMeans", "BisectingKMeans")


class KMeansFrontEnd(NamedFrontEnd):
    """Takes ``KMeans``, ``MiniBatchKMeans`` and ``BisectingKMeans`` of one or two clusters: a prototype per cluster.

    Classes are the numbers of the clusters, as `predict` returns them; of equally near centres both take the first.

    ``BisectingKMeans`` goes down a tree: at each node it takes the side whose centre is nearer, and the centre of a
    side is that of all the clusters on it. With two clusters that is the nearest centre. With more, the last centre
    need not be the nearest of all, so these are refused.
    """

    names = _NAMES
    supported = "KMeans; MiniBatchKMeans; BisectingKMeans of two clusters"

    def convert(self, model: Any) -> PrototypeModel:
        """Return its centres as prototypes.

        Raises
        ------
        UnsupportedModelError
            If it goes down a tree of more than two clusters.
        InputError
            If it is not fitted.
        """
        require_fitted(model, "cluster_centers_")
        centres = np.asarray(model.cluster_centers_, np.float64)
        if is_exactly(model, "sklearn", "BisectingKMeans") and len(centres) > 2:
            raise UnsupportedModelError(
                f"BisectingKMeans has {len(centres)} clusters and finds one by going down a tree, which need not end at"
                " the nearest centre; use KMeans, started at its cluster_centers_ if you like, or give these to a"
                " PrototypeModel with metric='l2' to have the nearest one."
            )
        return PrototypeModel(centres, np.arange(len(centres)), metric="l2", trained=True)
