"""Talks to a prototile chip over a serial port.

This module stands alone: it needs NumPy and pyserial, not prototile. In a design's folder it lies in ``driver/``, with
the description of the chip (``chip.json``, ``self_test.npy``) beside it::

    from prototile_driver import Chip, Driver

    chip = Chip.load("chip.json")
    with Driver.open("/dev/ttyUSB0", chip) as driver:
        print(driver.predict(X))  # X: rows of raw features; the model's preprocessing is done here

From a terminal::

    python prototile_driver.py /dev/ttyUSB0 vectors.csv
    python prototile_driver.py /dev/ttyUSB0 --self-test
    python prototile_driver.py /dev/ttyUSB0 --identify

Whatever goes wrong is a `DriverError`.
"""

import argparse
import csv
import json
import struct
import sys
import time
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, TextIO

import numpy as np
import serial  # type: ignore[import-untyped]  # pyserial has no type information
from numpy.typing import ArrayLike, NDArray
from serial.tools import list_ports  # type: ignore[import-untyped]  # pyserial has no type information

try:
    from termios import error as _TerminalError
except ImportError:  # Windows has no termios
    _TerminalError = OSError  # type: ignore[misc,assignment]  # the place of a class that does not exist there

#: One row per query, as a chip decides it. ``label`` and ``runner_up`` are class indices; ``runner_up`` is -1 without
#: another class; ``status`` is 0 identified, 1 uncertain, 2 unknown.
RECORD_DTYPE = np.dtype(
    [
        ("prototype", np.int32),
        ("distance", np.int64),
        ("label", np.int32),
        ("runner_up", np.int32),
        ("margin", np.int64),
        ("status", np.int8),
        ("tie", np.bool_),
        ("saturated", np.int32),
    ]
)
STATUS_NAMES = ("identified", "uncertain", "unknown")
UNKNOWN = STATUS_NAMES.index("unknown")
METRICS = ("l1", "l2", "linf", "hamming", "box", "table")

#: Sequence numbers of requests.
SEQUENCES = 256
#: Queries that may be on their way at once; a chip holds that many.
WINDOW = 4
#: Words to be written that may be on their way at once: the chip takes them as they come.
WRITE_WINDOW = 32
#: Seconds that one reading of the port waits for a byte.
POLL_SECONDS = 0.02
#: Seconds to wait before asking a busy chip again; doubled each time.
BUSY_SECONDS = 0.01


class DriverError(Exception):
    """Base of what can go wrong between host and chip; the message is one sentence, fit to be shown as it is."""


class ChipFileError(DriverError):
    """The description of the chip is missing, damaged, or of another version."""


class VectorError(DriverError):
    """The queries have the wrong shape or type, or hold NaN or infinity."""


class PortError(DriverError):
    """The serial port is missing, busy, forbidden, or was unplugged."""


class NoAnswerError(DriverError):
    """The chip did not answer, in spite of retries."""


class RefusedError(DriverError):
    """The chip refuses what this driver asks of it."""


class DigestMismatch(DriverError):
    """The connected chip holds another design."""


class SelfTestError(DriverError):
    """The chip answers queries of its self-test otherwise than a sound one."""


#: Digits of `Identity.grid` for a chip whose memories cannot be written, and of the digest of one without a model.
NO_GRID = "0" * 16
NO_MODEL = "0" * 32


# --- What a chip is -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What a chip says about itself.

    Parameters
    ----------
    digest
        32 hexadecimal digits that tell one design from another.
    features, bits, lanes
        Components of a query, bits of each, components of one word.
    metric
        One of `METRICS`.
    prototypes, classes
        Sizes of the model.
    rows, columns, pes_per_tile, prototypes_per_pe
        The grid.
    grid
        16 hexadecimal digits, the same for all designs whose prototypes this chip can be given; zeros if its memories
        cannot be written.
    """

    VERSION = 2
    #: Where the bytes of the digest begin: only these are written with another model.
    DIGEST_AT = 1
    _LAYOUT = struct.Struct("<B16s8sHBHB6H")

    digest: str
    features: int
    bits: int
    lanes: int
    metric: str
    prototypes: int
    classes: int
    rows: int
    columns: int
    pes_per_tile: int
    prototypes_per_pe: int
    grid: str = NO_GRID

    def pack(self) -> bytes:
        """Bytes that the chip gives for this identity.

        Raises
        ------
        ValueError
            If a value does not fit its place.
        """
        digest, grid = bytes.fromhex(self.digest), bytes.fromhex(self.grid)
        for name, found, count in (("digest", digest, 16), ("grid", grid, 8)):
            if len(found) != count:
                raise ValueError(f"{name} must have {2 * count} hexadecimal digits, not {getattr(self, name)!r}")
        if self.metric not in METRICS:
            raise ValueError(f"metric must be one of {', '.join(METRICS)}, not {self.metric!r}")
        numbers = (self.prototypes, self.classes, self.rows, self.columns, self.pes_per_tile, self.prototypes_per_pe)
        try:
            return self._LAYOUT.pack(
                self.VERSION, digest, grid, self.features, self.bits, self.lanes, METRICS.index(self.metric), *numbers
            )
        except struct.error as error:
            raise ValueError(f"the identity holds a number too large for its place: {self} ({error})") from None

    @classmethod
    def unpack(cls, payload: bytes) -> Self:
        """Read what a chip gave.

        Raises
        ------
        RefusedError
            If it is of another version than this driver.
        """
        if len(payload) != cls._LAYOUT.size or payload[0] != cls.VERSION:
            raise RefusedError(
                f"the chip describes itself in version {payload[0] if payload else 'none'} with {len(payload)} bytes "
                f"and this driver reads version {cls.VERSION} with {cls._LAYOUT.size}: use the driver from the folder "
                "of the design that the chip holds"
            )
        _, digest, grid, features, bits, lanes, metric, *numbers = cls._LAYOUT.unpack(payload)
        prototypes, classes, rows, columns, pes_per_tile, prototypes_per_pe = numbers
        return cls(
            digest=digest.hex(),
            features=features,
            bits=bits,
            lanes=lanes,
            metric=METRICS[metric] if metric < len(METRICS) else f"number {metric}",
            prototypes=prototypes,
            classes=classes,
            rows=rows,
            columns=columns,
            pes_per_tile=pes_per_tile,
            prototypes_per_pe=prototypes_per_pe,
            grid=grid.hex(),
        )


def identity_bytes(
    *,
    digest: str,
    features: int,
    bits: int,
    lanes: int,
    metric: str,
    prototypes: int,
    classes: int,
    rows: int,
    columns: int,
    pes_per_tile: int,
    prototypes_per_pe: int,
    grid: str = NO_GRID,
) -> bytes:
    """Bytes that a chip gives when it is asked who it is; the parameters are those of `Identity`."""
    return Identity(
        digest=digest,
        features=features,
        bits=bits,
        lanes=lanes,
        metric=metric,
        prototypes=prototypes,
        classes=classes,
        rows=rows,
        columns=columns,
        pes_per_tile=pes_per_tile,
        prototypes_per_pe=prototypes_per_pe,
        grid=grid,
    ).pack()


#: What `Chip.self_test_bits` counts, in its order.
_SELF_TEST_BITS = ("found", "idle", "open")


def self_test_type(features: int) -> np.dtype[np.void]:
    """Type of a query of the self-test: ``prototype``, ``query`` and ``record``."""
    return np.dtype([("prototype", np.int32), ("query", np.uint16, (features,)), ("record", RECORD_DTYPE)])


#: Fields of `Chip` with one number for each feature, or one for all.
_PER_FEATURE = ("scale", "shift", "offset", "step")


@dataclass(frozen=True, kw_only=True, eq=False)
class Chip:
    """What a host must know of a chip.

    Parameters
    ----------
    digest
        32 hexadecimal digits that tell one design from another.
    features, bits, lanes
        Components of a query, bits of each, components of one word.
    record_fields
        Fields of the decision record on the wire, least significant first: name, width in bits, whether signed.
    offset, step
        Quantiser: ``rint((z - offset) / step)``; one number for each feature, or one for all.
    scale, shift
        Preprocessing of the model: ``z = x * scale + shift``; likewise. It is not folded into offset and step, because
        that would round differently.
    columns, inputs
        Where the preprocessing takes some of the user's features only, or some of them several times: the feature that
        each component is made from, ``z = x[columns] * scale + shift``, and how many features there are. Empty and 0:
        each component is made from the feature at its own place.
    matrix
        Where the preprocessing mixes features, instead of scale: ``z = x @ matrix + shift``, a row for each of the
        user's features, a column for each component. Products are added one after another, row by row, the shift last.
        Empty: there is none.
    classes
        Label of each class index.
    baud
        Bits a second of the serial line.
    open_ended
        Components whose lowest and highest level stand for all that lies beyond them too, so that they do not count as
        clipped; one truth value for each feature, or one for all.
    reject
        Label for queries whose status is unknown; used if `rejects`.
    rejects
        Whether such queries get `reject`, and not the label of their nearest prototype.
    self_test
        Queries of the self-test, `self_test_type` one a row: the prototype whose memory it is there for, the query, and
        the whole record of a sound chip. None for a chip that is described without them.
    self_test_bits
        Bits of the chip's memories: how many these queries find if one is flipped, how many can change no answer to any
        query, and of how many neither is known. Counted are the words of all prototypes, and what the grid looks up for
        them: indices, classes, radii.
    grid
        As in `Identity`.
    image
        What `Driver.load` writes into the chip: payloads of requests, one a row. None if its memories cannot be
        written.
    feature_names
        Names of the user's features in their order, which a data frame and the header of a table must have. Empty:
        they are not known.
    """

    VERSION = 2
    SELF_TEST_FILE = "self_test.npy"
    IMAGE_FILE = "image.npy"

    digest: str
    features: int
    bits: int
    lanes: int
    record_fields: tuple[tuple[str, int, bool], ...]
    offset: tuple[float, ...]
    step: tuple[float, ...]
    classes: tuple[Any, ...]
    baud: int
    scale: tuple[float, ...] = (1.0,)
    shift: tuple[float, ...] = (0.0,)
    columns: tuple[int, ...] = ()
    inputs: int = 0
    matrix: tuple[tuple[float, ...], ...] = ()
    open_ended: tuple[bool, ...] = (False,)
    reject: Any = None
    rejects: bool = False
    self_test: NDArray[np.void] | None = field(default=None, repr=False)
    self_test_bits: tuple[int, int, int] = (0, 0, 0)
    grid: str = NO_GRID
    image: NDArray[np.uint8] | None = field(default=None, repr=False)
    feature_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        names = {name for name, _, _ in self.record_fields}
        unknown = names ^ set(RECORD_DTYPE.names or ())
        if unknown:
            raise ChipFileError(
                f"the fields of the chip's record do not match this driver's ({', '.join(sorted(unknown))}): use the "
                "driver from the folder that describes the chip"
            )
        for name in (*_PER_FEATURE, "open_ended"):
            count = len(getattr(self, name))
            if count not in (1, self.features):
                raise ChipFileError(
                    f"{name} has {count} numbers for {self.features} features: write the folder again with "
                    "prototile convert"
                )
        if any(len(row) != self.features for row in self.matrix) or (self.matrix and set(self.scale) != {1.0}):
            raise ChipFileError(
                f"matrix must have rows of {self.features} numbers, and no scale beside it: write the folder again with"
                " prototile convert"
            )
        if (len(self.columns), self.inputs > 0) not in ((0, False), (self.features, True)) or not (
            all(0 <= column < self.inputs for column in self.columns) and not (self.columns and self.matrix)
        ):
            raise ChipFileError(
                f"columns must be {self.features} of the {self.inputs} features, and no matrix beside them: write the"
                " folder again with prototile convert"
            )
        if self.feature_names and len(self.feature_names) != self.input_features:
            raise ChipFileError(
                f"feature_names are {len(self.feature_names)} for {self.input_features} features: write the folder"
                " again with prototile convert"
            )
        if self.image is not None and (self.image.ndim != 2 or self.image.dtype != np.uint8):
            raise ChipFileError(
                f"{self.IMAGE_FILE} holds {self.image.dtype} of shape {self.image.shape} and not rows of bytes: write"
                " the folder again with prototile convert"
            )
        if self.self_test is not None:
            self._check_self_test(self.self_test)

    def _check_self_test(self, test: NDArray[np.void]) -> None:
        expected = self_test_type(self.features)
        if test.ndim != 1 or test.dtype != expected or (self.self_test_bits[0] and not len(test)):
            raise ChipFileError(
                f"{self.SELF_TEST_FILE} holds {test.dtype} of shape {test.shape} and not rows of {expected}: write the"
                " folder again with prototile convert"
            )
        largest = (1 << self.bits) - 1
        if int(test["query"].max(initial=0)) > largest:
            raise ChipFileError(
                f"{self.SELF_TEST_FILE} holds a component {test['query'].max()} and not only 0 .. {largest}: write the"
                " folder again with prototile convert"
            )

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a description, and the arrays beside it.

        Parameters
        ----------
        path
            ``chip.json``, or the folder that holds it.

        Raises
        ------
        ChipFileError
            If it cannot be read.
        """
        path = Path(path)
        if path.is_dir():
            path = path / "chip.json"
        way_out = "write the folder again with prototile convert"
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ChipFileError(
                f"cannot read {path} ({error.strerror}): name the chip.json of a design folder"
            ) from None
        except ValueError as error:
            raise ChipFileError(f"{path} is no JSON ({error}): {way_out}") from None
        if not isinstance(values, dict):
            raise ChipFileError(f"{path} does not describe a chip: {way_out}")
        version = values.pop("version", None)
        if version != cls.VERSION:
            raise ChipFileError(
                f"{path} is of version {version!r} and this driver reads version {cls.VERSION}: use the driver beside "
                "the file"
            )
        arrays = {name: values.pop(name, None) for name in ("self_test", "image")}
        try:
            for name, file in arrays.items():
                # Whoever only asks queries needs none of these files.
                if file is not None and path.with_name(file).exists():
                    with path.with_name(file).open("rb") as array:
                        values[name] = np.lib.format.read_array(array, allow_pickle=False)
            values["rejects"] = "reject" in values
            values["record_fields"] = tuple(
                (str(n), int(width), bool(sign)) for n, width, sign in values["record_fields"]
            )
            for name in _PER_FEATURE:
                values[name] = tuple(np.atleast_1d(np.asarray(values[name], np.float64)).tolist())
            values["matrix"] = tuple(tuple(float(weight) for weight in row) for row in values.get("matrix", ()))
            values["columns"] = tuple(int(column) for column in values.get("columns", ()))
            values["inputs"] = int(values.get("inputs", 0))
            values["open_ended"] = tuple(bool(end) for end in values.get("open_ended", (False,)))
            values["feature_names"] = tuple(str(name) for name in values.get("feature_names", ()))
            bits = values.get("self_test_bits", {})
            values["self_test_bits"] = tuple(int(bits.get(name, 0)) for name in _SELF_TEST_BITS)
            values["classes"] = tuple(values["classes"])
            if values.pop("labels_are_bytes", False):
                values["classes"] = tuple(label.encode() for label in values["classes"])
                if values["rejects"]:
                    values["reject"] = values["reject"].encode()
            return cls(**values)
        except (
            KeyError,
            TypeError,
            ValueError,
            AttributeError,
            OSError,
            EOFError,
            MemoryError,
            OverflowError,
        ) as error:
            raise ChipFileError(
                f"{path} does not describe a chip ({type(error).__name__}: {error}): {way_out}"
            ) from None

    def save(self, folder: str | Path) -> None:
        """Write ``chip.json``, and the arrays that there are, into an existing folder."""
        folder = Path(folder)
        values: dict[str, Any] = {
            "version": self.VERSION,
            "digest": self.digest,
            "features": self.features,
            "bits": self.bits,
            "lanes": self.lanes,
            "record_fields": [list(one) for one in self.record_fields],
            **{name: list(getattr(self, name)) for name in _PER_FEATURE},
            "classes": [_text(label) for label in self.classes],
            "baud": self.baud,
        }
        if self.columns:
            values |= {"columns": list(self.columns), "inputs": self.inputs}
        if self.matrix:
            values["matrix"] = [list(row) for row in self.matrix]
        if any(self.open_ended):
            values["open_ended"] = list(self.open_ended)
        if self.rejects:
            values["reject"] = _text(self.reject)
        if any(isinstance(label, bytes) for label in self.classes):
            values["labels_are_bytes"] = True
        if self.feature_names:
            values["feature_names"] = list(self.feature_names)
        if self.self_test is not None:
            values["self_test"] = self.SELF_TEST_FILE
            values["self_test_bits"] = dict(zip(_SELF_TEST_BITS, self.self_test_bits, strict=True))
            np.save(folder / self.SELF_TEST_FILE, self.self_test)
        if self.image is not None:
            values |= {"grid": self.grid, "image": self.IMAGE_FILE}
            np.save(folder / self.IMAGE_FILE, self.image)
        (folder / "chip.json").write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")

    @property
    def input_features(self) -> int:
        """Components of a query of the user's, before the model's preprocessing."""
        return len(self.matrix) or self.inputs or self.features

    @property
    def words(self) -> int:
        """Words of `lanes` components in one query."""
        return -(-self.features // self.lanes)

    @property
    def record_bytes(self) -> int:
        """Bytes of a record in an answer."""
        return -(-sum(width for _, width, _ in self.record_fields) // 8)

    def labels(self, indices: NDArray[np.integer[Any]], rejected: NDArray[np.bool_]) -> NDArray[Any]:
        """Labels of class indices, and the reject label where `rejected` says so."""
        table = [*self.classes, self.reject] if self.rejects else list(self.classes)
        one_kind = len({type(label) for label in table}) == 1 and not isinstance(table[0], list | dict)
        labels = np.array(table) if one_kind else np.empty(len(table), dtype=object)
        if not one_kind:
            labels[:] = table
        return labels[np.where(rejected, len(table) - 1, indices) if self.rejects else indices]

    def quantise(self, X: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Bring queries to the chip's integers: ``clip(rint((z - offset) / step), 0, 2**bits - 1)``, half to even.

        z is what `prepare` returns. All of it is float64.

        Parameters
        ----------
        X : (n, input features)
            Queries, one a row, as they are before the model's preprocessing.

        Returns
        -------
        integers : (n, features)
        saturated : (n,)
            Components of each query that were clipped, those that are open-ended left out.

        Raises
        ------
        VectorError
            If the shape or type is wrong, a value is NaN or infinite, or becomes so by the preprocessing, or a data
            frame has other columns than the model was trained with, or the same in another order.
        """
        prepared = self.prepare(X)
        # A quotient beyond float64 is infinite, and is clipped like any other that is too large.
        with np.errstate(over="ignore"):
            exact = np.rint((prepared - np.asarray(self.offset)) / np.asarray(self.step))
        largest = (1 << self.bits) - 1
        clipped = np.clip(exact, 0, largest)
        counted = (exact != clipped) & ~np.asarray(self.open_ended)
        return clipped.astype(np.int64), np.count_nonzero(counted, axis=1).astype(np.int64)

    def prepare(self, X: ArrayLike) -> NDArray[np.float64]:
        """Do the model's preprocessing, in float64: ``X[:, columns] * scale + shift``, or ``X @ matrix + shift``.

        Parameters
        ----------
        X : (n, input features)
            Queries, one a row.

        Returns
        -------
        (n, features)
            Not rounded to the chip's levels yet. The products of a matrix are added in the order of its rows.

        Raises
        ------
        VectorError
            As `quantise`.
        """
        try:
            vectors = np.asarray(X, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise VectorError(
                f"the queries are not numbers ({error}): pass an array of shape (n, {self.input_features})"
            ) from None
        if vectors.ndim != 2 or vectors.shape[1] != self.input_features:
            raise VectorError(
                f"the queries have shape {vectors.shape}: pass an array of shape (n, {self.input_features}), one query"
                " a row"
            )
        _check_finite(vectors, vectors, "replace or leave out what is not a finite number")
        columns = list(getattr(X, "columns", ()))
        if all(isinstance(column, str) for column in columns):
            _check_names(columns, self.feature_names, "the data frame", "an array without names")
        return self._mixed(vectors) if self.matrix else self._scaled(vectors)

    def _scaled(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        columns = np.array(self.columns or range(self.features))
        with np.errstate(over="ignore", invalid="ignore"):
            prepared: NDArray[np.float64] = vectors[:, columns] * np.asarray(self.scale) + np.asarray(self.shift)
        _check_finite(prepared, vectors, f"replace or leave out {_TOO_LARGE}", columns)
        return prepared

    def _mixed(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        prepared = np.zeros((len(vectors), self.features))
        matrix, shift = np.asarray(self.matrix), np.asarray(self.shift)
        # Some rows at a time, of as many numbers as a processor's cache holds.
        count = max(1, _CHUNK_NUMBERS // self.features)
        with np.errstate(over="ignore", invalid="ignore"):
            for start in range(0, len(vectors), count):
                part = prepared[start : start + count]
                # One product after another, the shift last: @ adds in an order of its own, which rounds differently.
                for column, weights in zip(vectors[start : start + count].T, matrix, strict=True):
                    part += column[:, None] * weights
                part += shift
        wrong = np.flatnonzero(~np.isfinite(prepared).all(axis=1))
        if len(wrong):
            raise VectorError(f"the query in row {wrong[0]} (counted from 0) has {_TOO_LARGE}: replace or leave it out")
        return prepared


#: Numbers of a chunk of a matrix product (256 kB).
_CHUNK_NUMBERS = 1 << 15
#: What is wrong with a query that is finite and does not stay so.
_TOO_LARGE = "what the preprocessing makes too large for a float64"


def _check_finite(
    values: NDArray[np.float64], vectors: NDArray[np.float64], way_out: str, columns: NDArray[np.intp] | None = None
) -> None:
    """Refuse what is not finite among `values`, by the row and column of `vectors` that it comes from."""
    wrong = np.argwhere(~np.isfinite(values))
    if len(wrong):
        row, place = wrong[0].tolist()
        column = place if columns is None else int(columns[place])
        raise VectorError(
            f"the query in row {row} has {vectors[row, column]} in column {column} (both counted from 0): {way_out}"
        )


def _check_names(found: Sequence[str], expected: Sequence[str], where: str, other: str) -> None:
    """Refuse columns that are called otherwise than those of training, one for one, if both are known."""
    if not (found and expected):
        return
    for place, (column, wanted) in enumerate(zip(found, expected, strict=True)):
        if column != wanted:
            raise VectorError(
                f"{where} has the column {column!r} at place {place} (counted from 0), where the model was trained with"
                f" {wanted!r}: give the columns in the order of training, or {other}"
            )


# --- Frames ---------------------------------------------------------------------------------------------------------


class Command(IntEnum):
    """Requests, and the answer that refuses one."""

    IDENTIFY = 0x01
    CLASSIFY = 0x02
    SELF_TEST = 0x03
    WRITE = 0x04
    ERROR = 0xFF


class Fault(IntEnum):
    """Why a chip refuses a request."""

    DAMAGED = 1
    UNKNOWN_COMMAND = 2
    WRONG_LENGTH = 3
    BUSY = 4


RESPONSE = 0x80
FLAG = 0x7E
ESCAPE = 0x7D
ESCAPE_MASK = 0x20
_HEADER = struct.Struct("<BBH")
_CHECK = struct.Struct("<I")


@dataclass(frozen=True)
class Frame:
    """One request or answer: command, sequence number (modulo 256), payload.

    On the line it is ``0x7E``, then command, sequence number, length of the payload (16 bits), payload and CRC-32 of
    all that (numbers little-endian), then ``0x7E``. In between, ``0x7E`` and ``0x7D`` become ``0x7D`` and the byte with
    bit 5 inverted (RFC 1662).
    """

    command: int
    sequence: int
    payload: bytes = b""

    def encode(self) -> bytes:
        """Bytes of the line."""
        body = _HEADER.pack(self.command, self.sequence, len(self.payload)) + self.payload
        body += _CHECK.pack(zlib.crc32(body))
        for special in (ESCAPE, FLAG):
            body = body.replace(bytes([special]), bytes([ESCAPE, special ^ ESCAPE_MASK]))
        return bytes([FLAG]) + body + bytes([FLAG])

    @classmethod
    def decode(cls, stuffed: bytes) -> Self | None:
        """Read what stood between two flags; None if it is damaged."""
        body = bytearray()
        escaped = False
        for byte in stuffed:
            if byte == ESCAPE and not escaped:
                escaped = True
                continue
            body.append(byte ^ ESCAPE_MASK if escaped else byte)
            escaped = False
        if escaped or len(body) < _HEADER.size + _CHECK.size:
            return None
        content, check = bytes(body[: -_CHECK.size]), _CHECK.unpack(body[-_CHECK.size :])[0]
        command, sequence, length = _HEADER.unpack_from(content)
        payload = content[_HEADER.size :]
        if zlib.crc32(content) != check or len(payload) != length:
            return None
        return cls(command, sequence, payload)


class FrameReader:
    """Finds frames in what a line gives, piece by piece."""

    def __init__(self) -> None:
        self._rest = b""
        self._begun = False

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Take bytes; give the good frames that they complete, and pass over damaged ones."""
        *complete, self._rest = (self._rest + data).split(bytes([FLAG]))
        for piece in complete:
            # What comes before the first flag is the tail of a frame.
            if piece and self._begun:
                frame = Frame.decode(piece)
                if frame is not None:
                    yield frame
            self._begun = True


def pack_components(components: NDArray[np.int64], bits: int) -> list[bytes]:
    """Pack each row of integers of `bits` bits without gaps, least significant bit first, to whole bytes."""
    one_by_one = (components[:, :, None] >> np.arange(bits)) & 1
    flat = one_by_one.reshape(len(components), components.shape[1] * bits)
    packed = np.packbits(flat.astype(np.uint8), axis=1, bitorder="little")
    return [row.tobytes() for row in packed]


def unpack_records(payloads: Sequence[bytes], record_fields: Sequence[tuple[str, int, bool]]) -> NDArray[np.void]:
    """Records from the payloads of as many answers."""
    records = np.zeros(len(payloads), dtype=RECORD_DTYPE)
    if not payloads:
        return records
    ones = np.unpackbits(
        np.frombuffer(b"".join(payloads), np.uint8).reshape(len(payloads), -1), axis=1, bitorder="little"
    )
    place = 0
    for name, width, is_signed in record_fields:
        weights = 1 << np.arange(width, dtype=np.int64)
        if is_signed:
            weights[-1] = -weights[-1]
        records[name] = ones[:, place : place + width].astype(np.int64) @ weights
        place += width
    return records


# --- The conversation -----------------------------------------------------------------------------------------------


class Port(Protocol):
    """What a driver needs of a port; an object of pyserial has it."""

    timeout: float | None

    def read(self, size: int = 1, /) -> bytes:
        """Give up to `size` bytes, and fewer after `timeout` seconds."""

    def write(self, data: bytes, /) -> int | None:
        """Send bytes."""

    def close(self) -> None:
        """Give the port back."""


@dataclass(eq=False)
class _Request:
    """A request on its way, perhaps sent more than once; each sending has a sequence number of its own.

    At `deadline` it is sent again. A chip that is busy is asked again (`waits`) until the time `patience`; that is no
    retry.
    """

    index: int
    payload: bytes
    sendings: int = 0
    order: int = 0
    deadline: float = 0.0
    patience: float = 0.0
    refusals: int = 0
    waits: bool = False
    complaint: str = "no answer"


class _Exchange:
    """Sends requests of one kind, a few at once, and repeats what was lost until each has its answer.

    A chip serves the requests that it takes in their order. So when an answer overtakes another request, that one or
    its answer was lost, and it is sent again at once; time-outs are for the last of all.
    """

    def __init__(self, driver: "Driver", command: Command, payloads: Sequence[bytes], window: int):
        self._driver = driver
        self._command = command
        self._window = window
        self._waiting = deque(_Request(index, payload) for index, payload in enumerate(payloads))
        self._in_flight: list[_Request] = []
        self._by_sequence: dict[int, _Request] = {}
        self._answers: list[bytes] = [b""] * len(payloads)
        self._sendings = 0
        self._damaged = 0

    def run(self) -> list[bytes]:
        """Payloads of the answers, in the order of the requests."""
        while self._waiting or self._in_flight:
            while self._waiting and len(self._in_flight) < self._window:
                request = self._waiting.popleft()
                self._in_flight.append(request)
                self._send(request)
            for frame in self._driver._receive():
                self._take(frame)
            now = time.monotonic()
            for request in [one for one in self._in_flight if one.deadline <= now]:
                self._send(request)
        return self._answers

    def _send(self, request: _Request) -> None:
        driver = self._driver
        if request.sendings > driver.retries:
            # Answers may come yet, and numbers come again: they must not pass for those to later requests.
            driver._checked = False
            raise NoAnswerError(
                f"the chip on {driver.name} did not serve a request in {request.sendings} attempts of "
                f"{driver.timeout:g} s ({request.complaint}): check that the board has power, its bitstream and "
                f"{driver.chip.baud} baud, or raise timeout or retries"
            )
        now = time.monotonic()
        seconds = driver.timeout + driver._line_seconds(self._window * len(request.payload))
        if not request.patience:
            request.patience = now + (driver.retries + 1) * seconds
        request.deadline = now + seconds
        request.waits = False
        own = [one for one, owner in self._by_sequence.items() if owner is request]
        # A number that this request had may come again: what answers it is right.
        sequence = own[0] if len(own) >= SEQUENCES // self._window - 1 else driver._next_sequence(self._by_sequence)
        self._by_sequence[sequence] = request
        request.sendings += 1
        self._sendings += 1
        request.order = self._sendings
        driver._write(Frame(self._command, sequence, request.payload).encode())

    def _take(self, frame: Frame) -> None:
        if frame.command == Command.ERROR:
            self._take_fault(frame)
            return
        request = self._by_sequence.get(frame.sequence)
        if request is None or frame.command != self._command | RESPONSE:
            return  # the answer to an earlier sending or to an earlier exchange
        self._answers[request.index] = frame.payload
        self._forget(request)
        for other in [one for one in self._in_flight if one.order < request.order and not one.waits]:
            self._damaged = max(0, self._damaged - 1)
            other.complaint = "its answers were lost"
            self._send(other)

    def _take_fault(self, frame: Frame) -> None:
        code = frame.payload[0] if len(frame.payload) == 1 else 0
        if code == Fault.DAMAGED:
            self._damaged += 1
            # The chip cannot say which request it was, until all that remain must be.
            if self._damaged >= len(self._in_flight):
                self._damaged = 0
                for request in list(self._in_flight):
                    request.complaint = "the chip received damaged frames"
                    self._send(request)
            return
        known = self._by_sequence.get(frame.sequence)
        if known is None:
            return
        if code == Fault.BUSY:
            self._wait(known)
            return
        name = Fault(code).name.lower().replace("_", " ") if code in list(Fault) else f"code {code}"
        raise RefusedError(
            f"the chip on {self._driver.name} refuses the request {self._command.name} ({name}): use the driver from "
            "the folder of the design that the chip holds"
        )

    def _wait(self, request: _Request) -> None:
        now = time.monotonic()
        request.complaint = "the chip is busy"
        request.refusals += 1
        request.waits = True
        request.deadline = now + min(BUSY_SECONDS * 2**request.refusals, self._driver.timeout)
        if now < request.patience:
            request.sendings -= 1

    def _forget(self, request: _Request) -> None:
        self._in_flight.remove(request)
        for sequence in [one for one, owner in self._by_sequence.items() if owner is request]:
            del self._by_sequence[sequence]


class Driver:
    """Asks a chip.

    Before the first query it makes sure that the chip holds the design that `chip` describes.

    Parameters
    ----------
    port
        An open port: of pyserial, or anything that has ``read``, ``write``, ``close`` and ``timeout``.
    chip
        What the chip should be.
    name
        Name of the port in messages.
    timeout
        Seconds to wait for an answer, the time on the line not counted.
    retries
        How often a request is sent again before it is given up.

    Raises
    ------
    DriverError
        From every method; see the classes derived from it.
    """

    def __init__(
        self, port: Port, chip: Chip, *, name: str = "the given port", timeout: float = 1.0, retries: int = 4
    ) -> None:
        if not timeout > 0:
            raise ValueError(f"timeout must be a positive number, not {timeout!r}")
        if retries < 0:
            raise ValueError(f"retries must not be negative, not {retries!r}")
        self.port = port
        self.chip = chip
        self.name = name
        self.timeout = timeout
        self.retries = retries
        self._reader = FrameReader()
        self._sequence = 0
        self._checked = False
        port.timeout = min(POLL_SECONDS, timeout)

    @classmethod
    def open(cls, port: str, chip: Chip, *, baud: int | None = None, timeout: float = 1.0, retries: int = 4) -> Self:
        """Open a serial port by its name (``/dev/ttyUSB0``, ``COM3``) or an URL of pyserial.

        Parameters
        ----------
        port, chip, timeout, retries
            As for the class.
        baud
            Bits a second, if others than the chip's.

        Raises
        ------
        PortError
            If there is no such port, or it cannot be opened.
        """
        try:
            opened = serial.serial_for_url(
                port, baudrate=baud or chip.baud, timeout=POLL_SECONDS, write_timeout=max(timeout, 1.0)
            )
        except (OSError, ValueError, _TerminalError) as error:
            raise PortError(_why_not_open(port, error)) from None
        # An FTDI bridge else keeps answers for 16 ms. Not every system or port can be told.
        with suppress(AttributeError, NotImplementedError, ValueError, OSError):
            opened.set_low_latency_mode(True)
        return cls(opened, chip, name=port, timeout=timeout, retries=retries)

    def close(self) -> None:
        """Close the port."""
        self.port.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # What a user asks

    def identify(self) -> Identity:
        """Ask the chip who it is."""
        return Identity.unpack(self._ask(Command.IDENTIFY, [b""], window=1)[0])

    def check(self) -> Identity:
        """Make sure that the chip holds the design.

        Raises
        ------
        DigestMismatch
            If it holds another.
        """
        identity = self.identify()
        if identity.digest != self.chip.digest:
            raise DigestMismatch(self._other_design(identity))
        # A driver before this one may have left queries in the chip: let their answers pass.
        while self._read():
            pass
        self._reader = FrameReader()
        self._checked = True
        return identity

    def load(self) -> int:
        """Write the prototypes of this design into a chip with the same grid, which may hold another model.

        While it lasts the chip holds no design, so that one that was interrupted answers no driver.

        Returns
        -------
        words
            Words written.

        Raises
        ------
        ChipFileError
            If the design is none whose prototypes can be written.
        DigestMismatch
            If the chip's grid is another.
        """
        if self.chip.image is None and self.chip.grid != NO_GRID:
            raise ChipFileError(
                f"the description of the chip holds no words for its memories: keep {Chip.IMAGE_FILE} beside chip.json"
            )
        if self.chip.image is None:
            raise ChipFileError(
                "the memories of this design cannot be written: load its bitstream, or convert the model with "
                "--writable"
            )
        identity = self.identify()
        if identity.grid == NO_GRID or identity.grid != self.chip.grid:
            raise DigestMismatch(
                f"the chip on {self.name} has the grid {identity.grid} and this design takes {self.chip.grid}: load "
                "the bitstream of this design, or convert the model with --grid and the folder of the design that the "
                "chip was built from"
            )
        self._checked = False
        self._write_digest(NO_MODEL)
        self._ask(Command.WRITE, [row.tobytes() for row in self.chip.image], window=WRITE_WINDOW)
        self._write_digest(self.chip.digest)
        self.check()
        return len(self.chip.image)

    def quantise(self, X: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Bring queries to the chip's integers, as `Chip.quantise` does."""
        return self.chip.quantise(X)

    def decide(self, X: ArrayLike) -> NDArray[np.void]:
        """Let the chip decide on queries.

        Parameters
        ----------
        X : (n, features)
            Queries, one a row, as they are before the model's preprocessing, which `Chip.quantise` does.

        Returns
        -------
        records : (n,) of `RECORD_DTYPE`
        """
        return self.decide_integers(*self.chip.quantise(X))

    def decide_integers(
        self, integers: NDArray[np.integer[Any]], saturated: NDArray[np.integer[Any]]
    ) -> NDArray[np.void]:
        """Let the chip decide on queries that are in its integers already, as `quantise` gives them.

        Parameters
        ----------
        integers : (n, features)
            From 0 to ``2 ** bits - 1``.
        saturated : (n,)
            Components of each query that were clipped.

        Returns
        -------
        records : (n,) of `RECORD_DTYPE`
        """
        self._check_once()
        payloads = self._query_payloads(np.asarray(integers, np.int64), np.asarray(saturated, np.int64))
        return self._records(self._ask(Command.CLASSIFY, payloads, window=WINDOW))

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Labels of queries; parameters as for `decide`.

        Where the status is unknown this is the chip's reject label if it has one, else that of the nearest prototype.
        """
        records = self.decide(X)
        return self.chip.labels(records["label"], records["status"] == UNKNOWN)

    def self_test(self) -> list[int]:
        """Ask the queries of `Chip.self_test`, and compare every field of the answers.

        Returns
        -------
        failing
            Prototypes whose memory the queries are there for that were answered otherwise, ascending; empty if the chip
            is sound. What `Chip.self_test_bits` counts as open is not tested.
        """
        test = self._self_test()
        records = self.decide_integers(test["query"], np.zeros(len(test), np.int64))
        return [int(index) for index in np.unique(test["prototype"][records != test["record"]])]

    def check_self_test(self) -> None:
        """Run `self_test`.

        Raises
        ------
        SelfTestError
            If a prototype fails.
        """
        failing = self.self_test()
        if failing:
            shown = ", ".join(map(str, failing[:8])) + (", ..." if len(failing) > 8 else "")
            tested = len(np.unique(self._self_test()["prototype"]))
            model = "" if self.chip.image is None else ", and the model with --load,"
            raise SelfTestError(
                f"{len(failing)} of {tested} prototypes of the chip on {self.name} fail the self-test ({shown}): "
                f"load the bitstream{model} again, and suspect the clock or the supply if they still fail"
            )

    # What that takes

    def _self_test(self) -> NDArray[np.void]:
        if self.chip.self_test is None:
            raise ChipFileError(
                f"the description of the chip holds no queries of a self-test: keep {Chip.SELF_TEST_FILE} beside "
                "chip.json"
            )
        return self.chip.self_test

    def _other_design(self, identity: Identity) -> str:
        """Say that the chip holds another design, and what to do."""
        held = "no model yet" if identity.digest == NO_MODEL else f"design {identity.digest}"
        way_out = "load the bitstream of this design, or use the folder of that one"
        if identity.grid != NO_GRID and identity.grid == self.chip.grid:
            way_out = "write this one into it with prototile load, or --load of this driver"
        return f"the chip on {self.name} holds {held} and not {self.chip.digest}: {way_out}"

    def _write_digest(self, digest: str) -> None:
        """Let the chip say that it holds this design."""
        assert self.chip.image is not None
        size = self.chip.image.shape[1]
        places = enumerate(bytes.fromhex(digest), Identity.DIGEST_AT)
        payloads = [(1 | place << 1 | value << 9).to_bytes(size, "little") for place, value in places]
        self._ask(Command.WRITE, payloads, window=WRITE_WINDOW)

    def _check_once(self) -> None:
        if not self._checked:
            self.check()

    def _query_payloads(self, integers: NDArray[np.int64], saturated: NDArray[np.int64]) -> list[bytes]:
        padded = np.zeros((len(integers), self.chip.words * self.chip.lanes), np.int64)
        padded[:, : self.chip.features] = integers
        counts = [struct.pack("<H", count) for count in saturated.tolist()]
        return [count + row for count, row in zip(counts, pack_components(padded, self.chip.bits), strict=True)]

    def _records(self, payloads: list[bytes]) -> NDArray[np.void]:
        for payload in payloads:
            if len(payload) != self.chip.record_bytes:
                raise RefusedError(
                    f"the chip on {self.name} answered with {len(payload)} bytes and not {self.chip.record_bytes}: use "
                    "the driver from the folder of the design that the chip holds"
                )
        return unpack_records(payloads, self.chip.record_fields)

    def _ask(self, command: Command, payloads: Sequence[bytes], *, window: int) -> list[bytes]:
        return _Exchange(self, command, payloads, window).run()

    def _next_sequence(self, taken: dict[int, _Request]) -> int:
        while self._sequence in taken:
            self._sequence = (self._sequence + 1) % SEQUENCES
        sequence = self._sequence
        self._sequence = (self._sequence + 1) % SEQUENCES
        return sequence

    def _line_seconds(self, count: int) -> float:
        """Time that requests with `count` bytes of payload, and their answers, take on the line, with room to spare."""
        return 2 * 2 * 10 * (count + 100) / self.chip.baud

    def _receive(self) -> list[Frame]:
        return list(self._reader.feed(self._read()))

    def _read(self) -> bytes:
        try:
            return bytes(self.port.read(max(1, getattr(self.port, "in_waiting", 1))))
        except (OSError, TypeError, _TerminalError) as error:
            raise PortError(self._gone(error)) from None

    def _write(self, data: bytes) -> None:
        try:
            self.port.write(data)
        except (OSError, TypeError, _TerminalError) as error:
            raise PortError(self._gone(error)) from None

    def _gone(self, error: Exception) -> str:
        return (
            f"{self.name} was unplugged or does not work any more ({error}): plug the board in and open the port again"
        )


def _why_not_open(port: str, error: Exception) -> str:
    names = [found.device for found in list_ports.comports()]
    available = f"available here: {', '.join(names)}" if names else "there is no serial port here, so plug the board in"
    number = getattr(error, "errno", None)
    if isinstance(error, PermissionError) or number == 13:
        return (
            f"no permission for the port {port}: on Linux add yourself to the group that owns it (mostly dialout) and "
            f"log in again; {available}"
        )
    if isinstance(error, FileNotFoundError) or number == 2:
        return f"there is no port {port}: check the name ({available})"
    return f"cannot open the port {port} ({error}): check the name, and that no other program uses it ({available})"


# --- The terminal ---------------------------------------------------------------------------------------------------


#: How tables write that a value is missing, in lower case; NaN is a number here. No column is called so.
_MISSING = frozenset(("", "-", "--", ".", "?", "#n/a", "<na>", "missing", "n.a.", "n/a", "na", "nil", "none", "null"))


def read_vectors(path: str | Path, features: int, names: Sequence[str] = ()) -> NDArray[np.float64]:
    """Read queries from a ``.csv`` file, a header being optional, or a ``.npy`` file.

    The first row of a ``.csv`` file is a header if all its fields are names: none is a number, none is empty or stands
    for a missing value (``NA``); or if they are the `names` of the features, which may be numbers. One column more than
    `features`, in all rows, holds labels, which are left out. If there are `names`, a header must have these in their
    order.

    Raises
    ------
    VectorError
        If it cannot be read, or its header has other names.
    """
    path = Path(path)
    try:
        if path.suffix.lower() == ".npy":
            with path.open("rb") as array:
                return np.asarray(np.lib.format.read_array(array, allow_pickle=False), dtype=np.float64)
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [
                (number, row) for number, row in enumerate(csv.reader(file), 1) if any(cell.strip() for cell in row)
            ]
    except OSError as error:
        raise VectorError(f"cannot read {path} ({error.strerror}): name a .csv or .npy file of queries") from None
    except (ValueError, TypeError, EOFError, MemoryError, csv.Error) as error:
        raise VectorError(f"{path} does not hold numbers ({error}): name a .csv or .npy file of queries") from None
    if all(len(row) == features + 1 for _, row in rows):
        rows = [(number, row[:-1]) for number, row in rows]
    for number, row in rows:
        if len(row) != features:
            raise VectorError(
                f"line {number} of {path} is not a query: write {features} numbers, with commas between them"
            )
    wanted = [name.strip() for name in names]
    first = [cell.strip() for cell in rows[0][1]] if rows else []
    # Names may be numbers, as those of columns that were only counted.
    if first and (first == wanted or all(_is_name(cell) for cell in first)):
        _check_names(first, wanted, str(path), "a file without a header")
        del rows[0]
    if not rows:
        raise VectorError(f"{path} holds no queries: write one a line, {features} numbers each")
    return np.array([[_number(path, number, *one) for one in enumerate(row, 1)] for number, row in rows])


def _is_name(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return cell.strip().lower() not in _MISSING
    return False


def _number(path: Path, line: int, column: int, cell: str) -> float:
    try:
        # Python's underscores (1_0) are no way to write numbers in a table.
        return float(cell.replace("_", "?"))
    except ValueError:
        raise VectorError(
            f"line {line} of {path} is not a query, as column {column} holds {cell!r}: write a number there"
        ) from None


def _tested(chip: Chip) -> str:
    """Say what the self-test finds, and what it does not."""
    found, idle, unknown = chip.self_test_bits
    asked = 0 if chip.self_test is None else len(chip.self_test)
    of_the_rest = [f"{idle} can change no answer"] if idle else []
    of_the_rest += [f"of {unknown} it is not known"] if unknown else []
    return "; ".join(
        [f"{asked} queries, which find a flip of any of {found} of {found + idle + unknown} bits", *of_the_rest]
    )


def _text(label: Any) -> Any:
    """A label as files and people read it: bytes as text, which they are in UTF-8; all others as they are."""
    return label.decode() if isinstance(label, bytes) else label


def _print_decisions(driver: Driver, vectors: NDArray[np.float64], out: TextIO) -> None:
    records = driver.decide(vectors)
    labels = driver.chip.labels(records["label"], records["status"] == UNKNOWN)
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("label", "prototype", "distance", "runner_up", "margin", "status", "tie", "saturated"))
    for label, record in zip(labels, records, strict=True):
        second = "" if record["runner_up"] < 0 else _text(driver.chip.classes[record["runner_up"]])
        numbers = (record["prototype"], record["distance"], second, record["margin"])
        counts = (int(record["tie"]), record["saturated"])
        writer.writerow((_text(label), *numbers, STATUS_NAMES[record["status"]], *counts))


def main(arguments: Sequence[str] | None = None, out: TextIO | None = None) -> int:
    """Run from a terminal; the exit status is 0 done, 1 the self-test failed, 2 anything else went wrong."""
    out = out or sys.stdout
    parser = argparse.ArgumentParser(
        prog="prototile_driver.py",
        description="Asks a prototile chip over a serial port; needs NumPy and pyserial only.",
        epilog="examples: prototile_driver.py /dev/ttyUSB1 vectors.csv (prints an answer a row, as CSV); "
        "prototile_driver.py /dev/ttyUSB1 --identify --self-test. An iCEBreaker or iCE40-HX8K board has two ports, and "
        "the chip is at the second. In vectors.csv a row is a query, and a column more than the features is ignored.",
    )
    parser.add_argument("port", help="serial port, for example /dev/ttyUSB1")
    parser.add_argument("vectors", nargs="?", help="queries: a .csv file (header optional) or a .npy file")
    parser.add_argument("--chip", default=str(Path(__file__).with_name("chip.json")), help="description of the chip")
    parser.add_argument("--baud", type=int, help="bits a second, if others than the chip's")
    parser.add_argument("--timeout", type=float, default=1.0, help="seconds to wait for an answer (default: 1)")
    parser.add_argument("--retries", type=int, default=4, help="how often a request is sent again (default: 4)")
    parser.add_argument("--identify", action="store_true", help="print what the chip says about itself")
    parser.add_argument("--load", action="store_true", help="write this design's prototypes into a chip of its grid")
    parser.add_argument(
        "--self-test", action="store_true", help="find out whether a bit of the chip's memories has flipped"
    )
    options = parser.parse_args(arguments)
    if not 0 < options.timeout < float("inf"):
        parser.error(f"--timeout must be a positive number, not {options.timeout:g}")
    if options.retries < 0:
        parser.error(f"--retries must not be negative, not {options.retries}")
    if not (options.vectors or options.identify or options.load or options.self_test):
        parser.error("nothing to do: name a file of vectors, or use --identify, --load or --self-test")
    try:
        chip = Chip.load(options.chip)
        vectors = read_vectors(options.vectors, chip.input_features, chip.feature_names) if options.vectors else None
        patience = {"timeout": options.timeout, "retries": options.retries}
        with Driver.open(options.port, chip, baud=options.baud, **patience) as driver:
            if options.identify:
                for name, value in vars(driver.identify()).items():
                    out.write(f"{name}: {value}\n")
            if options.load:
                out.write(f"written: {driver.load()} words, the chip holds design {chip.digest}\n")
            if options.self_test:
                driver.check_self_test()
                out.write(f"self-test passed: {_tested(chip)}\n")
            if vectors is not None:
                _print_decisions(driver, vectors, out)
    except DriverError as error:
        sys.stderr.write(f"{error}\n")
        return 1 if isinstance(error, SelfTestError) else 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
