"""Lattice iCE40: HX8K and UltraPlus."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import ClassVar

from prototile.boards.family import TECHMAP_FILE, BlockRamShape, Family, Part, Pll, Resources, pll_rates
from prototile.boards.pins import Pin
from prototile.boards.tools import tool
from prototile.cache import cache_folder
from prototile.errors import InputError

#: Limits of SB_PLL40 in MHz (Lattice FPGA-DS-02029 and FPGA-DS-02008): input, output, oscillator, phase detector.
_INPUT, _OUTPUT, _OSCILLATOR, _DETECTOR = (10, 133), (16, 275), (533, 1066), (10, 133)
#: Largest phase detector frequency in MHz for each FILTER_RANGE from 1 on, as in IceStorm's icepll.
_FILTER_LIMITS = (17, 26, 44, 66, 101)


@dataclass(frozen=True, kw_only=True)
class Ice40Pll(Pll):
    """Settings of SB_PLL40: ``output = input * (divf + 1) / ((divr + 1) * 2**divq)``."""

    input_mhz: Fraction
    divr: int
    divf: int
    divq: int
    from_pad: bool

    @property
    def detector_mhz(self) -> Fraction:
        """Frequency at the phase detector."""
        return self.input_mhz / (self.divr + 1)

    @property
    def oscillator_mhz(self) -> Fraction:
        """Frequency of the oscillator."""
        return self.detector_mhz * (self.divf + 1)

    @property
    def output_mhz(self) -> Fraction:  # type: ignore[override]  # computed here, an attribute of the base
        """Frequency of the output."""
        return self.oscillator_mhz / (1 << self.divq)

    @property
    def filter_range(self) -> int:
        """Setting of the loop filter."""
        return 1 + sum(self.detector_mhz >= limit for limit in _FILTER_LIMITS)

    def instance(self, *, clock_in: str, clock_out: str, locked: str) -> str:
        """Verilog of its instance between three nets."""
        kind, source = ("PAD", "PACKAGEPIN") if self.from_pad else ("CORE", "REFERENCECLK")
        return f"""\
  SB_PLL40_{kind} #(
    .FEEDBACK_PATH("SIMPLE"),
    .DIVR(4'd{self.divr}),
    .DIVF(7'd{self.divf}),
    .DIVQ(3'd{self.divq}),
    .FILTER_RANGE(3'd{self.filter_range})
  ) pll (
    .{source}({clock_in}),
    .PLLOUTCORE({clock_out}),
    .LOCK({locked}),
    .RESETB(1'b1),
    .BYPASS(1'b0)
  );
"""


@dataclass(frozen=True, kw_only=True)
class Ice40(Family):
    """iCE40 with IceStorm."""

    cell_prefixes: ClassVar = {
        "lut": ("SB_LUT4",),
        "ff": ("SB_DFF",),
        "carry": ("SB_CARRY",),
        "bram": ("SB_RAM40_4K",),
        "spram": ("SB_SPRAM256KA",),
        "dsp": ("SB_MAC16",),
    }
    site_types: ClassVar = {
        "logic_cells": "ICESTORM_LC",
        "bram": "ICESTORM_RAM",
        "spram": "ICESTORM_SPRAM",
        "dsp": "ICESTORM_DSP",
        "io": "SB_IO",
    }

    def pll(self, *, input_mhz: float, output_mhz: float, from_pad: bool) -> Ice40Pll:
        """Settings whose output comes closest to `output_mhz`; of equal ones that with the fastest phase detector.

        Raises
        ------
        BoardError
            If the limits of the PLL allow no setting.
        """
        source, wanted = pll_rates("an iCE40 PLL", input_mhz, output_mhz, inputs=_INPUT, outputs=_OUTPUT)
        candidates = (
            Ice40Pll(input_mhz=source, divr=divr, divf=divf, divq=divq, from_pad=from_pad)
            for divr in range(16)
            if _DETECTOR[0] <= source / (divr + 1) <= _DETECTOR[1]
            for divf in range(128)
            if _OSCILLATOR[0] <= source / (divr + 1) * (divf + 1) <= _OSCILLATOR[1]
            for divq in range(1, 7)
        )
        allowed = (pll for pll in candidates if _OUTPUT[0] <= pll.output_mhz <= _OUTPUT[1])
        return min(allowed, key=lambda pll: (abs(pll.output_mhz - wanted), pll.divr, pll.divf))

    def synthesis_commands(self, part: Part, *, top: str, dsp: bool, flags: Sequence[str]) -> list[str]:
        """Yosys commands that synthesise for `part`.

        Block RAMs that are only read are mapped by `techmap`, as yosys takes a second for each of them.
        """
        kind = "u" if part.device.startswith("u") else "hx"
        command = " ".join(["synth_ice40", "-device", kind, "-top", top, *(["-dsp"] if dsp else []), *flags])
        if {"-spram", "-nobram"} & set(flags):
            return [command]
        return [
            f"{command} -run begin:map_ram",
            "memory_libmap -lib +/ice40/brams.txt -lib +/ice40/spram.txt -no-auto-huge",
            f"techmap -map {TECHMAP_FILE}",
            f"{command} -run map_ram:",
        ]

    def part_arguments(self, part: Part, *, constrained: bool) -> list[str]:
        """Arguments of place-and-route that name the part and the constraints."""
        pins = ["--pcf", self.constraints_file] if constrained else ["--pcf-allow-unconstrained"]
        return [f"--{part.device}", "--package", part.package, *pins]

    def routed_arguments(self) -> list[str]:
        """Arguments of place-and-route that name its result."""
        return ["--asc", self.routed_file]

    def pack_arguments(self) -> list[str]:
        """Arguments of the packer."""
        return [self.routed_file, self.bitstream_file]

    def unpack_arguments(self, target: str) -> list[str]:
        """Arguments of the unpacker."""
        return [self.bitstream_file, target]

    def check_unpacked(self, unpacked: str, *, routed: str, netlist: str) -> str | None:
        """Compare all bits of all tiles and memories with those that were routed."""
        found, planned = _sections(unpacked), _sections(routed)
        different = sorted(name for name in found.keys() | planned.keys() if found.get(name) != planned.get(name))
        return f"the bits of {different[0]} are not those that were routed" if different else None

    def recover(self, used: Resources, pins: Sequence[Pin], work: Path, *, top: str) -> str:
        """Verilog from a bitstream: iceunpack finds the bits of each tile, icebox_vlog what they configure.

        Raises
        ------
        InputError
            If multipliers or single-port RAMs are in use, which icebox_vlog leaves out.
        ToolError
            If a tool is missing or fails.
        """
        if used.dsp or used.spram:
            what = "multiplier blocks" if used.dsp else "single-port RAMs"
            raise InputError(f"icebox_vlog finds no {what} in a bitstream, and this design has some; use level netlist")
        # Of pins it reads no more than where they are.
        (work / "places.pcf").write_text("".join(f"set_io {pin.port} {pin.site}\n" for pin in pins), encoding="utf-8")
        vlog = tool("icebox_vlog")
        vlog.prepare()
        log = cache_folder("logs") / f"recovery-{os.getpid()}.log"
        tool(self.unpack_tool).run(self.unpack_arguments("unpacked.asc"), folder=work, log=log)
        output = work / "recovered.v"
        vlog.run(["-s", "-n", top, "-p", "places.pcf", "unpacked.asc"], folder=work, log=log, output=output)
        log.unlink()
        return separate_ports(output.read_text(encoding="utf-8"), top)

    def constraints(self, pins: Sequence[Pin], *, clock_in_mhz: float) -> str:
        """Text of the PCF file; the clock's port is named ``clk_in``."""
        lines = [
            f"set_io {'-pullup yes ' if pin.attributes.get('PULLUP') else ''}{pin.port} {pin.site}" for pin in pins
        ]
        return "\n".join([*lines, f"set_frequency clk_in {clock_in_mhz:g}", ""])


def separate_ports(verilog: str, top: str) -> str:
    """Declare the ports of the top after its header: icebox_vlog declares them as wires too, which no header allows."""

    def header(found: re.Match[str]) -> str:
        ports = [port.strip() for port in found[1].split(",")]
        names = ", ".join(port.split()[-1] for port in ports)
        return "\n".join([f"module {top} ({names});", *(f"{port};" for port in ports)])

    return re.sub(rf"^module {top} \((.*)\);$", header, verilog, count=1, flags=re.MULTILINE)


def _sections(text: str) -> dict[str, list[str]]:
    """Lines with bits of an .asc file by tile or memory, and its extra bits; names and comments left out."""
    sections: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.split("\n"):
        if line.startswith("."):
            kind = line.split()[0]
            lines = [] if kind in (".comment", ".sym", ".device") else sections.setdefault(line, [])
            if kind == ".extra_bit":
                lines.append(line)
        elif line.strip():
            lines.append(line)
    return {name: lines for name, lines in sections.items() if any(set(line) - {"0"} for line in lines)}


ICE40 = Ice40(
    name="ice40",
    place_tool="nextpnr-ice40",
    pack_tool="icepack",
    unpack_tool="iceunpack",
    cell_models="ice40/cells_sim.v",
    recoverable=True,
    constraints_file="pins.pcf",
    routed_file="chip.asc",
    bitstream_file="chip.bin",
    block_ram_shapes=(
        BlockRamShape(depth=256, width=16, write_granule=1),
        BlockRamShape(depth=512, width=8),
        BlockRamShape(depth=1024, width=4),
        BlockRamShape(depth=2048, width=2),
    ),
    single_port_shapes=(BlockRamShape(depth=16384, width=16, write_granule=4),),
    # A timing-driven placement counts more the fuller the part: with the default of 2, a grid of 128 elements on HX8K
    # loses 3 % of its clock, one of 4 elements nothing.
    place_flags=("--placer-heap-critexp", "4"),
    techmap=(Path(__file__).parent / "techmap" / "ice40.v").read_text(encoding="utf-8"),
    # Gives up a fifth of the clock against the usual one, but ends.
    other_router=("--router", "router2"),
    # Block RAM contents read as zero for some microseconds after configuration (YosysHQ/icestorm#76).
    settling_us=20.0,
)

UP5K_SG48 = Part(
    name="iCE40UP5K-SG48",
    family=ICE40,
    device="up5k",
    package="sg48",
    available=Resources(logic_cells=5280, lut=5280, ff=5280, carry=5280, bram=30, spram=4, dsp=8, io=39),
)

HX8K_CT256 = Part(
    name="iCE40HX8K-CT256",
    family=ICE40,
    device="hx8k",
    package="ct256",
    available=Resources(logic_cells=7680, lut=7680, ff=7680, carry=7680, bram=32, io=206),
)
