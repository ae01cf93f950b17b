"""Archives that do not hold what they say, and messages about them."""

import io
import os
import tracemalloc
import zipfile

import numpy as np
import pytest

from prototile import archives
from prototile.errors import ModelFileError
from prototile.files import load_labels, load_model, load_vectors
from prototile.tables import read_table


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def packed(tmp_path, members, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(tmp_path / "m.npz", "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return tmp_path / "m.npz"


def understated(path, size):
    """Let the directory of an archive say that its one part is smaller, with the right sum of what is read then."""
    with zipfile.ZipFile(path) as archive:
        (info,) = archive.infolist()
        start = archive.read(info)[:size]
    data = bytearray(path.read_bytes())
    at = data.rfind(b"PK\x01\x02")
    data[at + 16 : at + 20] = zipfile.crc32(start).to_bytes(4, "little")
    data[at + 24 : at + 28] = size.to_bytes(4, "little")
    path.write_bytes(data)
    return path


def peak_of(read, path, message):
    tracemalloc.start()
    try:
        with pytest.raises(ModelFileError, match=message):
            read(path)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_part_is_read_no_further_than_it_declares(tmp_path):
    path = understated(packed(tmp_path, [("prototypes.npy", npy(np.zeros((1 << 16, 64))))]), 1000)
    assert peak_of(archives.read_npz, path, "declares the shape .*, more than it holds") < 4 << 20


def test_a_lying_archive_inside_another_one_is_read_no_further(tmp_path):
    inner = understated(packed(tmp_path, [("data.npy", npy(np.zeros((1 << 16, 64))))]), 1000).read_bytes()
    with zipfile.ZipFile(tmp_path / "m.skops", "w") as archive:
        archive.writestr("schema.json", "{}")
        archive.writestr("1.npz", inner)
    with pytest.raises(ModelFileError):  # what libraries take once
        load_model(tmp_path / "m.skops")
    assert peak_of(load_model, tmp_path / "m.skops", r"data\.npy in 1\.npz in .* more than it holds") < 4 << 20


def test_a_header_that_says_it_is_long_is_not_made_room_for(tmp_path):
    (tmp_path / "x.npy").write_bytes(b"\x93NUMPY\x02\x00" + (1 << 30).to_bytes(4, "little") + npy(np.ones(9))[10:])
    assert peak_of(archives.read_npy, tmp_path / "x.npy", "is no undamaged array") < 1 << 20


def test_much_from_little_is_refused(tmp_path):
    path = packed(tmp_path, [("prototypes.npy", npy(np.zeros((1 << 17, 80))))])
    assert peak_of(archives.read_npz, path, "more than 100 times the") < 4 << 20
    # Without compression, or compressed to no less than real data are, it is what it is.
    assert archives.read_npz(packed(tmp_path, [("a.npy", npy(np.zeros((1 << 12, 80))))]))["a"].shape == (1 << 12, 80)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([("a.npy", npy(np.ones(3))), ("a", npy(np.ones(3)))], "holds two arrays 'a'"),
        ([("../\n.npy", b"x")], r"\\n in .* is no undamaged array"),
    ],
)
def test_strange_parts(tmp_path, members, message):
    with pytest.raises(ModelFileError, match=message):
        archives.read_npz(packed(tmp_path, members))


def test_a_part_that_is_there_twice(tmp_path):
    with zipfile.ZipFile(tmp_path / "m.npz", "w") as archive:
        archive.writestr("a.npy", npy(np.ones(3)))
        with pytest.warns(UserWarning):
            archive.writestr("a.npy", npy(np.zeros(3)))
    with pytest.raises(ModelFileError, match=r"holds two parts 'a\.npy'"):
        archives.read_npz(tmp_path / "m.npz")


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compressions_that_cannot_be_read_in_bounds_are_refused(tmp_path, compression):
    with pytest.raises(ModelFileError, match="is compressed in an unusual way"):
        archives.read_npz(packed(tmp_path, [("a.npy", npy(np.ones(3)))], compression))


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "m.npz")
    for read in (load_model, lambda path: load_vectors(path, 2)):
        with pytest.raises(ModelFileError, match=r"m\.npz is no regular file; copy"):
            read(tmp_path / "m.npz")
    os.mkfifo(tmp_path / "y.csv")
    with pytest.raises(ModelFileError, match="is no regular file"):
        load_labels(tmp_path / "y.csv")


@pytest.mark.parametrize(
    ("value", "longest"),
    [(f"{'x' * 100_000}\u2028\x1b[2J\u202e", 1000), ("\u202e" * 100_000, 1000), ("x " * 50_000 + "x", 1900)],
)
def test_a_message_stays_one_short_line(tmp_path, value, longest):
    (tmp_path / "m.csv").write_text(f"1,{value},a\n2,3,b\n", encoding="utf-8")
    with pytest.raises(ModelFileError) as caught:
        load_model(tmp_path / "m.csv")
    message = str(caught.value)
    assert len(message) <= longest
    assert message.isprintable()
    assert message.endswith("is no finite number; correct or remove it.")


def test_a_table_takes_a_few_times_its_size(tmp_path):
    for text in ("1\n" * 200_000, ("1," * 499 + "1\n") * 400):
        (tmp_path / "x.csv").write_text(text)
        tracemalloc.start()
        read_table(tmp_path / "x.csv", features=500)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 12 * len(text) + (1 << 20)


def test_a_character_nul_in_a_table(tmp_path):
    # NumPy drops it at the end of a text: two classes would become one.
    (tmp_path / "m.csv").write_text("1,2,a\n3,4,a\0\n")
    with pytest.raises(ModelFileError, match="has the character NUL in line 2"):
        load_model(tmp_path / "m.csv")
    (tmp_path / "y.txt").write_text("a\na\0\n")
    with pytest.raises(ModelFileError, match="has the character NUL in line 2"):
        load_labels(tmp_path / "y.txt")
