"""Vectors of test benches: which rows are chosen, which queries are made, and what no query can show."""

from collections import Counter
from itertools import product

import numpy as np
import pytest
from random_cases import draw

import prototile as pt
from prototile.config import Configuration
from prototile.data import load_dataset, train_prototypes
from prototile.nodes import Nodes
from prototile.record import RECORD_DTYPE
from prototile.sim.cases import cases_of, impossible_cases
from prototile.sim.golden import GoldenModel
from prototile.sim.vectors import choose_vectors, completed

CONFIG = Configuration(features=5, bits=3, metric="l1", prototype_count=7, class_count=3)


def test_chosen_rows_are_ascending_and_different():
    records = np.zeros(50, RECORD_DTYPE)
    records["distance"] = 1
    records["label"][37] = 1
    records["tie"][41] = True
    rows = choose_vectors(CONFIG, records, 6)
    assert len(rows) == 6
    assert (np.diff(rows) > 0).all()
    assert {0, 37, 41} <= set(rows.tolist())


def test_no_more_rows_are_chosen_than_there_are():
    np.testing.assert_array_equal(choose_vectors(CONFIG, np.zeros(3, RECORD_DTYPE), 9), [0, 1, 2])


def test_classes_go_first_where_not_every_case_has_room():
    records = np.zeros(9, RECORD_DTYPE)
    records["label"][[5, 7]] = 1, 2
    np.testing.assert_array_equal(choose_vectors(CONFIG, records, 3), [0, 5, 7])


def test_count_of_vectors_must_be_positive():
    with pytest.raises(ValueError, match="count must be a positive integer, not 0"):
        choose_vectors(CONFIG, np.zeros(3, RECORD_DTYPE), 0)


def reachable(values, metric):
    """Whether a query can be at distance 0 of each prototype."""
    found = {
        "box": lambda: (values[..., 0] <= values[..., 1]).all(axis=1),
        "table": lambda: (values.min(axis=2) == 0).all(axis=1),
    }
    return found.get(metric, lambda: np.ones(len(values), bool))()


def held(config, records):
    return {case for case, rows in cases_of(config, records).items() if rows.any()}


def test_all_that_there_is_is_found_and_what_is_impossible_is_not_there():
    """In random configurations whose queries can all be tried."""
    seen, explained = Counter(), Counter()
    for seed in range(1200):
        case = draw(seed)
        config, nodes = case.config, case.nodes
        if config.features * config.bits > 8:
            continue
        golden = GoldenModel(config, nodes)
        every = np.array(list(product(range(1 << config.bits), repeat=config.features)))
        there = held(config, golden.decide(every)) | {"saturated"}
        impossible = impossible_cases(config, nodes, reachable(nodes.values, config.metric))
        assert not there & impossible.keys(), (seed, impossible)
        exemplars = nodes.exemplars(config.metric)
        made = completed(golden, exemplars, nodes.labels, every[:1], np.zeros(1, int), impossible)
        assert held(config, made.records) == there, seed
        np.testing.assert_array_equal(made.records, golden.decide(made.queries, made.saturated))
        assert len(made.made_for) == len(made.queries) - 1
        for name, row in zip(made.made_for, made.records[1:], strict=True):
            assert name in held(config, row[None])
        seen.update(there)
        explained.update(impossible.values())
    assert min(seen[case] for case in cases_of(config, made.records) if not case.startswith("label")) > 50
    assert len({reason for reason in explained if "prototype " not in reason and "chip units" not in reason}) >= 8


#: Reasons, each in the smallest model that has it: its labels, what its configuration has, and its radii.
REASONS = {
    "label 1": [
        ("no prototype has this class", [0, 2], {"class_count": 3}, None),
        ("all prototypes vote, whatever the query is", [0, 0, 1], {"k": 3}, None),
    ],
    "tie": [
        ("all prototypes are of one class", [0, 0], {}, None),
        ("3 votes for two classes are never equal", [0, 0, 1, 1], {"k": 3}, None),
        ("all prototypes vote, whatever the query is", [0, 0, 1], {"k": 3}, None),
    ],
    "margin below 0": [
        ("all prototypes are of one class", [0, 0], {}, None),
        ("no radius and no vote overrules the distance", [0, 1], {}, None),
        ("no radius and no vote overrules the distance", [0, 1], {"radii": "common"}, [2, 2]),
    ],
    "no runner-up": [("there are prototypes of other classes", [0, 1], {}, None)],
    "status unknown": [
        ("there are no radii, so all prototypes fire", [0, 1], {}, None),
        ("the radius of prototype 1 is above the largest distance", [0, 1], {"radii": "prototype"}, [1, 4]),
    ],
    "status identified": [
        ("all radii are 0, so no prototype fires", [0, 1], {"radii": "prototype"}, [0, 0]),
        ("no margin reaches min_margin, 4 in chip units", [0, 1], {"min_margin": 4}, None),
        ("no margin reaches min_margin, 1 in chip units", [0, 0], {"min_margin": 1}, None),
    ],
    "status uncertain": [
        ("all radii are 0, so no prototype fires", [0, 1], {"radii": "prototype"}, [0, 0]),
        ("all prototypes are of one class", [0, 0], {"radii": "prototype"}, [1, 2]),
        ("there are neither radii nor min_margin", [0, 1], {}, None),
        ("no margin is below min_margin, which is 0", [0, 1], {"min_margin": 0}, None),
    ],
}


@pytest.mark.parametrize(
    ("case", "reason", "labels", "fields", "radii"),
    [(case, *reason) for case, reasons in REASONS.items() for reason in reasons],
)
def test_what_is_impossible_has_its_reason(case, reason, labels, fields, radii):
    values = np.arange(len(labels))[:, None] % 4
    shape = {"class_count": max(labels) + 1} | fields
    config = Configuration(features=1, bits=2, metric="l1", prototype_count=len(labels), **shape)
    nodes = Nodes(values=values, labels=np.array(labels), radii=None if radii is None else np.array(radii))
    assert impossible_cases(config, nodes, np.ones(len(labels), bool))[case] == reason
    assert case not in held(config, GoldenModel(config, nodes).decide(np.arange(4)[:, None]))


def test_no_distance_0_without_a_prototype_in_reach():
    config = Configuration(features=1, bits=1, metric="table", prototype_count=1, class_count=1, entry_max=1)
    nodes = Nodes(values=np.array([[[1, 1]]]), labels=np.array([0]))
    assert impossible_cases(config, nodes, np.array([False]))["distance 0"].startswith("no query is at distance 0")


@pytest.mark.parametrize("dataset", ["iris", "wine", "breast_cancer", "digits"])
def test_benches_of_real_models_hold_every_case_that_they_can(dataset):
    data = load_dataset(dataset)
    design = pt.convert(train_prototypes(dataset, data), calibration=data.X_train, bits=4, must_fit=False)
    model, config = design.quantised, design.config
    impossible = impossible_cases(config, model.nodes, model.reachable)
    for queries, saturated in (design.quantise(data.X_test[:9]), (model.exemplars[:1], np.zeros(1, int))):
        made = completed(design.golden, model.exemplars, model.labels, queries, saturated, impossible)
        assert held(config, made.records) | impossible.keys() == set(cases_of(config, made.records))
        # The same search each time.
        again = completed(design.golden, model.exemplars, model.labels, queries, saturated, impossible)
        np.testing.assert_array_equal(made.queries, again.queries)


def test_a_large_model_is_searched_in_little_time():
    """Rounds are bounded; what this model has in 16 bits and 64 dimensions is found all the same."""
    random = np.random.default_rng(0)
    points, labels = random.integers(0, 65536, (3000, 64)), random.integers(0, 10, 3000)
    config = Configuration(
        features=64, bits=16, metric="l2", prototype_count=3000, class_count=10, min_margin=1000, k=3
    )
    golden = GoldenModel(config, Nodes(values=points, labels=labels))
    rounds = []
    decide = golden.decide
    golden.decide = lambda queries, saturated=None: rounds.append(len(queries)) or decide(queries, saturated)
    made = completed(golden, points, labels, points[:1], np.zeros(1, int), ["no runner-up", "status unknown"])
    assert max(rounds) <= 64
    assert held(config, made.records) >= {"tie", "margin below 0", "saturated", *(f"label {one}" for one in range(10))}
