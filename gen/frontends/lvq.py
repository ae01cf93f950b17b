"""What the libraries of learning vector quantisation have in common: relevances and matrices become a preprocessing."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from prototile.arrays import to_matrix, to_numbers
from prototile.errors import InputError, UnsupportedModelError
from prototile.maps import AffineMap, MatrixMap
from prototile.model import PrototypeModel


def lvq_model(
    prototypes: Any,
    labels: Any,
    *,
    name: str,
    relevances: Any = None,
    omega: Any = None,
    metric: str = "l2",
    **arguments: Any,
) -> PrototypeModel:
    """Return prototypes with an adaptive metric that all of them share.

    ``sum(relevances * (x - w)**2)`` is the squared distance of x and w after a scaling by the roots of the relevances,
    and ``sum(((x - w) @ omega)**2)`` the one after a product with omega. So both go into the preprocessing, by which
    the prototypes are mapped too.

    Parameters
    ----------
    prototypes, labels
        Shape (prototypes, features) and (prototypes,).
    name
        What has them, for messages.
    relevances
        Weights of the squared differences, shape (features,); None: all are 1.
    omega
        Shape (features, components), applied after the relevances; None: there is none.
    metric
        In the space that these maps lead to.
    arguments
        Others of `PrototypeModel`.

    Raises
    ------
    UnsupportedModelError
        If a relevance is negative, so that there is no distance.
    InputError
        If shapes do not fit together or values are not finite.
    """
    points = to_matrix(prototypes, f"the prototypes of {name}").astype(np.float64)
    preprocess: AffineMap | MatrixMap | None = None
    if relevances is not None:
        preprocess = AffineMap(_roots(relevances, points.shape[1], name), np.zeros(points.shape[1]))
    if omega is not None:
        matrix = to_matrix(omega, f"the matrix of {name}")
        if len(matrix) != points.shape[1]:
            raise InputError(
                f"the matrix of {name} has {len(matrix)} rows, but its prototypes have {points.shape[1]} features;"
                " give the whole model."
            )
        preprocess = MatrixMap(matrix) if preprocess is None else preprocess.then(MatrixMap(matrix))
    if preprocess is not None:
        points = preprocess(points)
    return PrototypeModel(points, labels, metric=metric, preprocess=preprocess, trained=True, **arguments)


def refuse_local_metrics(name: str) -> UnsupportedModelError:
    """Return the error for a model in which each prototype, or each class, has a metric of its own."""
    return UnsupportedModelError(
        f"{name} has a matrix for each prototype or class, and a query would have to be mapped anew for each of them,"
        " but the chip compares one query with all prototypes; train a model with one matrix for all."
    )


def _roots(relevances: Any, features: int, name: str) -> NDArray[np.float64]:
    weights = to_numbers(relevances, f"the relevances of {name}").astype(np.float64)
    if weights.shape != (features,):
        raise InputError(
            f"the relevances of {name} have the shape {weights.shape}, but its prototypes have {features} features;"
            " give the whole model."
        )
    if (weights < 0).any():
        raise UnsupportedModelError(
            f"{name} has the relevance {weights[weights < 0][0].item()!r} in feature {int((weights < 0).argmax())},"
            " which makes far things near; train it with relevances that are not negative."
        )
    return np.sqrt(weights)
