"""A board without hardware: its whole top compiled, and its serial pins behind a pseudo-terminal."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from prototile.errors import ToolError
from prototile.sim.verilated import compiled

#: Cycles without traffic after which nothing can be on its way any more, for the smallest of queries.
_IDLE_CYCLES = 20_000


@contextlib.contextmanager
def simulated_board(
    sources: list[Path], *, divisor: int, idle_cycles: int = _IDLE_CYCLES, reset_button: int | None = None
) -> Iterator[str]:
    """Run a board's top behind a pseudo-terminal, and yield the path of that: any program can open it as a serial port.

    Parameters
    ----------
    sources
        Verilog of module ``top`` and all below it, with models of the primitives.
    divisor
        Clocks a bit of the serial line.
    idle_cycles
        Quiet cycles after which the simulation waits for the host; at least what a query takes inside the chip.
    reset_button
        Level of that input when nobody presses it, None for a top without.

    Raises
    ------
    ToolError
        If it cannot be compiled or does not start.
    """
    defines = () if reset_button is None else (f"RESET_BUTTON={reset_button}",)
    program = compiled(sources, top="top", harness="board.cpp", defines=defines)
    process = subprocess.Popen(
        [str(program), str(divisor), str(idle_cycles)],
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
        yield path
    finally:
        process.stdin.close()
        process.wait(timeout=30)
        process.stdout.close()
