"""Reading arrays from files that may be damaged or hostile: declared sizes first, no pickles, no surprises."""

import io
import json
import lzma
import math
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
_MEMBER_LIMIT = 10_000
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


def check_file(path: Path) -> Path:
    """Return the path if it names a file with something in it, of a size that can be read.

    Raises
    ------
    ModelFileError
        If it is missing, a folder, empty, unreadable or too large.
    """
    try:
        if path.is_dir():
            raise ModelFileError(f"{path} is a folder, not a file; name the file in it.")
        size = path.stat().st_size
        with path.open("rb"):
            pass
    except FileNotFoundError:
        raise ModelFileError(f"{path} does not exist; check its name.") from None
    except (OSError, ValueError) as error:
        raise ModelFileError(f"{path!s} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    if size == 0:
        raise ModelFileError(f"{path} is empty; write it again.")
    if size > SIZE_LIMIT:
        raise ModelFileError(f"{path} has {size} bytes, more than the {SIZE_LIMIT} that are read; make it smaller.")
    return path


def read_npy(path: Path) -> NDArray[Any]:
    """Read a ``.npy`` file without pickles.

    Raises
    ------
    ModelFileError
        If it is damaged or holds Python objects.
    """
    with path.open("rb") as stream:
        return _read_array(stream, path.stat().st_size, str(path))


def read_npz(path: Path) -> dict[str, NDArray[Any]]:
    """Read the arrays of a ``.npz`` file by name, without pickles.

    Raises
    ------
    ModelFileError
        If it is damaged, too large when unpacked, or holds Python objects.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            check_archive(archive, str(path))
            arrays = {}
            for member in archive.infolist():
                with archive.open(member) as stream:
                    name = member.filename.removesuffix(".npy")
                    arrays[name] = _read_array(stream, member.file_size, f"{name} in {path}")
            return arrays
    except ModelFileError:
        raise
    except DAMAGE as error:
        raise ModelFileError(f"{path} is no undamaged .npz archive ({_reason(error)}); write it again.") from error


def check_archive(archive: zipfile.ZipFile, name: str) -> None:
    """Check what a zip archive declares, its arrays and the archives in it too, before anything is unpacked.

    Raises
    ------
    ModelFileError
        If it would unpack to more than `SIZE_LIMIT` bytes, or an array in it declares more than it holds.
    """
    members = archive.infolist()
    size = sum(member.file_size for member in members)
    if size > SIZE_LIMIT or len(members) > _MEMBER_LIMIT:
        raise ModelFileError(
            f"{name} would unpack to {size} bytes in {len(members)} parts, more than the {SIZE_LIMIT} bytes in"
            f" {_MEMBER_LIMIT} parts that are read; make it smaller."
        )
    for member in members:
        inner = f"{member.filename} in {name}"
        if member.filename.endswith(".npy"):
            with archive.open(member) as stream:
                _read_header(stream, member.file_size, inner)
        elif member.filename.endswith(".npz"):
            # scipy.sparse puts archives of its own into a .skops file; they hold arrays only.
            with zipfile.ZipFile(io.BytesIO(archive.read(member))) as nested:
                if any(not part.filename.endswith(".npy") for part in nested.infolist()):
                    raise ModelFileError(f"{inner} holds other things than arrays; write it again.")
                check_archive(nested, inner)


def array_shape(archive: zipfile.ZipFile, member: str, name: str) -> tuple[int, ...]:
    """Return the shape that an array in a zip archive declares.

    Raises
    ------
    ModelFileError
        If it is damaged, or declares more than it holds.
    KeyError
        If there is no such member.
    """
    with archive.open(member) as stream:
        return _read_header(stream, archive.getinfo(member).file_size, f"{member} in {name}")[0]


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


def _read_array(stream: IO[bytes], size: int, name: str) -> NDArray[Any]:
    try:
        shape, fortran, dtype = _read_header(stream, size, name)
        flat = np.frombuffer(stream.read(math.prod(shape) * dtype.itemsize), dtype)
        return flat.reshape(shape, order="F" if fortran else "C")
    except ModelFileError:
        raise
    except DAMAGE as error:
        raise ModelFileError(f"{name} is no undamaged array ({_reason(error)}); write it again.") from error


def _read_header(stream: IO[bytes], size: int, name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Read shape, order and type of an array, and refuse types and sizes that cannot be."""
    try:
        version = npy_format.read_magic(stream)
        readers = {(1, 0): npy_format.read_array_header_1_0, (2, 0): npy_format.read_array_header_2_0}
        if version not in readers:
            raise ModelFileError(f"{name} has the array format {version}, but only plain arrays are read.")
        shape, fortran, dtype = readers[version](stream)
    except DAMAGE as error:
        raise ModelFileError(f"{name} is no undamaged array ({_reason(error)}); write it again.") from error
    if dtype.hasobject:
        raise ModelFileError(
            f"{name} holds Python objects, which are never loaded; save strings as np.asarray(values, dtype=str)."
        )
    if any(length < 0 for length in shape) or math.prod(shape) * dtype.itemsize > size:
        raise ModelFileError(f"{name} is damaged: it declares the shape {shape}, more than it holds; write it again.")
    return shape, fortran, dtype


def _reason(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0].rstrip(".") or type(error).__name__
