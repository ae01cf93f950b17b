"""The libraries of learning vector quantisation themselves, where they are installed, as by prototile[prosemble].

Without them these tests are skipped, and recorded models stand in for them in `test_lvq.py`.
"""

import numpy as np
import pytest
from sklearn.datasets import load_iris

from prototile.errors import UnsupportedModelError
from prototile.frontends import to_prototype_model
from prototile.frontends.prosemble import prosemble_file

pytestmark = pytest.mark.filterwarnings("ignore")

X, Y = load_iris(return_X_y=True)
X = np.rint(X * 10).astype(np.float32)
QUERIES = np.random.default_rng(0).integers(0, 80, (400, 4)).astype(np.float32)


def check(model, answers):
    """All answers, but for rounding to float32 where two classes are equally near."""
    assert (model.predict(QUERIES) == np.asarray(answers)).mean() > 0.99


PROSEMBLE = [
    "GLVQ",
    "GLVQ1",
    "GLVQ21",
    "LVQ1",
    "LVQ21",
    "MedianLVQ",
    "CELVQ",
    "SNG",
    "SLVQ",
    "RSLVQ",
    "GMLVQ",
    "SMNG",
    "MRSLVQ",
]


@pytest.mark.parametrize("name", PROSEMBLE)
def test_prosemble(name, tmp_path):
    models = pytest.importorskip("prosemble.models")
    estimator = getattr(models, name)(n_prototypes_per_class=2, max_iter=5).fit(X, Y)
    check(to_prototype_model(estimator), estimator.predict(QUERIES))
    estimator.save(str(tmp_path / "m.npz"))
    check(prosemble_file(dict(np.load(tmp_path / "m.npz"))), estimator.predict(QUERIES))


@pytest.mark.parametrize("name", ["OCGLVQ", "OCGRLVQ", "OCGMLVQ"])
def test_prosembles_models_of_one_class(name):
    models = pytest.importorskip("prosemble.models")
    estimator = getattr(models, name)(n_prototypes=1, max_iter=5, target_label=1).fit(X, Y)
    check(to_prototype_model(estimator), estimator.predict(QUERIES))


@pytest.mark.parametrize("name", ["NeuralGas", "GrowingNeuralGas", "KohonenSOM"])
def test_prosembles_maps(name):
    models = pytest.importorskip("prosemble.models")
    size = {"n_prototypes": 5} if name == "NeuralGas" else {}
    estimator = getattr(models, name)(max_iter=5, **size).fit(X)
    check(to_prototype_model(estimator), estimator.predict(QUERIES))


PROTOTORCH = [
    "GLVQ",
    "GLVQ1",
    "GLVQ21",
    "GRLVQ",
    "GMLVQ",
    "ImageGLVQ",
    "ImageGMLVQ",
    "LVQ1",
    "LVQ21",
    "MedianLVQ",
    "CELVQ",
    "LGMLVQ",
    "GTLVQ",
    "RSLVQ",
]


@pytest.mark.parametrize("name", PROTOTORCH)
def test_prototorch(name):
    models = pytest.importorskip("prototorch.models")
    import prototorch
    import torch

    sizes = {"distribution": (3, 2), "input_dim": 4, "latent_dim": 3}
    start = prototorch.initializers.SMCI((torch.tensor(X), torch.tensor(Y)), noise=0.1)
    estimator = getattr(models, name)(sizes, prototypes_initializer=start)
    if name in ("LGMLVQ", "GTLVQ", "RSLVQ"):
        with pytest.raises(UnsupportedModelError, match=f"prototorch's {name}"):
            to_prototype_model(estimator)
        return
    check(to_prototype_model(estimator), estimator.predict(torch.tensor(QUERIES)).numpy())


def test_torchhd():
    torchhd = pytest.importorskip("torchhd")
    import torch

    centroid = torchhd.models.Centroid(255, 4)
    centroid.add(torchhd.random(40, 255), torch.arange(40) % 4)
    with pytest.raises(UnsupportedModelError, match="binarise it first"):
        to_prototype_model(centroid)
    centroid.weight.data = torchhd.hard_quantize(centroid.weight.data)
    queries = torchhd.random(200, 255)
    model = to_prototype_model(centroid)
    for dot in (True, False):
        similarity = centroid(queries, dot=dot).detach().numpy()
        ordered = np.sort(similarity, axis=1)
        unique = ordered[:, -1] - ordered[:, -2] > 1e-4 * np.abs(ordered[:, -1])
        assert (model.predict(queries.numpy())[unique] == similarity.argmax(axis=1)[unique]).all()
