"""Folders that appear whole or not at all."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from prototile.errors import InputError


def check_replaceable(target: Path, *, what: str, ours: Callable[[Path], bool]) -> Path:
    """Return the real path of a folder that may be written or replaced.

    Parameters
    ----------
    what
        What it is going to hold, for messages.
    ours
        Whether an existing folder holds such a thing, and so may be lost.

    Raises
    ------
    InputError
        If it is a file, the current folder, or holds something else.
    """
    path = target.resolve()
    if path == Path.cwd() or path in Path.cwd().parents:
        raise InputError(
            f"{target} is the current folder or holds it, which cannot be replaced; name a folder for {what}."
        )
    if any(parent.is_file() for parent in (path, *path.parents)):
        raise InputError(f"{target} is a file or lies in one; name a folder for {what}.")
    if path.is_dir() and any(path.iterdir()) and not ours(path):
        raise InputError(f"{target} holds something else than {what}; name a new or an empty folder.")
    return path


@contextlib.contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """Yield a folder beside `target` that takes its name, and the place of an older one, once the block has ended well.

    After an exception, an interrupt included, nothing new is left. A process that was killed leaves a hidden folder,
    which the next call for the same target removes.
    """
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
