"""The golden model against the restatement of its contract, and its own matters: chunks, exact sums, errors."""

import tracemalloc
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from restatement import Model, decide, distance, term

from prototile.config import MASKED_METRICS, METRICS, WEIGHTED_METRICS, Configuration
from prototile.nodes import Nodes
from prototile.record import RECORD_DTYPE, Status
from prototile.sim.golden import GoldenModel
from prototile.sim.metrics import METRICS as IMPLEMENTED
from prototile.sim.metrics import Product


@dataclass
class Lists:
    """Like `Nodes`, in lists."""

    values: list
    labels: list
    masks: list | None = None
    shifts: list | None = None
    radii: list | None = None

    @property
    def nodes(self):
        def array(numbers, kind):
            return None if numbers is None else np.array(numbers, kind)

        return Nodes(
            values=np.array(self.values, np.int64),
            labels=np.array(self.labels, np.int32),
            masks=array(self.masks, np.bool_),
            shifts=array(self.shifts, np.uint8),
            radii=array(self.radii, np.int64),
        )


def configured(metric, lists, bits, **others):
    """A configuration with the sizes of the lists."""
    return Configuration(
        features=len(lists.values[0]),
        bits=bits,
        metric=metric,
        prototype_count=len(lists.values),
        class_count=max(lists.labels) + 1,
        masked=lists.masks is not None,
        **others,
    )


def golden_of(config, prototypes, labels, radii=None):
    return GoldenModel(config, Nodes(values=prototypes, labels=labels, radii=radii))


def restated(config, nodes, queries, saturated=None):
    """Decision records as tuples in the order of RECORD_DTYPE."""
    model = Model.of(config, nodes)
    records = [decide(model, *one) for one in zip(queries, saturated or [0] * len(queries), strict=True)]
    return [tuple(record[name] for name in RECORD_DTYPE.names) for record in records]


def restated_distances(config, nodes, queries):
    model = Model.of(config, nodes)
    return [[distance(model, query, i) for i in range(len(model.labels))] for query in queries]


@st.composite
def cases(draw):
    """Small ranges make ties and equal prototypes frequent."""
    metric = draw(st.sampled_from(METRICS))
    features = draw(st.integers(1, 4))
    bits = draw(st.sampled_from([1, 2, 3] if metric == "table" else [1, 2, 3, 4, 5, 7, 8, 12, 13, 15, 16]))
    count = draw(st.integers(1, 8))
    class_count = draw(st.integers(1, 4))
    top = (1 << bits) - 1
    component = st.one_of(st.integers(0, min(top, 3)), st.integers(max(0, top - 3), top), st.integers(0, top))
    entry_max = draw(st.sampled_from([0, 1, 3, 255, 4096, 65535, 1 << 40])) if metric == "table" else 0
    entry = st.one_of(st.integers(0, min(entry_max, 2)), st.integers(0, entry_max), st.just(entry_max))
    value = {
        "box": component.flatmap(lambda low: st.tuples(st.just(low), st.integers(max(0, low - 1), top))),
        "table": st.lists(entry, min_size=top + 1, max_size=top + 1),
    }.get(metric, component)

    def matrix(element):
        return draw(st.lists(st.lists(element, min_size=features, max_size=features), min_size=count, max_size=count))

    masked = metric in MASKED_METRICS and draw(st.booleans())
    shift_max = draw(st.sampled_from([0, 1, 4, 15])) if metric in WEIGHTED_METRICS else 0
    radii = draw(st.sampled_from(["none", "common", "class", "prototype"]))
    config = Configuration(
        features=features,
        bits=bits,
        metric=metric,
        prototype_count=count,
        class_count=class_count,
        radii=radii,
        min_margin=draw(st.one_of(st.none(), st.integers(0, 10))),
        k=draw(st.one_of(st.just(1), st.integers(2, 15))),
        masked=masked,
        shift_max=shift_max,
        entry_max=entry_max,
    )
    labels = draw(st.lists(st.integers(0, class_count - 1), min_size=count, max_size=count))
    limit = config.distance_max + 1
    radius = st.one_of(st.integers(0, min(limit, 12)), st.integers(0, limit), st.just(limit))
    per_class = draw(st.lists(radius, min_size=class_count, max_size=class_count))
    lists = Lists(
        values=matrix(value),
        labels=labels,
        masks=matrix(st.booleans()) if masked else None,
        shifts=matrix(st.integers(0, shift_max)) if shift_max else None,
        radii={
            "none": None,
            "common": [per_class[0]] * count,
            "class": [per_class[label] for label in labels],
            "prototype": draw(st.lists(radius, min_size=count, max_size=count)),
        }[radii],
    )
    vector = st.lists(component, min_size=features, max_size=features)
    if metric not in ("box", "table"):
        vector = st.one_of(vector, st.sampled_from(lists.values))
    queries = draw(st.lists(vector, min_size=1, max_size=4))
    saturated = draw(st.lists(st.integers(0, features), min_size=len(queries), max_size=len(queries)))
    return config, lists, queries, saturated


@settings(max_examples=500, deadline=None, derandomize=True)
@given(cases())
def test_records_equal_the_restatement(case):
    config, lists, queries, saturated = case
    records = GoldenModel(config, lists.nodes).decide(np.array(queries), np.array(saturated))
    assert records.dtype == RECORD_DTYPE
    assert [record.item() for record in records] == restated(config, lists.nodes, queries, saturated)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(cases())
def test_distances_and_contributions_equal_the_definition(case):
    config, lists, queries, _ = case
    golden = GoldenModel(config, lists.nodes)
    assert golden.distances(np.array(queries)).tolist() == restated_distances(config, lists.nodes, queries)
    model = Model.of(config, lists.nodes)
    for i in range(config.prototype_count):
        contributions = golden.contributions(np.array(queries[0]), i)
        assert contributions.dtype == np.int64
        assert contributions.tolist() == [term(model, i, d, q) for d, q in enumerate(queries[0])]


def every_value(metric, bits):
    """All that a component of a prototype can be; of tables those with entries to 1, or with one large entry."""
    levels = 1 << bits
    if metric == "box":
        return [(low, high) for low, high in product(range(levels), repeat=2) if low <= high + 1]
    if metric == "table":
        return [*product(range(2), repeat=levels), *(3 * np.eye(levels, dtype=int)).tolist()]
    return list(range(levels))


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("bits", [1, 2, 3])
def test_every_component_against_every_value(metric, bits):
    shift_max = 3 if metric in WEIGHTED_METRICS else 0
    choices = list(
        product(
            every_value(metric, bits),
            [False, True] if metric in MASKED_METRICS else [True],
            range(shift_max + 1),
        )
    )
    lists = Lists(
        values=[[value] for value, _, _ in choices],
        labels=[number % 3 for number in range(len(choices))],
        masks=[[mask] for _, mask, _ in choices] if metric in MASKED_METRICS else None,
        shifts=[[shift] for _, _, shift in choices] if shift_max else None,
    )
    config = configured(metric, lists, bits, shift_max=shift_max, entry_max=3 if metric == "table" else 0)
    queries = [[q] for q in range(1 << bits)]
    golden = GoldenModel(config, lists.nodes)
    assert golden.distances(np.array(queries)).tolist() == restated_distances(config, lists.nodes, queries)
    records = golden.decide(np.array(queries))
    assert [record.item() for record in records] == restated(config, lists.nodes, queries)


@pytest.mark.parametrize(
    ("metric", "masked"), [*((metric, False) for metric in METRICS), *((metric, True) for metric in MASKED_METRICS)]
)
def test_every_pair_of_components(metric, masked):
    masks = list(product([False, True], repeat=2)) if masked else [(True, True)]
    choices = list(product(product(every_value(metric, 2), repeat=2), masks))
    lists = Lists(
        values=[values for values, _ in choices],
        labels=[number % 2 for number in range(len(choices))],
        masks=[mask for _, mask in choices] if masked else None,
    )
    config = configured(metric, lists, 2, entry_max=3 if metric == "table" else 0)
    queries = list(product(range(4), repeat=2))
    distances = GoldenModel(config, lists.nodes).distances(np.array(queries))
    assert distances.tolist() == restated_distances(config, lists.nodes, queries)


VARIANTS = [
    *((metric, False, 0, 255 if metric == "table" else 0) for metric in METRICS),
    *((metric, True, 0, 0) for metric in MASKED_METRICS),
    *((metric, True, 6, 0) for metric in WEIGHTED_METRICS),
    ("table", False, 0, 0),
]


@pytest.mark.parametrize(("metric", "masked", "shift_max", "entry_max"), VARIANTS)
@pytest.mark.parametrize("bits", [1, 8])
@pytest.mark.parametrize(("radii", "k"), [("none", 1), ("none", 9), ("prototype", 1), ("prototype", 9)])
def test_large_random_model_over_several_chunks(metric, masked, shift_max, entry_max, bits, radii, k, monkeypatch):
    monkeypatch.setattr(IMPLEMENTED[metric], "chunk", 500)
    random = np.random.default_rng(bits)
    count, features, levels = 120, 33, 1 << bits
    shape = (count, features)
    config = Configuration(
        features=features,
        bits=bits,
        metric=metric,
        prototype_count=count,
        class_count=7,
        radii=radii,
        k=k,
        masked=masked,
        shift_max=shift_max,
        entry_max=entry_max,
    )
    values = {
        "box": lambda: np.sort(random.integers(0, levels, (*shape, 2)), axis=2),
        "table": lambda: random.integers(0, entry_max + 1, (*shape, levels)),
    }.get(metric, lambda: random.integers(0, levels, shape))()
    queries = random.integers(0, levels, (9, features))
    nodes = Nodes(values=values, labels=random.integers(0, 7, count), radii=None)
    nodes = replace(
        nodes,
        masks=random.random(shape) < 0.7 if masked else None,
        shifts=random.integers(0, shift_max + 1, shape) if shift_max else None,
    )
    if radii == "prototype":
        # Close to the distances, so that some fire and some do not.
        near = GoldenModel(replace(config, radii="none"), nodes).distances(queries[:1])[0]
        nodes = replace(nodes, radii=np.clip(near + random.integers(-9, 10, count), 0, config.distance_max + 1))
    records = GoldenModel(config, nodes).decide(queries)
    assert [record.item() for record in records] == restated(config, nodes, queries.tolist())


def extremes(metric, features, bits, entry_max):
    """Values of two prototypes, one at distance 0 from all zeros, the other as far as can be."""
    top = (1 << bits) - 1
    if metric == "table":
        values = np.full((2, features, top + 1), entry_max)
        values[0, :, 0] = values[1, :, top] = 0
        return values
    shape = (features, 2) if metric == "box" else (features,)
    return np.stack([np.zeros(shape, int), np.full(shape, top)])


# Tables of more than 8 bits would take long.
@pytest.mark.parametrize(
    ("metric", "bits"), [(metric, bits) for metric in METRICS for bits in range(1, 9 if metric == "table" else 17)]
)
def test_no_partial_sum_overflows(metric, bits):
    top = (1 << bits) - 1
    queries = np.stack([np.zeros(600, int), np.full(600, top)])
    for shift_max in (0, 1, 15) if metric in WEIGHTED_METRICS else (0,):
        config = Configuration(
            features=600,
            bits=bits,
            metric=metric,
            prototype_count=2,
            class_count=2,
            shift_max=shift_max,
            entry_max=(1 << 2 * bits) - 1 if metric == "table" else 0,
        )
        nodes = Nodes(
            values=extremes(metric, 600, bits, config.entry_max),
            labels=np.array([0, 1]),
            shifts=np.full((2, 600), shift_max) if shift_max else None,
        )
        largest = config.distance_max
        assert GoldenModel(config, nodes).distances(queries).tolist() == [[0, largest], [largest, 0]]
        record = GoldenModel(config, nodes).decide(queries[1:])[0]
        assert (record["prototype"], record["distance"], record["margin"]) == (1, 0, largest)


@pytest.mark.parametrize("entry_max", [(1 << 28) - 1, 1 << 28, (1 << 32) - 1, 1 << 32, 1 << 50])
def test_large_entries_are_summed_exactly(entry_max):
    config = Configuration(features=19, bits=1, metric="table", prototype_count=2, class_count=2, entry_max=entry_max)
    nodes = Nodes(values=extremes("table", 19, 1, entry_max), labels=np.array([0, 1]))
    assert GoldenModel(config, nodes).distances(np.ones((1, 19), int)).tolist() == [[19 * entry_max, 0]]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("features", "bits", "count"),
    [
        # Around 2**24: distances (258 or 259 times 255**2, half as many with weights), then keys.
        (129, 8, 20),
        (130, 8, 20),
        (258, 8, 20),
        (259, 8, 20),
        (86, 8, 1),
        (85, 8, 1),
        # Keys around 2**53.
        (4096, 16, 167),
        (4096, 16, 175),
    ],
)
def test_sums_at_the_limits_of_floating_point_are_exact(features, bits, count, weighted):
    random = np.random.default_rng(features + count)
    top = (1 << bits) - 1
    config = Configuration(
        features=features, bits=bits, metric="l2", prototype_count=count, class_count=3, masked=weighted
    )
    # All near the upper end, so that squares and products are as large as they can be.
    points = top - random.integers(0, 2, (count, features))
    queries = np.vstack([top - random.integers(0, 2, (5, features)), np.zeros((1, features), int)])
    masks = random.random((count, features)) < 0.99 if weighted else None
    golden = GoldenModel(config, Nodes(values=points, labels=random.integers(0, 3, count), masks=masks))
    squares = (queries[:, None] - points) ** 2
    distances = (squares if masks is None else squares * masks).sum(axis=2)
    assert golden.distances(queries).tolist() == distances.tolist()
    records = golden.decide(queries)
    assert records["prototype"].tolist() == distances.argmin(axis=1).tolist()
    assert records["distance"].tolist() == distances.min(axis=1).tolist()


@pytest.mark.parametrize(
    ("largest", "kind"),
    [
        (1 << 24, np.float32),
        ((1 << 24) + 1, np.float64),
        (1 << 53, np.float64),
        ((1 << 53) + 1, np.int64),
    ],
)
def test_products_are_exact_up_to_the_largest_sum(largest, kind):
    exact = Product(np.array([[largest - 1], [1]]), largest)
    assert exact.dtype == kind
    assert exact(np.array([[1, 1], [1, 0]])).astype(np.int64).tolist() == [[largest], [largest - 1]]


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


@pytest.mark.parametrize("metric", METRICS)
def test_memory_is_bounded_by_chunks(metric):
    bits, features = (8, 64) if metric == "table" else (16, 64)
    config = Configuration(
        features=features, bits=bits, metric=metric, prototype_count=1, class_count=1,
        entry_max=9 if metric == "table" else 0,
    )  # fmt: skip
    golden = GoldenModel(config, Nodes(values=extremes(metric, features, bits, 9)[:1], labels=np.array([0])))
    queries = np.zeros((60_000, features), np.uint8)
    tracemalloc.start()
    golden.decide(queries)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # The queries as int64 take 31 MB; all of their bits at once, in float32, would take 246 MB.
    assert peak < 110e6


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


#: Prototypes on a line, queried at 0: distance is position.
LINE = Configuration(features=1, bits=4, metric="l1", prototype_count=5, class_count=3)


@pytest.mark.parametrize(
    ("k", "positions", "labels", "radii", "expected"),
    [
        # Two of class 1 outvote the nearest, which is of class 2: negative margin.
        (3, [1, 2, 3, 9, 9], [2, 1, 1, 0, 0], None, (0, 1, 1, 2, -1, Status.IDENTIFIED, False)),
        # One vote each: the lowest class, though it is the farthest.
        (3, [1, 2, 3, 9, 9], [2, 1, 0, 0, 0], None, (0, 1, 0, 2, -2, Status.IDENTIFIED, True)),
        # More neighbours than prototypes: all vote.
        (15, [1, 2, 3, 9, 9], [2, 1, 0, 0, 0], None, (0, 1, 0, 2, -2, Status.IDENTIFIED, False)),
        # Only two fire: only they vote, and the third neighbour does not.
        (3, [1, 2, 3, 9, 9], [0, 0, 0, 1, 1], [0, 0, 0, 10, 10], (3, 9, 1, 0, -8, Status.IDENTIFIED, False)),
        # A firing prototype of class 0 comes before a nearer silent one of it.
        (3, [1, 2, 3, 9, 9], [0, 1, 1, 1, 0], [0, 3, 4, 0, 10], (1, 2, 1, 0, 7, Status.UNCERTAIN, False)),
        # Nothing fires: the first three of all vote.
        (3, [1, 2, 3, 9, 9], [2, 1, 1, 0, 0], [1, 1, 1, 1, 1], (0, 1, 1, 2, -1, Status.UNKNOWN, False)),
        # Equal distances: the lower index votes.
        (3, [1, 5, 5, 5, 9], [0, 2, 1, 1, 1], None, (0, 1, 0, 2, 4, Status.IDENTIFIED, True)),
        (2, [5, 5, 5, 5, 5], [2, 2, 1, 1, 1], None, (0, 5, 2, 1, 0, Status.IDENTIFIED, False)),
        (5, [1, 2, 3, 4, 5], [1, 1, 1, 1, 1], None, (0, 1, 1, -1, 0, Status.IDENTIFIED, False)),
    ],
)
def test_votes_by_hand(k, positions, labels, radii, expected):
    config = replace(LINE, k=k, radii="none" if radii is None else "prototype")
    lists = Lists(values=[[position] for position in positions], labels=labels, radii=radii)
    assert GoldenModel(config, lists.nodes).decide(np.array([[0]]))[0].item() == (*expected, 0)


def test_all_masked_is_distance_0():
    for metric in MASKED_METRICS:
        lists = Lists(values=[[3, 3], [1, 1]], labels=[0, 1], masks=[[False, False], [True, True]])
        golden = GoldenModel(configured(metric, lists, 2), lists.nodes)
        assert golden.decide(np.array([[0, 0]]))[0]["prototype"] == 0
        assert golden.distances(np.array([[0, 0]]))[0, 0] == 0


CONFIG = Configuration(features=2, bits=2, metric="l1", prototype_count=2, class_count=2)
ZEROS = np.zeros((2, 2), int)
NODES = Nodes(values=ZEROS, labels=np.array([0, 1]))
BOX = {"metric": "box", "values": np.array([[[0, 0], [3, 2]], [[1, 3], [3, 1]]])}


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"values": np.zeros((2, 2))}, TypeError, "values must be integers, not float64"),
        ({"values": np.zeros((2, 3), int)}, ValueError, r"values must have the shape \(2, 2\), not \(2, 3\)"),
        ({"values": np.full((2, 2), 4)}, ValueError, r"values must lie in 0 \.\. 3, not 4 \.\. 4"),
        ({"values": np.full((2, 2), -1)}, ValueError, r"values must lie in 0 \.\. 3, not -1 \.\. -1"),
        ({"labels": np.array([0, 2])}, ValueError, r"labels must lie in 0 \.\. 1, not 0 \.\. 2"),
        ({"radii": np.array([1, 1])}, ValueError, "radii must be given exactly if .* are 'none'"),
        ({"config": {"radii": "class"}}, ValueError, "radii must be given exactly if .* are 'class'"),
        (
            {"radii": np.array([1, 8]), "config": {"radii": "class"}},
            ValueError,
            r"radii must lie in 0 \.\. 7, not 1 \.\. 8",
        ),
        ({"config": {"metric": "l3"}}, ValueError, "metric must be one of l1, l2, .*, not 'l3'"),
        ({"config": {"metric": "box"}}, ValueError, r"values must have the shape \(2, 2, 2\), not \(2, 2\)"),
        ({"config": {"metric": "table"}}, ValueError, r"values must have the shape \(2, 2, 4\), not \(2, 2\)"),
        (
            {"config": {"metric": "box"}, "values": BOX["values"]},
            ValueError,
            "values must have no lower bound above its upper bound [+] 1, not 3 and 1",
        ),
        (
            {"config": {"metric": "table", "entry_max": 5}, "values": np.full((2, 2, 4), 6)},
            ValueError,
            r"values must lie in 0 \.\. 5, not 6 \.\. 6",
        ),
        ({"masks": ZEROS == 0}, ValueError, "masks must be given exactly if .* masked is False"),
        ({"config": {"masked": True}}, ValueError, "masks must be given exactly if .* masked is True"),
        ({"masks": ZEROS, "config": {"masked": True}}, TypeError, "masks must be booleans, not int64"),
        (
            {"masks": np.ones(2, bool), "config": {"masked": True}},
            ValueError,
            r"masks must have the shape \(2, 2\), not \(2,\)",
        ),
        ({"config": {"metric": "box", "masked": True}}, ValueError, "masked needs one of .*hamming, not 'box'"),
        ({"shifts": ZEROS}, ValueError, "shifts must be given exactly if .* is 0"),
        ({"config": {"shift_max": 2}}, ValueError, "shifts must be given exactly if .* is 2"),
        ({"shifts": ZEROS + 3, "config": {"shift_max": 2}}, ValueError, r"shifts must lie in 0 \.\. 2, not 3 \.\. 3"),
        ({"config": {"metric": "linf", "shift_max": 2}}, ValueError, "shift_max 2 needs one of .* not 'linf'"),
        ({"config": {"shift_max": -1}}, ValueError, "shift_max must be at least 0, not -1"),
        ({"config": {"k": 0}}, ValueError, r"k must lie in 1 \.\. 15, not 0"),
        ({"config": {"k": 16}}, ValueError, r"k must lie in 1 \.\. 15, not 16"),
        (
            {"config": {"metric": "table", "entry_max": 1 << 60}, "values": np.zeros((2, 2, 4), int)},
            ValueError,
            f"2 prototypes with distances to {1 << 61} are too many",
        ),
    ],
)
def test_contradictions_are_refused(changes, error, message):
    changes = dict(changes)
    config = replace(CONFIG, **changes.pop("config", {}))
    with pytest.raises(error, match=message):
        GoldenModel(config, replace(NODES, **changes))


def test_the_largest_keys_are_taken_and_larger_ones_refused():
    # Keys reach 2 * (largest distance + 1) * prototypes.
    values = np.zeros((2, 1, 2), np.int64)
    config = Configuration(
        features=1, bits=1, metric="table", prototype_count=2, class_count=2, radii="prototype",
        entry_max=(1 << 61) - 2,
    )  # fmt: skip
    values[0] = config.entry_max
    values[1] = config.entry_max - 1
    nodes = Nodes(values=values, labels=np.array([0, 1]), radii=np.array([config.distance_max + 1, 0]))
    record = GoldenModel(config, nodes).decide(np.array([[0]]))[0]
    assert record.item() == (0, config.entry_max, 0, 1, -1, Status.IDENTIFIED, False, 0)
    with pytest.raises(ValueError, match="are too many"):
        GoldenModel(replace(config, entry_max=(1 << 61) - 1), nodes)


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
    golden = GoldenModel(CONFIG, NODES)
    with pytest.raises(error, match="Q must"):
        golden.decide(queries)
    with pytest.raises(error, match="Q must"):
        golden.distances(queries)


@pytest.mark.parametrize(
    ("query", "prototype", "error", "message"),
    [
        ([0, 4], 0, ValueError, r"query must lie in 0 \.\. 3, not 0 \.\. 4"),
        ([[0, 0]], 0, ValueError, r"query must have the shape \(2,\), not \(1, 2\)"),
        ([0, 0.5], 0, TypeError, "query must be integers, not float64"),
        ([0, 0], 2, ValueError, r"prototype must lie in 0 \.\. 1, not 2"),
        ([0, 0], -1, ValueError, r"prototype must lie in 0 \.\. 1, not -1"),
        ([0, 0], 1.0, TypeError, "prototype must be an integer, not 1.0"),
    ],
)
def test_wrong_requests_for_contributions_are_refused(query, prototype, error, message):
    with pytest.raises(error, match=message):
        GoldenModel(CONFIG, NODES).contributions(np.array(query), prototype)


def test_more_saturated_components_than_there_are_is_refused():
    with pytest.raises(ValueError, match="saturated must lie in 0"):
        GoldenModel(CONFIG, NODES).decide(np.zeros((1, 2), int), np.array([3]))
