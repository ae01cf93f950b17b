import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from prototile.errors import InputError, UnsupportedModelError
from prototile.model import AffineMap, PrototypeModel
from prototile.record import Status

POINTS = np.array([[0.0, 0.0], [1.0, 1.0], [4.0, 4.0]])


def model(**changes):
    return PrototypeModel(**{"prototypes": POINTS, "labels": [0, 1, 0], **changes})


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["b", "a", "b"], ["a", "b"]),
        ([7, -3, 7], [-3, 7]),
        ([True, False, True], [False, True]),
        ([2.0, 1.0, 2.0], [1.0, 2.0]),
        (np.array(["b", "a", "b"], object), ["a", "b"]),
    ],
)
def test_label_spaces(labels, classes):
    made = model(labels=labels)
    assert made.classes.tolist() == classes
    assert made.class_indices.tolist() == [1, 0, 1]
    assert made.predict(POINTS).tolist() == np.asarray(labels).tolist()


def test_given_classes_fix_the_order_and_may_be_more():
    made = model(labels=["x", "y", "x"], classes=["y", "z", "x"])
    assert made.class_indices.tolist() == [2, 0, 2]
    assert made.class_count == 3


@pytest.mark.parametrize(
    ("name", "metric"),
    [("manhattan", "l1"), ("cityblock", "l1"), ("euclidean", "l2"), ("sqeuclidean", "l2"), ("l2", "l2")],
)
def test_metric_names(name, metric):
    assert model(metric=name).metric == metric


@pytest.mark.parametrize(
    ("radii", "kind", "values"),
    [
        (None, "none", None),
        (2, "common", [2, 2, 2]),
        (np.inf, "common", [np.inf] * 3),
        ({0: 1, 1: 2}, "class", [1, 2, 1]),
        ([1, 2], "class", [1, 2, 1]),
        ([[1, 2]], "class", [1, 2, 1]),
        ([1, 2, 3], "prototype", [1, 2, 3]),
        ([[1], [2], [3]], "prototype", [1, 2, 3]),
    ],
)
def test_radii(radii, kind, values):
    made = model(radii=radii)
    assert made.radii_kind == kind
    assert (made.radii if values is None else made.radii.tolist()) == values


def test_radii_for_as_many_classes_as_prototypes():
    swapped = {"prototypes": POINTS, "labels": [2, 0, 1]}
    with pytest.raises(InputError, match=r"could be one per prototype or one per class, as there are 3 of each"):
        PrototypeModel(**swapped, radii=[1, 2, 3])
    assert PrototypeModel(**swapped, radii=[[1], [2], [3]]).radii.tolist() == [1, 2, 3]
    assert PrototypeModel(**swapped, radii=[[1, 2, 3]]).radii.tolist() == [3, 1, 2]
    assert PrototypeModel(POINTS, [0, 1, 2], radii=[1, 2, 3]).radii_kind == "class"


def test_is_immutable_and_keeps_no_view():
    points = POINTS.copy()
    made = model(prototypes=points)
    points[0, 0] = 9
    assert made.prototypes[0, 0] == 0
    with pytest.raises(ValueError, match="read-only"):
        made.prototypes[0, 0] = 1
    with pytest.raises(AttributeError):
        made.metric = "l2"


def test_integer_prototypes_are_chip_units():
    assert PrototypeModel([[1, 2]], ["a"]).in_chip_units
    assert not PrototypeModel([[1.0, 2.0]], ["a"]).in_chip_units


@pytest.mark.parametrize("metric", ["manhattan", "euclidean"])
def test_predicts_as_scikit_learn(metric):
    random = np.random.default_rng(1)
    X, y, Z = random.normal(size=(60, 5)), random.integers(0, 4, 60), random.normal(size=(200, 5))
    expected = KNeighborsClassifier(1, metric=metric).fit(X, y).predict(Z)
    assert (PrototypeModel(X, y, metric=metric).predict(Z) == expected).all()


def test_predicts_by_firing_first_and_rejects():
    made = PrototypeModel([[0.0], [10.0]], ["near", "far"], radii=[[1.0], [9.0]], reject="nothing fires")
    assert made.predict([[0.5], [2.0], [1.0], [11.0], [30.0]]).tolist() == [
        "near",
        "far",
        "nothing fires",
        "far",
        "nothing fires",
    ]


def test_inclusive_radii_fire_at_the_radius():
    settings = {"prototypes": [[0.0], [10.0]], "labels": ["near", "far"], "radii": [[1.0], [9.0]], "reject": "none"}
    assert PrototypeModel(**settings).predict([[1.0]]).tolist() == ["none"]
    assert PrototypeModel(**settings, radii_inclusive=True).predict([[1.0]]).tolist() == ["near"]


def test_large_input_is_predicted_in_chunks(monkeypatch):
    made = model()
    whole = made.predict(np.repeat(POINTS, 5, axis=0))
    monkeypatch.setattr("prototile.model._CHUNK_DISTANCES", 6)
    assert made.predict(np.repeat(POINTS, 5, axis=0)).tolist() == whole.tolist()


def test_to_labels_keeps_the_nearest_without_reject():
    assert model().to_labels(np.array([0, 1]), np.array([Status.UNKNOWN, Status.IDENTIFIED])).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prototypes": [[0.0, np.nan]] * 3}, "prototypes holds nan in row 0, column 1"),
        ({"prototypes": np.zeros((0, 2)), "labels": []}, "at least one row"),
        ({"labels": [0, 1]}, "there are 3 prototypes but 2 labels"),
        ({"labels": [[0], [1], [0]]}, "labels must have one dimension"),
        ({"labels": ["a", 1, "b"]}, "labels must be all strings or all numbers"),
        ({"labels": [0.5, 1.0, 2.0]}, r"labels must be classes, but labels\[0\] is 0.5"),
        ({"labels": [0.0, np.nan, 2.0]}, r"labels must be classes, but labels\[1\] is nan"),
        ({"labels": np.array(["a", None, "b"], object)}, "not values of type NoneType, str"),
        ({"labels": np.array([1j, 1, 2])}, "labels must be integers, strings or booleans"),
        ({"classes": [1, 2]}, "the label 0 is not in classes"),
        ({"classes": [0, 1, 1]}, "classes must be distinct, but 1 is there twice"),
        ({"classes": ["0", "1"]}, "use one kind"),
        ({"radii": -1}, "not negative, but one is -1.0"),
        ({"radii": [1, np.nan, 1]}, "not negative, but one is nan"),
        ({"radii": [1, 1, 1, 1]}, r"one per class \(2\) or one per prototype \(3\), not an array of the shape \(4,\)"),
        ({"radii": {0: 1}}, "name no radius for the class 1"),
        ({"radii": {0: 1, 1: 1, 5: 1}}, "name the class 5, which"),
        ({"radii": {0: 1, 1: -2}}, "the radius of class 1 must be"),
        ({"radii": 1, "metric": "euclidean"}, "could be lengths or squared lengths"),
        ({"min_margin": 1, "metric": "euclidean"}, "could be lengths or squared lengths"),
        ({"min_margin": -1}, "min_margin must be a number that is not negative, not -1.0"),
        ({"min_margin": [1, 2]}, "min_margin must be one number"),
        ({"reject": "none"}, "reject must be a label of the same kind"),
        ({"k": 0}, "k must be a positive integer, not 0"),
        ({"k": True}, "k must be a positive integer, not True"),
        ({"k": 1.0}, "k must be a positive integer, not 1.0"),
        ({"preprocess": AffineMap([1.0], [0.0])}, "preprocessing has 1 features, but the prototypes have 2"),
    ],
)
def test_wrong_input_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        model(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"k": 3}, "k must be 1, not 3"), ({"metric": "cosine"}, "has the metric 'cosine', but the chip computes l1")],
)
def test_what_the_chip_does_not_compute_is_refused(changes, message):
    with pytest.raises(UnsupportedModelError, match=message):
        model(**changes)


def test_affine_maps_chain():
    first, second = AffineMap([2.0, 3.0], [1.0, 0.0]), AffineMap([10.0, 1.0], [0.0, -1.0])
    X = np.array([[1.0, 2.0]])
    assert first.then(second)(X).tolist() == second(first(X)).tolist() == [[30.0, 5.0]]
    made = model().preceded_by(second).preceded_by(first)
    assert made.transform([[1, 2]]).tolist() == [[30.0, 5.0]]
    with pytest.raises(InputError, match="has 1 features"):
        model().preceded_by(AffineMap([1.0], [1.0]))


def test_affine_map_refuses_what_overflows():
    with pytest.raises(InputError, match="the preprocessed input holds inf in row 0"):
        AffineMap([1e300], [0.0])(np.array([[1e300]]))


@pytest.mark.parametrize(
    ("scale", "shift", "message"),
    [([1.0], [1.0, 2.0], "one number per feature"), ([1.0, np.inf], [0.0, 0.0], "scale must be finite, but feature 1")],
)
def test_affine_map_checks(scale, shift, message):
    with pytest.raises(InputError, match=message):
        AffineMap(scale, shift)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([b"b", b"a", b"b"], "labels must be text, not bytes such as b'b'; decode them"),
        (["a", "\ud800", "a"], r"labels must be valid Unicode, but '\\ud800' holds a lone surrogate"),
        (np.array(["a", "\udfff", "a"], object), "holds a lone surrogate"),
        # NumPy makes one float64 of the first two.
        ([2**63 + 1, 2**63, -1], r"labels must be integers that fit into 64 bits with a sign, but one is 9\.22"),
        ([2.0**53 + 2, 2.0, 1.0], "but one is 9007199254740994.0; give them as text"),
        (np.array([1, 2**63, 1], np.uint64), "but one is 9223372036854775808; give them as text"),
        (np.array([1, -(2**70), 1], object), "but one is -1180591620717411303424; give them as text"),
        (np.ma.array([1, 0, 1], mask=[0, 1, 0]), "labels holds masked values"),
    ],
)
def test_labels_that_no_file_holds_are_refused(labels, message):
    with pytest.raises(InputError, match=message):
        model(labels=labels)


def test_largest_integers_stay_apart():
    labels = [2**63 - 1, 2**63 - 2, -(2**63) + 1]
    assert model(labels=labels).predict(POINTS).tolist() == labels


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"preprocess": "std"}, "preprocess must be an AffineMap or None, not 'std'"),
        ({"radii": 1, "radii_inclusive": "no"}, "radii_inclusive must be True or False, not 'no'"),
        ({"reject": b"zz", "labels": ["a", "b", "a"]}, "reject must be text, not bytes such as b'zz'"),
        ({"reject": "\ud800", "labels": ["a", "b", "a"]}, "reject must be valid Unicode"),
    ],
)
def test_parameters_of_the_wrong_kind(changes, message):
    with pytest.raises(InputError, match=message):
        model(**changes)
