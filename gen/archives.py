"""Reading arrays from files that may be damaged or hostile: declared sizes first, no pickles, no surprises."""

import io
import json
import lzma
import math
import stat
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from prototile.errors import ModelFileError

#: Largest file, and largest size that an archive may declare, in bytes.
SIZE_LIMIT = 1 << 30
#: Largest file of text, in bytes.
TEXT_LIMIT = 1 << 28
_MEMBER_LIMIT = 10_000
#: What unpacks to more than `_SMALL` bytes may have been compressed to this part of them: real arrays seldom are.
_RATIO, _SMALL = 100, 1 << 26
#: Bytes of an array's header that are looked at; NumPy itself reads 10,000 at most.
_HEADER_LIMIT = 1 << 16
#: What reading damaged bytes raises, somewhere in zipfile, zlib or NumPy.
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    ValueError,
    OverflowError,
    KeyError,
    RuntimeError,
    NotImplementedError,
)


def check_file(path: Path, limit: int | None = None) -> Path:
    """Return the path if it names a file with something in it, of a size that can be read.

    Parameters
    ----------
    path
        Of the file.
    limit
        Its bytes at most; None: `SIZE_LIMIT`.

    Raises
    ------
    ModelFileError
        If it is missing, a folder, empty, unreadable or too large.
    """
    try:
        if path.is_dir():
            raise ModelFileError(f"{path} is a folder, not a file; name the file in it.")
        status = path.stat()
        # A pipe would be waited for, and a device can be without end.
        if not stat.S_ISREG(status.st_mode):
            raise ModelFileError(f"{path} is no regular file; copy what it gives into one.")
        size = status.st_size
        with path.open("rb"):
            pass
    except FileNotFoundError:
        raise ModelFileError(f"{path} does not exist; check its name.") from None
    except (OSError, ValueError) as error:
        raise ModelFileError(f"{path!s} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    if size == 0:
        raise ModelFileError(f"{path} is empty; write it again.")
    largest = SIZE_LIMIT if limit is None else limit
    if size > largest:
        raise ModelFileError(f"{path} has {size} bytes, more than the {largest} that are read; make it smaller.")
    return path


def read_npy(path: Path) -> NDArray[Any]:
    """Read a ``.npy`` file without pickles.

    Raises
    ------
    ModelFileError
        If it is damaged or holds Python objects.
    """
    try:
        return _read_array(path.read_bytes(), str(path))
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read: {error.strerror or error}.") from error


def read_npz(path: Path) -> dict[str, NDArray[Any]]:
    """Read the arrays of a ``.npz`` file by name, without pickles.

    Raises
    ------
    ModelFileError
        If it is damaged, too large when unpacked, or holds Python objects.
    """
    arrays: dict[str, NDArray[Any]] = {}
    for member, content in unpack(path, str(path)).items():
        name = member.removesuffix(".npy")
        if name in arrays:
            raise ModelFileError(f"{path} holds two arrays {name!r}; write it again.")
        arrays[name] = _read_array(content, f"{name} in {path}")
    return arrays


def unpack(source: Path | IO[bytes], name: str) -> dict[str, bytes]:
    """Read all parts of a zip archive, none of them further than it declares.

    `zipfile` trusts what an archive says of itself, and unpacks a part whole before it looks at its size; reading so
    many bytes, it unpacks no more.

    Parameters
    ----------
    source
        Path or stream.
    name
        What the user calls it, for messages.

    Returns
    -------
    dict
        Contents by name, in the order of the archive.

    Raises
    ------
    ModelFileError
        If it is damaged, holds a name twice, or would unpack to more than `SIZE_LIMIT` bytes, or to more than `_RATIO`
        times its own size and `_SMALL` bytes.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            _check_sizes(archive, name)
            parts: dict[str, bytes] = {}
            for member in archive.infolist():
                if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise ModelFileError(f"{name} is compressed in an unusual way; write it again.")
                if member.filename in parts:
                    raise ModelFileError(f"{name} holds two parts {member.filename!r}; write it again.")
                with archive.open(member) as stream:
                    parts[member.filename] = stream.read(member.file_size)
                if len(parts[member.filename]) != member.file_size:
                    raise ModelFileError(f"{member.filename!r} in {name} is cut short; write it again.")
            return parts
    except ModelFileError:
        raise
    except DAMAGE as error:
        raise ModelFileError(f"{name} is no undamaged zip archive ({_reason(error)}); write it again.") from error


def _check_sizes(archive: zipfile.ZipFile, name: str) -> None:
    members = archive.infolist()
    size, packed = (sum(getattr(one, kind) for one in members) for kind in ("file_size", "compress_size"))
    if size > SIZE_LIMIT or len(members) > _MEMBER_LIMIT:
        raise ModelFileError(
            f"{name} would unpack to {size} bytes in {len(members)} parts, more than the {SIZE_LIMIT} bytes in"
            f" {_MEMBER_LIMIT} parts that are read; make it smaller."
        )
    if size > max(_SMALL, _RATIO * packed):
        raise ModelFileError(
            f"{name} would unpack to {size} bytes, more than {_RATIO} times the {packed} that it has; if it is what you"
            " meant, write it without compression."
        )


def check_array(content: bytes, name: str) -> None:
    """Check what a ``.npy`` file declares, without reading its numbers.

    Raises
    ------
    ModelFileError
        If it is damaged, holds Python objects, or declares more than it holds.
    """
    _read_header(content, name)


def array_shape(content: bytes, name: str) -> tuple[int, ...]:
    """Return the shape that a ``.npy`` file declares.

    Raises
    ------
    ModelFileError
        As `check_array`.
    """
    return _read_header(content, name)[0]


def safetensors_bytes(tensors: dict[str, NDArray[Any]], metadata: dict[str, str]) -> bytes:
    """Return a ``.safetensors`` file, the same bytes for the same content.

    The library writes its metadata in random order, so the header (its length in 8 bytes, then JSON, padded with
    spaces to a multiple of 8) is written anew in sorted order.
    """
    from safetensors.numpy import save

    whole = save({name: np.asarray(tensor, order="C") for name, tensor in tensors.items()}, metadata)
    end = 8 + int.from_bytes(whole[:8], "little")
    header = json.dumps(json.loads(whole[8:end]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + whole[end:]


def _read_array(content: bytes, name: str) -> NDArray[Any]:
    try:
        shape, fortran, dtype, start = _read_header(content, name)
        flat = np.frombuffer(content, dtype, math.prod(shape), start)
        return flat.reshape(shape, order="F" if fortran else "C")
    except ModelFileError:
        raise
    except DAMAGE as error:
        raise ModelFileError(f"{name} is no undamaged array ({_reason(error)}); write it again.") from error


def _read_header(content: bytes, name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Read shape, order, type and place of an array, and refuse types and sizes that cannot be."""
    # Not from the file itself: a header may say that it is gigabytes long.
    stream = io.BytesIO(content[:_HEADER_LIMIT])
    try:
        version = npy_format.read_magic(stream)
        readers = {(1, 0): npy_format.read_array_header_1_0, (2, 0): npy_format.read_array_header_2_0}
        if version not in readers:
            raise ModelFileError(f"{name} has the array format {version}, but only plain arrays are read.")
        with warnings.catch_warnings():
            # That its header was written by Python 2.
            warnings.simplefilter("ignore", UserWarning)
            shape, fortran, dtype = readers[version](stream)
    except ModelFileError:
        raise
    except Exception as error:
        # NumPy reads the header as Python's own literals, which can fail in any way there is.
        raise ModelFileError(f"{name} is no undamaged array ({_reason(error)}); write it again.") from error
    if dtype.hasobject:
        raise ModelFileError(
            f"{name} holds Python objects, which are never loaded; save strings as np.asarray(values, dtype=str)."
        )
    if any(length < 0 for length in shape) or math.prod(shape) * dtype.itemsize > len(content) - stream.tell():
        raise ModelFileError(f"{name} is damaged: it declares the shape {shape}, more than it holds; write it again.")
    return shape, fortran, dtype, stream.tell()


def _reason(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0].rstrip(".") or type(error).__name__
