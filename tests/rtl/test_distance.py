import itertools
import random

import pytest
from amaranth.sim import Simulator
from formal.proof import Mutation

from prototile.rtl.distance.shape import UnitShape
from prototile.rtl.distance.unit import DistanceUnit

#: Term of one component: query, the memory's field of it (see `fields`), and what that means.
TERMS = {
    "l1": lambda q, p: abs(q - p),
    "l2": lambda q, p: (q - p) ** 2,
    "linf": lambda q, p: abs(q - p),
    "hamming": lambda q, p: (q ^ p).bit_count(),
    "box": lambda q, p: max(p[0] - q, 0, q - p[1]),
    "table": lambda q, p: p,
}


def field(shape, value, ignored=False, shift=0):
    """What the memory holds for a component."""
    top = (1 << shape.bits) - 1
    if shape.metric == "table":
        return value
    if shape.metric == "box":
        return (top - value[1]) | value[0] << shape.bits
    return (top - value) | ignored << shape.bits | shift << (shape.bits + shape.masked)


def coded(shape, word):
    """A word of plain components as the unit wants it."""
    return sum((sum(word >> bit & 1 for bit in bits) & 1) << at for at, bits in enumerate(shape.code))


def expected(shape, word):
    """Distance of one word: a list of components (query, value, ignored, shift)."""
    terms = [0 if ignored else TERMS[shape.metric](q, value) << shift for q, value, ignored, shift in word]
    return max(terms) if shape.metric == "linf" else sum(terms)


def played(shape, words, enabled=None):
    """Distances that the unit makes of words, one a cycle."""
    unit = DistanceUnit(shape)
    found = []

    async def testbench(ctx):
        for at in range(len(words) + shape.latency):
            word = words[min(at, len(words) - 1)]
            ctx.set(unit.enable, 1 if enabled is None else enabled[min(at, len(words) - 1)])
            ctx.set(unit.query, coded(shape, sum(q << (lane * shape.bits) for lane, (q, *_) in enumerate(word))))
            memory = sum(field(shape, *rest) << (lane * shape.component_width) for lane, (_, *rest) in enumerate(word))
            if shape.is_coded:
                ones = (1 << shape.memory_width) - 1
                memory = ones ^ coded(shape, ones ^ memory)
            ctx.set(unit.memory, memory)
            await ctx.tick()
            if at >= shape.latency - 1:
                found.append((ctx.get(unit.term), ctx.get(unit.carry)))

    simulator = Simulator(unit)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    return found[: len(words)]


def distances(shape, words):
    return [term + carry for term, carry in played(shape, words)]


def components(shape):
    """Every query with every content of the memory's field, for one component."""
    levels = range(1 << shape.bits)
    if shape.metric == "table":
        values = range(1 << shape.entry_bits)
    elif shape.metric == "box":
        values = [(low, high) for low in levels for high in levels if low <= high + 1]
    else:
        values = levels
    ignored = (False, True) if shape.masked else (False,)
    return [*itertools.product(levels, values, ignored, range(shape.shift_max + 1))]


SHAPES = [
    *(
        UnitShape(metric=metric, bits=bits, entry_bits=3)
        for metric in ("l1", "l2", "linf", "hamming", "box", "table")
        for bits in (1, 2, 3)
    ),
    *(UnitShape(metric=metric, bits=bits) for metric in ("l1", "l2", "linf", "hamming") for bits in (4, 5)),
    *(UnitShape(metric=metric, bits=3, masked=True) for metric in ("l1", "l2", "linf", "hamming")),
    *(UnitShape(metric=metric, bits=2, shift_max=top) for metric in ("l1", "l2") for top in (1, 2, 3, 5)),
    UnitShape(metric="l1", bits=2, masked=True, shift_max=2),
    UnitShape(metric="l2", bits=5, masked=True, shift_max=1),
]


def name(shape):
    if isinstance(shape, int):
        return str(shape)
    return "-".join(str(value) for value in vars(shape).values())


@pytest.mark.parametrize("shape", SHAPES, ids=name)
def test_every_component(shape):
    words = [[component] for component in components(shape)]
    assert distances(shape, words) == [expected(shape, word) for word in words]


@pytest.mark.parametrize("metric", ["l1", "l2", "linf", "hamming", "box", "table"])
@pytest.mark.parametrize(("bits", "lanes"), [(1, 2), (1, 3), (2, 2)])
def test_every_word(metric, bits, lanes):
    shape = UnitShape(metric=metric, bits=bits, lanes=lanes, entry_bits=2)
    words = [list(word) for word in itertools.product(components(shape), repeat=lanes)]
    words = random.Random(0).sample(words, min(len(words), 3000))
    assert distances(shape, words) == [expected(shape, word) for word in words]


@pytest.mark.parametrize("width", [*range(1, 41), 63, 64, 65, 100, 255, 256])
def test_a_code_is_one_of_words(width):
    """Each bit can be told from its parity and those before it; and parities are of few bits."""
    shape = UnitShape(metric="hamming", bits=1, lanes=width)
    assert len(shape.code) == width
    for at, bits in enumerate(shape.code):
        assert bits[-1] == at
        assert list(bits) == sorted(set(bits))
        assert len(bits) <= 11
    assert not UnitShape(metric="hamming", bits=1, lanes=width, masked=True).is_coded


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("width", [*range(1, 34), 48, 64, 100, 256])
def test_bits_are_counted(width, masked):
    """All ones, none, each alone, and at random; at every width runs and a tree of another form."""
    shape = UnitShape(metric="hamming", bits=1, lanes=width, masked=masked)
    numbers = random.Random(width)
    counts = [0, width, *(numbers.randrange(width + 1) for _ in range(60))]
    sets = [set(numbers.sample(range(width), count)) for count in counts] + [{at} for at in range(width)]
    words = [[(int(at in differing), 0, False, 0) for at in range(width)] for differing in sets]
    assert distances(shape, words) == [len(differing) for differing in sets]


@pytest.mark.parametrize(
    ("metric", "shift_max"),
    [*((metric, 0) for metric in ("l1", "l2", "linf", "hamming", "box", "table")), ("l1", 3), ("l2", 3)],
)
@pytest.mark.parametrize("bits", [4, 8, 16])
@pytest.mark.parametrize("lanes", [1, 4, 5, 9])
def test_the_largest_term_fits(metric, shift_max, bits, lanes):
    shape = UnitShape(metric=metric, bits=bits, lanes=lanes, shift_max=shift_max, entry_bits=bits)
    top = (1 << bits) - 1
    value = {"box": (0, 0), "table": top}.get(metric, 0)
    words = [[(top, value, False, shift_max)] * lanes]
    largest = expected(shape, words[0])
    assert distances(shape, words) == [largest]
    # What counts bits passes one on as its carry.
    carry = metric == "hamming" and not bits * lanes % 2
    assert largest - carry < 1 << shape.term_width


@pytest.mark.parametrize(
    ("shape", "cycles"),
    [
        (UnitShape(metric="l1", bits=4), 1),
        (UnitShape(metric="l1", bits=8, lanes=4), 3),
        (UnitShape(metric="l1", bits=8, lanes=4, shift_max=2), 4),
        (UnitShape(metric="l2", bits=4), 2),
        (UnitShape(metric="l2", bits=8, lanes=5), 6),
        (UnitShape(metric="linf", bits=8, lanes=2), 3),
        (UnitShape(metric="hamming", bits=1, lanes=1), 1),
        (UnitShape(metric="hamming", bits=1, lanes=8), 1),
        (UnitShape(metric="hamming", bits=1, lanes=16), 1),
        (UnitShape(metric="hamming", bits=1, lanes=32), 1),
        (UnitShape(metric="hamming", bits=1, lanes=48), 2),
        (UnitShape(metric="box", bits=4), 2),
        (UnitShape(metric="table", bits=4, lanes=3), 3),
    ],
    ids=name,
)
def test_latency(shape, cycles):
    assert shape.latency == cycles


@pytest.mark.parametrize("quiet", [False, True])
@pytest.mark.parametrize("lanes", [1, 2, 3])
@pytest.mark.parametrize("metric", ["l1", "l2", "linf", "hamming", "box", "table"])
def test_without_a_word(metric, lanes, quiet):
    """No carry, and no term from a quiet unit: what turns the accumulator relies on it."""
    shape = UnitShape(metric=metric, bits=2, lanes=lanes, entry_bits=2, quiet=quiet)
    words = [list(word) for word in itertools.product(components(shape), repeat=lanes)]
    words = random.Random(0).sample(words, min(len(words), 300))
    enabled = [at % 3 == 0 for at in range(len(words))]
    for word, enable, (term, carry) in zip(words, enabled, played(shape, words, enabled), strict=True):
        if enable:
            assert term + carry == expected(shape, word)
        else:
            assert carry == 0
            assert term == 0 or not quiet


def test_refusals():
    with pytest.raises(ValueError, match=r"^metric must be one of l1, l2, linf, hamming, box, table, not 'cosine'$"):
        UnitShape(metric="cosine", bits=4)
    with pytest.raises(ValueError, match=r"^lanes must be a positive integer, not 0$"):
        UnitShape(metric="l1", bits=4, lanes=0)
    with pytest.raises(TypeError, match=r"^bits must be a positive integer, not 4\.0$"):
        UnitShape(metric="l1", bits=4.0)


@pytest.mark.parametrize(
    ("metric", "old", "new"),
    [("l1", "left + right + left_carry", "left + right"), ("linf", "left > right", "left < right")],
)
def test_a_unit_that_is_wrong_is_noticed(metric, old, new):
    with Mutation("distance.unit:DistanceUnit._join", old, new).applied(), pytest.raises(AssertionError):
        test_every_word(metric, bits=1, lanes=2)
