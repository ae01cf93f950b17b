"""A flat module in RTLIL, yosys's own text: its cells, and what drives what."""

import re
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

_WIRE = re.compile(r"^  wire (?:width (\d+) )?.*?([\\$]\S+)$")
_CELL = re.compile(r"^  cell (\S+) (\S+)$")
_PARAMETER = re.compile(r"^    parameter (?:signed |real )?(\S+) (.*)$")
_PORT = re.compile(r"^    connect (\S+) (.*)$")
_CONNECTION = re.compile(r"^  connect (.*)$")
_NAME = re.compile(r"[\\$]\S+")
_SOURCE = re.compile(r'^  attribute \\src "(.*)"$')
#: Cells that hold something from one cycle to the next.
_STATE = ("$dff", "$mem_v2")
_OUTPUTS = ("Y", "Q", "RD_DATA")


@dataclass(frozen=True)
class Cell:
    """A cell: its type, name, parameters and ports without their backslashes, and the places of its source."""

    kind: str
    name: str
    parameters: dict[str, str]
    ports: dict[str, str]
    sources: tuple[str, ...]

    @property
    def output(self) -> str:
        """Name of its output."""
        return next(name for name in _OUTPUTS if name in self.ports)

    @property
    def width(self) -> int:
        """Bits of its output."""
        names = {"Y": "Y_WIDTH", "Q": "WIDTH", "RD_DATA": "WIDTH"}
        return int(self.parameters.get(names[self.output], self.parameters.get("WIDTH", "1")))

    @property
    def path(self) -> str:
        """The instance that it lies in: ``core.grid.tile_0_0``."""
        parts = self.name.removeprefix("$flatten").replace("\\", "").split(".")
        return ".".join(parts[:-1])

    def changed(self, *, kind: str | None = None, **ports: str) -> "Cell":
        """The cell with another type or other ports."""
        return replace(self, kind=kind or self.kind, ports=self.ports | ports)

    def swapped(self) -> "Cell":
        """The cell with its two operands exchanged."""
        other = {"A": "B", "B": "A", "A_WIDTH": "B_WIDTH", "B_WIDTH": "A_WIDTH"}
        other |= {"A_SIGNED": "B_SIGNED", "B_SIGNED": "A_SIGNED"}
        parameters = {other.get(name, name): value for name, value in self.parameters.items()}
        ports = {other.get(name, name): value for name, value in self.ports.items()}
        return replace(self, parameters=parameters, ports=ports)

    def text(self) -> str:
        """RTLIL of it."""
        lines = [f"  cell {self.kind} {self.name}"]
        lines += [f"    parameter \\{name} {value}" for name, value in self.parameters.items()]
        lines += [f"    connect \\{name} {value}" for name, value in self.ports.items()]
        return "\n".join([*lines, "  end\n"])


class Netlist:
    """A flat module, all of whose registers are plain ``$dff``.

    Parameters
    ----------
    text
        RTLIL of one module.
    """

    def __init__(self, text: str):
        lines = text.splitlines()
        self.cells: dict[str, Cell] = {}
        self.widths: dict[str, int] = {}
        #: What is left of the text without its cells, up to the module's end.
        self.rest: list[str] = []
        self._links: list[str] = []
        sources: tuple[str, ...] = ()
        at = 0
        while at < len(lines):
            line = lines[at]
            at += 1
            if found := _SOURCE.match(line):
                sources = tuple(found[1].split("|"))
            if found := _CELL.match(line):
                end = lines.index("  end", at)
                body = lines[at:end]
                at = end + 1
                while self.rest[-1].startswith("  attribute"):
                    self.rest.pop()
                self._add(found, body, sources)
                sources = ()
                continue
            if found := _WIRE.match(line):
                self.widths[found[2]] = int(found[1] or 1)
                sources = ()
            elif found := _CONNECTION.match(line):
                self._links.append(found[1])
            self.rest.append(line)

    @classmethod
    def read(cls, file: Path) -> "Netlist":
        """The module in a file."""
        return cls(file.read_text(encoding="utf-8"))

    def _add(self, head: re.Match[str], body: list[str], sources: tuple[str, ...]) -> None:
        kind, name = head.groups()
        if kind == "$scopeinfo":
            return
        parameters = {found[1][1:]: found[2] for line in body if (found := _PARAMETER.match(line))}
        ports = {found[1][1:]: found[2] for line in body if (found := _PORT.match(line))}
        self.cells[name] = Cell(kind, name, parameters, ports, sources)

    @cached_property
    def _driven(self) -> dict[str, set[str]]:
        """Wires by the wires that drive them in the same cycle; whole wires, so there may be more than really are."""
        driven: dict[str, set[str]] = {}
        for cell in self.cells.values():
            if cell.kind in _STATE:
                continue
            inputs = _NAME.findall(" ".join(value for name, value in cell.ports.items() if name != cell.output))
            for wire in _NAME.findall(cell.ports[cell.output]):
                driven.setdefault(wire, set()).update(inputs)
        for link in self._links:
            left, right = _sides(link)
            for wire in _NAME.findall(left):
                driven.setdefault(wire, set()).update(_NAME.findall(right))
        return driven

    def depends(self, signal: str, on: str) -> bool:
        """Whether a signal may depend on another one in the same cycle."""
        targets = set(_NAME.findall(on))
        seen: set[str] = set()
        waiting = _NAME.findall(signal)
        while waiting:
            wire = waiting.pop()
            if wire in targets:
                return True
            if wire not in seen:
                seen.add(wire)
                waiting += self._driven.get(wire, ())
        return False

    @cached_property
    def _loads(self) -> dict[str, list[Cell]]:
        """Cells that take the output of a cell as a whole, by that output."""
        loads: dict[str, list[Cell]] = {}
        for cell in self.cells.values():
            for name, value in cell.ports.items():
                if name != cell.output:
                    loads.setdefault(value, []).append(cell)
        return loads

    def register_behind(self, cell: Cell) -> Cell | None:
        """The register that a multiplexer leads to, through others."""
        while cell.kind != "$dff":
            loads = self._loads.get(cell.ports[cell.output], [])
            following = [one for one in loads if one.kind in ("$dff", "$mux", "$pmux")]
            if not following:
                return None
            cell = following[0]
        return cell


def _sides(link: str) -> tuple[str, str]:
    """Left and right of a connection; either may be a list in braces or have an index."""
    found = re.match(r"(\{.*?\} |[\\$]\S+ (?:\[[^]]*\] )?)(.*)$", link)
    assert found is not None, link
    return found[1], found[2]
