import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prototile.data import load_dataset, train_prototypes
from prototile.errors import InputError
from prototile.frontends import to_prototype_model
from prototile.model import AffineMap, PrototypeModel
from prototile.quantised import QuantisedModel
from prototile.quantiser import DEFAULT_BITS, MARGIN, Quantiser, choose_bits
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
    assert Quantiser.fit(model, [[100, 0]], bits=6).bits == 6
    assert quantiser.apply(model).prototypes.tolist() == [[0, 9], [3, 4]]
    with pytest.raises(InputError, match="one component is 9, which does not fit into 3 bits; use bits=4"):
        Quantiser.fit(model, bits=3)


@pytest.mark.parametrize("value", [-1, 1 << 16])
def test_chip_units_out_of_range(value):
    with pytest.raises(InputError, match=rf"must lie in 0 \.\. 65535, but one component is {value}"):
        Quantiser.fit(PrototypeModel([[value]], ["a"]))


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
        ({"offset": [0.0], "step": 0.0, "bits": 4}, "step must be a positive number, not 0.0"),
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
