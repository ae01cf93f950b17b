"""Which part of the product may know which: the folders say it, this holds them to it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
#: Modules above the generator, which bring all parts together for the user.
FACADE = {"__init__", "design", "folder", "levels", "report", "page", "cli", "commands", "summary", "demo"}


def imports(path):
    """Names of the modules that a file imports anywhere."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


def files(folder):
    return sorted((ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("path", files("rtl"), ids=str)
def test_hardware_takes_plain_integers(path):
    for name in imports(path):
        top = name.split(".")[0]
        assert top not in {"numpy", "cocotb", "sklearn"}
        assert top != "prototile" or name.startswith("prototile.rtl")


@pytest.mark.parametrize("path", files("gen"), ids=str)
def test_generator_knows_neither_boards_nor_simulators(path):
    if path.stem in FACADE and path.parent == ROOT / "gen":
        return
    for name in imports(path):
        assert not name.startswith("prototile.boards")
        assert not name.startswith("prototile.sim") or name == "prototile.sim.golden"


@pytest.mark.parametrize("name", ["golden", "metrics"])
def test_golden_model_knows_no_hardware(name):
    names = set(imports(ROOT / "sim" / f"{name}.py"))
    assert {name.split(".")[0] for name in names} <= {*sys.stdlib_module_names, "numpy", "prototile"}
    assert {name for name in names if name.startswith("prototile")} <= {
        "prototile.config",
        "prototile.nodes",
        "prototile.record",
        "prototile.sim.metrics",
    }


def test_answers_need_no_hardware_library():
    code = "import prototile, sys; prototile.convert, prototile.PrototypeModel; assert 'amaranth' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
