"""scikit-learn's BaggingClassifier."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from prototile.arrays import check_room
from prototile.errors import UnsupportedModelError
from prototile.frontends.base import NamedFrontEnd, feature_count, is_exactly, require_fitted
from prototile.frontends.forest import require_pure, require_votes
from prototile.frontends.leaves import Leaves, leaves_of
from prototile.frontends.registry import to_prototype_model
from prototile.maps import AffineMap
from prototile.model import PrototypeModel

_NAME = "BaggingClassifier"
_NEIGHBOURS = "KNeighborsClassifier"
_TREES = ("DecisionTreeClassifier", "ExtraTreeClassifier")


class BaggingFrontEnd(NamedFrontEnd):
    """Takes a bag of up to 15 trees with pure leaves, as `ForestFrontEnd` takes a forest, or of one nearest neighbours.

    Each tree may know some of the features only; its boxes are unbounded in the others. A bag answers by the mean of
    its members' probabilities, even if there is only one of them. The likeliest class of `KNeighborsClassifier` is what
    it predicts; of others, such as `NearestCentroid`, it need not be.
    """

    names = (_NAME,)
    supported = f"{_NAME} of trees with pure leaves, or of one {_NEIGHBOURS}"

    def convert(self, model: Any) -> PrototypeModel:
        """Return the leaves of its trees as boxes, or the samples of its only member.

        Raises
        ------
        UnsupportedModelError
            If its members are others, more than can vote, or have leaves with several classes.
        InputError
            If it is not fitted.
        """
        require_fitted(model, "estimators_", "estimators_features_", "classes_", "n_features_in_")
        count, members = feature_count(model), model.estimators_
        classes = np.asarray(model.classes_)
        if not all(_is_tree(member) for member in members):
            if len(members) > 1 or not is_exactly(members[0], "sklearn", _NEIGHBOURS):
                raise UnsupportedModelError(
                    f"{_NAME} averages the probabilities of {len(members)} models of the kind"
                    f" {type(members[0]).__name__}, which the chip does not know; use trees with pure leaves, or"
                    f" convert one of its estimators_ alone."
                )
            return self._only(members[0], model, classes)
        require_votes(len(members), _NAME)
        forest = [leaves_of(member.tree_, _NAME) for member in members]
        require_pure(forest, _NAME)
        boxes, labels = [], []
        for leaves, member, features in zip(forest, members, model.estimators_features_, strict=True):
            bounds = _of_all_features(leaves, np.asarray(features), count)
            # Where a feature was drawn twice, both of its columns are one, and some leaves are out of reach.
            reached = (bounds[..., 0] < bounds[..., 1]).all(axis=1)
            boxes.append(bounds[reached])
            labels.append(classes[np.asarray(member.classes_)[leaves.class_indices[reached]]])
        return PrototypeModel(
            np.concatenate(boxes),
            np.concatenate(labels),
            metric="box",
            k=len(members),
            classes=classes,
            step_per_feature=True,
        )

    def _only(self, member: Any, model: Any, classes: NDArray[Any]) -> PrototypeModel:
        """The model of a single member, which was trained with numbers for classes, on some of the features."""
        converted = to_prototype_model(member)
        named = converted.with_labels(classes[np.asarray(converted.labels)])
        return named.preceded_by(AffineMap.selection(model.estimators_features_[0], feature_count(model)))


def _is_tree(member: Any) -> bool:
    return any(is_exactly(member, "sklearn", name) for name in _TREES)


def _of_all_features(leaves: Leaves, features: NDArray[np.intp], count: int) -> NDArray[np.float64]:
    """Bounds of leaves whose columns are these of `count` features."""
    check_room((len(leaves.bounds), count, 2), f"the leaves of the {_NAME}")
    bounds = np.tile([-np.inf, np.inf], (len(leaves.bounds), count, 1))
    for place, feature in enumerate(features.tolist()):
        lower, upper = leaves.bounds[:, place].T
        bounds[:, feature, 0] = np.maximum(bounds[:, feature, 0], lower)
        bounds[:, feature, 1] = np.minimum(bounds[:, feature, 1], upper)
    return bounds
