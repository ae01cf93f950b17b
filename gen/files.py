"""Model files and vector files: read defensively, written whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prototile import archives
from prototile.archives import check_file, read_npy, read_npz, safetensors_bytes
from prototile.arrays import Matrix, check_names, label_text, to_matrix
from prototile.condensation import Condensation
from prototile.errors import InputError, ModelFileError, PrototileError
from prototile.frontends import to_prototype_model
from prototile.frontends.prosemble import METADATA, prosemble_file
from prototile.frontends.prototorch import is_prototorch_state, prototorch_state
from prototile.maps import AffineMap, MatrixMap
from prototile.model import Levels, PrototypeModel
from prototile.scores import AdditiveScores
from prototile.skops_files import KNOWN_SAFE_TYPES, checked_skops
from prototile.tables import parsed_labels, read_table

_LEVELS_KEYS = ("offset", "step", "open_ended")
_SCORES_KEYS = ("intercepts", "cuts", "constants", "curvatures", "centres")
_MEASURED_KEYS = ("held_out", "accuracy_before", "curve_prototypes", "curve_accuracies", "chosen")
_CONDENSATION_KEYS = ("condensed_by", "members", *_MEASURED_KEYS)
_OPTIONAL_KEYS = ("curvatures", "centres", "columns", "input_features", *_MEASURED_KEYS)
_PARTS = {
    "preprocess": (AffineMap, ("scale", "shift", "columns", "input_features")),
    "levels": (Levels, _LEVELS_KEYS),
    "original": (AdditiveScores, _SCORES_KEYS),
    "condensation": (Condensation, _CONDENSATION_KEYS),
}
#: What stands in for the first of them in a file with a matrix.
_MATRIX_PART = {"preprocess": (MatrixMap, ("matrix", "shift"))}
_ARRAY_KEYS = (
    *("prototypes", "labels", "radii", "classes", "masks", "weights", "matrix", "feature_names"),
    *(key for _, keys in _PARTS.values() for key in keys),
)
_SCALAR_KEYS = (
    *("metric", "k", "min_margin", "reject", "radii_inclusive", "step_per_feature", "bits", "trained"),
    "labels_are_bytes",
)
_KEYS = _ARRAY_KEYS + _SCALAR_KEYS
_PICKLES = (".pkl", ".pickle", ".joblib")


def load_model(path: str | os.PathLike[str], *, trust_pickle: bool = False, labels: Any = None) -> PrototypeModel:
    """Read a model by the suffix of its file.

    Parameters
    ----------
    path
        - ``.npz``: arrays ``prototypes`` and ``labels``; optional ``metric``, ``radii``, ``k``, ``classes``, ``masks``,
          ``weights``, ``min_margin``, ``reject``, ``radii_inclusive`` as in `PrototypeModel`, and ``scale``, ``shift``,
          ``columns``, ``input_features`` of an `AffineMap` or ``matrix``, ``shift`` of a `MatrixMap`. Strings are
          arrays of text, never of objects. Integer prototypes are in chip units. Or a model as prosemble saves it.
        - ``.safetensors``: the same keys; arrays are tensors, the others are metadata in JSON (``metric`` may stand
          bare), and so are ``labels`` and ``classes`` of text. Where these are bytes, ``labels_are_bytes`` says so, and
          they stand there as text. Or a state dict of prototorch.
        - ``.csv``: a row per prototype, its label in the last column; header optional, see `read_table`. Prototypes
          are always taken as floats, the metric is l1.
        - ``.onnx``: a KNeighborsClassifier as skl2onnx writes it, or what prosemble exports; needs the library onnx.
        - ``.knf``: knowledge of NeuroMem's chips, see `prototile.neuromem`.
        - ``.skops``: a fitted estimator of scikit-learn; only known-safe types are restored.
        - ``.pkl``, ``.pickle``, ``.joblib``: a fitted estimator; loading can run any code that the file holds.
    trust_pickle
        Allow the last kind.
    labels
        One for each prototype, instead of those in the file; None: those in the file.

    Raises
    ------
    ModelFileError
        If the file is missing, empty, damaged, of another kind, or not to be trusted.
    InputError
        If its arrays form no model.
    UnsupportedModelError
        If the chip would compute something else than the model.
    """
    file = Path(path)
    suffix = file.suffix.lower()
    if suffix not in _READERS and suffix not in _PICKLES:
        raise ModelFileError(
            f"{file} is no model file by its suffix {file.suffix!r}; supported are {', '.join(_READERS)}"
            f" and, if trusted, {', '.join(_PICKLES)}."
        )
    check_file(file, _limit(file))
    if labels is not None:
        return load_model(file, trust_pickle=trust_pickle).with_labels(labels)
    if suffix not in _PICKLES:
        return _READERS[suffix](file)
    if not trust_pickle:
        raise ModelFileError(
            f"{file} is a pickle, which can run any code when it is loaded; if you trust where it comes from, say so"
            " with trust_pickle=True (--trust-pickle), otherwise save the model with skops as .skops."
        )
    return _read_pickle(file)


def save_model(model: PrototypeModel, path: str | os.PathLike[str]) -> None:
    """Write a model as ``.npz`` or ``.safetensors``, so that `load_model` returns its equal.

    The file appears whole or not at all, and the same model gives the same bytes.

    Raises
    ------
    ModelFileError
        If the suffix is another, or the file cannot be written.
    """
    file = Path(path)
    writer = {".npz": _write_npz, ".safetensors": _write_safetensors}.get(file.suffix.lower())
    if writer is None:
        raise ModelFileError(f"{file} must end in .npz or .safetensors, not in {file.suffix!r}.")
    try:
        with tempfile.TemporaryDirectory(dir=file.parent, prefix=f".{file.name}.") as folder:
            draft = Path(folder, "draft" + file.suffix.lower())
            writer(model, draft)
            draft.replace(file)
    except OSError as error:
        raise ModelFileError(f"{file} cannot be written: {error.strerror or error}.") from error


def load_vectors(
    path: str | os.PathLike[str], features: int, names: Sequence[str] | None = None
) -> tuple[Matrix, NDArray[Any] | None]:
    """Read vectors to be classified, and their labels if the file has some.

    Parameters
    ----------
    path
        - ``.csv``: a row per vector; header optional, see `read_table`; a column more than `features` is the label.
        - ``.npy``: an array of shape (rows, features).
        - ``.npz``: the array ``X`` and, if it is there, ``y``; or the only array.
    features
        Components of a vector.
    names
        Names of the features that a header has to have, in their order, if the model knows them; None: any. A file
        without a header is taken either way.

    Returns
    -------
    X : ndarray of shape (rows, features)
        int64 or float64.
    y : ndarray of shape (rows,), or None
        Labels.

    Raises
    ------
    ModelFileError
        If the file is missing, empty, damaged or of another kind.
    InputError
        If its arrays have another shape, or hold what is no finite number, or its header has other names.
    """
    file = Path(path)
    readers: dict[str, Callable[[Path, int], tuple[Any, Any]]] = {
        ".csv": lambda file, features: _vectors_of_csv(file, features, names),
        ".npy": _vectors_of_npy,
        ".npz": _vectors_of_npz,
    }
    reader = readers.get(file.suffix.lower())
    if reader is None:
        raise ModelFileError(
            f"{file} is no file of vectors by its suffix {file.suffix!r}; supported are {', '.join(readers)}."
        )
    check_file(file, _limit(file))
    values, y = reader(file, features)
    X = to_matrix(values, str(file), features=features)
    if y is not None and y.shape != (len(X),):
        raise InputError(f"{file} has {len(X)} vectors but labels of the shape {y.shape}; give one label each.")
    return X, y


def load_labels(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read labels, one for each prototype: a label a line in a ``.csv`` or ``.txt`` without a header, or a ``.npy``.

    Raises
    ------
    ModelFileError
        If the file is missing, empty, damaged or of another kind.
    """
    file = Path(path)
    if file.suffix.lower() not in (".csv", ".txt", ".npy"):
        raise ModelFileError(
            f"{file} is no file of labels by its suffix {file.suffix!r}; supported are .csv, .txt, .npy."
        )
    check_file(file, _limit(file))
    if file.suffix.lower() == ".npy":
        return read_npy(file)
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except ValueError as error:
        raise ModelFileError(f"{file} is no text in UTF-8; write it again.") from error
    broken = next((number for number, line in enumerate(lines, 1) if "\0" in line), None)
    if broken is not None:
        raise ModelFileError(f"{file} has the character NUL in line {broken}, so it is no text; write it again.")
    empty = next((number for number, line in enumerate(lines, 1) if not line.strip()), None)
    if empty is not None:
        raise ModelFileError(f"{file} has no label in line {empty}; give one label a line.")
    return parsed_labels(lines)


def _limit(file: Path) -> int:
    """Bytes of a file that is read: text becomes several times as large."""
    return archives.TEXT_LIMIT if file.suffix.lower() in (".csv", ".txt") else archives.SIZE_LIMIT


def _vectors_of_csv(file: Path, features: int, names: Sequence[str] | None) -> tuple[Any, Any]:
    table = read_table(file, features=features, expected=names)
    if table.width not in (features, features + 1):
        raise InputError(
            f"{file} has {table.width} columns, but the model has {features} features (and one column more may hold"
            " labels)."
        )
    if names is not None and table.names is not None:
        check_names([name.strip() for name in table.names[:features]], str(file), [name.strip() for name in names])
    return table.numbers(), table.labels()


def _vectors_of_npy(file: Path, features: int) -> tuple[Any, Any]:
    return read_npy(file), None


def _vectors_of_npz(file: Path, features: int) -> tuple[Any, Any]:
    arrays = read_npz(file)
    if "X" in arrays:
        return arrays["X"], arrays.get("y")
    if len(arrays) == 1:
        return next(iter(arrays.values())), None
    raise ModelFileError(
        f"{file} holds the arrays {', '.join(arrays) or 'none at all'}, but none is called X; name the vectors X."
    )


def _read_npz_model(file: Path) -> PrototypeModel:
    arrays = read_npz(file)
    if METADATA in arrays:
        return _named(file, lambda: prosemble_file(arrays))
    return _build(file, dict(arrays))


def _read_safetensors_model(file: Path) -> PrototypeModel:
    # Imported here, as all libraries of one file kind are: most commands need none of them.
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="numpy") as handle:
            values = {name: handle.get_tensor(name) for name in handle.keys()}  # noqa: SIM118 (no mapping)
            metadata = handle.metadata() or {}
        # With ml_dtypes installed, NumPy has types that it cannot count with.
        strange = next((array.dtype for array in values.values() if array.dtype.isbuiltin != 1), None)
        if strange is not None:
            raise TypeError(f"one is of type {strange}")
    except (SafetensorError, TypeError, ValueError, OSError) as error:
        raise ModelFileError(f"{file} is no undamaged .safetensors file of plain numbers ({error}).") from error
    if is_prototorch_state(values):
        return _named(file, lambda: prototorch_state(values, "the state dict"))
    for name, text in metadata.items():
        if name in values:
            raise ModelFileError(f"{file} gives {name} twice, as tensor and as metadata; leave one out.")
        # Other libraries put the framework there.
        if name != "format":
            values[name] = _parse(file, name, text)
    return _build(file, values)


def _parse(file: Path, name: str, text: str) -> Any:
    if name == "metric" and not text.startswith('"'):
        return text
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{file} has {name} = {text[:80]!r} in its metadata, which is no JSON.") from error
    if isinstance(value, dict) or (isinstance(value, list) and name not in _ARRAY_KEYS):
        raise ModelFileError(f"{file} has {name} = {text[:80]!r} in its metadata, which is of the wrong kind.")
    return value


def _build(file: Path, values: dict[str, Any]) -> PrototypeModel:
    """Make a model of keys and values, with the file named in every complaint."""
    missing = [name for name in ("prototypes", "labels") if name not in values]
    if missing:
        raise ModelFileError(
            f"{file} lacks {' and '.join(missing)}; it holds {', '.join(values) or 'nothing'}. A model has prototypes "
            "(rows, features) and a label for each; see prototile convert --help."
        )
    strange = sorted(set(values) - set(_KEYS))
    if strange:
        raise ModelFileError(
            f"{file} holds {strange[0]!r}, which would change the answers or is not known; allowed are"
            f" {', '.join(_KEYS)}."
        )
    if "matrix" in values and "scale" in values:
        raise ModelFileError(f"{file} holds both 'matrix' and 'scale'; multiply the rows of the matrix by the scale.")
    kinds = {**_PARTS, **(_MATRIX_PART if "matrix" in values else {})}
    parts: dict[str, Any] = {}
    for name, (_, keys) in kinds.items():
        found = [key for key in keys if key in values]
        needed = [key for key in keys if key not in _OPTIONAL_KEYS]
        if found and not set(needed) <= set(found):
            raise ModelFileError(f"{file} holds {found[0]!r} without all of {', '.join(needed)}; give all or none.")
        if found:
            parts[name] = {key: values.pop(key) for key in found}
    arguments = {name: _scalar(file, name, value) if name in _SCALAR_KEYS else value for name, value in values.items()}
    if arguments.pop("labels_are_bytes", False):
        named = {name: arguments[name] for name in ("labels", "classes", "reject") if name in arguments}
        arguments |= {name: _encoded(file, name, labels) for name, labels in named.items()}
    return _named(
        file,
        lambda: PrototypeModel(**{name: kinds[name][0](**given) for name, given in parts.items()}, **arguments),
    )


def _encoded(file: Path, name: str, labels: Any) -> Any:
    """Bytes of labels that a file holds as text."""
    array = np.asarray(labels)
    if array.dtype.kind != "U":
        raise ModelFileError(f"{file} holds {name!r} of type {array.dtype}, but labels_are_bytes is for text.")
    encoded = [label.encode("utf-8", "surrogatepass") for label in array.ravel().tolist()]
    return encoded if array.ndim else encoded[0]


def _scalar(file: Path, name: str, value: Any) -> Any:
    if not isinstance(value, np.ndarray):
        return value
    if value.size != 1:
        raise ModelFileError(f"{file} holds {name!r} of the shape {value.shape}; give a single value.")
    return value.reshape(()).item()


def _named(file: Path, build: Callable[[], PrototypeModel]) -> PrototypeModel:
    try:
        return build()
    except PrototileError as error:
        raise type(error)(f"{file}: {error}") from error


def _read_csv_model(file: Path) -> PrototypeModel:
    table = read_table(file)
    if table.width < 2:
        raise ModelFileError(f"{file} has one column; give the features of each prototype, and its label in the last.")
    # Complaints of the table name the file themselves.
    prototypes, labels = table.numbers(), table.labels()
    return _named(file, lambda: PrototypeModel(prototypes, labels))


def _read_onnx_model(file: Path) -> PrototypeModel:
    from prototile.onnx_models import read_onnx

    return _named(file, lambda: read_onnx(file))


def _read_knf_model(file: Path) -> PrototypeModel:
    from prototile.neuromem import read_knf

    return _named(file, lambda: read_knf(file))


def _read_skops_model(file: Path) -> PrototypeModel:
    from skops import io as skops_io

    def load() -> Any:
        content = checked_skops(file)
        unknown = sorted(set(skops_io.get_untrusted_types(data=content)) - set(KNOWN_SAFE_TYPES))
        if unknown:
            raise ModelFileError(
                f"{file} holds the types {', '.join(unknown)}, which are not known to be safe; save a model of"
                " scikit-learn's own supported types."
            )
        return skops_io.loads(content, trusted=list(KNOWN_SAFE_TYPES))

    return _convert_loaded(file, load)


def _read_pickle(file: Path) -> PrototypeModel:
    import joblib

    return _convert_loaded(file, lambda: joblib.load(file))


def _convert_loaded(file: Path, load: Callable[[], Any]) -> PrototypeModel:
    """Load an estimator and convert it; a damaged file can fail in any way there is."""
    from sklearn.exceptions import InconsistentVersionWarning

    try:
        with warnings.catch_warnings():
            # An older scikit-learn has fitted it. It is not asked for answers: what is read of it is checked here.
            warnings.simplefilter("ignore", InconsistentVersionWarning)
            estimator = load()
        return _named(file, lambda: to_prototype_model(estimator))
    except PrototileError:
        raise
    except Exception as error:
        reason = (str(error).splitlines() or [""])[0].rstrip(".")
        raise ModelFileError(
            f"{file} holds no whole model that this installation can load ({type(error).__name__}: {reason})."
        ) from error


def _write_npz(model: PrototypeModel, draft: Path) -> None:
    with draft.open("wb") as stream:
        # The stub takes any keyword for its own flag allow_pickle.
        np.savez(stream, **{name: np.asarray(value) for name, value in _values(model).items()})  # type: ignore[arg-type]


def _write_safetensors(model: PrototypeModel, draft: Path) -> None:
    tensors: dict[str, NDArray[Any]] = {}
    metadata: dict[str, str] = {}
    for name, value in _values(model).items():
        if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
            tensors[name] = value
        else:
            metadata[name] = json.dumps(value.tolist() if isinstance(value, np.ndarray) else value)
    draft.write_bytes(safetensors_bytes(tensors, metadata))


def _values(model: PrototypeModel) -> dict[str, Any]:
    """Keys and values of a model file; those at their default are left out."""
    values: dict[str, Any] = {
        "prototypes": model.prototypes,
        "labels": _texts(model.labels),
        "metric": model.metric,
        "classes": _texts(model.classes),
    }
    if isinstance(model.classes[0], bytes):
        values["labels_are_bytes"] = True
    if model.k != 1:
        values["k"] = model.k
    if model.feature_names is not None:
        values["feature_names"] = list(model.feature_names)
    for name, array in (("masks", model.masks), ("weights", model.weights)):
        if array is not None:
            values[name] = array
    if model.radii is not None:
        values["radii"] = _radii(model, model.radii)
        values["radii_inclusive"] = model.radii_inclusive
    if model.min_margin is not None:
        values["min_margin"] = model.min_margin
    if model.reject is not None:
        values["reject"] = label_text(model.reject)
    if model.step_per_feature:
        values["step_per_feature"] = True
    if model.bits is not None:
        values["bits"] = model.bits
    if model.trained:
        values["trained"] = True
    if model.condensation is not None:
        told = _CONDENSATION_KEYS if model.condensation.held_out else ("condensed_by", "members")
        values |= {name: getattr(model.condensation, name) for name in told}
    if model.levels is not None:
        values |= {name: getattr(model.levels, name) for name in _LEVELS_KEYS}
    if model.original is not None:
        values |= model.original.arrays
    if model.preprocess is not None:
        values |= model.preprocess.arrays
    return values


def _radii(model: PrototypeModel, radii: NDArray[np.float64]) -> NDArray[np.float64]:
    """Radii in the shape that tells their kind."""
    if model.radii_kind == "common":
        return np.asarray(radii[0])
    if model.radii_kind == "prototype":
        return radii[:, None]
    per_class = np.zeros((1, model.class_count))
    per_class[0, model.class_indices] = radii
    return per_class


def _texts(labels: NDArray[Any]) -> NDArray[Any]:
    """Labels in an array of no objects, bytes as text."""
    return np.array([label_text(label) for label in labels.tolist()]) if labels.dtype.kind in "OS" else labels


_READERS: dict[str, Callable[[Path], PrototypeModel]] = {
    ".skops": _read_skops_model,
    ".npz": _read_npz_model,
    ".safetensors": _read_safetensors_model,
    ".csv": _read_csv_model,
    ".onnx": _read_onnx_model,
    ".knf": _read_knf_model,
}
