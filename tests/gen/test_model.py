import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from prototile.errors import InputError, UnsupportedModelError
from prototile.maps import AffineMap
from prototile.model import Levels, PrototypeModel
from prototile.record import Status
from prototile.scores import AdditiveScores

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
    [
        ("manhattan", "l1"),
        ("cityblock", "l1"),
        ("euclidean", "l2"),
        ("sqeuclidean", "l2"),
        ("l2", "l2"),
        ("linf", "linf"),
        ("chebyshev", "linf"),
        ("maximum", "linf"),
    ],
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


@pytest.mark.parametrize("k", [1, 2, 3, 15])
def test_votes_as_scikit_learn(k):
    random = np.random.default_rng(4)
    X, y, Z = random.normal(size=(80, 4)), random.integers(0, 5, 80), random.normal(size=(300, 4))
    expected = KNeighborsClassifier(k, algorithm="brute").fit(X, y).predict(Z)
    assert (PrototypeModel(X, y, metric="l2", k=k).predict(Z) == expected).all()


@pytest.mark.parametrize("with_radii", [False, True])
@pytest.mark.parametrize("k", [1, 2, 3, 5, 9])
def test_votes_by_the_contract_word_for_word(k, with_radii):
    random = np.random.default_rng(k)
    P, y = random.integers(0, 4, size=(9, 2)), random.integers(0, 3, 9)
    radii = random.integers(0, 5, size=(9, 1)).astype(float) if with_radii else None
    made = PrototypeModel(P, y, k=k, radii=radii, classes=[0, 1, 2], reject=9)
    Z = np.stack(np.meshgrid(range(6), range(6)), axis=-1).reshape(-1, 2)
    seen = set()
    for z, answer in zip(Z, made.predict(Z), strict=True):
        distance = np.abs(P - z).sum(axis=1)
        fires = [radii is None or distance[at] < radii[at, 0] for at in range(9)]
        order = sorted(range(9), key=lambda at: (not fires[at], distance[at], at))
        voters = [at for at in order if fires[at] or not any(fires)][:k]
        votes = [sum(y[at] == label for at in voters) for label in range(3)]
        assert answer == (votes.index(max(votes)) if any(fires) else 9)
        seen.add((any(fires), len(voters) < k, votes.count(max(votes)) > 1))
    if with_radii and k > 1:
        assert {fired for fired, _, _ in seen} == {True, False}
        assert {few for _, few, _ in seen} == {True, False}


def test_without_reject_all_vote_where_nothing_fires():
    made = PrototypeModel([[0.0], [1.0], [2.0]], ["a", "b", "b"], radii=0.1, k=3)
    assert made.predict([[0.0], [0.5]]).tolist() == ["a", "b"]


def distance(**settings):
    """A function of vectors to their distances from the only prototype."""
    made = PrototypeModel(labels=["a"], **settings)
    return lambda *Z: made.distances(made.transform(Z))[:, 0].tolist()


def test_distances_of_every_metric_by_hand():
    assert distance(prototypes=[[1.0, 5.0]], metric="linf")([0.0, 3.0], [4.0, 5.0]) == [2, 3]
    assert distance(prototypes=[[5, 255, 0]], metric="hamming")([6, 0, 256], [5.2, 255, -3]) == [2 + 8 + 1, 0]
    table = distance(prototypes=[[[7, 0, 2, 1], [0, 9, 0, 5]]], metric="table")
    assert table([0, 0], [1, 2], [2.4, 3], [99, -1]) == [7, 0, 7, 1]
    closed = distance(prototypes=[[[2, 4], [0, 7]]], metric="box")
    assert closed([2, 0], [4, 7], [1, 9], [6, 3]) == [0, 0, 3, 2]
    assert distance(prototypes=[[[3, 2]]], metric="box")([2], [3], [9], [0]) == [1, 1, 7, 3]


def test_masks_and_weights_by_hand():
    points, masks = [[1.0, 5.0, 2.0]], [[True, False, True]]
    for metric, expected in (("l1", 4 + 1), ("l2", 16 + 1), ("linf", 4)):
        assert distance(prototypes=points, metric=metric, masks=masks)([5.0, -99.0, 3.0]) == [expected]
    assert distance(prototypes=[[1, 5, 2]], metric="hamming", masks=masks)([2, 0, 2]) == [2]
    weights = [[1, 2, 8]]
    assert distance(prototypes=points, metric="l1", weights=weights)([2.0, 7.0, 1.0]) == [1 + 4 + 8]
    assert distance(prototypes=points, metric="l2", weights=weights, masks=masks)([3.0, 7.0, 1.0]) == [4 + 8]


def test_masks_and_weights_that_change_nothing_are_none():
    made = model(masks=np.ones((3, 2), int), weights=np.ones((3, 2)))
    assert (made.masks, made.weights) == (None, None)
    made = model(masks=np.eye(3, 2), weights=[[1, 2.0], [4, 32768], [1, 1]])
    assert made.masks.dtype == bool
    assert made.weights.tolist() == [[1, 2], [4, 32768], [1, 1]]
    assert not made.masks.flags.writeable
    assert not made.weights.flags.writeable


def test_half_open_boxes_as_a_tree_has_them():
    halves = [[[-np.inf, 2.0]], [[2.0, np.inf]]]
    # The upper one first: at the threshold it must not answer, though its bound is there.
    made = PrototypeModel(halves[::-1], ["above", "below"], metric="box")
    assert made.predict([[2.0], [np.nextafter(2.0, 3.0)], [-9.0], [1e300]]).tolist() == [
        "below",
        "above",
        "below",
        "above",
    ]
    empty = PrototypeModel([[[2.0, 2.0]]], ["empty"], metric="box")
    assert (empty.distances(np.array([[1.0], [2.0], [3.0]])) > 0).all()


def test_boxes_of_a_fitted_tree_answer_as_the_tree(boxes_of):
    random = np.random.default_rng(8)
    X, y = random.normal(size=(150, 3)), random.integers(0, 3, 150)
    tree = DecisionTreeClassifier(random_state=0).fit(X, y)
    bounds, labels = boxes_of(tree)
    assert (PrototypeModel(bounds, labels, metric="box").predict(np.float32(X)) == tree.predict(X)).all()


def test_which_prototypes_are_in_chip_units():
    assert PrototypeModel([[1.0, 0.0]], ["a"], metric="hamming").in_chip_units
    assert PrototypeModel(np.array([[True, False]]), ["a"], metric="hamming").in_chip_units
    assert PrototypeModel([[[0, 1]]], ["a"], metric="box").in_chip_units
    assert not PrototypeModel([[[0.0, 1.0]]], ["a"], metric="box").in_chip_units
    assert PrototypeModel([[[0, 1]]], ["a"], metric="table").in_chip_units
    assert PrototypeModel([[[0, 1]] * 3], ["a"], metric="table").features == 3


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


def test_a_negative_reject_label_leaves_unsigned_labels_integers():
    labels = np.array([1, 2**53 + 1], np.uint64)
    made = PrototypeModel([[0.0], [10.0]], labels, radii=1.0, reject=-1)
    assert made.predict([[5.0], [10.0]]).tolist() == [-1, 2**53 + 1]


def test_to_labels_keeps_the_nearest_without_reject():
    assert model().to_labels(np.array([0, 1]), np.array([Status.UNKNOWN, Status.IDENTIFIED])).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prototypes": [[0.0, np.nan]] * 3}, "prototypes holds nan in row 0, column 1"),
        ({"prototypes": np.zeros((0, 2)), "labels": []}, "at least one row"),
        ({"labels": [0, 1]}, "there are 3 prototypes but 2 labels"),
        ({"labels": [[0], [1], [0]]}, "labels must have one dimension"),
        ({"labels": ["a", 1, "b"]}, "labels must be all strings, all bytes or all numbers"),
        ({"labels": [0.5, 1.0, 2.0]}, r"labels must be classes, but labels\[0\] is 0.5"),
        ({"labels": [0.0, np.nan, 2.0]}, r"labels must be classes, but labels\[1\] is nan"),
        ({"labels": np.array(["a", None, "b"], object)}, "not values of type NoneType, str"),
        ({"labels": np.array([1j, 1, 2])}, "labels must be integers, strings, bytes or booleans"),
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
        ({"k": 4}, "k is 4, but there are only 3 prototypes to vote; use a smaller k"),
        ({"masks": [[True, False]]}, r"masks must have the shape of the prototypes, \(3, 2\), and not \(1, 2\)"),
        ({"masks": [[1, 2], [1, 0], [0, 1]]}, "masks must be True .* or False, but one is 2; give weights as weights"),
        ({"weights": [1, 2]}, r"weights must have the shape of the prototypes, \(3, 2\), and not \(2,\)"),
        ({"weights": [[1, 2], [1, 0], [1, 1]]}, r"component 1 of prototype 1 \(counted from 0\) is 0.0; use masks"),
        ({"weights": [[1, 2], [1, np.inf], [1, 1]]}, "weights must be positive numbers, but .* is inf"),
        ({"metric": "hamming", "prototypes": [[0.5, 1.0]] * 3}, "'hamming' must be whole numbers .* is 0.5; encode"),
        ({"metric": "hamming", "prototypes": [[0, -1]] * 3}, "component 1 of prototype 0 .* is -1"),
        ({"metric": "hamming", "prototypes": [[0, 1 << 16]] * 3}, r"in 0 \.\. 65535, .* is 65536"),
        ({"metric": "box"}, r"'box' must have three dimensions \(prototypes, features, 2\), not the shape \(3, 2\)"),
        (
            {"metric": "box", "prototypes": np.zeros((3, 2, 3))},
            r"lower and upper bound of each component, not \(3, ",
        ),
        ({"metric": "box", "prototypes": np.zeros((3, 0, 2))}, "at least one of each dimension"),
        ({"metric": "box", "prototypes": [[[0.0, np.nan]]] * 3}, "box' holds nan in row 0, column 0"),
        (
            {"metric": "box", "prototypes": [[[1.0, 0.5]]] * 3},
            "above its upper bound, .* 1.0 and 0.5; swap them",
        ),
        (
            {"metric": "box", "prototypes": [[[3, 1]]] * 3},
            r"its upper bound \+ 1 \(an empty box\), .* 3 and 1; swap",
        ),
        ({"metric": "table"}, r"'table' must have three dimensions \(prototypes, features, levels\)"),
        ({"metric": "table", "prototypes": [[[1.0, 0.0]]] * 3}, "must be integers, .* scale the entries, round them"),
        (
            {"metric": "table", "prototypes": [[[1, 0, 3]]] * 3},
            "power of two from 2 to 65536, not 3; fill",
        ),
        ({"metric": "table", "prototypes": [[[0, -1]]] * 3}, r"must lie in 0 \.\. 65535, but component 0 .* holds -1"),
        ({"metric": "table", "prototypes": [[[0, 65536]]] * 3}, "holds 65536; shift and scale all tables alike"),
        ({"preprocess": AffineMap([1.0], [0.0])}, "preprocessing has 1 features, but the prototypes have 2"),
    ],
)
def test_wrong_input_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        model(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"k": 16}, "k must be at most 15, not 16"),
        (
            {"metric": "cosine"},
            r"has the metric 'cosine', but the chip computes l1 \(manhattan, cityblock\), .*, box and table only",
        ),
        (
            {"weights": [[1, 2], [1, 3], [1, 1]]},
            r"component 1 of prototype 1 .* is 3.0; put .* into the scaling",
        ),
        ({"weights": [[1, 0.5], [1, 1], [1, 1]]}, "is 0.5; .* scale all weights of the model to powers of two"),
        ({"weights": [[1, 2**16], [1, 1], [1, 1]]}, "powers of two from 1 to 32768, .* is 65536.0"),
        ({"weights": np.ones((3, 2)), "metric": "linf"}, "weights are for the metrics l1 and l2, not for 'linf'"),
        (
            {"masks": np.ones((3, 2)), "metric": "box", "prototypes": np.zeros((3, 2, 2))},
            "masks are for the metrics l1, l2, linf, hamming, not for 'box'; open the box .* from -inf to inf",
        ),
        (
            {"masks": np.ones((3, 2)), "metric": "table", "prototypes": np.zeros((3, 2, 2), int)},
            "not for 'table'; set all levels of these components to the same entry",
        ),
    ],
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
        ([b"b", b"a", b"\xff"], "is no UTF-8; name it otherwise"),
        ([b"b", b"a", b"a\0"], "holds the character NUL, which NumPy drops"),
        (["b", "a", b"a"], "labels must be all strings, all bytes or all numbers, not a mixture"),
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
        ({"preprocess": "std"}, "preprocess must be an AffineMap, a MatrixMap or None, not 'std'"),
        ({"radii": 1, "radii_inclusive": "no"}, "radii_inclusive must be True or False, not 'no'"),
        ({"reject": b"zz", "labels": ["a", "b", "a"]}, "reject must be a label of the same kind as the classes"),
        ({"reject": "\ud800", "labels": ["a", "b", "a"]}, "reject must be valid Unicode"),
    ],
)
def test_parameters_of_the_wrong_kind(changes, message):
    with pytest.raises(InputError, match=message):
        model(**changes)


BOXES = [[[0.0, 1.0]], [[1.0, 2.0]]]
TABLES = [[[0, 1]], [[1, 0]]]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PrototypeModel([[0.5]], [0], step_per_feature=True), "step_per_feature is for boxes of floats"),
        (lambda: PrototypeModel([[[0, 1]]], [0], "box", step_per_feature=True), "integers are in chip units"),
        (
            lambda: PrototypeModel(BOXES, [0, 1], "box", radii=1.0, step_per_feature=True),
            "radii and min_margin need one unit of distance",
        ),
        (
            lambda: PrototypeModel(BOXES, [0, 1], "box", min_margin=1.0, step_per_feature=True),
            "radii and min_margin need one unit of distance",
        ),
        (lambda: PrototypeModel(BOXES, [0, 1], "box", step_per_feature=1), "must be True or False, not 1"),
        (lambda: PrototypeModel([[0.5]], [0], levels=Levels([0], [1])), "levels must be Levels of tables or None"),
        (lambda: PrototypeModel(TABLES, [0, 1], "table", levels=0), "levels must be Levels of tables or None, not 0"),
        (
            lambda: PrototypeModel(TABLES, [0, 1], "table", levels=Levels([0, 0], [1, 1])),
            "levels are of 2 features, but the tables of 1",
        ),
        (
            lambda: PrototypeModel(
                TABLES, [0, 1], "table", original=AdditiveScores(intercepts=[0], cuts=[[0.5]], constants=[[[0, 1]]])
            ),
            "there are scores of 1 classes, but 2 tables",
        ),
        (lambda: Levels([0, 0], [1]), "must have one value per feature"),
        (lambda: Levels([0], [0]), "offsets of levels must be finite numbers, and steps finite and positive"),
        (lambda: AdditiveScores(intercepts=[0], cuts=[[1, 0.5]], constants=[[[0, 1, 2]]]), "the scores of an additive"),
        (lambda: AdditiveScores(intercepts=[0], cuts=[[0.5]], constants=[[[0, np.nan]]]), "the scores of an additive"),
        (
            lambda: AdditiveScores(intercepts=[0], cuts=[[0.5]], constants=[[[0, 1]]], curvatures=[[[0, 1]]]),
            "the scores of an additive",
        ),
        (lambda: PrototypeModel([[[np.inf, np.inf]]], [0], "box"), "must not begin at inf or end at -inf"),
        (lambda: PrototypeModel([[[-np.inf, -np.inf]]], [0], "box"), "must not begin at inf or end at -inf"),
    ],
)
def test_steps_levels_and_scores_are_checked(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_scores_are_steps_and_parabolas():
    scores = AdditiveScores(
        intercepts=[1.0, 0.0],
        cuts=[[0.5], [np.inf]],
        constants=[[[0, 3], [1, 9]], [[2, 0], [0, 9]]],
        curvatures=[[[0, 0], [-1, 9]], [[0, 0], [0, 9]]],
        centres=[[[0, 0], [2, 9]], [[0, 0], [0, 9]]],
    )
    # A value at a cut is below it.
    assert scores(np.array([[0.5, 2.0], [0.6, 0.0]])).tolist() == [[2.0, 2.0], [1.0, 0.0]]
    model = PrototypeModel([[[0, 1], [0, 0]], [[1, 0], [0, 0]]], ["a", "b"], "table", original=scores)
    # Of equal sums the first class.
    assert model.predict([[0.5, 2.0], [0.5, 2.1], [0.6, 2.0], [0.4, 5.0]]).tolist() == ["a", "b", "a", "b"]
    # The tables themselves say otherwise.
    assert model.distances(np.array([[0, 5]])).argmin() == 0
