"""An FPGA family: what its parts hold, how its memories are cut, and what its tools want."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import ClassVar

from prototile.boards.pins import Pin
from prototile.errors import BoardError

#: Name under which synthesis finds the text of `Family.techmap`.
TECHMAP_FILE = "techmap.v"


@dataclass(frozen=True, kw_only=True)
class BlockRamShape:
    """One way to use a block RAM.

    Parameters
    ----------
    depth, width
        Words, and bits of each.
    write_granule
        Bits that can be written without touching the others of the word; None for whole words only.
    """

    depth: int
    width: int
    write_granule: int | None = None

    def count(self, *, width: int, depth: int, writable: bool, granule: int | None = None) -> int:
        """Block RAMs of this shape that hold a memory of `depth` words of `width` bits.

        A memory deeper than the shape is cut into slices of `self.depth` words. The slices stand side by side, and may
        share a block RAM as far as each can be written without touching its neighbour. So may the parts of `granule`
        bits of a word that is written in parts.
        """
        slices = -(-depth // self.depth)
        granule = granule or width
        if writable and (slices > 1 or granule < width):
            alone = self.write_granule or self.width
            width = width // granule * -(-granule // alone) * alone
        return -(-width * slices // self.width)


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What a design takes, or what a part has. None: the tools do not say, or the part has none of it.

    Attributes
    ----------
    logic_cells
        Places for one look-up table and one flip-flop; what a part runs out of first.
    lut, ff, carry
        Look-up tables, flip-flops, carry cells.
    bram, spram, dsp, io
        Block RAMs, large single-port RAMs, multipliers, pins.
    """

    logic_cells: int | None = None
    lut: int | None = None
    ff: int | None = None
    carry: int | None = None
    bram: int | None = None
    spram: int | None = None
    dsp: int | None = None
    io: int | None = None

    def to_dict(self) -> dict[str, int]:
        """Figures that are known, by name."""
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class Part:
    """One FPGA in one package.

    Parameters
    ----------
    name
        As the vendor writes it, with package and speed grade.
    family
        Its family.
    device, package, speed
        As place-and-route wants them; an empty `speed` where the family has one grade only.
    available
        What it holds; `Resources.io` counts the pins of this package.
    """

    name: str
    family: "Family"
    device: str
    package: str
    speed: str = ""
    available: Resources


class Pll(ABC):
    """Settings of a phase-locked loop that makes one clock from another."""

    input_mhz: Fraction
    output_mhz: Fraction

    @abstractmethod
    def instance(self, *, clock_in: str, clock_out: str, locked: str) -> str:
        """Verilog of its instance between three nets."""


@dataclass(frozen=True, kw_only=True)
class Family(ABC):
    """What the parts of a family have in common.

    Parameters
    ----------
    name
        Short name, also that of its Verilog models in ``boards/models``.
    place_tool, pack_tool, unpack_tool
        Names of place-and-route, of the packer, and of the program that takes a bitstream apart again; see
        `prototile.boards.tools`.
    cell_models
        Verilog models of its cells, a file in yosys's data folder.
    constraints_file, routed_file, bitstream_file
        Names of the pin constraints, of the routed design as text, and of the bitstream.
    block_ram_shapes
        Ways to use one block RAM.
    single_port_shapes
        Ways to use one of the large RAMs of a single port, which start with anything; empty where there are none.
    distributed_ram
        Whether look-up tables can be RAM.
    settling_us
        Microseconds after configuration before block RAM contents can be read.
    techmap
        Verilog that maps cells beside yosys' own rules, empty for none.
    synthesis_flags
        Flags of synthesis that pay on this family.
    place_flags
        Flags of place-and-route that pay on this family.
    other_router
        Flags of place-and-route that choose another router, for what the usual one never ends on; empty for none.
    slow_block_ram
        Whether block RAM takes so much of a cycle to answer that a register should follow it.
    flip_flops_apart
        Whether a flip-flop takes no look-up table from others, so that look-up tables are what a part runs out of.
    luts_per_chain
        Look-up tables that lead into and out of a carry chain, on top of the chain's own.
    """

    name: str
    place_tool: str
    pack_tool: str
    unpack_tool: str
    cell_models: str
    constraints_file: str
    routed_file: str
    bitstream_file: str
    block_ram_shapes: tuple[BlockRamShape, ...]
    single_port_shapes: tuple[BlockRamShape, ...] = ()
    distributed_ram: bool = False
    settling_us: float = 0.0
    techmap: str = ""
    synthesis_flags: tuple[str, ...] = ()
    place_flags: tuple[str, ...] = ()
    other_router: tuple[str, ...] = ()
    slow_block_ram: bool = False
    recoverable: bool = False
    flip_flops_apart: bool = False
    luts_per_chain: float = 0.0

    #: Cell types of the synthesised netlist that count as look-up tables, flip-flops and so on.
    cell_prefixes: ClassVar[Mapping[str, tuple[str, ...]]]
    #: The same for the place-and-route report.
    site_types: ClassVar[Mapping[str, str]]

    def single_port_count(self, *, width: int, depth: int, granule: int | None = None) -> int:
        """RAMs of a single port that yosys takes for a memory that is written in parts of `granule` bits."""
        shapes = self.single_port_shapes
        return min(shape.count(width=width, depth=depth, writable=True, granule=granule) for shape in shapes)

    def block_ram_count(self, *, width: int, depth: int, writable: bool = False, granule: int | None = None) -> int:
        """Block RAMs that yosys takes for a memory with one read port, and one write port if `writable`.

        Holds for memories that must be in block RAM (attribute ``ram_style`` or ``rom_style`` is ``block``); others may
        become logic when they are small. The rule is that of yosys' ``memory_libmap``: of all shapes the one with the
        fewest block RAMs.
        """
        shapes = self.block_ram_shapes
        return min(shape.count(width=width, depth=depth, writable=writable, granule=granule) for shape in shapes)

    def count(self, cells: Mapping[str, int]) -> Resources:
        """Sum the cells of a synthesised netlist, given by type as in ``stat -json``, into resources."""
        return Resources(
            **{
                name: sum(count for cell, count in cells.items() if cell.startswith(prefixes))
                for name, prefixes in self.cell_prefixes.items()
            }
        )

    def sites(self, utilization: Mapping[str, Mapping[str, int]], key: str) -> Resources:
        """Used or available sites of the place-and-route report; `key` is ``used`` or ``available``."""
        return Resources(
            **{name: utilization[site][key] for name, site in self.site_types.items() if site in utilization}
        )

    @abstractmethod
    def pll(self, *, input_mhz: float, output_mhz: float, from_pad: bool) -> Pll:
        """Settings whose output comes closest to `output_mhz`.

        Parameters
        ----------
        from_pad
            Whether the clock comes from the pin that is wired to the PLL directly.

        Raises
        ------
        BoardError
            If the limits of the PLL allow no setting.
        """

    @abstractmethod
    def synthesis_commands(self, part: Part, *, top: str, dsp: bool, flags: Sequence[str]) -> list[str]:
        """Yosys commands that synthesise for `part`; a file named `TECHMAP_FILE` holds `techmap`."""

    @abstractmethod
    def part_arguments(self, part: Part, *, constrained: bool) -> list[str]:
        """Arguments of place-and-route that name the part and the constraints."""

    @abstractmethod
    def routed_arguments(self) -> list[str]:
        """Arguments of place-and-route that name its result, `routed_file`."""

    @abstractmethod
    def pack_arguments(self) -> list[str]:
        """Arguments of the packer, from `routed_file` to `bitstream_file`."""

    @abstractmethod
    def unpack_arguments(self, target: str) -> list[str]:
        """Arguments of `unpack_tool`, from `bitstream_file` to the text of a routed design in the file `target`."""

    @abstractmethod
    def check_unpacked(self, unpacked: str, *, routed: str, netlist: str) -> str | None:
        """Compare what was read back from a bitstream with what went into it.

        Parameters
        ----------
        unpacked, routed
            Texts of the routed design: as read back, and as placed and routed.
        netlist
            Verilog of the synthesised netlist.

        Returns
        -------
        str or None
            What is not the same, as a clause; None if nothing is found.
        """

    def recover(self, used: Resources, pins: Sequence[Pin], work: Path, *, top: str) -> str:
        """Verilog that does what a bitstream configures, found from nothing else but the bitstream.

        Families that are not `recoverable` have no such method.

        Parameters
        ----------
        used
            What the design takes, to refuse what cannot be found.
        pins
            Where the pins of the top are, and what they are called.
        work
            A folder that holds `bitstream_file`, and gets what lies between.
        top
            Name for the module.

        Raises
        ------
        InputError
            If a cell in this bitstream cannot be found.
        ToolError
            If a tool is missing or fails.
        """
        raise NotImplementedError(f"bitstreams of {self.name} cannot be taken apart to logic")

    @abstractmethod
    def constraints(self, pins: Sequence[Pin], *, clock_in_mhz: float) -> str:
        """Text of the constraints file: where the pins are, their electrical settings, the input clock."""


def pll_rates(
    pll: str, input_mhz: float, output_mhz: float, *, inputs: tuple[float, float], outputs: tuple[float, float]
) -> tuple[Fraction, Fraction]:
    """Input and output of a PLL as exact fractions of MHz.

    Raises
    ------
    BoardError
        If one of them is outside its limits.
    """
    source, wanted = exact_mhz(input_mhz), exact_mhz(output_mhz)
    if not (inputs[0] <= source <= inputs[1] and outputs[0] <= wanted <= outputs[1]):
        raise BoardError(
            f"{pll} cannot make {output_mhz} MHz from {input_mhz} MHz: "
            f"ask for {outputs[0]} to {outputs[1]} MHz from an input of {inputs[0]} to {inputs[1]} MHz"
        )
    return source, wanted


def exact_mhz(value: float) -> Fraction:
    """A frequency in MHz as an exact fraction, to the hertz."""
    return Fraction(value).limit_denominator(1_000_000)
