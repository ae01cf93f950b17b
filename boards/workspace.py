"""Folders that appear whole or not at all."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from prototile.errors import InputError


def check_replaceable(target: Path, *, what: str, ours: Callable[[Path], bool]) -> None:
    """Make sure that nothing is lost when a folder is written in the place of this one.

    Parameters
    ----------
    what
        What it is going to hold, for messages.
    ours
        Whether an existing folder holds such a thing, and so may be replaced.

    Raises
    ------
    InputError
        If it is a file or lies in one, holds something else, or is or holds the current folder.
    """
    if target.is_file():
        raise InputError(f"{target} is a file; name a folder for the {what}.")
    if target.is_dir() and any(target.iterdir()) and not ours(target):
        raise InputError(f"{target} holds something that is no {what}; name a new or an empty folder.")
    _real_path(target)


@contextlib.contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """Yield a folder beside `target` that takes its name, and the place of an older one, once the block has ended well.

    After an exception, an interrupt included, nothing new is left. A process that was killed leaves a hidden folder,
    which the next call for the same target removes. A link is followed.

    Raises
    ------
    InputError
        If `target` is or holds the current folder, or lies in a file.
    """
    target = _real_path(target)
    missing = [parent for parent in target.parents if not parent.exists()]
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(target)
    fresh = _sibling(target, "partial")
    fresh.mkdir()
    try:
        yield fresh
        _replace(target, fresh)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        with contextlib.suppress(OSError):
            for parent in missing:
                parent.rmdir()
        raise


def _real_path(target: Path) -> Path:
    try:
        path = target.resolve()
    except (OSError, RuntimeError):
        raise InputError(f"{target} is a link that leads nowhere; name another folder.") from None
    with contextlib.suppress(FileNotFoundError):  # a current folder that is gone is in nobody's way
        if Path.cwd().is_relative_to(path):
            raise InputError(f"{target} is or holds the current folder, which cannot be replaced; name another folder.")
    for parent in path.parents:
        if parent.is_file():
            raise InputError(f"{target} cannot become a folder, as {parent} is a file; name another folder.")
    return path


def _sibling(target: Path, kind: str) -> Path:
    return target.with_name(f".{target.name}.{os.getpid()}.{kind}")


def _replace(target: Path, fresh: Path) -> None:
    if not target.exists():
        fresh.rename(target)
        return
    old = _sibling(target, "old")
    target.rename(old)
    try:
        fresh.rename(target)
    except BaseException:
        old.rename(target)
        raise
    shutil.rmtree(old)


def _remove_abandoned(target: Path) -> None:
    for kind in ("partial", "old"):
        for path in target.parent.glob(f".{target.name}.*.{kind}"):
            owner = path.name.split(".")[-2]
            if owner.isdigit() and (int(owner) == os.getpid() or not _alive(int(owner))):
                shutil.rmtree(path, ignore_errors=True)


def _alive(process: int) -> bool:
    if os.name == "nt":
        return True  # os.kill would end it there
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
