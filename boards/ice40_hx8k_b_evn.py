"""iCE40-HX8K breakout board (Lattice), iCE40 HX8K."""

from amaranth_boards.ice40_hx8k_b_evn import ICE40HX8KBEVNPlatform

from prototile.boards.board import Board
from prototile.boards.ice40 import HX8K_CT256

BOARD = Board(
    name="ice40-hx8k",
    title="iCE40-HX8K breakout board",
    part=HX8K_CT256,
    platform=ICE40HX8KBEVNPlatform(),
    target_mhz=100.5,
    usb_bridge="FT2232H channel B, up to 12 Mbaud",
    led=("led",),
    load=("iceprog", "{bitstream}"),
    notes="Writes the flash, jumpers as delivered; with J6 and J7 moved, `iceprog -S` loads the FPGA itself.",
)
