// Read-only memory in 16-bit words of an iCE40 block RAM.
//
// Does what yosys' own ice40/brams_map.v does for them, which takes about a second for each block RAM because it computes
// another order of the bits: here words lie in INIT as they are. All other block RAMs are left to yosys.
(* techmap_celltype = "$__ICE40_RAM4K_" *)
module ice40_rom_of_16_bits (...);

parameter [4095:0] INIT = 4096'd0;
parameter OPTION_HAS_BE = 1;
parameter PORT_R_WIDTH = 16;
parameter PORT_W_WIDTH = 16;
parameter PORT_W_WR_BE_WIDTH = 16;
parameter PORT_R_CLK_POL = 1;
parameter PORT_W_CLK_POL = 1;
parameter _TECHMAP_CONSTMSK_PORT_W_WR_EN_ = 1'b0;
parameter _TECHMAP_CONSTVAL_PORT_W_WR_EN_ = 1'b0;

input PORT_R_CLK;
input PORT_R_RD_EN;
input [10:0] PORT_R_ADDR;
output [PORT_R_WIDTH-1:0] PORT_R_RD_DATA;

input PORT_W_CLK;
input PORT_W_WR_EN;
input [15:0] PORT_W_WR_BE;
input [10:0] PORT_W_ADDR;
input [PORT_W_WIDTH-1:0] PORT_W_WR_DATA;

localparam never_written = _TECHMAP_CONSTMSK_PORT_W_WR_EN_ && !_TECHMAP_CONSTVAL_PORT_W_WR_EN_;
wire _TECHMAP_FAIL_ = !never_written || PORT_R_WIDTH != 16 || !PORT_R_CLK_POL;

SB_RAM40_4K #(
  .INIT_0(INIT[255:0]),
  .INIT_1(INIT[511:256]),
  .INIT_2(INIT[767:512]),
  .INIT_3(INIT[1023:768]),
  .INIT_4(INIT[1279:1024]),
  .INIT_5(INIT[1535:1280]),
  .INIT_6(INIT[1791:1536]),
  .INIT_7(INIT[2047:1792]),
  .INIT_8(INIT[2303:2048]),
  .INIT_9(INIT[2559:2304]),
  .INIT_A(INIT[2815:2560]),
  .INIT_B(INIT[3071:2816]),
  .INIT_C(INIT[3327:3072]),
  .INIT_D(INIT[3583:3328]),
  .INIT_E(INIT[3839:3584]),
  .INIT_F(INIT[4095:3840]),
  .READ_MODE(0),
  .WRITE_MODE(0)
) _TECHMAP_REPLACE_ (
  .RDATA(PORT_R_RD_DATA),
  .RCLK(PORT_R_CLK),
  .RCLKE(PORT_R_RD_EN),
  .RE(1'b1),
  .RADDR({3'b000, PORT_R_ADDR[10:3]}),
  .WDATA(16'd0),
  .MASK(16'd0),
  .WCLK(1'b0),
  .WCLKE(1'b0),
  .WE(1'b0),
  .WADDR(11'd0)
);
endmodule
