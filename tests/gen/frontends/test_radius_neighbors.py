"""RadiusNeighborsClassifier: the same votes, or a refusal."""

import warnings

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.neighbors import RadiusNeighborsClassifier

import prototile as pt
from prototile.errors import InputError, UnsupportedModelError
from prototile.frontends import to_prototype_model
from prototile.record import Status

RANDOM = np.random.default_rng(0)
POINTS = RANDOM.integers(0, 64, (60, 3))
NAMES = np.array(["left", "middle", "right"])[RANDOM.integers(0, 3, 60)]
QUERIES = RANDOM.integers(0, 64, (2000, 3))


def answers(estimator, queries):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of outlier labels that are no class
        return estimator.predict(queries).tolist()


@pytest.mark.parametrize(
    ("settings", "metric"),
    [
        ({"radius": 8}, "l2"),
        ({"radius": 12, "p": 1}, "l1"),
        ({"radius": 6, "metric": "chebyshev"}, "linf"),
        ({"radius": 70, "metric": "sqeuclidean", "algorithm": "brute"}, "l2"),
        ({"radius": 7, "weights": None, "algorithm": "kd_tree"}, "l2"),
    ],
    ids=str,
)
@pytest.mark.parametrize("outlier", ["most_frequent", "none"])
def test_integers_agree_on_every_query(settings, metric, outlier):
    estimator = RadiusNeighborsClassifier(outlier_label=outlier, **settings).fit(POINTS, NAMES)
    design = pt.convert(estimator, calibration=np.array([[0] * 3, [63] * 3]), bits=6)
    model = design.model
    assert model.metric == metric and 2 < model.k <= 15
    expected = answers(estimator, QUERIES)
    assert model.predict(QUERIES).tolist() == expected
    assert design.predict(QUERIES).tolist() == expected
    # Some queries have no neighbour, some lie at the radius itself, and some have several.
    distances = model.distances(QUERIES.astype(float))
    within = (distances <= model.radii).sum(axis=1)
    assert 0 < (within == 0).mean() < 1 and within.max() > 2
    assert (distances == model.radii).any()
    assert (design.decide(QUERIES)["status"] == Status.UNKNOWN).tolist() == (within == 0).tolist()


def test_classes_that_are_far_apart_need_one_vote():
    points = np.concatenate([RANDOM.normal(size=(40, 2)), RANDOM.normal(size=(40, 2)) + 40])
    labels = np.repeat([True, False], 40)
    queries = np.concatenate([points + 0.3, points - 20])
    for weights in ("uniform", "distance"):
        estimator = RadiusNeighborsClassifier(5.0, weights=weights, outlier_label="most_frequent").fit(points, labels)
        model = to_prototype_model(estimator)
        assert model.k == 1
        assert model.predict(queries).tolist() == answers(estimator, queries)


def test_crowds_of_one_class_do_not_count():
    # Twenty samples of one class at one place, and a pair of another class next to the last of a chain.
    points = np.array([[0.0]] * 20 + [[10.0], [11.0], [12.0]])
    labels = [0] * 20 + [0, 1, 1]
    estimator = RadiusNeighborsClassifier(1.0, outlier_label=7).fit(points, labels)
    model = to_prototype_model(estimator)
    assert model.k == 3
    queries = np.linspace(-3, 14, 171)[:, None]
    assert model.predict(queries).tolist() == answers(estimator, queries)


def test_a_sample_in_a_crowd_can_be_set_aside():
    # The star's centre has 16 disputed samples within twice the radius, but these are not near each other.
    star = np.concatenate([np.zeros((1, 16)), np.eye(16)])
    estimator = RadiusNeighborsClassifier(0.5, outlier_label=9).fit(star, [0] + [1] * 16)
    model = to_prototype_model(estimator)
    assert model.k <= 15
    queries = np.concatenate([star, star * 0.5, star * 0.4])
    assert model.predict(queries).tolist() == answers(estimator, queries)


def test_sparse_samples():
    dense = RadiusNeighborsClassifier(4, outlier_label="x").fit(POINTS, NAMES)
    sparse = RadiusNeighborsClassifier(4, outlier_label="x").fit(csr_matrix(POINTS), NAMES)
    assert (to_prototype_model(sparse).prototypes == to_prototype_model(dense).prototypes).all()


def test_rounding_of_far_data_hides_no_neighbour():
    points = np.array([[1e9, 0.0], [1e9 + 1, 0.0], [1e9 + 2, 0.0]])
    model = to_prototype_model(RadiusNeighborsClassifier(0.75, outlier_label=5).fit(points, [0, 1, 0]))
    assert model.k == 3  # the middle one has both others within twice the radius


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"radius": 60}, "radius=60, within which more than 15 samples of several classes may lie, but the chip"),
        ({"outlier_label": None}, "has outlier_label=None, .* fit it with outlier_label='most_frequent'"),
        ({"weights": "distance"}, "has weights='distance', but on the chip each neighbour has one vote"),
        ({"weights": np.ones_like}, "has weights=<function ones_like"),
        ({"metric": "canberra"}, "RadiusNeighborsClassifier has the metric 'canberra'"),
        ({"p": 3}, "'minkowski' with p=3, but only p=1"),
    ],
)
def test_refused(settings, message):
    estimator = RadiusNeighborsClassifier(**{"radius": 6, "outlier_label": "none", **settings})
    with pytest.raises(UnsupportedModelError, match=message):
        to_prototype_model(estimator.fit(POINTS, NAMES))


def test_several_outputs_and_unfitted_are_refused():
    labels = np.arange(60) % 2
    with pytest.raises(UnsupportedModelError, match="RadiusNeighborsClassifier has 2 outputs"):
        to_prototype_model(RadiusNeighborsClassifier().fit(POINTS, np.c_[labels, labels]))
    with pytest.raises(InputError, match="the RadiusNeighborsClassifier is not fitted"):
        to_prototype_model(RadiusNeighborsClassifier())
    estimator = RadiusNeighborsClassifier(1, outlier_label=0).fit(POINTS, labels).set_params(radius=np.nan)
    with pytest.raises(InputError, match="has radius=nan"):
        to_prototype_model(estimator)
