"""sklearn-lvq: generalised and robust soft LVQ with one metric for all prototypes."""

from typing import Any

import numpy as np

from prototile.errors import UnsupportedModelError
from prototile.frontends.base import NamedFrontEnd, require_fitted
from prototile.frontends.lvq import lvq_model, refuse_local_metrics
from prototile.model import PrototypeModel

_GLOBAL = ("GlvqModel", "GrlvqModel", "GmlvqModel", "GrmlvqModel", "RslvqModel", "MrslvqModel")
_LOCAL = ("LgmlvqModel", "LmrslvqModel")


class SklearnLvqFrontEnd(NamedFrontEnd):
    """Takes sklearn-lvq's models of one metric; relevances and omega become the preprocessing.

    Nothing of the library is imported. Its distances are ``sum(lambda_ * (x - w)**2)``, ``(x - w) @ omega_.T`` squared,
    and for ``GrmlvqModel`` the latter of ``lambda_ * x`` and ``lambda_ * w``. ``RslvqModel`` and ``MrslvqModel`` take
    the prototype of the largest density, which is the nearest one, as all have the same width.
    """

    library = "sklearn_lvq"
    names = (*_GLOBAL, *_LOCAL)
    supported = "sklearn-lvq's GlvqModel, GrlvqModel, GmlvqModel, GrmlvqModel, RslvqModel and MrslvqModel"

    def convert(self, model: Any) -> PrototypeModel:
        """Return its prototypes.

        Raises
        ------
        UnsupportedModelError
            If each prototype has a matrix of its own.
        InputError
            If it is not fitted.
        """
        name = type(model).__name__
        require_fitted(model, "w_", "c_w_", "classes_")
        if name in _LOCAL:
            raise refuse_local_metrics(name)
        if name in ("RslvqModel", "MrslvqModel") and not model.sigma > 0:
            raise UnsupportedModelError(
                f"{name} has sigma={model.sigma!r}, with which the farthest prototype wins; train it with sigma > 0."
            )
        omega = np.asarray(model.omega_).T if name in ("GmlvqModel", "GrmlvqModel", "MrslvqModel") else None
        if name == "GrmlvqModel":
            omega = np.asarray(model.lambda_)[:, None] * omega
        return lvq_model(
            model.w_,
            np.asarray(model.c_w_).astype(np.asarray(model.classes_).dtype),
            name=name,
            relevances=model.lambda_ if name == "GrlvqModel" else None,
            omega=omega,
            classes=np.asarray(model.classes_),
        )
