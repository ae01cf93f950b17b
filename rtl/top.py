"""The core with one plain port a field, as Verilog users instantiate it."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from prototile.rtl.core import Core
from prototile.rtl.parallel import ParallelCore
from prototile.rtl.writing import connect_write, write_ports


class CoreTop(wiring.Component):
    """`Core` or `ParallelCore` with ports ``query_*`` and ``record_*``.

    ``query_valid``, ``query_ready`` and the fields of `query_layout`; ``record_valid``, ``record_ready`` and the
    fields of `record_layout`; where memories can be written, ``write_valid``, ``write_ready`` and the fields of
    `write_layout`.
    """

    def __init__(self, core: Core | ParallelCore):
        self.core = core
        query, record = core.query.payload.shape(), core.record.payload.shape()
        self.writable = isinstance(core, Core) and core.shape.writable
        super().__init__(
            {
                "query_valid": In(1),
                "query_ready": Out(1),
                **{f"query_{name}": In(field.shape) for name, field in query},
                "record_valid": Out(1),
                "record_ready": In(1),
                **{f"record_{name}": Out(field.shape) for name, field in record},
                **write_ports(core.write.payload.shape() if self.writable else None),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.core = core = self.core
        m.d.comb += [
            core.query.valid.eq(self.query_valid),
            self.query_ready.eq(core.query.ready),
            self.record_valid.eq(core.record.valid),
            core.record.ready.eq(self.record_ready),
        ]
        for name, _ in core.query.payload.shape():
            m.d.comb += core.query.payload[name].eq(getattr(self, f"query_{name}"))
        for name, _ in core.record.payload.shape():
            m.d.comb += getattr(self, f"record_{name}").eq(core.record.payload[name])
        if self.writable:
            connect_write(m, self, core.write)
        return m
