import json
from itertools import product

import pytest

from prototile.boards.ecp5 import ECP5
from prototile.boards.ice40 import ICE40
from prototile.boards.tools import tool

WIDTHS = (1, 2, 3, 4, 7, 8, 9, 12, 16, 17, 20, 32, 36, 40, 72, 100)
DEPTHS = (16, 256, 257, 512, 600, 1000, 1500, 3000, 4096)


@pytest.mark.parametrize(
    ("family", "width", "depth", "expected"),
    [
        (ICE40, 16, 256, 1),
        (ICE40, 8, 512, 1),
        (ICE40, 2, 2048, 1),
        (ICE40, 16, 512, 2),
        (ICE40, 64, 64, 4),
        (ECP5, 36, 512, 1),
        (ECP5, 18, 1024, 1),
        (ECP5, 1, 16384, 1),
        (ECP5, 36, 513, 2),
    ],
)
def test_shapes_of_one_block_ram(family, width, depth, expected):
    assert family.block_ram_count(width=width, depth=depth) == expected


def test_slices_share_a_block_ram_only_as_far_as_they_can_be_written():
    assert ECP5.block_ram_count(width=12, depth=1500) == 1
    assert ECP5.block_ram_count(width=12, depth=1500, writable=True) == 2


@pytest.mark.tools
@pytest.mark.parametrize("writable", [False, True])
@pytest.mark.parametrize(
    ("family", "library", "cells"),
    [
        (ICE40, "+/ice40/brams.txt", {"$__ICE40_RAM4K_"}),
        (ECP5, "+/lattice/brams_16kd.txt", {"$__DP16KD_", "$__PDPW16KD_"}),
    ],
)
def test_counts_are_those_of_yosys(family, library, cells, writable, tmp_path):
    shapes = list(product(WIDTHS, DEPTHS))
    (tmp_path / "m.v").write_text("".join(memory_verilog(width, depth, writable) for width, depth in shapes))
    script = f"read_verilog m.v; proc; opt; memory -nomap -no-rw-check; opt_clean; memory_libmap -lib {library}"
    arguments = ["-q", "-p", f"{script}; tee -q -o stat.json stat -json"]
    tool("yosys").run(arguments, folder=tmp_path, log=tmp_path / "log")
    modules = json.loads((tmp_path / "stat.json").read_text())["modules"]
    for width, depth in shapes:
        counts = modules[f"\\m_{width}_{depth}"]["num_cells_by_type"]
        found = sum(count for cell, count in counts.items() if cell in cells)
        assert found == family.block_ram_count(width=width, depth=depth, writable=writable), (width, depth)


def memory_verilog(width: int, depth: int, writable: bool) -> str:
    """Two words of its start value differ in every bit, so that none of them is a constant."""
    top = (depth - 1).bit_length() - 1
    ports = f"input we, input [{top}:0] wa, input [{width - 1}:0] wd, " if writable else ""
    body = "if (we) m[wa] <= wd;" if writable else ""
    start = "" if writable else f"initial begin m[0] = {width}'d0; m[1] = ~{width}'d0; end"
    return f"""
module m_{width}_{depth} (input clk, {ports}input [{top}:0] ra, output reg [{width - 1}:0] rd);
  (* ram_style = "block" *) reg [{width - 1}:0] m [0:{depth - 1}];
  {start}
  always @(posedge clk) begin rd <= m[ra]; {body} end
endmodule
"""
