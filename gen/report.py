"""The report of a design: ``report.json`` for programs, and ``report.html`` for people."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from prototile.arrays import label_text
from prototile.errors import ModelFileError
from prototile.folder import CORE_FILE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from prototile.boards.board import Board
    from prototile.boards.report import BuildReport
    from prototile.design import Design, Verification
    from prototile.sim.bench import BenchResult

REPORT_FILE = "report.json"
PAGE_FILE = "report.html"
#: What a design has gone through; the report names the last.
STAGES = ("converted", "simulated", "built")
#: What a design may be compared at, from the weakest proof to the strongest: a simulated board is no netlist yet.
_COMPARED_AT = ("rtl", "simulated board", "netlist", "bitstream", "board")
#: Figures of the queries that were compared.
_QUALITY = ("accuracy", "agreement", "ties", "saturated")
#: Decimals of a share: so many that it is not rounded twice where fewer are shown.
_SHARE_DIGITS = 6
#: Bytes of a frame beside its payload: two flags, command, sequence, length, CRC.
_FRAME_OVERHEAD = 2 + 8
#: Bytes of a request's payload before its components: how many of them were clipped.
_SATURATED_BYTES = 2
#: Bits of a byte on the serial line: start, eight, stop.
_BITS_PER_BYTE = 10

_NUMBER = (int, float)
#: What times there are come together.
_TIMES: dict[str, Any] = {
    "clock_mhz": _NUMBER,
    "latency_ns": _NUMBER,
    "throughput_per_s": int,
    "link": {"baud": int, "request_bytes": int, "answer_bytes": int, "throughput_per_s": int},
}
#: What every report holds, by the types of its values; `_BY_NAME` stands for an object of numbers.
_BY_NAME = "numbers by name"
_ALWAYS: dict[str, Any] = {
    "digest": str,
    "model": {"prototypes": int, "features": int, "classes": list, "metric": str},
    "grid": {
        **dict.fromkeys(("rows", "columns", "pes_per_tile", "pe_count", "places", "prototypes_per_pe"), int),
        "lanes": int,
        "bits": int,
        "memory": str,
        "memory_register": bool,
        "reduction": str,
    },
    "latency_cycles": int,
    "interval_cycles": int,
    "pe_utilisation": _NUMBER,
    "device": str,
    "board": str,
    "available": _BY_NAME,
    "target_mhz": _NUMBER,
    "estimated": {"logic_cells": int, "bram": int, "per_pe": {"logic_cells": _NUMBER}, **_TIMES},
}
#: A comparison at one level.
_COMPARED: dict[str, Any] = {"level": str, "rows": int, "mismatches": int}
#: What comes together or not at all.
_SOMETIMES: tuple[dict[str, Any], ...] = (
    _TIMES,
    {"util_pct": _BY_NAME, "per_pe": _BY_NAME, "timing_met": bool},
    {"verification": _COMPARED, "ties": int, "saturated": int},
    {"levels": list},
    {"bench": {"simulator": str, "tests": int, "failures": int}},
    {"accuracy": {"float": _NUMBER, "quantised": _NUMBER, "rtl": _NUMBER}},
    *({name: int} for name in ("logic_cells", "lut", "ff", "carry", "bram", "spram", "dsp", "io", "seed")),
    {"agreement": _NUMBER},
    {"fmax_mhz": _NUMBER},
    {"multipliers": {"count": int, "in": str}},
    {"tool_versions": dict},
    {"ranges": {"from": str}},
    {
        "bits_choice": {
            "bits": int,
            "named": bool,
            "quantity": str,
            "loss": _NUMBER,
            "max_loss": _NUMBER,
            "within": bool,
            "by_bits": _BY_NAME,
        }
    },
    {"condensed": {"method": str, "samples": int}},
    {
        "condensed_accuracy": {
            "held_out": int,
            "before": _NUMBER,
            "prototypes": int,
            "after": _NUMBER,
            "by_prototypes": _BY_NAME,
        }
    },
)

#: Figures by their names; what was not measured is absent.
Values = dict[str, Any]


def converted(design: Design) -> Values:
    """What is known without simulation and synthesis: the shape, its cycles, and an estimate, under ``estimated``."""
    from prototile.boards.board import board

    config, model = design.config, design.quantised
    target = board(design.board_name)
    return {
        "stage": "converted",
        "digest": design.digest,
        "model": {
            "prototypes": config.prototype_count,
            "features": config.features,
            "classes": [label_text(label) for label in design.classes.tolist()],
            "metric": config.metric,
            "k": config.k,
            "radii": config.radii,
            "min_margin": model.min_margin,
        },
        **_condensed(design),
        **_ranges(design),
        **_bits(design),
        "grid": {
            "rows": config.rows,
            "columns": config.columns,
            "pes_per_tile": config.pes_per_tile,
            "pe_count": design.pe_count,
            "places": config.place_count,
            "prototypes_per_pe": config.prototypes_per_pe,
            "lanes": config.lanes,
            "bits": config.bits,
            "memory": config.memory,
            "memory_register": config.memory_register,
            "reduction": config.reduction,
        },
        "latency_cycles": config.latency_cycles,
        "interval_cycles": config.interval_cycles,
        "pe_utilisation": round(pe_utilisation(design), _SHARE_DIGITS),
        "device": target.part.name,
        "board": target.name,
        "available": target.part.available.to_dict(),
        "target_mhz": target.clock_mhz,
        "estimated": _estimated(design, target),
    }


def _condensed(design: Design) -> Values:
    """That the prototypes stand for more samples, and what that cost; empty if they do not, as far as is known."""
    found = design.model.condensation
    if found is None:
        return {}
    values: Values = {"condensed": {"method": found.condensed_by, "samples": found.samples}}
    if found.accuracy_before is not None and found.accuracy is not None:
        points = zip(found.curve_prototypes.tolist(), found.curve_accuracies.tolist(), strict=True)
        values["condensed_accuracy"] = {
            "held_out": found.held_out,
            "before": round(found.accuracy_before, _SHARE_DIGITS),
            "prototypes": int(found.curve_prototypes[found.chosen]),
            "after": round(found.accuracy, _SHARE_DIGITS),
            "by_prototypes": {str(count): round(share, _SHARE_DIGITS) for count, share in points},
        }
    return values


def _ranges(design: Design) -> Values:
    """Where the range of the quantiser comes from, and with which margin; empty if that is not known."""
    found = design.ranges
    if found is None:
        return {}
    values: Values = {"from": found.source}
    if found.rows is not None:
        values["rows"] = found.rows
    if found.margin is not None:
        values["margin_pct"] = 100 * found.margin
    return {"ranges": values}


def _bits(design: Design) -> Values:
    """What the bits cost on the calibration data, and what fewer would have; empty if it was not measured."""
    choice = design.bits_choice
    if choice is None or choice.point is None:
        return {}
    by_accuracy = choice.point.accuracy is not None
    shares = {point.bits: point.accuracy if by_accuracy else point.agreement for point in choice.curve}
    return {
        "bits_choice": {
            "bits": choice.bits,
            "named": choice.named,
            "quantity": "accuracy" if by_accuracy else "agreement",
            "loss": round(choice.point.loss, _SHARE_DIGITS),
            "max_loss": choice.max_loss,
            "within": choice.reached,
            "by_bits": {str(bits): round(share, _SHARE_DIGITS) for bits, share in shares.items() if share is not None},
        }
    }


def pe_utilisation(design: Design) -> float:
    """Share of cycles in which an element works on distances, queries back to back, as the mean of all elements.

    Each prototype takes ``words`` cycles of its element in each interval.
    """
    config = design.config
    return design.placement.used * config.words / (design.pe_count * config.interval_cycles)


def simulated(
    design: Design,
    verification: Verification,
    *,
    X: Any = None,
    y: Any = None,
    made: int = 0,
    bench: BenchResult | None = None,
    bench_simulator: str | None = None,
) -> Values:
    """What a comparison of the hardware with the golden model has shown.

    Parameters
    ----------
    design, verification
        The design, and the comparison.
    X, y
        The vectors (rows, features) that were compared, in the user's numbers, and their labels. With `X` the agreement
        with the model in floating point is measured, with `y` the accuracy.
    made
        How many of the vectors, the last ones, come from no data: ties and clipped components of theirs do not count.
    bench, bench_simulator
        What the cocotb test bench showed, and where it ran.

    Returns
    -------
    dict
        ``ties`` counts rows with a tie, ``saturated`` rows with clipped components. A figure that these rows do not
        give is None, so that `merge` removes that of earlier rows; a bench that did not run leaves its figures alone.
    """
    records = verification.records
    # Of a comparison that failed all queries count, because the mismatches may be those of probes.
    rows = verification.rows + (verification.probes if verification.mismatches else 0)
    is_simulated = verification.cycles is not None
    level = "simulated board" if verification.level == "board" and is_simulated else verification.level
    proven = {"level": level, "rows": rows, "mismatches": verification.mismatches}
    return {
        **({} if bench is None else benched(bench, bench_simulator)),
        "stage": "simulated",
        "accuracy": None if X is None or y is None else _accuracy(design, X, np.asarray(y), records),
        "agreement": None if X is None else _share(design.model.predict(X) == design.labels(records)),
        "ties": int(np.count_nonzero(records["tie"][: len(records) - made])),
        "saturated": int(np.count_nonzero(records["saturated"][: len(records) - made])),
        "verification": proven,
        "levels": [proven],
    }


def benched(bench: BenchResult, simulator: str | None) -> Values:
    """What the cocotb test bench has shown on `simulator`."""
    return {
        "stage": "simulated",
        "bench": {"simulator": simulator, "tests": bench.tests, "failures": bench.failures},
    }


def doubts(values: Values) -> str | None:
    """What simulation found wrong with the Verilog of a design, as a clause; None if nothing, or if it never ran."""
    found = [
        f"{one['mismatches']} of {one['rows']} queries were answered wrongly at level {one['level']}"
        for one in levels(values)
        if one["mismatches"]
    ]
    if values.get("bench", {}).get("failures"):
        found.append(f"{values['bench']['failures']} of {values['bench']['tests']} cocotb tests failed")
    return " and ".join(found) or None


def levels(values: Values) -> list[dict[str, Any]]:
    """What was compared with the golden model at each level, from the weakest proof to the strongest."""
    return sorted(_compared(values), key=lambda one: _COMPARED_AT.index(one["level"]))


def _compared(values: Values) -> list[dict[str, Any]]:
    # Reports of older designs hold the last comparison only.
    return values.get("levels", [values["verification"]] if "verification" in values else []) or []


def built(design: Design, build: BuildReport) -> Values:
    """What synthesis and place-and-route have shown; ``per_pe`` is the whole chip divided by its elements."""
    from prototile.boards.board import board

    found = build.to_dict()
    target = board(build.board or design.board_name)
    names = ("logic_cells", "lut", "ff", "carry", "bram", "spram", "dsp", "io", "fmax_mhz")
    values: Values = {name: found.get(name) for name in names}
    per_pe = {name: round(found[name] / design.pe_count, 1) for name in names[:4] if name in found}
    # A clock that the chip does not reach says nothing about its time.
    times = _times(design, target) if build.timing_met else dict.fromkeys(_times(design, target))
    return {
        "stage": "built",
        # Nothing is known yet of a new netlist and a new bitstream.
        "levels": None,
        **values,
        "device": build.device,
        "board": build.board,
        "available": build.available,
        "util_pct": build.util_pct,
        "per_pe": per_pe,
        "target_mhz": build.target_mhz,
        "timing_met": build.timing_met,
        "seed": build.seed,
        "tool_versions": build.tool_versions,
        "multipliers": _multipliers(design, target),
        "estimated": _estimated(design, target),
        **times,
    }


def _multipliers(design: Design, target: Board) -> dict[str, Any] | None:
    """Where squares are multiplied; None if they are looked up, or there are none."""
    count = design.multiplier_count
    return {"count": count, "in": "DSP blocks" if design.uses_dsp(target) else "logic"} if count else None


def merge(*stages: Values) -> Values:
    """Figures of several stages; those of a later one win, None removes, and the furthest stage gives its name.

    Comparisons at different levels stand beside each other, ``verification`` being the one at the strongest level. How
    well the model does is told of the queries of level ``rtl``, if that was compared, as other levels get few.
    """
    together: Values = {}
    for values in stages:
        proven = {one["level"]: one for one in (*levels(together), *levels(values))}
        later = {one["level"] for one in levels(values)}
        kept = _QUALITY if "rtl" in proven and later and "rtl" not in later else ()
        together.update({name: value for name, value in values.items() if name not in kept})
        if values.get("levels", ()) is None:
            proven = {level: one for level, one in proven.items() if level == "rtl"}
            if not proven:
                together.update(dict.fromkeys(_QUALITY))
        together["levels"] = [proven[level] for level in _COMPARED_AT if level in proven] or None
        together["verification"] = together["levels"][-1] if together["levels"] else None
    stage = max((values["stage"] for values in stages if "stage" in values), key=STAGES.index)
    return {name: value for name, value in {**together, "stage": stage}.items() if value is not None}


def read_report(folder: Path) -> Values:
    """Read the figures of a design folder.

    Raises
    ------
    ModelFileError
        If there are none, or they are damaged.
    """
    file = folder / REPORT_FILE
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelFileError(
            f"{folder} holds no {REPORT_FILE}; write a design folder with prototile convert."
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise ModelFileError(f"{file} cannot be read ({error}); convert the model again.") from None
    if not isinstance(values, dict) or values.get("stage") not in STAGES:
        raise ModelFileError(f"{file} is no report of a design; convert the model again.")
    expected = [_ALWAYS, *(group for group in _SOMETIMES if group.keys() & values.keys())]
    wrong = next(filter(None, (_misfit(values, group) for group in expected)), None)
    if wrong is None and any(
        not isinstance(one, dict) or _misfit(one, _COMPARED) or one["level"] not in _COMPARED_AT
        for one in (*_compared(values), *([values["verification"]] if "verification" in values else []))
    ):
        wrong = "levels"
    if wrong is not None:
        raise ModelFileError(f"{file} is damaged, it holds no usable {wrong}; convert the model again.")
    return values


def _misfit(values: Any, expected: dict[str, Any]) -> str | None:
    """Name of the first value that is missing or of another type; None if all are as expected."""
    for name, kind in expected.items():
        found = values.get(name)
        if isinstance(kind, dict):
            inner = _misfit(found, kind) if isinstance(found, dict) else ""
            if inner is not None:
                return f"{name}.{inner}".rstrip(".")
        elif kind == _BY_NAME:
            if not isinstance(found, dict) or any(not _is_of(value, _NUMBER) for value in found.values()):
                return name
        elif not _is_of(found, kind):
            return name
    return None


def _is_of(value: Any, kind: Any) -> bool:
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def write_report(folder: Path, design: Design, values: Values) -> Values:
    """Write ``report.json`` and ``report.html``; the same input gives the same bytes.

    Returns
    -------
    dict
        The figures, with the SHA-256 of the Verilog that they are about.
    """
    from prototile.page import page

    present = merge(values, {"core_sha256": _core_sha256(folder)})
    write_whole(folder / REPORT_FILE, json.dumps(present, indent=2, allow_nan=False) + "\n")
    write_whole(folder / PAGE_FILE, page(design, present))
    return present


def update_report(folder: Path, design: Design, values: Values) -> Values:
    """Add the figures of a further stage to those of a design folder; returns all."""
    known = read_report(folder)
    # Figures of another design, of the same grid before it was converted anew, or of other Verilog are worth nothing.
    same = known["digest"] == design.digest and known.get("core_sha256") == _core_sha256(folder)
    return write_report(folder, design, merge(known if same else converted(design), values))


def _core_sha256(folder: Path) -> str | None:
    """SHA-256 of the Verilog in a design folder; None if there is none."""
    file = folder / CORE_FILE
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else None


def _estimated(design: Design, target: Board) -> Values:
    """Resources without synthesis, and the times of a chip that reaches the board's clock."""
    return {**design.estimate(target.name), **_times(design, target)}


def _times(design: Design, target: Board) -> Values:
    """Times at the clock that the chip runs at on a board, and what the serial line lets through.

    The line carries requests and answers at the same time, so the longer of the two limits it.
    """
    config, mhz = design.config, target.clock_mhz
    request = _FRAME_OVERHEAD + _SATURATED_BYTES + -(-config.words * config.word_width // 8)
    answer = _FRAME_OVERHEAD + -(-sum(width for _, width, _ in config.record_fields()) // 8)
    return {
        "clock_mhz": mhz,
        "latency_ns": round(1000 * config.latency_cycles / mhz, 1),
        "throughput_per_s": round(1e6 * mhz / config.interval_cycles),
        "link": {
            "baud": target.baud,
            "request_bytes": request,
            "answer_bytes": answer,
            "throughput_per_s": target.baud // (_BITS_PER_BYTE * max(request, answer)),
        },
    }


def _accuracy(design: Design, X: Any, y: NDArray[Any], records: NDArray[np.void]) -> dict[str, float]:
    return {
        "float": _share(design.model.predict(X) == y),
        "quantised": _share(design.predict(X) == y),
        "rtl": _share(design.labels(records) == y),
    }


def _share(equal: Any) -> float:
    return round(float(np.mean(equal)), _SHARE_DIGITS)


def write_whole(file: Path, text: str) -> None:
    """Write a file that appears whole or not at all."""
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    draft = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
        draft.chmod(0o644)
        draft.replace(file)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
