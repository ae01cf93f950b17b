"""Decision trees and forests: leaves as boxes, exact on integer-valued data."""

import re

import numpy as np
import pytest
from sklearn import datasets
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier
from skops import io as skops_io

import prototile as pt
from prototile.cli import main
from prototile.frontends import to_prototype_model
from prototile.frontends.decision_tree import DecisionTreeFrontEnd
from prototile.frontends.leaves import leaves_of

NAMES = ("iris", "wine", "breast_cancer", "digits")
#: Multiples that keep what digits the features have, as far as 16 bits go.
SCALES = {"iris": 10, "wine": 38, "breast_cancer": 15, "digits": 1}
#: A part with room for all of them.
BOARD = "ulx3s-25f"


def split(name, scale=None):
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    return train_test_split(X if scale is None else np.rint(X * scale), y, test_size=0.3, random_state=0, stratify=y)


def check_exact(estimator, X_train, X_test, bits, *, zeros=1):
    """Convert, and compare with scikit-learn on all rows; return the design."""
    design = pt.convert(estimator, calibration=X_train, bits=bits, board=BOARD)
    assert design.quantiser.step == 1.0
    for X in (X_train, X_test):
        assert design.predict(X).tolist() == estimator.predict(X).tolist()
        assert design.model.predict(X).tolist() == estimator.predict(X).tolist()
        distances = design.golden.distances(design.quantise(X)[0])
        assert ((distances == 0).sum(axis=1) == zeros).all()
    return design


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", [DecisionTreeClassifier, ExtraTreeClassifier])
def test_tree_on_integers_is_exact(name, kind):
    X_train, X_test, y_train, _ = split(name, SCALES[name])
    tree = kind(random_state=0).fit(X_train, y_train)
    bits = max(1, int(np.ptp(X_train, axis=0).max())).bit_length()
    assert bits <= 16
    design = check_exact(tree, X_train, X_test, bits)
    # Leaves stand in depth-first order, which is that of scikit-learn's numbers of nodes.
    numbers = np.flatnonzero(tree.tree_.children_left < 0)
    assert design.quantised.prototype_count == len(numbers)
    assert (numbers[design.decide(X_test)["prototype"]] == tree.apply(X_test)).all()


def test_one_leaf_answers_every_integer_vector():
    random = np.random.default_rng(1)
    X = random.integers(0, 8, (200, 3))
    tree = DecisionTreeClassifier(random_state=0).fit(X, random.integers(0, 3, 200))
    grid = np.stack(np.meshgrid(*[range(8)] * 3), axis=-1).reshape(-1, 3)
    check_exact(tree, X, grid, 3)


@pytest.mark.parametrize(
    "settings",
    [
        {"max_depth": 3},
        {"class_weight": "balanced", "min_samples_leaf": 9},
        {"monotonic_cst": [1, -1] + [0] * 28, "max_depth": 4},
        {"ccp_alpha": 0.01},
        {"criterion": "entropy", "splitter": "random"},
    ],
    ids=str,
)
def test_settings_of_a_tree(settings):
    X_train, X_test, y_train, _ = split("breast_cancer", 15)
    labels = np.array(["malignant", "benign"])[y_train]
    check_exact(DecisionTreeClassifier(random_state=0, **settings).fit(X_train, labels), X_train, X_test, 16)


def test_equal_shares_in_a_leaf_go_to_the_first_class():
    X = [[0], [0], [1], [1], [1]]
    tree = DecisionTreeClassifier().fit(X, ["b", "a", "c", "c", "b"])
    assert check_exact(tree, X, X, 1).predict([[0], [1]]).tolist() == ["a", "c"]


def test_tree_without_a_split():
    tree = DecisionTreeClassifier().fit([[3, 4], [5, 6]], [1, 1])
    model = to_prototype_model(tree)
    assert model.prototypes.tolist() == [[[-np.inf, np.inf]] * 2]
    assert pt.convert(tree, calibration=[[0, 9]]).predict([[7, 7]]).tolist() == [1]


def test_thresholds_are_never_rounded_to_the_other_side():
    # float64 thresholds just above and below integers, as random splits may have them.
    tree = ExtraTreeClassifier(random_state=0).fit(np.arange(6)[:, None], range(6))
    for tweak in (-1e-9, 0.0, 1e-9):
        bounds = leaves_of(tree.tree_, "tree").bounds.copy()
        inner = np.isfinite(bounds)
        bounds[inner] = np.rint(bounds[inner]) + tweak
        model = pt.PrototypeModel(bounds, range(6), metric="box")
        design = pt.convert(model, calibration=np.arange(6)[:, None], bits=3)
        assert design.predict(np.arange(6)[:, None]).tolist() == model.predict(np.arange(6)[:, None]).tolist()


def test_bounds_allow_for_the_rounding_to_float32():
    random = np.random.default_rng(3)
    X = np.concatenate([random.normal(size=200), random.integers(-5, 5, 100) / 2, [0.1, 0.3, 1e-40, -1e-40, 1e30]])
    tree = DecisionTreeClassifier(random_state=0).fit(X[:, None], random.integers(0, 4, len(X)))
    model = to_prototype_model(tree)
    thresholds = tree.tree_.threshold[tree.tree_.feature >= 0]
    single = thresholds.astype(np.float32)
    # Thresholds, the float32 around them, the middles of these, which are rounded to even, and what is next to it all.
    around = [np.nextafter(single, np.float32(side)).astype(float) for side in (-np.inf, np.inf)]
    near = np.concatenate([X, thresholds, single, *around, *((single.astype(float) + side) / 2 for side in around)])
    queries = np.concatenate([near, np.nextafter(near, np.inf), np.nextafter(near, -np.inf)])[:, None]
    assert (model.predict(queries) == tree.predict(queries)).all()
    assert (model.predict(queries.astype(np.float32)) == tree.predict(queries.astype(np.float32))).all()


def test_forests_with_mixed_leaves_by_rounding_are_refused_for_that_reason():
    random = np.random.default_rng(71)
    X = np.unique(random.integers(0, 8, (80, 3)), axis=0)
    y, weights = random.integers(0, 3, len(X)), 10.0 ** random.uniform(-8, 8, len(X))
    forest = ExtraTreesClassifier(5, random_state=71).fit(X, y, sample_weight=weights)
    with pytest.raises(pt.UnsupportedModelError, match=r"no sample weights so far apart that the small ones are lost"):
        to_prototype_model(forest)


def test_very_deep_tree():
    X = np.arange(3000)[:, None]
    tree = DecisionTreeClassifier(splitter="random", random_state=0).fit(X, X[:, 0] % 2)
    chain = leaves_of(tree.tree_, "tree")
    assert len(chain.bounds) == tree.get_n_leaves()
    assert (np.sort(chain.bounds[:, 0, 0])[1:] == np.sort(chain.bounds[:, 0, 1])[:-1]).all()


#: Share of all rows on which 8 bits answer as the tree, about a point less than was measured: 1, 1, 0.9947, 0.9983.
FLOORS = {"iris": 0.99, "wine": 0.99, "breast_cancer": 0.985, "digits": 0.988}


@pytest.mark.parametrize("name", NAMES)
def test_real_numbers_agree_as_measured(name):
    X_train, X_test, y_train, _ = split(name)
    pipeline = make_pipeline(MinMaxScaler(), DecisionTreeClassifier(random_state=0)).fit(X_train, y_train)
    X = np.vstack([X_train, X_test])
    design = pt.convert(pipeline, calibration=X_train, bits=8, board=BOARD)
    assert np.mean(design.predict(X) == pipeline.predict(X)) >= FLOORS[name]
    assert (design.model.predict(X) == pipeline.predict(X)).all()
    # One leaf answers even where it is another one than scikit-learn's.
    assert ((design.golden.distances(design.quantise(X)[0]) == 0).sum(axis=1) == 1).all()


def test_missing_values_in_training_change_nothing_for_finite_queries():
    X = np.array([[1.0, 5], [2, 5], [np.nan, 5], [np.nan, 5], [3, 5], [4, 5]])
    tree = DecisionTreeClassifier(random_state=0).fit(X, [0, 0, 1, 1, 0, 2])
    assert np.isinf(tree.tree_.threshold).any()
    finite = X[np.isfinite(X).all(axis=1)]
    design = check_exact(tree, finite, finite, 3)
    assert design.quantised.prototype_count == tree.get_n_leaves() - 1
    assert design.classes.tolist() == [0, 1, 2]
    with pytest.raises(pt.InputError, match="X holds nan in row 0, column 0"):
        design.predict([[np.nan, 5]])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "make",
    [
        lambda: RandomForestClassifier(5, random_state=0),
        lambda: ExtraTreesClassifier(4, random_state=0, class_weight="balanced"),
    ],
    ids=["random", "extra"],
)
def test_forest_on_integers_is_exact(name, make):
    X_train, X_test, y_train, _ = split(name, SCALES[name])
    forest = make().fit(X_train, y_train)
    bits = int(np.ptp(X_train, axis=0).max()).bit_length()
    count = len(forest.estimators_)
    design = check_exact(forest, X_train, X_test, bits, zeros=count)
    assert design.config.k == count
    # The voters are the leaves that scikit-learn finds, one of each tree.
    starts = np.cumsum([0] + [tree.get_n_leaves() for tree in forest.estimators_])
    for row in X_test[::29]:
        voters = design.explain(row).voters
        assert sorted(np.searchsorted(starts, voters, side="right") - 1) == list(range(count))
        found = [
            np.flatnonzero(tree.tree_.children_left < 0)[voter - start]
            for tree, voter, start in zip(forest.estimators_, np.sort(voters), starts, strict=False)
        ]
        assert found == forest.apply(row[None])[0].tolist()


def test_most_trees_and_equal_votes():
    X_train, X_test, y_train, _ = split("iris", 10)
    labels = np.array(["iris a", "iris c", "iris b"])[y_train]
    check_exact(RandomForestClassifier(15, random_state=0).fit(X_train, labels), X_train, X_test, 6, zeros=15)
    # Noise makes the trees disagree, and two trees make ties.
    random = np.random.default_rng(0)
    X = np.unique(random.integers(0, 8, (80, 3)), axis=0)
    y = random.integers(0, 4, len(X))
    grid = np.stack(np.meshgrid(*[range(8)] * 3), axis=-1).reshape(-1, 3)
    design = check_exact(ExtraTreesClassifier(2, random_state=0, bootstrap=True).fit(X, y), X, grid, 3, zeros=2)
    assert design.decide(grid)["tie"].sum() > 100


def test_forest_of_a_single_tree_may_have_mixed_leaves():
    X_train, X_test, y_train, _ = split("breast_cancer", 15)
    check_exact(RandomForestClassifier(1, max_depth=2, random_state=0).fit(X_train, y_train), X_train, X_test, 16)


X, Y = datasets.load_iris(return_X_y=True)


class Own(DecisionTreeClassifier):
    pass


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: DecisionTreeClassifier().fit(X, np.c_[Y, Y]),
            "DecisionTreeClassifier has 2 outputs, but the chip has one label for each prototype; fit one model per",
        ),
        (lambda: RandomForestClassifier(2).fit(X, np.c_[Y, Y]), "RandomForestClassifier has 2 outputs"),
        (
            lambda: RandomForestClassifier(16).fit(X, Y),
            "RandomForestClassifier has 16 trees, but the chip lets 1 to 15 of them vote; fit it with n_estimators=15",
        ),
        (
            lambda: ExtraTreesClassifier(3, max_depth=2, random_state=0).fit(X, Y),
            r"ExtraTreesClassifier averages .* \d of its \d+ leaves have several, .* grow pure leaves \(no max_depth",
        ),
        (lambda: Own().fit(X, Y), "Own, a subclass of DecisionTreeClassifier, is not supported"),
    ],
)
def test_what_the_chip_would_not_compute_is_refused(make, message):
    with pytest.raises(pt.UnsupportedModelError, match=message):
        to_prototype_model(make())


@pytest.mark.parametrize("model", [DecisionTreeClassifier(), ExtraTreesClassifier()], ids=str)
def test_unfitted_models_are_refused(model):
    with pytest.raises(pt.InputError, match=f"the {re.escape(type(model).__name__)} is not fitted; call its fit"):
        to_prototype_model(model)


class Arrays:
    """What `leaves_of` reads of a tree, to be damaged."""

    def __init__(self, **changes):
        self.n_outputs, self.n_features = 1, 2
        self.children_left, self.children_right = np.array([1, -1, -1]), np.array([2, -1, -1])
        self.feature, self.threshold = np.array([1, -2, -2]), np.array([0.5, -2.0, -2.0])
        self.value = np.array([[[0.5, 0.5]], [[1.0, 0.0]], [[0.0, 1.0]]])
        vars(self).update({name: np.array(value) for name, value in changes.items()})


@pytest.mark.parametrize(
    "changes",
    [
        {"children_left": [0, -1, -1]},
        {"children_left": [2, -1, -1]},
        {"children_left": [3, -1, -1]},
        {"children_right": [-1, -1, -1]},
        {"children_left": [1, 0, -1], "children_right": [2, 2, -1]},
        {"children_left": [], "children_right": []},
        {"feature": [2, -2, -2]},
        {"feature": [-1, -2, -2]},
        {"threshold": [np.nan, -2, -2]},
    ],
    ids=str,
)
def test_damaged_arrays_of_a_tree_are_refused(changes):
    assert leaves_of(Arrays(), "tree").class_indices.tolist() == [0, 1]
    with pytest.raises(pt.InputError, match="the arrays of the tree form no tree; fit it again"):
        leaves_of(Arrays(**changes), "tree")


def test_front_end_says_what_it_takes():
    with pytest.raises(pt.UnsupportedModelError, match=f"object is not .*; {DecisionTreeFrontEnd.supported}; "):
        to_prototype_model(object())


@pytest.mark.parametrize(
    "estimator", [DecisionTreeClassifier(random_state=0), RandomForestClassifier(3, random_state=0)], ids=str
)
def test_from_file_to_folder_by_command(estimator, tmp_path, capsys):
    X_train, X_test, y_train, _ = split("iris", 10)
    skops_io.dump(estimator.fit(X_train, y_train), tmp_path / "tree.skops")
    np.save(tmp_path / "train.npy", X_train)
    words = [
        *("convert", str(tmp_path / "tree.skops"), "-o", str(tmp_path / "tree"), "--bits", "6"),
        *("--calibration", str(tmp_path / "train.npy"), "--board", BOARD),
    ]
    assert main(words) == 0, capsys.readouterr().err
    assert pt.load(tmp_path / "tree").predict(X_test).tolist() == estimator.predict(X_test).tolist()


@pytest.mark.tools
@pytest.mark.parametrize(
    "estimator",
    [DecisionTreeClassifier(max_depth=4, random_state=0), RandomForestClassifier(5, random_state=0)],
    ids=str,
)
def test_hardware_answers_as_the_golden_model(estimator):
    X_train, X_test, y_train, _ = split("iris", 10)
    estimator.fit(X_train, y_train)
    design = pt.convert(estimator, calibration=X_train, bits=6, board=BOARD)
    verification = design.verify(X_test)
    assert verification.ok
    assert design.labels(verification.records).tolist() == estimator.predict(X_test).tolist()
