import dataclasses

import pytest

from prototile.boards.board import board, boards
from prototile.boards.pins import find_pin
from prototile.errors import BoardError

NAMES = ["icebreaker", "ice40-hx8k", "ulx3s-25f"]


def test_all_boards_are_listed():
    assert list(boards()) == NAMES
    assert all(found.name == name for name, found in boards().items())


# From the boards' schematics, not from the package that they are read from.
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("icebreaker", {"clk_in": "35", "uart_rx": "6", "uart_tx": "9", "led": "~37", "reset_button": "~10"}),
        ("ice40-hx8k", {"clk_in": "J3", "uart_rx": "B10", "uart_tx": "B12", "led": "C3"}),
        (
            "ulx3s-25f",
            {"clk_in": "G2", "uart_rx": "M1", "uart_tx": "L4", "led": "B2", "reset_button": "R1", "high_0": "L2"},
        ),
    ],
)
def test_pins(name, expected):
    pins = board(name).pins
    assert {pin.port: f"{'~' * pin.inverted}{pin.site}" for pin in pins} == expected
    assert {pin.port for pin in pins if pin.output} == {"uart_tx", "led", "high_0"} & expected.keys()


@pytest.mark.parametrize(
    ("name", "source", "clock"), [("icebreaker", 12, 36), ("ice40-hx8k", 12, 100.5), ("ulx3s-25f", 25, 100)]
)
def test_clocks(name, source, clock):
    assert board(name).clock_in_mhz == source
    assert board(name).clock_mhz == clock == board(name).target_mhz


@pytest.mark.parametrize("name", NAMES)
def test_serial_ports_are_fast_and_close_to_their_rate(name):
    assert board(name).baud >= 1_000_000
    assert abs(board(name).baud_error) < 0.01


@pytest.mark.parametrize("name", NAMES)
def test_reset_outlasts_the_time_until_memories_can_be_read(name):
    found = board(name)
    assert found.reset_cycles / found.clock_mhz >= found.part.family.settling_us


def test_block_rams_of_ice40_need_20_microseconds():
    assert board("icebreaker").reset_cycles == 720
    assert board("ice40-hx8k").reset_cycles == 2010


def test_load_command():
    assert board("icebreaker").load_command("a/chip.bin") == ["iceprog", "a/chip.bin"]
    assert board("ulx3s-25f").load_command("a/chip.bit") == ["openFPGALoader", "-b", "ulx3s", "a/chip.bit"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("icebraker", "'icebraker' is not a board that prototile knows: did you mean icebreaker"),
        ("ULX3S", "'ULX3S' is not a board that prototile knows: did you mean ulx3s-25f?"),
        ("xyz", "'xyz' is not a board that prototile knows: choose one of icebreaker, ice40-hx8k, ulx3s-25f."),
    ],
)
def test_unknown_board(name, message):
    with pytest.raises(BoardError) as caught:
        board(name)
    assert str(caught.value).startswith(message)


def test_description_is_plain_data():
    shown = board("icebreaker").to_dict()
    assert shown["available"] == {
        "logic_cells": 5280, "lut": 5280, "ff": 5280, "carry": 5280, "bram": 30, "spram": 4, "dsp": 8, "io": 39,
    }  # fmt: skip
    assert shown["part"] == "iCE40UP5K-SG48"


@pytest.mark.parametrize("path", [("uart",), ("uart", "cts"), ("spi_flash_1x",)])
def test_what_is_not_one_pin_is_refused(path):
    with pytest.raises(LookupError):
        find_pin(board("icebreaker").platform, "port", path)


def test_a_board_cannot_ask_for_a_clock_that_its_pll_cannot_make():
    with pytest.raises(BoardError, match="cannot make 300"):
        _ = dataclasses.replace(board("icebreaker"), target_mhz=300.0).clock_mhz
