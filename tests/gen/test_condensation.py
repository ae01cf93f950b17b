import numpy as np
import pytest

import prototile as pt
from prototile.condensation import MAX_POINTS, Condensation
from prototile.errors import InputError, ModelFileError
from prototile.files import load_model, save_model

POINTS, LABELS = np.arange(18.0).reshape(9, 2), ["a", "b", "c"] * 3
SOUND = {
    "condensed_by": "kmeans",
    "members": [0, 1, 8, 8],
    "held_out": 1,
    "accuracy_before": 1.0,
    "curve_prototypes": [3, 9],
    "curve_accuracies": [0.5, 0.9],
    "chosen": 1,
}
UNMEASURED = {name: SOUND[name] for name in ("condensed_by", "members")}


def model(**values):
    return pt.PrototypeModel(POINTS, LABELS, condensation=Condensation(**values))


def test_what_it_tells():
    found = model(**SOUND).condensation
    assert (found.samples, found.accuracy) == (4, 0.9)
    assert found.members_of(8).tolist() == [2, 3]
    assert found.members_of(5).tolist() == []
    assert model(**UNMEASURED).condensation.accuracy is None
    with pytest.raises(ValueError, match="read-only"):
        found.members[0] = 1


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize("values", [SOUND, UNMEASURED], ids=["measured", "not measured"])
def test_files_keep_it(suffix, values, tmp_path):
    given = model(**values)
    save_model(given, tmp_path / f"model{suffix}")
    again = load_model(tmp_path / f"model{suffix}").condensation
    for name, value in vars(given.condensation).items():
        assert np.array_equal(value, getattr(again, name)), name
        assert type(value) is type(getattr(again, name)), name


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_files_keep_that_prototypes_were_trained(suffix, tmp_path):
    for trained in (False, True):
        save_model(pt.PrototypeModel(POINTS, LABELS, trained=trained), tmp_path / f"model{suffix}")
        assert load_model(tmp_path / f"model{suffix}").trained is trained


WRONG = [
    ({"members": [9, 0]}, "members name the prototype 9, but there are 9"),
    ({"members": [-1, 0]}, "members must be a list of integers from 0"),
    ({"members": []}, "members must have a prototype for each sample"),
    ({"members": [0.5, 0.5]}, "members must be a list of integers"),
    ({"members": [[0, 1]]}, "members must be a list of integers"),
    ({"condensed_by": "magic"}, "condensed_by must be one of"),
    ({"condensed_by": ["kmeans", "lvq"]}, "condensed_by must be one of"),
    ({"condensed_by": 3}, "condensed_by must be one of"),
    ({"held_out": 4}, "held_out must be an integer from 0 to 3"),
    ({"held_out": 0.5}, "held_out must be an integer"),
    ({"held_out": 0}, "go together"),
    ({"accuracy_before": None}, "go together"),
    ({"accuracy_before": [0.1, 0.2]}, "go together"),
    ({"accuracy_before": float("nan")}, "accuracy_before must be shares from 0 to 1"),
    ({"curve_prototypes": [], "curve_accuracies": []}, "go together"),
    ({"curve_accuracies": [0.5, 1.5]}, "curve_accuracies must be shares from 0 to 1"),
    ({"curve_accuracies": [0.5]}, "curve_prototypes must ascend, with an accuracy each"),
    ({"curve_prototypes": [9, 3]}, "curve_prototypes must ascend"),
    ({"curve_prototypes": [0, 3]}, "curve_prototypes must be a list of integers from 1"),
    (
        {"curve_prototypes": range(1, MAX_POINTS + 2), "curve_accuracies": [0.5] * (MAX_POINTS + 1)},
        f"{MAX_POINTS} at most",
    ),
    ({"chosen": 2}, "chosen must be an integer from 0 to 1"),
    ({"chosen": "first"}, "chosen must"),
]


@pytest.mark.parametrize(("values", "message"), WRONG, ids=[str(number) for number in range(len(WRONG))])
def test_what_is_refused(values, message):
    with pytest.raises(InputError, match=message):
        model(**{**SOUND, **values})


@pytest.mark.parametrize(
    ("values", "message"), [case for case in WRONG if None not in case[0].values()], ids=lambda value: str(value)[:30]
)
def test_files_are_checked_alike(values, message, tmp_path):
    arrays = {"prototypes": POINTS, "labels": LABELS, **SOUND, **values}
    np.savez(tmp_path / "model.npz", **{name: np.asarray(value) for name, value in arrays.items()})
    with pytest.raises(InputError, match=rf"model\.npz: .*{message}"):
        load_model(tmp_path / "model.npz")


def test_half_of_it_is_refused(tmp_path):
    np.savez(tmp_path / "model.npz", prototypes=POINTS, labels=LABELS, members=np.zeros(4, int))
    with pytest.raises(ModelFileError, match="'members' without all of condensed_by"):
        load_model(tmp_path / "model.npz")


def test_it_goes_with_the_model():
    given = model(**SOUND)
    before = pt.AffineMap([2.0, 1.0], [0.0, 0.0])
    for other in (given.preceded_by(before), given.with_labels(range(9)), given.with_feature_names(["x", "y"])):
        assert other.condensation is given.condensation
    assert given.with_condensation(None).condensation is None
    with pytest.raises(InputError, match="condensation must be a Condensation or None, not 3"):
        pt.PrototypeModel(POINTS, LABELS, condensation=3)
    with pytest.raises(InputError, match="trained must be True or False, not 1"):
        pt.PrototypeModel(POINTS, LABELS, trained=1)
