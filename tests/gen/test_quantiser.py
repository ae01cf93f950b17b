import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prototile.data import load_dataset, train_prototypes
from prototile.errors import InputError
from prototile.frontends import to_prototype_model
from prototile.maps import AffineMap
from prototile.model import PrototypeModel
from prototile.quantised import QuantisedModel
from prototile.quantiser import DEFAULT_BITS, MARGIN, Quantiser, _BitsTrial, choose_bits
from prototile.sim.golden import GoldenModel


def one(value, **settings):
    """A model with one prototype of one feature."""
    return PrototypeModel([[value]], ["a"], **settings)


def test_rule_by_hand():
    quantiser = Quantiser(offset=[1.0, -1.0], step=0.5, bits=2)
    # 0.25 is half a step and goes to the even 0, 0.75 to the even 2; beyond 3.5 and below -0.5 steps is clipped.
    integers, saturated = quantiser.quantise(
        [[1.25, -0.25], [1.75, 0.75], [2.7, 0.76], [0.75, -1.26], [99.0, -99.0], [2.5, 0.5]]
    )
    assert integers.tolist() == [[0, 2], [2, 3], [3, 3], [0, 0], [3, 0], [3, 3]]
    assert saturated.tolist() == [0, 1, 1, 1, 2, 0]
    assert integers.dtype == np.uint16


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=6),
    st.floats(-10, 10),
    st.floats(0.001, 10),
    st.integers(1, 16),
)
def test_rule_in_plain_python(values, offset, step, bits):
    integers, saturated = Quantiser(offset=[offset], step=step, bits=bits).quantise([[value] for value in values])
    # Python's round() is half to even, as rint is.
    levels = [round((value - offset) / step) for value in values]
    top = 2**bits - 1
    assert integers[:, 0].tolist() == [min(max(level, 0), top) for level in levels]
    assert saturated.tolist() == [int(not 0 <= level <= top) for level in levels]


def test_spans_calibration_and_prototypes_together():
    model = PrototypeModel([[0.5, -2.0], [1.0, 0.0]], ["a", "b"])
    quantiser = Quantiser.fit(model, [[3.5, -1.0], [1.0, 1.5]], bits=4)
    assert quantiser.offset.tolist() == [0.5, -2.0]
    assert quantiser.step == 3.5 / 15


@pytest.mark.parametrize(("bits", "step"), [(5, 1.0), (4, 16 / 15), (8, 1.0)])
def test_integer_data_stay_exact_if_they_fit(bits, step):
    quantiser = Quantiser.fit(one(3.0), [[-1], [15]], bits=bits)
    assert (quantiser.step, quantiser.offset.tolist()) == (step, [-1.0])


def test_half_integer_data_are_not_taken_for_integers():
    assert Quantiser.fit(one(0.0), [[0.5], [4.0]], bits=8).step == 4 / 255


def test_preprocessing_comes_first():
    model = one(0.0, preprocess=AffineMap([2.0], [10.0]))
    quantiser = Quantiser.fit(model, [[0.25], [-5.0]], bits=3)
    assert (quantiser.offset[0], quantiser.step) == (0.0, 10.5 / 7)


def test_margin_without_calibration():
    quantiser = Quantiser.fit(PrototypeModel([[0.0, 5.0], [1.5, 5.0]], [0, 1]), bits=8)
    assert quantiser.offset.tolist() == [-1.5 * MARGIN, 5.0 - 1.5 * MARGIN]
    assert quantiser.step == 1.5 * (1 + 2 * MARGIN) / 255


def test_margin_of_integers_takes_the_levels_left():
    settings = {"prototypes": [[0.0, 2.0], [16.0, 2.0]], "labels": [0, 1]}
    exact = Quantiser.fit(PrototypeModel(**settings), bits=6)
    assert (exact.step, exact.offset.tolist()) == (1.0, [-4.0, -2.0])
    tight = Quantiser.fit(PrototypeModel([[0.0], [15.0]], [0, 1]), bits=4)
    assert (tight.step, tight.offset.tolist()) == (1.0, [0.0])


def test_chip_units():
    model = PrototypeModel([[0, 9], [3, 4]], ["a", "b"])
    quantiser = Quantiser.fit(model)
    assert (quantiser.bits, quantiser.step, quantiser.offset.tolist()) == (4, 1.0, [0.0, 0.0])
    assert Quantiser.fit(model, [[60, 0]], bits=6).bits == 6
    assert quantiser.apply(model).prototypes.tolist() == [[0, 9], [3, 4]]
    with pytest.raises(InputError, match="one component is 9, which does not fit into 3 bits; use bits=4"):
        Quantiser.fit(model, bits=3)


@pytest.mark.parametrize("value", [-1, 1 << 16])
def test_chip_units_out_of_range(value):
    with pytest.raises(InputError, match=rf"must lie in 0 \.\. 65535, but one component is {value}"):
        Quantiser.fit(PrototypeModel([[value]], ["a"]))


@pytest.mark.parametrize("metric", ["l1", "l2", "linf", "hamming"])
@pytest.mark.parametrize("dtype", [np.int64, np.float64])
def test_calibration_data_in_chip_units_are_not_clipped(metric, dtype):
    random = np.random.default_rng(5)
    model = PrototypeModel(random.integers(0, 8, (6, 3)), [0, 1, 2, 0, 1, 2], metric=metric)
    X = np.vstack([random.integers(0, 8, (60, 3)), random.integers(0, 100, (60, 3)), [[0, 100, 0]]]).astype(dtype)
    for quantiser in (Quantiser.fit(model, X), Quantiser.fit(model, X, bits=choose_bits(model, X).bits)):
        assert (quantiser.bits, quantiser.step, quantiser.offset.tolist()) == (7, 1.0, [0.0] * 3)
    levels, saturated = quantiser.quantise(X)
    assert np.array_equal(levels, X)
    assert not saturated.any()
    found = golden(model, quantiser).distances(levels)
    assert np.array_equal(found, model.distances(X))
    # What three bits hold is at the same distance with seven.
    narrow = Quantiser.fit(model, X[:60])
    assert narrow.bits == 3
    assert np.array_equal(golden(model, narrow).distances(narrow.quantise(X[:60])[0]), found[:60])
    message = "one component of the calibration data is 100, which does not fit into 6 bits; use bits=7"
    with pytest.raises(InputError, match=message + (r"\." if metric == "hamming" else ", or give a float array")):
        Quantiser.fit(model, X, bits=6)
    assert Quantiser.fit(model, X, bits=9).bits == 9


def golden(model, quantiser):
    quantised = quantiser.apply(model)
    return GoldenModel(quantised.configuration(), quantised.nodes)


@pytest.mark.parametrize("value", [-1, -0.6, 1 << 16, 1e300])
@pytest.mark.parametrize("bits", [None, 8])
def test_calibration_data_beyond_chip_units(value, bits):
    message = rf"must lie in 0 \.\. 65535, but one component of the calibration data is {round(value)}; encode them"
    for use in (lambda model: Quantiser.fit(model, [[value]], bits=bits), lambda model: choose_bits(model, [[value]])):
        for metric in ("l1", "hamming"):
            with pytest.raises(InputError, match=message):
                use(PrototypeModel([[5]], ["a"], metric=metric))


def test_calibration_data_that_round_into_chip_units():
    assert Quantiser.fit(PrototypeModel([[5]], ["a"]), [[-0.5], [7.5]]).bits == 4
    assert Quantiser.fit(PrototypeModel([[5]], ["a"]), [[7.4]]).bits == 3
    shifted = PrototypeModel([[5]], ["a"], preprocess=AffineMap([2.0], [-100.0]))
    assert Quantiser.fit(shifted, [[50.0], [60.0]]).bits == 5


def test_calibration_data_that_no_bits_are_chosen_by():
    masked = PrototypeModel([[3, 999], [1, 2]], [0, 1], masks=[[True, False], [True, False]])
    assert Quantiser.fit(masked, [[6, -70]]).bits == 3
    table = PrototypeModel([[[0, 3]], [[2, 0]]], ["a", "b"], metric="table")
    assert Quantiser.fit(table, [[9], [-3]]).bits == choose_bits(table, [[9]]).bits == 1
    box = PrototypeModel([[[0, 3]], [[4, 5]]], ["a", "b"], metric="box")
    assert Quantiser.fit(box, [[9]]).bits == choose_bits(box, [[9]]).bits == 4


def test_prototypes_and_calibration_data_beyond_the_bits():
    for prototype, seen in ((300, 9), (9, 300)):
        with pytest.raises(InputError, match="300, which does not fit into 3 bits; use bits=9, or give"):
            Quantiser.fit(PrototypeModel([[prototype]], ["a"]), [[seen]], bits=3)


def test_default_bits():
    assert Quantiser.fit(one(0.5)).bits == DEFAULT_BITS


@pytest.mark.parametrize("calibration", [None, [[2.5], [2.5]]])
def test_equal_values_give_step_one(calibration):
    quantiser = Quantiser.fit(one(2.5), calibration, bits=4)
    assert quantiser.step == 1.0
    assert quantiser.quantise([[2.5]])[0].tolist() == [[0]]


def test_tiny_and_huge_ranges():
    assert Quantiser.fit(one(0.0), [[5e-324]], bits=4).quantise([[5e-324]])[0].tolist() == [[1]]
    with pytest.raises(InputError, match="feature 0 spans more than a float64 can hold"):
        Quantiser.fit(one(1.5e308), [[-1.5e308]], bits=4)
    integers, saturated = Quantiser.fit(one(0.0), [[1e-300]], bits=4).quantise([[1e300], [-1e300]])
    assert (integers.tolist(), saturated.tolist()) == ([[15], [0]], [1, 1])


@pytest.mark.parametrize("bits", [0, 17, 4.0, True, "4"])
def test_wrong_bits_are_refused(bits):
    with pytest.raises(InputError, match=f"bits must be an integer from 1 to 16, not {bits!r}"):
        Quantiser.fit(one(0.5), bits=bits)


def test_queries_are_checked():
    quantiser = Quantiser.fit(one(0.5), [[1.0]], bits=4)
    with pytest.raises(InputError, match="nan in row 1"):
        quantiser.quantise([[0.0], [np.nan]])
    with pytest.raises(InputError, match="X has 2 columns"):
        quantiser.quantise([[0.0, 1.0]])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"offset": [np.nan], "step": 1.0, "bits": 4}, "offset must be"),
        ({"offset": [0.0], "step": 0.0, "bits": 4}, "step must be a positive number, or one per feature, not 0.0"),
        ({"offset": [0.0], "step": np.inf, "bits": 4}, "step must be"),
    ],
)
def test_wrong_parameters_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        Quantiser(**settings)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.sampled_from(["l1", "l2"]),
    st.sampled_from([0.25, 0.5, 1.0, 2.0, 4.0]),
    st.one_of(st.integers(0, 500).map(lambda n: n / 16), st.just(math.inf)),
    st.booleans(),
)
def test_radii_fire_as_the_real_ones(metric, step, radius, inclusive):
    model = PrototypeModel([[0.0, 0.0]], ["a"], metric=metric, radii=radius, radii_inclusive=inclusive)
    quantised = Quantiser(offset=[0.0, 0.0], step=step, bits=2).apply(model)
    unit = Fraction(step) ** (1 if metric == "l1" else 2)
    for distance in range(quantised.configuration().distance_max + 1):
        real = distance * unit
        expected = real <= radius if inclusive else real < radius
        assert (distance < quantised.common_radius) == expected


def test_radii_and_margin_are_clipped_to_one_that_always_counts():
    model = PrototypeModel([[0.0]], ["a"], metric="l2", radii=1e300, min_margin=1e300)
    quantised = Quantiser(offset=[0.0], step=1e-300, bits=2).apply(model)
    assert (quantised.common_radius, quantised.min_margin) == (10, 10)


@pytest.mark.parametrize(("metric", "expected"), [("l1", 3), ("l2", 5)])
def test_min_margin_rounds_up(metric, expected):
    model = PrototypeModel([[0.0]], ["a"], metric=metric, min_margin=1.1)
    assert Quantiser(offset=[0.0], step=0.5, bits=4).apply(model).min_margin == expected


def test_kinds_of_radii_survive():
    points = [[0.0], [8.0], [15.0]]
    quantiser = Quantiser(offset=[0.0], step=1.0, bits=4)
    per_class = quantiser.apply(PrototypeModel(points, list("aba"), radii={"a": 2, "b": 5}, classes=list("abc")))
    assert (per_class.radii_kind, per_class.radii.tolist(), per_class.class_radii) == ("class", [2, 5, 2], (2, 5, 0))
    per_prototype = quantiser.apply(PrototypeModel(points, list("aba"), radii=[1, 2, 3]))
    assert (per_prototype.radii_kind, per_prototype.radii.tolist()) == ("prototype", [1, 2, 3])
    assert per_prototype.configuration().radii == "prototype"
    with pytest.raises(InputError, match="has no common radius"):
        _ = per_class.common_radius
    with pytest.raises(InputError, match="has no radii per class"):
        _ = per_prototype.class_radii


class TestQuantisedModel:
    def parameters(self, **changes):
        defaults = {
            "prototypes": np.array([[0, 3], [1, 2]]),
            "labels": np.array([0, 1]),
            "radii": None,
            "radii_kind": "none",
            "metric": "l1",
            "bits": 2,
            "min_margin": None,
            "classes": np.array(["a", "b"]),
        }
        return {**defaults, **changes}

    def test_digest_depends_on_everything(self):
        variants = [
            {},
            {"prototypes": np.array([[0, 3], [1, 3]])},
            {"labels": np.array([1, 0])},
            {"radii": np.array([1, 1]), "radii_kind": "common"},
            {"radii": np.array([1, 1]), "radii_kind": "class"},
            {"radii": np.array([1, 2]), "radii_kind": "class"},
            {"metric": "l2"},
            {"bits": 3},
            {"min_margin": 1},
            {"classes": np.array(["a", "c"])},
            {"classes": np.array([0, 1])},
        ]
        digests = {QuantisedModel(**self.parameters(**variant)).digest() for variant in variants}
        assert len(digests) == len(variants)

    def test_digest_does_not_depend_on_types_and_layout(self):
        plain = QuantisedModel(**self.parameters())
        other = QuantisedModel(
            **self.parameters(prototypes=np.array([[0, 3], [1, 2]], ">u4", order="F"), labels=np.array([0, 1], np.int8))
        )
        assert plain.digest() == other.digest()
        assert plain.prototypes.dtype == np.uint16
        assert plain.canonical_bytes().endswith(
            b"\x00\x00\x03\x00\x01\x00\x02\x00" + b"\x00\x00\x00\x00\x01\x00\x00\x00"
        )

    def test_configuration_takes_the_grid(self):
        configuration = QuantisedModel(**self.parameters(min_margin=2)).configuration(rows=2, columns=3)
        assert (configuration.features, configuration.bits, configuration.prototype_count) == (2, 2, 2)
        assert (configuration.class_count, configuration.min_margin, configuration.rows) == (2, 2, 2)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"prototypes": np.array([[0, 4], [1, 2]])}, r"must lie in 0 \.\. 3"),
            ({"prototypes": np.zeros((2, 2))}, "must be an integer matrix, not float64"),
            ({"labels": np.array([0, 2])}, r"class indices 0 \.\. 1"),
            ({"labels": np.array([0])}, "labels must be 2 integers"),
            ({"radii_kind": "common"}, "does not go with radii None"),
            ({"radii": np.array([1, 2]), "radii_kind": "common"}, "must not differ within it"),
            ({"radii": np.array([1, 8]), "radii_kind": "prototype"}, r"radii must lie in 0 \.\. 7, not 1 \.\. 8"),
            ({"radii": np.array([1]), "radii_kind": "prototype"}, "radii must be 2 integers"),
            ({"metric": "cosine"}, "none that the chip has"),
        ],
    )
    def test_contradictions_are_refused(self, changes, message):
        with pytest.raises(InputError, match=message):
            QuantisedModel(**self.parameters(**changes))


def clusters():
    """Three classes on a line; telling them apart needs 2 bits, and 1 does not do."""
    model = PrototypeModel([[0.0], [3.0], [6.0]], list("abc"))
    X = np.linspace(-0.61, 6.61, 73)[:, None]
    return model, X, model.predict(X)


def test_choose_bits_takes_the_fewest_that_suffice():
    model, X, y = clusters()
    by_agreement, by_accuracy = choose_bits(model, X, max_loss=0.1), choose_bits(model, X, y, max_loss=0.1)
    for choice in (by_agreement, by_accuracy):
        assert choice.reached
        assert [point.bits for point in choice.curve] == list(range(1, choice.bits + 1))
        assert [point.loss <= 0.1 for point in choice.curve] == [False] * (choice.bits - 1) + [True]
    assert by_agreement.curve[-1].accuracy is None
    assert by_accuracy.curve[-1].accuracy == pytest.approx(1 - by_accuracy.curve[-1].loss)


def test_choose_bits_judges_a_training_sample_without_itself():
    random = np.random.default_rng(0)
    X = random.normal(size=(200, 3))
    model = PrototypeModel(X, (X[:, 0] > 0).astype(int))
    # Each sample would find itself with 4 bits, whatever the others do.
    assert choose_bits(model, X, max_loss=0.0).bits > 5


def test_choose_bits_measures_what_golden_model_and_float_model_say():
    split = load_dataset("wine")
    model = to_prototype_model(train_prototypes("wine", split))
    choice = choose_bits(model, split.X_train, split.y_train)
    point = choice.curve[-1]
    quantiser = Quantiser.fit(model, split.X_train, bits=choice.bits)
    quantised = quantiser.apply(model)
    records = GoldenModel(quantised.configuration(), quantised.nodes).decide(
        *quantiser.quantise(model.transform(split.X_train))
    )
    labels = model.to_labels(records["label"], records["status"])
    assert point.agreement == np.mean(labels == model.predict(split.X_train))
    assert point.accuracy == np.mean(labels == split.y_train)


def test_choose_bits_with_radii_and_reject():
    model = PrototypeModel([[0.0], [10.0]], ["a", "b"], radii=1.0, reject="?")
    X = np.linspace(-2.01, 12.01, 141)[:, None]
    choice = choose_bits(model, X, max_loss=0.005)
    quantiser = Quantiser.fit(model, X, bits=choice.bits)
    quantised = quantiser.apply(model)
    golden = GoldenModel(quantised.configuration(), quantised.nodes)
    records = golden.decide(*quantiser.quantise(X))
    labels = model.to_labels(records["label"], records["status"])
    assert set(labels) == {"a", "b", "?"}
    assert choice.curve[-1].agreement == np.mean(labels == model.predict(X)) >= 0.995


def test_choose_bits_without_need():
    assert choose_bits(PrototypeModel([[9]], ["a"])).bits == 4
    assert choose_bits(one(0.5)).bits == DEFAULT_BITS


def test_choose_bits_says_if_no_width_suffices():
    # Two prototypes nearer to each other than a step of 16 bits.
    model = PrototypeModel([[0.0], [1e-9]], ["a", "b"])
    choice = choose_bits(model, [[1.0], [-1.0], [2e-10], [9e-10]], max_loss=0.0)
    assert not choice.reached
    assert len(choice.curve) == 16


@pytest.mark.parametrize(
    ("y", "max_loss", "message"),
    [
        (["a"], 0.1, "y must have one label for each of the 2 rows"),
        (None, 2, "max_loss must be a share between 0 and 1"),
    ],
)
def test_choose_bits_checks(y, max_loss, message):
    with pytest.raises(InputError, match=message):
        choose_bits(one(0.5), [[1.0], [2.0]], y, max_loss=max_loss)


def test_choose_bits_tells_text_from_numbers_among_many_classes():
    # With many classes NumPy's own search turns numbers into text, and finds them all.
    labels = np.arange(60)
    model = PrototypeModel(labels[:, None].astype(float), labels)
    with pytest.raises(
        InputError, match=r"no label of y is one of the model's classes: '0' is not in \[0, 1, 2, 3, 4\]"
    ):
        choose_bits(model, model.prototypes, labels.astype(str))


def test_choose_bits_accepts_data_of_some_classes_or_rejected_ones():
    model = PrototypeModel([[0.0], [1.0]], ["a", "b"], radii=0.4, reject="?")
    assert choose_bits(model, [[0.1], [0.9]], ["a", "zebra"]).curve
    assert choose_bits(model, [[0.5], [0.5]], ["?", "?"]).curve


@pytest.mark.parametrize("inclusive", [False, True])
def test_radii_beside_a_huge_step(inclusive):
    model = PrototypeModel(
        [[0.0], [1e300], [1e299], [5e298]],
        [0, 1, 2, 3],
        metric="l2",
        radii=[[1.0], [np.inf], [0.0], [1e300]],
        radii_inclusive=inclusive,
    )
    quantised = Quantiser.fit(model, bits=4).apply(model)
    # The square of a step is beyond float64: a finite radius holds the prototype alone, an infinite one all.
    assert quantised.radii.tolist() == [1, 15**2 + 1, int(inclusive), 1]


def grid_of(bits, features=1):
    """All integer vectors of these bits."""
    return np.stack(np.meshgrid(*[np.arange(1 << bits)] * features, indexing="ij"), axis=-1).reshape(-1, features)


def holders(quantised, vectors):
    """How many boxes hold each vector."""
    lower, upper = np.moveaxis(quantised.prototypes.astype(np.int64), 2, 0)
    return ((vectors[:, None] >= lower) & (vectors[:, None] <= upper)).all(axis=2).sum(axis=1)


@pytest.mark.parametrize("bits", range(1, 17))
@pytest.mark.parametrize("calibrated", [False, True])
def test_boxes_that_share_thresholds_remain_a_partition(bits, calibrated):
    random = np.random.default_rng(bits)
    thresholds = np.sort(random.normal(size=40))
    # Two of them within a step of one another, and one on a level.
    thresholds[5] = thresholds[4] + 1e-9
    edges = np.concatenate([[-np.inf], thresholds, [np.inf]])
    model = PrototypeModel(np.stack([edges[:-1], edges[1:]], axis=1)[:, None], np.arange(41), metric="box")
    # Data that leave some thresholds beyond the lowest and the highest level.
    quantiser = Quantiser.fit(model, [[0.0]] if calibrated else None, bits=bits)
    cut = Quantiser(offset=[-0.4], step=1.0 / ((1 << bits) - 1), bits=bits)
    for rule in (quantiser, cut):
        quantised = rule.apply(model)
        assert (holders(quantised, grid_of(bits)) == 1).all()
        empty = quantised.prototypes[..., 0] > quantised.prototypes[..., 1]
        assert empty.any()
        assert quantised.prototypes.max() < 1 << bits


@pytest.mark.parametrize("bits", [1, 2, 3, 4])
def test_boxes_in_two_dimensions_remain_a_partition(bits):
    model = PrototypeModel(
        [
            [[-np.inf, 0.3], [-np.inf, np.inf]],
            [[0.3, np.inf], [-np.inf, 0.7]],
            [[0.3, 0.9], [0.7, np.inf]],
            [[0.9, np.inf], [0.7, np.inf]],
        ],
        [0, 1, 2, 3],
        metric="box",
    )
    quantised = Quantiser.fit(model, [[0.0, 0.0], [1.0, 1.0]], bits=bits).apply(model)
    assert (holders(quantised, grid_of(bits, 2)) == 1).all()


@pytest.mark.parametrize("shift", [0.5, 0.0, 0.01, 0.99])
def test_boxes_are_exact_for_integer_data(shift):
    edges = np.array([-np.inf, 2 + shift, 3 + shift, 9 + shift, np.inf])
    model = PrototypeModel(np.stack([edges[:-1], edges[1:]], axis=1)[:, None], [0, 1, 2, 3], metric="box")
    X = np.arange(-2, 14)[:, None]
    quantiser = Quantiser.fit(model, X, bits=4)
    assert (quantiser.step, quantiser.offset.tolist()) == (1.0, [-2.0])
    levels = quantiser.quantise(X)[0].astype(np.int64)
    lower, upper = np.moveaxis(quantiser.apply(model).prototypes.astype(np.int64), 2, 0)
    inside = ((levels[:, None] >= lower) & (levels[:, None] <= upper)).all(axis=2)
    assert (inside.argmax(axis=1) == model.predict(X)).all()
    assert (inside.sum(axis=1) == 1).all()


def test_range_of_boxes():
    model = PrototypeModel([[[-np.inf, 0.25], [1.0, 2.0]], [[0.25, 4.25], [-np.inf, np.inf]]], [0, 1], metric="box")
    plain = Quantiser.fit(model, bits=4)
    assert plain.offset.tolist() == [0.25 - 4 * MARGIN, 1.0 - 4 * MARGIN]
    assert plain.step == 4 * (1 + 2 * MARGIN) / 15
    spanned = Quantiser.fit(model, [[-0.75, 3.0], [0.5, 3.5]], bits=4)
    assert (spanned.offset.tolist(), spanned.step) == ([-0.75, 1.0], 5 / 14.5)
    # Halves are thresholds between integers.
    halves = Quantiser.fit(PrototypeModel([[[2.5, 7.0]]], [0], metric="box"), bits=5)
    assert (halves.step, halves.offset.tolist()) == (1.0, [1.0])
    alone = PrototypeModel([[[-np.inf, 0.3]], [[0.3, np.inf]]], [0, 1], metric="box")
    with pytest.raises(InputError, match=r"boxes with one bound for each component .*; give calibration data"):
        Quantiser.fit(alone)
    assert Quantiser.fit(alone, [[0.0], [1.5]], bits=4).step == 1.5 / 15
    everything = PrototypeModel([[[-np.inf, np.inf]]], [0], metric="box")
    assert Quantiser.fit(everything, bits=3).apply(everything).prototypes.tolist() == [[[0, 7]]]


def test_boxes_in_chip_units():
    model = PrototypeModel([[[2, 5], [0, 9]], [[6, 5], [3, 3]]], [0, 1], metric="box")
    quantiser = Quantiser.fit(model)
    assert (quantiser.bits, quantiser.step) == (4, 1.0)
    quantised = quantiser.apply(model)
    assert quantised.prototypes.tolist() == model.prototypes.tolist()
    assert quantised.exemplars.tolist() == [[2, 0], [6, 3]]
    assert quantised.reachable.tolist() == [True, False]
    assert Quantiser.fit(model, bits=7).bits == 7
    with pytest.raises(InputError, match="use bits=4"):
        Quantiser.fit(model, bits=3)
    with pytest.raises(InputError, match="one component is -1"):
        Quantiser.fit(PrototypeModel([[[0, -1]]], [0], metric="box"))


def test_tables_fix_the_bits():
    model = PrototypeModel([[[5, 0, 2, 0], [9, 8, 7, 7]]], [0], metric="table", radii=3, min_margin=2)
    quantiser = Quantiser.fit(model, [[3, 0]])
    assert (quantiser.bits, quantiser.step, quantiser.offset.tolist()) == (2, 1.0, [0.0, 0.0])
    assert choose_bits(model, [[3, 0]]).bits == 2
    quantised = quantiser.apply(model)
    assert (quantised.prototypes.tolist(), quantised.features) == (model.prototypes.tolist(), 2)
    assert (quantised.configuration().entry_max, quantised.configuration().distance_max) == (9, 18)
    assert (quantised.radii.tolist(), quantised.min_margin) == ([3], 2)
    assert quantised.exemplars.tolist() == [[1, 2]]
    assert quantised.reachable.tolist() == [False]
    with pytest.raises(InputError, match="tables with 4 levels belong to components of 2 bits, not of 3; use bits=2"):
        Quantiser.fit(model, bits=3)


@pytest.mark.parametrize(("metric", "unit"), [("linf", 0.5), ("l1", 0.5), ("l2", 0.25), ("box", 0.5)])
@pytest.mark.parametrize("weighted", [False, True])
def test_units_of_radii_and_margins(metric, unit, weighted):
    points = np.array([[0.0, 1.0], [1.5, 0.5]])
    weights = [[1, 4], [2, 1]] if weighted and metric in ("l1", "l2") else None
    values = np.stack([points, points], axis=2) if metric == "box" else points
    model = PrototypeModel(values, [0, 1], metric=metric, radii=[[1.0], [1.3]], min_margin=1.1, weights=weights)
    quantised = Quantiser(offset=[0.0, 0.0], step=0.5, bits=4).apply(model)
    assert quantised.radii.tolist() == [math.ceil(1.0 / unit), math.ceil(1.3 / unit)]
    assert quantised.min_margin == math.ceil(1.1 / unit)


def test_hamming_is_in_chip_units():
    model = PrototypeModel([[5.0, 0.0]], ["a"], metric="hamming", radii=2.0)
    quantiser = Quantiser.fit(model, [[7.0, 2.0]])
    assert (quantiser.bits, quantiser.step) == (3, 1.0)
    assert quantiser.apply(model).radii.tolist() == [2]


def test_masked_components_span_nothing():
    points, masks = [[0.5, -1e6], [2.0, 3.0], [4.5, 1e6]], [[True, False], [True, True], [True, False]]
    model = PrototypeModel(points, [0, 1, 2], masks=masks)
    quantiser = Quantiser.fit(model, [[0.5, 3.0]], bits=4)
    assert (quantiser.offset.tolist(), quantiser.step) == ([0.5, 3.0], 4 / 15)
    quantised = quantiser.apply(model)
    assert quantised.masks.tolist() == masks
    assert quantised.configuration().masked
    chip = PrototypeModel([[3, 999], [1, 2]], [0, 1], masks=[[True, False], [True, True]])
    assert Quantiser.fit(chip).bits == 2
    assert Quantiser.fit(chip).apply(chip).prototypes.tolist() == [[3, 3], [1, 2]]
    blind = PrototypeModel([[3, 9]], [0], masks=[[False, False]])
    assert Quantiser.fit(blind).bits == 1


def test_weights_become_shifts():
    model = PrototypeModel([[0, 1], [2, 3]], [0, 1], weights=[[1, 8], [2, 32768]], k=2)
    quantised = Quantiser.fit(model).apply(model)
    assert quantised.shifts.tolist() == [[0, 3], [1, 15]]
    assert quantised.shifts.dtype == np.uint8
    configuration = quantised.configuration()
    assert (configuration.shift_max, configuration.k, configuration.masked) == (15, 2, False)
    nodes = quantised.nodes
    assert (nodes.values, nodes.masks, nodes.shifts) == (quantised.prototypes, None, quantised.shifts)


def test_too_many_and_too_large_for_an_order_in_64_bits():
    points = np.full((1 << 12, 16), 65535)
    model = PrototypeModel(points, points[:, 0], metric="l2", weights=np.full(points.shape, 1 << 15))
    with pytest.raises(InputError, match=r"4096 prototypes with distances of up to .* fewer bits or smaller weights"):
        Quantiser.fit(model).apply(model)


def test_digests_of_what_there_was_before_do_not_change():
    plain = PrototypeModel([[1, 2], [3, 4], [0, 7]], [0, 1, 1])
    assert Quantiser.fit(plain).apply(plain).digest() == (
        "492278b3cbf68f9e0d9508f2806c0f3008c250e198431dc2c7a756c96ef5464f"
    )
    random = np.random.default_rng(5)
    radii = [[1.0], [2.0], [3.0], [4.0], [5.0]]
    full = PrototypeModel(random.normal(size=(5, 3)), list("abacb"), metric="l2", radii=radii, min_margin=0.5)
    assert Quantiser.fit(full, bits=6).apply(full).digest() == (
        "7fd2d3af15317d5d58f7b51e69f38baf53263508cc244f5487142c47c685a32a"
    )


def test_digest_tells_nodes_apart():
    points = np.array([[0, 1], [2, 3], [1, 1]])
    settings = {"prototypes": points, "labels": np.array([0, 1, 1]), "radii": None, "radii_kind": "none", "bits": 2}
    settings |= {"metric": "l1", "min_margin": None, "classes": np.array([0, 1])}
    ones = np.eye(3, 2, dtype=int)
    variants = [
        {},
        {"k": 2},
        {"k": 3},
        {"masks": ones == 1},
        {"masks": ones == 0},
        {"shifts": ones},
        {"shifts": 2 * ones},
        {"masks": ones == 1, "shifts": ones},
        {"metric": "linf"},
        {"metric": "hamming"},
        {"metric": "box", "prototypes": np.stack([points, points], axis=2)},
        {"metric": "box", "prototypes": np.stack([points, 3 + 0 * points], axis=2)},
        {"metric": "table", "prototypes": np.zeros((3, 2, 4), int)},
        {"metric": "table", "prototypes": np.ones((3, 2, 4), int)},
    ]
    digests = {QuantisedModel(**settings | variant).digest() for variant in variants}
    assert len(digests) == len(variants)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"k": 3}, r"k must be 1 \.\. 2, not 3"),
        ({"k": 0}, r"k must be 1 \.\. 2, not 0"),
        ({"masks": np.ones((2, 2))}, r"masks must be booleans of the shape \(2, 2\), .* not float64"),
        ({"masks": np.ones((2, 1), bool)}, r"of the shape \(2, 1\) for 'l1'"),
        ({"shifts": np.full((2, 2), 16)}, r"shifts must lie in 0 \.\. 15, not 16 \.\. 16"),
        ({"shifts": np.ones((2, 2), int), "metric": "linf"}, "for one of l1, l2, not int64 .* for 'linf'"),
        ({"metric": "box"}, r"integer array of the shape \(prototypes, features, 2\), not int64 of the shape \(2, 2\)"),
        ({"metric": "box", "prototypes": np.array([[[3, 1]]] * 2)}, r"must not be above its upper bound \+ 1"),
        ({"metric": "table", "prototypes": np.zeros((2, 2, 2), int)}, r"\(prototypes, features, 4\), not int64"),
        ({"metric": "table", "prototypes": np.full((2, 2, 4), 1 << 16)}, r"entries must lie in 0 \.\. 65535"),
    ],
)
def test_contradicting_nodes_are_refused(changes, message):
    settings = {"prototypes": np.array([[0, 3], [1, 2]]), "labels": np.array([0, 1]), "radii": None}
    settings |= {"radii_kind": "none", "metric": "l1", "bits": 2, "min_margin": None, "classes": np.array(["a", "b"])}
    with pytest.raises(InputError, match=message):
        QuantisedModel(**settings | changes)


@pytest.mark.parametrize("k", [2, 3, 7])
def test_choose_bits_with_votes(k):
    random = np.random.default_rng(2)
    X = random.normal(size=(120, 3))
    model = PrototypeModel(X, (X[:, 0] > 0).astype(int), k=k)
    choice = choose_bits(model, X, max_loss=0.02)
    assert choice.reached
    # A training sample has no vote on itself: the reference is that of the k others that are nearest.
    trial = _BitsTrial.of(model, X, None)
    distances = np.abs(X[:, None] - X).sum(axis=2)
    np.fill_diagonal(distances, np.inf)
    order = np.argsort(distances, axis=1, kind="stable")[:, :k]
    ones = model.class_indices[order].sum(axis=1)
    assert trial.reference.tolist() == (2 * ones > k).astype(int).tolist()


def test_choose_bits_takes_no_box_for_a_sample_in_it():
    edges = np.array([-np.inf, 0.2, 0.55, np.inf])
    model = PrototypeModel(np.stack([edges[:-1], edges[1:]], axis=1)[:, None], [0, 1, 0], metric="box")
    X = np.linspace(0, 1, 50)[:, None]
    trial = _BitsTrial.of(model, X, None)
    assert not trial.left_out.any()
    assert trial.reference.tolist() == model.predict(X).tolist()


@pytest.mark.parametrize(
    ("metric", "kind"),
    [
        *((metric, "plain") for metric in ("l1", "l2", "linf", "box")),
        *((metric, "masks") for metric in ("l1", "l2", "linf")),
        *((metric, "weights") for metric in ("l1", "l2")),
    ],
)
def test_choose_bits_of_every_node(metric, kind):
    random = np.random.default_rng(6)
    centres = random.normal(size=(12, 4))
    values = np.stack([centres - 0.5, centres + 0.5], axis=2) if metric == "box" else centres
    extra = {
        "plain": {},
        "masks": {"masks": random.random((12, 4)) < 0.7},
        "weights": {"weights": 1 << random.integers(0, 3, (12, 4))},
    }
    model = PrototypeModel(values, random.integers(0, 3, 12), metric=metric, k=3, **extra[kind])
    X = random.normal(size=(200, 4))
    choice = choose_bits(model, X, max_loss=0.05)
    assert choice.reached
    quantiser = Quantiser.fit(model, X, bits=choice.bits)
    quantised = quantiser.apply(model)
    records = GoldenModel(quantised.configuration(), quantised.nodes).decide(*quantiser.quantise(X))
    assert choice.curve[-1].agreement == np.mean(model.classes[records["label"]] == model.predict(X)) >= 0.95
