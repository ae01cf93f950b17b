"""Tries what can go wrong with the hardware, and prints what became of it: ``python -m faults``."""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from faults.answers import try_driver
from faults.button import press
from faults.line import board_sources, compiled_board
from faults.noise import table, total, try_noise
from faults.subjects import Host, fixed_design, written_design
from faults.timing import CORES, Player, play_resets, play_stalls, play_stops, small_case
from faults.upsets import try_upsets

#: Share of the damaged frames that are damaged at the driver.
_AT_THE_DRIVER = 0.3


@dataclass(frozen=True)
class Trial:
    """Something to try.

    Parameters
    ----------
    name
        Of the trial.
    run
        Takes the number of frames and the seed; returns what it shows, and whether all is as it must be.
    """

    name: str
    run: Callable[[int, int], tuple[str, bool]]


def _noise(name: str, design: Callable) -> Trial:
    def run(frames, seed):
        host = Host(design())
        program = compiled_board(board_sources(host.design))
        tallies = try_noise(program, host, frames=round(frames * (1 - _AT_THE_DRIVER) / 2), seed=seed)
        told = total(tallies)
        return table(tallies), not told.accepted and not told.dead and told.recovered == told.sent

    return Trial(f"noise on the line to a chip {name}", run)


def _conversation(name: str, design: Callable) -> Trial:
    def run(frames, seed):
        host = Host(design())
        told = try_driver(
            compiled_board(board_sources(host.design)), host, frames=round(frames * _AT_THE_DRIVER / 2), seed=seed
        )
        return str(told), not told.wrong and not told.silent and not told.dead

    return Trial(f"noise on the lines between driver and chip {name}", run)


def _upsets(name: str, design: Callable, *, synthesised: bool = False) -> Trial:
    def run(frames, seed):
        told = try_upsets(Host(design()), times=3 if synthesised else 20, seed=seed, synthesised=synthesised)
        return str(told), not told.dead

    where = "of the netlist for iCE40 " if synthesised else ""
    return Trial(f"upsets of the link's flip-flops {where}of a chip {name}", run)


def _timing(what: str, name: str, plays: Callable[[Player], None]) -> Trial:
    def run(frames, seed):
        player = Player(small_case(name))
        plays(player)
        return str(player.kept), not player.kept.wrong

    return Trial(f"{what} of {name}", run)


def _button(name: str, design: Callable) -> Trial:
    def run(frames, seed):
        host = Host(design())
        told = press(compiled_board(board_sources(host.design)), host, seed=seed)
        return str(told), not told.wrong and not told.dead

    return Trial(f"reset button at any cycle of requests to a chip {name}", run)


#: At any cycle of each core.
_TIMINGS = {
    "resets at any cycle": play_resets,
    "stalls of any pattern": partial(play_stalls, first=8, any_cycle=4),
    "stops of the clock": partial(play_stops, enabled=False, length=8),
    "stops by an input": partial(play_stops, enabled=True, length=8),
}
_FIXED, _WRITTEN = ("whose memories stay", fixed_design), ("whose memories can be written", written_design)
TRIALS = (
    *(_noise(*design) for design in (_FIXED, _WRITTEN)),
    *(_conversation(*design) for design in (_FIXED, _WRITTEN)),
    *(_upsets(*design) for design in (_FIXED, _WRITTEN)),
    _upsets(*_FIXED, synthesised=True),
    *(_timing(what, name, plays) for what, plays in _TIMINGS.items() for name in CORES),
    *(_button(*design) for design in (_FIXED, _WRITTEN)),
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="faults", description="Try what can go wrong with the hardware.")
    parser.add_argument("word", nargs="?", default="", help="only the trials whose names hold it")
    parser.add_argument("--frames", type=int, default=100_000, help="damaged frames in all (default: 100000)")
    parser.add_argument("--seed", type=int, default=1, help="of the random numbers (default: 1)")
    arguments = parser.parse_args()
    chosen = [trial for trial in TRIALS if arguments.word in trial.name]
    if not chosen:
        parser.error(f"no trial's name holds {arguments.word!r}, only: {'; '.join(trial.name for trial in TRIALS)}")
    wrong = 0
    for trial in chosen:
        print(f"{trial.name}, seed {arguments.seed}", flush=True)
        text, right = trial.run(arguments.frames, arguments.seed)
        wrong += not right
        print(f"{text}\n{'as it must be' if right else 'NOT AS IT MUST BE'}\n", flush=True)
    print(f"{wrong} not as they must be" if wrong else "all as it must be")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
