"""Payloads of the two streams of the core."""

from amaranth.hdl import signed
from amaranth.lib import data

#: Bits of the tag that comes back with the record of a query.
TAG_WIDTH = 8


def query_layout(word_width: int, saturated_width: int) -> data.StructLayout:
    """One word of a query.

    ``last`` marks the last word. What follows is sampled with it: ``drop`` forgets the query, ``saturated`` is the
    count of components that its quantiser clipped, ``tag`` is anything that should come back with the record.
    """
    return data.StructLayout({"data": word_width, "last": 1, "drop": 1, "saturated": saturated_width, "tag": TAG_WIDTH})


def write_layout(
    *, row_width: int, column_width: int, element_width: int, address_width: int, memory_width: int
) -> data.StructLayout:
    """A word for the memory of one prototype element.

    ``row`` and ``column`` name the tile, ``element`` the element within. ``address`` counts rows of its memory: words
    of the first round, the bits of its radius, the next round; and for a table the levels of each.
    """
    members = {
        "row": row_width,
        "column": column_width,
        "element": element_width,
        "address": address_width,
        "data": memory_width,
    }
    return data.StructLayout({name: max(1, width) for name, width in members.items()})


def record_layout(fields: tuple[tuple[str, int, bool], ...]) -> data.StructLayout:
    """The decision record: `fields` are name, width, and whether signed, least significant first; the tag is last."""
    members = {name: signed(width) if is_signed else width for name, width, is_signed in fields}
    return data.StructLayout(members | {"tag": TAG_WIDTH})
