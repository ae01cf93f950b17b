"""Mutants of small designs: level rtl's regression catches each that answers otherwise; ``make mutants`` tries all."""

import pytest
from mutation import trial
from mutation.arguments import Argument, arguments
from mutation.equivalence import prove
from mutation.mutants import nothing
from mutation.mutated import Candidates, Mutated
from mutation.regression import Finding, Regression
from mutation.subjects import SUBJECTS
from mutation.trial import BrokenControl, Result, idle, try_subject

pytestmark = pytest.mark.tools

QUICK = next(subject for subject in SUBJECTS if subject.name == "parallel, counted")
#: For the slow tests; make mutants tries all.
SOME = [subject for subject in SUBJECTS if subject.name in ("votes", "linf, written", "boxes")]


def keys(results, outcome):
    """Names of the mutants that became this."""
    return [one.key for one in results if one.outcome == outcome]


def test_a_few_mutants_are_caught(tmp_path):
    """What changes nothing is among them: it passes, and is proved to answer as the design does."""
    results = try_subject(QUICK, tmp_path, arguments(), words=13, bits=2)
    assert keys(results, "survived") == []
    assert len(keys(results, "caught")) > 20


@pytest.mark.slow
@pytest.mark.parametrize("subject", SOME, ids=lambda subject: subject.name)
def test_all_mutants_are_caught_or_cannot_be_told_from_the_design(subject, tmp_path):
    reasons = [reason for reason in arguments() if reason.mutants.startswith(f"{subject.name} | ")]
    results = try_subject(subject, tmp_path, reasons)
    assert keys(results, "survived") == []
    assert idle(reasons, results) == []


@pytest.fixture(scope="module", name="candidates")
def candidates_of_the_quick_subject(tmp_path_factory):
    return Candidates(QUICK, tmp_path_factory.mktemp("candidates"))


@pytest.mark.slow
def test_what_changes_nothing_survives_and_is_proved_and_what_is_caught_is_not(candidates):
    regression = Regression(QUICK, candidates.folder)
    same, *others = mutants = [nothing(candidates.netlist), *candidates.sample(trial.SEED, 4, 0)]
    mutated = Mutated(candidates, mutants)
    passed = []
    for number in range(len(mutants) + 1):
        mutated.revive(number)
        passed.append(regression.verified(mutated.verilog) is None)
    assert passed[:2] == [True, True]
    caught = [mutant for mutant, passes in zip(others, passed[2:], strict=True) if not passes]
    assert caught
    verdict, *verdicts = prove(candidates, [same, *caught])
    assert verdict.proved
    assert not any(verdict.proved for verdict in verdicts)
    assert all("it answers otherwise in cycle" in verdict.difference for verdict in verdicts)


def test_mutants_have_names_of_their_own_and_are_drawn_alike_each_time(candidates):
    drawn = [mutant.key for mutant in candidates.sample(1, 30, 16)]
    assert drawn == [mutant.key for mutant in candidates.sample(1, 30, 16)]
    assert len(set(drawn)) == len(drawn) == 46


def test_a_regression_that_fails_the_design_is_no_regression(monkeypatch, tmp_path):
    monkeypatch.setattr(Regression, "verified", lambda *_, **__: Finding("verify", "label"))
    with pytest.raises(BrokenControl, match=r"^parallel, counted: the design itself does not pass, verify: label$"):
        try_subject(QUICK, tmp_path, [], words=1, bits=0)


@pytest.mark.slow
def test_a_regression_that_finds_nothing_leaves_survivors(monkeypatch, tmp_path):
    """What differs for some query is no survivor that can be argued for."""
    monkeypatch.setattr(Regression, "verified", lambda *_, **__: None)
    monkeypatch.setattr(Regression, "benched", lambda *_: None)
    monkeypatch.setattr(trial, "other_numbers", lambda *_: [])
    monkeypatch.setattr(trial, "_CAUGHT", 0)
    results = try_subject(QUICK, tmp_path, [Argument("*", "nobody looks at it")], words=3, bits=0)
    assert [one for one in results if one.outcome == "survived" and "it answers otherwise in cycle" in one.by]


def result(key, outcome):
    return Result(subject="a", operator="constant", key=key, outcome=outcome)


def test_arguments_are_for_survivors_only():
    results = [result("a | constant | 1", "caught"), result("a | constant | 2", "argued"), result("b | x", "proved")]
    assert idle([Argument("a | constant | 2", "")], results) == []
    assert idle([Argument("a | *", "")], results) == ["argued for, but caught: a | constant | 1"]
    for name in ("b | x", "c"):
        assert idle([Argument(name, "")], results) == [f"argued for, but there is no such survivor: {name}"]


def test_each_argument_names_its_design_and_says_why():
    for reason in arguments():
        assert reason.mutants.split(" | ")[0] in {subject.name for subject in SUBJECTS}
        assert len(reason.because.split()) > 10


def test_a_star_in_an_argument_stands_for_anything_and_nothing_else_does():
    assert Argument("a | * | c.d", "").covers("a | b [1] | c.d")
    assert not Argument("a | * | c.d", "").covers("a | b | c-d")
    assert not Argument("a", "").covers("a | b")
