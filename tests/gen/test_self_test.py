"""The self-test against simulated hardware with a bit of memory flipped: each bit that there is, or a sample."""

import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from random_cases import draw

import prototile as pt
from prototile.data import load_dataset
from prototile.errors import ToolError
from prototile.hardware import core, memory_writes
from prototile.placement import place
from prototile.rtl.top import CoreTop
from prototile.self_test import Search
from prototile.sim.golden import GoldenModel
from prototile.sim.icarus import IcarusCore
from prototile.sim.verilated import VerilatedCore
from prototile.verilog import to_verilog

needs_iverilog = pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog is not installed")
CHANCE = np.random.default_rng(5)
LABELS = [0, 1, 0, 1, 2]
POINTS = np.array([[1, 2, 3], [6, 0, 5], [7, 7, 1], [1, 2, 3], [3, 4, 3]])
BOXES = np.array(
    [[[1, 3], [2, 2]], [[0, 7], [4, 6]], [[1, 3], [2, 2]], [[5, 4], [0, 7]], [[6, 7], [0, 1]]],
)
ENTRIES = np.array([[[0, 3, 5, 1], [2, 0, 7, 7]], [[4, 0, 0, 6], [0, 5, 1, 3]], [[0, 3, 5, 1], [2, 0, 7, 7]]])


def model(values, *, labels=LABELS, **options):
    return pt.PrototypeModel(values, labels[: len(values)], **options)


#: By name: a model, and what else it is converted with. In most of them two prototypes are alike.
SMALL = {
    "l1": (model(POINTS), {}),
    "l1, duplicates of one class, two rounds": (
        model(POINTS[[0, 0, 0, 4]], labels=[0, 0, 0, 1]),
        {"prototypes_per_pe": 2},
    ),
    "l1, two lanes that are not filled": (model(POINTS, min_margin=2), {"lanes": 2}),
    "l2, 3 votes": (model(POINTS, metric="l2", k=3), {}),
    "linf": (model(POINTS, metric="linf"), {}),
    "hamming, words of two components": (model(POINTS, metric="hamming"), {"lanes": 2}),
    "box": (model(BOXES, metric="box"), {}),
    "table": (model(ENTRIES, metric="table"), {}),
    "masked": (model(POINTS, masks=CHANCE.random(POINTS.shape) < 0.6), {}),
    "weighted": (model(POINTS[:, :2], metric="l2", weights=1 << CHANCE.integers(0, 4, (5, 2))), {}),
    "own radii": (model(POINTS, radii=[4, 0, 2, 6, 9]), {}),
    "table, own radii": (model(ENTRIES, metric="table", radii=[2, 5, 3]), {}),
    "box, own radii, 3 votes": (model(BOXES, metric="box", radii=[2, 4, 1, 0, 3], k=3), {}),
    "a common radius": (model(POINTS, radii=6), {}),
}


#: Likewise, of designs whose tables are damaged: one with empty places and rows, one that votes.
WITH_TABLES = {
    "a common radius": (model(POINTS, radii=6), {}),
    "a radius for each class, empty rows": (
        model(POINTS[:, :2], radii={0: 3, 1: 9, 2: 1}),
        {"pes_per_tile": 2, "prototypes_per_pe": 4},
    ),
    "3 votes": (model(POINTS[:, :2], k=3), {}),
}


def every_query(config):
    levels = [np.arange(config.component_max + 1)] * config.features
    return np.stack(np.meshgrid(*levels, indexing="ij"), axis=-1).reshape(-1, config.features)


def searched(design):
    search = Search(design.config, design.quantised.nodes, design.golden)
    return search, search.run()


class Simulated:
    """The compiled core of a writable design, whose words can be damaged."""

    def __init__(self, config, nodes, verilog, folder):
        source = folder / "core.v"
        source.write_text(verilog)
        self.core = VerilatedCore(config, [source])
        self.writes = memory_writes(config, nodes)
        self.width = config.unit.memory_width
        # Which copy of a radius's bit is taken depends on the buffer of queries. There no other follows behind a serial
        # line before a query is answered, so here each follows itself.
        self.copies = 3 if config.metric == "table" and config.radii == "prototype" else 1

    @classmethod
    def of(cls, design, folder):
        return cls(design.config, design.quantised.nodes, design.core_verilog, folder)

    def bits(self):
        """All bits that are written, as the place of the word and the place in it."""
        return [(at, bit) for at in range(len(self.writes)) for bit in range(self.width)]

    def damaged(self, at, bit):
        """All words, with this bit flipped."""
        writes = self.writes.copy()
        writes["data"][at, bit // 32] ^= np.uint32(1 << bit % 32)
        return writes

    def answers(self, queries, writes):
        return self.core.run(np.repeat(queries, self.copies, axis=0), writes=writes).records[:: self.copies]

    def differs(self, queries, records, at, bit):
        """Whether some record is another one when this bit is flipped."""
        return bool((self.answers(queries, self.damaged(at, bit)) != records).any())


def claimed(search):
    """Bits of words that the search says are found."""
    own = search.radii is not None and search.radii.own
    return np.count_nonzero(search.found) + own * np.count_nonzero(search.found_radii)


def assert_found_or_idle(search, test, simulated, golden):
    """Flip every bit; what the self-test does not find must change no answer to any query."""
    assert (simulated.answers(test.queries, simulated.writes) == test.records).all()
    every = every_query(search.config)
    sound = golden.decide(every)
    left = [flip for flip in simulated.bits() if not simulated.differs(test.queries, test.records, *flip)]
    assert [flip for flip in left if simulated.differs(every, sound, *flip)] == []
    # Where neighbours vote, the largest distance stands for none, and the search does not say what it shows then.
    found = len(simulated.bits()) - len(left)
    assert claimed(search) <= found <= claimed(search) + (test.open if search.config.k > 1 else 0)


@pytest.mark.tools
@pytest.mark.parametrize("name", SMALL)
def test_every_flip_in_words_is_found_or_can_change_no_answer(name, tmp_path):
    source, options = SMALL[name]
    design = pt.convert(source, writable=True, memory="block", **options)
    assert_found_or_idle(*searched(design), Simulated.of(design, tmp_path), design.golden)


@pytest.mark.slow
@pytest.mark.tools
@pytest.mark.parametrize("seed", range(16))
def test_every_flip_in_words_of_random_designs(seed, tmp_path):
    case = random_small_case(seed)
    golden = GoldenModel(case.config, case.nodes)
    search = Search(case.config, case.nodes, golden)
    simulated = Simulated(case.config, case.nodes, case.verilog(), tmp_path)
    assert_found_or_idle(search, search.run(), simulated, golden)


def random_small_case(seed):
    """A random design of few bits and with few queries."""
    for attempt in range(1000):
        case = draw(1000 * seed + attempt, memory="block", writable=True)
        config = case.config
        rows = config.memory_rows * config.prototype_count << config.unit.level_bits
        if config.features * config.bits <= 12 and rows * config.unit.memory_width <= 400:
            return case
    raise AssertionError("no random design is small enough")


@needs_iverilog
@pytest.mark.parametrize("metric", ["l1", "l2", "hamming", "table"])
def test_every_flip_in_the_constants_of_the_parallel_form(metric, tmp_path):
    """A constant that is another is another model: all of them by the golden model, some of them simulated."""
    values = ENTRIES if metric == "table" else POINTS
    source = model(values, metric=metric, radii=[4, 0, 2, 6, 9][: len(values)])
    design = pt.convert(source, board="ulx3s-25f", reduction="parallel")
    search, test = searched(design)
    every = every_query(design.config)
    sound = design.golden.decide(every)
    nodes = design.quantised.nodes
    damages = [
        replace(nodes, **{name: flipped})
        for name in ("values", "radii")
        for flipped in flips(np.asarray(getattr(nodes, name), np.int64), search, name)
    ]
    left = 0
    for damaged in damages:
        golden = GoldenModel(design.config, damaged)
        shows = bool((golden.decide(test.queries) != test.records).any())
        left += not shows
        assert shows or (golden.decide(every) == sound).all()
    if not search.words.is_coded:
        assert (len(damages) - left, left, 0) == (test.found, test.idle, test.open)
    for damaged in damages[:: len(damages) // 3]:
        file = tmp_path / "core.v"
        file.write_text(to_verilog(CoreTop(core(design.config, damaged)), "prototile_core"))
        records = IcarusCore(design.config, [file]).run(test.queries).records
        assert (records == GoldenModel(design.config, damaged).decide(test.queries)).all()


def flips(array, search, name):
    """The array with one bit of it flipped, for each that makes a model."""
    width = search.radii.width if name == "radii" else search.config.unit.component_width
    for at in np.ndindex(array.shape):
        for bit in range(width):
            flipped = array.copy()
            flipped[at] ^= 1 << bit
            if name == "radii" and flipped[at] > search.config.distance_max + 1:
                flipped[at] = search.config.distance_max + 1
            yield flipped


# --- Tables of the collector


@needs_iverilog
@pytest.mark.parametrize("name", WITH_TABLES)
def test_flips_in_the_tables_are_found_or_counted(name, tmp_path):
    source, options = WITH_TABLES[name]
    design = pt.convert(source, memory="block", **options)
    search, test = searched(design)
    every = every_query(design.config)
    sound = design.golden.decide(every)
    found = missed = total = 0
    for number, verilog in enumerate(damaged_tables(design.core_verilog)):
        file = tmp_path / f"{number}.v"
        file.write_text(verilog)
        shown = _shows(design.config, file, test.queries, test.records)
        found += shown
        missed += not shown and _shows(design.config, file, every, sound)
        total += 1
    words = search.found.size
    assert total == test.found + test.idle + test.open - words
    assert 0 <= found - (test.found - np.count_nonzero(search.found)) <= test.open
    assert missed <= test.open


def damaged_tables(verilog):
    """The Verilog with each bit flipped of the collector's two tables."""
    for entry in re.finditer(r"^    (prototypes|segments)\[\d+\] = (\d+)'h([0-9a-f]+);", verilog, re.MULTILINE):
        for bit in range(int(entry[2])):
            changed = f"{int(entry[3], 16) ^ 1 << bit:x}"
            yield verilog[: entry.start(3)] + changed + verilog[entry.end(3) :]


def _shows(config, file, queries, records):
    try:
        return bool((IcarusCore(config, [file]).run(queries).records != records).any())
    except ToolError as error:
        # A key that is compared with none is undefined in simulation, and some number in hardware.
        assert "undefined" in str(error)
        return True


# --- A large design


@pytest.fixture(scope="module", name="digits")
def large_design():
    return load_dataset("digits")


LARGE = {
    "l1": {},
    "masked, own radii": {"masks": np.random.default_rng(2).random((120, 64)) < 0.8, "radii": "own"},
}


@pytest.mark.tools
@pytest.mark.parametrize(
    ("name", "count"), [("l1", 300), pytest.param("masked, own radii", 300, marks=pytest.mark.slow)]
)
def test_a_sample_of_flips_in_a_large_design(name, count, digits, tmp_path):
    chosen = np.random.default_rng(1).permutation(len(digits.X_train))[:120]
    options = dict(LARGE[name])
    if options.get("radii"):
        options["radii"] = np.random.default_rng(3).uniform(80, 160, 120)
    source = pt.PrototypeModel(digits.X_train[chosen], digits.y_train[chosen], **options)
    design = pt.convert(source, calibration=digits.X_train, bits=4, max_loss=1, writable=True, must_fit=False)
    search, test = searched(design)
    simulated = Simulated.of(design, tmp_path)
    assert (simulated.answers(test.queries, simulated.writes) == test.records).all()
    assert test.open == 0
    flips = np.random.default_rng(4).integers(0, (len(simulated.writes), simulated.width), (count, 2))
    found = [simulated.differs(test.queries, test.records, *flip) for flip in flips]
    expected = [is_claimed(search, *flip) for flip in flips]
    assert found == expected
    assert all(found) or source.masks is not None
    assert sum(found) > count * 0.7


def is_claimed(search, at, bit):
    """Whether the search says that a bit of a word that is written is found; for designs with one lane a cycle."""
    rows = search.config.memory_rows
    held = place(search.config, np.asarray(search.nodes.labels)).prototypes.reshape(-1)
    prototype, row = held[held >= 0][at // rows], at % rows
    if row < search.config.words:
        return bool(search.found[prototype, row, 0, bit])
    return bit == 0 and bool(search.found_radii[prototype, 0, search.config.memory_rows - 1 - row])


@pytest.mark.tools
def test_prototype_and_distance_alone_would_miss_a_mask(tmp_path):
    """The negative control: what each prototype answers to itself does not tell what it ignores."""
    source, _ = SMALL["masked"]
    design = pt.convert(source, writable=True, memory="block")
    test = searched(design)[1]
    simulated = Simulated.of(design, tmp_path)
    exemplars = design.quantised.exemplars
    weaker = design.golden.decide(exemplars)[["prototype", "distance"]]
    missed = []
    for flip in simulated.bits():
        answers = simulated.answers(exemplars, simulated.damaged(*flip))[["prototype", "distance"]]
        if (answers == weaker).all() and simulated.differs(test.queries, test.records, *flip):
            missed.append(flip)
    assert {bit for _, bit in missed} >= {design.config.bits}
