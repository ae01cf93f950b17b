"""Stuffing and unstuffing, one into the other and each on its own."""

import random

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.sim import Simulator
from formal.proof import Mutation

from prototile.rtl.link.framing import Stuffer, Unstuffer
from prototile.rtl.link.uart import UARTReceiver, UARTTransmitter

WATCHDOG_CYCLES = 60_000
FLAG = "flag"
DAMAGED = "damaged"


def stuffed(frame):
    out = []
    for byte in frame:
        out += [0x7D, byte ^ 0x20] if byte in (0x7D, 0x7E) else [byte]
    return out


class Line(wiring.Component):
    """Stuffer, transmitter, receiver, unstuffer."""

    def __init__(self):
        self.stuffer = Stuffer()
        self.transmitter = UARTTransmitter(divisor=4)
        self.receiver = UARTReceiver(divisor=4)
        self.unstuffer = Unstuffer()
        super().__init__({})

    def elaborate(self, platform):
        m = Module()
        m.submodules.stuffer = self.stuffer
        m.submodules.transmitter = self.transmitter
        m.submodules.receiver = self.receiver
        m.submodules.unstuffer = self.unstuffer
        wiring.connect(m, self.stuffer.o, self.transmitter.i)
        m.d.comb += self.receiver.rx.eq(self.transmitter.tx)
        m.d.comb += [
            getattr(self.unstuffer, name).eq(getattr(self.receiver, name))
            for name in ("data", "shift", "index", "complete", "error")
        ]
        return m


async def collect(ctx, unstuffer, count):
    """Bytes, flags and damage, until `count` flags came."""
    found, bits = [], []
    while found.count(FLAG) < count:
        _, _, valid, payload, damaged = await ctx.tick().sample(
            unstuffer.o.valid, unstuffer.o.payload, unstuffer.damaged
        )
        if damaged:
            found.append(DAMAGED)
        if valid and payload.flag:
            assert not bits, "a flag inside a byte"
            found.append(FLAG)
        elif valid:
            bits.append(payload.bit)
            if len(bits) == 8:
                found.append(sum(bit << place for place, bit in enumerate(bits)))
                bits.clear()
    return found


def run(dut, *testbenches):
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    for testbench in testbenches:
        simulator.add_testbench(testbench)

    for _ in range(2 * WATCHDOG_CYCLES):
        if not simulator.advance():
            return
    pytest.fail("the simulation does not end")


def test_what_is_stuffed_comes_out_as_it_was():
    randomness = random.Random(5)
    frames = [
        [*range(256)],
        [0x7D, 0x7E, 0x7D, 0x7D, 0x5D, 0x5E, 0x7E],
        *(randomness.choices([0x7D, 0x7E, 0x5D, 0x5E, 0x00, 0xFF], k=randomness.randint(1, 9)) for _ in range(8)),
    ]
    dut = Line()
    found = []

    async def send(ctx):
        for item in [FLAG, *(item for frame in frames for item in [*frame, FLAG])]:
            ctx.set(dut.stuffer.i.valid, 1)
            for index in range(1 if item == FLAG else 8):
                bit = 0 if item == FLAG else item >> index & 1
                ctx.set(dut.stuffer.i.payload, {"flag": item == FLAG, "bit": bit})
                await ctx.tick().until(dut.stuffer.i.ready)
            ctx.set(dut.stuffer.i.valid, 0)

    async def receive(ctx):
        found.extend(await collect(ctx, dut.unstuffer, len(frames) + 1))

    run(dut, send, receive)
    assert found == [FLAG, *(item for frame in frames for item in [*frame, FLAG])]


def characters(line):
    """What the unstuffer makes of these characters; None is one with a low stop bit."""
    found = []
    unstuffer = Unstuffer()

    async def play(ctx):
        register = 0
        for item in line:
            value = 0x55 if item is None else item
            for place in range(8):
                ctx.set(unstuffer.data, register)
                ctx.set(unstuffer.index, place)
                ctx.set(unstuffer.shift, 1)
                await ctx.tick()
                register = register >> 1 | (value >> place & 1) << 7
            ctx.set(unstuffer.shift, 0)
            ctx.set(unstuffer.data, register)
            ctx.set(unstuffer.error if item is None else unstuffer.complete, 1)
            await ctx.tick()
            ctx.set(unstuffer.error, 0)
            ctx.set(unstuffer.complete, 0)

    async def receive(ctx):
        found.extend(await collect(ctx, unstuffer, line.count(0x7E)))

    run(unstuffer, play, receive)
    return found


def test_a_lost_character_and_a_flag_after_an_escape_are_damage():
    assert characters([0x7E, 1, 2, 0x7E]) == [FLAG, 1, 2, FLAG]
    assert characters([0x7E, 1, None, 2, 0x7E]) == [FLAG, 1, DAMAGED, 2, FLAG]
    assert characters([0x7E, 1, 0x7D, 0x7E, 2, 0x7E]) == [FLAG, 1, DAMAGED, FLAG, 2, FLAG]
    assert characters([0x7E, 0x7D, None, 0x5E, 0x7E]) == [FLAG, DAMAGED, 0x5E, FLAG]
    assert characters([0x7E, 0x7E, 0x7E]) == [FLAG, FLAG, FLAG]


def test_any_byte_may_be_escaped():
    line = [0x7E, *(item for byte in range(256) if byte ^ 0x20 != 0x7E for item in (0x7D, byte ^ 0x20)), 0x7E]
    assert characters(line) == [FLAG, *(byte for byte in range(256) if byte ^ 0x20 != 0x7E), FLAG]


def test_stuffed_bytes_are_those_of_rfc_1662():
    frame = [0x7E, 0x00, 0x7D, 0x5E]
    assert characters([0x7E, *stuffed(frame), 0x7E]) == [FLAG, *frame, FLAG]


def test_a_stuffer_that_is_wrong_is_noticed():
    wrong = Mutation("link.framing:Stuffer.elaborate", "(byte == FLAG) | (byte == ESCAPE)", "byte == FLAG")
    with wrong.applied(), pytest.raises(AssertionError):
        test_what_is_stuffed_comes_out_as_it_was()
