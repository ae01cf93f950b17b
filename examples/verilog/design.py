"""Make a small design, and what the system around it needs: its sizes, queries for a ROM, and the right answers.

Usage: python design.py FOLDER
"""

import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_iris

import prototile as pt

folder = Path(sys.argv[1])
X, y = load_iris(return_X_y=True)

# One prototype a class, its mean, and a field of influence that reaches nine tenths of the class.
means = np.array([X[y == label].mean(axis=0) for label in range(3)])
reach = [np.quantile(np.abs(X[y == label] - means[label]).sum(axis=1), 0.9) for label in range(3)]
design = pt.convert(pt.PrototypeModel(means, [0, 1, 2], radii=reach), calibration=X, bits=6)
design.save(folder / "design")

config = design.config
sizes = {
    "WORD_WIDTH": config.word_width,
    "WORDS": config.words,
    "SATURATED_WIDTH": config.saturated_width,
    "LABEL_WIDTH": config.class_width,
    "CLASSES": config.class_count,
}
queries, saturated = design.quantise(X[::6])
sizes["QUERIES"] = len(queries)
(folder / "sizes.vh").write_text("".join(f"`define {name} {value}\n" for name, value in sizes.items()))

# A word of a query holds `lanes` components, the first in the low bits; what is missing in the last word is 0.
padded = np.zeros((len(queries), config.words * config.lanes), dtype=object)
padded[:, : config.features] = queries
words = (padded.reshape(-1, config.lanes) << np.arange(config.lanes) * config.bits).sum(axis=1)
(folder / "queries.hex").write_text("".join(f"{word:x}\n" for word in words))

# The LEDs after each query: one for each class, and above them whether the answer is in doubt.
records = design.golden.decide(queries, saturated)
leds = (records["status"] != pt.Status.IDENTIFIED).astype(int) << config.class_count | 1 << records["label"].astype(int)
(folder / "expected.hex").write_text("".join(f"{value:x}\n" for value in leds))
