"""Files that were made to do harm, or came to harm: each is a model or one clear error, in bounded time and memory.

A short run is part of the default tests. `make fuzz` runs the same for longer: ``FUZZ_SECONDS`` for each kind of file.
"""

import io
import json
import os
import shutil
import struct
import sys
import time
import tracemalloc
import warnings
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays, scalar_dtypes
from safetensors.numpy import save as save_tensors
from skl2onnx import to_onnx
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import BernoulliNB, GaussianNB
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from skops import io as skops_io

import prototile as pt
from prototile.commands import Queries
from prototile.condensation import Condensation
from prototile.config import Configuration
from prototile.design import Design
from prototile.errors import PrototileError
from prototile.files import load_labels, load_model, load_vectors, save_model
from prototile.folder import chip as describe
from prototile.page import page
from prototile.quantiser import Quantiser
from prototile.report import read_report
from prototile.summary import summary

RECORDED = Path(__file__).parent / "recorded"
RANDOM = np.random.default_rng(0)
POINTS = RANDOM.integers(0, 9, (12, 2)).astype(np.float32)
NAMES = np.array(["ash", "birch", "cedar"])[np.arange(12) % 3]
OWN_FILES = str(Path(pt.__file__).parent)
#: Memory beside what the libraries take once, and for each byte of the file.
BASE_BYTES, BYTES_PER_BYTE = 48 << 20, 200
#: Of one example, on a busy machine.
SECONDS = 20.0

FIGURES = [0, 1, -1, 2, 3, 7, 8, 255, 256, 1 << 15, 1 << 16, 1 << 31, (1 << 31) - 1, 1 << 32, 1 << 40, (1 << 63) - 1]
FIGURES += [-(1 << 31), -(1 << 63), 1 << 63, 1 << 64, 10**400]
TEXTS = [
    "",
    "0",
    "-1",
    "1e400",
    "nan",
    "inf",
    "a",
    "\0",
    "ä",
    "\u0661\u0662",
    "\ud800",
    "9" * 5000,
    "l2",
    "box",
    "table",
    "x" * 300,
]
DTYPES = [b"|O", b"<U8", b">c16", b"<M8[s]", b"|V4", b"|b1", b"<i1", b"<u8", b"<f2", b"<f16", b"|S3", b"<U0", b">f8"]


def archive_of(members, compression=zipfile.ZIP_STORED):
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", compression) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # duplicate names
        for name, content in members:
            archive.writestr(name, content)
    return whole.getvalue()


def members_of(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def npz(**named):
    return archive_of((f"{name}.npy", npy(np.asarray(value))) for name, value in named.items())


def file_of(model, suffix, folder):
    save_model(model, folder / f"seed{suffix}")
    return (folder / f"seed{suffix}").read_bytes()


def skops(estimator):
    return skops_io.dumps(estimator)


def scaled_columns():
    return ColumnTransformer([("scaled", MinMaxScaler(), [1])], remainder="passthrough")


def seeds_of(kind, folder):
    """Whole files of a kind."""
    P = POINTS[:4].astype(np.float64)
    models = [
        pt.PrototypeModel(P, list("abca"), metric="l2", radii=[[1], [2], [3], [4]], reject="z", min_margin=0.5, k=3),
        pt.PrototypeModel(P, [3, 1, 2, 1], preprocess=pt.MatrixMap([[1.0, 2.0], [0.5, 1.0], [0.0, 1.0]], [0.0, 1.0])),
        pt.PrototypeModel(np.stack([P, P + 1], axis=2), [0, 1, 2, 1], metric="box", step_per_feature=True),
        pt.frontends.to_prototype_model(BernoulliNB().fit(POINTS, NAMES)),
        pt.PrototypeModel(
            P, [0, 1, 1, 0], masks=P > 3, weights=np.full(P.shape, 2), preprocess=pt.AffineMap([1, 2], [0, 1])
        ),
        pt.PrototypeModel(P.astype(int), [0, 1, 2, 1], bits=5, feature_names=["one", "two"], radii={0: 1, 1: 2, 2: 3}),
    ]
    measured = {
        "held_out": 9,
        "accuracy_before": 0.9,
        "curve_prototypes": [2, 4],
        "curve_accuracies": [0.5, 0.8],
        "chosen": 1,
    }
    condensation = Condensation(condensed_by="kmeans", members=np.arange(12) % 4, **measured)
    models.append(models[0].with_condensation(condensation))
    if kind in ("npz", "safetensors"):
        files = [file_of(model, f".{kind}", folder) for model in models]
        return files + [path.read_bytes() for path in sorted(RECORDED.glob(f"pro*_*LVQ.{kind}"))]
    if kind == "onnx":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fitted = [KNeighborsClassifier(k).fit(POINTS, NAMES) for k in (1, 3)]
            fitted.append(make_pipeline(StandardScaler(), KNeighborsClassifier(1)).fit(POINTS, np.arange(12) % 3))
            files = [to_onnx(one, POINTS[:1], target_opset=18).SerializeToString() for one in fitted]
        return files + [path.read_bytes() for path in sorted(RECORDED.glob("prosemble_*.onnx"))]
    if kind == "skops":
        y = NAMES
        return [
            skops(KNeighborsClassifier(1, algorithm="kd_tree").fit(POINTS, y)),
            skops(KNeighborsClassifier(3, algorithm="brute").fit(POINTS, y.astype(object))),
            skops(make_pipeline(StandardScaler(), NearestCentroid()).fit(POINTS, y)),
            skops(RandomForestClassifier(2, random_state=0).fit(POINTS, y)),
            skops(GaussianNB().fit(POINTS, y)),
            skops(KMeans(2, n_init=1, random_state=0).fit(POINTS)),
            skops(make_pipeline(SimpleImputer(), SelectKBest(f_classif, k=1), NearestCentroid()).fit(POINTS, y)),
            skops(make_pipeline(scaled_columns(), PCA(1), NearestCentroid()).fit(POINTS, y)),
            skops(GridSearchCV(NearestCentroid(), {"metric": ["euclidean"]}, cv=2).fit(POINTS, y)),
        ]
    if kind == "knf":
        return [np.array([0x1704, 3, 2, 0, *range(1, 8), *range(1, 8)], width).tobytes() for width in ("<u2", "<u4")]
    if kind in ("csv", "vectors.csv"):
        return [
            b"x,y,label\n1,2,a\n3,4,b\n",
            b"1;2;0\n3;4;1\n5;6;01\n",
            b'\xef\xbb\xbf"x","y"\r\n1,"2"\r\n3,4\r\n# end\n',
        ]
    if kind == "vectors.npy":
        return [npy(POINTS), npy(np.asfortranarray(POINTS.astype(">i2")))]
    if kind == "vectors.npz":
        return [npz(X=POINTS, y=NAMES), npz(anything=POINTS)]
    assert kind == "labels"
    return [b"ash\nbirch\n", npy(NAMES), npy(np.arange(3))]


READERS = {
    **{kind: (f"m.{kind}", load_model) for kind in ("npz", "safetensors", "onnx", "skops", "knf", "csv")},
    **{f"vectors.{suffix}": (f"x.{suffix}", lambda path: load_vectors(path, 2)) for suffix in ("csv", "npy", "npz")},
    "labels": ("y.npy", load_labels),
}


@st.composite
def mutated(draw, content, others):
    """Bytes with something changed: flipped, cut, moved, copied, spliced, or overwritten with a telling number."""
    data = bytearray(content)
    for _ in range(draw(st.integers(1, 3))):
        if not data:
            break
        at, length = draw(st.integers(0, len(data) - 1)), draw(st.integers(1, 40))
        kind = draw(st.sampled_from(("flip", "cut", "drop", "repeat", "splice", "number", "digits", "type", "text")))
        if kind == "flip":
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "cut":
            del data[at:]
        elif kind == "drop":
            del data[at : at + length]
        elif kind == "repeat":
            data[at:at] = data[at : at + length] * draw(st.sampled_from((1, 2, 50)))
        elif kind == "splice":
            other = draw(st.sampled_from(others))
            start = draw(st.integers(0, len(other) - 1))
            data[at:at] = other[start : start + length]
        elif kind == "number":
            form = draw(st.sampled_from(("<b", "<h", "<i", "<q", ">i", ">q", "<d")))
            number = draw(st.sampled_from(FIGURES))
            size = struct.calcsize(form)
            packed = (
                struct.pack(form, float(number % 10**300))
                if form == "<d"
                else number.to_bytes(200, "little", signed=True)[:size]
            )
            data[at : at + size] = packed
        elif kind == "digits":
            places = [index for index, byte in enumerate(data) if 48 <= byte < 58]
            if places:
                data[draw(st.sampled_from(places))] = 48 + draw(st.integers(0, 9))
        elif kind == "type":
            for old in (b"<f8", b"<f4", b"<i8", b"<U5", b"<i2"):
                if old in data:
                    data = bytearray(bytes(data).replace(old, draw(st.sampled_from(DTYPES)), 1))
                    break
        else:
            data[at:at] = draw(st.sampled_from(TEXTS)).encode(errors="surrogatepass")
    return bytes(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.sampled_from(FIGURES) | st.floats() | st.sampled_from(TEXTS),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(("a", "__id__", "content", "k")), inner, max_size=3)
    ),
    max_leaves=8,
)


def places_of(value, path=()):
    yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places_of(inner, (*path, key))


def at_place(value, path):
    for key in path:
        value = value[key]
    return value


@st.composite
def changed_json(draw, document, words=()):
    """A document with a value replaced, removed, repeated, or put where another one was."""
    copy = json.loads(json.dumps(document))
    for _ in range(draw(st.integers(1, 2))):
        paths = [path for path in places_of(copy) if path]
        if not paths:
            break
        *parents, key = draw(st.sampled_from(paths))
        holder = at_place(copy, parents)
        change = draw(st.sampled_from(("replace", "replace", "remove", "move", "word", "double")))
        if change == "replace":
            holder[key] = draw(JSON)
        elif change == "remove":
            del holder[key]
        elif change == "move":
            holder[key] = json.loads(json.dumps(at_place(copy, draw(st.sampled_from(paths)))))
        elif change == "word" and words:
            holder[key] = draw(st.sampled_from(words))
        elif isinstance(holder, list):
            holder.append(holder[key])
    return copy


def lying(content, member, size, packed):
    """The archive with other sizes of one part in its directory, and a CRC of what is read then."""
    archive = zipfile.ZipFile(io.BytesIO(content))
    info = archive.infolist()[member % len(archive.infolist())]
    data = bytearray(content)
    start = data.rfind(b"PK\x01\x02", 0, data.rfind(info.filename.encode()))
    for place, number in ((20, packed), (24, size)):
        if number is not None:
            data[start + place : start + place + 4] = (number % (1 << 32)).to_bytes(4, "little")
    return bytes(data)


@st.composite
def changed_archive(draw, seeds, part, names):
    """An archive whose parts are changed, its sums of parts being right."""
    members = members_of(draw(st.sampled_from(seeds)))
    index = draw(st.integers(0, len(members) - 1))
    name, content = members[index]
    change = draw(st.sampled_from(("part", "part", "part", "name", "twice", "drop", "add", "lie")))
    if change == "part":
        members[index] = name, draw(part(name, content))
    elif change == "name":
        members[index] = draw(st.sampled_from(names)), content
    elif change == "twice":
        members.append((name, draw(part(name, content))))
    elif change == "drop":
        del members[index]
    elif change == "add":
        members.append(
            (draw(st.sampled_from(names)), draw(st.sampled_from((content, archive_of(members), b"", b"\0" * 70))))
        )
    whole = archive_of(members, draw(st.sampled_from((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA))))
    if change == "lie" and members:
        figure = st.none() | st.sampled_from(FIGURES)
        whole = lying(whole, index, draw(figure), draw(figure))
    return whole


KEYS = [
    "prototypes",
    "labels",
    "radii",
    "classes",
    "masks",
    "weights",
    "matrix",
    "scale",
    "shift",
    "feature_names",
    "offset",
]
KEYS += [
    "condensed_by",
    "members",
    "held_out",
    "accuracy_before",
    "curve_prototypes",
    "curve_accuracies",
    "chosen",
    "trained",
]
KEYS += ["step", "open_ended", "intercepts", "cuts", "constants", "curvatures", "centres", "metric", "k", "min_margin"]
KEYS += [
    "reject",
    "radii_inclusive",
    "step_per_feature",
    "bits",
    "prototypes_",
    "prototype_labels_",
    "relevances_",
    "omega_",
]
KEYS += [
    "thetas_",
    "_target_label",
    "_non_target_label",
    "__metadata__",
    "X",
    "y",
    "proto_layer._components",
    "_relevances",
]
KEYS += ["proto_layer._labels", "_omega"]
VALUES = arrays(
    scalar_dtypes() | st.sampled_from(("<U3", "S2", "<f8", "<f4", "<i8", "u1", "<M8[s]", [("a", "<f8"), ("b", "<i2")])),
    st.lists(st.integers(0, 4), max_size=3).map(tuple),
)


def of_array(name, content):
    return st.one_of(mutated(content, [content]), VALUES.map(npy), st.just(npy(np.array([{}, 1], object))))


def of_skops(name, content):
    if name != "schema.json":
        return of_array(name, content)
    schema = json.loads(content)
    words = [
        "ConstructorFromReduceNode",
        "ObjectNode",
        "TypeNode",
        "CachedNode",
        "FunctionNode",
        "NdArrayNode",
        "ListNode",
    ]
    words += [
        "PartialNode",
        "MethodNode",
        "RandomGeneratorNode",
        "Tree",
        "KDTree",
        "sklearn.tree._tree",
        "builtins",
        "exec",
        "os",
    ]
    words += ["system", "csr_matrix", "scipy.sparse._csr", "prototile.training.classifier", "PrototypeGridClassifier"]
    return changed_json(schema, words).map(lambda value: json.dumps(value).encode())


@st.composite
def changed_tensors(draw, seeds):
    """A file of tensors with others instead, or with other metadata."""
    content = draw(st.sampled_from(seeds))
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    if draw(st.booleans()):
        text = json.dumps(draw(changed_json(header)), ensure_ascii=False).encode(errors="surrogatepass")
        return len(text).to_bytes(8, "little") + text + content[end:]
    metadata = {
        key: json.dumps(value) for key, value in draw(st.dictionaries(st.sampled_from(KEYS), JSON, max_size=3)).items()
    }
    plain = arrays(
        scalar_dtypes().filter(lambda kind: kind.kind in "biuf" and kind.isnative and kind.itemsize <= 8), (2, 2)
    )
    tensors = {"prototypes": POINTS[:2], **draw(st.dictionaries(st.sampled_from(KEYS), plain, max_size=3))}
    return save_tensors(tensors, metadata)


@st.composite
def changed_graph(draw, seeds):
    """A graph with something else in it, still a graph."""
    model = onnx.load_from_string(draw(st.sampled_from(seeds)))
    graph = model.graph
    for _ in range(draw(st.integers(1, 2))):
        node = draw(st.sampled_from(list(graph.node))) if graph.node else None
        change = draw(
            st.sampled_from(("operator", "input", "output", "drop", "double", "constant", "dims", "attribute"))
        )
        names = [name for one in graph.node for name in (*one.input, *one.output)] or ["X"]
        if node is None:
            break
        if change == "operator":
            node.op_type = draw(
                st.sampled_from([one.op_type for one in graph.node] + ["Loop", "If", "ConstantOfShape"])
            )
        elif change == "input" and node.input:
            node.input[draw(st.integers(0, len(node.input) - 1))] = draw(st.sampled_from(names))
        elif change == "output" and node.output:
            node.output[0] = draw(st.sampled_from(names))
        elif change == "drop":
            graph.node.remove(node)
        elif change == "double":
            graph.node.append(node)
        elif change in ("constant", "dims") and graph.initializer:
            tensor = draw(st.sampled_from(list(graph.initializer)))
            if change == "dims":
                del tensor.dims[:]
                figures = st.sampled_from([one for one in FIGURES if abs(one) < 1 << 62])
                tensor.dims.extend(draw(st.lists(figures, max_size=3)))
            else:
                replaced = onnx.numpy_helper.from_array(
                    draw(arrays("<f4", draw(st.sampled_from(((3,), (1, 2), (12, 2))))))
                )
                replaced.name = tensor.name
                tensor.CopyFrom(replaced)
        elif change == "attribute" and node.attribute:
            attribute = draw(st.sampled_from(list(node.attribute)))
            attribute.i = draw(st.sampled_from((0, 1, -1, 1 << 40)))
            attribute.s = draw(st.sampled_from((b"", b"euclidean", b"l3", b"\xff")))
    return model.SerializeToString()


TOKENS = [
    "1",
    "2.5",
    "-3",
    "a",
    "",
    " ",
    ",",
    ",",
    ",",
    ";",
    "\t",
    "\n",
    "\n",
    "\n",
    '"',
    '""',
    "#",
    "\r",
    "\ufeff",
    "\0",
    "\u2028",
]
TOKENS += ["1e400", "nan", "NA", "\u0661", "1_0", "01", "0x1", "9" * 400, "é", "\x1c", "x" * 200_000]


def files_of(kind, seeds):
    """Files that are not what they should be, as a strategy."""
    changed = [st.sampled_from(seeds).flatmap(lambda content: mutated(content, seeds))]
    if kind in ("npz", "vectors.npz"):
        changed.append(
            changed_archive(seeds, of_array, [f"{key}.npy" for key in KEYS] + ["../../x.npy", "/x.npy", "labels", "a/"])
        )
        named = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=5)
        changed.append(named.map(lambda values: npz(**{"prototypes": POINTS[:2], "labels": [0, 1], **values})))
    elif kind == "skops":
        changed += 2 * [changed_archive(seeds, of_skops, ["schema.json", "../x", "x.npy", "x.npz", "1.npy"])]
    elif kind == "safetensors":
        changed.append(changed_tensors(seeds))
    elif kind == "onnx":
        changed.append(changed_graph(seeds))
    elif kind in ("vectors.npy", "labels"):
        changed.append(VALUES.map(npy))
    elif kind in ("csv", "vectors.csv"):
        changed.append(st.lists(st.sampled_from(TOKENS), max_size=30).map(lambda words: "".join(words).encode()))
        changed.append(st.binary(max_size=60))
    elif kind == "knf":
        numbers = st.lists(st.integers(0, 70_000), max_size=20)
        changed.append(numbers.map(lambda values: np.array([0x1704, *values], "<u4").tobytes()))
    return st.one_of(changed)


class Watch:
    """What a program does that no reading of a file needs."""

    def __init__(self):
        self.on, self.seen, self.allowed = False, [], ()
        sys.addaudithook(self.hear)

    def hear(self, event, arguments):
        if not self.on:
            return
        forbidden = (
            "os.system",
            "os.exec",
            "os.posix_spawn",
            "subprocess.Popen",
            "socket.connect",
            "pickle.find_class",
        )
        if event in (*forbidden, "os.remove", "os.rename", "os.mkdir", "shutil.rmtree", "ctypes.dlopen"):
            self.seen.append((event, arguments))
        elif event == "open" and isinstance(arguments[0], str):
            path, mode = arguments[0], str(arguments[1])
            code = path.endswith((".py", ".pyc", ".so")) or "site-packages" in path or path.startswith(OWN_FILES)
            if ("w" in mode or "a" in mode or "+" in mode) or not (path.startswith(self.allowed) or code):
                self.seen.append((event, arguments))

    def __enter__(self):
        self.seen, self.on = [], True
        return self

    def __exit__(self, *_):
        self.on = False


WATCH = Watch()


def check(read, path, base=BASE_BYTES):
    """Read a file, which may end in an error of one line, and in nothing else."""
    WATCH.allowed = (str(path), "/proc/")
    tracing = tracemalloc.is_tracing()
    if tracing:
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
    start = time.monotonic()
    with WATCH, warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*leaves out the relevances")
        try:
            read(path)
        except PrototileError as error:
            message = str(error)
            assert message and "\n" not in message and len(message) < 2000, message
    assert not WATCH.seen, WATCH.seen
    assert time.monotonic() - start < SECONDS
    if tracing:
        size = sum(file.stat().st_size for file in path.rglob("*")) if path.is_dir() else path.stat().st_size
        assert tracemalloc.get_traced_memory()[1] - before < base + BYTES_PER_BYTE * size


def run(files, use, count, chosen_seed=0, phases=tuple(Phase)):
    @seed(chosen_seed)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=phases,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @given(files)
    def one(content):
        use(content)

    one()


def user_of(kind, folder):
    name, read = READERS[kind]
    path = folder / name

    def use(content):
        place = path
        if kind == "labels" and not content.startswith(b"\x93NUMPY"):
            place = path.with_suffix(".txt")
        place.write_bytes(content)
        check(read, place)

    return use


@pytest.mark.parametrize("kind", READERS)
def test_a_damaged_file_is_a_model_or_one_clear_error(kind, tmp_path):
    seeds = seeds_of(kind, tmp_path)
    use = user_of(kind, tmp_path)
    for content in seeds:
        use(content)
    run(files_of(kind, seeds), use, {"onnx": 40, "skops": 60}.get(kind, 120))


CONFIGURATION_WORDS = ["l1", "l2", "table", "none", "class", "parallel", "serial", "block", "logic", "distributed"]


def folder_files(folder):
    """Folders of a design with one file changed, as a strategy of (name, content)."""
    config = json.loads((folder / "config.json").read_text())
    tensors = (folder / "model.safetensors").read_bytes()
    report = json.loads((folder / "report.json").read_text())
    vectors = json.loads((folder / "tb" / "vectors.json").read_text())[:3]

    def text(value):
        return json.dumps(value).encode()

    def redigested(changes):
        return text({**config, "configuration": {**config["configuration"], **changes}})

    shape = st.dictionaries(
        st.sampled_from(sorted(config["configuration"])), JSON | st.integers(0, 100), min_size=1, max_size=2
    )
    return st.one_of(
        st.tuples(st.just("config.json"), changed_json(config, CONFIGURATION_WORDS).map(text)),
        st.tuples(st.just("config.json"), shape.map(redigested)),
        st.tuples(st.just("config.json"), mutated(text(config), [text(report)])),
        st.tuples(st.just("model.safetensors"), mutated(tensors, [text(config)]) | changed_tensors([tensors])),
        st.tuples(st.just("report.json"), changed_json(report).map(text) | mutated(text(report), [text(config)])),
        st.tuples(st.just("tb/vectors.json"), changed_json(vectors).map(text) | mutated(text(vectors), [text(config)])),
    )


def use_of_folder(folder, X):
    """Read a design folder, and whatever is computed of it."""
    design = pt.load(folder)
    design.decide(X)
    design.explain(X[0])
    design.estimate()
    describe(design)
    values = read_report(folder)
    summary(values)
    page(design, values)
    Queries.of_bench(design, folder)


def with_digest(folder):
    """Make the digest in a folder right, as whoever changes a file in it can do."""
    try:
        values = json.loads((folder / "config.json").read_text())
        model = load_model(folder / "model.safetensors")
        quantiser = Quantiser(**values["quantiser"])
        config = Configuration(**values["configuration"])
        quantised = quantiser.apply(model)
        design = Design(model=model, quantiser=quantiser, quantised=quantised, config=config, board_name="icebreaker")
        values["digest"] = design.digest
        (folder / "config.json").write_text(json.dumps(values))
    except Exception:
        return


def folder_user(source, target):
    def use(changed):
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target)
        name, content = changed
        (target / name).write_bytes(content)
        if name in ("config.json", "model.safetensors"):
            with_digest(target)
        check(lambda path: use_of_folder(path, POINTS), target)

    return use


@pytest.fixture(scope="module")
def plain_folder(tmp_path_factory):
    """A folder of a design, but for what no reading looks at."""
    place = tmp_path_factory.mktemp("hostile") / "design"
    model = pt.PrototypeModel(POINTS[:6].astype(float), NAMES[:6], radii={"ash": 2.0, "birch": 3.0, "cedar": 1.0})
    pt.convert(model, POINTS).save(place)
    for name in ("rtl", "driver", "boards"):
        shutil.rmtree(place / name, ignore_errors=True)
    return place


@pytest.mark.tools
def test_a_damaged_design_folder_is_a_design_or_one_clear_error(plain_folder, tmp_path):
    run(folder_files(plain_folder), folder_user(plain_folder, tmp_path / "design"), 60)


def long_run(files, use):
    """Examples by other seeds, for so many seconds, with the memory watched."""
    tracemalloc.start()
    try:
        end, number = (
            time.monotonic() + float(os.environ.get("FUZZ_SECONDS", "30")),
            int(os.environ.get("NIGHTLY_SEED", "0")),
        )
        while time.monotonic() < end:
            number += 1
            run(files, use, 200, number)
    finally:
        tracemalloc.stop()


@pytest.mark.nightly
@pytest.mark.parametrize("kind", READERS)
def test_damaged_files_for_long(kind, tmp_path):
    seeds = seeds_of(kind, tmp_path)
    use = user_of(kind, tmp_path)
    # What libraries take once is none of the files'.
    for content in seeds:
        use(content)
    long_run(files_of(kind, seeds), use)


@pytest.mark.nightly
def test_damaged_folders_for_long(plain_folder, tmp_path):
    use = folder_user(plain_folder, tmp_path / "design")
    use(("config.json", (plain_folder / "config.json").read_bytes()))
    long_run(folder_files(plain_folder), use)
