"""Noise between host and chip; ``make faults`` sends fifty times as many damaged frames."""

import os
import random
import zlib
from unittest.mock import patch

import numpy as np
import pytest
from faults.answers import try_driver
from faults.damage import KINDS, with_gaps
from faults.line import BROKEN, CHARACTER, DIVISOR, Reader, board_sources, characters, compiled_board, levels
from faults.noise import total, try_noise
from faults.subjects import Host, fixed_design, written_design
from formal.proof import Mutation

from prototile.boards import driver as driver_module
from prototile.boards.driver import Command, Frame

SEED = int(os.environ.get("FAULTS_SEED", "1"))


@pytest.fixture(scope="module", name="host", params=[fixed_design, written_design], ids=["fixed", "written"])
def host_of_a_design(request):
    return Host(request.param())


@pytest.fixture(scope="module", name="program")
def compiled_chip(host):
    return compiled_board(board_sources(host.design))


@pytest.mark.tools
def test_no_damaged_frame_is_served_and_the_next_good_one_is(host, program):
    tallies = try_noise(program, host, frames=700, seed=SEED)
    told = total(tallies)
    assert (told.accepted, told.dead, told.recovered) == (0, 0, told.sent), f"seed {SEED}"
    assert all(tally.sent for tally in tallies.values())
    assert 0 < told.complained < told.sent


@pytest.mark.tools
def test_the_driver_takes_no_wrong_answer_and_goes_on(host, program):
    told = try_driver(program, host, frames=300, seed=SEED)
    assert (told.wrong, told.silent, told.dead) == (0, 0, 0), f"seed {SEED}"
    assert all(told.damaged.values())


REQUESTS = "link.request:RequestReceiver.elaborate"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("control", "seen"),
    [
        (Mutation(REQUESTS, "bad | ~crc.residue | (fault", "bad | (fault"), "accepted"),
        (Mutation(REQUESTS, 'm.next = "DROP"', "pass"), "dead"),
    ],
    ids=["no CRC", "a state without a way out"],
)
def test_a_chip_that_is_wrong_is_noticed(control, seen):
    host = Host(fixed_design())
    with control.applied():
        sources = board_sources(host.design)
    told = total(try_noise(compiled_board(sources), host, frames=300, seed=SEED))
    assert getattr(told, seen) > 10


@pytest.mark.slow
def test_a_driver_without_crc_is_noticed():
    host = Host(fixed_design())
    program = compiled_board(board_sources(host.design))
    # Whatever the frame's CRC is, the driver takes it for right.
    with patch.object(driver_module.Frame, "decode", classmethod(unchecked)):
        assert try_driver(program, host, frames=300, seed=SEED).wrong > 5


def unchecked(cls, stuffed):
    """The frame without a look at its CRC."""
    body = bytearray()
    for octet, before in zip(stuffed, b"\0" + stuffed, strict=False):
        if octet != driver_module.ESCAPE:
            body.append(octet ^ driver_module.ESCAPE_MASK if before == driver_module.ESCAPE else octet)
    if len(body) < 8 or len(body) != 8 + int.from_bytes(body[2:4], "little"):
        return None
    return cls(body[0], body[1], bytes(body[4:-4]))


# --- What the benches are made of


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_damage_is_damage_and_what_follows_is_read(kind):
    chance = random.Random(SEED)
    good = Frame(Command.CLASSIFY, 7, b"\x7d\x7e\x00")
    damaged = 0
    for _ in range(100):
        frame = Frame(Command.CLASSIFY, 3, chance.randbytes(chance.randint(2, 9)))
        line = np.concatenate(
            [kind.line(chance, frame.encode()), np.ones(CHARACTER, np.uint8), with_gaps(chance, good.encode())]
        )
        found = [one for one in Reader().feed(line) if one is not None]
        assert found in ([good], [frame, good])
        damaged += found == [good]
    # A frame whose first flag alone is damaged has no beginning here, and a pulse may miss all samples.
    assert damaged > 30


def test_the_reader_reads_what_the_documentation_says():
    assert characters(levels(bytes(range(256)))) == list(range(256))
    high, low = np.ones(DIVISOR, np.uint8), np.zeros(DIVISOR, np.uint8)
    glitch = np.zeros(DIVISOR // 2, np.uint8)
    assert characters(np.concatenate([high, glitch, high, levels(b"a")])) == [ord("a")]
    # A break is one error, and the line must be high before the next start bit.
    assert characters(np.concatenate([low] * 37 + [high, levels(b"a")])) == [BROKEN, ord("a")]
    frame = Frame(Command.IDENTIFY, 9)
    assert Reader().feed(levels(b"\x01\x02" + frame.encode() + frame.encode()[1:])) == [frame, frame]
    broken = np.concatenate([levels(frame.encode()[:3]), low.repeat(10), high, levels(frame.encode()[3:])])
    assert Reader().feed(broken) == [None]
    body = frame.encode()[1:-1]
    assert Reader().feed(levels(b"\x7e" + body[:-1] + bytes([body[-1] ^ 1]) + b"\x7e")) == [None]
    assert zlib.crc32(body[:-4]) == int.from_bytes(body[-4:], "little")
