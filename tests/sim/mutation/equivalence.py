"""Proves that a mutant answers as the design does, whatever comes in, resets included: no regression can catch it.

Design and mutant get the same inputs and start alike. What they must agree in, in every cycle: whether a word of a
query or of a memory is taken, whether there is a record, and if there is one, all its fields and its tag. ABC merges
registers and gates that behave alike, by induction over all cycles (signal correspondence, ``scorr``), until it sees
that nothing can ever differ; or it finds an input for which something does.
"""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from mutation.mutants import NUMBER_WIDTH, YOSYS, Mutant, written, yosys
from mutation.mutated import PORT, Candidates

#: To one flat module of and-gates, inverters and flip-flops. What a register or a memory starts with, where nothing
#: says so, is 0 on both sides.
_SCRIPT = """
read_rtlil flat.il
rename prototile_core gold
read_rtlil proved.il
{commands}
rename prototile_core gate
read_verilog miter.v
proc
hierarchy -top miter
flatten
opt_expr
opt_merge
opt_clean
memory_map
setundef -zero -undriven
setundef -zero -init
opt_expr
opt_merge
opt_clean
dffunmap
techmap
opt_expr
opt_merge
opt_clean
simplemap
aigmap
opt_clean
write_aiger -zinit -vmap miter.map miter.aig
"""
#: Induction over 1, 4 and 12 cycles. No limit is one of time, so a proof that succeeds does so on any machine.
_PROOF = "scorr\nscorr -F 4\nscorr -F 12\n"
#: For which an input is looked for that tells a mutant from the design, if there is no proof.
_SEARCH_SECONDS = 5
#: ABC is a part of yosys that runs scripts on what a pass hands over; this one reads the graph instead.
_STUB = "module stub(input a, b, output c); assign c = a & b; endmodule\n"


@dataclass(frozen=True)
class Verdict:
    """Whether a mutant answers as the design does.

    Attributes
    ----------
    proved
        It does, in all cycles.
    cycle
        The cycle in which something differs first, for some input; None if no such input was found.
    """

    proved: bool
    cycle: int | None = None

    @property
    def difference(self) -> str:
        """What is known of a difference; nothing if none is."""
        return "" if self.cycle is None else f"it answers otherwise in cycle {self.cycle} of some run"


def prove(candidates: Candidates, mutants: list[Mutant]) -> list[Verdict]:
    """Try to prove of each mutant that it answers as the design does.

    Parameters
    ----------
    candidates
        Of the design; files are written into their folder.
    mutants
        Of the design.
    """
    # Two registers that can be removed may close a loop, though no two mutants are alive at a time.
    alone = [at for at, mutant in enumerate(mutants) if mutant.operator == "register removed"]
    together = [at for at in range(len(mutants)) if at not in alone]
    verdicts: dict[int, Verdict] = {}
    for group in ([together] if together else []) + [[at] for at in alone]:
        found = _prove(candidates, [mutants[at] for at in group])
        verdicts |= dict(zip(group, found, strict=True))
    return [verdicts[at] for at in range(len(mutants))]


def _prove(candidates: Candidates, mutants: list[Mutant]) -> list[Verdict]:
    folder, config = candidates.folder, candidates.subject.design.config
    cycles = config.latency_cycles + 2 * config.interval_cycles
    text, commands = written(candidates.netlist, mutants)
    (folder / "proved.il").write_text(text, encoding="utf-8")
    (folder / "miter.v").write_text(_miter(folder), encoding="utf-8")
    yosys(folder, _SCRIPT.format(commands=commands))
    graph = _Graph((folder / "miter.aig").read_bytes(), (folder / "miter.map").read_text(encoding="utf-8"))
    commands = ""
    for number in range(1, len(mutants) + 1):
        (folder / f"miter_{number}.aig").write_bytes(graph.numbered(number))
        (folder / f"left_{number}.aig").unlink(missing_ok=True)
        commands += f"read_aiger miter_{number}.aig\nstrash\n{_PROOF}write_aiger left_{number}.aig\n"
    _abc(folder, commands)
    return [
        Verdict(proved=True) if _is_constant(folder / f"left_{number}.aig") else _differing(folder, number, cycles)
        for number in range(1, len(mutants) + 1)
    ]


def _differing(folder: Path, number: int, cycles: int) -> Verdict:
    """Look for an input for which a mutant answers otherwise."""
    status = folder / f"difference_{number}"
    status.unlink(missing_ok=True)
    _abc(folder, f"read_aiger left_{number}.aig\nbmc3 -F {cycles} -T {_SEARCH_SECONDS}\nwrite_status {status.name}\n")
    verdict, *_, cycle = status.read_text(encoding="ascii").split("\n")[0].split()
    return Verdict(proved=False, cycle=int(cycle) if verdict == "snl_SAT" else None)


def _miter(folder: Path) -> str:
    """Verilog of design and mutant side by side."""
    ports = [port for port in PORT.findall((folder / "mutated.v").read_text(encoding="utf-8")) if port[2] != "mutant"]
    inputs = [(shape, name) for direction, shape, name in ports if direction == "input"]
    outputs = [(shape, name) for direction, shape, name in ports if direction == "output"]
    lines = [f"module miter({', '.join(f'input {shape} {name}' for shape, name in inputs)}, output differs);"]
    # Registers that never change: so the graph need not be made anew for each mutant.
    lines += [f"  reg [{NUMBER_WIDTH - 1}:0] number = 0;", "  always @(posedge clk) number <= number;"]
    for side, extra in (("gold", ""), ("gate", ", .mutant(number)")):
        lines += [f"  wire {shape} {side}_{name};" for shape, name in outputs]
        connected = [f".{name}({name})" for _, name in inputs] + [f".{name}({side}_{name})" for _, name in outputs]
        lines.append(f"  {side} {side}({', '.join(connected)}{extra});")
    fields = [name for _, name in outputs if name.startswith("record_") and name != "record_valid"]
    controls = [name for _, name in outputs if name not in fields]
    one_differs = " || ".join(f"gold_{name} != gate_{name}" for name in fields)
    terms = [f"gold_{name} != gate_{name}" for name in controls] + [f"(gold_record_valid && ({one_differs}))"]
    return "\n".join([*lines, f"  assign differs = {' || '.join(terms)};", "endmodule\n"])


class _Graph:
    """An and-inverter graph in the AIGER format, whose registers ``number`` start with any number."""

    def __init__(self, data: bytes, names: str):
        self._head, _, rest = data.partition(b"\n")
        self._latch_count = int(self._head.split()[3])
        *self._latches, self._tail = rest.split(b"\n", self._latch_count)
        self._bits = {}
        for line in names.splitlines():
            kind, *words = line.split()
            if kind == "latch" and words[2] == "number":
                self._bits[int(words[1])] = int(words[0])
        assert len(self._bits) == NUMBER_WIDTH, names

    def numbered(self, number: int) -> bytes:
        """The graph with this number."""
        latches = list(self._latches)
        for bit, at in self._bits.items():
            if number >> bit & 1:
                latches[at] = latches[at].split()[0] + b" 1"
        return b"\n".join([self._head, *latches, self._tail])


def _is_constant(graph: Path) -> bool:
    """Whether the only output of a graph is 0."""
    head, _, rest = graph.read_bytes().partition(b"\n")
    latches = int(head.split()[3])
    return rest.split(b"\n", latches + 1)[latches] == b"0"


def _abc(folder: Path, commands: str) -> None:
    (folder / "prove.abc").write_text(commands, encoding="ascii")
    (folder / "stub.v").write_text(_STUB, encoding="ascii")
    # How yosys itself ends is of no meaning: ABC ends it.
    script = "read_verilog stub.v; simplemap; abc -script prove.abc"
    subprocess.run([sys.executable, str(YOSYS), "-q", "-p", script], cwd=folder, capture_output=True, check=False)
