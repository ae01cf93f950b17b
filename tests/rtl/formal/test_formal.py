import pytest
from amaranth.hdl import Mux, Signal
from formal.bench import Bench
from formal.engine import check
from formal.proof import Mutation
from formal.proofs import PROOFS

from prototile.rtl.bus.axi_stream import AxiStream
from prototile.rtl.outbox import Outbox
from prototile.rtl.tile import CompareExchange

pytestmark = pytest.mark.tools


def cases(several):
    """Cases of all proofs: the first of each is quick, the others are left to make formal and the slow tests."""
    return [
        pytest.param(proof, one, id=f"{proof.name}, {one}", marks=[] if at == 0 and proof.quick else [pytest.mark.slow])
        for proof in PROOFS
        for at, one in enumerate(several(proof))
    ]


@pytest.mark.parametrize(("proof", "shape"), cases(lambda proof: proof.shapes))
def test_it_is_proved(proof, shape, tmp_path):
    assert str(proof.run(shape, tmp_path)) == "proved"


@pytest.mark.parametrize(("proof", "control"), cases(lambda proof: proof.controls))
def test_it_is_not_proved_of_hardware_that_is_wrong(proof, control, tmp_path):
    outcome = proof.refute(control, tmp_path)
    assert outcome.broken is not None


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.name)
def test_each_proof_has_a_negative_control(proof):
    assert proof.controls


def counter(limit):
    """A counter from 0 to 5 that is said to stay below a limit."""

    def build(bench):
        value = Signal(3)
        with bench.m.If(bench.free(1, "steps")):
            bench.m.d.sync += value.eq(Mux(value == 5, 0, value + 1))
        bench.always("below", value < limit)
        bench.reachable("the largest", value == 5)
        bench.reachable("the smallest", value == 0)

    return build


@pytest.mark.parametrize("options", [{}, {"depth": 12}, {"induction": 2}], ids=str)
def test_a_prover_tells_what_fails_and_where(options, tmp_path):
    assert check(counter(6), tmp_path / "holds", **options).proved
    outcome = check(counter(5), tmp_path / "fails", **options)
    assert (outcome.broken, outcome.frame) == ("below", 5)
    assert "$enddefinitions" in outcome.trace.read_text()


@pytest.mark.parametrize(("start", "frame"), [(0, 0), (6, 2)])
def test_an_induction_has_a_base(start, frame, tmp_path):
    def build(bench):
        value = Signal(3, init=start)
        # Never 0 again, once it has been: so all but the first cycles follow from those before.
        bench.m.d.sync += value.eq(Mux(value == 7, 0, Mux(value == 6, 7, 1)))
        bench.always("not 0", value != 0)
        bench.reachable("something", value == start)
        bench.without_reset()

    outcome = check(build, tmp_path, induction=4)
    assert (outcome.broken, outcome.frame) == ("not 0", frame)


@pytest.mark.parametrize("options", [{}, {"depth": 3}], ids=str)
def test_registers_that_start_with_anything_may_differ(options, tmp_path):
    def build(bench):
        # Two registers of one input are equal from the second cycle on; the optimiser must not make one of them.
        steps = bench.free(1, "steps")
        one, other = bench.register(steps, "one"), bench.register(steps, "other")
        bench.unknown(one, other)
        bench.always("equal", one == other)
        bench.reachable("high", one)

    outcome = check(build, tmp_path, **options)
    assert (outcome.broken, outcome.frame) == ("equal", 0)


def test_a_constant_is_one_value_for_ever_and_any(tmp_path):
    def build(bench):
        constant = bench.constant(2, "constant")
        bench.always("stays", bench.first | (constant == bench.register(constant, "before")))
        for value in range(4):
            bench.reachable(f"{value}", (constant == value) & ~bench.first)

    assert check(build, tmp_path).proved


def test_a_state_that_cannot_be_reached_is_told(tmp_path):
    def build(bench):
        counter(6)(bench)
        bench.assume(~bench.inputs["steps"])

    assert check(build, tmp_path, depth=12).unreached == ("the largest",)


def test_a_bench_without_properties_or_covers_proves_nothing(tmp_path):
    with pytest.raises(ValueError, match=r"^a bench needs properties, and covers"):
        check(lambda bench: bench.always("it", bench.first), tmp_path)


def test_a_change_must_fit_the_text():
    change = Mutation("bank:Bank.elaborate", "no such text", "")
    with (
        pytest.raises(ValueError, match=r"^'no such text' stands 0 times in bank:Bank.elaborate, not once$"),
        change.applied(),
    ):
        pass


def test_a_change_ends_with_its_context():
    before = CompareExchange.elaborate
    with Mutation("tile:CompareExchange.elaborate", "decided | self.settle |", "decided |").applied():
        assert CompareExchange.elaborate is not before
    assert CompareExchange.elaborate is before


def test_an_inner_signal_is_found_by_its_path_or_named():
    inner = Bench().add(CompareExchange(has_west=True), "node")
    assert inner["decided"].name == "decided"
    with pytest.raises(KeyError, match=r"^\"0 signals are called 'undecided', not one; there are smaller, "):
        inner["undecided"]


def test_what_a_memory_holds_can_be_watched(tmp_path):
    def build(bench):
        dut = Outbox(fields=(("saturated", 1, False),), queries=4)
        inner = bench.add(dut, "outbox")
        bench.drive(dut.accept, "accept")
        bench.drive(dut.tag, "tag")
        bench.without_reset()
        written = bench.register(dut.accept, "accepted")
        held = inner.word("came_with", inner["came_with_next"] - 1)
        bench.always("there", ~written | (held[1:] == bench.register(dut.tag, "tag_before")))
        bench.always("not another", held[0] == 0)
        bench.reachable("a tag", held.all())

    outcome = check(build, tmp_path, depth=4)
    assert outcome.broken is None
    assert outcome.unreached == ("a tag",)


def test_an_instance_is_taken_out_and_its_ports_are_told():
    fields = (("prototype", 2, False), ("saturated", 1, False))
    inside = Bench().add(AxiStream(word_width=3, saturated_width=1, record_fields=fields), "wrapper")
    ports = inside.taken_out("core")
    assert len(ports["query_data"]) == 3
    assert len(ports["record_prototype"]) == 2
    inside = Bench().add(Outbox(fields=fields, queries=2), "outbox")
    with pytest.raises(TypeError, match=r"^'computed' is no instance of another module$"):
        inside.taken_out("computed")
