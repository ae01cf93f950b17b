import json
from pathlib import Path

import pytest

from prototile.boards.report import BuildReport
from prototile.errors import TimingError


def report(**changes) -> BuildReport:
    values = {
        "device": "iCE40HX8K-CT256", "board": "ice40-hx8k", "logic_cells": 768, "lut": 700, "bram": 16, "io": 4,
        "available": {"logic_cells": 7680, "lut": 7680, "bram": 32, "io": 206}, "fmax_mhz": 120.25, "target_mhz": 100.5,
        "timing_met": True, "seed": 1, "digest": "ab", "bitstream_file": "chip.bin", "logs": ("synthesis.log",),
    }  # fmt: skip
    return BuildReport(**{**values, **changes})


def test_written_and_read_back(tmp_path):
    report().write(tmp_path)
    assert BuildReport.read(tmp_path) == report(folder=tmp_path)
    assert BuildReport.read(tmp_path).bitstream == tmp_path / "chip.bin"


def test_no_path_and_no_unmeasured_figure_is_written():
    shown = report(fmax_mhz=None, folder=Path("/home/me")).to_dict()
    assert "/home" not in json.dumps(shown)
    assert shown.keys() & {"fmax_mhz", "dsp", "spram", "folder"} == set()


def test_utilisation():
    assert report().util_pct == {"logic_cells": 10.0, "lut": 9.1, "bram": 50.0, "io": 1.9}


def test_timing():
    report().check_timing()
    with pytest.raises(TimingError, match=r"reaches 90\.0 MHz of 100\.5 MHz on iCE40HX8K-CT256: "):
        report(fmax_mhz=90.0, timing_met=False).check_timing()
