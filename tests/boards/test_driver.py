"""The host's driver against a chip in Python, behind a real pseudo-terminal."""

import io
import json
import os
import random
import re
import select
import struct
import subprocess
import sys
import threading
import tty
import zlib
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import serial

import prototile as pt
import prototile.boards.driver as driver_module
from prototile import config, tables
from prototile.boards.driver import (
    METRICS,
    RECORD_DTYPE,
    Chip,
    ChipFileError,
    Command,
    DigestMismatch,
    Driver,
    Fault,
    Frame,
    FrameReader,
    Identity,
    NoAnswerError,
    PortError,
    RefusedError,
    SelfTestError,
    VectorError,
    identity_bytes,
    main,
    read_vectors,
    self_test_type,
)
from prototile.folder import chip as chip_of
from prototile.folder import chip_with_self_test, write_driver
from prototile.record import RECORD_DTYPE as GENERATOR_DTYPE
from prototile.record import Status

FIELDS = (
    ("prototype", 3, False),
    ("distance", 7, False),
    ("label", 2, False),
    ("runner_up", 3, True),
    ("margin", 8, True),
    ("status", 2, False),
    ("tie", 1, False),
    ("saturated", 3, False),
)
PROTOTYPES = np.array(
    [[0, 0, 0, 0, 0], [15, 15, 15, 15, 15], [3, 9, 3, 9, 3], [0, 0, 0, 0, 0], [14, 1, 13, 2, 12]], dtype=np.uint8
)
LABEL_INDICES = [0, 1, 2, 1, 0]
DIGEST = "00112233445566778899aabbccddeeff"
GRID = "8899aabbccddeeff"
TIMEOUT = 0.15


def chip(**changes):
    values = {
        "digest": DIGEST,
        "features": 5,
        "bits": 4,
        "lanes": 2,
        "record_fields": FIELDS,
        "offset": (-1.0, 0.0, 0.0, 0.0, 2.0),
        "step": (0.5,),
        "classes": ("ant", "bee", "cicada"),
        "baud": 1_000_000,
        "self_test": self_test(),
        "self_test_bits": (100, 4, 0),
    }
    return Chip(**(values | changes))


def self_test(queries=PROTOTYPES):
    """Each prototype as a query, and what a sound chip answers."""
    rows = np.zeros(len(queries), self_test_type(5))
    rows["prototype"] = np.arange(len(queries))
    rows["query"] = queries
    for row, query in zip(rows, queries.tolist(), strict=True):
        for name, value in decision(query, 0).items():
            row["record"][name] = value
    return rows


def identity(**changes):
    values = {
        "digest": DIGEST,
        "features": 5,
        "bits": 4,
        "lanes": 2,
        "metric": "l1",
        "prototypes": 5,
        "classes": 3,
        "rows": 1,
        "columns": 2,
        "pes_per_tile": 3,
        "prototypes_per_pe": 1,
        "grid": GRID,
    }
    return values | changes


def decision(query, saturated, prototypes=PROTOTYPES):
    """The contract's record, l1, k = 1; answers at more than 20 are unknown."""
    distances = [sum(abs(int(p) - q) for p, q in zip(row, query, strict=True)) for row in prototypes]
    order = sorted(range(len(distances)), key=lambda index: (distances[index], index))
    first = order[0]
    other = next(index for index in order if LABEL_INDICES[index] != LABEL_INDICES[first])
    return {
        "prototype": first,
        "distance": distances[first],
        "label": LABEL_INDICES[first],
        "runner_up": LABEL_INDICES[other],
        "margin": distances[other] - distances[first],
        "status": Status.UNKNOWN if distances[first] > 20 else Status.IDENTIFIED,
        "tie": distances[other] == distances[first],
        "saturated": saturated,
    }


def pack_record(record, fields=FIELDS):
    total = place = 0
    for name, width, _ in fields:
        total |= (int(record[name]) & (1 << width) - 1) << place
        place += width
    return total.to_bytes(-(-place // 8), "little")


class FakeChip:
    """Serves requests that come over a pseudo-terminal.

    `fault` is asked for each request, in the order in which they come, what goes wrong with it; see `serve`.
    """

    def __init__(self, *, digest=DIGEST, prototypes=PROTOTYPES, fault=lambda number, frame: None):
        self.identity = identity_bytes(**identity(digest=digest))
        self.prototypes = prototypes
        self.fault = fault
        self.requests = []
        self.largest_backlog = 0
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        self.port = os.ttyname(self.slave)
        self._stop_read, self._stop_write = os.pipe()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        os.write(self._stop_write, b"x")
        self._thread.join(timeout=10)
        for handle in (self.slave, self._stop_read, self._stop_write):
            os.close(handle)
        if self.master is not None:
            os.close(self.master)

    def _run(self):
        reader = FrameReader()
        while True:
            readable, _, _ = select.select([self.master, self._stop_read], [], [])
            if self._stop_read in readable:
                return
            frames = list(reader.feed(os.read(self.master, 4096)))
            self.largest_backlog = max(self.largest_backlog, len(frames))
            for frame in frames:
                self.requests.append(frame)
                answer = self.serve(frame, self.fault(len(self.requests) - 1, frame))
                if answer is None:
                    return
                os.write(self.master, answer)

    def serve(self, frame, fault):
        """Bytes that the chip sends; None unplugs it."""
        answer = self.answer(frame)
        match fault:
            case None:
                return answer.encode()
            case "lost":
                return b""
            case "corrupt":
                data = bytearray(answer.encode())
                data[len(data) // 2] ^= 0x10
                return bytes(data)
            case "cut":
                return answer.encode()[:-4]
            case "damaged":
                return Frame(Command.ERROR, 0, bytes([Fault.DAMAGED])).encode()
            case "busy":
                return Frame(Command.ERROR, frame.sequence, bytes([Fault.BUSY])).encode()
            case "twice":
                return 2 * answer.encode()
            case "stale":
                return (
                    Frame(answer.command, (frame.sequence + 128) % 256, bytes(len(answer.payload))).encode()
                    + answer.encode()
                )
            case "foreign":
                return Frame(0x83, frame.sequence, bytes(5)).encode() + answer.encode()
            case "noise":
                return b"\x7e\x7d\x7e\x00" + random.Random(1).randbytes(30) + answer.encode()
            case "refused":
                return Frame(Command.ERROR, frame.sequence, bytes([Fault.UNKNOWN_COMMAND])).encode()
            case "short":
                return Frame(answer.command, frame.sequence, answer.payload[:-1]).encode()
            case "unplug":
                os.close(self.slave)
                os.close(self.master)
                self.slave, self.master = os.open(os.devnull, os.O_RDWR), None
                return None
        raise ValueError(fault)

    def answer(self, frame):
        payload = frame.payload
        if frame.command == Command.IDENTIFY:
            return Frame(0x81, frame.sequence, self.identity)
        expected = None
        if frame.command == Command.SELF_TEST:
            (expected,), payload = struct.unpack("<H", payload[:2]), payload[2:]
        (saturated,) = struct.unpack("<H", payload[:2])
        stream = int.from_bytes(payload[2:], "little")
        assert len(payload) == 2 + 3, "three words of two components of four bits"
        assert stream >> 20 == 0, "the padding component must be zero"
        query = [stream >> 4 * index & 15 for index in range(5)]
        record = decision(query, saturated, self.prototypes)
        if expected is None:
            return Frame(0x82, frame.sequence, pack_record(record))
        passed = record["prototype"] == expected and record["distance"] == 0
        return Frame(0x83, frame.sequence, bytes([passed]) + pack_record(record))


@contextmanager
def talking(*, chip_=None, retries=6, timeout=TIMEOUT, **fake):
    with (
        FakeChip(**fake) as board,
        Driver.open(board.port, chip_ or chip(), timeout=timeout, retries=retries) as driver,
    ):
        yield driver, board


def queries(count, seed=0):
    return np.random.default_rng(seed).normal(2.0, 4.0, (count, 5)).round(2)


def expected_records(X):
    """What the fake must answer, with a quantiser of plain Python."""
    records = np.zeros(len(X), GENERATOR_DTYPE)
    offset = (-1.0, 0.0, 0.0, 0.0, 2.0)
    for row, x in enumerate(X.tolist()):
        exact = [round((value - low) / 0.5) for value, low in zip(x, offset, strict=True)]
        clipped = [min(max(value, 0), 15) for value in exact]
        record = decision(clipped, sum(a != b for a, b in zip(exact, clipped, strict=True)))
        for name, value in record.items():
            records[name][row] = value
    return records


def test_records_have_the_generators_type():
    assert RECORD_DTYPE == GENERATOR_DTYPE
    assert tuple(status.name.lower() for status in Status) == driver_module.STATUS_NAMES


def test_the_module_stands_alone(tmp_path):
    """As it is copied into a design's folder: it must not need prototile."""
    copy = tmp_path / "prototile_driver.py"
    copy.write_text(Path(driver_module.__file__).read_text(encoding="utf-8"), encoding="utf-8")
    code = "import sys; sys.modules['prototile'] = None; import prototile_driver; print(prototile_driver.Chip)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "<class 'prototile_driver.Chip'>\n"


@pytest.fixture(scope="module", name="scaled_design")
def design_with_preprocessing():
    preprocess = pt.AffineMap([0.5, 4.0], [1.0, -2.0])
    model = pt.PrototypeModel([[1.0, -2.0], [3.0, 6.0]], ["low", "high"], preprocess=preprocess)
    return pt.convert(model, bits=4)


def test_the_description_names_the_file_that_lies_in_the_folder(scaled_design, tmp_path, capsys):
    write_driver(scaled_design, tmp_path / "driver")
    written = {path.stem for path in (tmp_path / "driver").glob("*.py")}
    assert set(re.findall(r"from (\w+) import|python (\w+)\.py", driver_module.__doc__)) == {
        pair for name in written for pair in ((name, ""), ("", name))
    }
    with pytest.raises(SystemExit):
        main(["--help"])
    assert re.match(r"usage: (\w+)\.py", capsys.readouterr().out)[1] in written


def test_queries_are_raw_and_the_description_says_so(scaled_design):
    X = np.array([[0.0, 0.0], [4.0, 2.0], [1.3, 0.9], [2.6, 1.6]])
    np.testing.assert_array_equal(chip_of(scaled_design).quantise(X)[0], scaled_design.quantise(X)[0])
    assert "X: rows of raw features; the model's preprocessing is done here" in driver_module.__doc__
    for method in (Driver.decide, Chip.quantise):
        assert "as they are before the model's preprocessing" in method.__doc__


# --- Queries


def test_decisions_are_those_of_the_chip():
    X = queries(60)
    with talking() as (driver, board):
        records = driver.decide(X)
    np.testing.assert_array_equal(records, expected_records(X))
    assert {"saturated", "tie"} <= {name for name in records.dtype.names if records[name].any()}
    assert [frame.command for frame in board.requests] == [Command.IDENTIFY] + 60 * [Command.CLASSIFY]
    assert 1 <= board.largest_backlog <= 4


def test_more_queries_than_sequence_numbers():
    X = queries(300, seed=1)
    with talking() as (driver, _):
        np.testing.assert_array_equal(driver.decide(X), expected_records(X))
        np.testing.assert_array_equal(driver.decide(X[:3]), expected_records(X[:3]))


def test_no_query_is_no_record_and_lists_are_fine():
    with talking() as (driver, _):
        assert driver.decide(np.zeros((0, 5))).shape == (0,)
        np.testing.assert_array_equal(driver.decide([[1, 2, 3, 4, 5]]), expected_records(np.array([[1.0, 2, 3, 4, 5]])))


@pytest.mark.parametrize("fault", ["lost", "corrupt", "cut", "damaged", "busy", "twice", "stale", "foreign", "noise"])
def test_what_goes_wrong_on_the_line_does_not_change_decisions(fault):
    X = queries(12, seed=2)

    def some(number, frame):
        return fault if number in (0, 2, 3, 7, 12) else None

    with talking(fault=some) as (driver, board):
        np.testing.assert_array_equal(driver.decide(X), expected_records(X))
    assert len(board.requests) > 12


def test_everything_going_wrong_at_random_does_not_change_decisions():
    X = queries(150, seed=3)
    randomness = random.Random(3)
    kinds = ["lost", "corrupt", "cut", "damaged", "busy", "twice", "stale", "foreign", "noise"]

    def often(number, frame):
        return randomness.choice(kinds) if randomness.random() < 0.2 else None

    with talking(fault=often, retries=20) as (driver, _):
        np.testing.assert_array_equal(driver.decide(X), expected_records(X))


def test_a_lost_answer_in_the_middle_costs_no_time_out():
    X = queries(12, seed=2)
    with talking(fault=lambda number, frame: "lost" if number == 5 else None, timeout=60.0) as (driver, board):
        np.testing.assert_array_equal(driver.decide(X), expected_records(X))
    # The lost one came again; the minute of the time-out did not pass, or this test would not end in time.
    payloads = [frame.payload for frame in board.requests]
    assert payloads.count(payloads[5]) == 2


def test_a_chip_that_is_busy_for_long_is_waited_for():
    X = queries(6, seed=2)
    with talking(fault=lambda number, frame: "busy" if 1 <= number < 20 else None, retries=1, timeout=2.0) as (
        driver,
        _,
    ):
        np.testing.assert_array_equal(driver.decide(X), expected_records(X))


def test_labels_are_the_users():
    X = queries(40, seed=4)
    expected = expected_records(X)
    names = np.array(["ant", "bee", "cicada"])
    with talking() as (driver, _):
        labels = driver.predict(X)
        np.testing.assert_array_equal(labels, names[expected["label"]])
        assert labels.dtype.kind == "U"
    with talking(chip_=chip(reject=-1, rejects=True)) as (driver, _):
        labels = driver.predict(X)
        unknown = expected["status"] == Status.UNKNOWN
        assert 0 < unknown.sum() < len(X)
        assert [label == -1 for label in labels] == unknown.tolist()
        np.testing.assert_array_equal(labels[~unknown], names[expected["label"]][~unknown])
    with talking(chip_=chip(classes=(7, 8, 9))) as (driver, _):
        np.testing.assert_array_equal(driver.predict(X), expected["label"] + 7)


# --- Who the chip is


def test_identity_is_read_as_it_was_written():
    data = identity_bytes(**identity(metric="l2", rows=300))
    assert data == bytes.fromhex(
        "02" + DIGEST + GRID + "0500 04 0200 01 0500 0300 2c01 0200 0300 0100".replace(" ", "")
    )
    assert vars(Identity.unpack(data)) == identity(metric="l2", rows=300)
    with talking() as (driver, _):
        assert vars(driver.identify()) == identity()
        assert driver.check() == driver.identify()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"digest": "0011"}, "digest must have 32 hexadecimal digits, not '0011'"),
        ({"metric": "cosine"}, "metric must be one of l1, l2, linf, hamming, box, table, not 'cosine'"),
        ({"prototypes": 70_000}, "a number too large for its place"),
    ],
)
def test_what_no_identity_can_hold_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        identity_bytes(**identity(**change))


def test_an_identity_of_another_version_is_refused():
    with pytest.raises(RefusedError, match="version 1 with 43 bytes and this driver reads version 2"):
        Identity.unpack(b"\x01" + identity_bytes(**identity())[1:])


def test_another_design_gets_no_query():
    other = "ff" * 16
    with talking(digest=other) as (driver, board):
        for ask in (lambda: driver.decide(queries(3)), driver.self_test):
            with pytest.raises(DigestMismatch) as caught:
                ask()
            assert other in str(caught.value)
            assert DIGEST in str(caught.value)
        assert {frame.command for frame in board.requests} == {Command.IDENTIFY}


# --- The self-test


def test_a_sound_chip_passes():
    with talking() as (driver, board):
        assert driver.self_test() == []
        driver.check_self_test()
    assert [frame.command for frame in board.requests] == [Command.IDENTIFY] + 10 * [Command.CLASSIFY]


def test_a_flipped_bit_is_found():
    flipped = PROTOTYPES.copy()
    flipped[2, 1] ^= 8
    with talking(prototypes=flipped) as (driver, board):
        assert driver.self_test() == [2]
        with pytest.raises(
            SelfTestError, match=rf"^1 of 5 prototypes of the chip on {board.port} fail the self-test \(2\)"
        ):
            driver.check_self_test()


@pytest.mark.parametrize(("name", "width"), [(name, width) for name, width, _ in FIELDS])
def test_every_field_of_the_answers_is_compared(name, width):
    class Wrong(FakeChip):
        """Answers one query with another value of one field."""

        def answer(self, frame):
            answer = super().answer(frame)
            if frame.command == Command.IDENTIFY or frame.payload != asked:
                return answer
            record = int.from_bytes(answer.payload, "little") ^ 1 << sum(w for _, w, _ in FIELDS[: at + 1]) - width
            return Frame(answer.command, answer.sequence, record.to_bytes(len(answer.payload), "little"))

    at = [field[0] for field in FIELDS].index(name)
    with Wrong() as board, Driver.open(board.port, chip(), timeout=TIMEOUT) as driver:
        (asked,) = driver._query_payloads(PROTOTYPES[4:].astype(np.int64), np.zeros(1, np.int64))
        assert driver.self_test() == [4]


def test_the_driver_knows_the_metrics_of_the_generator():
    assert METRICS == config.METRICS
    for metric in METRICS:
        assert Identity.unpack(identity_bytes(**identity(metric=metric))).metric == metric


SELF_TESTS = {
    "box": pt.PrototypeModel([[[2, 9], [0, 9]], [[4, 6], [4, 6]], [[5, 4], [0, 9]]], [0, 1, 0], "box"),
    "table": pt.PrototypeModel([[[3, 0], [5, 0]], [[1, 2], [0, 0]], [[0, 1], [0, 7]]], [0, 1, 0], "table"),
    "masked": pt.PrototypeModel([[1, 2], [1, 9]], [0, 1], "linf", masks=[[True, True], [True, False]]),
    "votes": pt.PrototypeModel([[1, 2], [3, 9], [4, 9], [0, 0]], [0, 1, 1, 0], k=3),
    "own radii": pt.PrototypeModel([[0], [1], [9]], [0, 1, 1], radii=[[0], [3], [3]]),
}


@pytest.mark.parametrize("name", SELF_TESTS)
def test_the_description_of_a_design_holds_what_it_answers(name, tmp_path):
    design = pt.convert(SELF_TESTS[name])
    chip_with_self_test(design).save(tmp_path)
    read = Chip.load(tmp_path)
    test, (found, idle, unknown) = read.self_test, read.self_test_bits
    np.testing.assert_array_equal(test["record"], design.golden.decide(test["query"]))
    assert set(test["prototype"].tolist()) <= set(range(design.config.prototype_count))
    words = design.config.memory_rows * design.config.unit.memory_width << design.config.unit.level_bits
    assert found > 0
    assert found + idle + unknown >= design.config.prototype_count * words


def test_what_is_not_known_to_be_found_is_told(tmp_path):
    chip(self_test_bits=(90, 4, 10)).save(tmp_path)
    assert json.loads((tmp_path / "chip.json").read_text())["self_test_bits"] == {"found": 90, "idle": 4, "open": 10}
    out = io.StringIO()
    with FakeChip() as board:
        assert main([board.port, "--chip", str(tmp_path), "--self-test", "--timeout", str(TIMEOUT)], out) == 0
    assert out.getvalue() == (
        "self-test passed: 5 queries, which find a flip of any of 90 of 104 bits; 4 can change no answer; of 10 it is "
        "not known\n"
    )


def test_a_description_without_queries_has_no_self_test():
    with talking(chip_=chip(self_test=None)) as (driver, _), pytest.raises(ChipFileError, match=r"self_test\.npy"):
        driver.self_test()


# --- What ends a conversation


def test_a_chip_that_is_silent():
    with (
        talking(fault=lambda number, frame: "lost", timeout=0.02, retries=2) as (driver, board),
        pytest.raises(
            NoAnswerError,
            match=rf"^the chip on {board.port} did not serve a request in 3 attempts of 0.02 s \(no answer\)",
        ),
    ):
        driver.decide(queries(1))
    assert len(board.requests) == 3


@pytest.mark.parametrize(
    ("fault", "complaint"), [("busy", "the chip is busy"), ("damaged", "the chip received damaged frames")]
)
def test_a_chip_that_never_serves(fault, complaint):
    with (
        talking(fault=lambda number, frame: fault if number else None, retries=2) as (driver, _),
        pytest.raises(NoAnswerError, match=complaint),
    ):
        driver.decide(queries(6))


def test_a_chip_that_refuses():
    with (
        talking(fault=lambda number, frame: "refused" if number else None) as (driver, _),
        pytest.raises(RefusedError, match=r"refuses the request CLASSIFY \(unknown command\)"),
    ):
        driver.decide(queries(2))


def test_an_answer_of_the_wrong_size():
    with (
        talking(fault=lambda number, frame: "short" if number else None) as (driver, _),
        pytest.raises(RefusedError, match="answered with 3 bytes and not 4"),
    ):
        driver.decide(queries(2))


@pytest.mark.parametrize("moment", [0, 1, 9])
def test_an_unplugged_board(moment):
    with (
        talking(fault=lambda number, frame: "unplug" if number == moment else None) as (driver, board),
        pytest.raises(PortError, match=rf"^{board.port} was unplugged or does not work any more"),
    ):
        driver.decide(queries(20))


def test_answers_that_come_late_are_not_taken_for_others():
    """A program that was stopped leaves queries in the chip; the next one starts with the same numbers."""
    X = queries(4, seed=6)
    stale = Frame(0x82, 1, pack_record(decision([15] * 5, 0))).encode()

    class Interrupted(FakeChip):
        def serve(self, frame, fault):
            data = super().serve(frame, fault)
            return data + 4 * stale if frame.command == Command.IDENTIFY else data

    with Interrupted() as board, Driver.open(board.port, chip(), timeout=TIMEOUT) as driver:
        np.testing.assert_array_equal(driver.decide(X), expected_records(X))


def test_answers_that_come_after_their_numbers_came_again_are_not_taken_either():
    """A line that stood still gives all at once what it held, and by then the driver has used up its numbers."""
    X = queries(2, seed=6)
    held = []

    class Stuck(FakeChip):
        stuck = False

        def serve(self, frame, fault):
            held.append(super().serve(frame, fault))
            return b"" if self.stuck else b"".join(held.pop(0) for _ in list(held))

    with Stuck() as board, Driver.open(board.port, chip(), timeout=0.002) as driver:
        driver.check()
        board.stuck = True
        while len(held) < 256 + 4:
            with pytest.raises(NoAnswerError):
                driver.decide(X[:1])
        board.stuck, driver.timeout = False, 1.0
        np.testing.assert_array_equal(driver.decide(X[1:]), expected_records(X[1:]))


def test_a_request_may_be_sent_more_often_than_there_are_numbers():
    def lost(number, frame):
        return "lost" if number < 270 else None

    with talking(fault=lost, timeout=0.0005, retries=400) as (driver, board):
        np.testing.assert_array_equal(driver.decide(queries(1)), expected_records(queries(1)))
    assert len(board.requests) > 270


def test_a_port_that_is_not_there(monkeypatch):
    class Found:
        device = "/dev/ttyACM7"

    monkeypatch.setattr(driver_module.list_ports, "comports", lambda: [Found])
    with pytest.raises(
        PortError, match=r"^there is no port /dev/ttyNOWHERE: check the name \(available here: /dev/ttyACM7\)$"
    ):
        Driver.open("/dev/ttyNOWHERE", chip())
    monkeypatch.setattr(driver_module.list_ports, "comports", list)
    with pytest.raises(PortError, match="there is no serial port here, so plug the board in"):
        Driver.open("/dev/ttyNOWHERE", chip())
    with pytest.raises(PortError, match="cannot open the port nonsense://"):
        Driver.open("nonsense://", chip())


def test_a_port_without_permission(monkeypatch):
    def forbidden(*args, **kwargs):
        raise serial.SerialException(13, "could not open port /dev/ttyUSB0")

    monkeypatch.setattr(driver_module.serial, "serial_for_url", forbidden)
    with pytest.raises(
        PortError, match=r"^no permission for the port /dev/ttyUSB0: on Linux add yourself to the group"
    ):
        Driver.open("/dev/ttyUSB0", chip())


def test_any_object_with_read_and_write_is_a_port():
    class Wire:
        timeout = None

        def __init__(self):
            self.out = b""
            self.reader = FrameReader()

        def write(self, data):
            for frame in self.reader.feed(data):
                self.out += board.answer(frame).encode()

        def read(self, size=1):
            data, self.out = self.out[:size], self.out[size:]
            return data

        def close(self):
            self.out = None

    X = queries(5, seed=7)
    with FakeChip() as board:
        wire = Wire()
        with Driver(wire, chip()) as driver:
            np.testing.assert_array_equal(driver.decide(X), expected_records(X))
    assert wire.out is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"timeout": 0}, "timeout must be a positive number, not 0"),
        ({"retries": -1}, "retries must not be negative, not -1"),
    ],
)
def test_parameters_of_no_use_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Driver(serial.serial_for_url("loop://"), chip(), **change)


# --- The quantiser


def test_quantising_rounds_half_to_even_and_counts_what_it_clips():
    one = chip(features=6, offset=(0.0,), step=(1.0,), self_test=None)
    integers, saturated = one.quantise([[0.5, 1.5, 2.5, -0.5, 15.5, 14.5], [-0.51, 15.49, 1e308, -1e308, 3, 4]])
    assert integers.tolist() == [[0, 2, 2, 0, 15, 14], [0, 15, 15, 0, 3, 4]]
    assert saturated.tolist() == [1, 3]
    steps = chip(features=2, offset=(1.0, -1.0), step=(0.5, 0.25), self_test=None)
    assert steps.quantise([[2.0, 0.0]])[0].tolist() == [[2, 4]]
    far = chip(features=1, offset=(-1e308,), step=(1e-300,), self_test=None)
    assert far.quantise([[1e308]])[0].tolist() == [[15]]


def test_what_overflows_in_the_preprocessing_is_refused_as_the_design_does():
    model = pt.PrototypeModel(
        [[1.0, -2.0], [3.0, 6.0]], [0, 1], preprocess=pt.AffineMap([1e300, 0.5], [0.0, 0.0]), metric="l1"
    )
    design = pt.convert(model, bits=4)
    one = chip_of(design)
    X = [[0.0, 1e300], [1e-300, -1e300]]
    for mine, golden in zip(one.quantise(X), design.quantise(X), strict=True):
        np.testing.assert_array_equal(mine, golden)
    with pytest.raises(pt.InputError):
        design.quantise([[0.0, 1.0], [1e300, 1.0]])
    with pytest.raises(
        VectorError,
        match=r"row 1 has 1e\+300 in column 0 .*: replace or leave out what the preprocessing makes too large",
    ):
        one.quantise([[0.0, 1.0], [1e300, 1.0]])


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (
            [[0, 0, 0, 0, 0], [0, 0, float("nan"), 0, 0]],
            r"the query in row 1 has nan in column 2 \(both counted from 0\)",
        ),
        ([[0, 0, 0, 0, float("-inf")]], "row 0 has -inf in column 4"),
        ([1, 2, 3, 4, 5], r"shape \(5,\): pass an array of shape \(n, 5\)"),
        ([[1, 2, 3]], r"shape \(1, 3\): pass an array of shape \(n, 5\)"),
        ([["a", "b", "c", "d", "e"]], "the queries are not numbers"),
    ],
)
def test_what_is_no_query_is_refused_before_the_chip_is_asked(X, message):
    with talking() as (driver, board):
        with pytest.raises(VectorError, match=message):
            driver.decide(X)
        assert board.requests == []


# --- Frames


def test_a_frame_is_the_bytes_of_the_protocol():
    body = bytes([0x02, 0x7E, 0x02, 0x00, 0x7D, 0x20])
    check = zlib.crc32(body).to_bytes(4, "little")
    stuffed = bytes([0x02, 0x7D, 0x5E, 0x02, 0x00, 0x7D, 0x5D, 0x20]) + check
    assert not set(check) & {0x7D, 0x7E}
    frame = Frame(0x02, 0x7E, bytes([0x7D, 0x20]))
    assert frame.encode() == b"\x7e" + stuffed + b"\x7e"
    assert Frame.decode(stuffed) == frame


def test_frames_are_found_however_the_line_is_cut():
    randomness = random.Random(8)
    frames = [Frame(randomness.randrange(256), n, randomness.randbytes(randomness.randrange(9))) for n in range(50)]
    line = b"tail" + b"".join(frame.encode() for frame in frames)
    for size in (1, 2, 7, len(line)):
        reader = FrameReader()
        found = [frame for at in range(0, len(line), size) for frame in reader.feed(line[at : at + size])]
        assert found == frames


def test_no_damaged_frame_is_taken():
    frame = Frame(0x82, 3, bytes(range(6)))
    data = frame.encode()
    for place in range(1, len(data) - 1):
        for bit in range(8):
            damaged = bytearray(data)
            damaged[place] ^= 1 << bit
            assert list(FrameReader().feed(bytes(damaged))) == []
        assert list(FrameReader().feed(data[:place] + data[place + 1 :])) == []


# --- The description of a chip


def test_a_description_comes_back_as_it_was_saved(tmp_path):
    one = chip(reject=None, rejects=True)
    one.save(tmp_path)
    for path in (tmp_path, tmp_path / "chip.json", str(tmp_path)):
        read = Chip.load(path)
        for name, value in vars(one).items():
            if name == "self_test":
                np.testing.assert_array_equal(read.self_test, value)
            else:
                assert getattr(read, name) == value, name
    first = (tmp_path / "chip.json").read_bytes()
    one.save(tmp_path)
    assert (tmp_path / "chip.json").read_bytes() == first
    assert "reject" not in json.loads(_saved(tmp_path, chip()))
    assert Chip.load(tmp_path).rejects is False


def _saved(folder, one):
    one.save(folder)
    return (folder / "chip.json").read_text(encoding="utf-8")


def test_one_step_may_be_a_plain_number(tmp_path):
    values = json.loads(_saved(tmp_path, chip()))
    (tmp_path / "chip.json").write_text(json.dumps(values | {"step": 0.5}), encoding="utf-8")
    assert Chip.load(tmp_path).step == (0.5,)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 9}, "is of version 9 and this driver reads version 2"),
        ({"version": 1, "self_test": [0, 1]}, "is of version 1 and this driver reads version 2: use the driver beside"),
        ({"features": 4}, "offset has 5 numbers for 4 features"),
        ({"self_test_bits": [1, 2, 3]}, "does not describe a chip .AttributeError"),
        ({"self_test_bits": {"found": float("inf")}}, "does not describe a chip .OverflowError"),
        ({"digest": None, "colour": "red"}, "does not describe a chip .TypeError"),
        ({"record_fields": [["prototype", 3, False]]}, "fields of the chip's record do not match"),
    ],
)
def test_a_description_that_is_none_is_refused(tmp_path, change, message):
    values = json.loads(_saved(tmp_path, chip()))
    (tmp_path / "chip.json").write_text(json.dumps(values | change), encoding="utf-8")
    with pytest.raises(ChipFileError, match=message):
        Chip.load(tmp_path)


def test_whoever_only_asks_queries_needs_chip_json_alone(tmp_path, capsys):
    (tmp_path / "vectors.csv").write_text("1,2,3,4,5\n")
    chip(grid="12" * 8, image=np.zeros((3, 4), np.uint8)).save(tmp_path)
    for name in (Chip.SELF_TEST_FILE, Chip.IMAGE_FILE):
        (tmp_path / name).unlink()
    for words, message in (
        ((str(tmp_path / "vectors.csv"),), ""),
        (("--self-test",), "holds no queries of a self-test: keep self_test.npy beside chip.json"),
        (("--load",), "holds no words for its memories: keep image.npy beside chip.json"),
    ):
        with FakeChip() as board:
            arguments = [board.port, *words, "--chip", str(tmp_path), "--timeout", str(TIMEOUT)]
            assert main(arguments, io.StringIO()) == (2 if message else 0)
        assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (PROTOTYPES, r"^self_test\.npy holds uint8 of shape \(5, 5\) and not rows of .*: write the folder again with"),
        (self_test()[None], r"holds .* of shape \(1, 5\) and not rows of"),
        (self_test()[["prototype", "query"]], "holds .* and not rows of"),
        (self_test()[:0], r"holds .* of shape \(0,\) and not rows of"),
        (self_test(PROTOTYPES[:, :5] + 16), r"^self_test\.npy holds a component 31 and not only 0 \.\. 15: write the"),
    ],
)
def test_a_self_test_that_is_none_is_refused(tmp_path, rows, message):
    chip().save(tmp_path)
    np.save(tmp_path / Chip.SELF_TEST_FILE, rows)
    with pytest.raises(ChipFileError, match=message):
        Chip.load(tmp_path)


def test_a_description_that_is_missing_or_no_json_is_refused(tmp_path):
    with pytest.raises(
        ChipFileError, match=r"^cannot read .*chip\.json \(No such file or directory\): name the chip\.json"
    ):
        Chip.load(tmp_path)
    (tmp_path / "chip.json").write_text("{", encoding="utf-8")
    with pytest.raises(ChipFileError, match="is no JSON"):
        Chip.load(tmp_path)
    (tmp_path / "chip.json").write_text("[]", encoding="utf-8")
    with pytest.raises(ChipFileError, match="does not describe a chip"):
        Chip.load(tmp_path)


# --- The terminal


def run_main(tmp_path, board, *arguments):
    chip().save(tmp_path)
    out = io.StringIO()
    status = main([board.port, *arguments, "--chip", str(tmp_path / "chip.json"), "--timeout", str(TIMEOUT)], out)
    return status, out.getvalue()


def test_the_terminal_prints_decisions(tmp_path):
    X = queries(6, seed=9)
    path = tmp_path / "vectors.csv"
    # As prototile's own commands write them: the label stands in a last column.
    np.savetxt(path, np.column_stack([X, np.arange(6)]), delimiter=",", header="a,b,c,d,e,label", comments="")
    with FakeChip() as board:
        status, text = run_main(tmp_path, board, str(path), "--retries", "2")
    lines = text.splitlines()
    assert status == 0
    assert lines[0] == "label,prototype,distance,runner_up,margin,status,tie,saturated"
    names = ("ant", "bee", "cicada")
    assert lines[1:] == [
        f"{names[record['label']]},{record['prototype']},{record['distance']},"
        f"{names[record['runner_up']] if record['runner_up'] >= 0 else ''},{record['margin']},"
        f"{Status(record['status']).name.lower()},{int(record['tie'])},{record['saturated']}"
        for record in expected_records(X)
    ]


def test_the_terminal_identifies_and_tests(tmp_path, capsys):
    with FakeChip() as board:
        status, text = run_main(tmp_path, board, "--identify", "--self-test")
        assert status == 0
        assert f"digest: {DIGEST}\n" in text
        assert text.endswith(
            "self-test passed: 5 queries, which find a flip of any of 100 of 104 bits; 4 can change no answer\n"
        )
    with FakeChip(prototypes=np.roll(PROTOTYPES, 1)) as board:
        status, text = run_main(tmp_path, board, "--self-test")
    assert (status, text) == (1, "")
    assert "fail the self-test" in capsys.readouterr().err


def test_the_terminal_says_in_one_line_what_is_wrong(tmp_path, capsys):
    with FakeChip() as board:
        status, text = run_main(tmp_path, board, str(tmp_path / "nothing.csv"))
        assert (status, text, board.requests) == (2, "", [])
    assert capsys.readouterr().err == (
        f"cannot read {tmp_path / 'nothing.csv'} (No such file or directory): name a .csv or .npy file of queries\n"
    )
    with FakeChip() as board, pytest.raises(SystemExit) as caught:
        run_main(tmp_path, board)
    assert caught.value.code == 2
    for words in (["--timeout", "0"], ["--retries", "-1"]):
        with pytest.raises(SystemExit) as caught:
            main(["port", "--identify", *words])
        assert caught.value.code == 2
        assert f"{words[0]} must" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,2\n3,4\n", [[1, 2], [3, 4]]),
        ("x,y\n\n1,2.5\n", [[1, 2.5]]),
        ("\ufeff1,2\n", [[1, 2]]),
        ("1,nan\n", [[1, np.nan]]),
        ("x,y,label\n1,2,ash\n3,4,7\n", [[1, 2], [3, 4]]),
    ],
)
def test_vectors_are_read_with_a_header_or_without(tmp_path, text, expected):
    path = tmp_path / "vectors.csv"
    path.write_text(text, encoding="utf-8")
    np.testing.assert_array_equal(read_vectors(path, 2), expected)
    np.save(tmp_path / "vectors.npy", np.array(expected))
    np.testing.assert_array_equal(read_vectors(tmp_path / "vectors.npy", 2), expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no queries: write one a line, 2 numbers each"),
        ("x,y\n", "holds no queries"),
        ("1,2\n3\n", "line 2 of .* is not a query: write 2 numbers"),
        ("x,y,z\n1,2\n", "line 1 of .* is not a query: write 2 numbers"),
        ("1,2\n3,x\n", "line 2 of .* is not a query, as column 2 holds 'x': write a number there"),
        ("1,x\n3,4\n", "line 1 of .* is not a query, as column 2 holds 'x'"),
        ("NA,NA\n3,4\n", "line 1 of .* is not a query, as column 1 holds 'NA'"),
        (",x\n3,4\n", "line 1 of .* is not a query, as column 1 holds ''"),
        ("x,nan\n3,4\n", "line 1 of .* is not a query, as column 1 holds 'x'"),
        ("1_0,2_0\n3,4\n", "line 1 of .* is not a query, as column 1 holds '1_0'"),
    ],
)
def test_vectors_that_are_none_are_refused(tmp_path, text, message):
    path = tmp_path / "vectors.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(VectorError, match=message):
        read_vectors(path, 2)
    (tmp_path / "vectors.npy").write_text("no array", encoding="utf-8")
    with pytest.raises(VectorError, match="does not hold numbers"):
        read_vectors(tmp_path / "vectors.npy", 2)


def test_columns_in_another_order_are_refused(tmp_path, capsys):
    named = pt.PrototypeModel([[0.0, 3.0], [2.0, 1.0]], ["a", "b"], feature_names=[" length", "width"])
    chip_of(pt.convert(named)).save(tmp_path)
    one = Chip.load(tmp_path)
    assert one.feature_names == (" length", "width")
    X = np.array([[0.0, 2.0], [2.0, 0.0]])
    frame = pd.DataFrame(X, columns=named.feature_names)
    # Arrays have no names, and neither have frames whose columns are numbers.
    for same in (frame, pd.DataFrame(X)):
        np.testing.assert_array_equal(one.quantise(same)[0], one.quantise(X)[0])
    at = r"has the column 'width' at place 0 \(counted from 0\), where the model was trained with "
    with pytest.raises(VectorError, match=f"^the data frame {at}' length': give .* or an array without names$"):
        one.quantise(frame[["width", " length"]])
    path = tmp_path / "vectors.csv"
    for header in ("length,width\n", "length , width,label\n", ""):
        path.write_text(header + ("1,2,a\n" if "label" in header else "1,2\n"), encoding="utf-8")
        assert read_vectors(path, 2, one.feature_names).tolist() == [[1, 2]]
    for header in ("width,length\n1,2\n", "width,length,label\n1,2,a\n"):
        path.write_text(header, encoding="utf-8")
        with pytest.raises(VectorError, match=rf"vectors\.csv {at}'length': give .* or a file without a header$"):
            read_vectors(path, 2, one.feature_names)
        assert read_vectors(path, 2).tolist() == [[1, 2]]
    capsys.readouterr()
    path.write_text("0, 1\n1,2\n", encoding="utf-8")
    assert read_vectors(path, 2, ("0", "1")).tolist() == [[1, 2]]
    assert read_vectors(path, 2, ("1", "0")).tolist() == [[0, 1], [1, 2]]
    path.write_text("width,length\n1,2\n", encoding="utf-8")
    assert main(["no-such-port", str(path), "--chip", str(tmp_path)]) == 2
    assert "has the column 'width' at place 0" in capsys.readouterr().err
    with pytest.raises(ChipFileError, match="feature_names are 1 for 5 features: write the folder again"):
        chip(feature_names=("length",))


def test_headers_are_told_from_data_as_the_generator_does():
    assert driver_module._MISSING == tables._MISSING


def test_arrays_that_are_none_are_refused(tmp_path):
    chip().save(tmp_path)
    path = tmp_path / Chip.SELF_TEST_FILE
    np.savez(tmp_path / "archive.npz", a=PROTOTYPES)
    whole = path.read_bytes()
    objects = io.BytesIO()
    np.save(objects, np.array([[1, None]], object), allow_pickle=True)
    huge = io.BytesIO()
    np.lib.format.write_array_header_1_0(huge, {"descr": "<f8", "fortran_order": False, "shape": (1 << 50, 2)})
    for content in (
        b"",
        whole[:3],
        whole[:60],
        whole[:-1],
        (tmp_path / "archive.npz").read_bytes(),
        objects.getvalue(),
        huge.getvalue(),
    ):
        path.write_bytes(content)
        with pytest.raises(VectorError, match=r"self_test\.npy does not hold numbers"):
            read_vectors(path, 5)
        with pytest.raises(ChipFileError, match=r"chip\.json does not describe a chip"):
            Chip.load(tmp_path)
