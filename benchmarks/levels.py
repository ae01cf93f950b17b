"""Rows compared and speed of each level: the digits chip on the iCEBreaker, and the Verilog of a grid of 120 elements.

    python benchmarks/levels.py [--rows N]

Level bitstream needs icebox_vlog of Project IceStorm. Without N, all 540 held-out digits are compared at each level.
Seconds are those of the processor, so that what else a machine does has no part in them.
"""

import argparse
import resource
import shutil
import tempfile
from pathlib import Path

import numpy as np
from common import Bar, print_table

import prototile as pt
from prototile.data import DEMO_BITS, load_dataset, train_prototypes
from prototile.design import LEVELS


def seconds() -> float:
    """Processor time of this process and of all that it has waited for."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def digits(rows: int | None) -> None:
    """Compare the digits chip at every level."""
    split = load_dataset("digits")
    X = split.X_test[:rows]
    design = pt.convert(train_prototypes("digits", split), split.X_train, bits=DEMO_BITS, y=split.y_train)
    table, verified = [], {}
    with tempfile.TemporaryDirectory() as folder:
        build = design.build(folder=Path(folder, "icebreaker"))
        for level in LEVELS:
            if level == "bitstream" and shutil.which("icebox_vlog") is None:
                print("level bitstream is left out: icebox_vlog is not installed (Debian: fpga-icestorm)")
                continue
            how = {"build": build} if level in ("netlist", "bitstream") else {}
            start = seconds()
            design.verify(X[:1], level=level, **how)
            compiling = seconds() - start
            start = seconds()
            verified[level] = found = design.verify(X, level=level, **how)
            playing = seconds() - start
            speed = found.cycles / playing
            times = (f"{compiling:.0f}", f"{playing:.1f}", f"{found.cycles:,}", f"{speed:,.0f}")
            table.append((level, found.rows, found.mismatches, *times))
    print_table(("level", "rows", "mismatches", "first row, s", "all rows, s", "cycles", "cycles/s"), table)
    for level, found in verified.items():
        Bar(f"{level}: rows compared", found.rows, ">=", len(split.X_test) if level == "rtl" else 100).show()
        Bar(f"{level}: mismatches in any field", found.mismatches, "<=", 0).show()


def grid() -> None:
    """Simulate the Verilog of 120 elements, 64 features of 4 bits, with every record compared."""
    chance = np.random.default_rng(0)
    model = pt.PrototypeModel(chance.integers(0, 16, (120, 64)), np.arange(120) % 10)
    design = pt.convert(model, bits=4, board="ice40-hx8k", pe_count=120)
    queries = chance.integers(0, 16, (20_000, 64)).astype(float)
    design.verify(queries[:1])
    start = seconds()
    verification = design.verify(queries)
    verifying = seconds() - start
    start = seconds()
    cycles = design.run(queries).cycles
    simulating = seconds() - start
    print(f"{design.pe_count} elements, {len(queries):,} queries, {cycles:,} cycles in {simulating:.2f} s")
    print(f"with probes and golden model, every record compared: {verification.cycles:,} cycles in {verifying:.2f} s")
    Bar("RTL simulation of 120 elements, cycles per second", cycles / simulating, ">=", 500_000).show()
    Bar("with every record compared, cycles per second", verification.cycles / verifying, ">=", 500_000).show()
    Bar("its records that differ", verification.mismatches, "<=", 0).show()


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int)
    grid()
    digits(parser.parse_args().rows)


if __name__ == "__main__":
    main()
