"""Size and clock of the grid alone, and the share of cycles in which its elements work.

    python benchmarks/grid.py [--seeds N]

L1, 64 features of 4 bits, on iCE40 HX8K: 4 elements up to as many as its block RAMs feed. Clocks are the median over
seeds of place-and-route, because one seed says little.
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

#: Elements: rows of a tile of 16, except for the smallest grid.
SHAPES = {4: (1, 4), 16: (1, 16), 64: (4, 16), 128: (8, 16)}
TARGET_MHZ = 200.0


def configuration(rows: int, pes_per_tile: int) -> Configuration:
    """A grid with one prototype an element and one class a row."""
    return Configuration(
        features=64,
        bits=4,
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
    prototypes = np.random.default_rng(0).integers(0, 16, (config.prototype_count, config.features))
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
    for count, shape in SHAPES.items():
        cells[count], found = measure_grid(configuration(*shape), seeds)
        clocks[count] = statistics.median(found)
        rows.append(
            (
                count,
                cells[count],
                f"{cells[count] / count:.1f}",
                f"{clocks[count]:.0f}",
                f"{min(found):.0f} .. {max(found):.0f}",
            )
        )
    print_table(("PEs", "logic cells", "a PE", f"MHz, median of {seeds}", "range"), rows)
    config = configuration(*SHAPES[64])
    largest = max(SHAPES)
    Bar("logic cells per PE, 64 PEs, grid alone", cells[64] / 64, "<=", 36).show()
    Bar(f"logic cells per PE, {largest} PEs, grid alone", cells[largest] / largest, "<=", 36).show()
    Bar(f"fmax of {largest} PEs / fmax of 4", clocks[largest] / clocks[4], ">=", 0.9).show()
    Bar("share of cycles in which PEs do distance work", config.words / config.interval_cycles, ">=", 0.8).show()


if __name__ == "__main__":
    main()
