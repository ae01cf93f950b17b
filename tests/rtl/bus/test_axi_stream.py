"""The core between AXI4-Streams, against the source and sink of cocotbext-axi."""

import re
import shutil

import pytest

from prototile.rtl.bus.axi_stream import AxiStream, byte_width, user_layout

TOP, BENCHES = "prototile_axi_stream", ["axi_stream_bench"]
needs_iverilog = pytest.mark.skipif(shutil.which("iverilog") is None, reason="iverilog is not installed")


@pytest.mark.tools
@pytest.mark.parametrize(
    ("name", "simulator"),
    [
        ("small", "verilator"),
        *(pytest.param(name, "icarus", marks=needs_iverilog) for name in ("wide", "single", "parallel")),
    ],
)
def test_every_record_is_right(bus_design, name, simulator, tmp_path):
    result = bus_design(name).run(tmp_path, top=TOP, benches=BENCHES, simulator=simulator)
    assert result.ok, (result.failed, result.log)


#: One fault each: what to replace in the Verilog, and the tests that must find it.
FAULTS = {
    "drop is not connected": (r"\.query_drop\([^)]*\)", ".query_drop(1'h0)", {"dropped_and_damaged_queries"}),
    "reset is not connected": (r"\.rst\([^)]*\)", ".rst(1'h0)", {"reset_in_mid_query"}),
    "records do not wait": (r"\.record_ready\([^)]*\)", ".record_ready(1'h1)", {"random_stalls"}),
    "tag is not connected": (r"\.query_tag\([^)]*\)", ".query_tag(8'h00)", {"back_to_back"}),
}


@pytest.mark.tools
@needs_iverilog
@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_found(bus_design, fault, tmp_path):
    pattern, replacement, finders = FAULTS[fault]
    design = bus_design("single")
    broken, count = re.subn(pattern, replacement, design.verilog[TOP])
    assert count == 1
    result = design.run(tmp_path, top=TOP, benches=BENCHES, changed={TOP: broken})
    assert finders <= set(result.failed)


def test_layouts():
    assert [(name, field.offset, field.width) for name, field in user_layout(5)] == [
        ("drop", 0, 1),
        ("saturated", 1, 5),
        ("tag", 6, 8),
    ]
    assert [byte_width(width) for width in (1, 8, 9)] == [8, 8, 16]


def test_widths_must_be_positive():
    with pytest.raises(ValueError, match="word_width must be a positive integer, not 0"):
        AxiStream(word_width=0, saturated_width=3, record_fields=(("prototype", 2, False),))
