import numpy as np
import pytest

import prototile as pt
from prototile.sim.probes import probe_queries

NUMBERS = np.random.default_rng(3)
POINTS = NUMBERS.integers(0, 16, (9, 12))
LABELS = np.arange(9) % 3
LOW = NUMBERS.integers(0, 12, (9, 12))
MODELS = {
    "l1": pt.PrototypeModel(POINTS, LABELS, radii=NUMBERS.integers(20, 60, 9), min_margin=7),
    "l2": pt.PrototypeModel(POINTS, LABELS, metric="l2", radii={0: 300, 1: 401, 2: 502}, min_margin=40),
    "masked and weighted": pt.PrototypeModel(
        POINTS, LABELS, masks=NUMBERS.random((9, 12)) < 0.7, weights=1 << NUMBERS.integers(0, 3, (9, 12)), radii=60
    ),
    "linf": pt.PrototypeModel(POINTS, LABELS, metric="linf", radii=6),
    "hamming": pt.PrototypeModel(POINTS % 2, LABELS, metric="hamming", radii=5),
    "box": pt.PrototypeModel(np.stack([LOW, LOW + 3], axis=2), LABELS, metric="box", radii=9),
    "table": pt.PrototypeModel(NUMBERS.integers(0, 9, (9, 12, 16)), LABELS, metric="table", radii=30),
}


def probed(model, count=400):
    design = pt.convert(model, bits=1 if model.metric == "hamming" else 4)
    config, nodes = design.config, design.quantised.nodes
    queries = probe_queries(config, nodes, count)
    return design, queries, design.golden.distances(queries)


@pytest.mark.parametrize("name", MODELS)
def test_distances_reach_from_the_smallest_to_the_largest_and_both_sides_of_each_radius(name):
    design, queries, distances = probed(MODELS[name])
    everything = np.random.default_rng(4).integers(0, design.config.component_max + 1, (5000, 12))
    drawn = design.golden.distances(everything)
    assert (distances.min(axis=0) <= drawn.min(axis=0)).all()
    assert (distances.max(axis=0) >= drawn.max(axis=0)).all()
    radii = design.quantised.nodes.radii
    for prototype, radius in enumerate(radii):
        near, far = distances[:, prototype] < radius, distances[:, prototype] >= radius
        # As near as 5,000 random queries come.
        for mine, side in ((near, drawn[:, prototype] < radius), (far, drawn[:, prototype] >= radius)):
            if side.any():
                gap = np.abs(distances[mine, prototype] - radius).min()
                assert gap <= np.abs(drawn[side, prototype] - radius).min()
    assert ((queries >= 0) & (queries <= design.config.component_max)).all()


@pytest.mark.parametrize("name", ["l1", "l2", "masked and weighted", "hamming", "box"])
def test_each_prototype_loses_to_another_class_by_as_little_as_can_be(name):
    design, _, distances = probed(MODELS[name])
    labels = np.asarray(design.quantised.labels)
    thresholds = {0, 1, design.config.min_margin or 0}
    for prototype in range(9):
        others = labels != labels[prototype]
        leads = (distances[:, others] - distances[:, [prototype]]).ravel()
        for threshold in thresholds:
            assert {threshold - 1, threshold} & set(leads.tolist())
        assert 0 in leads


def test_all_cases_of_a_record_are_met():
    design, queries, _ = probed(MODELS["l1"])
    records = design.golden.decide(queries)
    assert set(records["label"]) == {0, 1, 2}
    assert set(records["status"]) == {0, 1, 2}
    assert records["tie"].any()
    assert (records["distance"] == 0).sum() == 9
    assert {6, 7} <= set(np.abs(records["margin"]).tolist())


@pytest.mark.parametrize("count", [1, 16, 100])
def test_no_more_are_made_than_are_wanted_all_different_and_each_time_the_same(count):
    design, queries, _ = probed(MODELS["l1"], count)
    assert len(queries) == count == len(np.unique(queries, axis=0))
    np.testing.assert_array_equal(queries, probe_queries(design.config, design.quantised.nodes, count))


def test_of_few_queries_that_there_are_none_comes_twice():
    design = pt.convert(pt.PrototypeModel([[0], [3]], [0, 0]), bits=2)
    queries = probe_queries(design.config, design.quantised.nodes, 100)
    assert sorted(queries.ravel().tolist()) == [0, 1, 2, 3]


def test_many_features_and_wide_components_take_no_time():
    numbers = np.random.default_rng(5)
    model = pt.PrototypeModel(numbers.integers(0, 1 << 16, (40, 3000)), np.arange(40) % 4, metric="l2", radii=10**13)
    design = pt.convert(model, bits=16, must_fit=False)
    assert probe_queries(design.config, design.quantised.nodes, 100).shape == (100, 3000)


def test_count_must_be_positive():
    design = pt.convert(MODELS["linf"], bits=4)
    with pytest.raises(ValueError, match="count must be a positive integer, not 0"):
        probe_queries(design.config, design.quantised.nodes, 0)
