"""The buffer of records behind a pipeline that never waits."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from prototile.rtl.checks import positive
from prototile.rtl.layout import TAG_WIDTH, record_layout

#: Cycles from the edge that writes a record to the first edge that can take it.
OUTBOX_LATENCY = 3


class Outbox(wiring.Component):
    """Has a place for the record of every query inside, so that the pipeline need not know of the sink.

    Records leave in the order in which they came. What came with a query, and is not computed, waits here from the
    start, instead of going through all stages of the pipeline. Both lie in block RAM; a register follows, because block
    RAM takes much of a cycle to answer.

    Parameters
    ----------
    fields
        Of the record, as in `record_layout`; the last is ``saturated``.
    queries
        Queries that may be inside at a time.

    Attributes
    ----------
    accept : In(1)
        A query comes in; ``saturated`` and ``tag`` belong to it. Only while there is ``room``.
    room : Out(1)
        Fewer than `queries` are inside.
    write : In(1)
        ``computed``, all fields of a record but ``saturated`` and the tag, is that of the oldest query without one.
    o : Out(stream)
        Records, `OUTBOX_LATENCY` cycles after their writing.
    """

    def __init__(self, *, fields: tuple[tuple[str, int, bool], ...], queries: int):
        positive(queries=queries)
        layout = record_layout(fields)
        self.fields = fields
        self.queries = queries
        self.depth = 1 << (queries - 1).bit_length()
        self.saturated_width = layout["saturated"].width
        self.computed_width = layout.size - self.saturated_width - TAG_WIDTH
        super().__init__(
            {
                "accept": In(1),
                "saturated": In(self.saturated_width),
                "tag": In(TAG_WIDTH),
                "room": Out(1),
                "write": In(1),
                "computed": In(self.computed_width),
                "o": Out(stream.Signature(layout)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        taken = Signal()
        inside = Signal(range(self.queries + 1))
        m.d.comb += [taken.eq(self.o.valid & self.o.ready), self.room.eq(inside != self.queries)]
        m.d.sync += inside.eq(inside + self.accept - taken)

        oldest = Signal(range(self.depth))
        oldest_next = Signal(range(self.depth))
        pop = Signal()
        m.d.comb += oldest_next.eq(oldest + pop)
        m.d.sync += oldest.eq(oldest_next)
        _, came_with = self._ring(m, "came_with", Cat(self.saturated, self.tag), self.accept, oldest_next)
        written, computed = self._ring(m, "computed", self.computed, self.write, oldest_next)

        # What was written in the last cycle cannot be read yet.
        readable = Signal(range(self.depth))
        output = Signal(self.o.payload.shape(), reset_less=True)
        output_valid = Signal()
        m.d.sync += readable.eq(written)
        m.d.comb += [
            pop.eq((oldest != readable) & (~output_valid | self.o.ready)),
            self.o.valid.eq(output_valid),
            self.o.payload.eq(output),
        ]
        with m.If(pop):
            m.d.sync += [output.as_value().eq(Cat(computed, came_with)), output_valid.eq(1)]
        with m.Elif(self.o.ready):
            m.d.sync += output_valid.eq(0)
        return m

    def _ring(self, m, name, data, write, read_address):
        """Where the next row is written, and the row at `read_address` one cycle later."""
        m.submodules[name] = memory = Memory(shape=len(data), depth=self.depth, init=[], attrs={"ram_style": "block"})
        writer, reader = memory.write_port(), memory.read_port()
        next_ = Signal(range(self.depth), name=f"{name}_next")
        m.d.sync += next_.eq(next_ + write)
        m.d.comb += [
            writer.addr.eq(next_),
            writer.data.eq(data),
            writer.en.eq(write),
            reader.addr.eq(read_address),
        ]
        return next_, reader.data
