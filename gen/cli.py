"""The command line: what can be typed, and what comes of a mistake."""

from __future__ import annotations

import sys

# Only what every call needs is imported here: the help must be there at once. An interrupt may come even now.
try:
    import argparse
    import math
    import os
    import signal
    import warnings
    from collections.abc import Sequence
    from importlib import import_module
    from typing import Any, NoReturn

    from prototile import __version__
    from prototile.errors import FitError, PrototileError, TimingError
except KeyboardInterrupt:
    sys.stderr.write("prototile: error: interrupted; nothing was begun.\n")
    sys.exit(130)

#: Exit status: done; the answer is no; wrong usage or bad input. And for what is nobody's answer: a mistake in
#: prototile itself, an interrupt (as shells have it), and a reader of the output that went away.
DONE, NO, WRONG, INTERNAL, INTERRUPTED, PIPE_CLOSED = 0, 1, 2, 3, 130, 141
#: Environment variable that shows the traceback of a mistake in prototile itself.
TRACEBACK_VARIABLE = "PROTOTILE_TRACEBACK"


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(WRONG, f"prototile: error: {message}; see {self.prog} --help\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status (argparse itself raises SystemExit for usage and help)."""
    before: dict[int, Any] = {}
    try:
        before = _end_politely()
        words = list(sys.argv[1:] if arguments is None else arguments)
        if words[:1] == ["explore"]:
            return _complain(
                "explore is not available yet: compare designs with prototile convert and its options.", WRONG
            )
        return _run(parser().parse_args(words))
    except (Exception, KeyboardInterrupt) as error:
        # Amaranth tells of every part of a design whose making ended early: now, while the error still holds them.
        warnings.filterwarnings("ignore", message=".* created but never used")
        return _explain(error)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def parser() -> argparse.ArgumentParser:
    """Everything that can be typed."""
    top = _Parser(
        prog="prototile", description="Turns a trained prototype model into an FPGA design that answers like it."
    )
    top.add_argument("--version", action="version", version=f"prototile {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)
    for add in (
        _add_demo,
        _add_convert,
        _add_simulate,
        _add_build,
        _add_report,
        _add_explain,
        _add_predict,
        _add_load,
        _add_boards,
    ):
        add(commands)
    return top


def _run(options: argparse.Namespace) -> int:
    module, function = options.run
    status = int(getattr(import_module(f"prototile.{module}"), function)(options))
    # A reader that went away must show here, not when Python ends.
    sys.stdout.flush()
    return status


def _explain(error: BaseException) -> int:
    """Say what ended a command, in one line; returns the exit status."""
    if isinstance(error, PrototileError):
        return _complain(str(error), NO if isinstance(error, (FitError, TimingError)) else WRONG)
    if isinstance(error, KeyboardInterrupt):
        return _complain("interrupted; nothing half-written was left.", INTERRUPTED)
    if isinstance(error, BrokenPipeError):
        # Python would complain again when it flushes these at its end.
        for stream in (sys.stdout, sys.stderr):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return PIPE_CLOSED
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return _complain(f"{where}{error.strerror or error}; name a file or folder that can be used.", WRONG)
    if os.environ.get(TRACEBACK_VARIABLE):
        raise error
    reason = (str(error).splitlines() or [""])[0]
    return _complain(
        f"this is a mistake in prototile itself ({type(error).__name__}: {reason}); set {TRACEBACK_VARIABLE}=1 to "
        "see where, and report it.",
        INTERNAL,
    )


def _complain(message: str, status: int) -> int:
    one_line = " ".join(message.split())
    print(f"prototile: error: {one_line}", file=sys.stderr)  # noqa: T201 (the message that the user is owed)
    return status


def _end_politely() -> dict[int, Any]:
    """Let a request to end and a terminal that closes clean up, as an interrupt does.

    Returns the handlers before, by signal; none outside of the main thread, where there are no handlers.
    """
    numbers = [signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
    # Under nohup the hang-up is ignored, and stays so.
    numbers = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]

    def end(number: int, frame: Any) -> NoReturn:
        # A second one must not end the cleaning up.
        for one in numbers:
            signal.signal(one, signal.SIG_IGN)
        raise KeyboardInterrupt

    try:
        return {number: signal.signal(number, end) for number in numbers}
    except ValueError:
        return {}


def _command(commands: Any, name: str, help_: str, run: tuple[str, str]) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = commands.add_parser(name, help=help_, description=help_)
    made.set_defaults(run=run)
    return made


def _json(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print one JSON document, and nothing else, on stdout")


def _board(command: argparse.ArgumentParser, default: str | None, text: str) -> None:
    command.add_argument("--board", metavar="NAME", default=default, help=text)


def _folder(command: argparse.ArgumentParser) -> None:
    command.add_argument("folder", metavar="DIR", help="design folder, as prototile convert writes it")


def _patience(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--timeout", type=_seconds, default=1.0, metavar="S", help="seconds to wait for the board (default: 1)"
    )
    command.add_argument(
        "--retries", type=_count, default=4, metavar="N", help="how often a request is sent again (default: 4)"
    )


def _bits(text: str) -> int | str:
    if text == "auto":
        return text
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be an integer or auto, not {text!r}") from None


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"must be a positive number, not {text!r}")
    return value


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"must be an integer that is not negative, not {text!r}")
    return int(text)


def _add_demo(commands: Any) -> None:
    command = _command(commands, "demo", "Train, convert, verify and build a model of real data.", ("demo", "demo"))
    command.add_argument(
        "dataset", nargs="?", default="digits", metavar="DATASET", help="iris, wine, breast_cancer or digits (default)"
    )
    _board(command, "icebreaker", "board to build for (default: icebreaker; see prototile boards)")
    command.add_argument("-o", "--output", metavar="DIR", help="design folder (default: build/<dataset>-<board>)")
    command.add_argument("--no-cache", action="store_true", help="build again, even if this was built before")
    _json(command)


def _add_convert(commands: Any) -> None:
    command = _command(commands, "convert", "Turn a model into a design folder.", ("commands", "convert"))
    command.add_argument(
        "model",
        metavar="MODEL",
        help=".skops: a fitted estimator; .npz: arrays prototypes (rows, features) and labels (rows); .safetensors: "
        "the same; .csv: a prototype a row, its label in the last column, header optional; .npz of prosemble; "
        ".safetensors: state dict of prototorch; .onnx of skl2onnx or prosemble; .knf of NeuroMem",
    )
    command.add_argument("-o", "--output", metavar="DIR", required=True, help="design folder to write")
    command.add_argument(
        "--calibration",
        metavar="FILE",
        help="vectors that span what the chip will see, such as the training data: .csv (a vector a row, header "
        "optional, a column more than features is the label), .npy, or .npz with X and, if there are labels, y",
    )
    command.add_argument("--vectors", metavar="FILE", help="vectors for the test bench (default: of the calibration)")
    command.add_argument(
        "--labels",
        metavar="FILE",
        help="a label for each prototype instead of the model's own, for clusterings and indexes: a label a line in "
        ".csv or .txt, or .npy",
    )
    command.add_argument(
        "--bits",
        type=_bits,
        default="auto",
        metavar="N",
        help="bits of a component, 1 to 16; auto (default): the fewest that lose no more than --max-loss on the "
        "calibration vectors, and 8 without these",
    )
    command.add_argument(
        "--max-loss",
        type=float,
        metavar="SHARE",
        help="what --bits auto may lose, and above which other bits are warned of (default: 0.005)",
    )
    _board(command, "icebreaker", "board to size the grid for (default: icebreaker)")
    command.add_argument(
        "--prototypes",
        type=_count,
        metavar="N",
        help="make N prototypes of a model of samples, and tell what that costs on samples held out",
    )
    command.add_argument(
        "--condense",
        choices=("kmeans", "kmedoids", "lvq", "condensed", "edited", "edited-kmeans"),
        metavar="METHOD",
        help="how: kmeans (default), kmedoids, lvq (at --bits; auto: 4) or edited-kmeans; condensed and edited find N "
        "themselves",
    )
    command.add_argument("--trust-pickle", action="store_true", help="load pickle files, which can run any code")
    grid = command.add_argument_group("shape of the grid", "What is left out is chosen: the fastest grid that fits.")
    grid.add_argument(
        "--reduction",
        choices=("serial", "parallel"),
        default="serial",
        help="parallel: all features at once, an answer a cycle, for few prototypes on a large part",
    )
    for name, text in (
        ("lanes", "components that a processing element takes per cycle"),
        ("pe-count", "processing elements at most"),
        ("prototypes-per-pe", "prototypes that an element serves, one after another"),
        ("pes-per-tile", "elements that share a memory word"),
        ("columns", "tiles of a row"),
    ):
        grid.add_argument(f"--{name}", type=int, metavar="N", help=text)
    kinds = ("block", "logic", "distributed", "single_port")
    grid.add_argument("--memory", choices=kinds, help="where prototypes live")
    grid.add_argument(
        "--writable",
        action=argparse.BooleanOptionalAction,
        help="whether prototile load can put other prototypes into the chip (default: only if --memory is for that)",
    )
    grid.add_argument(
        "--grid",
        metavar="DIR",
        help="a writable design whose grid this model is for: board, bits and shape are that design's, and prototile "
        "load can put this one into its chip",
    )
    grid.add_argument(
        "--memory-register", action=argparse.BooleanOptionalAction, help="register behind the memory: faster, larger"
    )
    _json(command)


def _add_simulate(commands: Any) -> None:
    command = _command(
        commands, "simulate", "Compare the generated hardware with the golden model.", ("commands", "simulate")
    )
    _folder(command)
    command.add_argument(
        "--vectors", metavar="FILE", help="queries, with labels if there are some (default: those in tb/)"
    )
    command.add_argument(
        "--level",
        default="rtl",
        choices=("rtl", "netlist", "bitstream", "board"),
        help="what is asked: rtl, the Verilog of the core (default); netlist, what synthesis made of the whole board; "
        "bitstream, the packed bitstream taken apart again (iCE40); board, the Verilog of the whole board, or with "
        "--port a real one",
    )
    command.add_argument(
        "--simulator",
        default="verilator",
        choices=("verilator", "icarus"),
        help="verilator: compiled (default); icarus: an installed Icarus Verilog, at level rtl",
    )
    _board(command, None, "board whose build is meant (default: the one that the grid was sized for)")
    command.add_argument("--port", metavar="PORT", help="at level board: serial port of a real board")
    _patience(command)
    command.add_argument(
        "--waves", metavar="FILE", help="write a waveform there, .fst or .vcd, of the first 50 queries (a board's: 5)"
    )
    command.add_argument(
        "--junit", metavar="FILE", help="write the result there as JUnit XML; at level rtl that of the cocotb bench too"
    )
    command.add_argument(
        "--stalls",
        action="store_true",
        help="at level rtl: random pauses on both sides, and resets throughout a query",
    )
    _json(command)


def _add_build(commands: Any) -> None:
    command = _command(commands, "build", "Make the bitstream for a board.", ("commands", "build"))
    _folder(command)
    _board(command, None, "board (default: the one that the grid was sized for)")
    command.add_argument("--no-cache", action="store_true", help="build again, even if this was built before")
    command.add_argument("--seed", type=int, default=1, metavar="N", help="first seed of place-and-route (default: 1)")
    _json(command)


def _add_report(commands: Any) -> None:
    command = _command(commands, "report", "Show the figures of a design.", ("commands", "report"))
    _folder(command)
    _json(command)


def _add_explain(commands: Any) -> None:
    command = _command(commands, "explain", "Tell why a query gets its answer.", ("commands", "explain"))
    _folder(command)
    command.add_argument("--vectors", metavar="FILE", required=True, help="queries")
    command.add_argument("--row", type=int, metavar="N", required=True, help="which of them, counted from 0")
    _json(command)


def _add_predict(commands: Any) -> None:
    command = _command(
        commands, "predict", "Classify vectors: with the golden model, or on a board.", ("commands", "predict")
    )
    _folder(command)
    command.add_argument("vectors", metavar="FILE", help="queries")
    command.add_argument(
        "--port",
        metavar="PORT",
        help="serial port of the board, such as /dev/ttyUSB1 (default: the golden model answers)",
    )
    _patience(command)
    command.add_argument("--output", metavar="FILE", help="write there instead of to stdout")
    _json(command)


def _add_load(commands: Any) -> None:
    command = _command(
        commands, "load", "Write a design's prototypes into a chip that has its grid.", ("commands", "load_chip")
    )
    _folder(command)
    command.add_argument("--port", metavar="PORT", required=True, help="serial port of the board, such as /dev/ttyUSB1")
    _patience(command)
    _json(command)


def _add_boards(commands: Any) -> None:
    command = _command(commands, "boards", "List the boards.", ("commands", "boards"))
    _json(command)


if __name__ == "__main__":
    sys.exit(main())
