"""The whole link between a host on the serial line and a core that answers by a simple rule."""

import random
import zlib
from collections import deque
from dataclasses import dataclass

import numpy as np
import pytest
from amaranth.back import rtlil
from amaranth.hdl import ResetInserter, Signal
from amaranth.sim import Simulator
from formal.proof import Mutation

from prototile.boards.driver import Command, Fault, Frame, FrameReader, pack_components, unpack_records
from prototile.rtl.layout import write_layout
from prototile.rtl.link.link import Link

DIVISOR = 4
WATCHDOG_CYCLES = 60_000
FIELDS = (
    ("prototype", 5, False),
    ("distance", 9, False),
    ("label", 2, False),
    ("runner_up", 3, True),
    ("margin", 10, True),
    ("status", 2, False),
    ("tie", 1, False),
    ("saturated", 3, False),
)
IDENTITY = bytes([0x7E, 0x00, 0x7D, 0xFF, 0x12])
FLAG = b"\x7e"


@dataclass(frozen=True)
class Shape:
    """Words of a query."""

    word_width: int
    words: int

    @property
    def component_bytes(self) -> int:
        return -(-self.word_width * self.words // 8)


#: 15 bits and one of padding; whole bytes; a single word; words of one bit; more words than bits of a byte.
SHAPES = [Shape(3, 5), Shape(8, 3), Shape(12, 1), Shape(1, 7), Shape(4, 20)]


def decision(words, saturated):
    """What the core of these tests answers: any rule will do that shows each bit of a query."""
    total = sum(words)
    return {
        "prototype": (total + 3 * words[0] + 5) % 32,
        "distance": sum((place + 1) * word for place, word in enumerate(words)) % 512,
        "label": total % 4,
        "runner_up": total % 5 - 1,
        "margin": (words[-1] * 37) % 1024 - 512,
        "status": total % 3,
        "tie": words[0] & 1,
        "saturated": saturated,
    }


class Bench:
    """A link, its core, and the two ends of the line; a test is a coroutine that plays the host."""

    def __init__(self, shape=SHAPES[0], *, depth=4, latency=12, bound=1 << 13, seed=None, divisor=DIVISOR, write=None):
        self.shape = shape
        self.depth = depth
        self.latency = latency
        self.divisor = divisor
        self.stalls = random.Random(seed) if seed is not None else None
        self.frames = []
        self.sent = bytearray()
        self.dropped = 0
        self.taken = 0
        self.busy = False
        self.frozen = False
        self.forgetful = False
        self.done = False
        self.written = []
        self.link = Link(
            word_width=shape.word_width,
            words=shape.words,
            record_fields=FIELDS,
            saturated_width=3,
            identity=IDENTITY,
            divisor=divisor,
            latency=bound,
            write=write,
        )
        self.top = self.link

    # The core

    async def core(self, ctx):
        query, record = self.link.query, self.link.record
        layout = query.payload.shape()
        inside, words = deque(), []
        cycle = 0
        ready = offered = False
        ticks = ctx.tick().sample(query.valid, query.payload.as_value(), record.ready)
        async for _, _, valid, payload, taken in ticks:
            cycle += 1
            if offered and taken:
                inside.popleft()
            assert not (valid and not ready and words), "a word waits, though the core is ready within a query"
            if valid and ready:
                payload = layout.from_bits(payload)
                words.append(payload.data)
                if payload.last:
                    self.end_of_query(inside, words, payload, cycle)
                    words = []
                else:
                    assert len(words) < self.shape.words, "a query has too many words"
            if self.done:
                break
            if ready != (ready := bool(words) or (len(inside) < self.depth and not self.busy)):
                ctx.set(query.ready, ready)
            if offered != (offered := bool(inside) and inside[0][0] <= cycle and not self.frozen) or taken:
                ctx.set(record.valid, offered)
                if offered:
                    ctx.set(record.payload, inside[0][1])

    async def memories(self, ctx):
        """Take words for the memories, as a core does: when nothing is inside."""
        write = self.link.write
        ctx.set(write.ready, not self.busy)
        async for _, _, valid, payload in ctx.tick().sample(write.valid, write.payload.as_value()):
            if self.done:
                break
            if valid and ctx.get(write.ready):
                payload = write.payload.shape().from_bits(payload)
                self.written.append({name: payload[name] for name, _ in write.payload.shape()})
            ctx.set(write.ready, not self.busy)

    def end_of_query(self, inside, words, payload, cycle):
        if payload.drop:
            self.dropped += 1
            return
        assert len(words) == self.shape.words
        if self.forgetful:
            return
        self.taken += 1
        delay = self.latency if self.stalls is None else self.stalls.randrange(60)
        inside.append((cycle + delay, decision(words, payload.saturated) | {"tag": payload.tag}))

    # The line

    async def listen(self, ctx):
        reader = FrameReader()
        clock, byte = 0, 0
        async for _, _, tx in ctx.tick().sample(self.link.tx):
            if self.done:
                break
            if clock == 0 and tx:
                continue
            clock += 1
            index, phase = divmod(clock, self.divisor)
            if phase != self.divisor // 2:
                continue
            if index == 9:
                assert tx, "the link sends a low stop bit"
                self.frames += reader.feed(bytes([byte >> 1]))
                clock, byte = 0, 0
            else:
                byte |= tx << index

    async def send(self, ctx, data, *, stop=1):
        for byte in data:
            self.sent.append(byte)
            for bit in (0, *(byte >> index & 1 for index in range(8)), stop):
                ctx.set(self.link.rx, bit)
                await ctx.tick().repeat(self.divisor)
            ctx.set(self.link.rx, 1)

    async def answers(self, ctx, count):
        """Wait until `count` frames came in all; give the new ones' last."""
        while len(self.frames) < count:
            await ctx.tick().repeat(self.divisor)
        return self.frames[count - 1]

    async def answer_of(self, ctx, sequence):
        """Wait for the frame with a sequence number."""
        while not any(frame.sequence == sequence for frame in self.frames):
            await ctx.tick().repeat(self.divisor)
        return next(frame for frame in self.frames if frame.sequence == sequence)

    async def silence(self, ctx):
        """Wait for longer than any answer takes."""
        await ctx.tick().repeat(40 * 10 * self.divisor)

    # Frames

    def components(self, words):
        width = self.shape.word_width
        stream = sum(word << place * width for place, word in enumerate(words))
        return stream.to_bytes(self.shape.component_bytes, "little")

    def random_words(self, randomness):
        return [randomness.randrange(1 << self.shape.word_width) for _ in range(self.shape.words)]

    def classify(self, sequence, words, saturated=0):
        return Frame(Command.CLASSIFY, sequence, saturated.to_bytes(2, "little") + self.components(words)).encode()

    def self_test(self, sequence, expected, words):
        payload = expected.to_bytes(2, "little") + bytes(2) + self.components(words)
        return Frame(Command.SELF_TEST, sequence, payload).encode()

    def check_record(self, payload, words, saturated=0):
        record = unpack_records([payload], FIELDS)[0]
        assert {name: int(record[name]) for name in record.dtype.names} == decision(words, saturated)

    def run(self, host):
        async def play(ctx):
            await host(ctx, self)
            self.done = True

        simulator = Simulator(self.top)
        simulator.add_clock(1e-6)
        memories = [self.memories] if self.link.writes is not None else []
        for testbench in (play, self.core, self.listen, *memories):
            simulator.add_testbench(testbench)
        for _ in range(2 * WATCHDOG_CYCLES):
            if not simulator.advance():
                return self
        pytest.fail("the simulation does not end")


def error(sequence, fault):
    return Frame(Command.ERROR, sequence, bytes([fault]))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_good_requests_are_served(shape):
    randomness = random.Random(11)

    async def host(ctx, bench):
        await bench.send(ctx, Frame(Command.IDENTIFY, 0x7E).encode())
        assert await bench.answers(ctx, 1) == Frame(0x81, 0x7E, IDENTITY)
        for count, sequence in enumerate((0x7D, 0xFF, 0x00), 2):
            words = bench.random_words(randomness)
            await bench.send(ctx, bench.classify(sequence, words, saturated=count))
            answer = await bench.answers(ctx, count)
            assert (answer.command, answer.sequence) == (0x82, sequence)
            bench.check_record(answer.payload, words, saturated=count)
        await bench.silence(ctx)
        assert len(bench.frames) == 4
        assert bench.dropped == 0

    Bench(shape).run(host)


def test_bytes_of_the_line_are_those_of_the_protocol():
    """Written out by hand, so that link and driver cannot agree on a protocol of their own."""

    async def host(ctx, bench):
        # CLASSIFY 5: no component clipped, words 1, 2, 3, 4, 5 of 3 bits: 0b101_100_011_010_001 = 0x58D1.
        await bench.send(ctx, bytes.fromhex("7e 02 05 04 00 00 00 d1 58 3d 98 3d 13 7e"))
        answer = await bench.answers(ctx, 1)
        # prototype 23 (5 bits), distance 55 (9), label 3 (2), runner_up -1 (3), margin -327 (10), status 0 (2),
        # tie 1 (1), saturated 0 (3): 35 bits.
        bits = 23 | 55 << 5 | 3 << 14 | 7 << 16 | (1024 - 327) << 19 | 0 << 29 | 1 << 31
        assert answer == Frame(0x82, 5, bits.to_bytes(5, "little"))

    Bench().run(host)


def test_requests_in_a_row_are_answered_in_their_order():
    randomness = random.Random(12)
    queries = [(sequence, bench_words) for sequence, bench_words in enumerate([None] * 12, 250)]

    async def host(ctx, bench):
        for place, (number, _) in enumerate(queries):
            words = bench.random_words(randomness)
            queries[place] = (number % 256, words)
            await bench.send(ctx, bench.classify(number % 256, words))
            if place >= 4:
                await bench.answers(ctx, place - 3)
        await bench.answers(ctx, len(queries))
        assert [frame.sequence for frame in bench.frames] == [sequence for sequence, _ in queries]
        for frame, (_, words) in zip(bench.frames, queries, strict=True):
            assert frame.command == 0x82
            bench.check_record(frame.payload, words)

    Bench(seed=1).run(host)


def test_frames_may_share_a_flag_or_have_many_between_them():
    async def host(ctx, bench):
        one, two = bench.classify(1, [1, 2, 3, 4, 5]), bench.classify(2, [5, 4, 3, 2, 1])
        await bench.send(ctx, one + two[1:] + FLAG * 3 + one)
        await bench.answers(ctx, 3)
        assert [frame.sequence for frame in bench.frames] == [1, 2, 1]
        await bench.silence(ctx)
        assert len(bench.frames) == 3

    Bench().run(host)


def test_noise_before_the_first_flag_is_passed_over():
    async def host(ctx, bench):
        await bench.send(ctx, b"\x02\x7d\x00" + bench.classify(9, [1] * 5))
        assert (await bench.answers(ctx, 1)).sequence == 9

    Bench().run(host)


@pytest.mark.parametrize(
    ("request_frame", "fault"),
    [
        (Frame(0x04, 7), Fault.UNKNOWN_COMMAND),
        (Frame(0x00, 7), Fault.UNKNOWN_COMMAND),
        (Frame(0x82, 7, bytes(4)), Fault.UNKNOWN_COMMAND),
        (Frame(0x12, 7, bytes(4)), Fault.UNKNOWN_COMMAND),
        (Frame(Command.IDENTIFY, 7, b"x"), Fault.WRONG_LENGTH),
        (Frame(Command.CLASSIFY, 7), Fault.WRONG_LENGTH),
        (Frame(Command.CLASSIFY, 7, bytes(3)), Fault.WRONG_LENGTH),
        (Frame(Command.CLASSIFY, 7, bytes(5)), Fault.WRONG_LENGTH),
        (Frame(Command.CLASSIFY, 7, bytes(4 + 256)), Fault.WRONG_LENGTH),
        (Frame(Command.SELF_TEST, 7, bytes(4)), Fault.WRONG_LENGTH),
    ],
    ids=lambda value: value.name if isinstance(value, Fault) else f"{value.command:02x}-{len(value.payload)}",
)
def test_what_is_not_served_is_answered_with_the_reason(request_frame, fault):
    async def host(ctx, bench):
        await bench.send(ctx, request_frame.encode())
        assert await bench.answers(ctx, 1) == error(7, fault)
        await bench.send(ctx, bench.classify(8, [1, 2, 3, 4, 5]))
        bench.check_record((await bench.answers(ctx, 2)).payload, [1, 2, 3, 4, 5])
        assert bench.taken == 1

    Bench().run(host)


def with_crc(body):
    """A frame whose length field tells a lie."""
    body += zlib.crc32(body).to_bytes(4, "little")
    return FLAG + body.replace(b"\x7d", b"\x7d\x5d").replace(b"\x7e", b"\x7d\x5e") + FLAG


DAMAGED = {
    "one byte": b"\x7e\x02\x7e",
    "header only": b"\x7e\x02\x07\x04\x00\x7e",
    "shorter than its length": with_crc(b"\x02\x07\x04\x00" + bytes(3)),
    "longer than its length": with_crc(b"\x02\x07\x04\x00" + bytes(5)),
    "far longer": with_crc(b"\x02\x07\x04\x00" + bytes(70)),
    "identify with a tail": with_crc(b"\x01\x07\x00\x00" + bytes(1)),
    "padding that is not zero": Frame(Command.CLASSIFY, 7, b"\x00\x00\x00\x80").encode(),
    "more clipped components than there are": Frame(Command.CLASSIFY, 7, b"\x08\x00\x00\x00").encode(),
    "a prototype that does not exist": Frame(Command.SELF_TEST, 7, b"\x25\x00" + bytes(4)).encode(),
    "a flag after an escape": Frame(Command.CLASSIFY, 7, bytes(4)).encode()[:-1] + b"\x7d\x7e",
}


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_damaged_frame_is_an_error_and_the_next_one_is_served(data):
    async def host(ctx, bench):
        await bench.send(ctx, data)
        assert await bench.answers(ctx, 1) == error(0, Fault.DAMAGED)
        await bench.send(ctx, bench.classify(8, [1, 2, 3, 4, 5]))
        bench.check_record((await bench.answers(ctx, 2)).payload, [1, 2, 3, 4, 5])
        assert bench.taken == 1

    Bench().run(host)


def mutate(randomness, frame):
    """Damage of one kind or another, anywhere."""
    data = bytearray(frame)
    place = randomness.randrange(len(data))
    kind = randomness.randrange(8)
    if kind == 0:
        data[place] ^= 1 << randomness.randrange(8)
    elif kind == 1:
        del data[place]
    elif kind == 2:
        data.insert(place, data[place])
    elif kind == 3:
        data.insert(place, randomness.choice((0x7E, 0x7D, 0x00, randomness.randrange(256))))
    elif kind == 4:
        del data[place:]
    elif kind == 5:
        data += randomness.randbytes(randomness.randint(1, 20))
    elif kind == 6:
        data[place] = randomness.choice((0x7E, 0x7D))
    else:
        data[place:] = randomness.randbytes(len(data) - place)
    return bytes(data)


@pytest.mark.parametrize(("shape", "seed"), [(SHAPES[0], 21), (SHAPES[1], 22), (SHAPES[2], 23), (SHAPES[3], 24)])
def test_no_damage_ever_makes_a_decision_or_harms_the_next_frame(shape, seed):
    """The driver's reader of frames, another program, says which frames of the line are good."""
    randomness = random.Random(seed)

    async def host(ctx, bench):
        await bench.send(ctx, FLAG)
        served = []
        for number in range(9):
            sequence = 2 * number
            kind = randomness.randrange(3)
            words = bench.random_words(randomness)
            frame = bench.self_test(sequence, 3, words) if kind == 0 else bench.classify(sequence, words)
            await bench.send(ctx, mutate(randomness, frame))
            words = bench.random_words(randomness)
            await bench.send(ctx, bench.classify(sequence + 1, words))
            served.append((sequence + 1, words))
            answer = await bench.answer_of(ctx, sequence + 1)
            bench.check_record(answer.payload, words)
        await bench.silence(ctx)

        length = {Command.CLASSIFY: 2 + shape.component_bytes, Command.SELF_TEST: 4 + shape.component_bytes}
        good = [
            (frame.command | 0x80, frame.sequence)
            for frame in FrameReader().feed(bytes(bench.sent))
            if length.get(frame.command) == len(frame.payload)
        ]
        assert {sequence for sequence, _ in served} <= {sequence for _, sequence in good}
        decided = [(frame.command, frame.sequence) for frame in bench.frames if frame.command in (0x82, 0x83)]
        assert decided == good
        assert bench.taken == len(good)
        assert any(frame == error(0, Fault.DAMAGED) for frame in bench.frames)

    Bench(shape, seed=seed).run(host)


def test_words_of_a_damaged_query_are_dropped():
    async def host(ctx, bench):
        frame = bytearray(bench.classify(1, [1, 2, 3, 4, 5]))
        frame[-3] ^= 4
        await bench.send(ctx, frame)
        assert await bench.answers(ctx, 1) == error(0, Fault.DAMAGED)
        assert (bench.dropped, bench.taken) == (1, 0)

    Bench().run(host)


def test_a_framing_error_damages_its_frame_only():
    async def host(ctx, bench):
        frame = bench.classify(1, [1, 2, 3, 4, 5])
        await bench.send(ctx, frame[:6])
        await bench.send(ctx, frame[6:7], stop=0)
        await bench.send(ctx, frame[7:])
        assert await bench.answers(ctx, 1) == error(0, Fault.DAMAGED)
        await bench.send(ctx, frame)
        bench.check_record((await bench.answers(ctx, 2)).payload, [1, 2, 3, 4, 5])
        # A break: one error at the next flag, no matter how long.
        ctx.set(bench.link.rx, 0)
        await ctx.tick().repeat(700)
        ctx.set(bench.link.rx, 1)
        await ctx.tick().repeat(2 * DIVISOR)
        await bench.send(ctx, frame)
        assert await bench.answers(ctx, 3) == error(0, Fault.DAMAGED)
        bench.check_record((await bench.answers(ctx, 4)).payload, [1, 2, 3, 4, 5])
        await bench.silence(ctx)
        assert len(bench.frames) == 4

    Bench().run(host)


@pytest.mark.parametrize("shape", SHAPES[:3], ids=str)
def test_a_core_without_a_place_makes_busy_and_sees_no_word(shape):
    async def host(ctx, bench):
        words = [1] * shape.words
        bench.busy = True
        await ctx.tick().repeat(2)
        await bench.send(ctx, bench.classify(5, words)[:-3])
        bench.busy = False  # too late for this one
        await bench.send(ctx, bench.classify(5, words)[-3:])
        assert await bench.answers(ctx, 1) == error(5, Fault.BUSY)
        assert (bench.taken, bench.dropped) == (0, 0)
        await bench.send(ctx, bench.classify(6, words))
        bench.check_record((await bench.answers(ctx, 2)).payload, words)

    Bench(shape).run(host)


def test_a_damaged_frame_to_a_busy_core_is_damaged():
    async def host(ctx, bench):
        bench.busy = True
        await ctx.tick().repeat(2)
        frame = bytearray(bench.classify(5, [1] * 5))
        frame[-2] ^= 1
        await bench.send(ctx, frame)
        assert await bench.answers(ctx, 1) == error(0, Fault.DAMAGED)

    Bench().run(host)


def test_the_fifth_query_of_a_full_chip_is_refused_and_no_other_is_lost():
    async def host(ctx, bench):
        bench.frozen = True
        for sequence in range(5):
            await bench.send(ctx, bench.classify(sequence, [sequence] * 5))
        assert await bench.answers(ctx, 1) == error(4, Fault.BUSY)
        bench.frozen = False
        for sequence in range(4):
            answer = await bench.answers(ctx, 2 + sequence)
            assert (answer.command, answer.sequence) == (0x82, sequence)
            bench.check_record(answer.payload, [sequence] * 5)

    # A core with room for more does not change how many the link lets in.
    Bench(depth=4).run(host)
    Bench(depth=9).run(host)


def test_a_self_test_passes_only_at_distance_0_of_the_expected_prototype():
    async def host(ctx, bench):
        zero, other = [0] * 5, [0, 0, 0, 0, 1]
        cases = [(5, zero, 1), (6, zero, 0), (21, zero, 0), (6, other, 0), (5, zero, 1)]
        for count, (expected, words, passed) in enumerate(cases, 1):
            await bench.send(ctx, bench.self_test(count, expected, words))
            answer = await bench.answers(ctx, count)
            assert (answer.command, answer.sequence, answer.payload[0]) == (0x83, count, passed)
            bench.check_record(answer.payload[1:], words)
        # Afterwards a classification is a classification.
        await bench.send(ctx, bench.classify(9, zero))
        assert (await bench.answers(ctx, 6)).command == 0x82

    Bench().run(host)


def test_a_self_test_waits_for_no_query_and_lets_queries_follow():
    async def host(ctx, bench):
        bench.frozen = True
        await bench.send(ctx, bench.classify(1, [1] * 5))
        await bench.send(ctx, bench.self_test(2, 5, [0] * 5))
        assert await bench.answers(ctx, 1) == error(2, Fault.BUSY)
        bench.frozen = False
        assert (await bench.answers(ctx, 2)).command == 0x82
        await ctx.tick().repeat(20 * DIVISOR)
        bench.frozen = True
        await bench.send(ctx, bench.self_test(3, 5, [0] * 5))
        await bench.send(ctx, bench.classify(4, [0] * 5))
        # A second self-test must not change what the first expects.
        await bench.send(ctx, bench.self_test(5, 9, [0] * 5))
        assert await bench.answers(ctx, 3) == error(5, Fault.BUSY)
        bench.frozen = False
        answer = await bench.answers(ctx, 4)
        assert (answer.command, answer.sequence, answer.payload[0]) == (0x83, 3, 1)
        answer = await bench.answers(ctx, 5)
        assert (answer.command, answer.sequence) == (0x82, 4)
        bench.check_record(answer.payload, [0] * 5)

    Bench().run(host)


def test_a_query_whose_record_never_comes_is_given_up():
    """As after an upset: when the core has shown no record for as long as it may take, none is inside."""

    async def host(ctx, bench):
        bench.forgetful = True
        await bench.send(ctx, bench.self_test(1, 5, [0] * 5))
        await bench.send(ctx, bench.self_test(2, 5, [0] * 5))
        assert await bench.answers(ctx, 1) == error(2, Fault.BUSY)
        for sequence in range(3, 7):
            await bench.send(ctx, bench.classify(sequence, [0] * 5))
        assert await bench.answers(ctx, 2) == error(6, Fault.BUSY)
        bench.forgetful = False
        await ctx.tick().repeat(2 * 2 * 3000)
        await bench.send(ctx, bench.classify(7, [0] * 5))
        assert (await bench.answers(ctx, 3)).command == 0x82
        await bench.send(ctx, bench.self_test(8, 5, [0] * 5))
        answer = await bench.answers(ctx, 4)
        assert (answer.command, answer.sequence, answer.payload[0]) == (0x83, 8, 1)

    # A frame takes less than that.
    Bench(bound=3000).run(host)


def test_notices_that_find_no_place_are_dropped_but_never_mixed():
    async def host(ctx, bench):
        for sequence in range(8):
            await bench.send(ctx, Frame(0x0F, 100 + sequence).encode())
        await bench.send(ctx, bench.classify(7, [3] * 5))
        await bench.silence(ctx)
        *notices, record = bench.frames
        assert record.sequence == 7
        bench.check_record(record.payload, [3] * 5)
        assert len(notices) >= 4
        assert set(notices) <= {error(100 + sequence, Fault.UNKNOWN_COMMAND) for sequence in range(8)}
        assert len(set(notices)) == len(notices)

    Bench(SHAPES[0]).run(host)


@pytest.mark.parametrize("cut", [3, 6, 9, 12])
def test_a_reset_in_the_middle_of_a_frame_leaves_nothing_behind(cut):
    async def host(ctx, bench):
        frame = bench.classify(1, [1, 2, 3, 4, 5])
        await bench.send(ctx, frame[:cut])
        ctx.set(bench.reset, 1)
        await ctx.tick()
        ctx.set(bench.reset, 0)
        await bench.send(ctx, frame[cut:] + bench.classify(2, [5, 4, 3, 2, 1]))
        answer = await bench.answers(ctx, 1)
        assert answer.sequence == 2
        bench.check_record(answer.payload, [5, 4, 3, 2, 1])

    ResetBench().run(host)


@pytest.mark.parametrize("cut", [5, 17, 42, 60, 83, 117])
def test_a_reset_in_the_middle_of_a_response_leaves_nothing_behind(cut):
    async def host(ctx, bench):
        await bench.send(ctx, bench.classify(1, [1, 2, 3, 4, 5]))
        await ctx.tick().repeat(cut * DIVISOR)
        assert bench.frames == []
        ctx.set(bench.reset, 1)
        await ctx.tick()
        ctx.set(bench.reset, 0)
        await ctx.tick().repeat(20 * DIVISOR)
        await bench.send(ctx, bench.classify(2, [5, 4, 3, 2, 1]))
        answer = await bench.answers(ctx, 1)
        assert answer.sequence == 2
        bench.check_record(answer.payload, [5, 4, 3, 2, 1])

    ResetBench().run(host)


class ResetBench(Bench):
    """A bench whose link can be reset; the core then is, too."""

    def __init__(self):
        super().__init__()
        self.reset = Signal()
        self.top = ResetInserter(self.reset)(self.link)

    async def core(self, ctx):
        query, record = self.link.query, self.link.record
        layout = query.payload.shape()
        words, answer = [], None
        ticks = ctx.tick().sample(query.valid, query.payload.as_value(), record.ready, self.reset)
        async for _, _, valid, payload, taken, reset in ticks:
            if self.done:
                break
            if reset:
                words, answer = [], None
            elif answer is not None:
                answer = None if taken else answer
            elif valid and ctx.get(query.ready):
                payload = layout.from_bits(payload)
                words.append(payload.data)
                if payload.last:
                    assert payload.drop or len(words) == self.shape.words
                    answer = None if payload.drop else decision(words, payload.saturated) | {"tag": payload.tag}
                    words = []
            ctx.set(query.ready, answer is None)
            ctx.set(record.valid, answer is not None)
            if answer is not None:
                ctx.set(record.payload, answer)


#: 1 + 2 + 1 + 2 + 7 + 12 bits of a word to be written: 4 bytes.
WRITE = write_layout(row_width=2, column_width=0, element_width=2, address_width=7, memory_width=12)


def word(row, column, element, address, data):
    image = row << 1 | column << 3 | element << 4 | address << 6 | data << 13
    fields = {"row": row, "column": column, "element": element, "address": address, "data": data}
    return image.to_bytes(4, "little"), fields


def byte_of_identity(index, value):
    return (1 | index << 1 | value << 9).to_bytes(4, "little")


def test_words_are_written_into_memories():
    """As the host sends them, each once, with an answer that holds nothing."""
    words = [word(3, 1, 2, 0x55, 0xA7E), word(0, 0, 0, 0, 0), word(3, 1, 3, 127, 0xFFF)]

    async def host(ctx, bench):
        for sequence, (payload, _) in enumerate(words, 0x7D):
            await bench.send(ctx, Frame(Command.WRITE, sequence, payload).encode())
            assert await bench.answers(ctx, sequence - 0x7C) == Frame(0x84, sequence)
        assert bench.written == [fields for _, fields in words]
        await bench.send(ctx, bench.classify(8, [1, 2, 3, 4, 5]))
        bench.check_record((await bench.answers(ctx, 4)).payload, [1, 2, 3, 4, 5])

    Bench(write=WRITE).run(host)


def test_bytes_of_the_identity_are_written():
    async def host(ctx, bench):
        for count, (index, value) in enumerate(((0, 0x11), (4, 0x7E), (2, 0)), 1):
            await bench.send(ctx, Frame(Command.WRITE, count, byte_of_identity(index, value)).encode())
            assert await bench.answers(ctx, count) == Frame(0x84, count)
        await bench.send(ctx, Frame(Command.IDENTIFY, 9).encode())
        changed = bytes([0x11, IDENTITY[1], 0, IDENTITY[3], 0x7E])
        assert await bench.answers(ctx, 4) == Frame(0x81, 9, changed)
        assert not bench.written

    Bench(write=WRITE).run(host)


def damaged_writes():
    good = Frame(Command.WRITE, 7, word(3, 1, 2, 0x55, 0xA7A)[0]).encode()
    for at in range(1, len(good) - 1):
        yield good[:at] + bytes([good[at] ^ 0x10]) + good[at + 1 :]
    yield Frame(Command.WRITE, 7, (1 << 25).to_bytes(4, "little")).encode()
    yield Frame(Command.WRITE, 7, (1 | 1 << 17).to_bytes(4, "little")).encode()


def test_a_damaged_word_is_not_written():
    """Neither with any of its bytes changed, nor with something where there must be zeros."""
    frames = list(damaged_writes())

    async def host(ctx, bench):
        for frame in frames:
            await bench.send(ctx, frame)
            await ctx.tick().repeat(60 * DIVISOR)
        await bench.silence(ctx)
        assert bench.written == []
        assert bench.frames
        assert all(frame.command == Command.ERROR for frame in bench.frames)
        await bench.send(ctx, Frame(Command.IDENTIFY, 9).encode())
        assert await bench.answer_of(ctx, 9) == Frame(0x81, 9, IDENTITY)

    Bench(write=WRITE).run(host)


def test_a_word_is_refused_while_a_query_is_inside():
    payload, fields = word(1, 0, 1, 5, 6)

    async def host(ctx, bench):
        bench.frozen = True
        await bench.send(ctx, bench.classify(1, [1, 2, 3, 4, 5]))
        await bench.send(ctx, Frame(Command.WRITE, 2, payload).encode())
        assert await bench.answers(ctx, 1) == error(2, Fault.BUSY)
        bench.frozen = False
        await bench.answers(ctx, 2)
        await bench.send(ctx, Frame(Command.WRITE, 3, payload[:3]).encode())
        assert await bench.answers(ctx, 3) == error(3, Fault.WRONG_LENGTH)
        assert bench.written == []
        bench.busy = True
        await bench.send(ctx, Frame(Command.WRITE, 4, payload).encode())
        assert await bench.answers(ctx, 4) == error(4, Fault.BUSY)
        bench.busy = False
        await bench.send(ctx, Frame(Command.WRITE, 5, payload).encode())
        assert await bench.answers(ctx, 5) == Frame(0x84, 5)
        assert bench.written == [fields]

    Bench(write=WRITE).run(host)


def test_packing_is_the_drivers():
    """Components in words, as the generator lays them out, against the driver's rows of components."""
    bench = Bench(Shape(6, 4))
    components = [[1, 7, 0, 5, 2, 6, 3, 4]]  # four words of two components of three bits
    words = [low | high << 3 for low, high in zip(components[0][::2], components[0][1::2], strict=True)]
    assert pack_components(np.array(components), 3) == [bench.components(words)]


@pytest.mark.parametrize(
    ("change", "exception", "message"),
    [
        ({"words": 0}, ValueError, "words must be a positive integer, not 0"),
        ({"saturated_width": 17}, ValueError, "saturated_width must be at most 16, not 17"),
        ({"record_fields": (("distance", 3, False),)}, ValueError, "record_fields must have a field 'prototype'"),
        (
            {"record_fields": (("prototype", 17, False), ("distance", 3, False))},
            ValueError,
            "index_width must be at most",
        ),
        ({"identity": b""}, ValueError, "identity must have 1 to 65535 bytes, not 0"),
        ({"identity": "text"}, TypeError, "identity must be bytes, not 'text'"),
        ({"words": 1 << 17}, ValueError, "a query of 131072 words of 4 bits is longer than a frame's payload may be"),
        ({"queries": 0}, ValueError, "queries must be a positive integer, not 0"),
        ({"latency": 0}, ValueError, "latency must be a positive integer, not 0"),
    ],
)
def test_parameters_that_make_no_link_are_refused(change, exception, message):
    parameters = {
        "word_width": 4,
        "words": 4,
        "record_fields": FIELDS,
        "saturated_width": 3,
        "identity": IDENTITY,
        "divisor": 4,
        "latency": 20,
    }
    with pytest.raises(exception, match=message):
        Link(**(parameters | change))


def test_the_link_has_no_ports_but_its_own():
    """A mistyped clock domain would make new ports."""
    text = rtlil.convert(Bench().link, name="link", emit_src=False)
    top = text[text.index("module \\link\n") :].split("\nend\n")[0]
    ports = {line.split()[-1] for line in top.splitlines() if line.strip().startswith("wire") and " input " in line}
    assert ports == {"\\clk", "\\rst", "\\rx", "\\query__ready", "\\record__valid", "\\record__payload"}


def test_a_link_that_ignores_its_crc_is_noticed():
    wrong = Mutation("link.request:RequestReceiver.elaborate", "bad | ~crc.residue | (fault", "bad | (fault")
    with wrong.applied(), pytest.raises(AssertionError):
        test_words_of_a_damaged_query_are_dropped()
