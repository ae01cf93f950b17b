"""Sizes of the buffers around the grid, as plain numbers that the generator's estimate shares."""

#: Queries whose words the buffer holds: one that plays, one that comes in.
SLOTS = 2
#: Queries that play or whose record has not been taken: one in the collector, one in the output register behind it.
IN_FLIGHT = 2


def in_block_ram(depth: int, width: int) -> bool:
    """Whether a buffer or table of the front or back end is worth a block RAM."""
    return depth > 32 and depth * width > 256
