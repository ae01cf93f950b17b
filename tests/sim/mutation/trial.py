"""Tries every mutant of a subject: the regression must catch it, or it is proved or argued to answer as the design."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mutation.arguments import Argument
from mutation.configurations import NarrowConfiguration, other_numbers, verilog_of
from mutation.equivalence import Verdict, prove
from mutation.mutants import Mutant, nothing
from mutation.mutated import Candidates, Mutated
from mutation.regression import ANY_SIMULATOR, Finding, Regression
from mutation.subjects import Subject

SEED = 1
#: Changes of words, and of bits, of each subject.
WORDS, BITS = 30, 16
#: Mutants that are caught, which it is tried to prove, for control.
_CAUGHT = 3


@dataclass(frozen=True)
class Result:
    """What became of a mutant.

    Attributes
    ----------
    subject, operator, key
        Whose it is, what was changed, and its name.
    outcome
        ``caught``; ``proved`` or ``argued`` to answer as the design does; ``survived``.
    by
        Check and field that caught it; how it was proved; the argument; or where it differs, though it was not caught.
    """

    subject: str
    operator: str
    key: str
    outcome: str
    by: str = ""


class BrokenControl(Exception):
    """The regression does not pass the design itself, or a proof tells what it must not."""


def try_subject(
    subject: Subject,
    folder: Path,
    reasons: Sequence[Argument],
    *,
    words: int | None = WORDS,
    bits: int | None = BITS,
    tell: Callable[[str], None] = lambda line: None,
) -> list[Result]:
    """Try mutants of a design.

    Parameters
    ----------
    subject
        The design.
    folder
        For files.
    reasons
        Arguments for those that survive. None holds for what differs somewhere: in a run that ABC finds, or for some
        query of all that there are.
    words, bits
        So many changes of words and of bits; None for one at each place.
    tell
        Called with a line after each step.

    Raises
    ------
    BrokenControl
        If the design itself does not pass, or so a mutant that changes nothing; if that is not proved to answer as the
        design does, or a mutant that was caught is.
    """
    regression = Regression(subject, folder)
    return [
        *_try_verilog(subject, folder, regression, reasons, words, bits, tell),
        *_try_numbers(subject, regression, reasons, tell),
    ]


def _try_verilog(subject, folder, regression, reasons, words, bits, tell):
    candidates = Candidates(subject, folder)
    mutants = candidates.sample(SEED, words, bits)
    control = nothing(candidates.netlist)
    mutated = Mutated(candidates, [*mutants, control])
    _must_pass(subject, regression.verified(mutated.verilog))
    mutated.revive(len(mutants) + 1)
    _must_pass(subject, regression.verified(mutated.verilog) or regression.benched(mutated.verilog))
    found: list[Finding | None] = []
    for number in range(1, len(mutants) + 1):
        mutated.revive(number)
        found.append(regression.verified(mutated.verilog))
    left = [at for at, finding in enumerate(found) if finding is None]
    tell(f"{subject.name}: {len(mutants)} mutants of its Verilog, verify leaves {len(left)}")
    for at in left:
        mutated.revive(at + 1)
        found[at] = regression.benched(mutated.verilog)
    left = [at for at in left if found[at] is None]
    tell(f"{subject.name}: the test bench leaves {len(left)}")
    caught = [mutant for mutant, finding in zip(mutants, found, strict=True) if finding is not None][:_CAUGHT]
    same, *others = prove(candidates, [control, *caught, *(mutants[at] for at in left)])
    _must_be_told(subject, same, caught, others)
    verdicts = dict(zip(left, others[len(caught) :], strict=True))
    results = []
    for at, mutant in enumerate(mutants):
        finding = found[at]
        if finding is not None:
            results.append(_result(subject, mutant, "caught", str(finding)))
        elif verdicts[at].proved:
            results.append(_result(subject, mutant, "proved", "induction"))
        else:
            mutated.revive(at + 1)
            differs = verdicts[at].difference or _told(regression.exhausted(mutated.verilog))
            results.append(_argued(subject, mutant, reasons, differs))
    tell(f"{subject.name}: {sum(one.proved for one in verdicts.values())} of them are proved to answer as it does")
    return results


def _try_numbers(subject, regression, reasons, tell):
    mutants = other_numbers(subject.design, SEED)
    results = []
    for mutant, verilog in zip(mutants, verilog_of(mutants), strict=True):
        finding = regression.verified(verilog, ANY_SIMULATOR) or regression.benched(verilog)
        if finding is not None:
            results.append(_result(subject, mutant, "caught", str(finding)))
            continue
        differs = _told(regression.exhausted(verilog))
        if differs or isinstance(mutant.config, NarrowConfiguration):
            results.append(_argued(subject, mutant, reasons, differs))
        else:
            # It is hardware that is right for some numbers, and these give each query the same record.
            results.append(_result(subject, mutant, "proved", "all queries"))
    tell(f"{subject.name}: {len(mutants)} mutants of its configuration")
    return results


def _must_pass(subject: Subject, finding: Finding | None) -> None:
    if finding is not None:
        raise BrokenControl(f"{subject.name}: the design itself does not pass, {finding}")


def _must_be_told(subject: Subject, same: Verdict, caught: Sequence[Mutant], others: Sequence[Verdict]) -> None:
    """What changes nothing is proved, and what was caught is not."""
    if not same.proved:
        raise BrokenControl(f"{subject.name}: no proof that what changes nothing answers as the design does")
    for mutant, verdict in zip(caught, others, strict=False):
        if verdict.proved:
            raise BrokenControl(f"{subject.name}: caught, but proved to answer as the design does: {mutant.key}")


def _result(subject, mutant, outcome, by=""):
    return Result(subject.name, mutant.operator, f"{subject.name} | {mutant.key}", outcome, by)


def _told(finding: Finding | None) -> str:
    return "" if finding is None else f"all queries: {finding}"


def _argued(subject, mutant, reasons, differs):
    key = f"{subject.name} | {mutant.key}"
    reason = next((one for one in reasons if one.covers(key)), None)
    # What was seen to differ cannot be argued away.
    if reason is None or differs:
        return _result(subject, mutant, "survived", differs)
    return _result(subject, mutant, "argued", reason.because)


def idle(reasons: Iterable[Argument], results: Sequence[Result]) -> list[str]:
    """What is wrong with a list of arguments: those that no survivor needs, and those for a mutant that is caught."""
    wrong = []
    for reason in reasons:
        covered = [result for result in results if reason.covers(result.key)]
        caught = [result.key for result in covered if result.outcome == "caught"]
        if caught:
            wrong.append(f"argued for, but caught: {caught[0]}")
        elif not any(result.outcome == "argued" for result in covered):
            wrong.append(f"argued for, but there is no such survivor: {reason.mutants}")
    return wrong
