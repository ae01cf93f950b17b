"""ULX3S with ECP5-25F (Radiona)."""

from amaranth_boards.ulx3s import ULX3S_25F_Platform

from prototile.boards.board import Board
from prototile.boards.ecp5 import LFE5U_25F_6BG381

BOARD = Board(
    name="ulx3s-25f",
    title="ULX3S-25F",
    part=LFE5U_25F_6BG381,
    platform=ULX3S_25F_Platform(),
    target_mhz=100.0,
    usb_bridge="FT231X, up to 3 Mbaud",
    led=("led",),
    reset_button=("button_fire",),
    # Otherwise the ESP32 may start its loader and take the FPGA's pins.
    held_high=(("esp32", "gpio0"),),
    load=("openFPGALoader", "-b", "ulx3s", "{bitstream}"),
    notes="Loads the FPGA until power is off; `-f` writes the flash. FIRE1 resets the chip.",
)
