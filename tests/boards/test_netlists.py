"""Cores after synthesis for each family, in the models of its cells, against the golden model."""

import dataclasses
import re
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

import prototile as pt
from prototile.boards.build import BuildOptions, netlist
from prototile.boards.ecp5 import LFE5U_25F_6BG381
from prototile.boards.family import Family, Part, Resources
from prototile.boards.ice40 import UP5K_SG48
from prototile.boards.tools import cell_models
from prototile.boards.top import models
from prototile.data import load_dataset, train_prototypes
from prototile.design import compare
from prototile.sim.verilated import VerilatedCore

GOWIN_MODELS = Path(__file__).parent / "models" / "gowin.v"


@dataclasses.dataclass(frozen=True, kw_only=True)
class GowinSynthesis(Family):
    """Gowin as far as this project has it: synthesis of a core, as there is no board of this family yet."""

    cell_prefixes: ClassVar = {"lut": ("LUT",), "ff": ("DFF",), "bram": ("SP", "DPB", "DPX9B", "SDPB", "SDPX9B")}
    site_types: ClassVar = {}

    def synthesis_commands(self, part, *, top, dsp, flags):
        return [" ".join(["synth_gowin", "-top", top, *flags])]

    def part_arguments(self, part, *, constrained):
        return []

    def routed_arguments(self):
        return []

    def pack_arguments(self):
        return []

    def unpack_arguments(self, target):
        return []

    def check_unpacked(self, unpacked, *, routed, netlist):
        raise NotImplementedError

    def pll(self, *, input_mhz, output_mhz, from_pad):
        raise NotImplementedError

    def constraints(self, pins, *, clock_in_mhz):
        raise NotImplementedError


GOWIN = GowinSynthesis(
    name="gowin",
    place_tool="",
    pack_tool="",
    unpack_tool="",
    cell_models="gowin/cells_sim.v",
    constraints_file="pins.cst",
    routed_file="",
    bitstream_file="",
    block_ram_shapes=(),
)
PARTS = {
    "ice40": UP5K_SG48,
    "ecp5": LFE5U_25F_6BG381,
    "gowin": Part(name="GW1NR-9", family=GOWIN, device="", package="", available=Resources()),
}
#: A bit of the first word of a block RAM, in the names of each family.
MEMORY_WORD = {
    "ice40": r"(\.INIT_0\(256'b[01x]{255})([01])",
    "ecp5": r"(\.INITVAL_00\(320'h[0-9a-f]{79})([0-9a-f])",
    "gowin": r"(\.INIT_RAM_00\(\d+'h[0-9a-f]*)([0-9a-f])\)",
}


def family_models(name):
    if name == "gowin":
        return GOWIN_MODELS
    return Path(models.__globals__["__file__"]).with_name("models") / f"{name}.v"


def synthesised(design, name, tmp_path, *, dsp=False):
    source = tmp_path / "prototile_core.v"
    source.write_text(design.core_verilog)
    return netlist([source], top="prototile_core", part=PARTS[name], options=BuildOptions(dsp=dsp))


def verified(design, name, text, queries, tmp_path):
    path = tmp_path / "netlist.v"
    path.write_text(text)
    family = PARTS[name].family
    core = VerilatedCore(design.config, [path, family_models(name)], libraries=[cell_models(family.cell_models)])
    run = core.run(queries, writes=design.first_writes)
    return compare(design.golden.decide(queries), run.records, level="netlist", cycles=run.cycles)


def flipped(text, name):
    """The netlist with one bit of a memory changed."""
    found = re.search(MEMORY_WORD[name], text)
    at = found.start(2)
    return text[:at] + f"{int(text[at], 16) ^ 1:x}" + text[at + 1 :]


@pytest.fixture(scope="module", name="design")
def block_ram_design():
    chance = np.random.default_rng(2)
    prototypes, labels = chance.integers(0, 8, (6, 5)), np.arange(6) % 3
    return pt.convert(pt.PrototypeModel(prototypes, labels), bits=3, memory="block")


@pytest.fixture(scope="module", name="queries")
def prototypes_and_others(design):
    return np.vstack([design.quantised.prototypes, np.random.default_rng(3).integers(0, 8, (60, 5))])


@pytest.mark.tools
@pytest.mark.parametrize("name", PARTS)
def test_every_field_of_the_netlist(design, name, queries, tmp_path):
    found = verified(design, name, synthesised(design, name, tmp_path), queries, tmp_path)
    assert found.ok
    assert found.rows == 66


@pytest.mark.tools
@pytest.mark.parametrize("name", ["ecp5", *(pytest.param(name, marks=pytest.mark.slow) for name in ("ice40", "gowin"))])
def test_a_flipped_bit_of_a_memory_is_found(design, name, queries, tmp_path):
    assert not verified(design, name, flipped(synthesised(design, name, tmp_path), name), queries, tmp_path).ok


@pytest.mark.slow
@pytest.mark.parametrize("name", PARTS)
def test_a_changed_look_up_table_is_found(design, name, queries, tmp_path):
    text = synthesised(design, name, tmp_path)
    tables = {"ice40": r"\.LUT_INIT\(16'h(\w{4})\)", "ecp5": r"\.INIT\(16'h(\w{4})\)", "gowin": r"\.INIT\(8'h(\w{2})\)"}
    places = [one for one in re.finditer(tables[name], text) if set(one[1]) != {"0"}]
    wrong = 0
    for one in places[:: len(places) // 4][:4]:
        inverted = f"{int(one[1], 16) ^ (1 << 4 * len(one[1])) - 1:0{len(one[1])}x}"
        changed = text[: one.start(1)] + inverted + text[one.end(1) :]
        try:
            wrong += not verified(design, name, changed, queries, tmp_path).ok
        except pt.errors.ToolError:  # it does not even answer
            wrong += 1
    assert wrong >= 3  # a table whose inputs stand still may not show


@pytest.mark.slow
@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("memory", ["distributed", "block"])
def test_prototypes_that_are_written(name, memory, tmp_path):
    chance = np.random.default_rng(4)
    model = pt.PrototypeModel(chance.integers(0, 16, (6, 5)), np.arange(6) % 2)
    board = {"ecp5": "ulx3s-25f"}.get(name, "icebreaker")
    if memory == "distributed" and name == "ice40":
        pytest.skip("iCE40 has no RAM in look-up tables")
    board = "ulx3s-25f" if memory == "distributed" else board
    design = pt.convert(model, bits=4, memory=memory, writable=True, board=board)
    queries = chance.integers(0, 16, (40, 5))
    assert verified(design, name, synthesised(design, name, tmp_path), queries, tmp_path).ok


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ice40", "ecp5"])
def test_products_in_multiplier_blocks(name, tmp_path):
    chance = np.random.default_rng(6)
    model = pt.PrototypeModel(chance.integers(0, 256, (4, 3)), [0, 1, 0, 1], metric="l2")
    design = pt.convert(model, bits=8)
    text = synthesised(design, name, tmp_path, dsp=True)
    assert {"ice40": "SB_MAC16", "ecp5": "MULT18X18D"}[name] in text
    assert verified(design, name, text, chance.integers(0, 256, (30, 3)), tmp_path).ok


@pytest.mark.slow
@pytest.mark.parametrize("name", PARTS)
def test_digits_of_every_family(name, tmp_path):
    split = load_dataset("digits")
    design = pt.convert(train_prototypes("digits", split), split.X_train, bits=4)
    text = synthesised(design, name, tmp_path)
    queries, _ = design.quantise(split.X_test)
    found = verified(design, name, text, queries, tmp_path)
    assert (found.rows, found.mismatches) == (540, 0)
