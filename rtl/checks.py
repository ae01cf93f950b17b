"""Checks that constructors run on their parameters."""


def positive(**values: int) -> None:
    """Raise unless every value is a positive integer."""
    for name, value in values.items():
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError(f"{name} must be a positive integer, not {value!r}")
        if value < 1:
            raise ValueError(f"{name} must be a positive integer, not {value!r}")
