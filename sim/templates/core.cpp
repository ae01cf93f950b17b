// Plays queries to the compiled core and writes down its records. No Python runs per cycle.
//
// usage: core QUERIES RECORDS SEED STALL_IN STALL_OUT RESET_EVERY WATCHDOG [WRITES] [WAVES]
//   QUERIES: int64 count, words, chunks; then per query: int64 saturated, words * chunks uint32 (a word's chunks, low first)
//   RECORDS: per query: int64 fields in the order below, then the cycles of first word taken, last word taken, record taken
//   STALL_IN, STALL_OUT: in 256ths, how often the source has nothing and the sink takes nothing
//   WRITES (with the macro WRITABLE): words for the memories, all written before the first query:
//     int64 count, chunks; then per word: int64 row, column, element, address; chunks uint32
//   RESET_EVERY: cycles between resets (0: none); every query without a record is then played again from its start
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <vector>

#include "Vprototile_core.h"
#include "verilated.h"
#ifdef WAVES_VCD
#include "verilated_vcd_c.h"
typedef VerilatedVcdC Waves;
#elif defined(WAVES)
#include "verilated_fst_c.h"
typedef VerilatedFstC Waves;
#endif

template <typename Port> static void put(Port& port, const uint32_t* chunks, int count) {
    uint64_t value = chunks[0];
    if (count > 1) value |= uint64_t(chunks[1]) << 32;
    port = static_cast<Port>(value);
}
template <std::size_t N> static void put(VlWide<N>& port, const uint32_t* chunks, int count) {
    for (int at = 0; at < int(N); ++at) port[at] = at < count ? chunks[at] : 0;
}

static uint64_t random_state;
static unsigned draw() {  // xorshift64*: the same stalls for the same seed on every machine
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return unsigned((random_state * 2685821657736338717ull) >> 56);
}

#ifdef WRITABLE
// Puts all words of the file into the memories; returns the cycles that it took, negative if something is wrong.
static int64_t write_memories(Vprototile_core* core, const char* name, int64_t watchdog) {
    std::FILE* in = std::fopen(name, "rb");
    int64_t head[2], cycle = 0;
    if (!in || std::fread(head, 8, 2, in) != 2) return -1;
    std::vector<uint32_t> chunks(head[1]);
    for (int64_t at = 0; at < head[0]; ++at) {
        int64_t where[4];
        if (std::fread(where, 8, 4, in) != 4 || std::fread(chunks.data(), 4, chunks.size(), in) != chunks.size()) return -1;
        core->write_row = where[0];
        core->write_column = where[1];
        core->write_element = where[2];
        core->write_address = where[3];
        put(core->write_data, chunks.data(), int(chunks.size()));
        core->write_valid = 1;
        core->query_valid = 0;
        core->record_ready = 0;
        core->rst = 0;
        for (bool taken = false; !taken; ++cycle) {
            core->clk = 0;
            core->eval();
            taken = core->write_ready;
            core->clk = 1;
            core->eval();
            if (cycle > watchdog * (at + 1)) return -1;
        }
    }
    core->write_valid = 0;
    std::fclose(in);
    // The last words are still on their way, and no reset may keep them from it.
    return cycle;
}
#endif

int main(int argc, char** argv) {
    if (argc < 8) {
        std::fprintf(stderr, "usage: core QUERIES RECORDS SEED STALL_IN STALL_OUT RESET_EVERY WATCHDOG [WRITES] [WAVES]\n");
        return 2;
    }
    std::FILE* in = std::fopen(argv[1], "rb");
    if (!in) return 2;
    int64_t head[3];
    if (std::fread(head, 8, 3, in) != 3) return 2;
    const int64_t count = head[0], words = head[1], chunks = head[2];
    std::vector<int64_t> saturated(count);
    std::vector<uint32_t> data(count * words * chunks);
    for (int64_t query = 0; query < count; ++query) {
        if (std::fread(&saturated[query], 8, 1, in) != 1) return 2;
        const std::size_t size = words * chunks;
        if (std::fread(&data[query * size], 4, size, in) != size) return 2;
    }
    std::fclose(in);
    random_state = std::strtoull(argv[3], nullptr, 10) * 2 + 1;
    const unsigned stall_in = std::atoi(argv[4]), stall_out = std::atoi(argv[5]);
    const int64_t reset_every = std::atoll(argv[6]), watchdog = std::atoll(argv[7]);

    auto* core = new Vprototile_core;
    int next_argument = 8;
#ifdef WRITABLE
    core->write_valid = 0;
    for (int at = 0; at < 4; ++at) {
        core->rst = 1;
        core->clk = 0;
        core->eval();
        core->clk = 1;
        core->eval();
    }
    if (argc <= next_argument || write_memories(core, argv[next_argument++], watchdog) < 0) {
        std::fprintf(stderr, "the memories could not be written\n");
        return 5;
    }
#endif
#ifdef WAVES
    Verilated::traceEverOn(true);
    auto* waves = new Waves;
    core->trace(waves, 99);
    waves->open(argc > next_argument ? argv[next_argument] : "core.fst");
#endif
    std::vector<int64_t> out(count * 11);
    int64_t cycle = 0, next = 0, word = 0, done = 0, quiet = 0;
    int64_t reset_for = 4;
    while (done < count) {
        if (reset_every && cycle && cycle % reset_every == 0) {
            reset_for = 2;
            next = done;
            word = 0;
        }
        const bool offers = next < count && reset_for == 0 && draw() >= stall_in;
        core->rst = reset_for > 0;
        core->query_valid = offers;
        if (offers) {
            put(core->query_data, &data[(next * words + word) * chunks], int(chunks));
            core->query_last = word == words - 1;
            core->query_saturated = saturated[next];
            core->query_tag = uint8_t(next);
        }
        core->query_drop = 0;
        core->record_ready = reset_for == 0 && draw() >= stall_out;
        core->clk = 0;
        core->eval();
#ifdef WAVES
        waves->dump(uint64_t(cycle) * 10);
#endif
        const bool takes = offers && core->query_ready;
        const bool answers = core->record_valid && core->record_ready;
        if (answers) {
            int64_t* row = &out[done * 11];
            if (uint8_t(done) != core->record_tag) {
                std::fprintf(stderr, "record %lld came with tag %d\n", (long long)done, int(core->record_tag));
                return 4;
            }
            row[0] = core->record_prototype;
            row[1] = core->record_distance;
            row[2] = core->record_label;
            row[3] = core->record_runner_up;
            row[4] = core->record_margin;
            row[5] = core->record_status;
            row[6] = core->record_tie;
            row[7] = core->record_saturated;
            row[10] = cycle;
            ++done;
        }
        if (takes) {
            if (word == 0) out[next * 11 + 8] = cycle;
            if (word == words - 1) {
                out[next * 11 + 9] = cycle;
                word = 0;
                ++next;
            } else {
                ++word;
            }
        }
        core->clk = 1;
        core->eval();
#ifdef WAVES
        waves->dump(uint64_t(cycle) * 10 + 5);
#endif
        quiet = takes || answers ? 0 : quiet + 1;
        if (quiet > watchdog) {
            std::fprintf(stderr, "no progress for %lld cycles, %lld of %lld records\n", (long long)quiet,
                         (long long)done, (long long)count);
            return 3;
        }
        if (reset_for) --reset_for;
        ++cycle;
    }
#ifdef WAVES
    waves->close();
#endif
    std::FILE* sink = std::fopen(argv[2], "wb");
    if (!sink) return 2;
    std::fwrite(&cycle, 8, 1, sink);
    std::fwrite(out.data(), 8, out.size(), sink);
    std::fclose(sink);
    core->final();
    delete core;
    return 0;
}
