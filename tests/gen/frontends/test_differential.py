"""Estimators of random integer data against their chips: other answers only where the documents say so."""

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.naive_bayes import BernoulliNB, GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier

import prototile as pt
from prototile.boards.driver import Chip as DriverChip
from prototile.folder import chip as described
from prototile.frontends import to_prototype_model
from prototile.frontends.additive import additive_tables
from prototile.quantiser import Quantiser
from prototile.sim.golden import GoldenModel

SCALERS = (None, StandardScaler, MinMaxScaler, RobustScaler, MaxAbsScaler)
TREES = {
    "tree": lambda: DecisionTreeClassifier(random_state=0),
    "extra tree": lambda: ExtraTreeClassifier(random_state=0),
    "forest": lambda: RandomForestClassifier(4, random_state=0),
    "extra trees": lambda: ExtraTreesClassifier(3, random_state=0, class_weight="balanced"),
}
SEEDS = range(6)


def integers(seed, rows=60):
    """Data, labels, and queries that go beyond the data."""
    random = np.random.default_rng(seed)
    features = int(random.integers(1, 5))
    low, span = random.integers(-50, 50, features), random.integers(0, 60, features)
    X = np.unique(random.integers(low, low + span + 1, (rows, features)), axis=0)
    queries = random.integers(low - span - 5, low + 2 * span + 9, (200, features))
    return X, random.integers(0, 3, len(X)), np.vstack([X, queries])


def behind(scaler, estimator):
    return estimator if scaler is None else make_pipeline(scaler(), estimator)


class Chip:
    """The integers of a model, without a grid: what takes time in `prototile.convert` plays no part here."""

    def __init__(self, model, calibration=None, bits=None):
        self.model = model
        self.quantiser = Quantiser.fit(model, calibration, bits=bits)
        quantised = self.quantiser.apply(model)
        self.golden = GoldenModel(quantised.configuration(), quantised.nodes)

    def predict(self, X):
        records = self.golden.decide(*self.quantiser.quantise(self.model.transform(X)))
        return self.model.to_labels(records["label"], records["status"])


@pytest.mark.parametrize("scaler", SCALERS, ids=lambda scaler: getattr(scaler, "__name__", "none"))
@pytest.mark.parametrize("kind", TREES)
def test_trees_answer_as_scikit_learn_on_all_integers(kind, scaler):
    for seed in SEEDS:
        X, y, queries = integers(seed)
        estimator = behind(scaler, TREES[kind]()).fit(X, y)
        model = to_prototype_model(estimator)
        expected = estimator.predict(queries)
        assert (model.predict(queries) == expected).all()
        # All the data, a few of them so that most thresholds are beyond, and none at all.
        for calibration in (X, X[:2], None):
            chip = Chip(model, calibration, bits=7)
            assert (chip.predict(queries) == expected).all()
            # Two more bits than the integers need leave them where they are.
            assert (Chip(model, calibration, bits=9).predict(queries) == expected).all()
        if scaler is None:
            # scikit-learn scales float32 in float32, which a scaler's float64 is not.
            single = queries.astype(np.float32)
            assert (chip.predict(single) == estimator.predict(single)).all()


@pytest.mark.parametrize("bits", range(1, 7))
def test_values_beyond_all_thresholds_stay_on_their_side(bits):
    """Whatever is lost between thresholds for want of levels, the outermost regions are right."""
    for seed in SEEDS:
        random = np.random.default_rng(seed)
        X = random.normal(0, 10.0 ** random.integers(-3, 4), (50, 1))
        tree = DecisionTreeClassifier(random_state=seed).fit(X, random.integers(0, 3, 50))
        bounds = to_prototype_model(tree).prototypes
        for model in (to_prototype_model(tree), pt.PrototypeModel(bounds, tree.classes_[[0] * len(bounds)], "box")):
            thresholds = model.prototypes[np.isfinite(model.prototypes)]
            span = np.ptp(X)
            for calibration in (X, X[:3], X + 100 * span, X - 100 * span, None):
                known = np.append(thresholds, () if calibration is None else calibration)
                low, high = known.min(), known.max()
                # Without data the levels reach as far as a margin beyond the bounds.
                near = 1e-9 * span if calibration is not None else span
                beyond = np.array([[low - near], [high + near], [low - 1e6 * span], [high + 1e6 * span]])
                chip = Chip(model, calibration, bits=bits)
                records = chip.golden.decide(*chip.quantiser.quantise(beyond))
                assert (records["prototype"] == model.distances(beyond).argmin(axis=1)).all()
                assert (records["distance"] == 0).all()


@pytest.mark.parametrize("per_feature", [False, True])
def test_rules_on_integers_are_exact(per_feature):
    for seed in SEEDS:
        random = np.random.default_rng(seed)
        bounds = np.sort(random.integers(-20, 20, (8, 3, 2)) + random.choice([0, 0.5]), axis=2)
        bounds = np.where(random.random(bounds.shape) < 0.3, [-np.inf, np.inf], bounds)
        bounds[-1] = [-np.inf, np.inf]
        model = pt.PrototypeModel(bounds, random.integers(0, 4, 8), metric="box", step_per_feature=per_feature)
        queries = random.integers(-40, 40, (300, 3))
        for calibration in (queries[:50] // 4, queries[:1] * 0, None):
            chip = Chip(model, calibration, bits=6)
            assert chip.quantiser.step == 1.0
            assert (chip.predict(queries) == model.predict(queries)).all()


def clear_of(estimator, X, bound):
    """Where the best two classes of naive Bayes, perhaps behind a scaler, differ by more than the bound."""
    *scalers, classifier = [step for _, step in estimator.steps] if hasattr(estimator, "steps") else [estimator]
    for scaler in scalers:
        X = scaler.transform(X)
    ordered = np.sort(classifier.predict_joint_log_proba(X), axis=1)
    return ordered[:, -1] - ordered[:, -2] > bound


@pytest.mark.parametrize("scaler", SCALERS, ids=lambda scaler: getattr(scaler, "__name__", "none"))
def test_gaussian_answers_as_scikit_learn_beyond_the_bound(scaler):
    """On integers within the levels, which lie on levels; values beyond them are clipped."""
    compared = 0
    for seed in SEEDS:
        X, y, queries = integers(seed, 150)
        # A narrow density: a feature that is nearly always the same.
        X = np.column_stack([X, (np.arange(len(X)) % 40 == 0).astype(int)])
        queries = np.column_stack([queries, np.arange(len(queries)) % 2])
        estimator = behind(scaler, GaussianNB()).fit(X, y)
        model = to_prototype_model(estimator)
        assert (model.predict(queries) == estimator.predict(queries)).all()
        tables = model.maker.tables(8, X.astype(np.float64))
        chip = Chip(tables.model)
        _, saturated = chip.quantiser.quantise(queries)
        largest = tables.model.prototypes.max() if tables.cut else 0
        entries = chip.golden.distances(chip.quantiser.quantise(queries)[0])
        # Where an entry was cut the bound does not hold.
        inside = (saturated == 0) & ~((largest > 0) & (entries >= largest).any(axis=1))
        clear = inside & clear_of(estimator, queries, tables.bound)
        compared += np.count_nonzero(clear)
        assert (chip.predict(queries)[clear] == estimator.predict(queries)[clear]).all()
        single = queries.astype(np.float32)
        assert (chip.predict(single) == chip.predict(queries)).all()
    assert compared > 300


@pytest.mark.parametrize("scaler", SCALERS, ids=lambda scaler: getattr(scaler, "__name__", "none"))
def test_bernoulli_answers_as_scikit_learn_beyond_the_bound(scaler):
    for seed in SEEDS:
        X, y, queries = integers(seed, 150)
        for binarize in (0.0, 0.5, 3.0):
            estimator = behind(scaler, BernoulliNB(binarize=binarize)).fit(X, y)
            model = to_prototype_model(estimator)
            scores, classes = model.original, len(model.labels)
            tables = additive_tables(
                list(scores.constants.swapaxes(0, 1)), scores.intercepts, np.arange(classes), levels=model.levels
            )
            assert np.array_equal(tables.model.prototypes, model.prototypes)
            clear = clear_of(estimator, queries, tables.bound)
            chip = Chip(model)
            assert (chip.predict(queries)[clear] == estimator.predict(queries)[clear]).all()
            if scaler is None:
                single = queries.astype(np.float32)
                assert (chip.predict(single) == chip.predict(queries)).all()


def test_a_threshold_above_all_calibration_data():
    A = np.arange(11)[:, None]
    tree = DecisionTreeClassifier().fit(A, A[:, 0] > 7)
    for bits in ("auto", 1, 4):
        design = pt.convert(tree, calibration=A[:8], bits=bits)
        assert design.predict(A).tolist() == [False] * 8 + [True] * 3
    assert pt.convert(tree).predict(A).tolist() == [False] * 8 + [True] * 3


@pytest.mark.parametrize(("last", "bits"), [(16, 4), (16, 5), (256, 8), (256, 9)])
def test_a_threshold_at_the_top_level_without_calibration(last, bits):
    A = np.arange(last + 1)[:, None]
    tree = DecisionTreeClassifier().fit(A, np.digitize(A[:, 0], [1, last]))
    design = pt.convert(tree, bits=bits)
    assert design.predict([[0], [last // 2], [last], [last + 9]]).tolist() == [0, 1, 2, 2]
    if last < 1 << bits:
        assert (design.predict(A) == tree.predict(A)).all()


def test_features_of_different_units_have_their_own_steps():
    random = np.random.default_rng(0)
    X = random.uniform([0, 0, 1e6], [1e-3, 1, 2e6], (400, 3))
    y = (X[:, 0] > 4e-4) + (X[:, 1] > 0.3).astype(int) + (X[:, 2] > 1.6e6)
    tree = DecisionTreeClassifier(random_state=0).fit(X, y)
    design = pt.convert(tree, calibration=X, bits=10)
    assert design.quantiser.step.shape == (3,)
    assert np.mean(design.predict(X) == tree.predict(X)) > 0.99
    chosen = pt.convert(tree, calibration=X)
    assert chosen.bits_choice.reached
    # One step for all would tell the first two features nothing.
    common = pt.PrototypeModel(design.model.prototypes, design.model.labels, metric="box")
    assert np.mean(pt.convert(common, calibration=X, bits=10).predict(X) == tree.predict(X)) < 0.8


@pytest.mark.tools
def test_steps_per_feature_are_saved_and_loaded(tmp_path):
    random = np.random.default_rng(1)
    X = random.normal(size=(200, 3)) * [1, 10, 1000]
    tree = DecisionTreeClassifier(max_depth=4, random_state=0).fit(X, random.integers(0, 3, 200))
    design = pt.convert(tree, calibration=X, bits=6)
    loaded = pt.load(design.save(tmp_path / "design"))
    assert loaded.digest == design.digest
    assert loaded.model.step_per_feature
    assert np.array_equal(loaded.quantiser.step, design.quantiser.step)
    assert (loaded.decide(X) == design.decide(X)).all()
    driver = DriverChip.load(tmp_path / "design" / "driver")
    for found, expected in zip(driver.quantise(X * 1.2), design.quantise(X * 1.2), strict=True):
        assert np.array_equal(found, expected)


def test_features_without_a_threshold_are_never_clipped_without_data():
    X = np.array([[0, 5], [1, 5], [2, 5], [3, 5]])
    tree = DecisionTreeClassifier().fit(X, [0, 0, 1, 1])
    design = pt.convert(tree)
    assert design.decide([[1, -1e9], [2, 1e9]])["saturated"].tolist() == [0, 0]
    assert design.predict([[1, -1e9], [2, 1e9]]).tolist() == [0, 1]
    # With data it is known where they are.
    assert pt.convert(tree, calibration=X).decide([[1, 1e9]])["saturated"].tolist() == [1]


@pytest.mark.parametrize("kind", ["steps", "open ends"])
def test_the_driver_quantises_alike(kind, tmp_path):
    random = np.random.default_rng(2)
    X = random.normal(size=(100, 3)) * [1, 10, 1000]
    y = random.integers(0, 3, 100)
    estimator = DecisionTreeClassifier(max_depth=4) if kind == "steps" else BernoulliNB(binarize=0.5)
    design = pt.convert(estimator.fit(X, y), calibration=X)
    described(design).save(tmp_path)
    driver = DriverChip.load(tmp_path)
    assert any(driver.open_ended) == (kind == "open ends")
    for found, expected in zip(driver.quantise(X * 1.5), design.quantise(X * 1.5), strict=True):
        assert np.array_equal(found, expected)
