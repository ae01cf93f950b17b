"""What only AXI4-Lite has: channels that run apart."""

from cocotb.triggers import RisingEdge
from cocotbext.axi import AxiResp
from common_bench import SEED, cycles, pauses, test
from registers_bench import REGISTERS, Environment

TAG, INTERRUPT, MAGIC = (REGISTERS[name]["offset"] for name in ("query_tag", "interrupt", "magic"))


async def write_apart(env, address, value, *, data_first, gap):
    """Send address and data of a write `gap` cycles apart, on the channels themselves; returns the response."""
    writing = env.bus.master.write_if
    aw = writing.aw_channel._transaction_obj(awaddr=address, awprot=0)
    w = writing.w_channel._transaction_obj(wdata=value, wstrb=0xF)
    channels = [(writing.aw_channel, aw), (writing.w_channel, w)]
    first, second = channels[::-1] if data_first else channels
    await first[0].send(first[1])
    for _ in range(gap):
        await RisingEdge(env.bus.clock)
        assert not int(env.dut.s_axi_bvalid.value), "a response before address and data were there"
    await second[0].send(second[1])
    response = await writing.b_channel.recv()
    return int(response.bresp)


@test
async def address_and_data_in_any_order(dut):
    env = await Environment(dut).start()
    for gap in range(6):
        for data_first in (False, True):
            value = env.rng.randrange(1, 256)
            assert await write_apart(env, TAG, value, data_first=data_first, gap=gap) == AxiResp.OKAY
            assert await env.read("query_tag") == value
            assert await write_apart(env, MAGIC, value, data_first=data_first, gap=gap) == AxiResp.SLVERR


@test
async def one_channel_pauses(dut):
    """Writes in a row with pauses on one channel: each takes effect once and gets its own response."""
    env = await Environment(dut).start()
    for at, channel in enumerate(env.bus.channels[:3]):
        channel.set_pause_generator(pauses(SEED + at, 0.8))
        events = []
        for value in range(8):
            # Every second one is refused, so responses in another order would show.
            address = TAG if value % 2 else MAGIC
            events.append(env.bus.master.init_write(address, bytes([value, 0, 0, 0])))
        for value, event in enumerate(events):
            await event.wait()
            assert event.data.resp == (AxiResp.OKAY if value % 2 else AxiResp.SLVERR)
        assert await env.read("query_tag") == 7
        channel.clear_pause_generator()
        channel.pause = False


@test
async def responses_wait(dut):
    """Blocked responses of writes do not hold up reads, nor the other way round; nothing gets lost."""
    env = await Environment(dut).start()
    master = env.bus.master
    writing, reading = master.write_if.b_channel, master.read_if.r_channel
    writing.pause = True
    writes = [master.init_write(TAG, bytes([value, 0, 0, 0])) for value in (1, 2, 3)]
    await cycles(env.bus.clock, 12)
    assert int(dut.s_axi_bvalid.value) and not int(dut.s_axi_awready.value) and not int(dut.s_axi_wready.value)
    assert await env.read("query_tag") == 1, "the second write waits for the response of the first"
    writing.pause = False
    for event in writes:
        await event.wait()
        assert event.data.resp == AxiResp.OKAY
    assert await env.read("query_tag") == 3
    reading.pause = True
    reads = [master.init_read(address, 4) for address in (MAGIC, TAG, MAGIC)]
    await cycles(env.bus.clock, 12)
    assert int(dut.s_axi_rvalid.value) and not int(dut.s_axi_arready.value)
    assert await env.write("interrupt", 1)
    reading.pause = False
    found = []
    for event in reads:
        await event.wait()
        found.append(int.from_bytes(event.data.data, "little"))
    assert found == [REGISTERS["magic"]["value"], 3, REGISTERS["magic"]["value"]]
    assert await env.read("interrupt") == 1
