"""Naive Bayes classifiers as tables: what is exact, what is rounded, and how far."""

import numpy as np
import pytest
from sklearn import datasets
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import BernoulliNB, CategoricalNB, GaussianNB, MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

import prototile as pt
from prototile.boards.driver import Chip
from prototile.frontends import to_prototype_model
from prototile.frontends.additive import COARSEST, additive_tables
from prototile.frontends.bernoulli_nb import BernoulliNBFrontEnd
from prototile.frontends.categorical_nb import CategoricalNBFrontEnd
from prototile.frontends.gaussian_nb import GaussianNBFrontEnd

NAMES = ("iris", "wine", "breast_cancer", "digits")
BOARD = "ulx3s-25f"


def split(name):
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    return train_test_split(X, y, test_size=0.3, random_state=0, stratify=y)


def categories(X, X_train, count):
    """Features in `count` equal parts of their range in the training data, as integers."""
    low, high = X_train.min(axis=0), X_train.max(axis=0)
    part = np.where(high > low, high - low, 1) / count
    return np.clip((X - low) // part, 0, count - 1).astype(int)


def check_golden(design, X):
    """The answers are the least sums of the entries that the levels select; return them as class indices."""
    tables, levels = design.quantised.prototypes.astype(int), design.quantise(X)[0].astype(int)
    sums = np.array([[table[range(len(row)), row].sum() for table in tables] for row in levels])
    assert (design.golden.distances(levels) == sums).all()
    assert (design.decide(X)["prototype"] == sums.argmin(axis=1)).all()
    return design.quantised.labels[sums.argmin(axis=1)]


def by_tables(model, X):
    """Answers of the tables, which `predict` does not give: it answers by the scores that they were made from."""
    return model.classes[model.class_indices[model.distances(model.transform(X)).argmin(axis=1)]]


def check_bound(tables, estimator, X):
    """Check that answers agree where the best two classes differ by more than the bound; return the share of these."""
    assert tables.cut == 0
    joint = np.sort(estimator.predict_joint_log_proba(X), axis=1)
    clear = joint[:, -1] - joint[:, -2] > tables.bound
    assert (by_tables(tables.model, X)[clear] == estimator.predict(X)[clear]).all()
    assert (tables.model.predict(X) == estimator.predict(X)).all()
    return clear.mean()


#: Share of all rows with scikit-learn's answer, a point less than measured: 0.9933, 0.9944, 0.9947, 0.9983.
FLOORS = {"iris": 0.983, "wine": 0.984, "breast_cancer": 0.985, "digits": 0.988}


@pytest.mark.parametrize("name", NAMES)
def test_gaussian_agrees_as_measured(name):
    X_train, X_test, y_train, _ = split(name)
    X = np.vstack([X_train, X_test])
    labels = np.array([f"class {number}" for number in range(10)])[y_train]
    estimator = GaussianNB().fit(X_train, labels)
    model = to_prototype_model(estimator)
    assert model.prototypes.max() <= 1023
    assert model.prototypes.shape[2] == 64
    assert (model.predict(X) == estimator.predict(X)).all()
    for tables in (model, model.with_bits(6, X_train)):
        assert np.mean(by_tables(tables, X) == estimator.predict(X)) >= FLOORS[name]


@pytest.mark.parametrize("scaler", [StandardScaler, RobustScaler, MinMaxScaler])
@pytest.mark.parametrize("name", NAMES)
def test_gaussian_behind_a_scaler_agrees_as_alone(name, scaler):
    """Near-constant pixels have densities far narrower than a level, whatever the scaler makes of the pixels."""
    X_train, X_test, y_train, _ = split(name)
    X = np.vstack([X_train, X_test])
    pipeline = make_pipeline(scaler(), GaussianNB()).fit(X_train, y_train)
    model = to_prototype_model(pipeline)
    assert (model.predict(X) == pipeline.predict(X)).all()
    for tables in (model, model.with_bits(6, X_train)):
        assert np.mean(by_tables(tables, X) == pipeline.predict(X)) >= FLOORS[name]


@pytest.mark.parametrize("divisor", [16, 10, 1000.0, 7])
def test_values_at_equal_distances_lie_on_levels(divisor):
    X_train, X_test, y_train, _ = split("digits")
    X_train, X_test = X_train / divisor, X_test / divisor
    estimator = GaussianNB().fit(X_train, y_train)
    design = pt.convert(estimator, calibration=X_train, board=BOARD)
    assert design.bits_choice.reached
    assert np.mean(design.predict(X_test) == estimator.predict(X_test)) >= 0.99


def test_bits_of_tables_are_chosen_by_the_loss():
    X_train, _, y_train, _ = split("iris")
    estimator = GaussianNB().fit(X_train, y_train)
    chosen = {
        loss: pt.convert(estimator, calibration=X_train, max_loss=loss, board=BOARD) for loss in (0.0, 0.005, 0.05, 1.0)
    }
    bits = [design.config.bits for design in chosen.values()]
    assert bits == sorted(bits, reverse=True)
    assert bits[-1] == 1 < bits[0]
    for loss, design in chosen.items():
        curve = design.bits_choice.curve
        assert [point.bits for point in curve] == list(range(1, len(curve) + 1))
        # Measured against scikit-learn's answers, not against the tables.
        agreement = np.mean(design.predict(X_train) == estimator.predict(X_train))
        assert curve[-1].agreement == agreement
        assert design.bits_choice.reached == (1 - agreement <= loss + 1e-4)
    coarse = pt.convert(estimator, calibration=X_train, bits=2, board=BOARD)
    assert np.mean(coarse.predict(X_train) == estimator.predict(X_train)) < 0.95
    assert (coarse.model.predict(X_train) == estimator.predict(X_train)).all()
    with pytest.raises(pt.InputError, match=r"the tables of this model can have 1, 2, .*, 8 bits a level, not 9"):
        pt.convert(estimator, calibration=X_train, bits=9)


def test_loss_of_tables_without_a_choice_is_told():
    """A single bit for an entry makes tables that lose more than half a point."""
    X_train, _, y_train, _ = split("digits")
    model = BernoulliNBFrontEnd(entry_bits=1).convert(BernoulliNB().fit(X_train, y_train))
    choice = pt.convert(model, calibration=X_train, board=BOARD).bits_choice
    assert not choice.reached
    assert [point.bits for point in choice.curve] == [1]
    assert choice.curve[0].loss > 0.005
    assert pt.convert(model, calibration=X_train, max_loss=1.0, board=BOARD).bits_choice.reached


@pytest.mark.tools
def test_original_scores_and_levels_are_saved_and_loaded(tmp_path):
    X_train, X_test, y_train, _ = split("iris")
    for estimator in (
        make_pipeline(StandardScaler(), GaussianNB()).fit(X_train, y_train),
        BernoulliNB(binarize=1.5).fit(X_train, y_train),
    ):
        design = pt.convert(estimator, calibration=X_train, board=BOARD)
        loaded = pt.load(design.save(tmp_path / type(estimator).__name__))
        assert loaded.digest == design.digest
        assert np.array_equal(loaded.quantiser.step, design.quantiser.step)
        assert np.array_equal(loaded.quantiser.open_ended, design.quantiser.open_ended)
        assert (loaded.decide(X_test) == design.decide(X_test)).all()
        assert (loaded.model.predict(X_test) == estimator.predict(X_test)).all()
        driver = Chip.load(tmp_path / type(estimator).__name__ / "driver")
        for found, expected in zip(driver.quantise(X_test * 1.7), loaded.quantise(X_test * 1.7), strict=True):
            assert np.array_equal(found, expected)


@pytest.mark.parametrize("name", ["iris", "wine"])
def test_golden_answer_is_the_least_sum(name):
    X_train, X_test, y_train, _ = split(name)
    estimator = GaussianNB().fit(X_train, y_train)
    design = pt.convert(estimator, calibration=X_train, board=BOARD)
    found = check_golden(design, X_test)
    assert (design.predict(X_test) == design.classes[found]).all()
    assert (design.predict(X_test) == by_tables(design.model, X_test)).all()


def test_gaussian_answers_follow_the_densities_within_the_bound():
    """On vectors that lie on levels only the entries are rounded."""
    X_train, _, y_train, _ = split("wine")
    estimator = GaussianNB(priors=[0.5, 0.3, 0.2]).fit(X_train[:, :6], y_train)
    front_end = GaussianNBFrontEnd(bits=4, entry_bits=11)
    tables = front_end.tables(estimator)
    levels = np.random.default_rng(0).integers(0, 16, (2000, 6))
    on_levels = tables.model.levels.offset + levels * tables.model.levels.step
    assert 0.9 < check_bound(tables, estimator, on_levels) < 1


def test_integers_lie_on_levels():
    X_train, X_test, y_train, _ = split("digits")
    to_levels = to_prototype_model(GaussianNB().fit(X_train, y_train)).levels
    aligned = to_levels.step <= 1
    assert aligned.mean() > 0.9
    levels = to_levels(X_test)[:, aligned]
    assert np.abs(levels - np.rint(levels)).max() < 1e-9


def test_levels_span_all_classes():
    estimator = GaussianNB().fit([[0.0], [0.2], [10.0], [10.4]], [0, 0, 1, 1])
    to_levels = to_prototype_model(estimator).levels
    # From 0.1 - 4.5 * 0.1 to 10.2 + 4.5 * 0.2.
    assert -1 <= to_levels(np.array([[-0.35]]))[0, 0] < 5
    assert 58 < to_levels(np.array([[11.1]]))[0, 0] <= 64


def test_gaussian_in_a_pipeline():
    X_train, X_test, y_train, _ = split("wine")
    pipeline = make_pipeline(StandardScaler(), GaussianNB()).fit(X_train, y_train)
    design = pt.convert(pipeline, calibration=X_train, bits=6, board=BOARD)
    assert np.mean(design.predict(X_test) == pipeline.predict(X_test)) > 0.98
    chosen = pt.convert(pipeline, calibration=X_train, y=y_train, board=BOARD)
    assert chosen.bits_choice.reached
    assert chosen.score(X_train, y_train) >= pipeline.score(X_train, y_train) - 0.005


def test_clipped_components_are_counted():
    design = pt.convert(GaussianNB().fit([[0.0], [0.2], [10.0], [10.4]], [0, 0, 1, 1]))
    assert design.decide([[-100.0], [5.0], [100.0]])["saturated"].tolist() == [1, 0, 1]
    assert design.predict([[-100.0], [100.0]]).tolist() == [0, 1]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("count", [3, 8])
def test_categorical_agrees_beyond_the_bound(name, count):
    X_train, X_test, y_train, _ = split(name)
    low, high = categories(X_train, X_train, count), categories(X_test, X_train, count)
    estimator = CategoricalNB(min_categories=count, alpha=0.5).fit(low, y_train)
    tables = CategoricalNBFrontEnd().tables(estimator)
    assert check_bound(tables, estimator, np.vstack([low, high])) > 0.95
    assert tables.bound == low.shape[1] * tables.resolution <= 0.5
    design = pt.convert(estimator, board=BOARD)
    assert design.quantised.prototypes.shape[2] == (4 if count == 3 else 8)
    check_golden(design, high)
    assert not design.decide(high)["saturated"].any()


def test_coarse_entries_keep_the_bound():
    X_train, X_test, y_train, _ = split("iris")
    low, high = categories(X_train, X_train, 6), categories(X_test, X_train, 6)
    estimator = CategoricalNB(min_categories=6).fit(low, y_train)
    tables = CategoricalNBFrontEnd(entry_bits=6).tables(estimator)
    assert tables.model.prototypes.max() <= 63
    assert tables.resolution > CategoricalNBFrontEnd().tables(estimator).resolution
    assert check_bound(tables, estimator, np.vstack([low, high])) > 0.9


def test_features_with_different_numbers_of_categories():
    random = np.random.default_rng(4)
    X = np.column_stack([random.integers(0, n, 300) for n in (1, 2, 5, 3)])
    estimator = CategoricalNB().fit(X, random.integers(0, 3, 300))
    assert estimator.n_categories_.tolist() == [1, 2, 5, 3]
    tables = CategoricalNBFrontEnd().tables(estimator)
    assert tables.model.prototypes.shape == (3, 4, 8)
    check_bound(tables, estimator, X)
    # What scikit-learn does not know, and refuses, counts as the last category, or as the first one.
    for answers in (tables.model.predict, lambda X: by_tables(tables.model, X)):
        assert (answers(X + np.array([3, 9, 9, 5])) == answers([[0, 1, 4, 2]] * 300)).all()
        assert (answers(X - 9) == answers([[0, 0, 0, 0]] * 300)).all()


def of_categories(counts, classes=3, rows=400, seed=4):
    """A model whose features have so many categories each, all of them in the training data."""
    random = np.random.default_rng(seed)
    X = np.column_stack([np.r_[count - 1, random.integers(0, count, rows - 1)] for count in counts])
    return CategoricalNB().fit(X, random.integers(0, classes, rows))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16, np.int64, np.uint8, ">f4", ">i4"])
@pytest.mark.parametrize("counts", [(2, 2), (3, 4, 7), (1, 5, 2, 16)])
def test_fractions_are_dropped_as_scikit_learn_does(dtype, counts):
    estimator = of_categories(counts)
    tables = CategoricalNBFrontEnd().tables(estimator)
    design = pt.convert(estimator, board=BOARD)
    random = np.random.default_rng(1)
    # scikit-learn takes what is above -1 and below the number of categories.
    X = random.uniform(np.full(len(counts), -0.999), np.array(counts) - 1e-4, (3000, len(counts)))
    X[:1000] = np.trunc(X[:1000] * 4) / 4
    if np.dtype(dtype).kind == "u":
        X = np.abs(X)
    X = X.astype(dtype)
    joint = np.sort(estimator.predict_joint_log_proba(X), axis=1)
    clear = joint[:, -1] - joint[:, -2] > tables.bound
    assert clear.mean() > 0.9
    for found in (design.predict(X), design.model.predict(X)):
        assert (found == estimator.predict(X))[clear].all()
    assert np.array_equal(design.quantise(X)[0], X.astype(int))


@pytest.mark.parametrize("count", [2, 3, 1000, 1 << 16])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_category_begins_at_its_integer(count, dtype):
    """The integers of both parities, as halves are rounded to even, and the float32 next below each."""
    estimator = CategoricalNB(min_categories=count).fit([[0], [1]], [0, 1])
    model = to_prototype_model(estimator)
    design_levels = np.rint(model.transform(np.arange(count, dtype=dtype)[:, None]))
    assert np.array_equal(design_levels[:, 0], np.arange(count))
    integers = np.arange(1, count, dtype=np.float32)
    below = np.nextafter(integers, np.float32(0)).astype(dtype)
    assert np.array_equal(np.rint(model.transform(below[:, None]))[:, 0], integers - 1)


def test_a_float64_next_below_an_integer_counts_as_it():
    design = pt.convert(of_categories((4, 4)))
    for distance, level in ((1.4e-11, 3), (1.5e-11, 2), (1e-9, 2)):
        assert design.quantise([[3 - distance, 3.0]])[0].tolist() == [[level, 3]]


def test_fractions_are_dropped_after_a_scaler():
    random = np.random.default_rng(6)
    X, y = random.integers(10, 18, (300, 3)), random.integers(0, 3, 300)
    X[0], X[1] = 10, 17
    pipeline = make_pipeline(MinMaxScaler((0, 7)), CategoricalNB()).fit(X, y)
    design = pt.convert(pipeline, board=BOARD)
    assert np.array_equal(design.quantise(X)[0], X - 10)
    fractions = X + random.integers(0, 2, X.shape) / 2
    assert np.array_equal(design.quantise(fractions)[0], X - 10)


@pytest.mark.parametrize("binarize", [0.0, 7.0, 7.5])
def test_bernoulli_agrees_beyond_the_bound(binarize):
    X_train, X_test, y_train, _ = split("digits")
    estimator = BernoulliNB(binarize=binarize).fit(X_train, y_train)
    tables = BernoulliNBFrontEnd().tables(estimator)
    assert tables.model.prototypes.shape == (10, 64, 2)
    assert check_bound(tables, estimator, X_test) > 0.9
    design = pt.convert(estimator, board=BOARD)
    levels = design.quantise(X_test)
    assert (levels[0] == (X_test > binarize)).all()
    assert not levels[1].any()
    check_golden(design, X_test)


def test_bernoulli_without_a_threshold_takes_bits():
    X_train, X_test, y_train, _ = split("digits")
    bits = X_train > 7
    estimator = BernoulliNB(binarize=None).fit(bits, y_train)
    with pytest.raises(pt.UnsupportedModelError, match=r"has binarize=None, .*; set binarize=0\.5, which"):
        to_prototype_model(estimator)
    estimator.binarize = 0.5
    tables = BernoulliNBFrontEnd().tables(estimator)
    assert tables.model.preprocess is None
    assert check_bound(tables, estimator, X_test > 7) > 0.9


def test_classes_that_never_win_have_no_prototype():
    X_train, X_test, y_train, _ = split("iris")
    with np.errstate(divide="ignore"):
        estimator = GaussianNB(priors=[0.0, 0.5, 0.5]).fit(X_train, y_train)
        expected = estimator.predict(X_test)
    model = to_prototype_model(estimator)
    assert model.labels.tolist() == [1, 2]
    assert model.classes.tolist() == [0, 1, 2]
    assert (model.predict(X_test) == expected).all()
    assert np.mean(by_tables(model, X_test) == expected) > 0.95


@pytest.mark.parametrize("binarize", [0.0, 0.5, 0.7, 3.0, float(np.float32(0.1))])
@pytest.mark.parametrize("scaler", [None, MaxAbsScaler, StandardScaler, MinMaxScaler, RobustScaler])
def test_bernoulli_compares_as_scikit_learn_does(binarize, scaler):
    random = np.random.default_rng(5)
    X, y = random.integers(-10, 11, (80, 4)).astype(float), random.integers(0, 3, 80)
    estimator = BernoulliNB(binarize=binarize)
    if scaler is not None:
        estimator = make_pipeline(scaler(), estimator)
    design = pt.convert(estimator.fit(X, y), board=BOARD)
    threshold = np.float64(binarize)
    tiny = [5e-324, 1e-300, 1e-12, np.nextafter(threshold, 9) - threshold]
    near = [
        threshold,
        np.nextafter(threshold, 9),
        np.nextafter(threshold, -9),
        *tiny,
        *np.negative(tiny),
        1e100,
        -1e100,
    ]
    queries = np.vstack([X, random.integers(-30, 30, (60, 4)), random.choice(near, (60, 4))])
    scaled = queries if scaler is None else estimator[0].transform(queries)
    levels, saturated = design.quantise(queries)
    assert np.array_equal(levels, scaled > binarize)
    assert not saturated.any()
    if scaler is None:
        single = queries.clip(-1e38, 1e38).astype(np.float32)
        # As scikit-learn does, which leaves vectors in float32.
        assert np.array_equal(design.quantise(single)[0], single > binarize)
        assert (design.model.predict(single) == estimator.predict(single)).all()


def test_priors_are_checked():
    X_train, X_test, y_train, _ = split("iris")
    with np.errstate(divide="ignore"):
        estimator = GaussianNB(priors=[0, 1, 0]).fit(X_train, y_train)
        assert (pt.convert(estimator, calibration=X_train).predict(X_test) == estimator.predict(X_test)).all()
        unseen = GaussianNB().partial_fit(X_train[y_train > 0], y_train[y_train > 0], classes=[0, 1, 2])
        assert (to_prototype_model(unseen).predict(X_test) == unseen.predict(X_test)).all()
    estimator.class_prior_ = np.array([0.5, np.nan, 0.5])
    with pytest.raises(pt.InputError, match="means, variances or priors that are no finite numbers"):
        to_prototype_model(estimator)


def test_equal_sums_go_to_the_first_class():
    estimator = CategoricalNB().fit([[0], [1], [0], [1]], ["b", "b", "a", "a"])
    assert estimator.predict([[0], [1]]).tolist() == ["a", "a"]
    assert pt.convert(estimator).predict([[0], [1]]).tolist() == ["a", "a"]


def test_priors_go_into_the_first_feature():
    scores = [np.array([[0.0, 1.0], [0.5, 0.0]]), np.zeros((2, 2))]
    tables = additive_tables(scores, np.array([0.0, 0.25]), np.array(["a", "b"]), entry_bits=8)
    # Sums of the first feature: 0, 1 for a and 0.75, 0.25 for b.
    assert tables.resolution == 1 / 256
    assert tables.model.prototypes.tolist() == [[[192, 0], [0, 0]], [[0, 192], [0, 0]]]


@pytest.mark.parametrize(("cost", "cut"), [(31.875, 0), (31.93, 0), (31.95, 1), (255.0, 1)])
def test_costs_beyond_the_coarsest_resolution_are_cut(cost, cut):
    tables = additive_tables([np.array([[0.0, 0.0], [1.0, -cost]])], np.zeros(2), np.arange(2), entry_bits=8)
    assert (tables.resolution, tables.cut) == (COARSEST, cut)
    assert tables.model.prototypes.tolist() == [[[8, 0]], [[0, 255]]]


@pytest.mark.parametrize("cost", [0.0, 1e-320, 1e-9, 0.1, 15.9, 100.0])
@pytest.mark.parametrize("entry_bits", [1, 8, 16])
def test_resolution_is_the_finest_that_fits(cost, entry_bits):
    tables = additive_tables([np.array([[0.0, 0.0], [0.0, -cost]])], np.zeros(2), np.arange(2), entry_bits=entry_bits)
    largest = 2**entry_bits - 1
    assert tables.model.prototypes.max() <= largest
    assert np.frexp(tables.resolution)[0] == 0.5
    if tables.resolution < COARSEST:
        assert tables.cut == 0
        assert cost / (tables.resolution / 2) > largest or tables.resolution == 5e-324
    assert tables.cut == (cost / tables.resolution > largest + 0.5)


X, Y = datasets.load_iris(return_X_y=True)
BINARY = np.array([[0, 0], [0, 1], [1, 1], [1, 1]])


@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:overflow", "ignore:invalid value")
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: GaussianNB(var_smoothing=0).fit([[0.0, 1], [1, 1], [2, 3], [4, 5]], list("xxyy")),
            "GaussianNB has the variance 0.0 in feature 1 of class 'x', which has no density; fit .* var_smoothing > 0",
        ),
        (
            lambda: GaussianNB(var_smoothing=1e-318).fit([[0.0], [0], [2], [4]], list("xxyy")),
            "the scores of the model are too large for a float64",
        ),
        (
            lambda: CategoricalNB(alpha=0, force_alpha=True).fit(BINARY, [0, 0, 1, 1]),
            "CategoricalNB has features of probability 0, with alpha=0, .* fit it with a larger alpha",
        ),
        (
            lambda: BernoulliNB(alpha=0, force_alpha=True).fit(BINARY, [0, 0, 1, 1]),
            "BernoulliNB has features of probability 0",
        ),
        (lambda: CategoricalNB().fit([[1 << 16], [0]], [0, 1]), "has a feature with 65537 categories, but .* 65536"),
        (
            lambda: BernoulliNB(binarize=0.1).fit(BINARY, [0, 0, 1, 1]),
            r"binarize=0.1, but .* float32 with 0.10000000149011612, .*; set binarize=0.10000000149011612",
        ),
        (lambda: MultinomialNB().fit(X, Y), "MultinomialNB is not supported"),
    ],
)
def test_what_the_chip_would_not_compute_is_refused(make, message):
    with pytest.raises(pt.UnsupportedModelError, match=message):
        to_prototype_model(make())


@pytest.mark.parametrize("model", [GaussianNB(), CategoricalNB(), BernoulliNB()], ids=str)
def test_unfitted_models_are_refused(model):
    with pytest.raises(pt.InputError, match=f"the {type(model).__name__} is not fitted; call its fit"):
        to_prototype_model(model)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GaussianNBFrontEnd(bits=9), "bits must be an integer from 1 to 8, not 9"),
        (lambda: GaussianNBFrontEnd(bits=True), "bits must be an integer from 1 to 8, not True"),
        (lambda: GaussianNBFrontEnd(entry_bits=0), "entry_bits must be an integer from 1 to 16, not 0"),
        (lambda: CategoricalNBFrontEnd(entry_bits=17), "entry_bits must be an integer from 1 to 16, not 17"),
        (lambda: BernoulliNBFrontEnd(entry_bits=2.0), "entry_bits must be an integer from 1 to 16, not 2.0"),
    ],
)
def test_parameters_out_of_range(make, message):
    with pytest.raises(pt.InputError, match=message):
        make()


@pytest.mark.tools
def test_hardware_answers_as_the_golden_model():
    X_train, X_test, y_train, _ = split("iris")
    design = pt.convert(GaussianNB().fit(X_train, y_train), calibration=X_train)
    assert design.verify(X_test).ok
