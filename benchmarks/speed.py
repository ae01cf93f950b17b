"""Speed of the product's own steps on the digits chip: conversion, Verilog, simulation, golden model.

python benchmarks/speed.py
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from common import Bar, print_table

import prototile as pt
from prototile.data import DEMO_BITS, load_dataset, train_prototypes


def timed(step: Callable[[], Any]) -> tuple[Any, float]:
    """Result and seconds of a call."""
    start = time.perf_counter()
    result = step()
    return result, time.perf_counter() - start


def main() -> None:
    """Print the figures."""
    split = load_dataset("digits")
    model = train_prototypes("digits", split)
    design, converting = timed(lambda: pt.convert(model, split.X_train, bits=DEMO_BITS, y=split.y_train))
    _, writing = timed(lambda: design.core_verilog)
    many = np.tile(split.X_test, (100, 1))
    design.verify(split.X_test)
    run, simulating = timed(lambda: design.run(many))
    _, deciding = timed(lambda: design.decide(many))
    _, estimating = timed(lambda: design.estimate())
    print_table(
        ("step", "seconds"),
        [
            ("convert: quantise, size the grid", f"{converting:.2f}"),
            ("Verilog of the core", f"{writing:.2f}"),
            (f"simulate {len(many):,} queries, {run.cycles:,} cycles", f"{simulating:.2f}"),
            (f"golden model, {len(many):,} queries", f"{deciding:.2f}"),
            ("estimate", f"{estimating:.4f}"),
        ],
    )
    Bar("convert digits with its Verilog, seconds", converting + writing, "<=", 5).show()
    Bar("RTL simulation, cycles per second", run.cycles / simulating, ">=", 200_000).show()
    verification = design.verify(split.X_test)
    Bar("rows compared", verification.rows, ">=", 540).show()
    Bar("mismatches in any field", verification.mismatches, "<=", 0).show()
    floating = float(np.mean(design.model.predict(split.X_test) == split.y_test))
    quantised = design.score(split.X_test, split.y_test)
    in_hardware = float(np.mean(design.labels(verification.records) == split.y_test))
    Bar("accuracy, quantised", quantised, ">=", 0.95).show()
    Bar("accuracy, RTL", in_hardware, ">=", 0.95).show()
    Bar("accuracy, float minus quantised", floating - quantised, "<=", 0.01).show()


if __name__ == "__main__":
    main()
