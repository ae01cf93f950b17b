import json
import sys

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.datasets import load_digits, load_wine
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import prototile as pt
from prototile import cli
from prototile.condensation import METHODS, Condensation
from prototile.errors import InputError, ModelFileError, UnsupportedModelError
from prototile.files import load_model, save_model
from prototile.report import converted
from prototile.summary import explanation_table
from prototile.training.condensing import _divided

X, Y = load_digits(return_X_y=True)
X, Y = X[:600], Y[:600]
WINE, WINES = load_wine(return_X_y=True)
NAMES = np.array(["red", "white", "green"])[WINES]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("metric", ["l1", "l2"])
def test_each_method(method, metric):
    count = None if method == "condensed" else 30
    model = pt.condense(X, Y, count=count, method=method, metric=metric)
    found = model.condensation
    if method == "condensed":
        assert 20 < model.prototype_count < 300
    else:
        assert model.prototype_count == 30
        assert np.unique(model.class_indices, return_counts=True)[1].tolist() == [3] * 10
        assert found.curve_prototypes.tolist() == [15, 30]
    assert (found.condensed_by, found.samples, found.measured_on) == (
        method,
        600,
        # A quarter of each class, rounded down.
        f"{found_held_out()} samples held out, with prototypes of the other {600 - found_held_out()}",
    )
    assert found.accuracy_after == found.curve_accuracies[-1] > 0.85
    assert found.accuracy_before > 0.9
    assert pt.convert(model, None if method == "lvq" else X).score(X, Y) > 0.9
    check_members(model, X, Y)


def found_held_out():
    return sum(int(count * 0.25) for count in np.bincount(Y))


def check_members(model, samples, labels):
    """Each sample belongs to the nearest prototype of its class."""
    distances = model.distances(model.transform(samples))
    for row, prototype in enumerate(model.condensation.members):
        own = np.flatnonzero(model.labels == labels[row])
        assert prototype == own[distances[row, own].argmin()]
    assert sum(len(model.condensation.members_of(number)) for number in range(model.prototype_count)) == len(samples)


def test_what_condensing_keeps_gets_all_samples_right():
    model = pt.condense(X, Y, method="condensed")
    assert (model.predict(X) == Y).all()
    assert {tuple(row) for row in model.prototypes} <= {tuple(row) for row in X}


def test_medoids_are_samples():
    model = pt.condense(X, Y, count=20, method="kmedoids")
    rows = [np.flatnonzero((prototype == X).all(axis=1))[0] for prototype in model.prototypes]
    assert (Y[rows] == model.labels).all()


def test_edited_removes_what_its_neighbours_contradict():
    samples = np.concatenate([np.arange(10.0), np.arange(100.0, 110.0)])[:, None]
    labels = np.repeat([0, 1], 10)
    labels[4] = 1
    kept = pt.condense(samples, labels, method="edited").prototypes[:, 0]
    assert 4.0 not in kept
    assert {0.0, 1.0, 105.0} <= set(kept)


def test_models_keep_scaler_metric_and_names():
    frame = pd.DataFrame(WINE, columns=[f"column {number}" for number in range(13)])
    model = make_pipeline(StandardScaler(), KNeighborsClassifier(5, metric="manhattan")).fit(frame, NAMES)
    for method in ("kmeans", "lvq"):
        condensed = pt.condense(model, count=6, method=method)
        assert (condensed.metric, condensed.k, condensed.prototype_count) == ("l1", 1, 6)
        assert condensed.classes.tolist() == ["green", "red", "white"]
        assert pt.convert(condensed, frame).score(frame, NAMES) > 0.93
        check_members(condensed, WINE, NAMES)
        with pytest.raises(InputError, match="columns"):
            condensed.predict(frame[frame.columns[::-1]])


def test_chip_units_stay_chip_units():
    model = pt.PrototypeModel(X.astype(int), Y)
    condensed = pt.condense(model, count=20)
    assert condensed.in_chip_units
    assert pt.condense(model, count=20, method="lvq", bits=3).bits == 3


def test_files_and_designs_keep_it(tmp_path):
    model = pt.condense(WINE, NAMES, count=9)
    for name in ("model.npz", "model.safetensors"):
        save_model(model, tmp_path / name)
        again = load_model(tmp_path / name).condensation
        assert vars(again).keys() == vars(model.condensation).keys()
        for key, value in vars(model.condensation).items():
            assert np.array_equal(value, getattr(again, key)), key
    design = pt.convert(model, WINE)
    design.save(tmp_path / "design")
    explanation = pt.load(tmp_path / "design").explain(WINE[7])
    assert 7 in explanation.stands_for
    assert explanation.stands_for.tolist() == model.condensation.members_of(explanation.prototype).tolist()
    report = json.loads((tmp_path / "design" / "report.json").read_text())
    assert report["condensed"]["samples"] == 178
    assert report["condensed"]["accuracy"]["prototypes"] == round(model.condensation.accuracy_after, 4)
    assert "condensed" not in converted(pt.convert(pt.PrototypeModel(WINE[:9], NAMES[:9])))


def test_explanations_without():
    explanation = pt.convert(pt.PrototypeModel(WINE[:9], NAMES[:9])).explain(WINE[0])
    assert explanation.stands_for is None
    assert "stands for" not in str(list(explanation_table(explanation, [str(n) for n in range(13)]).columns[0].cells))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"members": [9]}, "members name the prototype 9, but there are only 9"),
        ({"members": [-2]}, "members must be"),
        ({"members": []}, "members must be"),
        ({"members": [0.5]}, "members must be"),
        ({"condensed_by": "magic"}, "condensed_by must be one of"),
        ({"accuracy_after": 1.5}, "shares between 0 and 1"),
        ({"accuracy_before": [0.1, 0.2]}, "shares between 0 and 1"),
        ({"curve_prototypes": [1]}, "curve_prototypes and curve_accuracies"),
        ({"measured_on": 3}, "measured_on must be a text"),
    ],
    ids=str,
)
def test_damaged_condensations_are_refused(values, message):
    sound = {
        "condensed_by": "kmeans",
        "members": [0, 1, 8],
        "accuracy_before": 1.0,
        "accuracy_after": 0.9,
        "measured_on": "samples",
        "curve_prototypes": [],
        "curve_accuracies": [],
    }
    assert pt.PrototypeModel(WINE[:9], NAMES[:9], condensation=Condensation(**sound)).condensation.samples == 3
    with pytest.raises(InputError, match=message):
        pt.PrototypeModel(WINE[:9], NAMES[:9], condensation=Condensation(**{**sound, **values}))


def test_half_a_condensation_is_refused(tmp_path):
    np.savez(tmp_path / "model.npz", prototypes=WINE[:9], labels=NAMES[:9], members=np.zeros(4, int))
    with pytest.raises(ModelFileError, match="'members' without all of condensed_by"):
        load_model(tmp_path / "model.npz")


@pytest.mark.parametrize(
    ("count", "samples", "expected"),
    [
        (7, [10, 20, 5], [2, 3, 2]),
        (8, [10, 20, 5], [3, 3, 2]),
        (20, [2, 100, 5], [2, 13, 5]),
        (3, [1, 1, 1], [1, 1, 1]),
        (5, [4, 0, 4], [3, 0, 2]),
    ],
)
def test_even_division(count, samples, expected):
    assert _divided(count, np.array(samples)).tolist() == expected


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((WINE, WINES), {"count": 6, "method": "magic"}, InputError, "method must be one of kmeans"),
        ((WINE, WINES), {}, InputError, "'kmeans' needs the number of prototypes"),
        ((WINE, WINES), {"count": 2}, InputError, "from 3, the number of classes, upwards, not 2"),
        ((WINE, WINES), {"count": 178}, InputError, "count is 178, but there are 178 samples"),
        ((WINE, WINES), {"count": 3.5}, InputError, "not 3.5"),
        ((WINE, WINES), {"count": 6, "bits": 0}, InputError, "bits must be"),
        ((WINE, WINES), {"count": 4, "method": "condensed"}, InputError, r"keeps \d+ samples, more than count=4"),
        ((WINE,), {"count": 6}, InputError, "samples need labels"),
        ((WINE, WINES * 0), {"method": "edited"}, InputError, "two classes at least"),
        ((KNeighborsClassifier(1).fit(WINE, WINES), WINES), {"count": 6}, InputError, "leave y out"),
        ((WINE, WINES), {"count": 6, "method": "lvq", "metric": "linf"}, UnsupportedModelError, "not for linf"),
        ((WINE.astype(int), WINES), {"count": 6, "metric": "hamming"}, UnsupportedModelError, "but not of 'hamming'"),
        ((pt.PrototypeModel(WINE, WINES, radii=3.0),), {"count": 6}, UnsupportedModelError, "the model has radii"),
    ],
)
def test_what_is_refused(arguments, options, error, message):
    with pytest.raises(error, match=message):
        pt.condense(*arguments, **options)


@pytest.mark.parametrize(
    ("method", "module", "library"), [("edited", "imblearn", "imbalanced-learn"), ("kmedoids", "kmedoids", "kmedoids")]
)
def test_missing_libraries_are_named(method, module, library, monkeypatch):
    for name in (module, f"{module}.under_sampling"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InputError, match=f"needs the library {library}"):
        pt.condense(WINE, WINES, count=6, method=method)


def test_few_samples_are_measured_on_themselves():
    model = pt.condense([[0.0], [1.0], [10.0], [11.0]], [0, 0, 1, 1], count=2)
    assert model.condensation.measured_on.startswith("the samples themselves")
    assert model.prototypes[:, 0].tolist() == [0.5, 10.5]


def test_command(tmp_path, capsys):
    skops.io.dump(KNeighborsClassifier(1).fit(WINE, NAMES), tmp_path / "model.skops")
    words = ["convert", str(tmp_path / "model.skops"), "--bits", "6", "-o", str(tmp_path / "design"), "--json"]
    assert cli.main([*words, "--prototypes", "12", "--condense", "lvq"]) == 0
    shown = capsys.readouterr()
    found = json.loads(shown.out)["condensed"]
    assert [point["prototypes"] for point in found["curve"]] == [3, 6, 12]
    assert found["method"] == "lvq"
    assert "Condensed by lvq; accuracy on 43 samples held out" in shown.err
    assert shown.err.count("prototypes  ") == 3
    np.savetxt(tmp_path / "queries.csv", WINE[:3], delimiter=",")
    assert (
        cli.main(["explain", str(tmp_path / "design"), "--vectors", str(tmp_path / "queries.csv"), "--row", "0"]) == 0
    )
    assert "training sample" in capsys.readouterr().out
    assert cli.main(["report", str(tmp_path / "design")]) == 0
    assert "lvq, from 178 samples" in " ".join(capsys.readouterr().out.split())


def test_command_offers_each_method():
    convert = next(action for action in cli.parser()._actions if action.dest == "command").choices["convert"]
    assert next(action for action in convert._actions if action.dest == "condense").choices == METHODS
