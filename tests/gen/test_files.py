import io
import json
import pickle
import zipfile

import numpy as np
import pytest
from safetensors.numpy import save_file
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator
from sklearn.datasets import load_wine
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier
from skops import io as skops_io
from skops.io import _sklearn as skops_sklearn

from prototile import archives
from prototile.errors import InputError, ModelFileError, UnsupportedModelError
from prototile.files import load_model, load_vectors, save_model
from prototile.maps import AffineMap
from prototile.model import PrototypeModel

X, Y = load_wine(return_X_y=True)
P = [[0.5, 1.0], [2.0, -3.0], [4.0, 4.0]]


def check_equal(first, second):
    for name in ("prototypes", "labels", "classes", "radii", "masks", "weights"):
        one, other = getattr(first, name), getattr(second, name)
        assert (one is None) == (other is None)
        if one is not None:
            assert one.tolist() == other.tolist()
            assert one.dtype.kind == other.dtype.kind
    for name in ("metric", "radii_kind", "radii_inclusive", "k", "min_margin", "reject"):
        assert getattr(first, name) == getattr(second, name)
    assert (first.preprocess is None) == (second.preprocess is None)
    if first.preprocess is not None:
        assert first.preprocess.scale.tolist() == second.preprocess.scale.tolist()
        assert first.preprocess.shift.tolist() == second.preprocess.shift.tolist()


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize(
    "model",
    [
        PrototypeModel(P, [3, 1, 3]),
        PrototypeModel([[0, 1], [2, 3], [4, 5]], ["ä", "b", "ä"], metric="l2"),
        PrototypeModel(P, [True, False, True], radii=2.5, radii_inclusive=True, min_margin=0.5),
        PrototypeModel(P, ["x", "y", "x"], radii={"x": 1, "y": np.inf}, reject="unknown", classes=["y", "z", "x"]),
        PrototypeModel(P, [2, 0, 1], radii=[[1], [2], [3]], reject=-1),
        PrototypeModel(P, [0, 1, 1], preprocess=AffineMap([1.0, 2.0], [0.0, -1.0])),
        PrototypeModel(P, [0, 1, 1], metric="linf", k=3, masks=[[True, False], [True, True], [False, True]]),
        PrototypeModel(P, [0, 1, 1], metric="l2", weights=[[1, 2], [32768, 1], [1, 1]], k=2),
        PrototypeModel(P, [0, 1, 1], masks=np.eye(3, 2), weights=[[1, 2], [4, 1], [1, 1]], radii=1.5),
        PrototypeModel([[5, 0], [2, 1]], ["a", "b"], metric="hamming", masks=[[True, False], [True, True]]),
        PrototypeModel([[[-np.inf, 0.1], [0.3, np.inf]], [[0.1, 2.0], [0.0, 0.0]]], ["a", "b"], metric="box"),
        PrototypeModel([[[0, 3], [4, 3]], [[1, 1], [0, 7]]], ["a", "b"], metric="box", radii=2),
        PrototypeModel(np.arange(24).reshape(2, 3, 4), ["a", "b"], metric="table", min_margin=2),
    ],
    ids=range(13),
)
def test_what_is_saved_is_loaded(tmp_path, suffix, model):
    save_model(model, tmp_path / f"model{suffix}")
    check_equal(model, load_model(tmp_path / f"model{suffix}"))
    save_model(model, tmp_path / f"again{suffix}")
    assert (tmp_path / f"again{suffix}").read_bytes() == (tmp_path / f"model{suffix}").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"again{suffix}", f"model{suffix}"]


def test_labels_that_are_objects_are_saved_as_text(tmp_path):
    save_model(PrototypeModel(P, np.array(["a", "b", "a"], object)), tmp_path / "model.npz")
    assert load_model(tmp_path / "model.npz").labels.tolist() == ["a", "b", "a"]


def test_saving_refusals(tmp_path):
    model = PrototypeModel(P, ["a", "b", "a"])
    with pytest.raises(ModelFileError, match=r"must end in .npz or .safetensors, not in '.h5'"):
        save_model(model, tmp_path / "model.h5")
    with pytest.raises(ModelFileError, match="cannot be written"):
        save_model(model, tmp_path / "missing" / "model.npz")
    assert list(tmp_path.iterdir()) == []


class TestNpz:
    def write(self, tmp_path, **arrays):
        path = tmp_path / "model.npz"
        np.savez_compressed(path, **arrays)
        return path

    def test_as_a_user_writes_it(self, tmp_path):
        path = self.write(tmp_path, prototypes=P, labels=["a", "b", "a"], metric="l2", k=1, radii=[2.0, 3.0])
        model = load_model(str(path))
        assert (model.metric, model.radii_kind, model.radii.tolist()) == ("l2", "class", [2.0, 3.0, 2.0])

    @pytest.mark.parametrize(
        ("changes", "error", "message"),
        [
            ({"relevances": [1.0, 2.0]}, ModelFileError, "holds 'relevances', which would change the answers"),
            ({"labels": None}, ModelFileError, "lacks labels; it holds prototypes"),
            (
                {"labels": None, "prototypes": None, "P": [[1, 2]], "y": [0]},
                ModelFileError,
                "lacks prototypes and labels; it holds P, y",
            ),
            ({"scale": [1.0, 1.0]}, ModelFileError, "holds 'scale' without all of scale, shift; give all or none"),
            ({"metric": ["l1", "l2"]}, ModelFileError, r"'metric' of the shape \(2,\)"),
            ({"metric": "cosine"}, UnsupportedModelError, "model.npz: PrototypeModel has the metric 'cosine'"),
            ({"k": 16}, UnsupportedModelError, "model.npz: k must be at most 15, not 16"),
            ({"k": [1, 2]}, ModelFileError, r"'k' of the shape \(2,\); give a single value"),
            ({"k": 4}, InputError, "model.npz: k is 4, but there are only 3 prototypes"),
            ({"masks": [[1, 0]]}, InputError, r"model.npz: masks must have the shape of the prototypes, \(3, 2\)"),
            ({"weights": [[1, 3]] * 3}, UnsupportedModelError, r"model.npz: weights must be powers of two .* is 3.0"),
            ({"metric": "box"}, InputError, "model.npz: prototypes of the metric 'box' must have three dimensions"),
            ({"labels": ["a"]}, InputError, "model.npz: there are 3 prototypes but 1 labels"),
            ({"prototypes": [[1.0, np.nan]] * 3}, InputError, "model.npz: prototypes holds nan in row 0, column 1"),
            ({"labels": np.array(["a", None, "b"], object)}, ModelFileError, "labels in .* holds Python objects"),
        ],
    )
    def test_refusals(self, tmp_path, changes, error, message):
        arrays = {"prototypes": P, "labels": ["a", "b", "a"], **changes}
        path = self.write(tmp_path, **{name: value for name, value in arrays.items() if value is not None})
        with pytest.raises(error, match=message):
            load_model(path)

    def test_every_cut_or_flipped_byte_is_an_error_or_the_same_model(self, tmp_path):
        path = self.write(tmp_path, prototypes=P, labels=[0, 1, 0])
        whole = path.read_bytes()
        model = load_model(path)
        for place in range(0, len(whole), 3):
            for damaged in (whole[:place], whole[:place] + bytes([whole[place] ^ 0x5A]) + whole[place + 1 :]):
                path.write_bytes(damaged)
                try:
                    check_equal(model, load_model(path))
                except (ModelFileError, InputError):
                    continue

    def test_a_bomb_is_refused_before_it_is_unpacked(self, tmp_path, monkeypatch):
        path = self.write(tmp_path, prototypes=np.zeros((1000, 1000)), labels=np.zeros(1000, int))
        assert path.stat().st_size < 20_000
        monkeypatch.setattr(archives, "SIZE_LIMIT", 1 << 20)
        with pytest.raises(ModelFileError, match="would unpack to 8008256 bytes in 2 parts"):
            load_model(path)

    def test_a_header_that_declares_more_than_there_is(self, tmp_path):
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (1 << 40, 2)})
        path = tmp_path / "model.npz"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("prototypes.npy", header.getvalue())
        with pytest.raises(ModelFileError, match=r"declares the shape \(1099511627776, 2\), more than it holds"):
            load_model(path)


class TestSafetensors:
    def test_as_a_user_writes_it(self, tmp_path):
        path = tmp_path / "model.safetensors"
        metadata = {"metric": "l2", "labels": '["a", "b", "a"]', "format": "pt", "min_margin": "0.5"}
        save_file({"prototypes": np.array(P, np.float32)}, path, metadata)
        model = load_model(path)
        assert (model.metric, model.labels.tolist(), model.min_margin) == ("l2", ["a", "b", "a"], 0.5)

    @pytest.mark.parametrize(
        ("metadata", "message"),
        [
            ({"omega": "1"}, "holds 'omega'"),
            ({"labels": "[0, 1, 0]"}, "gives labels twice"),
            ({"min_margin": "much"}, "min_margin = 'much' in its metadata, which is no JSON"),
            ({"min_margin": "[1]"}, r"min_margin = '\[1\]' in its metadata, which is of the wrong kind"),
        ],
    )
    def test_refusals(self, tmp_path, metadata, message):
        path = tmp_path / "model.safetensors"
        save_file({"prototypes": np.array(P), "labels": np.array([0, 1, 0])}, path, metadata)
        with pytest.raises(ModelFileError, match=message):
            load_model(path)

    def test_damage(self, tmp_path):
        path = tmp_path / "model.safetensors"
        save_file({"prototypes": np.array(P), "labels": np.array([0, 1, 0])}, path)
        path.write_bytes(path.read_bytes()[:-1])
        with pytest.raises(ModelFileError, match=r"no undamaged \.safetensors file"):
            load_model(path)

    def test_numbers_that_numpy_does_not_have(self, tmp_path):
        header = json.dumps({"prototypes": {"dtype": "BF16", "shape": [1, 1], "data_offsets": [0, 2]}}).encode()
        path = tmp_path / "model.safetensors"
        path.write_bytes(len(header).to_bytes(8, "little") + header + b"\0\0")
        with pytest.raises(ModelFileError, match=r"no undamaged \.safetensors file of plain numbers"):
            load_model(path)


class TestCsv:
    def load(self, tmp_path, text):
        path = tmp_path / "model.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_model(path)

    @pytest.mark.parametrize(
        ("text", "labels"),
        [
            ("1,2,a\n3,4,b\n", ["a", "b"]),
            ("x,y,label\n1,2,a\n3,4,b", ["a", "b"]),
            ("1,2,a\n3,4,1\n", ["a", "1"]),
            ("1,2,01\n3,4,1\n", ["01", "1"]),
            ("1,2,1_0\n3,4,10\n", ["1_0", "10"]),
            ("1,2,1.000e+00\n3,4,0.0\n", [1, 0]),
            ("# made by hand\n\n1;2;a\n3;4;b\n", ["a", "b"]),
            ("1\t2\t1.0\n3\t4\t-2e0\n", [1, -2]),
            ('"x","y","l"\r\n1, 2,"a, b"\r\n3,4,c\r\n', ["a, b", "c"]),
            ("\ufeff1,2,1.5\n3,4,b\n", ["1.5", "b"]),
        ],
    )
    def test_variants(self, tmp_path, text, labels):
        model = self.load(tmp_path, text)
        assert model.prototypes.tolist() == [[1.0, 2.0], [3.0, 4.0]]
        assert model.labels.tolist() == labels
        assert not model.in_chip_units

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("x,y,label\n", "has a header but no rows"),
            ("\n\n# nothing\n", "has no rows"),
            ("1,2,a\n3,b\n", "has 2 fields in line 2 but 3 in line 1"),
            ("1,2,a\n3,,b\n", "has '' in line 2, column 2, which is no finite number"),
            ("x,y,l\n1,2,a\n3,inf,b\n", "has 'inf' in line 3, column 2"),
            ("1,oops,a\n3,4,b\n", "has 'oops' in line 1, column 2"),
            ("oops,1,a\n3,4,b\n", "has 'oops' in line 1, column 1"),
            ("1,2_0,a\n3,4,b\n", "has '2_0' in line 1, column 2"),
            ("1_0,2_0,a\n3,4,b\n", "has '1_0' in line 1, column 1"),
            (",,\n1,2,3\n4,5,6\n", "has '' in line 1, column 1"),
            ("NA,NA,NA\n1,2,3\n4,5,6\n", "has 'NA' in line 1, column 1"),
            ("x,y, \n1,2,3\n4,5,6\n", "has 'x' in line 1, column 1"),
            ("nan,nan,a\n1,2,b\n", "has 'nan' in line 1, column 1"),
            ("0,1,label\n1,2,7\n3,4,8\n", "has 'label' in line 1, column 3, where all other rows have integers"),
            ("1\n2\n", "has one column"),
            (b"\xff\xfe1,2,a", "is no table of text"),
            ('1,2,"a\n3,4,b\n', "is no table of text|line break"),
        ],
    )
    def test_refusals(self, tmp_path, text, message):
        with pytest.raises(ModelFileError, match=message) as caught:
            self.load(tmp_path, text)
        assert str(caught.value).count("model.csv") == 1


class Unknown(BaseEstimator):
    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self


def _writing(damaged):
    """Skops's own function for trees, that takes the state of another object."""
    original = skops_sklearn.reduce_get_state

    def write(obj, save_context):
        state = original(damaged, save_context)
        return {**state, "__class__": type(obj).__name__, "__module__": "sklearn.tree._tree"}

    return write


class TestSkops:
    @pytest.mark.parametrize(
        "estimator",
        [
            KNeighborsClassifier(1),
            KNeighborsClassifier(1, algorithm="ball_tree", p=1),
            KNeighborsClassifier(1, algorithm="brute"),
            NearestCentroid(),
            make_pipeline(StandardScaler(), KNeighborsClassifier(1)),
            make_pipeline(StandardScaler(), DecisionTreeClassifier(random_state=0)),
            ExtraTreeClassifier(random_state=0),
            RandomForestClassifier(5, random_state=0),
            ExtraTreesClassifier(5, random_state=0),
        ],
        ids=str,
    )
    def test_estimators(self, tmp_path, estimator):
        estimator.fit(X, Y.astype(str))
        skops_io.dump(estimator, tmp_path / "model.skops")
        assert load_model(tmp_path / "model.skops").predict(X).tolist() == estimator.predict(X).tolist()

    def test_sparse_training_data(self, tmp_path):
        skops_io.dump(KNeighborsClassifier(1).fit(csr_matrix(X), Y), tmp_path / "model.skops")
        assert load_model(tmp_path / "model.skops").prototypes.tolist() == X.tolist()

    def test_sparse_training_data_with_indices_out_of_range(self, tmp_path):
        estimator = KNeighborsClassifier(1).fit(csr_matrix(X), Y)
        estimator._fit_X.indices[5] = 1 << 20
        skops_io.dump(estimator, tmp_path / "model.skops")
        with pytest.raises((InputError, ModelFileError), match="indices"):
            load_model(tmp_path / "model.skops")

    @pytest.mark.parametrize(
        "damage",
        [
            lambda args, schema: args[2].update(content="1000000000", __id__=-1),
            lambda args, schema: args[2].update(content="1.0", __id__=-1),
            lambda args, schema: args[2].update(__id__=schema["content"]["content"]["n_features_in_"]["__id__"]),
            lambda args, schema: args[1].update(type="json"),
            lambda args, schema: args[1].update(file="missing.npy"),
            lambda args, schema: args.pop(),
        ],
        ids=["outputs", "kind", "alias", "objects", "file", "count"],
    )
    def test_decision_tree_that_would_be_read_beyond_its_end(self, tmp_path, damage):
        whole = skops_io.dumps(DecisionTreeClassifier(random_state=0).fit(X, Y))
        with zipfile.ZipFile(io.BytesIO(whole)) as source, zipfile.ZipFile(tmp_path / "model.skops", "w") as archive:
            schema = json.loads(source.read("schema.json"))
            damage(schema["content"]["content"]["tree_"]["__reduce__"]["args"]["content"], schema)
            for member in source.namelist():
                archive.writestr(member, json.dumps(schema) if member == "schema.json" else source.read(member))
        with pytest.raises(
            ModelFileError, match=r"model\.skops holds a decision tree whose parts contradict each other"
        ):
            load_model(tmp_path / "model.skops")

    @pytest.mark.parametrize(
        ("part", "change"),
        [
            ("nodes", lambda nodes: nodes["left_child"].fill(1 << 20)),
            ("nodes", lambda nodes: nodes["right_child"].fill(0)),
            ("nodes", lambda nodes: nodes["feature"].fill(1 << 20)),
            ("node_count", lambda count: 1 << 40),
            ("node_count", lambda count: -1),
            ("nodes", lambda nodes: nodes[:0]),
            ("values", lambda values: values[:, :, :1].copy()),
        ],
        ids=["child", "cycle", "feature", "more", "negative", "none", "values"],
    )
    def test_decision_tree_with_damaged_arrays(self, tmp_path, part, change):
        class Damaged:
            """Writes itself as a tree, as skops would write a tree with this state."""

            def __reduce__(self):
                kind, arguments, state = tree.tree_.__reduce__()
                changed = change(state[part])
                return kind, arguments, {**state, part: state[part] if changed is None else changed}

        tree = DecisionTreeClassifier(random_state=0).fit(X, Y)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("skops.io._sklearn.reduce_get_state", _writing(Damaged()))
            skops_io.dump(tree, tmp_path / "model.skops")
        # More nodes than there are arrays for are cut off by scikit-learn.
        if part == "node_count" and change(0) > 0:
            assert load_model(tmp_path / "model.skops").predict(X).tolist() == tree.predict(X).tolist()
            return
        with pytest.raises((InputError, ModelFileError), match=r"model\.skops"):
            load_model(tmp_path / "model.skops")

    def test_unknown_types_are_named(self, tmp_path):
        skops_io.dump(make_pipeline(FunctionTransformer(json.dumps), Unknown()), tmp_path / "model.skops")
        with pytest.raises(
            ModelFileError, match=r"holds the types json\.dumps, .*Unknown, which are not known to be safe"
        ):
            load_model(tmp_path / "model.skops")

    def test_other_estimators(self, tmp_path):
        skops_io.dump(SVC().fit(X, Y), tmp_path / "model.skops")
        with pytest.raises(UnsupportedModelError, match=r"model\.skops: SVC is not supported"):
            load_model(tmp_path / "model.skops")

    def test_a_bomb_is_refused_before_it_is_unpacked(self, tmp_path, monkeypatch):
        skops_io.dump(
            KNeighborsClassifier(1).fit(np.zeros((2000, 9)), [0] * 2000),
            tmp_path / "model.skops",
            compression=zipfile.ZIP_DEFLATED,
        )
        monkeypatch.setattr(archives, "SIZE_LIMIT", 100_000)
        with pytest.raises(ModelFileError, match="would unpack to"):
            load_model(tmp_path / "model.skops")

    def test_a_bomb_in_an_archive_inside_is_refused(self, tmp_path, monkeypatch):
        inner = io.BytesIO()
        np.savez_compressed(inner, data=np.zeros(100_000))
        with zipfile.ZipFile(tmp_path / "model.skops", "w") as archive:
            archive.writestr("schema.json", "{}")
            archive.writestr("1.npz", inner.getvalue())
        monkeypatch.setattr(archives, "SIZE_LIMIT", 100_000)
        with pytest.raises(ModelFileError, match=r"1\.npz in .* would unpack to"):
            load_model(tmp_path / "model.skops")

    @pytest.mark.parametrize("schema", ["", "[]", "{}", '{"__loader__": "Nonsense"}', "[" * 100_000])
    def test_damaged_schema(self, tmp_path, schema):
        with zipfile.ZipFile(tmp_path / "model.skops", "w") as archive:
            archive.writestr("schema.json", schema)
        with pytest.raises(ModelFileError, match="holds no whole model"):
            load_model(tmp_path / "model.skops")

    def test_contents_that_contradict_each_other(self, tmp_path):
        estimator = KNeighborsClassifier(1, algorithm="brute").fit(X, Y)
        estimator._y = estimator._y + 100
        skops_io.dump(estimator, tmp_path / "model.skops")
        with pytest.raises(ModelFileError, match=r"holds no whole model .*IndexError"):
            load_model(tmp_path / "model.skops")


class Mischief:
    ran = False

    def __reduce__(self):
        return exec, ("import pathlib; pathlib.Path('ran').touch()",)


class TestPickle:
    @pytest.mark.parametrize("suffix", [".pkl", ".pickle", ".joblib"])
    def test_is_not_loaded_unless_trusted(self, tmp_path, monkeypatch, suffix):
        monkeypatch.chdir(tmp_path)
        path = tmp_path / f"model{suffix}"
        path.write_bytes(pickle.dumps(Mischief()))
        with pytest.raises(ModelFileError, match=r"is a pickle, .* trust_pickle=True \(--trust-pickle\)"):
            load_model(path)
        assert not (tmp_path / "ran").exists()
        with pytest.raises(UnsupportedModelError, match="NoneType is not supported"):
            load_model(path, trust_pickle=True)
        assert (tmp_path / "ran").exists()

    def test_estimator(self, tmp_path):
        path = tmp_path / "model.pkl"
        path.write_bytes(pickle.dumps(NearestCentroid().fit(X, Y)))
        assert load_model(path, trust_pickle=True).prototype_count == 3

    def test_damage(self, tmp_path):
        path = tmp_path / "model.pkl"
        path.write_bytes(b"no pickle")
        with pytest.raises(ModelFileError, match="holds no whole model"):
            load_model(path, trust_pickle=True)


@pytest.mark.parametrize("read", [load_model, lambda path: load_vectors(path, 2)], ids=["model", "vectors"])
class TestPaths:
    def test_missing(self, tmp_path, read):
        with pytest.raises(ModelFileError, match=r"missing\.npz does not exist"):
            read(tmp_path / "missing.npz")

    def test_empty(self, tmp_path, read):
        (tmp_path / "empty.csv").touch()
        with pytest.raises(ModelFileError, match=r"empty\.csv is empty"):
            read(tmp_path / "empty.csv")

    def test_folder(self, tmp_path, read):
        (tmp_path / "folder.npz").mkdir()
        with pytest.raises(ModelFileError, match=r"folder\.npz is a folder"):
            read(tmp_path / "folder.npz")

    def test_wrong_kind(self, tmp_path, read):
        (tmp_path / "model.h5").write_text("x")
        with pytest.raises(ModelFileError, match=r"by its suffix '\.h5'; supported are \."):
            read(tmp_path / "model.h5")

    def test_another_kind_inside(self, tmp_path, read):
        (tmp_path / "model.npz").write_text("1,2,3")
        with pytest.raises(ModelFileError, match=r"model\.npz is no undamaged zip archive"):
            read(tmp_path / "model.npz")

    def test_too_large(self, tmp_path, read, monkeypatch):
        (tmp_path / "model.csv").write_text("1,2,3\n" * 100)
        monkeypatch.setattr(archives, "TEXT_LIMIT", 100)
        with pytest.raises(ModelFileError, match="has 600 bytes, more than the 100"):
            read(tmp_path / "model.csv")

    def test_no_path_at_all(self, read):
        with pytest.raises(ModelFileError, match="cannot be read"):
            read("a\0b.npz")


class TestVectors:
    @pytest.mark.parametrize(
        ("text", "labels"),
        [("1,2\n3,4\n", None), ("a,b\n1,2\n3,4\n", None), ("a,b,y\n1,2,no\n3,4,yes\n", ["no", "yes"])],
    )
    def test_csv(self, tmp_path, text, labels):
        (tmp_path / "x.csv").write_text(text)
        vectors, y = load_vectors(tmp_path / "x.csv", 2)
        assert vectors.tolist() == [[1.0, 2.0], [3.0, 4.0]]
        assert (None if y is None else y.tolist()) == labels

    def test_a_label_of_text_in_the_first_row_of_a_csv_makes_it_no_header(self, tmp_path):
        (tmp_path / "x.csv").write_text("1,2,3,a\n4,5,6,1\n7,8,9,2\n")
        vectors, y = load_vectors(tmp_path / "x.csv", 3)
        assert vectors.tolist() == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
        assert y.tolist() == ["a", "1", "2"]

    @pytest.mark.parametrize(
        ("text", "labels"), [("0, 1\n5,6\n", None), ("0,1,y\n5,6,a\n", ["a"]), ("0,1,2\n5,6,3\n", [3])]
    )
    def test_names_of_features_that_are_numbers_make_a_header_of_a_csv(self, tmp_path, text, labels):
        (tmp_path / "x.csv").write_text(text)
        vectors, y = load_vectors(tmp_path / "x.csv", 2, ["0", "1"])
        assert vectors.tolist() == [[5, 6]]
        assert (None if y is None else y.tolist()) == labels
        (tmp_path / "x.csv").write_text("0,2\n5,6\n")
        assert load_vectors(tmp_path / "x.csv", 2, ["0", "1"])[0].tolist() == [[0, 2], [5, 6]]

    @pytest.mark.parametrize("text", ["1,2,0\n3,4,\n", "a,b,y\n\n1,2, \n", "1,2,\n3,4,\n"])
    def test_a_missing_label_in_a_csv_is_refused(self, tmp_path, text):
        (tmp_path / "x.csv").write_text(text)
        line = next(number for number, row in enumerate(text.splitlines(), 1) if row.rstrip().endswith(","))
        for read in (load_model, lambda path: load_vectors(path, 2)):
            with pytest.raises(ModelFileError, match=rf"has no label in line {line}, column 3; give each row one, or"):
                read(tmp_path / "x.csv")

    @pytest.mark.parametrize("missing", ["", "NA", "n/a", "NaN", "null"])
    def test_missing_values_in_the_first_row_of_a_csv_make_it_no_header(self, tmp_path, missing):
        (tmp_path / "x.csv").write_text(f"{missing},{missing}\n1,2\n3,4\n")
        with pytest.raises(ModelFileError, match=rf"has '{missing}' in line 1, column 1, which is no finite number"):
            load_vectors(tmp_path / "x.csv", 2)

    def test_npy(self, tmp_path):
        values = np.asfortranarray(np.arange(6, dtype=">i2").reshape(3, 2))
        np.save(tmp_path / "x.npy", values)
        vectors, y = load_vectors(tmp_path / "x.npy", 2)
        assert vectors.tolist() == values.tolist()
        assert y is None

    def test_npz(self, tmp_path):
        np.savez(tmp_path / "x.npz", other=[1], X=[[1.0, 2.0]], y=["a"])
        vectors, y = load_vectors(tmp_path / "x.npz", 2)
        assert (vectors.tolist(), y.tolist()) == ([[1.0, 2.0]], ["a"])
        np.savez(tmp_path / "x.npz", anything=[[1.0, 2.0]])
        assert load_vectors(tmp_path / "x.npz", 2)[0].tolist() == [[1.0, 2.0]]

    def test_npz_without_x(self, tmp_path):
        np.savez(tmp_path / "x.npz", a=[[1.0]], b=[[1.0]])
        with pytest.raises(ModelFileError, match="holds the arrays a, b, but none is called X"):
            load_vectors(tmp_path / "x.npz", 1)

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            (np.zeros((2, 3)), r"x\.npy has 3 columns, but the model has 2 features"),
            (np.zeros(2), "must have two dimensions"),
            (np.zeros((0, 2)), "at least one row"),
            (np.array([["a", "b"]]), "must hold numbers"),
            (np.array([[1.0, 2.0], [np.nan, 2.0]]), "holds nan in row 1, column 0"),
        ],
    )
    def test_wrong_arrays(self, tmp_path, values, message):
        np.save(tmp_path / "x.npy", values)
        with pytest.raises(InputError, match=message):
            load_vectors(tmp_path / "x.npy", 2)

    def test_wrong_labels(self, tmp_path):
        np.savez(tmp_path / "x.npz", X=[[1.0, 2.0]], y=["a", "b"])
        with pytest.raises(InputError, match=r"has 1 vectors but labels of the shape \(2,\)"):
            load_vectors(tmp_path / "x.npz", 2)

    def test_csv_of_another_width(self, tmp_path):
        (tmp_path / "x.csv").write_text("1,2,3,4\n")
        with pytest.raises(InputError, match="has 4 columns, but the model has 2 features"):
            load_vectors(tmp_path / "x.csv", 2)

    def test_csv_with_nan(self, tmp_path):
        (tmp_path / "x.csv").write_text("1,2\n3,nan\n")
        with pytest.raises(ModelFileError, match="has 'nan' in line 2, column 2"):
            load_vectors(tmp_path / "x.csv", 2)

    def test_objects_are_never_loaded(self, tmp_path):
        np.save(tmp_path / "x.npy", np.array([[Mischief(), 1]], object), allow_pickle=True)
        with pytest.raises(ModelFileError, match="holds Python objects, which are never loaded"):
            load_vectors(tmp_path / "x.npy", 2)

    def test_cut_short(self, tmp_path):
        np.save(tmp_path / "x.npy", np.zeros((5, 2)))
        whole = (tmp_path / "x.npy").read_bytes()
        for length in range(1, len(whole)):
            (tmp_path / "x.npy").write_bytes(whole[:length])
            with pytest.raises(ModelFileError):
                load_vectors(tmp_path / "x.npy", 2)
