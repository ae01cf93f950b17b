"""From configuration and arrays to the hardware: shapes, memory images and tables, as plain integers."""

import numpy as np
from numpy.typing import NDArray

from prototile.config import Configuration
from prototile.nodes import Nodes
from prototile.placement import Placement, place
from prototile.rtl.collector import Tables
from prototile.rtl.core import Core
from prototile.rtl.grid import GridShape, TileImage
from prototile.rtl.record import RecordShape


def grid_shape(config: Configuration, placement: Placement) -> GridShape:
    """The shape that the hardware is built from."""
    return GridShape(
        metric=config.metric,
        bits=config.bits,
        lanes=config.lanes,
        words=config.words,
        memory_rows=config.memory_rows,
        pes_per_bank=config.pes_per_bank,
        place_width=config.place_width,
        bank_width=config.bank_width,
        column_width=config.column_width,
        key_width=config.key_width,
        round_interval=config.round_interval_cycles,
        distance_width=config.distance_width,
        radius=config.radii == "prototype",
        rows=config.rows,
        columns=config.columns,
        pes_per_tile=config.pes_per_tile,
        rounds=config.prototypes_per_pe,
        block_memory=config.memory == "block",
        memory_register=config.memory_register,
        uneven=is_uneven(placement),
    )


def is_uneven(placement: Placement) -> bool:
    """Whether some element holds a prototype in some rounds only."""
    held = placement.prototypes >= 0
    return bool(np.any(held.any(axis=0) & ~held.all(axis=0)))


def tile_images(
    config: Configuration,
    placement: Placement,
    nodes: Nodes,
) -> list[list[TileImage]]:
    """Contents of each tile, by row and column."""
    words = _complemented_words(config, nodes.values)
    if config.radii == "prototype":
        assert nodes.radii is not None
        words = np.hstack([words, _radius_words(config, nodes.radii)])
    in_tiles = placement.prototypes.reshape(-1, config.rows, config.columns, config.pes_per_tile)
    return [
        [_tile_image(config, words, in_tiles[:, row, column]) for column in range(config.columns)]
        for row in range(config.rows)
    ]


def _complemented_words(config: Configuration, prototypes: NDArray[np.integer]) -> NDArray[np.object_]:
    """(prototypes, words) integers: component j of a word in bits ``j * bits`` and up, all bits inverted."""
    padded = np.zeros((len(prototypes), config.words * config.lanes), dtype=object)
    padded[:, : config.features] = prototypes.astype(object)
    lanes = padded.reshape(len(prototypes), config.words, config.lanes)
    words = np.full(lanes.shape[:2], (1 << config.word_width) - 1, dtype=object)
    for lane in range(config.lanes):
        words = words ^ (lanes[:, :, lane] << (lane * config.bits))
    return words


def _radius_words(config: Configuration, radii: NDArray[np.integer]) -> NDArray[np.object_]:
    """(prototypes, distance_width) words of one bit of the radius each, most significant first."""
    places = range(config.distance_width - 1, -1, -1)
    return np.array([[int(radius) >> place & 1 for place in places] for radius in radii], dtype=object)


def _tile_image(config: Configuration, words: NDArray[np.object_], held: NDArray[np.int64]) -> TileImage:
    """`held`: (rounds, pes_per_tile) prototype indices of one tile, -1 for none."""
    members = [sum(1 << round_ for round_ in range(len(held)) if held[round_, at] >= 0) for at in range(held.shape[1])]
    while len(members) > 1 and not members[-1]:
        members.pop()
    memory: list[int] = []
    for round_ in held:
        rows = np.zeros(words.shape[1], dtype=object)
        for at in range(len(members)):
            if round_[at] >= 0:
                rows = rows | (words[round_[at]] << (at * config.word_width))
        memory.extend(int(row) for row in rows)
    return TileImage(memory=memory, members=members)


def tables(config: Configuration, placement: Placement, radii: NDArray[np.integer] | None) -> Tables:
    """What the collector looks up for each segment and position."""
    positions = 1 << config.position_width
    prototypes = np.zeros((placement.classes.size, positions), dtype=np.int64)
    at = np.arange(config.pes_per_row)
    column, in_tile = np.divmod(at, config.pes_per_tile)
    bank, in_bank = np.divmod(in_tile, config.pes_per_bank)
    position = (in_bank << config.bank_width | bank) << config.column_width | column
    held = placement.prototypes.reshape(placement.classes.size, -1)
    prototypes[:, position] = np.maximum(held, 0)
    segment_radii = None
    if config.radii in ("common", "class"):
        assert radii is not None
        segment_radii = [int(radii[row[0]]) if row[0] >= 0 else 0 for row in held]
    return Tables(
        prototypes=prototypes.ravel().tolist(),
        classes=[int(class_) if class_ >= 0 else None for class_ in placement.classes.ravel()],
        radii=segment_radii,
    )


def core(config: Configuration, nodes: Nodes) -> Core:
    """The core for a configuration and the arrays of its nodes."""
    placement = place(config, np.asarray(nodes.labels, dtype=np.int64))
    return Core(
        shape=grid_shape(config, placement),
        record=RecordShape(fields=config.record_fields(), min_margin=config.min_margin),
        images=tile_images(config, placement, nodes),
        tables=tables(config, placement, nodes.radii),
        query_interval=config.interval_cycles,
    )
