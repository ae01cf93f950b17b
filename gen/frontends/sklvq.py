"""sklvq: GLVQ and GMLVQ."""

from typing import Any

import numpy as np

from prototile.errors import UnsupportedModelError
from prototile.frontends.base import NamedFrontEnd, require_fitted
from prototile.frontends.lvq import lvq_model, refuse_local_metrics
from prototile.model import PrototypeModel

_DISTANCES = {"GLVQ": ("squared-euclidean", "euclidean"), "GMLVQ": ("adaptive-squared-euclidean",)}
_LOCAL = "LGMLVQ"


class SklvqFrontEnd(NamedFrontEnd):
    """Takes sklvq's ``GLVQ`` and ``GMLVQ``; of the latter, omega becomes a matrix in front of the chip.

    Nothing of the library is imported: it runs only beside scikit-learn 1.6 and older, its fitted models can be read
    anywhere. Its distance is ``(x - w) @ omega.T``, squared.
    """

    library = "sklvq"
    names = (*_DISTANCES, _LOCAL)
    supported = "sklvq's GLVQ and GMLVQ"

    def convert(self, model: Any) -> PrototypeModel:
        """Return its prototypes.

        Raises
        ------
        UnsupportedModelError
            If each prototype has a matrix of its own, or the distance is another.
        InputError
            If it is not fitted.
        """
        name = type(model).__name__
        require_fitted(model, "prototypes_", "prototypes_labels_", "classes_")
        if name == _LOCAL:
            raise refuse_local_metrics(name)
        if not (isinstance(model.distance_type, str) and model.distance_type in _DISTANCES[name]):
            raise UnsupportedModelError(
                f"{name} has distance_type={model.distance_type!r}, but only"
                f" {' and '.join(map(repr, _DISTANCES[name]))} can be taken over; train it with that."
            )
        classes = np.asarray(model.classes_)
        return lvq_model(
            model.prototypes_,
            classes[np.asarray(model.prototypes_labels_)],
            name=name,
            omega=np.asarray(model.omega_).T if name == "GMLVQ" else None,
            classes=classes,
        )
