"""Kinds of prototype memory: plain names, which the generator shares."""

#: Kinds of memory, and what synthesis calls them.
MEMORIES = {"block": "block", "logic": "logic", "distributed": "distributed", "single_port": "huge"}
#: Kinds that are there to be written.
WRITABLE_ONLY = ("distributed", "single_port")
#: Kinds whose contents the bitstream cannot set: they must be written before the first query.
STARTS_EMPTY = ("single_port",)
