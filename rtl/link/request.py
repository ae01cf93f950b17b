"""Requests: from the bytes of frames to queries of the core."""

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..checks import positive
from ..layout import query_layout
from .crc import SerialCRC32
from .framing import FRAMED
from .protocol import (
    COMMAND_WIDTH,
    CRC_WIDTH,
    LENGTH_WIDTH,
    NOTICE,
    NUMBER_WIDTH,
    SEQUENCE_WIDTH,
    Command,
    Fault,
    byte_count,
)


class RequestReceiver(wiring.Component):
    """Takes requests apart, bit by bit, and hands queries to the core.

    The words of a query enter the core as they come, but the last one waits for the flag that ends the frame: it enters
    if the CRC is right and as many bytes came as the length says. Else the core is told to drop the query. A frame that was
    not served makes a notice.

    Whether a query is served is decided once, when its header is complete: if the core is not ready then, the request is
    answered with `Fault.BUSY`. A core that is ready must stay so while no word enters, and within a query.
    A self-test has the core for itself, so that its record cannot be taken for another's.

    - Throughput: a byte every 9 cycles, so that a line with 4 clocks a bit is never too fast.
    - Latency: the last word is offered 2 cycles after the flag.

    Parameters
    ----------
    word_width, words
        Bits of a word of a query, and words of a query.
    saturated_width
        Bits of the count of clipped components, at most 16.
    index_width
        Bits of a prototype's index, at most 16.
    queries
        Queries that may be inside the core.

    Attributes
    ----------
    i : In(stream), always ready
        `FRAMED`.
    damaged : In(1)
        What the frame holds is not what was sent.
    query : Out(stream)
        `query_layout`, the tag being the sequence number.
    answered : In(1)
        The core's record of one query was taken.
    testing : Out(1)
        The query in the core is a self-test.
    expected : Out(index_width)
        The prototype that must win it.
    notice : Out(stream), always ready
        `NOTICE`, for one cycle.
    """

    def __init__(self, *, word_width: int, words: int, saturated_width: int, index_width: int, queries: int):
        positive(
            word_width=word_width,
            words=words,
            saturated_width=saturated_width,
            index_width=index_width,
            queries=queries,
        )
        for name, width in (("saturated_width", saturated_width), ("index_width", index_width)):
            if width > NUMBER_WIDTH:
                raise ValueError(f"{name} must be at most {NUMBER_WIDTH}, not {width!r}")
        self.word_width = word_width
        self.words = words
        self.saturated_width = saturated_width
        self.index_width = index_width
        self.queries = queries
        if max(self.payload_lengths.values()) >= 1 << LENGTH_WIDTH:
            raise ValueError(f"a query of {words} words of {word_width} bits is longer than a frame's payload may be")
        super().__init__(
            {
                "i": In(stream.Signature(FRAMED, always_ready=True)),
                "damaged": In(1),
                "query": Out(stream.Signature(query_layout(word_width, saturated_width))),
                "answered": In(1),
                "testing": Out(1),
                "expected": Out(index_width),
                "notice": Out(stream.Signature(NOTICE, always_ready=True)),
            }
        )

    @property
    def payload_lengths(self) -> dict[Command, int]:
        """Bytes that the payload of each request must have."""
        number = byte_count(NUMBER_WIDTH)
        components = byte_count(self.words * self.word_width)
        return {
            Command.IDENTIFY: 0,
            Command.CLASSIFY: number + components,
            Command.SELF_TEST: 2 * number + components,
        }

    def elaborate(self, platform):
        m = Module()
        m.submodules.crc = crc = SerialCRC32()
        entered = Signal()
        outstanding = self._count_queries(m, entered)

        # A byte, and how many of its bits were taken already.
        byte = Signal(8, reset_less=True)
        taken = Signal(3)
        active = Signal()
        step = Signal()
        bit = byte[0]
        word_waits = Signal()
        m.d.comb += step.eq(active & ~(word_waits & ~self.query.ready))

        # What is known of the frame.
        bad = Signal()
        command = Signal(Command)
        known = Signal()
        sequence = Signal(SEQUENCE_WIDTH, reset_less=True)
        fault = Signal(Fault)
        wrong_length = Signal()
        started = Signal()

        # Bits taken of the part of the frame that the state names; words taken of the query.
        position = Signal(range(max(CRC_WIDTH, self.word_width)))
        words = Signal(range(max(2, self.words)))
        word = Signal(self.word_width, reset_less=True)
        saturated = Signal(self.saturated_width, reset_less=True)

        item = self.i.payload
        flag = Signal()
        intact = Signal()
        m.d.comb += [
            flag.eq(self.i.valid & item.flag),
            intact.eq(~(bad | self.damaged | active) & crc.residue),
            crc.i.eq(bit),
            crc.enable.eq(step),
            self.query.valid.eq(word_waits),
            self.query.payload.data.eq(word),
            self.query.payload.saturated.eq(saturated),
            self.query.payload.tag.eq(sequence),
            self.notice.payload.fault.eq(fault),
            self.notice.payload.sequence.eq(sequence),
        ]

        with m.If(self.query.ready):
            m.d.sync += word_waits.eq(0)
        with m.If(step):
            m.d.sync += [byte.eq(byte >> 1), taken.eq(taken + 1), position.eq(position + 1)]
            with m.If(taken == 7):
                m.d.sync += active.eq(0)
        with m.If(self.i.valid & ~item.flag):
            m.d.sync += [byte.eq(item.data), active.eq(1)]
        with m.If(self.damaged | (self.i.valid & active)):
            m.d.sync += bad.eq(1)

        def part(width, following):
            """Leave the state after `width` bits."""
            with m.If(step & (position == width - 1)):
                m.d.sync += position.eq(0)
                m.next = following

        def cut_short():
            """End a frame that is not complete."""
            with m.If(flag):
                m.next = "DISCARD"

        def number(target):
            """Take the next bit of a 16-bit number; what `target` has no room for must be zero."""
            with m.If(step):
                with m.If(position < len(target)):
                    m.d.sync += target.eq(Cat(target[1:], bit))
                with m.Elif(bit):
                    m.d.sync += bad.eq(1)

        with m.FSM():
            # What comes before the first flag is the tail of a frame, or the noise of a cable being plugged.
            with m.State("HUNT"), m.If(flag):
                m.next = "BEGIN"

            with m.State("BEGIN"):
                m.d.comb += crc.clear.eq(1)
                m.d.sync += [position.eq(0), bad.eq(0), wrong_length.eq(0), started.eq(0), words.eq(0)]
                m.next = "COMMAND"

            with m.State("COMMAND"):
                with m.If(self.i.valid & ~item.flag):
                    m.d.sync += [command.eq(item.data[:2]), known.eq((item.data[2:] == 0) & (item.data[:2] != 0))]
                part(COMMAND_WIDTH, "SEQUENCE")
                with m.If(flag & (bad | self.damaged)):
                    m.next = "DISCARD"

            with m.State("SEQUENCE"):
                with m.If(step):
                    m.d.sync += sequence.eq(Cat(sequence[1:], bit))
                part(SEQUENCE_WIDTH, "LENGTH")
                cut_short()

            with m.State("LENGTH"):
                expected_bit = Signal()
                wrong = Signal()
                with m.Switch(command):
                    for value, length in self.payload_lengths.items():
                        with m.Case(value):
                            m.d.comb += expected_bit.eq(Const(length, LENGTH_WIDTH).bit_select(position[:4], 1))
                m.d.comb += wrong.eq(wrong_length | (bit ^ expected_bit))
                with m.If(step):
                    m.d.sync += wrong_length.eq(wrong)
                with m.If(step & (position == LENGTH_WIDTH - 1)):
                    m.d.sync += position.eq(0)
                    with m.If(~known):
                        m.d.sync += fault.eq(Fault.UNKNOWN_COMMAND)
                        m.next = "SKIP"
                    with m.Elif(wrong):
                        m.d.sync += fault.eq(Fault.WRONG_LENGTH)
                        m.next = "SKIP"
                    with m.Elif(command == Command.IDENTIFY):
                        m.d.sync += fault.eq(Fault.NONE)
                        m.next = "CHECK"
                    with m.Elif(
                        ~self.query.ready
                        | self.testing
                        | (outstanding == self.queries)
                        | ((command == Command.SELF_TEST) & (outstanding != 0))
                    ):
                        m.d.sync += fault.eq(Fault.BUSY)
                        m.next = "SKIP"
                    with m.Elif(command == Command.SELF_TEST):
                        m.next = "EXPECTED"
                    with m.Else():
                        m.next = "SATURATED"
                cut_short()

            with m.State("EXPECTED"):
                number(self.expected)
                part(NUMBER_WIDTH, "SATURATED")
                cut_short()

            with m.State("SATURATED"):
                number(saturated)
                part(NUMBER_WIDTH, "WORDS")
                cut_short()

            padding = 8 * byte_count(self.words * self.word_width) - self.words * self.word_width
            with m.State("WORDS"):
                with m.If(step):
                    m.d.sync += word.eq(Cat(word[1:], bit))
                    with m.If(position == self.word_width - 1):
                        m.d.sync += [position.eq(0), words.eq(words + 1)]
                        with m.If(words == self.words - 1):
                            m.next = "PADDING" if padding else "CHECK"
                        with m.Else():
                            m.d.sync += [word_waits.eq(1), started.eq(1)]
                cut_short()

            if padding:
                with m.State("PADDING"):
                    with m.If(step & bit):
                        m.d.sync += bad.eq(1)
                    part(padding, "CHECK")
                    cut_short()

            with m.State("CHECK"):
                part(CRC_WIDTH, "END")
                cut_short()

            with m.State("END"):
                with m.If(step):
                    m.d.sync += bad.eq(1)
                with m.If(flag):
                    m.next = "DISCARD"
                    with m.If(intact):
                        m.next = "SERVE"
                        with m.If(command == Command.IDENTIFY):
                            m.next = "NOTICE"

            with m.State("SKIP"), m.If(flag):
                m.next = "DISCARD"
                with m.If(intact):
                    m.next = "NOTICE"

            with m.State("SERVE"):
                m.d.comb += [self.query.valid.eq(1), self.query.payload.last.eq(1)]
                with m.If(self.query.ready):
                    m.next = "BEGIN"

            with m.State("DISCARD"):
                m.d.sync += [sequence.eq(0), fault.eq(Fault.DAMAGED)]
                m.d.comb += [
                    self.query.valid.eq(started),
                    self.query.payload.last.eq(1),
                    self.query.payload.drop.eq(1),
                ]
                with m.If(~started | self.query.ready):
                    m.next = "NOTICE"

            with m.State("NOTICE"):
                m.d.comb += self.notice.valid.eq(1)
                m.next = "BEGIN"

        m.d.comb += entered.eq(self.query.valid & self.query.ready & self.query.payload.last & ~self.query.payload.drop)
        with m.If(entered):
            m.d.sync += self.testing.eq(command == Command.SELF_TEST)
        with m.Elif(self.answered):
            m.d.sync += self.testing.eq(0)
        return m

    def _count_queries(self, m, entered):
        """Count the queries inside the core."""
        outstanding = Signal(range(self.queries + 1))
        with m.If(entered & ~self.answered):
            m.d.sync += outstanding.eq(outstanding + 1)
        with m.If(~entered & self.answered):
            m.d.sync += outstanding.eq(outstanding - 1)
        return outstanding
