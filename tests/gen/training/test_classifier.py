import pickle

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import prototile as pt
from prototile.errors import InputError
from prototile.files import save_model
from prototile.training.radii import held_out, quantile_radii, rce_radii

X, Y = load_wine(return_X_y=True)
NAMES = np.array(["red", "white", "green"])[Y]
#: Far beyond the training data on both sides, so that components are clipped too.
QUERIES = np.random.default_rng(0).normal(X.mean(axis=0), 3 * X.std(axis=0), (1000, X.shape[1]))


def grid(**parameters):
    return pt.PrototypeGridClassifier(**{"prototype_count": 2, "epochs": 1, **parameters})


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@pytest.mark.parametrize("parameters", [{}, {"metric": "l2", "relevances": "shifts"}], ids=str)
def test_scikit_learn_takes_it_for_an_estimator(parameters):
    check_estimator(grid(**parameters))


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"metric": "l2"},
        {"bits": 1},
        {"bits": 8, "scaling": "common"},
        {"metric": "l2", "relevances": "step"},
        {"relevances": "step", "bits": 6},
        {"metric": "l2", "relevances": "shifts"},
        {"radii": "rce"},
        {"radii": "rce", "radius_limit": 20, "reject": "none of these"},
        {"radii": "quantile", "reject": "none of these"},
        {"radii": "quantile", "radius_scope": "common", "coverage": 0.5},
        {"min_margin": 7},
        {"prototype_count": {"red": 1, "white": 3, "green": 2}, "min_margin": 2.5},
    ],
    ids=str,
)
def test_the_chip_answers_alike(parameters, tmp_path):
    classifier = grid(**parameters).fit(X, NAMES)
    records = classifier.decide(QUERIES)
    save_model(classifier.to_prototype_model(), tmp_path / "model.safetensors")
    for model in (classifier, tmp_path / "model.safetensors"):
        for calibration in (None, QUERIES):
            design = pt.convert(model, calibration)
            assert design.quantised.bits == classifier.bits
            assert (design.decide(QUERIES) == records).all()
            assert design.predict(QUERIES).tolist() == classifier.predict(QUERIES).tolist()
    # The reference that accuracy is measured against knows the levels too.
    assert classifier.to_prototype_model().predict(QUERIES).tolist() == classifier.predict(QUERIES).tolist()


def test_answers_are_those_of_the_stated_arithmetic():
    classifier = grid(metric="l2", relevances="shifts").fit(X, NAMES)
    levels = np.clip(np.rint(QUERIES * classifier.scale_ + classifier.shift_), 0, 15)
    terms = (levels[:, None] - classifier.prototypes_) ** 2 * 2.0**classifier.shifts_
    nearest = terms.sum(axis=2).argmin(axis=1)
    assert classifier.shifts_.max() > classifier.shifts_.min() == 0
    assert classifier.predict(QUERIES).tolist() == classifier.prototype_labels_[nearest].tolist()


def test_the_hardware_answers_alike():
    design = pt.convert(grid(radii="quantile").fit(X, NAMES))
    assert design.verify(QUERIES[:100]).ok


def test_pipelines_in_front():
    pipeline = make_pipeline(StandardScaler(), grid()).fit(X, NAMES)
    assert (pt.convert(pipeline).predict(QUERIES) == pipeline.predict(QUERIES)).mean() > 0.999


@pytest.mark.parametrize(
    "parameters",
    [{}, {"radii": "quantile", "random_state": np.random.RandomState(0)}],
    # The text of a RandomState holds its address, which differs between the workers of a test run.
    ids=["defaults", "a state of its own"],
)
def test_files_of_skops(parameters, tmp_path):
    pipeline = make_pipeline(StandardScaler(), grid(**parameters).fit(StandardScaler().fit_transform(X), NAMES))
    pipeline[0].fit(X)
    skops.io.dump(pipeline, tmp_path / "model.skops")
    design = pt.convert(tmp_path / "model.skops")
    assert (design.decide(QUERIES) == pt.convert(pipeline).decide(QUERIES)).all()


def test_files_of_skops_with_other_arrays_are_refused(tmp_path):
    for name, value in (("prototypes_", np.full((6, 13), 16)), ("scale_", np.ones(3)), ("shifts_", np.full(13, 90))):
        classifier = grid().fit(X, NAMES)
        setattr(classifier, name, value)
        skops.io.dump(classifier, tmp_path / "model.skops")
        with pytest.raises(pt.PrototileError, match=r"model\.skops"):
            pt.convert(tmp_path / "model.skops")


def test_other_bits_than_those_of_training_are_refused():
    with pytest.raises(InputError, match="trained for components of 4 bits, not of 5"):
        pt.convert(grid().fit(X, NAMES), bits=5)
    with pytest.raises(InputError, match="trained for components of 4 bits, not of 3"):
        pt.convert(grid().fit(X, NAMES), bits=3)


def test_the_same_number_gives_the_same_prototypes():
    first, second, other = (grid(random_state=seed).fit(X, Y) for seed in (1, 1, 2))
    assert (first.prototypes_ == second.prototypes_).all()
    assert (first.prototypes_ != other.prototypes_).any()
    assert (pickle.loads(pickle.dumps(first)).predict(X) == first.predict(X)).all()
    assert (clone(first).fit(X, Y).prototypes_ == first.prototypes_).all()


def test_training_is_better_than_its_start():
    digits, labels = load_digits(return_X_y=True)
    half = np.arange(len(digits)) % 2 == 0
    classifier = pt.PrototypeGridClassifier(2).fit(digits[half], labels[half])
    means = np.stack([digits[half][labels[half] == label].mean(axis=0) for label in range(10)])
    start = pt.convert(pt.PrototypeModel(means, np.arange(10)), digits[half], bits=4)
    assert classifier.score(digits[~half], labels[~half]) > start.score(digits[~half], labels[~half]) + 0.05


@pytest.mark.parametrize(("load", "bar"), [(load_iris, 0.945), (load_wine, 0.97), (load_breast_cancer, 0.965)])
def test_accuracy_of_the_defaults(load, bar):
    # A point below the bars of benchmarks/training.py: other versions of the libraries draw other numbers.
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    assert cross_val_score(pt.PrototypeGridClassifier(), *load(return_X_y=True), cv=folds).mean() >= bar


def test_frames_keep_their_names():
    frame = pd.DataFrame(X, columns=[f"feature {column}" for column in range(X.shape[1])])
    classifier = grid().fit(frame, NAMES)
    assert classifier.feature_names_in_.tolist() == list(frame)
    assert (pt.convert(classifier).predict(frame) == classifier.predict(frame)).all()
    with pytest.raises(ValueError, match="feature names"):
        classifier.predict(frame[frame.columns[::-1]])
    with pytest.raises(InputError, match="columns"):
        pt.convert(classifier).predict(frame[frame.columns[::-1]])


@pytest.mark.parametrize(
    "labels", [Y == 0, Y - 5, Y.astype(float), NAMES.astype(object), NAMES, Y.astype(np.uint8) + 200], ids=str
)
def test_labels_of_any_kind(labels):
    classifier = grid().fit(X, labels)
    assert set(classifier.predict(X).tolist()) <= set(labels.tolist())
    assert pt.convert(classifier).predict(X).tolist() == classifier.predict(X).tolist()


def test_prototypes_of_each_class():
    counts = np.unique(grid(prototype_count=[3, 1, 2]).fit(X, Y).prototype_labels_, return_counts=True)[1]
    assert counts.tolist() == [3, 1, 2]
    names, counts = np.unique(
        grid(prototype_count={"white": 4, "red": 1, "green": 2}).fit(X, NAMES).prototype_labels_, return_counts=True
    )
    assert dict(zip(names.tolist(), counts.tolist(), strict=True)) == {"green": 2, "red": 1, "white": 4}
    # Three samples are no eight prototypes.
    few = np.concatenate([np.flatnonzero(Y == 0), np.flatnonzero(Y != 0)[:3]])
    assert np.sum(grid(prototype_count=8).fit(X[few], Y[few]).prototype_labels_ == 1) == 3


def test_one_class_and_constant_features():
    assert set(grid().fit(X, np.full(len(X), "wine")).predict(QUERIES)) == {"wine"}
    constant = np.column_stack([X, np.full(len(X), 3.0)])
    classifier = grid().fit(constant, NAMES)
    assert classifier.scale_[-1] == 0
    other = np.column_stack([X, np.full(len(X), -1e9)])
    assert (classifier.predict(other) == classifier.predict(constant)).all()


def test_common_scaling_keeps_the_metric_and_integers():
    classifier = grid(scaling="common", bits=5).fit(load_digits().data, load_digits().target)
    assert (classifier.scale_ == 1).all()
    assert np.ptp(grid(scaling="common").fit(X, Y).scale_) == 0
    assert np.ptp(grid().fit(X, Y).scale_) > 0


def test_relevances_tell_noise_from_signal():
    random = np.random.default_rng(0)
    labels = np.arange(400) % 2
    samples = np.column_stack([labels + random.normal(0, 0.2, 400), random.normal(size=(400, 4))])
    for metric in ("l1", "l2"):
        for relevances in ("step", "shifts"):
            classifier = grid(prototype_count=1, metric=metric, relevances=relevances).fit(samples, labels)
            assert classifier.relevances_.mean() == pytest.approx(1)
            assert classifier.relevances_.argmax() == 0
            plain = grid(prototype_count=1, metric=metric).fit(samples, labels)
            if relevances == "step":
                assert classifier.scale_[0] == plain.scale_[0]
                assert (classifier.scale_[1:] < plain.scale_[1:]).all()
            else:
                assert classifier.shifts_.argmax() == 0


def test_fields_of_the_rce_rule_hold_no_sample_of_another_class():
    classifier = grid(radii="rce").fit(X, NAMES)
    records = classifier.decide(X)
    # A field with a sample of another class in it would make it uncertain, or give it that class.
    assert (records["status"] != pt.Status.UNCERTAIN).all()
    fires = records["status"] == pt.Status.IDENTIFIED
    assert fires.mean() > 0.9
    assert (classifier.predict(X)[fires] == NAMES[fires]).all()
    limited = grid(radii="rce", radius_limit=5).fit(X, NAMES)
    assert limited.radii_.max() <= 5
    assert (limited.decide(X)["status"] == pt.Status.UNKNOWN).sum() > (records["status"] == pt.Status.UNKNOWN).sum()


def test_rce_radii():
    distances = np.array([[3, 9], [5, 4], [8, 2]])
    is_own = np.array([[True, False], [False, True], [False, True]])
    assert rce_radii(distances, is_own, 100).tolist() == [5, 9]
    assert rce_radii(distances, is_own, 7).tolist() == [5, 7]


@pytest.mark.parametrize(("coverage", "radius"), [(0.5, 52), (0.95, 97), (0.999, 101), (0.001, 2)])
def test_common_quantile_radius(coverage, radius):
    distances = np.random.default_rng(0).permutation(np.arange(1, 101))
    to_classes = np.column_stack([distances, distances + 500])
    assert quantile_radii(to_classes, np.ones(2), coverage).tolist() == [radius, radius]


def test_quantile_radii_cover_the_share_that_was_asked_for():
    random = np.random.default_rng(0)
    # The second class is ten times as wide as the first.
    to_classes = np.vstack([random.integers(0, [100, 3000], (150, 2)), random.integers(0, [3000, 1000], (150, 2))])
    scales = np.array([10.3, 103.0])
    radii = quantile_radii(to_classes, scales, 0.9)
    # Ninety of a hundred, and those as far as the last of them.
    assert 271 <= np.sum((to_classes < radii).any(axis=1)) <= 275
    assert np.sum((to_classes < radii - 1).any(axis=1)) < 271
    assert radii[1] / radii[0] == pytest.approx(10, rel=0.1)


def test_what_is_held_out():
    chosen = held_out(np.repeat([0, 1], [8, 4]), 0.25, np.random.RandomState(0))
    assert chosen[:8].sum() == 2
    assert chosen[8:].sum() == 1


@pytest.mark.parametrize("scope", ["class", "common"])
def test_share_that_is_rejected(scope):
    digits, labels = load_digits(return_X_y=True)
    half = np.arange(len(digits)) % 2 == 0
    classifier = grid(radii="quantile", coverage=0.9, holdout=0.4, radius_scope=scope).fit(digits[half], labels[half])
    share = np.mean(classifier.decide(digits[~half])["status"] == pt.Status.UNKNOWN)
    assert 0.04 < share < 0.16
    noise = np.random.default_rng(0).integers(0, 17, (200, 64))
    assert (classifier.decide(noise)["status"] == pt.Status.UNKNOWN).mean() > 0.95


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"prototype_count": 0}, "prototype_count must be a positive integer, not 0"),
        ({"prototype_count": 2.5}, "prototype_count must be a positive integer, not 2.5"),
        ({"prototype_count": [1, 2]}, "for each of the 3 classes, not 2"),
        ({"prototype_count": {"red": 1, "white": 1, "blue": 1}}, "'blue' is in only one"),
        ({"metric": "linf"}, "metric must be one of 'l1', 'l2', not 'linf'"),
        ({"metric": np.ones(2)}, "metric must be one of"),
        ({"bits": 17}, "bits must be an integer from 1 to 16, not 17"),
        ({"radii": "knn"}, "radii must be one of 'rce', 'quantile', None, not 'knn'"),
        ({"scaling": None}, "scaling must be one of"),
        ({"relevances": "matrix"}, "relevances must be one of"),
        ({"radius_scope": "prototype"}, "radius_scope must be one of"),
        ({"coverage": 1}, "coverage must be a share between 0 and 1, not 1"),
        ({"holdout": True}, "holdout must be a share"),
        ({"radii": "quantile", "holdout": 0.001}, "holdout"),
        ({"radii": "rce", "radius_limit": 0}, "radius_limit must be a positive integer"),
        ({"epochs": -1}, "epochs must be a positive integer, not -1"),
        ({"min_margin": -1}, "min_margin"),
        ({"reject": 7}, "reject must be a label of the same kind"),
    ],
    ids=str,
)
def test_what_is_refused(parameters, message):
    with pytest.raises(InputError, match=message):
        grid(**parameters).fit(X, NAMES)


def test_unfitted_is_refused():
    with pytest.raises(InputError, match="not fitted"):
        pt.convert(pt.PrototypeGridClassifier())


def test_ranges_beyond_floats_are_refused():
    with pytest.raises(InputError, match="feature 0 spans more"):
        grid().fit([[-1.7e308], [1.7e308]], [0, 1])
