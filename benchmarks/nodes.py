"""What each kind of node takes: size and clock of grids that differ in their distance unit only.

    python benchmarks/nodes.py [--part hx8k|up5k|ecp5-25f] [--quick] [--jobs N]

64 features of 4 and of 8 bits, one prototype an element, in block RAM: `LARGEST` elements, or as many as the part has
block RAMs, multipliers and logic cells for. The grid alone; what radii and votes add is measured on whole cores,
because most of it lies in the collector. With ``--quick`` ECP5 is only synthesised: its placement takes minutes.
"""

import argparse
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from common import Bar, print_table

from prototile.boards.build import BuildOptions, count_cells, measure
from prototile.boards.ecp5 import LFE5U_25F_6BG381
from prototile.boards.family import Part
from prototile.boards.ice40 import HX8K_CT256, UP5K_SG48
from prototile.config import Configuration
from prototile.design import budget
from prototile.estimate import estimate
from prototile.hardware import core, grid_shape, tile_images
from prototile.nodes import Nodes
from prototile.placement import place
from prototile.rtl.grid import Grid
from prototile.rtl.top import CoreTop
from prototile.verilog import to_verilog

FEATURES = 64
PARTS = {"hx8k": HX8K_CT256, "up5k": UP5K_SG48, "ecp5-25f": LFE5U_25F_6BG381}
#: Above what each part reaches, so that place-and-route does its best.
TARGET_MHZ = {"hx8k": 200.0, "up5k": 60.0, "ecp5-25f": 200.0}
UNITS: dict[str, dict[str, Any]] = {
    "l1": {"metric": "l1"},
    "l1, masked": {"metric": "l1", "masked": True},
    "l1, weights 1 to 8": {"metric": "l1", "shift_max": 3},
    "l2": {"metric": "l2"},
    "linf": {"metric": "linf"},
    "hamming, 32 bits a cycle": {"metric": "hamming"},
    "box": {"metric": "box"},
    "table": {"metric": "table"},
}
#: Of place-and-route.
SEED = 2
#: Elements of a grid, and of a tile at most.
LARGEST, TILE = 32, 16
#: Elements of the cores.
CORE_SHAPE: dict[str, Any] = {"rows": 4, "pes_per_tile": 16, "prototype_count": 64, "class_count": 4}
CORES: dict[str, dict[str, Any]] = {
    "none": {},
    "common": {"radii": "common"},
    "class": {"radii": "class"},
    "prototype": {"radii": "prototype"},
    "k": {"k": 3},
}
#: Share of a part's logic cells that a grid may take.
FILL = 0.9


@dataclass(frozen=True)
class Measured:
    """Figures of one grid or core; None where they were not measured."""

    elements: int
    cells: int
    block_rams: int
    multipliers: int
    fmax_mhz: float | None


def unit_configuration(unit: str, bits: int, part: Part, elements: int) -> Configuration:
    """A grid of so many elements, a class a row."""
    fixed = dict(UNITS[unit])
    if fixed["metric"] == "hamming":
        fixed["lanes"] = 32 // bits
    if fixed["metric"] == "table":
        fixed["entry_max"] = (1 << bits) - 1
    rows = -(-elements // TILE)
    return Configuration(
        features=FEATURES,
        bits=bits,
        prototype_count=elements,
        class_count=rows,
        rows=rows,
        pes_per_tile=min(elements, TILE),
        memory_register=part.family.slow_block_ram,
        **fixed,
    )


def largest_grid(unit: str, bits: int, part: Part) -> Configuration | None:
    """The largest grid, in powers of two, that the part holds."""
    elements = LARGEST
    while elements:
        config = unit_configuration(unit, bits, part, elements)
        if _fits(config, part):
            return config
        elements //= 2
    return None


def _fits(config: Configuration, part: Part) -> bool:
    has = part.available
    figures = estimate(config, np.full(config.rows, config.pes_per_row), link=False, multipliers=has.dsp or 0)
    rams = sum(
        memory.count * part.family.block_ram_count(width=memory.width, depth=memory.depth)
        for memory in figures.memories
        if memory.name == "prototypes"
    )
    cells = budget(part).pe_cells_of(figures) * config.place_count
    multipliers = config.multiplier_count(config.place_count) if has.dsp else 0
    return (
        rams <= (has.bram or 0) and cells <= FILL * (has.logic_cells or has.lut or 0) and multipliers <= (has.dsp or 0)
    )


def random_nodes(config: Configuration) -> Nodes:
    """Contents in which every bit of a memory changes; rows are classes."""
    numbers = np.random.default_rng(0)
    shape = (config.prototype_count, config.features)
    values = numbers.integers(0, config.component_max + 1, shape)
    if config.metric == "box":
        values = np.sort(np.stack([values, numbers.integers(0, config.component_max + 1, shape)], axis=2), axis=2)
    if config.metric == "table":
        values = numbers.integers(0, config.entry_max + 1, (*shape, 1 << config.bits))
    labels = np.repeat(np.arange(config.rows), config.pes_per_row)
    radii = {
        "common": np.full(config.prototype_count, config.distance_max // 3),
        "class": (config.distance_max // (3 + np.arange(config.class_count)))[labels],
        "prototype": numbers.integers(1, config.distance_max // 2, config.prototype_count),
    }
    return Nodes(
        values=values,
        labels=labels,
        masks=numbers.random(shape) < 0.7 if config.masked else None,
        shifts=numbers.integers(0, config.shift_max + 1, shape) if config.shift_max else None,
        radii=radii.get(config.radii),
    )


def grid_verilog(config: Configuration) -> str:
    """The grid with random contents."""
    nodes = random_nodes(config)
    placement = place(config, nodes.labels)
    return to_verilog(Grid(grid_shape(config, placement), tile_images(config, placement, nodes)), "top")


def core_verilog(config: Configuration) -> str:
    """The core with random contents."""
    return to_verilog(CoreTop(core(config, random_nodes(config))), "top")


def measured(verilog: str, config: Configuration, part_name: str, *, routed: bool = True) -> Measured:
    """Build it, or only synthesise it."""
    part = PARTS[part_name]
    options = BuildOptions(seed=SEED, attempts=1, dsp=config.unit.multiplies and bool(part.available.dsp))
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "top.v")
        source.write_text(verilog)
        if routed:
            report = measure([source], top="top", part=part, target_mhz=TARGET_MHZ[part_name], options=options)
            cells, rams, dsp, fmax = report.logic_cells, report.bram, report.dsp, report.fmax_mhz
        else:
            found = count_cells([source], top="top", part=part, options=options)
            # A carry cell of ECP5 is two look-up tables.
            cells, rams, dsp, fmax = (found.lut or 0) + 2 * (found.carry or 0), found.bram, found.dsp, None
    return Measured(config.place_count, cells or 0, rams or 0, dsp or 0, fmax)


def measured_units(part_name: str, *, routed: bool, jobs: int) -> dict[tuple[str, int], tuple[Configuration, Measured]]:
    """All units at 4 and 8 bits that the part holds."""
    wanted = {
        (unit, bits): config
        for bits in (4, 8)
        for unit in UNITS
        if (config := largest_grid(unit, bits, PARTS[part_name])) is not None
    }
    with ThreadPoolExecutor(jobs) as pool:
        found = pool.map(
            lambda config: measured(grid_verilog(config), config, part_name, routed=routed), wanted.values()
        )
        return {key: (config, one) for (key, config), one in zip(wanted.items(), found, strict=True)}


def print_units(part_name: str, found: dict[tuple[str, int], tuple[Configuration, Measured]]) -> None:
    """One line a unit."""
    rows = []
    for bits in (4, 8):
        for unit in UNITS:
            if (unit, bits) not in found:
                rows.append((unit, bits, "none fits", *("" for _ in range(5))))
                continue
            config, one = found[unit, bits]
            rows.append(
                (
                    unit,
                    bits,
                    one.elements,
                    f"{one.cells / one.elements:.1f}",
                    one.block_rams,
                    one.multipliers,
                    config.interval_cycles,
                    "" if one.fmax_mhz is None else f"{one.fmax_mhz:.0f}",
                )
            )
    family = PARTS[part_name].family.name
    # Placement adds the cells that lead into and out of carry chains.
    placed = all(one.fmax_mhz is not None for _, one in found.values())
    cells = "logic cells a PE" if family != "ecp5" else "LUTs a PE" if placed else "LUTs a PE, not placed"
    print(f"{PARTS[part_name].name}, {FEATURES} features, grid alone")
    print_table(("unit", "bits", "PEs", cells, "block RAMs", "DSPs", "cycles a query", "MHz"), rows)


def show_unit_bars(found: dict[tuple[str, int], tuple[Configuration, Measured]]) -> None:
    """The bars of elements, on iCE40."""
    for unit, bar in (("l1", 34), ("l2", 52), ("hamming, 32 bits a cycle", 80)):
        _, one = found[unit, 4]
        Bar(f"logic cells per PE, {unit}, {FEATURES} x 4 bits", one.cells / one.elements, "<=", bar).show()


def show_core_bars(part_name: str, jobs: int) -> None:
    """What radii and votes add to an element, the collector's part included."""
    base = replace(unit_configuration("l1", 4, PARTS[part_name], LARGEST), **CORE_SHAPE, memory_register=False)
    configs = {name: replace(base, **fields) for name, fields in CORES.items()}
    with ThreadPoolExecutor(jobs) as pool:
        found: Iterable[Measured] = pool.map(
            lambda config: measured(core_verilog(config), config, part_name), configs.values()
        )
        cells = {name: one.cells / one.elements for name, one in zip(configs, found, strict=True)}
    for name, what, bar in (
        ("common", "a common radius", 1),
        ("class", "a radius per class", 1),
        ("prototype", "a radius per prototype", 8),
        ("k", "3 neighbours that vote", 15),
    ):
        Bar(f"more logic cells per PE for {what}, whole core", cells[name] - cells["none"], "<=", bar).show()


def main() -> None:
    """Print tables and bars."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=PARTS, action="append", help="default: all")
    parser.add_argument("--quick", action="store_true", help="only synthesise for ECP5")
    parser.add_argument("--jobs", type=int, default=1, help="builds at the same time")
    options = parser.parse_args()
    for name in options.part or PARTS:
        routed = not (options.quick and PARTS[name].family.name == "ecp5")
        found = measured_units(name, routed=routed, jobs=options.jobs)
        print_units(name, found)
        if name == "hx8k":
            show_unit_bars(found)
            show_core_bars(name, options.jobs)


if __name__ == "__main__":
    main()
