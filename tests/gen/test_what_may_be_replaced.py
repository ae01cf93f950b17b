"""Folders of the user's own are never replaced, and what is wrong with the input is said before anything is."""

import numpy as np
import pandas as pd
import pytest
from sklearn.neighbors import KNeighborsClassifier

import prototile as pt


@pytest.fixture(name="design")
def small_design():
    return pt.convert(pt.PrototypeModel([[1, 2, 3], [3, 4, 1]], ["a", "b"]))


def test_a_folder_with_another_config_json_is_kept(design, tmp_path):
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "config.json").write_text('{"my": "app"}')
    (folder / "thesis.txt").write_text("precious")
    with pytest.raises(pt.InputError, match="holds something that is no design"):
        design.save(folder)
    assert (folder / "thesis.txt").read_text() == "precious"


def test_a_build_replaces_only_builds(design, tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(pt.InputError, match="holds something that is no build"):
        design.build(folder=tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "precious"


@pytest.mark.parametrize("name", [".", ""])
def test_the_current_folder_is_not_replaced(design, tmp_path, monkeypatch, name):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(pt.InputError, match="cannot be replaced"):
        design.save(name)


def test_a_link_to_a_design_is_followed(design, tmp_path):
    design.save(tmp_path / "real")
    (tmp_path / "link").symlink_to("real")
    design.save(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "real"]


def test_a_file_on_the_way_is_named(design, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(pt.InputError, match="cannot become a folder"):
        design.save(tmp_path / "file" / "design")


def test_labels_of_another_kind_are_refused():
    X = np.random.default_rng(0).normal(size=(40, 3))
    y = np.arange(40) % 2
    model = KNeighborsClassifier(1).fit(X, y)
    with pytest.raises(pt.InputError, match=r"no label of y is one of the model's classes: '0' is not in \[0, 1\]"):
        pt.convert(model, X, y=y.astype(str))


def test_a_loss_of_exactly_the_limit_is_accepted():
    numbers = np.random.default_rng(0)
    prototypes, X = numbers.normal(size=(4, 2)), numbers.normal(size=(200, 2))
    design = pt.convert(pt.PrototypeModel(prototypes, [0, 1, 0, 1]), X)
    assert design.bits_choice is not None
    assert design.bits_choice.curve[-1].agreement == 0.995


@pytest.mark.parametrize("largest", [1e160, 1e300])
def test_huge_values_do_not_overflow(largest):
    design = pt.convert(pt.PrototypeModel([[0.0], [largest]], [0, 1], metric="l2"), bits=4)
    assert design.predict([[largest]]).tolist() == [1]


def test_the_digest_covers_the_reject_label():
    digests = {
        pt.convert(pt.PrototypeModel([[1], [2]], [0, 1], radii=1, reject=label)).digest for label in (8, 9, None)
    }
    assert len(digests) == 3


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"memory": "foo"}, "memory must be one of block, logic, distributed, single_port, not 'foo'"),
        ({"memory_register": 0}, "memory_register must be True or False, not 0"),
        ({"board": None}, "board must be the name of a board, not None"),
    ],
)
def test_choices_of_the_wrong_kind(choice, message):
    with pytest.raises(pt.InputError, match=message):
        pt.convert(pt.PrototypeModel([[1], [2]], [0, 1]), **choice)


def test_score_takes_one_label_a_row(design):
    with pytest.raises(pt.InputError, match="y must have one label for each of the 2 rows"):
        design.score([[1, 2, 3], [3, 4, 1]], [["a"], ["b"]])


def test_score_takes_labels_of_the_model():
    X, y = [[1.0], [2.0]], [0, 1]
    scored = pt.convert(pt.PrototypeModel(X, y))
    assert scored.score(X, y) == scored.score(X, np.array(y, object)) == 1
    assert scored.score(X, [0, 7]) == 0.5
    with pytest.raises(pt.InputError, match=r"no label of y is one of the model's classes: '0' is not in \[0, 1\]"):
        scored.score(X, ["0", "1"])
    for missing in (None, np.nan, pd.NA):
        for check in (scored.score, lambda X, y: pt.convert(scored.model, X, y=y)):
            with pytest.raises(pt.InputError, match=r"y has .* in row 1 \(counted from 0\), which is no label; drop"):
                check(X, [0, missing])
