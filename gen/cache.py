"""Where results that take long are kept between runs."""

import os
from pathlib import Path

import platformdirs

from prototile.errors import InputError

#: Environment variable that names another folder.
CACHE_VARIABLE = "PROTOTILE_CACHE"


def cache_folder(kind: str) -> Path:
    """Folder for one kind of result; it may not exist yet.

    Raises
    ------
    InputError
        If the environment names something that is no folder.
    """
    root = os.environ.get(CACHE_VARIABLE)
    if root and Path(root).exists() and not Path(root).is_dir():
        raise InputError(f"{CACHE_VARIABLE} names {root}, which is no folder; name a folder, or unset it.")
    base = Path(root) if root else Path(platformdirs.user_cache_dir("prototile", appauthor=False))
    return base / kind
