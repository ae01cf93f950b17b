"""A small design that several tests look at, and its folder."""

import numpy as np
import pytest

import prototile as pt

FEATURES = ("length", "width")


@pytest.fixture(scope="session")
def small_model():
    """Three classes in two dimensions, labels of text, with a preprocessing."""
    prototypes = np.array([[0.0, 0.0], [1.0, 0.2], [0.4, 1.0], [0.9, 0.9]])
    labels = np.array(["ash", "birch", "cedar", "birch"])
    return pt.PrototypeModel(prototypes, labels, preprocess=pt.AffineMap([0.1, 0.01], [0.0, -0.5]))


@pytest.fixture(scope="session")
def small_data(small_model):
    """Vectors that span what the model sees, and the model's own labels for them."""
    random = np.random.default_rng(3)
    X = np.round(random.uniform([0, 50], [10, 150], size=(60, 2)), 3)
    return X, small_model.predict(X)


@pytest.fixture(scope="session")
def small_design(small_model, small_data):
    return pt.convert(small_model, calibration=small_data[0], y=small_data[1], bits=5)


@pytest.fixture(scope="session")
def design_folder(small_design, small_data, tmp_path_factory):
    """The folder of the small design; only to be read."""
    return small_design.save(tmp_path_factory.mktemp("designs") / "small", vectors=small_data[0][:16])


def bounds_and_labels(tree):
    """Bounds (lower, upper] of a fitted tree's leaves, and their labels."""
    nodes, bounds, labels = tree.tree_, [], []

    def descend(node, lower, upper):
        if nodes.children_left[node] < 0:
            bounds.append(np.stack([lower, upper], axis=1))
            labels.append(tree.classes_[nodes.value[node, 0].argmax()])
            return
        at, threshold = nodes.feature[node], nodes.threshold[node]
        here = np.arange(len(lower)) == at
        descend(nodes.children_left[node], lower, np.where(here, threshold, upper))
        descend(nodes.children_right[node], np.where(here, threshold, lower), upper)

    descend(0, np.full(nodes.n_features, -np.inf), np.full(nodes.n_features, np.inf))
    return np.array(bounds), np.array(labels)


@pytest.fixture(scope="session")
def boxes_of():
    """A function of a fitted tree to the boxes of its leaves."""
    return bounds_and_labels
