"""Nearest neighbours against scikit-learn: equal wherever distances say who votes, in whatever form the data come."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.neighbors import KNeighborsClassifier

import prototile as pt
from prototile.frontends import to_prototype_model

BOARD = "ulx3s-25f"
METRICS = {"manhattan": "l1", "euclidean": "l2", "chebyshev": "linf"}


def data(rows=80, queries=1000, features=4, levels=8, seed=0):
    """Integers so few that many distances are equal."""
    random = np.random.default_rng(seed)
    X, Q = random.integers(0, levels, (rows, features)), random.integers(0, levels, (queries, features))
    return X.astype(float), random.integers(0, 3, rows), Q.astype(float)


def is_decided(X, Q, metric, k):
    """Whether the k nearest samples are nearer than all others, for each query."""
    difference = np.abs(Q[:, None] - X)
    terms = {"l1": difference.sum(2), "l2": (difference**2).sum(2), "linf": difference.max(2)}[metric]
    distances = np.sort(terms, axis=1)
    return distances[:, k - 1] < distances[:, k]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("k", [1, 3, 5, 15])
@pytest.mark.parametrize("algorithm", ["brute", "kd_tree"])
def test_answers_are_equal_where_distances_decide_who_votes(metric, k, algorithm):
    X, y, Q = data()
    estimator = KNeighborsClassifier(k, metric=metric, algorithm=algorithm).fit(X, y)
    design = pt.convert(estimator, calibration=np.vstack([X, Q]), bits=3, board=BOARD)
    decided = is_decided(X, Q, METRICS[metric], k)
    assert 50 < decided.sum() < 950
    expected = estimator.predict(Q)
    assert (design.predict(Q) == expected)[decided].all()
    assert (design.model.predict(Q) == expected)[decided].all()
    if k > 1:
        # Rows with equal votes are among them.
        assert design.decide(Q)["tie"][decided].any()


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_neighbour_by_brute_force_is_the_one_of_the_lowest_index(metric, dtype):
    X, y, Q = (array.astype(dtype) for array in data(rows=600))
    estimator = KNeighborsClassifier(1, metric=metric, algorithm="brute").fit(X, y.astype(int))
    assert is_decided(X, Q, METRICS[metric], 1).mean() < 0.8
    assert (to_prototype_model(estimator).predict(Q) == estimator.predict(Q)).all()


def forms(array):
    """The same numbers as users have them."""
    frozen = array.copy()
    frozen.flags.writeable = False
    return {
        "list": array.tolist(),
        "int64": array.astype(np.int64),
        "uint8": array.astype(np.uint8),
        "float32": array.astype(np.float32),
        "float16": array.astype(np.float16),
        "big-endian": array.astype(">f8"),
        "big-endian integers": array.astype(">i2"),
        "Fortran order": np.asfortranarray(array),
        "strided": np.repeat(array, 2, axis=0)[::2],
        "read-only": frozen,
        "csr": sparse.csr_matrix(array),
        "coo": sparse.coo_array(array),
    }


@pytest.mark.parametrize("form", forms(np.zeros((1, 4))))
def test_data_of_every_form_answer_alike(form):
    X, y, Q = data()
    plain = pt.convert(KNeighborsClassifier(3).fit(X, y), calibration=X, bits=3, board=BOARD)
    estimator = KNeighborsClassifier(3).fit(forms(X)[form], y)
    design = pt.convert(estimator, calibration=forms(X)[form], bits=3, board=BOARD)
    assert design.digest == plain.digest
    assert np.array_equal(design.decide(forms(Q)[form]), plain.decide(Q))
