"""Where results that take long are kept between runs."""

import os
from pathlib import Path

import platformdirs

#: Environment variable that names another folder.
CACHE_VARIABLE = "PROTOTILE_CACHE"


def cache_folder(kind: str) -> Path:
    """Folder for one kind of result; it may not exist yet."""
    root = os.environ.get(CACHE_VARIABLE)
    base = Path(root) if root else Path(platformdirs.user_cache_dir("prototile", appauthor=False))
    return base / kind
