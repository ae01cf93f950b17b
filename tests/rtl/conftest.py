import os
from pathlib import Path

import numpy as np
import pytest
from random_cases import Case, draw, shrunk

from prototile.errors import ToolError
from prototile.rtl.memories import STARTS_EMPTY
from prototile.sim.golden import GoldenModel
from prototile.sim.verilated import Stalls


@pytest.fixture(name="draw")
def draw_fixture():
    return draw


STALLS = [
    Stalls(),
    Stalls(source=0.3, sink=0.5, seed=2),
    Stalls(sink=0.97, seed=3),
    Stalls(source=0.9, seed=4),
]


def check(case: Case, folder):
    """Compare every field of every record with the golden model, and the cycles with their formulas."""
    golden = case.golden()
    simulated = case.compiled(folder)
    config = case.config
    writes = case.writes()
    if config.writable and config.memory not in STARTS_EMPTY:
        before = GoldenModel(config, case.at_start()).decide(case.queries, case.saturated)
        assert_equal_records(simulated.run(case.queries, case.saturated).records, before)
    resets = Stalls(source=0.1, resets=24, seed=5)
    for stalls in [*STALLS, resets]:
        assert_equal_records(simulated.run(case.queries, case.saturated, stalls, writes=writes).records, golden)
    run = simulated.run(case.queries, case.saturated, writes=writes)
    assert run.taken[0] - run.first_word[0] == config.latency_cycles
    assert set(np.diff(run.taken)) <= {config.interval_cycles}


def assert_equal_records(found, golden):
    for name in golden.dtype.names:
        np.testing.assert_array_equal(found[name], golden[name], err_msg=name)


def refuted(case: Case, folder) -> bool:
    """Whether the check of a case fails; a case that cannot be built at all refutes nothing."""
    try:
        case.golden()
        simulated = case.verilog()
    except (ValueError, TypeError, IndexError):
        return False
    assert simulated
    try:
        check(case, folder)
    except (AssertionError, ToolError):
        return True
    return False


@pytest.fixture(name="check")
def check_fixture(request):
    """The check; a case that fails is shrunk, and kept where the message says."""

    def checked(case, folder):
        try:
            check(case, folder)
        except (AssertionError, ToolError) as error:
            small = shrunk(case, lambda candidate: refuted(candidate, folder))
            file = Path("build", "failures", f"{request.node.name}.json")
            small.save(file)
            raise AssertionError(
                f"{error}\nshrunk to {small.config}; once understood, keep {os.fspath(file)} in tests/rtl/cases"
            ) from error

    return checked


@pytest.fixture(name="shrunk")
def shrunk_fixture():
    return shrunk


@pytest.fixture(name="refuted")
def refuted_fixture():
    return refuted


@pytest.fixture(name="load_case")
def load_case_fixture():
    return Case.load
