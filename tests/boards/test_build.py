import dataclasses
import json
import random
import shutil
from pathlib import Path

import pytest

from prototile.boards import build as build_module
from prototile.boards.board import board
from prototile.boards.build import BuildOptions, build, count_cells, measure, without_times
from prototile.boards.ecp5 import LFE5U_25F_6BG381
from prototile.boards.ice40 import HX8K_CT256, ICE40, UP5K_SG48
from prototile.boards.report import BuildReport
from prototile.boards.tools import StuckError
from prototile.errors import FitError, InputError, TimingError, ToolError

BOARD = board("ice40-hx8k")
FILES = {
    "build.json", "chip.asc", "chip.bin", "echo_chip.v", "netlist.v", "pins.pcf",
    "placement.json", "placement.log", "synthesis.json", "synthesis.log", "synthesis.ys", "techmap.v", "top.v",
}  # fmt: skip


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> BuildReport:
    folder = tmp_path_factory.mktemp("built") / "boards" / "ice40-hx8k"
    sources = [Path(__file__).parent / "designs" / "echo_chip.v"]
    return build(sources=sources, board=BOARD, folder=folder, expected_block_rams=1)


@pytest.mark.tools
def test_build_writes_all_files(built):
    assert contents(built.folder).keys() == FILES
    assert built.bitstream == built.folder / "chip.bin"
    assert built.bitstream.read_bytes()[:4] == b"\xff\x00\x00\xff"


@pytest.mark.tools
def test_a_bitstream_that_is_not_what_was_routed_is_refused(tmp_path, monkeypatch):
    pack = build_module._run

    def run(work, plan, name, *words, **options):
        pack(work, plan, name, *words, **options)
        if name == "icepack":
            # The routed design of the record is changed after it was packed.
            routed = work / "chip.asc"
            routed.write_text(routed.read_text().replace("1", "0", 1000))

    monkeypatch.setattr(build_module, "_run", run)
    monkeypatch.setenv("PROTOTILE_CACHE", str(tmp_path / "cache"))
    sources = [Path(__file__).parent / "designs" / "echo_chip.v"]
    with pytest.raises(ToolError, match="icepack wrote another bitstream than was routed: the bits of "):
        build(sources=sources, board=BOARD, folder=tmp_path / "built", use_cache=False)
    assert not (tmp_path / "built").exists()


@pytest.mark.tools
def test_report_holds_what_the_tools_count(built):
    assert built.board == "ice40-hx8k"
    assert built.device == "iCE40HX8K-CT256"
    assert built.bram == 1
    assert built.io == 4
    assert built.dsp is None
    assert 20 < built.lut <= built.logic_cells < 200
    assert built.available["logic_cells"] == 7680
    assert built.util_pct["bram"] == 3.1
    assert built.target_mhz == 100.5
    assert built.fmax_mhz > 100.5
    assert built.timing_met
    assert built.tool_versions.keys() == {"yosys", "nextpnr-ice40", "icepack"}
    placement = json.loads((built.folder / "placement.json").read_text())
    assert built.logic_cells == placement["utilization"]["ICESTORM_LC"]["used"]
    assert BuildReport.read(built.folder) == built


@pytest.mark.tools
def test_same_input_gives_same_bytes(built, echo_chip, tmp_path):
    again = build(sources=echo_chip, board=BOARD, folder=tmp_path / "elsewhere", use_cache=False)
    assert contents(again.folder) == contents(built.folder)


@pytest.mark.tools
def test_second_build_comes_from_the_cache(built, echo_chip, tmp_path, monkeypatch):
    monkeypatch.setattr(build_module, "_run", None)
    steps = []
    again = build(sources=echo_chip, board=BOARD, folder=tmp_path / "out", progress=steps.append)
    assert steps == ["Taking the finished build from the cache"]
    assert again == dataclasses.replace(built, folder=tmp_path / "out")
    assert contents(again.folder) == contents(built.folder)


@pytest.mark.tools
def test_cached_build_is_checked_against_the_plan(built, echo_chip, tmp_path):
    with pytest.raises(ToolError, match="into 1 block RAMs, but the design was planned with 2: "):
        build(sources=echo_chip, board=BOARD, folder=tmp_path / "out", expected_block_rams=2)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.tools
@pytest.mark.parametrize("step", ["Synthesis", "Placement", "Packing"])
def test_interrupt_leaves_the_older_build_alone(step, built, echo_chip, tmp_path):
    def interrupt(line: str) -> None:
        if line.startswith(step):
            raise KeyboardInterrupt

    shutil.copytree(built.folder, tmp_path / "out")
    (tmp_path / "out" / "older").write_text("older")
    before = contents(tmp_path / "out")
    with pytest.raises(KeyboardInterrupt):
        build(sources=echo_chip, board=BOARD, folder=tmp_path / "out", use_cache=False, progress=interrupt)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert contents(tmp_path / "out") == before


@pytest.mark.tools
def test_wrong_verilog_names_reason_and_log(echo_chip, tmp_path):
    broken = tmp_path / "chip.v"
    broken.write_text("module prototile_chip (input clk;\n")
    with pytest.raises(ToolError, match=r"yosys failed: chip\.v:1: ERROR: .*; see ") as caught:
        build(sources=[broken], board=BOARD, folder=tmp_path / "out")
    log = Path(str(caught.value).partition("; see ")[2])
    assert "syntax error" in log.read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["chip.v"]


def test_unreadable_and_equal_sources_are_refused(echo_chip, tmp_path):
    with pytest.raises(InputError, match=r"none\.v cannot be read: No such file or directory"):
        build(sources=[tmp_path / "none.v"], board=BOARD, folder=tmp_path / "out")
    with pytest.raises(InputError, match=r"two source files are named echo_chip\.v"):
        build(sources=[*echo_chip, *echo_chip], board=BOARD, folder=tmp_path / "out")
    (tmp_path / "top.v").write_text("")
    with pytest.raises(InputError, match=r"top\.v is the name of a file that the build writes itself"):
        build(sources=[tmp_path / "top.v"], board=BOARD, folder=tmp_path / "out")
    with pytest.raises(InputError, match="attempts must be a positive integer, not 0"):
        BuildOptions(attempts=0)


def many_memories(count: int) -> str:
    """A chip with this many block RAMs in a row."""
    return f"""
module prototile_chip (input wire clk, input wire rst, input wire uart_rx, output wire uart_tx, output wire busy);
  genvar i;
  wire [15:0] chain [0:{count}];
  assign chain[0] = {{16{{uart_rx}}}};
  generate for (i = 0; i < {count}; i = i + 1) begin : g
    (* ram_style = "block" *) reg [15:0] m [0:255];
    reg [15:0] word;
    always @(posedge clk) begin word <= m[chain[i][7:0]]; if (rst) m[chain[i][15:8]] <= chain[i]; end
    assign chain[i + 1] = word;
  end endgenerate
  assign uart_tx = ^chain[{count}];
  assign busy = uart_tx;
endmodule
"""


def part_with(**available: int):
    return dataclasses.replace(HX8K_CT256, available=dataclasses.replace(HX8K_CT256.available, **available))


@pytest.mark.tools
def test_a_design_that_is_too_large_says_by_how_much(tmp_path):
    chip = tmp_path / "chip.v"
    chip.write_text(many_memories(3))
    small = dataclasses.replace(BOARD, part=part_with(bram=1))
    with pytest.raises(FitError) as caught:
        build(sources=[chip], board=small, folder=tmp_path / "out")
    assert str(caught.value) == (
        "the design does not fit iCE40HX8K-CT256: it takes 3 block RAMs of 1 (2 too many); "
        "use fewer PEs or a larger board"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["chip.v"]


@pytest.mark.slow
@pytest.mark.tools
def test_a_failed_placement_of_a_design_that_is_too_large_says_so(tmp_path, monkeypatch):
    """Without the check after synthesis, place-and-route itself runs out of block RAMs."""
    chip = tmp_path / "chip.v"
    chip.write_text(many_memories(35))
    check, checks = build_module._check_fit, []

    def check_later(plan, used):
        checks.append(used)
        if len(checks) > 1:
            check(plan, used)

    monkeypatch.setattr(build_module, "_check_fit", check_later)
    with pytest.raises(FitError, match=r"it takes 35 block RAMs of 32 \(3 too many\)"):
        build(sources=[chip], board=BOARD, folder=tmp_path / "out")
    assert [used.bram for used in checks] == [35, 35]


@pytest.mark.tools
def test_a_nearly_full_part_is_named_when_placement_fails(built, echo_chip, tmp_path):
    tight = dataclasses.replace(BOARD, part=part_with(logic_cells=built.logic_cells + 1))
    options = BuildOptions(place_flags=("--placer", "none"))
    with pytest.raises(FitError, match=r"fills \d+ of \d+ logic cells of iCE40HX8K-CT256, too many to be placed"):
        build(sources=echo_chip, board=tight, folder=tmp_path / "out", options=options)
    with pytest.raises(ToolError, match=r"nextpnr-ice40 failed: ERROR: .*; see .*placement\.log"):
        build(sources=echo_chip, board=BOARD, folder=tmp_path / "out", options=options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.tools
def test_missed_timing_is_reported_with_the_best_seed(echo_chip, tmp_path):
    fast = dataclasses.replace(BOARD, target_mhz=270.0)
    steps = []
    options = BuildOptions(seed=3, attempts=2)
    report = build(sources=echo_chip, board=fast, folder=tmp_path / "out", options=options, progress=steps.append)
    assert [step for step in steps if step.startswith("Placement")] == [
        "Placement with nextpnr-ice40 (seed 3)",
        "Placement with nextpnr-ice40 (seed 4)",
    ]
    assert not report.timing_met
    assert report.seed in (3, 4)
    fmax = json.loads((report.folder / "placement.json").read_text())["fmax"]
    assert report.fmax_mhz == pytest.approx(min(clock["achieved"] for clock in fmax.values()), abs=0.01)
    assert contents(report.folder).keys() == FILES
    with pytest.raises(TimingError, match=r"MHz of 270 MHz on iCE40HX8K-CT256"):
        report.check_timing()


@pytest.mark.slow
@pytest.mark.tools
@pytest.mark.parametrize("name", ["icebreaker", "ulx3s-25f"])
def test_other_boards(name, echo_chip, tmp_path):
    report = build(sources=echo_chip, board=board(name), folder=tmp_path / "out", expected_block_rams=1)
    assert report.timing_met
    assert report.bram == 1
    assert report.io == len(board(name).pins)
    assert report.bitstream.stat().st_size > 50_000


def block(inputs: int, outputs: int) -> str:
    """`inputs` flip-flops, and for each output one with a look-up table."""
    return f"""
module block (input wire clk, input wire [{inputs - 1}:0] a, output reg [{outputs - 1}:0] y);
  reg [{inputs - 1}:0] b;
  integer i;
  always @(posedge clk) begin
    b <= a;
    for (i = 0; i < {outputs}; i = i + 1) y[i] <= b[i] ^ b[(i + 1) % {inputs}] ^ b[(i + 2) % {inputs}];
  end
endmodule
"""


@pytest.mark.tools
def test_cells_are_counted_by_synthesis_alone(tmp_path):
    source = tmp_path / "block.v"
    source.write_text(block(12, 12))
    cells = count_cells([source], top="block", part=HX8K_CT256)
    assert (cells.lut, cells.ff, cells.carry, cells.bram) == (12, 24, 0, 0)
    cells = count_cells([source], top="block", part=LFE5U_25F_6BG381)
    assert (cells.lut, cells.ff) == (12, 24)


@pytest.mark.tools
def test_measured_block_has_the_same_size_with_and_without_wrapper(tmp_path):
    """144 ports fit the pins of the HX8K, but not those of the UP5K, where shift registers stand around the block."""
    source = tmp_path / "block.v"
    source.write_text(block(72, 72))
    direct = measure([source], top="block", part=HX8K_CT256, target_mhz=100.0)
    wrapped = measure([source], top="block", part=UP5K_SG48, target_mhz=36.0)
    assert (direct.lut, direct.ff) == (wrapped.lut, wrapped.ff) == (72, 144)
    packer_constants = 2
    assert 144 <= direct.logic_cells <= 144 + packer_constants
    assert 144 <= wrapped.logic_cells <= 144 + packer_constants
    assert direct.fmax_mhz > 100
    assert wrapped.fmax_mhz > 36
    assert wrapped.folder is None


@pytest.mark.tools
def test_second_measurement_comes_from_the_cache(tmp_path, monkeypatch):
    source = tmp_path / "block.v"
    source.write_text(block(8, 8))
    first = measure([source], top="block", part=HX8K_CT256, target_mhz=50.0)
    monkeypatch.setattr(build_module, "_run", None)
    assert measure([source], top="block", part=HX8K_CT256, target_mhz=50.0) == first


@pytest.mark.tools
@pytest.mark.parametrize(
    ("width", "depth", "techmap"), [(16, 256, ICE40.techmap), (27, 200, ICE40.techmap), (16, 256, "")]
)
def test_words_of_a_rom_lie_where_the_hardware_reads_them(width, depth, techmap, tmp_path):
    """With our mapping of read-only block RAMs and with that of yosys, read from the netlist as the hardware would."""
    words = [random.Random(address).getrandbits(width) for address in range(depth)]
    body = " ".join(f"m[{address}] = {width}'d{word};" for address, word in enumerate(words))
    (tmp_path / "rom.v").write_text(f"""
module rom (input wire clk, input wire [7:0] a, output reg [{width - 1}:0] y);
  (* rom_style = "block" *) reg [{width - 1}:0] m [0:{depth - 1}];
  initial begin {body} end
  always @(posedge clk) y <= m[a];
endmodule
""")
    (tmp_path / "techmap.v").write_text(techmap)
    commands = ICE40.synthesis_commands(HX8K_CT256, top="rom", dsp=False, flags=["-noabc"])
    script = "; ".join(["read_verilog rom.v", *commands, "write_json rom.json"])
    build_module.tool("yosys").run(["-q", "-p", script], folder=tmp_path, log=tmp_path / "log")
    module = json.loads((tmp_path / "rom.json").read_text())["modules"]["rom"]
    read = [read_word(module, address) for address in range(depth)]
    assert read == words


def read_word(module, address: int) -> int:
    """Output of a netlist of block RAMs in 16-bit mode, whose address lines are ports."""
    nets = {}
    for bit, net in enumerate(module["ports"]["a"]["bits"]):
        nets[net] = address >> bit & 1
    outputs = {}
    for cell in module["cells"].values():
        if cell["type"] != "SB_RAM40_4K":
            continue
        assert int(cell["parameters"]["READ_MODE"], 2) == 0
        lines = cell["connections"]["RADDR"][:8]
        at = sum((nets[line] if line in nets else int(line)) << bit for bit, line in enumerate(lines))
        row = int(cell["parameters"][f"INIT_{at >> 4:X}"].replace("x", "0"), 2)
        for bit, net in enumerate(cell["connections"]["RDATA"]):
            outputs[net] = row >> ((at & 15) * 16 + bit) & 1
    return sum(outputs[net] << bit for bit, net in enumerate(module["ports"]["y"]["bits"]))


def router_log(lines, wo_ripup=lambda at: 1804, remaining=lambda at: 4357):
    rows = (
        f"Info: {1000 * at:10} | {1000 * at:8} {wo_ripup(at):10} | 1000     0 |{remaining(at):10}|      0.72     10.95|"
        for at in range(lines)
    )
    return "Info: Routing 6020 arcs.\n" + "\n".join(rows) + "\n"


@pytest.mark.parametrize(
    ("text", "stuck"),
    [
        (router_log(30), True),
        (router_log(200), True),
        (router_log(29), False),
        (router_log(200, remaining=lambda at: 4357 - at // 25), False),
        (router_log(200, wo_ripup=lambda at: 1804 + at // 25), False),
        ("Info: Routing 6020 arcs.\n", False),
    ],
    ids=["just", "long", "too few lines", "arcs get fewer", "arcs get routed", "not yet begun"],
)
def test_a_router_that_gets_no_further_is_noticed(text, stuck, tmp_path):
    (tmp_path / "log").write_text(text)
    assert build_module.router_is_stuck(tmp_path / "log") is stuck


@pytest.mark.tools
def test_another_router_takes_over(echo_chip, tmp_path, monkeypatch):
    routers = []
    run = build_module._run

    def stuck_at_first(work, plan, name, step, arguments, *rest):
        if step == "placement":
            routers.append("router2" if "router2" in arguments else "usual")
            if routers == ["usual"]:
                raise StuckError("gets no further")
        run(work, plan, name, step, arguments, *rest)

    monkeypatch.setattr(build_module, "_run", stuck_at_first)
    report = build(sources=echo_chip, board=BOARD, folder=tmp_path / "out", use_cache=False)
    assert routers[:2] == ["usual", "router2"]
    assert report.bitstream_file


def test_logs_are_freed_of_times():
    log = (
        "Info: at iteration #1: wirelen = 12; time = 0.13s\n"
        "Info:       1000 |      297        702 |  297   702 |      8242|       0.86       0.86|\n"
        "Info: HeAP Placer Time: 3.66s\n"
        "Info: curr total\nInfo:   clk-to-q  0.54  0.54 Source x\n"
        "End of script. Logfile hash: ab, time: 0.00s\n"
        "Time spent: 99% 1x help (0 sec)\n"
    )
    assert without_times(log) == (
        "Info: at iteration #1: wirelen = 12; time = - s\n"
        "Info:       1000 |      297        702 |  297   702 |      8242||\n"
        "Info: HeAP Placer Time: - s\n"
        "Info: curr total\nInfo:   clk-to-q  0.54  0.54 Source x\n"
    )


@pytest.mark.parametrize("text", [None, "{}", '{"digest": "of something else"}', "[" * 100_000])
def test_only_a_build_is_replaced(echo_chip, tmp_path, text):
    (tmp_path / "thesis.txt").write_text("years of work")
    if text is not None:
        (tmp_path / "build.json").write_text(text)
    before = contents(tmp_path)
    with pytest.raises(InputError, match="holds something that is no build; name a new or an empty folder"):
        build(sources=echo_chip, board=BOARD, folder=tmp_path)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("seed", ["x", -1, 1.5, True, None])
def test_seed_must_be_an_integer(seed):
    with pytest.raises(InputError, match="seed must be an integer that is not negative, not "):
        BuildOptions(seed=seed)
