// Runs the system through its ROM twice and compares the LEDs after each answer.

`timescale 1ns / 1ps
`include "sizes.vh"

module testbench;
    reg clk = 0;
    reg rst = 1;
    always #5 clk = !clk;

    wire [`CLASSES-1:0] class_led;
    wire                doubt_led;
    wire                answered;
    wire [7:0]          answer_tag;
    system system (
        .clk(clk),
        .rst(rst),
        .class_led(class_led),
        .doubt_led(doubt_led),
        .answered(answered),
        .answer_tag(answer_tag)
    );

    reg [`CLASSES:0] expected [0:`QUERIES-1];
    integer answers = 0;
    integer wrong = 0;

    initial begin
        $readmemh("expected.hex", expected);
        repeat (3) @(negedge clk);
        rst = 0;
        repeat (200000) @(negedge clk);
        $display("FAIL: %0d answers after 200000 cycles, then silence", answers);
        $finish;
    end

    always @(negedge clk)
        if (answered) begin
            if ({doubt_led, class_led} !== expected[answers % `QUERIES] || answer_tag !== answers % `QUERIES) begin
                wrong = wrong + 1;
                $display("answer %0d, tag %0d: LEDs %b, not %b", answers, answer_tag, {doubt_led, class_led},
                    expected[answers % `QUERIES]);
            end else if (answers < `QUERIES)
                $display("query %0d: class LEDs %b, doubt LED %b", answers, class_led, doubt_led);
            answers = answers + 1;
            if (answers == 2 * `QUERIES) begin
                $display("%s: %0d answers, %0d wrong", wrong ? "FAIL" : "PASS", answers, wrong);
                $finish;
            end
        end
endmodule
