"""The ports that all distance units have: see `prototile.rtl.distance.lanes`."""

from amaranth.lib.wiring import In, Out


def unit_ports(*, query: int, memory: int, term: int) -> dict:
    """Ports by the bits of the query, of the memory's content and of the term."""
    return {
        "query": In(query),
        "memory": In(memory),
        "enable": In(1),
        "term": Out(term),
        "carry": Out(1),
    }
