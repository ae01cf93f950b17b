"""Tries all mutants, or those of some subjects, and prints what became of them: ``python -m mutation``."""

import argparse
import sys
from collections import Counter
from pathlib import Path

from mutation.arguments import Argument, arguments
from mutation.subjects import SUBJECTS, Subject
from mutation.trial import BITS, WORDS, BrokenControl, Result, idle, try_subject
from rich.console import Console
from rich.table import Table

OUTCOMES = ("caught", "proved", "argued", "survived")


def main() -> int:
    parser = argparse.ArgumentParser(prog="mutation", description="Check that level rtl's regression catches mutants.")
    parser.add_argument("word", nargs="?", default="", help="only the subjects whose names hold it")
    parser.add_argument("--words", type=int, default=WORDS, help="changes of words of each subject")
    parser.add_argument("--bits", type=int, default=BITS, help="changes of bits of each subject")
    parser.add_argument("-o", "--output", type=Path, default=Path("build", "mutation"), help="folder of the runs")
    options = parser.parse_args()
    reasons = arguments()
    subjects = [subject for subject in SUBJECTS if options.word in subject.name]
    if not subjects:
        parser.error(f"no design's name holds {options.word!r}, only: {'; '.join(one.name for one in SUBJECTS)}")
    results = []
    wrong = []
    for subject in subjects:
        try:
            results += tried(subject, options, reasons)
        except BrokenControl as error:
            wrong.append(str(error))
    whole = len(subjects) == len(SUBJECTS) and (options.words, options.bits) == (WORDS, BITS)
    wrong += [f"survived: {result.key} {result.by}" for result in results if result.outcome == "survived"]
    wrong += idle(reasons, results) if whole else []
    show(results)
    for line in wrong:
        print(line)
    print(f"{len(wrong)} not as they must be" if wrong else "all as it must be")
    return 1 if wrong else 0


def tried(subject: Subject, options: argparse.Namespace, reasons: list[Argument]) -> list[Result]:
    """Try the mutants of a subject, and write down what became of each."""
    folder = options.output / subject.folder
    results = try_subject(
        subject,
        folder,
        reasons,
        words=options.words,
        bits=options.bits,
        tell=lambda line: print(line, flush=True),
    )
    lines = ["\t".join((result.outcome, result.key, result.by)) for result in results]
    (folder / "results.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return results


def show(results) -> None:
    """Print outcomes by operator, and what caught the mutants."""
    counts = Counter((result.operator, result.outcome) for result in results)
    table = Table(box=None)
    for name, justify in (("operator", "left"), *((outcome, "right") for outcome in (*OUTCOMES, "all"))):
        table.add_column(name, justify=justify)
    rows = [*dict.fromkeys(result.operator for result in results)]
    for operator in rows:
        found = [counts[operator, outcome] for outcome in OUTCOMES]
        table.add_row(operator, *map(str, found), str(sum(found)))
    sums = [sum(counts[operator, outcome] for operator in rows) for outcome in OUTCOMES]
    table.add_row("all", *map(str, sums), str(len(results)))
    console = Console()
    console.print(table)
    by = Counter(result.by.split(":")[0] for result in results if result.outcome == "caught")
    for check, count in by.most_common():
        console.print(f"{count} caught by {check}", highlight=False)


if __name__ == "__main__":
    sys.exit(main())
