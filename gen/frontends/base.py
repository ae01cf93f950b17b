"""What a front end is, and checks that several of them make."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np

from prototile.errors import InputError
from prototile.model import PrototypeModel

#: Features of a vector, of which a chip takes at most 65,535.
_MAX_FEATURES = 1 << 20


class FrontEnd(ABC):
    """Turns one kind of trained model into a `PrototypeModel` that computes the same, or refuses it.

    Every class in a file of this package that is one, and is not abstract, is found and used; see
    `prototile.frontends.registry`. It is made without arguments.
    """

    #: What it takes, for the message that lists what is supported.
    supported: ClassVar[str]
    #: Front ends with a smaller one are asked, and listed, before those with a larger one.
    place: ClassVar[int] = 0

    @abstractmethod
    def accepts(self, model: Any) -> bool:
        """Tell whether the model is of this kind; never imports the model's library on its own account."""

    @abstractmethod
    def convert(self, model: Any) -> PrototypeModel:
        """Return the model with the same answers, in float64.

        Raises
        ------
        UnsupportedModelError
            If the chip would compute something else.
        InputError
            If the model is not fitted.
        """


class NamedFrontEnd(FrontEnd):
    """A front end of classes that are known by their library and their names."""

    #: Package of the classes, and their names.
    library: ClassVar[str] = "sklearn"
    names: ClassVar[tuple[str, ...]]

    def accepts(self, model: Any) -> bool:
        """Tell whether its class is one of these itself."""
        return any(is_exactly(model, self.library, name) for name in self.names)


def is_exactly(model: Any, module: str, name: str) -> bool:
    """Tell whether the model's own class has this name and comes from this package.

    A subclass may override `predict`, so it is not taken for its base.
    """
    kind = type(model)
    return kind.__name__ == name and kind.__module__.split(".")[0] == module.split(".")[0]


def feature_count(model: Any) -> int:
    """Return how many features an estimator of scikit-learn was fitted on; the number may come from a file.

    Raises
    ------
    InputError
        If it is no number of features.
    """
    count = model.n_features_in_
    if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or not 1 <= count <= _MAX_FEATURES:
        raise InputError(
            f"the {type(model).__name__} has n_features_in_={count!r}, but 1 to {_MAX_FEATURES} features are possible;"
            " fit it again."
        )
    return int(count)


def require_fitted(model: Any, *attributes: str) -> None:
    """Refuse a model that lacks attributes which fitting sets.

    Raises
    ------
    InputError
        If one is missing.
    """
    name = type(model).__name__
    if not all(hasattr(model, attribute) for attribute in attributes):
        raise InputError(f"the {name} is not fitted; call its fit(X, y) first.")
