import re

import pytest


@pytest.mark.tools
@pytest.mark.parametrize("seed", range(8))
def test_random_configuration(draw, check, seed, tmp_path):
    """Every field of every record, under stalls and resets; latency and interval as their formulas say."""
    check(draw(seed), tmp_path)


@pytest.mark.tools
@pytest.mark.parametrize(
    "fixed",
    [
        {"radii": "prototype", "metric": "l2", "bits": 5, "pes_per_tile": 9, "columns": 2},
        {"radii": "class", "metric": "l1", "bits": 1, "features": 1, "lanes": 1},
        {"radii": "common", "metric": "l2", "bits": 8, "features": 3, "lanes": 3, "min_margin": 2},
        {"metric": "l1", "bits": 16, "features": 2, "lanes": 2, "radii": "prototype"},
    ],
)
def test_chosen_configuration(draw, check, fixed, tmp_path):
    check(draw(100, **fixed), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1040))
def test_further_random_configuration(draw, check, seed, tmp_path):
    check(draw(seed), tmp_path)


@pytest.mark.tools
def test_a_wrong_prototype_is_noticed(draw, tmp_path):
    """The comparison can fail: one bit of one prototype."""
    case = draw(3, radii="none", prototypes_per_pe=1)
    golden = case.golden()
    winner = golden["prototype"][0]
    case.nodes.values[winner, 0] ^= 1
    records = case.compiled(tmp_path).run(case.queries, case.saturated).records
    assert any((records[name] != golden[name]).any() for name in golden.dtype.names)


@pytest.mark.tools
def test_verilog_is_plain_and_repeats(draw):
    case = draw(4)
    text = case.verilog()
    assert text == case.verilog()
    head = re.search(r"module prototile_core\((.*?)\);", text, re.DOTALL).group(1)
    ports = {port.strip() for port in head.split(",")}
    query = {f"query_{name}" for name in ("valid", "ready", "data", "last", "drop", "saturated", "tag")}
    fields = [name for name, _, _ in case.config.record_fields()]
    record = {f"record_{name}" for name in ("valid", "ready", "tag", *fields)}
    assert ports == {"clk", "rst"} | query | record
    assert "always @*" not in text
    assert "/" + "home" not in text and "src" not in text
