"""The link of a chip: a serial line on one side, the core's two streams on the other."""

from amaranth.hdl import Module
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from prototile.rtl.layout import query_layout, record_layout
from prototile.rtl.link.framing import Stuffer, Unstuffer
from prototile.rtl.link.request import RequestReceiver
from prototile.rtl.link.response import ResponseSender
from prototile.rtl.link.uart import UARTReceiver, UARTTransmitter


class Link(wiring.Component):
    """Serves the requests of a host, as `protocol` describes them, over a UART.

    A damaged frame is answered with `Fault.DAMAGED` or not at all, never with a record, and the next good frame is
    served: a flag begins a frame in every state. Several `Command.CLASSIFY` may be in flight; their records come back
    in their order, with their sequence numbers. Of other responses one is kept while the line is taken, and what comes
    on top of it is dropped: a host repeats what is not answered. A self-test is served only while no query is in
    flight.

    Parameters
    ----------
    word_width, words
        Bits of a word of a query, and words of a query.
    record_fields
        Fields of the record, least significant first: name, width, whether signed.
    saturated_width
        Bits of the count of clipped components.
    identity
        Bytes that tell which design the chip holds.
    divisor
        Clocks a bit, at least 4.
    latency
        Cycles in which the core shows a record if a query is inside and no record is shown.
    queries
        Queries that may be inside the core.
    write
        Layout of a word for a memory of the core, None if its memories cannot be written. Where they can, bytes of
        `identity` can too: a host that writes another model says so there.

    Attributes
    ----------
    rx : In(1)
        From the host; of any clock domain.
    tx : Out(1)
        To the host.
    query : Out(stream)
        `query_layout`. Once ``ready`` is high it must stay so while no word enters, and until the last word of a query.
    record : In(stream)
        `record_layout`; one for each query that was not dropped, in their order.
    write : Out(stream)
        Only if there is a layout for it. Once ``ready`` is high it must stay so while no query enters.
    """

    def __init__(
        self,
        *,
        word_width: int,
        words: int,
        record_fields: tuple[tuple[str, int, bool], ...],
        saturated_width: int,
        identity: bytes,
        divisor: int,
        latency: int,
        queries: int = 4,
        write: data.StructLayout | None = None,
    ):
        self.responses = ResponseSender(record_fields=record_fields, identity=identity, writable=write is not None)
        self.requests = RequestReceiver(
            word_width=word_width,
            words=words,
            saturated_width=saturated_width,
            index_width=len(self.responses.expected),
            queries=queries,
            latency=latency,
            write=write,
        )
        self.receiver = UARTReceiver(divisor=divisor)
        self.transmitter = UARTTransmitter(divisor=divisor)
        self.word_width = word_width
        self.words = words
        self.record_fields = record_fields
        self.saturated_width = saturated_width
        self.identity = identity
        self.divisor = divisor
        self.queries = queries
        self.latency = latency
        self.writes = write
        super().__init__(
            ({} if write is None else {"write": Out(stream.Signature(write))})
            | {
                "rx": In(1, init=1),
                "tx": Out(1, init=1),
                "query": Out(stream.Signature(query_layout(word_width, saturated_width))),
                "record": In(stream.Signature(record_layout(record_fields))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.receiver = receiver = self.receiver
        m.submodules.unstuffer = unstuffer = Unstuffer()
        m.submodules.requests = requests = self.requests
        m.submodules.responses = responses = self.responses
        m.submodules.stuffer = stuffer = Stuffer()
        m.submodules.transmitter = transmitter = self.transmitter
        wiring.connect(m, unstuffer.o, requests.i)
        wiring.connect(m, requests.query, wiring.flipped(self.query))
        wiring.connect(m, requests.notice, responses.notice)
        wiring.connect(m, wiring.flipped(self.record), responses.record)
        wiring.connect(m, responses.o, stuffer.i)
        wiring.connect(m, stuffer.o, transmitter.i)
        if self.writes is not None:
            wiring.connect(m, requests.write, wiring.flipped(self.write))
            wiring.connect(m, requests.mark, responses.mark)
        m.d.comb += [
            receiver.rx.eq(self.rx),
            unstuffer.data.eq(receiver.data),
            unstuffer.shift.eq(receiver.shift),
            unstuffer.index.eq(receiver.index),
            unstuffer.complete.eq(receiver.complete),
            unstuffer.error.eq(receiver.error),
            requests.damaged.eq(unstuffer.damaged),
            responses.testing.eq(requests.testing),
            responses.expected.eq(requests.expected),
            requests.shown.eq(self.record.valid),
            requests.answered.eq(self.record.valid & self.record.ready),
            self.tx.eq(transmitter.tx),
        ]
        return m
