"""Learning vector quantisation of other libraries: recorded models give the labels that their library gave.

The libraries themselves need not be installed, and most of them cannot be beside each other. `tests/gen/recorded` holds
what their fitted models keep, integer queries and the answers, with the scripts that recorded them.
"""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors.numpy import load_file

import prototile as pt
from prototile.errors import InputError, UnsupportedModelError
from prototile.frontends import to_prototype_model
from prototile.frontends.prosemble import prosemble_file
from prototile.frontends.prototorch import prototorch_state

RECORDED = Path(__file__).parents[1] / "recorded"


def stand_in(library, name, **attributes):
    """An object of a class that is called as that of a library, with what a fitted one keeps."""
    return type(name, (SimpleNamespace,), {"__module__": f"{library}.models"})(**attributes)


def recorded(library, name, **changes):
    kept = dict(np.load(RECORDED / f"{library}_{name}.npz"))
    queries, answers = kept.pop("queries"), kept.pop("answers", None)
    for key in ("sigma", "distance_type"):
        if key in kept:
            kept[key] = kept[key].item()
    return stand_in(library, name, **{**kept, **changes}), queries, answers


def check(model, queries, answers, share=1.0):
    """Compare on all queries but those where two classes are as near as rounding to float32 can tell."""
    predicted = model.predict(queries)
    distances = model.distances(model.transform(queries))
    classes = np.stack([distances[:, model.class_indices == i].min(axis=1) for i in range(model.class_count)])
    nearest = np.sort(classes, axis=0)
    clear = nearest[1] - nearest[0] > 1e-4 * nearest[1]
    assert clear.mean() > 0.95
    assert len(set(answers.tolist())) > 1
    assert (predicted == answers)[clear].mean() == share


@pytest.mark.parametrize("name", ["GLVQ", "GMLVQ"])
def test_sklvq(name):
    estimator, queries, answers = recorded("sklvq", name)
    model = to_prototype_model(estimator)
    assert model.classes.tolist() == ["setosa", "versicolor", "virginica"]
    check(model, queries, answers)
    assert isinstance(model.preprocess, pt.MatrixMap) == (name == "GMLVQ")


@pytest.mark.parametrize("name", ["GlvqModel", "GrlvqModel", "GmlvqModel", "GrmlvqModel", "RslvqModel", "MrslvqModel"])
def test_sklearn_lvq(name):
    estimator, queries, answers = recorded("sklearn_lvq", name)
    check(to_prototype_model(estimator), queries, answers)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: recorded("sklvq", "LGMLVQ")[0], UnsupportedModelError, "LGMLVQ has a matrix for each prototype"),
        (lambda: recorded("sklearn_lvq", "LgmlvqModel")[0], UnsupportedModelError, "LgmlvqModel has a matrix for each"),
        (
            lambda: recorded("sklvq", "GLVQ", distance_type=object)[0],
            UnsupportedModelError,
            "GLVQ has distance_type=<class 'object'>, but only 'squared-euclidean' and 'euclidean'",
        ),
        (lambda: stand_in("sklvq", "GLVQ"), InputError, "the GLVQ is not fitted"),
        (lambda: stand_in("sklearn_lvq", "GlvqModel"), InputError, "the GlvqModel is not fitted"),
        (
            lambda: recorded("sklearn_lvq", "RslvqModel", sigma=-1.0)[0],
            UnsupportedModelError,
            "sigma=-1.0, with which the farthest",
        ),
        (
            lambda: recorded("sklearn_lvq", "GrlvqModel", lambda_=np.array([1.0, -0.5, 1.0, 1.0]))[0],
            UnsupportedModelError,
            "GrlvqModel has the relevance -0.5 in feature 1, which makes far things near",
        ),
        (
            lambda: recorded("sklearn_lvq", "GrlvqModel", lambda_=np.ones(3))[0],
            InputError,
            r"relevances of GrlvqModel have the shape \(3,\), but its prototypes have 4 features",
        ),
        (
            lambda: recorded("sklvq", "GMLVQ", omega_=np.eye(3))[0],
            InputError,
            "the matrix of GMLVQ has 3 rows, but its prototypes have 4 features",
        ),
        (
            lambda: recorded("sklearn_lvq", "GlvqModel", w_=np.full((6, 4), np.inf))[0],
            InputError,
            "the prototypes of GlvqModel holds inf in row 0",
        ),
        (lambda: stand_in("sklvq", "Other"), UnsupportedModelError, "Other is not supported"),
    ],
)
def test_refused(make, error, message):
    with pytest.raises(error, match=message):
        to_prototype_model(make())


class TestProsemble:
    answers = np.load(RECORDED / "prosemble_answers.npz")
    queries = answers["queries"]

    def arrays(self, name):
        return dict(np.load(RECORDED / f"prosemble_{name}.npz"))

    def in_memory(self, name, **changes):
        arrays = self.arrays(name)
        hyperparameters = json.loads(str(arrays.pop("__metadata__")))["hyperparams"]
        distance = stand_in("prosemble", "function", __name__="squared_euclidean_distance_matrix")
        return stand_in("prosemble", name, **{**hyperparameters, **arrays, "distance_fn": distance, **changes})

    @pytest.mark.parametrize("name", ["GLVQ", "GMLVQ", "MRSLVQ", "NeuralGas", "OCGLVQ"])
    def test_agrees(self, name):
        for model in (prosemble_file(self.arrays(name)), to_prototype_model(self.in_memory(name))):
            if name == "OCGLVQ":
                assert model.predict(self.queries).tolist() == self.answers[name].tolist()
                assert len(set(self.answers[name])) == 2
            else:
                check(model, self.queries, self.answers[name])

    def test_relevances_are_those_of_training_not_of_predict(self):
        with pytest.warns(UserWarning, match=r"GRLVQ.predict of prosemble 2.4 leaves out the relevances"):
            model = prosemble_file(self.arrays("GRLVQ"))
        # Its own ONNX export has them, its own predict has not.
        check(model, self.queries, self.answers["GRLVQ_onnx"])
        assert (model.predict(self.queries) != self.answers["GRLVQ"]).any()
        even = self.in_memory("GRLVQ", relevances_=np.full(4, 0.25))
        check(to_prototype_model(even), self.queries, self.answers["GRLVQ"])

    def test_one_radius_for_several_prototypes(self):
        estimator = self.in_memory("OCGMLVQ")
        with pytest.raises(UnsupportedModelError, match="OCGMLVQ asks only the nearest prototype for its radius"):
            to_prototype_model(estimator)
        mapped = self.queries @ estimator.omega_.astype(float)
        centres = estimator.prototypes_ @ estimator.omega_.astype(float)
        nearest = ((mapped[:, None] - centres) ** 2).sum(axis=2).min(axis=1)
        estimator.thetas_ = np.full(3, np.median(nearest))
        inside = nearest <= estimator.thetas_[0]
        assert 0.4 < inside.mean() < 0.6
        model = to_prototype_model(estimator)
        assert model.predict(self.queries).tolist() == np.where(inside, 1, model.reject).tolist()

    def test_radii_that_do_not_reach_half_way(self):
        apart = self.in_memory(
            "OCGLVQ",
            prototypes_=np.array([[0.0], [10.0], [13.0]]),
            prototype_labels_=np.ones(3, int),
            thetas_=np.array([24.0, 1.0, 2.0]),
        )
        model = to_prototype_model(apart)
        x = np.linspace(-8, 18, 261)[:, None]
        nearest = np.abs(x - apart.prototypes_.T).argmin(axis=1)
        inside = (x[:, 0] - apart.prototypes_[nearest, 0]) ** 2 <= apart.thetas_[nearest]
        assert model.predict(x).tolist() == np.where(inside, 1, model.reject).tolist()
        apart.thetas_ = np.array([25.0, 1.0, 2.0])
        with pytest.raises(UnsupportedModelError, match="prototype 0 reaches beyond the middle to prototype 1"):
            to_prototype_model(apart)

    @pytest.mark.parametrize(
        ("name", "changes", "error", "message"),
        [
            ("LGMLVQ", {}, UnsupportedModelError, "prosemble's LGMLVQ has a matrix for each prototype or class"),
            ("GLVQ", {"prototypes_": None}, InputError, "the GLVQ is not fitted"),
            ("GLVQ", {"quantized_dtype": "int8"}, UnsupportedModelError, "was quantised to int8 by prosemble"),
            ("GLVQ", {"distance_fn": np.hypot}, UnsupportedModelError, "GLVQ has distance_fn=hypot, but only"),
            ("OCGLVQ", {"beta": -1.0}, UnsupportedModelError, "OCGLVQ has beta=-1.0"),
            ("OCGLVQ", {"thetas_": np.ones(2)}, InputError, r"thetas_ of OCGLVQ have the shape \(2,\)"),
            ("GMLVQ", {"omega_": None}, InputError, "the GMLVQ lacks omega_"),
        ],
    )
    def test_refused(self, name, changes, error, message):
        with pytest.raises(error, match=message):
            to_prototype_model(self.in_memory(name, **changes))

    def test_unknown_kinds_are_refused(self):
        with pytest.raises(UnsupportedModelError, match="prosemble's PLVQ is not supported, as it is not known to"):
            to_prototype_model(stand_in("prosemble", "PLVQ"))


class TestPrototorch:
    answers = np.load(RECORDED / "prototorch_answers.npz")
    queries = answers["queries"]

    def state(self, name):
        return load_file(RECORDED / f"prototorch_{name}.safetensors")

    def in_memory(self, name, distance="squared_euclidean_distance"):
        tensors = {key: Tensor(value) for key, value in self.state(name).items()}
        layer = SimpleNamespace(fn=stand_in("prototorch", "function", __name__=distance))
        return stand_in("prototorch", name, state_dict=lambda: tensors, distance_layer=layer)

    @pytest.mark.parametrize("name", ["GLVQ", "GRLVQ", "GMLVQ", "CELVQ"])
    def test_agrees(self, name):
        for model in (prototorch_state(self.state(name)), to_prototype_model(self.in_memory(name))):
            check(model, self.queries, self.answers[name])

    @pytest.mark.parametrize(
        ("make", "error", "message"),
        [
            (lambda self: prototorch_state(self.state("LGMLVQ")), UnsupportedModelError, "has a matrix for each"),
            (
                lambda self: prototorch_state(self.state("SiameseGLVQ")),
                UnsupportedModelError,
                r"holds backbone\.bias, the weights of a network before the prototypes",
            ),
            (
                lambda self: prototorch_state({**self.state("GLVQ"), "other": np.ones(1)}),
                UnsupportedModelError,
                "holds other, what would change the answers",
            ),
            (
                lambda self: prototorch_state({"proto_layer._components": np.ones((2, 2))}),
                InputError,
                r"holds no proto_layer\._labels",
            ),
            (lambda self: to_prototype_model(self.in_memory("LGMLVQ")), UnsupportedModelError, "prototorch's LGMLVQ"),
            (
                lambda self: to_prototype_model(self.in_memory("SiameseGLVQ")),
                UnsupportedModelError,
                "prototorch's SiameseGLVQ is not supported",
            ),
            (
                lambda self: to_prototype_model(self.in_memory("GLVQ", "lpnorm_distance")),
                UnsupportedModelError,
                "GLVQ has distance_fn=lpnorm_distance, but only",
            ),
        ],
    )
    def test_refused(self, make, error, message):
        with pytest.raises(error, match=message):
            make(self)


class Tensor(SimpleNamespace):
    """What of a torch tensor is used."""

    def __init__(self, array):
        super().__init__(array=array)

    def detach(self):
        return self

    def cpu(self):
        return self

    def numpy(self):
        return self.array


class TestTorchhd:
    kept = np.load(RECORDED / "torchhd_Centroid.npz")

    def centroid(self, weight):
        return stand_in("torchhd", "Centroid", weight=Tensor(weight))

    @pytest.mark.parametrize("factor", [1.0, 255**-0.5], ids=["signs", "normalised"])
    def test_signs(self, factor):
        design = pt.convert(self.centroid(self.kept["weight"] * np.float32(factor)))
        assert design.config.bits == 1
        queries = self.kept["queries"]
        ordered = np.sort(self.kept["dot"], axis=1)
        unique = ordered[:, -1] > ordered[:, -2]
        assert unique.mean() > 0.9
        for similarity in (self.kept["dot"], self.kept["cosine"]):
            assert design.predict(queries)[unique].tolist() == similarity.argmax(axis=1)[unique].tolist()
        # The distance is what the similarity says it is.
        assert design.decide(queries)["distance"].tolist() == ((255 - self.kept["dot"].max(axis=1)) / 2).tolist()

    def test_sums_are_refused(self):
        with pytest.raises(UnsupportedModelError, match=r"has weights of 6 magnitudes, from 0 to 10, .* binarise it"):
            to_prototype_model(self.centroid(self.kept["raw"]))
        with pytest.raises(InputError, match="the Centroid is not trained"):
            to_prototype_model(self.centroid(np.zeros((2, 8))))
