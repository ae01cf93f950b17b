"""Data frames whose columns are not those of training are refused, as scikit-learn refuses them."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.tree import DecisionTreeClassifier

import prototile as pt
from prototile.files import load_model, save_model

NAMES = ["length", "width", "weight"]
random = np.random.default_rng(2)
X, Y = random.integers(0, 8, (60, 3)) * [1.0, 2.0, 3.0], random.integers(0, 3, 60)
FRAME = pd.DataFrame(X, columns=NAMES)
MODELS = {
    "neighbours": KNeighborsClassifier(1),
    "tree": DecisionTreeClassifier(random_state=0),
    "tables": GaussianNB(),
    "pipeline": make_pipeline(StandardScaler(), KNeighborsClassifier(3)),
    "scaled tables": make_pipeline(MinMaxScaler(), GaussianNB()),
    "nested": make_pipeline(MinMaxScaler(), make_pipeline("passthrough", KNeighborsClassifier(1))),
    "frames inside": make_pipeline(MinMaxScaler().set_output(transform="pandas"), KNeighborsClassifier(1)),
}
MESSAGE = r"has the column 'weight' at place 0 \(counted from 0\), where the model was trained with 'length'; give the"


@pytest.fixture(params=MODELS)
def estimator(request):
    return MODELS[request.param].fit(FRAME, Y)


def test_columns_in_another_order_are_refused(estimator, tmp_path):
    design = pt.convert(estimator, calibration=FRAME, board="ulx3s-25f")
    other = FRAME[NAMES[::-1]]
    for loaded in (design, pt.load(design.save(tmp_path / "design"))):
        with pytest.raises(ValueError, match="feature names should match"):
            estimator.predict(other)
        for use in (loaded.predict, loaded.decide, loaded.model.predict, partial(loaded.score, y=Y)):
            with pytest.raises(pt.InputError, match=f"X {MESSAGE}"):
                use(other)
        with pytest.raises(pt.InputError, match=f"x {MESSAGE}"):
            loaded.explain(other[:1])
        expected = loaded.decide(X)
        assert np.array_equal(loaded.decide(FRAME), expected)
        # Arrays have no names, and neither have frames whose columns are numbers.
        assert np.array_equal(loaded.decide(pd.DataFrame(X)), expected)
        assert loaded.explain(FRAME[:1]).prototype == expected["prototype"][0]
    with pytest.raises(pt.InputError, match=f"X {MESSAGE}"):
        pt.convert(estimator, calibration=other, board="ulx3s-25f")


def test_another_number_of_columns_is_told_as_such(estimator):
    design = pt.convert(estimator, calibration=FRAME, board="ulx3s-25f")
    with pytest.raises(pt.InputError, match="X has 2 columns, but the model has 3 features"):
        design.predict(FRAME[NAMES[:2]])


def test_training_without_names_takes_any_frame():
    design = pt.convert(KNeighborsClassifier(1).fit(X, Y), calibration=FRAME)
    assert design.model.feature_names is None
    assert np.array_equal(design.decide(FRAME[NAMES]), design.decide(X))


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_names_of_ones_own(suffix, tmp_path):
    model = pt.PrototypeModel([[0.0, 1.0], [2.0, 3.0]], ["a", "b"], feature_names=("ä", "b\n"))
    save_model(model, tmp_path / f"model{suffix}")
    loaded = load_model(tmp_path / f"model{suffix}")
    assert loaded.feature_names == model.feature_names == ("ä", "b\n")
    with pytest.raises(pt.InputError, match=r"has the column 'b\\n' at place 0"):
        loaded.predict(pd.DataFrame([[0, 1]], columns=["b\n", "ä"]))
    shifted = model.preceded_by(pt.AffineMap([1.0, 1.0], [0.0, 1.0]))
    assert shifted.feature_names is None


@pytest.mark.parametrize("names", [["a"], ["a", 1], "ab", [["a", "b"]], 3])
def test_names_that_are_none(names):
    with pytest.raises(pt.InputError, match="feature_names must be 2 strings, one for each feature, not"):
        pt.PrototypeModel([[0.0, 1.0]], ["a"], feature_names=names)


def test_integers_beyond_floats_are_refused():
    design = pt.convert(KNeighborsClassifier(1).fit(X, Y), calibration=X)
    with pytest.raises(pt.InputError, match="X must hold numbers only: int too large to convert to float"):
        design.predict(np.array([[10**400, 1, 2]], dtype=object))
