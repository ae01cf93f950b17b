import warnings

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.datasets import load_iris, load_wine
from sklearn.neighbors import KDTree, KNeighborsClassifier, NearestCentroid
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, Normalizer, RobustScaler, StandardScaler
from sklearn.svm import SVC

from prototile.errors import InputError, UnsupportedModelError
from prototile.frontends import to_prototype_model
from prototile.model import PrototypeModel

X, Y = load_wine(return_X_y=True)
#: Unseen, and without ties: between samples, not on them.
QUERIES = X[:-1] * 0.37 + X[1:] * 0.63
NAMES = np.array(["red", "white", "green"])[Y]


def check_same_answers(estimator, queries=QUERIES):
    model = to_prototype_model(estimator)
    assert model.classes.tolist() == estimator.classes_.tolist()
    assert model.predict(queries).tolist() == estimator.predict(queries).tolist()
    return model


def test_a_prototype_model_stays_itself():
    model = PrototypeModel([[1.0]], ["a"])
    assert to_prototype_model(model) is model


@pytest.mark.parametrize(
    ("settings", "metric"),
    [
        ({}, "l2"),
        ({"p": 1}, "l1"),
        ({"metric": "manhattan"}, "l1"),
        ({"metric": "cityblock"}, "l1"),
        ({"metric": "euclidean", "algorithm": "ball_tree"}, "l2"),
        ({"metric": "sqeuclidean", "algorithm": "brute"}, "l2"),
        ({"weights": "distance"}, "l2"),
        ({"weights": None, "algorithm": "kd_tree"}, "l2"),
        ({"p": None, "metric_params": {"p": 1}}, "l1"),
        ({"metric": "chebyshev", "algorithm": "brute"}, "linf"),
    ],
)
def test_one_neighbour(settings, metric):
    model = check_same_answers(KNeighborsClassifier(1, **settings).fit(X, NAMES))
    assert model.metric == metric


@pytest.mark.parametrize("settings", [{"p": np.inf}, {"metric": "chebyshev", "algorithm": "ball_tree"}], ids=str)
def test_chebyshev_on_search_trees(settings):
    samples = np.random.default_rng(0).normal(size=(60, 4))
    estimator = KNeighborsClassifier(1, **settings).fit(samples, np.arange(60) % 3)
    model = check_same_answers(estimator, np.random.default_rng(1).normal(size=(200, 4)))
    assert model.metric == "linf"


@pytest.mark.parametrize("k", [2, 3, 4, 9, 15])
@pytest.mark.parametrize(
    "settings", [{}, {"algorithm": "brute", "p": 1}, {"algorithm": "kd_tree", "weights": None}], ids=str
)
def test_more_neighbours(k, settings):
    model = check_same_answers(KNeighborsClassifier(k, **settings).fit(X, NAMES))
    assert model.k == k
    assert to_prototype_model(KNeighborsClassifier(1).fit(X, Y).set_params(n_neighbors=k)).k == k


def test_more_neighbours_in_a_pipeline():
    assert check_same_answers(make_pipeline(StandardScaler(), KNeighborsClassifier(5)).fit(X, Y)).k == 5


def test_more_neighbours_than_samples():
    with pytest.raises(InputError, match="k is 5, but there are only 4 prototypes"):
        to_prototype_model(KNeighborsClassifier(5).fit(X[:4], [0, 1, 0, 1]))


def test_equal_votes_go_to_the_first_class_as_in_scikit_learn():
    grid = np.arange(8.0)[:, None]
    estimator = KNeighborsClassifier(2).fit(grid, list("zayybxaz"))
    check_same_answers(estimator, np.linspace(0.1, 6.9, 50)[:, None])


def test_integer_training_data_are_not_chip_units():
    model = check_same_answers(KNeighborsClassifier(1).fit((X * 10).astype(int) - 50, Y), QUERIES * 10 - 50)
    assert not model.in_chip_units


def test_sparse_training_data():
    estimator = KNeighborsClassifier(1).fit(csr_matrix(X), Y)
    assert to_prototype_model(estimator).prototypes.tolist() == X.tolist()


def test_trained_on_a_tree():
    check_same_answers(KNeighborsClassifier(1, p=1).fit(KDTree(X, metric="manhattan"), NAMES))


@pytest.mark.parametrize("metric", ["euclidean", "manhattan"])
@pytest.mark.parametrize("shrink", [None, 2.0])
def test_nearest_centroid(metric, shrink):
    check_same_answers(NearestCentroid(metric=metric, shrink_threshold=shrink).fit(X, NAMES))


def test_nearest_centroid_with_priors_that_are_uniform_by_count():
    iris = load_iris()
    estimator = NearestCentroid(priors="empirical").fit(iris.data, iris.target)
    check_same_answers(estimator, iris.data)


@pytest.mark.parametrize(
    "steps",
    [
        [StandardScaler()],
        [StandardScaler(with_mean=False)],
        [StandardScaler(with_std=False)],
        [StandardScaler(with_mean=False, with_std=False)],
        [MinMaxScaler((-2, 5))],
        [MaxAbsScaler()],
        [RobustScaler()],
        [RobustScaler(with_centering=False)],
        [RobustScaler(with_scaling=False)],
        ["passthrough", StandardScaler(), None, MinMaxScaler()],
    ],
    ids=str,
)
@pytest.mark.parametrize("classifier", [KNeighborsClassifier(1, p=1), NearestCentroid()], ids=str)
def test_pipelines(steps, classifier):
    pipeline = Pipeline([*((str(i), step) for i, step in enumerate(steps)), ("last", classifier)]).fit(X, NAMES)
    model = check_same_answers(pipeline)
    np.testing.assert_allclose(model.transform(QUERIES), pipeline[:-1].transform(QUERIES), rtol=1e-9, atol=1e-12)


def test_pipeline_in_a_pipeline():
    inner = make_pipeline(MinMaxScaler(), KNeighborsClassifier(1))
    check_same_answers(make_pipeline(StandardScaler(), inner).fit(X, Y))


def test_constant_feature_in_a_scaler():
    flat = np.column_stack([X, np.full(len(X), 7.0)])
    check_same_answers(make_pipeline(StandardScaler(), KNeighborsClassifier(1)).fit(flat, Y), flat[::2] + 0.01)


class Mine(KNeighborsClassifier):
    def predict(self, X):
        return super().predict(X)[::-1]


def fitted(estimator, **changes):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator.fit(X, Y).set_params(**changes)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: fitted(KNeighborsClassifier(16)), "has n_neighbors=16, but .* lets 1 to 15 neighbours vote; set it"),
        (lambda: fitted(KNeighborsClassifier(1), n_neighbors=16), "has n_neighbors=16"),
        (lambda: fitted(KNeighborsClassifier(1), n_neighbors=2.5), "has n_neighbors=2.5"),
        (
            lambda: fitted(KNeighborsClassifier(3, weights="distance")),
            "weights='distance' with n_neighbors=3, but .* use weights='uniform'",
        ),
        (lambda: fitted(KNeighborsClassifier(3, weights=np.ones_like)), "has weights=<function ones_like"),
        (lambda: fitted(KNeighborsClassifier(1, metric="hamming")), "has the metric 'hamming', but the chip"),
        (lambda: fitted(KNeighborsClassifier(1, weights=np.ones_like)), "has weights=<function ones_like"),
        (lambda: fitted(KNeighborsClassifier(1, p=3)), "'minkowski' with p=3, but only p=1"),
        (lambda: fitted(KNeighborsClassifier(1, metric=lambda a, b: 0.0)), "has the metric <function"),
        (lambda: fitted(KNeighborsClassifier(1, metric_params={"w": np.ones(13)})), r"weighs features by metric_param"),
        (
            lambda: fitted(KNeighborsClassifier(1, metric="seuclidean", metric_params={"V": np.ones(13)})),
            "has the metric 'seuclidean'",
        ),
        (lambda: fitted(KNeighborsClassifier(1, p=1), p=2), "fitted with 'manhattan'; fit it again"),
        (lambda: KNeighborsClassifier(1).fit(X, np.c_[Y, Y]), "has 2 outputs"),
        (lambda: KNeighborsClassifier(1, p=1).fit(KDTree(X), Y), "'manhattan', but was fitted on a search tree with"),
        (lambda: fitted(NearestCentroid(priors="empirical")), r"class priors \[0.3315, .* only priors='uniform'"),
        (lambda: fitted(Mine(1)), "Mine, a subclass of KNeighborsClassifier, is not supported"),
        (lambda: fitted(SVC()), "SVC is not supported, as it adds up a kernel .*NearestCentroid.*train one of these"),
        (lambda: object(), "object is not supported"),
        (
            lambda: fitted(make_pipeline(Normalizer(), KNeighborsClassifier(1))),
            "step 'normalizer' .* is of the class Normalizer",
        ),
        (
            lambda: fitted(make_pipeline(MinMaxScaler(clip=True), KNeighborsClassifier(1))),
            "step 'minmaxscaler' .* with clip=True",
        ),
        (lambda: fitted(make_pipeline(StandardScaler(), SVC())), "SVC is not supported"),
        (lambda: fitted(make_pipeline(StandardScaler(), "passthrough")), "ends in step 'passthrough'"),
    ],
)
def test_what_the_chip_would_not_compute_is_refused(make, message):
    with pytest.raises(UnsupportedModelError, match=message):
        to_prototype_model(make())


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (KNeighborsClassifier(1), "the KNeighborsClassifier is not fitted; call its fit"),
        (NearestCentroid(), "the NearestCentroid is not fitted"),
        (make_pipeline(StandardScaler(), KNeighborsClassifier(1)), "is not fitted"),
        (
            make_pipeline(StandardScaler(), KNeighborsClassifier(1).fit(X, Y)),
            "step 'standardscaler' of the Pipeline is not fitted",
        ),
        (KNeighborsClassifier, "KNeighborsClassifier is a class; give a fitted object"),
    ],
)
def test_unfitted_models_are_refused(model, message):
    with pytest.raises(InputError, match=message):
        to_prototype_model(model)


def test_a_stranger_with_a_known_name_is_refused():
    stranger = type("NearestCentroid", (), {"centroids_": X[:3], "classes_": np.arange(3), "metric": "euclidean"})()
    with pytest.raises(UnsupportedModelError, match="NearestCentroid is not supported"):
        to_prototype_model(stranger)
