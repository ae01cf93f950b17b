"""Lattice ECP5."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

from prototile.boards.family import BlockRamShape, Family, Part, Pll, Resources, pll_rates
from prototile.boards.pins import Pin

#: Limits of EHXPLLL in MHz (Lattice FPGA-TN-02200): input, output, oscillator, phase detector.
_INPUT, _OUTPUT, _OSCILLATOR, _DETECTOR = (8, 400), (10, 400), (400, 800), (Fraction(25, 8), 400)
#: The middle of its range, where the oscillator has most room.
_OSCILLATOR_MIDDLE = 600


@dataclass(frozen=True, kw_only=True)
class Ecp5Pll(Pll):
    """Settings of EHXPLLL with feedback from its output: ``output = input * feedback_div / input_div``."""

    input_mhz: Fraction
    input_div: int
    feedback_div: int
    output_div: int

    @property
    def detector_mhz(self) -> Fraction:
        """Frequency at the phase detector."""
        return self.input_mhz / self.input_div

    @property
    def output_mhz(self) -> Fraction:  # type: ignore[override]  # computed here, an attribute of the base
        """Frequency of the output."""
        return self.detector_mhz * self.feedback_div

    @property
    def oscillator_mhz(self) -> Fraction:
        """Frequency of the oscillator."""
        return self.output_mhz * self.output_div

    def instance(self, *, clock_in: str, clock_out: str, locked: str) -> str:
        """Verilog of its instance between three nets."""
        return f"""\
  (* FREQUENCY_PIN_CLKI = "{float(self.input_mhz):g}", FREQUENCY_PIN_CLKOP = "{float(self.output_mhz):g}" *)
  (* ICP_CURRENT = "12", LPF_RESISTOR = "8", MFG_ENABLE_FILTEROPAMP = "1", MFG_GMCREF_SEL = "2" *)
  EHXPLLL #(
    .PLLRST_ENA("DISABLED"),
    .INTFB_WAKE("DISABLED"),
    .STDBY_ENABLE("DISABLED"),
    .DPHASE_SOURCE("DISABLED"),
    .OUTDIVIDER_MUXA("DIVA"),
    .CLKI_DIV({self.input_div}),
    .CLKFB_DIV({self.feedback_div}),
    .CLKOP_ENABLE("ENABLED"),
    .CLKOP_DIV({self.output_div}),
    .CLKOP_CPHASE({self.output_div - 1}),
    .CLKOP_FPHASE(0),
    .FEEDBK_PATH("CLKOP")
  ) pll (
    .CLKI({clock_in}),
    .CLKOP({clock_out}),
    .CLKFB({clock_out}),
    .LOCK({locked}),
    .RST(1'b0),
    .STDBY(1'b0),
    .PHASESEL0(1'b0),
    .PHASESEL1(1'b0),
    .PHASEDIR(1'b1),
    .PHASESTEP(1'b1),
    .PHASELOADREG(1'b1),
    .PLLWAKESYNC(1'b0),
    .ENCLKOP(1'b0)
  );
"""


@dataclass(frozen=True, kw_only=True)
class Ecp5(Family):
    """ECP5 with Project Trellis."""

    cell_prefixes: ClassVar = {
        "lut": ("LUT4",),
        "ff": ("TRELLIS_FF",),
        "carry": ("CCU2C",),
        "bram": ("DP16KD", "PDPW16KD"),
        "dsp": ("MULT18X18D",),
    }
    #: Look-up tables of carry chains and wide multiplexers count too, as they take the same places.
    site_types: ClassVar = {
        "logic_cells": "TRELLIS_COMB",
        "lut": "TRELLIS_COMB",
        "ff": "TRELLIS_FF",
        "bram": "DP16KD",
        "dsp": "MULT18X18D",
        "io": "TRELLIS_IO",
    }

    def pll(self, *, input_mhz: float, output_mhz: float, from_pad: bool) -> Ecp5Pll:
        """Settings whose output comes closest to `output_mhz`; of equal ones that with the fastest phase detector.

        `from_pad` makes no difference on this family.

        Raises
        ------
        BoardError
            If the limits of the PLL allow no setting.
        """
        source, wanted = pll_rates("an ECP5 PLL", input_mhz, output_mhz, inputs=_INPUT, outputs=_OUTPUT)
        ratios = (
            (abs(source / input_div * feedback_div - wanted), input_div, feedback_div)
            for input_div in range(1, 129)
            if _DETECTOR[0] <= source / input_div <= _DETECTOR[1]
            for feedback_div in range(1, 129)
            if _OUTPUT[0] <= source / input_div * feedback_div <= _OUTPUT[1]
        )
        _, input_div, feedback_div = min(ratios)
        output = source / input_div * feedback_div
        output_divs = [div for div in range(1, 129) if _OSCILLATOR[0] <= output * div <= _OSCILLATOR[1]]
        return Ecp5Pll(
            input_mhz=source,
            input_div=input_div,
            feedback_div=feedback_div,
            output_div=min(output_divs, key=lambda div: abs(output * div - _OSCILLATOR_MIDDLE)),
        )

    def synthesis_commands(self, part: Part, *, top: str, dsp: bool, flags: Sequence[str]) -> list[str]:
        """Yosys commands that synthesise for `part`."""
        return [" ".join(["synth_ecp5", "-top", top, *([] if dsp else ["-nodsp"]), *flags])]

    def part_arguments(self, part: Part, *, constrained: bool) -> list[str]:
        """Arguments of place-and-route that name the part and the constraints."""
        pins = ["--lpf", self.constraints_file] if constrained else ["--lpf-allow-unconstrained"]
        return [f"--{part.device}", "--package", part.package, "--speed", part.speed, *pins]

    def routed_arguments(self) -> list[str]:
        """Arguments of place-and-route that name its result."""
        return ["--textcfg", self.routed_file]

    def pack_arguments(self) -> list[str]:
        """Arguments of the packer."""
        return ["--compress", "--input", self.routed_file, "--bit", self.bitstream_file]

    def unpack_arguments(self, target: str) -> list[str]:
        """Arguments of the unpacker."""
        return ["--input", self.bitstream_file, "--textcfg", target]

    def check_unpacked(self, unpacked: str, *, routed: str, netlist: str) -> str | None:
        """Compare the contents of all block RAMs with those of the routed design, and with those of the netlist.

        Of the logic nothing is compared: the unpacker names settings that are not in the routed design, such as those
        of pins that are not in use, and leaves out others that are zero.
        """
        found, planned = _block_rams(unpacked), _block_rams(routed)
        if found != planned:
            return "the contents of block RAMs are not those that were routed"
        if sorted(found.values()) != sorted(_netlist_block_rams(netlist)):
            return "the contents of block RAMs are not those of the netlist"
        return None

    def constraints(self, pins: Sequence[Pin], *, clock_in_mhz: float) -> str:
        """Text of the LPF file; the clock's port is named ``clk_in``."""
        lines = []
        for pin in pins:
            settings = "".join(f" {name}={value}" for name, value in sorted(pin.attributes.items()))
            lines.append(f'LOCATE COMP "{pin.port}" SITE "{pin.site}";')
            lines.append(f'IOBUF PORT "{pin.port}"{settings};')
        return "\n".join([*lines, f'FREQUENCY PORT "clk_in" {clock_in_mhz:g} MHZ;', ""])


def _block_rams(config: str) -> dict[int, tuple[int, ...]]:
    """Words of 9 bits in each block RAM of a routed design, by its number there."""
    memories = re.findall(r"^\.bram_init (\d+)\n((?:[0-9a-f ]+\n)*)", config, re.MULTILINE)
    return {int(number): tuple(int(word, 16) for word in words.split()) for number, words in memories}


def _netlist_block_rams(netlist: str) -> list[tuple[int, ...]]:
    """The same of each block RAM of a netlist, whose parameters hold 16 words of 20 bits, two of them of no use."""
    memories = []
    for cell in re.findall(r"^  DP16KD #\((.*?)\n  \) ", netlist, re.MULTILINE | re.DOTALL):
        rows = {
            int(number, 16): int(row, 16) for number, row in re.findall(r"\.INITVAL_(..)\(320'h([0-9a-f]+)\)", cell)
        }
        words = [rows[at // 16] >> 20 * (at % 16) & 0x3FFFF for at in range(1024)]
        memories.append(tuple(half for word in words for half in (word & 0x1FF, word >> 9)))
    return memories


ECP5 = Ecp5(
    name="ecp5",
    place_tool="nextpnr-ecp5",
    pack_tool="ecppack",
    unpack_tool="ecpunpack",
    cell_models="ecp5/cells_sim.v",
    constraints_file="pins.lpf",
    routed_file="chip.config",
    bitstream_file="chip.bit",
    block_ram_shapes=(
        BlockRamShape(depth=512, width=36, write_granule=9),
        BlockRamShape(depth=1024, width=18, write_granule=9),
        BlockRamShape(depth=2048, width=9),
        BlockRamShape(depth=4096, width=4),
        BlockRamShape(depth=8192, width=2),
        BlockRamShape(depth=16384, width=1),
    ),
    distributed_ram=True,
    slow_block_ram=True,
    flip_flops_apart=True,
    # Carry cells are pairs, and one more leads in and out each; fitted to grids placed by benchmarks/nodes.py.
    luts_per_chain=6.5,
    settling_us=1.0,
)

LFE5U_25F_6BG381 = Part(
    name="LFE5U-25F-6BG381",
    family=ECP5,
    device="25k",
    package="CABGA381",
    speed="6",
    available=Resources(logic_cells=24288, lut=24288, ff=24288, bram=56, dsp=28, io=197),
)
