// Asks prototile_core for the class of each vector in a ROM, over and over, and shows the answers on LEDs.

`include "sizes.vh"

module system (
    input  wire                clk,
    input  wire                rst,         // synchronous, active high
    output reg  [`CLASSES-1:0] class_led,   // one for each class: that of the last answer
    output reg                 doubt_led,   // the last answer is uncertain or unknown
    output reg                 answered,    // for one cycle: the LEDs are those of a new answer
    output reg  [7:0]          answer_tag   // of the query that it belongs to
);
    // Queries one after another, `WORDS words each.
    reg [`WORD_WIDTH-1:0] rom [0:`QUERIES*`WORDS-1];
    initial $readmemh("queries.hex", rom);

    reg  [15:0] address;
    reg  [15:0] word;
    reg  [7:0]  query;

    // There is always a word to send; it counts in each cycle in which the core is ready.
    wire query_valid = !rst;
    wire query_ready;
    wire query_last = word == `WORDS - 1;

    always @(posedge clk)
        if (rst) begin
            address <= 0;
            word    <= 0;
            query   <= 0;
        end else if (query_valid && query_ready) begin
            word <= query_last ? 0 : word + 1;
            if (query_last && query == `QUERIES - 1) begin
                query   <= 0;
                address <= 0;
            end else begin
                query   <= query + query_last;
                address <= address + 1;
            end
        end

    // The record waits until record_ready, which is always high here: each is looked at in the cycle in which it comes.
    wire                    record_valid;
    wire [`LABEL_WIDTH-1:0] record_label;
    wire [1:0]              record_status;
    wire [7:0]              record_tag;

    always @(posedge clk)
        if (rst) begin
            class_led <= 0;
            doubt_led <= 0;
            answered  <= 0;
        end else begin
            answered <= record_valid;
            if (record_valid) begin
                class_led  <= 1 << record_label;
                doubt_led  <= record_status != 0;
                answer_tag <= record_tag;
            end
        end

    prototile_core core (
        .clk(clk),
        .rst(rst),
        .query_valid(query_valid),
        .query_ready(query_ready),
        .query_data(rom[address]),
        .query_last(query_last),
        .query_drop(1'b0),
        .query_saturated({`SATURATED_WIDTH{1'b0}}),
        .query_tag(query),
        .record_valid(record_valid),
        .record_ready(1'b1),
        .record_label(record_label),
        .record_status(record_status),
        .record_tag(record_tag),
        .record_prototype(),
        .record_distance(),
        .record_runner_up(),
        .record_margin(),
        .record_tie(),
        .record_saturated()
    );
endmodule
