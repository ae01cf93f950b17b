"""Squares of wide components: multipliers, in DSP blocks where the part has one for each."""

import numpy as np
import pytest

import prototile as pt
from prototile.boards.board import board
from prototile.report import built, converted, merge
from prototile.summary import summary


def design(prototypes, bits=8, metric="l2"):
    numbers = np.random.default_rng(0)
    points = numbers.integers(0, 1 << bits, (prototypes, 6))
    return pt.convert(
        pt.PrototypeModel(points, np.arange(prototypes) % 2, metric=metric), bits=bits, board="icebreaker"
    )


@pytest.mark.parametrize(
    ("prototypes", "name", "uses"),
    [(8, "icebreaker", True), (9, "icebreaker", False), (8, "ice40-hx8k", False), (14, "ulx3s-25f", True)],
)
def test_all_multipliers_or_none_lie_in_dsp_blocks(prototypes, name, uses):
    found = design(prototypes)
    assert found.multiplier_count == found.pe_count * found.config.lanes == prototypes
    assert found.uses_dsp(board(name)) is uses


@pytest.mark.parametrize(("bits", "metric"), [(4, "l2"), (8, "l1"), (8, "linf")])
def test_no_multipliers_where_none_are_needed(bits, metric):
    found = design(8, bits, metric)
    assert found.multiplier_count == 0
    assert not found.uses_dsp(board("icebreaker"))


@pytest.mark.slow
@pytest.mark.parametrize(("prototypes", "blocks"), [(8, 8), (10, 0)])
def test_the_report_says_where_squares_are_made(prototypes, blocks, tmp_path):
    found = design(prototypes)
    report = found.build(folder=tmp_path / "build")
    values = built(found, report)
    assert values["dsp"] == blocks
    assert values["multipliers"] == {"count": prototypes, "in": "DSP blocks" if blocks else "logic"}
    rows = dict(zip(*(column.cells for column in summary(merge(converted(found), values)).columns), strict=True))
    text = str(rows["squares"])
    assert text == (
        "8 multipliers in DSP blocks" if blocks else "10 multipliers in logic, as the part has 8 DSP blocks"
    )
