"""How true a design is to its model, and how fast it is converted and asked: each figure beside its bar.

    python benchmarks/fidelity.py

Agreement is measured on rows that neither the model nor the range of the quantiser has seen. The golden model and
scikit-learn's brute force are timed in turns in the same run, the best of several, on the same rows.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from common import Bar, print_table
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import prototile as pt

LOADERS = {"iris": load_iris, "wine": load_wine, "breast_cancer": load_breast_cancer, "digits": load_digits}
METRICS = {"l1": "manhattan", "l2": "euclidean"}
BITS = 8
#: Large enough for all of them.
BOARD = "ulx3s-25f"
FOLDS = 5
#: Best of so many runs.
RUNS = 7
#: Queries of the comparison with scikit-learn, and of the conversion: prototypes and features.
QUERIES, SAMPLES, FEATURES = 4000, 1000, 64
LARGE = 10_000
NEIGHBOURS = (1, 3, 5, 15)


def agreement(name: str, *, per_feature: bool = False) -> float:
    """Share of the held-out rows, in percent, on which chip and pipeline agree: five folds, seed 0.

    Parameters
    ----------
    name
        Data set.
    per_feature
        Whether each feature's own range becomes all the levels, which is another metric: for comparison.
    """
    X, y = LOADERS[name](return_X_y=True)
    same = []
    for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(X, y):
        pipeline = make_pipeline(StandardScaler(), KNeighborsClassifier(1)).fit(X[train], y[train])
        expected = pipeline.predict(X[test])
        if per_feature:
            Z, queries = (pipeline[0].transform(rows) for rows in (X[train], X[test]))
            low, high = Z.min(axis=0), Z.max(axis=0)
            step = np.where(high > low, high - low, 1) / ((1 << BITS) - 1)
            levels = [np.clip(np.rint((rows - low) / step), 0, (1 << BITS) - 1) for rows in (Z, queries)]
            found = KNeighborsClassifier(1).fit(levels[0], y[train]).predict(levels[1])
        else:
            found = pt.convert(pipeline, X[train], bits=BITS, board=BOARD).predict(X[test])
        same.append(found == expected)
    return 100 * float(np.concatenate(same).mean())


def best_seconds(steps: Sequence[Callable[[], Any]]) -> list[float]:
    """Shortest time of each step; they take turns, so that a busy machine slows all of them."""
    times = [[] for _ in steps]
    for _ in range(RUNS):
        for step, taken in zip(steps, times, strict=True):
            start = time.perf_counter()
            step()
            taken.append(time.perf_counter() - start)
    return [min(taken) for taken in times]


def conversion_seconds(bits: int | str) -> float:
    """Seconds from a fitted model of many samples, more than the part has room for, to a design that answers."""
    random = np.random.default_rng(0)
    X = random.normal(size=(LARGE, FEATURES))
    y = (X[:, 0] > 0) + 2 * (X[:, 1] > 0)
    model = KNeighborsClassifier(1).fit(X, y)
    start = time.perf_counter()
    pt.convert(model, X, bits=bits, y=y, board=BOARD, must_fit=False).predict(X[:1])
    return time.perf_counter() - start


def main() -> None:
    """Print figures and bars."""
    for name in LOADERS:
        Bar(f"{name}, StandardScaler and 1-NN, {BITS} bits, agreement in %", agreement(name), ">=", 99).show()
    print_table(
        ["agreement in %", *LOADERS],
        [["a step per feature, for comparison", *(f"{agreement(name, per_feature=True):.1f}" for name in LOADERS)]],
    )
    for bits in (BITS, "auto"):
        what = f"conversion of {LARGE:,} samples of {FEATURES} features, bits={bits}, seconds"
        Bar(what, conversion_seconds(bits), "<=", 10).show()
    random = np.random.default_rng(0)
    X, queries = (random.integers(0, 1 << BITS, (rows, FEATURES)).astype(float) for rows in (SAMPLES, QUERIES))
    y = random.integers(0, 10, SAMPLES)
    rows = []
    for metric, name in METRICS.items():
        for k in NEIGHBOURS:
            model = KNeighborsClassifier(k, metric=name, algorithm="brute").fit(X, y)
            golden = pt.convert(model, X, bits=BITS, board=BOARD).golden
            theirs, ours = best_seconds(
                [partial(model.predict, queries), partial(golden.decide, queries.astype(np.int64))]
            )
            rows.append([metric, k, f"{QUERIES / theirs:,.0f}", f"{QUERIES / ours:,.0f}"])
            Bar(
                f"golden model of {SAMPLES} samples, {metric}, k={k}: queries/s, times scikit-learn's",
                theirs / ours,
                ">=",
                1,
            ).show()
    print_table(["metric", "k", "scikit-learn, queries/s", "golden model, queries/s"], rows)


if __name__ == "__main__":
    main()
