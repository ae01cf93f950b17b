"""The bit-serial CRC against zlib's."""

import random
import zlib

import pytest
from amaranth.sim import Simulator
from formal.proof import Mutation

from prototile.rtl.link.crc import SerialCRC32


def bits(data):
    return [byte >> index & 1 for byte in data for index in range(8)]


def run(testbench):
    dut = SerialCRC32()
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)

    async def wrapped(ctx):
        await testbench(ctx, dut)

    simulator.add_testbench(wrapped)
    simulator.run()


async def take(ctx, dut, data):
    ctx.set(dut.clear, 1)
    await ctx.tick()
    ctx.set(dut.clear, 0)
    for bit in bits(data):
        ctx.set(dut.i, bit)
        ctx.set(dut.enable, 1)
        await ctx.tick()
        ctx.set(dut.enable, 0)
    await ctx.tick()


MESSAGES = [b"", b"123456789", bytes(5), b"\xff" * 4, random.Random(3).randbytes(40)]


@pytest.mark.parametrize("message", MESSAGES)
def test_it_gives_the_crc_of_zlib(message):
    async def testbench(ctx, dut):
        await take(ctx, dut, message)
        ctx.set(dut.read, 1)
        ctx.set(dut.enable, 1)
        value = 0
        for index in range(32):
            value |= ctx.get(dut.o) << index
            await ctx.tick()
        assert value == zlib.crc32(message)

    run(testbench)


@pytest.mark.parametrize("message", MESSAGES)
def test_the_residue_tells_a_good_message_from_one_with_any_bit_wrong(message):
    async def testbench(ctx, dut):
        good = message + zlib.crc32(message).to_bytes(4, "little")
        await take(ctx, dut, good)
        assert ctx.get(dut.residue)
        for place in random.Random(4).sample(range(8 * len(good)), min(16, 8 * len(good))):
            bad = bytearray(good)
            bad[place // 8] ^= 1 << place % 8
            await take(ctx, dut, bad)
            assert not ctx.get(dut.residue)

    run(testbench)


@pytest.mark.parametrize(
    ("old", "new", "check"),
    [
        ("(register[0] ^ self.i)", "self.i", test_it_gives_the_crc_of_zlib),
        ("register == RESIDUE", "1", test_the_residue_tells_a_good_message_from_one_with_any_bit_wrong),
    ],
    ids=["feedback", "residue"],
)
def test_a_crc_that_is_wrong_is_noticed(old, new, check):
    with Mutation("link.crc:SerialCRC32.elaborate", old, new).applied(), pytest.raises(AssertionError):
        check(b"123456789")
