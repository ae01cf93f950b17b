import re

import numpy as np
import pytest

import prototile as pt
from prototile.data import DEMO_BITS, load_dataset, train_prototypes


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
