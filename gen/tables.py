"""Tables of numbers as text: comma, semicolon or tab, with or without a header, with or without labels."""

import csv
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prototile.errors import ModelFileError

_DELIMITERS = ",;\t"


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
            values = np.array([[float(field) for field in row[:count]] for row in self.rows])
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
        """Return the last field of each row: int64 if all are integers (also written as 1.0), else text."""
        fields = [row[-1].strip() for row in self.rows]
        if all(_is_integer(field) for field in fields):
            return np.array([int(float(field)) for field in fields], np.int64)
        return np.array(fields, dtype=str)


def read_table(path: Path, *, features: int | None = None) -> Table:
    """Read a table of text in UTF-8.

    The delimiter is the first of comma, semicolon and tab that the first row has. Empty lines and lines that begin
    with ``#`` are skipped. The first row is a header if none of its number fields is a number, or if its last field
    is none while all below it are; a header of numbers only cannot be told from data.

    Parameters
    ----------
    path
        The file.
    features
        Fields of a row that must be numbers; a field after them is a label. None: all but the last.

    Raises
    ------
    ModelFileError
        If it is no text, has no rows, or rows of different lengths.
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
    first = 1 if _is_header(rows, width - 1 if features is None else min(features, width)) else 0
    if len(rows) == first:
        raise ModelFileError(f"{path} has a header but no rows; write it again.")
    return Table(path, rows[first:], numbers[first:])


def _has_data(line: str) -> bool:
    return bool(line.strip()) and not line.startswith("#")


def _is_header(rows: list[list[str]], number_count: int) -> bool:
    # One field that is no number among numbers is a missing or damaged value: an error to report, no header to skip.
    if not any(_is_number(field) for field in rows[0][:number_count]):
        return True
    below = rows[1:]
    return bool(below) and not _is_number(rows[0][-1]) and all(_is_number(row[-1]) for row in below)


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _is_finite(field: str) -> bool:
    return _is_number(field) and math.isfinite(float(field))


def _is_integer(field: str) -> bool:
    return _is_finite(field) and float(field).is_integer() and abs(float(field)) < 1 << 53
