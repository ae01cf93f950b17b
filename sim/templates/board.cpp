// A board behind a pseudo-terminal: the compiled top, its clock, and a UART at the other end of its pins.
//
// usage: board DIVISOR IDLE_CYCLES [WAVES]
//   prints the path of the terminal, then runs until its standard input closes; then prints its cycles.
//   DIVISOR: clocks a bit. IDLE_CYCLES: with nothing on the line for so long, the clock waits for the host.
#include <fcntl.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>

#include "Vtop.h"
#include "verilated.h"
#ifdef WAVES_VCD
#include "verilated_vcd_c.h"
typedef VerilatedVcdC Waves;
#elif defined(WAVES)
#include "verilated_fst_c.h"
typedef VerilatedFstC Waves;
#endif

// Before that a chip may still be in reset, where it would miss what the host sends.
static const int64_t kResetCycles = 4096;

static int open_terminal(char* path, std::size_t size) {
    const int terminal = posix_openpt(O_RDWR | O_NOCTTY);
    if (terminal < 0 || grantpt(terminal) || unlockpt(terminal) || ptsname_r(terminal, path, size)) return -1;
    // Held open by us as well: without anybody on the other side, reading would fail.
    const int other = open(path, O_RDWR | O_NOCTTY);
    termios settings;
    if (other < 0 || tcgetattr(other, &settings)) return -1;
    cfmakeraw(&settings);
    if (tcsetattr(other, TCSANOW, &settings)) return -1;
    fcntl(terminal, F_SETFL, O_NONBLOCK);
    return terminal;
}

int main(int argc, char** argv) {
    if (argc < 3) {
        std::fprintf(stderr, "usage: board DIVISOR IDLE_CYCLES [WAVES]\n");
        return 2;
    }
    const int divisor = std::atoi(argv[1]);
    const int64_t idle_cycles = std::atoll(argv[2]);
    char path[256];
    const int terminal = open_terminal(path, sizeof path);
    if (terminal < 0) {
        std::perror("board");
        return 2;
    }
    std::printf("%s\n", path);
    std::fflush(stdout);

    auto* top = new Vtop;
#ifdef WAVES
    Verilated::traceEverOn(true);
    auto* waves = new Waves;
    top->trace(waves, 99);
    waves->open(argc > 3 ? argv[3] : "board.fst");
#endif
    std::deque<uint8_t> to_chip, to_host;
    int64_t cycle = 0, quiet = 0;
    int send_bit = -1, send_wait = 0, receive_bit = -1, receive_wait = 0;
    unsigned sending = 0, receiving = 0;
    top->uart_rx = 1;
#ifdef RESET_BUTTON
    top->reset_button = RESET_BUTTON;
#endif
    for (;;) {
        // Host to chip: start bit, eight bits, stop bit.
        if (send_bit < 0 && !to_chip.empty()) {
            sending = (to_chip.front() | 0x100u) << 1;
            to_chip.pop_front();
            send_bit = send_wait = 0;
        }
        if (send_bit >= 0 && send_wait == 0) {
            if (send_bit == 10) {
                send_bit = -1;
            } else {
                top->uart_rx = sending >> send_bit & 1;
                ++send_bit;
                send_wait = divisor;
            }
        }
        if (send_wait) --send_wait;

        top->clk_in = 0;
        top->eval();
#ifdef WAVES
        waves->dump(uint64_t(cycle) * 10);
#endif
        top->clk_in = 1;
        top->eval();
#ifdef WAVES
        waves->dump(uint64_t(cycle) * 10 + 5);
#endif
        ++cycle;

        // Chip to host: sampled in the middle of each bit.
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
                if (top->uart_tx) to_host.push_back(uint8_t(receiving));
                receive_bit = -1;
            }
        }

        const bool busy = send_bit >= 0 || receive_bit >= 0 || !to_chip.empty() || !to_host.empty();
        quiet = busy ? 0 : quiet + 1;
        if (cycle < kResetCycles || (cycle % 64 && quiet < idle_cycles)) continue;

        while (!to_host.empty()) {
            uint8_t byte = to_host.front();
            if (write(terminal, &byte, 1) != 1) break;
            to_host.pop_front();
        }
        pollfd waits[2] = {{terminal, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
        if (poll(waits, 2, quiet >= idle_cycles ? 200 : 0) <= 0) continue;
        if (waits[1].revents) {
            uint8_t byte;
            if (read(STDIN_FILENO, &byte, 1) <= 0) break;
        }
        if (waits[0].revents & POLLIN) {
            uint8_t bytes[256];
            const ssize_t count = read(terminal, bytes, sizeof bytes);
            for (ssize_t at = 0; at < count; ++at) to_chip.push_back(bytes[at]);
            if (count > 0) quiet = 0;
        }
    }
#ifdef WAVES
    waves->close();
#endif
    std::printf("%lld\n", (long long)cycle);
    top->final();
    delete top;
    return 0;
}
