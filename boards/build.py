"""From Verilog to a bitstream, or to figures: yosys, nextpnr, packer, and a cache over all of their inputs."""

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from prototile.boards.board import Board
from prototile.boards.family import TECHMAP_FILE, Part, Resources
from prototile.boards.report import BuildReport
from prototile.boards.tools import StuckError, tool, warm_up
from prototile.boards.top import TOP_MODULE, constraints, top_verilog
from prototile.boards.workspace import check_replaceable, whole_folder
from prototile.boards.wrapper import Wrapper
from prototile.cache import cache_folder
from prototile.errors import FitError, InputError, ToolError

#: Verilog of the synthesised netlist in the folder of a build.
NETLIST_FILE = "netlist.v"
#: Called with one line at the start of each step.
Progress = Callable[[str], None]

#: Changes when the steps below change what they write.
_FORMAT = 2
_TOP_FILE = "top.v"
_NETLIST_JSON = "netlist.json"
_UNPACKED_FILE = "unpacked.txt"
_STATISTICS_FILE = "synthesis.json"
_PLACEMENT_FILE = "placement.json"
_SCRIPT_FILE = "synthesis.ys"

_NOUNS = {
    "logic_cells": "logic cells",
    "lut": "look-up tables",
    "ff": "flip-flops",
    "carry": "carry cells",
    "bram": "block RAMs",
    "spram": "single-port RAMs",
    "dsp": "multipliers",
    "io": "pins",
}
#: Lines of a router's log, one for 1000 arcs, after which it is said to get no further.
_STUCK_LINES = 30
#: Above this share of logic cells a failed placement means that there is no room.
_FULL = 0.9


def _silent(step: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, kw_only=True)
class BuildOptions:
    """Choices that change the result.

    Parameters
    ----------
    seed, attempts
        First seed of place-and-route, and how many are tried until the clock is met.
    dsp
        Whether products may go into multiplier blocks.
    synthesis_flags, place_flags
        Further flags of the yosys command and of nextpnr.
    """

    seed: int = 1
    attempts: int = 4
    dsp: bool = False
    synthesis_flags: tuple[str, ...] = ()
    place_flags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.seed, int) or isinstance(self.seed, bool) or self.seed < 0:
            raise InputError(f"seed must be an integer that is not negative, not {self.seed!r}")
        if self.attempts < 1:
            raise InputError(f"attempts must be a positive integer, not {self.attempts!r}")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All inputs of one run of the tools.

    Parameters
    ----------
    part, top, target_mhz, options
        What to build for, the top module, the clock, and choices.
    sources
        Verilog by file name.
    constraints
        Text of the constraints file; None for a block without pins.
    board
        Name of the board; None for a block without pins.
    """

    part: Part
    top: str
    target_mhz: float
    options: BuildOptions
    sources: Mapping[str, bytes]
    constraints: str | None = None
    board: str | None = None
    tool_versions: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over everything that can change the result."""
        values = {
            "format": _FORMAT,
            "part": self.part.name,
            "script": self.script,
            "techmap": self.part.family.techmap,
            "place": self.place_arguments(self.options.seed),
            "attempts": self.options.attempts,
            "pack": self.part.family.pack_arguments(),
            "sources": {name: hashlib.sha256(data).hexdigest() for name, data in self.sources.items()},
            "constraints": self.constraints,
            "board": self.board,
            "tools": dict(self.tool_versions),
        }
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()

    @cached_property
    def script(self) -> str:
        """Yosys script. Source locations are removed: they would name places of the machine."""
        flags = [*self.part.family.synthesis_flags, *self.options.synthesis_flags]
        synthesis = self.part.family.synthesis_commands(self.part, top=self.top, dsp=self.options.dsp, flags=flags)
        return "\n".join(
            [
                *(f'read_verilog "{name}"' for name in self.sources),
                *synthesis,
                "attrmap -remove src",
                f"tee -q -o {_STATISTICS_FILE} stat -json",
                f"write_verilog -noattr {NETLIST_FILE}",
                f"write_json {_NETLIST_JSON}",
                "",
            ]
        )

    @property
    def common_arguments(self) -> list[str]:
        """Arguments of place-and-route that name part, netlist, constraints and report."""
        return [
            *self.part.family.part_arguments(self.part, constrained=self.constraints is not None),
            *("--json", _NETLIST_JSON, "--top", self.top, "--report", _PLACEMENT_FILE),
        ]

    def place_arguments(self, seed: int) -> list[str]:
        """Arguments of place-and-route."""
        return [
            *self.common_arguments,
            *self.part.family.routed_arguments(),
            *("--freq", f"{self.target_mhz:g}", "--seed", str(seed), "--timing-allow-fail"),
            *self.part.family.place_flags,
            *self.options.place_flags,
        ]

    def write_inputs(self, folder: Path) -> None:
        """Write sources, script and constraints."""
        for name, data in self.sources.items():
            (folder / name).write_bytes(data)
        (folder / _SCRIPT_FILE).write_text(self.script, encoding="utf-8")
        (folder / TECHMAP_FILE).write_text(self.part.family.techmap, encoding="utf-8")
        if self.constraints is not None:
            (folder / self.part.family.constraints_file).write_text(self.constraints, encoding="utf-8")


def build(
    *,
    sources: Sequence[Path],
    board: Board,
    folder: Path,
    options: BuildOptions | None = None,
    expected_block_rams: int | None = None,
    expected_single_ports: int = 0,
    use_cache: bool = True,
    progress: Progress = _silent,
) -> BuildReport:
    """Build a board's bitstream from the chip's Verilog.

    Parameters
    ----------
    sources
        Verilog files that hold module ``prototile_chip`` and all below it.
    board
        The board; its top is written here.
    folder
        Gets the top, the constraints, the netlist, the routed design, the bitstream, the logs and the report, all at
        once at the end; what was there before is replaced.
    expected_block_rams, expected_single_ports
        Block RAMs, and large RAMs of a single port, that the design was planned with.
    use_cache
        Whether a result of the same inputs may be taken from the cache.

    Returns
    -------
    BuildReport
        Also if the clock was missed with all seeds: the best of them, with ``timing_met`` false.

    Raises
    ------
    FitError
        If the part is too small.
    ToolError
        If a tool fails, or the memories do not land in as many RAMs as were planned.
    """
    check_replaceable(folder, what="build", ours=lambda path: _read_report(path) is not None)
    verilog = _read_sources(sources)
    for name in (_TOP_FILE, TECHMAP_FILE):
        if name in verilog:
            raise InputError(f"{name} is the name of a file that the build writes itself: rename that source file")
    plan = _plan(
        part=board.part,
        top=TOP_MODULE,
        target_mhz=board.clock_mhz,
        options=options or BuildOptions(),
        sources={**verilog, _TOP_FILE: top_verilog(board).encode()},
        constraints=constraints(board),
        board=board.name,
    )
    kept = cache_folder("builds") / plan.digest
    expected = {"bram": expected_block_rams, "spram": expected_single_ports}
    with whole_folder(folder) as work:
        report = _fetch(kept, work, progress) if use_cache else None
        if report is None:
            report = _build_in(work, plan, expected, progress)
            _store(work, kept)
        _check_rams(report, expected)
    return replace(report, folder=folder)


def measure(
    sources: Sequence[Path],
    *,
    top: str,
    part: Part,
    target_mhz: float,
    options: BuildOptions | None = None,
    clock: str = "clk",
    use_cache: bool = True,
    progress: Progress = _silent,
) -> BuildReport:
    """Place and route one block by itself, without pins, for its size and its clock.

    A block with more ports than the part has pins is fed from a shift register and read through one. What these take is
    subtracted.

    Parameters
    ----------
    sources
        Verilog files.
    top
        The block's module.
    clock
        Its clock.
    """
    chosen = options or BuildOptions(attempts=1)
    plan = _plan(part=part, top=top, target_mhz=target_mhz, options=chosen, sources=_read_sources(sources))
    kept = cache_folder("measurements") / plan.digest
    if use_cache and (found := _read_report(kept)) is not None:
        return replace(found, folder=None)
    with tempfile.TemporaryDirectory(prefix="prototile-") as name:
        report = _measure_in(Path(name), plan, clock, progress)
    with whole_folder(kept) as fresh:
        report.write(fresh)
    return report


def count_cells(
    sources: Sequence[Path], *, top: str, part: Part, options: BuildOptions | None = None, progress: Progress = _silent
) -> Resources:
    """Synthesise only, and count cells by kind.

    Raises
    ------
    ToolError
        If yosys fails.
    """
    plan = _plan(part=part, top=top, target_mhz=1.0, options=options or BuildOptions(), sources=_read_sources(sources))
    with tempfile.TemporaryDirectory(prefix="prototile-") as name:
        plan.write_inputs(Path(name))
        return _synthesise(Path(name), plan, progress)


def netlist(
    sources: Sequence[Path], *, top: str, part: Part, options: BuildOptions | None = None, progress: Progress = _silent
) -> str:
    """Synthesise only; returns the Verilog of the netlist, as `build` leaves it in `NETLIST_FILE`.

    Raises
    ------
    ToolError
        If yosys fails.
    """
    plan = Plan(part=part, top=top, target_mhz=1.0, options=options or BuildOptions(), sources=_read_sources(sources))
    with tempfile.TemporaryDirectory(prefix="prototile-") as name:
        plan.write_inputs(Path(name))
        _synthesise(Path(name), plan, progress)
        return Path(name, NETLIST_FILE).read_text(encoding="utf-8")


def prepare_tools(part: Part) -> None:
    """Begin to compile the tools that `build` needs, in the background: their first call takes up to a minute."""
    warm_up(["yosys", part.family.place_tool, part.family.pack_tool, part.family.unpack_tool])


def _read_sources(paths: Sequence[Path]) -> dict[str, bytes]:
    """Contents by file name, in the given order."""
    contents: dict[str, bytes] = {}
    for path in paths:
        if path.name in contents:
            raise InputError(f"two source files are named {path.name}: rename one of them")
        try:
            contents[path.name] = path.read_bytes()
        except OSError as error:
            raise InputError(f"the Verilog file {path} cannot be read: {error.strerror}") from error
    return contents


def _plan(*, part: Part, **inputs: Any) -> Plan:
    names = ("yosys", part.family.place_tool, part.family.pack_tool)
    return Plan(part=part, tool_versions={name: tool(name).version for name in names}, **inputs)


def _build_in(work: Path, plan: Plan, expected: Mapping[str, int | None], progress: Progress) -> BuildReport:
    plan.write_inputs(work)
    cells = _synthesise(work, plan, progress)
    _check_fit(plan, cells)
    _check_rams(cells, expected)
    report = replace(_place(work, plan, cells, progress), logs=("synthesis.log", "placement.log"))
    family = plan.part.family
    _run(work, plan, family.pack_tool, "packing", family.pack_arguments(), progress)
    (work / "packing.log").unlink()
    _check_packed(work, plan, progress)
    # Sources and script stay: with them anybody can run the same tools again. The netlist stays as Verilog.
    (work / _NETLIST_JSON).unlink()
    report = replace(report, bitstream_file=family.bitstream_file, folder=work)
    report.write(work)
    return report


def _check_packed(work: Path, plan: Plan, progress: Progress) -> None:
    """Take the bitstream apart again, and compare it with what was packed."""
    family = plan.part.family
    _run(work, plan, family.unpack_tool, "unpacking", family.unpack_arguments(_UNPACKED_FILE), progress)
    read = {name: (work / name).read_text(encoding="utf-8") for name in (_UNPACKED_FILE, family.routed_file)}
    wrong = family.check_unpacked(
        read[_UNPACKED_FILE],
        routed=read[family.routed_file],
        netlist=(work / NETLIST_FILE).read_text(encoding="utf-8"),
    )
    if wrong:
        raise ToolError(f"{family.pack_tool} wrote another bitstream than was routed: {wrong}")
    for name in (_UNPACKED_FILE, "unpacking.log"):
        (work / name).unlink()


def _measure_in(work: Path, plan: Plan, clock: str, progress: Progress) -> BuildReport:
    plan.write_inputs(work)
    cells = _synthesise(work, plan, progress)
    ports = _read_ports(work, plan.top)
    if sum(width for _, width in ports.values()) <= (plan.part.available.io or 0):
        _check_fit(plan, cells)
        return _place(work, plan, cells, progress)
    wrapper = Wrapper(block=plan.top, ports=ports, clock=clock)
    wrapped = replace(plan, top=wrapper.name, sources={**plan.sources, f"{wrapper.name}.v": wrapper.verilog().encode()})
    wrapped.write_inputs(work)
    total = _synthesise(work, wrapped, progress)
    _check_fit(wrapped, total)
    report = _place(work, wrapped, total, progress)
    return replace(
        report,
        logic_cells=(report.logic_cells or 0) - wrapper.logic_cells,
        lut=cells.lut,
        ff=cells.ff,
        carry=cells.carry,
        io=None,
        digest=plan.digest,
    )


def _synthesise(work: Path, plan: Plan, progress: Progress) -> Resources:
    _run(work, plan, "yosys", "synthesis", ["-s", _SCRIPT_FILE], progress)
    statistics = json.loads((work / _STATISTICS_FILE).read_text(encoding="utf-8"))
    return plan.part.family.count(statistics["design"]["num_cells_by_type"])


def _place(work: Path, plan: Plan, cells: Resources, progress: Progress) -> BuildReport:
    """Place and route with one seed after another until the clock is met; the best result stays."""
    files = (plan.part.family.routed_file, _PLACEMENT_FILE, "placement.log")
    best: BuildReport | None = None
    for seed in range(plan.options.seed, plan.options.seed + plan.options.attempts):
        report = _place_once(work, plan, cells, seed, progress)
        if best is None or report.timing_met or (report.fmax_mhz or 0) > (best.fmax_mhz or 0):
            best = report
            for name in files:
                (work / name).replace(work / f"best-{name}")
        if best.timing_met:
            break
    assert best is not None
    for name in files:
        (work / f"best-{name}").replace(work / name)
    return best


def _place_once(work: Path, plan: Plan, cells: Resources, seed: int, progress: Progress) -> BuildReport:
    family = plan.part.family
    arguments, detail = plan.place_arguments(seed), f" (seed {seed})"
    try:
        try:
            stuck = router_is_stuck if family.other_router else None
            _run(work, plan, family.place_tool, "placement", arguments, progress, detail, stuck)
        except StuckError:
            arguments, detail = [*arguments, *family.other_router], f" (seed {seed}, {family.other_router[-1]})"
            _run(work, plan, family.place_tool, "placement", arguments, progress, detail)
    except ToolError:
        _explain_failed_placement(work, plan, progress)
        raise
    result = json.loads((work / _PLACEMENT_FILE).read_text(encoding="utf-8"))
    clocks = result["fmax"].values()
    used = {**cells.to_dict(), **family.sites(result["utilization"], "used").to_dict()}
    has = plan.part.available.to_dict()
    figures: dict[str, Any] = {name: used.get(name) for name in _NOUNS if name in has or name == "carry"}
    return BuildReport(
        device=plan.part.name,
        board=plan.board,
        **figures,
        available=has,
        fmax_mhz=min((round(clock["achieved"], 2) for clock in clocks), default=None),
        target_mhz=plan.target_mhz,
        timing_met=all(clock["achieved"] >= plan.target_mhz for clock in clocks),
        seed=seed,
        digest=plan.digest,
        tool_versions=dict(plan.tool_versions),
    )


def router_is_stuck(log: Path) -> bool:
    """Whether nextpnr's ``router1`` rips up the same arcs again and again, which it then does for ever.

    Its table counts arcs that it could route without, and arcs that remain; in the end neither changes any more.
    """
    text = log.read_text(encoding="utf-8", errors="replace")[-200 * _STUCK_LINES :]
    lines = re.findall(r"^Info: +\d+ \| +\d+ +(\d+) \|[ \d]+\| +(\d+)\|", text, re.MULTILINE)[-_STUCK_LINES:]
    return len(lines) == _STUCK_LINES and len(set(lines)) == 1


def _explain_failed_placement(work: Path, plan: Plan, progress: Progress) -> None:
    """Raise FitError if the packed design is larger than the part, or nearly as large."""
    family = plan.part.family
    _run(work, plan, family.place_tool, "packing-only", [*plan.common_arguments, "--pack-only"], progress)
    utilization = json.loads((work / _PLACEMENT_FILE).read_text(encoding="utf-8"))["utilization"]
    used = family.sites(utilization, "used")
    _check_fit(plan, used)
    if (used.logic_cells or 0) > _FULL * (plan.part.available.logic_cells or 0):
        raise FitError(
            f"the design fills {used.logic_cells} of {plan.part.available.logic_cells} logic cells "
            f"of {plan.part.name}, too many to be placed: use fewer PEs or a larger board"
        )


def _check_fit(plan: Plan, used: Resources) -> None:
    available = plan.part.available.to_dict()
    over = [
        f"{count} {_NOUNS[name]} of {available.get(name, 0)} ({count - available.get(name, 0)} too many)"
        for name, count in used.to_dict().items()
        if count > available.get(name, 0) and (name in available or name in ("spram", "dsp"))
    ]
    if over:
        raise FitError(
            f"the design does not fit {plan.part.name}: it takes {' and '.join(over)}; use fewer PEs or a larger board"
        )


def _check_rams(used: Resources | BuildReport, expected: Mapping[str, int | None]) -> None:
    for name, count in expected.items():
        found = getattr(used, name) or 0
        if count is not None and found != count:
            raise ToolError(
                f"yosys put the memories into {found} {_NOUNS[name]}, but the design was planned with {count}: "
                "check the memory attributes of the Verilog files"
            )


def _run(
    work: Path,
    plan: Plan,
    name: str,
    step: str,
    arguments: Sequence[str],
    progress: Progress,
    detail: str = "",
    stuck: Callable[[Path], bool] | None = None,
) -> None:
    """Run a tool; its log stays in `work` if it succeeds, and in the cache, which outlives `work`, if not."""
    progress(f"{step.capitalize()} with {name}{detail}")
    log = cache_folder("logs") / f"{plan.digest[:16]}-{step}.log"
    tool(name).run(arguments, folder=work, log=log, stuck=stuck)
    text = log.read_text(encoding="utf-8", errors="replace")
    (work / f"{step}.log").write_text(without_times(text), encoding="utf-8")
    log.unlink()


def without_times(log: str) -> str:
    """A tool's log without run times, so that the same input gives the same bytes."""
    lines = (line for line in log.splitlines() if not re.match(r"End of script|Time spent|CPU:", line))
    kept = (re.sub(r"(\|)\s+\d+\.\d+\s+\d+\.\d+(\|)$", r"\1\2", line) for line in lines)
    return "".join(re.sub(r"\b\d+\.\d+ ?(s|sec|seconds)\b", "- s", line) + "\n" for line in kept)


def _fetch(kept: Path, work: Path, progress: Progress) -> BuildReport | None:
    if _read_report(kept) is None:
        return None
    progress("Taking the finished build from the cache")
    shutil.copytree(kept, work, dirs_exist_ok=True)
    return BuildReport.read(work)


def _read_report(kept: Path) -> BuildReport | None:
    try:
        return BuildReport.read(kept)
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def _store(work: Path, kept: Path) -> None:
    with whole_folder(kept) as fresh:
        shutil.copytree(work, fresh, dirs_exist_ok=True)


def _read_ports(work: Path, top: str) -> dict[str, tuple[bool, int]]:
    """Ports of the top: whether an output, and how many bits."""
    netlist = json.loads((work / _NETLIST_JSON).read_text(encoding="utf-8"))
    ports = netlist["modules"][top]["ports"]
    return {name: (port["direction"] == "output", len(port["bits"])) for name, port in ports.items()}
