"""The core as a slave of a Wishbone bus."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from prototile.rtl.bus.clocking import drive_sync
from prototile.rtl.bus.register_map import ADDRESS_WIDTH, REGISTER_WIDTH, RegisterMap
from prototile.rtl.bus.registers import Registers
from prototile.rtl.instance import core_instance
from prototile.rtl.writing import write_ports, write_stream


class Wishbone(wiring.Component):
    """An instance of the core behind `Registers` and a slave port of Wishbone B4, classic standard cycles of 32 bits.

    Acknowledge and data come from registers, in the cycle after the strobe, for one cycle; so a transfer takes two.
    What `Registers` refuses ends with ``wb_err_o`` in place of ``wb_ack_o``; a write that does not select all four
    bytes is among it.

    Parameters
    ----------
    map_
        The register map.
    write
        Layout of a word for a memory of the core, whose ports are shown as they are; None if there are none.

    Attributes
    ----------
    wb_clk_i, wb_rst_i : In(1)
        Clock, and synchronous reset, active high.
    wb_adr_i : In
        Byte address; the two low bits are ignored.
    wb_cyc_i, wb_stb_i, wb_we_i, wb_sel_i, wb_dat_i : In
    wb_dat_o, wb_ack_o, wb_err_o : Out
        As in the standard. Reads give all four bytes, whatever is selected.
    irq : Out(1)
        High while a record is valid and the interrupt enabled.
    """

    def __init__(self, map_: RegisterMap, write: data.StructLayout | None = None):
        self.map = map_
        self.write = write
        super().__init__(
            write_ports(write)
            | {
                "wb_clk_i": In(1),
                "wb_rst_i": In(1),
                "wb_adr_i": In(ADDRESS_WIDTH),
                "wb_dat_i": In(REGISTER_WIDTH),
                "wb_dat_o": Out(REGISTER_WIDTH),
                "wb_sel_i": In(REGISTER_WIDTH // 8),
                "wb_we_i": In(1),
                "wb_cyc_i": In(1),
                "wb_stb_i": In(1),
                "wb_ack_o": Out(1),
                "wb_err_o": Out(1),
                "irq": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        drive_sync(m, clock=self.wb_clk_i, reset=self.wb_rst_i)
        m.submodules.registers = registers = Registers(self.map)
        m.submodules.core = core_instance(registers.query, registers.record, write_stream(m, self, self.write))
        data = Signal(REGISTER_WIDTH, reset_less=True)
        # In the cycle of its answer a transfer still has its strobe.
        begins = self.wb_cyc_i & self.wb_stb_i & ~self.wb_ack_o & ~self.wb_err_o
        refused = Mux(self.wb_we_i, registers.write_refused, registers.read_refused)
        m.d.comb += [
            registers.write_enable.eq(begins & self.wb_we_i),
            registers.write_address.eq(self.wb_adr_i[2:]),
            registers.write_data.eq(self.wb_dat_i),
            registers.write_strobe.eq(self.wb_sel_i),
            registers.read_address.eq(self.wb_adr_i[2:]),
            self.irq.eq(registers.irq),
            self.wb_dat_o.eq(data),
        ]
        m.d.sync += [self.wb_ack_o.eq(begins & ~refused), self.wb_err_o.eq(begins & refused)]
        with m.If(begins):
            m.d.sync += data.eq(registers.read_data)
        return m
