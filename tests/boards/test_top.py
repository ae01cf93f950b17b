import subprocess

import pytest

from prototile.boards.board import board
from prototile.boards.tools import tool
from prototile.boards.top import constraints, models, top_verilog
from prototile.sim.verilated import verilator_environment

NAMES = ["icebreaker", "ice40-hx8k", "ulx3s-25f"]


def test_pcf():
    assert constraints(board("icebreaker")) == (
        "set_io clk_in 35\nset_io -pullup yes uart_rx 6\nset_io -pullup yes uart_tx 9\n"
        "set_io led 37\nset_io reset_button 10\nset_frequency clk_in 12\n"
    )


def test_lpf():
    lines = constraints(board("ulx3s-25f")).splitlines()
    assert 'LOCATE COMP "uart_rx" SITE "M1";' in lines
    assert 'IOBUF PORT "reset_button" IO_TYPE=LVCMOS33 PULLMODE=DOWN;' in lines
    assert lines[-1] == 'FREQUENCY PORT "clk_in" 25 MHZ;'


def test_polarities():
    """A pressed button resets: it reads 0 on the iCEBreaker, 1 on the ULX3S. A busy chip lights the LED."""
    assert "locked & reset_button}" in top_verilog(board("icebreaker"))
    assert "assign led = ~busy;" in top_verilog(board("icebreaker"))
    assert "locked & ~reset_button}" in top_verilog(board("ulx3s-25f"))
    assert "assign led = busy;" in top_verilog(board("ulx3s-25f"))
    assert "assign high_0 = 1'b1;" in top_verilog(board("ulx3s-25f"))
    assert "locked};" in top_verilog(board("ice40-hx8k"))


def test_pll_is_fed_from_the_pin_only_where_it_is_wired_to_it():
    assert ".PACKAGEPIN(clk_in)" in top_verilog(board("icebreaker"))
    assert ".REFERENCECLK(clk_in)" in top_verilog(board("ice40-hx8k"))


def write_sources(name, echo_chip, folder):
    (folder / "top.v").write_text(top_verilog(board(name)))
    (folder / "models.v").write_text(models(board(name)).read_text())
    (folder / "chip.v").write_text(echo_chip[0].read_text())


@pytest.mark.tools
@pytest.mark.parametrize("name", NAMES)
def test_top_and_models_pass_yosys(name, echo_chip, tmp_path):
    write_sources(name, echo_chip, tmp_path)
    script = "read_verilog top.v models.v chip.v; hierarchy -check -top top; proc; flatten; opt_clean; check -assert"
    tool("yosys").run(["-q", "-p", script], folder=tmp_path, log=tmp_path / "log")


@pytest.mark.tools
@pytest.mark.parametrize("name", NAMES)
def test_top_and_models_pass_verilator(name, echo_chip, tmp_path):
    write_sources(name, echo_chip, tmp_path)
    command = ["verilator", "--lint-only", "-Wall", "-Wno-DECLFILENAME", "-Wno-MULTITOP", "--top-module", "top"]
    # Models stand in for hardware: what they leave unused is used there.
    # FPGAs do start with the values of declarations, and a PLL has pins that a top leaves alone.
    quiet = ["-Wno-UNUSEDSIGNAL", "-Wno-UNUSEDPARAM", "-Wno-PROCASSINIT", "-Wno-PINMISSING"]
    result = subprocess.run(
        [*command, *quiet, "top.v", "models.v", "chip.v"],
        cwd=tmp_path,
        env=verilator_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr


RESET_CHIP = """
module prototile_chip (input wire clk, input wire rst, input wire uart_rx, output wire uart_tx, output wire busy);
  assign uart_tx = uart_rx & clk;
  assign busy = rst;
endmodule
"""

# Counts clock edges until the LED, which shows the chip's reset, goes out: after the start, and after the button.
COUNT_RESET = """
#include <cstdio>
#include "Vtop.h"
Vtop top;
int count() {
  for (int edges = 0; edges < 5000; edges++) {
    if (!top.led) return edges;
    top.clk_in = 1; top.eval();
    top.clk_in = 0; top.eval();
  }
  return -1;
}
int main() {
  top.reset_button = 0; top.clk_in = 0; top.eval();
  printf("%d ", count());
  top.reset_button = 1;
  while (!top.led) { top.clk_in = 1; top.eval(); top.clk_in = 0; top.eval(); }
  printf("%d ", count());
  top.reset_button = 0; top.eval();
  printf("%d", count());
}
"""


@pytest.mark.slow
@pytest.mark.tools
def test_chip_stays_in_reset_for_the_stated_cycles(tmp_path):
    """On the ULX3S, whose button reads 1 when it is pressed."""
    ulx3s = board("ulx3s-25f")
    (tmp_path / "top.v").write_text(top_verilog(ulx3s) + models(ulx3s).read_text() + RESET_CHIP)
    (tmp_path / "main.cpp").write_text(COUNT_RESET)
    command = ["verilator", "--cc", "--exe", "--build", "-j", "2", "-O0", "-Wno-fatal", "--top-module", "top"]
    quick = ["-MAKEFLAGS", "OPT_FAST=-O0 OPT_SLOW=-O0 OPT_GLOBAL=-O0"]
    environment = verilator_environment()
    subprocess.run(
        [*command, *quick, "top.v", "main.cpp"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        check=True,
        timeout=120,
    )
    result = subprocess.run([tmp_path / "obj_dir" / "Vtop"], capture_output=True, text=True, check=True, timeout=60)
    started, held, released = (int(word) for word in result.stdout.split())
    synchroniser = 2
    assert started == ulx3s.reset_cycles + synchroniser + 1
    assert held == -1
    assert released == started
