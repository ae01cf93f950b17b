"""What takes long, told on stderr: a live display on a terminal, one plain line per step elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress as Display

#: Called with one line at the start of each step.
Progress = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Step:
    """A step that has ended: its line, and its seconds."""

    title: str
    seconds: float


@dataclass
class Steps(AbstractContextManager["Steps"]):
    """Shows steps, in one or several lanes at once.

    Parameters
    ----------
    stream
        Where to; default: stderr as it is when the display starts.

    Attributes
    ----------
    done
        Steps that have ended, in the order of their ends.
    """

    stream: TextIO | None = None
    done: list[Step] = field(default_factory=list)
    _display: Display | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        self.stream = self.stream or sys.stderr
        if self.stream.isatty():
            self._display = _display(self.stream)
            self._display.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._display is not None:
            self._display.stop()
            self._display = None

    @contextmanager
    def lane(self) -> Iterator[Progress]:
        """Yield a function that begins a step and ends the one before it; the last one ends with the block."""
        lane = _Lane(self)
        try:
            yield lane.begin
        except BaseException:
            lane.end(failed=True)
            raise
        lane.end()

    def note(self, text: str) -> None:
        """Say one line, apart from the steps."""
        with self._lock:
            if self._display is None:
                print(text, file=self.stream or sys.stderr, flush=True)
            else:
                self._display.console.print(text, markup=False, highlight=False)


class _Lane:
    def __init__(self, steps: Steps) -> None:
        self.steps = steps
        self.title: str | None = None
        self.start = 0.0
        self.task: int | None = None

    def begin(self, title: str) -> None:
        self.end()
        self.title, self.start = title, time.monotonic()
        display = self.steps._display
        if display is None:
            self.steps.note(title)
        else:
            self.task = display.add_task(title, total=1)

    def end(self, *, failed: bool = False) -> None:
        if self.title is None:
            return
        with self.steps._lock:
            self.steps.done.append(Step(title=self.title, seconds=time.monotonic() - self.start))
        display = self.steps._display
        if display is not None and self.task is not None:
            from rich.progress import TaskID

            task = TaskID(self.task)
            if failed:
                display.update(task, description=f"[red]{self.title}: not finished[/red]")
                display.stop_task(task)
            else:
                display.update(task, completed=1)
        self.title = self.task = None


def _display(stream: TextIO) -> Display:
    from rich.console import Console
    from rich.progress import Progress as Display
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(finished_text="[green]✓"), TextColumn("{task.description}"), TimeElapsedColumn())
    return Display(*columns, console=Console(file=stream))
