import os
import subprocess
import sys

import pytest

from prototile.boards.workspace import whole_folder
from prototile.errors import InputError


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


@pytest.mark.parametrize("inside", [".", "below"])
def test_the_current_folder_is_not_replaced(tmp_path, monkeypatch, inside):
    target = tmp_path / "out"
    (target / inside).mkdir(parents=True)
    monkeypatch.chdir(target / inside)
    for name in (target, type(target)("." if inside == "." else "..")):
        with pytest.raises(InputError, match="the current folder, which cannot be replaced"), whole_folder(name):
            raise AssertionError("the block must not run")
    assert names(tmp_path) == ["out"]


def test_a_link_stays_and_its_folder_is_replaced(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "old").write_text("old")
    link = tmp_path / "link"
    link.symlink_to("real", target_is_directory=True)
    with whole_folder(link) as work:
        (work / "file").write_text("new")
    assert link.is_symlink()
    assert names(tmp_path) == ["link", "real"]
    assert names(tmp_path / "real") == ["file"]


def test_a_loop_of_links_is_refused(tmp_path):
    loop = tmp_path / "loop"
    loop.symlink_to("loop")
    with pytest.raises(InputError), whole_folder(loop / "out"):
        raise AssertionError("the block must not run")


def test_a_current_folder_that_is_gone_is_in_nobodys_way(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with whole_folder(tmp_path / "out"):
        pass
    assert names(tmp_path) == ["out"]
