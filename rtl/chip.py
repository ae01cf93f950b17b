"""The chip of a board: the core behind its serial link."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from prototile.rtl.instance import core_instance
from prototile.rtl.link.link import Link


class Chip(wiring.Component):
    """`Link` around an instance of the core.

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
        m.submodules.core = core_instance(link.query, link.record, None if link.writes is None else link.write)
        m.d.comb += [
            link.rx.eq(self.uart_rx),
            self.uart_tx.eq(link.tx),
            self.busy.eq(~self.uart_rx | ~link.tx),
        ]
        return m
