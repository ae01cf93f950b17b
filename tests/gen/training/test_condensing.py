import json
import sys

import numpy as np
import pandas as pd
import pytest
import skops.io
from imblearn.under_sampling import CondensedNearestNeighbour
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, load_iris, load_wine
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import prototile as pt
from prototile import cli
from prototile.condensation import METHODS, SELF_SIZED
from prototile.errors import InputError, UnsupportedModelError
from prototile.page import page
from prototile.report import converted, read_report
from prototile.summary import explanation_table, summary
from prototile.training.condensing import divided
from prototile.training.neighbours import edited_neighbours

X, Y = load_digits(return_X_y=True)
X, Y = X[Y < 5][:300], Y[Y < 5][:300]
WINE, WINES = load_wine(return_X_y=True)
NAMES = np.array(["red", "white", "green"])[WINES]
#: A quarter of each class, rounded down.
HELD_OUT = sum(int(count * 0.25) for count in np.bincount(Y))


def cells(table, column):
    return [str(cell) for cell in table.columns[column].cells]


def check_members(model, samples, labels):
    """Each sample belongs to the nearest prototype of its class, and prototypes name all samples."""
    distances = model.distances(model.transform(samples))
    for row, prototype in enumerate(model.condensation.members):
        own = np.flatnonzero(model.labels == labels[row])
        assert prototype == own[distances[row, own].argmin()]
    named = [model.condensation.members_of(number) for number in range(model.prototype_count)]
    assert sorted(np.concatenate(named)) == list(range(len(samples)))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("metric", ["manhattan", "euclidean"])
def test_each_method(method, metric):
    source = KNeighborsClassifier(3, metric=metric).fit(X, Y)
    model = pt.condense(source, None if method in SELF_SIZED else 15, method=method)
    found = model.condensation
    if method == "condensed":
        assert 5 < model.prototype_count < 60
    elif method == "edited":
        assert 250 < model.prototype_count <= 300
    else:
        assert np.unique(model.class_indices, return_counts=True)[1].tolist() == [3] * 5
        assert found.curve_prototypes.tolist() == [7, 15, 30]
        assert found.curve_prototypes[found.chosen] == 15
    assert (found.condensed_by, found.samples, found.held_out) == (method, 300, HELD_OUT)
    assert found.accuracy == found.curve_accuracies[found.chosen] > 0.85
    assert found.accuracy_before > 0.95
    assert model.k == 1
    assert pt.convert(model, None if method == "lvq" else X, board="ulx3s-25f").score(X, Y) > 0.9
    check_members(model, X, Y)


def test_accuracies_are_of_samples_that_no_prototype_was_made_of():
    """Labels by chance: what was held out is guessed, though the samples themselves are all known."""
    chance = np.random.default_rng(0)
    samples, labels = chance.normal(size=(400, 5)), chance.integers(0, 2, 400)
    model = pt.condense(pt.PrototypeModel(samples, labels), method="condensed")
    assert (model.predict(samples) == labels).all()
    assert 0.35 < model.condensation.accuracy < 0.65
    assert 0.35 < model.condensation.accuracy_before < 0.65


def test_accuracies_can_be_followed():
    model = pt.PrototypeModel(WINE, NAMES, k=5)
    found = pt.condense(model, 6, random_state=7).condensation
    # The same seed holds the same samples out, and k-means of the others is the same.
    chance = np.random.RandomState(7)
    rows = [np.flatnonzero(label == NAMES) for label in np.unique(NAMES)]
    out = np.concatenate([chance.permutation(of_class)[: len(of_class) // 4] for of_class in rows])
    kept = np.setdiff1d(np.arange(178), out)
    assert found.held_out == len(out) == 43
    votes = KNeighborsClassifier(5, metric="manhattan").fit(WINE[kept], NAMES[kept])
    assert found.accuracy_before == votes.score(WINE[out], NAMES[out])
    again = pt.condense(pt.PrototypeModel(WINE[kept], NAMES[kept]), 6, random_state=7)
    assert found.accuracy == np.mean(again.predict(WINE[out]) == NAMES[out])


def test_what_condensing_keeps_gets_all_samples_right():
    model = pt.condense(pt.PrototypeModel(X, Y), method="condensed")
    assert (model.predict(X) == Y).all()
    assert {tuple(row) for row in model.prototypes} <= {tuple(row) for row in X}


def test_condensed_neighbours_of_imbalanced_learn_do_not():
    """Why the method is our own: when this fails, the library's can take its place."""
    sampler = CondensedNearestNeighbour(sampling_strategy="all", n_neighbors=1, random_state=0)
    samples, labels = load_iris(return_X_y=True)
    sampler.fit_resample(samples, labels)
    kept = np.unique(sampler.sample_indices_)
    assert KNeighborsClassifier(1).fit(samples[kept], labels[kept]).score(samples, labels) < 0.95


def test_medoids_are_samples():
    model = pt.condense(pt.PrototypeModel(X, Y, "linf"), 20, method="kmedoids")
    rows = [np.flatnonzero((prototype == X).all(axis=1))[0] for prototype in model.prototypes]
    assert (Y[rows] == model.labels).all()


def test_edited_removes_what_its_neighbours_contradict():
    samples = np.concatenate([np.arange(10.0), np.arange(100.0, 110.0)])[:, None]
    labels = np.repeat([0, 1], 10)
    labels[4] = 1
    source = pt.PrototypeModel(samples, labels)
    kept = pt.condense(source, method="edited").prototypes[:, 0]
    assert 4.0 not in kept
    assert {0.0, 1.0, 105.0} <= set(kept)
    centres = pt.condense(source, 2, method="edited-kmeans")
    assert centres.prototypes[1, 0] == 104.5
    # The sample that was removed belongs to a prototype all the same.
    assert centres.condensation.members[4] == 1
    labels[:] = np.repeat([0, 1], [19, 1])
    with pytest.raises(InputError, match="'edited' removes all samples of the class 1"):
        pt.condense(pt.PrototypeModel(samples, labels), method="edited")


def test_models_keep_scaler_metric_classes_and_names():
    frame = pd.DataFrame(WINE, columns=[f"column {number}" for number in range(13)])
    model = make_pipeline(StandardScaler(), KNeighborsClassifier(5, metric="manhattan")).fit(frame, NAMES)
    for method in ("kmeans", "lvq"):
        condensed = pt.condense(model, 6, method=method)
        assert (condensed.metric, condensed.k, condensed.prototype_count) == ("l1", 1, 6)
        assert condensed.classes.tolist() == ["green", "red", "white"]
        assert pt.convert(condensed, frame).score(frame, NAMES) > 0.93
        check_members(condensed, WINE, NAMES)
        with pytest.raises(InputError, match="columns"):
            condensed.predict(frame[frame.columns[::-1]])


@pytest.mark.parametrize("method", ["kmeans", "kmedoids", "lvq", "edited-kmeans"])
def test_classes_in_any_order_some_without_samples(method):
    classes = np.array(["white", "blue", "green", "red"])
    condensed = pt.condense(pt.PrototypeModel(WINE, NAMES, classes=classes), 7, method=method)
    assert condensed.classes.tolist() == classes.tolist()
    assert set(condensed.labels) == {"white", "green", "red"}
    check_members(condensed, WINE, NAMES)


def test_chip_units_stay_chip_units():
    model = pt.PrototypeModel(X.astype(int), Y)
    condensed = pt.condense(model, 5)
    assert condensed.in_chip_units
    assert np.abs(condensed.prototypes - pt.condense(pt.PrototypeModel(X, Y), 5).prototypes).max() <= 0.5
    assert pt.condense(model, 5, method="lvq", bits=3).bits == 3


def test_equal_samples_make_one_prototype():
    samples = np.repeat([[0.0], [1.0], [5.0], [9.0]], 8, axis=0)
    for method in ("kmeans", "kmedoids"):
        model = pt.condense(pt.PrototypeModel(samples, np.repeat([0, 1], 16)), 10, method=method)
        assert model.prototypes[:, 0].tolist() == [0, 1, 5, 9]
        assert model.condensation.curve_prototypes.tolist() == [2, 4]
        assert model.condensation.chosen == 1


def test_few_samples_are_not_measured_at_all():
    """On the samples themselves each prototype would be right."""
    model = pt.condense(pt.PrototypeModel([[0.0], [1.0], [10.0], [11.0]], [0, 0, 1, 1]), 2)
    assert model.prototypes[:, 0].tolist() == [0.5, 10.5]
    assert (model.condensation.held_out, model.condensation.accuracy) == (0, None)
    values = converted(pt.convert(model))
    assert values["condensed"] == {"method": "kmeans", "samples": 4}
    assert "condensed_accuracy" not in values
    assert "too few samples to hold some out" in " ".join(cells(summary(values), 1))
    assert "What few prototypes cost" not in page(pt.convert(model), values)


@pytest.mark.parametrize(
    ("count", "samples", "expected"),
    [
        (7, [10, 20, 5], [2, 3, 2]),
        (8, [10, 20, 5], [3, 3, 2]),
        (20, [2, 100, 5], [2, 13, 5]),
        (3, [1, 1, 1], [1, 1, 1]),
        (5, [4, 0, 4], [3, 0, 2]),
        (9, [2, 3], [2, 3]),
    ],
)
def test_even_division(count, samples, expected):
    assert divided(count, np.array(samples)).tolist() == expected


WINE_MODEL = pt.PrototypeModel(WINE, WINES)


@pytest.mark.parametrize(
    ("model", "options", "error", "message"),
    [
        (WINE_MODEL, {"count": 6, "method": "magic"}, InputError, "method must be one of kmeans"),
        (WINE_MODEL, {}, InputError, r"'kmeans' needs the number of prototypes; give count=N \(--prototypes N\)"),
        (WINE_MODEL, {"count": 2}, InputError, "178 samples of 3 classes can be condensed to 3 up to 177 .* not to 2"),
        (WINE_MODEL, {"count": 178}, InputError, "up to 177 prototypes, not to 178"),
        (WINE_MODEL, {"count": 3.5}, InputError, "must be an integer, not 3.5"),
        (WINE_MODEL, {"count": True}, InputError, "must be an integer, not True"),
        (WINE_MODEL, {"count": 6, "bits": 0}, InputError, "bits must be"),
        (WINE_MODEL, {"count": 6, "random_state": -1}, InputError, "random_state must be an integer from 0 to"),
        (WINE_MODEL, {"count": 40, "method": "condensed"}, InputError, "finds out itself .* no number .* such as 40"),
        (WINE_MODEL, {"count": 40, "method": "edited"}, InputError, "finds out itself .* no number .* such as 40"),
        (WINE, {"count": 6}, InputError, r"give PrototypeModel\(X, y, metric\)"),
        ([[1.0]], {"count": 6}, InputError, r"give PrototypeModel\(X, y, metric\)"),
        (pt.PrototypeModel(WINE, WINES * 0), {"method": "edited"}, InputError, "two classes and more"),
        (pt.PrototypeModel(WINE, WINES * 0), {"count": 9, "method": "edited-kmeans"}, InputError, "two classes and"),
        (pt.PrototypeModel(WINE[::70], WINES[::70]), {"count": 3}, InputError, "each of the 3 samples has a class of"),
        (pt.PrototypeModel(WINE[50:53], [0, 0, 1]), {"method": "edited"}, InputError, "more than 3 samples, not 3"),
        (
            pt.PrototypeModel([[at] for at in range(20)], [0, 1] * 10),
            {"count": 4, "method": "edited-kmeans"},
            InputError,
            "keep none of 20 samples",
        ),
        (
            pt.PrototypeModel(WINE, WINES, "linf"),
            {"count": 6, "method": "lvq"},
            UnsupportedModelError,
            "l1 and l2, not for linf",
        ),
        (pt.PrototypeModel(WINE.astype(int), WINES, "hamming"), {"count": 6}, UnsupportedModelError, "not with 'ham"),
        (pt.PrototypeModel(WINE, WINES, radii=3.0), {"count": 6}, UnsupportedModelError, "the model has radii"),
        (pt.PrototypeModel(WINE, WINES, min_margin=1), {"count": 6}, UnsupportedModelError, "has min_margin"),
        (pt.PrototypeModel(WINE, WINES, masks=WINE > 1), {"count": 6}, UnsupportedModelError, "has masks"),
        (
            pt.PrototypeModel(WINE, WINES, weights=1 + (WINE > 1)),
            {"count": 6},
            UnsupportedModelError,
            "the model has weights",
        ),
        (pt.condense(WINE_MODEL, 9), {"count": 6}, UnsupportedModelError, "condensed already, from 178 samples"),
        (NearestCentroid().fit(WINE, WINES), {"count": 3}, UnsupportedModelError, "were trained and are no samples"),
        (KMeans(9, n_init=1).fit(WINE), {"count": 6}, UnsupportedModelError, "were trained and are no samples"),
        (
            pt.PrototypeGridClassifier(4, epochs=1).fit(WINE, WINES),
            {"count": 6},
            UnsupportedModelError,
            "were trained and are no samples",
        ),
        (
            KNeighborsClassifier(3, weights="distance").fit(WINE, WINES),
            {"count": 6},
            UnsupportedModelError,
            "weights='distance' with n_neighbors=3",
        ),
        (
            KNeighborsClassifier(40).fit(WINE, WINES),
            {"count": 6},
            UnsupportedModelError,
            "n_neighbors=40, .* or to 1 and condense the samples",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_is_refused(model, options, error, message):
    with pytest.raises(error, match=message):
        pt.condense(model, **options)


@pytest.mark.parametrize(
    ("method", "module", "library"),
    [
        ("edited", "imblearn.under_sampling", "imbalanced-learn"),
        ("edited-kmeans", "imblearn.under_sampling", "imbalanced-learn"),
        ("kmedoids", "kmedoids", "kmedoids"),
    ],
)
def test_missing_libraries_are_named(method, module, library, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InputError, match=rf"need the library {library}; .* pip install 'prototile\[{library}\]'"):
        pt.condense(WINE_MODEL, None if method in SELF_SIZED else 6, method=method)


def test_editing_takes_the_metric():
    """In l2 the middle sample is nearest to those of the other class, in linf to its own."""
    own = [[3.0, 3.0], [3.0, -3.0], [-3.0, 3.0]]
    other = [[3.5, 0.0], [-3.5, 0.0], [0.0, 3.5]]
    far = [[50.0 + at, 50.0] for at in range(4)]
    samples = np.array([[0.0, 0.0], *own, *other, *far])
    classes = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1])
    assert 0 not in edited_neighbours(samples, classes, "l2")
    assert 0 in edited_neighbours(samples, classes, "linf")


def test_designs_keep_it(tmp_path):
    model = pt.condense(pt.PrototypeModel(WINE, NAMES), 9)
    design = pt.convert(model, WINE)
    design.save(tmp_path / "design")
    loaded = pt.load(tmp_path / "design")
    for row in (7, 100):
        explanation = loaded.explain(WINE[row])
        own = model.condensation.members[row]
        assert explanation.prototype != own or row in explanation.stands_for
        assert explanation.stands_for.tolist() == model.condensation.members_of(explanation.prototype).tolist()
    values, found = read_report(tmp_path / "design"), model.condensation
    assert values["condensed"] == {"method": "kmeans", "samples": 178}
    assert values["condensed_accuracy"] == {
        "held_out": 43,
        "before": round(found.accuracy_before, 6),
        "prototypes": 9,
        "after": round(found.accuracy, 6),
        "by_prototypes": {
            str(count): round(share, 6)
            for count, share in zip(found.curve_prototypes, found.curve_accuracies, strict=True)
        },
    }
    text = (tmp_path / "design" / "report.html").read_text()
    assert "What few prototypes cost" in text
    assert f"<title>9 prototypes: {100 * found.accuracy:.1f} %</title>" in text
    assert f"all samples: {100 * found.accuracy_before:.1f} %" in text
    assert "stands for" in text
    without = pt.convert(pt.PrototypeModel(WINE[:9], NAMES[:9]))
    assert "condensed" not in converted(without)
    assert without.explain(WINE[0]).stands_for is None


@pytest.mark.parametrize(("members", "shown"), [(0, "no training sample"), (1, "row 0"), (13, "and 1 more; --json")])
def test_explanations_name_the_first_of_many_samples(members, shown):
    rows = np.concatenate([np.zeros(members, int), np.ones(20, int)])
    condensation = pt.condense(WINE_MODEL, 3).condensation
    condensation = type(condensation)(condensed_by="kmeans", members=rows)
    model = pt.PrototypeModel([[0.0], [9.0]], [0, 1], condensation=condensation)
    explanation = pt.convert(model).explain([0.0])
    table = explanation_table(explanation, ["component 0"])
    line = cells(table, 1)[cells(table, 0).index("stands for")]
    assert shown in line
    assert explanation.stands_for.tolist() == list(range(members))


@pytest.fixture(scope="module", name="file")
def model_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "model.skops"
    skops.io.dump(KNeighborsClassifier(1).fit(WINE, NAMES), path)
    return str(path)


def test_command(file, tmp_path, capsys):
    words = ["convert", file, "--bits", "6", "-o", str(tmp_path / "design"), "--json"]
    assert cli.main([*words, "--prototypes", "12", "--condense", "lvq"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["condensed"] == {"method": "lvq", "samples": 178}
    assert values["condensed_accuracy"]["by_prototypes"].keys() == {"3", "6", "12", "24"}
    np.savetxt(tmp_path / "queries.csv", WINE[:3], delimiter=",")
    explain = ["explain", str(tmp_path / "design"), "--vectors", str(tmp_path / "queries.csv"), "--row", "0"]
    assert cli.main(explain) == 0
    assert "training samples: rows" in capsys.readouterr().out
    assert cli.main([*explain, "--json"]) == 0
    assert 0 in json.loads(capsys.readouterr().out)["stands_for"]
    assert cli.main(["report", str(tmp_path / "design")]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "from 178 samples by learning vector quantisation" in shown
    assert "with 12 prototypes made of these" in shown
    assert "3: " in shown


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--prototypes", "500"], "not to 500"),
        (["--condense", "kmedoids"], "give count=N (--prototypes N)"),
        (["--prototypes", "9", "--condense", "condensed"], "finds out itself"),
    ],
)
def test_command_refuses_in_one_line(words, message, file, tmp_path, capsys):
    assert cli.main(["convert", file, "-o", str(tmp_path / "design"), *words]) == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "design").exists()


def test_command_offers_each_method():
    convert = next(action for action in cli.parser()._actions if action.dest == "command").choices["convert"]
    assert list(next(action for action in convert._actions if action.dest == "condense").choices) == list(METHODS)


def test_a_model_that_is_too_large_tells_of_it():
    with pytest.raises(
        pt.FitError, match=r"fewer prototypes \(of samples: prototile\.condense, convert --prototypes N"
    ):
        pt.convert(pt.PrototypeModel(np.tile(X, (8, 1)), np.tile(Y, 8)), X, bits=4)
