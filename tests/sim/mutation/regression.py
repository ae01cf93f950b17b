"""The regression of level ``rtl``: what ``prototile simulate DIR``, ``--stalls`` and ``--junit`` run."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from mutation.subjects import Subject
from numpy.typing import NDArray

from prototile.commands import save
from prototile.errors import ToolError
from prototile.sim.bench import run_bench
from prototile.sim.verilated import Stalls

#: Where a simulator serves for one mutant only, either will do: without Icarus Verilog the one that compiles longer.
ANY_SIMULATOR = "icarus" if shutil.which("iverilog") else "verilator"

#: What the simulated core did, by words of the message.
_KINDS = {"no record": "no record", "the tag": "order", "another one": "after a reset", "may come": "writes"}


@dataclass(frozen=True)
class Finding:
    """What caught a mutant.

    Attributes
    ----------
    check
        ``verify``, ``verify, stalls`` or ``bench``.
    what
        The field that differs, what the simulated core did instead of an answer, or the tests that failed.
    """

    check: str
    what: str

    def __str__(self) -> str:
        return f"{self.check}: {self.what}"


class Regression:
    """The regression of one subject.

    Parameters
    ----------
    subject
        Whose vectors it plays.
    folder
        For the design folder, and the builds of its bench.
    """

    def __init__(self, subject: Subject, folder: Path):
        self.subject = subject
        self.design_folder = folder / "design"
        self.build = folder / "bench"
        save(subject.design, self.design_folder, subject.vectors)

    def verified(
        self, verilog: str, simulator: str = "verilator", vectors: NDArray[np.int64] | None = None
    ) -> Finding | None:
        """What ``verify`` finds, back to back and then with stalls and resets; None if all records are right.

        The vectors are those of the subject, unless there are others.
        """
        vectors = self.subject.vectors if vectors is None else vectors
        design = replace(self.subject.design)
        # As the command does with what lies in a folder.
        vars(design)["core_verilog"] = verilog
        for check, stalls in (("verify", None), ("verify, stalls", Stalls.usual(design.config))):
            try:
                verification = design.verify(vectors, stalls=stalls, simulator=simulator)
            except ToolError as error:
                return Finding(check, _reason(str(error)))
            if not verification.ok:
                return Finding(check, verification.differences[0][1])
        return None

    def exhausted(self, verilog: str) -> Finding | None:
        """What ``verify`` finds when it is given all queries that there are: more than the regression asks."""
        return self.verified(verilog, vectors=self.subject.every_query)

    def benched(self, verilog: str) -> Finding | None:
        """What the test bench of the design folder finds with other Verilog in it."""
        (self.design_folder / "rtl" / "prototile_core.v").write_text(verilog, encoding="utf-8")
        try:
            result = run_bench(self.design_folder, simulator=ANY_SIMULATOR, build=self.build)
        except ToolError as error:
            return Finding("bench", _reason(str(error)))
        return None if result.ok else Finding("bench", ", ".join(result.failed))


def _reason(message: str) -> str:
    """The kind of a failure, without its numbers."""
    for words, kind in _KINDS.items():
        if words in message:
            return kind
    return message.partition(": see ")[0]
