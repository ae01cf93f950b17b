"""The core: stream of queries in, stream of decision records out."""

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from prototile.rtl.collector import Collector, Tables
from prototile.rtl.grid import Grid, GridShape, TileImage
from prototile.rtl.layout import query_layout, record_layout
from prototile.rtl.record import RecordShape
from prototile.rtl.sequencer import Sequencer


class Core(wiring.Component):
    """Sequencer, grid and collector.

    Queries may follow one another without a gap; up to four are inside at a time, and records leave in their order.

    Latency and interval are formulas of the configuration: see `prototile.config.Configuration`.

    Attributes
    ----------
    query : In(stream)
        `query_layout`.
    record : Out(stream)
        `record_layout`.
    write : In(stream)
        Only if memories can be written: as that of `Sequencer`.
    """

    def __init__(
        self,
        *,
        shape: GridShape,
        record: RecordShape,
        images: list[list[TileImage]],
        tables: Tables,
        query_interval: int,
    ):
        self.shape = shape
        self.record_shape = record
        saturated_width = record.width("saturated")
        self.sequencer = Sequencer(shape, query_interval=query_interval, saturated_width=saturated_width)
        self.grid = Grid(shape, images)
        self.collector = Collector(shape, record, tables)
        ports = {"write": In(stream.Signature(shape.write))} if shape.writable else {}
        super().__init__(
            ports
            | {
                "query": In(stream.Signature(query_layout(shape.word_width, saturated_width))),
                "record": Out(stream.Signature(record_layout(record.fields))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.sequencer = sequencer = self.sequencer
        m.submodules.grid = grid = self.grid
        m.submodules.collector = collector = self.collector
        wiring.connect(m, wiring.flipped(self.query), sequencer.i)
        wiring.connect(m, wiring.flipped(self.record), collector.o)
        if self.shape.writable:
            wiring.connect(m, wiring.flipped(self.write), sequencer.write)
        m.d.comb += [
            grid.i.eq(sequencer.o),
            collector.key.eq(grid.key),
            collector.complete.eq(grid.complete),
            grid.move.eq(collector.move),
            collector.accepted.eq(sequencer.accepted),
            collector.saturated.eq(sequencer.saturated),
            collector.tag.eq(sequencer.tag),
            sequencer.released.eq(collector.released),
        ]
        return m
