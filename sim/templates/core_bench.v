// Plays queries to the core and writes down its records, as core.cpp does for the compiled core, cycle by cycle.
//
// Macros: COUNT queries of WORDS words of WORD_WIDTH bits, SATURATED_WIDTH, the widths of the record's fields, STALL_IN and
// STALL_OUT in 256ths, RESETS and their SPAN, WATCHDOG, SEED; WRITES words for memories of WRITE_WIDTH bits (with
// WRITABLE); WAVES, the file for the waveform.
// Reads words.hex, saturated.hex, writes.hex; writes records.hex: per query the fields in the order below, then the cycles
// of first word taken, last word taken, record taken; and cycles.hex.
`timescale 1ns / 1ps
module core_bench;
  reg clk = 1'b0, rst = 1'b1;
  reg query_valid = 1'b0, query_last = 1'b0, query_drop = 1'b0, record_ready = 1'b0;
  reg [`WORD_WIDTH-1:0] query_data = 0;
  reg [`SATURATED_WIDTH-1:0] query_saturated = 0;
  reg [7:0] query_tag = 8'd0;
  wire query_ready, record_valid;
  wire [7:0] record_tag;
  wire [`PROTOTYPE_WIDTH-1:0] record_prototype;
  wire [`DISTANCE_WIDTH-1:0] record_distance;
  wire [`LABEL_WIDTH-1:0] record_label;
  wire [`RUNNER_UP_WIDTH-1:0] record_runner_up;
  wire [`MARGIN_WIDTH-1:0] record_margin;
  wire [`STATUS_WIDTH-1:0] record_status;
  wire [`TIE_WIDTH-1:0] record_tie;
  wire [`SATURATED_FIELD_WIDTH-1:0] record_saturated;
`ifdef WRITABLE
  reg write_valid = 1'b0;
  reg [31:0] write_row = 0, write_column = 0, write_element = 0, write_address = 0;
  reg [`WRITE_WIDTH-1:0] write_data = 0;
  wire write_ready;
`endif

  prototile_core core (
    .clk(clk), .rst(rst),
    .query_valid(query_valid), .query_ready(query_ready), .query_data(query_data), .query_last(query_last),
    .query_drop(query_drop), .query_saturated(query_saturated), .query_tag(query_tag),
`ifdef WRITABLE
    .write_valid(write_valid), .write_ready(write_ready), .write_row(write_row), .write_column(write_column),
    .write_element(write_element), .write_address(write_address), .write_data(write_data),
`endif
    .record_valid(record_valid), .record_ready(record_ready), .record_tag(record_tag),
    .record_prototype(record_prototype), .record_distance(record_distance), .record_label(record_label),
    .record_runner_up(record_runner_up), .record_margin(record_margin), .record_status(record_status),
    .record_tie(record_tie), .record_saturated(record_saturated)
  );

  reg [`WORD_WIDTH-1:0] words [0:`COUNT*`WORDS-1];
  reg [`SATURATED_WIDTH-1:0] saturated [0:`COUNT-1];
  integer first_word [0:`COUNT-1], last_word [0:`COUNT-1];
  integer records, cycles, cycle, next, word, done, quiet, reset_for, at, query, other, met, since;
  reg offers, ends, takes, answers, follows, answered;
  reg [7:0] renamed;
  reg [1023:0] fields, answer [0:`COUNT-1];

  // xorshift64*, as in core.cpp: the same stalls for the same seed in both.
  reg [63:0] state;
  reg [63:0] product;
  reg [7:0] drawn;
  task draw;
    begin
      state = state ^ state >> 12;
      state = state ^ state << 25;
      state = state ^ state >> 27;
      product = state * 64'd2685821657736338717;
      drawn = product[63:56];
    end
  endtask

  task half(input level);
    begin
      clk = level;
      #5;
    end
  endtask

`ifdef WRITABLE
  reg [127:0] places [0:`WRITES];
  reg [`WRITE_WIDTH-1:0] contents [0:`WRITES];
  reg taken;
  task write_memories;
    begin
      $readmemh("places.hex", places);
      $readmemh("writes.hex", contents);
      for (at = 0; at < `WRITES; at = at + 1) begin
        {write_row, write_column, write_element, write_address} = places[at];
        write_data = contents[at];
        write_valid = 1'b1;
        taken = 1'b0;
        for (quiet = 0; !taken; quiet = quiet + 1) begin
          half(0);
          taken = write_ready === 1'b1;
          half(1);
          if (quiet > `WATCHDOG) begin
            $display("the memories could not be written");
            $finish;
          end
        end
      end
      write_valid = 1'b0;
    end
  endtask
`endif

  initial begin
    $readmemh("words.hex", words);
    $readmemh("saturated.hex", saturated);
    records = $fopen("records.hex", "w");
`ifdef WRITABLE
    for (at = 0; at < 4; at = at + 1) begin
      half(0);
      half(1);
    end
    rst = 1'b0;
    write_memories;
`endif
`ifdef WAVES
    $dumpfile(`WAVES);
    $dumpvars(0, core_bench);
`endif
    state = 64'd2 * `SEED + 1;
    cycle = 0;
    next = 0;
    word = 0;
    done = 0;
    quiet = 0;
    reset_for = 4;
    met = 0;
    since = 0;
    follows = 1'b1;
    answered = 1'b0;
    renamed = 8'd0;
    while (done < `COUNT || met < `RESETS || (`RESETS != 0 && !answered)) begin
      if (reset_for == 0 && met < `RESETS && (follows ? since >= 1 + met * `SPAN / `RESET_STEPS : answered)) begin
        if (follows) met = met + 1;
        follows = !follows;
        reset_for = 1;
        since = 0;
        answered = 1'b0;
        next = done;
        word = 0;
        renamed = renamed + 8'd101;
      end
      if (reset_for == 0) since = since + 1;
      offers = 1'b0;
      if ((next < `COUNT || `RESETS != 0) && reset_for == 0) begin
        draw;
        offers = drawn >= `STALL_IN;
      end
      ends = offers && word == `WORDS - 1;
      query = next % `COUNT;
      other = cycle % `COUNT;
      rst = reset_for > 0;
      query_valid = offers;
      query_data = words[offers ? query * `WORDS + word : other * `WORDS];
      query_last = offers ? ends : cycle[0];
      query_drop = ends ? 1'b0 : cycle[1];
      query_saturated = saturated[ends ? query : other];
      query_tag = ends ? next + renamed : cycle;
      record_ready = 1'b0;
      if (reset_for == 0) begin
        draw;
        record_ready = drawn >= `STALL_OUT;
      end
      half(0);
      takes = offers && query_ready === 1'b1;
      answers = record_valid === 1'b1 && record_ready;
      if (answers) begin
        if (record_tag !== done[7:0] + renamed) begin
          $display("record %0d came with the tag of another query", done);
          $finish;
        end
        fields = {
          record_prototype, record_distance, record_label, record_runner_up, record_margin, record_status, record_tie,
          record_saturated
        };
        if (done < `COUNT) begin
          $fwrite(records, "%h %h %h %h %h %h %h %h ", record_prototype, record_distance, record_label,
                  record_runner_up, record_margin, record_status, record_tie, record_saturated);
          $fwrite(records, "%h %h %h\n", first_word[done], last_word[done], cycle);
          answer[done] = fields;
        end else if (fields !== answer[done%`COUNT]) begin
          $display("record %0d is another one after a reset", done % `COUNT);
          $finish;
        end
        answered = 1'b1;
        done = done + 1;
      end
      if (takes) begin
        if (word == 0 && next < `COUNT) first_word[next] = cycle;
        if (word == `WORDS - 1) begin
          if (next < `COUNT) last_word[next] = cycle;
          word = 0;
          next = next + 1;
        end else
          word = word + 1;
      end
      half(1);
      quiet = answers ? 0 : quiet + 1;
      if (quiet > `WATCHDOG) begin
        $display("no record for %0d cycles, after %0d of %0d", quiet, done, `COUNT);
        $finish;
      end
      if (reset_for > 0) reset_for = reset_for - 1;
      cycle = cycle + 1;
    end
    $fclose(records);
    cycles = $fopen("cycles.hex", "w");
    $fwrite(cycles, "%h\n", cycle);
    $fclose(cycles);
    $finish;
  end
endmodule
