"""Estimators around estimators: looked into where the answers stay the same, refused by name otherwise."""

import warnings

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier, StackingClassifier, VotingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 (lets the line after next import its searches)
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor, NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelEncoder, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier
from skops import io as skops_io

import prototile as pt
from prototile.errors import InputError, UnsupportedModelError
from prototile.files import load_model
from prototile.frontends import to_prototype_model

IRIS = load_iris()
# Integers, so that neighbours and thresholds are exact.
X = np.unique(np.column_stack([np.rint(IRIS.data * 10), IRIS.target]), axis=0)
X, Y = X[:, :-1], IRIS.target_names[X[:, -1].astype(int)]
QUERIES = np.vstack([X, X + 1, 2 * X - 40])
CENTROID = NearestCentroid()
SCALED = make_pipeline(StandardScaler(), NearestCentroid())


def fitted(estimator, labels=Y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator.fit(X, labels)


def same_answers(estimator):
    model = to_prototype_model(estimator)
    assert (model.predict(QUERIES) == estimator.predict(QUERIES)).all()
    return model


@pytest.mark.parametrize(
    "estimator",
    [
        GridSearchCV(CENTROID, {"metric": ["euclidean", "manhattan"]}, cv=2),
        GridSearchCV(SCALED, {"nearestcentroid__shrink_threshold": [None, 0.5]}, cv=2),
        RandomizedSearchCV(CENTROID, {"shrink_threshold": [0.1, 0.2]}, n_iter=1, cv=2),
        HalvingGridSearchCV(CENTROID, {"metric": ["euclidean", "manhattan"]}, cv=2),
        HalvingRandomSearchCV(CENTROID, {"shrink_threshold": [0.1, 0.2]}, cv=2, random_state=0),
        FrozenEstimator(fitted(NearestCentroid())),
        make_pipeline(FrozenEstimator(fitted(NearestCentroid()))),
        GridSearchCV(GridSearchCV(CENTROID, {"metric": ["euclidean"]}, cv=2), {"cv": [2, 3]}, cv=2),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_estimators_that_ask_another_one(estimator, tmp_path):
    same_answers(fitted(estimator))
    skops_io.dump(estimator, tmp_path / "m.skops")
    assert (load_model(tmp_path / "m.skops").predict(QUERIES) == estimator.predict(QUERIES)).all()


def test_self_training():
    some = np.where(np.arange(len(Y)) % 3 == 0, np.unique(Y, return_inverse=True)[1], -1)
    same_answers(fitted(SelfTrainingClassifier(GaussianNB()), some))


@pytest.mark.parametrize(
    "bag",
    [
        BaggingClassifier(DecisionTreeClassifier(), 5, random_state=0),
        BaggingClassifier(ExtraTreeClassifier(), 4, max_features=0.5, max_samples=9, random_state=1),
        BaggingClassifier(DecisionTreeClassifier(), 7, max_samples=0.3, bootstrap=False, random_state=0),
        BaggingClassifier(DecisionTreeClassifier(), 6, bootstrap_features=True, max_samples=9, random_state=0),
        BaggingClassifier(DecisionTreeClassifier(), 3, max_samples=4, random_state=0),
        BaggingClassifier(DecisionTreeClassifier(max_depth=1), 1, random_state=0),
        BaggingClassifier(KNeighborsClassifier(1), 1, max_features=3, random_state=0),
        BaggingClassifier(KNeighborsClassifier(1), 1, bootstrap_features=True, random_state=0),
    ],
    ids=str,
)
def test_bags(bag, tmp_path):
    model = same_answers(fitted(bag))
    assert model.k == len(bag.estimators_)
    assert model.input_features == 4
    skops_io.dump(bag, tmp_path / "m.skops")
    assert (load_model(tmp_path / "m.skops").predict(QUERIES) == bag.predict(QUERIES)).all()


def test_bag_on_a_chip():
    bag = fitted(BaggingClassifier(DecisionTreeClassifier(), 3, max_features=0.5, max_samples=9, random_state=0))
    design = pt.convert(bag, calibration=X, bits=7, board="ulx3s-25f")
    assert (design.predict(QUERIES) == bag.predict(QUERIES)).all()


TWO = np.where(Y[0] == Y, "a", "b")


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (
            lambda: fitted(BaggingClassifier(KNeighborsClassifier(), 3)),
            "the probabilities of 3 models of the kind KNeigh",
        ),
        (lambda: fitted(BaggingClassifier(DecisionTreeClassifier(), 16)), "has 16 trees, but the chip lets 1 to 15"),
        (lambda: fitted(BaggingClassifier(DecisionTreeClassifier(max_depth=1), 2)), "averages the shares of classes"),
        (lambda: fitted(BaggingClassifier(NearestCentroid(), 1)), "the probabilities of 1 models of the kind Nearest"),
        (
            lambda: fitted(CalibratedClassifierCV(GaussianNB(), cv=2)),
            "CalibratedClassifierCV .* bends the probability of",
        ),
        (lambda: fitted(TunedThresholdClassifierCV(GaussianNB(), cv=2), TWO == "a"), "moves the threshold between two"),
        (lambda: fitted(VotingClassifier([("a", CENTROID)])), "VotingClassifier .* asks several models"),
        (lambda: fitted(StackingClassifier([("a", GaussianNB())])), "StackingClassifier .* asks several models"),
        (lambda: fitted(OneVsRestClassifier(GaussianNB())), "OneVsRestClassifier .* asks several models"),
        (lambda: KNeighborsRegressor().fit(X, X[:, 0]), "KNeighborsRegressor .* estimates numbers, not classes"),
        (lambda: fitted(GridSearchCV(OneVsRestClassifier(CENTROID), {}, cv=2)), "OneVsRestClassifier is not supported"),
    ],
)
def test_others_are_refused(estimator, message):
    with pytest.raises(UnsupportedModelError, match=message):
        to_prototype_model(estimator())


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (
            GridSearchCV(CENTROID, {}),
            r"GridSearchCV has no best_estimator_; call its fit\(X, y\) first with refit=True",
        ),
        (fitted(GridSearchCV(CENTROID, {}, cv=2, refit=False)), "has no best_estimator_"),
        (SelfTrainingClassifier(CENTROID), r"SelfTrainingClassifier has no estimator_; call its fit\(X, y\) first\."),
        (FrozenEstimator(NearestCentroid()), "the NearestCentroid is not fitted"),
        (BaggingClassifier(), "the BaggingClassifier is not fitted"),
    ],
    ids=str,
)
def test_unfitted(estimator, message):
    with pytest.raises(InputError, match=message):
        to_prototype_model(estimator)


class TestLabelEncoder:
    ENCODER = LabelEncoder().fit(Y)

    @pytest.mark.parametrize(
        "estimator",
        [KNeighborsClassifier(3, algorithm="brute"), SCALED, GaussianNB(), RandomForestClassifier(3, random_state=0)],
        ids=str,
    )
    def test_names_come_back(self, estimator):
        fitted(estimator, self.ENCODER.transform(Y))
        model = to_prototype_model(estimator, self.ENCODER)
        numbers = to_prototype_model(estimator).predict(QUERIES)
        assert (model.predict(QUERIES) == self.ENCODER.inverse_transform(numbers)).all()
        assert model.classes.tolist() == self.ENCODER.classes_.tolist()

    def test_in_convert(self):
        estimator = fitted(NearestCentroid(), self.ENCODER.transform(Y))
        design = pt.convert(estimator, labels=self.ENCODER, calibration=X, y=Y, bits=8)
        assert (design.predict(X) == self.ENCODER.inverse_transform(estimator.predict(X))).mean() > 0.99

    @pytest.mark.parametrize("labels", [Y, np.arange(len(Y)) % 4])
    def test_of_other_labels(self, labels):
        with pytest.raises(InputError, match=r"stands for the labels 0 \.\. 2, but the model has"):
            to_prototype_model(fitted(KNeighborsClassifier(1), labels), self.ENCODER)

    def test_unfitted(self):
        with pytest.raises(InputError, match="the LabelEncoder is not fitted"):
            to_prototype_model(fitted(KNeighborsClassifier(1)), LabelEncoder())
