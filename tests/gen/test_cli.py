import csv
import io
import json
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import prototile as pt
from prototile.boards import driver
from prototile.boards.board import boards
from prototile.boards.report import BuildReport
from prototile.cli import main
from prototile.demo import _program
from prototile.design import compare
from prototile.files import save_model
from prototile.folder import usual_port
from prototile.report import simulated, update_report
from prototile.sim.bench import BenchResult


@pytest.fixture(name="run")
def run_command(capsys):
    """Runs a command; gives exit status, stdout, and the lines of stderr."""

    def run(*words):
        try:
            status = main([str(word) for word in words])
        except SystemExit as end:
            status = end.code
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return status, out, err.splitlines()

    return run


@pytest.fixture(name="refuse")
def refused_command(run):
    """Runs a command that must fail; gives the one sentence that it says, of whatever it told before."""

    def refuse(*words, status=2):
        found, out, lines = run(*words)
        assert found == status, (found, lines)
        assert out == ""
        assert [line.startswith("prototile: error: ") for line in lines] == [False] * (len(lines) - 1) + [True]
        return lines[-1]

    return refuse


@pytest.fixture(name="model")
def model_file(small_model, tmp_path):
    path = tmp_path / "model.npz"
    save_model(small_model, path)
    return path


@pytest.fixture(name="vectors")
def vectors_file(small_data, tmp_path):
    path = tmp_path / "vectors.csv"
    rows = [f"{a!r},{b!r},{label}" for (a, b), label in zip(small_data[0].tolist(), small_data[1], strict=True)]
    path.write_text("length,width,label\n" + "\n".join(rows) + "\n")
    return path


@pytest.fixture(name="folder")
def own_folder(design_folder, tmp_path):
    """A design folder that may be changed."""
    shutil.copytree(design_folder, tmp_path / "design")
    return tmp_path / "design"


# Usage


def test_help_names_all_commands_but_those_to_come(run):
    status, out, lines = run("--help")
    assert (status, lines) == (0, [])
    for command in ("demo", "convert", "simulate", "build", "report", "explain", "predict", "boards"):
        assert f"    {command} " in out
    assert "explore" not in out


def test_version(run):
    assert run("--version")[:2] == (0, f"prototile {pt.__version__}\n")


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ([], "COMMAND"),
        (["bild", "x"], "'bild'"),
        (["convert", "model.npz"], "-o"),
        (["convert", "model.npz", "-o", "x", "--bits", "few"], "must be an integer or auto, not 'few'"),
        (["simulate", "x", "--level", "gds"], "'gds'"),
        (["explain", "x", "--vectors", "y", "--row", "one"], "'one'"),
    ],
)
def test_wrong_usage_is_one_line(refuse, words, part):
    assert part in refuse(*words)


def test_explore_is_refused(refuse):
    assert "not available yet" in refuse("explore", "model.npz", "-o", "x")


def test_usage_needs_no_library():
    code = (
        "import sys, prototile.cli; prototile.cli.parser(); assert not {'numpy', 'rich', 'amaranth'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_boards(run):
    status, out, _ = run("boards")
    assert status == 0
    assert all(name in out for name in ("icebreaker", "ice40-hx8k", "ulx3s-25f", "iceprog"))
    status, out, lines = run("boards", "--json")
    assert (status, lines) == (0, [])
    assert {"icebreaker", "ice40-hx8k", "ulx3s-25f"} <= {board["name"] for board in json.loads(out)}


@pytest.mark.parametrize("words", [["boards", "--json"], ["boards"]])
def test_reader_that_goes_away_is_no_error(words):
    command = f"import sys; from prototile.cli import main; sys.exit(main({words}))"
    process = subprocess.Popen([sys.executable, "-c", command], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout
    process.stdout.close()
    assert process.wait() == 141
    assert process.stderr
    assert process.stderr.read() == b""
    process.stderr.close()


def test_interrupt_of_the_first_import_is_one_line():
    code = """
import sys

class Interrupt:
    def find_spec(self, name, path, target=None):
        if name == "prototile.errors":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupt())
import prototile.cli
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "prototile: error: interrupted; nothing was begun.\n")


def test_interrupt_of_the_parser_is_one_line(refuse, monkeypatch):
    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr("prototile.cli.parser", interrupt)
    assert "interrupted" in refuse("boards", status=130)


def test_unfinished_hardware_is_not_told_of():
    code = """
import sys
import prototile.commands
from amaranth.lib.wiring import Component, Out
from prototile.cli import main

def interrupted(options):
    unfinished = [Component({"o": Out(1)})]
    raise KeyboardInterrupt

prototile.commands.boards = interrupted
sys.exit(main(["boards"]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 130
    assert done.stderr == "prototile: error: interrupted; nothing half-written was left.\n"


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_request_to_end_cleans_up(refuse, model, tmp_path, monkeypatch, name):
    def end_twice(*arguments):
        try:
            signal.raise_signal(getattr(signal, name))
        finally:
            # Another one while the folder is removed.
            signal.raise_signal(getattr(signal, name))

    before = signal.getsignal(getattr(signal, name)), sorted(tmp_path.iterdir())
    monkeypatch.setattr("prototile.report.write_report", end_twice)
    assert "nothing half-written was left" in refuse("convert", model, "-o", tmp_path / "deep" / "d", status=130)
    assert (signal.getsignal(getattr(signal, name)), sorted(tmp_path.iterdir())) == before


def test_hang_up_stays_ignored(run, monkeypatch):
    seen = []
    monkeypatch.setattr("prototile.commands.boards", lambda options: seen.append(signal.getsignal(signal.SIGHUP)) or 0)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert run("boards")[0] == 0
        assert seen == [signal.SIG_IGN]
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


# convert


def test_convert_writes_a_folder(run, model, vectors, tmp_path, small_data):
    folder = tmp_path / "made" / "design"
    status, out, lines = run("convert", model, "-o", folder, "--calibration", vectors, "--json")
    assert status == 0
    values = json.loads(out)
    assert values == json.loads((folder / "report.json").read_text())
    assert values["stage"] == "converted"
    # A step more the first time.
    steps = [line.split()[0] for line in lines if not line.startswith("Preparing yosys")]
    assert steps == ["Reading", "Converting", "Writing"]
    for name in ("config.json", "model.safetensors", "report.html", "rtl/prototile_core.v", "tb/vectors.json"):
        assert (folder / name).is_file()
    design = pt.load(folder)
    assert design.bits_choice is not None
    assert design.bits_choice.reached
    assert design.score(*small_data) > 0.9


def test_convert_warns_of_bits_that_lose_much(run, tmp_path):
    # At 2 bits the levels are 0, 3, 6 and 9, and what lies between two prototypes goes to another one.
    prototypes = np.array([[0.0], [4.0], [5.0], [9.0]])
    save_model(pt.PrototypeModel(prototypes, list("abcd")), tmp_path / "m.npz")
    rows = [(0.1, "a"), (4.1, "b"), (4.9, "c"), (3.0, "b"), (6.0, "c"), (1.9, "a"), (8.9, "d"), (7.1, "d")]
    labelled = write(tmp_path / "y.csv", "".join(f"{x},{label}\n" for x, label in rows))
    bare = write(tmp_path / "x.csv", "".join(f"{x}\n" for x, _ in rows))
    for data, what in ((labelled, "accuracy"), (bare, "agreement with the model in floating point")):
        words = ("convert", tmp_path / "m.npz", "-o", tmp_path / f"d-{what[:9]}", "--calibration", data)
        told = [line for line in run(*words, "--bits", 2)[2] if "warning" in line]
        assert told == [
            f"prototile: warning: 2 bits lose 25.0 points of {what} on the calibration data, more than the 0.5 of"
            " max_loss; use more bits, or bits='auto' to have them chosen."
        ]
        assert not any("warning" in line for line in run(*words, "--bits", 2, "--max-loss", 0.3)[2])
        assert not any("warning" in line for line in run(*words, "--bits", 8)[2])


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize(
    "model",
    [
        pt.PrototypeModel([[[-np.inf, 0.4], [0.0, np.inf]], [[0.4, 1.5], [-np.inf, 2.5]]], ["a", "b"], metric="box"),
        pt.PrototypeModel([[[0, 3], [1, 0]], [[2, 0], [0, 1]]], ["a", "b"], metric="table"),
        pt.PrototypeModel(
            [[1, 2], [3, 0], [2, 2]], ["a", "b", "b"], "l2", k=3, masks=np.eye(3, 2), weights=[[1, 8]] * 3
        ),
    ],
    ids=["box", "table", "l2"],
)
def test_convert_takes_every_kind_of_node(run, model, suffix, tmp_path):
    save_model(model, tmp_path / f"nodes{suffix}")
    status, out, _ = run("convert", tmp_path / f"nodes{suffix}", "-o", tmp_path / "design", "--json")
    assert status == 0
    assert json.loads(out)["model"]["metric"] == model.metric
    design = pt.load(tmp_path / "design")
    (tmp_path / "X.csv").write_text("0,1\n1,0\n")
    status, out, _ = run("explain", tmp_path / "design", "--vectors", tmp_path / "X.csv", "--row", 1, "--json")
    values, expected = json.loads(out), design.explain([1, 0])
    assert status == 0
    assert (values["metric"], values["voters"]) == (model.metric, expected.voters.tolist())
    assert len(values["neighbours"]) == model.k
    assert values["neighbours"][0]["prototype"] == values["prototype"]
    assert values["first_of_label"]["label"] == values["label"]
    difference = values["first_of_runner_up"]["distance"] - values["first_of_label"]["distance"]
    assert values["margin"] == expected.margin == difference
    assert values["prototype_vector"] == expected.prototype_vector.tolist()
    status, out, _ = run("explain", tmp_path / "design", "--vectors", tmp_path / "X.csv", "--row", 1)
    assert status == 0
    assert ("voted" in out) == (model.k > 1)


def test_convert_takes_every_choice(run, model, vectors, tmp_path):
    words = [
        "--bits",
        6,
        "--lanes",
        2,
        "--pes-per-tile",
        2,
        "--columns",
        1,
        "--prototypes-per-pe",
        3,
        "--memory",
        "block",
    ]
    status, out, _ = run(
        "convert", model, "-o", tmp_path / "d", "--vectors", vectors, *words, "--memory-register", "--pe-count", 2
    )
    config = pt.load(tmp_path / "d").config
    assert status == 0
    assert (config.bits, config.lanes, config.pes_per_tile, config.columns) == (6, 2, 2, 1)
    assert (config.prototypes_per_pe, config.memory, config.memory_register, config.place_count) == (
        3,
        "block",
        True,
        2,
    )
    assert "1 x 1 tiles of 2, 2 PEs with up to 3 prototypes each, 6 bits, 2 lanes, block RAM" in out
    assert "report" not in out.splitlines()[-1]


def test_test_bench_holds_few_vectors_of_all_classes(run, model, vectors, tmp_path, small_data):
    many = tmp_path / "many.npy"
    np.save(many, np.repeat(small_data[0], 5, axis=0))
    assert run("convert", model, "-o", tmp_path / "d", "--calibration", vectors, "--vectors", many)[0] == 0
    expected = json.loads((tmp_path / "d" / "tb" / "expected.json").read_text())
    rows = json.loads((tmp_path / "d" / "tb" / "vectors.json").read_text())
    assert len(expected) == len(rows)
    assert len([row for row in rows if "made_for" not in row]) == 64
    assert {record["label"] for record in expected} == {0, 1, 2}


def write(path, content):
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content)
    return path


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("missing.npz", None, "missing.npz"),
        ("empty.npz", b"", "empty"),
        ("noise.npz", b"\x00\x01\x02" * 50, "noise.npz"),
        ("noise.skops", b"PK\x03\x04" + b"\x00" * 50, "noise.skops"),
        ("model.h5", b"x", "'.h5'"),
        ("model.onnx", b"x", "model.onnx: it holds no whole graph"),
        ("model.pkl", b"x", "--trust-pickle"),
        ("nan.csv", "1,nan,a\n2,3,b\n", "'nan' in line 1, column 2"),
        ("ragged.csv", "1,2,a\n2,b\n", "ragged.csv"),
        ("one.csv", "a\nb\n", "one.csv"),
    ],
)
def test_bad_models_are_refused(refuse, tmp_path, name, content, part):
    path = tmp_path / name
    if content is not None:
        write(path, content)
    assert part in refuse("convert", path, "-o", tmp_path / "design")
    assert not (tmp_path / "design").exists()


def test_folder_is_no_model(refuse, tmp_path):
    folder = tmp_path / "folder.npz"
    folder.mkdir()
    assert "folder.npz" in refuse("convert", folder, "-o", tmp_path / "design")


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("1,2,3,4\n5,6,7,8\n", "has 4 columns, but the model has 2 features"),
        ("1,2,ash\n3,inf,ash\n", "'inf' in line 2, column 2"),
        ("1,2,oak\n3,4,elm\n", "has labels such as oak, but the model's classes are ash, birch, cedar"),
    ],
)
def test_bad_calibration_is_refused(refuse, model, tmp_path, content, part):
    path = write(tmp_path / "calibration.csv", content)
    assert part in refuse("convert", model, "-o", tmp_path / "design", "--calibration", path)
    assert not (tmp_path / "design").exists()


def test_labels_are_compared_in_the_models_type(run, tmp_path):
    """Classes of text that look like numbers come back from a table as numbers."""
    save_model(pt.PrototypeModel(np.array([[0.0, 0.0], [9.0, 9.0]]), np.array(["0", "1"])), tmp_path / "m.npz")
    data = write(tmp_path / "data.csv", "".join(f"{i},{i},{int(i > 4)}\n" for i in range(10)))
    assert run("convert", tmp_path / "m.npz", "-o", tmp_path / "d", "--calibration", data)[0] == 0
    lines = run("predict", tmp_path / "d", data)[2]
    assert lines == ["10 of 10 labels are right (100.0 %)"]


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--board", "icebraker"], "did you mean icebreaker"),
        (["--bits", "17"], "bits must be an integer from 1 to 16, not 17"),
        (["--lanes", "0"], "lanes must be a positive integer, not 0"),
        (["--max-loss", "2"], "max_loss must be a share between 0 and 1, not 2.0"),
        (["--pe-count", "1", "--prototypes-per-pe", "1"], "prototypes_per_pe=1"),
    ],
)
def test_bad_choices_are_refused(refuse, model, tmp_path, words, part):
    assert part in refuse("convert", model, "-o", tmp_path / "design", *words)
    assert not (tmp_path / "design").exists()


def test_model_that_does_not_fit_is_answered_with_no(refuse, tmp_path):
    random = np.random.default_rng(0)
    np.savez(tmp_path / "m.npz", prototypes=random.integers(0, 256, size=(5000, 256)), labels=np.arange(5000) % 3)
    sentence = refuse("convert", tmp_path / "m.npz", "-o", tmp_path / "d", status=1)
    assert "do not fit iCE40UP5K-SG48" in sentence
    assert "of 4488 usable logic cells (85% of all, as place-and-route needs room)" in sentence
    assert "block RAMs; logic cells and block RAMs run out, at most about" in sentence
    assert "leave out" not in sentence
    assert "at most about" in sentence
    assert not (tmp_path / "d").exists()


def test_choice_that_stands_in_the_way_is_named(refuse, tmp_path):
    random = np.random.default_rng(0)
    np.savez(tmp_path / "m.npz", prototypes=random.integers(0, 16, size=(200, 32)), labels=np.arange(200) % 3)
    words = ("convert", tmp_path / "m.npz", "-o", tmp_path / "d", "--prototypes-per-pe", 1)
    sentence = refuse(*words, status=1)
    assert "logic cells and block RAMs run out, at most about" in sentence
    assert sentence.endswith("leave out prototypes_per_pe=1, without which it fits.")


def test_foreign_folder_is_left_alone(refuse, model, tmp_path):
    (tmp_path / "thesis").mkdir()
    write(tmp_path / "thesis" / "thesis.txt", "years of work")
    assert "holds something that is no design" in refuse("convert", model, "-o", tmp_path / "thesis")
    assert [path.name for path in (tmp_path / "thesis").iterdir()] == ["thesis.txt"]
    # It is noticed before the work begins.
    assert "holds something that is no design" in refuse("convert", tmp_path / "later.npz", "-o", tmp_path / "thesis")
    assert "holds something that is no design" in refuse("demo", "digits", "-o", tmp_path / "thesis")


def test_unknown_board_is_noticed_first(refuse, tmp_path):
    words = ("convert", tmp_path / "later.npz", "-o", tmp_path / "design", "--board", "icebraker")
    assert "did you mean icebreaker" in refuse(*words)


def test_place_that_cannot_be_written(refuse, model, tmp_path):
    file = write(tmp_path / "file", "")
    sentence = refuse("convert", model, "-o", file / "design")
    assert str(file / "design") in sentence
    assert "name another folder" in sentence
    assert "is a file; name a folder" in refuse("convert", model, "-o", file)


@pytest.mark.parametrize(("error", "status"), [(KeyboardInterrupt, 130), (RuntimeError("lost\nway"), 3)])
def test_nothing_half_written_is_left(refuse, model, tmp_path, monkeypatch, error, status):
    def fail(*arguments):
        raise error

    monkeypatch.setattr("prototile.report.write_report", fail)
    monkeypatch.delenv("PROTOTILE_TRACEBACK", raising=False)
    before = sorted(tmp_path.iterdir())
    sentence = refuse("convert", model, "-o", tmp_path / "deep" / "design", status=status)
    assert ("nothing half-written was left" in sentence) == (status == 130)
    assert ("RuntimeError: lost" in sentence) == (status == 3)
    assert sorted(tmp_path.iterdir()) == before


# report, explain, predict


def test_report(run, folder):
    status, out, lines = run("report", folder, "--json")
    assert (status, lines) == (0, [])
    assert json.loads(out) == json.loads((folder / "report.json").read_text())
    status, out, _ = run("report", folder)
    assert status == 0
    *table, page = out.splitlines()
    assert page.split() == ["page", str(folder / "report.html")]
    # The line stands in the table's columns, which are not filled up with blanks.
    assert table[0].startswith("converted for icebreaker")
    assert {re.match(r"[a-z ]+  +", line).end() for line in table[1:]} == {page.index(str(folder))}
    assert all(line == line.rstrip() for line in table)


@pytest.mark.parametrize("command", ["report", "simulate", "build"])
def test_folder_must_be_a_design(refuse, tmp_path, command):
    assert "does not exist; write it with prototile convert" in refuse(command, tmp_path / "nowhere")
    assert "prototile convert" in refuse(command, tmp_path)


def test_explain(run, folder, vectors, small_design, small_data):
    status, out, lines = run("explain", folder, "--vectors", vectors, "--row", 4, "--json")
    values = json.loads(out)
    expected = small_design.explain(small_data[0][4])
    assert (status, lines) == (0, [])
    assert values["label"] == expected.label == values["true_label"]
    assert sum(values["contributions"]) == values["distance"] == expected.distance
    assert values["status"] == "identified"
    status, out, _ = run("explain", folder, "--vectors", vectors, "--row", 4)
    assert status == 0
    assert f"prototype {expected.prototype} at distance {expected.distance}" in out
    assert "component 0" in out


@pytest.mark.parametrize("row", [-1, 60])
def test_row_must_be_there(refuse, folder, vectors, row):
    sentence = refuse("explain", folder, "--vectors", vectors, "--row", row)
    assert f"has the rows 0 to 59, but no row {row}" in sentence


def test_predict_prints_a_table(run, folder, vectors, small_design, small_data):
    status, out, lines = run("predict", folder, vectors)
    rows = list(csv.DictReader(io.StringIO(out)))
    records = small_design.decide(small_data[0])
    assert status == 0
    assert list(rows[0]) == ["label", "prototype", "distance", "runner_up", "margin", "status", "tie", "saturated"]
    assert [row["label"] for row in rows] == small_design.labels(records).tolist()
    for name in ("prototype", "distance", "margin", "tie", "saturated"):
        assert [int(row[name]) for row in rows] == records[name].astype(int).tolist()
    assert {row["status"] for row in rows} == {"identified"}
    right = int(np.sum(small_design.labels(records) == small_data[1]))
    assert lines == [f"{right} of 60 labels are right ({100 * right / 60:.1f} %)"]


def test_predict_leaves_nothing_behind_where_labels_are_none_of_the_models(refuse, folder, tmp_path):
    strange, answers = write(tmp_path / "strange.csv", "1,2,oak\n3,4,elm\n"), tmp_path / "answers.csv"
    for words in ((), ("--output", answers)):
        assert "has labels such as oak" in refuse("predict", folder, strange, *words)
    assert not answers.exists()


def test_runner_up_is_empty_without_another_class(run, tmp_path, vectors):
    pt.convert(pt.PrototypeModel([[0, 0], [7, 7]], ["only", "only"])).save(tmp_path / "design")
    (tmp_path / "queries.csv").write_text("1,2\n")
    words = ("predict", tmp_path / "design", tmp_path / "queries.csv")
    (row,) = csv.DictReader(io.StringIO(run(*words)[1]))
    assert (row["label"], row["runner_up"]) == ("only", "")
    assert json.loads(run(*words, "--json")[1])[0]["runner_up"] is None


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--timeout", "0"], "must be a positive number, not '0'"),
        (["--timeout", "nan"], "must be a positive number, not 'nan'"),
        (["--retries", "-1"], "must be an integer that is not negative, not '-1'"),
        (["--retries", "1.5"], "must be an integer that is not negative, not '1.5'"),
    ],
)
def test_bad_patience_is_refused(refuse, folder, vectors, words, part):
    assert part in refuse("predict", folder, vectors, *words)


def test_predict_waits_as_long_as_it_is_told(refuse, folder, vectors, monkeypatch):
    monkeypatch.setattr(driver.serial, "serial_for_url", lambda *words, **options: SilentPort())
    sentence = refuse("predict", folder, vectors, "--port", "mute", "--timeout", "0.01", "--retries", "2")
    assert "the chip on mute did not serve a request in 3 attempts of 0.01 s" in sentence


def test_predict_as_json_and_into_a_file(run, folder, vectors, tmp_path):
    status, out, _ = run("predict", folder, vectors, "--json")
    rows = json.loads(out)
    assert status == 0
    assert len(rows) == 60
    assert set(rows[0]) == {"label", "prototype", "distance", "runner_up", "margin", "status", "tie", "saturated"}
    assert {row["runner_up"] for row in rows} <= {"ash", "birch", "cedar"}
    assert all(row["runner_up"] != row["label"] for row in rows)
    status, out, _ = run("predict", folder, vectors, "--json", "--output", tmp_path / "answers.json")
    assert (status, out) == (0, "")
    assert json.loads((tmp_path / "answers.json").read_text()) == rows


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("missing.csv", None, "missing.csv"),
        ("empty.csv", "", "empty"),
        ("wide.csv", "1,2,3,4\n", "has 4 columns, but the model has 2 features"),
        ("nan.csv", "1,2\nnan,4\n", "'nan' in line 2, column 1"),
        ("notes.txt", "hello", "'.txt'"),
    ],
)
def test_bad_vectors_are_refused(refuse, folder, tmp_path, name, content, part):
    path = tmp_path / name
    if content is not None:
        write(path, content)
    assert part in refuse("predict", folder, path)
    assert part in refuse("simulate", folder, "--vectors", path)


def test_output_that_cannot_be_written(refuse, folder, tmp_path):
    vectors = write(tmp_path / "bare.csv", "1,2\n")
    sentence = refuse("predict", folder, vectors, "--output", tmp_path / "nowhere" / "x.csv")
    assert "cannot be written (No such file or directory)" in sentence


def test_missing_port(refuse, folder, vectors):
    sentence = refuse("predict", folder, vectors, "--port", "/dev/ttyNoSuchPort")
    assert "there is no port /dev/ttyNoSuchPort" in sentence


class SilentPort:
    """A port with nothing at its end."""

    timeout = 0.0

    def write(self, data):
        return len(data)

    def read(self, size=1):
        return b""

    def close(self):
        pass


class ChipOnALine:
    """A port with a chip at its end that answers requests by a function of their frame."""

    def __init__(self, answer):
        self.timeout = 0.0
        self.answer = answer
        self.requests = driver.FrameReader()
        self.out = b""

    def write(self, data):
        for frame in self.requests.feed(data):
            reply = driver.Frame(frame.command | driver.RESPONSE, frame.sequence, self.answer(frame))
            self.out += reply.encode()
        return len(data)

    def read(self, size=1):
        data, self.out = self.out[:size], self.out[size:]
        return data

    def close(self):
        pass


def identity(design, digest):
    config = design.config
    return driver.identity_bytes(
        digest=digest,
        **{name: getattr(config, name) for name in ("features", "bits", "lanes", "metric", "rows", "columns")},
        prototypes=config.prototype_count,
        classes=config.class_count,
        pes_per_tile=config.pes_per_tile,
        prototypes_per_pe=config.prototypes_per_pe,
    )


def connect(monkeypatch, answer):
    monkeypatch.setattr(driver.serial, "serial_for_url", lambda *words, **options: ChipOnALine(answer))


def test_predict_on_a_board(run, folder, vectors, small_design, small_data, monkeypatch):
    records = iter(small_design.decide(small_data[0]))
    fields = small_design.config.record_fields()

    def answer(frame):
        if frame.command == driver.Command.IDENTIFY:
            return identity(small_design, small_design.digest)
        record, bits, place = next(records), 0, 0
        for name, width, _ in fields:
            bits |= (int(record[name]) & ((1 << width) - 1)) << place
            place += width
        return bits.to_bytes(-(-place // 8), "little")

    connect(monkeypatch, answer)
    on_board = run("predict", folder, vectors, "--port", "the board")
    golden = run("predict", folder, vectors)
    assert on_board[:2] == golden[:2]
    assert on_board[0] == 0


def test_chip_with_another_design_is_not_asked(refuse, folder, vectors, small_design, monkeypatch):
    asked = []

    def answer(frame):
        asked.append(frame.command)
        return identity(small_design, "1" * 32)

    connect(monkeypatch, answer)
    sentence = refuse("predict", folder, vectors, "--port", "the board")
    assert f"holds design {'1' * 32} and not {small_design.digest}" in sentence
    assert set(asked) == {driver.Command.IDENTIFY}


@pytest.mark.parametrize("command", [["simulate"], ["build"], ["predict"], ["explain"]])
def test_exchanged_model_is_noticed(refuse, folder, vectors, small_model, command):
    other = pt.PrototypeModel(
        small_model.prototypes[::-1].copy(), small_model.labels, preprocess=small_model.preprocess
    )
    save_model(other, folder / "model.safetensors")
    words = {"predict": [vectors], "explain": ["--vectors", vectors, "--row", 0]}.get(command[0], [])
    assert "was made for" in refuse(*command, folder, *words)


# simulate, build, demo


@pytest.mark.parametrize("level", ["netlist", "bitstream"])
def test_levels_that_need_a_build_say_so(refuse, folder, level):
    assert refuse("simulate", folder, "--level", level).endswith(
        f"{folder} holds no build for icebreaker; make it with prototile build {folder}."
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--port", "/dev/ttyUSB1"], "a port leads to a real board at level board only, not at level rtl"),
        (["--level", "board", "--stalls"], "stalls are made at level rtl only, not at level board"),
        (["--level", "board", "--simulator", "icarus"], "the simulator icarus plays at level rtl only"),
        (["--waves", "x.png"], "a waveform is written to a .fst or a .vcd file, not to x.png"),
        (["--level", "board", "--port", "/dev/nowhere"], "there is no port /dev/nowhere"),
    ],
)
def test_options_that_do_not_go_with_a_level_are_refused(refuse, folder, words, message):
    assert message in refuse("simulate", folder, *words)


@pytest.mark.parametrize(
    ("components", "saturated"),
    [
        ("[1, 2, 3]", "0"),
        ("[1, 32]", "0"),
        ("[1, -1]", "0"),
        ("[1, 1.7]", "0"),
        ("[1, 100000000000000000000000]", "0"),
        ("[true, false]", "0"),
        ("[1, 2]", "-5"),
        ("[1, 2]", "99"),
        ("[1, 2]", "[1]"),
        ("[1, 2]", "0.5"),
    ],
)
def test_damaged_queries_are_refused(refuse, folder, components, saturated):
    write(folder / "tb" / "vectors.json", f'[{{"components": {components}, "saturated": {saturated}}}]')
    assert "holds no queries of this design" in refuse("simulate", folder)


def test_missing_test_bench_is_refused(refuse, folder):
    write(folder / "tb" / "vectors.json", "[" * 100_000)
    assert "cannot be read" in refuse("simulate", folder)
    write(folder / "tb" / "vectors.json", "[]")
    assert "holds no queries of this design" in refuse("simulate", folder)
    (folder / "tb" / "vectors.json").unlink()
    assert "name a file with --vectors" in refuse("simulate", folder)


def test_unknown_demonstrations_are_refused(refuse, tmp_path):
    assert "did you mean digits" in refuse("demo", "digit", "-o", tmp_path / "d")
    assert "did you mean ulx3s-25f" in refuse("demo", "iris", "--board", "ulx3s", "-o", tmp_path / "d")
    assert not (tmp_path / "d").exists()


@pytest.mark.tools
def test_simulate(run, folder, vectors, tmp_path):
    status, out, _ = run("simulate", folder, "--vectors", vectors, "--json")
    values = json.loads(out)
    assert status == 0
    assert (values["rows"], values["mismatches"], values["differences"], values["made"]) == (60, 0, [], 0)
    assert sum(values["cases"][f"label {label}"] for label in range(3)) == 60
    assert values["cases"]["status identified"] == 60
    assert set(values["impossible"]) == {"status unknown", "status uncertain", "no runner-up", "margin below 0"}
    assert values["accuracy"]["rtl"] == values["accuracy"]["quantised"]
    report = json.loads((folder / "report.json").read_text())
    assert report["stage"] == "simulated"
    assert report["verification"] == {"level": "rtl", "rows": 60, "mismatches": 0}
    status, out, lines = run("simulate", folder, "--stalls", "--junit", tmp_path / "junit.xml")
    assert status == 0
    assert re.search("queries +19 at level rtl, 3 of them made for rare cases, and [0-9]+ probes, ", out)
    assert "7 of 7 that this model can have\n" in out
    assert "ties          0 queries, and 0 with clipped components" in out
    assert not any("warning" in line for line in lines)
    cases = ElementTree.parse(tmp_path / "junit.xml").getroot().findall("testsuite/testcase")
    assert {"back_to_back", "all_queries_at_level_rtl"} <= {case.get("name") for case in cases}
    assert sum(case.find("system-out") is not None for case in cases) == 1
    report = json.loads((folder / "report.json").read_text())
    assert report["bench"]["failures"] == 0
    assert report["bench"]["tests"] > 0
    assert "accuracy" not in report
    # Other vectors say nothing against the bench; other Verilog does.
    assert run("simulate", folder, "--vectors", vectors)[0] == 0
    assert json.loads((folder / "report.json").read_text())["bench"] == report["bench"]
    core = folder / "rtl/prototile_core.v"
    core.write_text(core.read_text() + "// changed\n")
    assert run("simulate", folder, "--vectors", vectors)[0] == 0
    assert "bench" not in json.loads((folder / "report.json").read_text())


@pytest.mark.tools
def test_wrong_hardware_is_answered_with_no(run, folder, vectors, small_model, tmp_path):
    other = pt.PrototypeModel(
        small_model.prototypes[::-1].copy(), small_model.labels, preprocess=small_model.preprocess
    )
    design = pt.convert(other, bits=5)
    shutil.copyfile(design.save(tmp_path / "other") / "rtl/prototile_core.v", folder / "rtl/prototile_core.v")
    status, out, _ = run("simulate", folder, "--vectors", vectors, "--junit", tmp_path / "junit.xml")
    assert status == 1
    assert "but must be" in out
    assert "failed" in out
    told = json.loads((folder / "report.json").read_text())["verification"]
    wrong, asked = told["mismatches"], told["rows"]
    assert wrong > 0
    # The probes among them.
    assert asked > 60
    (case,) = ElementTree.parse(tmp_path / "junit.xml").findall("testsuite/testcase[@name='all_queries_at_level_rtl']")
    assert case.find("failure").get("message") == f"{wrong} of {asked} queries are not answered as by the golden model"


def test_bitstream_of_wrong_hardware_is_answered_with_no(run, folder, small_design, small_data, monkeypatch):
    golden = small_design.decide(small_data[0])
    found = golden.copy()
    found["margin"] += 1
    bench = BenchResult(tests=8, failures=2, failed=("a", "b"), junit=folder, coverage=folder, log=folder)
    verification = compare(golden, found, level="rtl", cycles=1)
    update_report(folder, small_design, simulated(small_design, verification, bench=bench, bench_simulator="icarus"))
    monkeypatch.setattr("prototile.commands.build_into", lambda *words, **options: built_report(folder))
    status, out, lines = run("build", folder)
    assert status == 1
    assert "FAILED: 60 queries at level rtl, 60 mismatches in any field" in out
    assert "FAILED: 8 cocotb tests with icarus, 2 failed" in out
    assert lines[-1].startswith("prototile: warning: the Verilog of this bitstream was found wrong")
    assert "60 of 60 queries were answered wrongly at level rtl and 2 of 8 cocotb tests failed" in lines[-1]
    assert json.loads((folder / "report.json").read_text())["stage"] == "built"
    # The verdict was on other Verilog than that which is built now.
    core = folder / "rtl/prototile_core.v"
    core.write_text(core.read_text() + "// changed\n")
    status, out, lines = run("build", folder)
    assert (status, [line for line in lines if "warning" in line]) == (0, [])
    assert "verified" not in out


def built_report(folder, **changes):
    values = {
        "device": "iCE40UP5K-SG48",
        "board": "icebreaker",
        "lut": 800,
        "available": {"lut": 5280},
        "fmax_mhz": 40.0,
        "target_mhz": 36.0,
        "timing_met": True,
        "seed": 1,
        "digest": "0" * 64,
        "folder": folder / "boards" / "icebreaker",
        "bitstream_file": "chip.bin",
    }
    return BuildReport(**values | changes)


@pytest.mark.tools
def test_prototypes_as_the_only_vectors_are_told_of(run, small_design, tmp_path):
    small_design.save(tmp_path / "design")
    status, _, lines = run("simulate", tmp_path / "design")
    assert status == 0
    (line,) = [line for line in lines if "warning" in line]
    assert "holds no vectors of data, so only the model's own prototypes are played" in line


@pytest.mark.tools
@pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog is not installed")
def test_simulate_with_icarus(run, folder, vectors, tmp_path):
    words = ["--simulator", "icarus", "--vectors", vectors, "--junit", tmp_path / "junit.xml"]
    status, out, _ = run("simulate", folder, *words, "--json")
    assert status == 0
    assert json.loads(out)["bench"]["failures"] == 0
    assert (json.loads(out)["rows"], json.loads(out)["mismatches"]) == (60, 0)
    report = json.loads((folder / "report.json").read_text())
    assert (report["stage"], report["bench"]["simulator"]) == ("simulated", "icarus")
    assert report["verification"]["rows"] == 60
    assert run("report", folder)[0] == 0


def test_demonstration_names_a_command_that_a_shell_finds(monkeypatch, tmp_path):
    scripts = Path(sysconfig.get_path("scripts"))
    monkeypatch.setenv("PATH", str(scripts))
    assert _program() == "prototile"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert _program().endswith("bin/prototile")
    assert Path(_program()).is_file()
    # A relative path wherever that is shorter.
    monkeypatch.chdir(scripts.parent)
    assert _program() == f"{scripts.name}/prototile"


def test_every_board_has_its_port():
    ports = {name: usual_port(board) for name, board in boards().items()}
    assert ports == {"icebreaker": "/dev/ttyUSB1", "ice40-hx8k": "/dev/ttyUSB1", "ulx3s-25f": "/dev/ttyUSB0"}


@pytest.mark.tools
def test_demonstration_from_training_to_bitstream(run, tmp_path):
    folder = tmp_path / "iris"
    status, out, lines = run("demo", "iris", "-o", folder, "--json")
    values = json.loads(out)
    assert status == 0
    assert not any(line.startswith("prototile: error") for line in lines)
    assert values["stage"] == "built"
    assert values["verification"] == {"level": "rtl", "rows": 45, "mismatches": 0}
    assert values["accuracy"]["rtl"] == values["accuracy"]["quantised"] >= 0.9
    assert values["bench"]["failures"] == 0
    assert values["timing_met"] is True
    assert values["fmax_mhz"] >= values["target_mhz"] >= 36
    assert values["bitstream"] == str(folder / "boards/icebreaker/chip.bin")
    assert values["load"] == f"iceprog {values['bitstream']}"
    report = json.loads((folder / "report.json").read_text())
    assert report == {key: value for key, value in values.items() if key in report}
    # What the demonstration leaves can be used at once.
    assert run("predict", folder, folder / "vectors.csv")[0] == 0
    status, out, _ = run("build", folder, "--json")
    assert status == 0
    assert json.loads(out)["fmax_mhz"] == values["fmax_mhz"]
    assert run("report", folder)[0] == 0


def test_missed_clock_is_answered_with_no(run, folder, monkeypatch):
    missed = built_report(folder, fmax_mhz=30.0, timing_met=False)
    monkeypatch.setattr("prototile.commands.build_into", lambda *words, **options: missed)
    status, out, lines = run("build", folder)
    assert status == 1
    assert "30 MHz reached, 36 MHz needed: missed" in out
    assert lines[-1].startswith("prototile: error: the design reaches 30.0 MHz of 36 MHz")
    assert json.loads((folder / "report.json").read_text())["timing_met"] is False


def test_cache_that_is_no_folder(refuse, folder, tmp_path, monkeypatch):
    odd = write(tmp_path / "odd", "")
    monkeypatch.setenv("PROTOTILE_CACHE", str(odd))
    assert f"PROTOTILE_CACHE names {odd}, which is no folder" in refuse("build", folder)


def test_interrupted_build_leaves_nothing(refuse, folder, monkeypatch):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    before = sorted(folder.rglob("*"))
    monkeypatch.setattr("prototile.boards.build._synthesise", interrupt)
    assert "nothing half-written was left" in refuse("build", folder, "--no-cache", status=130)
    assert sorted(folder.rglob("*")) == before
