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


def record_layout(fields: tuple[tuple[str, int, bool], ...]) -> data.StructLayout:
    """The decision record: `fields` are name, width, and whether signed, least significant first; the tag is last."""
    members = {name: signed(width) if is_signed else width for name, width, is_signed in fields}
    return data.StructLayout(members | {"tag": TAG_WIDTH})
