"""A board without hardware: its whole top compiled, and its serial pins behind a pseudo-terminal."""

import contextlib
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from prototile.errors import ToolError
from prototile.sim.verilated import compiled, wave_flags

#: Cycles without traffic after which nothing can be on its way any more, for the smallest of queries.
_IDLE_CYCLES = 20_000


@dataclass(kw_only=True)
class SimulatedBoard:
    """A board that runs.

    Attributes
    ----------
    port
        Path of a terminal that any program can open as the board's serial port.
    cycles
        Clock cycles that were simulated; None until the simulation has ended.
    """

    port: str
    cycles: int | None = None


@contextlib.contextmanager
def simulated_board(
    sources: list[Path],
    *,
    divisor: int,
    libraries: Sequence[Path] = (),
    idle_cycles: int = _IDLE_CYCLES,
    reset_button: int | None = None,
    waves: Path | None = None,
) -> Iterator[SimulatedBoard]:
    """Run a board's top behind a pseudo-terminal, and yield the board.

    Parameters
    ----------
    sources
        Verilog of module ``top`` and all below it, with models of the primitives.
    divisor
        Clocks a bit of the serial line.
    libraries
        Verilog files of cells, for what no source defines.
    idle_cycles
        Quiet cycles after which the simulation waits for the host; at least what a query takes inside the chip.
    reset_button
        Level of that input when nobody presses it, None for a top without.
    waves
        File for the waveform, ``.fst`` or ``.vcd``; None for none.

    Raises
    ------
    InputError
        If `waves` has another name.
    ToolError
        If it cannot be compiled or does not start.
    """
    macros, options = wave_flags(waves)
    buttons = () if reset_button is None else (f"RESET_BUTTON={reset_button}",)
    program = compiled(
        sources, top="top", harness="board.cpp", libraries=libraries, defines=(*buttons, *macros), options=options
    )
    process = subprocess.Popen(
        [str(program), str(divisor), str(idle_cycles), *([str(waves.resolve())] if waves else [])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin and process.stdout
    try:
        path = process.stdout.readline().strip()
        if not path:
            raise ToolError(f"the simulated board did not start: status {process.wait()}")
        running = SimulatedBoard(port=path)
        yield running
    finally:
        process.stdin.close()
        said = process.stdout.read()
        process.wait(timeout=30)
        process.stdout.close()
    if not said.strip().isdigit():
        raise ToolError(f"the simulated board ended early: status {process.returncode}")
    running.cycles = int(said)
