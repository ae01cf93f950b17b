"""Pins of a board, read from its description in amaranth-boards."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from amaranth.build import Pins, Subsignal


@dataclass(frozen=True, kw_only=True)
class Pin:
    """One port of the board's top and the pin it goes to.

    Parameters
    ----------
    port
        Name of the port in Verilog.
    site
        Pin of the package.
    output
        Whether the FPGA drives it.
    inverted
        Whether the board inverts it: an LED that lights, or a button that is pressed, at 0.
    attributes
        Electrical settings by the vendor's names.
    """

    port: str
    site: str
    output: bool
    inverted: bool = False
    attributes: Mapping[str, Any] = field(default_factory=dict)


def find_pin(platform: Any, port: str, path: tuple[str, ...]) -> Pin:
    """The pin that a board's description has under a resource and, if any, its subsignals.

    Parameters
    ----------
    platform
        The board's description, an ``amaranth.build.Platform``.
    port
        Name that the port of the top gets.
    path
        Name of the resource (its number 0), then of a subsignal, such as ``("uart", "rx")``.

    Raises
    ------
    LookupError
        If the description has no such pin, or more than one.
    """
    resource = platform.lookup(path[0], 0)
    attributes = dict(resource.attrs)
    ios = resource.ios
    for name in path[1:]:
        subsignal = next((io for io in ios if isinstance(io, Subsignal) and io.name == name), None)
        if subsignal is None:
            raise LookupError(f"{resource!r} has no subsignal {name!r}")
        attributes.update(subsignal.attrs)
        ios = subsignal.ios
    if len(ios) != 1 or not isinstance(ios[0], Pins) or len(ios[0].names) != 1 or ":" in ios[0].names[0]:
        raise LookupError(f"{'.'.join(path)} of {type(platform).__name__} is not one pin of the package")
    (pins,) = ios
    return Pin(port=port, site=pins.names[0], output=pins.dir == "o", inverted=pins.invert, attributes=attributes)


def clock_mhz(platform: Any) -> float:
    """Frequency of the clock that the board feeds to its FPGA."""
    return float(platform.lookup(platform.default_clk, 0).clock.frequency) / 1e6
