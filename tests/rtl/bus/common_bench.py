"""What the benches of the buses share: the vectors, their golden records, and the watchdog. Needs no prototile."""

import json
import os
import random
from pathlib import Path

import cocotb
from cocotb.clock import Clock
from cocotb.simtime import get_sim_time
from cocotb.triggers import RisingEdge

FOLDER = Path(__file__).resolve().parent
BENCH = json.loads((FOLDER / "bench.json").read_text())
VECTORS = json.loads((FOLDER / "vectors.json").read_text())
EXPECTED = json.loads((FOLDER / "expected.json").read_text())
SEED = int(os.environ.get("PROTOTILE_SEED") or 1)
WORDS, LANES, BITS = BENCH["words"], BENCH["lanes"], BENCH["bits"]
LATENCY, INTERVAL = BENCH["latency_cycles"], BENCH["interval_cycles"]
FIELDS = BENCH["record_fields"]
PERIOD_NS = BENCH["clock_period_ns"]
#: Cycles in which everything that is inside the core comes out.
QUIET = LATENCY + 5 * INTERVAL


def test(function):
    """Mark a cocotb test with a watchdog of far more than the longest one takes."""
    return cocotb.test(timeout_time=PERIOD_NS * (100 * QUIET + 20000), timeout_unit="ns")(function)


def query_words(vector):
    """The words of one vector: component j of a word lies in bits ``j * bits`` and up, missing ones are 0."""
    components = VECTORS[vector]["components"]
    rows = [components[at : at + LANES] for at in range(0, len(components), LANES)]
    return [sum(component << lane * BITS for lane, component in enumerate(row)) for row in rows]


def start_clock(clock):
    """Run the clock."""
    Clock(clock, PERIOD_NS, "ns").start(start_high=False)


def now():
    """Number of the clock cycle."""
    return round(get_sim_time("ns") / PERIOD_NS)


async def cycles(clock, count):
    """Wait for so many rising edges."""
    for _ in range(count):
        await RisingEdge(clock)


def pauses(seed, share):
    """Endless random booleans, that share of them true: for ``set_pause_generator``."""
    rng = random.Random(seed)
    while True:
        yield rng.random() < share


async def holds_still(clock, is_reset, valid, ready, *payload):
    """Check for ever that `valid` and its payload stay until `ready`, and that nothing is valid after a reset."""
    held = None
    while True:
        await RisingEdge(clock)
        assert valid.value.is_resolvable
        if is_reset():
            held = None
            continue
        if not int(valid.value):
            assert held is None, f"{valid._name} fell before {ready._name} was high"
            continue
        offered = [str(port.value) for port in payload]
        assert held in (None, offered), f"{valid._name} is high and its payload changed from {held} to {offered}"
        assert all(port.value.is_resolvable for port in payload)
        held = None if int(ready.value) else offered
