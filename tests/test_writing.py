"""Prototypes written at run time: into a board without hardware, and into the Verilog of a design folder."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

import prototile as pt
from prototile.boards.board import board
from prototile.boards.driver import (
    NO_GRID,
    NO_MODEL,
    ChipFileError,
    Command,
    DigestMismatch,
    Driver,
    Frame,
    SelfTestError,
)
from prototile.boards.top import models, top_verilog
from prototile.cli import main
from prototile.data import load_dataset
from prototile.errors import InputError
from prototile.folder import chip, chip_with_self_test
from prototile.hardware import memory_image, memory_writes
from prototile.placement import place
from prototile.sim.bench import run_bench
from prototile.sim.board import simulated_board

SPLIT = load_dataset("iris")
CLASS_OF = np.unique(SPLIT.y_train, return_inverse=True)[1]


def model(first, labels=(0, 0, 1, 1, 1, 2, 2), **options):
    """Samples of iris as prototypes, from some sample of each class on."""
    labels = np.array(labels)
    chosen = np.concatenate(
        [np.flatnonzero(label == CLASS_OF)[first : first + np.sum(labels == label)] for label in range(3)]
    )
    return pt.PrototypeModel(SPLIT.X_train[chosen], labels, **options)


def converted(source, **options):
    return pt.convert(source, calibration=SPLIT.X_train, **({"bits": 5} if "grid" not in options else {}), **options)


@pytest.fixture(scope="module", name="designs", params=["block", "single_port", "own radii and votes"])
def two_designs(request):
    """A writable design, and another model for its grid."""
    if request.param == "own radii and votes":
        radii = np.linspace(0.5, 2.5, 7)
        one = converted(model(0, radii=radii, k=3), writable=True, lanes=3)
        return one, converted(model(9, radii=radii[::-1], k=3), grid=one)
    one = converted(model(0), memory=request.param, writable=True, prototypes_per_pe=2)
    return one, converted(model(9), grid=one)


@pytest.fixture(scope="module", name="port")
def board_port(designs, tmp_path_factory):
    design, target = designs[0], board("icebreaker")
    folder = tmp_path_factory.mktemp("board")
    texts = {
        "top": top_verilog(target),
        "chip": design.chip_verilog(target.baud_divisor),
        "core": design.core_verilog,
    }
    for name, text in texts.items():
        (folder / f"{name}.v").write_text(text)
    sources = [folder / f"{name}.v" for name in texts]
    with simulated_board([*sources, models(target)], divisor=target.baud_divisor, reset_button=1) as simulated:
        yield simulated.port


def assert_answers(driver, design):
    records, golden = driver.decide(SPLIT.X_test), design.decide(SPLIT.X_test)
    for name in golden.dtype.names:
        np.testing.assert_array_equal(records[name], golden[name], err_msg=name)
    assert driver.self_test() == []


def opened(port, design):
    return Driver.open(port, chip_with_self_test(design), timeout=60.0)


@pytest.mark.tools
def test_a_chip_answers_as_the_model_that_was_written_last(designs, port):
    one, other = designs
    assert (one.decide(SPLIT.X_test) != other.decide(SPLIT.X_test)).any()
    with opened(port, one) as driver:
        if one.config.memory == "single_port":
            assert driver.identify().digest == NO_MODEL
            with pytest.raises(DigestMismatch, match=r"holds no model yet and not .*: write this one into it with"):
                driver.predict(SPLIT.X_test[:1])
            assert driver.load() == len(chip(one).image)
        assert_answers(driver, one)
    with opened(port, other) as driver:
        with pytest.raises(DigestMismatch, match=f"{one.digest} and not {other.digest}: write this one into it"):
            driver.predict(SPLIT.X_test[:1])
        driver.load()
        assert driver.identify().digest == other.digest
        assert_answers(driver, other)
    with opened(port, one) as driver:
        with pytest.raises(DigestMismatch, match=other.digest):
            driver.predict(SPLIT.X_test[:1])
        driver.load()
        assert_answers(driver, one)


@pytest.mark.tools
def test_the_self_test_finds_flipped_bits(designs, port):
    """Words with a bit flipped are written into the chip, which then says that it holds the design as it should be."""
    design = designs[1]
    sound = chip_with_self_test(design)
    prototypes = place(design.config, np.asarray(design.quantised.labels)).prototypes.reshape(-1)
    prototypes = prototypes[prototypes >= 0]
    writes = memory_writes(design.config, design.quantised.nodes)
    words = len(writes) // len(prototypes)
    chance = np.random.default_rng(4)
    for at in chance.permutation(len(prototypes))[:4]:
        damaged = writes.copy()
        word = at * words + int(chance.integers(design.config.words))
        damaged["data"][word, 0] ^= 1 << int(chance.integers(design.config.bits))
        with opened(port, design) as driver:
            driver.chip = replace(sound, image=memory_image(damaged, design.write_layout))
            driver.load()
            assert prototypes[at] in driver.self_test()
            with pytest.raises(SelfTestError, match=f"{prototypes[at]}"):
                driver.check_self_test()
            driver.chip = sound
            driver.load()
            assert driver.self_test() == []


@pytest.mark.tools
def test_a_chip_that_was_left_half_written_answers_nobody(designs, port):
    one, other = designs
    with opened(port, other) as driver:
        driver._write_digest(NO_MODEL)
        driver._ask(Command.WRITE, [row.tobytes() for row in driver.chip.image[::2]], window=4)
    for design in designs:
        with opened(port, design) as driver, pytest.raises(DigestMismatch, match="holds no model yet"):
            driver.predict(SPLIT.X_test[:1])
    with opened(port, one) as driver:
        driver.load()
        assert_answers(driver, one)


@pytest.mark.tools
def test_damaged_words_change_nothing(designs, port):
    """Frames with a bit or a byte that is another, between those of a driver that goes on."""
    one, other = designs
    chance = np.random.default_rng(3)
    with opened(port, one) as driver:
        driver.load()
        for payload in chip(other).image[chance.integers(0, len(chip(other).image), 40)]:
            frame = bytearray(Frame(Command.WRITE, 3, payload.tobytes()).encode())
            place = int(chance.integers(1, len(frame) - 1))
            frame[place] ^= 1 << int(chance.integers(8))
            driver.port.write(bytes(frame))
        # Each damaged frame has its complaint.
        while driver._read():
            pass
        assert driver.identify().digest == one.digest
        assert_answers(driver, one)


@pytest.mark.tools
def test_another_grid_is_not_written(designs, port):
    stranger = converted(model(0, labels=(0, 1, 1, 1, 2, 2, 2)), writable=True, memory="block")
    fixed = converted(model(0))
    assert chip(fixed).grid == NO_GRID
    with (
        opened(port, stranger) as driver,
        pytest.raises(DigestMismatch, match=f"has the grid {designs[0].grid_digest}"),
    ):
        driver.load()
    with opened(port, fixed) as driver, pytest.raises(ChipFileError, match="the memories of this design cannot be"):
        driver.load()


@pytest.mark.tools
def test_the_command_writes_a_design_folder_into_a_chip(designs, port, tmp_path, capsys):
    one, other = designs
    other.save(tmp_path / "other")
    assert main(["load", str(tmp_path / "other"), "--port", port, "--timeout", "5", "--json"]) == 0
    assert f'"digest": "{other.digest}"' in capsys.readouterr().out
    with opened(port, other) as driver:
        assert_answers(driver, other)
    one.save(tmp_path / "one")
    loaded = pt.load(tmp_path / "one")
    assert (loaded.digest, loaded.grid_digest) == (one.digest, one.grid_digest)
    assert main(["load", str(tmp_path / "one"), "--port", port, "--timeout", "5"]) == 0
    assert one.digest in capsys.readouterr().out


@pytest.mark.tools
def test_simulation_of_a_memory_that_starts_with_anything(tmp_path):
    """Compiled, and in the bench of the design folder, which must write the memory itself."""
    design = converted(model(0), memory="single_port")
    assert design.config.writable
    assert design.verify(SPLIT.X_test).ok
    folder = design.save(tmp_path / "design", vectors=SPLIT.X_test[:12])
    assert main(["simulate", str(folder)]) == 0
    result = run_bench(folder)
    assert result.ok, result.failed
    # The bench notices words that are not written.
    words = (folder / "tb" / "writes.json").read_text().splitlines()
    (folder / "tb" / "writes.json").write_text("\n".join(words[:1] + words[len(words) // 2 :]))
    shutil.rmtree(folder / "tb" / "sim_build", ignore_errors=True)
    assert not run_bench(folder).ok


@pytest.mark.parametrize(
    ("other", "options", "message"),
    [
        (lambda: model(0, labels=(0, 0, 0, 1, 1, 2, 2)), {}, "the classes of its prototypes, in their order, are not"),
        (lambda: model(0, metric="l2"), {}, "the grid is made for metric='l1', and this model has 'l2'"),
        (lambda: model(0, labels=(0, 1, 2)), {}, "the grid is made for prototype_count=7, and this model has 3"),
        (lambda: model(0), {"lanes": 2}, "grid names a design that bits and shape come from; leave out"),
        (lambda: model(0), {"board": "ulx3s-25f"}, "the grid was sized for icebreaker, not for ulx3s-25f"),
        (lambda: model(0, radii=1.0), {}, "the grid is made for radii='none', and this model has 'common'"),
    ],
)
def test_a_model_of_another_shape_is_refused(other, options, message):
    grid = converted(model(0), writable=True)
    with pytest.raises(InputError, match=message):
        converted(other(), grid=grid, **options)


def test_radii_that_stay_must_be_the_same():
    grid = converted(model(0, radii=1.0), writable=True)
    assert converted(model(5, radii=1.0), grid=grid).grid_digest == grid.grid_digest
    with pytest.raises(InputError, match="the radii are not those that the grid was made for"):
        converted(model(5, radii=2.0), grid=grid)


def test_only_a_writable_design_is_a_grid():
    with pytest.raises(InputError, match="the memories of that grid cannot be written; convert its model with"):
        converted(model(0), grid=converted(model(0)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"memory": "distributed"}, "memory='distributed' is RAM in look-up tables, which iCE40UP5K-SG48 has not"),
        ({"memory": "logic", "writable": True}, "memory='logic' is constant and not writable"),
        ({"memory": "single_port", "board": "ice40-hx8k"}, "memory='single_port' is a large RAM of one port, which"),
        ({"memory": "single_port", "writable": False}, "memory='single_port' is for what is written"),
        ({"writable": 1}, "writable must be True or False, not 1"),
    ],
)
def test_memories_that_there_are_not(options, message):
    with pytest.raises(InputError, match=message):
        converted(model(0), **options)
