"""The model in chip units: what golden model, hardware image and driver are fed from."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prototile.arrays import frozen
from prototile.config import MASKED_METRICS, MAX_K, METRICS, RADII, WEIGHTED_METRICS, Configuration, bit_count
from prototile.errors import InputError
from prototile.nodes import Nodes

#: Widest component that is generated.
MAX_BITS = 16
#: Largest entry of a table.
MAX_ENTRY = (1 << 16) - 1
#: Largest local weight, as a power of two.
MAX_SHIFT = 15

_INT64_MAX = int(np.iinfo(np.int64).max)


@dataclass(frozen=True, eq=False, kw_only=True)
class QuantisedModel:
    """Integer prototypes with their classes and radii, immutable.

    Parameters
    ----------
    prototypes
        Shape (prototypes, features), ``0 .. 2**bits - 1``; kept as uint16. For ``box`` (prototypes, features, 2), lower
        and upper bound, which are inside, ``lower <= upper + 1``; for ``table`` (prototypes, features, ``2**bits``),
        entries ``0 .. 65535``.
    labels
        Class index of each prototype, shape (prototypes,); kept as int32.
    radii
        Integer radius of each prototype, ``0 .. distance_max + 1``, shape (prototypes,); kept as int64. A prototype
        fires if ``distance < radius``. None: there are no radii.
    radii_kind
        One of `prototile.config.RADII`; ``none`` exactly if `radii` is None.
    metric
        One of `prototile.config.METRICS`.
    bits
        Bits of a component, 1 to 16.
    min_margin
        Integer threshold of the margin, or None.
    classes
        Labels in the order of the class indices, shape (classes,).
    masks
        True where a component counts, shape (prototypes, features), for the metrics that have masks. None: all count.
    shifts
        Local weights as powers of two, ``0 .. 15``, shape (prototypes, features), for the metrics that have weights;
        kept as uint8. None: all are 0.
    k
        Neighbours that vote.

    Raises
    ------
    InputError
        If shapes or values contradict each other.
    """

    prototypes: NDArray[np.uint16]
    labels: NDArray[np.int32]
    radii: NDArray[np.int64] | None
    radii_kind: str
    metric: str
    bits: int
    min_margin: int | None
    classes: NDArray[Any]
    masks: NDArray[np.bool_] | None = None
    shifts: NDArray[np.uint8] | None = None
    k: int = 1

    def __post_init__(self) -> None:
        check_bits(self.bits)
        if self.metric not in METRICS or self.radii_kind not in RADII:
            raise InputError(f"metric {self.metric!r} or radii_kind {self.radii_kind!r} is none that the chip has.")
        points, labels = np.asarray(self.prototypes), np.asarray(self.labels)
        self._check_prototypes(points)
        if labels.shape != points.shape[:1] or labels.dtype.kind not in "iu":
            raise InputError(f"labels must be {len(points)} integers, not {labels.dtype} of the shape {labels.shape}.")
        if int(labels.min()) < 0 or int(labels.max()) >= self.classes.size:
            raise InputError(f"labels must be class indices 0 .. {self.classes.size - 1}.")
        if not 1 <= self.k <= min(MAX_K, len(points)):
            raise InputError(f"k must be 1 .. {min(MAX_K, len(points))}, not {self.k!r}.")
        if (self.radii is None) != (self.radii_kind == "none"):
            raise InputError(f"radii_kind {self.radii_kind!r} does not go with radii {self.radii!r}.")
        object.__setattr__(self, "prototypes", frozen(points.astype(np.uint16)))
        object.__setattr__(self, "labels", frozen(labels.astype(np.int32)))
        object.__setattr__(self, "classes", frozen(self.classes))
        self._freeze_masks_and_shifts()
        self._check_size()
        if self.radii is not None:
            self._freeze_radii(np.asarray(self.radii))

    def _check_prototypes(self, points: NDArray[Any]) -> None:
        levels = {"box": 2, "table": 1 << self.bits}.get(self.metric)
        if (
            points.ndim != (2 if levels is None else 3)
            or 0 in points.shape
            or points.dtype.kind not in "iu"
            or (levels is not None and points.shape[2] != levels)
        ):
            shape = "matrix" if levels is None else f"array of the shape (prototypes, features, {levels})"
            raise InputError(f"prototypes must be an integer {shape}, not {points.dtype} of the shape {points.shape}.")
        largest = MAX_ENTRY if self.metric == "table" else (1 << self.bits) - 1
        if int(points.min()) < 0 or int(points.max()) > largest:
            what = "entries" if self.metric == "table" else f"prototypes of {self.bits} bits"
            raise InputError(f"{what} must lie in 0 .. {largest}, not {int(points.min())} .. {int(points.max())}.")
        if self.metric == "box":
            bounds = points.astype(np.int64)
            if (bounds[..., 0] > bounds[..., 1] + 1).any():
                raise InputError("the lower bound of a box must not be above its upper bound + 1.")

    def _freeze_masks_and_shifts(self) -> None:
        shape = self.prototypes.shape[:2]
        if self.masks is not None:
            masks = np.asarray(self.masks)
            if self.metric not in MASKED_METRICS or masks.shape != shape or masks.dtype.kind != "b":
                raise InputError(
                    f"masks must be booleans of the shape {shape}, for one of {', '.join(MASKED_METRICS)}, not"
                    f" {masks.dtype} of the shape {masks.shape} for {self.metric!r}."
                )
            object.__setattr__(self, "masks", frozen(masks))
        if self.shifts is not None:
            shifts = np.asarray(self.shifts)
            if self.metric not in WEIGHTED_METRICS or shifts.shape != shape or shifts.dtype.kind not in "iu":
                raise InputError(
                    f"shifts must be integers of the shape {shape}, for one of {', '.join(WEIGHTED_METRICS)}, not"
                    f" {shifts.dtype} of the shape {shifts.shape} for {self.metric!r}."
                )
            if int(shifts.min()) < 0 or int(shifts.max()) > MAX_SHIFT:
                raise InputError(
                    f"shifts must lie in 0 .. {MAX_SHIFT}, not {int(shifts.min())} .. {int(shifts.max())}."
                )
            object.__setattr__(self, "shifts", frozen(shifts.astype(np.uint8)))

    def _check_size(self) -> None:
        """Refuse models whose order of prototypes, distance and index together, is beyond 64-bit integers."""
        largest = self.configuration().distance_max
        if 2 * (largest + 1) * self.prototype_count > _INT64_MAX:
            raise InputError(
                f"{self.prototype_count} prototypes with distances of up to {largest} are more than 64-bit integers can"
                " put in order; use fewer bits or smaller weights."
            )

    def _freeze_radii(self, radii: NDArray[Any]) -> None:
        largest = self.configuration().distance_max + 1
        if radii.shape != self.labels.shape or radii.dtype.kind not in "iu":
            raise InputError(f"radii must be {len(self.labels)} integers, not {radii.dtype} of shape {radii.shape}.")
        if int(radii.min()) < 0 or int(radii.max()) > largest:
            raise InputError(f"radii must lie in 0 .. {largest}, not {int(radii.min())} .. {int(radii.max())}.")
        object.__setattr__(self, "radii", frozen(radii.astype(np.int64)))
        keys = {"common": np.zeros_like(self.labels), "class": self.labels}.get(self.radii_kind)
        if keys is not None and any(np.unique(radii[keys == key]).size > 1 for key in np.unique(keys)):
            raise InputError(f"radii of the kind {self.radii_kind!r} must not differ within it.")

    @property
    def nodes(self) -> Nodes:
        """The arrays that golden model and hardware are fed from."""
        return Nodes(values=self.prototypes, labels=self.labels, masks=self.masks, shifts=self.shifts, radii=self.radii)

    @property
    def exemplars(self) -> NDArray[np.uint16]:
        """A query for each prototype that is as near to it as one can be, `Nodes.exemplars`: (prototypes, features)."""
        return self.nodes.exemplars(self.metric).astype(np.uint16)

    @property
    def reachable(self) -> NDArray[np.bool_]:
        """Whether a query can be at distance 0 of each prototype, shape (prototypes,).

        Not so for an empty box, nor for a table in which a component has no entry 0.
        """
        reachable = np.ones(self.prototype_count, np.bool_)
        if self.metric == "box":
            reachable = np.all(self.prototypes[..., 0] <= self.prototypes[..., 1], axis=1)
        elif self.metric == "table":
            reachable = np.all(self.prototypes.min(axis=2) == 0, axis=1)
        return reachable

    @property
    def prototype_count(self) -> int:
        """Prototypes of the model."""
        return int(self.prototypes.shape[0])

    @property
    def features(self) -> int:
        """Components of a vector."""
        return int(self.prototypes.shape[1])

    @property
    def class_count(self) -> int:
        """Classes of the label space."""
        return int(self.classes.size)

    @property
    def common_radius(self) -> int:
        """The radius of all prototypes, for the kind ``common``."""
        if self.radii is None or self.radii_kind != "common":
            raise InputError(f"a model with radii_kind {self.radii_kind!r} has no common radius.")
        return int(self.radii[0])

    @property
    def class_radii(self) -> tuple[int, ...]:
        """The radius of each class, for the kind ``class``; 0 for a class without prototypes."""
        if self.radii is None or self.radii_kind != "class":
            raise InputError(f"a model with radii_kind {self.radii_kind!r} has no radii per class.")
        return tuple(int(self.radii[self.labels == label].max(initial=0)) for label in range(self.class_count))

    def configuration(self, **grid: Any) -> Configuration:
        """Return the configuration of this model; `grid` gives the fields that the model leaves open."""
        return Configuration(
            features=self.features,
            bits=self.bits,
            metric=self.metric,
            prototype_count=self.prototype_count,
            class_count=self.class_count,
            radii=self.radii_kind,
            min_margin=self.min_margin,
            k=self.k,
            masked=self.masks is not None,
            shift_max=0 if self.shifts is None else int(self.shifts.max()),
            entry_max=int(self.prototypes.max()) if self.metric == "table" else 0,
            **grid,
        )

    def canonical_bytes(self) -> bytes:
        """Everything that fixes an answer, as bytes that are the same on every machine.

        A line of JSON (sorted keys) with the scalars, the classes and the shape, then `prototypes`, `labels`, `radii`,
        `masks` and `shifts`, C-contiguous, little-endian. What came later, `k`, `masks` and `shifts`, is named in the
        line only where there is some, so that older digests still hold.
        """
        header: dict[str, Any] = {
            "bits": self.bits,
            "classes": self.classes.tolist(),
            "metric": self.metric,
            "min_margin": self.min_margin,
            "radii": self.radii_kind,
            "shape": list(self.prototypes.shape),
        }
        if self.k != 1:
            header["k"] = self.k
        later = {"masks": self.masks, "shifts": self.shifts}
        given = {name: array for name, array in later.items() if array is not None}
        header |= dict.fromkeys(given, True)
        parts = [
            json.dumps(header, sort_keys=True, default=repr).encode() + b"\n",
            np.ascontiguousarray(self.prototypes, "<u2").tobytes(),
            np.ascontiguousarray(self.labels, "<i4").tobytes(),
        ]
        if self.radii is not None:
            parts.append(np.ascontiguousarray(self.radii, "<i8").tobytes())
        parts += [np.ascontiguousarray(array, "u1").tobytes() for array in given.values()]
        return b"".join(parts)

    def digest(self) -> str:
        """SHA-256 of `canonical_bytes`, 64 hexadecimal digits."""
        return hashlib.sha256(self.canonical_bytes()).hexdigest()


def check_bits(bits: Any) -> int:
    """Return `bits` as an int if it is a component width that can be generated.

    Raises
    ------
    InputError
        If it is no integer from 1 to `MAX_BITS`.
    """
    if isinstance(bits, (bool, np.bool_)) or not isinstance(bits, (int, np.integer)) or not 1 <= bits <= MAX_BITS:
        raise InputError(f"bits must be an integer from 1 to {MAX_BITS}, not {bits!r}.")
    return int(bits)


def bits_needed(prototypes: NDArray[np.int64]) -> int:
    """Bits that hold every component of integer prototypes.

    Raises
    ------
    InputError
        If a component is negative or needs more than `MAX_BITS`.
    """
    low, high = int(prototypes.min()), int(prototypes.max())
    if low < 0 or bit_count(high) > MAX_BITS:
        wrong = low if low < 0 else high
        raise InputError(
            f"integer prototypes are in chip units and must lie in 0 .. {(1 << MAX_BITS) - 1}, but one component is"
            f" {wrong}; give a float array to have them quantised."
        )
    return bit_count(high)
