"""The parallel form on the user's side: conversion, refusals, estimate, reports."""

import json

import numpy as np
import pytest

import prototile as pt
from prototile.boards.build import count_cells
from prototile.boards.ice40 import HX8K_CT256
from prototile.cli import main
from prototile.design import budget, find_board
from prototile.estimate import estimate
from prototile.files import save_model
from prototile.report import converted
from prototile.summary import summary


@pytest.fixture(name="design", scope="module")
def parallel_design(small_model, small_data):
    return pt.convert(small_model, small_data[0], bits=4, reduction="parallel")


def test_shape_follows_from_the_model(design):
    config = design.config
    assert (config.reduction, config.lanes, config.words, config.memory) == ("parallel", 2, 1, "logic")
    # A row a class, as long as the largest.
    assert (config.rows, config.pes_per_row, config.prototypes_per_pe, design.pe_count) == (3, 2, 1, 4)
    assert (config.interval_cycles, config.queries_inside) == (1, config.latency_cycles + 1)


def test_what_fits_may_be_asked_for(small_model, design):
    asked = {"lanes": 2, "pe_count": 9, "prototypes_per_pe": 1, "pes_per_tile": 2, "columns": 1, "memory": "logic"}
    again = pt.convert(small_model, bits=4, reduction="parallel", memory_register=False, **asked)
    assert again.config == design.config


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"lanes": 1}, "lanes is 2 with reduction='parallel', not 1"),
        ({"columns": 2}, "columns is 1 with reduction='parallel', not 2"),
        ({"prototypes_per_pe": 3}, "prototypes_per_pe is 1 with reduction='parallel', not 3"),
        ({"memory": "block"}, "memory is 'logic' with reduction='parallel', not 'block'"),
        ({"memory_register": True}, "memory_register is False with reduction='parallel', not True"),
        ({"pe_count": 3}, "pe_count is 4 with reduction='parallel', which has an element for each prototype, not 3"),
        ({"pes_per_tile": 4}, "pes_per_tile is 2 with reduction='parallel', which has an element for each"),
    ],
)
def test_other_shapes_are_refused(small_model, asked, message):
    with pytest.raises(pt.InputError) as refused:
        pt.convert(small_model, bits=4, reduction="parallel", **asked)
    assert str(refused.value).startswith(message)
    assert str(refused.value).endswith("leave it out, or use reduction='serial'.")


def test_votes_are_refused():
    model = pt.PrototypeModel(np.arange(8).reshape(4, 2), [0, 0, 1, 1], k=3)
    with pytest.raises(
        pt.InputError, match=r"^k = 3 neighbours vote only with reduction='serial', not with 'parallel'.$"
    ):
        pt.convert(model, reduction="parallel")


def test_form_must_be_known(small_model):
    with pytest.raises(pt.InputError, match=r"^reduction must be one of serial, parallel, not 'both'.$"):
        pt.convert(small_model, bits=4, reduction="both")


def test_too_many_prototypes_are_told_of_the_serial_form():
    model = pt.PrototypeModel(np.random.default_rng(0).normal(size=(90, 64)), np.arange(90) % 3)
    with pytest.raises(
        pt.FitError,
        match=r"use reduction='serial', fewer prototypes \(of samples: .*\), fewer bits, or a larger part\.$",
    ):
        pt.convert(model, bits=4, reduction="parallel")


@pytest.mark.tools
def test_command_line(small_model, small_data, design, tmp_path, capsys):
    """From a model file to a simulation of all of its records, with pauses and resets, and to the page."""
    save_model(small_model, tmp_path / "model.npz")
    np.save(tmp_path / "data.npy", small_data[0])
    folder = tmp_path / "design"
    words = ["convert", tmp_path / "model.npz", "-o", folder, "--calibration", tmp_path / "data.npy"]
    assert main([str(word) for word in [*words, "--bits", 4, "--reduction", "parallel", "--json"]]) == 0
    assert json.loads(capsys.readouterr().out)["digest"] == design.digest == pt.load(folder).digest
    assert main(["simulate", str(folder), "--vectors", str(tmp_path / "data.npy"), "--stalls", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["rows"], found["mismatches"]) == (len(small_data[0]), 0)
    assert "the parallel form of 4 processing elements" in (folder / "README.md").read_text().replace("\n", " ")
    page = (folder / "report.html").read_text()
    assert "The parallel form: a row holds a class" in page
    assert "collector" not in page
    assert "1 cycle from answer to answer" in page


def test_summary(design):
    from rich.console import Console

    console = Console(width=200)
    with console.capture() as capture:
        console.print(summary(converted(design)))
    text = capture.get()
    assert "parallel form, 4 PEs with a constant prototype each, 4 bits, 2 lanes" in text
    assert f"latency {design.config.latency_cycles}, an answer every cycle; PEs at work in 100.0 %" in text


@pytest.mark.tools
@pytest.mark.parametrize(
    ("features", "bits", "metric", "sizes"), [(16, 4, "l1", [1] * 8), (12, 4, "l2", [5, 3, 4]), (8, 8, "l1", [6, 6])]
)
def test_estimate_is_near_what_synthesis_makes(features, bits, metric, sizes, tmp_path):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    points = np.random.default_rng(1).integers(0, 1 << bits, (len(labels), features))
    model = pt.PrototypeModel(points, labels, metric=metric)
    design = pt.convert(model, bits=bits, reduction="parallel", board="ice40-hx8k")
    source = tmp_path / "prototile_core.v"
    source.write_text(design.core_verilog)
    found = count_cells([source], top="prototile_core", part=HX8K_CT256)
    figures = estimate(design.config, design.occupied, link=False)
    # Squares leave more to be saved than differences do: some of their bits never change.
    assert 0.95 * found.lut < figures.total.look_up_tables < 1.25 * found.lut
    assert figures.total.flip_flops == pytest.approx(found.ff, rel=0.1)
    assert budget(find_board("ice40-hx8k").part).block_rams_of(figures) == found.bram
