"""scikit-learn's linear projections."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from prototile.arrays import check_room, to_array
from prototile.errors import InputError, UnsupportedModelError
from prototile.frontends.transformers.step import Rule, Step
from prototile.maps import MatrixMap


def _projection(matrix: Any, centre: Any = None) -> Step:
    """``(x - centre) @ matrix``."""
    map = MatrixMap(np.asarray(matrix, np.float64))
    return Step(map if centre is None else MatrixMap(map.matrix, -map(np.asarray(centre, np.float64)[None])[0]))


def _pca(model: Any) -> Step:
    weights = np.asarray(model.components_, np.float64).T
    if model.whiten:
        # scikit-learn keeps away from a deviation of 0 in the same way.
        deviations = np.sqrt(model.explained_variance_)
        weights = weights / np.maximum(deviations, np.finfo(deviations.dtype).eps)
    return _projection(weights, model.mean_)


def _components(model: Any) -> Step:
    # That of SparseRandomProjection is sparse.
    return _projection(to_array(model.components_, f"components_ of the {type(model).__name__}").T)


def _factor_analysis(model: Any) -> Step:
    components = np.asarray(model.components_, np.float64)
    check_room((len(components), len(components)), "the covariance of FactorAnalysis")
    weighted = components / model.noise_variance_
    return _projection(weighted.T @ np.linalg.inv(np.eye(len(components)) + weighted @ components.T), model.mean_)


def _fast_ica(model: Any) -> Step:
    return _projection(np.asarray(model.components_).T, model.mean_ if model.whiten else None)


def _sparse_pca(model: Any) -> Step:
    components = np.asarray(model.components_, np.float64)
    check_room((len(components), len(components)), f"the products of components of {type(model).__name__}")
    gram = components @ components.T + model.ridge_alpha * np.eye(len(components))
    return _projection(np.linalg.solve(gram, components).T, model.mean_)


def _discriminants(model: Any) -> Step:
    if model.solver == "lsqr":
        raise UnsupportedModelError(
            "LinearDiscriminantAnalysis with solver='lsqr' has no transform; fit it with 'svd' or 'eigen'."
        )
    directions = np.asarray(model.scalings_)[:, : model._max_components]
    return _projection(directions, model.xbar_ if model.solver == "svd" else None)


def _least_squares(model: Any) -> Step:
    rotations = getattr(model, "x_rotations_", None)
    return _standardised(model, model.x_weights_ if rotations is None else rotations)


def _standardised(model: Any, rotations: Any) -> Step:
    weights: NDArray[np.float64] = np.asarray(rotations) / np.asarray(model._x_std)[:, None]
    return _projection(weights, model._x_mean)


def _agglomeration(model: Any) -> Step:
    if model.pooling_func is not np.mean:
        raise UnsupportedModelError(
            f"FeatureAgglomeration has pooling_func={model.pooling_func!r}, but only the mean is linear; use"
            " pooling_func=np.mean."
        )
    groups = np.asarray(model.labels_)
    if not (groups.ndim == 1 and groups.size and 0 <= groups.min() <= groups.max() < groups.size):
        raise InputError("labels_ of FeatureAgglomeration are no groups of its features; fit it again.")
    check_room((groups.size, int(groups.max()) + 1), "the groups of FeatureAgglomeration")
    members = groups[:, None] == np.arange(groups.max() + 1)
    return _projection(members / members.sum(axis=0))


PROJECTIONS: dict[str, Rule] = {
    "PCA": _pca,
    "IncrementalPCA": _pca,
    "TruncatedSVD": _components,
    "FactorAnalysis": _factor_analysis,
    "FastICA": _fast_ica,
    "SparsePCA": _sparse_pca,
    "MiniBatchSparsePCA": _sparse_pca,
    "LinearDiscriminantAnalysis": _discriminants,
    "NeighborhoodComponentsAnalysis": _components,
    "GaussianRandomProjection": _components,
    "SparseRandomProjection": _components,
    "FeatureAgglomeration": _agglomeration,
    **dict.fromkeys(("PLSRegression", "PLSCanonical", "CCA", "PLSSVD"), _least_squares),
}
