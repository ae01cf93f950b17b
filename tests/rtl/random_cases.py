"""Random configurations with their arrays and queries: drawn, kept in files, made simpler when one fails."""

import json
import random
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from prototile.config import MASKED_METRICS, METRICS, WEIGHTED_METRICS, Configuration
from prototile.hardware import core, memory_writes
from prototile.nodes import Nodes
from prototile.placement import segment_count
from prototile.rtl.memories import WRITABLE_ONLY
from prototile.rtl.top import CoreTop
from prototile.sim.golden import GoldenModel
from prototile.sim.verilated import VerilatedCore
from prototile.verilog import to_verilog


@dataclass(frozen=True)
class Case:
    """A configuration with its arrays and queries that make ties and meet extremes."""

    config: Configuration
    nodes: Nodes
    queries: np.ndarray
    saturated: np.ndarray

    @classmethod
    def load(cls, file):
        """Read what `save` wrote."""
        kept = json.loads(Path(file).read_text(encoding="utf-8"))
        nodes = {name: None if rows is None else np.array(rows) for name, rows in kept["nodes"].items()}
        return cls(
            config=Configuration(**kept["config"]),
            nodes=Nodes(**nodes),
            queries=np.array(kept["queries"]),
            saturated=np.array(kept["saturated"]),
        )

    def save(self, file):
        nodes = {
            name: None if array is None else np.asarray(array).tolist() for name, array in vars(self.nodes).items()
        }
        kept = {
            "config": self.config.to_dict(),
            "nodes": nodes,
            "queries": self.queries.tolist(),
            "saturated": self.saturated.tolist(),
        }
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(kept) + "\n", encoding="utf-8")

    def smaller(self):
        """Cases that are a step simpler than this one, the boldest steps first."""
        for half in (self.queries[: len(self.queries) // 2], self.queries[len(self.queries) // 2 :]):
            if 0 < len(half) < len(self.queries):
                yield replace(self, queries=half, saturated=self.saturated[: len(half)])
        count, features = self.config.prototype_count, self.config.features
        for kept in _parts(count):
            yield self._with(rows=kept)
        for kept in _parts(features):
            yield self._with(columns=kept)
        for name, plain in _PLAIN.items():
            if getattr(self.config, name) != plain:
                yield self._with(**{name: plain})
        for name in ("k", "pes_per_tile", "columns", "prototypes_per_pe", "lanes", "shift_max"):
            value = getattr(self.config, name)
            if value > 2 and self.config.reduction == "serial":
                yield self._with(**{name: value - 1})

    def _with(self, rows=slice(None), columns=None, **fields):
        """The case with other fields, and with these prototypes and features only."""
        nodes = {name: None if array is None else array[rows] for name, array in vars(self.nodes).items()}
        queries = self.queries
        if columns is not None:
            queries = queries[:, columns]
            for name in ("values", "masks", "shifts"):
                nodes[name] = None if nodes[name] is None else nodes[name][:, columns]
        for name, field, absent in (("masks", "masked", False), ("shifts", "shift_max", 0), ("radii", "radii", "none")):
            if fields.get(field) == absent:
                nodes[name] = None
        if fields.get("shift_max"):
            nodes["shifts"] = np.minimum(nodes["shifts"], fields["shift_max"])
        values = (
            self.config.to_dict() | {"prototype_count": len(nodes["labels"]), "features": queries.shape[1]} | fields
        )
        if values["memory"] == "logic":
            values["writable"] = False
        if self.config.reduction == "parallel":
            values |= {"lanes": values["features"], "pes_per_tile": int(np.bincount(nodes["labels"]).max())}
        return Case(
            config=Configuration(**(values | {"rows": _rows(nodes["labels"], values)})),
            nodes=Nodes(**nodes),
            queries=queries,
            saturated=np.minimum(self.saturated, queries.shape[1]),
        )

    def at_start(self):
        """The nodes in memory when nothing was written yet: others, where it can be written."""
        if not self.config.writable:
            return self.nodes
        arrays = {
            name: None if array is None else np.roll(array[:, ::-1] if array.ndim > 1 else array, 1, axis=0)
            for name, array in vars(self.nodes).items()
        }
        arrays["labels"] = self.nodes.labels
        return Nodes(**arrays | ({} if self.config.radii == "prototype" else {"radii": self.nodes.radii}))

    def verilog(self):
        return to_verilog(CoreTop(core(self.config, self.at_start())), "prototile_core")

    def writes(self):
        return memory_writes(self.config, self.nodes) if self.config.writable else None

    def golden(self):
        return GoldenModel(self.config, self.nodes).decide(self.queries, self.saturated)

    def compiled(self, folder):
        source = folder / "prototile_core.v"
        source.write_text(self.verilog())
        return VerilatedCore(self.config, [source])


#: The plainest value of each field that a case can do without.
_PLAIN = {
    "k": 1,
    "radii": "none",
    "min_margin": None,
    "masked": False,
    "shift_max": 0,
    "columns": 1,
    "pes_per_tile": 1,
    "prototypes_per_pe": 1,
    "lanes": 1,
    "memory": "logic",
    "memory_register": False,
    "metric": "l1",
}


def _parts(count):
    """Index arrays of one half, of the other, and of all but one."""
    if count < 2:
        return
    everything = np.arange(count)
    if count > 3:
        yield everything[: count // 2]
        yield everything[count // 2 :]
    for without in range(min(count, 8)):
        yield np.delete(everything, without)


def _rows(labels, values):
    segments = segment_count(np.bincount(labels), values["columns"] * values["pes_per_tile"])
    return -(-segments // values["prototypes_per_pe"])


def shrunk(case: Case, fails, tries=60) -> Case:
    """The simplest case that still fails and is found within so many tries, of a second or two each."""
    simpler = True
    while simpler:
        simpler = False
        for candidate in case.smaller():
            if not tries:
                return case
            tries -= 1
            if fails(candidate):
                case, simpler = candidate, True
                break
    return case


def draw(seed: int, **fixed) -> Case:
    """Draw a case; `fixed` replaces fields of the configuration."""
    choose = random.Random(seed)
    numbers = np.random.default_rng(seed)
    metric = fixed.get("metric", choose.choice(METRICS))
    features = choose.choice([1, 2, 3, 5, 8, 17])
    bits = choose.choice([1, 2, 3, 4] if metric == "table" else [1, 2, 3, 4, 5, 8, 11, 16])
    prototypes = fixed.get("prototype_count", choose.choice([1, 2, 3, 5, 9, 14, 20]))
    classes = fixed.get("class_count", choose.randint(1, min(prototypes, 5)))
    # The configuration may have more classes than have prototypes.
    held = min(classes, prototypes)
    labels = np.concatenate([np.arange(held), numbers.integers(0, held, prototypes - held)])
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
        "lanes": choose.choice([1, 1, 2, 3, 4, features]),
        "columns": choose.choice([1, 1, 2, 3]),
        "pes_per_tile": choose.choice([1, 2, 3, 4, 8, 9]),
        "prototypes_per_pe": choose.choice([1, 2, 3, 5]),
        "memory": choose.choice(["block", "block", "logic", "logic", "distributed", "single_port"]),
        "memory_register": choose.choice([False, True]),
    } | fixed
    may_be_written = values["memory"] == "block" and choose.choice([False, True])
    values = {"writable": values["memory"] in WRITABLE_ONLY or may_be_written} | values
    if values.get("reduction") == "parallel":
        values |= {"lanes": values["features"], "columns": 1, "prototypes_per_pe": 1, "memory": "logic"}
        values["writable"] = False
        values |= {"pes_per_tile": int(np.bincount(labels).max()), "memory_register": False, "k": 1}
    config = Configuration(rows=_rows(labels, values), **values)
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
