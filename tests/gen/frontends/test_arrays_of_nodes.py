"""Models that no library fits: rules as boxes, and class vectors of bits."""

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris

import prototile as pt

INF = np.inf
#: Petal length and width in cm; the last rule takes what no other one does.
RULES = [
    ([(-INF, 2.45), (-INF, INF)], "setosa"),
    ([(4.75, INF), (1.65, INF)], "virginica"),
    ([(4.95, INF), (-INF, INF)], "virginica"),
    ([(-INF, INF), (-INF, INF)], "versicolor"),
]


def first_match(X, rules):
    """Labels of rules whose half-open intervals (lower, upper] all hold, the first one of several."""
    return [
        next(
            label
            for intervals, label in rules
            if all(lower < value <= upper for value, (lower, upper) in zip(row, intervals, strict=True))
        )
        for row in X
    ]


def test_first_rule_that_matches_wins():
    bunch = load_iris()
    X, y = bunch.data[:, 2:], bunch.target_names[bunch.target]
    model = pt.PrototypeModel([bounds for bounds, _ in RULES], [label for _, label in RULES], metric="box")
    assert model.predict(X).tolist() == first_match(X, RULES)
    design = pt.convert(model, calibration=X, bits=8)
    assert design.predict(X).tolist() == first_match(X, RULES)
    assert design.score(X, y) > 0.95
    records = design.decide(X)
    assert (records["distance"] == 0).all()
    # Where several rules match, the lowest index answers; the default alone is there for versicolor.
    matches = (design.golden.distances(design.quantise(X)[0]) == 0).argmax(axis=1)
    assert (records["prototype"] == matches).all()
    assert set(matches) == {0, 1, 2, 3}


def test_rules_in_whole_numbers_are_exact_and_closed():
    random = np.random.default_rng(2)
    bounds = np.sort(random.integers(0, 8, (12, 3, 2)), axis=2)
    bounds[-1] = [0, 7]
    labels = random.integers(0, 4, 12)
    design = pt.convert(pt.PrototypeModel(bounds, labels, metric="box"))
    grid = np.stack(np.meshgrid(*[range(8)] * 3), axis=-1).reshape(-1, 3)
    expected = first_match(grid, [(box - [1, 0], label) for box, label in zip(bounds, labels, strict=True)])
    assert design.predict(grid).tolist() == expected
    # The order of rules matters, so this is no accident of the labels.
    backwards = pt.convert(pt.PrototypeModel(bounds[::-1], labels[::-1], metric="box"))
    assert (backwards.predict(grid) == labels[-1]).all()


@pytest.mark.tools
def test_hardware_takes_the_first_rule():
    X = load_iris().data[:, 2:]
    model = pt.PrototypeModel([bounds for bounds, _ in RULES], [label for _, label in RULES], metric="box")
    design = pt.convert(model, calibration=X, bits=8)
    verification = design.verify(X)
    assert verification.ok
    assert design.labels(verification.records).tolist() == first_match(X, RULES)


def test_class_vectors_of_bits():
    """Hyperdimensional computing: bundles of encoded samples, compared by the bits that differ."""
    X, y = load_digits(return_X_y=True)
    projection = np.random.default_rng(0).normal(size=(64, 1024))
    codes = (X - X[:1000].mean(axis=0)) @ projection > 0
    vectors = np.array([codes[:1000][y[:1000] == digit].mean(axis=0) > 0.5 for digit in range(10)])
    model = pt.PrototypeModel(vectors, range(10), metric="hamming")
    design = pt.convert(model, calibration=codes[:1000], board="ulx3s-25f")
    assert (design.config.bits, design.config.features) == (1, 1024)
    differing = (codes[1000:, None] != vectors).sum(axis=2)
    records = design.decide(codes[1000:])
    assert (records["distance"] == differing.min(axis=1)).all()
    assert (design.predict(codes[1000:]) == differing.argmin(axis=1)).all()
    # 0.878 when measured.
    assert design.score(codes[1000:], y[1000:]) > 0.85
