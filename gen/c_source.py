"""The host's arithmetic in C: the same integers as in Python, for hosts that have none."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from prototile.arrays import label_text
from prototile.maps import AffineMap, MatrixMap

if TYPE_CHECKING:
    from prototile.design import Design

HEADER_FILE = "prototile_model.h"
SOURCE_FILE = "prototile_model.c"
#: Longest line of an array.
_WIDTH = 118
#: Whole numbers up to here are written in decimal, which every compiler reads exactly.
_PLAIN = 1 << 31

_DOING = {
    "matrix": "z[d] = x[0] * weights[d][0] + x[1] * weights[d][1] + ... + shift[d], added from left to right, then",
    "columns": "z[d] = x[column[d]] * scale[d] + shift[d], then",
    "affine": "z = x * scale + shift, then",
    "none": "z = x, as the model has no preprocessing, then",
}


def c_files(design: Design) -> dict[str, str]:
    """Return the header and the source by the names of their files.

    Parameters
    ----------
    design
        What the chip is made from.

    Returns
    -------
    dict
        Text of `HEADER_FILE` and `SOURCE_FILE`, ASCII, the same for the same design.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(loader=PackageLoader("prototile"), undefined=StrictUndefined, keep_trailing_newline=True)
    model, quantiser = design.model, design.quantiser
    prepare = model.preprocess
    affine = prepare if isinstance(prepare, AffineMap) else None
    matrix = prepare.matrix if isinstance(prepare, MatrixMap) else None
    kind = "none" if prepare is None else "matrix" if affine is None else "affine"
    values: dict[str, Any] = {
        "design": design,
        "config": design.config,
        "doing": _DOING["columns" if affine is not None and affine.columns is not None else kind],
        "wrap": _wrapped,
        "lines": _lines,
        "literal": _literal,
        "matrix": matrix,
        "scale": None if affine is None else affine.scale,
        "shift": None if prepare is None else prepare.shift,
        "columns": None if affine is None else affine.columns,
        "offset": quantiser.offset,
        "step": quantiser.step,
        "step_per_feature": isinstance(quantiser.step, np.ndarray),
        "open_ended": quantiser.open_ended.astype(int).tolist() if quantiser.open_ended.any() else [],
        "labels": [_string(str(label_text(label))) for label in model.classes.tolist()],
        "reject": None if model.reject is None else _string(str(label_text(model.reject))),
        "names": [_string(name) for name in model.feature_names or ()],
    }
    return {name: environment.get_template(f"{name}.j2").render(values) for name in (HEADER_FILE, SOURCE_FILE)}


def _literal(value: Any) -> str:
    """A number as C reads it, to the bit."""
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    number = float(value)
    if number.is_integer() and abs(number) < _PLAIN:
        return repr(number)
    mantissa, exponent = number.hex().split("p")
    return f"{mantissa.rstrip('0')}p{exponent}"


def _lines(values: Iterable[Any]) -> str:
    """Elements of an array, some a line."""
    text = ", ".join(_literal(value) for value in values) + ","
    return textwrap.fill(text, _WIDTH, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)


def _wrapped(text: str) -> str:
    """Lines of the header's comment."""
    return textwrap.fill(text, _WIDTH, initial_indent="    ", subsequent_indent=" *     ", break_on_hyphens=False)


def _string(text: str) -> str:
    """A string literal of the text in UTF-8; whatever is no letter, digit or blank is an octal escape of three digits.

    So no text can end the literal, be taken for a trigraph, or run into an escape before it.
    """
    plain = b" 0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz.,-+()"
    return '"' + "".join(chr(byte) if byte in plain else f"\\{byte:03o}" for byte in text.encode()) + '"'
