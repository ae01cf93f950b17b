"""Proves everything, and prints what was proved: ``python -m formal``, or those proofs whose names hold a word."""

import argparse
import sys
import warnings
from pathlib import Path

from formal.engine import ProverError
from formal.proofs import PROOFS


def main() -> int:
    parser = argparse.ArgumentParser(prog="formal", description="Prove the properties of the hardware.")
    parser.add_argument("word", nargs="?", default="", help="only the proofs whose names hold it")
    parser.add_argument("--controls", action="store_true", help="also try what must not be provable")
    parser.add_argument("-o", "--output", type=Path, default=Path("build", "formal"), help="folder of the runs")
    arguments = parser.parse_args()
    # A proof takes some parts of a core, and Amaranth warns of the others.
    warnings.filterwarnings("ignore", message=".* created but never used")
    chosen = [proof for proof in PROOFS if arguments.word in proof.name]
    if not chosen:
        parser.error(f"no proof's name holds {arguments.word!r}, only: {'; '.join(proof.name for proof in PROOFS)}")
    wrong = 0
    for proof in chosen:
        print(f"{proof.name}, by {proof.method}: {proof.claim}")
        folder = arguments.output / proof.name.replace(" ", "-")
        wrong += sum(not shape_holds(proof, shape, folder) for shape in proof.shapes)
        if arguments.controls:
            wrong += sum(not control_fails(proof, control, folder) for control in proof.controls)
    print(f"{wrong} not as they must be" if wrong else "all as it must be")
    return 1 if wrong else 0


def shape_holds(proof, shape, folder) -> bool:
    return told(shape, lambda: proof.run(shape, folder / "proof"), lambda outcome: outcome.proved)


def control_fails(proof, control, folder) -> bool:
    return told(
        f"not with {control}", lambda: proof.refute(control, folder / "control"), lambda outcome: outcome.broken
    )


def told(name, run, expected) -> bool:
    """Print what came of a run, and whether that is what is expected."""
    try:
        outcome = run()
    except ProverError as error:
        print(f"  {name}: {error}", flush=True)
        return False
    print(f"  {outcome.seconds:6.1f} s  {name}: {outcome}", flush=True)
    return bool(expected(outcome))


if __name__ == "__main__":
    sys.exit(main())
