from fractions import Fraction

import pytest

from prototile.boards.ecp5 import ECP5
from prototile.errors import BoardError


def test_pll_of_the_ulx3s_is_exact():
    pll = ECP5.pll(input_mhz=25.0, output_mhz=100.0, from_pad=False)
    assert (pll.input_div, pll.feedback_div, pll.output_div) == (1, 4, 6)  # as ecppll has it
    assert pll.output_mhz == 100
    assert pll.oscillator_mhz == 600


@pytest.mark.parametrize("source", [8.0, 12.0, 25.0, 48.0, 100.0, 400.0])
@pytest.mark.parametrize("output", [10.0, 33.333, 100.5, 250.0, 400.0])
def test_pll_is_the_closest_within_all_limits(source, output):
    pll = ECP5.pll(input_mhz=source, output_mhz=output, from_pad=False)
    assert 3.125 <= pll.detector_mhz <= 400
    assert 400 <= pll.oscillator_mhz <= 800
    assert 10 <= pll.output_mhz <= 400
    assert all(1 <= div <= 128 for div in (pll.input_div, pll.feedback_div, pll.output_div))
    closest = min(
        abs(made - output)
        for input_div in range(1, 129)
        if source / input_div >= 3.125
        for feedback_div in range(1, 129)
        if 10 <= (made := source / input_div * feedback_div) <= 400
    )
    assert float(abs(pll.output_mhz - Fraction(output).limit_denominator(10**6))) == pytest.approx(closest, abs=1e-9)


@pytest.mark.parametrize(("source", "output"), [(25.0, 9.0), (25.0, 401.0), (7.0, 100.0), (401.0, 100.0)])
def test_pll_beyond_its_limits_is_refused(source, output):
    with pytest.raises(BoardError, match=f"cannot make {output} MHz from {source} MHz: ask for 10 to 400 MHz"):
        ECP5.pll(input_mhz=source, output_mhz=output, from_pad=False)


def routed(contents):
    """Text of a routed design with one block RAM of these words of 9 bits."""
    words = "".join(f"{word:03x}" + ("\n" if at % 8 == 7 else " ") for at, word in enumerate(contents))
    return f".device LFE5U-25F\n\n.tile R2C2:PLC2\narc: A1 B1\n\n.bram_init 3\n{words}\n"


def netlist(contents):
    """The same as a cell of a netlist."""
    halves = [contents[at] | contents[at + 1] << 9 for at in range(0, 2048, 2)]
    rows = [sum(half << 20 * at for at, half in enumerate(halves[row : row + 16])) for row in range(0, 1024, 16)]
    inits = "".join(f"    .INITVAL_{at:02X}(320'h{row:080x}),\n" for at, row in enumerate(rows))
    return f'module top;\n  DP16KD #(\n{inits}    .WRITEMODE_A("NORMAL")\n  ) ram (\n    .CLKA(clk)\n  );\nendmodule\n'


def test_contents_of_block_rams_are_compared_with_the_routed_design_and_the_netlist():
    contents = [at * 7 % 512 for at in range(2048)]
    same = {"routed": routed(contents), "netlist": netlist(contents)}
    assert ECP5.check_unpacked(routed(contents), **same) is None
    for at in (0, 1, 17, 2047):
        other = [word ^ (at == place) for place, word in enumerate(contents)]
        assert ECP5.check_unpacked(routed(other), **same) == "the contents of block RAMs are not those that were routed"
        wrong = {"routed": routed(other), "netlist": netlist(contents)}
        assert ECP5.check_unpacked(routed(other), **wrong) == "the contents of block RAMs are not those of the netlist"
