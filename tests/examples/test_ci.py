"""The example of continuous integration: the workflow is valid, and its steps do what they say, in their order."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import bare_environment
import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "ci"
WORKFLOW = EXAMPLE / "prototile.yml"
#: What a shell of GitHub is called with.
SHELL = ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c")


def workflow():
    return YAML(typ="safe").load(WORKFLOW)


def steps():
    (job,) = workflow()["jobs"].values()
    return job["steps"]


def checked(file):
    words = ["-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", file]
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)


def test_workflow_is_valid(tmp_path):
    assert checked(WORKFLOW).returncode == 0
    # The check can fail.
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(WORKFLOW.read_text().replace("timeout-minutes", "timeout-hours"))
    assert checked(wrong).returncode == 1


def test_results_are_kept_and_published_whatever_fails():
    by_name = {step.get("name"): step for step in steps()}
    for name in ("Keep the results", "Publish the results"):
        assert by_name[name]["if"] == "always()"
        assert "results/" in str(by_name[name]["with"])
    assert workflow()["permissions"] == {"contents": "read", "checks": "write"}
    for step in steps():
        assert ("run" in step) != ("uses" in step)
        assert "uses" not in step or re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step["uses"])


def test_files_of_the_workflow_are_those_of_the_example():
    text = "\n".join(step.get("run", "") for step in steps())
    assert "python train.py" in text
    assert sorted(path.name for path in EXAMPLE.iterdir()) == ["README.md", "prototile.yml", "train.py"]


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A user's repository, and what its steps find: all that prototile needs, and prototile's own source."""
    folder = tmp_path_factory.mktemp("ci")
    programs = bare_environment.make(
        folder / "python", *bare_environment.requirements("prototile"), "pip", "setuptools"
    )
    source = folder / "source"
    source.mkdir()
    for name in ("rtl", "gen", "sim", "boards"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copyfile(ROOT / name, source / name)
    (folder / "work").mkdir()
    shutil.copyfile(EXAMPLE / "train.py", folder / "work" / "train.py")
    kept = {name: os.environ[name] for name in ("HOME", "PROTOTILE_CACHE", "LANG") if name in os.environ}
    environment = {
        **kept,
        **workflow()["env"],
        "PATH": f"{programs}:/usr/local/bin:/usr/bin:/bin",
        "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
        # Of what it installs only the name is another one, and nothing else comes from anywhere.
        "PROTOTILE": str(source),
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_ROOT_USER_ACTION": "ignore",
    }
    return folder / "work", environment


def run(step, repository):
    folder, environment = repository
    return subprocess.run(
        [*SHELL, step["run"]], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_steps_in_their_order_and_a_broken_design(repository):
    folder, environment = repository
    for step in steps():
        if "run" in step:
            result = run(step, repository)
            assert result.returncode == 0, f"{step['name']}: {result.stdout}{result.stderr}"
    # What ran is what was installed.
    where = subprocess.run(
        ["python", "-c", "import prototile; print(prototile.__file__)"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(where.stdout).is_relative_to(folder.parent / "python")

    results = folder / "results"
    assert sorted(path.name for path in results.iterdir()) == ["bench.xml", "coverage.json", "netlist.xml", "rtl.xml"]
    tests = {
        name: ElementTree.parse(results / f"{name}.xml").findall(".//testcase") for name in ("rtl", "netlist", "bench")
    }
    assert [len(tests[name]) for name in ("rtl", "netlist", "bench")] == [9, 1, 8]
    assert "missed" not in {case["state"] for case in json.loads((results / "coverage.json").read_text())["cases"]}
    report = json.loads((folder / "design" / "report.json").read_text())
    assert [(level["level"], level["mismatches"]) for level in report["levels"]] == [("rtl", 0), ("netlist", 0)]
    assert report["accuracy"]["rtl"] > 0.9
    summary = (folder.parent / "summary.md").read_text()
    assert "at level netlist, 0 mismatches in any field" in summary
    for path in next(step for step in steps() if step.get("name") == "Keep the results")["with"]["path"].split():
        assert list(folder.glob(path.rstrip("/"))), path

    # A bit of a prototype: whatever simulates must find it, and the netlist of the good one must not pass for it.
    core = folder / "design" / "rtl" / "prototile_core.v"
    broken, count = re.subn(r"(memory_0\[0\] = 5'h1)0;", r"\g<1>1;", core.read_text(), count=1)
    assert count == 1
    core.write_text(broken)
    expected = {"Simulate the Verilog": 1, "Simulate the netlist": 2, "Run the test bench": 2}
    assert {
        step["name"]: run(step, repository).returncode for step in steps() if step.get("name") in expected
    } == expected
    (case,) = ElementTree.parse(results / "rtl.xml").findall(".//testcase[@name='all_queries_at_level_rtl']")
    assert "queries are not answered as by the golden model" in case.find("failure").get("message")
