// Plays queries to the compiled core and writes down its records. No Python runs per cycle.
//
// usage: core QUERIES RECORDS SEED STALL_IN STALL_OUT RESET_EVERY WATCHDOG [WAVES]
//   QUERIES: int64 count, words, chunks; then per query: int64 saturated, words * chunks uint32 (a word's chunks, low first)
//   RECORDS: per query: int64 fields in the order below, then the cycles of first word taken, last word taken, record taken
//   STALL_IN, STALL_OUT: in 256ths, how often the source has nothing and the sink takes nothing
//   RESET_EVERY: cycles between resets (0: none); every query without a record is then played again from its start
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <vector>

#include "Vprototile_core.h"
#include "verilated.h"
#ifdef WAVES
#include "verilated_fst_c.h"
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

int main(int argc, char** argv) {
    if (argc < 8) {
        std::fprintf(stderr, "usage: core QUERIES RECORDS SEED STALL_IN STALL_OUT RESET_EVERY WATCHDOG [WAVES]\n");
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
#ifdef WAVES
    Verilated::traceEverOn(true);
    auto* waves = new VerilatedFstC;
    core->trace(waves, 99);
    waves->open(argc > 8 ? argv[8] : "core.fst");
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
