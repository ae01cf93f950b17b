"""CRC-32 of IEEE 802.3, one bit a cycle."""

from amaranth.hdl import C, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

#: The polynomial, highest power at the least significant bit, because bits come least significant first.
POLYNOMIAL = 0xEDB88320
#: What the register holds after a message and its own CRC, whatever the message was.
RESIDUE = 0xDEBB20E3


class SerialCRC32(wiring.Component):
    """The CRC-32 of IEEE 802.3 (of zlib, HDLC), bit by bit in the order of a serial line.

    Appending the 32 bits of ``o`` to a message gives a sequence that makes ``residue`` high at the receiver. Source of
    the residue: RFC 1662, appendix C.3, there in its complement-free form 0xdebb20e3.

    Attributes
    ----------
    clear : In(1)
        Begin a message; stronger than ``enable``.
    enable : In(1)
        Take ``i``, or with ``read`` go to the next bit of the CRC.
    i : In(1)
        Bit of the message.
    read : In(1)
        The message is over: ``o`` gives the CRC, lowest bit first.
    o : Out(1)
        Bit of the CRC, of the same cycle.
    residue : Out(1)
        What was taken since ``clear`` until a cycle ago is a message followed by its CRC.
    """

    def __init__(self):
        super().__init__({"clear": In(1), "enable": In(1), "i": In(1), "read": In(1), "o": Out(1), "residue": Out(1)})

    def elaborate(self, platform):
        m = Module()
        register = Signal(32, init=0xFFFF_FFFF, reset_less=True)
        feedback = Signal()
        m.d.comb += [self.o.eq(~register[0]), feedback.eq((register[0] ^ self.i) & ~self.read)]
        m.d.sync += self.residue.eq(register == RESIDUE)
        with m.If(self.clear):
            m.d.sync += register.eq(0xFFFF_FFFF)
        with m.Elif(self.enable):
            m.d.sync += register.eq((register >> 1) ^ Mux(feedback, C(POLYNOMIAL, 32), C(0, 32)))
        return m
