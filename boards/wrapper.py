"""A block with many ports between two shift registers, so that a few pins reach all of it."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Wrapper:
    """Shift registers around a block: one flip-flop with a look-up table for each bit of its ports.

    Parameters
    ----------
    block
        Name of the block's module.
    ports
        By name, whether it is an output, and its bits.
    clock
        Its clock.
    """

    block: str
    ports: Mapping[str, tuple[bool, int]]
    clock: str

    @property
    def name(self) -> str:
        """Module that holds the block."""
        return f"{self.block}_wrapper"

    @property
    def logic_cells(self) -> int:
        """Logic cells of the shift registers."""
        return self.inputs + self.outputs

    @property
    def inputs(self) -> int:
        """Input bits but for the clock."""
        return sum(width for name, (output, width) in self.ports.items() if not output and name != self.clock)

    @property
    def outputs(self) -> int:
        """Output bits."""
        return sum(width for output, width in self.ports.values() if output)

    def verilog(self) -> str:
        """Verilog of the wrapper."""
        places = {True: 0, False: 0}
        connections = [f".{self.clock}(wrapper_clock)"]
        for name, (output, width) in self.ports.items():
            if name == self.clock:
                continue
            start = places[output]
            places[output] += width
            connections.append(f".{name}({'results' if output else 'operands'}[{start + width - 1}:{start}])")
        inputs, outputs = max(self.inputs, 2), max(self.outputs, 2)
        # The input register inverts from bit to bit: else a register behind an input would be merged with the next bit.
        # The output register turns round: else the constant at its end would become a reset.
        return f"""\
module {self.name} (input wire wrapper_clock, input wire shift_in, input wire load, output wire shift_out);
  reg [{inputs - 1}:0] operands;
  reg [{outputs - 1}:0] shifted;
  wire [{outputs - 1}:0] results;
  always @(posedge wrapper_clock) begin
    operands <= ~{{operands[{inputs - 2}:0], shift_in}};
    shifted <= load ? results : {{shifted[{outputs - 2}:0], shifted[{outputs - 1}]}};
  end
  assign shift_out = shifted[{outputs - 1}];
  {self.block} block ({", ".join(connections)});
endmodule
"""
