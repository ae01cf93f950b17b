"""Requests: from the bits of frames to queries of the core."""

from contextlib import contextmanager

from amaranth.hdl import C, Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from prototile.rtl.checks import positive
from prototile.rtl.layout import query_layout
from prototile.rtl.link.crc import SerialCRC32
from prototile.rtl.link.framing import FRAME_BIT
from prototile.rtl.link.protocol import (
    COMMAND_WIDTH,
    CRC_WIDTH,
    LENGTH_WIDTH,
    NUMBER_WIDTH,
    SEQUENCE_WIDTH,
    Command,
    Fault,
    byte_count,
    identity_byte_layout,
    image_layout,
    notice_layout,
)
from prototile.rtl.link.safe import safe


class RequestReceiver(wiring.Component):
    """Takes requests apart, bit by bit, and hands queries to the core.

    The words of a query enter the core as they come, but the last one waits for the flag that ends the frame: it enters
    if the CRC is right and as many bytes came as the length says. Else the core is told to drop the query. A frame that
    was not served makes a notice.

    Whether a query is served is decided once, when its header is complete: if the core is not ready then, the request
    is answered with `Fault.BUSY`. A core that is ready must stay so while no word enters, and within a query.
    A self-test is served only when no query is inside, so that the first record to leave is its own; and so is a word
    that is to be written, which enters when the whole frame is known to be good.

    - Throughput: a bit every 2 cycles.
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
    latency
        Cycles in which the core shows a record if a query is inside and no record is shown.
    write
        Layout of a word for a memory, None for a core whose memories cannot be written.

    Attributes
    ----------
    i : In(stream), always ready
        `FRAME_BIT`.
    damaged : In(1)
        What the frame holds is not what was sent.
    query : Out(stream)
        `query_layout`, the tag being the sequence number.
    shown : In(1)
        The core shows a record.
    answered : In(1)
        The core's record of one query was taken.
    testing : Out(1)
        The record that leaves next answers a self-test.
    expected : Out(index_width)
        The prototype that must win it.
    notice : Out(stream), always ready
        `notice_layout`, for one cycle.
    write : Out(stream)
        Only if there is a layout for it. Once ``ready`` is high it must stay so while no query enters.
    mark : Out(stream), always ready
        Likewise: a byte of the identity, `identity_byte_layout`.
    """

    def __init__(
        self,
        *,
        word_width: int,
        words: int,
        saturated_width: int,
        index_width: int,
        queries: int,
        latency: int,
        write: data.StructLayout | None = None,
    ):
        positive(
            word_width=word_width,
            words=words,
            saturated_width=saturated_width,
            index_width=index_width,
            queries=queries,
            latency=latency,
        )
        for name, width in (("saturated_width", saturated_width), ("index_width", index_width)):
            if width > NUMBER_WIDTH:
                raise ValueError(f"{name} must be at most {NUMBER_WIDTH}, not {width!r}")
        self.word_width = word_width
        self.words = words
        self.saturated_width = saturated_width
        self.index_width = index_width
        self.queries = queries
        self.latency = latency
        self.image = None if write is None else image_layout(write)
        if max(self.payload_lengths.values()) >= 1 << LENGTH_WIDTH:
            raise ValueError(f"a query of {words} words of {word_width} bits is longer than a frame's payload may be")
        ports = {}
        if write is not None:
            mark = stream.Signature(identity_byte_layout(), always_ready=True)
            ports = {"write": Out(stream.Signature(write)), "mark": Out(mark)}
        super().__init__(
            ports
            | {
                "i": In(stream.Signature(FRAME_BIT, always_ready=True)),
                "damaged": In(1),
                "query": Out(stream.Signature(query_layout(word_width, saturated_width))),
                "shown": In(1),
                "answered": In(1),
                "testing": Out(1),
                "expected": Out(index_width),
                "notice": Out(stream.Signature(notice_layout(writable=write is not None), always_ready=True)),
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
            **({} if self.image is None else {Command.WRITE: byte_count(self.image.size)}),
        }

    def elaborate(self, platform):
        m = Module()
        m.submodules.crc = crc = SerialCRC32()
        entered = Signal()
        empty = self._find_empty(m, entered)
        outstanding = self._count_queries(m, entered, empty)

        # What is known of the frame. `fault` is what its response will be, should nothing else come.
        command = Signal(Command, reset_less=True)
        sequence = Signal(SEQUENCE_WIDTH, reset_less=True)
        fault = Signal(Fault, reset_less=True)
        bad = Signal(reset_less=True)
        unknown = Signal(reset_less=True)
        wrong_length = Signal(reset_less=True)
        started = Signal(reset_less=True)
        refused = Signal(reset_less=True)

        # Bits taken of the part of the frame that the state names; words taken of the query.
        image_width = 0 if self.image is None else 8 * self.payload_lengths[Command.WRITE]
        position = Signal(range(max(CRC_WIDTH, self.word_width, image_width)), reset_less=True)
        words = Signal(range(max(2, self.words)), reset_less=True)
        # What came last is in the upper bits: a word of the query, or all that is to be written.
        shifted = Signal(max(self.word_width, image_width), reset_less=True)
        word = shifted[len(shifted) - self.word_width :]
        # What is offered to the core comes from registers: there it has far to go.
        offered = Signal()
        final = Signal(reset_less=True)
        dropped = Signal(reset_less=True)
        saturated = Signal(self.saturated_width, reset_less=True)

        bit = self.i.payload.bit
        flag = Signal()
        step = Signal()
        begin = Signal()
        last = Signal(reset_less=True)
        part_end = Signal()
        m.d.comb += [
            flag.eq(self.i.valid & self.i.payload.flag),
            step.eq(self.i.valid & ~self.i.payload.flag),
            crc.i.eq(bit),
            crc.enable.eq(step),
            crc.clear.eq(begin),
            self.query.valid.eq(offered),
            self.query.payload.data.eq(word),
            self.query.payload.last.eq(final),
            self.query.payload.drop.eq(dropped),
            self.query.payload.saturated.eq(saturated),
            self.query.payload.tag.eq(sequence),
            self.notice.payload.fault.eq(fault),
            self.notice.payload.sequence.eq(sequence),
        ]
        # A place that is free stays free while no word enters, so what was true a cycle ago still is.
        alone = command == Command.SELF_TEST
        cannot = ~self.query.ready | (outstanding == self.queries)
        if self.image is not None:
            alone |= command == Command.WRITE
            cannot |= (command == Command.WRITE) & ~self.write.ready
        m.d.sync += refused.eq(cannot | (alone & (outstanding != 0)))
        m.d.sync += last.eq(0)
        with m.If(step):
            m.d.sync += position.eq(position + 1)
        with m.If(begin | part_end):
            m.d.sync += position.eq(0)
        with m.If(self.damaged):
            m.d.sync += bad.eq(1)
        # A core that lets words wait, against the contract, loses the query but does not get a wrong one.
        with m.If(offered & ~final & step):
            m.d.sync += bad.eq(1)
        with m.If(self.query.ready):
            m.d.sync += offered.eq(0)

        @contextmanager
        def part(width):
            """What happens with the last of `width` bits."""
            # The bit before is 2 cycles away, so whether this is the last is known beforehand.
            m.d.sync += last.eq(position[: bits_for(width - 1)] == width - 1)
            with m.If(step & last):
                m.d.comb += part_end.eq(1)
                yield

        def number(target):
            """Take the next bit of a 16-bit number; what `target` has no room for must be zero."""
            with m.If(step):
                with m.If(position[:4] < len(target)):
                    m.d.sync += target.eq(Cat(target[1:], bit))
                with m.Elif(bit):
                    m.d.sync += bad.eq(1)

        def take():
            """Take the next bit of a word."""
            with m.If(step):
                m.d.sync += shifted.eq(Cat(shifted[1:], bit))

        def end_of_frame():
            with m.If(flag):
                m.next = "VERDICT"

        padding = 8 * byte_count(self.words * self.word_width) - self.words * self.word_width
        with m.FSM() as fsm:
            # What comes before the first flag is the tail of a frame, or the noise of a cable being plugged.
            with m.State("HUNT"), m.If(flag):
                m.next = "BEGIN"

            with m.State("BEGIN"):
                m.d.comb += begin.eq(1)
                m.d.sync += [
                    bad.eq(0),
                    unknown.eq(0),
                    wrong_length.eq(0),
                    started.eq(0),
                    words.eq(0),
                    fault.eq(Fault.DAMAGED),
                    final.eq(0),
                    dropped.eq(0),
                ]
                m.next = "COMMAND"

            with m.State("COMMAND"):
                with m.If(step):
                    with m.If(position[:3] < len(command.as_value())):
                        m.d.sync += command.eq(Cat(command.as_value()[1:], bit))
                    with m.Elif(bit):
                        m.d.sync += unknown.eq(1)
                with part(COMMAND_WIDTH):
                    m.next = "SEQUENCE"
                # Flags may follow each other: nothing between them is no frame.
                with m.If(flag):
                    m.next = "BEGIN"
                with m.If(flag & (bad | self.damaged)):
                    m.next = "VERDICT"

            with m.State("SEQUENCE"):
                with m.If(step):
                    m.d.sync += sequence.eq(Cat(sequence[1:], bit))
                with part(SEQUENCE_WIDTH):
                    m.next = "LENGTH"
                end_of_frame()

            with m.State("LENGTH"):
                expected_bit = Signal()
                wrong = Signal()
                with m.Switch(command):
                    for value, length in self.payload_lengths.items():
                        with m.Case(value):
                            m.d.comb += expected_bit.eq(C(length, LENGTH_WIDTH).bit_select(position[:4], 1))
                m.d.comb += wrong.eq(wrong_length | (bit ^ expected_bit))
                with m.If(step):
                    m.d.sync += wrong_length.eq(wrong)
                with part(LENGTH_WIDTH):
                    with m.If(unknown | ~Cat(command == one for one in self.payload_lengths).any()):
                        m.d.sync += fault.eq(Fault.UNKNOWN_COMMAND)
                        m.next = "REST"
                    with m.Elif(wrong):
                        m.d.sync += fault.eq(Fault.WRONG_LENGTH)
                        m.next = "REST"
                    with m.Elif(command == Command.IDENTIFY):
                        m.next = "CHECK"
                    with m.Elif(refused):
                        m.d.sync += fault.eq(Fault.BUSY)
                        m.next = "REST"
                    with m.Elif(command == Command.SELF_TEST):
                        m.next = "EXPECTED"
                    with m.Elif(command == Command.WRITE):
                        m.next = "CHECK" if self.image is None else "IMAGE"
                    with m.Else():
                        m.next = "SATURATED"
                end_of_frame()

            with m.State("EXPECTED"):
                number(self.expected)
                with part(NUMBER_WIDTH):
                    m.next = "SATURATED"
                end_of_frame()

            with m.State("SATURATED"):
                number(saturated)
                with part(NUMBER_WIDTH):
                    m.next = "WORDS"
                end_of_frame()

            with m.State("WORDS"):
                take()
                with part(self.word_width):
                    m.d.sync += words.eq(words + 1)
                    with m.If(words == self.words - 1):
                        m.next = "PADDING" if padding else "CHECK"
                    with m.Else():
                        m.d.sync += [offered.eq(1), started.eq(1)]
                end_of_frame()

            if padding:
                with m.State("PADDING"):
                    with m.If(step & bit):
                        m.d.sync += bad.eq(1)
                    with part(padding):
                        m.next = "CHECK"
                    end_of_frame()

            if self.image is not None:
                with m.State("IMAGE"):
                    take()
                    with part(image_width):
                        m.next = "CHECK"
                    end_of_frame()

            with m.State("CHECK"):
                with part(CRC_WIDTH):
                    m.d.sync += fault.eq(Fault.NONE)
                    m.next = "REST"
                end_of_frame()

            with m.State("REST"):
                with m.If(step & (fault == Fault.NONE)):
                    m.d.sync += bad.eq(1)
                end_of_frame()

            with m.State("VERDICT"):
                with m.If(bad | ~crc.residue | (fault == Fault.DAMAGED)):
                    m.d.sync += [fault.eq(Fault.DAMAGED), sequence.eq(0)]
                    m.d.sync += [offered.eq(started), final.eq(1), dropped.eq(1)]
                    m.next = "DROP"
                with m.Elif((fault == Fault.NONE) & (command == Command.WRITE)):
                    m.next = "NOTICE" if self.image is None else "WRITE"
                with m.Elif((fault == Fault.NONE) & (command != Command.IDENTIFY)):
                    m.d.sync += [offered.eq(1), final.eq(1)]
                    m.next = "SERVE"
                with m.Else():
                    m.next = "NOTICE"

            with m.State("SERVE"), m.If(self.query.ready):
                m.next = "BEGIN"

            with m.State("DROP"), m.If(~offered | self.query.ready):
                m.next = "NOTICE"

            if self.image is not None:
                with m.State("WRITE"):
                    self._write(m, shifted[len(shifted) - image_width :], bad)

                with m.State("WRITTEN"):
                    m.d.comb += [self.notice.valid.eq(1), self.notice.payload.written.eq(1)]
                    m.next = "BEGIN"

            with m.State("NOTICE"):
                m.d.comb += self.notice.valid.eq(1)
                m.next = "BEGIN"
        safe(m, fsm)

        m.d.comb += entered.eq(self.query.valid & self.query.ready & self.query.payload.last & ~self.query.payload.drop)
        with m.If(entered & (command == Command.SELF_TEST)):
            m.d.sync += self.testing.eq(1)
        with m.Elif(self.answered | empty):
            m.d.sync += self.testing.eq(0)
        return m

    def _write(self, m, payload, bad):
        """Hand over a word for a memory, or a byte of the identity, and say that it is written."""
        image = data.View(self.image, payload[: self.image.size])
        memory, identity = image.written.memory, image.written.identity
        m.d.comb += [self.write.payload.eq(memory), self.mark.payload.eq(identity)]
        filled = Mux(
            image.of_identity,
            payload[1 + identity_byte_layout().size :].any(),
            payload[1 + self.write.payload.shape().size :].any(),
        )
        with m.If(filled):
            m.d.sync += bad.eq(1)
            m.next = "VERDICT"
        with m.Elif(image.of_identity):
            m.d.comb += self.mark.valid.eq(1)
            m.next = "WRITTEN"
        with m.Else():
            m.d.comb += self.write.valid.eq(1)
            with m.If(self.write.ready):
                m.next = "WRITTEN"

    def _find_empty(self, m, entered):
        """Whether the core has shown no record, and taken no query, for so long that none can be inside.

        What is known of queries inside is forgotten then: if it does not hold, an upset has made it, or the core forgot
        a query because of one.
        """
        quiet = Signal((self.latency + 1).bit_length() + 1)
        empty = quiet[-1]
        with m.If(self.shown | entered):
            m.d.sync += quiet.eq(0)
        with m.Elif(~empty):
            m.d.sync += quiet.eq(quiet + 1)
        return empty

    def _count_queries(self, m, entered, empty):
        """Count the queries inside the core."""
        outstanding = Signal(range(self.queries + 1))
        with m.If(empty):
            m.d.sync += outstanding.eq(0)
        with m.Elif(~entered & self.answered):
            m.d.sync += outstanding.eq(outstanding - 1)
        with m.If(entered & ~self.answered):
            m.d.sync += outstanding.eq(outstanding + 1)
        return outstanding
