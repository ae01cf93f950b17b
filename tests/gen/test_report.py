import base64
import io
import json
import re
import struct
import zlib
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from rich.console import Console

import prototile as pt
from prototile.boards.report import BuildReport
from prototile.design import compare
from prototile.page import bars, duration, number, page
from prototile.report import (
    _share,
    built,
    converted,
    doubts,
    merge,
    pe_utilisation,
    read_report,
    simulated,
    update_report,
    write_report,
)
from prototile.summary import summary

MEASURED = {"lut", "ff", "carry", "bram", "fmax_mhz", "timing_met", "accuracy", "agreement", "ties", "verification"}


def build_report(**changes):
    values = {
        "device": "iCE40UP5K-SG48",
        "board": "icebreaker",
        "logic_cells": 1000,
        "lut": 800,
        "ff": 600,
        "carry": 100,
        "bram": 3,
        "io": 5,
        "available": {"logic_cells": 5280, "lut": 5280, "ff": 5280, "carry": 5280, "bram": 30, "io": 39},
        "fmax_mhz": 40.5,
        "target_mhz": 36.0,
        "timing_met": True,
        "seed": 1,
        "digest": "0" * 64,
        "tool_versions": {"yosys": "0.70"},
    }
    return BuildReport(**{**values, **changes})


@pytest.fixture(name="verification")
def verified(small_design, small_data):
    golden = small_design.decide(small_data[0])
    return compare(golden, golden, level="rtl", cycles=1000)


@pytest.fixture(name="all_stages")
def merged(small_design, small_data, verification):
    X, y = small_data
    return merge(
        converted(small_design),
        simulated(small_design, verification, X=X, y=y),
        built(small_design, build_report()),
    )


def test_nothing_is_measured_by_converting(small_design):
    values = converted(small_design)
    assert values["stage"] == "converted"
    assert not MEASURED & values.keys()
    assert not {"clock_mhz", "latency_ns", "throughput_per_s", "link"} & values.keys()
    assert values["estimated"]["logic_cells"] > 0


def test_cycles_and_times_are_formulas(small_design):
    values, config = converted(small_design), small_design.config
    assert values["latency_cycles"] == config.latency_cycles
    times = values["estimated"]
    assert times["latency_ns"] == pytest.approx(config.latency_cycles / 36e6 * 1e9, abs=0.1)
    assert times["throughput_per_s"] == pytest.approx(36e6 / config.interval_cycles, abs=1)
    assert values["pe_utilisation"] == pytest.approx(pe_utilisation(small_design), abs=1e-4)


def test_times_are_measured_by_a_build_that_meets_its_clock(small_design):
    values = built(small_design, build_report())
    for name in ("clock_mhz", "latency_ns", "throughput_per_s", "link"):
        assert values[name] == values["estimated"][name]


@pytest.fixture(name="unbalanced")
def unbalanced_design():
    """18 prototypes in rows of more than most classes have: 48 places."""
    random = np.random.default_rng(0)
    model = pt.PrototypeModel(random.normal(size=(18, 4)), [0] * 15 + [1] * 2 + [2])
    return pt.convert(model, bits=4, pes_per_tile=16, columns=1, prototypes_per_pe=1)


def test_places_without_an_element_do_not_count(unbalanced):
    values = converted(unbalanced)
    assert (values["grid"]["pe_count"], values["grid"]["places"]) == (18, 48)
    assert built(unbalanced, build_report())["per_pe"]["lut"] == round(800 / 18, 1)
    config = unbalanced.config
    assert pe_utilisation(unbalanced) == config.words / config.interval_cycles
    told = told_by(summary(values))
    assert "18 PEs for 48 places" in told
    assert "18 prototypes on 18 elements" in page(unbalanced, values)


def test_rounds_share_an_element():
    random = np.random.default_rng(0)
    model = pt.PrototypeModel(random.normal(size=(7, 4)), [0] * 5 + [1] * 2)
    design = pt.convert(model, bits=4, pes_per_tile=2, columns=1, prototypes_per_pe=2)
    # Segments of 2, 2, 1 and 2 prototypes on two rows of two elements, which all work in some round.
    assert converted(design)["grid"]["pe_count"] == 4
    assert pe_utilisation(design) == 7 * 4 / (4 * design.config.interval_cycles)


def told_by(table):
    text = io.StringIO()
    Console(file=text, width=200).print(table)
    return text.getvalue()


def test_neighbours_that_vote_are_told_of(small_design):
    design = pt.convert(pt.PrototypeModel([[0, 1], [2, 3], [1, 1]], ["a", "b", "a"], k=3))
    values = converted(design)
    assert values["model"]["k"] == 3
    assert "2 classes, l1, 3 neighbours vote" in told_by(summary(values))
    assert "l1 distance, votes of 3 neighbours, for" in page(design, values)
    one = converted(small_design)
    # A report of an older version.
    del one["model"]["k"]
    assert "vote" not in told_by(summary(one))
    assert "votes" not in page(small_design, one)


def test_times_before_a_build_are_called_estimated(small_design):
    text = page(small_design, converted(small_design))
    assert "from first word to record, estimated" in text
    assert "if a build reaches them" in told_by(summary(converted(small_design)))
    whole = merge(converted(small_design), built(small_design, build_report()))
    assert "from first word to record, estimated" not in page(small_design, whole)
    assert "if a build reaches them" not in told_by(summary(whole))


def test_longer_of_request_and_answer_limits_the_link():
    design = pt.convert(pt.PrototypeModel([[0.0], [1.0]], [0, 1]), bits=16)
    link = converted(design)["estimated"]["link"]
    # Frames are ten bytes beside their payload: two and a component of 16 bits, and a record of 41 bits.
    assert (link["request_bytes"], link["answer_bytes"]) == (14, 16)
    assert link["throughput_per_s"] == link["baud"] // 160


def test_all_names_of_the_contract(all_stages):
    names = "stage device board lut ff carry bram io available util_pct per_pe fmax_mhz target_mhz timing_met"
    names += (
        " latency_cycles interval_cycles latency_ns throughput_per_s pe_utilisation accuracy agreement ties saturated"
    )
    names += " verification estimated tool_versions"
    assert set(names.split()) <= all_stages.keys()
    # This build report says nothing of these.
    assert not {"spram", "dsp"} & all_stages.keys()
    assert all_stages["stage"] == "built"
    assert set(all_stages["accuracy"]) == {"float", "quantised", "rtl"}
    assert all_stages["verification"] == {"level": "rtl", "rows": 60, "mismatches": 0}


def test_accuracy_is_that_of_each_model(small_design, small_data, verification):
    X, y = small_data
    wrong = y.copy()
    wrong[:6] = "none of them"
    values = simulated(small_design, verification, X=X, y=wrong)
    assert values["accuracy"]["float"] == 0.9
    assert values["accuracy"]["quantised"] == round(np.mean(small_design.predict(X) == wrong), 6)
    assert values["agreement"] == round(np.mean(small_design.predict(X) == y), 6)


def test_a_share_is_not_rounded_twice():
    # 98.148 %, which four decimals make 98.15 %.
    assert f"{100 * _share(np.arange(54) > 0):.1f}" == "98.1"


def test_accuracy_of_wrong_hardware_is_the_hardwares(small_design, small_data):
    X, y = small_data
    golden = small_design.decide(X)
    found = golden.copy()
    found["label"] = (found["label"] + 1) % 3
    values = simulated(small_design, compare(golden, found, level="rtl", cycles=1), X=X, y=y)
    assert values["accuracy"]["rtl"] < 0.1
    assert values["accuracy"]["quantised"] > 0.9
    assert values["verification"]["mismatches"] == 60


def test_elements_share_the_chip(small_design):
    values = built(small_design, build_report())
    assert values["per_pe"]["lut"] == pytest.approx(800 / small_design.occupied.sum(), abs=0.1)
    assert values["util_pct"]["bram"] == 10.0


def test_missed_clock_gives_no_times(small_design):
    values = merge(converted(small_design), built(small_design, build_report(timing_met=False, fmax_mhz=30.0)))
    assert not {"latency_ns", "throughput_per_s", "clock_mhz", "link"} & values.keys()
    assert values["timing_met"] is False


def test_later_stages_win_and_none_removes():
    values = merge({"stage": "built", "ties": 3, "lut": 1}, {"stage": "simulated", "ties": 4, "lut": None})
    assert values == {"stage": "built", "ties": 4}


def test_figures_of_fewer_rows_do_not_stay(small_design, small_data, verification, all_stages):
    assert "accuracy" not in merge(all_stages, simulated(small_design, verification))


def test_same_figures_give_the_same_bytes(small_design, all_stages, tmp_path):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        write_report(tmp_path / name, small_design, all_stages)
    for name in ("report.json", "report.html"):
        first, second = ((tmp_path / folder / name).read_bytes() for folder in ("first", "second"))
        assert first == second
        assert str(tmp_path).encode() not in first
    assert sorted(path.name for path in (tmp_path / "first").iterdir()) == ["report.html", "report.json"]
    assert read_report(tmp_path / "first") == json.loads(json.dumps(all_stages))


def at(level, rows, mismatches=0):
    return {"level": level, "rows": rows, "mismatches": mismatches}


def test_levels_stand_beside_each_other_and_the_strongest_is_the_verdict(small_design, verification, all_stages):
    def compared(level, rows):
        records = verification.records[:rows]
        return simulated(small_design, replace(verification, level=level, rows=rows, records=records))

    values = merge(all_stages, compared("bitstream", 5), compared("netlist", 7))
    assert values["levels"] == [at("rtl", 60), at("netlist", 7), at("bitstream", 5)]
    assert values["verification"] == at("bitstream", 5)
    # The figures of 60 rows are not replaced by those of 7.
    assert [values[name] for name in ("accuracy", "ties")] == [all_stages[name] for name in ("accuracy", "ties")]
    assert "accuracy" not in merge(values, compared("rtl", 9))
    assert merge(values, compared("rtl", 9))["verification"] == at("bitstream", 5)
    # Without level rtl there are no others.
    assert merge(converted(small_design), compared("netlist", 7))["ties"] == compared("netlist", 7)["ties"]


def test_a_new_build_forgets_what_was_known_of_the_last(small_design, verification, all_stages):
    values = merge(all_stages, simulated(small_design, replace(verification, level="bitstream")))
    assert merge(values, built(small_design, build_report()))["levels"] == [at("rtl", 60)]
    only = merge(converted(small_design), simulated(small_design, replace(verification, level="netlist")))
    again = merge(only, built(small_design, build_report()))
    assert "levels" not in again
    assert not {"verification", "ties", "saturated"} & again.keys()


def test_a_mismatch_at_any_level_is_a_doubt(small_design, verification, all_stages):
    assert doubts(all_stages) is None
    wrong = simulated(small_design, replace(verification, level="netlist", mismatches=3))
    values = merge(all_stages, wrong, simulated(small_design, replace(verification, level="board", cycles=None)))
    assert values["verification"] == at("board", 60)
    assert doubts(values) == "3 of 60 queries were answered wrongly at level netlist"
    text = page(small_design, values)
    assert "level netlist" in text
    assert "3 mismatches with the golden model" in text


def test_a_simulated_board_proves_less_than_a_netlist_and_a_real_one_most(small_design, verification, all_stages):
    board = replace(verification, level="board")
    values = merge(all_stages, simulated(small_design, board))
    assert values["verification"] == at("simulated board", 60)
    values = merge(values, simulated(small_design, replace(verification, level="netlist")))
    assert values["verification"] == at("netlist", 60)
    values = merge(values, simulated(small_design, replace(board, cycles=None)))
    assert [one["level"] for one in values["levels"]] == ["rtl", "simulated board", "netlist", "board"]
    assert values["verification"] == at("board", 60)


def test_update_keeps_earlier_stages(small_design, verification, tmp_path):
    write_report(tmp_path, small_design, converted(small_design))
    update_report(tmp_path, small_design, built(small_design, build_report()))
    values = update_report(tmp_path, small_design, simulated(small_design, verification))
    assert values["stage"] == "built"
    assert values["lut"] == 800
    assert values["verification"]["rows"] == 60
    assert read_report(tmp_path) == json.loads(json.dumps(values))


def test_update_forgets_another_design(small_design, tmp_path):
    foreign = {**converted(small_design), "digest": "f" * 32, "agreement": 0.5}
    write_report(tmp_path, small_design, foreign)
    values = update_report(tmp_path, small_design, built(small_design, build_report()))
    assert "agreement" not in values
    assert values["digest"] == small_design.digest


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"stage": "dreamt"}'])
def test_damaged_report_is_refused(tmp_path, text):
    (tmp_path / "report.json").write_text(text)
    with pytest.raises(pt.ModelFileError, match="convert the model again"):
        read_report(tmp_path)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("grid", None),
        ("grid", 3),
        ("grid.rows", "3"),
        ("grid.memory_register", 0),
        ("latency_cycles", None),
        ("latency_cycles", True),
        ("available", None),
        ("available.lut", "many"),
        ("estimated.link.baud", None),
        ("verification.rows", "x"),
        ("ties", None),
        ("timing_met", None),
        ("link", [1]),
        ("per_pe.lut", None),
    ],
)
def test_report_with_a_damaged_figure_is_refused(small_design, all_stages, tmp_path, path, value):
    write_report(tmp_path, small_design, all_stages)
    values = json.loads((tmp_path / "report.json").read_text())
    *outer, name = path.split(".")
    place = values
    for one in outer:
        place = place[one]
    assert name in place
    place[name] = value
    (tmp_path / "report.json").write_text(json.dumps(values))
    with pytest.raises(pt.ModelFileError, match="is damaged, it holds no usable "):
        read_report(tmp_path)
    del place[name]
    (tmp_path / "report.json").write_text(json.dumps(values))
    if path not in ("available.lut", "per_pe.lut"):
        with pytest.raises(pt.ModelFileError, match=f"no usable {path}"):
            read_report(tmp_path)


@pytest.mark.parametrize("value", [3, at("gds", 1), at("rtl", "1"), {"level": "rtl"}])
def test_report_with_damaged_levels_is_refused(small_design, all_stages, tmp_path, value):
    for damage in ({"levels": [value]}, {"verification": value}):
        write_report(tmp_path, small_design, all_stages)
        values = json.loads((tmp_path / "report.json").read_text()) | damage
        (tmp_path / "report.json").write_text(json.dumps(values))
        with pytest.raises(pt.ModelFileError, match=r"is damaged, it holds no usable (levels|verification)"):
            read_report(tmp_path)


def test_deeply_nested_report_is_refused(tmp_path):
    (tmp_path / "report.json").write_text("[" * 100_000)
    with pytest.raises(pt.ModelFileError, match="cannot be read"):
        read_report(tmp_path)


class Balance(HTMLParser):
    """Finds tags that are not closed, and everything that a browser would fetch."""

    def __init__(self):
        super().__init__()
        self.open, self.fetched = [], []

    def handle_starttag(self, tag, attributes):
        self.fetched += [value for name, value in attributes if name in ("src", "href", "xlink:href")]
        if tag not in ("meta", "link", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.fetched += [value for name, value in attributes if name in ("src", "href", "xlink:href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_page_is_whole_and_stands_alone(small_design, small_data, verification, all_stages):
    X, y = small_data
    simulated_only = merge(converted(small_design), simulated(small_design, verification, X=X, y=y))
    missed = merge(all_stages, built(small_design, build_report(timing_met=False)))
    for values in (converted(small_design), simulated_only, all_stages, missed):
        text = page(small_design, values)
        balance = Balance()
        balance.feed(text)
        assert balance.open == []
        assert all(value.startswith("data:image/png;base64,") for value in balance.fetched)
        assert len(balance.fetched) == 4
        assert "<script" not in text
        assert "@import" not in text
        assert small_design.digest in text


def test_page_shows_each_prototype_once(small_design, all_stages):
    text = page(small_design, all_stages)
    assert sorted(re.findall(r"prototype (\d+), class (\w+)", text)) == [
        ("0", "ash"),
        ("1", "birch"),
        ("2", "cedar"),
        ("3", "birch"),
    ]


def test_page_escapes_labels():
    design = pt.convert(pt.PrototypeModel(np.array([[1, 2], [3, 0]]), ["<b>bold</b>", "plain"]))
    text = page(design, converted(design))
    assert "<b>bold" not in text
    assert "&lt;b&gt;bold" in text


@pytest.mark.parametrize(
    "model",
    [
        pt.PrototypeModel(np.array([[0, 15, 5], [3, 0, 1]]), ["a", "b"]),
        # The middle of a box, and what is masked is left out.
        pt.PrototypeModel([[[0, 0], [15, 15], [2, 8]], [[0, 3], [0, 1], [1, 1]]], ["a", "b"], metric="box"),
        pt.PrototypeModel([[9, 15, 5], [3, 0, 1]], ["a", "b"], masks=[[False, True, True], [True] * 3]),
        # The level with the smallest entry.
        pt.PrototypeModel(1 - np.eye(16, dtype=int)[[[0, 15, 5], [3, 0, 1]]], ["a", "b"], metric="table"),
    ],
    ids=["points", "box", "masks", "table"],
)
def test_picture_shows_the_components(model):
    design = pt.convert(model)
    data = re.search(r"data:image/png;base64,([\w+/=]+)", page(design, converted(design)))[1]
    png = base64.b64decode(data)
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", png[16:24]) == (2, 2)
    length = struct.unpack(">I", png[33:37])[0]
    rows = np.frombuffer(zlib.decompress(png[41 : 41 + length]), np.uint8).reshape(2, 5)
    # A filter byte, then grey and alpha of each pixel; the fourth pixel is padding.
    assert rows[:, 2::2].ravel().tolist() == [0, 255, 85, 0]
    assert rows[:, 0].tolist() == [0, 0]


def test_large_models_are_drawn_without_pictures():
    random = np.random.default_rng(0)
    design = pt.convert(
        pt.PrototypeModel(random.integers(0, 2, size=(100, 1600)), np.arange(100) % 2), board="ulx3s-25f"
    )
    text = page(design, converted(design))
    assert "data:image" not in text
    assert text.count("<title>prototype") == 100


def test_bits_are_explained(small_model, small_data):
    design = pt.convert(small_model, calibration=small_data[0], y=small_data[1])
    text = page(design, converted(design))
    assert f"Why {design.bits_choice.bits} bits" in text
    assert text.count("<circle") == len(design.bits_choice.curve)


def test_bars_are_estimated_until_they_are_measured(small_design, all_stages):
    estimated = {bar.name: bar.used for bar in bars(converted(small_design))}
    measured = {bar.name: bar.used for bar in bars(all_stages)}
    assert estimated["logic cells"] == converted(small_design)["estimated"]["logic_cells"]
    assert "look-up tables" not in estimated
    assert measured["look-up tables"] == 800
    assert "multipliers" not in measured


def test_numbers_read_well():
    assert [number(value) for value in (1234567, 36.0, 39.75, 1234.5)] == ["1,234,567", "36", "39.75", "1,234.5"]
    assert [duration(value) for value in (889.0, 4777.8, 2.5e6)] == ["889 ns", "4.78 µs", "2.5 ms"]
