"""Noise on the line to a chip: each damaged frame is followed by a good one, which must be answered right."""

import random
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from faults.damage import KINDS, Kind, with_gaps
from faults.line import CHARACTER, Line, Reader, running
from faults.subjects import Host
from numpy.typing import NDArray

from prototile.boards.driver import Command, Fault, Frame, FrameReader

#: What a chip says of a frame that it cannot serve.
DAMAGED = Frame(Command.ERROR, 0, bytes([Fault.DAMAGED]))
#: Good frames that a chip may leave unanswered before it counts as dead.
PATIENCE = 4


@dataclass
class Tally:
    """What became of damaged frames of one kind.

    Attributes
    ----------
    sent
        Frames that were damaged.
    harmless
        Frames that came intact although something happened to them; they are none of `sent`.
    complained
        Damaged frames that were answered with an error; the others were not answered.
    accepted
        Answers that no frame which came intact has.
    recovered
        Damaged frames after which the very next good one was answered right.
    dead
        Damaged frames after which several good ones were not answered.
    """

    sent: int = 0
    harmless: int = 0
    complained: int = 0
    accepted: int = 0
    recovered: int = 0
    dead: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(**{name: getattr(self, name) + getattr(other, name) for name in vars(self)})


class NoisyLine:
    """Sends damaged and good frames to a running chip, and judges what comes back."""

    def __init__(self, line: Line, host: Host, chance: random.Random):
        self._line = line
        self._host = host
        self._chance = chance
        self._sent = Reader()
        self._answers = FrameReader()
        self._sequence = 0

    def try_damage(self, kind: Kind, tally: Tally) -> bool:
        """Send a damaged frame, or a few, and a good one; returns whether the chip still answers."""
        chance = self._chance
        # Of several in a row any may come intact: queries, which a chip takes while it answers.
        count = chance.choice((1, 1, 1, 2, 3))
        originals = dict(self._request(Command.CLASSIFY if count > 1 else None) for _ in range(count))
        good, answer = self._request(Command.CLASSIFY)
        line = []
        for original in originals:
            # Levels that end within a character need idle line before the next; whole characters do not.
            gap = CHARACTER if kind.levels is not None else chance.choice((0, 0, chance.randrange(CHARACTER)))
            line += [kind.line(chance, original.encode()), np.ones(gap, np.uint8)]
        line = np.concatenate([*line, with_gaps(chance, good.encode())])
        came = [frame for frame in self._sent.feed(line) if frame is not None]
        expected = {**originals, good: answer}
        # Else something was damaged so that it passes: the documentation tells the odds.
        assert came[-1:] == [good] and all(frame in expected for frame in came)
        damaged = len(originals) - len(came) + 1
        wanted = deque(expected[frame] for frame in came)
        complaints = 0
        for found in self._ask(line):
            if wanted and found == wanted[0]:
                wanted.popleft()
            elif found == DAMAGED:
                complaints += 1
            else:
                tally.accepted += 1
        tally.sent += damaged
        tally.harmless += len(originals) - damaged
        tally.complained += min(complaints, damaged)
        # The next good one asks for a record, which a chip keeps while it complains. Any other is answered after that.
        if not wanted and self._answered():
            tally.recovered += damaged
            return True
        if any(self._answered() for _ in range(PATIENCE)):
            return True
        tally.dead += damaged
        return False

    def _answered(self) -> bool:
        """Whether a good frame is answered right."""
        request, answer = self._request()
        line = with_gaps(self._chance, request.encode())
        self._sent.feed(line)
        return answer in self._ask(line)

    def _ask(self, line: NDArray[np.uint8]) -> list[Frame]:
        """What comes back until the chip has nothing more to say."""
        config = self._host.design.config
        self._line.play(line)
        self._line.quiet(2 * CHARACTER + 2 * config.latency_cycles)
        received = self._line.received()
        assert not received.broken, "the chip sends a low stop bit"
        return list(self._answers.feed(received.octets))

    def _request(self, command: Command | None = None) -> tuple[Frame, Frame]:
        """A good request, of any command or of this one, and its answer."""
        host, chance = self._host, self._chance
        command = command or chance.choice(host.commands)
        self._sequence = (self._sequence + 1) % 256
        number = chance.randrange(1 << 16)
        return host.request(command, self._sequence, number), host.answer(command, self._sequence, number)


def try_noise(program: Path, host: Host, *, frames: int, seed: int, kinds: Iterable[str] = KINDS) -> dict[str, Tally]:
    """Send so many damaged frames of several kinds in turn, mixed; returns what became of them.

    A chip that is found dead is started again.
    """
    chance = random.Random(seed)
    tallies = {name: Tally() for name in kinds}
    while (left := frames - sum(tally.sent for tally in tallies.values())) > 0:
        with running(program) as line:
            noisy = NoisyLine(line, host, chance)
            alive = True
            while alive and left > 0:
                name = chance.choice(list(tallies))
                before = tallies[name].sent
                alive = noisy.try_damage(KINDS[name], tallies[name])
                left -= tallies[name].sent - before
    return tallies


#: By their headings.
COLUMNS: dict[str, Callable[[Tally], int]] = {
    "sent": lambda tally: tally.sent,
    "error": lambda tally: tally.complained,
    "no answer": lambda tally: tally.sent - tally.complained,
    "accepted": lambda tally: tally.accepted,
    "recovered": lambda tally: tally.recovered,
    "dead": lambda tally: tally.dead,
}


def total(tallies: dict[str, Tally]) -> Tally:
    """All kinds together."""
    return sum(tallies.values(), Tally())


def table(tallies: dict[str, Tally]) -> str:
    """Tallies as the documentation shows them."""
    rows = [*tallies.items(), ("all", total(tallies))]
    lines = [f"{'':28}" + "".join(f"{name:>12}" for name in COLUMNS)]
    lines += [f"{name:28}" + "".join(f"{count(tally):>12}" for count in COLUMNS.values()) for name, tally in rows]
    return "\n".join(lines)
