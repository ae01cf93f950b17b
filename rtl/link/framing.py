"""Frames on a line of characters, as in HDLC (RFC 1662, section 4).

Flags delimit frames; an escape hides a byte that looks like a flag or an escape.
"""

from amaranth.hdl import C, Cat, Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from prototile.rtl.link.safe import safe

FLAG = 0x7E
ESCAPE = 0x7D
#: The bit that an escaped byte has inverted.
ESCAPED_BIT = 5

#: A bit of a frame, or (``flag``) the boundary between two frames; then ``bit`` is of no meaning.
FRAME_BIT = data.StructLayout({"bit": 1, "flag": 1})


class Unstuffer(wiring.Component):
    """Finds the bits of frames among the characters of a line.

    The bits of a byte come out while the next character comes in, since only then it is known that the byte was none of
    the two special ones. A flag comes out last of all, after every bit of the frame that it ends.

    - Throughput: that of the line; bytes wait in the receiver's shift register.
    - Latency: one cycle, which keeps the receiver's logic apart from what follows.

    Attributes
    ----------
    data, shift, index, complete, error : In
        Of `prototile.rtl.link.uart.UARTReceiver`.
    o : Out(stream), always ready
        `FRAME_BIT`; eight bits a byte, least significant first.
    damaged : Out(1)
        For one cycle: a character was lost, or a flag came right after an escape. What the frame holds is not what was
        sent; the flag that ends it follows, or comes in the same cycle.
    """

    def __init__(self):
        super().__init__(
            {
                "data": In(8),
                "shift": In(1),
                "index": In(3),
                "complete": In(1),
                "error": In(1),
                "o": Out(stream.Signature(FRAME_BIT, always_ready=True)),
                "damaged": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        held = Signal()
        escape = Signal()
        inverted = Signal()
        flag = Signal()
        m.d.comb += flag.eq(self.complete & (self.data == FLAG))
        m.d.sync += [
            self.o.payload.flag.eq(flag),
            self.o.payload.bit.eq(self.data[0] ^ (inverted & (self.index == ESCAPED_BIT))),
            self.o.valid.eq(flag | (self.shift & held)),
            self.damaged.eq(self.error | (flag & escape)),
        ]
        with m.If(self.complete | self.error):
            m.d.sync += [held.eq(0), escape.eq(0), inverted.eq(escape)]
            with m.If(self.complete & (self.data == ESCAPE) & ~escape):
                m.d.sync += escape.eq(1)
            with m.Elif(~flag):
                m.d.sync += held.eq(self.complete)
        return m


class Stuffer(wiring.Component):
    """Writes frames as characters; the inverse of `Unstuffer`.

    - Throughput: takes a bit a cycle while it gathers a byte, which the transmitter's last two bits of the character
      before leave time for.

    Attributes
    ----------
    i : In(stream)
        `FRAME_BIT`; eight bits a byte, and flags only between bytes.
    o : Out(stream)
        Bits of characters.
    """

    def __init__(self):
        super().__init__({"i": In(stream.Signature(FRAME_BIT)), "o": Out(stream.Signature(1))})

    def elaborate(self, platform):
        m = Module()
        byte = Signal(8, reset_less=True)
        index = Signal(3)
        special = Signal()
        escaped = Signal(reset_less=True)
        m.d.comb += special.eq((byte == FLAG) | (byte == ESCAPE))

        def send(bit, following):
            """Give a character's bits, and leave the state with the last."""
            m.d.comb += [self.o.valid.eq(1), self.o.payload.eq(bit)]
            with m.If(self.o.ready):
                m.d.sync += index.eq(index + 1)
                with m.If(index == 7):
                    m.next = following

        with m.FSM() as fsm:
            with m.State("GATHER"):
                m.d.comb += self.i.ready.eq(1)
                with m.If(self.i.valid & self.i.payload.flag):
                    m.next = "FLAG"
                with m.Elif(self.i.valid):
                    m.d.sync += [byte.eq(Cat(byte[1:], self.i.payload.bit)), index.eq(index + 1)]
                    with m.If(index == 7):
                        m.next = "DECIDE"
            with m.State("FLAG"):
                send(C(FLAG, 8).bit_select(index, 1), "GATHER")
            with m.State("DECIDE"):
                m.d.sync += escaped.eq(special)
                m.next = "BYTE"
                with m.If(special):
                    m.next = "ESCAPE"
            with m.State("ESCAPE"):
                send(C(ESCAPE, 8).bit_select(index, 1), "BYTE")
            with m.State("BYTE"):
                send(byte[0] ^ (escaped & (index == ESCAPED_BIT)), "GATHER")
                with m.If(self.o.ready):
                    m.d.sync += byte.eq(byte >> 1)
        safe(m, fsm)
        return m
