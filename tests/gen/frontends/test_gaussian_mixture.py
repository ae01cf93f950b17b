"""GaussianMixture: nearest means where one map makes it so, tables where features add up, else a refusal."""

import numpy as np
import pytest
from sklearn.datasets import load_iris, load_wine
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import prototile as pt
from prototile.errors import InputError, UnsupportedModelError
from prototile.frontends import to_prototype_model

IRIS, WINE = load_iris().data, load_wine().data


def fitted(kind, components=3, data=IRIS, **changes):
    mixture = GaussianMixture(components, covariance_type=kind, random_state=0).fit(data)
    for name, value in changes.items():
        setattr(mixture, name, np.asarray(value))
    return mixture


def queries(data=IRIS):
    """Between, beside and beyond the data."""
    random = np.random.default_rng(0)
    return data[random.integers(0, len(data), 800)] + random.normal(size=(800, data.shape[1])) * data.std(axis=0)


@pytest.mark.parametrize("weights", [[1 / 3] * 3, [0.9, 0.09, 0.01], None], ids=["even", "uneven", "fitted"])
@pytest.mark.parametrize("kind", ["tied", "spherical", "diag", "full"])
def test_one_covariance_is_a_nearest_mean(kind, weights):
    mixture = fitted(kind) if weights is None else fitted(kind, weights_=weights)
    if kind != "tied":
        roots = mixture.precisions_cholesky_
        mixture.precisions_cholesky_ = np.broadcast_to(roots[:1], roots.shape)
    model = to_prototype_model(mixture)
    assert model.metric == "l2" and model.input_features == 4
    assert model.predict(queries()).tolist() == mixture.predict(queries()).tolist()
    assert len(set(model.predict(queries()).tolist())) == 3
    even = weights == [1 / 3] * 3
    assert model.features == (4 if even else 5)
    assert (model.preprocess is None) == (even and kind == "spherical")
    design = pt.convert(mixture, calibration=queries(), bits=10)
    assert (design.predict(queries()) == mixture.predict(queries())).mean() > 0.98


@pytest.mark.parametrize("kind", ["diag", "spherical"])
@pytest.mark.parametrize("data", [IRIS, WINE], ids=["iris", "wine"])
def test_features_that_add_up_are_tables(kind, data):
    mixture = fitted(kind, data=data)
    model = to_prototype_model(mixture)
    assert model.metric == "table"
    # The scores that the tables are made from are the mixture's own.
    assert model.predict(queries(data)).tolist() == mixture.predict(queries(data)).tolist()
    design = pt.convert(mixture, calibration=data, bits=8, board="ulx3s-25f")
    assert (design.predict(data) == mixture.predict(data)).mean() > 0.97


@pytest.mark.parametrize("kind", ["tied", "diag"])
def test_behind_a_scaler(kind):
    pipeline = make_pipeline(StandardScaler(), GaussianMixture(3, covariance_type=kind, random_state=0)).fit(WINE)
    model = to_prototype_model(pipeline)
    assert model.predict(queries(WINE)).tolist() == pipeline.predict(queries(WINE)).tolist()


@pytest.mark.parametrize("kind", ["tied", "diag"])
def test_a_component_without_weight_never_wins(kind):
    mixture = fitted(kind, weights_=[0.5, 0.0, 0.5])
    model = to_prototype_model(mixture)
    assert model.classes.tolist() == [0, 1, 2] and model.labels.tolist() == [0, 2]
    with np.errstate(divide="ignore"):
        assert model.predict(queries()).tolist() == mixture.predict(queries()).tolist()


def test_names_of_the_components():
    names = np.array(["x", "y", "x"])
    for kind in ("tied", "diag"):
        mixture = fitted(kind)
        design = pt.convert(mixture, calibration=IRIS, bits=8, labels=names, board="ulx3s-25f")
        expected = names[mixture.predict(IRIS)]
        assert design.classes.tolist() == ["x", "y"]
        assert design.model.predict(IRIS).tolist() == expected.tolist()
        assert (design.predict(IRIS) == expected).mean() > 0.97


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: fitted("full"), UnsupportedModelError, r"covariance_type='full', .* fit it with 'tied', 'diag'"),
        (lambda: GaussianMixture(2), InputError, "the GaussianMixture is not fitted"),
        (lambda: fitted("tied", means_=np.full((3, 4), np.nan)), InputError, "parameters that are no finite numbers"),
        (
            lambda: fitted("diag", precisions_cholesky_=np.arange(12.0).reshape(3, 4) * 1e200 + 1),
            UnsupportedModelError,
            "deviations whose densities are beyond float64",
        ),
    ],
)
def test_refused(make, error, message):
    with pytest.raises(error, match=message):
        to_prototype_model(make())
