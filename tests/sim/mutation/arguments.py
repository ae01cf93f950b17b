"""Why a mutant that survives answers as the design does: the list of arguments, ``arguments.toml``."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("arguments.toml")


@dataclass(frozen=True)
class Argument:
    """Why some mutants cannot be told from the design.

    Parameters
    ----------
    mutants
        Their names, where ``*`` stands for anything.
    because
        The reason.
    """

    mutants: str
    because: str

    def covers(self, key: str) -> bool:
        """Whether it is about a mutant."""
        return re.fullmatch(".*".join(map(re.escape, self.mutants.split("*"))), key) is not None


def arguments(file: Path = FILE) -> list[Argument]:
    """All arguments of a list."""
    return [Argument(**entry) for entry in tomllib.loads(file.read_text(encoding="utf-8"))["argument"]]
