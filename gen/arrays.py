"""Checks of arrays that users hand in: two dimensions, numbers, finite, the right number of columns."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prototile.errors import InputError

Matrix = NDArray[np.float64] | NDArray[np.int64]

#: Largest array that is made of what a model says, such as a sparse matrix that is unpacked, in bytes.
DENSE_LIMIT = 1 << 30
_INT64_MAX = int(np.iinfo(np.int64).max)


def to_array(values: Any, name: str) -> NDArray[Any]:
    """Turn lists, data frames and SciPy sparse matrices into a dense NumPy array of any kind.

    Raises
    ------
    InputError
        If the values form no array, such as rows of different lengths, or some are masked.
    """
    if np.ma.is_masked(values):
        raise InputError(f"{name} holds masked values, which a chip cannot leave out; fill them in or drop their rows.")
    if hasattr(values, "toarray"):
        values = _dense(values, name)
    try:
        return np.asarray(values)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} must form a rectangular array, but it does not: {_first_line(error)}.") from error


def to_numbers(values: Any, name: str) -> Matrix:
    """Turn values into int64 (from integers and booleans) or float64 (from everything else), of any shape.

    Raises
    ------
    InputError
        If a value is no real number or does not fit.
    """
    array = to_array(values, name)
    if array.dtype.kind == "O":
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError, OverflowError) as error:
            raise InputError(f"{name} must hold numbers only: {_first_line(error)}.") from error
    if array.dtype.kind in "bi":
        return array.astype(np.int64)
    if array.dtype.kind == "u":
        if array.size and int(array.max()) > _INT64_MAX:
            raise InputError(f"{name} holds {int(array.max())}, which does not fit into a signed 64-bit integer.")
        return array.astype(np.int64)
    if array.dtype.kind == "f":
        with np.errstate(over="ignore"):
            return array.astype(np.float64)
    raise InputError(f"{name} must hold numbers, not values of type {array.dtype}.")


def to_matrix(values: Any, name: str, *, features: int | None = None) -> Matrix:
    """Turn values into a finite matrix of shape (rows, features), int64 or float64; at least one of each.

    Parameters
    ----------
    values
        Anything array-like with one row per vector.
    name
        What the user calls it, for messages.
    features
        Required number of columns, if it is known.

    Raises
    ------
    InputError
        If a value is no finite number or the shape is another; rows and columns in messages count from 0.
    """
    matrix = to_numbers(values, name)
    if matrix.ndim == 1:
        raise InputError(
            f"{name} must have two dimensions (rows, features), not the shape {matrix.shape};"
            " for a single vector x, give [x]."
        )
    if matrix.ndim != 2:
        raise InputError(f"{name} must have two dimensions (rows, features), not the shape {matrix.shape}.")
    if 0 in matrix.shape:
        raise InputError(f"{name} must have at least one row and one column, not the shape {matrix.shape}.")
    if features is not None and matrix.shape[1] != features:
        raise InputError(f"{name} has {matrix.shape[1]} columns, but the model has {features} features.")
    check_finite(matrix, name)
    return matrix


def check_columns(values: Any, name: str, expected: tuple[str, ...] | None) -> None:
    """Refuse a data frame whose columns are others than those of training, or in another order, as scikit-learn does.

    Parameters
    ----------
    values
        Anything array-like; what has no columns that are all text is taken.
    name
        What the user calls it, for messages.
    expected
        Names of the columns in their order; None: not known.

    Raises
    ------
    InputError
        If a column is called otherwise than expected.
    """
    columns = list(getattr(values, "columns", ()))
    if expected is not None and len(columns) == len(expected) and all(isinstance(column, str) for column in columns):
        check_names(columns, name, expected)


def check_names(found: Sequence[str], name: str, expected: Sequence[str]) -> None:
    """Refuse columns that are called otherwise than those of training, one for one.

    Raises
    ------
    InputError
        If one is.
    """
    for place, (column, wanted) in enumerate(zip(found, expected, strict=True)):
        if column != wanted:
            raise InputError(
                f"{name} has the column {column!r} at place {place} (counted from 0), where the model was trained with"
                f" {wanted!r}; give the columns in the order of training, or an array without names."
            )


def to_cube(values: Any, name: str, last: str, *, infinite: bool = False) -> Matrix:
    """Turn values into an array of shape (prototypes, features, n), int64 or float64; at least one of each.

    Parameters
    ----------
    values
        Anything array-like.
    name
        What the user calls it, for messages.
    last
        What the last dimension is, for messages.
    infinite
        Whether infinities are values; NaN never is.

    Raises
    ------
    InputError
        If a value is no such number or the shape is another.
    """
    cube = to_numbers(values, name)
    if cube.ndim != 3:
        raise InputError(
            f"{name} must have three dimensions (prototypes, features, {last}), not the shape {cube.shape}."
        )
    if 0 in cube.shape:
        raise InputError(f"{name} must have at least one of each dimension, not the shape {cube.shape}.")
    check_finite(np.where(np.isinf(cube), 0.0, cube) if infinite else cube, name)
    return cube


def check_finite(matrix: Matrix, name: str) -> None:
    """Refuse NaN and infinity, naming the first row and column (from 0) that holds one.

    Raises
    ------
    InputError
        If a value is not finite.
    """
    finite = np.isfinite(matrix)
    if finite.all():
        return
    place = tuple(int(index) for index in np.argwhere(~finite)[0])
    row, column = place[:2]
    raise InputError(
        f"{name} holds {matrix[place]} in row {row}, column {column} (counted from 0);"
        " replace or drop what is not a finite number."
    )


def frozen(array: ArrayLike) -> NDArray[Any]:
    """Return a C-contiguous copy that cannot be written to."""
    copy = np.array(array, order="C")
    copy.flags.writeable = False
    return copy


def check_room(shape: tuple[int, ...], name: str) -> None:
    """Refuse to make an array of 64-bit numbers that is larger than `DENSE_LIMIT`; a file may say any shape.

    Raises
    ------
    InputError
        If it would be.
    """
    size = math.prod(shape) * 8
    if size > DENSE_LIMIT:
        raise InputError(f"{name} would take {size} bytes as a dense array, more than {DENSE_LIMIT}; make it smaller.")


def _dense(sparse: Any, name: str) -> NDArray[Any]:
    """Unpack a SciPy sparse matrix, which may come from a file: its indices are checked, its size is bounded."""
    check_room(sparse.shape, name)
    if hasattr(sparse, "check_format"):
        try:
            sparse.check_format(full_check=True)
        except ValueError as error:
            raise InputError(f"{name} is a damaged sparse matrix: {_first_line(error)}.") from error
    array: NDArray[Any] = sparse.toarray()
    return array


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__


def label_text(label: Any) -> Any:
    """A label as files and people read it: bytes as text, which they are in UTF-8; all others as they are."""
    return label.decode() if isinstance(label, bytes) else label
