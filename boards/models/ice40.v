// Models for simulation: the PLL passes its input on and is locked. Ports and parameters are those of yosys's cells, as a
// bitstream that is taken apart names all of them.

module SB_PLL40_PAD #(
  parameter FEEDBACK_PATH = "SIMPLE",
  parameter DELAY_ADJUSTMENT_MODE_FEEDBACK = "FIXED",
  parameter DELAY_ADJUSTMENT_MODE_RELATIVE = "FIXED",
  parameter PLLOUT_SELECT = "GENCLK",
  parameter [1:0] SHIFTREG_DIV_MODE = 2'd0,
  parameter [3:0] FDA_FEEDBACK = 4'd0,
  parameter [3:0] FDA_RELATIVE = 4'd0,
  parameter [3:0] DIVR = 4'd0,
  parameter [6:0] DIVF = 7'd0,
  parameter [2:0] DIVQ = 3'd0,
  parameter [2:0] FILTER_RANGE = 3'd0,
  parameter [0:0] ENABLE_ICEGATE = 1'b0,
  parameter [0:0] TEST_MODE = 1'b0
) (
  input wire PACKAGEPIN,
  output wire PLLOUTCORE,
  output wire PLLOUTGLOBAL,
  input wire EXTFEEDBACK,
  input wire [7:0] DYNAMICDELAY,
  output wire LOCK,
  input wire BYPASS,
  input wire RESETB,
  input wire LATCHINPUTVALUE,
  output wire SDO,
  input wire SDI,
  input wire SCLK
);
  assign PLLOUTCORE = PACKAGEPIN;
  assign PLLOUTGLOBAL = PACKAGEPIN;
  assign LOCK = RESETB;
  assign SDO = 1'b0;
endmodule

module SB_PLL40_CORE #(
  parameter FEEDBACK_PATH = "SIMPLE",
  parameter DELAY_ADJUSTMENT_MODE_FEEDBACK = "FIXED",
  parameter DELAY_ADJUSTMENT_MODE_RELATIVE = "FIXED",
  parameter PLLOUT_SELECT = "GENCLK",
  parameter [1:0] SHIFTREG_DIV_MODE = 2'd0,
  parameter [3:0] FDA_FEEDBACK = 4'd0,
  parameter [3:0] FDA_RELATIVE = 4'd0,
  parameter [3:0] DIVR = 4'd0,
  parameter [6:0] DIVF = 7'd0,
  parameter [2:0] DIVQ = 3'd0,
  parameter [2:0] FILTER_RANGE = 3'd0,
  parameter [0:0] ENABLE_ICEGATE = 1'b0,
  parameter [0:0] TEST_MODE = 1'b0
) (
  input wire REFERENCECLK,
  output wire PLLOUTCORE,
  output wire PLLOUTGLOBAL,
  input wire EXTFEEDBACK,
  input wire [7:0] DYNAMICDELAY,
  output wire LOCK,
  input wire BYPASS,
  input wire RESETB,
  input wire LATCHINPUTVALUE,
  output wire SDO,
  input wire SDI,
  input wire SCLK
);
  assign PLLOUTCORE = REFERENCECLK;
  assign PLLOUTGLOBAL = REFERENCECLK;
  assign LOCK = RESETB;
  assign SDO = 1'b0;
endmodule
