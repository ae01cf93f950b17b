"""Files of skops: what is checked before skops restores an estimator of one, and what it may be made of.

skops refuses types that it does not know, but trusts whatever those that it is told to trust are called with, and reads
archives as they say they are. So a file is unpacked by `prototile.archives`, looked at here, and packed anew.
"""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prototile.archives import array_shape, check_array, unpack
from prototile.errors import ModelFileError

#: Types beyond those that skops trusts itself, and the one way in which each may be restored: scikit-learn's search
#: trees, which nothing here ever asks, the distances that belong to them, sparse matrices, whose indices are checked
#: before they are unpacked, decision trees, which are checked below and nothing asks, the tree and the function that
#: BisectingKMeans keeps, medoids, this package's own classifier, whose arrays are checked as any user's, searches that
#: scikit-learn calls experimental, and what transformers and searches keep of how they were fitted: functions, which
#: nothing calls, splitters and types of numbers. Restoring them so stores arrays and runs no code of the file.
_LOADERS = {
    "numpy.dtype": "DTypeNode",
    "numpy.ma.core.MaskedArray": "MaskedArrayNode",
    "numpy.mean": "FunctionNode",
    "prototile.frontends.kmedoids.StoredKMedoids": "ObjectNode",
    "prototile.training.classifier.PrototypeGridClassifier": "ObjectNode",
    "scipy.sparse._csr.csr_array": "SparseMatrixNode",
    "scipy.sparse._csr.csr_matrix": "SparseMatrixNode",
    "sklearn.cluster._bisect_k_means._BisectingTree": "ObjectNode",
    "sklearn.cluster._kmeans._kmeans_single_elkan": "FunctionNode",
    "sklearn.cluster._kmeans._kmeans_single_lloyd": "FunctionNode",
    "sklearn.feature_selection._mutual_info.mutual_info_classif": "FunctionNode",
    "sklearn.feature_selection._univariate_selection.chi2": "FunctionNode",
    "sklearn.feature_selection._univariate_selection.f_classif": "FunctionNode",
    "sklearn.metrics._dist_metrics.ChebyshevDistance": "ObjectNode",
    "sklearn.metrics._dist_metrics.ChebyshevDistance64": "ObjectNode",
    "sklearn.metrics._dist_metrics.EuclideanDistance": "ObjectNode",
    "sklearn.metrics._dist_metrics.EuclideanDistance64": "ObjectNode",
    "sklearn.metrics._dist_metrics.ManhattanDistance": "ObjectNode",
    "sklearn.metrics._dist_metrics.ManhattanDistance64": "ObjectNode",
    "sklearn.metrics._dist_metrics.MinkowskiDistance": "ObjectNode",
    "sklearn.metrics._dist_metrics.MinkowskiDistance64": "ObjectNode",
    "sklearn.metrics._scorer._PassthroughScorer": "ObjectNode",
    "sklearn.model_selection._search_successive_halving.HalvingGridSearchCV": "ObjectNode",
    "sklearn.model_selection._search_successive_halving.HalvingRandomSearchCV": "ObjectNode",
    "sklearn.model_selection._split.KFold": "ObjectNode",
    "sklearn.model_selection._split.StratifiedKFold": "ObjectNode",
    "sklearn.neighbors._ball_tree.BallTree": "ObjectNode",
    "sklearn.neighbors._kd_tree.KDTree": "ObjectNode",
    "sklearn.tree._tree.Tree": "TreeNode",
    "sklearn.utils._metadata_requests.MetadataRequest": "ObjectNode",
    "sklearn.utils._metadata_requests.MethodMetadataRequest": "ObjectNode",
}
#: The same, as skops takes them.
KNOWN_SAFE_TYPES = tuple(_LOADERS)
#: Classes of libraries that are not needed to read what a file holds of them, and what takes their place.
_STAND_INS = {"kmedoids.KMedoids": "prototile.frontends.kmedoids.StoredKMedoids"}
#: skops makes random numbers' state of any size that a file names; no estimator that is supported has one.
_REFUSED_LOADERS = ("ConstructorFromReduceNode", "RandomGeneratorNode")
_SCHEMA = "schema.json"
#: Bytes of a schema that is read, and those that its objects may amount to: so often the whole file, and as much more.
_SCHEMA_LIMIT = 1 << 26
_SHARING, _SHARING_SLACK = 8, 1 << 24
_OBJECT_BYTES = 64


def checked_skops(path: Path) -> bytes:
    """Return a file of skops packed anew, checked so that restoring its known-safe types takes what it holds, no more.

    Raises
    ------
    ModelFileError
        If the archive is damaged, an array in it declares more than it holds, an object would be restored otherwise
        than skops writes it, the parts of a decision tree contradict each other, or objects refer to others so often
        that they would fill the memory.
    """
    members = {name: _checked_member(name, content, str(path)) for name, content in unpack(path, str(path)).items()}
    if len(members.get(_SCHEMA, b"")) > _SCHEMA_LIMIT:
        raise ModelFileError(f"{path} has a schema of more than {_SCHEMA_LIMIT} bytes; save a smaller model.")
    try:
        schema = json.loads(members.get(_SCHEMA, b""))
        if not isinstance(schema, dict):
            raise ValueError("its schema is no object")
        objects = list(_objects(schema))
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{path} holds no whole model of skops ({type(error).__name__}: {error}).") from error
    for part in objects:
        stand_in = _STAND_INS.get(_type_of(part))
        if stand_in is not None:
            part["__module__"], part["__class__"] = stand_in.rsplit(".", 1)
    _check_loaders(objects, str(path))
    _check_sharing(schema, members, str(path))
    _check_trees(objects, members, str(path))
    members[_SCHEMA] = json.dumps(schema).encode()
    return _pack(members)


def _checked_member(name: str, content: bytes, path: str) -> bytes:
    inner = f"{name} in {path}"
    if name.endswith(".npy"):
        check_array(content, inner)
    elif name.endswith(".npz"):
        # scipy.sparse puts archives of its own into a file; they hold arrays only.
        parts = unpack(io.BytesIO(content), inner)
        for part, array in parts.items():
            if not part.endswith(".npy"):
                raise ModelFileError(f"{inner} holds other things than arrays; write it again.")
            check_array(array, f"{part} in {inner}")
        return _pack(parts)
    return content


def _pack(members: dict[str, bytes]) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return whole.getvalue()


def _type_of(part: dict[str, Any]) -> str:
    return f"{part.get('__module__')}.{part.get('__class__')}"


def _check_loaders(objects: list[dict[str, Any]], path: str) -> None:
    """Refuse objects that would be made by a call: of a trusted type with any arguments, or of any size."""
    for part in objects:
        kind, loader = _type_of(part), part.get("__loader__")
        if loader in _REFUSED_LOADERS or _LOADERS.get(kind, loader) != loader:
            raise ModelFileError(
                f"{path} holds a {kind} that is restored by a {loader}, as skops writes none of a model; save it again."
            )


def _check_sharing(schema: dict[str, Any], members: dict[str, bytes], path: str) -> None:
    """Refuse a file whose objects, each written out wherever it is referred to, are many times as large as itself.

    A list may hold another one ten times, and this one a third ten times: that takes little to restore, but an array of
    it takes all the memory there is.
    """
    children: dict[Any, list[Any]] = {}
    sizes: dict[Any, int] = {}

    def visit(part: dict[str, Any]) -> Any:
        key = part.get("__id__", object())
        if not isinstance(key, (int, str, float)):
            key = object()
        file, content = part.get("file"), part.get("content")
        own = _OBJECT_BYTES + (len(members.get(file, b"")) if isinstance(file, str) else 0)
        own += len(content) if isinstance(content, str) else 0
        found = [visit(inner) for inner in _nearest(part)]
        # Whichever of the objects with one id is restored, it counts as all of them.
        children.setdefault(key, []).extend(found)
        sizes[key] = sizes.get(key, 0) + own
        return key

    limit = _SHARING * sum(map(len, members.values())) + _SHARING_SLACK
    totals: dict[Any, int] = {}
    try:
        root = visit(schema)
    except RecursionError as error:
        raise ModelFileError(f"{path} holds objects in too many objects; save a simpler model.") from error
    # Depth first without recursion; what is on the way and met again is a cycle.
    waiting, on_the_way = [(root, False)], set()
    while waiting:
        key, left = waiting.pop()
        if left:
            on_the_way.discard(key)
            totals[key] = min(limit + 1, sizes[key] + sum(totals[child] for child in children[key]))
        elif key not in totals and key not in on_the_way:
            on_the_way.add(key)
            waiting.append((key, True))
            for child in children[key]:
                if child in on_the_way:
                    raise ModelFileError(f"{path} holds an object that contains itself; save the model again.")
                waiting.append((child, False))
    if totals[root] > limit:
        raise ModelFileError(
            f"{path} refers to its objects so often that they would take more than {limit} bytes; save a simpler model."
        )


def _nearest(part: Any) -> Iterator[dict[str, Any]]:
    """Objects of skops right inside another one."""
    for value in part.values() if isinstance(part, dict) else part:
        if isinstance(value, dict) and "__loader__" in value:
            yield value
        elif isinstance(value, (dict, list)):
            yield from _nearest(value)


def _check_trees(objects: list[dict[str, Any]], members: dict[str, bytes], path: str) -> None:
    """Check what each `sklearn.tree._tree.Tree` of a file is made of.

    skops does not trust this type. Restoring one runs no code of the file, but its constructor copies as many numbers
    of classes as it is told there are outputs, it takes arrays for what they are called, whatever dimensions they have,
    and prediction follows children and features without looking at their bounds. So outputs and dimensions are checked
    here, types and lengths by scikit-learn when it restores the arrays, and what the arrays hold by
    `prototile.frontends.leaves`, which reads them; nothing ever asks the tree itself.
    """
    first: dict[Any, dict[str, Any]] = {}
    ambiguous = set()
    for part in objects:
        # skops restores an object of the same id only once: all of them must be the one that is looked at.
        key = part.get("__id__")
        if isinstance(key, (int, str, float)) and first.setdefault(key, part) != part:
            ambiguous.add(key)
    for tree in objects:
        if tree.get("__loader__") != "TreeNode":
            continue
        try:
            arguments, state = tree["__reduce__"]["args"], tree["content"]
            features, class_counts, outputs = arguments["content"]
            arrays = state["content"]
            parts = (tree, arguments, features, class_counts, outputs, state, *arrays.values())
            sound = (
                not any("__id__" in part and part["__id__"] in ambiguous for part in parts)
                and (arguments["__loader__"], state["__loader__"]) == ("TupleNode", "DictNode")
                and (features["__loader__"], outputs["__loader__"]) == ("JsonNode", "JsonNode")
                and arrays.keys() == {"max_depth", "node_count", "nodes", "values"}
                and _shape_of(class_counts, members, path) == (_integer(outputs["content"]),)
                and len(_shape_of(arrays["nodes"], members, path)) == 1
                and len(_shape_of(arrays["values"], members, path)) == 3
            )
        except (AttributeError, KeyError, TypeError, ValueError):
            sound = False
        if not sound:
            raise ModelFileError(f"{path} holds a decision tree whose parts contradict each other; save it again.")


def _shape_of(part: dict[str, Any], members: dict[str, bytes], path: str) -> tuple[int, ...]:
    """Shape of an array of numbers.

    Raises
    ------
    KeyError, ValueError
        If the object is no such array.
    """
    if (part["__loader__"], part["type"], part["__class__"]) != ("NdArrayNode", "numpy", "ndarray"):
        raise ValueError("an array was expected")
    return array_shape(members[part["file"]], path)


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """All objects of a JSON document."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _objects(part)


def _integer(text: Any) -> int:
    number = json.loads(text)
    if type(number) is not int:
        raise ValueError(f"{text!r} is no integer")
    return number
