"""Bench of ``prototile_axi_stream`` with source and sink of cocotbext-axi."""

import random
from itertools import pairwise

import cocotb
from cocotb.triggers import RisingEdge
from cocotbext.axi import AxiStreamBus, AxiStreamFrame, AxiStreamSink, AxiStreamSource
from common_bench import (
    BENCH,
    EXPECTED,
    FIELDS,
    INTERVAL,
    PERIOD_NS,
    QUIET,
    SEED,
    VECTORS,
    WORDS,
    cycles,
    holds_still,
    pauses,
    query_words,
    start_clock,
    test,
)

WORD_BYTES = -(-BENCH["word_width"] // 8)
RECORD_BYTES = -(-sum(field["width"] for field in FIELDS) // 8)
USER_WIDTH = 1 + BENCH["saturated_width"] + BENCH["tag_width"]


class Environment:
    """Source, sink, and the records that are due."""

    def __init__(self, dut):
        self.dut = dut
        self.rng = random.Random(SEED)
        ports = {"clock": dut.aclk, "reset": dut.aresetn, "reset_active_level": False}
        self.source = AxiStreamSource(AxiStreamBus.from_prefix(dut, "s_axis"), **ports)
        self.sink = AxiStreamSink(AxiStreamBus.from_prefix(dut, "m_axis"), **ports)
        self.due = []
        self.tag = self.rng.getrandbits(8)

    async def start(self):
        self.dut.aresetn.value = 0
        start_clock(self.dut.aclk)
        cocotb.start_soon(
            holds_still(
                self.dut.aclk,
                lambda: not int(self.dut.aresetn.value),
                *(self.dut.m_axis_tvalid, self.dut.m_axis_tready),
                *(self.dut.m_axis_tdata, self.dut.m_axis_tuser, self.dut.m_axis_tlast),
            )
        )
        await self.reset()
        return self

    async def reset(self):
        await RisingEdge(self.dut.aclk)
        self.dut.aresetn.value = 0
        await cycles(self.dut.aclk, 2)
        self.source.clear()
        self.sink.clear()
        self.due.clear()
        self.dut.aresetn.value = 1
        await RisingEdge(self.dut.aclk)

    def send(self, vector, *, drop=False, words=None):
        """Queue a query; nothing is due for one that is dropped or has another number of words."""
        vector %= len(VECTORS)
        sent = query_words(vector) if words is None else words
        self.tag = (self.tag + 1) % 256
        saturated = VECTORS[vector]["saturated"]
        # Bits above the word, and the sideband of all words but the last, may be anything.
        above = (1 << 8 * WORD_BYTES) - (1 << BENCH["word_width"])
        tdata = b"".join(
            (word | self.rng.getrandbits(8 * WORD_BYTES) & above).to_bytes(WORD_BYTES, "little") for word in sent
        )
        user = [self.rng.getrandbits(USER_WIDTH) for _ in sent]
        user[-1] = (self.tag << BENCH["saturated_width"] | saturated) << 1 | drop
        tuser = [value for value in user for _ in range(WORD_BYTES)]
        self.source.send_nowait(AxiStreamFrame(tdata, tuser=tuser))
        if not drop and len(sent) == WORDS:
            self.due.append({**EXPECTED[vector], "tag": self.tag})

    async def check(self):
        """Take all records that are due, and see that no other one comes; returns when each was taken."""
        taken = []
        for expected in self.due:
            frame = await self.sink.recv()
            assert len(frame.tdata) == RECORD_BYTES, f"the record has {len(frame.tdata)} bytes, not {RECORD_BYTES}"
            found = unpack(int.from_bytes(frame.tdata, "little")) | {"tag": frame.tuser}
            assert found == expected, f"record {len(taken)}: {found}, not {expected}"
            taken.append(round(frame.sim_time_end / PERIOD_NS / 1000))
        self.due.clear()
        await cycles(self.dut.aclk, QUIET)
        assert self.sink.empty(), f"{self.sink.count()} records too many"
        return taken


def unpack(packed):
    """Fields of a record, low bit first; the bits above are 0."""
    record = {}
    for field in FIELDS:
        value = packed & (1 << field["width"]) - 1
        packed >>= field["width"]
        if field["signed"] and value >> field["width"] - 1:
            value -= 1 << field["width"]
        record[field["name"]] = value
    assert packed == 0, f"bits above the record are {packed:#x}"
    return record


@test
async def ports_are_as_described(dut):
    found = {name: len(getattr(dut, name)) for name in ("s_axis_tdata", "s_axis_tuser", "m_axis_tdata", "m_axis_tuser")}
    assert found == {
        "s_axis_tdata": 8 * WORD_BYTES,
        "s_axis_tuser": USER_WIDTH,
        "m_axis_tdata": 8 * RECORD_BYTES,
        "m_axis_tuser": BENCH["tag_width"],
    }


@test
async def back_to_back(dut):
    """All vectors without a gap: every field and tag, and a record every INTERVAL cycles."""
    env = await Environment(dut).start()
    count = max(len(VECTORS), 8)
    for vector in range(count):
        env.send(vector)
    taken = await env.check()
    intervals = {after - before for before, after in pairwise(taken)}
    assert intervals == {INTERVAL}, f"records come every {sorted(intervals)} cycles, not {INTERVAL}"


@test
async def random_stalls(dut):
    """A source that pauses, a sink that pauses, and both."""
    env = await Environment(dut).start()
    for source, sink in ((0.6, 0.0), (0.0, 0.95), (0.3, 0.9)):
        env.source.set_pause_generator(pauses(SEED, source))
        env.sink.set_pause_generator(pauses(SEED + 1, sink))
        for vector in range(len(VECTORS)):
            env.send(vector)
        await env.check()


@test
async def dropped_and_damaged_queries(dut):
    """Neither a dropped query nor one of a wrong length gives a record or disturbs the next."""
    env = await Environment(dut).start()
    for vector in range(len(VECTORS)):
        words = query_words(vector)
        env.send(vector, drop=True)
        env.send(vector)
        for wrong in (words[:-1], [*words, 0], words * 2):
            if wrong:
                env.send(vector, words=wrong)
                env.send(vector + 1)
    await env.check()


@test
async def reset_in_mid_query(dut):
    """A reset at any moment loses what is inside, and the next query gets its answer."""
    env = await Environment(dut).start()
    for vector, moment in enumerate((1, 2, WORDS, WORDS + 3, QUIET // 4, QUIET // 2)):
        env.sink.pause = True
        for other in range(3):
            env.send(vector + other)
        await cycles(dut.aclk, moment)
        await env.reset()
        assert not int(dut.m_axis_tvalid.value)
        env.sink.pause = False
        env.send(vector + 1)
        await env.check()
