"""The core behind AXI4-Lite and Wishbone, against the masters of cocotbext-axi and cocotbext-wishbone."""

import re
import shutil
from pathlib import Path

import pytest

from prototile.rtl.bus.register_map import ADDRESS_WIDTH, RECORD_OFFSET, Access, Identity, RegisterMap

AXI_LITE, WISHBONE = "prototile_axi_lite", "prototile_wishbone"
BENCHES = {
    AXI_LITE: ["registers_bench", "axi_lite_bench"],
    WISHBONE: ["registers_bench", "wishbone_bench"],
}
needs_iverilog = pytest.mark.skipif(shutil.which("iverilog") is None, reason="iverilog is not installed")


@pytest.mark.tools
@pytest.mark.parametrize("top", BENCHES)
@pytest.mark.parametrize(
    ("name", "simulator"),
    [
        ("small", "verilator"),
        *(pytest.param(name, "icarus", marks=needs_iverilog) for name in ("wide", "single", "parallel")),
    ],
)
def test_every_record_is_right(bus_design, name, simulator, top, tmp_path):
    result = bus_design(name).run(tmp_path, top=top, benches=BENCHES[top], simulator=simulator)
    assert result.ok, (result.failed, result.log)


#: One fault each: where, what to replace in the Verilog, and the tests that must find it (others may, too).
FAULTS = {
    "abort does not drop": (AXI_LITE, r"(\.query_drop\()[^)]*", r"\g<1>1'h0", {"abort"}),
    "reset does not reach the core": (
        AXI_LITE,
        r"(\.record_valid\(record__valid\),\s*\.rst\()rst\)",
        r"\g<1>1'h0)",
        {"reset_in_mid_query"},
    ),
    "strobes are ignored": (
        AXI_LITE,
        r"assign (\S+) +=\s*& \S+ *\[35:32\];",
        r"assign \1  = 1'h1;",
        {"refused_accesses_change_nothing"},
    ),
    "a word is taken always": (
        AXI_LITE,
        r"(assign \\status\.query_ready +=) [^;]*;",
        r"\1 1'h1;",
        {"as_many_as_it_takes"},
    ),
    "address without data": (
        AXI_LITE,
        r"assign s_axi_wready = ~ (\S+) ;",
        r"assign s_axi_wready = 1'h1;",
        {"responses_wait"},
    ),
    "no acknowledge in between": (WISHBONE, r"assign (\S+) +=\s*~ wb_ack_o;", r"assign \1  = 1'h1;", {"every_record"}),
    "strobe without cycle": (
        WISHBONE,
        r"wb_cyc_i & wb_stb_i",
        "wb_stb_i",
        {"nothing_without_cycle_and_strobe"},
    ),
    "errors are acknowledged": (
        WISHBONE,
        r"wb_we_i \? write_refused : read_refused",
        "1'h0",
        {"refused_accesses_change_nothing"},
    ),
}


@pytest.mark.tools
@needs_iverilog
@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_found(bus_design, fault, tmp_path):
    top, pattern, replacement, finders = FAULTS[fault]
    design = bus_design("single" if fault != "abort does not drop" else "small")
    broken, count = re.subn(pattern, replacement, design.verilog[top])
    assert count
    result = design.run(tmp_path, top=top, benches=BENCHES[top], changed={top: broken})
    assert finders <= set(result.failed)


IDENTITY = Identity(digest=(1, 2, 3, 4), features=5, bits=16, lanes=3, words=2, prototypes=7, classes=3)
FIELDS = (("prototype", 3, False), ("distance", 34, False), ("margin", 35, True), ("tie", 1, False))


def register_map(**changes):
    return RegisterMap(**({"identity": IDENTITY, "saturated_width": 3, "record_fields": FIELDS} | changes))


def test_names_and_offsets_are_unique_and_rise():
    registers = register_map().registers
    offsets = [register.offset for register in registers]
    assert offsets == sorted(set(offsets))
    assert not any(offset % 4 for offset in offsets)
    assert len({register.name for register in registers}) == len(registers)


def test_documentation_lists_every_register(bus_design):
    text = (Path(__file__).parents[3] / "docs" / "interfaces.md").read_text()
    rows = re.findall(r"^\| `0x(\w+)` \| `(\w+)` \| ([a-z, ]+) \|", text, re.MULTILINE)
    assert [(int(offset, 16), name, access) for offset, name, access in rows] == [
        (register["offset"], register["name"], register["access"]) for register in bus_design("small").registers()
    ]


def test_a_wide_field_takes_two_registers():
    map_ = register_map()
    parts = [(part.register.name, part.register.offset - RECORD_OFFSET, part.low, part.width) for part in map_.record]
    assert parts == [
        ("record_tag", 0, 0, 8),
        ("record_prototype", 4, 0, 3),
        ("record_distance", 8, 0, 32),
        ("record_distance_1", 12, 32, 2),
        ("record_margin", 16, 0, 32),
        ("record_margin_1", 20, 32, 3),
        ("record_tie", 24, 0, 1),
    ]
    assert [part.register.name for part in map_.record if part.register.signed] == ["record_margin_1"]
    assert map_.writes_per_word == 2
    assert map_["control"].access is Access.WRITE


def test_no_such_register():
    with pytest.raises(KeyError, match="record_colour"):
        register_map()["record_colour"]


def test_registers_must_fit_the_bus():
    fields = tuple((f"field_{at}", 1, False) for at in range(1 << ADDRESS_WIDTH - 2))
    with pytest.raises(ValueError, match="the registers take 4228 bytes, more than the 4096 of the bus"):
        register_map(record_fields=fields)


def test_widths_must_be_positive():
    with pytest.raises(ValueError, match="saturated_width must be a positive integer, not 0"):
        register_map(saturated_width=0)
