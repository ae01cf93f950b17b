"""Responses: from records of the core, and notices, to the bytes of frames."""

from amaranth.hdl import C, Cat, Const, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..checks import positive
from ..layout import TAG_WIDTH, record_layout
from .crc import SerialCRC32
from .framing import FRAMED
from .protocol import (
    COMMAND_WIDTH,
    CRC_WIDTH,
    ERROR_RESPONSE,
    LENGTH_WIDTH,
    NOTICE,
    RESPONSE,
    SEQUENCE_WIDTH,
    Command,
    Fault,
    byte_count,
)

#: Bits of the self-test's result, and of a fault's code, in a response.
RESULT_WIDTH = 8


class ResponseSender(wiring.Component):
    """Puts responses together, bit by bit, one at a time.

    One notice is kept until it was sent; another that comes in the meantime is dropped, and the host asks again. Records
    are never dropped: they wait in the core. A notice goes first.

    - Throughput: a byte every 9 cycles.

    Parameters
    ----------
    record_fields
        Fields of the record: name, width, whether signed. Among them ``prototype`` and ``distance``.
    identity
        Payload of the response to `Command.IDENTIFY`.

    Attributes
    ----------
    record : In(stream)
        `record_layout`.
    testing : In(1)
        The record answers a self-test.
    expected : In(width of ``prototype``)
        The prototype that must win it, at distance 0.
    answered : Out(1)
        A record is taken.
    notice : In(stream), always ready
        `NOTICE`.
    o : Out(stream)
        `FRAMED`.
    """

    def __init__(self, *, record_fields: tuple[tuple[str, int, bool], ...], identity: bytes):
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
        super().__init__(
            {
                "record": In(stream.Signature(record_layout(record_fields))),
                "testing": In(1),
                "expected": In(widths["prototype"]),
                "answered": Out(1),
                "notice": In(stream.Signature(NOTICE, always_ready=True)),
                "o": Out(stream.Signature(FRAMED)),
            }
        )

    @property
    def record_width(self) -> int:
        """Bits of a record without its tag."""
        return sum(width for _, width, _ in self.record_fields)

    @property
    def payload_widths(self) -> dict[Command, int]:
        """Bits of the payload of each response, `RESULT_WIDTH` of a self-test's result not counted."""
        record = 8 * byte_count(self.record_width)
        return {
            Command.ERROR: RESULT_WIDTH,
            Command.IDENTIFY: 8 * len(self.identity),
            Command.CLASSIFY: record,
            Command.SELF_TEST: record,
        }

    def elaborate(self, platform):
        m = Module()
        m.submodules.crc = crc = SerialCRC32()

        # The notice is sent out of the register that keeps it.
        waiting = Signal()
        fault = Signal(Fault)
        notice_sequence = Signal(SEQUENCE_WIDTH, reset_less=True)
        with m.If(self.notice.valid & ~waiting):
            m.d.sync += [
                waiting.eq(1),
                fault.eq(self.notice.payload.fault),
                notice_sequence.eq(self.notice.payload.sequence),
            ]

        command = Signal(Command)
        passed = Signal(reset_less=True)
        record = Signal(TAG_WIDTH + self.record_width, reset_less=True)
        of_record = Signal()
        m.d.comb += of_record.eq((command == Command.CLASSIFY) | (command == Command.SELF_TEST))

        # The byte that is being put together from bits.
        byte = Signal(8, reset_less=True)
        full = Signal()
        bit = Signal()
        step = Signal()
        position = Signal(range(max(CRC_WIDTH, *self.payload_widths.values())))
        m.d.comb += [
            self.o.payload.data.eq(byte),
            self.o.valid.eq(full),
            crc.i.eq(bit),
            crc.enable.eq(step),
        ]
        with m.If(step):
            m.d.sync += [byte.eq(Cat(byte[1:], bit)), position.eq(position + 1)]
            with m.If(position[:3] == 7):
                m.d.sync += full.eq(1)
        with m.If(full & self.o.ready):
            m.d.sync += full.eq(0)

        def part(width, following):
            """Give a bit a cycle while the byte has room, and leave the state after `width` bits."""
            m.d.comb += step.eq(~full)
            with m.If(step & (position == width - 1)):
                m.d.sync += position.eq(0)
                m.next = following

        def next_record_bit():
            m.d.comb += bit.eq(record[0])
            with m.If(step):
                m.d.sync += record.eq(record >> 1)

        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += crc.clear.eq(1)
                with m.If(waiting):
                    m.d.sync += command.eq(Command.ERROR)
                    with m.If(fault == Fault.NONE):
                        m.d.sync += command.eq(Command.IDENTIFY)
                    m.next = "OPEN"
                with m.Elif(self.record.valid):
                    m.d.comb += [self.record.ready.eq(1), self.answered.eq(1)]
                    fields = [self.record.payload[name] for name, _, _ in self.record_fields]
                    m.d.sync += [
                        record.eq(Cat(self.record.payload.tag, *fields)),
                        passed.eq((self.record.payload.prototype == self.expected) & (self.record.payload.distance == 0)),
                        command.eq(Command.CLASSIFY),
                    ]
                    with m.If(self.testing):
                        m.d.sync += command.eq(Command.SELF_TEST)
                    m.next = "OPEN"

            with m.State("OPEN"):
                m.d.comb += [self.o.valid.eq(1), self.o.payload.flag.eq(1)]
                with m.If(self.o.ready):
                    m.next = "COMMAND"

            with m.State("COMMAND"):
                codes = {value: RESPONSE | value.value for value in Command} | {Command.ERROR: ERROR_RESPONSE}
                with m.Switch(command):
                    for value, code in codes.items():
                        with m.Case(value):
                            m.d.comb += bit.eq(C(code, COMMAND_WIDTH).bit_select(position[:3], 1))
                part(COMMAND_WIDTH, "SEQUENCE")

            with m.State("SEQUENCE"):
                with m.If(of_record):
                    next_record_bit()
                with m.Else():
                    m.d.comb += bit.eq(notice_sequence[0])
                    with m.If(step):
                        m.d.sync += notice_sequence.eq(notice_sequence >> 1)
                part(SEQUENCE_WIDTH, "LENGTH")

            with m.State("LENGTH"):
                with m.Switch(command):
                    for value, width in self.payload_widths.items():
                        length = byte_count(width + (RESULT_WIDTH if value is Command.SELF_TEST else 0))
                        with m.Case(value):
                            m.d.comb += bit.eq(C(length, LENGTH_WIDTH).bit_select(position[:4], 1))
                part(LENGTH_WIDTH, "PAYLOAD")
                with m.If(step & (position == LENGTH_WIDTH - 1) & (command == Command.SELF_TEST)):
                    m.next = "RESULT"

            with m.State("RESULT"):
                m.d.comb += bit.eq(passed & (position[:3] == 0))
                part(RESULT_WIDTH, "PAYLOAD")

            with m.State("PAYLOAD"):
                with m.Switch(command):
                    with m.Case(Command.ERROR):
                        m.d.comb += bit.eq(Cat(fault, C(0, RESULT_WIDTH - 3)).bit_select(position[:3], 1))
                        part(self.payload_widths[Command.ERROR], "CHECK")
                    with m.Case(Command.IDENTIFY):
                        bits = self.payload_widths[Command.IDENTIFY]
                        m.d.comb += bit.eq(Const(int.from_bytes(self.identity, "little"), bits).bit_select(position, 1))
                        part(bits, "CHECK")
                    with m.Default():
                        next_record_bit()
                        part(self.payload_widths[Command.CLASSIFY], "CHECK")

            with m.State("CHECK"):
                m.d.comb += [bit.eq(crc.o), crc.read.eq(1)]
                part(CRC_WIDTH, "CLOSE")

            with m.State("CLOSE"):
                m.d.comb += [self.o.valid.eq(1), self.o.payload.flag.eq(~full)]
                with m.If(self.o.ready & ~full):
                    m.next = "IDLE"
                    with m.If(~of_record):
                        m.d.sync += waiting.eq(0)
        return m
