"""iCEBreaker (1BitSquared), iCE40 UltraPlus 5K."""

from amaranth_boards.icebreaker import ICEBreakerPlatform

from prototile.boards.board import Board
from prototile.boards.ice40 import UP5K_SG48

BOARD = Board(
    name="icebreaker",
    title="iCEBreaker",
    part=UP5K_SG48,
    platform=ICEBreakerPlatform(),
    target_mhz=36.0,
    usb_bridge="FT2232H channel B, up to 12 Mbaud",
    led=("led_g",),
    reset_button=("button",),
    clock_pin_feeds_pll=True,
    load=("iceprog", "{bitstream}"),
    notes="Writes the flash; the serial port is the second of the two that appear.",
)
