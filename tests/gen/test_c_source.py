"""The host's arithmetic in C, compiled and run: the same integers as in Python for every input."""

import ctypes
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from sklearn.naive_bayes import BernoulliNB
from sklearn.tree import DecisionTreeClassifier

import prototile as pt
from prototile.boards.driver import Chip
from prototile.c_source import HEADER_FILE, SOURCE_FILE, c_files
from prototile.folder import chip as described
from prototile.folder import write_driver

COMPILER = shutil.which("cc")
compiled = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler called cc")
STRICT = ("-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O2", "-ffp-contract=off")
#: What a user may forget to say: GCC and others fuse products and sums then, where the processor can.
CARELESS = ("-std=gnu99", "-O3", "-ffp-contract=fast")
RANDOM = np.random.default_rng(11)
DATA = RANDOM.normal(size=(200, 6)) * [1, 10, 100, 1, 0.01, 3]
TARGET = np.arange(200) % 3


def fused():
    """The option that lets this processor fuse, if it can."""
    flags = Path("/proc/cpuinfo")
    return ("-mfma",) if flags.exists() and re.search(r"\bfma\b", flags.read_text()) else ()


def design(model, bits=6, calibration=DATA):
    return pt.convert(model, calibration=calibration, bits=bits, board="ulx3s-25f")


def behind(preprocess, **arguments):
    features = 6 if preprocess is None else preprocess.features
    prototypes = np.random.default_rng(2).normal(size=(5, features))
    return pt.PrototypeModel(prototypes, list("ababc"), preprocess=preprocess, **arguments)


def tree():
    return DecisionTreeClassifier(max_depth=4, random_state=0).fit(DATA, TARGET)


DESIGNS = {
    "plain": lambda: design(behind(None)),
    "affine": lambda: design(behind(pt.AffineMap(RANDOM.normal(size=6), RANDOM.normal(size=6))), bits=4),
    "selection": lambda: design(behind(pt.AffineMap([0.1, -3.0], [1 / 3, 0.7], [4, 1], 6)), bits=8),
    "matrix": lambda: design(behind(pt.MatrixMap(RANDOM.normal(size=(6, 4)), RANDOM.normal(size=4))), bits=5),
    "one bit": lambda: design(behind(pt.MatrixMap(RANDOM.normal(size=(6, 3)))), bits=1),
    "sixteen bits": lambda: design(behind(None), bits=16),
    "steps": lambda: design(tree(), bits=7),
    "open ends": lambda: design(BernoulliNB(binarize=0.5).fit(DATA, TARGET), bits="auto"),
    "huge": lambda: design(behind(pt.MatrixMap(np.full((6, 2), 1e300))), calibration=DATA / 1e4),
}


class Compiled:
    """The C functions of a design as functions of Python."""

    def __init__(self, made, folder, options=STRICT, change=lambda text: text):
        for name, text in c_files(made).items():
            (folder / name).write_text(change(text), encoding="ascii")
        library = folder / "model.so"
        arguments = [COMPILER, *options, "-shared", "-fPIC", "-o", library, folder / SOURCE_FILE]
        subprocess.run(arguments, check=True, capture_output=True, text=True)
        self.library = ctypes.CDLL(str(library))
        self.library.prototile_label.restype = ctypes.c_char_p
        self.features = made.config.features

    def quantise(self, X):
        """Results (rows,), levels (rows, features) and counts (rows,)."""
        X = np.ascontiguousarray(X, np.float64)
        levels = np.full((len(X), self.features), 0xAAAA, np.uint16)
        counts, results = np.full(len(X), 0xAAAA, np.uint16), np.empty(len(X), np.int64)
        for row in range(len(X)):
            results[row] = self.library.prototile_quantise(
                X[row : row + 1].ctypes.data_as(ctypes.POINTER(ctypes.c_double)),
                levels[row : row + 1].ctypes.data_as(ctypes.POINTER(ctypes.c_uint16)),
                counts[row : row + 1].ctypes.data_as(ctypes.POINTER(ctypes.c_uint16)),
            )
        return results, levels, counts


def queries(made):
    """Vectors of all kinds that are finite: random, tiny, huge, on levels, on halves, and one float beside those."""
    random = np.random.default_rng(3)
    spread = DATA[random.integers(0, len(DATA), (1000, 6)), np.arange(6)] * random.normal(1, 0.5, (1000, 6))
    extremes = random.choice(
        [0.0, -0.0, 5e-324, -5e-324, 2.2e-308, 1e-310, 1.0, -1.0, 0.5, 1e16, -1e300, 1e308, np.finfo(float).max],
        size=(600, 6),
    )
    scaled = spread * 2.0 ** random.integers(-1070, 900, spread.shape)
    quantiser, prepare = made.quantiser, made.model.preprocess
    counts = random.integers(-4, 2 ** (quantiser.bits + 1) + 4, (1000, made.config.features))
    halves = quantiser.offset + quantiser.step * counts / 2
    if isinstance(prepare, pt.MatrixMap):
        halves = (halves - prepare.shift) @ np.linalg.pinv(prepare.matrix)
    elif prepare is not None:
        columns = np.arange(6) if prepare.columns is None else prepare.columns
        whole = np.zeros((len(halves), 6))
        whole[:, columns] = (halves - prepare.shift) / prepare.scale
        halves = whole
    above, below = np.nextafter(halves, np.inf), np.nextafter(halves, -np.inf)
    return np.vstack([DATA, spread, extremes, scaled, halves, above, below])


def stays_finite(made, X):
    """Rows that the preprocessing leaves finite."""
    try:
        made.model.transform(X)
    except pt.InputError:
        half = len(X) // 2
        parts = [stays_finite(made, part) for part in (X[:half], X[half:])] if half else [np.zeros(1, np.bool_)]
        return np.concatenate(parts)
    return np.ones(len(X), np.bool_)


def check(made, functions, X):
    finite = stays_finite(made, X)
    results, levels, counts = functions.quantise(X)
    assert (results == np.where(finite, 0, 2)).all()
    expected, saturated = made.quantise(X[finite])
    assert (levels[finite] == expected).all()
    assert (counts[finite] == saturated).all()
    driver = described(made)
    assert (driver.quantise(X[finite])[0] == expected).all()
    return saturated


@compiled
@pytest.mark.parametrize("options", [STRICT, CARELESS + fused()], ids=["strict", "careless"])
@pytest.mark.parametrize("name", DESIGNS)
def test_the_same_integers_for_every_input(name, options, tmp_path):
    made = DESIGNS[name]()
    saturated = check(made, Compiled(made, tmp_path, options), queries(made))
    assert saturated.any() == (name != "open ends")
    assert (saturated == 0).any()


@compiled
def test_halves_go_to_the_even_level(tmp_path):
    made = design(pt.PrototypeModel([[0], [7]], [0, 1], bits=3), bits=3, calibration=None)
    halves = np.arange(-6, 20)[:, None] / 2
    functions = Compiled(made, tmp_path)
    beside = np.vstack([halves, np.nextafter(halves, np.inf), np.nextafter(halves, -np.inf)])
    check(made, functions, beside)
    _, levels, counts = functions.quantise([[-0.5], [0.5], [1.5], [2.5], [7.5], [np.nextafter(7.5, 0)], [-0.51]])
    assert levels[:, 0].tolist() == [0, 0, 2, 2, 7, 7, 0]
    assert counts.tolist() == [0, 0, 0, 0, 1, 0, 1]


@compiled
@pytest.mark.parametrize("name", ["plain", "selection", "matrix"])
def test_what_is_not_finite(name, tmp_path):
    made = DESIGNS[name]()
    functions = Compiled(made, tmp_path)
    # A feature that the model does not look at counts too.
    for column in range(6):
        for value in (np.nan, -np.nan, np.inf, -np.inf):
            x = np.zeros((1, 6))
            x[0, column] = value
            assert functions.quantise(x)[0].tolist() == [1]
            with pytest.raises(pt.InputError):
                made.quantise(x)


@compiled
@pytest.mark.skipif(not fused(), reason="this processor does not fuse products and sums")
def test_a_compiler_that_fuses_would_be_noticed(tmp_path):
    """Without what keeps roundings apart some integer is another one, so the comparison above is worth something."""
    made = design(behind(pt.MatrixMap(RANDOM.normal(size=(6, 4)))), bits=16)
    careless = Compiled(made, tmp_path, CARELESS + fused(), lambda text: text.replace("volatile double", "double"))
    X = DATA[RANDOM.integers(0, len(DATA), (20000, 6)), np.arange(6)]
    integers = made.quantise(X)[0]
    # Halves in the model's space, where the last bit decides.
    assert (careless.quantise(X)[1] == integers).mean() > 0.999
    made_exact = queries(made)
    finite = stays_finite(made, made_exact)
    assert (careless.quantise(made_exact[finite])[1] != made.quantise(made_exact[finite])[0]).any()


@compiled
@pytest.mark.parametrize(
    "option", ["-ffast-math", "-Ofast", "-ffinite-math-only", "-fexcess-precision=fast -m32 -mfpmath=387"]
)
def test_other_arithmetic_is_refused_when_it_is_compiled(option, tmp_path):
    for name, text in c_files(DESIGNS["plain"]()).items():
        (tmp_path / name).write_text(text)
    command = [COMPILER, "-std=c99", *option.split(), "-c", "-o", tmp_path / "model.o", tmp_path / SOURCE_FILE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    # Headers of a 32-bit system may be missing, which is as good.
    assert "prototile_model.c needs" in done.stderr or "-m32" in option


NASTY = ['a"b', "*/ int x;", "??/", "back\\slash", "new\nline", "\0zero", "\u00fc\U0001f600", "%s", "0", "\\0", ""]


@compiled
def test_texts_come_back_whatever_is_in_them(tmp_path):
    labels = [text for text in NASTY if "\0" not in text]
    points = np.arange(len(labels))[:, None]
    model = pt.PrototypeModel(points, labels, feature_names=['*/ #error "x"'], radii=1, reject="??'")
    made = design(model, "auto", calibration=None)
    functions = Compiled(made, tmp_path)
    found = [functions.library.prototile_label(index, 0).decode() for index in range(len(labels))]
    assert found == made.classes.tolist()
    assert functions.library.prototile_label(0, 2).decode() == "??'"
    assert functions.library.prototile_label(len(labels), 0) is None
    names = (ctypes.c_char_p * 1).in_dll(functions.library, "prototile_feature_names")
    assert names[0].decode() == '*/ #error "x"'
    for text in c_files(made).values():
        text.encode("ascii")


@compiled
def test_labels_that_are_numbers(tmp_path):
    functions = Compiled(design(pt.PrototypeModel([[0.0], [1.0]], [-5, 10**12]), calibration=None), tmp_path)
    assert [functions.library.prototile_label(index, 2) for index in range(2)] == [b"-5", b"1000000000000"]


@compiled
@pytest.mark.skipif(shutil.which("c++") is None, reason="there is no C++ compiler called c++")
def test_the_header_serves_cpp(tmp_path):
    (tmp_path / HEADER_FILE).write_text(c_files(DESIGNS["affine"]())[HEADER_FILE])
    command = ["c++", "-Wall", "-Wextra", "-Werror", "-x", "c++", "-fsyntax-only", tmp_path / HEADER_FILE]
    subprocess.run(command, check=True)


@compiled
def test_a_large_matrix(tmp_path):
    """784 features to 64: the text stays below 1.5 MB, and is right."""
    random = np.random.default_rng(0)
    matrix = pt.MatrixMap(random.normal(size=(784, 64)), random.normal(size=64))
    X = random.normal(size=(50, 784))
    made = design(pt.PrototypeModel(random.normal(size=(4, 64)), list("abab"), preprocess=matrix), calibration=X)
    assert len(c_files(made)[SOURCE_FILE]) < 1_500_000
    functions = Compiled(made, tmp_path)
    results, levels, counts = functions.quantise(X * 1.3)
    expected, saturated = made.quantise(X * 1.3)
    assert not results.any()
    assert (levels == expected).all()
    assert (counts == saturated).all()


def test_in_a_design_folder_and_always_the_same(tmp_path):
    made = DESIGNS["selection"]()
    write_driver(made, tmp_path / "driver")
    files = c_files(made)
    assert files == c_files(made)
    assert {name: (tmp_path / "driver" / name).read_text() for name in files} == files
    assert f'"{made.digest}"' in files[HEADER_FILE]
    assert Chip.load(tmp_path / "driver").digest == made.digest
