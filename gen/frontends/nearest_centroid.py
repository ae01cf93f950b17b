"""scikit-learn's NearestCentroid."""

from typing import Any

import numpy as np

from prototile.errors import UnsupportedModelError
from prototile.frontends.base import NamedFrontEnd, require_fitted
from prototile.model import PrototypeModel, canonical_metric

_NAME = "NearestCentroid"


class NearestCentroidFrontEnd(NamedFrontEnd):
    """Takes ``NearestCentroid`` with uniform priors: one prototype per class.

    Its `predict` takes the nearest of ``centroids_`` by its metric if all priors are equal within `numpy.isclose`
    (scikit-learn 1.5 and later; before, there were no priors). Shrunken centroids are in ``centroids_`` already, and
    the deviations within classes then play no part. With other priors it scales features by those deviations and
    adds a term per class, which is another model.
    """

    names = (_NAME,)
    supported = "NearestCentroid with uniform priors"

    def convert(self, model: Any) -> PrototypeModel:
        """Return its centroids as prototypes.

        Raises
        ------
        UnsupportedModelError
            If priors or metric are others.
        InputError
            If it is not fitted.
        """
        require_fitted(model, "centroids_", "classes_")
        priors = np.asarray(getattr(model, "class_prior_", 1 / len(model.classes_)))
        if not np.isclose(priors, 1 / len(model.classes_)).all():
            raise UnsupportedModelError(
                f"{_NAME} has the class priors {np.round(priors, 4).tolist()}, with which it is no nearest-prototype"
                " model, so only priors='uniform' is supported; fit it with that."
            )
        return PrototypeModel(
            np.asarray(model.centroids_, np.float64),
            model.classes_,
            metric=canonical_metric(model.metric, _NAME, ("l1", "l2")),
            classes=model.classes_,
            trained=True,
        )
