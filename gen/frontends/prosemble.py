"""prosemble: learning vector quantisation, one-class variants and maps; from memory or from its own files."""

import json
import math
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prototile.distances import distances
from prototile.errors import InputError, ModelFileError, UnsupportedModelError
from prototile.frontends.base import FrontEnd
from prototile.frontends.lvq import lvq_model, refuse_local_metrics
from prototile.model import PrototypeModel

_PLAIN = ("GLVQ", "GLVQ1", "GLVQ21", "LVQ1", "LVQ21", "MedianLVQ", "CELVQ", "SNG", "SLVQ", "RSLVQ")
_RELEVANCES = ("GRLVQ", "SRNG")
_MATRIX = ("GMLVQ", "SMNG", "MRSLVQ")
_LOCAL = ("LGMLVQ", "SLNG", "LMRSLVQ", "LCELVQ_NG", "GTLVQ", "STNG", "TCELVQ_NG", "OCLGMLVQ", "OCGTLVQ")
_ONE_CLASS = ("OCGLVQ", "OCGRLVQ", "OCGMLVQ")
_UNSUPERVISED = ("NeuralGas", "GrowingNeuralGas", "KohonenSOM")
_SUPPORTED = (*_PLAIN, *_RELEVANCES, *_MATRIX, *_ONE_CLASS, *_UNSUPERVISED)
#: prosemble's functions; a file names none, and prosemble loads it with the first.
_DISTANCES = {
    "squared_euclidean_distance_matrix": "l2",
    "euclidean_distance_matrix": "l2",
    "manhattan_distance_matrix": "l1",
}
#: What is read of a model: its attributes have the names of the arrays in its file.
_ARRAYS = ("prototypes_", "prototype_labels_", "relevances_", "omega_", "thetas_", "_target_label", "_non_target_label")
METADATA = "__metadata__"


class ProsembleFrontEnd(FrontEnd):
    """Takes prosemble's models whose answer is the nearest prototype by one metric, and those of one class.

    Relevances and omega become the preprocessing. ``GRLVQ`` and ``SRNG`` are trained, rejected and exported with
    relevances, but their `predict` in prosemble 2.4 leaves them out: the model with relevances is taken, with a
    warning.

    A one-class model asks whether a query is within the radius of its nearest prototype; on the chip every prototype
    whose radius reaches the query fires. Both are the same if all radii are equal, or if none reaches half-way to a
    prototype of a smaller one; other models are refused.
    """

    supported = f"prosemble's {', '.join(_SUPPORTED[:-1])} and {_SUPPORTED[-1]}"

    def accepts(self, model: Any) -> bool:
        """Tell whether it is one of the library's classes."""
        return type(model).__module__.split(".")[0] == "prosemble"

    def convert(self, model: Any) -> PrototypeModel:
        """Return its prototypes.

        Raises
        ------
        UnsupportedModelError
            If the chip would compute something else.
        InputError
            If it is not fitted.
        """
        name = type(model).__name__
        _check_kind(name)
        if getattr(model, "prototypes_", None) is None:
            raise InputError(f"the {name} is not fitted; call its fit(X, y) first.")
        distance = getattr(model.distance_fn, "__name__", repr(model.distance_fn))
        if distance not in _DISTANCES:
            raise UnsupportedModelError(
                f"{name} has distance_fn={distance}, but only {', '.join(_DISTANCES)} are distances that the chip"
                " computes; train it with one of these."
            )
        values = {key: getattr(model, key, None) for key in _ARRAYS}
        arrays = {key: np.asarray(value) for key, value in values.items() if value is not None}
        return _model(
            name, arrays, getattr(model, "quantized_dtype", None), getattr(model, "beta", 1.0), _DISTANCES[distance]
        )


def prosemble_file(arrays: Mapping[str, NDArray[Any]]) -> PrototypeModel:
    """Return the model of a file that prosemble's ``save`` wrote.

    Parameters
    ----------
    arrays
        Its arrays by name; ``__metadata__`` is JSON.

    Raises
    ------
    ModelFileError
        If the metadata are none of prosemble's, or arrays are missing.
    InputError, UnsupportedModelError
        As for a model in memory.
    """
    try:
        metadata = json.loads(str(arrays[METADATA]))
        name, hyperparameters = metadata["class_name"], metadata["hyperparams"]
        beta, quantised = hyperparameters.get("beta", 1.0), metadata.get("quantized_dtype")
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise ModelFileError("its __metadata__ is not what prosemble writes; save the model again.") from error
    if not isinstance(name, str):
        raise ModelFileError("its __metadata__ is not what prosemble writes; save the model again.")
    _check_kind(name)
    return _model(name, {key: arrays[key] for key in _ARRAYS if key in arrays}, quantised, beta, "l2")


def _check_kind(name: str) -> None:
    if name in _LOCAL:
        raise refuse_local_metrics(f"prosemble's {name}")
    if name not in _SUPPORTED:
        raise UnsupportedModelError(
            f"prosemble's {name} is not supported, as it is not known to answer by the nearest prototype; supported are"
            f" {', '.join(_SUPPORTED)}."
        )


def _model(
    name: str, arrays: Mapping[str, NDArray[Any]], quantised: str | None, beta: Any, metric: str
) -> PrototypeModel:
    if quantised not in (None, "float16"):
        raise UnsupportedModelError(
            f"{name} was quantised to {quantised} by prosemble; give the model as it was before, the chip has a"
            " quantisation of its own."
        )
    adaptive = {"relevances_": (*_RELEVANCES, "OCGRLVQ"), "omega_": (*_MATRIX, "OCGMLVQ")}
    needed = ["prototypes_", *(key for key, names in adaptive.items() if name in names)]
    if name not in _UNSUPERVISED:
        needed.append("prototype_labels_")
    if name in _ONE_CLASS:
        needed += ["thetas_", "_target_label", "_non_target_label"]
    missing = [key for key in needed if key not in arrays]
    if missing:
        raise InputError(f"the {name} lacks {', '.join(missing)}; save the whole fitted model again.")
    relevances = arrays["relevances_"] if "relevances_" in needed else None
    if relevances is not None and name in _RELEVANCES and not np.allclose(relevances, relevances.flat[0]):
        warnings.warn(
            f"{name}.predict of prosemble 2.4 leaves out the relevances that the model was trained with; the design"
            " uses them, and so it can answer otherwise than predict.",
            stacklevel=2,
        )
    model = lvq_model(
        arrays["prototypes_"],
        np.arange(len(arrays["prototypes_"])) if name in _UNSUPERVISED else arrays["prototype_labels_"],
        name=name,
        relevances=relevances,
        omega=arrays["omega_"] if "omega_" in needed else None,
        # With a matrix or relevances the library leaves distance_fn out.
        metric="l2" if len(needed) > 1 and needed[1] in adaptive else metric,
    )
    return _one_class(model, name, arrays, beta) if name in _ONE_CLASS else model


def _one_class(model: PrototypeModel, name: str, arrays: Mapping[str, NDArray[Any]], beta: Any) -> PrototypeModel:
    """The model with its radii; what none reaches gets the label of all that is not the target."""
    if not (isinstance(beta, (int, float)) and math.isfinite(beta) and beta > 0):
        raise UnsupportedModelError(f"{name} has beta={beta!r}, with which its score is no test of the radius.")
    thetas = np.asarray(arrays["thetas_"], np.float64)
    if thetas.shape != (model.prototype_count,):
        raise InputError(f"the thetas_ of {name} have the shape {thetas.shape}; one number per prototype is needed.")
    target, other = (np.asarray(arrays[key]).reshape(-1) for key in ("_target_label", "_non_target_label"))
    _check_radii(model, thetas, name)
    return PrototypeModel(
        model.prototypes,
        np.repeat(target, model.prototype_count),
        metric=model.metric,
        radii=thetas[:, None],
        radii_inclusive=True,
        reject=other.tolist()[0],
        preprocess=model.preprocess,
        trained=True,
    )


def _check_radii(model: PrototypeModel, thetas: NDArray[np.float64], name: str) -> None:
    """Refuse radii with which a prototype can fire although the nearest one does not.

    That takes a query within the radius of one prototype and nearer to another one of a smaller radius. By the triangle
    inequality there is none if the larger radius is less than half of what lies between the two.
    """
    between = distances(model.metric, model.prototypes, model.prototypes)
    half = between / 4 if model.metric == "l2" else between / 2
    clash = (thetas[:, None] > thetas) & (thetas[:, None] >= half)
    if clash.any():
        larger, smaller = (int(index) for index in np.argwhere(clash)[0])
        raise UnsupportedModelError(
            f"{name} asks only the nearest prototype for its radius, but on the chip every prototype fires whose radius"
            f" reaches the query, and that of prototype {larger} reaches beyond the middle to prototype {smaller} of a"
            " smaller one; set all thetas_ to one value, or give prototypes and radii to a PrototypeModel if any"
            " radius may decide."
        )
