"""Which prototype lies where: segments of one class each, laid over the rows and rounds of the grid."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prototile.config import Configuration
from prototile.errors import FitError


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Places of all prototypes.

    Attributes
    ----------
    prototypes : (rounds, rows, pes_per_row) int array
        Index of the prototype in each place, -1 where there is none.
    classes : (rounds, rows) int array
        Class that a row serves in a round, -1 for none.
    """

    prototypes: NDArray[np.int64]
    classes: NDArray[np.int64]

    @property
    def used(self) -> int:
        """Places that hold a prototype."""
        return int(np.count_nonzero(self.prototypes >= 0))


def segment_sizes(class_sizes: NDArray[np.int64], pes_per_row: int) -> NDArray[np.int64]:
    """Prototypes in each segment, in the order in which `place` lays them."""
    counts = -(-class_sizes // pes_per_row)
    sizes = np.full(int(counts.sum()), pes_per_row, dtype=np.int64)
    held = counts > 0
    sizes[np.cumsum(counts)[held] - 1] = (class_sizes - (counts - 1) * pes_per_row)[held]
    return sizes


def row_occupancy(config: Configuration, class_sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Elements of each row that hold a prototype in some round: the first ones; shape (rows,)."""
    sizes = segment_sizes(class_sizes, config.pes_per_row)
    padded = np.zeros(config.prototypes_per_pe * config.rows, dtype=np.int64)
    padded[: len(sizes)] = sizes
    occupied: NDArray[np.int64] = padded.reshape(config.prototypes_per_pe, config.rows).max(axis=0)
    return occupied


def segment_count(class_sizes: NDArray[np.int64], pes_per_row: int) -> int:
    """Rows times rounds that a model takes: each serves one class."""
    return int(np.sum(-(-class_sizes // pes_per_row)))


def place(config: Configuration, labels: NDArray[np.int64]) -> Placement:
    """Lay the prototypes over the grid, each class by itself, in the order of the model.

    Order within a row is what makes the lowest index win a tie: the hardware prefers the lower place.

    Parameters
    ----------
    labels : (prototypes,) class indices

    Raises
    ------
    FitError
        If the grid has too few rows and rounds.
    """
    sizes = np.bincount(labels, minlength=config.class_count)
    need = segment_count(sizes, config.pes_per_row)
    have = config.rows * config.prototypes_per_pe
    if need > have:
        raise FitError(
            f"{config.rows} rows with {config.prototypes_per_pe} prototypes per PE hold {have} segments of "
            f"{config.pes_per_row} prototypes, but the model takes {need}: use more rows, or more prototypes per PE"
        )
    prototypes = np.full((have, config.pes_per_row), -1, dtype=np.int64)
    classes = np.full(have, -1, dtype=np.int64)
    at = 0
    for class_ in range(config.class_count):
        members = np.flatnonzero(labels == class_)
        for start in range(0, len(members), config.pes_per_row):
            chunk = members[start : start + config.pes_per_row]
            prototypes[at, : len(chunk)] = chunk
            classes[at] = class_
            at += 1
    shape = (config.prototypes_per_pe, config.rows)
    return Placement(prototypes=prototypes.reshape(*shape, -1), classes=classes.reshape(shape))
