"""Asynchronous serial lines: eight data bits, least significant first, no parity, one stop bit.

Both directions go bit by bit, because everything behind them does: a frame is taken apart, put together and checked at
the pace of the line, and no byte needs a register of its own.
"""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

from prototile.rtl.checks import positive
from prototile.rtl.link.safe import safe

#: Fewer clocks a bit leave no middle to sample once the edges are synchronised.
SMALLEST_DIVISOR = 4


def _check_divisor(divisor: int) -> None:
    positive(divisor=divisor)
    if divisor < SMALLEST_DIVISOR:
        raise ValueError(f"divisor must be at least {SMALLEST_DIVISOR}, not {divisor!r}")


class UARTReceiver(wiring.Component):
    """Takes characters from a line.

    Every bit is sampled once, in its middle. A start bit that is no longer low in its middle was a glitch and is
    forgotten. After a character with an error, the line must be high once before the next start bit counts, so a break
    is one error and not many.

    - Latency: ``complete`` comes in the middle of the stop bit, 2 or 3 cycles late for the synchroniser.

    Parameters
    ----------
    divisor
        Clocks a bit, at least `SMALLEST_DIVISOR`.

    Attributes
    ----------
    rx : In(1)
        The line, of any clock domain.
    data : Out(8)
        Shift register: the latest eight data bits.
    shift : Out(1)
        For one cycle: a data bit was sampled, and ``data[0]`` is about to leave.
    index : Out(3)
        Which bit of its character that is; the leaving bit has the same index in the character before.
    complete : Out(1)
        For one cycle: ``data`` is a character.
    error : Out(1)
        For one cycle, instead of ``complete``: the stop bit was low.
    """

    def __init__(self, *, divisor: int):
        _check_divisor(divisor)
        self.divisor = divisor
        super().__init__(
            {
                "rx": In(1, init=1),
                "data": Out(8),
                "shift": Out(1),
                "index": Out(3),
                "complete": Out(1),
                "error": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        rx = Signal(init=1)
        m.submodules.synchronizer = FFSynchronizer(self.rx, rx, init=1)

        timer = Signal(range(self.divisor), reset_less=True)
        tick = Signal()
        restart = Signal()
        m.d.comb += [tick.eq(timer == self.divisor - 1), restart.eq(tick)]
        m.d.sync += timer.eq(timer + 1)
        with m.If(restart):
            m.d.sync += timer.eq(0)
        with m.FSM() as fsm:
            with m.State("IDLE"):
                m.d.comb += restart.eq(1)
                with m.If(~rx):
                    m.next = "START"
            with m.State("START"), m.If(timer == self.divisor // 2 - 1):
                m.d.comb += restart.eq(1)
                m.d.sync += self.index.eq(0)
                m.next = "DATA"
                with m.If(rx):
                    m.next = "IDLE"
            with m.State("DATA"), m.If(tick):
                m.d.comb += self.shift.eq(1)
                m.d.sync += [self.data.eq(Cat(self.data[1:], rx)), self.index.eq(self.index + 1)]
                with m.If(self.index == 7):
                    m.next = "STOP"
            with m.State("STOP"), m.If(tick):
                m.d.comb += [self.complete.eq(rx), self.error.eq(~rx)]
                m.next = "IDLE"
                with m.If(~rx):
                    m.next = "BREAK"
            with m.State("BREAK"), m.If(rx):
                m.next = "IDLE"
        safe(m, fsm)
        return m


class UARTTransmitter(wiring.Component):
    """Puts characters on a line.

    A character begins when ``i.valid`` is high, and ``i.valid`` must stay high until its eight bits were taken.

    - Throughput: a character every ``10 * divisor + 1`` cycles.
    - Latency: the start bit begins one cycle after ``i.valid`` rises.

    Parameters
    ----------
    divisor
        Clocks a bit, at least `SMALLEST_DIVISOR`.

    Attributes
    ----------
    i : In(stream)
        Bits, eight a character, least significant first.
    tx : Out(1)
        The line, from a flip-flop.
    """

    def __init__(self, *, divisor: int):
        _check_divisor(divisor)
        self.divisor = divisor
        super().__init__({"i": In(stream.Signature(1)), "tx": Out(1, init=1)})

    def elaborate(self, platform):
        m = Module()
        timer = Signal(range(self.divisor), reset_less=True)
        tick = Signal()
        restart = Signal()
        index = Signal(3)
        m.d.comb += [tick.eq(timer == self.divisor - 1), restart.eq(tick)]
        m.d.sync += timer.eq(timer + 1)
        with m.If(restart):
            m.d.sync += timer.eq(0)
        with m.FSM() as fsm:
            with m.State("IDLE"):
                m.d.comb += restart.eq(1)
                m.d.sync += [self.tx.eq(~self.i.valid), index.eq(0)]
                with m.If(self.i.valid):
                    m.next = "DATA"
            with m.State("DATA"), m.If(tick):
                m.d.comb += self.i.ready.eq(1)
                m.d.sync += [self.tx.eq(self.i.payload), index.eq(index + 1)]
                with m.If(index == 7):
                    m.next = "LAST"
            with m.State("LAST"), m.If(tick):
                m.d.sync += self.tx.eq(1)
                m.next = "STOP"
            with m.State("STOP"), m.If(tick):
                m.next = "IDLE"
        safe(m, fsm)
        return m
