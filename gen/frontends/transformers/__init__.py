"""Transformers in front of a model: those that are affine become its preprocessing, all others are refused by name.

Each is known by its class. Whether a transformer is affine cannot be found out by trying it.
"""

from typing import Any

from prototile.errors import InputError, UnsupportedModelError
from prototile.frontends.base import is_exactly, require_fitted
from prototile.frontends.transformers.composite import column_transformer, feature_union, pipeline
from prototile.frontends.transformers.imputers import IMPUTERS
from prototile.frontends.transformers.projections import PROJECTIONS
from prototile.frontends.transformers.refused import reason_against
from prototile.frontends.transformers.scalers import SCALERS
from prototile.frontends.transformers.selectors import SELECTORS
from prototile.frontends.transformers.step import Rule, Step

__all__ = ["TRANSFORMERS", "to_step"]

#: How each class of scikit-learn becomes a step.
TRANSFORMERS: dict[str, Rule] = {**SCALERS, **PROJECTIONS, **SELECTORS, **IMPUTERS}


def to_step(transformer: Any, where: str) -> Step | None:
    """Turn a fitted transformer into the map that computes the same, up to the rounding of float64.

    Parameters
    ----------
    transformer
        A transformer of scikit-learn, ``"passthrough"``, or None.
    where
        Where it stands, for messages: ``"step 'pca' of the Pipeline"``.

    Returns
    -------
    Step or None
        None if it changes nothing, whatever the number of features is.

    Raises
    ------
    UnsupportedModelError
        If it is not affine, or not known.
    InputError
        If it is not fitted.
    """
    if transformer is None or (isinstance(transformer, str) and transformer == "passthrough"):
        return None
    if any(is_exactly(transformer, library, "Pipeline") for library in ("sklearn", "imblearn")):
        return pipeline(transformer, to_step)
    if is_exactly(transformer, "sklearn", "FunctionTransformer") and transformer.func is None:
        return None
    kind = type(transformer).__name__
    known = kind if is_exactly(transformer, "sklearn", kind) else ""
    if known == "FeatureUnion":
        return feature_union(transformer, to_step)
    if known not in TRANSFORMERS and known != "ColumnTransformer":
        raise UnsupportedModelError(f"{where} is of the class {kind}, {_reason(transformer)}")
    try:
        require_fitted(transformer, "n_features_in_")
    except InputError as error:
        raise InputError(f"{where} is not fitted; call the Pipeline's fit(X, y) first.") from error
    if known == "ColumnTransformer":
        return column_transformer(transformer, to_step)
    return TRANSFORMERS[known](transformer)


def _reason(transformer: Any) -> str:
    reason = reason_against(transformer)
    if reason is None:
        reason = f"is not one of those that are known to be affine ({', '.join(TRANSFORMERS)})"
    else:
        reason = f"{reason}, which is not affine"
    return f"which {reason}; transform the data yourself and convert the classifier alone."
