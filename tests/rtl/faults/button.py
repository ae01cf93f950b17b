"""The reset button of a board, pressed at any cycle of a request and its answer."""

import random
from dataclasses import dataclass, field
from pathlib import Path

from faults.line import CHARACTER, DIVISOR, START, Line, levels, running
from faults.subjects import Host

from prototile.boards.driver import Command, FrameReader


@dataclass
class Pressed:
    """What became of requests in which the button was pressed.

    Attributes
    ----------
    times
        How often it was.
    answered
        Requests that were answered before.
    wrong
        Presses after which something came that is none of the two answers.
    dead
        Presses after which the next good request was not answered.
    """

    times: int = 0
    answered: int = 0
    wrong: list[int] = field(default_factory=list)
    dead: list[int] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"pressed {self.times} times, {self.answered} times behind the answer, wrong answers after "
            f"{len(self.wrong)}, dead after {len(self.dead)}"
        )


def press(program: Path, host: Host, *, seed: int, step: int = 1) -> Pressed:
    """Press the button for 1 to 3 cycles in each of the cycles of a request, of each command, and of its answer."""
    told, chance = Pressed(), random.Random(seed)
    with running(program) as line:
        for command in host.commands:
            sent = levels(host.request(command, 1, 0).encode())
            answer = levels(host.answer(command, 1, 0).encode())
            ends = len(sent) + len(answer) * (10 * DIVISOR + 1) // (10 * DIVISOR) + host.design.config.latency_cycles
            for moment in range(0, ends + CHARACTER, step):
                for length in (1, 2, 3):
                    _press(line, host, chance, told, command, moment, length)
    return told


def _press(line: Line, host: Host, chance, told: Pressed, command: Command, moment: int, length: int) -> None:
    told.times += 1
    number = chance.randrange(1 << 16)
    sent = levels(host.request(command, 7, number).encode())
    line.play(sent[:moment])
    line.idle(max(0, moment - len(sent)))
    during = sent[moment : moment + length]
    line.play(during, pressed=True)
    line.idle(length - len(during), pressed=True)
    line.play(sent[moment + length :])
    line.idle(START)
    # The next one is another query, so that what is left of the first would show.
    after = host.request(Command.CLASSIFY, 8, number + 1)
    line.play(levels(after.encode()))
    line.quiet(2 * CHARACTER + 2 * host.design.config.latency_cycles)
    found = list(FrameReader().feed(line.received().octets))
    expected = [host.answer(command, 7, number), host.answer(Command.CLASSIFY, 8, number + 1)]
    if found[-1:] != expected[1:]:
        told.dead.append(moment)
    elif found == expected:
        told.answered += 1
    elif len(found) > 1:
        told.wrong.append(moment)
