"""Whole designs against the restatement of their contract, from the user's numbers to his labels.

Three ways lead there: every small world there is, random models in the user's numbers, and the random configurations
with which the hardware is tested. At the end, deliberate changes of the package, each of which must be found.
"""

import ast
import inspect
import sys
import textwrap
from collections import Counter
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import restatement
from hypothesis import given, settings
from hypothesis import strategies as st
from random_cases import draw
from restatement import Model, decide, fires_below, predict, quantise, span, span_with_margin

import prototile as pt
from prototile import quantiser
from prototile.config import Configuration
from prototile.maps import AffineMap
from prototile.model import PrototypeModel
from prototile.nodes import Nodes
from prototile.quantiser import Quantiser
from prototile.record import RECORD_DTYPE
from prototile.sim import golden, metrics


def test_the_restatement_uses_plain_python_only():
    tree = ast.parse(Path(restatement.__file__).read_text(encoding="utf-8"))
    found = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert found == {"dataclasses", "math"}
    assert not any(isinstance(node, ast.Import) for node in ast.walk(tree))


def records_of(model, queries, saturated=None):
    """What the golden model answers, as tuples in the order of RECORD_DTYPE."""

    def array(values, kind):
        return None if values is None else np.array(values, kind)

    config = Configuration(
        features=len(queries[0]),
        bits=model.bits,
        metric=model.metric,
        prototype_count=len(model.labels),
        class_count=max(model.labels) + 1,
        radii="none" if model.radii is None else "prototype",
        min_margin=model.min_margin,
        k=model.k,
        masked=model.masks is not None,
        shift_max=0 if model.shifts is None else max(map(max, model.shifts)),
        entry_max=max(2, *(max(levels) for row in model.values for levels in row)) if model.metric == "table" else 0,
    )
    nodes = Nodes(
        values=np.array(model.values),
        labels=np.array(model.labels),
        masks=array(model.masks, np.bool_),
        shifts=array(model.shifts, np.int64),
        radii=array(model.radii, np.int64),
    )
    records = golden.GoldenModel(config, nodes).decide(np.array(queries))
    return [record.item() for record in records]


def restated(model, queries):
    return [tuple(decide(model, query)[name] for name in RECORD_DTYPE.names) for query in queries]


def compare(model, queries):
    """Number of records that were compared; they are equal."""
    assert records_of(model, queries) == restated(model, queries), model
    return len(queries)


def decisions(count, distances, classes=3):
    """All that can be decided of so many prototypes at distances below `distances`: labels, radii, votes, thresholds.

    Component i of a query is the distance of prototype i, by a table. So the queries are all distances that there are.
    """
    bits = (distances - 1).bit_length()
    levels = list(range(1 << bits))
    values = [[levels if d == i else [0] * len(levels) for d in range(count)] for i in range(count)]
    queries = [list(query) for query in product(range(distances), repeat=count)]
    every_radius = [None, *product(range(distances + 1), repeat=count)]
    for labels, radii in product(product(range(classes), repeat=count), every_radius):
        for k, threshold in product(range(1, count + 1), (None, 1)):
            yield Model("table", bits, values, list(labels), radii=radii, k=k, min_margin=threshold), queries


#: Values that a component of a prototype can have, by metric and bits.
VALUES = {
    "box": lambda levels: [(low, high) for low, high in product(range(levels), repeat=2) if low <= high + 1],
    "table": lambda levels: [list(entries) for entries in product(range(3), repeat=levels)],
}
LARGEST_TERM = {
    "l1": lambda bits: 2**bits - 1,
    "l2": lambda bits: (2**bits - 1) ** 2,
    "linf": lambda bits: 2**bits - 1,
    "hamming": lambda bits: bits,
    "box": lambda bits: 2**bits - 1,
    "table": lambda bits: 2,
}


def models(metric, count, features, bits, masked=False, shift_max=0):
    """All models of this shape, two classes, without radii and with every common one; and all queries there are."""
    every_value = VALUES.get(metric, range)(1 << bits)
    per_prototype = [list(row) for row in product(every_value, repeat=features)]
    queries = [list(query) for query in product(range(1 << bits), repeat=features)]
    every_mask = [list(row) for row in product([False, True], repeat=features)] if masked else [None]
    every_shift = [list(row) for row in product(range(shift_max + 1), repeat=features)] if shift_max else [None]
    largest = (1 if metric == "linf" else features) * LARGEST_TERM[metric](bits) << shift_max
    nodes = list(product(per_prototype, every_mask, every_shift))
    for chosen, labels in product(product(nodes, repeat=count), product(range(2), repeat=count)):
        values, masks, shifts = (list(part) for part in zip(*chosen, strict=True))
        if shift_max and max(map(max, shifts)) != shift_max:
            continue
        for radius in (None, *range(largest + 2)):
            yield (
                Model(
                    metric,
                    bits,
                    values,
                    list(labels),
                    masks=masks if masked else None,
                    shifts=shifts if shift_max else None,
                    radii=None if radius is None else [radius] * count,
                ),
                queries,
            )


def test_every_decision_of_few_prototypes():
    compared = sum(compare(*world) for shape in ((1, 3), (2, 3), (3, 2)) for world in decisions(*shape))
    assert compared == 41_886


@pytest.mark.slow
@pytest.mark.parametrize(("shape", "count"), [((3, 3), 284_310), ((4, 2, 2), 167_936)])
def test_every_decision_of_more_prototypes(shape, count):
    assert sum(compare(*world) for world in decisions(*shape)) == count


SMALL = [
    *((metric, 2, 1, 1) for metric in VALUES | dict.fromkeys(("l1", "l2", "linf", "hamming"))),
    *((metric, 2, 1, 2) for metric in ("l1", "l2", "linf", "hamming", "box")),
    *((metric, 2, 2, 1) for metric in ("l1", "l2", "linf", "hamming")),
    *((metric, 2, 1, 1, True) for metric in ("linf", "hamming")),
    *((metric, 2, 1, 1, True, 1) for metric in ("l1", "l2")),
]
LARGER = [
    *((metric, 2, 2, 2) for metric in ("l1", "l2", "linf", "hamming")),
    *((metric, 3, 2, 1) for metric in ("l1", "l2", "linf", "hamming")),
    *((metric, 3, 1, 2) for metric in ("l1", "l2", "linf", "hamming")),
    ("box", 2, 2, 1),
    ("table", 3, 1, 1),
    *((metric, 2, 2, 1, True) for metric in ("linf", "hamming")),
    *((metric, 2, 1, 2, True, 1) for metric in ("l1", "l2")),
]


@pytest.mark.parametrize("shape", SMALL, ids=str)
def test_every_model_of_a_small_shape(shape):
    assert sum(compare(*world) for world in models(*shape)) > 100


@pytest.mark.slow
@pytest.mark.parametrize("shape", LARGER, ids=str)
def test_every_model_of_a_larger_shape(shape):
    assert sum(compare(*world) for world in models(*shape)) > 5_000


@pytest.mark.parametrize("seed", range(40))
def test_random_configurations_of_the_hardware(seed):
    case = draw(seed, prototype_count=14) if seed < 30 else draw(seed)
    model = Model.of(case.config, case.nodes)
    queries, saturated = case.queries.tolist(), case.saturated.tolist()
    expected = [tuple(decide(model, *one).values()) for one in zip(queries, saturated, strict=True)]
    assert [record.item() for record in case.golden()] == expected


@dataclass(frozen=True)
class Conversion:
    """A model in the user's numbers and vectors for it, in lists."""

    model: dict[str, Any]
    bits: int | None
    calibration: list | None
    X: list
    scaler: tuple[list, list] | None = None

    @property
    def in_chip_units(self):
        return self.model["metric"] in ("hamming", "box", "table") or isinstance(self.model["prototypes"][0][0], int)

    def design(self):
        preprocess = None if self.scaler is None else AffineMap(*self.scaler)
        model = pt.PrototypeModel(**self.model, preprocess=preprocess)
        bits = "auto" if self.bits is None else self.bits
        return pt.convert(model, calibration=self.calibration, bits=bits, board="ulx3s-25f", must_fit=False)

    def prepared(self, X):
        """Vectors after the user's own preprocessing."""
        if self.scaler is None:
            return X
        return [[x * scale + shift for x, scale, shift in zip(row, *self.scaler, strict=True)] for row in X]

    def restated(self, offset, step, bits, largest):
        """The model in chip units, by the rule that quantises it, if no distance is larger than that."""
        given = self.model
        unit = step * step if given["metric"] == "l2" else step
        classes, labels = given["classes"], given["labels"]
        values = given["prototypes"]
        if not self.in_chip_units:
            values = [quantise(row, offset, step, bits)[0] for row in values]
        weights = given.get("weights")
        shifts = None if weights is None else [[weight.bit_length() - 1 for weight in row] for row in weights]
        radii, margin = given.get("radii"), given.get("min_margin")
        if isinstance(radii, dict):
            radii = [radii[label] for label in labels]
        elif isinstance(radii, list):
            radii = [radius for (radius,) in radii]
        elif radii is not None:
            radii = [radii] * len(labels)
        inclusive = given.get("radii_inclusive", False)
        return Model(
            given["metric"],
            bits,
            values,
            [classes.index(label) for label in labels],
            masks=given.get("masks"),
            shifts=shifts,
            radii=None if radii is None else [fires_below(radius, unit, largest, inclusive) for radius in radii],
            k=given["k"],
            min_margin=None if margin is None else fires_below(margin, unit, largest),
        )


def draw_conversion(choose: Random):
    """A model whose numbers lie on quarters of a step, so that there are ties, and halves to round."""
    metric = choose.choice(["l1", "l1", "l2", "l2", "linf", "linf", "hamming", "box", "table"])
    in_chip_units = metric in ("hamming", "box", "table") or choose.random() < 0.2
    features, count = choose.randint(1, 3), choose.randint(1, 7)
    bits = choose.randint(1, 3 if metric == "table" else 4)
    levels = 2**bits - 1
    unit = 1 if in_chip_units else choose.choice([1.0, 0.5, 0.25, 0.1, 3.0])
    shifts = [0 if in_chip_units else choose.randint(-8, 8) * unit for _ in range(features)]

    def vector(low=0, high=4 * levels):
        return [choose.randint(low, high) / 4 * unit + shift for shift in shifts]

    def whole(low=0, high=levels):
        return [choose.randint(low, high) + (0 if in_chip_units else shift) for shift in shifts]

    whole_numbers = not in_chip_units and unit == 1.0 and choose.random() < 0.5
    point = whole if in_chip_units or whole_numbers else vector
    if metric == "box":
        prototypes = [[[low, choose.randint(max(0, low - 1), levels)] for low in whole()] for _ in range(count)]
    elif metric == "table":
        prototypes = [[[choose.randint(0, 9) for _ in range(levels + 1)] for _ in shifts] for _ in range(count)]
    else:
        prototypes = [point() for _ in range(count)]
    calibration = None
    if not in_chip_units and choose.random() < 0.9:
        calibration = [point() for _ in range(choose.randint(1, 5))]
        if choose.random() < 0.8:
            # The whole range, so that the step is the unit.
            calibration += [list(shifts), [shift + levels * unit for shift in shifts]]
    X = [vector(-8, 4 * levels + 8) for _ in range(8)] + [[choose.choice([1e300, -1e300, 0.0]) for _ in shifts]]
    if metric not in ("box", "table"):
        X += prototypes
    scaler = None
    if choose.random() < 0.2:
        scaler = (
            [choose.choice([-2.0, 0.5, 1.0, 4.0]) for _ in shifts],
            [float(choose.randint(-3, 3)) for _ in shifts],
        )
        if calibration is not None:
            calibration = [[(z - t) / s for z, s, t in zip(row, *scaler, strict=True)] for row in calibration]
        X = [[(z - t) / s for z, s, t in zip(row, *scaler, strict=True)] for row in X]
    classes = choose.choice([["a", "b", "c"], ["c", "a", "b"], [7, -3, 5], [0, 1], ["x"]])
    labels = [choose.choice(classes) for _ in range(count)]
    model = {"prototypes": prototypes, "labels": labels, "classes": classes, "metric": metric}
    model["k"] = choose.choice([1, 1, choose.randint(1, count)])
    scale = unit * unit if metric == "l2" else unit

    def radius():
        return choose.choice(
            [0.0, float("inf"), *(choose.randint(0, 4 * features * levels) / 4 * scale for _ in range(6))]
        )

    kind = choose.choice(["none", "none", "common", "class", "prototype"])
    if kind != "none":
        per_class = {label: radius() for label in classes}
        model["radii"] = {"common": radius(), "class": per_class, "prototype": [[radius()] for _ in labels]}[kind]
        model["radii_inclusive"] = choose.random() < 0.3
        if choose.random() < 0.5:
            model["reject"] = choose.choice([classes[0], "none of these" if isinstance(classes[0], str) else 99])
    if choose.random() < 0.4:
        model["min_margin"] = choose.randint(0, 12) / 4 * scale
    if metric in ("l1", "l2") and choose.random() < 0.2:
        model["weights"] = [[choose.choice([1, 2, 8]) for _ in shifts] for _ in labels]
    if in_chip_units and metric not in ("box", "table") and choose.random() < 0.3:
        model["masks"] = [[choose.random() < 0.7 for _ in shifts] for _ in labels]
    return Conversion(model, bits, calibration, X, scaler)


def convert_and_compare(conversion):
    """Convert, and compare all that the contract says of it; returns the records."""
    design = conversion.design()
    offset, step = design.quantiser.offset.tolist(), design.quantiser.step
    bits = design.config.bits
    if conversion.in_chip_units:
        assert (offset, step) == ([0.0] * len(offset), 1.0)
    elif conversion.calibration is not None:
        spanned = conversion.model["prototypes"] + conversion.prepared(conversion.calibration)
        assert (offset, step) == span(spanned, bits)
    else:
        offsets, steps = span_with_margin(conversion.model["prototypes"], bits, design.ranges.margin)
        assert (offsets or offset, steps) == (offset, step)
    model = conversion.restated(offset, step, bits, design.config.distance_max)
    quantised = design.quantised
    assert quantised.prototypes.tolist() == model.values
    assert (None if quantised.radii is None else quantised.radii.tolist()) == model.radii
    assert quantised.min_margin == model.min_margin
    expected = [decide(model, *quantise(z, offset, step, bits)) for z in conversion.prepared(conversion.X)]
    assert [
        dict(zip(RECORD_DTYPE.names, record.item(), strict=True)) for record in design.decide(conversion.X)
    ] == expected
    labels = [predict(record, conversion.model["classes"], conversion.model.get("reject")) for record in expected]
    assert design.predict(conversion.X).tolist() == labels
    return expected


@settings(max_examples=250, deadline=None, derandomize=True)
@given(st.randoms(use_true_random=False))
def test_conversions_equal_the_restatement(choose):
    convert_and_compare(draw_conversion(choose))


SEEDS = range(150)


def test_drawn_conversions_hold_every_case():
    seen = Counter()
    for seed in SEEDS:
        conversion = draw_conversion(Random(seed))
        for record in convert_and_compare(conversion):
            seen["no other class"] += record["runner_up"] < 0
            seen["tie"] += record["tie"]
            seen["saturated"] += record["saturated"] > 0
            seen["negative margin"] += record["margin"] < 0
            seen["rejected"] += record["status"] == restatement.UNKNOWN and "reject" in conversion.model
            seen[record["status"]] += 1
    assert min(seen.values()) >= 20, seen
    assert len(seen) == 8


@dataclass(frozen=True)
class Change:
    """Another text for some part of a function."""

    where: Any
    name: str
    old: str
    new: str

    def apply(self, monkeypatch):
        owner = self.where
        function = inspect.getattr_static(owner, self.name)
        source = textwrap.dedent(inspect.getsource(getattr(owner, self.name)))
        assert source.count(self.old) == 1, f"{source.count(self.old)} times {self.old}"
        # In the names of its own module, so that only this function is another one.
        made = {}
        module = sys.modules[inspect.getmodule(getattr(owner, self.name)).__name__]
        exec(compile(source.replace(self.old, self.new), module.__file__, "exec"), vars(module), made)
        assert type(made[self.name]) is type(function)
        monkeypatch.setattr(owner, self.name, made[self.name])


GOLDEN, PLACE = golden.GoldenModel, golden._Place
CHANGES = {
    # Order and firing.
    "the highest index of equals wins": [
        Change(GOLDEN, "_fused_keys", "count + self._index", "count + (count - 1 - self._index)"),
        Change(GOLDEN, "_keys", "keys += self._index", "keys += count - 1 - self._index"),
        Change(PLACE, "__init__", "silent,", "self.index = prototype_count - 1 - self.index\n    silent,"),
    ],
    "the order of classes comes before that of indices": [
        Change(
            GOLDEN,
            "_decide",
            "first = place(firsts[row, best])",
            "first = place(firsts[row, best]); first.index = np.minimum(first.index, self._index[self._starts[best]])",
        )
    ],
    "fires at its radius": [Change(GOLDEN, "_keys", "keys >= self._silent_from", "keys - count >= self._silent_from")],
    "firing plays no part in the order": [
        Change(GOLDEN, "_keys", "self._distance_span * count)", "0)"),
    ],
    # Label and votes.
    "the label is that of the nearest, whatever the votes": [
        Change(GOLDEN, "_decide", 'best, records["tie"]', '_, records["tie"]')
    ],
    "of equal votes the highest class": [
        Change(GOLDEN, "_vote", "votes.argmax(axis=1)", "votes.shape[1] - 1 - votes[:, ::-1].argmax(axis=1)")
    ],
    "silent ones vote": [
        Change(GOLDEN, "_vote", "nearest.fires | ~nearest.fires.any(axis=1, keepdims=True)", "nearest.fires | True")
    ],
    "none votes if none fires": [
        Change(GOLDEN, "_vote", "nearest.fires | ~nearest.fires.any(axis=1, keepdims=True)", "nearest.fires")
    ],
    "one vote too many": [
        Change(GOLDEN, "_decide", "keys.smallest(self.config.k)", "keys.smallest(self.config.k + 1)")
    ],
    "one vote too few": [Change(GOLDEN, "_decide", "keys.smallest(self.config.k)", "keys.smallest(self.config.k - 1)")],
    # Runner-up and margin.
    "the runner-up is the winner": [Change(GOLDEN, "_decide", "firsts[row, best] = _LARGEST_KEY", "pass")],
    "the runner-up is the last class": [
        Change(GOLDEN, "_decide", "other = firsts.argmin", "other = (firsts % _LARGEST_KEY).argmax")
    ],
    "no other class is class 0": [Change(GOLDEN, "_decide", '["runner_up"] = -1', '["runner_up"] = 0')],
    "the margin has the other sign": [
        Change(GOLDEN, "_decide", "second.distance - own.distance", "own.distance - second.distance")
    ],
    "the margin is never negative": [
        Change(GOLDEN, "_decide", "second.distance - own.distance", "abs(second.distance - own.distance)")
    ],
    "the margin is that of the first of all": [
        Change(GOLDEN, "_decide", "second.distance - own.distance", "second.distance - first.distance")
    ],
    # Tie.
    "a tie whatever fires": [Change(GOLDEN, "_decide", "(second.fires == own.fires) & ", "")],
    "a tie only of those that fire": [
        Change(GOLDEN, "_decide", "(second.fires == own.fires) & ", "second.fires & own.fires & ")
    ],
    "no tie of votes but of three": [Change(GOLDEN, "_vote", ".sum(axis=1) > 1", ".sum(axis=1) > 2")],
    "with votes a tie is one of distances": [Change(GOLDEN, "_decide", "if self.config.k == 1:", "if True:")],
    # Status.
    "uncertain at the threshold": [Change(GOLDEN, "_status", "margin < self", "margin <= self")],
    "no threshold without radii": [
        Change(
            GOLDEN,
            "_status",
            "self.config.min_margin is not None",
            "self._silent_from is not None and self.config.min_margin",
        )
    ],
    "uncertain where all fire as there are no radii": [
        Change(GOLDEN, "_status", "overlap if self._silent_from is not None else np.zeros_like(overlap)", "overlap")
    ],
    "uncertain if the winner fires": [Change(GOLDEN, "_decide", "overlap = second.fires", "overlap = first.fires")],
    "never uncertain by radii": [Change(GOLDEN, "_decide", "overlap = second.fires", "pass")],
    "uncertain goes before unknown": [
        Change(GOLDEN, "_status", "np.where(fires, status", "np.where(fires | uncertain, status")
    ],
    "never unknown": [Change(GOLDEN, "_status", "np.where(fires, status", "np.where(fires | True, status")],
    # What is counted.
    "clipped or not, instead of how often": [
        Change(GOLDEN, "decide", "= _integers(saturated", "= 1 & _integers(saturated")
    ],
    "the distance is that of the label's first": [
        Change(
            GOLDEN,
            "_decide",
            '    records["status"]',
            '    records["distance"] = own.distance if self._classes.size > 1 '
            'else first.distance\n    records["status"]',
        )
    ],
    # Distances.
    "l1 loses a maximum": [
        Change(metrics._Manhattan, "distances", "result *= 2", "result += queries.max(axis=1)[:, None]")
    ],
    "l2 is that of other prototypes": [
        Change(metrics._Squared, "encode", "return queries if", "return queries + 1 if")
    ],
    "linf is the last difference": [
        Change(metrics._Chebyshev, "distances", "np.maximum(largest, difference", "np.maximum(difference, difference")
    ],
    "linf adds": [Change(metrics._Chebyshev, "distances", "np.maximum(largest", "np.add(largest")],
    "linf knows no masks": [Change(metrics._Chebyshev, "distances", "self._masks is not None", "False")],
    "hamming counts one bit less": [
        Change(metrics._Hamming, "encode", ">> self._bits & 1", ">> self._bits & (self._bits < 1)")
    ],
    "boxes are open": [Change(metrics._Box, "distances", "result -= self._constant", "result -= self._constant - 1")],
    "the next entry of a table": [
        Change(metrics._Table, "distances", "columns[component], axis", "columns[component] + 1, axis")
    ],
    "weights are added": [Change(golden, "_weights", "weights <<= ", "weights += ")],
    "masks are the other way round": [Change(golden, "_weights", "weights *= ", "weights *= ~")],
    # Quantisation.
    "half is rounded up": [
        Change(
            Quantiser,
            "_levels",
            "np.rint((matrix - self.offset) / self.step)",
            "np.floor((matrix - self.offset) / self.step + 0.5)",
        )
    ],
    "rounded towards zero": [Change(Quantiser, "_levels", "np.rint(", "np.trunc(")],
    "wrapped instead of clipped": [
        Change(
            Quantiser, "quantise", "np.clip(levels, 0, (1 << self.bits) - 1)", "np.fmod(np.abs(levels), 1 << self.bits)"
        )
    ],
    "clipped below is not counted": [Change(Quantiser, "_beyond", "(levels < 0) |", "")],
    "clipped above is not counted": [Change(Quantiser, "_beyond", "| (levels > (1 << self.bits) - 1)", "")],
    "the last level counts as clipped": [Change(Quantiser, "_beyond", "(1 << self.bits) - 1", "(1 << self.bits) - 2")],
    "a level too many": [Change(quantiser, "_step", "largest / levels", "largest / (levels + 1)")],
    "integers are not exact": [Change(quantiser, "_is_integer", "np.array_equal", "not np.array_equal")],
    "the smallest range": [
        Change(quantiser, "_low_and_ranges", "return low, ranges", "return low, ranges.min(keepdims=True)")
    ],
    "calibration data are not spanned": [Change(quantiser, "_spanned", "if Z is not None", "if False")],
    "prototypes are not spanned": [
        Change(quantiser, "_spanned", "np.vstack([points, Z])", "np.vstack([Z[[0] * len(points)], Z])")
    ],
    "radii of l2 are lengths": [Change(Quantiser, "_unit", "self.step * self.step if", "self.step if")],
    "inclusive radii are strict": [Change(quantiser, "_thresholds", "if inclusive", "if False")],
    "strict radii are inclusive": [Change(quantiser, "_thresholds", "if inclusive", "if True")],
    # Labels.
    "what is uncertain is rejected": [Change(PrototypeModel, "to_labels", "== Status.UNKNOWN", "!= Status.IDENTIFIED")],
    "nothing is rejected": [Change(PrototypeModel, "to_labels", "== Status.UNKNOWN", "< 0")],
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_found(name, monkeypatch):
    for change in CHANGES[name]:
        change.apply(monkeypatch)
    with pytest.raises(AssertionError):
        for seed in SEEDS:
            convert_and_compare(draw_conversion(Random(seed)))
