"""The whole board without hardware: the unchanged driver, a pseudo-terminal, and the compiled top with its pins."""

import os
import select
import time

import numpy as np
import pytest

import prototile as pt
from prototile.boards.board import board
from prototile.boards.driver import Driver, FrameReader
from prototile.boards.top import models, top_verilog
from prototile.data import load_dataset, train_prototypes
from prototile.folder import chip, chip_with_self_test
from prototile.sim.board import simulated_board

pytestmark = pytest.mark.tools


@pytest.fixture(scope="module", name="iris")
def iris_design():
    split = load_dataset("iris")
    return pt.convert(train_prototypes("iris", split), split.X_train, bits=4), split


@pytest.fixture(scope="module", name="port")
def board_port(iris, tmp_path_factory):
    design, _ = iris
    target = board("icebreaker")
    folder = tmp_path_factory.mktemp("board")
    texts = {
        "top": top_verilog(target),
        "chip": design.chip_verilog(target.baud_divisor),
        "core": design.core_verilog,
    }
    sources = []
    for name, text in texts.items():
        sources.append(folder / f"{name}.v")
        sources[-1].write_text(text)
    with simulated_board([*sources, models(target)], divisor=target.baud_divisor, reset_button=1) as simulated:
        yield simulated.port


@pytest.fixture(name="driver")
def open_driver(iris, port):
    with Driver.open(port, chip_with_self_test(iris[0]), timeout=60.0) as driver:
        yield driver


def test_every_field_of_every_held_out_record(iris, driver):
    design, split = iris
    records = driver.decide(split.X_test)
    golden = design.decide(split.X_test)
    for name in golden.dtype.names:
        np.testing.assert_array_equal(records[name], golden[name], err_msg=name)
    assert (driver.predict(split.X_test) == design.predict(split.X_test)).all()


def test_saturated_queries_come_back_counted(iris, driver):
    design, split = iris
    far = np.vstack([split.X_test[:3] * 10, -split.X_test[:3]])
    records = driver.decide(far)
    assert records["saturated"].min() > 0
    assert (records == design.decide(far)).all()


def test_identity(iris, driver):
    design, _ = iris
    identity = driver.check()
    assert identity.digest == design.digest
    assert (identity.prototypes, identity.features, identity.bits) == (9, 4, 4)


def test_self_test_passes(driver):
    assert driver.self_test() == []


def test_a_chip_with_another_design_is_refused(port):
    split = load_dataset("iris")
    other = pt.convert(train_prototypes("iris", split), split.X_train, bits=5)
    from prototile.boards.driver import DigestMismatch

    with Driver.open(port, chip(other), timeout=60.0) as driver, pytest.raises(DigestMismatch, match=other.digest):
        driver.decide(split.X_test[:1])


def answers(port, data, seconds=1.5):
    """Frames that come back for raw bytes."""
    terminal = os.open(port, os.O_RDWR | os.O_NOCTTY)
    try:
        os.write(terminal, data)
        reader, frames = FrameReader(), []
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and not frames:
            if select.select([terminal], [], [], left)[0]:
                frames += reader.feed(os.read(terminal, 4096))
        return frames
    finally:
        os.close(terminal)


def test_damaged_frames_never_become_classifications_and_the_next_good_one_works(iris, port, driver):
    from prototile.boards.driver import Command, Frame, pack_components

    design, split = iris
    integers, _ = design.quantise(split.X_test[:1])
    payload = (0).to_bytes(2, "little") + pack_components(integers.astype(np.int64), design.config.bits)[0]
    good = Frame(command=Command.CLASSIFY, sequence=7, payload=payload).encode()
    chance = np.random.default_rng(0)
    for _ in range(25):
        bad = bytearray(good)
        place = int(chance.integers(1, len(bad) - 1))
        kind = chance.integers(3)
        if kind == 0:
            bad[place] ^= 1 << int(chance.integers(8))
        elif kind == 1:
            del bad[place]
        else:
            bad.insert(place, int(chance.integers(256)))
        if bytes(bad) == good:
            continue
        for frame in answers(port, bytes(bad), seconds=0.1):
            assert frame.command != Command.CLASSIFY | 0x80
    assert [frame.command for frame in answers(port, good)] == [Command.CLASSIFY | 0x80]
    assert (driver.decide(split.X_test) == design.decide(split.X_test)).all()


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "digits"])
def test_the_driver_quantises_as_the_design_does(name):
    split = load_dataset(name)
    design = pt.convert(train_prototypes(name, split), split.X_train, bits=4)
    integers, saturated = chip(design).quantise(split.X_test)
    expected = design.quantise(split.X_test)
    np.testing.assert_array_equal(integers, expected[0])
    np.testing.assert_array_equal(saturated, expected[1])
