"""Files of skops that were made to do harm; more of them in test_files.py and test_hostile_files.py."""

import io
import json
import sys
import tracemalloc
import zipfile

import kmedoids
import numpy as np
import pytest
from sklearn.cluster import BisectingKMeans
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from skops import io as skops_io

from prototile.errors import ModelFileError
from prototile.files import load_model

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(60, 3))
Y = np.arange(60) % 3


def rewritten(estimator, path, change):
    """A file of an estimator with its schema changed."""
    with (
        zipfile.ZipFile(io.BytesIO(skops_io.dumps(estimator))) as source,
        zipfile.ZipFile(path, "w") as archive,
    ):
        schema = json.loads(source.read("schema.json"))
        change(schema)
        for member in source.namelist():
            archive.writestr(member, json.dumps(schema) if member == "schema.json" else source.read(member))
    return path


def attributes(schema):
    return schema["content"]["content"]


def text(value):
    return {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode", "content": json.dumps(value)}


def container(loader, *parts, **more):
    kind = {"ListNode": "list", "TupleNode": "tuple"}[loader]
    return {"__class__": kind, "__module__": "builtins", "__loader__": loader, "content": list(parts), **more}


def test_a_tree_is_not_made_by_a_call(tmp_path):
    """Which would read as many numbers of classes as it is told that there are."""

    def change(schema):
        counts = attributes(schema)["tree_"]["__reduce__"]["args"]["content"][1]
        attributes(schema)["tree_"] = {
            "__class__": "Tree",
            "__module__": "sklearn.tree._tree",
            "__loader__": "ConstructorFromReduceNode",
            "content": container("TupleNode", text(3), counts, text(1 << 30)),
        }

    path = rewritten(DecisionTreeClassifier().fit(X, Y), tmp_path / "m.skops", change)
    with pytest.raises(ModelFileError, match=r"Tree that is restored by a ConstructorFromReduceNode"):
        load_model(path)


@pytest.mark.parametrize("kind", ["scipy.sparse._csr.csr_matrix", "sklearn.neighbors._kd_tree.KDTree"])
@pytest.mark.parametrize("loader", ["ConstructorFromReduceNode", "TypeNode", "ListNode", "DictNode", "NdArrayNode"])
def test_trusted_types_come_in_their_own_way_only(tmp_path, kind, loader):
    module, name = kind.rsplit(".", 1)

    def change(schema):
        attributes(schema)["extra"] = {
            **container("TupleNode"),
            "__class__": name,
            "__module__": module,
            "__loader__": loader,
        }

    path = rewritten(NearestCentroid().fit(X, Y), tmp_path / "m.skops", change)
    with pytest.raises(ModelFileError, match=f"holds a {kind} that is restored by a {loader}, as skops writes none"):
        load_model(path)


def test_random_numbers_of_any_size_are_not_made(tmp_path):
    def change(schema):
        attributes(schema)["extra"] = {
            "__class__": "Generator",
            "__module__": "numpy.random",
            "__loader__": "RandomGeneratorNode",
            "content": {},
        }

    with pytest.raises(ModelFileError, match="restored by a RandomGeneratorNode"):
        load_model(rewritten(NearestCentroid().fit(X, Y), tmp_path / "m.skops", change))


@pytest.mark.parametrize("own_loader", [True, False])
def test_lists_of_lists_of_the_same_lists_are_refused(tmp_path, own_loader):
    """Ten levels of ten: little to restore, and an array of 10**10 numbers."""

    def change(schema):
        inner = container("ListNode", *[text(1.5)] * 10, __id__=9_000)
        for level in range(1, 10):
            loader = "ListNode" if own_loader else "CachedNode"
            reference = container("ListNode", __id__=inner["__id__"]) | {"__loader__": loader}
            inner = container("ListNode", inner, *[reference] * 9, __id__=9_000 + level)
        attributes(schema)["centroids_"] = inner

    path = rewritten(NearestCentroid().fit(X, Y), tmp_path / "m.skops", change)
    tracemalloc.start()
    with pytest.raises(ModelFileError, match="refers to its objects so often"):
        load_model(path)
    assert tracemalloc.get_traced_memory()[1] < 32 << 20
    tracemalloc.stop()


def test_an_array_that_is_named_thousands_of_times_is_refused(tmp_path):
    def change(schema):
        one = attributes(schema)["centroids_"]
        parts = [{key: value for key, value in one.items() if key != "__id__"}] * 5000
        attributes(schema)["centroids_"] = container("ListNode", *parts)

    path = rewritten(NearestCentroid().fit(RANDOM.normal(size=(60, 5000)), Y), tmp_path / "m.skops", change)
    with pytest.raises(ModelFileError, match="refers to its objects so often"):
        load_model(path)


def test_an_object_that_contains_itself_is_refused(tmp_path):
    def change(schema):
        inner = {**container("ListNode"), "__loader__": "CachedNode", "__id__": 9_000}
        attributes(schema)["centroids_"] = container("ListNode", inner, __id__=9_000)

    with pytest.raises(ModelFileError, match="holds an object that contains itself"):
        load_model(rewritten(NearestCentroid().fit(X, Y), tmp_path / "m.skops", change))


@pytest.mark.parametrize("piped", [False, True])
def test_medoids_are_read_without_their_library(tmp_path, monkeypatch, piped):
    medoids = kmedoids.KMedoids(4, metric="euclidean", random_state=0).fit(X)
    if piped:
        medoids = make_pipeline(StandardScaler(), medoids).fit(X)
    skops_io.dump(medoids, tmp_path / "m.skops")
    expected = medoids.predict(X)
    monkeypatch.setitem(sys.modules, "kmedoids", None)
    assert load_model(tmp_path / "m.skops").predict(X).tolist() == expected.tolist()


@pytest.mark.parametrize("algorithm", ["lloyd", "elkan"])
def test_bisecting_k_means(tmp_path, algorithm):
    clusters = BisectingKMeans(2, random_state=0, algorithm=algorithm).fit(X)
    skops_io.dump(clusters, tmp_path / "m.skops")
    assert load_model(tmp_path / "m.skops").predict(X).tolist() == clusters.predict(X).tolist()


@pytest.mark.parametrize("name", ["nodes", "values"])
@pytest.mark.parametrize("array", [np.array(b"x"), np.zeros((1, 1, 1, 1))], ids=["no dimension", "four"])
def test_an_array_of_a_tree_has_its_dimensions(tmp_path, name, array):
    """scikit-learn reads the first of an array's dimensions, also where there is none."""
    stream = io.BytesIO()
    np.save(stream, array)

    def change(schema):
        attributes(schema)["tree_"]["content"]["content"][name]["file"] = "other.npy"

    path = rewritten(DecisionTreeClassifier().fit(X, Y), tmp_path / "m.skops", change)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("other.npy", stream.getvalue())
    with pytest.raises(ModelFileError, match="holds a decision tree whose parts contradict each other"):
        load_model(path)
