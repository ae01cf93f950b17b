import re

import numpy as np
import pytest

import prototile as pt
from prototile.boards.board import board
from prototile.boards.build import count_cells
from prototile.data import DEMO_BITS, load_dataset, train_prototypes
from prototile.design import budget
from prototile.estimate import memories
from prototile.hardware import planned_memories


def refusal(sizes, **choices):
    """What is said of a model with so many prototypes in each class that does not fit."""
    labels = np.repeat(np.arange(len(sizes)), sizes)
    model = pt.PrototypeModel(np.random.default_rng(0).normal(size=(len(labels), 64)), labels)
    with pytest.raises(pt.FitError) as refused:
        pt.convert(model, bits=4, board="icebreaker", **choices)
    return str(refused.value)


@pytest.mark.parametrize("sizes", [[190], [150, 20, 20], [100] + [1] * 90, [400, 1]])
@pytest.mark.parametrize("choices", [{}, {"pes_per_tile": 100_000, "columns": 1}, {"pes_per_tile": 64}])
def test_no_more_is_said_to_fit_than_there_is(sizes, choices):
    told = refusal(sizes, prototypes_per_pe=1, **choices)
    assert f"{sum(sizes)} prototypes of 64 features" in told
    assert int(re.search(r"closest, (\d+) PEs with one prototype each", told)[1]) == sum(sizes)
    limit = re.search(r"at most about (\d+) such PEs, (\d+) prototypes, fit", told)
    assert limit is None or 0 < int(limit[1]) == int(limit[2]) < sum(sizes)
    assert limit is not None or "not one such PE fits" in told


def test_limit_counts_elements():
    model = pt.PrototypeModel(np.random.default_rng(0).normal(size=(18, 4)), [0] * 15 + [1] * 2 + [2])
    fixed = {"bits": 4, "pes_per_tile": 16, "columns": 1, "prototypes_per_pe": 1}
    # 48 places, of which 18 get an element.
    assert pt.convert(model, pe_count=18, **fixed).occupied.sum() == 18
    with pytest.raises(pt.InputError, match="pe_count=17"):
        pt.convert(model, pe_count=17, **fixed)


@pytest.mark.tools
@pytest.mark.parametrize("dataset", ["iris", "wine", "breast_cancer"])
def test_estimate_is_near_what_is_built(dataset, tmp_path):
    data = load_dataset(dataset)
    model = train_prototypes(dataset, data)
    design = pt.convert(model, data.X_train, y=data.y_train, bits=DEMO_BITS, board="icebreaker")
    built = design.build(folder=tmp_path / "built").logic_cells
    assert design.estimate()["logic_cells"] == pytest.approx(built, rel=0.08)


def random_model(metric, prototypes, features, bits, *, classes=3, seed=0, **more):
    """Prototypes of any metric, in chip units."""
    numbers = np.random.default_rng(seed)
    shape = (prototypes, features)
    values = numbers.integers(0, 1 << bits, shape)
    values[0, 0], values[0, -1] = 0, (1 << bits) - 1
    if metric == "box":
        values = np.sort(np.stack([values, numbers.integers(0, 1 << bits, shape)], axis=2), axis=2)
    elif metric == "table":
        values = numbers.integers(0, 13, (*shape, 1 << bits))
    return pt.PrototypeModel(values, np.arange(prototypes) % classes, metric=metric, **more)


def masks(prototypes, features):
    """The first half of the prototypes ignores nothing."""
    found = np.random.default_rng(1).random((prototypes, features)) < 0.7
    found[: prototypes // 2] = True
    return found


def weights(prototypes, features):
    return 2.0 ** np.random.default_rng(2).integers(0, 4, (prototypes, features))


def half_open():
    """Boxes of which most have no lower bound in the first four components, and one has no bound at all."""
    bounds = np.array(random_model("box", 30, 20, 4).prototypes)
    bounds[1:, :, 0] = 0
    bounds[2] = [0, 15]
    return pt.PrototypeModel(bounds, np.arange(30) % 3, metric="box")


@pytest.mark.parametrize(
    ("bits", "features", "lanes"), [(1, 256, 32), (2, 100, 16), (4, 64, 8), (8, 40, 4), (16, 40, 2)]
)
def test_bits_are_counted_many_a_cycle(bits, features, lanes):
    model = random_model("hamming", 6, features, bits)
    assert pt.convert(model, board="ulx3s-25f").config.lanes == lanes
    assert pt.convert(model, board="ulx3s-25f", lanes=1).config.lanes == 1


def test_words_shrink_before_a_model_does_not_fit():
    lanes = [pt.convert(random_model("hamming", count, 256, 1), board="icebreaker").config.lanes for count in (6, 40)]
    assert lanes[0] > lanes[1] >= 1


def test_components_of_other_metrics_come_one_by_one():
    assert pt.convert(random_model("l1", 4, 20, 1), board="ulx3s-25f").config.lanes == 1


def test_too_deep_tables_are_refused():
    with pytest.raises(pt.FitError, match=r"fewer levels of a component \(a table has a row for each of the 4096\)"):
        pt.convert(random_model("table", 6, 8, 12), board="ice40-hx8k")


@pytest.mark.parametrize(
    ("model", "lanes", "width", "depth", "count"),
    [
        (random_model("table", 6, 8, 4), 2, 2 * 4, 4 << 4, 3 * 2),
        (random_model("box", 6, 40, 4), 1, 2 * 2 * 4, 40, 3),
        (random_model("l1", 6, 40, 4, masks=masks(6, 40), weights=weights(6, 40)), 2, 2 * 2 * (4 + 1 + 2), 20, 3),
        (random_model("hamming", 6, 40, 4, radii=np.arange(6)), 2, 2 * 2 * 4, 20 + 8, 3),
    ],
    ids=["table", "box", "masked and weighted", "radius"],
)
def test_prototype_memories(model, lanes, width, depth, count):
    design = pt.convert(model, board="ulx3s-25f", lanes=lanes, pes_per_tile=2, columns=1, prototypes_per_pe=1)
    planned = memories(design.config, design.occupied)[0]
    assert (planned.width, planned.depth, planned.count) == (width, depth, count)


#: Models whose memories have bits that never change, and a shape that makes one block RAM more of them if they count.
CONSTANT_BITS = {
    "masks": (lambda: random_model("l1", 30, 64, 4, masks=masks(30, 64)), {}),
    "boxes": (half_open, {}),
    "tables": (lambda: random_model("table", 6, 8, 6), {"lanes": 2}),
    "classes": (lambda: random_model("l1", 80, 20, 6, classes=40, radii=np.arange(80) % 40 * 8), {}),
    "votes": (lambda: random_model("hamming", 20, 100, 1, k=3), {"lanes": 4, "prototypes_per_pe": 2}),
}


@pytest.mark.tools
@pytest.mark.parametrize(
    ("kind", "name"),
    [*((kind, "ice40-hx8k") for kind in CONSTANT_BITS), ("masks", "ulx3s-25f"), ("tables", "ulx3s-25f")],
)
def test_block_rams_are_those_of_yosys(kind, name, tmp_path):
    make, shape = CONSTANT_BITS[kind]
    design = pt.convert(make(), board=name, memory="block", **shape)
    source = tmp_path / "prototile_core.v"
    source.write_text(design.core_verilog)
    found = count_cells([source], top="prototile_core", part=board(name).part).bram
    offer = budget(board(name).part)
    assert offer.block_rams_for(planned_memories(design.config, design.quantised.nodes)) == found
    assert found <= design.estimate()["bram"]


def test_bits_that_never_change_take_no_block_ram():
    for kind in ("masks", "boxes"):
        make, shape = CONSTANT_BITS[kind]
        design = pt.convert(make(), board="ice40-hx8k", **shape)
        planned = budget(board("ice40-hx8k").part).block_rams_for(
            planned_memories(design.config, design.quantised.nodes)
        )
        assert planned < design.estimate()["bram"], kind


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    [
        lambda: random_model("hamming", 12, 128, 1),
        lambda: random_model("linf", 24, 12, 6, masks=masks(24, 12)),
        lambda: random_model("box", 24, 12, 6, k=3),
        lambda: random_model("table", 16, 12, 4),
        lambda: random_model("l1", 20, 24, 6, weights=weights(20, 24), radii=np.arange(20) * 50),
        lambda: random_model("l2", 6, 12, 8),
        lambda: random_model("l2", 9, 12, 8),
    ],
    ids=["hamming", "linf", "box", "table", "weights", "l2 in blocks", "l2 in logic"],
)
def test_estimate_is_near_what_is_built_of_every_node(make, tmp_path):
    design = pt.convert(make(), board="icebreaker")
    built = design.build(folder=tmp_path / "built")
    assert design.estimate()["logic_cells"] == pytest.approx(built.logic_cells, rel=0.12)


@pytest.mark.slow
@pytest.mark.tools
def test_distributed_ram_of_a_writable_chip_is_placed_on_ecp5_in_time(tmp_path):
    design = pt.convert(random_model("l1", 12, 32, 4), board="ulx3s-25f", memory="distributed")
    built = design.build(folder=tmp_path / "built")
    assert built.timing_met, f"{built.fmax_mhz} MHz"
    assert "TRELLIS_DPR16X4" in (tmp_path / "built" / "netlist.v").read_text()
    assert design.estimate()["logic_cells"] == pytest.approx(built.logic_cells, rel=0.12)


def test_what_is_too_large_answers_if_it_need_not_fit():
    random = np.random.default_rng(0)
    model = pt.PrototypeModel(random.integers(0, 16, (10_000, 8)), np.arange(10_000) % 300, k=3)
    with pytest.raises(pt.FitError, match="10000 prototypes"):
        pt.convert(model)
    design = pt.convert(model, must_fit=False)
    X = random.integers(0, 16, (50, 8))
    assert design.predict(X).tolist() == model.predict(X).tolist()
    figures = design.estimate()
    assert max(figures["util_pct"].values()) > 100
    fitting = pt.PrototypeModel(model.prototypes[:20], model.labels[:20])
    assert pt.convert(fitting, must_fit=False).config == pt.convert(fitting).config
    with pytest.raises(pt.InputError, match="must_fit must be True or False, not 1"):
        pt.convert(model, must_fit=1)
