// Model for simulation: the PLL passes its input on and is locked.

module EHXPLLL #(
  parameter PLLRST_ENA = "DISABLED",
  parameter INTFB_WAKE = "DISABLED",
  parameter STDBY_ENABLE = "DISABLED",
  parameter DPHASE_SOURCE = "DISABLED",
  parameter OUTDIVIDER_MUXA = "DIVA",
  parameter integer CLKI_DIV = 1,
  parameter integer CLKFB_DIV = 1,
  parameter CLKOP_ENABLE = "ENABLED",
  parameter integer CLKOP_DIV = 8,
  parameter integer CLKOP_CPHASE = 0,
  parameter integer CLKOP_FPHASE = 0,
  parameter FEEDBK_PATH = "CLKOP"
) (
  input wire CLKI,
  input wire CLKFB,
  input wire RST,
  input wire STDBY,
  input wire PHASESEL0,
  input wire PHASESEL1,
  input wire PHASEDIR,
  input wire PHASESTEP,
  input wire PHASELOADREG,
  input wire PLLWAKESYNC,
  input wire ENCLKOP,
  output wire CLKOP,
  output wire LOCK
);
  assign CLKOP = CLKI;
  assign LOCK = ~RST;
endmodule
