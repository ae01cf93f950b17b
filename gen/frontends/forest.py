"""scikit-learn's RandomForestClassifier and ExtraTreesClassifier."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from prototile.config import MAX_K
from prototile.errors import UnsupportedModelError
from prototile.frontends.base import NamedFrontEnd, require_fitted
from prototile.frontends.leaves import Leaves, leaves_of
from prototile.model import PrototypeModel

_NAMES = ("RandomForestClassifier", "ExtraTreesClassifier")


class ForestFrontEnd(NamedFrontEnd):
    """Takes a forest of up to 15 trees with pure leaves: the leaves of all trees are boxes, and as many as trees vote.

    A query lies in exactly one leaf of each tree, so exactly as many boxes as trees are at distance 0, and these come
    first in the order ``(distance, index)``. scikit-learn averages the shares of classes in these leaves. If each leaf
    has one class only, the average is the share of votes, and of classes with equally many votes both take the first
    in ``classes_``. For the data, what `DecisionTreeFrontEnd` says holds.
    """

    names = _NAMES
    supported = f"RandomForestClassifier or ExtraTreesClassifier with up to {MAX_K} trees and pure leaves"

    def convert(self, model: Any) -> PrototypeModel:
        """Return the leaves of its trees as boxes, tree by tree.

        Raises
        ------
        UnsupportedModelError
            If it has several outputs, too many trees, or leaves with several classes.
        InputError
            If it is not fitted.
        """
        require_fitted(model, "estimators_", "classes_")
        name, trees = type(model).__name__, model.estimators_
        require_votes(len(trees), name)
        forest = [leaves_of(tree.tree_, name) for tree in trees]
        require_pure(forest, name)
        indices = np.concatenate([leaves.class_indices for leaves in forest])
        return PrototypeModel(
            np.concatenate([leaves.bounds for leaves in forest]),
            model.classes_[indices],
            metric="box",
            k=len(trees),
            classes=model.classes_,
            step_per_feature=True,
        )


def require_votes(count: int, name: str) -> None:
    """Refuse more trees than can vote.

    Raises
    ------
    UnsupportedModelError
        If there are.
    """
    if count > MAX_K:
        raise UnsupportedModelError(
            f"{name} has {count} trees, but the chip lets 1 to {MAX_K} of them vote; fit it with"
            f" n_estimators={MAX_K} or fewer."
        )


def require_pure(forest: Sequence[Leaves], name: str) -> None:
    """Refuse trees of which some leaves have several classes, unless there is one tree, averaged with nothing.

    Raises
    ------
    UnsupportedModelError
        If there are such leaves.
    """
    pure = [leaves.pure for leaves in forest]
    impure = sum(int(np.count_nonzero(~flags)) for flags in pure)
    if impure and len(forest) > 1:
        raise UnsupportedModelError(
            f"{name} averages the shares of classes in leaves, and {impure} of its {sum(map(len, pure))} leaves have"
            " several, but on the chip each leaf votes for one class; grow pure leaves (no max_depth, max_leaf_nodes or"
            " ccp_alpha, min_samples_leaf=1, min_samples_split=2, no equal samples of different classes, and no sample"
            " weights so far apart that the small ones are lost to rounding, at which scikit-learn stops splitting)."
        )
