"""A board: its FPGA, its pins, its clock, its serial port, and how a bitstream gets into it."""

import difflib
import importlib
import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from prototile.boards.family import Part, Pll
from prototile.boards.pins import Pin, clock_mhz, find_pin
from prototile.errors import BoardError

#: Modules of this package that each hold one `BOARD`.
_MODULES = ("icebreaker", "ice40_hx8k_b_evn", "ulx3s_25f")


@dataclass(frozen=True, kw_only=True)
class Board:
    """One board. Pin numbers and input clock come from its description in amaranth-boards.

    Parameters
    ----------
    name, title
        Name that users type, and name that they read.
    part
        The FPGA.
    platform
        Description of the board in amaranth-boards, an ``amaranth.build.Platform``.
    target_mhz
        Clock that the chip runs at, made by a PLL from the board's clock.
    baud
        Bits per second of the serial port.
    usb_bridge
        The chip between the serial port and USB, with its largest rate.
    led
        Resource that lights while the chip works.
    reset_button
        Resource that holds the chip in reset; None on boards without a button.
    held_high
        Pins that must be driven high for the board to work, each as resource and subsignals.
    clock_pin_feeds_pll
        Whether the clock comes in at the pin that is wired to a PLL directly.
    load
        Command that loads a bitstream, with ``{bitstream}`` for its path.
    notes
        What a user should know.
    """

    name: str
    title: str
    part: Part
    platform: Any
    target_mhz: float
    baud: int = 2_000_000
    usb_bridge: str
    led: tuple[str, ...]
    reset_button: tuple[str, ...] | None = None
    held_high: tuple[tuple[str, ...], ...] = ()
    clock_pin_feeds_pll: bool = False
    load: tuple[str, ...]
    notes: str = ""

    @cached_property
    def clock_in_mhz(self) -> float:
        """Clock that the board feeds to the FPGA."""
        return clock_mhz(self.platform)

    @cached_property
    def pll(self) -> Pll:
        """Settings of the PLL that makes the chip's clock."""
        return self.part.family.pll(
            input_mhz=self.clock_in_mhz, output_mhz=self.target_mhz, from_pad=self.clock_pin_feeds_pll
        )

    @property
    def clock_mhz(self) -> float:
        """Clock of the chip as the PLL makes it."""
        return float(self.pll.output_mhz)

    @property
    def baud_divisor(self) -> int:
        """Clock cycles per bit of the serial port."""
        return round(self.clock_mhz * 1e6 / self.baud)

    @property
    def baud_error(self) -> float:
        """How far the serial port is off its rate, as a fraction; receivers bear about 0.02 on each side."""
        return self.clock_mhz * 1e6 / self.baud_divisor / self.baud - 1

    @property
    def reset_cycles(self) -> int:
        """Clock cycles that the chip stays in reset once the PLL is locked."""
        return max(16, math.ceil(self.part.family.settling_us * self.clock_mhz))

    @cached_property
    def pins(self) -> tuple[Pin, ...]:
        """Ports of the top: ``clk_in``, ``uart_rx``, ``uart_tx``, ``led``, ``reset_button`` if any, ``high_<n>``."""
        paths = {
            "clk_in": (self.platform.default_clk,),
            "uart_rx": ("uart", "rx"),
            "uart_tx": ("uart", "tx"),
            "led": self.led,
        }
        if self.reset_button is not None:
            paths["reset_button"] = self.reset_button
        held = [find_pin(self.platform, f"high_{index}", path) for index, path in enumerate(self.held_high)]
        return (
            *(find_pin(self.platform, port, path) for port, path in paths.items()),
            *(replace(pin, output=True) for pin in held),
        )

    def load_command(self, bitstream: str) -> list[str]:
        """Command line that loads the bitstream at this path."""
        return [word.format(bitstream=bitstream) for word in self.load]

    def to_dict(self) -> dict[str, Any]:
        """What ``prototile boards --json`` tells of a board."""
        return {
            "name": self.name,
            "title": self.title,
            "part": self.part.name,
            "family": self.part.family.name,
            "package": self.part.package,
            "clock_in_mhz": self.clock_in_mhz,
            "target_mhz": self.target_mhz,
            "baud": self.baud,
            "usb_bridge": self.usb_bridge,
            "available": self.part.available.to_dict(),
            "load": list(self.load),
            "notes": self.notes,
        }


def boards() -> dict[str, Board]:
    """All boards by name."""
    found = [importlib.import_module(f"{__package__}.{module}").BOARD for module in _MODULES]
    return {board.name: board for board in found}


def board(name: str) -> Board:
    """The board of this name.

    Raises
    ------
    BoardError
        If there is none; the message names those that come near.
    """
    known = boards()
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}?" if near else f"choose one of {', '.join(known)}."
    raise BoardError(f"{name!r} is not a board that prototile knows: {hint}")
