"""The core as a block of registers, without a bus."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from prototile.rtl.bus.register_map import (
    ADDRESS_WIDTH,
    CONTROL,
    MAX_PENDING,
    REGISTER_WIDTH,
    STATUS,
    RegisterMap,
)
from prototile.rtl.layout import query_layout, record_layout

#: An address counts registers here, not bytes.
REGISTER_ADDRESS_WIDTH = ADDRESS_WIDTH - 2


class Registers(wiring.Component):
    """Queries are written word by word, the record is read field by field and then popped.

    Reads never change anything, so they have a port of their own. Both ports answer in the same cycle. A refused access
    has no effect. What can be written and read is 0 after a reset.

    A word of a query that the core cannot take is refused, not kept: a bus that waited for the core would wait for ever
    if the software that should pop a record waits for the bus. Within a query the core is always ready, so it is enough
    to look at ``query_ready`` before the first word.

    Parameters
    ----------
    map_
        The register map.

    Attributes
    ----------
    write_enable, write_address, write_data, write_strobe : In
        One write a cycle; ``write_strobe`` has a bit for each byte, and all must be set.
    write_refused : Out(1)
        No such register, one that is only read, not all bytes, or a word of a query while ``query_ready`` is 0.
    read_address : In
        May change in every cycle.
    read_data, read_refused : Out
        The register, or that there is none to read.
    query, record : Out(stream), In(stream)
        To and from the core.
    irq : Out(1)
        A record is valid, and the interrupt is enabled.
    """

    def __init__(self, map_: RegisterMap):
        self.map = map_
        super().__init__(
            {
                "write_enable": In(1),
                "write_address": In(REGISTER_ADDRESS_WIDTH),
                "write_data": In(REGISTER_WIDTH),
                "write_strobe": In(REGISTER_WIDTH // 8),
                "write_refused": Out(1),
                "read_address": In(REGISTER_ADDRESS_WIDTH),
                "read_data": Out(REGISTER_WIDTH),
                "read_refused": Out(1),
                "query": Out(stream.Signature(query_layout(map_.word_width, map_.saturated_width))),
                "record": In(stream.Signature(record_layout(map_.record_fields))),
                "irq": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        status = Signal(STATUS)
        interrupt = Signal()
        tag = Signal(len(self.query.payload.tag))
        saturated = Signal(len(self.query.payload.saturated))
        stored = {"interrupt": interrupt, "query_tag": tag, "query_saturated": saturated}

        written = self._decode_write(m, status.query_ready)
        for name, register in stored.items():
            with m.If(written[name]):
                m.d.sync += register.eq(self.write_data)
        control = data.View(CONTROL, self.write_data[: CONTROL.size])
        abort = written["control"] & control.abort
        m.d.comb += [
            self.record.ready.eq(written["control"] & control.pop),
            self.irq.eq(interrupt & self.record.valid),
            self.query.payload.tag.eq(tag),
            self.query.payload.saturated.eq(saturated),
        ]
        m.d.comb += status.begun.eq(self._send(m, write=written["query_data"], abort=abort))
        self._count(m, status)
        self._read(m, {"status": status, **stored})
        return m

    def _decode_write(self, m, query_ready):
        """For each register that can be written, whether it is being written."""
        written = {
            register.name: Signal(name=f"write_{register.name}") for register in self.map.registers if register.writable
        }
        m.d.comb += self.write_refused.eq(1)
        with m.If(self.write_strobe.all()), m.Switch(self.write_address):
            for name, is_written in written.items():
                possible = query_ready if name == "query_data" else Const(1)
                with m.Case(self.map[name].offset // 4):
                    m.d.comb += [is_written.eq(self.write_enable & possible), self.write_refused.eq(~possible)]
        return written

    def _send(self, m, *, write, abort):
        """Gather words from writes and send them; returns whether a query has begun."""
        words, writes = self.map.identity.words, self.map.writes_per_word
        word = Signal(range(words))
        begun = Signal()
        complete = Signal()
        if writes == 1:
            m.d.comb += [complete.eq(write), self.query.payload.data.eq(self.write_data)]
        else:
            piece = Signal(range(writes))
            gathered = Signal((writes - 1) * REGISTER_WIDTH, reset_less=True)
            m.d.comb += [
                complete.eq(write & (piece == writes - 1)),
                self.query.payload.data.eq(Cat(gathered, self.write_data)),
            ]
            with m.If(write):
                m.d.sync += [piece.eq(piece + 1), gathered.eq(Cat(gathered, self.write_data)[REGISTER_WIDTH:])]
            with m.If(complete | abort):
                m.d.sync += piece.eq(0)
        last = word == words - 1
        # The core has seen nothing of a query whose first word is not complete.
        dropped = abort & (word != 0)
        m.d.comb += [
            self.query.valid.eq(complete | dropped),
            self.query.payload.last.eq(last | dropped),
            self.query.payload.drop.eq(dropped),
        ]
        with m.If(write):
            m.d.sync += begun.eq(1)
        with m.If(complete):
            m.d.sync += word.eq(word + 1)
        with m.If((complete & last) | abort):
            m.d.sync += [word.eq(0), begun.eq(0)]
        return begun

    def _count(self, m, status):
        """Count the queries that started and whose record was not popped."""
        pending = Signal(range(MAX_PENDING + 1))
        payload = self.query.payload
        started = self.query.valid & payload.last & ~payload.drop
        popped = self.record.valid & self.record.ready
        m.d.sync += pending.eq(pending + started - popped)
        m.d.comb += [
            status.query_ready.eq(self.query.ready & (pending != MAX_PENDING)),
            status.record_valid.eq(self.record.valid),
            status.busy.eq(pending != self.record.valid),
        ]

    def _read(self, m, changing):
        values = {register.name: register.value for register in self.map.registers if register.value is not None}
        values |= changing
        for part in self.map.record:
            bits = self.record.payload[part.field][part.low : part.low + part.width]
            bits = bits.as_signed() if part.register.signed else bits
            # Where no record is, the core's ports may show anything.
            values[part.register.name] = Mux(self.record.valid, bits, 0)
        m.d.comb += self.read_refused.eq(1)
        with m.Switch(self.read_address):
            for name, value in values.items():
                with m.Case(self.map[name].offset // 4):
                    m.d.comb += [self.read_data.eq(value), self.read_refused.eq(0)]
