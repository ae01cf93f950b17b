// Models for simulation of Gowin block RAM, for which yosys has no behaviour: after Gowin UG285, as far as yosys makes use
// of it. One rising clock edge a port, no output register of the block's own, no reset of the outputs.

`define INITS(W) \
parameter [W-1:0] INIT_RAM_00 = 0, parameter [W-1:0] INIT_RAM_01 = 0, \
parameter [W-1:0] INIT_RAM_02 = 0, parameter [W-1:0] INIT_RAM_03 = 0, \
parameter [W-1:0] INIT_RAM_04 = 0, parameter [W-1:0] INIT_RAM_05 = 0, \
parameter [W-1:0] INIT_RAM_06 = 0, parameter [W-1:0] INIT_RAM_07 = 0, \
parameter [W-1:0] INIT_RAM_08 = 0, parameter [W-1:0] INIT_RAM_09 = 0, \
parameter [W-1:0] INIT_RAM_0A = 0, parameter [W-1:0] INIT_RAM_0B = 0, \
parameter [W-1:0] INIT_RAM_0C = 0, parameter [W-1:0] INIT_RAM_0D = 0, \
parameter [W-1:0] INIT_RAM_0E = 0, parameter [W-1:0] INIT_RAM_0F = 0, \
parameter [W-1:0] INIT_RAM_10 = 0, parameter [W-1:0] INIT_RAM_11 = 0, \
parameter [W-1:0] INIT_RAM_12 = 0, parameter [W-1:0] INIT_RAM_13 = 0, \
parameter [W-1:0] INIT_RAM_14 = 0, parameter [W-1:0] INIT_RAM_15 = 0, \
parameter [W-1:0] INIT_RAM_16 = 0, parameter [W-1:0] INIT_RAM_17 = 0, \
parameter [W-1:0] INIT_RAM_18 = 0, parameter [W-1:0] INIT_RAM_19 = 0, \
parameter [W-1:0] INIT_RAM_1A = 0, parameter [W-1:0] INIT_RAM_1B = 0, \
parameter [W-1:0] INIT_RAM_1C = 0, parameter [W-1:0] INIT_RAM_1D = 0, \
parameter [W-1:0] INIT_RAM_1E = 0, parameter [W-1:0] INIT_RAM_1F = 0, \
parameter [W-1:0] INIT_RAM_20 = 0, parameter [W-1:0] INIT_RAM_21 = 0, \
parameter [W-1:0] INIT_RAM_22 = 0, parameter [W-1:0] INIT_RAM_23 = 0, \
parameter [W-1:0] INIT_RAM_24 = 0, parameter [W-1:0] INIT_RAM_25 = 0, \
parameter [W-1:0] INIT_RAM_26 = 0, parameter [W-1:0] INIT_RAM_27 = 0, \
parameter [W-1:0] INIT_RAM_28 = 0, parameter [W-1:0] INIT_RAM_29 = 0, \
parameter [W-1:0] INIT_RAM_2A = 0, parameter [W-1:0] INIT_RAM_2B = 0, \
parameter [W-1:0] INIT_RAM_2C = 0, parameter [W-1:0] INIT_RAM_2D = 0, \
parameter [W-1:0] INIT_RAM_2E = 0, parameter [W-1:0] INIT_RAM_2F = 0, \
parameter [W-1:0] INIT_RAM_30 = 0, parameter [W-1:0] INIT_RAM_31 = 0, \
parameter [W-1:0] INIT_RAM_32 = 0, parameter [W-1:0] INIT_RAM_33 = 0, \
parameter [W-1:0] INIT_RAM_34 = 0, parameter [W-1:0] INIT_RAM_35 = 0, \
parameter [W-1:0] INIT_RAM_36 = 0, parameter [W-1:0] INIT_RAM_37 = 0, \
parameter [W-1:0] INIT_RAM_38 = 0, parameter [W-1:0] INIT_RAM_39 = 0, \
parameter [W-1:0] INIT_RAM_3A = 0, parameter [W-1:0] INIT_RAM_3B = 0, \
parameter [W-1:0] INIT_RAM_3C = 0, parameter [W-1:0] INIT_RAM_3D = 0, \
parameter [W-1:0] INIT_RAM_3E = 0, parameter [W-1:0] INIT_RAM_3F = 0

`define ALL_INITS { \
INIT_RAM_3F, INIT_RAM_3E, INIT_RAM_3D, INIT_RAM_3C, INIT_RAM_3B, INIT_RAM_3A, INIT_RAM_39, INIT_RAM_38, \
INIT_RAM_37, INIT_RAM_36, INIT_RAM_35, INIT_RAM_34, INIT_RAM_33, INIT_RAM_32, INIT_RAM_31, INIT_RAM_30, \
INIT_RAM_2F, INIT_RAM_2E, INIT_RAM_2D, INIT_RAM_2C, INIT_RAM_2B, INIT_RAM_2A, INIT_RAM_29, INIT_RAM_28, \
INIT_RAM_27, INIT_RAM_26, INIT_RAM_25, INIT_RAM_24, INIT_RAM_23, INIT_RAM_22, INIT_RAM_21, INIT_RAM_20, \
INIT_RAM_1F, INIT_RAM_1E, INIT_RAM_1D, INIT_RAM_1C, INIT_RAM_1B, INIT_RAM_1A, INIT_RAM_19, INIT_RAM_18, \
INIT_RAM_17, INIT_RAM_16, INIT_RAM_15, INIT_RAM_14, INIT_RAM_13, INIT_RAM_12, INIT_RAM_11, INIT_RAM_10, \
INIT_RAM_0F, INIT_RAM_0E, INIT_RAM_0D, INIT_RAM_0C, INIT_RAM_0B, INIT_RAM_0A, INIT_RAM_09, INIT_RAM_08, \
INIT_RAM_07, INIT_RAM_06, INIT_RAM_05, INIT_RAM_04, INIT_RAM_03, INIT_RAM_02, INIT_RAM_01, INIT_RAM_00 }

// 2,048 bytes of 8 or 9 bits, and two ports. Words of 16 or 18 and of 32 or 36 bits have byte enables in the low bits of
// the address.
module gowin_bsram #(
  parameter integer BYTE = 9,
  parameter [BYTE*2048-1:0] CONTENTS = 0,
  parameter integer WIDTH_A = 9,
  parameter integer WIDTH_B = 9,
  parameter [1:0] MODE_A = 2'b00,
  parameter [1:0] MODE_B = 2'b00
) (
  input wire clk_a, ce_a, wre_a,
  input wire [13:0] address_a,
  input wire [4*BYTE-1:0] in_a,
  output reg [4*BYTE-1:0] out_a,
  input wire clk_b, ce_b, wre_b,
  input wire [13:0] address_b,
  input wire [4*BYTE-1:0] in_b,
  output reg [4*BYTE-1:0] out_b
);
  reg [BYTE-1:0] held [0:2047];
  integer at;
  initial begin
    for (at = 0; at < 2048; at = at + 1) held[at] = CONTENTS[at * BYTE +: BYTE];
    out_a = 0;
    out_b = 0;
  end

  function [4*BYTE-1:0] read(input integer width, input [13:0] address);
    begin
      read = 0;
      case (width)
        1: read[0] = held[address[13:3]][address[2:0]];
        2: read[1:0] = held[address[13:3]][{address[2:1], 1'b0} +: 2];
        4: read[3:0] = held[address[13:3]][{address[2], 2'b00} +: 4];
        BYTE: read[BYTE-1:0] = held[address[13:3]];
        2*BYTE: read[2*BYTE-1:0] = {held[{address[13:4], 1'b1}], held[{address[13:4], 1'b0}]};
        default: read = {held[{address[13:5], 2'd3}], held[{address[13:5], 2'd2}],
                         held[{address[13:5], 2'd1}], held[{address[13:5], 2'd0}]};
      endcase
    end
  endfunction

  task write(input integer width, input [13:0] address, input [4*BYTE-1:0] data);
    case (width)
      1: held[address[13:3]][address[2:0]] = data[0];
      2: held[address[13:3]][{address[2:1], 1'b0} +: 2] = data[1:0];
      4: held[address[13:3]][{address[2], 2'b00} +: 4] = data[3:0];
      BYTE: held[address[13:3]] = data[BYTE-1:0];
      2*BYTE: begin
        if (address[0]) held[{address[13:4], 1'b0}] = data[0 +: BYTE];
        if (address[1]) held[{address[13:4], 1'b1}] = data[BYTE +: BYTE];
      end
      default: begin
        if (address[0]) held[{address[13:5], 2'd0}] = data[0 +: BYTE];
        if (address[1]) held[{address[13:5], 2'd1}] = data[BYTE +: BYTE];
        if (address[2]) held[{address[13:5], 2'd2}] = data[2*BYTE +: BYTE];
        if (address[3]) held[{address[13:5], 2'd3}] = data[3*BYTE +: BYTE];
      end
    endcase
  endtask

  always @(posedge clk_a)
    if (ce_a) begin
      if (!wre_a || MODE_A == 2'b10) out_a <= read(WIDTH_A, address_a);
      if (wre_a) begin
        write(WIDTH_A, address_a, in_a);
        if (MODE_A == 2'b01) out_a <= read(WIDTH_A, address_a);
      end
    end

  always @(posedge clk_b)
    if (ce_b) begin
      if (!wre_b || MODE_B == 2'b10) out_b <= read(WIDTH_B, address_b);
      if (wre_b) begin
        write(WIDTH_B, address_b, in_b);
        if (MODE_B == 2'b01) out_b <= read(WIDTH_B, address_b);
      end
    end
endmodule

module SP #(
  parameter READ_MODE = 1'b0,
  parameter [1:0] WRITE_MODE = 2'b00,
  parameter integer BIT_WIDTH = 32,
  parameter [2:0] BLK_SEL = 3'b000,
  parameter RESET_MODE = "SYNC",
  `INITS(256)
) (
  output wire [31:0] DO,
  input wire [31:0] DI,
  input wire [2:0] BLKSEL,
  input wire [13:0] AD,
  input wire WRE, CLK, CE, OCE, RESET
);
  gowin_bsram #(.BYTE(8), .CONTENTS(`ALL_INITS), .WIDTH_A(BIT_WIDTH), .MODE_A(WRITE_MODE)) ram (
    .clk_a(CLK), .ce_a(CE), .wre_a(WRE), .address_a(AD), .in_a(DI), .out_a(DO),
    .clk_b(1'b0), .ce_b(1'b0), .wre_b(1'b0), .address_b(14'd0), .in_b(32'd0), .out_b()
  );
endmodule

module SPX9 #(
  parameter READ_MODE = 1'b0,
  parameter [1:0] WRITE_MODE = 2'b00,
  parameter integer BIT_WIDTH = 36,
  parameter [2:0] BLK_SEL = 3'b000,
  parameter RESET_MODE = "SYNC",
  `INITS(288)
) (
  output wire [35:0] DO,
  input wire [35:0] DI,
  input wire [2:0] BLKSEL,
  input wire [13:0] AD,
  input wire WRE, CLK, CE, OCE, RESET
);
  gowin_bsram #(.BYTE(9), .CONTENTS(`ALL_INITS), .WIDTH_A(BIT_WIDTH), .MODE_A(WRITE_MODE)) ram (
    .clk_a(CLK), .ce_a(CE), .wre_a(WRE), .address_a(AD), .in_a(DI), .out_a(DO),
    .clk_b(1'b0), .ce_b(1'b0), .wre_b(1'b0), .address_b(14'd0), .in_b(36'd0), .out_b()
  );
endmodule

module SDPB #(
  parameter READ_MODE = 1'b0,
  parameter integer BIT_WIDTH_0 = 32,
  parameter integer BIT_WIDTH_1 = 32,
  parameter [2:0] BLK_SEL_0 = 3'b000,
  parameter [2:0] BLK_SEL_1 = 3'b000,
  parameter RESET_MODE = "SYNC",
  `INITS(256)
) (
  output wire [31:0] DO,
  input wire [31:0] DI,
  input wire [2:0] BLKSELA, BLKSELB,
  input wire [13:0] ADA, ADB,
  input wire CLKA, CLKB, CEA, CEB, OCE, RESETA, RESETB
);
  gowin_bsram #(.BYTE(8), .CONTENTS(`ALL_INITS), .WIDTH_A(BIT_WIDTH_0), .WIDTH_B(BIT_WIDTH_1)) ram (
    .clk_a(CLKA), .ce_a(CEA), .wre_a(1'b1), .address_a(ADA), .in_a(DI), .out_a(),
    .clk_b(CLKB), .ce_b(CEB), .wre_b(1'b0), .address_b(ADB), .in_b(32'd0), .out_b(DO)
  );
endmodule

module SDPX9B #(
  parameter READ_MODE = 1'b0,
  parameter integer BIT_WIDTH_0 = 36,
  parameter integer BIT_WIDTH_1 = 36,
  parameter [2:0] BLK_SEL_0 = 3'b000,
  parameter [2:0] BLK_SEL_1 = 3'b000,
  parameter RESET_MODE = "SYNC",
  `INITS(288)
) (
  output wire [35:0] DO,
  input wire [35:0] DI,
  input wire [2:0] BLKSELA, BLKSELB,
  input wire [13:0] ADA, ADB,
  input wire CLKA, CLKB, CEA, CEB, OCE, RESETA, RESETB
);
  gowin_bsram #(.BYTE(9), .CONTENTS(`ALL_INITS), .WIDTH_A(BIT_WIDTH_0), .WIDTH_B(BIT_WIDTH_1)) ram (
    .clk_a(CLKA), .ce_a(CEA), .wre_a(1'b1), .address_a(ADA), .in_a(DI), .out_a(),
    .clk_b(CLKB), .ce_b(CEB), .wre_b(1'b0), .address_b(ADB), .in_b(36'd0), .out_b(DO)
  );
endmodule

module DPB #(
  parameter READ_MODE0 = 1'b0,
  parameter READ_MODE1 = 1'b0,
  parameter [1:0] WRITE_MODE0 = 2'b00,
  parameter [1:0] WRITE_MODE1 = 2'b00,
  parameter integer BIT_WIDTH_0 = 16,
  parameter integer BIT_WIDTH_1 = 16,
  parameter [2:0] BLK_SEL_0 = 3'b000,
  parameter [2:0] BLK_SEL_1 = 3'b000,
  parameter RESET_MODE = "SYNC",
  `INITS(256)
) (
  output wire [15:0] DOA, DOB,
  input wire [15:0] DIA, DIB,
  input wire [2:0] BLKSELA, BLKSELB,
  input wire [13:0] ADA, ADB,
  input wire WREA, WREB, CLKA, CLKB, CEA, CEB, OCEA, OCEB, RESETA, RESETB
);
  wire [31:0] a, b;
  gowin_bsram #(
    .BYTE(8), .CONTENTS(`ALL_INITS),
    .WIDTH_A(BIT_WIDTH_0), .WIDTH_B(BIT_WIDTH_1), .MODE_A(WRITE_MODE0), .MODE_B(WRITE_MODE1)
  ) ram (
    .clk_a(CLKA), .ce_a(CEA), .wre_a(WREA), .address_a(ADA), .in_a({16'd0, DIA}), .out_a(a),
    .clk_b(CLKB), .ce_b(CEB), .wre_b(WREB), .address_b(ADB), .in_b({16'd0, DIB}), .out_b(b)
  );
  assign DOA = a[15:0];
  assign DOB = b[15:0];
endmodule

module DPX9B #(
  parameter READ_MODE0 = 1'b0,
  parameter READ_MODE1 = 1'b0,
  parameter [1:0] WRITE_MODE0 = 2'b00,
  parameter [1:0] WRITE_MODE1 = 2'b00,
  parameter integer BIT_WIDTH_0 = 18,
  parameter integer BIT_WIDTH_1 = 18,
  parameter [2:0] BLK_SEL_0 = 3'b000,
  parameter [2:0] BLK_SEL_1 = 3'b000,
  parameter RESET_MODE = "SYNC",
  `INITS(288)
) (
  output wire [17:0] DOA, DOB,
  input wire [17:0] DIA, DIB,
  input wire [2:0] BLKSELA, BLKSELB,
  input wire [13:0] ADA, ADB,
  input wire WREA, WREB, CLKA, CLKB, CEA, CEB, OCEA, OCEB, RESETA, RESETB
);
  wire [35:0] a, b;
  gowin_bsram #(
    .BYTE(9), .CONTENTS(`ALL_INITS),
    .WIDTH_A(BIT_WIDTH_0), .WIDTH_B(BIT_WIDTH_1), .MODE_A(WRITE_MODE0), .MODE_B(WRITE_MODE1)
  ) ram (
    .clk_a(CLKA), .ce_a(CEA), .wre_a(WREA), .address_a(ADA), .in_a({18'd0, DIA}), .out_a(a),
    .clk_b(CLKB), .ce_b(CEB), .wre_b(WREB), .address_b(ADB), .in_b({18'd0, DIB}), .out_b(b)
  );
  assign DOA = a[17:0];
  assign DOB = b[17:0];
endmodule
