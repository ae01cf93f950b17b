"""Small designs that are mutated: together they have every metric and every kind of memory, radius and grid."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

import prototile as pt
from prototile.design import Design

#: Rows of a user's data.
_ROWS = 24


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A design, and the vectors that its regression plays.

    Parameters
    ----------
    name
        What is special about it.
    features, bits
        Of its queries.
    model
        Makes the model, given random numbers.
    options
        Of `prototile.convert`.
    """

    name: str
    features: int
    bits: int
    model: Callable[[np.random.Generator], pt.PrototypeModel]
    options: dict[str, Any]

    @property
    def folder(self) -> str:
        """Its name as that of a folder."""
        return self.name.replace(",", "").replace(" ", "-")

    @cached_property
    def design(self) -> Design:
        """What `prototile.convert` makes of the model."""
        return pt.convert(self.model(np.random.default_rng(7)), bits=self.bits, **self.options)

    @cached_property
    def vectors(self) -> NDArray[np.int64]:
        """Rows as a user's data set has them: some near a prototype, few exact."""
        return np.random.default_rng(8).integers(0, 1 << self.bits, (_ROWS, self.features))

    @cached_property
    def every_query(self) -> NDArray[np.int64]:
        """All queries that there are, in random order."""
        queries = np.indices((1 << self.bits,) * self.features).reshape(self.features, -1).T
        return np.random.default_rng(9).permutation(queries)


def _own_radii(numbers):
    return pt.PrototypeModel(
        numbers.integers(0, 8, (6, 5)), [0, 1, 1, 0, 2, 0], metric="l1", radii=numbers.integers(4, 18, 6), min_margin=2
    )


def _weighted(numbers):
    return pt.PrototypeModel(
        numbers.integers(0, 8, (5, 4)),
        [1, 0, 2, 0, 0],
        metric="l2",
        radii={0: 40, 1: 70, 2: 55},
        weights=1 << numbers.integers(0, 2, (5, 4)),
        masks=numbers.random((5, 4)) < 0.8,
    )


def _multiplied(numbers):
    return pt.PrototypeModel(numbers.integers(0, 64, (3, 2)), [0, 1, 2], metric="l2", min_margin=60)


def _bits(numbers):
    return pt.PrototypeModel(numbers.integers(0, 2, (7, 12)), [0, 1, 0, 1, 2, 2, 0], metric="hamming", min_margin=2)


def _votes(numbers):
    return pt.PrototypeModel(numbers.integers(0, 8, (6, 4)), [0, 1, 0, 1, 2, 2], metric="l1", k=3, radii=9)


def _largest(numbers):
    return pt.PrototypeModel(numbers.integers(0, 8, (5, 4)), [0, 1, 2, 0, 0], metric="linf", radii=4)


def _boxes(numbers):
    low = numbers.integers(0, 7, (5, 4))
    high = (low + numbers.integers(-1, 3, low.shape)).clip(0, 7)
    return pt.PrototypeModel(np.stack([low, high], axis=2), [0, 0, 1, 1, 2], metric="box")


def _tables(numbers):
    return pt.PrototypeModel(
        numbers.integers(0, 6, (4, 3, 8)), [0, 1, 1, 0], metric="table", radii=numbers.integers(3, 9, (4, 1))
    )


def _one_class(numbers):
    return pt.PrototypeModel(numbers.integers(0, 8, (3, 3)), [0, 0, 0], metric="l1", radii=7, min_margin=1)


SUBJECTS = tuple(
    Subject(name=name, features=features, bits=bits, model=model, options=options)
    for name, features, bits, model, options in (
        (
            *("own radii", 5, 3, _own_radii),
            {"columns": 2, "pes_per_tile": 2, "prototypes_per_pe": 2, "lanes": 2, "memory": "block"},
        ),
        ("weighted l2", 4, 3, _weighted, {"columns": 1, "pes_per_tile": 2, "memory": "logic"}),
        ("multiplied l2", 2, 6, _multiplied, {"columns": 1, "pes_per_tile": 1, "memory": "block"}),
        ("hamming", 12, 1, _bits, {"lanes": 4, "columns": 2, "pes_per_tile": 1, "prototypes_per_pe": 2}),
        ("votes", 4, 3, _votes, {"columns": 2, "pes_per_tile": 1, "prototypes_per_pe": 1, "memory": "block"}),
        ("linf, written", 4, 3, _largest, {"columns": 1, "pes_per_tile": 2, "memory": "single_port"}),
        ("boxes", 4, 3, _boxes, {"pes_per_tile": 5, "columns": 1, "memory": "block", "memory_register": True}),
        ("tables, written", 3, 3, _tables, {"board": "ulx3s-25f", "memory": "distributed", "prototypes_per_pe": 2}),
        ("one class, written", 3, 3, _one_class, {"columns": 1, "pes_per_tile": 2, "writable": True}),
        ("parallel, looked up", 5, 3, _own_radii, {"reduction": "parallel"}),
        ("parallel, counted", 12, 1, _bits, {"reduction": "parallel"}),
    )
)
