"""interpret's additive models as tables."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris

import prototile as pt
from prototile.frontends import to_prototype_model
from prototile.frontends.explainable_boosting import ExplainableBoostingFrontEnd

with warnings.catch_warnings():
    # What its own imports warn of is no concern of ours.
    warnings.simplefilter("ignore")
    from interpret.glassbox import ExplainableBoostingClassifier

X, Y = load_digits(return_X_y=True)
X = X[:, [10, 20, 21, 27, 36, 42, 43, 53]]


def fitted(X, y, **settings):
    settings = {"interactions": 0, "max_rounds": 60, "outer_bags": 2, "n_jobs": 1, "random_state": 0, **settings}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ExplainableBoostingClassifier(**settings).fit(X, y)


def scores_of(model, X):
    """Scores of all classes, shape (rows, classes)."""
    scores = model.decision_function(X)
    return np.column_stack([np.zeros_like(scores), scores]) if scores.ndim == 1 else scores


def by_tables(model, X):
    """Answers of the tables, which `predict` does not give: it answers by the scores that they were made from."""
    return model.classes[model.class_indices[model.distances(model.transform(X)).argmin(axis=1)]]


def check_bound(model, X, tables=None):
    tables = tables or ExplainableBoostingFrontEnd().tables(model)
    assert tables.cut == 0
    ordered = np.sort(scores_of(model, X), axis=1)
    clear = ordered[:, -1] - ordered[:, -2] > tables.bound
    assert (by_tables(tables.model, X)[clear] == model.predict(X)[clear]).all()
    assert (tables.model.predict(X) == model.predict(X)).all()
    assert clear.mean() > 0.95
    return tables


@pytest.mark.parametrize("classes", [10, 2])
def test_agrees_beyond_the_bound(classes):
    rows = classes > Y
    labels = np.array([f"digit {digit}" for digit in range(10)])[Y[rows]]
    model = fitted(X[rows], labels)
    tables = check_bound(model, X[rows])
    assert tables.model.prototypes.shape == (classes, 8, 32)
    assert tables.model.classes.tolist() == model.classes_.tolist()
    design = pt.convert(model, board="ulx3s-25f")
    assert (design.predict(X[rows]) == by_tables(tables.model, X[rows])).all()


def test_every_integer_in_range_and_beyond():
    random = np.random.default_rng(0)
    # Features with gaps, an offset, a wide range and few bins.
    data = np.column_stack(
        [random.choice([0, 3, 7], 400), random.integers(-5, 9, 400), random.integers(0, 256, 400), np.full(400, 4)]
    ).astype(float)
    y = (data[:, 1] + data[:, 0] + random.normal(0, 3, 400) > 4) + (data[:, 2] > 128).astype(int)
    model = fitted(data, y, max_bins=16)
    queries = random.integers(-20, 300, (4000, 4)).astype(float)
    tables = ExplainableBoostingFrontEnd(entry_bits=14).tables(model)
    assert tables.model.prototypes.shape[2] == 256
    check_bound(model, queries, tables)


def test_terms_that_were_left_out_add_nothing():
    model = fitted(X, Y % 2, exclude=[2, 5])
    assert len(model.term_features_) == 6
    tables = check_bound(model, X)
    assert not tables.model.prototypes[:, [2, 5]].any()


def test_a_cut_beyond_the_training_data_has_an_integer_on_either_side():
    model = fitted(X, Y % 2)
    cuts, values = np.asarray(model.bins_[0][0]), model.term_scores_[0]
    # Bins are the user's to change: one more above the largest integer.
    model.bins_[0] = [np.append(cuts, X[:, 0].max() + 2.5)]
    model.term_scores_[0] = np.insert(values, len(cuts) + 2, values.max() + 5)
    tables = ExplainableBoostingFrontEnd().tables(model).model
    queries = np.tile(X[0], (40, 1))
    queries[:, 0] = np.arange(40)
    scores = model.decision_function(queries)
    assert (np.sign(scores) == 2 * (by_tables(tables, queries) == 1) - 1)[np.abs(scores) > 1].all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: fitted(X, Y % 2, interactions=2), r"has 2 interactions, such as of the features \(.*interactions=0"),
        (lambda: fitted(*load_iris(return_X_y=True)), r"feature 0 \(counted from 0\) from 4.3 to .*only integers"),
        (lambda: fitted(X * 20, Y % 2), r"feature 0 \(counted from 0\) from 0 to 320, .* span at most 256"),
        (lambda: fitted(X / 16, Y % 2), r"from 0 to 1, whose bins are no evenly spaced levels"),
        (
            lambda: fitted(X, Y % 2, feature_types=["continuous"] * 7 + ["nominal"]),
            r"feature 7 \(counted from 0\) of the type 'nominal'",
        ),
        (lambda: fitted(X, np.zeros(len(X), int)), "has one class only"),
    ],
    ids=["interactions", "real", "wide", "fractions", "nominal", "class"],
)
def test_what_the_chip_would_not_compute_is_refused(make, message):
    with pytest.raises(pt.UnsupportedModelError, match=message):
        to_prototype_model(make())


def test_unfitted_model_is_refused():
    with pytest.raises(pt.InputError, match="the ExplainableBoostingClassifier is not fitted"):
        to_prototype_model(ExplainableBoostingClassifier())
