"""All front ends: found in the files of this package, so that a file more is a front end more."""

import inspect
import pkgutil
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

import prototile.frontends as package
from prototile.errors import InputError, UnsupportedModelError
from prototile.frontends.base import FrontEnd, is_exactly, require_fitted
from prototile.frontends.refused import reason_against
from prototile.model import PrototypeModel


@cache
def front_ends() -> tuple[FrontEnd, ...]:
    """One front end of each class in this package that can be made, in the order in which they are asked.

    That is the order of their `FrontEnd.place`, then of the names of their files, then within these.
    """
    found = []
    for module in sorted(f"{package.__name__}.{entry.name}" for entry in pkgutil.iter_modules(package.__path__)):
        for kind in vars(import_module(module)).values():
            if (
                isinstance(kind, type)
                and issubclass(kind, FrontEnd)
                and kind.__module__ == module
                and not inspect.isabstract(kind)
            ):
                found.append(kind())
    return tuple(sorted(found, key=lambda front_end: front_end.place))


def to_prototype_model(model: Any, labels: Any = None) -> PrototypeModel:
    """Turn a trained model into the prototypes that compute the same.

    Parameters
    ----------
    model
        A fitted estimator or Pipeline, or a `PrototypeModel`.
    labels
        One for each prototype, instead of the model's own, or the fitted LabelEncoder that made the model's own from
        others; None: its own. For what knows none, in the order of its clusters, vectors or components, and of a map
        row after row.

    Returns
    -------
    PrototypeModel
        Same answers in float64, except where scikit-learn's own answer to a tie depends on its algorithm.

    Raises
    ------
    UnsupportedModelError
        If it is of no supported kind, or has a parameter with which the chip would compute something else.
    InputError
        If it is not fitted, or there are more or fewer labels than prototypes.
    """
    if is_exactly(labels, "sklearn", "LabelEncoder"):
        return _decoded(to_prototype_model(model), labels)
    if labels is not None:
        return to_prototype_model(model).with_labels(labels)
    for front_end in front_ends():
        if front_end.accepts(model):
            converted = front_end.convert(model)
            # What scikit-learn's estimators know of training on a data frame.
            names = getattr(model, "feature_names_in_", None)
            return converted if names is None else converted.with_feature_names(names)
    if isinstance(model, type):
        raise InputError(f"{model.__name__} is a class; give a fitted object of it.")
    reason = reason_against(model) or "prototile maps models of boxes, tables and nearest prototypes"
    raise UnsupportedModelError(
        f"{_describe(model)} is not supported, as {reason}; supported are"
        f" {'; '.join(front_end.supported for front_end in front_ends())}; {_way_out(model)}."
    )


def _describe(model: Any) -> str:
    """Return the class, and the base that is supported itself: an override in the subclass may change the answers."""
    name = type(model).__name__
    bases = [base.__name__ for base in type(model).__mro__[1:] if base.__module__.startswith("sklearn.")]
    known = [base for base in bases if any(base in front_end.supported.split("(")[0] for front_end in front_ends())]
    return f"{name}, a subclass of {known[0]}," if known else name


def _decoded(model: PrototypeModel, encoder: Any) -> PrototypeModel:
    """The model with the labels that an encoder stands for; equal votes go to the first of them as before."""
    require_fitted(encoder, "classes_")
    names = np.asarray(encoder.classes_)
    numbers = np.asarray(model.labels)
    if numbers.dtype.kind not in "iu" or numbers.min() < 0 or numbers.max() >= len(names):
        raise InputError(
            f"the LabelEncoder stands for the labels 0 .. {len(names) - 1}, but the model has"
            f" {model.classes.tolist()!r}; give the encoder that its labels came from, or a label for each prototype."
        )
    return model.with_labels(names[numbers])


def _way_out(model: Any) -> str:
    return "train one of these on the same data, or put your prototypes into a PrototypeModel"
