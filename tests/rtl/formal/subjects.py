"""Small designs to prove things of, made as those of users are: from a configuration and arrays."""

import numpy as np

from prototile.config import Configuration
from prototile.hardware import core
from prototile.nodes import Nodes
from prototile.placement import segment_count


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
    """Prototypes that differ from one another."""
    count, features = config.prototype_count, config.features
    values = np.arange(count * features).reshape(count, features) % (config.component_max + 1)
    radii = None
    if config.radii != "none":
        radii = np.full(count, 1)
    return Nodes(values=values, labels=np.array(labels), masks=None, shifts=None, radii=radii)


def core_of(*, labels, **fields):
    """The core of a small design, and its configuration."""
    config = configuration(labels=labels, **fields)
    return core(config, nodes(config, labels)), config
