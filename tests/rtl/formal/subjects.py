"""Small designs to prove things of, made as those of users are: from a configuration and arrays."""

from dataclasses import dataclass

import numpy as np

from prototile.config import Configuration
from prototile.hardware import core
from prototile.nodes import Nodes
from prototile.placement import segment_count


@dataclass(frozen=True)
class Key:
    """A key that the grid sends of a query: its round, readout and row, and the cycles from the first key to it."""

    round_: int
    readout: int
    row: int
    after: int


def keys_of(config: Configuration) -> list[Key]:
    """The keys of a query, in the order in which they come."""
    rounds, passes = range(config.prototypes_per_pe), range(config.k)
    return [
        Key(at, by, row, at * config.round_interval_cycles + by * config.pass_interval_cycles + 2 * row)
        for at in rounds
        for by in passes
        for row in range(config.rows)
    ]


def configuration(*, labels, **fields) -> Configuration:
    """A configuration for prototypes of these classes."""
    values = {
        "features": 1,
        "bits": 1,
        "metric": "l1",
        "radii": "none",
        "lanes": 1,
        "columns": 1,
        "pes_per_tile": 1,
        "prototypes_per_pe": 1,
        "memory": "logic",
        "memory_register": False,
        "prototype_count": len(labels),
        "class_count": max(labels) + 1,
        **fields,
    }
    segments = segment_count(np.bincount(labels), values["columns"] * values["pes_per_tile"])
    return Configuration(rows=-(-segments // values["prototypes_per_pe"]), **values)


def nodes(config: Configuration, labels) -> Nodes:
    """Prototypes drawn at random, the same each time, and radii that differ as far as they may."""
    count, features = config.prototype_count, config.features
    at, classes = np.arange(count), np.array(labels)
    values = np.random.default_rng(0).integers(0, config.component_max + 1, (count, features))
    radii = {
        "none": None,
        "common": np.full(count, 1),
        "class": 1 + classes % config.distance_max,
        "prototype": 1 + at % config.distance_max,
    }
    return Nodes(values=values, labels=classes, masks=None, shifts=None, radii=radii[config.radii])


def core_of(*, labels, **fields):
    """The core of a small design, and its configuration."""
    config = configuration(labels=labels, **fields)
    return core(config, nodes(config, labels)), config
