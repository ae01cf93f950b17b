"""The serial line: characters out, characters in."""

import random
from itertools import pairwise

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.sim import Simulator
from formal.proof import Mutation

from prototile.rtl.link.uart import UARTReceiver, UARTTransmitter

WATCHDOG_CYCLES = 50_000


def run(component, *testbenches):
    simulator = Simulator(component)
    simulator.add_clock(1e-6)
    for testbench in testbenches:
        simulator.add_testbench(testbench)

    for _ in range(2 * WATCHDOG_CYCLES):
        if not simulator.advance():
            return
    pytest.fail("the simulation does not end")


class Loop(wiring.Component):
    """Transmitter into receiver."""

    def __init__(self, divisor):
        self.transmitter = UARTTransmitter(divisor=divisor)
        self.receiver = UARTReceiver(divisor=divisor)
        super().__init__({})

    def elaborate(self, platform):
        m = Module()
        m.submodules.transmitter = self.transmitter
        m.submodules.receiver = self.receiver
        m.d.comb += self.receiver.rx.eq(self.transmitter.tx)
        return m


@pytest.mark.parametrize("divisor", [4, 5, 7])
def test_every_byte_crosses_the_line(divisor):
    dut = Loop(divisor)
    expected = [*range(256), *random.Random(1).choices(range(256), k=20)]
    received = []

    async def send(ctx):
        ctx.set(dut.transmitter.i.valid, 1)
        for byte in expected:
            for index in range(8):
                ctx.set(dut.transmitter.i.payload, byte >> index & 1)
                await ctx.tick().until(dut.transmitter.i.ready)
        ctx.set(dut.transmitter.i.valid, 0)

    async def receive(ctx):
        while len(received) < len(expected):
            _, _, complete, error, data = await ctx.tick().sample(
                dut.receiver.complete, dut.receiver.error, dut.receiver.data
            )
            assert not error
            if complete:
                received.append(data)

    run(dut, send, receive)
    assert received == expected


def test_bits_leave_the_receiver_one_character_late():
    dut = UARTReceiver(divisor=4)
    left = []

    async def send(ctx):
        for byte in (0xA6, 0x00):
            await character(ctx, dut.rx, byte, 4)

    async def collect(ctx):
        while len(left) < 16:
            _, _, shift, index, data = await ctx.tick().sample(dut.shift, dut.index, dut.data)
            if shift:
                assert index == len(left) % 8
                left.append(data & 1)

    run(dut, send, collect)
    assert sum(bit << place for place, bit in enumerate(left[8:])) == 0xA6


async def character(ctx, rx, byte, divisor, stop=1):
    for bit in [0, *(byte >> index & 1 for index in range(8)), stop]:
        ctx.set(rx, bit)
        await ctx.tick().repeat(divisor)
    ctx.set(rx, 1)


async def events(ctx, dut, count):
    found = []
    while len(found) < count:
        _, _, complete, error, data = await ctx.tick().sample(dut.complete, dut.error, dut.data)
        if complete:
            found.append(data)
        if error:
            found.append("error")
    return found


@pytest.mark.parametrize("divisor", [16, 36])
def test_a_line_slower_or_faster_by_a_twenty_fifth_is_understood(divisor):
    """Sampling in the middle of ten bits bears half a bit, less what the synchroniser and whole clocks take."""
    for factor in (0.96, 1.04):
        dut = UARTReceiver(divisor=divisor)
        line = [1] * 3
        for byte in (0x55, 0x00, 0xFF, 0x7E):
            bits = [0, *(byte >> index & 1 for index in range(8)), 1]
            line += [bits[int(clock / divisor / factor)] for clock in range(int(10 * divisor * factor))]

        async def send(ctx, dut=dut, line=line):
            for level in line:
                ctx.set(dut.rx, level)
                await ctx.tick()

        found = []

        async def receive(ctx, dut=dut, found=found):
            found += await events(ctx, dut, 4)

        run(dut, send, receive)
        assert found == [0x55, 0x00, 0xFF, 0x7E]


def test_a_glitch_is_no_start_bit():
    dut = UARTReceiver(divisor=8)
    found = []

    async def send(ctx):
        for length in (1, 2, 3):
            ctx.set(dut.rx, 0)
            await ctx.tick().repeat(length)
            ctx.set(dut.rx, 1)
            await ctx.tick().repeat(100)
        await character(ctx, dut.rx, 0x3C, 8)

    async def receive(ctx):
        found.extend(await events(ctx, dut, 1))

    run(dut, send, receive)
    assert found == [0x3C]


def test_a_low_stop_bit_is_an_error_and_a_break_only_one():
    dut = UARTReceiver(divisor=4)
    found = []

    async def send(ctx):
        await character(ctx, dut.rx, 0x12, 4, stop=0)
        await ctx.tick().repeat(8)
        ctx.set(dut.rx, 0)
        await ctx.tick().repeat(400)
        ctx.set(dut.rx, 1)
        await ctx.tick().repeat(8)
        await character(ctx, dut.rx, 0x34, 4)

    async def receive(ctx):
        found.extend(await events(ctx, dut, 3))

    run(dut, send, receive)
    assert found == ["error", "error", 0x34]


def test_the_transmitter_leaves_no_gap_but_one_cycle():
    dut = UARTTransmitter(divisor=6)
    starts = []

    async def feed(ctx):
        ctx.set(dut.i.valid, 1)
        ctx.set(dut.i.payload, 1)
        before = 1
        for cycle in range(200):
            _, _, tx = await ctx.tick().sample(dut.tx)
            if before and not tx:
                starts.append(cycle)
            before = tx

    run(dut, feed)
    assert [after - before for before, after in pairwise(starts)] == [61, 61, 61]


@pytest.mark.parametrize("kind", [UARTReceiver, UARTTransmitter])
@pytest.mark.parametrize(
    ("divisor", "error", "message"),
    [
        (3, ValueError, "divisor must be at least 4, not 3"),
        (0, ValueError, "divisor must be a positive integer, not 0"),
        (8.0, TypeError, "divisor must be a positive integer, not 8.0"),
    ],
)
def test_a_divisor_without_a_middle_is_refused(kind, divisor, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        kind(divisor=divisor)


def test_a_receiver_that_is_wrong_is_noticed():
    """It samples at the edges of the bits, so a line that is not as fast as it should be is misread."""
    wrong = Mutation("link.uart:UARTReceiver.elaborate", "self.divisor // 2 - 1", "0")
    with wrong.applied(), pytest.raises(AssertionError):
        test_a_line_slower_or_faster_by_a_twenty_fifth_is_understood(16)
