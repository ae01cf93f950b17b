"""The core between two AXI4-Streams."""

from amaranth.hdl import Cat, Module
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from prototile.rtl.bus.clocking import drive_sync
from prototile.rtl.checks import positive
from prototile.rtl.instance import core_instance
from prototile.rtl.layout import TAG_WIDTH, query_layout, record_layout
from prototile.rtl.writing import write_ports, write_stream


def byte_width(width: int) -> int:
    """Bits of the whole bytes that hold `width` bits."""
    return -(-width // 8) * 8


def user_layout(saturated_width: int) -> data.StructLayout:
    """``s_axis_tuser``, low bit first. All zero is an ordinary query, so a system without use for it ties it to 0."""
    return data.StructLayout({"drop": 1, "saturated": saturated_width, "tag": TAG_WIDTH})


def packed_record_layout(record_fields: tuple[tuple[str, int, bool], ...]) -> data.StructLayout:
    """``m_axis_tdata``, low bit first: the record without its tag, the fields without gaps."""
    members = dict(record_layout(record_fields))
    del members["tag"]
    return data.StructLayout({name: field.shape for name, field in members.items()})


class AxiStream(wiring.Component):
    """An instance of the core with a query of one packet on ``s_axis`` and a record of one beat on ``m_axis``.

    Wires only: no cycle and no register more than the core has, and no combinational way from an input to an output.

    Parameters
    ----------
    word_width, saturated_width
        Bits of a word of the query, and of the count of clipped components.
    record_fields
        Name, width, and whether signed, of each field of the record, least significant first.
    write
        Layout of a word for a memory of the core, whose ports are shown as they are; None if there are none.

    Attributes
    ----------
    aclk, aresetn : In(1)
        Clock, and synchronous reset, active low.
    s_axis_tdata : In(byte_width(word_width))
        One word of the query a beat, in the low bits.
    s_axis_tuser : In(user_layout(saturated_width))
        Taken with the beat that has ``s_axis_tlast``.
    s_axis_tvalid, s_axis_tready, s_axis_tlast : In(1), Out(1), In(1)
    m_axis_tdata : Out(byte_width(...))
        `packed_record_layout`, zeros above.
    m_axis_tuser : Out(TAG_WIDTH)
        The tag of the query.
    m_axis_tvalid, m_axis_tready, m_axis_tlast : Out(1), In(1), Out(1)
        ``m_axis_tlast`` is always high.
    """

    def __init__(
        self,
        *,
        word_width: int,
        saturated_width: int,
        record_fields: tuple[tuple[str, int, bool], ...],
        write: data.StructLayout | None = None,
    ):
        positive(word_width=word_width, saturated_width=saturated_width)
        self.word_width = word_width
        self.saturated_width = saturated_width
        self.record_fields = record_fields
        self.user = user_layout(saturated_width)
        self.record = packed_record_layout(record_fields)
        self.write = write
        super().__init__(
            write_ports(write)
            | {
                "aclk": In(1),
                "aresetn": In(1),
                "s_axis_tdata": In(byte_width(word_width)),
                "s_axis_tuser": In(self.user.size),
                "s_axis_tvalid": In(1),
                "s_axis_tready": Out(1),
                "s_axis_tlast": In(1),
                "m_axis_tdata": Out(byte_width(self.record.size)),
                "m_axis_tuser": Out(TAG_WIDTH),
                "m_axis_tvalid": Out(1),
                "m_axis_tready": In(1),
                "m_axis_tlast": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        drive_sync(m, clock=self.aclk, reset=~self.aresetn)
        query = stream.Signature(query_layout(self.word_width, self.saturated_width)).create()
        record = stream.Signature(record_layout(self.record_fields)).create()
        m.submodules.core = core_instance(query, record, write_stream(m, self, self.write))
        user = data.View(self.user, self.s_axis_tuser)
        m.d.comb += [
            query.payload.data.eq(self.s_axis_tdata),
            query.payload.last.eq(self.s_axis_tlast),
            query.payload.drop.eq(user.drop),
            query.payload.saturated.eq(user.saturated),
            query.payload.tag.eq(user.tag),
            query.valid.eq(self.s_axis_tvalid),
            self.s_axis_tready.eq(query.ready),
            self.m_axis_tdata.eq(Cat(record.payload[name] for name, _ in self.record)),
            self.m_axis_tuser.eq(record.payload.tag),
            self.m_axis_tlast.eq(1),
            self.m_axis_tvalid.eq(record.valid),
            record.ready.eq(self.m_axis_tready),
        ]
        return m
