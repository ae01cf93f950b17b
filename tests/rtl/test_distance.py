import itertools

import pytest
from amaranth.sim import Simulator

from prototile.rtl.distance import DistanceUnit, unit_latency

TERMS = {"l1": lambda q, p: abs(q - p), "l2": lambda q, p: (q - p) ** 2}


def played(unit, words):
    """Distances of (query, prototype) pairs of component lists, one pair a cycle."""
    found = []

    def packed(components):
        return sum(value << (lane * unit.bits) for lane, value in enumerate(components))

    async def testbench(ctx):
        ctx.set(unit.enable, 1)
        mask = (1 << (unit.bits * unit.lanes)) - 1
        for at in range(len(words) + unit.latency):
            query, prototype = words[min(at, len(words) - 1)]
            ctx.set(unit.query, packed(query))
            ctx.set(unit.prototype, packed(prototype) ^ mask)
            await ctx.tick()
            if at >= unit.latency - 1:
                found.append(ctx.get(unit.term) + ctx.get(unit.carry))

    simulator = Simulator(unit)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    return found[: len(words)]


@pytest.mark.parametrize("metric", ["l1", "l2"])
@pytest.mark.parametrize("bits", [1, 2, 3, 4, 5])
def test_every_pair_of_components(metric, bits):
    unit = DistanceUnit(metric=metric, bits=bits, lanes=1)
    words = [([q], [p]) for q, p in itertools.product(range(1 << bits), repeat=2)]
    assert played(unit, words) == [TERMS[metric](q[0], p[0]) for q, p in words]


@pytest.mark.parametrize("metric", ["l1", "l2"])
@pytest.mark.parametrize(("bits", "lanes"), [(1, 2), (2, 2), (1, 3)])
def test_every_pair_of_words(metric, bits, lanes):
    unit = DistanceUnit(metric=metric, bits=bits, lanes=lanes)
    sides = list(itertools.product(range(1 << bits), repeat=lanes))
    words = list(itertools.product(sides, repeat=2))
    expected = [sum(TERMS[metric](a, b) for a, b in zip(q, p, strict=True)) for q, p in words]
    assert played(unit, words) == expected


@pytest.mark.parametrize("metric", ["l1", "l2"])
@pytest.mark.parametrize("bits", [4, 8, 16])
@pytest.mark.parametrize("lanes", [1, 4, 5, 9])
def test_the_largest_term_fits(metric, bits, lanes):
    unit = DistanceUnit(metric=metric, bits=bits, lanes=lanes)
    top = (1 << bits) - 1
    words = [([top] * lanes, [0] * lanes), ([0] * lanes, [top] * lanes), ([top] * lanes, [top] * lanes)]
    largest = lanes * TERMS[metric](top, 0)
    assert played(unit, words) == [largest, largest, 0]
    assert largest < 1 << unit.term_width


@pytest.mark.parametrize(
    ("metric", "bits", "lanes", "cycles"),
    [("l1", 4, 1, 1), ("l1", 8, 4, 3), ("l2", 4, 1, 2), ("l2", 5, 1, 3), ("l2", 8, 5, 6)],
)
def test_latency(metric, bits, lanes, cycles):
    assert unit_latency(metric, bits, lanes) == cycles == DistanceUnit(metric=metric, bits=bits, lanes=lanes).latency


@pytest.mark.parametrize("metric", ["l1", "l2"])
@pytest.mark.parametrize("lanes", [1, 2, 3])
def test_no_carry_without_a_word(metric, lanes):
    """What turns the accumulator relies on it."""
    unit = DistanceUnit(metric=metric, bits=2, lanes=lanes)
    carries = []

    async def testbench(ctx):
        for value in range(1 << 2 * lanes):
            ctx.set(unit.query, value)
            ctx.set(unit.prototype, (1 << 2 * lanes) - 1)
            await ctx.tick()
            carries.append(ctx.get(unit.carry))

    simulator = Simulator(unit)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    assert not any(carries)


def test_refusals():
    with pytest.raises(ValueError, match=r"^metric must be one of l1, l2, not 'cosine'$"):
        DistanceUnit(metric="cosine", bits=4, lanes=1)
    with pytest.raises(ValueError, match=r"^lanes must be a positive integer, not 0$"):
        DistanceUnit(metric="l1", bits=4, lanes=0)
    with pytest.raises(TypeError, match=r"^bits must be a positive integer, not 4\.0$"):
        DistanceUnit(metric="l1", bits=4.0, lanes=1)
