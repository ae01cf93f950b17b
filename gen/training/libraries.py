"""Libraries that some methods need, and few users have."""

from prototile.errors import InputError


def missing(what: str, library: str) -> InputError:
    """Return the error for a library that is not installed, an extra of this package under the library's own name."""
    return InputError(f"{what} need the library {library}; install it with pip install 'prototile[{library}]'.")
