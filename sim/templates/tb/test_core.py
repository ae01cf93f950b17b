"""Test bench of ``prototile_core``: a stream of query words in, a stream of decision records out.

It needs cocotb 2 and a simulator, nothing else. ``bench.json`` describes the design, ``vectors.json`` holds the queries
and ``expected.json`` the record that each must get, from the integer reference model. What was covered is written to
``coverage.json``, beside the results. Environment:

- ``PROTOTILE_COUNT``: use so many vectors only, from the first on; all, if it is not set.
- ``PROTOTILE_SEED``: of stalls, pauses and of the values on ports that are not looked at; if it is not set,
  ``COCOTB_RANDOM_SEED``, or 1. The log and, by the Makefile, the results tell it.

Ports are written at the falling edge of the clock and read in the read-only phase after it. What is read there is what
the next rising edge sees, in every simulator.
"""

import json
import os
import random
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.simtime import get_sim_time
from cocotb.triggers import FallingEdge, ReadOnly

FOLDER = Path(__file__).resolve().parent
BENCH = json.loads((FOLDER / "bench.json").read_text())
COUNT = int(os.environ.get("PROTOTILE_COUNT") or 0) or None
VECTORS = json.loads((FOLDER / "vectors.json").read_text())[:COUNT]
EXPECTED = json.loads((FOLDER / "expected.json").read_text())[:COUNT]
#: Words that the memories must hold first, of a core where they can be written; None where they cannot.
WRITES = json.loads(file.read_text()) if (file := FOLDER / "writes.json").exists() else None
SEED = int(os.environ.get("PROTOTILE_SEED") or os.environ.get("COCOTB_RANDOM_SEED") or 1)
COVERAGE_FILE = Path(os.environ.get("COCOTB_RESULTS_FILE") or "results.xml").with_name("coverage.json")
# One of an earlier run would pass for that of this one.
COVERAGE_FILE.unlink(missing_ok=True)

WORDS: int = BENCH["words"]
LATENCY: int = BENCH["latency_cycles"]
INTERVAL: int = BENCH["interval_cycles"]
FIELDS = BENCH["record_fields"]
STATUSES = {number: name for name, number in BENCH["status"].items()}
TAGS = 1 << BENCH["tag_width"]
PERIOD_NS: int = BENCH["clock_period_ns"]

#: Cycles after which a core that owes a record and gave none counts as hung.
PATIENCE = 4 * (LATENCY + INTERVAL) + 100
#: Simulated time after which a test has failed whatever it waits for: far more than the longest one takes.
WATCHDOG_NS = PERIOD_NS * 20 * (LATENCY + INTERVAL + 4 * WORDS) * (len(VECTORS) + 16)


def test(function: Callable[..., Any]) -> Any:
    """Mark a cocotb test with the watchdog."""
    return cocotb.test(timeout_time=WATCHDOG_NS, timeout_unit="ns")(function)


def now() -> int:
    """Number of the clock cycle."""
    return round(get_sim_time("ns") / PERIOD_NS)


def read(port: Any) -> int:
    """Value of a port as an unsigned integer; X and Z are an error."""
    value = port.value
    assert value.is_resolvable, f"{port._name} is {value}, neither 0 nor 1"
    return int(value)


@dataclass(frozen=True)
class Query:
    """What is sent for one query, good or damaged.

    Parameters
    ----------
    vector
        Its place in ``vectors.json``.
    words
        Words of the stream, the last of which is sent with ``query_last``.
    drop
        Whether ``query_drop`` comes with the last word.
    """

    vector: int
    words: tuple[int, ...]
    saturated: int
    tag: int
    drop: bool = False

    @property
    def is_good(self) -> bool:
        """Whether the core must answer it."""
        return not self.drop and len(self.words) == WORDS

    @property
    def record(self) -> dict[str, int]:
        """The record that it must get."""
        return {**EXPECTED[self.vector], "tag": self.tag}


def make_query(vector: int, tag: int) -> Query:
    """The good query for one vector: component j of a word lies in bits ``j * bits`` and up, missing ones are 0."""
    components = VECTORS[vector]["components"]
    lanes, bits = BENCH["lanes"], BENCH["bits"]
    rows = [components[start : start + lanes] for start in range(0, len(components), lanes)]
    words = tuple(sum(component << lane * bits for lane, component in enumerate(row)) for row in rows)
    return Query(vector=vector, words=words, saturated=VECTORS[vector]["saturated"], tag=tag)


class Coverage:
    """Counts how often each case was seen."""

    def __init__(self) -> None:
        self.hits: Counter[str] = Counter()
        self.winners: set[int] = set()

    def hit(self, case: str) -> None:
        """Count one case."""
        self.hits[case] += 1

    def hit_record(self, record: dict[str, int]) -> None:
        """Count the cases of one record."""
        self.winners.add(record["prototype"])
        for case in record_cases(record):
            self.hit(case)


def record_cases(record: dict[str, int]) -> list[str]:
    """Cases that one record belongs to."""
    cases = [f"label {record['label']}", f"status {STATUSES[record['status']]}"]
    flags = {
        "tie": record["tie"],
        "saturated": record["saturated"],
        "margin below 0": record["margin"] < 0,
        "no runner-up": record["runner_up"] < 0,
        "distance 0": record["distance"] == 0,
    }
    return cases + [name for name, is_set in flags.items() if is_set]


@dataclass(frozen=True)
class CaseReport:
    """What became of one case.

    Parameters
    ----------
    state
        ``seen``; ``missed``, though the vectors hold it or the bench makes it; ``not among the vectors``, because none
        was found; or ``impossible`` for this model, for the reason that is given.
    """

    case: str
    seen: int
    state: str
    reason: str | None = None


def report_cases() -> list[CaseReport]:
    """What became of all cases: those of the records, and those that the tests make at the ports."""
    held = {case for record in EXPECTED for case in record_cases(record)}
    reports = []
    for item in BENCH["cases"]:
        case, reason = item["case"], item["impossible"]
        seen = COVERAGE.hits[case]
        absent = "not among the vectors" if reason is None else "impossible"
        state = "seen" if seen else "missed" if case in held else absent
        reports.append(CaseReport(case, seen, state, reason))
    made = ["queries back to back", "source stalls", "source waits for the core", "sink stalls"]
    made += ["query dropped", "query too long", "reset while it computes", "reset while a record waits"]
    made += ["query too short", "reset while words arrive"] if WORDS > 1 else []
    return reports + [CaseReport(case, seen := COVERAGE.hits[case], "seen" if seen else "missed") for case in made]


def coverage_table(reports: Iterable[CaseReport]) -> str:
    """The reports for a reader: a line each, and a summary."""
    lines = [f"{'case':<27} times", f"{'-' * 27} ------"]
    for report in reports:
        remark = "" if report.state == "seen" else f" {report.state}{f': {report.reason}' if report.reason else ''}"
        lines.append(f"{report.case:<27} {report.seen:6}{remark}")
    states = Counter(report.state for report in reports)
    told = (f"{states[state]} {state}" for state in ("seen", "not among the vectors", "impossible", "missed"))
    lines += [f"cases: {', '.join(told)}"]
    lines.append(f"prototypes that came first: {len(COVERAGE.winners)} of {BENCH['prototype_count']}")
    return "\n".join(lines)


#: Cases of the whole regression, reported by the last test.
COVERAGE = Coverage()


class Scoreboard:
    """Compares records with those of the queries that the core took, in the same order."""

    def __init__(self) -> None:
        self._due: deque[Query] = deque()
        self.taken: list[int] = []
        self.checked = 0

    @property
    def due(self) -> int:
        """Records that the core still owes."""
        return len(self._due)

    def expect(self, query: Query) -> None:
        """The core took the last word of this query."""
        if query.is_good:
            self._due.append(query)

    def forget(self) -> None:
        """The core was reset: it owes nothing any more."""
        self._due.clear()

    def check(self, record: dict[str, int]) -> None:
        """The core gave this record."""
        assert self._due, f"a record without a query: {record}"
        query = self._due.popleft()
        wrong = [f"{name} {record[name]}, not {value}" for name, value in query.record.items() if record[name] != value]
        assert not wrong, f"vector {query.vector}, record {self.checked} of this test: {'; '.join(wrong)}"
        self.taken.append(now())
        self.checked += 1
        COVERAGE.hit_record(record)


class Pauses:
    """Random numbers of idle cycles: none in half of the cases, else up to `longest`."""

    def __init__(self, rng: random.Random, longest: int = 0) -> None:
        self.rng = rng
        self.longest = longest

    def draw(self) -> int:
        """Cycles of the next pause."""
        if not self.longest or self.rng.random() < 0.5:
            return 0
        return self.rng.randint(1, self.longest)


class QueryDriver:
    """Sends queries word by word. A word that is offered stays until it is taken.

    Ports that the core must not look at carry random values: all but ``query_valid`` while there is no word, and tag,
    drop and saturated in all words but the last.
    """

    def __init__(self, dut: Any, scoreboard: Scoreboard, rng: random.Random) -> None:
        self.dut = dut
        self.scoreboard = scoreboard
        self.rng = rng
        self.pauses = Pauses(rng)
        self.first_words: list[int] = []
        self.accepted = 0
        self.at = 0
        self.pause = 0
        self._queue: deque[Query] = deque()
        self._offers = False

    @property
    def idle(self) -> bool:
        """Whether everything was sent."""
        return not self._queue

    def send(self, queries: Iterable[Query]) -> None:
        """Queue queries."""
        self._queue.extend(queries)

    def abort(self) -> None:
        """Forget all queries, in the middle of one or not, and offer nothing."""
        self._queue.clear()
        self.at = 0
        self._offers = False
        self._drive_nothing()

    async def run(self) -> None:
        """Drive the ports, for ever."""
        while True:
            await FallingEdge(self.dut.clk)
            if not self._offers:
                self._choose()
            await ReadOnly()
            if not self._offers:
                continue
            if read(self.dut.query_ready):
                self._word_taken()
            else:
                COVERAGE.hit("source waits for the core")

    def _choose(self) -> None:
        if self._queue and not self.pause:
            self._drive_word(self._queue[0], self.at)
            self._offers = True
            return
        if self._queue:
            self.pause -= 1
            COVERAGE.hit("source stalls")
        self._drive_nothing()

    def _word_taken(self) -> None:
        query = self._queue[0]
        self._offers = False
        self.pause = self.pauses.draw()
        if self.at == 0:
            self.first_words.append(now())
        self.at += 1
        if self.at == len(query.words):
            self.at = 0
            self._queue.popleft()
            self.accepted += 1
            self.scoreboard.expect(query)
            if self._queue and not self.pause:
                COVERAGE.hit("queries back to back")
            if query.drop:
                COVERAGE.hit("query dropped")
            elif len(query.words) != WORDS:
                COVERAGE.hit("query too short" if len(query.words) < WORDS else "query too long")

    def _drive_word(self, query: Query, at: int) -> None:
        is_last = at == len(query.words) - 1
        self._drive_random()
        self.dut.query_valid.value = 1
        self.dut.query_data.value = query.words[at]
        self.dut.query_last.value = int(is_last)
        if is_last:
            self.dut.query_drop.value = int(query.drop)
            self.dut.query_saturated.value = query.saturated
            self.dut.query_tag.value = query.tag

    def _drive_nothing(self) -> None:
        self._drive_random()
        self.dut.query_valid.value = 0

    def _drive_random(self) -> None:
        widths = {"data": BENCH["word_width"], "last": 1, "drop": 1, "saturated": BENCH["saturated_width"]}
        for name, width in (*widths.items(), ("tag", BENCH["tag_width"])):
            getattr(self.dut, f"query_{name}").value = self.rng.getrandbits(width)


class RecordMonitor:
    """Takes records and hands them to the scoreboard.

    While a record is offered and not taken, it must stay offered, and the same.
    """

    def __init__(self, dut: Any, scoreboard: Scoreboard, rng: random.Random) -> None:
        self.dut = dut
        self.scoreboard = scoreboard
        self.pauses = Pauses(rng)
        self.is_blocked = False
        self.pause = 0
        self._ports = [(item["name"], getattr(dut, f"record_{item['name']}"), sign_of(item)) for item in FIELDS]
        self._ports.append(("tag", dut.record_tag, 0))
        self._held: dict[str, int] | None = None

    @property
    def holds_record(self) -> bool:
        """Whether a record is offered and was not taken."""
        return self._held is not None

    def forget(self) -> None:
        """The core is being reset: it may take its record back."""
        self._held = None

    async def run(self) -> None:
        """Watch the ports, for ever."""
        while True:
            await FallingEdge(self.dut.clk)
            is_ready = not self.is_blocked and not self.pause
            self.pause = max(0, self.pause - 1)
            self.dut.record_ready.value = int(is_ready)
            await ReadOnly()
            if read(self.dut.rst):
                self.forget()
            elif read(self.dut.record_valid):
                self._offered(is_ready)
            else:
                assert self._held is None, f"the core took back the record {self._held} before it was taken"

    def _offered(self, is_ready: bool) -> None:
        record = self._read()
        assert self._held in (None, record), f"the record {self._held} changed to {record} before it was taken"
        if is_ready:
            self._held = None
            self.pause = self.pauses.draw()
            self.scoreboard.check(record)
        else:
            self._held = record
            COVERAGE.hit("sink stalls")

    def _read(self) -> dict[str, int]:
        record = {}
        for name, port, sign in self._ports:
            value = read(port)
            record[name] = value - 2 * (value & sign)
        return record


def sign_of(item: dict[str, Any]) -> int:
    """Weight of the sign bit of a field, 0 if it is unsigned."""
    return 1 << item["width"] - 1 if item["signed"] else 0


@dataclass
class Environment:
    """Clock, reset, driver, monitor and scoreboard of one test."""

    dut: Any
    rng: random.Random = field(default_factory=lambda: random.Random(SEED))

    def __post_init__(self) -> None:
        self.scoreboard = Scoreboard()
        self.driver = QueryDriver(self.dut, self.scoreboard, self.rng)
        self.monitor = RecordMonitor(self.dut, self.scoreboard, self.rng)
        self._tag = self.rng.randrange(TAGS)

    async def start(self) -> "Environment":
        """Run the clock, reset the core, and begin to drive and watch."""
        cocotb.log.info("seed %d, %d vectors", SEED, len(VECTORS))
        Clock(self.dut.clk, PERIOD_NS, "ns").start(start_high=False)
        self.dut.record_ready.value = 0
        if WRITES is not None:
            self.dut.write_valid.value = 0
        await FallingEdge(self.dut.clk)
        await self.reset()
        await self.write_memories()
        cocotb.start_soon(self.driver.run())
        cocotb.start_soon(self.monitor.run())
        return self

    async def reset(self, cycles: int = 1) -> None:
        """Reset the core for some rising edges. To be called at a falling edge."""
        self.dut.rst.value = 1
        self.driver.abort()
        self.monitor.forget()
        self.scoreboard.forget()
        await self.cycles(cycles)
        self.dut.rst.value = 0

    async def write_memories(self) -> None:
        """Put all words into the memories. No reset takes them away again, so the first test does it for all."""
        global WRITES
        for word in WRITES or []:
            for name, value in word.items():
                getattr(self.dut, f"write_{name}").value = value
            self.dut.write_valid.value = 1
            await ReadOnly()
            assert read(self.dut.write_ready), "a core without a query takes no word"
            await FallingEdge(self.dut.clk)
        if WRITES:
            self.dut.write_valid.value = 0
            WRITES = []

    async def cycles(self, count: int) -> None:
        """Wait for so many falling edges."""
        for _ in range(count):
            await FallingEdge(self.dut.clk)

    def queries(self, vectors: Iterable[int]) -> list[Query]:
        """Queries for these vectors, with tags that differ from those of the queries around them."""
        result = []
        for vector in vectors:
            result.append(make_query(vector % len(VECTORS), self._tag))
            self._tag = (self._tag + 1) % TAGS
        return result

    async def drained(self) -> None:
        """Wait until everything was sent and answered."""
        last, since = self._progress(), now()
        while not self.driver.idle or self.scoreboard.due:
            await FallingEdge(self.dut.clk)
            if self._progress() != last:
                last, since = self._progress(), now()
            owed = f"{self.scoreboard.due} records and takes no words"
            assert now() - since < PATIENCE, f"the core is hung: for {PATIENCE} cycles it owes {owed}"

    async def quiet(self) -> None:
        """Wait for as long as any lost query could still give a record; one would be an error of the scoreboard."""
        await self.cycles(LATENCY + 2 * INTERVAL)

    def _progress(self) -> tuple[int, ...]:
        driver = self.driver
        return driver.accepted, driver.at, driver.pause, self.monitor.pause, self.scoreboard.checked


@test
async def ports_are_as_described(dut: Any) -> None:
    """Every field of the record has its port, of the documented width; and there is something to test."""
    assert VECTORS and len(VECTORS) == len(EXPECTED)
    widths = {f"record_{item['name']}": item["width"] for item in FIELDS}
    widths |= {"record_tag": BENCH["tag_width"], "query_tag": BENCH["tag_width"]}
    widths |= {"query_data": BENCH["word_width"], "query_saturated": BENCH["saturated_width"]}
    found = {name: len(getattr(dut, name)) for name in widths}
    assert found == widths


@test
async def back_to_back(dut: Any) -> None:
    """Every vector without a gap: all fields and tags are right, and a record comes every INTERVAL cycles."""
    env = await Environment(dut).start()
    env.driver.send(env.queries(range(max(len(VECTORS), 8))))
    await env.drained()
    taken = env.scoreboard.taken
    intervals = {after - before for before, after in pairwise(taken)}
    assert intervals == {INTERVAL}, f"records come every {sorted(intervals)} cycles, not {INTERVAL}"
    await env.quiet()


@test
async def latency_of_one_query(dut: Any) -> None:
    """An idle core answers LATENCY cycles after it took the first word."""
    env = await Environment(dut).start()
    for vector in range(4):
        await env.cycles(env.rng.randrange(INTERVAL))
        env.driver.send(env.queries([vector]))
        await env.drained()
        latency = env.scoreboard.taken[-1] - env.driver.first_words[-1]
        assert latency == LATENCY, f"vector {vector % len(VECTORS)}: latency {latency} cycles, not {LATENCY}"


@test
async def random_stalls(dut: Any) -> None:
    """A source that pauses between words, a sink that pauses between records, and both."""
    env = await Environment(dut).start()
    for source, sink in ((3, INTERVAL), (4, 0), (0, 3 * INTERVAL)):
        cocotb.log.info("pauses: up to %d cycles between words, up to %d between records", source, sink)
        env.driver.pauses.longest, env.monitor.pauses.longest = source, sink
        env.driver.send(env.queries(range(len(VECTORS))))
        await env.drained()
    await env.quiet()


@test
async def reset_in_mid_query(dut: Any) -> None:
    """A reset at any cycle of a query loses it for good, and the next query gets its answer."""
    env = await Environment(dut).start()
    moments = {1, WORDS // 2, WORDS, WORDS + 1, (WORDS + LATENCY) // 2, LATENCY - 1, LATENCY, LATENCY + 1}
    moments |= {env.rng.randrange(1, LATENCY) for _ in range(4)}
    for vector, moment in enumerate(sorted(moments - {0})):
        # With the sink blocked, a record waits at its port when the reset comes late.
        env.monitor.is_blocked = True
        # One query or several in the core: the reset must reach all of them.
        env.driver.send(env.queries(range(vector, vector + 1 + vector % 3)))
        await env.cycles(1 + moment)
        COVERAGE.hit(f"reset while {phase(env)}")
        await env.reset()
        env.monitor.is_blocked = False
        before = env.scoreboard.checked
        env.driver.send(env.queries([vector + 1]))
        await env.drained()
        assert env.scoreboard.checked == before + 1
        await env.quiet()
    # In the midst of a query that is too long, of which the core lets the rest of the words pass.
    for extra in (1, 2):
        (spoilt,) = env.queries([extra])
        env.driver.send([replace(spoilt, words=spoilt.words + (WORDS + extra) * (0,))])
        while env.driver.at < WORDS + extra:
            await FallingEdge(dut.clk)
        await env.reset()
        before = env.scoreboard.checked
        env.driver.send(env.queries([extra + 1]))
        await env.drained()
        assert env.scoreboard.checked == before + 1
        await env.quiet()


def phase(env: Environment) -> str:
    """What the core is doing with the first query."""
    if env.monitor.holds_record:
        return "a record waits"
    return "it computes" if env.scoreboard.due else "words arrive"


#: Ways to spoil a query. A query of no words does not exist and is not sent.
DAMAGES: tuple[Callable[[Query], Query], ...] = (
    lambda query: replace(query, drop=True),
    lambda query: replace(query, words=query.words[:-1]),
    lambda query: replace(query, words=query.words[:1] if WORDS > 1 else ()),
    lambda query: replace(query, words=(*query.words, 0)),
    # A counter that wraps would take this for two queries, or for one.
    lambda query: replace(query, words=query.words * 2),
    lambda query: replace(query, words=query.words[:-1], drop=True),
    lambda query: replace(query, words=(*query.words, 0), drop=True),
)


@test
async def dropped_and_damaged_queries(dut: Any) -> None:
    """Queries with query_drop or with a wrong number of words give no record, and disturb no other query."""
    env = await Environment(dut).start()
    for source in (0, 2):
        env.driver.pauses.longest = source
        good = env.queries(range(2 * len(DAMAGES) + 1))
        env.driver.send(good[:1])
        for damage, spoilt, after in zip(DAMAGES, good[1::2], good[2::2], strict=True):
            env.driver.send(item for item in (damage(spoilt), after) if item.words)
        await env.drained()
        await env.quiet()
    assert env.scoreboard.checked == 2 * (len(DAMAGES) + 1)


@test
async def records_hold_still(dut: Any) -> None:
    """With the sink blocked the core fills up, keeps its record, and goes on where it was."""
    env = await Environment(dut).start()
    inside = BENCH["queries_inside"]
    for start in (0, inside):
        env.monitor.is_blocked = True
        before = env.driver.accepted
        env.driver.send(env.queries(range(start, start + 2 * inside)))
        await env.cycles(LATENCY + 2 * inside * max(INTERVAL, WORDS))
        accepted = env.driver.accepted - before
        assert env.monitor.holds_record, "no record came while record_ready was low"
        assert accepted == inside, f"the core took {accepted} queries while no record left, not {inside}"
        env.monitor.is_blocked = False
        await env.drained()


@test
async def coverage(dut: Any) -> None:
    """Report which cases were seen: all must be that the vectors hold, and all that this bench makes."""
    reports = report_cases()
    made_for = sum("made_for" in vector for vector in VECTORS)
    cocotb.log.info("seed %d, %d vectors, %d of them made for rare cases", SEED, len(VECTORS), made_for)
    cocotb.log.info("coverage\n%s", coverage_table(reports))
    found = {"seed": SEED, "vectors": len(VECTORS), "prototypes_first": sorted(COVERAGE.winners)}
    COVERAGE_FILE.write_text(json.dumps(found | {"cases": [vars(report) for report in reports]}, indent=2) + "\n")
    missed = [report.case for report in reports if report.state == "missed"]
    assert not missed, f"not seen: {', '.join(missed)}"
    wrong = [report.case for report in reports if report.state == "seen" and report.reason]
    assert not wrong, f"seen, but impossible: {', '.join(wrong)}"
