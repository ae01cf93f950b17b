"""The page of a design: its grid as a picture, its figures, its resources, in one file without outside parts."""

from __future__ import annotations

import base64
import math
import struct
import zlib
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

from prototile.arrays import label_text
from prototile.condensation import METHODS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from prototile.condensation import Condensation
    from prototile.design import Design
    from prototile.quantised import QuantisedModel
    from prototile.quantiser import BitsChoice

#: Units of the picture: side of a place, gaps between rounds, elements, and tiles.
_PLACE = 26
_ROUND_GAP, _PE_GAP, _TILE_PAD, _TILE_GAP = 2, 5, 6, 22
_MARGIN = 96
#: Components of all prototypes beyond which these are not drawn: the page would take megabytes.
_LARGEST_PICTURE = 150_000
#: Classes that the legend names.
_LEGEND = 24
_RESOURCES = {
    "logic_cells": "logic cells",
    "lut": "look-up tables",
    "ff": "flip-flops",
    "bram": "block RAMs",
    "spram": "single-port RAMs",
    "dsp": "multipliers",
    "io": "pins",
}
#: Resources that are shown even if a design takes none of them.
_SHARED = ("logic_cells", "lut", "ff", "bram")


@dataclass(frozen=True, kw_only=True)
class Place:
    """One prototype's place in the picture; `image` is a data URI, None where there is none."""

    x: int
    y: int
    colour: str
    title: str
    image: str | None


@dataclass(frozen=True, kw_only=True)
class Box:
    """A tile of the picture."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class GridPicture:
    """Coordinates of the grid.

    Attributes
    ----------
    width, height
        Of the whole.
    tiles
        Boxes of the tiles, by row and column.
    places
        One for each prototype.
    empty
        Places without a prototype.
    side
        Side of a place.
    legend
        Class label and colour.
    more_classes
        Classes that the legend leaves out.
    """

    width: int
    height: int
    tiles: list[list[Box]]
    places: list[Place]
    empty: list[tuple[int, int]]
    side: int
    legend: list[tuple[str, str]]
    more_classes: int


@dataclass(frozen=True, kw_only=True)
class Bar:
    """Use of one resource, in percent of what the part has."""

    name: str
    used: int
    available: int
    percent: float


@dataclass(frozen=True, kw_only=True)
class Point:
    """A point of a curve: where it is, what stands below it, and its share."""

    x: float
    y: float
    name: str
    share: float


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Shares by a number that was chosen.

    Attributes
    ----------
    title, quantity
        Of the picture, and what the shares are.
    unit
        What is counted below the points.
    points
        From left to right, equally far apart.
    chosen
        Which of them is the design's.
    ticks
        Heights with what stands beside them.
    reference
        Height and share of a line to compare with, or None.
    width, height
        Of the whole.
    """

    title: str
    quantity: str
    unit: str
    points: list[Point]
    chosen: int
    ticks: list[tuple[float, str]]
    reference: tuple[float, float] | None
    width: int
    height: int

    @property
    def line(self) -> str:
        """Points of the line, for ``polyline``."""
        return " ".join(f"{point.x:g},{point.y:g}" for point in self.points)


def page(design: Design, values: dict[str, Any]) -> str:
    """Render the page from the figures of ``report.json``."""
    import jinja2

    from prototile.report import levels

    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["number"] = number
    environment.filters["percent"] = percent
    environment.filters["duration"] = duration
    environment.filters["range_text"] = range_text
    environment.filters["bits_text"] = bits_text
    source = files("prototile").joinpath("templates", "report.html.j2").read_text(encoding="utf-8")
    return environment.from_string(source).render(
        values=values,
        levels=levels(values),
        grid=grid_picture(design),
        bars=bars(values),
        estimated_only="util_pct" not in values,
        times=values["estimated"] if "util_pct" not in values else values,
        bits_curve=None if design.bits_choice is None else bits_curve(design.bits_choice),
        condensation=design.model.condensation,
        condensed_by=None if design.model.condensation is None else METHODS[design.model.condensation.condensed_by],
        prototypes_curve=None if design.model.condensation is None else prototypes_curve(design.model.condensation),
    )


def number(value: float) -> str:
    """A number with thousands apart, and no needless decimals."""
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}".rstrip("0").rstrip(".")


def percent(share: float) -> str:
    """A share as percent."""
    return f"{100 * share:.1f} %"


def duration(nanoseconds: float) -> str:
    """Nanoseconds in the unit that reads best."""
    for factor, unit in ((1e6, "ms"), (1e3, "µs")):
        if nanoseconds >= factor:
            return f"{nanoseconds / factor:.3g} {unit}"
    return f"{nanoseconds:.3g} ns"


def bars(values: dict[str, Any]) -> list[Bar]:
    """Resources of the build; before it, those of the estimate."""
    used = values if "util_pct" in values else values["estimated"]
    return [
        Bar(name=name, used=used[key], available=has, percent=round(100 * used[key] / has, 1))
        for key, name in _RESOURCES.items()
        if (key in _SHARED or used.get(key)) and (has := values["available"].get(key)) and key in used
    ]


def grid_picture(design: Design) -> GridPicture:
    """Lay out tiles, elements and the prototypes in them, one place below the other for each round."""
    config, held = design.config, design.placement.prototypes
    rounds = config.prototypes_per_pe
    tile_width = config.pes_per_tile * (_PLACE + _PE_GAP) - _PE_GAP + 2 * _TILE_PAD
    tile_height = rounds * (_PLACE + _ROUND_GAP) - _ROUND_GAP + 2 * _TILE_PAD
    tiles = [
        [
            Box(
                x=_MARGIN + column * (tile_width + _TILE_GAP),
                y=20 + row * (tile_height + 12),
                width=tile_width,
                height=tile_height,
            )
            for column in range(config.columns)
        ]
        for row in range(config.rows)
    ]
    drawn = config.prototype_count * config.features <= _LARGEST_PICTURE
    places, empty = [], []
    condensation = design.model.condensation
    stand_for = None if condensation is None else np.bincount(condensation.members, minlength=config.prototype_count)
    pictures = _pictures(design.quantised)
    for (round_, row, at), prototype in np.ndenumerate(held):
        column, place = divmod(at, config.pes_per_tile)
        x = tiles[row][column].x + _TILE_PAD + place * (_PLACE + _PE_GAP)
        y = tiles[row][column].y + _TILE_PAD + round_ * (_PLACE + _ROUND_GAP)
        if prototype < 0:
            empty.append((x, y))
            continue
        label = int(design.quantised.labels[prototype])
        where = f"row {row}, tile {column}, place {place}" + (f", round {round_}" if rounds > 1 else "")
        samples = "" if stand_for is None else f", stands for {stand_for[prototype]} of the training samples"
        places.append(
            Place(
                x=x,
                y=y,
                colour=class_colour(label, config.class_count),
                title=f"prototype {prototype}, class {label_text(design.classes[label])} ({where}){samples}",
                image=_picture(pictures[prototype], config.bits) if drawn else None,
            )
        )
    last = tiles[-1][-1]
    labels = [
        (str(label_text(label)), class_colour(index, config.class_count)) for index, label in enumerate(design.classes)
    ]
    return GridPicture(
        width=last.x + last.width + _MARGIN + 24,
        height=last.y + last.height + 20,
        tiles=tiles,
        places=places,
        empty=empty,
        side=_PLACE,
        legend=labels[:_LEGEND],
        more_classes=max(0, len(labels) - _LEGEND),
    )


def class_colour(index: int, count: int) -> str:
    """Hues around the circle, as light as the page wants; for many classes by the golden angle: neighbours differ."""
    hue = 360 * index / count + 205 if count <= 12 else 137.508 * index
    return f"hsl({hue % 360:.0f} 64% var(--tone))"


def range_text(ranges: dict[str, Any]) -> str:
    """Where the range of the quantiser comes from, of a report."""
    if "rows" in ranges:
        rows = "1 calibration vector" if ranges["rows"] == 1 else f"{number(ranges['rows'])} calibration vectors"
        return f"spans {rows} and the prototypes"
    if "margin_pct" in ranges:
        margin = f"a margin of up to {number(ranges['margin_pct'])} % of it on either side"
        return f"spans the prototypes and {margin}, as there were no calibration data"
    known = {"chip units": "that of the model, which is in chip units", "tables": "the levels of the model's tables"}
    return known.get(ranges["from"], str(ranges["from"]))


def bits_text(choice: dict[str, Any]) -> str:
    """What the bits cost on the calibration data, of a report."""
    points = f"{100 * abs(choice['loss']):.1f} points of {choice['quantity']}"
    cost = f"{'lose' if choice['loss'] >= 0 else 'gain'} {points}"
    limit = f"{100 * choice['max_loss']:g} points"
    if choice["named"]:
        reason = "as named"
    else:
        reason = f"the fewest that lose at most {limit}" if choice["within"] else "which lose least of all widths"
    beyond = "" if choice["within"] else f", more than {limit}"
    return f"{choice['bits']}, {reason}: they {cost} on the calibration data{beyond}"


def bits_curve(choice: BitsChoice) -> Curve | None:
    """The way to the chosen width; None if it was not chosen by data."""
    if not choice.curve or choice.named:
        return None
    accuracies = [point.accuracy for point in choice.curve]
    by_accuracy = all(accuracy is not None for accuracy in accuracies)
    shares = [
        float(a) if by_accuracy and a is not None else p.agreement
        for a, p in zip(accuracies, choice.curve, strict=True)
    ]
    bits = [point.bits for point in choice.curve]
    return _curve(
        bits,
        shares,
        chosen=bits.index(choice.bits),
        title=f"Why {choice.bits} bits",
        quantity="accuracy" if by_accuracy else "agreement with the float model",
        unit="bits",
    )


def prototypes_curve(condensation: Condensation) -> Curve | None:
    """What prototypes in place of all samples cost; None if it was not measured."""
    if not condensation.held_out:
        return None
    counts = condensation.curve_prototypes.tolist()
    return _curve(
        counts,
        condensation.curve_accuracies.tolist(),
        chosen=condensation.chosen,
        title="What few prototypes cost",
        quantity="accuracy",
        unit="prototypes",
        reference=condensation.accuracy_before,
    )


def _curve(
    numbers: list[int],
    shares: list[float],
    *,
    chosen: int,
    title: str,
    quantity: str,
    unit: str,
    reference: float | None = None,
) -> Curve:
    """Lay out a curve with an axis from the lowest tenth to 1."""
    width, height, left, right, top = 460, 180, 52, 24, 14
    low = min(0.9, math.floor(10 * min([*shares, 1.0 if reference is None else reference])) / 10)
    span = 1 - low

    def y_of(share: float) -> float:
        return round(top + (1 - share) / span * (height - top - 28), 1)

    room = width - left - right
    # A point alone stands in the middle.
    places = [left + room * (index / (len(shares) - 1) if len(shares) > 1 else 0.5) for index in range(len(shares))]
    return Curve(
        title=title,
        quantity=quantity,
        unit=unit,
        points=[
            Point(x=round(x, 1), y=y_of(share), name=number(count), share=share)
            for x, count, share in zip(places, numbers, shares, strict=True)
        ],
        chosen=chosen,
        ticks=[(y_of(share), f"{100 * share:.0f} %") for share in (low, low + span / 2, 1.0)],
        reference=None if reference is None else (y_of(reference), reference),
        width=width,
        height=height,
    )


def _pictures(model: QuantisedModel) -> NDArray[Any]:
    """What is drawn of each prototype, shape (prototypes, features): the middle of a box, nothing where masked."""
    middle = model.prototypes.mean(axis=2) if model.metric == "box" else model.exemplars
    return middle if model.masks is None else np.where(model.masks, middle, 0)


def _picture(components: NDArray[Any], bits: int) -> str:
    """A prototype as a picture of its components, row by row: dark where large, as a data URI (PNG).

    The compression stores only: so the bytes do not depend on the library's version.
    """
    side = math.ceil(math.sqrt(len(components)))
    height = -(-len(components) // side)
    alpha = np.zeros(side * height, dtype=np.uint8)
    alpha[: len(components)] = np.rint(components.astype(float) * 255 / ((1 << bits) - 1))
    pixels = np.zeros((height, side, 2), dtype=np.uint8)
    pixels[..., 1] = alpha.reshape(height, side)
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    grey_with_alpha = struct.pack(">IIBBBBB", side, height, 8, 4, 0, 0, 0)
    parts = ((b"IHDR", grey_with_alpha), (b"IDAT", zlib.compress(rows, 0)), (b"IEND", b""))
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    return "data:image/png;base64," + base64.b64encode(png).decode()
