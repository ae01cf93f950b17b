"""The golden model against a slow restatement of the contract's section 4 in plain Python."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prototile.config import Configuration
from prototile.nodes import Nodes
from prototile.record import RECORD_DTYPE, Status
from prototile.sim.golden import GoldenModel
from prototile.sim.metrics import METRICS


def golden_of(config, prototypes, labels, radii=None):
    return GoldenModel(config, Nodes(values=prototypes, labels=labels, radii=radii))


def restate(config, prototypes, labels, radii, query, saturated):
    """One decision record as a tuple in the order of RECORD_DTYPE, from the words of the contract."""
    distances = []
    for prototype in prototypes:
        differences = [abs(q - p) for q, p in zip(query, prototype, strict=True)]
        distances.append(sum(differences) if config.metric == "l1" else sum(d * d for d in differences))
    fires = [
        True if radii is None else distance < radius
        for distance, radius in zip(distances, radii or distances, strict=True)
    ]
    order = sorted(range(len(prototypes)), key=lambda i: (not fires[i], distances[i], i))
    winner = order[0]
    label = labels[winner]
    others = [i for i in order if labels[i] != label]
    runner_up, margin, tie = -1, 0, False
    if others:
        runner_up = labels[others[0]]
        margin = distances[others[0]] - distances[winner]
        tie = any(fires[i] == fires[winner] and distances[i] == distances[winner] for i in others)
    status = Status.IDENTIFIED
    overlap = radii is not None and any(fires[i] for i in others)
    if overlap or (config.min_margin is not None and margin < config.min_margin):
        status = Status.UNCERTAIN
    if not any(fires):
        status = Status.UNKNOWN
    return winner, distances[winner], label, runner_up, margin, int(status), tie, saturated


@st.composite
def cases(draw):
    """Small ranges make ties and equal prototypes frequent."""
    features = draw(st.integers(1, 5))
    bits = draw(st.sampled_from([1, 2, 3, 4, 5, 8, 12, 13, 16]))
    count = draw(st.integers(1, 9))
    class_count = draw(st.integers(1, 4))
    top = (1 << bits) - 1
    component = st.one_of(st.integers(0, min(top, 3)), st.integers(max(0, top - 3), top), st.integers(0, top))
    vector = st.lists(component, min_size=features, max_size=features)
    radii = draw(st.sampled_from(["none", "common", "class", "prototype"]))
    config = Configuration(
        features=features,
        bits=bits,
        metric=draw(st.sampled_from(["l1", "l2"])),
        prototype_count=count,
        class_count=class_count,
        radii=radii,
        min_margin=draw(st.one_of(st.none(), st.integers(0, 10))),
    )
    prototypes = draw(st.lists(vector, min_size=count, max_size=count))
    labels = draw(st.lists(st.integers(0, class_count - 1), min_size=count, max_size=count))
    limit = config.distance_max + 1
    radius = st.one_of(st.integers(0, min(limit, 12)), st.integers(0, limit), st.just(limit))
    per_class = draw(st.lists(radius, min_size=class_count, max_size=class_count))
    values = {
        "none": None,
        "common": [per_class[0]] * count,
        "class": [per_class[label] for label in labels],
        "prototype": draw(st.lists(radius, min_size=count, max_size=count)),
    }[radii]
    queries = draw(st.lists(st.one_of(vector, st.sampled_from(prototypes)), min_size=1, max_size=6))
    saturated = draw(st.lists(st.integers(0, features), min_size=len(queries), max_size=len(queries)))
    return config, prototypes, labels, values, queries, saturated


@settings(max_examples=600, deadline=None, derandomize=True)
@given(cases())
def test_records_equal_the_restatement(case):
    config, prototypes, labels, radii, queries, saturated = case
    golden = golden_of(
        config, np.array(prototypes), np.array(labels), None if radii is None else np.array(radii, np.int64)
    )
    records = golden.decide(np.array(queries), np.array(saturated))
    assert records.dtype == RECORD_DTYPE
    expected = [
        restate(config, prototypes, labels, radii, query, count)
        for query, count in zip(queries, saturated, strict=True)
    ]
    assert [record.item() for record in records] == expected


@settings(max_examples=200, deadline=None, derandomize=True)
@given(cases())
def test_distances_equal_the_definition(case):
    config, prototypes, labels, radii, queries, _ = case
    golden = golden_of(config, np.array(prototypes), np.array(labels), None if radii is None else np.array(radii))
    power = 1 if config.metric == "l1" else 2
    expected = [[sum(abs(a - b) ** power for a, b in zip(q, p, strict=True)) for p in prototypes] for q in queries]
    assert golden.distances(np.array(queries)).tolist() == expected


@pytest.mark.parametrize("metric", ["l1", "l2"])
@pytest.mark.parametrize("bits", [1, 4, 8, 16])
@pytest.mark.parametrize("with_radii", [False, True])
def test_large_random_model_over_several_chunks(metric, bits, with_radii, monkeypatch):
    monkeypatch.setattr(METRICS[metric], "chunk", 2000)
    random = np.random.default_rng(bits)
    config = Configuration(
        features=64,
        bits=bits,
        metric=metric,
        prototype_count=300,
        class_count=7,
        radii="prototype" if with_radii else "none",
    )
    prototypes = random.integers(0, 1 << bits, (300, 64))
    labels = random.integers(0, 7, 300)
    radii = random.integers(0, config.distance_max + 2, 300) if with_radii else None
    queries = random.integers(0, 1 << bits, (50, 64))
    records = golden_of(config, prototypes, labels, radii).decide(queries)
    for record, query in zip(records, queries.tolist(), strict=True):
        expected = restate(
            config, prototypes.tolist(), labels.tolist(), None if radii is None else radii.tolist(), query, 0
        )
        assert record.item() == expected


@pytest.mark.parametrize(("metric", "features"), [("l1", 4096), ("l2", 4096), ("l2", 5)])
def test_worst_case_does_not_overflow(metric, features):
    config = Configuration(features=features, bits=16, metric=metric, prototype_count=2, class_count=2)
    prototypes = np.stack([np.zeros(features, np.uint16), np.full(features, 65535, np.uint16)])
    record = golden_of(config, prototypes, np.array([1, 0])).decide(prototypes[1:])[0]
    assert record["distance"] == 0
    assert record["margin"] == features * (65535 if metric == "l1" else 65535**2) == config.distance_max


@pytest.mark.parametrize("bits", range(1, 17))
def test_no_partial_sum_overflows(bits):
    top = (1 << bits) - 1
    prototypes = np.stack([np.zeros(600, int), np.full(600, top)])
    for metric, largest in (("l1", 600 * top), ("l2", 600 * top**2)):
        config = Configuration(features=600, bits=bits, metric=metric, prototype_count=2, class_count=2)
        golden = golden_of(config, prototypes, np.array([0, 1]))
        assert golden.distances(prototypes).tolist() == [[0, largest], [largest, 0]]


def test_a_product_beyond_exact_floating_point_is_still_exact():
    # The sum of products is odd and over 2**53, where a float64 would round it.
    features = (1 << 21) + 1024
    config = Configuration(features=features, bits=16, metric="l2", prototype_count=1, class_count=1)
    prototypes = np.full((1, features), 65535, np.uint16)
    query = prototypes.copy()
    query[0, 0] = 65534
    assert int(query[0].astype(np.int64) @ prototypes[0].astype(np.int64)) > 1 << 53
    assert golden_of(config, prototypes, np.array([0])).distances(query)[0, 0] == 1


def test_keys_beyond_exact_floating_point_are_still_exact():
    random = np.random.default_rng(3)
    config = Configuration(features=4096, bits=16, metric="l2", prototype_count=1025, class_count=3)
    # All near the upper end, so that squares and products are as large as they can be.
    prototypes = 65535 - random.integers(0, 2, (1025, 4096))
    labels = random.integers(0, 3, 1025)
    queries = 65535 - random.integers(0, 2, (5, 4096))
    records = golden_of(config, prototypes, labels).decide(queries)
    distances = np.stack([((prototypes - query) ** 2).sum(axis=1) for query in queries])
    assert records["prototype"].tolist() == distances.argmin(axis=1).tolist()
    assert records["distance"].tolist() == distances.min(axis=1).tolist()


def test_no_queries_give_no_records():
    config = Configuration(features=3, bits=2, metric="l1", prototype_count=1, class_count=1)
    golden = golden_of(config, np.zeros((1, 3), int), np.array([0]))
    assert golden.decide(np.empty((0, 3), int)).shape == (0,)


def test_a_changed_radius_changes_the_record():
    config = Configuration(features=1, bits=4, metric="l1", prototype_count=2, class_count=2, radii="prototype")
    prototypes, labels, query = np.array([[0], [6]]), np.array([0, 1]), np.array([[2]])
    statuses = [
        golden_of(config, prototypes, labels, np.array(radii)).decide(query)["status"][0]
        for radii in ([2, 4], [3, 4], [3, 5], [2, 5])
    ]
    assert statuses == [Status.UNKNOWN, Status.IDENTIFIED, Status.UNCERTAIN, Status.IDENTIFIED]


CONFIG = Configuration(features=2, bits=2, metric="l1", prototype_count=2, class_count=2)
GOOD = {"config": CONFIG, "prototypes": np.zeros((2, 2), int), "labels": np.array([0, 1])}


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"prototypes": np.zeros((2, 2))}, TypeError, "values must be integers, not float64"),
        ({"prototypes": np.zeros((2, 3), int)}, ValueError, r"values must have the shape \(2, 2\), not \(2, 3\)"),
        ({"prototypes": np.full((2, 2), 4)}, ValueError, r"values must lie in 0 \.\. 3, not 4 \.\. 4"),
        ({"labels": np.array([0, 2])}, ValueError, r"labels must lie in 0 \.\. 1"),
        ({"radii": np.array([1, 1])}, ValueError, "radii must be given exactly if"),
        ({"config": replace(CONFIG, radii="class")}, ValueError, "radii must be given exactly if"),
        ({"config": replace(CONFIG, metric="l3")}, ValueError, "metric must be one of l1, .*, not 'l3'"),
    ],
)
def test_contradictions_are_refused(changes, error, message):
    with pytest.raises(error, match=message):
        golden_of(**{**GOOD, **changes})


@pytest.mark.parametrize(
    ("queries", "error"),
    [
        (np.zeros((1, 2)), TypeError),
        (np.zeros((1, 3), int), ValueError),
        (np.full((1, 2), -1), ValueError),
        (np.full((1, 2), 4), ValueError),
        (np.zeros(2, int), ValueError),
    ],
)
def test_wrong_queries_are_refused(queries, error):
    with pytest.raises(error, match="Q must"):
        golden_of(**GOOD).decide(queries)


def test_more_saturated_components_than_there_are_is_refused():
    with pytest.raises(ValueError, match="saturated must lie in 0"):
        golden_of(**GOOD).decide(np.zeros((1, 2), int), np.array([3]))
