"""Frames on a line of bytes, as in HDLC (RFC 1662, section 4): flags delimit, an escape hides what looks like one."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .uart import CHARACTER

FLAG = 0x7E
ESCAPE = 0x7D
#: The bit that an escaped byte has inverted.
ESCAPE_MASK = 0x20

#: What stands in a frame, or (``flag``) the boundary between two; then ``data`` is of no meaning.
FRAMED = data.StructLayout({"data": 8, "flag": 1})


class Unstuffer(wiring.Component):
    """Finds the frames among the characters of a line.

    Combinational but for one bit: the escape that came before.

    Attributes
    ----------
    i : In(stream), always ready
        `CHARACTER`.
    o : Out(stream), always ready
        `FRAMED`, in the cycle of the character that completes it.
    damaged : Out(1)
        For one cycle: a character was lost, or a flag came right after an escape. What the frame holds is not what was
        sent; the flag that ends it follows, or comes in the same cycle.
    """

    def __init__(self):
        super().__init__(
            {
                "i": In(stream.Signature(CHARACTER, always_ready=True)),
                "o": Out(stream.Signature(FRAMED, always_ready=True)),
                "damaged": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        character = self.i.payload
        escaped = Signal()
        flag = Signal()
        m.d.comb += [
            flag.eq(character.data == FLAG),
            self.o.payload.flag.eq(flag),
            self.o.payload.data.eq(character.data ^ Mux(escaped, ESCAPE_MASK, 0)),
        ]
        with m.If(self.i.valid):
            with m.If(character.error):
                m.d.comb += self.damaged.eq(1)
                m.d.sync += escaped.eq(0)
            with m.Elif(flag):
                m.d.comb += [self.o.valid.eq(1), self.damaged.eq(escaped)]
                m.d.sync += escaped.eq(0)
            with m.Elif((character.data == ESCAPE) & ~escaped):
                m.d.sync += escaped.eq(1)
            with m.Else():
                m.d.comb += self.o.valid.eq(1)
                m.d.sync += escaped.eq(0)
        return m


class Stuffer(wiring.Component):
    """Writes frames as bytes of a line; the inverse of `Unstuffer`.

    Combinational but for one bit: whether the escape has gone ahead of the byte.

    Attributes
    ----------
    i : In(stream)
        `FRAMED`.
    o : Out(stream)
        Bytes: one for each transfer of ``i``, two for a byte that must be escaped.
    """

    def __init__(self):
        super().__init__({"i": In(stream.Signature(FRAMED)), "o": Out(stream.Signature(8))})

    def elaborate(self, platform):
        m = Module()
        item = self.i.payload
        special = Signal()
        escaped = Signal()
        m.d.comb += [
            special.eq(((item.data == FLAG) | (item.data == ESCAPE)) & ~item.flag),
            self.o.valid.eq(self.i.valid),
        ]
        with m.If(item.flag):
            m.d.comb += self.o.payload.eq(FLAG)
        with m.Elif(special & ~escaped):
            m.d.comb += self.o.payload.eq(ESCAPE)
        with m.Else():
            m.d.comb += self.o.payload.eq(item.data ^ Mux(escaped, ESCAPE_MASK, 0))
        m.d.comb += self.i.ready.eq(self.o.ready & (~special | escaped))
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += escaped.eq(special & ~escaped)
        return m
