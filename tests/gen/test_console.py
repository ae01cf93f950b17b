import io
import re

import pytest

from prototile.console import Steps


class Terminal(io.StringIO):
    def isatty(self):
        return True


def plain(text):
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def test_one_plain_line_per_step():
    stream = io.StringIO()
    with Steps(stream=stream) as steps:
        with steps.lane() as progress:
            progress("First")
            steps.note("By the way")
            progress("Second")
        with steps.lane() as progress:
            progress("Third")
    assert stream.getvalue() == "First\nBy the way\nSecond\nThird\n"
    assert [step.title for step in steps.done] == ["First", "Second", "Third"]
    assert all(step.seconds >= 0 for step in steps.done)


def test_terminal_shows_what_is_done(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with Steps(stream=stream) as steps, steps.lane() as first, steps.lane() as second:
        first("Synthesis")
        second("Simulation")
        steps.note("[bold]By the way[/bold]")
    shown = plain(stream.getvalue())
    last = shown.splitlines()[-2:]
    assert "✓ Synthesis" in last[0]
    assert "✓ Simulation" in last[1]
    # What looks like markup may be a part of a path.
    assert "[bold]By the way[/bold]" in shown


def test_terminal_shows_what_failed(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with pytest.raises(RuntimeError), Steps(stream=stream) as steps, steps.lane() as progress:
        progress("Placement")
        raise RuntimeError
    shown = plain(stream.getvalue())
    assert "Placement: not finished" in shown
    assert "✓" not in shown
