"""Preprocessings: one order of operations, in the design, its files and the driver."""

import json

import numpy as np
import pytest

import prototile as pt
from prototile.boards.driver import Chip, ChipFileError, VectorError
from prototile.cli import main
from prototile.errors import InputError, ModelFileError
from prototile.files import load_model, save_model
from prototile.folder import chip as described
from prototile.maps import side_by_side

RANDOM = np.random.default_rng(3)
MATRIX = RANDOM.normal(size=(5, 3))
SHIFT = np.array([1.0, -2.0, 0.5])
X = RANDOM.normal(size=(400, 5))


def mapped():
    return pt.MatrixMap(MATRIX, SHIFT)


def model(**arguments):
    prototypes = RANDOM.normal(size=(6, 3))
    return pt.PrototypeModel(prototypes, list("aabbcc"), "l2", preprocess=mapped(), **arguments)


def in_order(x):
    """The documented order, in Python's own floats."""
    components = []
    for column in range(3):
        total = 0.0
        for value, row in zip(x.tolist(), MATRIX.tolist(), strict=True):
            total += value * row[column]
        components.append(total + SHIFT.tolist()[column])
    return components


def test_products_are_added_in_the_documented_order():
    assert mapped()(X).tolist() == [in_order(x) for x in X]
    # Another order gives other bits somewhere, so the test above tells them apart.
    assert (mapped()(X) != X @ MATRIX + SHIFT).any()


def test_rows_do_not_depend_on_their_neighbours():
    wide = pt.MatrixMap(RANDOM.normal(size=(5, 20000)))
    assert wide(X[:5]).tolist() == np.vstack([wide(x[None]) for x in X[:5]]).tolist()


def test_maps_follow_each_other():
    scaler = pt.AffineMap(np.arange(1.0, 6.0), np.arange(5.0))
    after = pt.AffineMap([2.0, 3.0, 4.0], [1.0, 0.0, -1.0])
    last = pt.MatrixMap(RANDOM.normal(size=(3, 2)), [5.0, 6.0])
    for first, second in [(scaler, mapped()), (mapped(), after), (mapped(), last)]:
        np.testing.assert_allclose(first.then(second)(X), second(first(X)), rtol=1e-12, atol=1e-12)


SELECTION = pt.AffineMap([2.0, -1.0, 0.5, 3.0], [0.0, 1.0, 2.0, 0.1], columns=[4, 0, 0, 2], input_features=5)


def test_a_selection_takes_features_by_number():
    picked = X[:, [4, 0, 0, 2]]
    assert (SELECTION(X) == picked * SELECTION.scale + SELECTION.shift).all()
    assert (SELECTION.features, SELECTION.input_features) == (4, 5)
    assert (SELECTION.select(X) == picked).all()
    selection, following = SELECTION.split()
    assert selection.is_selection and not SELECTION.is_selection
    assert (following(selection(X)) == SELECTION(X)).all()
    # All features in their order are no selection.
    assert pt.AffineMap([1.0, 2.0], [0.0, 0.0], [0, 1], 2).columns is None
    assert pt.AffineMap([1.0, 2.0], [0.0, 0.0], [0, 1], 3).columns is not None


@pytest.mark.parametrize(
    "first", [SELECTION, pt.AffineMap(np.arange(1.0, 6.0), np.arange(5.0))], ids=["selection", "affine"]
)
def test_selections_follow_and_precede_all_maps(first):
    count = first.features
    followers = [
        pt.AffineMap(RANDOM.normal(size=count), RANDOM.normal(size=count)),
        pt.AffineMap([1.5, -2.0], [0.5, 1.0], [count - 1, 0], count),
        pt.MatrixMap(RANDOM.normal(size=(count, 3)), [1.0, 2.0, 3.0]),
    ]
    for second in followers:
        np.testing.assert_allclose(first.then(second)(X), second(first(X)), rtol=1e-12, atol=1e-12)
    back = mapped().then(pt.AffineMap([1.0, 2.0], [0.5, 0.0], [2, 2], 3))
    np.testing.assert_allclose(back(X), mapped()(X)[:, [2, 2]] * [1.0, 2.0] + [0.5, 0.0], rtol=1e-12, atol=1e-12)


def test_a_product_of_maps_does_not_depend_on_a_library():
    """BLAS adds in an order of its own, which differs between machines; ours is the documented one."""
    random = np.random.default_rng(5)
    first, second = random.normal(size=(40, 30)), random.normal(size=(30, 20))
    product = pt.MatrixMap(first, random.normal(size=30)).then(pt.MatrixMap(second))
    assert (product.matrix == pt.MatrixMap(second)(first)).all()


def test_maps_side_by_side():
    whole = side_by_side([SELECTION, mapped(), pt.AffineMap.identity(5)])
    np.testing.assert_allclose(whole(X), np.hstack([SELECTION(X), mapped()(X), X]), rtol=1e-13, atol=1e-13)
    affine = side_by_side([SELECTION, pt.AffineMap.identity(5)])
    assert isinstance(affine, pt.AffineMap)
    assert (affine(X) == np.hstack([SELECTION(X), X])).all()
    with pytest.raises(InputError, match=r"must take one number of features, not \[3, 5\]"):
        side_by_side([SELECTION, pt.AffineMap.identity(3)])


def test_bounds_are_mapped():
    low, high = np.array([-1.0, -np.inf, 0.0]), np.array([1.0, 5.0, np.inf])
    low, high = pt.AffineMap([2.0, -1.0, 0.0], [1.0, 0.0, 7.0]).bounds(low, high)
    assert low.tolist() == [-1.0, -5.0, -np.inf]
    assert high.tolist() == [3.0, np.inf, np.inf]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"columns": [0, 3], "input_features": 3}, r"columns must lie in 0 \.\. 2, but one is 3"),
        ({"columns": [0, -1], "input_features": 3}, r"columns must lie in 0 \.\. 2, but one is -1"),
        ({"columns": [0], "input_features": 3}, "columns must be 2 integers, one per component"),
        ({"columns": [0.0, 1.0], "input_features": 3}, "columns must be 2 integers, one per component, not float64"),
        ({"columns": [0, 1]}, "input_features must be a positive integer beside columns, not None"),
        ({"columns": [0, 1], "input_features": 0}, "input_features must be a positive integer beside columns, not 0"),
        ({"input_features": 3}, "input_features is 3, but without columns there are 2"),
    ],
)
def test_selections_that_are_none(arguments, message):
    with pytest.raises(InputError, match=message):
        pt.AffineMap([1.0, 2.0], [0.0, 0.0], **arguments)


@pytest.mark.parametrize(
    "preprocess",
    [mapped(), SELECTION, pt.AffineMap(np.arange(1.0, 6.0), np.full(5, 0.1)), None],
    ids=["matrix", "selection", "affine", "none"],
)
def test_the_driver_prepares_to_the_same_bits(preprocess, tmp_path):
    features = 5 if preprocess is None else preprocess.features
    prototypes = np.random.default_rng(1).normal(size=(4, features))
    design = pt.convert(pt.PrototypeModel(prototypes, list("abab"), preprocess=preprocess), calibration=X, bits=6)
    described(design).save(tmp_path)
    chip = Chip.load(tmp_path)
    assert chip.input_features == 5
    queries = np.vstack([X, X * 1e-300, X * 1e300, np.full(5, 5e-324)])
    assert chip.prepare(queries).tobytes() == design.model.transform(queries).astype(np.float64).tobytes()
    for mine, theirs in zip(chip.quantise(queries), design.quantise(queries), strict=True):
        assert mine.tolist() == theirs.tolist()


@pytest.mark.parametrize(
    "change",
    [
        {"columns": [0, 1], "inputs": 5},
        {"columns": [0, 1, 5], "inputs": 5},
        {"columns": [0, 1, -1], "inputs": 5},
        {"columns": [0, 1, 2]},
        {"inputs": 5},
        {"columns": [0, 1, 2], "inputs": 5, "matrix": MATRIX.tolist()},
    ],
    ids=str,
)
def test_descriptions_of_chips_with_wrong_columns(change, tmp_path):
    described(pt.convert(pt.PrototypeModel(np.eye(3), list("abc")), calibration=np.eye(3), bits=4)).save(tmp_path)
    values = json.loads((tmp_path / "chip.json").read_text())
    (tmp_path / "chip.json").write_text(json.dumps({**values, **change}))
    with pytest.raises(ChipFileError, match="columns must be 3 of the"):
        Chip.load(tmp_path / "chip.json")


def test_the_driver_names_the_users_column(tmp_path):
    model = pt.PrototypeModel([[0.0]], ["a"], preprocess=pt.AffineMap([1e300], [0.0], [2], 4))
    described(pt.convert(model, calibration=[[0.0, 0.0, 1.0, 0.0]], bits=4)).save(tmp_path)
    with pytest.raises(VectorError, match=r"the query in row 0 has 1e\+100 in column 2 \(both counted from 0\)"):
        Chip.load(tmp_path).quantise([[1.0, 1.0, 1e100, 1.0]])


def test_the_digest_tells_selections_apart():
    def digest(columns):
        model = pt.PrototypeModel([[0.0]], ["a"], preprocess=pt.AffineMap.selection(columns, 3))
        return pt.convert(model, calibration=np.eye(3), bits=4).digest

    assert digest([0]) != digest([1])


def test_a_model_takes_the_users_features():
    m = model()
    assert (m.features, m.input_features) == (3, 5)
    before = pt.AffineMap(np.full(5, 2.0), np.zeros(5))
    assert m.preceded_by(before).predict(X).tolist() == m.predict(2 * X).tolist()
    wider = pt.MatrixMap(RANDOM.normal(size=(7, 5)))
    assert m.preceded_by(wider).input_features == 7
    with pytest.raises(InputError, match="has 3 features, but the preprocessing after it takes 5"):
        m.preceded_by(pt.AffineMap(np.ones(3), np.zeros(3)))
    with pytest.raises(InputError, match="X has 3 columns, but the model has 5 features"):
        m.predict(X[:, :3])


@pytest.mark.parametrize(
    ("matrix", "shift", "message"),
    [
        ([1.0], None, r"matrix must have two dimensions"),
        ([[np.nan]], None, "matrix holds nan in row 0"),
        ([[1.0, 2.0]], [1.0], r"shift must have one number for each of the 2 columns of matrix, not the shape \(1,\)"),
        ([[1.0]], [np.inf], "shift must be finite, but component 0 is not"),
    ],
)
def test_maps_that_are_none(matrix, shift, message):
    with pytest.raises(InputError, match=message):
        pt.MatrixMap(matrix, shift)


def test_what_becomes_too_large_is_refused_by_model_and_driver(tmp_path):
    huge = pt.PrototypeModel([[0.0]], ["a"], preprocess=pt.MatrixMap([[1e300], [1.0]]))
    with pytest.raises(InputError, match="the preprocessed input holds inf in row 1"):
        huge.predict([[1.0, 1.0], [1e300, 1.0]])
    design = pt.convert(huge, calibration=[[0.0, 1.0]], bits=4)
    design.save(tmp_path / "design")
    with pytest.raises(VectorError, match=r"the query in row 1 .* makes too large for a float64"):
        Chip.load(tmp_path / "design" / "driver").quantise([[0.0, 1.0], [1e300, 1.0]])


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_files(tmp_path, suffix):
    m = model(radii=2.0, reject="none")
    save_model(m, tmp_path / f"m{suffix}")
    again = load_model(tmp_path / f"m{suffix}")
    assert again.preprocess.matrix.tolist() == MATRIX.tolist()
    assert again.preprocess.shift.tolist() == SHIFT.tolist()
    assert again.predict(X).tolist() == m.predict(X).tolist()


def test_files_with_half_a_map(tmp_path):
    parts = {"prototypes": np.eye(3), "labels": [0, 1, 2], "matrix": MATRIX}
    np.savez(tmp_path / "m.npz", **parts)
    with pytest.raises(ModelFileError, match="holds 'matrix' without all of matrix, shift"):
        load_model(tmp_path / "m.npz")
    np.savez(tmp_path / "m.npz", scale=np.ones(5), shift=SHIFT, **parts)
    with pytest.raises(ModelFileError, match="holds both 'matrix' and 'scale'; multiply"):
        load_model(tmp_path / "m.npz")


def test_design_folder_and_driver(tmp_path, capsys):
    design = pt.convert(model(), calibration=X, bits=6)
    folder = tmp_path / "design"
    design.save(folder)
    again = pt.load(folder)
    assert again.digest == design.digest
    assert again.predict(X).tolist() == design.predict(X).tolist()
    assert design.verify(X[:20]).ok

    chip = Chip.load(folder / "driver")
    assert chip.input_features == 5 and chip.features == 3
    for mine, theirs in zip(chip.quantise(X), design.quantise(X), strict=True):
        assert mine.tolist() == theirs.tolist()
    with pytest.raises(VectorError, match=r"pass an array of shape \(n, 5\)"):
        chip.quantise(X[:, :3])

    np.savetxt(tmp_path / "X.csv", X[:7], delimiter=",")
    assert main(["predict", str(folder), str(tmp_path / "X.csv"), "--json"]) == 0
    assert [row["label"] for row in json.loads(capsys.readouterr().out)] == design.predict(X[:7]).tolist()
    assert main(["explain", str(folder), "--vectors", str(tmp_path / "X.csv"), "--row", "3", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["contributions"]) == 3


def test_the_digest_tells_matrices_apart():
    m = model()
    other = MATRIX.copy()
    other[4, 2] += 1e-9
    twin = pt.PrototypeModel(m.prototypes, m.labels, "l2", preprocess=pt.MatrixMap(other, SHIFT))
    bits = {"calibration": X, "bits": 6}
    assert pt.convert(m, **bits).digest != pt.convert(twin, **bits).digest


def test_descriptions_of_chips_with_a_wrong_matrix(tmp_path):
    pt.convert(model(), calibration=X, bits=4).save(tmp_path / "design")
    file = tmp_path / "design" / "driver" / "chip.json"
    for change in ({"scale": [2.0]}, {"matrix": [[1.0]]}):
        values = json.loads(file.read_text())
        (tmp_path / "chip.json").write_text(json.dumps({**values, **change, "self_test": None}))
        with pytest.raises(ChipFileError, match="matrix must have rows of 3 numbers, and no scale beside it"):
            Chip.load(tmp_path / "chip.json")


def test_boxes_behind_a_matrix():
    boxes = np.array([[[-np.inf, 0.0], [-np.inf, np.inf]], [[0.0, np.inf], [-np.inf, np.inf]]])
    m = pt.PrototypeModel(boxes, ["low", "high"], "box", preprocess=pt.MatrixMap(MATRIX[:, :2]), step_per_feature=True)
    design = pt.convert(m, calibration=X, bits=10)
    assert (design.predict(X) == m.predict(X)).mean() > 0.99
