"""The top of a board in plain Verilog: pins, PLL and reset around the chip; and the constraints of its pins."""

from pathlib import Path

from prototile.boards.board import Board
from prototile.boards.pins import Pin

#: Module that the generator writes, with ports ``clk``, ``rst``, ``uart_rx``, ``uart_tx``, ``busy``.
CHIP_MODULE = "prototile_chip"
TOP_MODULE = "top"


def top_verilog(board: Board) -> str:
    """Verilog of module `TOP_MODULE`, which holds one `CHIP_MODULE`.

    The chip leaves reset `Board.reset_cycles` after the PLL has locked and the reset button, if any, was let go.
    """
    pins = {pin.port: pin for pin in board.pins}
    ports = ",\n".join(f"  {'output' if pin.output else 'input'} wire {pin.port}" for pin in board.pins)
    held = "".join(f"  assign {pin.port} = 1'b1;\n" for pin in board.pins if pin.port.startswith("high_"))
    ready = "locked"
    if "reset_button" in pins:
        ready += f" & {_level(pins['reset_button'], '~reset_button')}"
    width = board.reset_cycles.bit_length()
    return f"""\
// {board.title}: {board.clock_in_mhz:g} MHz in, {board.clock_mhz:g} MHz for the chip, UART at {board.baud} baud.
module {TOP_MODULE} (
{ports}
);
  wire clk, locked, busy;

{board.pll.instance(clock_in="clk_in", clock_out="clk", locked="locked")}
  // Both come from outside the clock domain.
  reg [1:0] ready = 2'b00;
  always @(posedge clk) ready <= {{ready[0], {ready}}};

  // Memory contents can be read some time after configuration only.
  reg [{width - 1}:0] waited = {width}'d0;
  reg running = 1'b0;
  always @(posedge clk)
    if (!ready[1]) begin
      waited <= {width}'d0;
      running <= 1'b0;
    end else if (waited != {width}'d{board.reset_cycles})
      waited <= waited + {width}'d1;
    else
      running <= 1'b1;

  {CHIP_MODULE} chip (
    .clk(clk),
    .rst(~running),
    .uart_rx(uart_rx),
    .uart_tx(uart_tx),
    .busy(busy)
  );

  assign led = {_level(pins["led"], "busy")};
{held}endmodule
"""


def constraints(board: Board) -> str:
    """Text of the constraints file of a board: its pins and its clock."""
    return board.part.family.constraints(board.pins, clock_in_mhz=board.clock_in_mhz)


def models(board: Board) -> Path:
    """Verilog models of the primitives in the board's top, for simulation: the PLL passes its input on."""
    return Path(__file__).with_name("models") / f"{board.part.family.name}.v"


def _level(pin: Pin, expression: str) -> str:
    """What stands for `expression` on a pin that the board may invert."""
    return f"~{expression}".removeprefix("~~") if pin.inverted else expression
