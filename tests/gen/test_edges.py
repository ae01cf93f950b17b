"""Models and data at the edges: odd labels, odd inputs, sizes at their ends, and what is refused."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid, RadiusNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from skops import io as skops_io

import prototile as pt
from prototile.boards.driver import Chip, identity_bytes
from prototile.cli import main
from prototile.estimate import IDENTITY_BYTES
from prototile.files import load_model, save_model

RANDOM = np.random.default_rng(0)
X = RANDOM.integers(0, 16, (60, 3)).astype(float)
Q = RANDOM.integers(0, 16, (200, 3)).astype(float)
BOARD = "ulx3s-25f"
#: Three classes each, in no particular order.
LABELS = {
    "text": ["elm", "ash", "oak"],
    "unicode": ["ﬁ", "日本", "e\u0301"],
    "long text": ["x" * 300, "x" * 299, ""],
    "objects": np.array(["elm", "ash", "oak"], object),
    "booleans": [True, False, True],
    "negative": [-5, 3, -1],
    "large": [2**63 - 1, -(2**63) + 1, 0],
    "unsigned": np.array([200, 255, 0], np.uint8),
    "unsigned of 64 bits": np.array([2**63 - 1, 1, 0], np.uint64),
    "floats": [2.0, -1.0, 0.0],
    "small floats": np.array([2, -1, 0], np.float16),
}


def three(labels, rows=60):
    return np.asarray(list(labels) if isinstance(labels, str) else labels)[np.arange(rows) % 3]


@pytest.mark.parametrize("name", LABELS)
def test_labels_come_back_as_they_were(name, tmp_path):
    y = three(LABELS[name])
    estimator = KNeighborsClassifier(1, algorithm="brute").fit(X, y)
    design = pt.convert(estimator, X, bits=4, board=BOARD)
    expected, found = estimator.predict(Q), design.predict(Q)
    assert found.dtype == expected.dtype
    assert found.tolist() == expected.tolist()
    for suffix in (".npz", ".safetensors"):
        save_model(design.model, tmp_path / f"m{suffix}")
        again = load_model(tmp_path / f"m{suffix}")
        assert again.classes.tolist() == estimator.classes_.tolist()
        assert again.predict(Q).tolist() == expected.tolist()


@pytest.mark.parametrize("labels", [[b"elm", b"ash", "日本".encode()], np.array([b"elm", b"ash", b"oak"], object)])
def test_bytes_come_back_as_they_were(labels, tmp_path):
    """scikit-learn takes no bytes as labels any more, but arrays of other libraries hold them."""
    labels = three(labels)
    radii = np.full(len(X), 3)
    model = pt.PrototypeModel(X, labels, "l1", radii=radii, reject=b"none")
    nearest = np.abs(Q[:, None] - X).sum(axis=2)
    expected = np.where(nearest.min(axis=1) < 3, labels[nearest.argmin(axis=1)].astype("S"), b"none").tolist()
    assert {b"none", b"elm"} <= set(expected)
    design = pt.convert(model, X, bits=4, board=BOARD)
    assert design.predict(Q).tolist() == expected
    for suffix in (".npz", ".safetensors"):
        save_model(design.model, tmp_path / f"m{suffix}")
        assert load_model(tmp_path / f"m{suffix}").predict(Q).tolist() == expected
    design.save(tmp_path / "design")
    again = pt.load(tmp_path / "design")
    assert again.predict(Q).tolist() == expected
    chip = Chip.load(tmp_path / "design" / "driver" / "chip.json")
    records = design.decide(Q)
    assert chip.labels(records["label"], records["status"] == pt.Status.UNKNOWN).tolist() == expected
    rows = np.column_stack([Q, [label.decode() for label in expected]])
    np.savetxt(tmp_path / "q.csv", rows, fmt="%s", delimiter=",", encoding="utf-8")
    assert (
        main(["predict", str(tmp_path / "design"), str(tmp_path / "q.csv"), "--output", str(tmp_path / "a.csv")]) == 0
    )
    answers = (tmp_path / "a.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert [line.split(",")[0] for line in answers] == [label.decode() for label in expected]
    assert design.explain(Q[0]).label in expected


def test_a_file_says_bytes_of_text_only(tmp_path):
    np.savez(tmp_path / "m.npz", prototypes=X[:3], labels=[1, 2, 3], labels_are_bytes=True)
    with pytest.raises(pt.ModelFileError, match="holds 'labels' of type int64, but labels_are_bytes is for text"):
        load_model(tmp_path / "m.npz")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([b"elm", b"ash", b"\xff"], r"must be valid Unicode, but b'\\xff' is no UTF-8"),
        ([b"elm", "ash", b"oak"], "must be all strings, all bytes or all numbers, not a mixture"),
        (np.array([2**64 - 1, 1, 0], np.uint64), "fit into 64 bits with a sign, but one is 18446744073709551615"),
        ([10**30, 1, 0], "fit into 64 bits with a sign, but one is 1000000000000000000000000000000"),
        ([1.5, 1.0, 0.0], r"must be classes, but labels\[0\] is 1.5; give integers or strings"),
        ([np.nan, 1.0, 0.0], r"must be classes, but labels\[0\] is nan"),
        ([None, "ash", "oak"], "not a mixture|not values of type NoneType, str"),
        ([None, 1, 0], "not values of type NoneType, int"),
        (["elm", 1, 2], "must be all strings, all bytes or all numbers, not a mixture"),
        (np.array(["elm", 1, 2], object), "not values of type int, str"),
        ([1j, 2j, 3j], "must be integers, strings, bytes or booleans, not of type complex128"),
        (["elm", "elm\0", "oak"], r"holds the character NUL, which NumPy drops"),
        (["\ud800", "ash", "oak"], "must be valid Unicode"),
    ],
    ids=str,
)
def test_labels_that_could_become_others_are_refused(labels, message):
    with pytest.raises(pt.InputError, match=f"^labels .*({message})"):
        pt.PrototypeModel(X[:3], labels)


INPUTS = {
    "float64": Q,
    "float32": Q.astype(np.float32),
    "float16": Q.astype(np.float16),
    "big-endian": Q.astype(">f8"),
    "int64": Q.astype(int),
    "uint8": Q.astype(np.uint8),
    "int16": Q.astype(">i2"),
    "objects": Q.astype(object),
    "list": Q.tolist(),
    "list of arrays": list(Q),
    "Fortran": np.asfortranarray(Q),
    "every second": np.repeat(Q, 2, axis=0)[::2],
    "backwards": Q[::-1][::-1],
    "columns of more": np.hstack([Q, Q])[:, :3],
    "frame": pd.DataFrame(Q, columns=list("abc")),
    "frame of integers": pd.DataFrame(Q.astype(int)),
    **{
        f"{kind}_{form}": getattr(sparse, f"{kind}_{form}")(Q)
        for kind in ("csr", "csc", "coo", "lil", "dok", "bsr")
        for form in ("matrix", "array")
    },
}


@pytest.mark.parametrize("name", INPUTS)
def test_inputs_of_any_form_have_the_same_answers(name):
    scaled = make_pipeline(StandardScaler(), KNeighborsClassifier(3, metric="manhattan")).fit(X, three("abc"))
    for estimator in (KNeighborsClassifier(3).fit(X, three("abc")), scaled):
        design = pt.convert(estimator, X, bits=8, board=BOARD)
        given = INPUTS[name]
        assert (design.decide(given) == design.decide(Q)).all()
        assert design.model.predict(given).tolist() == design.model.predict(Q).tolist()
        trained = pt.convert(estimator, given, bits=8, board=BOARD)
        assert trained.digest == pt.convert(estimator, Q, bits=8, board=BOARD).digest


def test_inputs_that_cannot_be_written_or_lie_on_disk(tmp_path):
    design = pt.convert(NearestCentroid().fit(X, three("abc")), X, bits=8)
    fixed = Q.copy()
    fixed.flags.writeable = False
    mapped = np.memmap(tmp_path / "x", dtype=np.float64, mode="w+", shape=Q.shape)
    mapped[:] = Q
    for given in (fixed, mapped):
        assert (design.decide(given) == design.decide(Q)).all()
    assert (fixed == Q).all()


def test_bits_as_booleans():
    bits = X > 7
    estimator = KNeighborsClassifier(1, metric="manhattan").fit(bits.astype(float), three("abc"))
    design = pt.convert(estimator, bits, bits=1)
    assert design.predict(Q > 7).tolist() == design.predict((Q > 7).astype(float)).tolist()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (Q[:, :2], "has 2 columns, but the model has 3 features"),
        (np.where(Q == 3, np.nan, Q), "holds nan in row"),
        (np.where(Q == 3, np.inf, Q), "holds inf in row"),
        (Q[0], "must have two dimensions"),
        (Q[:0], "at least one row"),
        (Q + 1j, "must hold numbers, not values of type complex128"),
        (Q.astype(str), "must hold numbers, not values of type <U"),
        ([[1, 2, None]], "must hold numbers only|holds nan"),
        ([[1, 2, 3], [1, 2]], "must form a rectangular array"),
        (np.ma.masked_equal(Q, 3), "holds masked values"),
        (Q.astype("M8[s]"), "must hold numbers, not values of type datetime64"),
        (sparse.csr_matrix(np.where(Q == 3, np.nan, Q)), "holds nan in row"),
    ],
    ids=range(12),
)
def test_inputs_that_are_refused(given, message):
    design = pt.convert(NearestCentroid().fit(X, three("abc")), X, bits=8)
    for ask in (design.decide, design.model.predict, lambda rows: pt.convert(design.model, rows)):
        with pytest.raises(pt.InputError, match=message):
            ask(given)


def exact(model, queries, **options):
    """Compare a model of integers with its design where the model's own answer is unique."""
    design = pt.convert(model, board=BOARD, must_fit=False, **options)
    records = design.decide(queries)
    assert (records["saturated"] == 0).all()
    distances = np.sort(design.model.distances(np.asarray(queries, float)), axis=1)
    unique = np.ones(len(queries), bool) if distances.shape[1] < 2 else distances[:, 0] < distances[:, 1]
    expected = design.model.predict(queries)
    assert (design.predict(queries)[unique] == expected[unique]).all()
    return design, unique


def test_constant_features():
    data = np.hstack([X, np.full((60, 1), 7.0), np.full((60, 1), -3.0)])
    estimator = KNeighborsClassifier(1, algorithm="brute").fit(data, three("abc"))
    design, unique = exact(estimator, data, calibration=data, bits=4)
    assert unique.any()
    # Beyond the constant a component is clipped, and that is counted.
    beyond = data.copy()
    beyond[:, 3:] += [[0, 100]]
    assert (design.decide(beyond)["saturated"] == 1).all()
    everything = pt.convert(
        NearestCentroid().fit(np.array([[1, 1], [1, 1], [1, 1], [2, 2]]), [0, 0, 1, 1]), np.ones((5, 2))
    )
    assert everything.predict(np.ones((3, 2))).tolist() == [0, 0, 0]


def test_one_of_each():
    one = pt.PrototypeModel([[5]], ["only"])
    design = pt.convert(one)
    assert design.predict([[0], [7]]).tolist() == ["only"] * 2
    records = design.decide([[0], [7]])
    assert records["runner_up"].tolist() == [-1, -1]
    assert records["margin"].tolist() == [0, 0]
    assert design.explain([7]).runner_up is None
    one_class = pt.PrototypeModel([[1, 2], [3, 4]], ["a", "a"], radii=3)
    assert pt.convert(one_class).predict([[1, 2]]).tolist() == ["a"]
    exact(KNeighborsClassifier(1).fit(X[:, :1], three("abc")), Q[:, :1], calibration=X[:, :1], bits=4)


def test_equal_prototypes_with_different_labels():
    model = pt.PrototypeModel([[1, 1], [1, 1], [5, 5]], ["b", "a", "b"])
    records = pt.convert(model).decide([[1, 1], [5, 5]])
    assert records["prototype"].tolist() == [0, 2]
    assert records["tie"].tolist() == [1, 0]
    assert pt.convert(model).predict([[1, 1]]).tolist() == ["b"]
    same = KNeighborsClassifier(1, algorithm="brute").fit([[1.0], [1.0], [5.0]], ["b", "a", "b"])
    assert same.predict([[1.0]]).tolist() == pt.convert(same, [[1.0], [5.0]], bits=3).predict([[1.0]]).tolist()


@pytest.mark.parametrize("metric", ["manhattan", "euclidean", "chebyshev"])
def test_three_hundred_classes(metric):
    points = np.unique(RANDOM.integers(0, 256, (700, 5)), axis=0).astype(float)
    estimator = KNeighborsClassifier(1, metric=metric).fit(points, np.arange(len(points)) % 300 * 3 - 400)
    queries = np.vstack([points, RANDOM.integers(0, 256, (300, 5))])
    design, unique = exact(estimator, queries, calibration=queries, bits=8)
    assert len(design.classes) == 300
    assert (design.predict(queries)[unique] == estimator.predict(queries)[unique]).all()


def test_as_many_features_as_pixels():
    images = RANDOM.integers(0, 256, (40, 784))
    estimator = KNeighborsClassifier(1, metric="manhattan", algorithm="brute").fit(images, np.arange(40) % 10)
    queries = RANDOM.integers(0, 256, (50, 784))
    design, unique = exact(estimator, queries, calibration=np.vstack([images, queries]), bits=8)
    assert design.config.distance_max == 784 * 255
    assert (design.predict(queries)[unique] == estimator.predict(queries)[unique]).all()


@pytest.mark.parametrize("metric", ["manhattan", "euclidean"])
def test_ten_thousand_prototypes(metric):
    points = RANDOM.integers(0, 256, (10_000, 8)).astype(float)
    estimator = KNeighborsClassifier(1, metric=metric).fit(points, np.arange(10_000) % 7)
    queries = RANDOM.integers(0, 256, (100, 8)).astype(float)
    design, unique = exact(estimator, queries, calibration=points, bits=8)
    assert design.config.prototype_count == 10_000
    assert (design.predict(queries)[unique] == estimator.predict(queries)[unique]).all()


REFUSED = {
    "weights": (
        KNeighborsClassifier(3, weights="distance").fit(X, three("abc")),
        "weights='distance' with n_neighbors=3",
    ),
    "minkowski": (KNeighborsClassifier(3, p=3).fit(X, three("abc")), "the metric 'minkowski' with p=3"),
    "cosine": (KNeighborsClassifier(3, metric="cosine").fit(X, three("abc")), "the metric 'cosine'"),
    "precomputed": (
        KNeighborsClassifier(3, metric="precomputed").fit(np.abs(X[:, :1] - X[:, 0]), three("abc")),
        "the metric 'precomputed'",
    ),
    "outputs": (KNeighborsClassifier(1).fit(X, np.stack([three("abc")] * 2, axis=1)), "has 2 outputs"),
    "neighbours": (KNeighborsClassifier(16).fit(X, three("abc")), "n_neighbors=16"),
    "radius": (
        RadiusNeighborsClassifier(2.0, weights="distance", outlier_label="a").fit(X, three("abc")),
        "weights='distance'",
    ),
    "priors": (NearestCentroid(priors=[0.5, 0.25, 0.25]).fit(X, three("abc")), r"class priors \[0.5, 0.25, 0.25\]"),
    "kernel": (SVC().fit(X, three("abc")), "SVC is not supported, as it adds up a kernel"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_refused_from_a_file_too(name, tmp_path):
    estimator, message = REFUSED[name]
    skops_io.dump(estimator, tmp_path / "m.skops")
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(estimator))
    with pytest.raises(pt.UnsupportedModelError, match=message):
        pt.convert(estimator)
    with pytest.raises(pt.UnsupportedModelError, match=rf"m\.skops: .*{message}"):
        pt.convert(tmp_path / "m.skops")
    with pytest.raises(pt.UnsupportedModelError, match=rf"m\.pkl: .*{message}"):
        pt.convert(tmp_path / "m.pkl", trust_pickle=True)
    with pytest.raises(pt.ModelFileError, match=r"m\.pkl is a pickle"):
        pt.convert(tmp_path / "m.pkl")


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda model: vars(model).pop("_fit_X"), pt.InputError, "is not fitted"),
        (lambda model: model._fit_X.__setitem__((2, 1), np.nan), pt.InputError, "holds nan in row 2, column 1"),
        (lambda model: setattr(model, "weights", abs), pt.UnsupportedModelError, "weights=<built-in function abs>"),
        (lambda model: setattr(model, "metric", abs), pt.UnsupportedModelError, "was fitted with 'euclidean'"),
    ],
)
def test_what_was_changed_after_fitting(change, error, message):
    estimator = KNeighborsClassifier(1, algorithm="brute").fit(X.copy(), three("abc"))
    change(estimator)
    with pytest.raises(error, match=message):
        pt.convert(estimator)


def test_an_identity_is_as_long_as_the_estimate_takes_it_for():
    numbers = dict.fromkeys(("features", "bits", "lanes", "prototypes", "classes", "rows", "columns"), 1)
    whole = identity_bytes(digest="0" * 32, metric="l1", pes_per_tile=1, prototypes_per_pe=1, grid="0" * 16, **numbers)
    assert len(whole) == IDENTITY_BYTES
