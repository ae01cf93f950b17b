"""The buses in front of the register block, driven by masters of cocotbext-axi and cocotbext-wishbone.

A bus has `clock`, `start`, `reset`, `stall(share)`, ``read(address) -> (value, is_ok)`` and
``write(address, value, strobe) -> is_ok``.
"""

import random

import cocotb
from cocotb.triggers import RisingEdge
from cocotbext.axi import AxiLiteBus, AxiLiteMaster, AxiResp
from cocotbext.wishbone.driver import WBOp, WishboneMaster
from common_bench import SEED, cycles, holds_still, pauses, start_clock

ALL_BYTES = 0b1111


def attach(dut):
    """The bus that this top module has."""
    return AxiLite(dut) if dut._name == "prototile_axi_lite" else Wishbone(dut)


class AxiLite:
    """An AXI4-Lite master, and a check that the slave's channels keep the rules."""

    def __init__(self, dut):
        self.dut = dut
        self.clock = dut.aclk
        self.master = AxiLiteMaster(
            AxiLiteBus.from_prefix(dut, "s_axi"), dut.aclk, dut.aresetn, reset_active_level=False
        )
        writing, reading = self.master.write_if, self.master.read_if
        self.channels = [
            writing.aw_channel,
            writing.w_channel,
            writing.b_channel,
            reading.ar_channel,
            reading.r_channel,
        ]

    async def start(self):
        dut = self.dut
        dut.aresetn.value = 0
        start_clock(dut.aclk)

        def in_reset():
            return not int(dut.aresetn.value)

        for valid, ready, *payload in (
            (dut.s_axi_bvalid, dut.s_axi_bready, dut.s_axi_bresp),
            (dut.s_axi_rvalid, dut.s_axi_rready, dut.s_axi_rresp, dut.s_axi_rdata),
        ):
            cocotb.start_soon(holds_still(dut.aclk, in_reset, valid, ready, *payload))
        await self.reset()

    async def reset(self):
        await RisingEdge(self.clock)
        self.dut.aresetn.value = 0
        await cycles(self.clock, 2)
        assert not int(self.dut.s_axi_bvalid.value) and not int(self.dut.s_axi_rvalid.value)
        self.dut.aresetn.value = 1
        await RisingEdge(self.clock)

    def stall(self, share):
        for at, channel in enumerate(self.channels):
            channel.set_pause_generator(pauses(SEED + at, share))

    async def read(self, address):
        answer = await self.master.read(address, 4)
        assert answer.resp in (AxiResp.OKAY, AxiResp.SLVERR)
        return int.from_bytes(answer.data, "little"), answer.resp == AxiResp.OKAY

    async def write(self, address, value, *, strobe=ALL_BYTES):
        data = value.to_bytes(4, "little")
        # The master makes strobes from where the bytes begin and how many there are.
        first, count = (strobe & -strobe).bit_length() - 1, strobe.bit_count()
        answer = await self.master.write(address + first, data[first : first + count])
        assert answer.resp in (AxiResp.OKAY, AxiResp.SLVERR)
        return answer.resp == AxiResp.OKAY


class Wishbone:
    """A Wishbone master of classic cycles, and a check of the slave's answers."""

    #: Answers as the master numbers them.
    ACK, ERR = 1, 2

    def __init__(self, dut):
        self.dut = dut
        self.clock = dut.wb_clk_i
        names = {"cyc": "cyc_i", "stb": "stb_i", "we": "we_i", "adr": "adr_i", "sel": "sel_i"}
        names |= {"datwr": "dat_i", "datrd": "dat_o", "ack": "ack_o", "err": "err_o"}
        self.master = WishboneMaster(dut, "wb", dut.wb_clk_i, timeout=20, signals_dict=names)
        self.idle = random.Random(SEED)
        self.longest = 0

    async def start(self):
        self.dut.wb_rst_i.value = 1
        start_clock(self.clock)
        cocotb.start_soon(self.answers_are_in_order())
        await self.reset()

    async def reset(self):
        await RisingEdge(self.clock)
        self.dut.wb_rst_i.value = 1
        await cycles(self.clock, 2)
        assert not int(self.dut.wb_ack_o.value) and not int(self.dut.wb_err_o.value)
        self.dut.wb_rst_i.value = 0
        await RisingEdge(self.clock)

    def stall(self, share):
        self.longest = round(8 * share)

    async def read(self, address):
        return await self._transfer(address, None, ALL_BYTES)

    async def write(self, address, value, *, strobe=ALL_BYTES):
        return (await self._transfer(address, value, strobe))[1]

    async def _transfer(self, address, value, strobe):
        operation = WBOp(adr=address, dat=value, sel=strobe, idle=self.idle.randint(0, self.longest))
        (answer,) = await self.master.send_cycle([operation])
        assert answer.ack in (self.ACK, self.ERR)
        return int(answer.datrd), answer.ack == self.ACK

    async def answers_are_in_order(self):
        """Check for ever that an answer comes while a transfer waits for it, one of a kind, for one cycle."""
        dut = self.dut
        answered = False
        while True:
            await RisingEdge(self.clock)
            ack, err = int(dut.wb_ack_o.value), int(dut.wb_err_o.value)
            assert not (ack and err), "acknowledge and error at once"
            if ack or err:
                assert not answered, "an answer of two cycles"
                assert int(dut.wb_cyc_i.value) and int(dut.wb_stb_i.value), "an answer to nobody"
            answered = ack or err
