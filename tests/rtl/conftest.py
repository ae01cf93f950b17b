import random
from dataclasses import dataclass

import numpy as np
import pytest

from prototile.config import MASKED_METRICS, METRICS, WEIGHTED_METRICS, Configuration
from prototile.hardware import core
from prototile.nodes import Nodes
from prototile.placement import segment_count
from prototile.rtl.top import CoreTop
from prototile.sim.golden import GoldenModel
from prototile.sim.verilated import Stalls, VerilatedCore
from prototile.verilog import to_verilog


@dataclass(frozen=True)
class Case:
    """A configuration with its arrays and queries that make ties and meet extremes."""

    config: Configuration
    nodes: Nodes
    queries: np.ndarray
    saturated: np.ndarray

    def verilog(self):
        return to_verilog(CoreTop(core(self.config, self.nodes)), "prototile_core")

    def golden(self):
        return GoldenModel(self.config, self.nodes).decide(self.queries, self.saturated)

    def compiled(self, folder):
        source = folder / "prototile_core.v"
        source.write_text(self.verilog())
        return VerilatedCore(self.config, [source])


def draw(seed: int, **fixed) -> Case:
    """Draw a case; `fixed` replaces fields of the configuration."""
    choose = random.Random(seed)
    numbers = np.random.default_rng(seed)
    metric = fixed.get("metric", choose.choice(METRICS))
    features = choose.choice([1, 2, 3, 5, 8, 17])
    bits = choose.choice([1, 2, 3, 4] if metric == "table" else [1, 2, 3, 4, 5, 8])
    prototypes = choose.choice([1, 2, 3, 7, 20, 33])
    classes = choose.randint(1, min(prototypes, 5))
    labels = np.concatenate([np.arange(classes), numbers.integers(0, classes, prototypes - classes)])
    numbers.shuffle(labels)
    values = {
        "features": features,
        "bits": bits,
        "metric": metric,
        "masked": metric in MASKED_METRICS and choose.choice([False, False, True]),
        "shift_max": choose.choice([0, 0, 1, 2, 3]) if metric in WEIGHTED_METRICS else 0,
        "entry_max": choose.choice([1, 5, 16, 100]) if metric == "table" else 0,
        "k": choose.choice([1, 1, 1, 2, 3, 5, 15]),
        "prototype_count": prototypes,
        "class_count": classes,
        "radii": choose.choice(["none", "common", "class", "prototype"]),
        "min_margin": choose.choice([None, None, 0, 1, 3]),
        "lanes": choose.choice([1, 1, 2, 3, 4]),
        "columns": choose.choice([1, 1, 2, 3]),
        "pes_per_tile": choose.choice([1, 2, 3, 4, 8, 9]),
        "prototypes_per_pe": choose.choice([1, 2, 3, 5]),
        "memory": choose.choice(["block", "logic"]),
        "memory_register": choose.choice([False, True]),
    } | fixed
    if values.get("reduction") == "parallel":
        values |= {"lanes": values["features"], "columns": 1, "prototypes_per_pe": 1, "memory": "logic"}
        values |= {"pes_per_tile": int(np.bincount(labels).max()), "memory_register": False, "k": 1}
    segments = segment_count(np.bincount(labels), values["columns"] * values["pes_per_tile"])
    config = Configuration(rows=-(-segments // values["prototypes_per_pe"]), **values)
    # Few levels make many ties, all of them the largest distances.
    top = choose.choice([1, 3, config.component_max])
    top = min(top, config.component_max)
    points = numbers.integers(0, top + 1, (prototypes, config.features))
    queries = numbers.integers(0, top + 1, (48, config.features))
    queries[::5] = points[numbers.integers(0, prototypes, len(queries[::5]))]
    queries[1], queries[2] = 0, config.component_max
    nodes = Nodes(
        values=_values(config, numbers, points, top),
        labels=labels,
        masks=numbers.random(points.shape) < 0.7 if config.masked else None,
        shifts=numbers.integers(0, config.shift_max + 1, points.shape) if config.shift_max else None,
        radii=_radii(config, numbers, labels),
    )
    return Case(
        config=config,
        nodes=nodes,
        queries=queries,
        saturated=numbers.integers(0, config.features + 1, len(queries)),
    )


def _values(config, numbers, points, top):
    """What the metric makes of points: themselves, boxes that begin there, or tables."""
    if config.metric == "box":
        widths = numbers.integers(-1, max(1, top // 2) + 1, points.shape)
        return np.stack([points, np.clip(points + widths, 0, config.component_max)], axis=2)
    if config.metric == "table":
        return numbers.integers(0, config.entry_max + 1, (*points.shape, 1 << config.bits))
    return points


def _radii(config, numbers, labels):
    largest = config.distance_max + 1
    third = max(1, largest // 3) + 1
    if config.radii == "common":
        return np.full(len(labels), numbers.integers(0, largest + 1))
    if config.radii == "class":
        return numbers.integers(0, third, config.class_count)[labels]
    if config.radii == "prototype":
        radii = numbers.integers(0, third, len(labels))
        radii[0] = largest
        return radii
    return None


@pytest.fixture(name="draw")
def draw_fixture():
    return draw


STALLS = [
    Stalls(),
    Stalls(source=0.3, sink=0.5, seed=2),
    Stalls(sink=0.97, seed=3),
    Stalls(source=0.9, seed=4),
]


def check(case: Case, folder):
    """Compare every field of every record with the golden model, and the cycles with their formulas."""
    golden = case.golden()
    simulated = case.compiled(folder)
    config = case.config
    # Queries without a record are played again after a reset, so some must get through between two.
    resets = Stalls(source=0.1, reset_every=max(config.latency_cycles, 3 * config.interval_cycles) + 7, seed=5)
    for stalls in [*STALLS, resets]:
        assert_equal_records(simulated.run(case.queries, case.saturated, stalls).records, golden)
    run = simulated.run(case.queries, case.saturated)
    assert run.taken[0] - run.first_word[0] == config.latency_cycles
    assert set(np.diff(run.taken)) == {config.interval_cycles}


def assert_equal_records(found, golden):
    for name in golden.dtype.names:
        np.testing.assert_array_equal(found[name], golden[name], err_msg=name)


@pytest.fixture(name="check")
def check_fixture():
    return check
