"""Graphs of ONNX that are nearest-prototype models: read, and compared with what they compute."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prototile.errors import ModelFileError, PrototileError, UnsupportedModelError
from prototile.frontends.lvq import lvq_model, refuse_local_metrics
from prototile.maps import AffineMap
from prototile.model import PrototypeModel

_ELEMENTWISE = frozenset(("Abs", "Add", "Cast", "Div", "Equal", "Identity", "Mul", "Relu", "Scaler", "Sqrt", "Sub"))
#: What prosemble's exports of such models consist of.
_PROSEMBLE = frozenset(("ArgMin", "Gather", "MatMul", "ReduceSum", "Transpose", "Unsqueeze")) | _ELEMENTWISE
#: And those of skl2onnx: the distances, the scaler before them, and the votes after them.
_DISTANCES = frozenset(("CDist", "Scan", "TopK", "Transpose"))
_VOTES = frozenset(("ArgMax", "ArrayFeatureExtractor", "Concat", "Flatten", "ReduceSum", "Reshape"))
_SKLEARN = _DISTANCES | _VOTES | _ELEMENTWISE
#: Operators of a step of a Scan, and the metric that they are.
_SCANS = {
    frozenset(("Identity", "Sub", "ReduceSumSquare")): "l2",
    frozenset(("Identity", "Sub", "Abs", "ReduceSum")): "l1",
}
_CDIST = {"euclidean": "l2", "sqeuclidean": "l2", "manhattan": "l1", "cityblock": "l1"}
#: As many prototypes, and as many vectors between and around them, on which the graph's own answers are compared.
_PROBES = 200
#: Numbers that a value of the graph may have while it is computed, and all of them together, if its constants do not
#: have more: twice, and 16 times as many are right then.
_LARGEST_VALUE, _LARGEST_SUM = 1 << 25, 1 << 26
#: A text takes the memory of as many numbers.
_TEXT_COST = 16
#: What a node costs beside its numbers, and a step of a Scan, in numbers that are computed in the same time.
_NODE_COST = 1 << 10
#: Constants that a step of a Scan may have: axes of sums.
_SCAN_CONSTANTS = 8
#: Share of the distances that rounding to float32 can amount to.
_ROUNDING = 1e-4


@dataclass(frozen=True, eq=False)
class _Graph:
    """A graph with its constants, and which node makes which value."""

    model: Any
    constants: Mapping[str, NDArray[Any]]
    makers: Mapping[str, Any]

    @classmethod
    def of(cls, whole: Any) -> _Graph:
        """The part of a graph that its first output depends on: the labels, without probabilities."""
        from onnx import ModelProto, numpy_helper

        _check_order(whole.graph)
        model = ModelProto()
        model.CopyFrom(whole)
        graph = model.graph
        makers = {name: node for node in whole.graph.node for name in node.output}
        needed: dict[str, None] = {}
        waiting = [graph.output[0].name]
        while waiting:
            name = waiting.pop()
            if name in makers and name not in needed:
                needed[name] = None
                waiting += makers[name].input
        nodes = [node for node in whole.graph.node if any(name in needed for name in node.output)]
        for field, kept in ((graph.node, nodes), (graph.output, [whole.graph.output[0]])):
            del field[:]
            field.extend(kept)
        return cls(
            model=model,
            constants={tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer},
            makers={name: node for node in graph.node for name in node.output},
        )

    @property
    def operators(self) -> set[str]:
        return {node.op_type for node in self.model.graph.node}

    @property
    def input(self) -> str:
        names = [value.name for value in self.model.graph.input if value.name not in self.constants]
        if len(names) != 1:
            raise UnsupportedModelError(f"it has {len(names)} inputs, but a chip has one; export it with one.")
        return str(names[0])

    def only(self, operator: str) -> Any:
        """The one node of an operator."""
        nodes = [node for node in self.model.graph.node if node.op_type == operator]
        if len(nodes) != 1:
            raise UnsupportedModelError(f"it has {len(nodes)} operators {operator}, where one was to be expected.")
        return nodes[0]

    def constant(self, name: str) -> NDArray[Any]:
        if name not in self.constants:
            raise UnsupportedModelError(f"it computes {name}, which was to be expected as a constant.")
        return self.constants[name]


def _check_order(graph: Any) -> None:
    """Refuse a graph whose nodes are not in the order in which they can be computed: it may be a circle."""
    known = {"", *(value.name for value in graph.input), *(tensor.name for tensor in graph.initializer)}
    for node in graph.node:
        early = next((name for name in node.input if name not in known), None)
        again = next((name for name in node.output if name and name in known), None)
        if early is not None or again is not None:
            raise ModelFileError(
                f"its node {node.op_type} takes {early!r} before there is one."
                if again is None
                else f"its node {node.op_type} makes {again!r} a second time."
            )
        known.update(node.output)


def read_onnx(file: Path) -> PrototypeModel:
    """Read a KNeighborsClassifier that skl2onnx has written, perhaps behind a scaler, or an export of prosemble.

    The graph is recognised by its operators. What was read of it then has to give the graph's own answers, computed by
    onnx's reference implementation, for its prototypes and for vectors between and around them.

    Parameters
    ----------
    file
        Path of the file.

    Raises
    ------
    ModelFileError
        If the library onnx is not installed, or the file is damaged.
    UnsupportedModelError
        If the graph is another model.
    """
    try:
        import onnx
    except ImportError as error:
        raise ModelFileError(
            "an .onnx file is read by the library onnx, which is not installed; run pip install 'prototile[onnx]'."
        ) from error
    try:
        # Not the files beside it that a graph may name.
        graph = _Graph.of(onnx.load(file, load_external_data=False))
        model = _prosemble(graph) if "prototypes" in graph.constants else _neighbours(graph)
        _check_answers(graph, model)
    except PrototileError:
        raise
    except Exception as error:
        # A damaged graph can fail in any way there is.
        reason = (str(error).splitlines() or [""])[0].rstrip(".")
        raise ModelFileError(f"it holds no whole graph of ONNX ({type(error).__name__}: {reason}).") from error
    return model


def _prosemble(graph: _Graph) -> PrototypeModel:
    if "omegas" in graph.constants:
        raise refuse_local_metrics("it")
    _check_operators(graph, _PROSEMBLE, "prosemble")
    constants = graph.constants
    prototypes = constants["prototypes"]
    return lvq_model(
        prototypes,
        constants.get("proto_labels", np.arange(len(prototypes))),
        name="it",
        relevances=constants.get("relevances"),
        omega=constants.get("omega"),
        metric="l1" if "Abs" in graph.operators else "l2",
    )


def _neighbours(graph: _Graph) -> PrototypeModel:
    _check_operators(graph, _SKLEARN, "skl2onnx")
    nearest = graph.only("TopK")
    weighed = [node.op_type for node in graph.model.graph.node if nearest.output[0] in node.input]
    if weighed or _attribute(nearest, "largest", 1):
        raise UnsupportedModelError(
            "its votes depend on the distances of the neighbours, but on the chip each neighbour has one vote; export a"
            " model with weights='uniform'."
        )
    k = int(graph.constant(nearest.input[1]).reshape(-1)[0])
    tables = [node for node in graph.model.graph.node if node.op_type == "ArrayFeatureExtractor"]
    voted = [node for node in tables if _maker(graph, node.input[1]) == "ArgMax"]
    neighbours = [node for node in tables if node not in voted]
    if len(voted) != 1 or len(neighbours) != 1:
        raise UnsupportedModelError("it is no classifier of one output; export a KNeighborsClassifier with one.")
    classes = graph.constant(voted[0].input[0]).reshape(-1)
    if classes.dtype.kind in "OS":
        classes = np.array([name.decode() if isinstance(name, bytes) else str(name) for name in classes.tolist()])
    indices = graph.constant(neighbours[0].input[0]).reshape(-1).astype(np.int64)
    distance = graph.makers[nearest.input[0]]
    while distance.op_type in ("Sqrt", "Transpose"):
        distance = graph.makers[distance.input[0]]
    samples = graph.constant(distance.input[1]).astype(np.float64)
    return PrototypeModel(
        samples,
        classes[indices],
        metric=_metric(distance),
        k=k,
        classes=classes,
        preprocess=_scaler(graph, distance.input[0], samples.shape[1]),
    )


def _check_operators(graph: _Graph, known: frozenset[str], writer: str) -> None:
    strange = sorted(graph.operators - known)
    if strange:
        raise UnsupportedModelError(
            f"it has the operator {strange[0]}, which is in no nearest-prototype model as {writer} writes them; convert"
            " the fitted model itself, or put its prototypes into a PrototypeModel."
        )
    for node in graph.model.graph.node:
        if node.op_type == "Scan":
            _metric(node)
        elif any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):
            raise UnsupportedModelError(f"its node {node.op_type} holds a graph of its own, which such a node has not.")


def _metric(distance: Any) -> str:
    if distance.op_type == "CDist":
        name = _attribute(distance, "metric", b"").decode()
        found = _CDIST.get(name)
    else:
        body = _attribute(distance, "body", None)
        simple = body is not None and len(body.node) <= 5 and not _has_large_constants(body)
        operators = frozenset(node.op_type for node in body.node) if simple else frozenset()
        name, found = " and ".join(sorted(operators)) or distance.op_type, _SCANS.get(operators)
    if found is None:
        raise UnsupportedModelError(f"it has distances by {name}, but only those of l1 and l2 can be read.")
    return found


def _has_large_constants(body: Any) -> bool:
    """Whether a step of a Scan has constants beyond axes, or nodes with graphs of their own."""
    numbers = sum(math.prod(tensor.dims) for tensor in body.initializer)
    attributes = [attribute for node in body.node for attribute in node.attribute]
    return numbers > _SCAN_CONSTANTS or any(one.HasField("g") or one.graphs or one.HasField("t") for one in attributes)


def _scaler(graph: _Graph, name: str, features: int) -> AffineMap | None:
    """The map from the graph's input to a value, one operation after another."""
    steps = []
    while name != graph.input:
        node = graph.makers[name]
        steps.append(node)
        name = node.input[0]
    whole: AffineMap | None = None
    for node in reversed(steps):
        if node.op_type in ("Cast", "Identity"):
            continue
        step = _step(graph, node, features)
        whole = step if whole is None else whole.then(step)
    return whole


def _step(graph: _Graph, node: Any, features: int) -> AffineMap:
    ones, zeros = np.ones(features), np.zeros(features)
    if node.op_type == "Scaler":
        offset, scale = (np.broadcast_to(_attribute(node, key, ()), features) for key in ("offset", "scale"))
        return AffineMap(scale, -np.asarray(offset, np.float64) * scale)
    if node.op_type not in ("Add", "Sub", "Mul", "Div"):
        raise UnsupportedModelError(
            f"it has the operator {node.op_type} before its distances, but only scalers of each feature can be read;"
            " transform the data yourself and export the classifier alone."
        )
    constant = np.broadcast_to(graph.constant(node.input[1]).astype(np.float64).reshape(-1), (features,))
    if node.op_type in ("Add", "Sub"):
        return AffineMap(ones, constant if node.op_type == "Add" else -constant)
    return AffineMap(constant if node.op_type == "Mul" else 1 / constant, zeros)


def _attribute(node: Any, name: str, default: Any) -> Any:
    from onnx import helper

    found = [helper.get_attribute_value(one) for one in node.attribute if one.name == name]
    return found[0] if found else default


def _maker(graph: _Graph, name: str) -> str | None:
    return graph.makers[name].op_type if name in graph.makers else None


def _check_answers(graph: _Graph, model: PrototypeModel) -> None:
    """Compare the graph's own answers with the model's, where rounding to float32 cannot change them."""
    probes = _probes(model)
    Z = model.transform(probes)
    distances = model.distances(Z)
    if model.prototype_count > model.k:
        ordered = np.partition(distances, [model.k - 1, model.k], axis=1)
        gap = ordered[:, model.k] - ordered[:, model.k - 1]
        clear = gap > _ROUNDING * (distances.max(axis=1) + (Z * Z).sum(axis=1) / 10)
        probes = probes[clear]
    if not len(probes):
        return
    answers = _run(graph, probes)
    expected = model.predict(probes)
    wrong = np.flatnonzero(answers.astype(str) != expected.astype(str))
    if len(wrong):
        raise UnsupportedModelError(
            f"its graph answers {answers[wrong[0]]!s} where the nearest of its prototypes say {expected[wrong[0]]!s},"
            " so it is another model; convert the fitted model itself, or put its prototypes into a PrototypeModel."
        )


def _probes(model: PrototypeModel) -> NDArray[np.float64]:
    """Vectors around the prototypes, in the user's numbers, that a float32 holds."""
    random = np.random.default_rng(0)
    scaler = model.preprocess
    points = model.prototypes.astype(np.float64)
    if isinstance(scaler, AffineMap):
        points = (points - scaler.shift) / np.where(scaler.scale == 0, 1.0, scaler.scale)
    elif scaler is not None:
        points = points @ np.linalg.pinv(scaler.matrix)
    # A graph may hold the difference of each vector and prototype.
    count = max(1, min(_PROBES, _LARGEST_VALUE // (4 * points.size)))
    first, second = (points[random.integers(0, len(points), count)] for _ in range(2))
    share = random.uniform(-0.5, 1.5, first.shape)
    mixed = np.vstack([points[:count], first * share + second * (1 - share)])
    return mixed.astype(np.float32).astype(np.float64)


def _run(graph: _Graph, vectors: NDArray[np.float64]) -> NDArray[Any]:
    """The first output of the graph, by onnx's reference implementation."""
    from onnx import TensorProto, helper
    from onnx.reference import ReferenceEvaluator
    from onnx.reference.op_run import OpRun
    from sklearn.metrics import pairwise_distances

    class CDist(OpRun):
        op_domain = "com.microsoft"

        def _run(self, first: Any, second: Any, metric: str | None = None) -> Any:
            return (pairwise_distances(first, second, metric=metric).astype(first.dtype),)

    session = ReferenceEvaluator(graph.model, new_ops=[CDist])
    kind = next(value.type.tensor_type.elem_type for value in graph.model.graph.input if value.name == graph.input)
    values: dict[str, Any] = {"": None, **graph.constants}
    values[graph.input] = vectors.astype(helper.tensor_dtype_to_np_dtype(kind))
    # One node after another, as the evaluator does it itself, so that a graph cannot make a value of any size.
    constants = sum(array.size for array in graph.constants.values())
    largest, largest_sum = max(_LARGEST_VALUE, 2 * constants), max(_LARGEST_SUM, 16 * constants)
    together = 0
    for node in session.rt_nodes_:
        inputs = [values[name] for name in node.input]
        size, steps = _size(node.onnx_node.op_type, inputs)
        if node.onnx_node.op_type == "Cast" and _attribute(node.onnx_node, "to", 0) == TensorProto.STRING:
            size *= _TEXT_COST
        together += size + _NODE_COST * (1 + steps)
        if size > largest or together > largest_sum:
            raise UnsupportedModelError("it computes values that are too large for a nearest-prototype model.")
        outputs = node.run(*inputs, **({"context": values} if node.need_context() else {}))
        values.update(zip(node.output, outputs, strict=True))
    return np.asarray(values[graph.model.graph.output[0].name]).reshape(-1)


def _size(operator: str, inputs: list[Any]) -> tuple[int, int]:
    """Numbers that an operator makes of its inputs, at most, and steps that it takes one after another."""
    shapes: list[tuple[int, ...]] = [np.shape(value) for value in inputs if value is not None]
    sizes = [math.prod(shape) for shape in shapes]
    if operator in _ELEMENTWISE:
        return math.prod(np.broadcast_shapes(*shapes)), 0
    if operator == "Scan":
        # In each step a row of the second and the first are subtracted, and summed up to one number for each prototype.
        steps, *row = shapes[1]
        return math.prod(np.broadcast_shapes(shapes[0], tuple(row))) + steps * shapes[0][0], steps
    if operator in ("MatMul", "CDist"):
        # Rows of the one times rows, or columns, of the other; those of stacked matrices are fewer than all numbers.
        return sizes[0] // shapes[0][-1] * max(shapes[1][0], sizes[1] // shapes[1][-2]), 0
    if operator in ("Gather", "ArrayFeatureExtractor"):
        return sizes[1] * max(1, sizes[0] // max(1, shapes[0][0 if operator == "Gather" else -1])), 0
    return sum(sizes), 0
