"""Mutants of a configuration: hardware of other numbers than those that the golden model has."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prototile.config import Configuration
from prototile.design import Design
from prototile.hardware import core
from prototile.nodes import Nodes
from prototile.placement import segment_count
from prototile.rtl.memories import STARTS_EMPTY
from prototile.rtl.top import CoreTop
from prototile.verilog import to_verilog_files


class NarrowConfiguration(Configuration):
    """A configuration whose accumulators, keys and records have a bit too few for the distance."""

    @property
    def distance_width(self) -> int:
        """One less than it takes."""
        return super().distance_width - 1


@dataclass(frozen=True)
class OtherNumbers:
    """Hardware of other numbers.

    Parameters
    ----------
    operator
        What kind of number is another.
    detail
        Which one, and what it is instead.
    config, nodes
        From which the hardware is made.
    """

    operator: str
    detail: str
    config: Configuration
    nodes: Nodes

    @property
    def key(self) -> str:
        """Name of the mutant in a design."""
        return f"{self.operator} | {self.detail}"


def other_numbers(design: Design, seed: int) -> list[OtherNumbers]:
    """Mutants of each kind that the design has, which prototypes and components are drawn."""
    numbers = np.random.default_rng(seed)
    config, nodes = design.config, design.quantised.nodes
    return [
        OtherNumbers(operator, detail, _for(config_, nodes_), nodes_)
        for operator, detail, config_, nodes_ in [
            # Where a memory starts with anything, what is written into it counts.
            *([] if config.memory in STARTS_EMPTY else _values(numbers, config, nodes)),
            *_labels(numbers, config, nodes),
            *_limits(numbers, config, nodes),
            *_shapes(config, nodes),
        ]
    ]


def _values(
    numbers: np.random.Generator, config: Configuration, nodes: Nodes
) -> Iterator[tuple[str, str, Configuration, Nodes]]:
    for _ in range(3):
        at = tuple(int(numbers.integers(size)) for size in nodes.values.shape)
        bit = int(numbers.integers(config.entry_max.bit_length() if config.metric == "table" else config.bits))
        values = _changed(nodes.values, at, int(nodes.values[at]) ^ 1 << bit)
        is_box = config.metric == "box"
        if values.max() > (config.entry_max if config.metric == "table" else config.component_max):
            continue
        if is_box and np.any(values[..., 0].astype(int) > values[..., 1].astype(int) + 1):
            continue
        yield "bit of a prototype", f"{list(at)} bit {bit}", config, replace(nodes, values=values)
    for name, operator in (("masks", "mask"), ("shifts", "weight")):
        array = getattr(nodes, name)
        if array is not None:
            at = tuple(int(numbers.integers(size)) for size in array.shape)
            other = not array[at] if name == "masks" else int(array[at]) ^ 1
            yield operator, f"{list(at)} {other}", config, replace(nodes, **{name: _changed(array, at, other)})
    if nodes.radii is not None:
        at = int(numbers.integers(nodes.count))
        labels = np.asarray(nodes.labels)
        same = {"common": labels >= 0, "class": labels == labels[at], "prototype": np.arange(nodes.count) == at}
        for step in (1, -1):
            radii = np.where(same[config.radii], np.maximum(nodes.radii.astype(int) + step, 0), nodes.radii)
            yield "radius", f"of {at} by {step}", config, replace(nodes, radii=radii)


def _labels(
    numbers: np.random.Generator, config: Configuration, nodes: Nodes
) -> Iterator[tuple[str, str, Configuration, Nodes]]:
    labels = np.asarray(nodes.labels)
    at = int(numbers.integers(nodes.count))
    others = np.flatnonzero(labels != labels[at])
    if others.size:
        other = int(numbers.choice(others))
        exchanged = np.arange(nodes.count)
        exchanged[[at, other]] = other, at
        yield "label", f"of {at} and {other} exchanged", config, replace(nodes, labels=labels[exchanged])
        yield "order of ties", f"{at} and {other} exchanged", config, _taken(nodes, exchanged)
    alike = np.flatnonzero((labels == labels[at]) & (np.arange(nodes.count) != at))
    if alike.size:
        other = int(numbers.choice(alike))
        exchanged = np.arange(nodes.count)
        exchanged[[at, other]] = other, at
        yield "order of ties", f"{at} and {other} of one class exchanged", config, _taken(nodes, exchanged)


def _limits(
    numbers: np.random.Generator, config: Configuration, nodes: Nodes
) -> Iterator[tuple[str, str, Configuration, Nodes]]:
    if config.k > 1:
        for k in (config.k - 1, config.k + 1):
            yield "neighbours", f"k = {k}", replace(config, k=k), nodes
    if config.min_margin is not None:
        for other in (config.min_margin - 1, config.min_margin + 1, None):
            yield "smallest margin", f"{other}", replace(config, min_margin=other), nodes
    if nodes.radii is not None and config.radii != "common":
        unequal = np.unique(nodes.radii).size > 1
        if unequal and config.radii == "prototype":
            common = np.full(nodes.count, nodes.radii[0])
            yield "kind of radius", "one for all", config, replace(nodes, radii=common)


def _shapes(config: Configuration, nodes: Nodes) -> Iterator[tuple[str, str, Configuration, Nodes]]:
    values = {one.name: getattr(config, one.name) for one in fields(Configuration)}
    if config.radii != "prototype" and config.distance_width > 1:
        yield "width of an accumulator", "a bit less", NarrowConfiguration(**values), nodes
    if config.metric in ("l1", "l2", "linf", "hamming"):
        yield "bits of a component", f"{config.bits + 1}", replace(config, bits=config.bits + 1), nodes
    if config.reduction == "serial" and config.memory in ("block", "logic"):
        register = not config.memory_register
        yield "pipeline register", f"{register}", replace(config, memory_register=register), nodes


def _changed(array: NDArray[Any], at: tuple[int, ...], value: Any) -> NDArray[Any]:
    changed = array.copy()
    changed[at] = value
    return changed


def _taken(nodes: Nodes, order: NDArray[np.int64]) -> Nodes:
    """The prototypes in another order, all that belongs to them with them."""
    return Nodes(**{name: None if array is None else array[order] for name, array in vars(nodes).items()})


def _for(config: Configuration, nodes: Nodes) -> Configuration:
    """The configuration with the rows that these labels need."""
    if config.reduction == "parallel" or isinstance(config, NarrowConfiguration):
        return config
    segments = segment_count(np.bincount(nodes.labels), config.pes_per_row)
    return replace(config, rows=-(-segments // config.prototypes_per_pe))


def verilog_of(mutants: list[OtherNumbers]) -> list[str]:
    """Verilog of ``prototile_core`` of each."""
    names = [f"mutant_{at}" for at in range(len(mutants))]
    tops = {name: CoreTop(core(mutant.config, mutant.nodes)) for name, mutant in zip(names, mutants, strict=True)}
    texts = to_verilog_files(tops)
    return [re.sub(rf"\b{name}\b", "prototile_core", texts[name]) for name in names]
