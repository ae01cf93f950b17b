"""Tables of numbers as text: comma, semicolon or tab, with or without a header, with or without labels."""

import csv
import math
import re
import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
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


@dataclass(frozen=True, eq=False, kw_only=True)
class Table:
    """Rows of equal length: numbers, and perhaps a label in each.

    Parameters
    ----------
    path
        The file, for messages.
    names
        The fields of the header; None if there is none.
    values
        Numbers of all rows, shape (rows, fields without the label); NaN for what is none.
    texts
        The label of each row as text; None if rows have none.
    strange
        Line and column, counted from 1, and text of the first field that should be a finite number and is none; None if
        all are.
    """

    path: Path
    names: tuple[str, ...] | None
    values: NDArray[np.float64]
    texts: list[str] | None
    strange: tuple[int, int, str] | None

    @property
    def width(self) -> int:
        """Fields of a row."""
        return int(self.values.shape[1]) + (self.texts is not None)

    def numbers(self) -> NDArray[np.float64]:
        """Return the numbers, shape (rows, fields without the label), all finite.

        Raises
        ------
        ModelFileError
            If a field is no finite number; the message names its line and column, counted from 1.
        """
        if self.strange is not None:
            line, column, field = self.strange
            raise ModelFileError(
                f"{self.path} has {field!r} in line {line}, column {column}, which is no finite number;"
                " correct or remove it."
            )
        return self.values

    def labels(self) -> NDArray[Any] | None:
        """Return the labels as `parsed_labels` reads them; None if there are none."""
        return None if self.texts is None else parsed_labels(self.texts)


def parsed_labels(texts: list[str]) -> NDArray[Any]:
    """Return labels: int64 if all are integers (also written as 1.0), else text.

    One with leading zeros, such as ``01``, is text.
    """
    fields = [text.strip() for text in texts]
    if all(_is_integer(field) for field in set(fields)):
        return np.array([int(float(field)) for field in fields], np.int64)
    return np.array(fields, dtype=str)


def read_table(path: Path, *, features: int | None = None, expected: Sequence[str] | None = None) -> Table:
    """Read a table of text in UTF-8.

    The delimiter is the first of comma, semicolon and tab that the first row has. Empty lines and lines that begin
    with ``#`` are skipped. The first row is a header if all its fields are names: none is a number, none is empty or
    stands for a missing value (``NA``). Any other first row is data; a header of numbers only cannot be told from it,
    unless these are the expected names.

    Parameters
    ----------
    path
        The file.
    features
        Fields of a row that must be numbers; a field after them is a label. None: all but the last, which is one.
    expected
        Names of the features, if they are known: a first row that begins with them is a header, whatever they are.

    Raises
    ------
    ModelFileError
        If it is no text, has no rows, rows of different lengths, or a row without its label; or if its first row may as
        well be a header that counts the columns (``0,1,label``).
    """
    try:
        with path.open(encoding="utf-8-sig") as stream:
            return _parsed(path, stream, features, expected)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ModelFileError(f"{path} is no table of text: {error}; write it as CSV in UTF-8.") from error


class _Lines:
    """Lines with something in them, one after another, and how many have been taken."""

    def __init__(self, path: Path, stream: Iterable[str]) -> None:
        self._path = path
        self._rest = ((number, line) for number, line in enumerate(stream, start=1) if _has_data(line))
        self.first = next(self._rest, None)
        #: Number in the file of the last line that was taken, and how many were taken.
        self.number, self.taken = 0, 0

    def __iter__(self) -> Iterator[str]:
        for number, line in () if self.first is None else chain([self.first], self._rest):
            if "\0" in line:
                raise ModelFileError(f"{self._path} has the character NUL in line {number}, so it is no table of text.")
            self.number, self.taken = number, self.taken + 1
            yield line


def _parsed(path: Path, stream: Iterable[str], features: int | None, expected: Sequence[str] | None) -> Table:
    """The table, one row after another: as text the rows would take many times as much memory as the file."""
    lines = _Lines(path, stream)
    if lines.first is None:
        raise ModelFileError(f"{path} has no rows; write it again.")
    delimiter = next((mark for mark in _DELIMITERS if mark in lines.first[1]), ",")
    rows = csv.reader(lines, delimiter=delimiter, strict=True)
    head = next(rows)
    width, head_line = len(head), lines.number
    labelled = features is None or width > features
    is_expected = expected is not None and _stripped(head[: len(expected)]) == _stripped(expected)
    names = tuple(head) if is_expected or all(_is_name(field) for field in head) else None
    values, texts = array("d"), list[str]()
    strange: tuple[int, int, str] | None = None
    for count, row in enumerate(chain([head], rows), start=1):
        if lines.taken != count:
            raise ModelFileError(f"{path} has a field with a line break in it; remove the line break.")
        if len(row) != width:
            raise ModelFileError(
                f"{path} has {len(row)} fields in line {lines.number} but {width} in line {head_line};"
                " give all rows the same number."
            )
        if count == 1 and names is not None:
            continue
        if labelled:
            texts.append(sys.intern(row.pop()))
        numbers = _numbers(row)
        values.extend(numbers)
        if strange is None and not all(map(math.isfinite, numbers)):
            column = next(column for column, number in enumerate(numbers) if not math.isfinite(number))
            strange = lines.number, column + 1, row[column]
        if labelled and strange is None and not texts[-1].strip():
            raise ModelFileError(
                f"{path} has no label in line {lines.number}, column {width}; give each row one, or leave the column"
                " out."
            )
    if names is None and labelled and _may_count_columns(head[: width - 1], texts):
        raise ModelFileError(
            f"{path} has {texts[0]!r} in line {head_line}, column {width}, where all other rows have integers; "
            "remove the line if it is a header, or put a header of names above it if it is none."
        )
    if not values and not texts:
        raise ModelFileError(f"{path} has a header but no rows; write it again.")
    count = len(texts) if labelled else len(values) // width
    return Table(
        path=path,
        names=names,
        values=np.frombuffer(values).reshape(count, width - labelled),
        texts=texts if labelled else None,
        strange=strange,
    )


def _stripped(fields: Sequence[str]) -> list[str]:
    return [field.strip() for field in fields]


def _numbers(fields: list[str]) -> list[float]:
    """Values of fields, NaN for what is no number."""
    try:
        if "_" not in "".join(fields):
            return list(map(float, fields))
    except ValueError:
        pass
    return [_number(field) if _is_number(field) else math.nan for field in fields]


def _has_data(line: str) -> bool:
    return bool(line.strip()) and not line.startswith("#")


def _is_name(field: str) -> bool:
    # A number with underscores is none, and no name either.
    return not _is_number(field.replace("_", "")) and field.strip().lower() not in _MISSING


def _may_count_columns(head: list[str], labels: list[str]) -> bool:
    """Whether the first row is what pandas writes above columns without names: numbers from 0, and a name at the end.

    Such a row is also a vector with a label of text, and dropping a vector is as wrong as taking a header for one.
    """
    return (
        len(labels) > 1
        and bool(head)
        and [field.strip() for field in head] == [str(column) for column in range(len(head))]
        and not _is_integer(labels[0])
        and all(_is_integer(label) for label in set(labels[1:]))
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


def _is_integer(field: str) -> bool:
    text = field.strip()
    return (
        _INTEGER.fullmatch(text) is not None
        and math.isfinite(float(text))
        and float(text).is_integer()
        and abs(float(text)) < 1 << 53
    )
