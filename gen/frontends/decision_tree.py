"""scikit-learn's DecisionTreeClassifier and ExtraTreeClassifier."""

from typing import Any

from prototile.frontends.base import NamedFrontEnd, require_fitted
from prototile.frontends.leaves import leaves_of
from prototile.model import PrototypeModel

_NAMES = ("DecisionTreeClassifier", "ExtraTreeClassifier")


class DecisionTreeFrontEnd(NamedFrontEnd):
    """Takes a decision tree: every leaf is a box with the leaf's most frequent class as its label.

    Exactly one box is at distance 0 of a query. The distance of the others is how far the query lies outside, so the
    margin is how far it would have to move to get another answer.

    Each feature has a step of its own. scikit-learn rounds features to float32 before it compares them with thresholds,
    and the boxes' bounds allow for that. The chip is exact on integers whose range, with the thresholds, fits into the
    bits, also behind a scaler. Another number counts as its level does, half a step from it at most: how often that
    gives another answer is measured as agreement. A level lies beyond the outermost thresholds of each feature, so what
    is clipped stays on its side of all of them.

    Class weights, monotonic constraints and pruning need nothing, as the leaves tell their outcome. Where missing
    values go plays no part, as a query with one is refused.
    """

    names = _NAMES
    supported = "DecisionTreeClassifier or ExtraTreeClassifier"

    def convert(self, model: Any) -> PrototypeModel:
        """Return its leaves as boxes, in depth-first order.

        Raises
        ------
        UnsupportedModelError
            If it has several outputs.
        InputError
            If it is not fitted.
        """
        require_fitted(model, "tree_", "classes_")
        leaves = leaves_of(model.tree_, type(model).__name__)
        return PrototypeModel(
            leaves.bounds,
            model.classes_[leaves.class_indices],
            metric="box",
            classes=model.classes_,
            step_per_feature=True,
        )
