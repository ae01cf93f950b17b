"""Distances: each term is what the metric says, and no accumulator overflows at the width that it is given."""

from amaranth.hdl import Cat, Const, Mux, Signal, Value
from formal.proof import Misfit, Mutation, Proof
from formal.subjects import configuration

from prototile.rtl.distance.unit import DistanceUnit
from prototile.rtl.element import ProcessingElement


def component(config, query, memory):
    """Distance of a component and a place of memory, as the contract says; and what to assume of the memory."""
    bits = config.bits
    legal = Const(1)
    if config.metric == "table":
        return memory, memory <= config.entry_max
    if config.metric == "box":
        upper, lower = ~memory[:bits], memory[bits:]
        outside = Mux(query < lower, lower - query, Mux(query > upper, query - upper, 0))
        return outside, lower <= upper + 1
    prototype = ~memory[:bits]
    distance = Mux(query < prototype, prototype - query, query - prototype)[:bits]
    if config.metric == "l2":
        distance = distance * distance
    if config.metric == "hamming":
        differing = query ^ prototype
        distance = sum((differing[at] for at in range(1, bits)), differing[0])
    if config.masked:
        distance = Mux(memory[bits], 0, distance)
    if config.shift_max:
        shift = memory[bits + config.masked :]
        legal = shift <= config.shift_max
        distance = (distance << shift)[: config.term_max.bit_length()]
    return distance, legal


def decoded(unit, word):
    """The word of a query that has this code: each bit from its parity and the bits before it."""
    bits = []
    for at, parity in enumerate(unit.code):
        bits.append(word[at] ^ Cat(bits[bit] for bit in parity[:-1]).xor())
    return Cat(bits)


def decoded_memory(unit, word):
    """The same for a word of memory, which holds complements."""
    return ~decoded(unit, ~word) if unit.is_coded else word


def word(config, query, memory):
    """Distance of a whole word, and what to assume of the memory."""
    unit = config.unit
    parts = [
        component(config, query.word_select(at, unit.bits), memory.word_select(at, unit.component_width))
        for at in range(unit.lanes)
    ]
    distances = [Value.cast(distance) for distance, _ in parts]
    total = distances[0]
    for distance in distances[1:]:
        total = Mux(distance > total, distance, total) if config.metric == "linf" else total + distance
    return total, Cat(legal for _, legal in parts).all()


def unit(bench, **fields):
    """Any words, one a cycle, in a unit that may be in any state before: after its latency nothing of that is left."""
    config = configuration(labels=[0], features=fields.get("lanes", 1), **fields)
    shape = config.unit
    dut = DistanceUnit(shape)
    inside = bench.add(dut, "unit")
    bench.unknown(*inside.registers())
    for name in ("query", "memory", "enable"):
        bench.drive(getattr(dut, name), name)
    query, memory = decoded(shape, bench.inputs["query"]), decoded_memory(shape, bench.inputs["memory"])
    exact, legal = word(config, query, memory)
    bench.assume(legal)
    exact = Mux(dut.enable, exact, 0)
    enable = dut.enable
    filled = Const(1)
    for stage in range(shape.latency):
        exact = bench.register(exact, f"exact_{stage}")
        enable = bench.register(enable, f"enable_{stage}")
        filled = bench.register(filled, f"filled_{stage}")
    counts = Const(1) if shape.quiet else enable
    found = Signal(shape.term_width + 1)
    bench.m.d.comb += found.eq(dut.term + dut.carry)
    bench.always("the term is the distance", ~(filled & counts) | (found == exact))
    bench.always("no carry comes without a word", ~filled | enable | ~dut.carry)
    largest = config.lanes * config.term_max if config.metric != "linf" else config.term_max
    bench.always("the term is at most the largest", ~(filled & counts) | (found <= largest))
    bench.reachable("the largest term", filled & enable & (found == largest))
    bench.reachable("no distance", filled & enable & (found == 0))


def unit_depth(**fields):
    return configuration(labels=[0], features=fields.get("lanes", 1), **fields).unit.latency + 1


UNIT = Proof(
    name="distance units",
    about=("distance/",),
    claim="a term and its carry are the metric's distance of the two words, and never more than the largest of it",
    build=unit,
    depth=unit_depth,
    shapes={
        "l1, 4 bits, 3 lanes": {"metric": "l1", "bits": 4, "lanes": 3},
        "l1, 8 bits": {"metric": "l1", "bits": 8},
        "l1, 3 bits, 2 lanes, masked, weights to 4, quiet": {
            "metric": "l1",
            "bits": 3,
            "lanes": 2,
            "masked": True,
            "shift_max": 2,
            "k": 2,
        },
        "l2, 4 bits, table, 2 lanes": {"metric": "l2", "bits": 4, "lanes": 2},
        "l2, 5 bits, multiplier, masked": {"metric": "l2", "bits": 5, "masked": True},
        "l2, 3 bits, weights to 2": {"metric": "l2", "bits": 3, "shift_max": 1},
        "linf, 4 bits, 3 lanes, quiet": {"metric": "linf", "bits": 4, "lanes": 3, "k": 2},
        "hamming, 13 bits": {"metric": "hamming", "bits": 1, "lanes": 13},
        "hamming, 3 bits, 5 lanes, masked, quiet": {
            "metric": "hamming",
            "bits": 3,
            "lanes": 5,
            "masked": True,
            "k": 2,
        },
        "box, 4 bits, 2 lanes": {"metric": "box", "bits": 4, "lanes": 2},
        "table, entries to 20, 3 lanes, quiet": {"metric": "table", "bits": 2, "lanes": 3, "entry_max": 20, "k": 2},
    },
    controls=(
        Mutation(
            "distance.lanes:Manhattan.elaborate",
            "difference.rest, ~difference.rest",
            "~difference.rest, ~difference.rest",
        ),
        Mutation("distance.lanes:Difference.elaborate", "total[-1] & self.enable", "total[-1]"),
        Mutation("distance.unit:DistanceUnit._join", "left + right + left_carry", "left + right"),
        Mutation(
            "distance.lanes:Lane._weighted",
            "Cat(fill.replicate(places), term)",
            "Cat((~fill).replicate(places), term)",
            "l1, 3 bits, 2 lanes, masked, weights to 4, quiet",
        ),
        Mutation("distance.unit:DistanceUnit._join", "left > right", "left < right", "linf, 4 bits, 3 lanes, quiet"),
        Mutation("distance.hamming:Hamming._counted", "both | (odd & third[0])", "both", "hamming, 13 bits"),
        Mutation("distance.hamming:Hamming._joined", "third, one)", "one, third)", "hamming, 13 bits"),
        Mutation("distance.hamming:Hamming._run", "~after, one)", "after, one)", "hamming, 13 bits"),
    ),
)


def accumulator(bench, *, narrower=0, **fields):
    """An element whose controls keep the pace of the tile's, in any order that this leaves.

    In each cycle the accumulator takes the term of a word, or it is cleared or turned by one bit. From when it was
    cleared it takes at most as many terms as a query has words, each at most the largest that `UNIT` proves of one; and
    a turn goes on for its whole width, which leaves nothing of it, or all.
    """
    m = bench.m
    config = configuration(labels=[0], **fields)
    own = config.radii == "prototype"
    width = config.distance_width - narrower
    dut = ProcessingElement(unit=config.unit, distance_width=width, radius=own, keeps=config.k > 1)
    inside = bench.add(dut, "element")
    for name in dut.signature.members:
        if name not in ("key", "seed"):
            bench.drive(getattr(dut, name), name)
    turns = Signal()
    rotates = dut.rotate if own else Const(0)
    m.d.comb += turns.eq(dut.shift | rotates)
    takes = dut.enable
    for stage in range(config.unit.latency):
        takes = bench.register(takes, f"takes_{stage}")
    # With distances that are kept, what is taken without a word is 0.
    pauses = Const(config.k > 1)
    bench.assume((takes == ~(turns | dut.clear)) | (pauses & ~takes))
    bench.assume(~(dut.shift & rotates))

    held = inside["accumulator"]
    whole = config.metric == "linf"
    term, carry = inside["term"], Const(0) if whole else inside["carry"]
    largest = config.term_max if whole else config.lanes * config.term_max
    quiet = term + carry <= Mux(takes, largest, 0)
    bench.assume(dut.clear | quiet if config.k > 1 else ~takes | (term + carry <= largest))
    bench.assume(takes | ~carry)

    # Terms since it was clear; bits of the turn that goes on, what it began with, and whether it goes round.
    seen = Signal(range(config.words + 1), name="seen", reset_less=True)
    turned = Signal(range(width + 1), name="turned", reset_less=True)
    start = Signal(width, name="start", reset_less=True)
    round_ = Signal(name="round", reset_less=True)
    goes_round = Signal()
    m.d.comb += goes_round.eq(rotates | (dut.keep if config.k > 1 else 0))
    ends = turns & (turned == width - 1)
    with m.If(dut.clear):
        m.d.sync += [seen.eq(0), turned.eq(0)]
    with m.Elif(turns):
        m.d.sync += turned.eq(Mux(ends, 0, turned + 1))
        with m.If(turned == 0):
            m.d.sync += [start.eq(held), round_.eq(goes_round)]
        with m.If(ends & ~goes_round):
            m.d.sync += seen.eq(0)
    with m.Elif(takes):
        m.d.sync += seen.eq(seen + 1)
    bench.assume((turned == 0) | dut.clear | (turns & (round_ == goes_round)))
    bench.assume(~takes | (seen != config.words))

    total = Signal(width + config.unit.term_width + 2)
    m.d.comb += total.eq(Mux(term > held, term, held) if whole else held + term + carry)
    bench.always("no term overflows the accumulator", ~takes | (total < 1 << width))
    after = bench.register(total, "total_before")
    bench.always("the accumulator holds the sum", ~bench.register(takes & ~dut.clear, "taken") | (held == after))
    # What makes it inductive: the sum is bounded by the terms that were seen, and a turn keeps or clears it.
    bound = Mux(seen == 0, 0, largest) if whole else seen * largest
    turned_round, shifted = Signal(width), Signal(width)
    with m.Switch(turned):
        for at in range(width):
            with m.Case(at):
                m.d.comb += [turned_round.eq(start.rotate_left(at)), shifted.eq(Cat(Const(0, at), start))]
    bench.always("the sum is within its bound", (turned != 0) | (held <= bound))
    bench.always("it was when the turn began", (turned == 0) | (start <= bound))
    bench.always("a turn keeps or clears", (turned == 0) | (held == Mux(round_, turned_round, shifted)))
    bench.always("counts are in range", (seen <= config.words) & (turned < width))
    few = min(2, config.words)
    most = (seen == few) & (held == (largest if whole else few * largest)) & (turned == 0)
    bench.reachable("the largest terms", most)
    bench.reachable("a turn begins", bench.register(most, "most_before") & (turned == 1))


ACCUMULATOR = Proof(
    name="accumulator",
    about=("element.py",),
    claim="no accumulator overflows at the width that the configuration gives it, and it holds the sum of the terms",
    build=accumulator,
    # What is assumed of terms reaches back as far as the unit does.
    induction=lambda narrower=0, **fields: configuration(labels=[0], **fields).unit.latency + 2,
    shapes={
        "l1, 64 features of 4 bits": {"features": 64, "bits": 4},
        "l1, 6 features of 8 bits, own radii": {"features": 6, "bits": 8, "radii": "prototype"},
        "l1, 9 features in words of 3, votes": {"features": 9, "bits": 2, "lanes": 3, "k": 3},
        "l2, 16 features of 4 bits": {"features": 16, "bits": 4, "metric": "l2"},
        "l2, 5 features of 8 bits": {"features": 5, "bits": 8, "metric": "l2"},
        "linf, 30 features of 6 bits": {"features": 30, "bits": 6, "metric": "linf"},
        "hamming, 64 bits in words of 16": {"features": 64, "bits": 1, "lanes": 16, "metric": "hamming"},
        "box, 12 features of 4 bits": {"features": 12, "bits": 4, "metric": "box"},
        "table, 7 features, entries to 100": {"features": 7, "bits": 2, "metric": "table", "entry_max": 100},
        "l1, masked, weights to 8": {"features": 5, "bits": 4, "masked": True, "shift_max": 3},
    },
    controls=(
        Misfit({"narrower": 1}),
        Misfit({"narrower": 1}, "l2, 5 features of 8 bits"),
        Misfit({"narrower": 1}, "hamming, 64 bits in words of 16"),
        Mutation("element:ProcessingElement._sum", "accumulator + operand + carry", "accumulator + operand | carry"),
        Mutation(
            "element:ProcessingElement._sum",
            "wrap & turn if self.keeps",
            "wrap if self.keeps",
            "l1, 9 features in words of 3, votes",
        ),
        Mutation(
            "element:ProcessingElement._maximum",
            "unit.term > accumulator",
            "unit.term < accumulator",
            "linf, 30 features of 6 bits",
        ),
    ),
)

PROOFS = (UNIT, ACCUMULATOR)
