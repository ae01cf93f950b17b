"""scikit-learn's transformers that are made of others: ColumnTransformer, FeatureUnion and Pipeline."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prototile.errors import InputError, UnsupportedModelError
from prototile.frontends.base import feature_count, is_exactly
from prototile.frontends.transformers.step import Step, beside
from prototile.maps import AffineMap

#: Makes a step of any transformer, or None of one that changes nothing; the text says where it stands.
Convert = Callable[[Any, str], Step | None]


@dataclass(frozen=True, eq=False, kw_only=True)
class Part:
    """A transformer beside others.

    Parameters
    ----------
    name
        What the user calls it.
    transformer
        A fitted transformer, or ``"passthrough"``.
    columns
        The features that it takes, counted from 0; None: all.
    weight
        By what its components are multiplied.
    """

    name: str
    transformer: Any
    columns: NDArray[np.intp] | None
    weight: float


def parts_of(composite: Any) -> list[Part]:
    """Return what stands side by side in a fitted ColumnTransformer or FeatureUnion, in its order.

    Raises
    ------
    InputError
        If columns are named, but the names of all features are not known.
    """
    weights = composite.transformer_weights or {}
    listed: list[tuple[str, Any, NDArray[np.intp] | None]]
    if hasattr(composite, "transformer_list"):
        listed = [(name, part, None) for name, part in composite.transformer_list]
    else:
        listed = [(name, part, _indices(columns, composite)) for name, part, columns in composite.transformers_]
    return [
        Part(name=name, transformer=part, columns=columns, weight=float(weights.get(name, 1.0)))
        for name, part, columns in listed
        if not (isinstance(part, str) and part == "drop") and (columns is None or columns.size)
    ]


def column_transformer(model: Any, convert: Convert) -> Step:
    """Return the columns that each transformer takes, and what it does with them, side by side."""
    count = feature_count(model)
    steps = []
    for part in parts_of(model):
        assert part.columns is not None
        selected = Step(AffineMap.selection(part.columns, count))
        made = convert(part.transformer, f"transformer {part.name!r} of the ColumnTransformer")
        steps.append((selected if made is None else selected.then(made)).weighted(part.weight))
    return _beside(steps, "ColumnTransformer")


def feature_union(model: Any, convert: Convert) -> Step:
    """Return what each transformer does with all features, side by side."""
    parts = parts_of(model)
    made = [convert(part.transformer, f"transformer {part.name!r} of the FeatureUnion") for part in parts]
    known = [step.map.input_features for step in made if step is not None]
    # scikit-learn takes the number from the first transformer, which may be dropped.
    count = known[0] if known else feature_count(model) if parts else 0
    steps = [Step(AffineMap.identity(count)) if step is None else step for step in made]
    return _beside([step.weighted(part.weight) for step, part in zip(steps, parts, strict=True)], "FeatureUnion")


def pipeline(model: Any, convert: Convert) -> Step | None:
    """Return all steps, one after another; None if none of them changes anything."""
    result = None
    for name, transformer in used_steps(model, model.steps):
        made = convert(transformer, f"step {name!r} of the Pipeline")
        if made is not None:
            result = made if result is None else result.then(made)
    return result


def used_steps(model: Any, steps: Any) -> Iterator[tuple[str, Any]]:
    """Give names and transformers of those steps of a Pipeline through which a query goes."""
    resampling = is_exactly(model, "imblearn", "Pipeline")
    for name, step in steps:
        # Samplers of imbalanced-learn choose training data and leave queries alone.
        if step is None or (isinstance(step, str) and step == "passthrough"):
            continue
        if not (resampling and hasattr(step, "fit_resample")):
            yield name, step


def transformed(transformer: Any, X: NDArray[np.float64]) -> NDArray[np.float64]:
    """What scikit-learn's own arithmetic makes of vectors, to the bit.

    Parameters
    ----------
    transformer
        Fitted, of a kind that `prototile.frontends.transformers.to_step` takes.
    X
        Shape (rows, input features).
    """
    if hasattr(transformer, "steps"):
        for _, step in used_steps(transformer, transformer.steps):
            X = transformed(step, X)
        return X
    if hasattr(transformer, "transformer_list") or hasattr(transformer, "transformers_"):
        # By number, not by name: columns that were chosen by name want a data frame.
        made = []
        for part in parts_of(transformer):
            taken = X if part.columns is None else X[:, part.columns]
            passed = isinstance(part.transformer, str)
            made.append((taken if passed else transformed(part.transformer, taken)) * part.weight)
        return np.hstack(made)
    with warnings.catch_warnings(), np.errstate(over="ignore", invalid="ignore"):
        # Transformers that were fitted with names of features miss them here.
        warnings.simplefilter("ignore", UserWarning)
        values = np.asarray(transformer.transform(X.copy()), np.float64)
    finite = np.finfo(np.float64)
    return np.clip(values, finite.min, finite.max)


def _beside(steps: list[Step], name: str) -> Step:
    if not steps:
        raise UnsupportedModelError(
            f"the {name} drops all features, so that nothing is left; let it pass some through."
        )
    return beside(steps)


def _indices(columns: Any, model: Any) -> NDArray[np.intp]:
    """Numbers of the columns that a ColumnTransformer's specification means, from 0 on."""
    every = np.arange(feature_count(model))
    where: Any
    if isinstance(columns, slice):
        start, stop = (_number(end, model) for end in (columns.start, columns.stop))
        # Up to and with the last name, but without the last number.
        last = stop + 1 if isinstance(columns.stop, str) and stop is not None else stop
        where = slice(start, last, columns.step)
    else:
        where = [columns] if np.isscalar(columns) else list(columns)
        if not where or not all(isinstance(column, (bool, np.bool_)) for column in where):
            # Negative numbers count from the last feature on.
            where = np.array([_number(column, model) for column in where], np.intp)
    return np.asarray(every[where], np.intp)


def _number(column: Any, model: Any) -> int | None:
    if not isinstance(column, str):
        return None if column is None else int(column)
    names = list(getattr(model, "feature_names_in_", ()))
    if column not in names:
        raise InputError(
            f"the ColumnTransformer takes the column {column!r}, but does not know the names of its features; fit it on"
            " a data frame."
        )
    return names.index(column)
