"""Responses: from records of the core, and notices, to the bits of frames."""

from contextlib import contextmanager

from amaranth.hdl import C, Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from prototile.rtl.checks import positive
from prototile.rtl.layout import record_layout
from prototile.rtl.link.crc import SerialCRC32
from prototile.rtl.link.framing import FRAME_BIT
from prototile.rtl.link.protocol import (
    COMMAND_WIDTH,
    CRC_WIDTH,
    ERROR_RESPONSE,
    LENGTH_WIDTH,
    RESPONSE,
    SEQUENCE_WIDTH,
    Command,
    Fault,
    byte_count,
    identity_byte_layout,
    notice_layout,
)
from prototile.rtl.link.safe import safe

HEADER_WIDTH = COMMAND_WIDTH + SEQUENCE_WIDTH + LENGTH_WIDTH
#: Bits of the first part of a payload: a self-test's result, a fault's code.
RESULT_WIDTH = 8


class ResponseSender(wiring.Component):
    """Puts responses together, one at a time.

    A record stays in the core until it was sent, so records are never dropped. One notice is kept until it was sent;
    another that comes in the meantime is dropped, and the host asks again. A notice goes before a record.

    - Throughput: a bit every 2 cycles.

    Parameters
    ----------
    record_fields
        Fields of the record: name, width, whether signed. Among them ``prototype`` and ``distance``.
    identity
        Payload of the response to `Command.IDENTIFY`.
    writable
        Whether bytes of the identity can be written.

    Attributes
    ----------
    record : In(stream)
        `record_layout`.
    testing : In(1)
        The record answers a self-test.
    expected : In(width of ``prototype``)
        The prototype that must win it, at distance 0.
    notice : In(stream), always ready
        `notice_layout`.
    mark : In(stream), always ready
        Only if `writable`: `identity_byte_layout`.
    o : Out(stream)
        `FRAME_BIT`.
    """

    def __init__(self, *, record_fields: tuple[tuple[str, int, bool], ...], identity: bytes, writable: bool = False):
        widths = {name: width for name, width, _ in record_fields}
        positive(**widths)
        for name in ("prototype", "distance"):
            if name not in widths:
                raise ValueError(f"record_fields must have a field {name!r}, not only {', '.join(widths)}")
        if not isinstance(identity, bytes):
            raise TypeError(f"identity must be bytes, not {identity!r}")
        if not 1 <= len(identity) < 1 << LENGTH_WIDTH:
            raise ValueError(f"identity must have 1 to {(1 << LENGTH_WIDTH) - 1} bytes, not {len(identity)}")
        self.record_fields = record_fields
        self.identity = identity
        self.writable = writable
        mark = stream.Signature(identity_byte_layout(), always_ready=True)
        super().__init__(
            ({"mark": In(mark)} if writable else {})
            | {
                "record": In(stream.Signature(record_layout(record_fields))),
                "testing": In(1),
                "expected": In(widths["prototype"]),
                "notice": In(stream.Signature(notice_layout(writable=writable), always_ready=True)),
                "o": Out(stream.Signature(FRAME_BIT)),
            }
        )

    @property
    def record_bytes(self) -> int:
        """Bytes of a record in a response."""
        return byte_count(sum(width for _, width, _ in self.record_fields))

    @property
    def payload_lengths(self) -> dict[Command, int]:
        """Bytes of the payload of each response."""
        return {
            Command.ERROR: 1,
            Command.IDENTIFY: len(self.identity),
            Command.CLASSIFY: self.record_bytes,
            Command.SELF_TEST: 1 + self.record_bytes,
            **({Command.WRITE: 0} if self.writable else {}),
        }

    def elaborate(self, platform):
        m = Module()
        m.submodules.crc = crc = SerialCRC32()
        record = self.record.payload

        waiting = Signal()
        notice = Signal(notice_layout(writable=self.writable), reset_less=True)
        with m.If(self.notice.valid & ~waiting):
            m.d.sync += [waiting.eq(1), notice.eq(self.notice.payload)]

        # What is sent, by its command: a record if one is there and no notice is.
        command = Signal(Command, reset_less=True)
        of_notice = Signal()
        of_notices = (Command.ERROR, Command.IDENTIFY, *([Command.WRITE] if self.writable else []))
        m.d.comb += of_notice.eq(Cat(command == one for one in of_notices).any())
        without_fault = Mux(notice.written, Command.WRITE, Command.IDENTIFY) if self.writable else Command.IDENTIFY

        position = Signal(range(max(CRC_WIDTH, 8 * max(self.payload_lengths.values()))), reset_less=True)
        header_bit = self._header_bit(m, command, Mux(of_notice, notice.sequence, record.tag), position)
        result = Signal(RESULT_WIDTH)
        passed = (record.prototype == self.expected) & (record.distance == 0)
        m.d.comb += result.eq(Mux(of_notice, notice.fault.as_value(), passed))
        fields = Cat(*(record[name] for name, _, _ in self.record_fields))
        fields = Cat(fields, C(0, 8 * self.record_bytes - len(fields)))

        # A long multiplexer picks each bit: a cycle of its own keeps it out of the way of the CRC.
        picked = Signal()
        bit = Signal(reset_less=True)
        last = Signal(reset_less=True)
        step = Signal()
        restart = Signal()
        m.d.comb += [
            self.o.payload.bit.eq(bit),
            crc.i.eq(bit),
            crc.enable.eq(step),
        ]
        with m.If(step):
            m.d.sync += position.eq(position + 1)
        with m.If(restart):
            m.d.sync += position.eq(0)

        def place(width):
            return position[: bits_for(width - 1)]

        def pick(vector):
            m.d.sync += bit.eq(vector.bit_select(place(len(vector)), 1))

        @contextmanager
        def part(width, fetched=1):
            """Give bits, each once it is `fetched`, and do what follows with the last of `width`."""
            m.d.sync += [picked.eq(~step & (picked | fetched)), last.eq(place(width) == width - 1)]
            m.d.comb += [self.o.valid.eq(picked), step.eq(picked & self.o.ready)]
            with m.If(step & last):
                m.d.comb += restart.eq(1)
                yield

        identity, fetched = self._identity_bit(m, position, step) if self.writable else (None, 1)
        with m.FSM() as fsm:
            with m.State("IDLE"):
                m.d.comb += [crc.clear.eq(1), restart.eq(1)]
                with m.If(waiting):
                    m.d.sync += command.eq(Mux(notice.fault == Fault.NONE, without_fault, Command.ERROR))
                with m.Else():
                    m.d.sync += command.eq(Mux(self.testing, Command.SELF_TEST, Command.CLASSIFY))
                with m.If(waiting | self.record.valid):
                    m.next = "OPEN"

            with m.State("OPEN"):
                m.d.comb += [self.o.valid.eq(1), self.o.payload.flag.eq(1)]
                with m.If(self.o.ready):
                    m.next = "HEADER"

            with m.State("HEADER"):
                m.d.sync += bit.eq(header_bit)
                with part(HEADER_WIDTH):
                    m.next = "PAYLOAD"
                    with m.If((command == Command.ERROR) | (command == Command.SELF_TEST)):
                        m.next = "RESULT"
                    if self.writable:
                        with m.If(command == Command.WRITE):
                            m.next = "CHECK"

            with m.State("RESULT"):
                pick(result)
                with part(RESULT_WIDTH):
                    m.next = "PAYLOAD"
                    with m.If(command == Command.ERROR):
                        m.next = "CHECK"

            with m.State("PAYLOAD"):
                with m.If(command == Command.IDENTIFY):
                    if identity is None:
                        pick(C(int.from_bytes(self.identity, "little"), 8 * len(self.identity)))
                    else:
                        # A byte that is written while its bit waits does not change it.
                        with m.If(~picked):
                            m.d.sync += bit.eq(identity)
                    with part(8 * len(self.identity), fetched):
                        m.next = "CHECK"
                with m.Else():
                    pick(fields)
                    with part(len(fields)):
                        m.next = "CHECK"

            with m.State("CHECK"):
                m.d.comb += crc.read.eq(1)
                m.d.sync += bit.eq(crc.o)
                with part(CRC_WIDTH):
                    m.next = "CLOSE"

            with m.State("CLOSE"):
                m.d.comb += [self.o.valid.eq(1), self.o.payload.flag.eq(1)]
                with m.If(self.o.ready):
                    with m.If(of_notice):
                        m.d.sync += waiting.eq(0)
                    with m.Else():
                        m.d.comb += self.record.ready.eq(1)
                    m.next = "IDLE"
        safe(m, fsm)
        return m

    def _identity_bit(self, m, position, step):
        """The bit at `position`, from a memory that can be written, and whether that has been read.

        It has a register of its own: the block RAMs of ECP5 take half a cycle to give a word out.
        """
        m.submodules.identity = memory = Memory(
            shape=8, depth=len(self.identity), init=self.identity, attrs={"ram_style": "block"}
        )
        read, write = memory.read_port(), memory.write_port()
        read_out = Signal()
        fetched = Signal()
        identity_bit = Signal(reset_less=True)
        m.d.sync += [
            read_out.eq(read.en & ~step),
            fetched.eq(read_out & ~step),
            identity_bit.eq(read.data.bit_select(position[:3], 1)),
        ]
        m.d.comb += [
            # Never at once, see `Tile`.
            read.en.eq(~self.mark.valid),
            read.addr.eq(position[3:]),
            write.addr.eq(self.mark.payload.index),
            write.data.eq(self.mark.payload.value),
            write.en.eq(self.mark.valid),
        ]
        return identity_bit, fetched

    def _header_bit(self, m, command, sequence, position):
        """Pick a bit of the header."""
        within = position[:3]
        code = Signal()
        length = Signal()
        with m.Switch(command):
            for value, count in self.payload_lengths.items():
                byte = ERROR_RESPONSE if value is Command.ERROR else RESPONSE | value.value
                with m.Case(value):
                    m.d.comb += [
                        code.eq(C(byte, COMMAND_WIDTH).bit_select(within, 1)),
                        length.eq(C(count, LENGTH_WIDTH).bit_select(position[:4], 1)),
                    ]
        return Mux(position[4], length, Mux(position[3], sequence.bit_select(within, 1), code))
