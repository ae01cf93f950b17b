"""Model files of other libraries: prosemble, prototorch, ONNX, NeuroMem; and labels that come apart."""

import builtins
import json
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from safetensors.numpy import load_file, save_file
from skl2onnx import to_onnx
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.mixture import GaussianMixture
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, RadiusNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, Normalizer, StandardScaler
from skops import io as skops_io

import prototile as pt
from prototile.cli import main
from prototile.errors import InputError, ModelFileError, UnsupportedModelError
from prototile.files import load_labels, load_model
from prototile.frontends import to_prototype_model

RECORDED = Path(__file__).parent / "recorded"
RANDOM = np.random.default_rng(0)
POINTS = RANDOM.integers(0, 64, (40, 3)).astype(np.float32)
NAMES = np.array(["left", "middle", "right"])[RANDOM.integers(0, 3, 40)]
QUERIES = RANDOM.integers(0, 64, (500, 3)).astype(np.float32)
PROSEMBLE = np.load(RECORDED / "prosemble_answers.npz")
PROTOTORCH = np.load(RECORDED / "prototorch_answers.npz")


class TestProsemble:
    @pytest.mark.parametrize("name", ["GLVQ", "GMLVQ", "OCGLVQ", "NeuralGas"])
    def test_file(self, name):
        model = load_model(RECORDED / f"prosemble_{name}.npz")
        assert (model.predict(PROSEMBLE["queries"]) == PROSEMBLE[name]).mean() > 0.98

    def write(self, tmp_path, name="GLVQ", metadata=None, **changes):
        arrays = dict(np.load(RECORDED / f"prosemble_{name}.npz"))
        values = {**json.loads(str(arrays.pop("__metadata__"))), **(metadata or {})}
        arrays = {key: array for key, array in {**arrays, **changes}.items() if array is not None}
        np.savez(tmp_path / "m.npz", __metadata__=np.array(json.dumps(values)), **arrays)
        return tmp_path / "m.npz"

    @pytest.mark.parametrize(
        ("metadata", "changes", "error", "message"),
        [
            ({"class_name": 7}, {}, ModelFileError, "m.npz: its __metadata__ is not what prosemble writes"),
            ({"hyperparams": 7}, {}, ModelFileError, "m.npz: its __metadata__ is not what prosemble writes"),
            ({"class_name": "PLVQ"}, {}, UnsupportedModelError, "m.npz: prosemble's PLVQ is not supported"),
            ({"class_name": "OCGLVQ"}, {}, InputError, "m.npz: the OCGLVQ lacks thetas_, _target_label"),
            ({"quantized_dtype": "int8"}, {}, UnsupportedModelError, "m.npz: GLVQ was quantised to int8"),
            ({}, {"prototypes_": None}, InputError, "m.npz: the GLVQ lacks prototypes_"),
            ({}, {"prototypes_": np.full((6, 4), np.nan)}, InputError, "prototypes of GLVQ holds nan in row 0"),
            ({}, {"prototype_labels_": np.zeros(5, int)}, InputError, "6 prototypes but 5 labels"),
        ],
    )
    def test_refused(self, tmp_path, metadata, changes, error, message):
        with pytest.raises(error, match=message):
            load_model(self.write(tmp_path, metadata=metadata, **changes))

    def test_no_json(self, tmp_path):
        np.savez(tmp_path / "m.npz", __metadata__=np.array("{"), prototypes_=np.ones((1, 1)))
        with pytest.raises(ModelFileError, match="its __metadata__ is not what prosemble writes"):
            load_model(tmp_path / "m.npz")


class TestPrototorch:
    @pytest.mark.parametrize("name", ["GLVQ", "GRLVQ", "GMLVQ"])
    def test_file(self, name):
        model = load_model(RECORDED / f"prototorch_{name}.safetensors")
        assert (model.predict(PROTOTORCH["queries"]) == PROTOTORCH[name]).mean() > 0.98

    def test_refused(self, tmp_path):
        with pytest.raises(UnsupportedModelError, match=r"LGMLVQ.safetensors: the state dict has a matrix for each"):
            load_model(RECORDED / "prototorch_LGMLVQ.safetensors")
        state = load_file(RECORDED / "prototorch_GLVQ.safetensors")
        save_file({**state, "proto_layer._reasonings": np.ones(2)}, tmp_path / "m.safetensors")
        with pytest.raises(UnsupportedModelError, match=r"holds proto_layer\._reasonings, what would change"):
            load_model(tmp_path / "m.safetensors")


def exported(estimator, tmp_path, **options):
    last = estimator[-1] if hasattr(estimator, "steps") else estimator
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = to_onnx(estimator, POINTS[:1], target_opset=18, options={id(last): options} if options else None)
    return saved(graph, tmp_path)


def saved(graph, tmp_path):
    (tmp_path / "m.onnx").write_bytes(graph.SerializeToString())
    return tmp_path / "m.onnx"


class TestOnnx:
    @pytest.mark.parametrize("k", [1, 3, 5])
    @pytest.mark.parametrize("p", [1, 2])
    @pytest.mark.parametrize("options", [{}, {"optim": "cdist"}, {"zipmap": False}], ids=str)
    @pytest.mark.parametrize("labels", [NAMES, (NAMES == "left") * 5 - 2], ids=["text", "integers"])
    def test_neighbours(self, tmp_path, k, p, options, labels):
        estimator = KNeighborsClassifier(k, p=p, algorithm="brute").fit(POINTS, labels)
        model = load_model(exported(estimator, tmp_path, **options))
        same = to_prototype_model(estimator)
        assert (model.metric, model.k) == (same.metric, same.k)
        assert model.classes.tolist() == same.classes.tolist()
        assert (model.prototypes == same.prototypes).all()
        assert model.predict(QUERIES).tolist() == same.predict(QUERIES).tolist()

    @pytest.mark.parametrize("scaler", [StandardScaler(), MinMaxScaler()], ids=str)
    @pytest.mark.parametrize("options", [{}, {"optim": "cdist"}], ids=str)
    def test_scalers(self, tmp_path, scaler, options):
        estimator = make_pipeline(scaler, KNeighborsClassifier(1)).fit(POINTS, NAMES)
        model = load_model(exported(estimator, tmp_path, **options))
        assert (model.predict(QUERIES) == estimator.predict(QUERIES)).mean() > 0.99
        np.testing.assert_allclose(model.transform(QUERIES), estimator[0].transform(QUERIES), rtol=1e-4, atol=1e-4)

    @pytest.mark.parametrize("name", ["GLVQ", "GMLVQ", "GRLVQ"])
    def test_prosemble(self, name):
        model = load_model(RECORDED / f"prosemble_{name}.onnx")
        expected = PROSEMBLE["GRLVQ_onnx" if name == "GRLVQ" else name]
        assert (model.predict(PROSEMBLE["queries"]) == expected).mean() > 0.98

    def test_many_prototypes(self, tmp_path):
        points = RANDOM.normal(size=(3000, 40)).astype(np.float32)
        estimator = KNeighborsClassifier(1).fit(points, np.arange(3000) % 7)
        graph = to_onnx(estimator, points[:1], target_opset=18)
        assert load_model(saved(graph, tmp_path)).prototype_count == 3000

    @pytest.mark.parametrize(
        ("estimator", "message"),
        [
            (KNeighborsClassifier(3, weights="distance"), "its votes depend on the distances|has the operator"),
            (make_pipeline(Normalizer(), KNeighborsClassifier(1)), "has the operator Normalizer"),
            (KNeighborsClassifier(1, p=3), "has the operator Pow|has distances by"),
            (GaussianNB(), "has the operator"),
        ],
        ids=str,
    )
    def test_other_models(self, tmp_path, estimator, message):
        with pytest.raises(UnsupportedModelError, match=f"m.onnx: it.* ({message})|m.onnx: {message}"):
            load_model(exported(estimator.fit(POINTS, NAMES), tmp_path))

    def test_prosembles_others(self):
        with pytest.raises(UnsupportedModelError, match=r"LGMLVQ.onnx: it has a matrix for each prototype"):
            load_model(RECORDED / "prosemble_LGMLVQ.onnx")
        with pytest.raises(UnsupportedModelError, match=r"OCGLVQ.onnx: it has the operator"):
            load_model(RECORDED / "prosemble_OCGLVQ.onnx")

    def test_a_graph_that_only_looks_like_one(self, tmp_path):
        graph = onnx.load(RECORDED / "prosemble_GLVQ.onnx")
        # The nearest by a distance of which one part has been doubled: the operators are the same.
        constant = next(one for one in graph.graph.initializer if one.name == "_two_const")
        constant.CopyFrom(helper.make_tensor("_two_const", TensorProto.FLOAT, [], [3.0]))
        with pytest.raises(UnsupportedModelError, match=r"its graph answers . where the nearest of its prototypes "):
            load_model(saved(graph, tmp_path))

    def test_many_values_are_not_computed(self, tmp_path):
        graph = onnx.load(RECORDED / "prosemble_GLVQ.onnx")
        column = helper.make_tensor("_column", TensorProto.FLOAT, [5000, 1], np.zeros(5000).tolist())
        row = helper.make_tensor("_row", TensorProto.FLOAT, [1, 5000], np.zeros(5000).tolist())
        graph.graph.initializer.extend([column, row])
        nodes = [helper.make_node("Add", ["_column", "_row"], ["_sum0"])]
        nodes += [helper.make_node("Add", [f"_sum{count}", "_row"], [f"_sum{count + 1}"]) for count in range(30)]
        nodes.append(helper.make_node("ReduceSum", ["_sum30"], ["_zero"], keepdims=0))
        nodes.append(helper.make_node("Add", ["prototypes", "_zero"], ["_moved"]))
        for node in reversed(nodes):
            graph.graph.node.insert(0, node)
        next(node for node in graph.graph.node if node.op_type == "Transpose").input[0] = "_moved"
        tracemalloc.start()
        with pytest.raises(UnsupportedModelError, match="computes values that are too large"):
            load_model(saved(graph, tmp_path))
        assert tracemalloc.get_traced_memory()[1] < 1 << 30
        tracemalloc.stop()

    @pytest.mark.parametrize("place", [0, -1])
    def test_a_circle_is_refused(self, tmp_path, place):
        graph = onnx.load(RECORDED / "prosemble_GLVQ.onnx")
        node = graph.graph.node[place]
        node.input[0] = node.output[0]
        with pytest.raises(ModelFileError, match=r"takes '.*' before there is one"):
            load_model(saved(graph, tmp_path))

    def test_a_circle_in_the_scaler_is_refused(self, tmp_path):
        estimator = make_pipeline(StandardScaler(), KNeighborsClassifier(1)).fit(POINTS, NAMES)
        exported(estimator, tmp_path)
        graph = onnx.load(tmp_path / "m.onnx")
        for node in graph.graph.node:
            if "X" in node.input:
                node.input[list(node.input).index("X")] = node.output[0]
        with pytest.raises(ModelFileError, match=r"takes '.*' before there is one"):
            load_model(saved(graph, tmp_path))

    @pytest.mark.parametrize("operator", ["Loop", "ConstantOfShape", "Identity"])
    def test_a_scan_of_anything_else_is_not_run(self, tmp_path, operator):
        exported(KNeighborsClassifier(1).fit(POINTS, NAMES), tmp_path)
        graph = onnx.load(tmp_path / "m.onnx")
        scan = next(node for node in graph.graph.node if node.op_type == "Scan")
        body = next(attribute.g for attribute in scan.attribute if attribute.name == "body")
        body.node.append(helper.make_node(operator, [body.input[0].name], ["_made"]))
        body.node[-1].attribute.append(helper.make_attribute("body", helper.make_graph([], "inner", [], [])))
        with pytest.raises(UnsupportedModelError, match="it has distances by"):
            load_model(saved(graph, tmp_path))

    def test_an_outer_product_is_not_computed(self, tmp_path):
        graph = onnx.load(RECORDED / "prosemble_GLVQ.onnx")
        long = helper.make_tensor("_long", TensorProto.FLOAT, [20000, 1], np.zeros(20000).tolist())
        flat = helper.make_tensor("_flat", TensorProto.FLOAT, [1, 20000], np.zeros(20000).tolist())
        graph.graph.initializer.extend([long, flat])
        graph.graph.node.insert(0, helper.make_node("Mul", ["_long", "_flat"], ["_outer"]))
        graph.graph.node.insert(1, helper.make_node("ReduceSum", ["_outer"], ["_sum"], keepdims=0))
        graph.graph.node.insert(2, helper.make_node("Add", ["prototypes", "_sum"], ["_moved"]))
        next(node for node in graph.graph.node if node.op_type == "Transpose").input[0] = "_moved"
        with pytest.raises(UnsupportedModelError, match="computes values that are too large"):
            load_model(saved(graph, tmp_path))

    @pytest.mark.parametrize("content", [b"\x00", b"no graph", b"\x08\x08\x3a\x03\x0a\x01"], ids=repr)
    def test_damaged(self, tmp_path, content):
        (tmp_path / "m.onnx").write_bytes(content)
        with pytest.raises((ModelFileError, UnsupportedModelError), match=r"m\.onnx: it"):
            load_model(tmp_path / "m.onnx")

    def test_cut_files(self, tmp_path):
        whole = (RECORDED / "prosemble_GLVQ.onnx").read_bytes()
        for length in range(1, len(whole), 37):
            (tmp_path / "m.onnx").write_bytes(whole[:length])
            with pytest.raises((ModelFileError, UnsupportedModelError, InputError), match=r"m\.onnx: "):
                load_model(tmp_path / "m.onnx")

    def test_data_beside_the_file_are_not_read(self, tmp_path):
        graph = onnx.load(RECORDED / "prosemble_GLVQ.onnx")
        tensor = graph.graph.initializer[0]
        tensor.ClearField("float_data")
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="/etc/passwd")
        with pytest.raises(ModelFileError, match=r"m\.onnx: it holds no whole graph"):
            load_model(saved(graph, tmp_path))

    def test_without_the_library(self, monkeypatch):
        real = builtins.__import__

        def without(name, *arguments, **options):
            if name.split(".")[0] == "onnx":
                raise ImportError(name)
            return real(name, *arguments, **options)

        monkeypatch.setattr(builtins, "__import__", without)
        with pytest.raises(ModelFileError, match=r"not installed; run pip install 'prototile\[onnx\]'"):
            load_model(RECORDED / "prosemble_GLVQ.onnx")


def knowledge(path, neurons, kind="<u2", size=256, header=None):
    """Write neurons (context, components, field, least field, category)."""
    numbers = [*(header or (0x1704, size, len(neurons), 0))]
    for context, components, *rest in neurons:
        numbers += [context, *components, *[0] * (size - len(components)), *rest]
    np.array(numbers).astype(kind).tofile(path)
    return path


class TestNeuroMem:
    neurons = (
        (1, [10, 20, 30, 40], 50, 2, 7),
        (1, [60, 70, 80, 90], 40, 2, 3),
        (1, [200, 0, 200, 0], 0x4000, 2, 3 | 0x8000),
    )

    @pytest.mark.parametrize("kind", ["<u2", "<i4"])
    def test_fires_below_its_field_only(self, tmp_path, kind):
        model = load_model(knowledge(tmp_path / "m.knf", self.neurons[:2], kind))
        assert (model.features, model.metric, model.in_chip_units) == (256, "l1", True)
        design = pt.convert(model, board="ulx3s-25f")
        assert design.config.bits == 8 or design.config.bits == 7
        X = np.zeros((4, 256), int)
        X[:, :4] = [[10, 20, 30, 89], [10, 20, 30, 90], [60, 70, 80, 51], [60, 70, 80, 50]]
        # At the field itself no neuron fires, and the chip answers 65535.
        assert design.predict(X).tolist() == [7, 65535, 3, 65535]

    def test_norm_and_degenerate_neurons(self, tmp_path):
        lsup = [(context | 0x80, *rest) for context, *rest in self.neurons]
        model = load_model(knowledge(tmp_path / "m.knf", lsup))
        assert model.metric == "linf"
        assert model.labels.tolist() == [7, 3, 3]
        assert model.radii.tolist() == [50, 40, 0x4000]

    def test_a_random_field_against_the_rule_of_the_chip(self, tmp_path):
        size = 8
        patterns, fields = RANDOM.integers(0, 256, (20, size)), RANDOM.integers(50, 500, 20)
        categories = RANDOM.integers(1, 5, 20)
        rows = zip([1] * 20, patterns, fields, [2] * 20, categories, strict=True)
        model = load_model(knowledge(tmp_path / "m.knf", list(rows), "<u4", size))
        X = RANDOM.integers(0, 256, (500, size))
        distances = np.abs(X[:, None] - patterns).sum(axis=2)
        answers = []
        for row in distances:
            firing = np.flatnonzero(row < fields)
            answers.append(int(categories[firing[row[firing].argmin()]]) if len(firing) else 65535)
        assert 65535 in answers and len(set(answers)) == 5
        assert pt.convert(model).predict(X).tolist() == answers

    @pytest.mark.parametrize(
        ("changes", "error", "message"),
        [
            ({"header": (0x1705, 256, 2, 0)}, ModelFileError, "no undamaged file of NeuroMem's knowledge"),
            ({"header": (0x1704, 256, 3, 0)}, ModelFileError, "no undamaged file of NeuroMem's knowledge"),
            ({"header": (0x1704, 0, 0, 0)}, ModelFileError, "no undamaged file of NeuroMem's knowledge"),
            ({"neurons": ((1, [300], 9, 2, 1),)}, ModelFileError, "component 0 of neuron 0 is 300, which is no byte"),
            (
                {"neurons": ((1, [3], 9, 2, 1), (2, [3], 9, 2, 1))},
                UnsupportedModelError,
                "neurons have different contexts, 1, 2 in",
            ),
            (
                {"neurons": ((1, [3], 9, 2, 1), (0x81, [3], 9, 2, 1))},
                UnsupportedModelError,
                "neurons have different norms, 0, 128 in",
            ),
        ],
    )
    def test_refused(self, tmp_path, changes, error, message):
        path = knowledge(tmp_path / "m.knf", **{"neurons": self.neurons[:2], **changes})
        with pytest.raises(error, match=f"m.knf: .*{message}"):
            load_model(path)

    def test_cut_files(self, tmp_path):
        whole = knowledge(tmp_path / "m.knf", self.neurons).read_bytes()
        for length in range(1, len(whole), 41):
            (tmp_path / "m.knf").write_bytes(whole[:length])
            with pytest.raises(ModelFileError, match=r"m.knf: it is no undamaged file"):
                load_model(tmp_path / "m.knf")


class TestLabels:
    def test_of_clusters(self):
        estimator = make_pipeline(MinMaxScaler(), KMeans(5, n_init=1, random_state=0)).fit(POINTS)
        clusters = estimator.predict(QUERIES)
        names = np.array(["b", "a", "b", "c", "a"])
        design = pt.convert(estimator, calibration=POINTS, bits=10, labels=names)
        assert design.classes.tolist() == ["a", "b", "c"]
        assert design.model.predict(QUERIES).tolist() == names[clusters].tolist()
        assert (design.predict(QUERIES) == names[clusters]).mean() > 0.98

    def test_several_dimensions_as_of_a_map(self):
        model = pt.PrototypeModel(np.eye(4), range(4)).with_labels(np.array([["a", "b"], ["b", "a"]]))
        assert model.labels.tolist() == ["a", "b", "b", "a"]

    @pytest.mark.parametrize("radii", [2.0, np.array([[1.0], [2.0], [3.0]]), {"a": 1.0, "b": 2.0}, None], ids=str)
    def test_all_else_stays(self, radii):
        model = pt.PrototypeModel(
            [[1.0], [5.0], [9.0]], list("aba"), "l2", radii=radii, min_margin=0.5, radii_inclusive=True,
            preprocess=pt.AffineMap([2.0], [1.0]), k=2,
        )  # fmt: skip
        other = model.with_labels([3, 4, 4])
        x = np.linspace(-3, 6, 50)[:, None]
        assert other.classes.tolist() == [3, 4]
        assert (other.k, other.min_margin, other.radii_inclusive) == (2, 0.5, True)
        assert (other.radii is None) == (radii is None)
        if radii is not None:
            assert other.radii.tolist() == model.radii.tolist()
        assert other.distances(other.transform(x)).tolist() == model.distances(model.transform(x)).tolist()

    def test_tables_that_are_made_anew_keep_them(self):
        estimator = GaussianNB().fit(POINTS, NAMES)
        design = pt.convert(estimator, calibration=POINTS, bits=6, labels=["l", "m", "r"])
        assert design.classes.tolist() == ["l", "m", "r"]
        same = pt.convert(estimator, calibration=POINTS, bits=6)
        assert design.predict(QUERIES).tolist() == [name[0] for name in same.predict(QUERIES)]

    def test_wrong_number(self):
        with pytest.raises(InputError, match="there are 5 prototypes but 2 labels"):
            pt.convert(KMeans(5, n_init=1).fit(POINTS), labels=["a", "b"])
        radius = RadiusNeighborsClassifier(1, outlier_label="most_frequent").fit(POINTS[:3], NAMES[:3])
        with pytest.raises(InputError, match="reject must be a label of the same kind"):
            to_prototype_model(radius, labels=[1, 2, 3])

    def test_command(self, tmp_path, capsys):
        pt.PrototypeModel(np.eye(3), range(3))
        np.savez(tmp_path / "m.npz", prototypes=np.eye(3), labels=[0, 1, 2])
        np.savetxt(tmp_path / "X.csv", np.eye(3), delimiter=",")
        for name, content in (("l.txt", "x\ny\nx\n"), ("l.csv", "\ufeffx\r\ny\r\nx")):
            (tmp_path / name).write_bytes(content.encode())
            folder = tmp_path / name.replace(".", "-")
            arguments = ["convert", str(tmp_path / "m.npz"), "-o", str(folder), "--labels", str(tmp_path / name)]
            assert main(arguments) == 0
            capsys.readouterr()
            assert main(["predict", str(folder), str(tmp_path / "X.csv"), "--json"]) == 0
            assert [row["label"] for row in json.loads(capsys.readouterr().out)] == ["x", "y", "x"]

    def test_files(self, tmp_path):
        np.save(tmp_path / "l.npy", np.array([3, 1]))
        assert load_labels(tmp_path / "l.npy").tolist() == [3, 1]
        (tmp_path / "l.txt").write_text("3\n1\n")
        assert load_labels(tmp_path / "l.txt").tolist() == [3, 1]
        (tmp_path / "l.txt").write_text("3\n\n1\n")
        with pytest.raises(ModelFileError, match=r"l\.txt has no label in line 2"):
            load_labels(tmp_path / "l.txt")
        (tmp_path / "l.txt").write_bytes(b"\xff\xfe\x00")
        with pytest.raises(ModelFileError, match=r"l\.txt is no text in UTF-8"):
            load_labels(tmp_path / "l.txt")
        with pytest.raises(ModelFileError, match=r"l\.json is no file of labels by its suffix"):
            load_labels(tmp_path / "l.json")


class TestSkops:
    @pytest.mark.parametrize(
        "estimator",
        [
            KMeans(4, n_init=1, random_state=0),
            MiniBatchKMeans(4, n_init=1, random_state=0),
            make_pipeline(StandardScaler(), KMeans(4, n_init=1, random_state=0)),
            RadiusNeighborsClassifier(8, outlier_label="none", algorithm="brute"),
            RadiusNeighborsClassifier(8, outlier_label="none", algorithm="kd_tree"),
            RadiusNeighborsClassifier(6, outlier_label="none", algorithm="ball_tree", metric="chebyshev"),
            GaussianMixture(3, covariance_type="tied", random_state=0),
            GaussianMixture(3, covariance_type="diag", random_state=0),
        ],
        ids=str,
    )
    def test_estimators(self, tmp_path, estimator):
        skops_io.dump(estimator.fit(POINTS, NAMES), tmp_path / "m.skops")
        model = load_model(tmp_path / "m.skops")
        same = to_prototype_model(estimator)
        assert (model.metric, model.k, model.reject) == (same.metric, same.k, same.reject)
        assert model.predict(QUERIES).tolist() == same.predict(QUERIES).tolist()


def test_a_warning_of_a_file_is_one_line_of_the_command(tmp_path, capsys):
    assert main(["convert", str(RECORDED / "prosemble_GRLVQ.npz"), "-o", str(tmp_path / "design")]) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if "leaves out the relevances" in line]
    assert len(lines) == 1 and lines[0].startswith("prototile: warning: GRLVQ.predict of prosemble 2.4 leaves out")
