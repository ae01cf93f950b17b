"""scikit-learn's GaussianMixture: nearest means where all components have one shape, else tables."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from prototile.errors import InputError, UnsupportedModelError
from prototile.frontends.additive import ENTRY_BITS
from prototile.frontends.base import NamedFrontEnd, require_fitted
from prototile.frontends.gaussian_nb import BITS, WIDTHS, GaussianTables
from prototile.maps import MatrixMap
from prototile.model import PrototypeModel
from prototile.scores import AdditiveScores

_NAME = "GaussianMixture"


class GaussianMixtureFrontEnd(NamedFrontEnd):
    """Takes ``GaussianMixture`` by what its covariances are; classes are the numbers of the components.

    - All components have one covariance, as with ``tied``: after a linear map the component of the largest density is
      that of the nearest mean. What a component of the weight w lacks, ``2 * log(w_max / w)``, is the square of a
      coordinate of its own, in which every query is 0. A prototype is a mean.
    - ``diag`` and ``spherical``: log-densities add up feature by feature, as in ``GaussianNB``, in tables.
    - ``full``: refused.
    """

    names = (_NAME,)
    supported = "GaussianMixture with the covariance_type 'tied', 'diag' or 'spherical'"

    def convert(self, model: Any) -> PrototypeModel:
        """Return its components as prototypes or tables.

        Raises
        ------
        UnsupportedModelError
            If each component has a matrix of its own.
        InputError
            If it is not fitted, or its parameters are no numbers.
        """
        require_fitted(model, "means_", "precisions_cholesky_", "weights_")
        # A component of weight 0 never wins.
        possible = np.asarray(model.weights_) > 0
        weights, means = (np.asarray(array, np.float64)[possible] for array in (model.weights_, model.means_))
        roots = np.asarray(model.precisions_cholesky_, np.float64)
        if not all(np.isfinite(array).all() and array.size for array in (weights, means, roots)):
            raise InputError(f"the {_NAME} has parameters that are no finite numbers; fit it again.")
        labels, classes = np.flatnonzero(possible), np.arange(len(possible))
        if model.covariance_type != "tied":
            roots = roots[possible]
            if (roots == roots[0]).all():
                roots = roots[0]
            elif model.covariance_type == "full":
                raise UnsupportedModelError(
                    f"{_NAME} has covariance_type='full', so that each component has a matrix of its own and a query"
                    " would have to be mapped anew for each of them; fit it with 'tied', 'diag' or 'spherical'."
                )
            else:
                # One root for all features, or one for each.
                roots = np.broadcast_to(roots.reshape(len(means), -1), means.shape)
                return _tables(means, roots, weights, labels, classes)
        features = means.shape[1]
        matrix = roots if roots.ndim == 2 else np.diag(np.broadcast_to(roots, (features,)))
        return _nearest_mean(means, matrix, weights, labels, classes)


def _nearest_mean(
    means: NDArray[np.float64],
    matrix: NDArray[np.float64],
    weights: NDArray[np.float64],
    labels: NDArray[np.int64],
    classes: NDArray[np.int64],
) -> PrototypeModel:
    """Nearest means after ``x @ matrix``, which is the root of a precision matrix."""
    lacks = 2 * (np.log(weights.max()) - np.log(weights))
    identity = np.eye(len(matrix))
    common = bool((matrix == matrix[0, 0] * identity).all())
    if common:
        # One factor for all features changes no order.
        lacks, matrix = lacks / matrix[0, 0] ** 2, identity
    if lacks.any():
        before = MatrixMap(np.column_stack([matrix, np.zeros(len(matrix))]))
        points = before(means)
        points[:, -1] = np.sqrt(lacks)
    elif common:
        return PrototypeModel(means, labels, metric="l2", classes=classes, trained=True)
    else:
        before = MatrixMap(matrix)
        points = before(means)
    return PrototypeModel(points, labels, metric="l2", classes=classes, preprocess=before, trained=True)


def _tables(
    means: NDArray[np.float64],
    roots: NDArray[np.float64],
    weights: NDArray[np.float64],
    labels: NDArray[np.int64],
    classes: NDArray[np.int64],
) -> PrototypeModel:
    """Tables of log-densities; `roots` are one over the deviations, shape (components, features)."""
    with np.errstate(over="ignore"):
        curvatures = -0.5 * roots**2
    if not (np.isfinite(curvatures).all() and (roots > 0).all()):
        raise UnsupportedModelError(
            f"{_NAME} has deviations whose densities are beyond float64; fit it with a larger reg_covar."
        )
    maker = GaussianTables(
        scores=AdditiveScores(
            intercepts=np.log(weights),
            cuts=np.empty((means.shape[1], 0)),
            # The constant of the density is the same for all components.
            constants=np.log(roots)[..., None],
            curvatures=curvatures[..., None],
            centres=means[..., None],
        ),
        classes=classes,
        labels=labels,
        widths=WIDTHS,
        bits=BITS,
        entry_bits=ENTRY_BITS,
    )
    return maker.make(maker.bits)
