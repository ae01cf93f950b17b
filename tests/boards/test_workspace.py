import os
import subprocess
import sys

import pytest

from prototile.boards.workspace import whole_folder


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_appears_at_the_end(tmp_path):
    target = tmp_path / "a" / "b"
    with whole_folder(target) as work:
        (work / "file").write_text("new")
        assert not target.exists()
    assert (target / "file").read_text() == "new"
    assert names(target.parent) == ["b"]


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    target = tmp_path / "out"
    target.mkdir()
    (target / "old").write_text("old")
    with whole_folder(target) as work:
        (work / "file").write_text("new")
        assert names(target) == ["old"]
    assert names(target) == ["file"]
    assert names(tmp_path) == ["out"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ValueError])
def test_after_an_exception_nothing_is_left(error, tmp_path):
    target = tmp_path / "a" / "out"
    with pytest.raises(error), whole_folder(target) as work:
        (work / "file").write_text("half")
        raise error
    assert names(tmp_path) == []


def test_after_an_exception_the_older_folder_is_untouched(tmp_path):
    target = tmp_path / "out"
    target.mkdir()
    (target / "old").write_text("old")
    with pytest.raises(ValueError), whole_folder(target):
        raise ValueError
    assert names(tmp_path) == ["out"]
    assert names(target) == ["old"]


def test_what_a_killed_process_left_is_removed(tmp_path):
    target = tmp_path / "out"
    kill_itself = (
        "import os, pathlib, sys; from prototile.boards.workspace import whole_folder\n"
        "with whole_folder(pathlib.Path(sys.argv[1])) as work: os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", kill_itself, str(target)], check=False)
    assert killed.returncode == -9
    assert not target.exists()
    assert len(names(tmp_path)) == 1
    with whole_folder(target):
        pass
    assert names(tmp_path) == ["out"]


def test_the_folder_of_a_running_process_is_kept(tmp_path):
    other = tmp_path / f".out.{os.getppid()}.partial"
    other.mkdir()
    with whole_folder(tmp_path / "out"):
        pass
    assert names(tmp_path) == [other.name, "out"]
