"""What a build has shown: resources, clock, tools, and where the bitstream lies."""

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from prototile.boards.family import Resources
from prototile.errors import TimingError

#: File that holds the report in the folder of a build.
REPORT_FILE = "build.json"


@dataclass(frozen=True, kw_only=True)
class BuildReport(Resources):
    """Figures of a placed and routed design, from the tools' JSON. None: not measured, or the part has none of it.

    Attributes
    ----------
    device, board
        The FPGA, and the board or None for a block without pins.
    logic_cells, lut, ff, carry, bram, spram, dsp, io
        What the design takes, as in `Resources`.
    available
        What the part has, by the same names.
    fmax_mhz, target_mhz
        Slowest clock of the design as place-and-route sees it, and the clock asked for. `fmax_mhz` is None if no path
        runs between two registers.
    timing_met
        Whether every clock reaches what was asked.
    seed
        Seed of place-and-route that gave this result.
    digest
        SHA-256 over all inputs of the build.
    tool_versions
        By tool.
    folder
        Where the files lie; None for a measurement.
    bitstream_file, logs
        Names of files in it.
    """

    device: str
    board: str | None = None
    available: dict[str, int] = field(default_factory=dict)
    fmax_mhz: float | None = None
    target_mhz: float
    timing_met: bool
    seed: int
    digest: str
    tool_versions: dict[str, str] = field(default_factory=dict)
    folder: Path | None = None
    bitstream_file: str | None = None
    logs: tuple[str, ...] = ()

    @property
    def util_pct(self) -> dict[str, float]:
        """Share of the part that the design takes, in percent."""
        names = [item.name for item in fields(Resources) if item.name in self.available]
        used = {name: getattr(self, name) for name in names}
        return {name: round(100 * count / self.available[name], 1) for name, count in used.items() if count is not None}

    @property
    def bitstream(self) -> Path | None:
        """Path of the bitstream."""
        if self.folder is None or self.bitstream_file is None:
            return None
        return self.folder / self.bitstream_file

    def check_timing(self) -> None:
        """Make a missed clock an error.

        Raises
        ------
        TimingError
            If `timing_met` is false.
        """
        if not self.timing_met:
            raise TimingError(
                f"the design reaches {self.fmax_mhz:.1f} MHz of {self.target_mhz:g} MHz on {self.device}: "
                "try more seeds, add a register after the memory, or take a slower clock"
            )

    def to_dict(self) -> dict[str, Any]:
        """Figures by the names of ``report.json``, paths relative to the folder; what was not measured is absent."""
        values = {**asdict(self), "util_pct": self.util_pct, "logs": list(self.logs)}
        del values["folder"]
        return {name: value for name, value in values.items() if value is not None}

    def write(self, folder: Path) -> None:
        """Write `REPORT_FILE`."""
        text = json.dumps(self.to_dict(), indent=2, sort_keys=True)
        (folder / REPORT_FILE).write_text(f"{text}\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "BuildReport":
        """Read the report of a finished build.

        Raises
        ------
        OSError, ValueError, TypeError
            If there is none, or it is damaged.
        """
        values = json.loads((folder / REPORT_FILE).read_text(encoding="utf-8"))
        del values["util_pct"]
        return cls(**{**values, "logs": tuple(values["logs"]), "folder": folder})
