"""What the naive Bayes classifiers with discrete features have in common."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from prototile.errors import UnsupportedModelError


def possible_classes(model: Any, *log_probabilities: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which classes have a prior probability above 0, shape (classes,); another one never wins.

    Parameters
    ----------
    model
        Fitted, with ``class_log_prior_``.
    log_probabilities
        Arrays whose first axis are the classes.

    Raises
    ------
    UnsupportedModelError
        If one of a possible class is infinite: two classes with such a feature each have no order.
    """
    possible: NDArray[np.bool_] = np.isfinite(model.class_log_prior_)
    if not all(np.isfinite(array[possible]).all() for array in log_probabilities):
        raise UnsupportedModelError(
            f"{type(model).__name__} has features of probability 0, with alpha={model.alpha!r}, whose logarithm no"
            " table can hold; fit it with a larger alpha, such as 1."
        )
    return possible
