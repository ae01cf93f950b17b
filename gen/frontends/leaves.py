"""The leaves of scikit-learn's decision trees as boxes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prototile.errors import InputError, UnsupportedModelError


@dataclass(frozen=True, eq=False, kw_only=True)
class Leaves:
    """Leaves of one tree that a finite vector can reach, in depth-first order, left before right.

    Attributes
    ----------
    bounds : float64 ndarray of shape (leaves, features, 2)
        Half-open intervals (lower, upper] of each component; every finite vector lies in exactly one box. It is the
        leaf that scikit-learn finds, which rounds vectors to float32 first: bounds are thresholds for float64.
    shares : float64 ndarray of shape (leaves, classes)
        Shares of the classes among the training samples of each leaf.
    """

    bounds: NDArray[np.float64]
    shares: NDArray[np.float64]

    @property
    def class_indices(self) -> NDArray[np.intp]:
        """Class with the largest share of each leaf; the lowest index of equal ones, as in scikit-learn."""
        indices: NDArray[np.intp] = self.shares.argmax(axis=1)
        return indices

    @property
    def pure(self) -> NDArray[np.bool_]:
        """Whether a leaf has training samples of one class only, shape (leaves,)."""
        pure: NDArray[np.bool_] = (self.shares == 1).any(axis=1) & (np.count_nonzero(self.shares, axis=1) == 1)
        return pure


def leaves_of(tree: Any, name: str) -> Leaves:
    """Return the leaves of a fitted estimator's ``tree_``.

    Its arrays are only read, and may come from a file: they are checked first.

    Parameters
    ----------
    tree
        `sklearn.tree._tree.Tree`.
    name
        What has the tree, for messages.

    Raises
    ------
    UnsupportedModelError
        If the tree has several outputs.
    InputError
        If its arrays form no tree.
    """
    if tree.n_outputs != 1:
        raise UnsupportedModelError(
            f"{name} has {tree.n_outputs} outputs, but the chip has one label for each prototype; fit one model per"
            " output."
        )
    check_tree(tree, name)
    left, right = tree.children_left, tree.children_right
    feature, threshold, shares = tree.feature, tree.threshold, tree.value[:, 0]
    inner = left >= 0
    limits = _before_rounding(threshold)
    found, bounds = [], []
    # A stack, as trees can be deeper than Python's recursion.
    stack = [(0, np.tile([-np.inf, np.inf], (tree.n_features, 1)))]
    while stack:
        node, box = stack.pop()
        if not inner[node]:
            found.append(node)
            bounds.append(box)
            continue
        low, high = box.copy(), box.copy()
        low[feature[node], 1] = min(box[feature[node], 1], limits[node])
        high[feature[node], 0] = max(box[feature[node], 0], limits[node])
        # Trees that were fitted with missing values split these off at an infinite threshold: nothing else goes there.
        stack += [
            (int(child), part)
            for child, part in ((right[node], high), (left[node], low))
            if (part[feature[node], 0] < part[feature[node], 1])
        ]
    return Leaves(bounds=np.array(bounds), shares=np.asarray(shares[found], np.float64))


def check_tree(tree: Any, name: str) -> None:
    """Make sure that the arrays of a fitted estimator's ``tree_`` form a tree of its features.

    Parameters
    ----------
    tree, name
        As for `leaves_of`.

    Raises
    ------
    InputError
        If they do not.
    """
    left, right, feature = tree.children_left, tree.children_right, tree.feature
    inner = left >= 0
    if not (
        len(left)
        and max(left.max(), right.max()) < len(left)
        # scikit-learn takes anything but -1 for a child.
        and (left[~inner] == -1).all()
        and (right[inner] >= 0).all()
        and (feature[inner] >= 0).all()
        and (feature[inner] < tree.n_features).all()
        and not np.isnan(tree.threshold[inner]).any()
        and len(np.unique(np.concatenate([[0], left[inner], right[inner]]))) == 1 + 2 * np.count_nonzero(inner)
    ):
        raise InputError(f"the arrays of the {name} form no tree; fit it again.")


def _before_rounding(thresholds: NDArray[np.float64]) -> NDArray[np.float64]:
    """The largest float64 that is at most a threshold once it is rounded to float32, for each threshold.

    A float64 in the middle of two float32 is rounded to the one with an even mantissa. Beyond float32, where
    scikit-learn refuses vectors, thresholds remain what they are.
    """
    with np.errstate(over="ignore"):
        below = thresholds.astype(np.float32)
    below = np.where(below > thresholds, np.nextafter(below, np.float32(-np.inf)), below)
    with np.errstate(over="ignore", invalid="ignore"):
        middle = (below.astype(np.float64) + np.nextafter(below, np.float32(np.inf)).astype(np.float64)) / 2
        even = below.view(np.int32) % 2 == 0
        limits = np.where(even, middle, np.nextafter(middle, -np.inf))
    return np.where(np.isfinite(limits), limits, thresholds)
