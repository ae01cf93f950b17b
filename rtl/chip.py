"""The chip of a board: the core behind its serial link."""

from amaranth.hdl import ClockSignal, Instance, Module, ResetSignal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from prototile.rtl.link.link import Link

#: Module of the core, written by itself from `CoreTop`.
CORE_MODULE = "prototile_core"


class Chip(wiring.Component):
    """`Link` around an instance of the module `CORE_MODULE`, so that the core that is built is the file that was
    verified.

    Parameters
    ----------
    link
        The link; it fixes the layouts of both streams.

    Attributes
    ----------
    uart_rx, uart_tx : In(1), Out(1)
        The serial line.
    busy : Out(1)
        Something is on the line: for a light.
    """

    def __init__(self, link: Link):
        self.link = link
        super().__init__({"uart_rx": In(1), "uart_tx": Out(1), "busy": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.link = link = self.link
        query, record = link.query, link.record
        ports = {
            "i_clk": ClockSignal(),
            "i_rst": ResetSignal(),
            "i_query_valid": query.valid,
            "o_query_ready": query.ready,
            "o_record_valid": record.valid,
            "i_record_ready": record.ready,
        }
        ports |= {f"i_query_{name}": query.payload[name] for name, _ in query.payload.shape()}
        ports |= {f"o_record_{name}": record.payload[name] for name, _ in record.payload.shape()}
        m.submodules.core = Instance(CORE_MODULE, **ports)
        m.d.comb += [
            link.rx.eq(self.uart_rx),
            self.uart_tx.eq(link.tx),
            self.busy.eq(~self.uart_rx | ~link.tx),
        ]
        return m
