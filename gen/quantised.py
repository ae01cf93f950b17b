"""The model in chip units: what golden model, hardware image and driver are fed from."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prototile.arrays import frozen
from prototile.config import METRICS, RADII, Configuration, bit_count
from prototile.errors import InputError
from prototile.nodes import Nodes

#: Widest component that is generated.
MAX_BITS = 16


@dataclass(frozen=True, eq=False, kw_only=True)
class QuantisedModel:
    """Integer prototypes with their classes and radii, immutable.

    Parameters
    ----------
    prototypes
        Shape (prototypes, features), ``0 .. 2**bits - 1``; kept as uint16.
    labels
        Class index of each prototype, shape (prototypes,); kept as int32.
    radii
        Integer radius of each prototype, ``0 .. distance_max + 1``, shape (prototypes,); kept as int64. A prototype
        fires if ``distance < radius``. None: there are no radii.
    radii_kind
        One of `prototile.config.RADII`; ``none`` exactly if `radii` is None.
    metric
        ``l1`` or ``l2``.
    bits
        Bits of a component, 1 to 16.
    min_margin
        Integer threshold of the margin, or None.
    classes
        Labels in the order of the class indices, shape (classes,).

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

    def __post_init__(self) -> None:
        check_bits(self.bits)
        points, labels = np.asarray(self.prototypes), np.asarray(self.labels)
        if points.ndim != 2 or 0 in points.shape or points.dtype.kind not in "iu":
            raise InputError(f"prototypes must be an integer matrix, not {points.dtype} of the shape {points.shape}.")
        if int(points.min()) < 0 or int(points.max()) >= 1 << self.bits:
            raise InputError(f"prototypes of {self.bits} bits must lie in 0 .. {(1 << self.bits) - 1}.")
        if labels.shape != points.shape[:1] or labels.dtype.kind not in "iu":
            raise InputError(f"labels must be {len(points)} integers, not {labels.dtype} of the shape {labels.shape}.")
        if int(labels.min()) < 0 or int(labels.max()) >= self.classes.size:
            raise InputError(f"labels must be class indices 0 .. {self.classes.size - 1}.")
        if self.metric not in METRICS or self.radii_kind not in RADII:
            raise InputError(f"metric {self.metric!r} or radii_kind {self.radii_kind!r} is none that the chip has.")
        if (self.radii is None) != (self.radii_kind == "none"):
            raise InputError(f"radii_kind {self.radii_kind!r} does not go with radii {self.radii!r}.")
        object.__setattr__(self, "prototypes", frozen(points.astype(np.uint16)))
        object.__setattr__(self, "labels", frozen(labels.astype(np.int32)))
        object.__setattr__(self, "classes", frozen(self.classes))
        if self.radii is not None:
            self._freeze_radii(np.asarray(self.radii))

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
        return Nodes(values=self.prototypes, labels=self.labels, radii=self.radii)

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
            **grid,
        )

    def canonical_bytes(self) -> bytes:
        """Everything that fixes an answer, as bytes that are the same on every machine.

        A line of JSON (sorted keys) with the scalars, the classes and the shape, then `prototypes`, `labels` and
        `radii`, C-contiguous, little-endian.
        """
        header = {
            "bits": self.bits,
            "classes": self.classes.tolist(),
            "metric": self.metric,
            "min_margin": self.min_margin,
            "radii": self.radii_kind,
            "shape": [self.prototype_count, self.features],
        }
        parts = [
            json.dumps(header, sort_keys=True, default=repr).encode() + b"\n",
            np.ascontiguousarray(self.prototypes, "<u2").tobytes(),
            np.ascontiguousarray(self.labels, "<i4").tobytes(),
        ]
        if self.radii is not None:
            parts.append(np.ascontiguousarray(self.radii, "<i8").tobytes())
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
