"""Resets, stopped clocks and stalls at any cycle: schedules for a compiled core, whose records must not change."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from amaranth.hdl import EnableInserter, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In
from numpy.typing import NDArray
from random_cases import Case, draw

from prototile.config import Configuration
from prototile.hardware import core
from prototile.rtl.top import CoreTop
from prototile.sim.verilated import Event, Run, Stalls, VerilatedCore
from prototile.verilog import to_verilog

#: Small cores of all forms, by what is special about them.
CORES = {
    "a plain grid": {"metric": "l1", "k": 1, "radii": "none", "prototypes_per_pe": 1, "writable": False},
    "rounds and columns": {"metric": "hamming", "k": 1, "radii": "class", "prototypes_per_pe": 3, "columns": 2},
    "votes and words that are written": {"metric": "l2", "k": 3, "radii": "prototype", "writable": True},
    "the parallel form": {"metric": "l1", "radii": "prototype", "reduction": "parallel"},
}
#: Of the enabled core.
ENABLE = "enable"


def small_case(name: str) -> Case:
    """A case for one of `CORES`: few components and prototypes, so that a query takes few cycles."""
    fixed = {"features": 4, "bits": 2, "prototype_count": 5, "class_count": 3, "masked": False, "shift_max": 0}
    fixed |= {"lanes": 2, "min_margin": None, "memory": "block", "memory_register": False, "pes_per_tile": 2}
    return draw(3, **(fixed | {"columns": 1, "prototypes_per_pe": 2} | CORES[name]))


class EnabledCore(wiring.Component):
    """A core whose registers and memories take nothing while ``enable`` is low."""

    def __init__(self, top: CoreTop):
        self.top = top
        super().__init__({ENABLE: In(1), **dict(top.signature.members)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.top = EnableInserter(self.enable)(self.top)
        for name, member in self.top.signature.members.items():
            inside, outside = getattr(self.top, name), getattr(self, name)
            m.d.comb += inside.eq(outside) if member.flow is In else outside.eq(inside)
        return m


def compiled_core(case: Case, *, enabled: bool = False) -> VerilatedCore:
    """The core of a case, or with an input that stops it."""
    top = CoreTop(core(case.config, case.at_start()))
    verilog = to_verilog(EnabledCore(top) if enabled else top, "prototile_core")
    with TemporaryDirectory(prefix="prototile-") as name:
        source = Path(name, "prototile_core.v")
        source.write_text(verilog)
        return VerilatedCore(case.config, [source], clock_enable=ENABLE if enabled else None)


def drained(config: Configuration) -> int:
    """Cycles in which all leaves that a core may hold."""
    return config.latency_cycles + (config.queries_inside + 1) * config.interval_cycles


def patterns(length: int, events: Iterable[Event]) -> NDArray[np.uint8]:
    """All ways in which these events may come or not in so many cycles: (ways, length)."""
    ways: NDArray[np.uint8] = np.zeros((1, length), np.uint8)
    each = (np.arange(1 << length)[:, None] >> np.arange(length) & 1).astype(np.uint8)
    for event in events:
        ways = (ways[:, None] | each * np.uint8(event)).reshape(-1, length)
    return ways


def windows(config: Configuration, length: int, starts: Iterable[int], events: Iterable[Event]) -> NDArray[np.uint8]:
    """After a reset and so many cycles, each of the `patterns`; then all is drained."""
    ways = patterns(length, tuple(events))
    parts = []
    for start in starts:
        scenario = np.zeros((len(ways), 1 + start + length + drained(config)), np.uint8)
        scenario[:, 0] = Event.RESET
        scenario[:, 1 + start : 1 + start + length] = ways
        parts.append(scenario.ravel())
    return np.concatenate(parts)


def resets(config: Configuration) -> NDArray[np.uint8]:
    """A reset of 1 to 3 cycles at each cycle of the way of several queries in a row; then all is drained."""
    parts = []
    for start in range(drained(config)):
        for length in (1, 2, 3):
            parts += [np.zeros(start, np.uint8), np.full(length, Event.RESET, np.uint8)]
            parts.append(np.zeros(drained(config), np.uint8))
    return np.concatenate(parts)


def chances(seed: int, cycles: int, **shares: float) -> NDArray[np.uint8]:
    """Events at random, each in such a share of the cycles."""
    numbers = np.random.default_rng(seed)
    schedule = np.zeros(cycles, np.uint8)
    for name, share in shares.items():
        schedule |= (numbers.random(cycles) < share) * np.uint8(Event[name.upper()])
    return schedule


#: Shares of cycles of random stalls.
SHARES = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97)


@dataclass
class Kept:
    """What a core answered through schedules.

    Attributes
    ----------
    cycles
        Cycles that were played.
    records
        Records that came.
    wrong
        How many of them are not those of the golden model, by the name of the schedule.
    """

    cycles: int = 0
    records: int = 0
    wrong: Counter = field(default_factory=Counter)

    def __str__(self) -> str:
        named = "".join(f", {count} {name}" for name, count in self.wrong.items())
        return f"{self.cycles} cycles, {self.records} records, {self.wrong.total()} wrong{named}"


class Player:
    """Plays a case's queries, over and over, through schedules, and compares each record with the golden model's."""

    def __init__(self, case: Case):
        self.case = case
        self.config = case.config
        self.kept = Kept()
        self._golden = case.golden()
        self._cores: dict[bool, VerilatedCore] = {}

    def core(self, *, enabled: bool = False) -> VerilatedCore:
        """The compiled core, or one with an input that stops it."""
        if enabled not in self._cores:
            self._cores[enabled] = compiled_core(self.case, enabled=enabled)
        return self._cores[enabled]

    def play(self, name: str, schedule: NDArray[np.uint8], *, enabled: bool = False, **stalls) -> Run:
        """Play queries until the schedule is over."""
        config, case = self.config, self.case
        times = -(-(len(schedule) // config.interval_cycles + config.queries_inside + 1) // len(case.queries))
        found = self.core(enabled=enabled).run(
            np.tile(case.queries, (times, 1)),
            np.tile(case.saturated, times),
            Stalls(schedule=schedule, **stalls),
            writes=case.writes(),
        )
        self.kept.cycles += found.cycles
        self.kept.records += len(found.records)
        self.kept.wrong[name] += int(np.count_nonzero(found.records != np.tile(self._golden, times)))
        self.kept.wrong += Counter()
        return found


def play_resets(player: Player) -> None:
    """A reset of 1 to 3 cycles at any cycle, of queries back to back and with stalls; and while words are written."""
    schedule = resets(player.config)
    player.play("resets", schedule)
    player.play("resets and stalls", schedule | chances(1, len(schedule), source_waits=0.3, sink_waits=0.4))
    writes = player.case.writes()
    if writes is not None:
        player.play("resets and writes", schedule | chances(2, len(schedule), source_waits=0.9), rewrites=0.5)
        for seed in range(40):
            # Until about all words were taken, of which none may be lost.
            player.play("resets of writes", chances(seed, 2 * len(writes), source_waits=0.3, reset=0.2))


def play_stalls(player: Player, *, first: int, any_cycle: int) -> None:
    """All ways in which source and sink may wait.

    Parameters
    ----------
    first
        In so many cycles after a reset.
    any_cycle
        In so many cycles that begin at any cycle.
    """
    both = (Event.SOURCE_WAITS, Event.SINK_WAITS)
    player.play("stalls in the first cycles", windows(player.config, first, [0], both))
    player.play("stalls at any cycle", windows(player.config, any_cycle, range(drained(player.config)), both))
    for seed, (source, sink) in enumerate(product(SHARES, SHARES)):
        player.play("random stalls", chances(seed, 3000, source_waits=source, sink_waits=sink), rewrites=source / 2)


def play_stops(player: Player, *, enabled: bool, length: int) -> None:
    """A clock that stops: in all ways in so many cycles, at any cycle; and at random, with stalls.

    Parameters
    ----------
    enabled
        Whether the clock goes on, and an input stops the core.
    """
    stops = windows(player.config, length, range(drained(player.config)), [Event.CLOCK_STOPS])
    player.play("a clock that stops", stops, enabled=enabled, rewrites=0.1)
    for seed, share in enumerate(SHARES):
        schedule = chances(seed, 10_000, clock_stops=share, source_waits=0.2, sink_waits=0.3)
        player.play("random stops", schedule, enabled=enabled, rewrites=0.1)
        rare = 0.2 / drained(player.config)
        player.play("stops and resets", schedule | chances(seed, 10_000, reset=rare), enabled=enabled, rewrites=0.1)
