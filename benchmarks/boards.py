"""Clock and size of the digits chip on each board, the whole board top with its UART.

    python benchmarks/boards.py [BOARD ...]

The ECP5 takes minutes. Builds are kept, so that a second run only prints.
"""

import sys
import tempfile
from pathlib import Path

from common import Bar, print_table

import prototile as pt
from prototile.boards.board import boards
from prototile.data import DEMO_BITS, load_dataset, train_prototypes

BARS_MHZ = {"icebreaker": 36, "ice40-hx8k": 100, "ulx3s-25f": 100}


def main() -> None:
    """Print the table."""
    split = load_dataset("digits")
    model = train_prototypes("digits", split)
    rows, bars = [], []
    for name in sys.argv[1:] or boards():
        design = pt.convert(model, split.X_train, bits=DEMO_BITS, board=name)
        with tempfile.TemporaryDirectory() as folder:
            report = design.build(folder=Path(folder) / name, progress=lambda step: print(step, file=sys.stderr))
        cells = report.logic_cells or report.lut
        rows.append(
            (name, report.device, cells, report.bram, f"{report.fmax_mhz:.1f}", f"{report.target_mhz:g}", report.seed)
        )
        bars.append(Bar(f"{name}: fmax in MHz", report.fmax_mhz, ">=", max(BARS_MHZ.get(name, 0), report.target_mhz)))
    print_table(("board", "device", "cells", "block RAMs", "fmax MHz", "target", "seed"), rows)
    for bar in bars:
        bar.show()


if __name__ == "__main__":
    main()
