"""Clock and reset under the names that a bus gives them."""

from amaranth.hdl import ClockDomain


def drive_sync(m, *, clock, reset) -> None:
    """Make the domain ``sync`` of module `m` from the port `clock` and the active-high value `reset`."""
    m.domains.sync = domain = ClockDomain("sync")
    m.d.comb += [domain.clk.eq(clock), domain.rst.eq(reset)]
