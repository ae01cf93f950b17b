"""A board's compiled top with its serial pin in the hands of a test, level by level, and what documentation says of it.

Time is counted in clock cycles. The line is an array of levels, one a cycle.
"""

import struct
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from prototile.boards.board import board
from prototile.boards.driver import ESCAPE, FLAG, Frame
from prototile.boards.top import models, top_verilog
from prototile.design import Design
from prototile.sim.verilated import compiled

#: Clocks a bit: the fastest line there may be.
DIVISOR = 4
#: The board whose top it is; it has a button for the reset.
BOARD = "icebreaker"
#: Cycles of an idle line in which a character ends, whatever came before.
CHARACTER = 12 * DIVISOR
#: A character in which the stop bit was low, among those that are read.
BROKEN = None
#: Cycles from the start until the board has left its reset, with room to spare.
START = board(BOARD).reset_cycles + CHARACTER

_QUIET, _RECEIVE, _TOLD, _UPSET, _FLIP, _MEMORIES = (code << 28 for code in range(1, 7))
_HIGH, _PRESSED = 1 << 24, 1 << 25
_LONGEST = (1 << 24) - 1


@dataclass(frozen=True, kw_only=True)
class Received:
    """What came back.

    Attributes
    ----------
    octets
        Characters.
    broken
        How many of them had a low stop bit.
    now
        Cycle until which the line was looked at.
    """

    octets: bytes
    broken: int
    now: int


@dataclass(frozen=True, kw_only=True)
class Memory:
    """A memory of the compiled hardware.

    Attributes
    ----------
    name
        Path in the hierarchy, after `number` the order in which it is found.
    rows, bits
        Its size.
    """

    number: int
    name: str
    rows: int
    bits: int


class Line:
    """A running board.

    Parameters
    ----------
    program
        What `compiled_board` returns.
    """

    def __init__(self, program: Path):
        self._process = subprocess.Popen(
            [program, str(DIVISOR)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=1 << 16
        )
        self._in, self._out = self._process.stdin, self._process.stdout
        self.now = 0

    def __enter__(self):
        self.idle(START)
        return self

    def __exit__(self, *_):
        # What could not be said to a board that has ended is no news.
        for end in (self._in, self._out):
            with suppress(BrokenPipeError):
                end.close()
        if self._process.wait(timeout=30):
            raise RuntimeError(f"the simulated board ended with status {self._process.returncode}")

    def play(self, levels: NDArray[np.uint8], *, pressed: bool = False) -> None:
        """Put these levels on the pin, one a cycle; it is high after that."""
        if len(levels):
            ends = np.append(np.flatnonzero(np.diff(levels)) + 1, len(levels))
            rows = np.diff(ends, prepend=0).astype(np.uint32) | levels[ends - 1].astype(np.uint32) << 24
            self._in.write((rows | (_PRESSED if pressed else 0)).astype(np.uint32).tobytes())

    def idle(self, cycles: int, *, pressed: bool = False) -> None:
        """Keep the pin high for a time."""
        for start in range(0, cycles, _LONGEST):
            count = min(_LONGEST, cycles - start)
            self._command(count | _HIGH | (_PRESSED if pressed else 0))

    def quiet(self, cycles: int) -> None:
        """Wait until nothing has come back for so many cycles."""
        self._command(_QUIET | cycles)

    def wait(self, cycles: int) -> None:
        """Wait until a character has come back, for at most so many cycles."""
        self._command(_RECEIVE | cycles)

    def received(self) -> Received:
        """What came back since this was asked last."""
        self._command(_TOLD)
        self._in.flush()
        (count,) = struct.unpack("<I", self._read(4))
        *characters, self.now = struct.unpack(f"<{count + 1}q", self._read(8 * count + 8))
        return Received(
            octets=bytes(one & 0xFF for one in characters),
            broken=sum(one >> 8 & 1 for one in characters),
            now=self.now,
        )

    def upset(self, number: int) -> None:
        """Let a flip-flop take its opposite at the next clock edge."""
        self._command(_UPSET | number)

    def memories(self) -> list[Memory]:
        """The memories of which bits can be inverted."""
        self._command(_MEMORIES)
        self._in.flush()
        lines = list(iter(lambda: self._out.readline().decode().strip(), ""))
        found = []
        for number, (rows, bits, name) in enumerate(line.split(maxsplit=2) for line in lines):
            found.append(Memory(number=number, name=name, rows=int(rows), bits=int(bits)))
        return found

    def flip(self, memory: Memory, row: int, bit: int) -> None:
        """Invert a bit of a memory."""
        self._in.write(struct.pack("<4I", _FLIP, memory.number, row, bit))

    def _command(self, command: int) -> None:
        self._in.write(struct.pack("<I", command))

    def _read(self, size: int) -> bytes:
        data = self._out.read(size)
        if len(data) != size:
            raise RuntimeError("the simulated board ended early")
        return data


@contextmanager
def running(program: Path) -> Iterator[Line]:
    """A board that is out of its reset."""
    with Line(program) as line:
        yield line


def board_sources(design: Design) -> dict[str, str]:
    """Verilog of the whole board of a design, with `DIVISOR` clocks a bit: ``top``, ``chip``, ``core``, ``models``."""
    target = board(BOARD)
    return {
        "top": top_verilog(target),
        "chip": design.chip_verilog(DIVISOR),
        "core": design.core_verilog,
        "models": models(target).read_text(),
    }


def compiled_board(sources: dict[str, str], *, defines: Sequence[str] = (), public: str | None = None) -> Path:
    """Compile a board.

    Parameters
    ----------
    sources
        Verilog of module ``top`` and all below it, by name.
    defines
        Macros of the harness.
    public
        Text of a file for Verilator that declares what of the hardware can be changed from outside.
    """
    (button,) = [pin for pin in board(BOARD).pins if pin.port == "reset_button"]
    texts = {f"{name}.v": text for name, text in sources.items()}
    if public is not None:
        texts["public.vlt"] = public
    with TemporaryDirectory(prefix="prototile-") as name:
        files = [Path(name, file) for file in texts]
        for file, text in zip(files, texts.values(), strict=True):
            file.write_text(text)
        return compiled(
            files,
            top="top",
            harness=Path(__file__).with_name("line.cpp"),
            # The level of a button that nobody presses.
            defines=(f"RESET_BUTTON={int(button.inverted)}", *defines),
        )


def levels(octets: bytes) -> NDArray[np.uint8]:
    """Characters one after another: a start bit, eight bits, a stop bit."""
    bits = np.ones((len(octets), 10), np.uint8)
    bits[:, 0] = 0
    bits[:, 1:9] = np.unpackbits(np.frombuffer(octets, np.uint8)[:, None], axis=1, bitorder="little")
    return bits.ravel().repeat(DIVISOR)


class Reader:
    """Characters and frames by the documentation of the receiver: a second opinion of what came intact.

    A start bit begins when the idle line is low, and is none if it is not low in its middle. Then each bit is looked at
    once, in its middle. After a low stop bit the line must be high once before the next start bit counts. A flag ends
    a frame and begins the next; what comes before the first is none.
    """

    def __init__(self):
        self._frame = None

    def feed(self, line: NDArray[np.uint8]) -> list[Frame | None]:
        """Frames on a line that is idle before and after it; None for each that is damaged."""
        frames = []
        for character in characters(line):
            if character != FLAG:
                if self._frame is not None:
                    self._frame.append(character)
                continue
            if self._frame:
                frames.append(None if BROKEN in self._frame else Frame.decode(bytes(self._frame)))
            self._frame = []
        return frames


def characters(line: NDArray[np.uint8]) -> list[int | None]:
    """Characters on a line that is idle before and after it; `BROKEN` for one whose stop bit is low."""
    level = np.append(line, np.ones(CHARACTER, np.uint8)).tobytes()
    found: list[int | None] = []
    start = level.find(0)
    while start >= 0:
        middle = start + DIVISOR // 2
        if level[middle]:
            start = level.find(0, middle + 1)
            continue
        at = range(middle + DIVISOR, middle + 10 * DIVISOR, DIVISOR)
        *bits, stop = (level[one] for one in at)
        found.append(sum(bit << place for place, bit in enumerate(bits)) if stop else BROKEN)
        free = at[-1] + 1 if stop else level.find(1, at[-1] + 1) + 1
        start = level.find(0, free)
    return found


#: Octets that never come as they are between two flags.
SPECIAL = bytes([FLAG, ESCAPE])
