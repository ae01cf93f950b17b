import os
import re
from pathlib import Path

import numpy as np
import pytest

from prototile.config import Configuration

CASES = sorted(Path(__file__).parent.joinpath("cases").glob("*.json"))
NIGHTLY_SEED = int(os.environ.get("NIGHTLY_SEED", "10000"))


@pytest.mark.tools
@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_kept_case(load_case, check, file, tmp_path):
    """What failed once, or must fail if something is taken away; each shrunk to little."""
    check(load_case(file), tmp_path)


@pytest.mark.tools
@pytest.mark.parametrize("seed", range(64))
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


PLAIN = {"masked": False, "shift_max": 0, "columns": 1, "memory": "block", "memory_register": False, "min_margin": None}
PLAIN |= {"writable": False}


@pytest.mark.tools
@pytest.mark.parametrize(
    "fixed",
    [
        {"metric": "l1", "features": 4096, "bits": 4, "lanes": 1, "k": 1, "radii": "none", "pes_per_tile": 2},
        {"metric": "hamming", "features": 4096, "bits": 1, "lanes": 32, "k": 3, "radii": "prototype"},
        {"metric": "l2", "features": 6, "bits": 16, "lanes": 6, "k": 15, "radii": "common", "masked": True},
    ],
    ids=["features", "wide", "bits"],
)
def test_many_features(draw, check, fixed, tmp_path):
    check(draw(7, **(PLAIN | {"prototype_count": 5, "class_count": 3, "prototypes_per_pe": 1} | fixed)), tmp_path)


@pytest.mark.tools
def test_a_thousand_classes(draw, check, tmp_path):
    shape = {"features": 4, "bits": 6, "lanes": 2, "pes_per_tile": 1, "prototypes_per_pe": 250}
    counts = {"prototype_count": 1000, "class_count": 1000}
    check(draw(7, **PLAIN, **shape, **counts, metric="l1", k=1, radii="class"), tmp_path)


@pytest.mark.slow
def test_ten_thousand_prototypes(draw, check, tmp_path):
    shape = {"features": 3, "bits": 6, "lanes": 1, "pes_per_tile": 16, "prototypes_per_pe": 80}
    counts = {"prototype_count": 10_000, "class_count": 3}
    check(draw(7, **PLAIN, **shape, **counts, metric="l2", k=5, radii="none"), tmp_path)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(NIGHTLY_SEED, NIGHTLY_SEED + 1000))
def test_further_random_configuration(draw, check, seed, tmp_path):
    check(draw(seed), tmp_path)


@pytest.mark.tools
def test_a_failure_is_shrunk(draw, shrunk, refuted, tmp_path, monkeypatch):
    """Without the distance that stands for none, a row that is exhausted wins against the largest distance."""
    monkeypatch.setattr(Configuration, "distance_width", property(lambda self: self.distance_max.bit_length()))
    case = draw(0, metric="hamming", bits=1, masked=False, k=5, radii="none", features=3, lanes=1, pes_per_tile=9)
    assert refuted(case, tmp_path)
    small = shrunk(case, lambda candidate: refuted(candidate, tmp_path), tries=25)
    assert refuted(small, tmp_path)
    assert small.config.prototype_count < case.config.prototype_count
    assert len(small.queries) < len(case.queries)
    monkeypatch.undo()
    assert not refuted(small, tmp_path)
    small.save(tmp_path / "case.json")
    kept = type(small).load(tmp_path / "case.json")
    assert kept.config == small.config
    np.testing.assert_array_equal(kept.golden(), small.golden())


@pytest.mark.tools
def test_a_wrong_prototype_is_noticed(draw, tmp_path):
    """The comparison can fail: one bit of one prototype."""
    case = draw(3, radii="none", prototypes_per_pe=1, memory="block", writable=False)
    golden = case.golden()
    winner = golden["prototype"][0]
    case.nodes.values[winner, 0] ^= 1
    records = case.compiled(tmp_path).run(case.queries, case.saturated).records
    assert any((records[name] != golden[name]).any() for name in golden.dtype.names)


@pytest.mark.tools
def test_verilog_is_plain_and_repeats(draw):
    case = draw(4, memory="block", writable=False)
    text = case.verilog()
    assert text == case.verilog()
    head = re.search(r"module prototile_core\((.*?)\);", text, re.DOTALL).group(1)
    ports = {port.strip() for port in head.split(",")}
    query = {f"query_{name}" for name in ("valid", "ready", "data", "last", "drop", "saturated", "tag")}
    fields = [name for name, _, _ in case.config.record_fields()]
    record = {f"record_{name}" for name in ("valid", "ready", "tag", *fields)}
    assert ports == {"clk", "rst"} | query | record
    write = {f"write_{name}" for name in ("valid", "ready", "row", "column", "element", "address", "data")}
    head = re.search(r"module prototile_core\((.*?)\);", draw(4, memory="block", writable=True).verilog(), re.DOTALL)
    assert {port.strip() for port in head.group(1).split(",")} == ports | write
    assert "always @*" not in text
    assert "/" + "home" not in text and "src" not in text
