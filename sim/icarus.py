"""The generated Verilog in Icarus Verilog: a second simulator, slower by far, that knows undefined values.

Netlists are for Verilator alone: Icarus Verilog 11 cannot read yosys's models of ECP5 cells.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from prototile.config import CHUNK_BITS, Configuration
from prototile.errors import InputError, ToolError
from prototile.sim.verilated import RUN_COLUMNS, Run, Stalls, reset_span, run_of, watchdog_cycles, wave_format
from prototile.sim.words import pack_words

_BENCH = "core_bench.v"


def check_icarus() -> None:
    """Make sure that Icarus Verilog is on the PATH.

    Raises
    ------
    ToolError
        If it is not.
    """
    if shutil.which("iverilog") is None or shutil.which("vvp") is None:
        raise ToolError(
            "iverilog was not found: install Icarus Verilog (Debian: apt-get install iverilog), or use the simulator "
            "verilator"
        )


class IcarusCore:
    """The core of one design in Icarus Verilog.

    Parameters
    ----------
    config
        Its configuration.
    sources
        Its Verilog.
    waves
        File for the waveform of each run, ``.fst`` or ``.vcd``; None for none.

    Raises
    ------
    InputError
        If `waves` has another name.
    ToolError
        If Icarus Verilog is not installed.
    """

    def __init__(self, config: Configuration, sources: list[Path], *, waves: Path | None = None) -> None:
        check_icarus()
        self.config = config
        self.sources = sources
        self.waves = waves
        self._format = None if waves is None else wave_format(waves)

    def run(
        self,
        queries: NDArray[np.integer],
        saturated: NDArray[np.integer] | None = None,
        stalls: Stalls | None = None,
        *,
        writes: NDArray[np.void] | None = None,
    ) -> Run:
        """Play queries, one after another, and gather the records; parameters as for `VerilatedCore.run`.

        Raises
        ------
        InputError
            If the stalls have a schedule or rewrites, which only `VerilatedCore` has.
        ToolError
            If Icarus Verilog fails, or the core stops answering, answers out of order, or with an undefined field.
        """
        if stalls is not None and (stalls.schedule is not None or stalls.rewrites):
            raise InputError("schedules and rewrites are played by the simulator verilator only; leave them out.")
        counts = np.zeros(len(queries), dtype=np.int64) if saturated is None else np.asarray(saturated)
        with tempfile.TemporaryDirectory(prefix="prototile-") as name:
            folder = Path(name)
            words = pack_words(self.config, np.asarray(queries))
            _write_hex(folder / "words.hex", words.reshape(-1, words.shape[-1]))
            _write_hex(folder / "saturated.hex", counts.reshape(-1, 1))
            if writes is not None:
                # A place is read as one number, whose first part is the highest.
                parts = ("address", "element", "column", "row")
                places = np.stack([writes[part] for part in parts], axis=1)
                _write_hex(folder / "places.hex", places)
                _write_hex(folder / "writes.hex", writes["data"])
            self._compile(folder, len(queries), stalls or Stalls(), writes)
            flags = ["-fst"] if self._format == "fst" else []
            said = _call(["vvp", "-n", "core.vvp", *flags], folder, "the simulated core failed")
            cycles = folder / "cycles.hex"
            if not cycles.exists():
                lines = [line for line in said.splitlines() if line and not line.startswith(("WARNING", "FST", "VCD"))]
                raise ToolError(f"the simulated core failed: {(lines or ['it wrote no records'])[0]}")
            table = _read_records(folder / "records.hex", len(queries))
            return run_of(self.config, table, cycles=int(cycles.read_text(), 16))

    def _compile(self, folder: Path, count: int, stalls: Stalls, writes: NDArray[np.void] | None) -> None:
        config = self.config
        (folder / _BENCH).write_text(files("prototile.sim").joinpath("templates", _BENCH).read_text())
        macros: dict[str, object] = {
            "COUNT": count,
            "WORDS": config.words,
            "WORD_WIDTH": config.word_width,
            "SATURATED_WIDTH": config.saturated_width,
            **{
                f"{'SATURATED_FIELD' if name == 'saturated' else name.upper()}_WIDTH": width
                for name, width, _ in config.record_fields()
            },
            "STALL_IN": round(stalls.source * 256),
            "STALL_OUT": round(stalls.sink * 256),
            "RESETS": stalls.resets,
            "RESET_STEPS": max(1, stalls.resets),
            "SPAN": reset_span(config),
            "WATCHDOG": watchdog_cycles(config, stalls),
            "SEED": f"64'd{stalls.seed}",
        }
        if config.writable:
            chunks = 1 if writes is None else writes["data"].shape[1]
            macros |= {
                "WRITABLE": 1,
                "WRITES": 0 if writes is None else len(writes),
                "WRITE_WIDTH": CHUNK_BITS * chunks,
            }
        if self.waves is not None:
            macros["WAVES"] = f'"{self.waves.resolve()}"'
        command = ["iverilog", "-g2012", "-o", "core.vvp", "-s", "core_bench"]
        command += [f"-D{name}={value}" for name, value in macros.items()]
        command += [_BENCH, *(os.path.relpath(source, folder) for source in self.sources)]
        _call(command, folder, "iverilog failed on the generated Verilog")


def _call(command: list[str], folder: Path, trouble: str) -> str:
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if result.returncode:
        lines = (result.stderr + result.stdout).strip().splitlines()
        raise ToolError(f"{trouble}: {lines[0] if lines else f'it ended with status {result.returncode}'}")
    return result.stdout


def _write_hex(file: Path, table: NDArray[np.integer]) -> None:
    """Numbers of several chunks of 32 bits, low first, a number a line."""
    file.write_text("".join(f"{_joined(row):x}\n" for row in table.tolist()), encoding="ascii")


def _joined(chunks: Iterable[int]) -> int:
    return sum(chunk << CHUNK_BITS * place for place, chunk in enumerate(chunks))


def _read_records(file: Path, count: int) -> NDArray[np.int64]:
    table = np.zeros((count, RUN_COLUMNS), dtype=np.int64)
    for at, line in enumerate(file.read_text(encoding="ascii").splitlines()):
        try:
            table[at] = [int(number, 16) for number in line.split()]
        except ValueError:
            raise ToolError(f"the simulated core failed: its record {at} has an undefined field ({line})") from None
    return table
