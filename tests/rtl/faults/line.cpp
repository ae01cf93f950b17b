// Plays levels to the serial pin of a board's compiled top and writes down what comes back. No Python runs per cycle.
//
// usage: line DIVISOR
// Commands come on the standard input, 32 bits each, an operation in the upper 4 bits and a number in the others:
//   0 level     bits 0 .. 23: cycles, bit 24: the level of the pin, bit 25: the reset button is pressed
//   1 quiet     the pin is high until nothing has come back for so many cycles
//   2 receive   the pin is high until a character has come back, for at most so many cycles
//   3 told      write what came back since: uint32 count, then an int64 for each character:
//               cycle of its end << 9 | its stop bit was low << 8 | character; then the cycle it is now
//   4 upset     (with the macro UPSETS) the flip-flop of that number takes its opposite at the next clock edge
//   5 flip      invert a bit of a memory; three more numbers of 32 bits follow: memory, row, bit
//   6 memories  write a line of text for each memory that can be flipped: rows, bits and its name
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "Vtop.h"
#include "verilated.h"
#include "verilated_syms.h"

struct Memory {
    std::string name;
    uint8_t* data;
    unsigned bytes, rows, bits;
};

// What was declared public: arrays of words.
static std::vector<Memory> find_memories() {
    std::vector<Memory> found;
    const VerilatedScopeNameMap* scopes = Verilated::threadContextp()->scopeNameMap();
    for (const auto& scope : *scopes) {
        const VerilatedVarNameMap* variables = scope.second->varsp();
        if (!variables) continue;
        for (const auto& one : *variables) {
            const VerilatedVar& variable = one.second;
            if (variable.udims() != 1) continue;
            found.push_back({std::string(scope.second->name()) + "." + variable.name(),
                             static_cast<uint8_t*>(variable.datap()),
                             unsigned(variable.totalSize() / variable.elements(1)),
                             unsigned(variable.elements(1)), unsigned(variable.elements(0))});
        }
    }
    return found;
}

static Vtop* top;
static int64_t cycle = 0, last_seen = 0;
static int divisor, receive_bit = -1, receive_wait = 0;
static unsigned receiving = 0;
static std::vector<int64_t> received;

static void step() {
    top->clk_in = 0;
    top->eval();
    top->clk_in = 1;
    top->eval();
    ++cycle;
#ifdef UPSETS
    top->upset = 0;
#endif
    // Sampled in the middle of each bit.
    if (!top->uart_tx) last_seen = cycle;
    if (receive_bit < 0) {
        if (!top->uart_tx) {
            receive_bit = 0;
            receive_wait = divisor + divisor / 2;
            receiving = 0;
        }
    } else if (--receive_wait == 0) {
        if (receive_bit < 8) {
            receiving |= unsigned(top->uart_tx) << receive_bit;
            ++receive_bit;
            receive_wait = divisor;
        } else {
            received.push_back(cycle << 9 | int64_t(!top->uart_tx) << 8 | receiving);
            receive_bit = -1;
        }
    }
}

static void tell() {
    const uint32_t count = uint32_t(received.size());
    received.push_back(cycle);
    std::fwrite(&count, 4, 1, stdout);
    std::fwrite(received.data(), 8, received.size(), stdout);
    std::fflush(stdout);
    received.clear();
}

int main(int argc, char** argv) {
    if (argc < 2) return 2;
    divisor = std::atoi(argv[1]);
    top = new Vtop;
    top->uart_rx = 1;
    top->reset_button = RESET_BUTTON;
    std::vector<Memory> memories;
    uint32_t command, numbers[3];
    while (std::fread(&command, 4, 1, stdin) == 1) {
        const int64_t number = command & 0x0fffffff;
        switch (command >> 28) {
        case 0:
            top->uart_rx = command >> 24 & 1;
            top->reset_button = (command >> 25 & 1) ^ RESET_BUTTON;
            for (int64_t at = 0; at < (number & 0xffffff); ++at) step();
            top->uart_rx = 1;
            top->reset_button = RESET_BUTTON;
            break;
        case 1:
            last_seen = cycle;
            while (cycle - last_seen < number) step();
            break;
        case 2: {
            const std::size_t before = received.size();
            for (int64_t at = 0; at < number && received.size() == before; ++at) step();
            break;
        }
        case 3:
            tell();
            break;
#ifdef UPSETS
        case 4:
            top->upset = uint32_t(number);
            break;
#endif
        case 5: {
            if (std::fread(numbers, 4, 3, stdin) != 3) return 2;
            if (memories.empty()) {
                top->eval();
                memories = find_memories();
            }
            const Memory& memory = memories.at(numbers[0]);
            if (numbers[1] >= memory.rows || numbers[2] >= memory.bits) return 3;
            memory.data[std::size_t(numbers[1]) * memory.bytes + numbers[2] / 8] ^= 1u << numbers[2] % 8;
            break;
        }
        case 6:
            top->eval();
            for (const Memory& memory : memories = find_memories())
                std::printf("%u %u %s\n", memory.rows, memory.bits, memory.name.c_str());
            std::printf("\n");
            std::fflush(stdout);
            break;
        default:
            return 2;
        }
    }
    top->final();
    delete top;
    return 0;
}
