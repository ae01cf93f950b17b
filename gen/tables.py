"""Tables of numbers as text: comma, semicolon or tab, with or without a header, with or without labels."""

import csv
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prototile.errors import ModelFileError

_DELIMITERS = ",;\t"
#: How tables write that a value is missing, in lower case; NaN is a number here. No column is called so.
_MISSING = frozenset(("", "-", "--", ".", "?", "#n/a", "<na>", "missing", "n.a.", "n/a", "na", "nil", "none", "null"))
#: An integer as programs write it, perhaps among floats. ``01`` is a code: another label than ``1``.
_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]*)?(e[+-]?[0-9]+)?", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of equal length, as text.

    Parameters
    ----------
    path
        The file, for messages.
    rows
        The fields of each row, without the header.
    lines
        Line in the file of each row, counted from 1.
    """

    path: Path
    rows: list[list[str]]
    lines: list[int]

    @property
    def width(self) -> int:
        """Fields of a row."""
        return len(self.rows[0])

    def numbers(self, count: int) -> NDArray[np.float64]:
        """Return the first `count` fields of each row as finite numbers, shape (rows, count).

        Raises
        ------
        ModelFileError
            If a field is no finite number; the message names its line and column, counted from 1.
        """
        try:
            values = np.array([[_number(field) for field in row[:count]] for row in self.rows])
        except ValueError:
            values = np.array([[math.nan]])
        if np.isfinite(values).all():
            return values
        line, column, field = next(
            (line, column, field)
            for line, row in zip(self.lines, self.rows, strict=True)
            for column, field in enumerate(row[:count], start=1)
            if not _is_finite(field)
        )
        raise ModelFileError(
            f"{self.path} has {field!r} in line {line}, column {column}, which is no finite number;"
            " correct or remove it."
        )

    def labels(self) -> NDArray[Any]:
        """Return the last field of each row: int64 if all are integers (also written as 1.0), else text.

        A field with leading zeros, such as ``01``, is text.
        """
        fields = [row[-1].strip() for row in self.rows]
        if all(_is_integer(field) for field in fields):
            return np.array([int(float(field)) for field in fields], np.int64)
        return np.array(fields, dtype=str)


def read_table(path: Path, *, features: int | None = None) -> Table:
    """Read a table of text in UTF-8.

    The delimiter is the first of comma, semicolon and tab that the first row has. Empty lines and lines that begin
    with ``#`` are skipped. The first row is a header if all its fields are names: none is a number, none is empty or
    stands for a missing value (``NA``). Any other first row is data; a header of numbers only cannot be told from it.

    Parameters
    ----------
    path
        The file.
    features
        Fields of a row that must be numbers; a field after them is a label. None: all but the last.

    Raises
    ------
    ModelFileError
        If it is no text, has no rows, or rows of different lengths; or if its first row may as well be a header that
        counts the columns (``0,1,label``).
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        lines = [(number, line) for number, line in enumerate(text.splitlines(), start=1) if _has_data(line)]
        if not lines:
            raise ModelFileError(f"{path} has no rows; write it again.")
        delimiter = next((mark for mark in _DELIMITERS if mark in lines[0][1]), ",")
        rows = list(csv.reader((line for _, line in lines), delimiter=delimiter, strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ModelFileError(f"{path} is no table of text: {error}; write it as CSV in UTF-8.") from error
    numbers = [number for number, _ in lines]
    if len(rows) != len(numbers):
        raise ModelFileError(f"{path} has a field with a line break in it; remove the line break.")
    width = len(rows[0])
    for number, row in zip(numbers, rows, strict=True):
        if len(row) != width:
            raise ModelFileError(
                f"{path} has {len(row)} fields in line {number} but {width} in line {numbers[0]};"
                " give all rows the same number."
            )
    first = 1 if all(_is_name(field) for field in rows[0]) else 0
    if _may_count_columns(rows, width - 1 if features is None else min(features, width)):
        raise ModelFileError(
            f"{path} has {rows[0][-1]!r} in line {numbers[0]}, column {width}, where all other rows have integers; "
            "remove the line if it is a header, or put a header of names above it if it is none."
        )
    if len(rows) == first:
        raise ModelFileError(f"{path} has a header but no rows; write it again.")
    return Table(path, rows[first:], numbers[first:])


def _has_data(line: str) -> bool:
    return bool(line.strip()) and not line.startswith("#")


def _is_name(field: str) -> bool:
    # A number with underscores is none, and no name either.
    return not _is_number(field.replace("_", "")) and field.strip().lower() not in _MISSING


def _may_count_columns(rows: list[list[str]], number_count: int) -> bool:
    """Whether the first row is what pandas writes above columns without names: numbers from 0, and a name at the end.

    Such a row is also a vector with a label of text, and dropping a vector is as wrong as taking a header for one.
    """
    counted = [str(column) for column in range(number_count)]
    labels = [row[-1].strip() for row in rows]
    return (
        0 < number_count < len(rows[0])
        and len(rows) > 1
        and [field.strip() for field in rows[0][:number_count]] == counted
        and not _is_integer(labels[0])
        and all(_is_integer(label) for label in labels[1:])
    )


def _number(field: str) -> float:
    """Value of a number as tables hold it; Python's underscores (``1_0``) are none."""
    if "_" in field:
        raise ValueError(f"{field!r} is no number")
    return float(field)


def _is_number(field: str) -> bool:
    try:
        _number(field)
    except ValueError:
        return False
    return True


def _is_finite(field: str) -> bool:
    return _is_number(field) and math.isfinite(_number(field))


def _is_integer(field: str) -> bool:
    text = field.strip()
    return (
        _INTEGER.fullmatch(text) is not None
        and _is_finite(text)
        and float(text).is_integer()
        and abs(float(text)) < 1 << 53
    )
