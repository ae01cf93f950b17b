"""What only Wishbone has: several transfers in one bus cycle."""

from cocotb.triggers import RisingEdge
from cocotbext.wishbone.driver import WBOp
from common_bench import cycles, test
from registers_bench import REGISTERS, Environment, query_pieces


@test
async def block_of_transfers(dut):
    """A query in one block, the strobe held from one transfer to the next: each word counts once."""
    env = await Environment(dut).start()
    offsets = {name: register["offset"] for name, register in REGISTERS.items()}
    for vector, tag in ((0, 77), (1, 78)):
        operations = [WBOp(adr=offsets["query_tag"], dat=tag), WBOp(adr=offsets["query_saturated"], dat=0)]
        operations += [WBOp(adr=offsets["query_data"], dat=piece) for piece in query_pieces(vector)]
        operations += [WBOp(adr=offsets["query_tag"]), WBOp(adr=offsets["magic"], dat=0), WBOp(adr=0x3C)]
        answers = await env.bus.master.send_cycle(operations)
        acknowledged = [answer.ack == env.bus.ACK for answer in answers]
        assert acknowledged == [True] * (len(operations) - 2) + [False, False]
        assert int(answers[-3].datrd) == tag
        await env.until(record_valid=True)
        assert (await env.record())["tag"] == tag
        assert await env.write("control", 1)
    await env.quiet()


@test
async def nothing_without_cycle_and_strobe(dut):
    """A strobe without a cycle, or a cycle without a strobe, is none of this slave's business."""
    env = await Environment(dut).start()
    assert await env.write("query_tag", 0x21)
    dut.wb_adr_i.value = REGISTERS["query_tag"]["offset"]
    dut.wb_dat_i.value = 0x5A
    dut.wb_sel_i.value = 0xF
    dut.wb_we_i.value = 1
    for cyc, stb in ((0, 1), (1, 0)):
        dut.wb_cyc_i.value, dut.wb_stb_i.value = cyc, stb
        for _ in range(4):
            await RisingEdge(env.bus.clock)
            assert not int(dut.wb_ack_o.value) and not int(dut.wb_err_o.value)
    dut.wb_cyc_i.value = dut.wb_stb_i.value = dut.wb_we_i.value = 0
    await cycles(env.bus.clock, 2)
    assert await env.read("query_tag") == 0x21
