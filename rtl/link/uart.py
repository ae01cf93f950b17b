"""Asynchronous serial lines: eight data bits, least significant first, no parity, one stop bit."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

from ..checks import positive

#: Fewer clocks a bit leave no middle to sample once the edges are synchronised.
SMALLEST_DIVISOR = 4

#: A character of the line: ``error`` says that its stop bit was low, so that ``data`` means nothing.
CHARACTER = data.StructLayout({"data": 8, "error": 1})


def _check_divisor(divisor: int) -> None:
    positive(divisor=divisor)
    if divisor < SMALLEST_DIVISOR:
        raise ValueError(f"divisor must be at least {SMALLEST_DIVISOR}, not {divisor!r}")


class UARTReceiver(wiring.Component):
    """Takes characters from a line.

    Every bit is sampled once, in its middle. A start bit that is no longer low in its middle was a glitch and is
    forgotten. After a character with an error, the line must be high once before the next start bit counts, so a break is
    one error and not many.

    - Latency: a character is delivered in the middle of its stop bit.
    - ``o.payload.data`` stays as it is until the first data bit of the next character.

    Parameters
    ----------
    divisor
        Clocks a bit, at least `SMALLEST_DIVISOR`.

    Attributes
    ----------
    rx : In(1)
        The line, of any clock domain.
    o : Out(stream), always ready
        `CHARACTER`, for one cycle.
    """

    def __init__(self, *, divisor: int):
        _check_divisor(divisor)
        self.divisor = divisor
        super().__init__({"rx": In(1, init=1), "o": Out(stream.Signature(CHARACTER, always_ready=True))})

    def elaborate(self, platform):
        m = Module()
        rx = Signal(init=1)
        m.submodules.synchronizer = FFSynchronizer(self.rx, rx, init=1)

        timer = Signal(range(self.divisor))
        # Bits come in at the top. A one that starts there and leaves at the bottom counts them.
        bits = Signal(8)
        first = Const(0x80, 8)
        m.d.comb += [self.o.payload.data.eq(bits), self.o.payload.error.eq(~rx)]
        with m.If(timer != 0):
            m.d.sync += timer.eq(timer - 1)
        with m.FSM():
            with m.State("IDLE"), m.If(~rx):
                m.d.sync += timer.eq(self.divisor // 2 - 1)
                m.next = "START"
            with m.State("START"), m.If(timer == 0):
                m.d.sync += timer.eq(self.divisor - 1)
                with m.If(rx):
                    m.next = "IDLE"
                with m.Else():
                    m.d.sync += bits.eq(first)
                    m.next = "DATA"
            with m.State("DATA"), m.If(timer == 0):
                m.d.sync += [timer.eq(self.divisor - 1), bits.eq(Cat(bits[1:], rx))]
                with m.If(bits[0]):
                    m.next = "STOP"
            with m.State("STOP"), m.If(timer == 0):
                m.d.comb += self.o.valid.eq(1)
                m.next = "IDLE"
                with m.If(~rx):
                    m.next = "BREAK"
            with m.State("BREAK"), m.If(rx):
                m.next = "IDLE"
        return m


class UARTTransmitter(wiring.Component):
    """Puts bytes on a line.

    - Throughput: a byte every ``10 * divisor`` cycles, without a gap while ``i.valid`` is high.
    - Latency: the start bit begins with the cycle after the transfer.

    Parameters
    ----------
    divisor
        Clocks a bit, at least `SMALLEST_DIVISOR`.

    Attributes
    ----------
    i : In(stream)
        Bytes.
    tx : Out(1)
        The line, from a flip-flop.
    """

    def __init__(self, *, divisor: int):
        _check_divisor(divisor)
        self.divisor = divisor
        super().__init__({"i": In(stream.Signature(8)), "tx": Out(1, init=1)})

    def elaborate(self, platform):
        m = Module()
        timer = Signal(range(self.divisor))
        # Start bit, data, stop bit; zeros follow the stop bit, so what is left when it is on the line is a single one.
        bits = Signal(10, init=1)
        last = Signal()
        m.d.comb += [
            self.tx.eq(bits[0]),
            last.eq(bits[1:] == 0),
            self.i.ready.eq(last & (timer == 0)),
        ]
        with m.If(timer != 0):
            m.d.sync += timer.eq(timer - 1)
        with m.Elif(~last | self.i.valid):
            m.d.sync += [
                timer.eq(self.divisor - 1),
                bits.eq(Mux(last, Cat(Const(0, 1), self.i.payload, Const(1, 1)), bits >> 1)),
            ]
        return m
