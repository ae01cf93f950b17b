import itertools
import re
from dataclasses import replace

import numpy as np
import pytest
from amaranth.sim import Simulator

from prototile.errors import InputError
from prototile.hardware import constant_prototypes, parallel_shape
from prototile.nodes import Nodes
from prototile.rtl.lookup import LookedUpDistance
from prototile.rtl.parallel import ParallelCore
from prototile.rtl.record import RecordShape
from prototile.sim.bench import run_bench, write_bench


@pytest.mark.tools
@pytest.mark.parametrize("seed", range(200, 208))
def test_random_configuration(draw, check, seed, tmp_path):
    """Every field of every record, under stalls and resets; latency and interval as their formulas say."""
    check(draw(seed, reduction="parallel"), tmp_path)


@pytest.mark.tools
@pytest.mark.parametrize(
    "fixed",
    [
        # More classes than have prototypes.
        {"class_count": 9, "min_margin": 1, "radii": "none"},
        {"metric": "l2", "bits": 8, "features": 3, "radii": "common"},
        {"metric": "l1", "bits": 16, "features": 2, "radii": "class"},
        # Nearly everything is a tie.
        {"metric": "l1", "bits": 1, "features": 1, "radii": "prototype"},
        {"metric": "l2", "bits": 2, "features": 17, "radii": "none", "min_margin": 3},
    ],
)
def test_chosen_configuration(draw, check, fixed, tmp_path):
    check(draw(3, masked=False, shift_max=0, reduction="parallel", **fixed), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2000, 2040))
def test_further_random_configuration(draw, check, seed, tmp_path):
    check(draw(seed, reduction="parallel"), tmp_path)


PLAIN = {"metric": "l1", "masked": False, "shift_max": 0, "reduction": "parallel"}


def with_labels(case, labels):
    """As many prototypes of these classes, all at the same distance from where components are equal."""
    labels = np.asarray(labels)
    sizes = np.bincount(labels)
    config = replace(
        case.config,
        prototype_count=len(labels),
        class_count=len(sizes),
        rows=int(np.count_nonzero(sizes)),
        pes_per_tile=int(sizes.max()),
    )
    points = np.resize([[0, 1], [1, 0]], (len(labels), config.features))
    return replace(case, config=config, nodes=Nodes(values=points, labels=labels))


@pytest.mark.tools
@pytest.mark.parametrize(
    "labels",
    [
        [0] * 7,
        [0, 1, 2, 3, 4, 5, 6],
        [6, 5, 4, 3, 2, 1, 0],
        [0, 0, 0, 1, 1, 4, 4],
        [0, 1, 0, 1, 0, 1, 0],
        [2, 0, 0, 0, 0, 0, 2],
    ],
)
def test_arrangements_of_classes(draw, check, labels, tmp_path):
    """One class, one prototype a class, classes in a row, classes that take turns, with ties among all of them."""
    case = with_labels(draw(6, bits=1, features=2, radii="none", **PLAIN), labels)
    case = replace(case, queries=np.resize(list(itertools.product((0, 1), repeat=2)), case.queries.shape))
    assert case.golden()["tie"].any() == (len(set(labels)) > 1)
    check(case, tmp_path)


@pytest.mark.tools
def test_bench_of_a_design_folder(draw, tmp_path):
    """Drops, queries of too many words, resets in mid-query and a sink that takes nothing: the bench knows them all."""
    case = draw(4, bits=3, features=4, radii="class", **PLAIN)
    folder = tmp_path / "design"
    (folder / "rtl").mkdir(parents=True)
    (folder / "rtl" / "prototile_core.v").write_text(case.verilog())
    write_bench(folder, case.config, case.queries, case.saturated, case.golden())
    result = run_bench(folder, build=tmp_path / "build")
    assert result.ok, result.failed


@pytest.mark.tools
def test_a_wrong_prototype_is_noticed(draw, tmp_path):
    """The comparison can fail: one bit of one prototype."""
    case = draw(3, radii="none", **PLAIN)
    golden = case.golden()
    case.nodes.values[golden["prototype"][0], 0] ^= 1
    records = case.compiled(tmp_path).run(case.queries, case.saturated).records
    assert any((records[name] != golden[name]).any() for name in golden.dtype.names)


@pytest.mark.parametrize(
    ("fixed", "message"),
    [
        ({"k": 3}, "k = 3 neighbours vote only with reduction='serial', not with 'parallel'."),
        ({"lanes": 1}, "lanes is 3 with reduction='parallel', not 1: leave it out, or use reduction='serial'."),
        ({"columns": 2}, "columns is 1 with"),
        ({"prototypes_per_pe": 2}, "prototypes_per_pe is 1 with"),
        ({"memory": "block"}, "memory is 'logic' with reduction='parallel', not 'block'"),
        ({"memory_register": True}, "memory_register is False with"),
        ({"reduction": "both"}, "reduction must be one of serial, parallel, not 'both'."),
    ],
)
def test_what_the_parallel_form_does_not_have_is_refused(draw, fixed, message):
    config = draw(1, features=3, **PLAIN).config
    with pytest.raises(InputError, match=re.escape(message)):
        replace(config, **fixed)


def test_prototypes_must_be_complete_and_in_order(draw):
    case = draw(1, radii="none", **PLAIN)
    record = RecordShape(fields=case.config.record_fields(), min_margin=None)
    prototypes = constant_prototypes(case.config, case.nodes)
    for wrong in (prototypes[::-1], prototypes[1:], []):
        with pytest.raises(ValueError, match="prototypes must be all prototypes in the order of their indices"):
            ParallelCore(shape=parallel_shape(case.config), record=record, prototypes=wrong)
    radius = [replace(prototypes[0], radius=1), *prototypes[1:]]
    with pytest.raises(ValueError, match="each prototype must have a radius exactly if radii is not 'none'"):
        ParallelCore(shape=parallel_shape(case.config), record=record, prototypes=radius)


@pytest.mark.parametrize("components", [1, 2, 3, 5, 8, 13])
@pytest.mark.parametrize("seed", range(3))
def test_looked_up_distance(components, seed):
    """Sums of what tables say, whatever they say, `latency` cycles later; a query a cycle."""
    random = np.random.default_rng(seed)
    bits = int(random.integers(1, 4))
    most = random.choice([0, 1, 3, 40, 1000], components)
    tables = [random.integers(0, largest + 1, 1 << bits).tolist() for largest in most]
    queries = random.integers(0, 1 << bits, (40, components))
    expected = [sum(table[value] for table, value in zip(tables, query, strict=True)) for query in queries.tolist()]
    unit = LookedUpDistance(bits=bits, tables=tables)
    assert len(unit.distance) == max(1, sum(map(max, tables)).bit_length())
    found = []

    async def testbench(ctx):
        for query in [*queries.tolist(), *[[0] * components] * (unit.latency - 1)]:
            ctx.set(unit.query, sum(value << at * bits for at, value in enumerate(query)))
            await ctx.tick()
            found.append(ctx.get(unit.distance))

    simulator = Simulator(unit)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    assert found[unit.latency - 1 :] == expected


def test_tables_must_have_an_entry_for_each_value():
    with pytest.raises(ValueError, match=r"^tables must have 4 entries each, not \[4, 3\]$"):
        LookedUpDistance(bits=2, tables=[[0] * 4, [0] * 3])
