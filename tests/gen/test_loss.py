"""What a design loses against its model: measured, told and warned of; and where its range comes from."""

import json
import warnings

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.tree import DecisionTreeClassifier

import prototile as pt
from prototile import cli
from prototile.folder import CONFIG_FILE
from prototile.page import bits_text, page, range_text
from prototile.quantiser import MAX_LOSS, BitsChoice, BitsPoint, choose_bits, measure_bits
from prototile.report import converted, read_report
from prototile.summary import summary

X, Y = load_iris(return_X_y=True)
MODEL = KNeighborsClassifier(3).fit(X, Y)
BOARD = "ulx3s-25f"


def lines_of(values):
    table = summary(values)
    names, texts = (list(column.cells) for column in table.columns)
    return {str(name): str(text) for name, text in zip(names, texts, strict=True)}


def convert(**options):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return pt.convert(MODEL, board=BOARD, **options)


def test_a_named_width_that_loses_more_is_warned_of_with_the_figure():
    message = r"^1 bit loses 35\.3 points of agreement .* than the 0\.5 of max_loss; use more"
    with pytest.warns(pt.LossWarning, match=message):
        design = pt.convert(MODEL, calibration=X, bits=1, board=BOARD)
    point = measure_bits(design.model, 1, X).point
    assert design.bits_choice.named and design.bits_choice.point == point
    with pytest.warns(pt.LossWarning, match=r"^4 bits lose 1\.3 points of accuracy"):
        pt.convert(MODEL, calibration=X, y=Y, bits=4, board=BOARD)
    assert convert(calibration=X, bits=4, max_loss=0.05).bits_choice.reached
    assert convert(calibration=X, bits=8).bits_choice.reached


def test_no_width_that_keeps_the_limit():
    # Two that are near to each other, and one far away: 16 bits do not tell the first from the second.
    model = pt.PrototypeModel([[0.0], [1e-7], [1e6]], ["a", "b", "c"])
    data = [[2e-8], [8e-8], [9e5]]
    message = r"^no width keeps the loss within the 0\.5 of max_loss; 1 bit loses least, 33\.3 points of agreement"
    with pytest.warns(pt.LossWarning, match=message):
        design = pt.convert(model, calibration=data)
    losses = [point.loss for point in design.bits_choice.curve]
    assert len(losses) == 16
    assert min(losses) == design.bits_choice.point.loss > 0


def test_the_fewest_bits_within_the_limit():
    for limit in (None, 0.0, 0.02, 0.2, 1.0):
        choice = convert(calibration=X, **({} if limit is None else {"max_loss": limit})).bits_choice
        losses = [point.loss for point in choice.curve]
        within = MAX_LOSS if limit is None else limit
        assert [point.bits for point in choice.curve] == list(range(1, choice.bits + 1))
        assert losses[-1] <= within + 1e-4
        assert all(loss > within for loss in losses[:-1])
        assert choice.max_loss == within and not choice.named


@pytest.mark.tools
def test_the_curve_stands_in_all_reports(tmp_path):
    design = convert(calibration=X, y=Y)
    design.save(tmp_path / "design")
    values = read_report(tmp_path / "design")
    told = values["bits_choice"]
    assert told["by_bits"] == {str(point.bits): round(point.accuracy, 6) for point in design.bits_choice.curve}
    assert (told["quantity"], told["within"], told["max_loss"], told["named"]) == ("accuracy", True, 0.005, False)
    assert values["ranges"] == {"from": "calibration data", "rows": 150}
    lines = lines_of(values)
    assert lines["bits"].startswith(f"{design.config.bits}, the fewest that lose at most 0.5 points: they ")
    assert lines["by bits"].startswith("1: 64.7 %, 2: 74.0 %, ")
    assert lines["range"] == "spans 150 calibration vectors and the prototypes"
    text = (tmp_path / "design" / "report.html").read_text()
    assert f"Why {design.config.bits} bits" in text
    assert text.count("<circle") == len(design.bits_choice.curve)
    assert bits_text(told) in text and range_text(values["ranges"]) in text
    again = pt.load(tmp_path / "design")
    assert (again.bits_choice, again.ranges) == (design.bits_choice, design.ranges)


def test_without_calibration_data_the_margin_is_stated():
    design = convert()
    values = converted(design)
    assert values["ranges"] == {"from": "prototypes", "margin_pct": 25.0}
    assert "bits_choice" not in values
    stated = "spans the prototypes and a margin of up to 25 % of it on either side, as there were no calibration data"
    assert lines_of(values)["range"] == stated
    assert stated in page(design, values)
    # It is what was done: eight bits span the prototypes and a quarter of their range on both sides.
    largest = np.ptp(X, axis=0).max()
    assert design.quantiser.step == pytest.approx(largest * 1.5 / 255)
    assert design.quantiser.offset == pytest.approx(X.min(axis=0) - 0.25 * largest)


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (pt.PrototypeModel([[1, 2], [3, 4]], [0, 1]), "that of the model, which is in chip units"),
        (
            pt.PrototypeModel(np.arange(16).reshape(2, 2, 4), [0, 1], metric="table"),
            "that of the model, which is in chip",
        ),
    ],
)
def test_ranges_of_integer_models(model, text):
    values = converted(pt.convert(model))
    assert lines_of(values)["range"].startswith(text)


def test_named_widths_and_gains_in_words():
    choice = {"bits": 4, "named": True, "quantity": "accuracy", "loss": -0.012, "max_loss": 0.005, "within": True}
    assert bits_text(choice) == "4, as named: they gain 1.2 points of accuracy on the calibration data"
    lost = choice | {"loss": 0.031, "within": False, "named": False}
    told = "they lose 3.1 points of accuracy on the calibration data, more than 0.5 points"
    assert bits_text(lost) == f"4, which lose least of all widths: {told}"


def test_choices_without_a_measurement():
    exact = pt.PrototypeModel([[1, 2], [3, 4]], [0, 1])
    assert measure_bits(exact, 3, [[1, 2]]) is None
    assert choose_bits(exact, [[1, 2]]).point is None
    assert BitsChoice(bits=3, curve=(), reached=True).warning is None
    lost = BitsPoint(bits=3, agreement=0.5, accuracy=None, loss=0.5)
    assert "3 bits lose 50.0 points" in BitsChoice(bits=3, curve=(lost,), reached=False, named=True).warning


def test_the_command_tells_the_loss(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("prototile.commands.prepare_yosys", lambda progress: None)
    monkeypatch.setattr("prototile.commands.save", lambda design, folder, bench: None)
    monkeypatch.setattr("prototile.commands.read_report", lambda folder: converted(designs[-1]))
    designs = []
    original = pt.convert
    monkeypatch.setattr(
        "prototile.commands.convert_model",
        lambda *given, **named: designs.append(original(*given, **named)) or designs[-1],
    )
    np.savez(tmp_path / "m.npz", prototypes=NearestCentroid().fit(X, Y).centroids_, labels=[0, 1, 2], metric="l2")
    np.savetxt(tmp_path / "x.csv", X, delimiter=",")
    arguments = [
        "convert",
        str(tmp_path / "m.npz"),
        "-o",
        str(tmp_path / "d"),
        "--calibration",
        str(tmp_path / "x.csv"),
    ]
    assert cli.main([*arguments, "--bits", "1"]) == 0
    out, err = capsys.readouterr()
    assert "prototile: warning: 1 bit loses" in err
    assert "as named: they lose" in out
    assert cli.main([*arguments, "--json"]) == 0
    out, err = capsys.readouterr()
    assert "warning" not in err
    assert json.loads(out)["bits_choice"]["within"] is True


@pytest.mark.tools
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ranges", {"source": "elsewhere"}),
        ("ranges", {"source": "prototypes"}),
        ("ranges", {"source": "calibration data", "rows": "many"}),
        ("ranges", 3),
    ],
)
def test_damaged_ranges(design_folder, tmp_path, key, value):
    values = json.loads((design_folder / CONFIG_FILE).read_text())
    (tmp_path / CONFIG_FILE).write_text(json.dumps({**values, key: value}))
    (tmp_path / "model.safetensors").write_bytes((design_folder / "model.safetensors").read_bytes())
    with pytest.raises(pt.ModelFileError, match=r"config\.json is damaged"):
        pt.load(tmp_path)


def test_trees_and_tables_are_measured_too():
    tree = DecisionTreeClassifier(random_state=0).fit(X, Y)
    with pytest.warns(pt.LossWarning, match="2 bits lose"):
        design = pt.convert(tree, calibration=X, y=Y, bits=2, board=BOARD)
    found = float(np.mean(design.predict(X) == Y))
    assert design.bits_choice.point.accuracy == pytest.approx(found)
