// Stands in for the generated chip: sends back what comes in, mixed with the words of one block RAM.
module prototile_chip (input wire clk, input wire rst, input wire uart_rx, output wire uart_tx, output wire busy);
  (* rom_style = "block" *) reg [15:0] memory [0:255];
  initial begin
    memory[0] = 16'h0000;
    memory[1] = 16'hffff;
  end
  reg [7:0] address = 8'd0;
  reg [15:0] word;
  reg line = 1'b1;
  always @(posedge clk) begin
    word <= memory[address];
    if (rst) begin
      address <= 8'd0;
      line <= 1'b1;
    end else begin
      address <= address + {7'd0, uart_rx};
      line <= uart_rx ^ ^word;
    end
  end
  assign uart_tx = line;
  assign busy = ~line;
endmodule
