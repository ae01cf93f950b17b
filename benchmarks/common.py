"""What the benchmarks share: tables, and figures beside the bar that they must reach."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

_CONSOLE = Console(width=110)


@dataclass(frozen=True)
class Bar:
    """A measured value and its bar."""

    what: str
    value: float
    relation: str
    bar: float

    @property
    def met(self) -> bool:
        """Whether the bar is reached."""
        return self.value <= self.bar if self.relation == "<=" else self.value >= self.bar

    def show(self) -> None:
        """Print one line."""
        mark = "met" if self.met else "MISSED"
        _CONSOLE.print(f"{self.what}: {self.value:,.4g} (bar {self.relation} {self.bar:,g}, {mark})", highlight=False)


def print_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table."""
    table = Table(*head)
    for row in rows:
        table.add_row(*map(str, row))
    _CONSOLE.print(table)
