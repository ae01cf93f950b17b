"""Estimators that an older scikit-learn has fitted and saved, see recorded/record_sklearn.py."""

import io
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

import prototile as pt
from prototile.files import load_model

RECORDED = Path(__file__).parent / "recorded"
VERSIONS = ("1.4", "1.5", "1.6")
NAMES = sorted(
    Path(name).stem for name in zipfile.ZipFile(RECORDED / "sklearn_1.4.zip").namelist() if name.endswith(".skops")
)


@pytest.fixture(scope="module", params=VERSIONS)
def recorded(request, tmp_path_factory):
    """Folder with the files of a version, and their answers."""
    folder = tmp_path_factory.mktemp("sklearn")
    with zipfile.ZipFile(RECORDED / f"sklearn_{request.param}.zip") as archive:
        archive.extractall(folder)
        return folder, dict(np.load(io.BytesIO(archive.read("answers.npz"))))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("suffix", ["skops", "joblib"])
def test_an_older_estimator_answers_as_it_did(recorded, name, suffix):
    folder, answers = recorded
    # None of them is of interest to whoever converts: that the file is older least of all.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = load_model(folder / f"{name}.{suffix}", trust_pickle=suffix == "joblib")
    queries = answers["queries"]
    if name == "categorical_nb":
        queries = np.abs(queries).astype(int)
    assert model.predict(queries).tolist() == answers[name].tolist()


def test_all_kinds_are_recorded():
    assert len(NAMES) == 26


def test_an_older_estimator_becomes_a_design(recorded):
    folder, answers = recorded
    design = pt.convert(folder / "search.skops", calibration=answers["queries"], bits=12)
    assert (design.predict(answers["queries"]) == answers["search"]).mean() > 0.98
