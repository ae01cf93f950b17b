"""Clock, size and speed of the parallel form: the digits, one prototype a class, all 64 features at once.

    python benchmarks/parallel.py [--seed N]

The core alone, on the part of the ULX3S-25F; its placement takes minutes. Measurements are kept, so that a second run
only prints.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from common import Bar, print_table
from sklearn.cluster import KMeans
from sklearn.neighbors import KNeighborsClassifier

import prototile as pt
from prototile.boards.build import BuildOptions, measure
from prototile.boards.ulx3s_25f import BOARD
from prototile.data import DEMO_BITS, SEED, Dataset, load_dataset

TARGET_MHZ = 120.0


def centres(split: Dataset) -> KNeighborsClassifier:
    """The mean of each class, as the only prototype that it has."""
    classes = np.unique(split.y_train)
    means = [
        KMeans(1, n_init=1, random_state=SEED).fit(split.X_train[split.y_train == label]).cluster_centers_[0]
        for label in classes
    ]
    return KNeighborsClassifier(n_neighbors=1, metric="manhattan").fit(np.stack(means), classes)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    split = load_dataset("digits")
    design = pt.convert(centres(split), split.X_train, bits=DEMO_BITS, board=BOARD.name, reduction="parallel")
    config = design.config
    verification = design.verify(split.X_test)
    run = design.run(split.X_test)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "prototile_core.v")
        source.write_text(design.core_verilog)
        report = measure(
            [source],
            top="prototile_core",
            part=BOARD.part,
            target_mhz=TARGET_MHZ,
            options=BuildOptions(seed=options.seed, attempts=1),
            progress=lambda step: print(step, file=sys.stderr),
        )
    print_table(
        ("figure", "value"),
        [
            ("features, bits", f"{config.features}, {config.bits}"),
            ("prototypes, one an element", config.prototype_count),
            ("accuracy on held-out rows, RTL", f"{np.mean(design.labels(verification.records) == split.y_test):.4f}"),
            ("latency in cycles", config.latency_cycles),
            ("look-up tables / carry cells / flip-flops", f"{report.lut} / {report.carry} / {report.ff}"),
            ("logic cells, carry chains included", report.logic_cells),
            ("estimated, with the serial link", design.estimate()["logic_cells"]),
            ("block RAMs", report.bram),
            ("device", report.device),
        ],
    )
    Bar("rows compared", verification.rows, ">=", 540).show()
    Bar("mismatches in any field", verification.mismatches, "<=", 0).show()
    Bar("longest interval in cycles", int(np.diff(run.taken).max()), "<=", 1).show()
    Bar("fmax in MHz", report.fmax_mhz, ">=", 100).show()
    Bar("logic cells", report.logic_cells, "<=", BOARD.part.available.logic_cells).show()


if __name__ == "__main__":
    main()
