"""A design's Verilog with all its mutants in it, of which the simulator is told the one that is alive."""

import re
from functools import cached_property
from pathlib import Path

from amaranth.back import rtlil
from mutation.mutants import NUMBER_WIDTH, Mutant, bit_mutants, sample, word_mutants, written, yosys
from mutation.netlist import Netlist
from mutation.subjects import Subject

import prototile.rtl
from prototile.hardware import core
from prototile.rtl.top import CoreTop

#: Where the hardware's description lies.
SOURCE = Path(next(iter(prototile.rtl.__path__))).resolve()
PORT = re.compile(r"^  (input|output)((?: signed)?(?: \[\d+:0\])?) (\w+);", re.MULTILINE)
_FLATTEN = """
read_rtlil core.il
proc
memory_collect
opt_clean
setparam -set INIT 1'x t:$mem_v2 a:ram_style=huge %i
flatten
opt_clean
write_rtlil flat.il
mutate -list 1000000 -seed 1 -o candidates.txt
"""
_WRITE = """
read_rtlil numbered.il
{commands}
setattr -unset src */*
write_rtlil mutated.il
rename prototile_core mutated
rename -enumerate -pattern select_% t:$pmux
write_verilog -norename -noattr mutated.v
"""


class Candidates:
    """All changes that can be made to a design.

    Parameters
    ----------
    subject
        Whose design it is.
    folder
        For files, made if it does not exist.
    """

    def __init__(self, subject: Subject, folder: Path):
        self.subject = subject
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        design = subject.design
        top = CoreTop(core(design.config, design.quantised.nodes))
        # Unlike the Verilog of users this knows which line of the description each cell comes from.
        (folder / "core.il").write_text(rtlil.convert(top, name="prototile_core", emit_src=True), encoding="utf-8")
        yosys(folder, _FLATTEN)
        self.netlist = Netlist.read(folder / "flat.il")

    def sample(self, seed: int, words: int | None, bits: int | None) -> list[Mutant]:
        """So many changes of words and of bits; see `mutation.mutants.sample`."""
        lines = (self.folder / "candidates.txt").read_text(encoding="utf-8").splitlines()
        return [
            *sample(word_mutants(self.netlist, SOURCE), seed, words),
            *sample(bit_mutants(self.netlist, SOURCE, lines), seed, bits),
        ]


class Mutated:
    """A design with all its mutants.

    Parameters
    ----------
    candidates
        Of the design; files are written into their folder.
    mutants
        That are there to come alive, numbered from 1.
    """

    def __init__(self, candidates: Candidates, mutants: list[Mutant]):
        self.candidates = candidates
        self.mutants = mutants
        self.folder = candidates.folder
        if len(mutants) >= 1 << NUMBER_WIDTH:
            raise ValueError(f"{len(mutants)} mutants are more than {NUMBER_WIDTH} bits can number")
        text, commands = written(candidates.netlist, mutants)
        (self.folder / "numbered.il").write_text(text, encoding="utf-8")
        yosys(self.folder, _WRITE.format(commands=commands))
        self.revive(0)

    @property
    def _number(self) -> Path:
        return (self.folder / "number.hex").resolve()

    def revive(self, number: int) -> None:
        """Have the next simulation run with this mutant; 0 for the design as it is."""
        self._number.write_text(f"{number:x}\n", encoding="ascii")

    @cached_property
    def verilog(self) -> str:
        """Verilog of ``prototile_core`` with the mutants inside."""
        body = (self.folder / "mutated.v").read_text(encoding="utf-8")
        ports = [port for port in PORT.findall(body) if port[2] != "mutant"]
        listed = ",\n  ".join(f"{direction}{shape} {name}" for direction, shape, name in ports)
        connected = ", ".join(f".{name}({name})" for _, _, name in ports)
        return (
            f"module prototile_core(\n  {listed}\n);\n"
            f"  reg [{NUMBER_WIDTH - 1}:0] number [0:0];\n"
            f'  initial $readmemh("{self._number}", number);\n'
            f"  mutated mutated({connected}, .mutant(number[0]));\n"
            "endmodule\n" + body
        )
