"""From configuration and arrays to the hardware: shapes, memory images and tables, as plain integers."""

from typing import Any

import numpy as np
from amaranth.lib.data import StructLayout
from numpy.typing import NDArray

from prototile.config import CHUNK_BITS, Configuration, bit_count
from prototile.estimate import Memory, identity_memory, memories, memory_kind, query_buffer
from prototile.nodes import Nodes
from prototile.placement import Placement, place, row_occupancy
from prototile.rtl.collector import Tables
from prototile.rtl.core import Core
from prototile.rtl.grid import GridShape, TileImage
from prototile.rtl.link.protocol import byte_count, image_layout
from prototile.rtl.parallel import ParallelCore, ParallelShape, Prototype
from prototile.rtl.record import RecordShape


def grid_shape(config: Configuration, placement: Placement) -> GridShape:
    """The shape that the hardware is built from."""
    return GridShape(
        unit=config.unit,
        passes=config.k,
        pass_interval=config.pass_interval_cycles,
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
        memory=config.memory,
        writable=config.writable,
        memory_register=config.memory_register,
        uneven=is_uneven(placement),
    )


def is_uneven(placement: Placement) -> bool:
    """Whether some element holds a prototype in some rounds only."""
    held = placement.prototypes >= 0
    return bool(np.any(held.any(axis=0) & ~held.all(axis=0)))


def tile_images(config: Configuration, placement: Placement, nodes: Nodes) -> list[list[TileImage]]:
    """Contents of each tile, by row and column."""
    words = _all_words(config, nodes)
    in_tiles = placement.prototypes.reshape(-1, config.rows, config.columns, config.pes_per_tile)
    return [
        [_tile_image(config, words, in_tiles[:, row, column]) for column in range(config.columns)]
        for row in range(config.rows)
    ]


def _all_words(config: Configuration, nodes: Nodes) -> NDArray[np.object_]:
    """`memory_words`, and after them the bits of each prototype's own radius."""
    words = memory_words(config, nodes)
    if config.radii != "prototype":
        return words
    assert nodes.radii is not None
    return np.concatenate([words, _radius_words(config, words.shape, nodes.radii)], axis=2)


def memory_words(config: Configuration, nodes: Nodes) -> NDArray[np.object_]:
    """Words of the prototypes' memories, as `prototile.rtl.distance.lanes` wants them.

    Returns
    -------
    (memories, prototypes, words, levels) object array of ints
        One memory with words of all lanes, component j from bit ``j * config.unit.component_width`` on; or, for tables,
        one memory a lane. Levels are those of a query's component for tables, else there is one.
    """
    components = component_words(config, nodes)
    lanes = components.reshape(len(components), config.words, config.lanes, -1)
    if config.metric == "table":
        return np.moveaxis(lanes, 2, 0)
    if config.unit.is_coded:
        lanes = _coded(config, lanes)
    words = np.zeros(lanes.shape[:2], dtype=object)
    for lane in range(config.lanes):
        words = words | (lanes[:, :, lane, 0] << (lane * config.unit.component_width))
    return words[None, :, :, None]


def component_words(config: Configuration, nodes: Nodes) -> NDArray[np.object_]:
    """What the memories hold of each component, before words are coded.

    Returns
    -------
    (prototypes, components, levels) object array of ints
        Components are those of all words, the last of which may be filled up. Levels as in `memory_words`.
    """
    return _padded(config, _components(config, nodes))


def _components(config: Configuration, nodes: Nodes) -> NDArray[np.object_]:
    values: NDArray[Any] = nodes.values.astype(object)
    largest = config.component_max
    if config.metric == "table":
        return values
    word: NDArray[Any]
    if config.metric == "box":
        word = largest - values[:, :, 1] | values[:, :, 0] << config.bits
        return word[:, :, None]
    word = largest - values
    width = config.bits
    if config.masked:
        assert nodes.masks is not None
        word = word | (~nodes.masks).astype(int).astype(object) << width
        width += 1
    if config.shift_max:
        assert nodes.shifts is not None
        word = word | nodes.shifts.astype(object) << width
    return word[:, :, None]


def _padded(config: Configuration, components: NDArray[np.object_]) -> NDArray[np.object_]:
    """Fill the last word with components that add nothing to a query's zeros."""
    count, _, levels = components.shape
    nothing = 0 if config.metric == "table" else config.component_max
    padding = np.full((count, config.words * config.lanes - config.features, levels), nothing, dtype=object)
    return np.concatenate([components, padding], axis=1)


def _coded(config: Configuration, lanes: NDArray[np.object_]) -> NDArray[np.object_]:
    """(prototypes, words, lanes, 1) complements of components, of words coded by `UnitShape.code`."""
    places = np.arange(config.bits)
    # A code is one of words, and memory holds the complement.
    plain = 1 - (lanes.astype(np.int64) >> places & 1).reshape(*lanes.shape[:2], -1)
    bits = np.stack([1 - plain[:, :, list(parity)].sum(axis=2) % 2 for parity in config.unit.code], axis=2)
    coded: NDArray[np.object_] = (bits.reshape(*lanes.shape[:3], -1) << places).sum(axis=3, keepdims=True)
    return coded.astype(object)


def _radius_words(config: Configuration, shape: tuple[int, ...], radii: NDArray[np.integer]) -> NDArray[np.object_]:
    """Words of one bit of the radius each, most significant first, whatever the query's component is."""
    memories, _, _, levels = shape
    places = range(config.distance_width - 1, -1, -1)
    bits = np.array([[int(radius) >> place & 1 for place in places] for radius in radii], dtype=object)
    return np.broadcast_to(bits[None, :, :, None], (memories, *bits.shape, levels))


def memory_writes(config: Configuration, nodes: Nodes) -> NDArray[np.void]:
    """Words that put the prototypes into the memories of a grid that can be written.

    Returns
    -------
    (writes,) structured array
        ``row``, ``column``, ``element``, ``address`` as in `prototile.rtl.layout.write_layout`, and ``data`` as 32-bit
        chunks, the lowest first. Places that no prototype fills are left as they are.
    """
    words = _all_words(config, nodes)
    placement = place(config, np.asarray(nodes.labels, dtype=np.int64))
    held = placement.prototypes.reshape(-1, config.rows, config.columns, config.pes_per_tile)
    memories, _, rows, levels = words.shape
    # A table's entries of all lanes go into the memories at once.
    joined = np.zeros(words.shape[1:], dtype=object)
    for memory in range(memories):
        joined |= words[memory] << (memory * config.unit.field_width)
    chunks = -(-config.unit.memory_width // CHUNK_BITS)
    found = np.argwhere(held >= 0)
    writes = np.zeros(
        (len(found), rows * levels),
        dtype=[*((name, "<i8") for name in ("row", "column", "element", "address")), ("data", "<u4", chunks)],
    )
    for name, at in zip(("row", "column", "element"), (1, 2, 3), strict=True):
        writes[name] = found[:, at, None]
    writes["address"] = found[:, :1] * rows * levels + np.arange(rows * levels)
    data = joined[held[tuple(found.T)]].reshape(len(found), -1)
    for chunk in range(chunks):
        writes["data"][:, :, chunk] = (data >> (chunk * CHUNK_BITS)) & ((1 << CHUNK_BITS) - 1)
    return writes.ravel()


def memory_image(writes: NDArray[np.void], word: StructLayout) -> NDArray[np.uint8]:
    """`memory_writes` as the link takes them, (writes, bytes): `prototile.rtl.link.protocol.image_layout` of `word`."""
    layout = image_layout(word)
    columns = [np.zeros((len(writes), 1), dtype=np.uint8)]
    for name, field in word:
        width = field.width
        chunks = writes["data"] if name == "data" else writes[name][:, None]
        bits = chunks[:, :, None] >> np.arange(CHUNK_BITS if name == "data" else width, dtype=chunks.dtype) & 1
        columns.append(bits.reshape(len(writes), -1)[:, :width].astype(np.uint8))
    packed = np.packbits(np.concatenate(columns, axis=1), axis=1, bitorder="little")
    image = np.zeros((len(writes), byte_count(layout.size)), dtype=np.uint8)
    image[:, : packed.shape[1]] = packed
    return image


def _tile_image(config: Configuration, words: NDArray[np.object_], held: NDArray[np.int64]) -> TileImage:
    """`held`: (rounds, pes_per_tile) prototype indices of one tile, -1 for none."""
    members = [sum(1 << round_ for round_ in range(len(held)) if held[round_, at] >= 0) for at in range(held.shape[1])]
    while len(members) > 1 and not members[-1]:
        members.pop()
    memories, _, rows, levels = words.shape
    width = config.unit.field_width
    contents = np.zeros((memories, len(held), rows, levels), dtype=object)
    for at in range(len(members)):
        for round_ in np.flatnonzero(held[:, at] >= 0):
            contents[:, round_] |= words[:, held[round_, at]] << (at * width)
    return TileImage(memories=[[int(row) for row in memory.ravel()] for memory in contents], members=members)


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


def planned_memories(config: Configuration, nodes: Nodes) -> tuple[Memory, ...]:
    """The memories of `prototile.estimate.memories` as synthesis makes them: it drops bits that never change.

    Such are common: a mask that ignores nothing, a box without a lower bound, a table whose entries are small.
    """
    labels = np.asarray(nodes.labels, dtype=np.int64)
    if config.reduction == "parallel":
        return memories(config, row_occupancy(config, np.bincount(labels, minlength=config.class_count)))
    placement = place(config, labels)
    granule = config.unit.field_width
    contents = [
        Memory(
            name="prototypes",
            width=granule * len(image.members) if config.writable else _changing_bits(rows),
            depth=config.memory_depth,
            writable=config.writable,
            kind=config.memory,
            granule=granule if config.writable else None,
        )
        for images in tile_images(config, placement, nodes)
        for image in images
        for rows in image.memories
    ]
    looked_up = _planned_tables(config, tables(config, placement, nodes.radii))
    return (query_buffer(config), *looked_up, *contents, *identity_memory(config))


def _planned_tables(config: Configuration, looked_up: Tables) -> tuple[Memory, Memory]:
    """The collector's, which is in block RAM or not before synthesis drops bits."""
    index, radii = looked_up.prototypes, looked_up.radii or [0]
    classes = [0 if class_ is None else class_ << 1 | 1 for class_ in looked_up.classes]
    radius_width = 0 if looked_up.radii is None else bit_count(max(radii))
    return (
        Memory(
            name="index table",
            width=_changing_bits(index),
            depth=len(index),
            kind=memory_kind(len(index), config.index_width),
        ),
        Memory(
            name="class table",
            width=_changing_bits(classes) + _changing_bits(radii),
            depth=len(classes),
            kind=memory_kind(len(classes), 1 + config.class_width + radius_width),
        ),
    )


def _changing_bits(rows: list[int]) -> int:
    """How many bits differ between some rows."""
    changing = 0
    for row in rows:
        changing |= row ^ rows[0]
    return changing.bit_count()


def core(config: Configuration, nodes: Nodes) -> Core | ParallelCore:
    """The core for a configuration and the arrays of its nodes."""
    record = RecordShape(fields=config.record_fields(), min_margin=config.min_margin)
    if config.reduction == "parallel":
        return ParallelCore(shape=parallel_shape(config), record=record, prototypes=constant_prototypes(config, nodes))
    placement = place(config, np.asarray(nodes.labels, dtype=np.int64))
    return Core(
        shape=grid_shape(config, placement),
        record=record,
        images=tile_images(config, placement, nodes),
        tables=tables(config, placement, nodes.radii),
        query_interval=config.interval_cycles,
    )


def parallel_shape(config: Configuration) -> ParallelShape:
    """The shape of the parallel form."""
    return ParallelShape(
        unit=config.unit,
        distance_width=config.distance_width,
        radii=config.radii,
        member_levels=config.member_levels,
        class_levels=config.class_levels,
        queries=config.queries_inside,
    )


def constant_prototypes(config: Configuration, nodes: Nodes) -> list[Prototype]:
    """What is constant in each element of the parallel form."""
    terms = _terms(config, nodes).tolist() if config.looks_terms_up else None
    words = memory_words(config, nodes)[0, :, 0, 0] if terms is None else None
    return [
        Prototype(
            index=index,
            class_=int(label),
            word=0 if words is None else int(words[index]),
            tables=None if terms is None else terms[index],
            radius=None if nodes.radii is None else int(nodes.radii[index]),
        )
        for index, label in enumerate(nodes.labels)
    ]


def _terms(config: Configuration, nodes: Nodes) -> NDArray[Any]:
    """(prototypes, features, levels) what each value of a query's component adds to the distance."""
    if config.metric == "table":
        return nodes.values
    values = nodes.values.astype(np.int64)
    levels = np.arange(config.component_max + 1)
    terms: NDArray[Any]
    if config.metric == "box":
        lower, upper = values[:, :, 0, None], values[:, :, 1, None]
        terms = np.maximum(0, np.maximum(lower - levels, levels - upper))
        return terms
    difference = np.abs(values[:, :, None] - levels)
    terms = difference if config.metric == "l1" else difference**2
    if nodes.masks is not None:
        terms = terms * nodes.masks[:, :, None]
    return terms if nodes.shifts is None else terms << nodes.shifts[:, :, None].astype(np.int64)
