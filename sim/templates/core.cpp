// Plays queries to the compiled core and writes down its records. No Python runs per cycle.
//
// usage: core QUERIES RECORDS SEED STALL_IN STALL_OUT RESETS SPAN WATCHDOG SCHEDULE [REWRITES WRITES] [WAVES]
//   QUERIES: int64 count, words, chunks; then per query: int64 saturated, words * chunks uint32 (a word's chunks, low first)
//   RECORDS: per query: int64 fields in the order below, then the cycles of first word taken, last word taken, record taken
//   STALL_IN, STALL_OUT: in 256ths, how often the source has nothing and the sink takes nothing
//   RESETS: so many resets of one cycle, each some cycles after another reset: from 1 to SPAN, evenly spread. A query
//     without a record is then played again from its start, with another tag. A record must come before what follows, and
//     queries are played over and over until all resets have come: a query must get the same record each time
//   WATCHDOG: cycles without a record after which the core has failed
//   SCHEDULE: "-", or a file with a byte for each of the first cycles, which takes the place of the random stalls:
//     1 the source has nothing, 2 the sink takes nothing, 4 reset, 8 the clock stops (with the macro CLOCK_ENABLE the
//     core's input for that is low, else there is no edge)
//   WRITES (with the macro WRITABLE): words for the memories, all written before the first query:
//     int64 count, chunks; then per word: int64 row, column, element, address; chunks uint32
//   REWRITES: in 256ths, how often a word that a memory holds is offered again while queries are played
//   While a port means nothing, it carries what it must not be taken for: a word, or what comes with one, of some query
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
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

template <typename Number> static std::vector<Number> read_numbers(std::FILE* in, std::size_t count) {
    std::vector<Number> numbers(count);
    if (std::fread(numbers.data(), sizeof(Number), count, in) != count) {
        std::fprintf(stderr, "a file ends early\n");
        std::exit(2);
    }
    return numbers;
}
static std::FILE* opened(const char* name) {
    std::FILE* in = std::fopen(name, "rb");
    if (!in) {
        std::fprintf(stderr, "%s cannot be read\n", name);
        std::exit(2);
    }
    return in;
}

enum { kSourceWaits = 1, kSinkWaits = 2, kReset = 4, kClockStops = 8 };

static std::vector<uint8_t> read_schedule(const char* name) {
    if (!std::strcmp(name, "-")) return {};
    std::FILE* in = opened(name);
    std::fseek(in, 0, SEEK_END);
    const long size = std::ftell(in);
    std::rewind(in);
    auto schedule = read_numbers<uint8_t>(in, size);
    std::fclose(in);
    return schedule;
}

#ifdef WRITABLE
// Words for the memories: each is offered, in order, until it was taken; then some of them again.
struct Writer {
    int64_t count = 0, chunks = 1, next = 0, again = -1;
    unsigned rewrites = 0;
    std::vector<int64_t> where;
    std::vector<uint32_t> data;
    // For each word the last one for the same place, which is what the memory holds.
    std::vector<int64_t> held;

    void read(const char* name) {
        std::FILE* in = opened(name);
        const auto head = read_numbers<int64_t>(in, 2);
        count = head[0];
        chunks = head[1];
        for (int64_t at = 0; at < count; ++at) {
            for (int64_t number : read_numbers<int64_t>(in, 4)) where.push_back(number);
            for (uint32_t chunk : read_numbers<uint32_t>(in, chunks)) data.push_back(chunk);
        }
        std::fclose(in);
        std::map<std::vector<int64_t>, int64_t> last;
        const auto place = [&](int64_t at) { return std::vector<int64_t>(&where[4 * at], &where[4 * at] + 4); };
        for (int64_t at = 0; at < count; ++at) last[place(at)] = at;
        for (int64_t at = 0; at < count; ++at) held.push_back(last[place(at)]);
    }
    bool busy() const { return next < count; }
    void offer(Vprototile_core* core, bool may) {
        if (rewrites && !busy() && again < 0 && count && draw() < rewrites) again = held[draw() * count >> 8];
        const int64_t at = busy() ? next : again;
        core->write_valid = at >= 0 && may;
        if (!core->write_valid) return;
        core->write_row = where[4 * at];
        core->write_column = where[4 * at + 1];
        core->write_element = where[4 * at + 2];
        core->write_address = where[4 * at + 3];
        put(core->write_data, &data[at * chunks], int(chunks));
    }
    void taken() {
        if (busy())
            ++next;
        else
            again = -1;
    }
};
#endif

int main(int argc, char** argv) {
    if (argc < 10) {
        std::fprintf(stderr, "usage: core QUERIES RECORDS SEED STALL_IN STALL_OUT RESETS SPAN WATCHDOG SCHEDULE "
                             "[REWRITES WRITES] [WAVES]\n");
        return 2;
    }
    std::FILE* in = opened(argv[1]);
    const auto head = read_numbers<int64_t>(in, 3);
    const int64_t count = head[0], words = head[1], chunks = head[2];
    std::vector<int64_t> saturated;
    std::vector<uint32_t> data;
    for (int64_t query = 0; query < count; ++query) {
        saturated.push_back(read_numbers<int64_t>(in, 1)[0]);
        for (uint32_t chunk : read_numbers<uint32_t>(in, words * chunks)) data.push_back(chunk);
    }
    std::fclose(in);
    random_state = std::strtoull(argv[3], nullptr, 10) * 2 + 1;
    const unsigned stall_in = std::atoi(argv[4]), stall_out = std::atoi(argv[5]);
    const int64_t resets = count ? std::atoll(argv[6]) : 0, span = std::atoll(argv[7]), watchdog = std::atoll(argv[8]);
    const std::vector<uint8_t> schedule = read_schedule(argv[9]);

    auto* core = new Vprototile_core;
#ifdef WRITABLE
    if (argc < 12) return 2;
    Writer writer;
    writer.rewrites = std::atoi(argv[10]);
    writer.read(argv[11]);
    // Without a schedule nothing waits until all words are written.
    for (int64_t cycles = 0; schedule.empty() && (cycles < 4 || writer.busy()); ++cycles) {
        core->rst = cycles < 4;
        writer.offer(core, cycles >= 4);
        core->query_valid = core->record_ready = 0;
        core->clk = 0;
        core->eval();
        if (core->write_valid && core->write_ready) writer.taken();
        core->clk = 1;
        core->eval();
        if (cycles > watchdog * (writer.next + 1)) {
            std::fprintf(stderr, "the memories could not be written\n");
            return 5;
        }
    }
#endif
#ifdef WAVES
    Verilated::traceEverOn(true);
    auto* waves = new Waves;
    core->trace(waves, 99);
    waves->open(argv[argc - 1]);
#endif
    std::vector<int64_t> out(count * 11);
    // Cycles are those in which the clock does not stop.
    int64_t cycle = 0, next = 0, word = 0, done = 0, quiet = 0;
    int64_t reset_for = 4;
    std::size_t at = 0;
    // Resets that came in the midst of something, cycles since the last reset of all, and whether a record came since.
    int64_t met = 0, since = 0;
    bool follows = true, answered = false;
    uint8_t renamed = 0;
#ifdef WRITABLE
    // Cycles for which the query whose last word was taken waits or plays, at least.
    int64_t closed = 0;
#endif
    while (done < count || met < resets || (resets && !answered) || at < schedule.size()) {
        const bool scheduled = reset_for == 0 && at < schedule.size();
        unsigned event = 0;
        if (!scheduled && reset_for == 0 && met < resets && (follows ? since >= 1 + met * span / resets : answered)) {
            met += follows;
            follows = !follows;
            reset_for = 1;
            since = 0;
            answered = false;
        }
        since += reset_for == 0;
        if (scheduled) {
            event = schedule[at++];
        } else if (reset_for) {
            event = kReset | kSourceWaits | kSinkWaits;
            --reset_for;
        } else {
            if ((next < count || resets) && draw() < stall_in) event |= kSourceWaits;
            if (draw() < stall_out) event |= kSinkWaits;
        }
        const bool is_reset = event & kReset, stops = event & kClockStops;
#ifdef CLOCK_ENABLE
        const bool clocked = true;
#else
        const bool clocked = !stops;
#endif
        // A core that is not enabled is reset as ever.
        if (is_reset && clocked) {
            next = done;
            word = 0;
            // So that no record of before the reset passes for one of after it.
            renamed += 101;
        }
        core->rst = is_reset;
        bool offers = (next < count || resets) && !(event & kSourceWaits);
#ifdef WRITABLE
        writer.offer(core, !(event & kSourceWaits));
        offers = offers && !writer.busy();
#endif
        core->query_valid = offers;
        const bool ends = offers && word == words - 1;
        const int64_t query = next % count, other = cycle % count;
        put(core->query_data, &data[offers ? (query * words + word) * chunks : other * words * chunks], int(chunks));
        core->query_last = offers ? ends : cycle & 1;
        core->query_drop = ends ? 0 : cycle >> 1 & 1;
        core->query_saturated = saturated[ends ? query : other];
        core->query_tag = ends ? uint8_t(next + renamed) : uint8_t(cycle);
        core->record_ready = !(event & kSinkWaits);
#ifdef CLOCK_ENABLE
        core->CLOCK_ENABLE = !stops;
#endif
        core->clk = 0;
        core->eval();
#ifdef WAVES
        waves->dump(uint64_t(cycle) * 10);
#endif
        // Nothing is taken in a reset, whatever is offered, nor while the clock stands.
        const bool counts = !is_reset && !stops;
        const bool takes = counts && offers && core->query_ready;
        const bool answers = counts && core->record_valid && core->record_ready;
        if (answers) {
            if ((done >= count && !resets) || uint8_t(done + renamed) != core->record_tag) {
                std::fprintf(stderr, "record %lld came with the tag of another query\n", (long long)done);
                return 4;
            }
            int64_t row[8];
            row[0] = core->record_prototype;
            row[1] = core->record_distance;
            row[2] = core->record_label;
            row[3] = core->record_runner_up;
            row[4] = core->record_margin;
            row[5] = core->record_status;
            row[6] = core->record_tie;
            row[7] = core->record_saturated;
            if (done < count) {
                std::memcpy(&out[done * 11], row, sizeof row);
                out[done * 11 + 10] = cycle;
            } else if (std::memcmp(&out[done % count * 11], row, sizeof row)) {
                std::fprintf(stderr, "record %lld is another one after a reset\n", (long long)(done % count));
                return 4;
            }
            ++done;
            answered = true;
        }
        if (takes) {
            if (word == 0 && next < count) out[next * 11 + 8] = cycle;
            if (word == words - 1) {
                if (next < count) out[next * 11 + 9] = cycle;
                word = 0;
                ++next;
            } else {
                ++word;
            }
        }
        // A schedule may let nothing through for as long as it lasts, and words that are written come first.
        bool waits = scheduled;
#ifdef WRITABLE
        if (counts && closed && core->write_ready) {
            std::fprintf(stderr, "a word for a memory may come while a query waits or plays\n");
            return 4;
        }
        if (is_reset && clocked) closed = 0;
        if (counts) closed = takes && word == 0 ? words : closed - (closed > 0);
        if (counts && core->write_valid && core->write_ready) {
            waits = waits || writer.busy();
            writer.taken();
        }
#endif
        if (!clocked) continue;
        core->clk = 1;
        core->eval();
#ifdef WAVES
        waves->dump(uint64_t(cycle) * 10 + 5);
#endif
        if (stops) continue;
        quiet = answers || waits ? 0 : quiet + 1;
        if (quiet > watchdog) {
            std::fprintf(stderr, "no record for %lld cycles, after %lld of %lld\n", (long long)quiet,
                         (long long)done, (long long)count);
            return 3;
        }
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
