"""The unchanged driver at a line that damages both what it sends and what the chip answers."""

import random
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import numpy as np
from faults.damage import KINDS, with_gaps
from faults.line import CHARACTER, DIVISOR, Line, Reader, running
from faults.subjects import Host

import prototile.boards.driver as driver_module
from prototile.boards.driver import FLAG, Driver, NoAnswerError

#: What can happen to an answer: damage of its octets, and what only a whole answer suffers.
REPEATED, LATE, STALE, LOST = "an answer repeated", "an answer late", "an older answer", "an answer lost"
DISORDER = (REPEATED, LATE, STALE)
ANSWER_KINDS = (*(name for name, kind in KINDS.items() if kind.octets), LOST, *DISORDER)
REQUESTS = "requests"
#: Seconds that the driver waits for an answer, on the simulated clock.
TIMEOUT_S = 1e-3
#: Times that it sends a request again.
RETRIES = 30
#: Sendings after which a sequence number comes again.
NUMBERS = 256


@dataclass
class Odds:
    """Shares of the frames that are damaged, on their way to the chip and on their way back."""

    requests: float = 0.1
    answers: float = 0.3


class NoisyPort:
    """A port, as the driver wants it, of a running chip. Its clock is that of the simulation.

    Attributes
    ----------
    damaged
        Answers that were damaged, by the kind of damage, and requests.
    """

    def __init__(self, line: Line, host: Host, chance: random.Random, odds: Odds):
        self.timeout: float | None = None
        self.odds = odds
        self.damaged = dict.fromkeys((*ANSWER_KINDS, REQUESTS), 0)
        self._line = line
        self._chance = chance
        self._sent = Reader()
        self._seconds = 1 / (host.chip.baud * DIVISOR)
        self._ready = b""
        self._answer = b""
        self._late: list[tuple[int, bytes]] = []
        self._older: deque[bytes] = deque(maxlen=NUMBERS // 2)

    def now(self) -> float:
        """Seconds on the clock of the simulation."""
        return self._line.now * self._seconds

    def write(self, data: bytes) -> None:
        """Send a frame to the chip, which may be damaged on its way."""
        chance = self._chance
        if chance.random() < self.odds.requests:
            kind = chance.choice(list(KINDS.values()))
            line = kind.line(chance, data)
            self.damaged[REQUESTS] += not any(self._sent.feed(line))
            self._line.play(line)
            self._line.idle(CHARACTER if kind.levels else 0)
        else:
            line = with_gaps(chance, data)
            self._sent.feed(line)
            self._line.play(line)

    def read(self, size: int = 1) -> bytes:
        """What has come, damaged or not."""
        if not self._ready:
            self._line.wait(round((self.timeout or 0) / self._seconds))
        came = self._line.received()
        for octet in came.octets:
            self._answer += bytes([octet])
            if octet == FLAG and len(self._answer) > 1:
                self._ready += self._damaged(self._answer)
                self._answer = b""
        given, self._ready = self._ready[:size], self._ready[size:]
        return given

    @property
    def in_waiting(self) -> int:
        """Octets that can be read at once."""
        return max(1, len(self._ready))

    def close(self) -> None:
        """Nothing is left open."""

    def _damaged(self, answer: bytes) -> bytes:
        """An answer as it comes out of the line, with others that come then."""
        chance = self._chance
        given = self._whole_or_not(answer) if chance.random() < self.odds.answers else answer
        self._older.append(answer)
        self._late = [(left - 1, late) for left, late in self._late]
        due = b"".join(late for left, late in self._late if left < 0)
        self._late = [one for one in self._late if one[0] >= 0]
        return given + due

    def _whole_or_not(self, answer):
        chance = self._chance
        name = chance.choice(ANSWER_KINDS)
        if name in KINDS:
            given = KINDS[name].octets(chance, answer)
        elif name == LATE:
            self._late.append((chance.randrange(4), answer))
            given = b""
        elif name == STALE:
            given = chance.choice([*self._older, answer]) + answer
        else:
            given = answer * 2 if name == REPEATED else b""
        if given != answer:
            self.damaged[name] += 1
        return given


@contextmanager
def simulated_time(port: NoisyPort) -> Iterator[None]:
    """Let the driver's clock be that of the simulation; the driver's code is what users have."""
    with patch.object(driver_module, "time", SimpleNamespace(monotonic=port.now)):
        yield


@dataclass
class Conversation:
    """What became of a driver's queries on a line with noise.

    Attributes
    ----------
    damaged
        Answers that were damaged, by the kind of damage, and requests.
    queries
        Queries that were answered.
    wrong
        Answers among them that are not the query's.
    silent
        Times that the driver gave up, which it may while there is noise.
    dead
        Times that it could not go on when there was none any more.
    """

    damaged: dict[str, int]
    queries: int = 0
    wrong: int = 0
    silent: int = 0
    dead: int = 0

    @property
    def frames(self) -> int:
        """Damaged frames; those that came whole at a wrong time are none."""
        return sum(count for name, count in self.damaged.items() if name not in DISORDER)

    def __str__(self) -> str:
        lines = [
            f"{name:28}{count:>12}" for name, count in (*self.damaged.items(), ("all that are damaged", self.frames))
        ]
        lines.append(
            f"queries answered: {self.queries}, wrong: {self.wrong}, given up: {self.silent}, dead: {self.dead}"
        )
        return "\n".join(lines)


#: Queries of one exchange of the driver.
QUERIES = 40


def try_driver(program: Path, host: Host, *, frames: int, seed: int, odds: Odds | None = None) -> Conversation:
    """Let the driver ask until so many frames were damaged.

    Where prototypes can be written, the driver also writes them, and lets the chip test itself, every now and then.
    """
    chance = random.Random(seed)
    with running(program) as line:
        port = NoisyPort(line, host, chance, odds or Odds())
        told = Conversation(port.damaged)
        with simulated_time(port):
            driver = Driver(port, host.chip, timeout=TIMEOUT_S, retries=RETRIES)
            while told.frames < frames:
                try:
                    if host.chip.image is not None and chance.random() < 0.05:
                        driver.load()
                        told.wrong += len(driver.self_test())
                    _ask(driver, host, chance.choices(range(len(host.queries)), k=QUERIES), told)
                except NoAnswerError:
                    told.silent += 1
            port.odds = Odds(requests=0, answers=0)
            try:
                _ask(driver, host, range(len(host.queries)), told)
            except NoAnswerError:
                told.dead += 1
    return told


def _ask(driver: Driver, host: Host, rows: Sequence[int], told: Conversation) -> None:
    rows = np.array(rows)
    records = driver.decide_integers(host.queries[rows], host.saturated[rows])
    told.queries += len(rows)
    told.wrong += int(np.count_nonzero(records != host.records[rows]))
