"""prototorch: learning vector quantisation on torch; from memory or as a state dict in a file."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prototile.errors import InputError, UnsupportedModelError
from prototile.frontends.base import FrontEnd
from prototile.frontends.lvq import lvq_model, refuse_local_metrics
from prototile.model import PrototypeModel

_NAMES = (
    *("GLVQ", "GLVQ1", "GLVQ21", "GRLVQ", "GMLVQ", "ImageGLVQ", "ImageGMLVQ"),
    *("LVQ1", "LVQ21", "MedianLVQ", "CELVQ"),
)
_LOCAL = ("LGMLVQ", "GTLVQ", "ImageGTLVQ", "SiameseGTLVQ")
_DISTANCES = ("squared_euclidean_distance", "euclidean_distance", "omega_distance")
_COMPONENTS, _LABELS = "proto_layer._components", "proto_layer._labels"
#: What a state dict may hold; the last is a statistic of training.
_KEYS = (_COMPONENTS, _LABELS, "_relevances", "_omega", "prototype_win_ratios")


class PrototorchFrontEnd(FrontEnd):
    """Takes prototorch's models whose answer is the nearest prototype by one metric.

    ``GRLVQ`` multiplies the features by its relevances, so the distance has their squares; ``GMLVQ`` has
    ``(x - w) @ omega``.
    """

    supported = f"prototorch's {', '.join(_NAMES[:-1])} and {_NAMES[-1]}"

    def accepts(self, model: Any) -> bool:
        """Tell whether it is one of the library's classes."""
        return type(model).__module__.split(".")[0] == "prototorch" and hasattr(model, "state_dict")

    def convert(self, model: Any) -> PrototypeModel:
        """Return its prototypes.

        Raises
        ------
        UnsupportedModelError
            If it is of another kind, or has another distance.
        """
        name = type(model).__name__
        if name in _LOCAL:
            raise refuse_local_metrics(f"prototorch's {name}")
        if name not in _NAMES:
            raise UnsupportedModelError(
                f"prototorch's {name} is not supported, as it is not known to answer by the nearest prototype in the"
                f" space of its features or of one matrix; supported are {', '.join(_NAMES)}."
            )
        function = getattr(model.distance_layer, "fn", None)
        distance = getattr(function, "__name__", repr(function))
        if distance not in _DISTANCES:
            raise UnsupportedModelError(
                f"{name} has distance_fn={distance}, but only {', '.join(_DISTANCES)} can be taken over; train it with"
                " one of these."
            )
        state = {key: value.detach().cpu().numpy() for key, value in model.state_dict().items()}
        return prototorch_state(state, f"prototorch's {name}")


def is_prototorch_state(keys: Mapping[str, Any]) -> bool:
    """Tell whether these are the names of a state dict of prototorch's supervised models."""
    return _COMPONENTS in keys


def prototorch_state(state: Mapping[str, NDArray[Any]], name: str = "the prototorch model") -> PrototypeModel:
    """Return the model of a state dict.

    It says nothing of the distance, so that of the model's class is assumed: Euclidean, after `_relevances` or
    `_omega`.

    Parameters
    ----------
    state
        Arrays by name.
    name
        What has them, for messages.

    Raises
    ------
    UnsupportedModelError
        If it holds what no such model has, or a matrix for each prototype.
    InputError
        If there are no labels, or shapes do not fit together.
    """
    strange = sorted(set(state) - set(_KEYS))
    if strange:
        network = any(key.startswith("backbone.") for key in strange)
        reason = "the weights of a network before the prototypes" if network else "what would change the answers"
        raise UnsupportedModelError(
            f"{name} holds {strange[0]}, {reason}, but only {', '.join(_KEYS[:-1])} are supported; map the data"
            " yourself and give the prototypes to a PrototypeModel."
        )
    if _LABELS not in state:
        raise InputError(f"{name} holds no {_LABELS}; give its components and your labels to a PrototypeModel.")
    omega = state.get("_omega")
    if omega is not None and omega.ndim == 3:
        raise refuse_local_metrics(name)
    components = np.asarray(state[_COMPONENTS])
    relevances = state.get("_relevances")
    return lvq_model(
        components.reshape(len(components), -1),
        state[_LABELS],
        name=name,
        # They scale the features, and the distance has their squares.
        relevances=None if relevances is None else np.asarray(relevances, np.float64) ** 2,
        omega=omega,
    )
