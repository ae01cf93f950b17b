"""Designs behind their buses, and the way in which a bench of this folder is run on one."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import prototile as pt
from prototile.interfaces import interface_verilog, register_map
from prototile.sim.bench import announced_tests, run_bench, write_bench
from prototile.sim.vectors import choose_vectors

HERE = Path(__file__).parent
VECTORS = 10
#: The quicker of the two simulators where either will do.
EITHER = "icarus" if shutil.which("iverilog") else "verilator"


def small():
    """Words of 6 bits, three a query, the last one padded; radii, ties, two rounds."""
    rng = np.random.default_rng(5)
    model = pt.PrototypeModel(rng.integers(0, 8, (7, 5)), [0, 0, 1, 1, 1, 2, 2], radii=rng.integers(3, 14, 7))
    return pt.convert(model, bits=3, lanes=2, prototypes_per_pe=2), rng.integers(-1, 9, (300, 5))


def wide():
    """Words of 48 bits, two writes each, and a distance of 34 bits, two registers."""
    rng = np.random.default_rng(6)
    corners = rng.integers(0, 2, (6, 4)) * 65535
    model = pt.PrototypeModel(corners, [0, 1, 1, 2, 2, 2], metric="l2")
    queries = np.where(
        rng.random((300, 4)) < 0.5, rng.integers(0, 2, (300, 4)) * 65535, rng.integers(0, 65536, (300, 4))
    )
    return pt.convert(model, bits=16, lanes=3), queries


def single():
    """One word a query, and one class, so no runner-up."""
    model = pt.PrototypeModel(np.array([[1, 2], [3, 0]]), [4, 4])
    return pt.convert(model, bits=2, lanes=2), np.random.default_rng(7).integers(0, 4, (50, 2))


def parallel():
    """The parallel form: one word of 80 bits, and a record a cycle."""
    rng = np.random.default_rng(8)
    model = pt.PrototypeModel(rng.integers(0, 16, (5, 20)), [0, 1, 1, 2, 2])
    return pt.convert(model, bits=4, reduction="parallel", board="ulx3s-25f"), rng.integers(0, 16, (100, 20))


DESIGNS = {"small": small, "wide": wide, "single": single, "parallel": parallel}


class BusDesign:
    """A design with vectors, its Verilog, and what a bench must know of it."""

    def __init__(self, design, queries):
        self.design = design
        components, saturated = design.quantise(queries)
        records = design.golden.decide(components, saturated)
        rows = choose_vectors(design.config, records, VECTORS)
        self.components, self.saturated, self.records = components[rows], saturated[rows], records[rows]
        self.verilog = {"prototile_core": design.core_verilog, **interface_verilog(design.config, design.digest)}

    def registers(self):
        """The register map, as plain data."""
        return [
            {
                "name": register.name,
                "offset": register.offset,
                "access": register.access.value,
                "width": register.width,
                "signed": register.signed,
                "readable": register.readable,
                "writable": register.writable,
                "value": register.value,
            }
            for register in register_map(self.design.config, self.design.digest).registers
        ]

    def write(self, folder, *, top, benches, changed):
        """Write a folder with the module `top` and these benches, as `run_bench` takes it."""
        verilog = self.verilog | changed
        (folder / "rtl").mkdir(parents=True)
        for module in ("prototile_core", top):
            (folder / "rtl" / f"{module}.v").write_text(verilog[module])
        tb = write_bench(folder, self.design.config, self.components, self.saturated, self.records)
        (tb / "test_core.py").unlink()
        makefile = (tb / "Makefile").read_text()
        for old, new in (
            ("COCOTB_TOPLEVEL = prototile_core\n", f"COCOTB_TOPLEVEL = {top}\n"),
            ("COCOTB_TEST_MODULES = test_core\n", f"COCOTB_TEST_MODULES = {','.join(benches)}\n"),
            (
                "VERILOG_SOURCES = ../rtl/prototile_core.v\n",
                f"VERILOG_SOURCES = ../rtl/{top}.v ../rtl/prototile_core.v\n",
            ),
        ):
            assert makefile.count(old) == 1
            makefile = makefile.replace(old, new)
        (tb / "Makefile").write_text(makefile)
        for source in HERE.glob("*_bench.py"):
            shutil.copyfile(source, tb / source.name)
        tests = [name for bench in benches for name in announced_tests((HERE / f"{bench}.py").read_text())]
        description = json.loads((tb / "bench.json").read_text())
        description |= {"tests": tests, "digest": self.design.digest, "registers": self.registers()}
        (tb / "bench.json").write_text(json.dumps(description))
        return folder

    def run(self, folder, *, top, benches, simulator=EITHER, changed=None):
        """Write such a folder and run it; `changed` holds modules in place of the good ones."""
        self.write(folder / "design", top=top, benches=benches, changed=changed or {})
        return run_bench(folder / "design", simulator=simulator, build=folder / "build")


@pytest.fixture(scope="session")
def bus_design():
    """Function from the name of a design to its `BusDesign`, made once."""
    made = {}

    def make(name):
        if name not in made:
            made[name] = BusDesign(*DESIGNS[name]())
        return made[name]

    return make
