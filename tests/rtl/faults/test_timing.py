"""Resets, stalls and stopped clocks at any cycle; ``make faults`` tries more of each."""

import numpy as np
import pytest
from faults.button import press
from faults.line import board_sources, compiled_board
from faults.subjects import Host, fixed_design
from faults.timing import CORES, Player, chances, play_resets, play_stalls, play_stops, resets, small_case, windows
from formal.proof import Mutation

from prototile.errors import ToolError
from prototile.sim.verilated import Event

pytestmark = pytest.mark.tools

#: The one that has most to go wrong.
QUICK = "votes and words that are written"
NAMES = [pytest.param(name, marks=[] if name == QUICK else [pytest.mark.slow]) for name in CORES]


@pytest.fixture(scope="module", name="player", params=NAMES)
def player_of_a_core(request):
    return Player(small_case(request.param))


def test_a_reset_at_any_cycle_leaves_nothing_behind(player):
    play_resets(player)
    assert not player.kept.wrong


def test_stalls_of_any_pattern_change_nothing(player):
    play_stalls(player, first=6, any_cycle=2)
    assert not player.kept.wrong


def test_a_clock_that_stops_at_any_cycle_changes_nothing(player):
    play_stops(player, enabled=False, length=3)
    assert not player.kept.wrong


@pytest.mark.slow
def test_a_core_that_is_not_enabled_stands_still(player):
    play_stops(player, enabled=True, length=3)
    # It takes as many cycles in which it is enabled as without the input.
    schedule = chances(1, 5000, clock_stops=0.5)
    runs = [player.play("cycles", schedule, enabled=enabled) for enabled in (False, True)]
    for name in ("first_word", "last_word", "taken"):
        np.testing.assert_array_equal(getattr(runs[0], name), getattr(runs[1], name))
    plain = player.play("cycles", np.zeros(1, np.uint8))
    np.testing.assert_array_equal(runs[0].taken[: len(plain.taken)], plain.taken[: len(runs[0].taken)])
    assert not player.kept.wrong


@pytest.mark.slow
def test_the_button_may_be_pressed_at_any_cycle_of_a_frame():
    host = Host(fixed_design())
    told = press(compiled_board(board_sources(host.design)), host, seed=1, step=5)
    assert told.times > 1000
    assert 0 < told.answered < told.times
    assert (told.wrong, told.dead) == ([], [])


SEQUENCER = "sequencer:Sequencer"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("control", "plays"),
    [
        # The count of a query's words stands in a reset.
        (
            Mutation(
                f"{SEQUENCER}._take", "range(self.shape.words + 1))", "range(self.shape.words + 1), reset_less=True)"
            ),
            play_resets,
        ),
        # A third query starts though two records wait.
        (
            Mutation(f"{SEQUENCER}._play", "(in_flight != IN_FLIGHT)", "1"),
            lambda player: play_stalls(player, first=4, any_cycle=1),
        ),
        # A reset ends a write that was taken.
        (Mutation("tile:Tile._hop", "reset_less=True, ", ""), play_resets),
    ],
    ids=["what a reset leaves", "a record that is lost", "a write that is lost"],
)
def test_a_core_that_is_wrong_is_noticed(control, plays):
    with control.applied():
        player = Player(small_case(QUICK))
        player.core()
    assert is_noticed(player, plays)


@pytest.mark.slow
def test_a_core_that_goes_on_is_noticed(monkeypatch):
    """Its transfers stop, and nothing else."""
    monkeypatch.setattr("faults.timing.EnableInserter", lambda enable: lambda top: top)
    assert is_noticed(Player(small_case(QUICK)), lambda player: play_stops(player, enabled=True, length=2))


def is_noticed(player, plays):
    """Whether records are wrong, or missing."""
    try:
        plays(player)
    except ToolError:
        return True
    return bool(player.kept.wrong)


def test_schedules_are_what_they_say():
    config = small_case(QUICK).config
    ways = windows(config, 2, [0], [Event.SOURCE_WAITS, Event.SINK_WAITS])
    scenarios = ways.reshape(16, -1)
    assert len({tuple(row) for row in scenarios.tolist()}) == 16
    assert (scenarios[:, 0] == Event.RESET).all() and not scenarios[:, 3:].any()
    schedule = resets(config)
    starts = np.flatnonzero(np.diff(schedule.astype(int)) > 0)
    assert 3 * len(starts) // 3 >= 2 * config.latency_cycles
