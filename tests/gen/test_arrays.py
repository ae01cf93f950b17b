import numpy as np
import pytest
from scipy.sparse import csr_matrix

from prototile import arrays
from prototile.arrays import to_matrix
from prototile.errors import InputError


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([[1, 2]], np.int64),
        ([[True, False]], np.int64),
        (np.ones((2, 2), np.uint8), np.int64),
        (np.ones((2, 2), np.float16), np.float64),
        ([[1, 2.5]], np.float64),
        (np.array([[1, 2]], object), np.float64),
        (csr_matrix([[0, 1.5]]), np.float64),
    ],
)
def test_kinds(values, kind):
    assert to_matrix(values, "X").dtype == kind


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[1, 2], [3]], "X must form a rectangular array"),
        ([["a"]], "X must hold numbers, not values of type <U1"),
        (np.array([["a"]], object), "X must hold numbers only"),
        ([[1, None]], "X holds nan in row 0, column 1"),
        ([[1j]], "X must hold numbers, not values of type complex128"),
        ([1, 2], r"not the shape \(2,\); for a single vector x, give \[x\]"),
        (np.zeros((1, 1, 1)), r"two dimensions \(rows, features\), not the shape \(1, 1, 1\)"),
        (np.zeros((0, 3)), "at least one row and one column"),
        (np.array([[2**63]], np.uint64), "9223372036854775808, which does not fit"),
        ([[1, 2, 3]], "X has 3 columns, but the model has 2 features"),
        ([[1, 2], [3, np.nan]], r"X holds nan in row 1, column 1 \(counted from 0\)"),
        ([[-np.inf, 2]], r"X holds -inf in row 0, column 0"),
    ],
)
def test_refusals(values, message):
    with pytest.raises(InputError, match=message):
        to_matrix(values, "X", features=2)


def test_sparse_matrices_are_bounded(monkeypatch):
    monkeypatch.setattr(arrays, "DENSE_LIMIT", 1000)
    with pytest.raises(InputError, match="X would take 8000000 bytes as a dense array"):
        to_matrix(csr_matrix((1000, 1000)), "X")


def test_sparse_matrices_are_checked():
    matrix = csr_matrix([[1.0, 2.0]])
    matrix.indices[0] = 99
    with pytest.raises(InputError, match="X is a damaged sparse matrix"):
        to_matrix(matrix, "X")


def test_masked_values_are_refused():
    masked = np.ma.array([[1.0, 2.0], [3.0, 4.0]], mask=[[0, 0], [1, 0]])
    with pytest.raises(InputError, match="X holds masked values, which a chip cannot leave out; fill them in or drop"):
        to_matrix(masked, "X")
    assert to_matrix(np.ma.array([[1.0]], mask=False), "X").tolist() == [[1.0]]
