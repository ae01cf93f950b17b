"""Bench of the register block, through whichever bus the top module has."""

import random

from bus_bench import attach
from cocotb.triggers import RisingEdge, Timer
from common_bench import BENCH, EXPECTED, FIELDS, LATENCY, QUIET, SEED, VECTORS, WORDS, cycles, query_words, test

REGISTERS = {register["name"]: register for register in BENCH["registers"]}
WRITES_PER_WORD = -(-BENCH["word_width"] // 32)
#: Patience in reads of the status register, each of at least two cycles.
POLLS = QUIET
POP, ABORT = 1, 2


class Environment:
    """The registers behind the bus of `dut`."""

    def __init__(self, dut):
        self.dut = dut
        self.rng = random.Random(SEED)

    async def start(self):
        # The Wishbone master writes its ports at once; before time has begun, Icarus Verilog would not act on that.
        await Timer(1, "ns")
        self.bus = attach(self.dut)
        await self.bus.start()
        return self

    async def read(self, name):
        """A register that must be readable; its value with its sign."""
        register = REGISTERS[name]
        value, is_ok = await self.bus.read(register["offset"])
        assert is_ok, f"reading {name} was refused"
        return value - (1 << 32) if register["signed"] and value >> 31 else value

    async def write(self, name, value):
        """Write a register; returns whether it was taken."""
        return await self.bus.write(REGISTERS[name]["offset"], value)

    async def status(self):
        """The bits of the status by name."""
        value = await self.read("status")
        assert value < 16
        return {name: bool(value >> at & 1) for at, name in enumerate(("query_ready", "record_valid", "busy", "begun"))}

    async def until(self, **bits):
        """Wait until these bits of the status have these values."""
        for _ in range(POLLS):
            status = await self.status()
            if all(status[name] == value for name, value in bits.items()):
                return
        raise AssertionError(f"status is {status}, waiting for {bits}")

    async def send(self, vector, tag, *, pieces=None):
        """Write a query, or its first pieces only; all of them must be taken."""
        assert await self.write("query_tag", tag)
        assert await self.write("query_saturated", VECTORS[vector]["saturated"])
        for piece in query_pieces(vector)[:pieces]:
            assert await self.write("query_data", piece), "a word of a query was refused"

    async def record(self):
        """The record at the registers, fields of several registers put together."""
        record = {}
        for name, width, signed in [("tag", 8, False), *((f["name"], f["width"], f["signed"]) for f in FIELDS)]:
            value = 0
            for at in range(-(-width // 32)):
                part = f"record_{name}" + (f"_{at}" if at else "")
                assert REGISTERS[part]["signed"] == (signed and at == (width - 1) // 32)
                value += await self.read(part) << 32 * at
            record[name] = value
        return record

    async def check(self, vector, tag):
        """Take the record of a vector."""
        await self.until(record_valid=True)
        expected = {**EXPECTED[vector], "tag": tag}
        found = await self.record()
        assert found == expected, f"vector {vector}: {found}, not {expected}"
        assert await self.write("control", POP)

    async def quiet(self):
        """See that no record is left and none comes."""
        await cycles(self.bus.clock, QUIET)
        assert await self.status() == {"query_ready": True, "record_valid": False, "busy": False, "begun": False}


def query_pieces(vector):
    """What is written to ``query_data``: the words in pieces of 32 bits, low bits first."""
    return [word >> 32 * at & 0xFFFFFFFF for word in query_words(vector) for at in range(WRITES_PER_WORD)]


@test
async def identity(dut):
    """The constants, among them the digest and the shape of the design, and an idle core."""
    env = await Environment(dut).start()
    found = {name: await env.read(name) for name, register in REGISTERS.items() if register["value"] is not None}
    assert found["magic"].to_bytes(4, "little") == b"PTIL"
    assert "".join(f"{found[f'digest_{at}']:08x}" for at in range(4)) == BENCH["digest"]
    shape = {name: BENCH[name] for name in ("features", "bits", "lanes", "words")}
    assert {name: found[name] for name in shape} == shape
    assert found["classes"] == BENCH["class_count"]
    assert found["version"] == 1
    await env.quiet()
    assert all(value == 0 for value in (await env.record()).values()), "there is no record, so its registers read 0"


@test
async def every_record(dut):
    """Each vector: status before, between and after, and every field of its record."""
    env = await Environment(dut).start()
    for vector in range(len(VECTORS)):
        tag = env.rng.randrange(256)
        assert (await env.status())["query_ready"]
        await env.send(vector, tag)
        await env.until(busy=False)
        status = await env.status()
        assert status["record_valid"] and not status["begun"]
        await env.check(vector, tag)
    await env.quiet()


@test
async def as_many_as_it_takes(dut):
    """Queries until it is not ready: the next word is refused without effect; the records come in their order."""
    env = await Environment(dut).start()
    sent = []
    while len(sent) <= BENCH["queries_inside"]:
        # A core that is not full is ready again after its interval.
        await cycles(env.bus.clock, LATENCY)
        if not (await env.status())["query_ready"]:
            break
        vector, tag = len(sent) % len(VECTORS), 255 - len(sent)
        await env.send(vector, tag)
        sent.append((vector, tag))
    assert len(sent) == BENCH["queries_inside"]
    assert (await env.status())["record_valid"]
    for _ in range(3):
        assert not await env.write("query_data", 0), "a word was taken while the core was not ready"
    assert not (await env.status())["begun"]
    for vector, tag in sent:
        await env.check(vector, tag)
    await env.quiet()
    await env.send(1 % len(VECTORS), 7)
    await env.check(1 % len(VECTORS), 7)
    await env.quiet()


@test
async def random_stalls(dut):
    """Pauses on every channel of the bus; queries are written while records are read."""
    env = await Environment(dut).start()
    for share in (0.3, 0.7):
        env.bus.stall(share)
        sent = []
        for vector in range(len(VECTORS)):
            # Two before the first record is taken: from then on one is inside while the next one is written.
            if len(sent) == 2:
                await env.check(*sent.pop(0))
            await env.until(query_ready=True)
            sent.append((vector, env.rng.randrange(256)))
            await env.send(*sent[-1])
        for vector, tag in sent:
            await env.check(vector, tag)
    env.bus.stall(0)
    await env.quiet()


@test
async def abort(dut):
    """A query dropped at any of its pieces gives no record, and the next one gets its answer."""
    env = await Environment(dut).start()
    assert await env.write("control", ABORT), "without a query, nothing to do"
    for pieces in range(1, WORDS * WRITES_PER_WORD):
        vector = pieces % len(VECTORS)
        await env.send(vector, 1, pieces=pieces)
        assert (await env.status())["begun"]
        assert await env.write("control", ABORT)
        assert not (await env.status())["begun"]
        await env.quiet()
        await env.send(vector, 2)
        await env.check(vector, 2)
    await env.quiet()
    # A query that is complete cannot be dropped.
    await env.send(0, 3)
    assert await env.write("control", ABORT)
    await env.check(0, 3)
    await env.quiet()


@test
async def pop_takes_one_record(dut):
    """A pop without a record does nothing; one with a record shows the next."""
    env = await Environment(dut).start()
    assert await env.write("control", POP)
    await env.send(0, 1)
    assert await env.write("control", 0)
    await env.until(record_valid=True)
    last = len(VECTORS) - 1
    await env.send(last, 2)
    await env.check(0, 1)
    await env.check(last, 2)
    await env.quiet()


@test
async def tag_comes_with_the_last_word(dut):
    env = await Environment(dut).start()
    pieces = query_pieces(0)
    await env.send(0, 1, pieces=len(pieces) - 1)
    assert await env.write("query_tag", 0xABCD1234), "bits above a register's width are ignored"
    assert await env.read("query_tag") == 0x34
    assert await env.write("query_data", pieces[-1])
    # The next query's tag does not disturb it.
    assert await env.write("query_tag", 0x99)
    await env.check(0, 0x34)


@test
async def reset_in_mid_query(dut):
    """A reset at any moment loses what is inside, and the next query gets its answer."""
    env = await Environment(dut).start()
    moments = [(pieces, 0) for pieces in range(1, WORDS * WRITES_PER_WORD)]
    for pieces, moment in (*moments, (None, 1), (None, LATENCY // 2), (None, QUIET)):
        await env.write("interrupt", 1)
        await env.send(0, 1, pieces=pieces)
        await cycles(env.bus.clock, moment)
        await env.bus.reset()
        assert [await env.read(name) for name in ("interrupt", "query_tag", "query_saturated")] == [0, 0, 0]
        await env.quiet()
        await env.send(len(VECTORS) - 1, 2)
        await env.check(len(VECTORS) - 1, 2)
    await env.quiet()


async def snapshot(env):
    """All registers that can be read."""
    return {name: await env.read(name) for name, register in REGISTERS.items() if register["readable"]}


@test
async def refused_accesses_change_nothing(dut):
    """No register, not readable, not writable, or not all bytes: refused, in the midst of a query, with a record."""
    env = await Environment(dut).start()
    await env.send(0, 5)
    await env.until(record_valid=True)
    await env.send(1 % len(VECTORS), 6, pieces=1)
    before = await snapshot(env)
    mapped = {register["offset"] for register in REGISTERS.values()}
    holes = sorted(set(range(0, 0x140, 4)) - mapped)
    # Each address bit alone, so that none of them is ignored.
    holes += [1 << bit | offset for bit in range(8, 12) for offset in (0x40, 0x44, 0x54, 0x80)]
    for address in holes:
        value, is_ok = await env.bus.read(address)
        assert not is_ok, f"reading {address:#x} was answered"
        assert value == 0
        assert not await env.bus.write(address, POP | ABORT), f"writing {address:#x} was taken"
    for name, register in REGISTERS.items():
        if not register["writable"]:
            assert not await env.write(name, POP | ABORT), f"writing {name} was taken"
        elif not register["readable"]:
            value, is_ok = await env.bus.read(register["offset"])
            assert not is_ok and value == 0, f"reading {name} was answered"
        if register["writable"]:
            for strobe in (0b0001, 0b0111, 0b1110, 0b1000, 0b0110):
                is_ok = await env.bus.write(register["offset"], 0xFFFFFFFF, strobe=strobe)
                assert not is_ok, f"{name} took strobes {strobe:04b}"
    assert await snapshot(env) == before
    await env.check(0, 5)
    for piece in query_pieces(1 % len(VECTORS))[1:]:
        assert await env.write("query_data", piece)
    if WORDS * WRITES_PER_WORD > 1 or len(VECTORS) > 1:
        await env.check(1 % len(VECTORS), 6)
    await env.quiet()


@test
async def interrupt(dut):
    """The line follows the record while it is enabled, and not otherwise."""
    env = await Environment(dut).start()
    await env.send(0, 1)
    await env.until(record_valid=True)
    assert not int(dut.irq.value)
    assert await env.write("interrupt", 1)
    assert await env.read("interrupt") == 1
    assert int(dut.irq.value)
    await env.check(0, 1)
    await RisingEdge(env.bus.clock)
    assert not int(dut.irq.value)
    await env.send(0, 2)
    for _ in range(QUIET):
        await RisingEdge(env.bus.clock)
        if int(dut.irq.value):
            break
    assert (await env.status())["record_valid"], "the line rose without a record, or never"
    assert await env.write("interrupt", 0)
    assert not int(dut.irq.value)
    await env.check(0, 2)
