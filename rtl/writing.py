"""Ports through which a core's memories are written, one a field, for the modules that show them as they are."""

from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out


def write_ports(layout: data.StructLayout | None) -> dict:
    """``write_valid``, ``write_ready`` and the fields of `prototile.rtl.layout.write_layout`; none without a layout."""
    if layout is None:
        return {}
    fields = {f"write_{name}": In(field.shape) for name, field in layout}
    return {"write_valid": In(1), "write_ready": Out(1)} | fields


def connect_write(m, component, write) -> None:
    """Drive the stream `write` from the ports of `component`."""
    m.d.comb += [write.valid.eq(component.write_valid), component.write_ready.eq(write.ready)]
    for name, _ in write.payload.shape():
        m.d.comb += write.payload[name].eq(getattr(component, f"write_{name}"))


def write_stream(m, component, layout: data.StructLayout | None):
    """A stream that is driven from the ports of `component`; None without a layout."""
    if layout is None:
        return None
    write = stream.Signature(layout).create()
    connect_write(m, component, write)
    return write
