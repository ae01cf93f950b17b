"""What can happen to frames on a line.

A kind of damage takes a frame's octets, or the levels of its line, to others. None promises that the frame is damaged
afterwards: a pulse may fall between two samples. What came intact is for `faults.line.Reader` to say.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from faults.line import DIVISOR, SPECIAL, levels
from numpy.typing import NDArray

Octets = Callable[[random.Random, bytes], bytes]
Levels = Callable[[random.Random, NDArray[np.uint8]], NDArray[np.uint8]]


def _inverted(octets: bytes, bits) -> bytes:
    total = int.from_bytes(octets, "little")
    for bit in bits:
        total ^= 1 << bit
    return total.to_bytes(len(octets), "little")


def _place(chance, octets):
    """A place inside of a frame: not one of its flags."""
    return chance.randrange(1, len(octets) - 1)


def one_bit(chance, octets):
    return _inverted(octets, [chance.randrange(8 * len(octets))])


def some_bits(chance, octets):
    return _inverted(octets, chance.sample(range(8 * len(octets)), chance.randint(2, 8)))


def burst(chance, octets):
    """Up to 32 bits in a row, the first and the last of them inverted."""
    length = chance.randint(2, 32)
    start = chance.randrange(8 * len(octets) - length)
    inner = [start + at for at in range(1, length - 1) if chance.random() < 0.5]
    return _inverted(octets, [start, *inner, start + length - 1])


def lost_octet(chance, octets):
    place = _place(chance, octets)
    return octets[:place] + octets[place + 1 :]


def lost_octets(chance, octets):
    start = _place(chance, octets)
    return octets[:start] + octets[start + chance.randint(2, 6) :]


def doubled_octet(chance, octets):
    place = _place(chance, octets)
    return octets[:place] + octets[place : place + 1] + octets[place:]


def inserted_octet(chance, octets):
    place = _place(chance, octets)
    return octets[:place] + chance.randbytes(1) + octets[place:]


def inserted_special(chance, octets):
    """A flag or an escape."""
    place = _place(chance, octets)
    return octets[:place] + bytes([chance.choice(SPECIAL)]) + octets[place:]


def swapped_octets(chance, octets):
    place = chance.randrange(1, len(octets) - 2)
    return octets[:place] + octets[place + 1 : place + 2] + octets[place : place + 1] + octets[place + 2 :]


def cut_off(chance, octets):
    """It ends somewhere, without a flag."""
    return octets[: _place(chance, octets) + 1]


def torn(chance, octets):
    """What was to come is something else from some place on."""
    place = _place(chance, octets)
    return octets[:place] + chance.randbytes(len(octets) - place)


def glued(chance, octets):
    """Two frames, and the flags between them lost."""
    return octets[:-1] + octets[1:]


def noise(chance, octets):
    """Octets between frames, which are none."""
    return chance.randbytes(chance.randint(1, 30))


def _at(chance, line):
    return chance.randrange(len(line))


def pulse(chance, line):
    """The line is inverted for up to a bit."""
    start = _at(chance, line)
    line = line.copy()
    line[start : start + chance.randint(1, DIVISOR)] ^= 1
    return line


def low_stop(chance, line):
    """A stop bit that is low."""
    line = line.copy().reshape(-1, 10, DIVISOR)
    line[chance.randrange(len(line)), 9] = 0
    return line.ravel()


def pause(chance, line):
    """The line is low for longer than a character: a break."""
    start = _at(chance, line)
    return np.concatenate([line[:start], np.zeros(chance.randint(10, 25) * DIVISOR, np.uint8), line[start:]])


def silence(chance, line):
    """The line is high for a while, in which what was sent is lost."""
    start = _at(chance, line)
    line = line.copy()
    line[start : start + chance.randint(DIVISOR, 12 * DIVISOR)] = 1
    return line


def lost_bit(chance, line):
    start = _at(chance, line)
    return np.delete(line, slice(start, start + DIVISOR))


def added_bit(chance, line):
    start = _at(chance, line)
    return np.insert(line, start, np.full(DIVISOR, chance.randrange(2), np.uint8))


def wrong_pace(chance, line):
    """The sender's clock is off by a seventh to a third."""
    pace = chance.uniform(1.15, 1.35) ** chance.choice((-1, 1))
    return line[(np.arange(int(len(line) * pace)) / pace).astype(np.int64)]


def chatter(chance, line):
    """The line changes at random, for about as long as a frame takes."""
    runs = [chance.randint(1, 3 * DIVISOR) for _ in range(chance.randint(20, 80))]
    return np.repeat(np.arange(len(runs)) % 2, runs).astype(np.uint8)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of damage; one of two functions says what it does.

    Parameters
    ----------
    octets
        Takes a frame's octets to others, each of which is a whole character on the line.
    levels
        Takes the levels of a line to others, which may end within a character.
    """

    octets: Octets | None = None
    levels: Levels | None = None

    def line(self, chance: random.Random, octets: bytes) -> NDArray[np.uint8]:
        """A frame's octets as they are on the line."""
        if self.levels is not None:
            return self.levels(chance, levels(octets))
        return with_gaps(chance, self.octets(chance, octets))


def with_gaps(chance: random.Random, octets: bytes) -> NDArray[np.uint8]:
    """Characters with idle line before a few of them, of no whole number of bits."""
    line = levels(octets).reshape(len(octets), -1)
    gaps = [np.ones(chance.randrange(1, 3 * DIVISOR) if chance.random() < 0.05 else 0, np.uint8) for _ in octets]
    return np.concatenate([part for pair in zip(gaps, line, strict=True) for part in pair], dtype=np.uint8)


KINDS = {
    "one bit inverted": Kind(octets=one_bit),
    "2 to 8 bits inverted": Kind(octets=some_bits),
    "a burst of up to 32 bits": Kind(octets=burst),
    "a byte lost": Kind(octets=lost_octet),
    "2 to 6 bytes lost": Kind(octets=lost_octets),
    "a byte doubled": Kind(octets=doubled_octet),
    "a byte inserted": Kind(octets=inserted_octet),
    "a flag or escape inserted": Kind(octets=inserted_special),
    "two bytes swapped": Kind(octets=swapped_octets),
    "cut off": Kind(octets=cut_off),
    "other bytes from a place on": Kind(octets=torn),
    "two frames glued": Kind(octets=glued),
    "noise between frames": Kind(octets=noise),
    "a pulse": Kind(levels=pulse),
    "a low stop bit": Kind(levels=low_stop),
    "a break": Kind(levels=pause),
    "silence": Kind(levels=silence),
    "a bit lost": Kind(levels=lost_bit),
    "a bit inserted": Kind(levels=added_bit),
    "a wrong bit rate": Kind(levels=wrong_pace),
    "a chattering line": Kind(levels=chatter),
}
