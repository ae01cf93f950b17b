"""The core as a module of its own, for what is built around it."""

from amaranth.hdl import ClockSignal, Instance, ResetSignal

#: Module of the core, written by itself from `CoreTop`.
CORE_MODULE = "prototile_core"


def core_instance(query, record, write=None) -> Instance:
    """An instance of `CORE_MODULE` in the domain ``sync``: the core that is built is the file that was verified.

    Parameters
    ----------
    query : stream of `query_layout`
        Drives the core.
    record : stream of `record_layout`
        Driven by the core.
    write : stream of `write_layout`
        Drives a core whose memories can be written; None for another.
    """
    ports = {
        "i_clk": ClockSignal(),
        "i_rst": ResetSignal(),
        "i_query_valid": query.valid,
        "o_query_ready": query.ready,
        "o_record_valid": record.valid,
        "i_record_ready": record.ready,
    }
    ports |= {f"i_query_{name}": query.payload[name] for name, _ in query.payload.shape()}
    ports |= {f"o_record_{name}": record.payload[name] for name, _ in record.payload.shape()}
    if write is not None:
        ports |= {"i_write_valid": write.valid, "o_write_ready": write.ready}
        ports |= {f"i_write_{name}": write.payload[name] for name, _ in write.payload.shape()}
    return Instance(CORE_MODULE, **ports)
