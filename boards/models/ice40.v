// Models for simulation: the PLL passes its input on and is locked.

module SB_PLL40_PAD #(
  parameter FEEDBACK_PATH = "SIMPLE",
  parameter [3:0] DIVR = 4'd0,
  parameter [6:0] DIVF = 7'd0,
  parameter [2:0] DIVQ = 3'd0,
  parameter [2:0] FILTER_RANGE = 3'd0
) (
  input wire PACKAGEPIN,
  output wire PLLOUTCORE,
  output wire LOCK,
  input wire RESETB,
  input wire BYPASS
);
  assign PLLOUTCORE = PACKAGEPIN;
  assign LOCK = RESETB;
endmodule

module SB_PLL40_CORE #(
  parameter FEEDBACK_PATH = "SIMPLE",
  parameter [3:0] DIVR = 4'd0,
  parameter [6:0] DIVF = 7'd0,
  parameter [2:0] DIVQ = 3'd0,
  parameter [2:0] FILTER_RANGE = 3'd0
) (
  input wire REFERENCECLK,
  output wire PLLOUTCORE,
  output wire LOCK,
  input wire RESETB,
  input wire BYPASS
);
  assign PLLOUTCORE = REFERENCECLK;
  assign LOCK = RESETB;
endmodule
