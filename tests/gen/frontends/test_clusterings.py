"""Clusterings, maps and indexes: what their own predict, winner or search returns, from the real libraries."""

import warnings

import numpy as np
import pytest
from sklearn.cluster import BisectingKMeans, KMeans, MiniBatchKMeans
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

import prototile as pt
from prototile.errors import InputError, UnsupportedModelError
from prototile.frontends import to_prototype_model

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # faiss's own, of its bindings
    import faiss
from kmedoids import KMedoids
from minisom import MiniSom

RANDOM = np.random.default_rng(0)
POINTS = RANDOM.integers(0, 64, (80, 3)).astype(float)
#: The corners too, so that their span is that of the queries.
CALIBRATION = np.vstack([POINTS, [[0] * 3, [63] * 3]])
QUERIES = RANDOM.integers(0, 64, (1000, 3)).astype(float)


def unique(model, queries=QUERIES):
    """Queries with one nearest prototype."""
    nearest = np.sort(model.distances(queries), axis=1)
    return queries[nearest[:, 1] - nearest[:, 0] > 1e-6 * (1 + nearest[:, 1])]


@pytest.mark.parametrize(
    "estimator",
    [
        KMeans(7, n_init=1, random_state=0),
        MiniBatchKMeans(7, n_init=1, random_state=0),
        BisectingKMeans(2, random_state=0),
        make_pipeline(MinMaxScaler(), KMeans(5, n_init=1, random_state=0)),
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_kmeans(estimator, kind):
    estimator.fit(POINTS.astype(kind))
    model = to_prototype_model(estimator)
    queries = unique(model, model.transform(QUERIES)) if model.preprocess is None else QUERIES
    assert model.metric == "l2"
    assert model.predict(queries).tolist() == estimator.predict(queries.astype(kind)).tolist()


def test_kmeans_with_whole_centres_is_exact_on_the_chip():
    estimator = KMeans(7, n_init=1, random_state=0).fit(POINTS)
    estimator.cluster_centers_ = np.rint(estimator.cluster_centers_)
    design = pt.convert(estimator, calibration=CALIBRATION, bits=6)
    queries = unique(design.model)
    assert len(queries) > 900
    assert design.predict(queries).tolist() == estimator.predict(queries).tolist()


def test_the_nearest_centre_is_not_what_a_tree_of_clusters_answers():
    estimator = BisectingKMeans(6, random_state=0).fit(POINTS)
    nearest = pt.PrototypeModel(estimator.cluster_centers_, range(6), "l2").predict(QUERIES)
    assert (nearest != estimator.predict(QUERIES)).any()
    with pytest.raises(UnsupportedModelError, match=r"BisectingKMeans has 6 clusters .* going down a tree"):
        to_prototype_model(estimator)


@pytest.mark.parametrize(
    ("metric", "ours"),
    [("euclidean", "l2"), ("manhattan", "l1"), ("chebyshev", "linf"), ("sqeuclidean", "l2"), ("cityblock", "l1")],
)
def test_kmedoids(metric, ours):
    estimator = KMedoids(6, metric=metric, random_state=0).fit(POINTS)
    design = pt.convert(estimator, calibration=CALIBRATION, bits=6)
    assert design.model.metric == ours
    assert (POINTS[design.classes] == design.model.prototypes[np.argsort(design.model.labels)]).all()
    queries = unique(design.model)
    assert design.predict(queries).tolist() == estimator.predict(queries).tolist()
    assert design.model.predict(queries).tolist() == estimator.predict(queries).tolist()


@pytest.mark.parametrize("metric", ["euclidean", "manhattan"])
def test_minisom(metric):
    som = MiniSom(3, 4, 3, activation_distance=metric, random_seed=0)
    som.train(POINTS, 200)
    som._weights = np.rint(som._weights)
    design = pt.convert(som, calibration=CALIBRATION, bits=6)
    assert design.classes.tolist() == list(range(12))
    queries = unique(design.model)
    winners = [int(row * 4 + column) for row, column in map(som.winner, queries)]
    assert len(set(winners)) > 6
    assert design.predict(queries).tolist() == winners


@pytest.mark.parametrize(
    ("metric", "ours"), [(faiss.METRIC_L2, "l2"), (faiss.METRIC_L1, "l1"), (faiss.METRIC_Linf, "linf")]
)
def test_faiss(metric, ours):
    index = faiss.IndexFlatL2(3) if ours == "l2" else faiss.IndexFlat(3, metric)
    index.add(POINTS[:20].astype(np.float32))
    design = pt.convert(index, calibration=CALIBRATION, bits=6)
    assert design.model.metric == ours
    queries = unique(design.model)
    found = index.search(queries.astype(np.float32), 1)[1][:, 0]
    assert design.predict(queries).tolist() == found.tolist()


def test_faiss_of_bits():
    codes = RANDOM.integers(0, 256, (20, 4)).astype(np.uint8)
    index = faiss.IndexBinaryFlat(32)
    index.add(codes)
    design = pt.convert(index)
    queries = RANDOM.integers(0, 256, (500, 4)).astype(np.uint8)
    distances, found = index.search(queries, 2)
    single = distances[:, 0] < distances[:, 1]
    assert single.sum() > 200
    assert design.predict(queries[single]).tolist() == found[single, 0].tolist()
    assert design.decide(queries)["distance"].tolist() == distances[:, 0].tolist()


def signed(x, w):
    return np.subtract(x, w).max(axis=-1)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: KMeans(), InputError, "the KMeans is not fitted"),
        (lambda: SubKMeans(2).fit(POINTS), UnsupportedModelError, "SubKMeans, a subclass of KMeans, is not supported"),
        (lambda: KMedoids(3), InputError, "the KMedoids is not fitted"),
        (
            lambda: KMedoids(3, metric="precomputed").fit(np.abs(POINTS[:, 0, None] - POINTS[:, 0])),
            UnsupportedModelError,
            "KMedoids has metric='precomputed', so it knows distances but no samples",
        ),
        (
            lambda: KMedoids(3, metric="cosine", random_state=0).fit(POINTS),
            UnsupportedModelError,
            "has the metric 'cosine'",
        ),
        (
            lambda: MiniSom(2, 2, 3, activation_distance="chebyshev"),
            UnsupportedModelError,
            "'chebyshev', which in MiniSom is the largest difference with its sign, but only",
        ),
        (lambda: MiniSom(2, 2, 3, activation_distance="cosine"), UnsupportedModelError, "activation_distance='cosine'"),
        (lambda: MiniSom(2, 2, 3, activation_distance=signed), UnsupportedModelError, "activation_distance='signed'"),
        (lambda: faiss.IndexFlatL2(3), InputError, "the IndexFlatL2 is empty; add vectors"),
        (lambda: filled(faiss.IndexFlat(3, faiss.METRIC_Canberra)), UnsupportedModelError, "has the metric type 20"),
        (lambda: filled(faiss.IndexFlatIP(3)), UnsupportedModelError, "IndexFlatIP has the metric type 0"),
        (lambda: filled(faiss.IndexFlat(3, faiss.METRIC_INNER_PRODUCT)), UnsupportedModelError, "the metric type 0"),
        (lambda: filled(faiss.IndexFlatL2(3), np.nan), InputError, "prototypes holds nan in row 0"),
    ],
)
def test_refused(make, error, message):
    with pytest.raises(error, match=message):
        to_prototype_model(make())


class SubKMeans(KMeans):
    def predict(self, X):
        return super().predict(X)[::-1]


def filled(index, value=1.0):
    index.add(np.full((2, 3), value, np.float32))
    return index


def test_minisoms_chebyshev_is_no_distance():
    # What the refusal says of the library.
    som = MiniSom(1, 2, 1, activation_distance="chebyshev")
    som._weights = np.array([[[0.0], [10.0]]])
    assert som.winner(np.array([1.0])) == (0, 1)
