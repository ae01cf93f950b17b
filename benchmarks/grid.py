"""Size and clock of the grid alone, and the share of cycles in which its elements work.

    python benchmarks/grid.py [--seeds N]

L1, 64 features of 4 and of 8 bits, on iCE40 HX8K: 4 elements up to as many as its block RAMs feed. Clocks are the
median over seeds of place-and-route, because one seed says little.
"""

import argparse
import statistics
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from common import Bar, print_table

from prototile.boards.build import BuildOptions, measure
from prototile.boards.ice40 import HX8K_CT256
from prototile.config import Configuration
from prototile.hardware import grid_shape, tile_images
from prototile.nodes import Nodes
from prototile.placement import place
from prototile.rtl.grid import Grid
from prototile.verilog import to_verilog

#: By bits and elements: rows of a tile of 16, except for the smallest grid.
SHAPES = {4: {4: (1, 4), 16: (1, 16), 64: (4, 16), 128: (8, 16)}, 8: {4: (1, 4), 64: (4, 16)}}
TARGET_MHZ = 200.0


def configuration(bits: int, rows: int, pes_per_tile: int) -> Configuration:
    """A grid with one prototype an element and one class a row."""
    return Configuration(
        features=64,
        bits=bits,
        metric="l1",
        prototype_count=rows * pes_per_tile,
        class_count=rows,
        rows=rows,
        pes_per_tile=pes_per_tile,
        memory_register=True,
    )


def grid_verilog(config: Configuration) -> str:
    """The grid with random prototypes."""
    labels = np.repeat(np.arange(config.rows), config.pes_per_row)
    prototypes = np.random.default_rng(0).integers(0, 1 << config.bits, (config.prototype_count, config.features))
    placement = place(config, labels)
    return to_verilog(
        Grid(grid_shape(config, placement), tile_images(config, placement, Nodes(values=prototypes, labels=labels))),
        "grid",
    )


def measure_grid(config: Configuration, seeds: int) -> tuple[int, list[float]]:
    """Logic cells, and the clock for each seed."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "grid.v")
        source.write_text(grid_verilog(config))
        reports = [
            measure(
                [source],
                top="grid",
                part=HX8K_CT256,
                target_mhz=TARGET_MHZ,
                options=replace(BuildOptions(attempts=1), seed=seed),
            )
            for seed in range(1, seeds + 1)
        ]
    return reports[0].logic_cells, [report.fmax_mhz for report in reports]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    seeds = parser.parse_args().seeds
    rows, cells, clocks = [], {}, {}
    for bits, shapes in SHAPES.items():
        for count, shape in shapes.items():
            cells[bits, count], found = measure_grid(configuration(bits, *shape), seeds)
            clocks[bits, count] = statistics.median(found)
            rows.append(
                (
                    bits,
                    count,
                    cells[bits, count],
                    f"{cells[bits, count] / count:.1f}",
                    f"{clocks[bits, count]:.0f}",
                    f"{min(found):.0f} .. {max(found):.0f}",
                )
            )
    print_table(("bits", "PEs", "logic cells", "a PE", f"MHz, median of {seeds}", "range"), rows)
    largest = max(SHAPES[4])
    for count in (64, largest):
        Bar(f"logic cells per PE, {count} PEs of 4 bits, grid alone", cells[4, count] / count, "<=", 34).show()
    for bits, shapes in SHAPES.items():
        largest = max(shapes)
        ratio = clocks[bits, largest] / clocks[bits, min(shapes)]
        Bar(f"fmax of {largest} PEs / fmax of 4, {bits} bits", ratio, ">=", 0.9).show()
    config = configuration(4, *SHAPES[4][64])
    Bar("share of cycles in which PEs do distance work", config.words / config.interval_cycles, ">=", 0.8).show()


if __name__ == "__main__":
    main()
