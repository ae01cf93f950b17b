"""The bus interfaces in a design folder: modules beside the core, and their documentation."""

import re

from prototile.interfaces import interface_verilog, register_map

MODULES = ("prototile_axi_lite", "prototile_axi_stream", "prototile_core", "prototile_wishbone")


def test_each_file_holds_its_module_and_an_instance_of_the_core(design_folder):
    assert sorted(path.name for path in (design_folder / "rtl").iterdir()) == [f"{module}.v" for module in MODULES]
    for module in MODULES:
        text = (design_folder / "rtl" / f"{module}.v").read_text()
        assert re.search(rf"^module {module}\(", text, re.MULTILINE)
        assert text.count("prototile_core core (") == (module != "prototile_core")


def test_verilog_repeats(small_design, design_folder):
    verilog = interface_verilog(small_design.config, small_design.digest)
    assert verilog == interface_verilog(small_design.config, small_design.digest)
    for module, text in verilog.items():
        assert (design_folder / "rtl" / f"{module}.v").read_text() == text
        assert "always @*" not in text


def test_bench_runs_the_core_alone(design_folder):
    assert "\nVERILOG_SOURCES = ../rtl/prototile_core.v\n" in (design_folder / "tb" / "Makefile").read_text()


def test_readme_lists_every_register(small_design, design_folder):
    readme = (design_folder / "README.md").read_text()
    registers = register_map(small_design.config, small_design.digest).registers
    rows = re.findall(r"^\| `0x(\w+)` \| `(\w+)` \| ([a-z, ]+) \| (\d+)(, signed)? \| .+ \|$", readme, re.MULTILINE)
    assert [
        (int(offset, 16), name, access, int(width), bool(signed)) for offset, name, access, width, signed in rows
    ] == [
        (register.offset, register.name, register.access.value, register.width, register.signed)
        for register in registers
    ]
    digest = "".join(re.findall(r"`digest_\d` .*: `0x(\w{8})` \|", readme))
    assert digest == small_design.digest


def test_readme_tells_where_the_fields_lie_in_the_streams(small_design, design_folder):
    readme = (design_folder / "README.md").read_text()
    rows = re.findall(r"^\| `m_axis_tdata` \| ([\d:]+) \| `(\w+)` \|$", readme, re.MULTILINE)
    low = 0
    for (bits, name), (field, width, _) in zip(rows, small_design.config.record_fields(), strict=True):
        assert (name, bits) == (field, str(low) if width == 1 else f"{low + width - 1}:{low}")
        low += width
    rows = re.findall(r"^\| `s_axis_tuser` \| ([\d:]+) \| `(\w+)` \|$", readme, re.MULTILINE)
    assert [name for _, name in rows] == ["drop", "saturated", "tag"]
