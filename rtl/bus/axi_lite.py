"""The core as a slave of an AXI4-Lite bus."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from prototile.rtl.bus.clocking import drive_sync
from prototile.rtl.bus.register_map import ADDRESS_WIDTH, REGISTER_WIDTH, RegisterMap
from prototile.rtl.bus.registers import Registers
from prototile.rtl.instance import core_instance
from prototile.rtl.writing import write_ports, write_stream


class AxiLite(wiring.Component):
    """An instance of the core behind `Registers` and an AXI4-Lite slave port of 32 bits.

    Addresses and data of writes come in any order, reads beside writes. Each channel has one register, so a transfer
    takes two cycles where the master does not wait, and no output depends on an input in the same cycle. What
    `Registers` refuses is answered with SLVERR; a write without all four strobes is among it.

    Parameters
    ----------
    map_
        The register map.
    write
        Layout of a word for a memory of the core, whose ports are shown as they are; None if there are none.

    Attributes
    ----------
    aclk, aresetn : In(1)
        Clock, and synchronous reset, active low.
    s_axi_aw*, s_axi_w*, s_axi_b*, s_axi_ar*, s_axi_r*
        As in the AXI4-Lite standard. The two low bits of addresses, and ``prot``, are ignored.
    irq : Out(1)
        High while a record is valid and the interrupt enabled.
    """

    #: Responses of the standard.
    OKAY, SLVERR = 0b00, 0b10

    def __init__(self, map_: RegisterMap, write: data.StructLayout | None = None):
        self.map = map_
        self.write = write
        super().__init__(
            write_ports(write)
            | {
                "aclk": In(1),
                "aresetn": In(1),
                "s_axi_awaddr": In(ADDRESS_WIDTH),
                "s_axi_awprot": In(3),
                "s_axi_awvalid": In(1),
                "s_axi_awready": Out(1),
                "s_axi_wdata": In(REGISTER_WIDTH),
                "s_axi_wstrb": In(REGISTER_WIDTH // 8),
                "s_axi_wvalid": In(1),
                "s_axi_wready": Out(1),
                "s_axi_bresp": Out(2),
                "s_axi_bvalid": Out(1),
                "s_axi_bready": In(1),
                "s_axi_araddr": In(ADDRESS_WIDTH),
                "s_axi_arprot": In(3),
                "s_axi_arvalid": In(1),
                "s_axi_arready": Out(1),
                "s_axi_rdata": Out(REGISTER_WIDTH),
                "s_axi_rresp": Out(2),
                "s_axi_rvalid": Out(1),
                "s_axi_rready": In(1),
                "irq": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        drive_sync(m, clock=self.aclk, reset=~self.aresetn)
        m.submodules.registers = registers = Registers(self.map)
        m.submodules.core = core_instance(registers.query, registers.record, write_stream(m, self, self.write))
        m.d.comb += self.irq.eq(registers.irq)
        self._write(m, registers)
        self._read(m, registers)
        return m

    def _write(self, m, registers):
        address_taken = _take(m, self.s_axi_awvalid, self.s_axi_awready, self.s_axi_awaddr[2:], registers.write_address)
        data_taken = _take(
            m,
            self.s_axi_wvalid,
            self.s_axi_wready,
            Cat(self.s_axi_wdata, self.s_axi_wstrb),
            Cat(registers.write_data, registers.write_strobe),
        )
        done = address_taken & data_taken & (~self.s_axi_bvalid | self.s_axi_bready)
        refused = Signal(reset_less=True, name="write_refused")
        m.d.comb += [registers.write_enable.eq(done), self.s_axi_bresp.eq(_response(refused))]
        with m.If(self.s_axi_bready):
            m.d.sync += self.s_axi_bvalid.eq(0)
        with m.If(done):
            m.d.sync += [
                address_taken.eq(0),
                data_taken.eq(0),
                self.s_axi_bvalid.eq(1),
                refused.eq(registers.write_refused),
            ]

    def _read(self, m, registers):
        address_taken = _take(m, self.s_axi_arvalid, self.s_axi_arready, self.s_axi_araddr[2:], registers.read_address)
        data = Signal(REGISTER_WIDTH, reset_less=True, name="read_data")
        refused = Signal(reset_less=True, name="read_refused")
        m.d.comb += [self.s_axi_rdata.eq(data), self.s_axi_rresp.eq(_response(refused))]
        with m.If(self.s_axi_rready):
            m.d.sync += self.s_axi_rvalid.eq(0)
        with m.If(address_taken & (~self.s_axi_rvalid | self.s_axi_rready)):
            m.d.sync += [
                address_taken.eq(0),
                self.s_axi_rvalid.eq(1),
                data.eq(registers.read_data),
                refused.eq(registers.read_refused),
            ]


def _take(m, valid, ready, payload, held):
    """Take a transfer of one channel into `held`; returns the flag that there is one, which its user clears."""
    taken = Signal(name="taken")
    kept = Signal(len(payload), reset_less=True, name="kept")
    m.d.comb += [ready.eq(~taken), held.eq(kept)]
    with m.If(valid & ~taken):
        m.d.sync += [taken.eq(1), kept.eq(payload)]
    return taken


def _response(refused):
    return Mux(refused, AxiLite.SLVERR, AxiLite.OKAY)
