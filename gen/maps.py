"""A model's preprocessing as one map with one order of operations, so that every host computes the same bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prototile.arrays import Matrix, check_room, frozen, to_matrix, to_numbers
from prototile.errors import InputError

#: Numbers of a chunk of a matrix product (256 kB).
_CHUNK_NUMBERS = 1 << 15


@dataclass(frozen=True, eq=False, init=False)
class AffineMap:
    """The user's preprocessing, component by component: ``z = x[columns] * scale + shift``, in float64.

    The product is rounded, and then the sum. Fitted scalers are turned into this form, so ``z`` can differ from theirs
    in the last bits of a float64.

    Parameters
    ----------
    scale, shift
        One finite number per component of z, shape (features,).
    columns
        The user's feature that each component is made from, counted from 0, shape (features,); a feature may be taken
        several times or not at all. None: each component is made from the feature at its own place.
    input_features
        How many features the user's vectors have; only with `columns`.

    Attributes
    ----------
    columns : int64 ndarray of shape (features,), or None
        None also if the features are all taken in their order.

    Raises
    ------
    InputError
        If the shapes differ, a value is not finite, or a column is none of the user's features.
    """

    scale: NDArray[np.float64]
    shift: NDArray[np.float64]
    columns: NDArray[np.int64] | None
    input_features: int

    def __init__(
        self,
        scale: ArrayLike,
        shift: ArrayLike,
        columns: ArrayLike | None = None,
        input_features: int | None = None,
    ) -> None:
        scales, shifts = (
            to_numbers(values, name).astype(np.float64) for values, name in ((scale, "scale"), (shift, "shift"))
        )
        if scales.ndim != 1 or scales.shape != shifts.shape or not scales.size:
            raise InputError(
                f"scale and shift must have one number per feature, not the shapes {scales.shape} and {shifts.shape}."
            )
        for name, values in (("scale", scales), ("shift", shifts)):
            if not np.isfinite(values).all():
                raise InputError(f"{name} must be finite, but feature {int(np.argmin(np.isfinite(values)))} is not.")
        taken, count = _checked_columns(columns, input_features, scales.size)
        object.__setattr__(self, "scale", frozen(scales))
        object.__setattr__(self, "shift", frozen(shifts))
        object.__setattr__(self, "columns", None if taken is None else frozen(taken))
        object.__setattr__(self, "input_features", count)

    @classmethod
    def identity(cls, features: int) -> AffineMap:
        """The map that changes nothing."""
        return cls(np.ones(features), np.zeros(features))

    @classmethod
    def selection(cls, columns: ArrayLike, input_features: int) -> AffineMap:
        """The map that takes these of the user's features as they are."""
        taken = np.asarray(columns, np.int64)
        return cls(np.ones(taken.shape), np.zeros(taken.shape), taken, input_features)

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """The parameters by name; those of a selection only if there is one."""
        arrays: dict[str, NDArray[Any]] = {"scale": self.scale, "shift": self.shift}
        if self.columns is not None:
            arrays |= {"columns": self.columns, "input_features": np.array(self.input_features)}
        return arrays

    @property
    def features(self) -> int:
        """Components of a vector in the model's space."""
        return int(self.scale.size)

    @property
    def is_selection(self) -> bool:
        """Whether it takes features as they are."""
        return bool((self.scale == 1).all() and (self.shift == 0).all())

    def select(self, X: Matrix) -> Matrix:
        """The user's features from which the components are made, shape (rows, features), as they are."""
        return X if self.columns is None else X[:, self.columns]

    def split(self) -> tuple[AffineMap | None, AffineMap]:
        """Return the selection of features, or None if all are taken in their order, and what follows it."""
        following = AffineMap(self.scale, self.shift)
        return None if self.columns is None else self.selection(self.columns, self.input_features), following

    def bounds(
        self, low: NDArray[np.float64], high: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Bounds of the components, shape (features,), from those of the user's features; infinite where unbounded."""
        with np.errstate(over="ignore", invalid="ignore"):
            ends = [self.select(end[None])[0] * self.scale + self.shift for end in (low, high)]
        turned, fixed = self.scale < 0, self.scale == 0
        first, last = np.where(turned, ends[::-1], ends)
        return np.where(fixed, -np.inf, first), np.where(fixed, np.inf, last)

    def __call__(self, X: Matrix) -> NDArray[np.float64]:
        """Map a matrix (rows, input features) into the model's space (rows, features), float64.

        Raises
        ------
        InputError
            If a result is too large for a float64.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            Z = self.select(X) * self.scale + self.shift
        return to_matrix(Z, "the preprocessed input").astype(np.float64)

    @overload
    def then(self, following: AffineMap) -> AffineMap: ...

    @overload
    def then(self, following: MatrixMap) -> MatrixMap: ...

    @overload
    def then(self, following: Map) -> Map: ...

    def then(self, following: Map) -> Map:
        """Return the one map that does this and then `following`.

        Raises
        ------
        InputError
            If the numbers of features differ, or a parameter of it is too large for a float64.
        """
        _check_chain(self, following)
        with np.errstate(over="ignore", invalid="ignore"):
            if isinstance(following, MatrixMap):
                rows = self.scale[:, None] * following.matrix
                shift = _ordered_product(self.shift[None], following.matrix)[0] + following.shift
                if self.columns is None:
                    return MatrixMap(rows, shift)
                check_room((self.input_features, following.features), "the matrix of the preprocessing")
                matrix = np.zeros((self.input_features, following.features))
                # A feature that is taken several times has the sum of what it does at each place.
                np.add.at(matrix, self.columns, rows)
                return MatrixMap(matrix, shift)
            columns = following.columns
            places = np.arange(self.features) if self.columns is None else self.columns
            taken = slice(None) if columns is None else columns
            return AffineMap(
                self.scale[taken] * following.scale,
                self.shift[taken] * following.scale + following.shift,
                places[taken],
                self.input_features,
            )


@dataclass(frozen=True, eq=False, init=False)
class MatrixMap:
    """A preprocessing that mixes features: ``z = x @ matrix + shift``, in float64.

    The order of operations is fixed, so that every host computes the same bits: for each component of z, the products
    ``x[0] * matrix[0]``, ``x[1] * matrix[1]`` ... are rounded and added one after another, and the shift last. A host
    in another language must not fuse these operations (in C: ``-ffp-contract=off``).

    Parameters
    ----------
    matrix
        Finite numbers, shape (input features, features): a row for each of the user's features, a column for each
        component in the model's space.
    shift
        One finite number per component, shape (features,); None: 0.

    Raises
    ------
    InputError
        If the shapes do not fit together or a value is not finite.
    """

    matrix: NDArray[np.float64]
    shift: NDArray[np.float64]

    def __init__(self, matrix: ArrayLike, shift: ArrayLike | None = None) -> None:
        weights = to_matrix(matrix, "matrix").astype(np.float64)
        shifts = np.zeros(weights.shape[1]) if shift is None else to_numbers(shift, "shift").astype(np.float64)
        if shifts.shape != (weights.shape[1],):
            raise InputError(
                f"shift must have one number for each of the {weights.shape[1]} columns of matrix, not the shape"
                f" {shifts.shape}."
            )
        if not np.isfinite(shifts).all():
            raise InputError(f"shift must be finite, but component {int(np.argmin(np.isfinite(shifts)))} is not.")
        object.__setattr__(self, "matrix", frozen(weights))
        object.__setattr__(self, "shift", frozen(shifts))

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """The parameters by name."""
        return {"matrix": self.matrix, "shift": self.shift}

    @property
    def input_features(self) -> int:
        """Components of a vector of the user's."""
        return int(self.matrix.shape[0])

    @property
    def features(self) -> int:
        """Components of a vector in the model's space."""
        return int(self.matrix.shape[1])

    def __call__(self, X: Matrix) -> NDArray[np.float64]:
        """Map a matrix (rows, input features) into the model's space (rows, features), float64.

        Raises
        ------
        InputError
            If a result is too large for a float64.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            Z = _ordered_product(X, self.matrix, self.shift)
        return to_matrix(Z, "the preprocessed input").astype(np.float64)

    def then(self, following: Map) -> MatrixMap:
        """Return the one map that does this and then `following`.

        Raises
        ------
        InputError
            If the numbers of features differ, or a parameter of it is too large for a float64.
        """
        _check_chain(self, following)
        with np.errstate(over="ignore", invalid="ignore"):
            if isinstance(following, MatrixMap):
                shift = _ordered_product(self.shift[None], following.matrix)[0]
                return MatrixMap(_ordered_product(self.matrix, following.matrix), shift + following.shift)
            matrix, shift = following.select(self.matrix), following.select(self.shift[None])[0]
            return MatrixMap(matrix * following.scale, shift * following.scale + following.shift)


Map = AffineMap | MatrixMap


def _check_chain(first: Map, following: Map) -> None:
    if first.features != following.input_features:
        raise InputError(
            f"a preprocessing gives {first.features} features, but the next one takes {following.input_features}."
        )


def side_by_side(maps: Sequence[Map]) -> Map:
    """Return the map whose components are those of all maps, one map after another, from the same features.

    Raises
    ------
    InputError
        If there is no map, or they take different numbers of features.
    """
    counts = {part.input_features for part in maps}
    if len(counts) != 1:
        raise InputError(f"maps side by side must take one number of features, not {sorted(counts)}.")
    count = counts.pop()
    shift = np.concatenate([part.shift for part in maps])
    affine = [part for part in maps if isinstance(part, AffineMap)]
    if len(affine) == len(maps):
        scale = np.concatenate([part.scale for part in affine])
        every = np.arange(count)
        columns = [every if part.columns is None else part.columns for part in affine]
        return AffineMap(scale, shift, np.concatenate(columns), count)
    return MatrixMap(np.hstack([part.matrix if isinstance(part, MatrixMap) else _dense(part) for part in maps]), shift)


def _dense(part: AffineMap) -> NDArray[np.float64]:
    check_room((part.input_features, part.features), "the matrix of the preprocessing")
    matrix = np.zeros((part.input_features, part.features))
    columns = np.arange(part.features) if part.columns is None else part.columns
    matrix[columns, np.arange(part.features)] = part.scale
    return matrix


def _ordered_product(
    X: Matrix, matrix: NDArray[np.float64], shift: NDArray[np.float64] | float = 0.0
) -> NDArray[np.float64]:
    """``X @ matrix + shift`` in the order that `MatrixMap` documents; ``@`` adds in an order of the machine's."""
    Z = np.zeros((len(X), matrix.shape[1]))
    # Chunks of this many numbers stay in a processor's cache: the sum goes over them once for each input feature.
    chunk = max(1, _CHUNK_NUMBERS // matrix.shape[1])
    for start in range(0, len(X), chunk):
        part = Z[start : start + chunk]
        for column, weights in zip(X[start : start + chunk].T, matrix, strict=True):
            part += column[:, None] * weights
        part += shift
    return Z


def _checked_columns(columns: Any, input_features: Any, features: int) -> tuple[NDArray[np.int64] | None, int]:
    """Return the columns, None if they are all features in their order, and the number of input features."""
    if columns is None:
        if input_features not in (None, features):
            raise InputError(
                f"input_features is {input_features!r}, but without columns there are {features}; give columns."
            )
        return None, features
    taken = np.asarray(columns)
    if taken.shape != (features,) or taken.dtype.kind not in "iu":
        raise InputError(
            f"columns must be {features} integers, one per component, not {taken.dtype} of the shape {taken.shape}."
        )
    count = np.asarray(input_features)
    if count.shape != () or count.dtype.kind not in "iu" or count < 1:
        raise InputError(f"input_features must be a positive integer beside columns, not {input_features!r}.")
    if (taken < 0).any() or (taken >= count).any():
        wrong = taken[(taken < 0) | (taken >= count)][0]
        raise InputError(f"columns must lie in 0 .. {int(count) - 1}, but one is {int(wrong)}.")
    in_order = int(count) == features and bool((taken == np.arange(features)).all())
    return None if in_order else taken.astype(np.int64), int(count)
