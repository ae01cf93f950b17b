"""Figures of a design as tables on a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from prototile.arrays import label_text
from prototile.condensation import METHODS
from prototile.page import bits_text, duration, number, percent, range_text
from prototile.report import levels

if TYPE_CHECKING:
    from rich.table import Table

    from prototile.boards.board import Board
    from prototile.design import Explanation, Neighbour

_RESOURCES = {
    "logic_cells": "logic cells",
    "lut": "LUTs",
    "ff": "flip-flops",
    "bram": "block RAMs",
    "dsp": "multipliers",
}


def summary(values: dict[str, Any]) -> Table:
    """The figures of ``report.json``."""
    table = _table(f"{values['stage']} for {values['board']} ({values['device']})")
    figures = [
        _model(values),
        *_condensed(values),
        *_ranges(values),
        *_bits(values),
        *_quality(values),
        _grid(values),
        _cycles(values),
        *_times(values),
        *_resources(values),
    ]
    for name, text in figures:
        table.add_row(name, _text(text))
    return table


def boards_table(boards: list[Board]) -> Table:
    """What ``prototile boards`` shows."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("board", "part", "logic cells", "block RAMs", "clock", "serial port", "load with"):
        table.add_column(title, justify="right" if title in ("logic cells", "block RAMs", "clock") else "left")
    for board in boards:
        available = board.part.available
        table.add_row(
            _text(board.name, "bold cyan"),
            board.part.name,
            number(available.logic_cells or available.lut or 0),
            number(available.bram or 0),
            f"{number(board.clock_mhz)} MHz",
            f"{number(board.baud / 1e6)} Mbaud",
            _text(" ".join(board.load_command("FILE"))),
        )
    return table


def explanation_table(explanation: Explanation, labels: list[str], *, most: int = 12) -> Table:
    """An answer, and the components that made most of its distance."""
    table = _table("")
    for name, line in _standing(explanation):
        table.add_row(name, _text(line))
    if explanation.stands_for is not None:
        table.add_row("stands for", _text(_members(explanation.stands_for.tolist(), most)))
    if explanation.saturated:
        names = [labels[at] for at in explanation.clipped[:most]] + ["..."] * (explanation.saturated > most)
        noun = _count(explanation.saturated, "component")
        table.add_row("clipped", _text(f"{noun} outside of the calibrated range: {', '.join(names)}"))
    order = sorted(range(len(labels)), key=lambda at: -int(explanation.contributions[at]))
    largest = max(1, int(explanation.contributions.max()))
    for at in [at for at in order if explanation.contributions[at]][:most]:
        part = int(explanation.contributions[at])
        bar = "█" * max(1, round(16 * part / largest))
        table.add_row(
            _text(labels[at]),
            f"{part:>5}  {bar}  query {explanation.query[at]}, {_component(explanation, at)}",
        )
    left = sum(1 for at in order if explanation.contributions[at]) - most
    if left > 0:
        table.add_row("", f"and {left} components more; --json lists all")
    return table


def _members(rows: list[int], most: int) -> str:
    """Training samples by their rows, the first of many."""
    if not rows:
        return "no training sample: each is nearer to another prototype of its class"
    left = len(rows) - most
    more = f" and {left} more; --json lists all" if left > 0 else ""
    return f"{_count(len(rows), 'training sample')}: {'row' if len(rows) == 1 else 'rows'} " + (
        ", ".join(map(str, rows[:most])) + more
    )


def _standing(explanation: Explanation) -> Iterator[tuple[str, str]]:
    """Lines from which the fields of the decision record can be followed."""
    winner, own, other = explanation.neighbours[0], explanation.first_of_label, explanation.first_of_runner_up
    several = len(explanation.neighbours) > 1
    rejected = f", in place of {label_text(own.label)}" if explanation.label != own.label else ""
    yield "label", f"{label_text(explanation.label)} ({explanation.status.name.lower()}){rejected}"
    yield "element", _place(winner) + (", a tie with another class" if explanation.tie and not several else "")
    if several:
        for number, neighbour in enumerate(explanation.neighbours, start=1):
            silent = "" if neighbour.prototype in explanation.voters else ", no vote"
            yield f"neighbour {number}", f"{label_text(neighbour.label)}: {_place(neighbour)}{silent}"
        votes = Counter(
            str(label_text(at.label)) for at in explanation.neighbours if at.prototype in explanation.voters
        )
        ranked = sorted(votes.items(), key=lambda item: (-item[1], item[0] != str(label_text(own.label))))
        counted = ", ".join(f"{count} for {label}" for label, count in ranked)
        yield "voted", counted + (", a tie with another class" if explanation.tie else "")
    if own.prototype != winner.prototype:
        yield "first of label", f"{label_text(own.label)}: {_place(own)}"
    if other is None:
        yield "runner-up", "there is no other class"
    else:
        yield "runner-up", f"{label_text(other.label)}: {_place(other)}, margin {explanation.margin}"
    if explanation.min_margin is not None:
        yield "threshold", f"answers with a margin below {explanation.min_margin} are uncertain"


def _place(neighbour: Neighbour) -> str:
    text = f"prototype {neighbour.prototype} at distance {neighbour.distance}"
    if neighbour.radius is None:
        return text
    return f"{text} ({'fires' if neighbour.fires else 'does not fire'}, radius {neighbour.radius})"


def _component(explanation: Explanation, at: int) -> str:
    """What the element holds for one component."""
    held = explanation.prototype_vector[at]
    if explanation.metric == "box":
        return f"box {held[0]} .. {held[1]}"
    if explanation.metric == "table":
        return f"entries {held.min()} .. {held.max()}"
    return f"prototype {held}"


def _table(title: str) -> Table:
    from rich.table import Table

    table = Table(
        title=title or None, title_justify="left", title_style="bold", box=None, pad_edge=False, show_header=False
    )
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    return table


def _text(text: str, style: str = "") -> Any:
    """Text as it is: labels and paths may hold what looks like markup."""
    from rich.text import Text

    return Text(text, style)


def _count(count: int, noun: str, plural: str = "s") -> str:
    return f"{number(count)} {noun}{'' if count == 1 else plural}"


def _model(values: dict[str, Any]) -> tuple[str, str]:
    model = values["model"]
    sizes = f"{model['prototypes']} prototypes, {model['features']} features, {len(model['classes'])} classes"
    # Reports of older designs name no neighbours.
    voters = f", {model['k']} neighbours vote" if model.get("k", 1) > 1 else ""
    return "model", f"{sizes}, {model['metric']}{voters}"


def _condensed(values: dict[str, Any]) -> list[tuple[str, str]]:
    if "condensed" not in values:
        return []
    found = values["condensed"]
    made = f"from {number(found['samples'])} samples by {METHODS.get(found['method'], found['method'])}"
    if "condensed_accuracy" not in values:
        return [("condensed", f"{made}; too few samples to hold some out and measure what it costs")]
    measured = values["condensed_accuracy"]
    rest = found["samples"] - measured["held_out"]
    before = f"{percent(measured['before'])} right with the {number(rest)} others"
    after = f"{percent(measured['after'])} with {number(measured['prototypes'])} prototypes made of these"
    curve = [f"{count}: {percent(share)}" for count, share in measured["by_prototypes"].items()]
    return [
        ("condensed", made),
        ("held out", f"{number(measured['held_out'])} samples: {before}, {after}"),
        *([("prototypes", ", ".join(curve))] if len(curve) > 1 else []),
    ]


def _ranges(values: dict[str, Any]) -> list[tuple[str, str]]:
    return [("range", range_text(values["ranges"]))] if "ranges" in values else []


def _bits(values: dict[str, Any]) -> list[tuple[str, str]]:
    if "bits_choice" not in values:
        return []
    curve = [f"{bits}: {percent(share)}" for bits, share in values["bits_choice"]["by_bits"].items()]
    lines = [("bits", bits_text(values["bits_choice"]))]
    return lines if values["bits_choice"]["named"] else [*lines, ("by bits", ", ".join(curve))]


def _grid(values: dict[str, Any]) -> tuple[str, str]:
    grid = values["grid"]
    if grid["reduction"] == "parallel":
        form = f"parallel form, {_count(grid['pe_count'], 'PE')} with a constant prototype each"
        return "grid", f"{form}, {grid['bits']} bits, {_count(grid['lanes'], 'lane')}"
    places = "" if grid["places"] == grid["pe_count"] else f" for {grid['places']} places"
    shape = (
        f"{grid['rows']} x {grid['columns']} tiles of {grid['pes_per_tile']}, {_count(grid['pe_count'], 'PE')}{places}"
    )
    held = ("up to " if grid["prototypes_per_pe"] > 1 else "") + _count(grid["prototypes_per_pe"], "prototype")
    memory = "block RAM" if grid["memory"] == "block" else "logic"
    return "grid", f"{shape} with {held} each, {grid['bits']} bits, {_count(grid['lanes'], 'lane')}, {memory}"


def _cycles(values: dict[str, Any]) -> tuple[str, str]:
    latency, interval = number(values["latency_cycles"]), number(values["interval_cycles"])
    busy = percent(values["pe_utilisation"])
    every = "cycle" if values["interval_cycles"] == 1 else interval
    return "cycles", f"latency {latency}, an answer every {every}; PEs at work in {busy} of them"


def _quality(values: dict[str, Any]) -> list[tuple[str, str]]:
    lines = []
    if "accuracy" in values:
        names = {"float": "float", "quantised": "quantised", "rtl": "RTL"}
        shares = [f"{name} {percent(values['accuracy'][key])}" for key, name in names.items()]
        lines.append(("accuracy", ", ".join(shares)))
    if "agreement" in values:
        lines.append(("agreement", f"{percent(values['agreement'])} with the model in floating point"))
    for found in levels(values):
        failed = "FAILED: " if found["mismatches"] else ""
        rows = f"{number(found['rows'])} queries at level {found['level']}"
        lines.append(("verified", f"{failed}{rows}, {_count(found['mismatches'], 'mismatch', 'es')} in any field"))
    if "verification" in values:
        ties, clipped = number(values["ties"]), number(values["saturated"])
        lines.append(("ties", f"{ties} queries with a tie, {clipped} with clipped components"))
    if "bench" in values:
        bench = values["bench"]
        failed = "FAILED: " if bench["failures"] else ""
        tests = f"{bench['tests']} cocotb tests with {bench['simulator']}, {bench['failures']} failed"
        lines.append(("bench", f"{failed}{tests}"))
    return lines


def _times(values: dict[str, Any]) -> list[tuple[str, str]]:
    estimated = "util_pct" not in values
    times = values["estimated"] if estimated else values
    if "latency_ns" not in times:
        return []
    rate, link = number(times["throughput_per_s"]), number(times["link"]["throughput_per_s"])
    clock = f"latency {duration(times['latency_ns'])}, {rate} answers/s at {number(times['clock_mhz'])} MHz"
    reached = " if a build reaches them" if estimated else ""
    return [("time", f"{clock}{reached}; the serial port carries up to {link} queries/s")]


def _resources(values: dict[str, Any]) -> list[tuple[str, str]]:
    if "util_pct" not in values:
        figures = values["estimated"]
        return [
            ("estimated", ", ".join(_used(figures, values["available"])) + f"; {_per_pe(figures['per_pe'])} per PE")
        ]
    met = "met" if values["timing_met"] else "missed"
    clock = f"{number(values['fmax_mhz'])} MHz reached, {number(values['target_mhz'])} MHz needed: {met}"
    return [
        ("resources", ", ".join(_used(values, values["available"]))),
        *_squares(values),
        ("per PE", f"{_per_pe(values['per_pe'])}, whole chip; {_alone(values)}"),
        *([("timing", clock)] if "fmax_mhz" in values else []),
    ]


def _squares(values: dict[str, Any]) -> list[tuple[str, str]]:
    if "multipliers" not in values:
        return []
    count, place = values["multipliers"]["count"], values["multipliers"]["in"]
    blocks = values["available"].get("dsp", 0)
    why = f", as the part has {_count(blocks, 'DSP block')}" if place == "logic" and blocks else ""
    return [("squares", f"{_count(count, 'multiplier')} in {place}{why}")]


def _used(figures: dict[str, Any], available: dict[str, int]) -> list[str]:
    lines = []
    for key, noun in _RESOURCES.items():
        if figures.get(key):
            has = available.get(key)
            lines.append(
                f"{number(figures[key])} {noun}"
                if not has
                else f"{number(figures[key])} of {number(has)} {noun} ({100 * figures[key] / has:.0f} %)"
            )
    return lines


def _per_pe(figures: dict[str, float]) -> str:
    return ", ".join(f"{number(value)} {_RESOURCES.get(key, key)}" for key, value in figures.items() if key != "carry")


def _alone(values: dict[str, Any]) -> str:
    return f"grid alone about {number(values['estimated']['per_pe']['logic_cells'])} logic cells, estimated"
