import itertools

import pytest
from amaranth.sim import Simulator
from formal.proof import Mutation

from prototile.rtl.distance.shape import UnitShape
from prototile.rtl.tile import CompareExchange, Tile


def passed(own, west, tail_own, tail_west):
    """Bits that a node passes on for two keys and what follows them."""
    node = CompareExchange(has_west=True)
    out = []

    async def testbench(ctx):
        ctx.set(node.clear, 1)
        await ctx.tick()
        ctx.set(node.clear, 0)
        bits = [*zip(own + tail_own, west + tail_west, strict=True)]
        for at, (mine, theirs) in enumerate(bits):
            ctx.set(node.own, mine)
            ctx.set(node.west, theirs)
            ctx.set(node.settle, at == len(own) - 1)
            await ctx.tick()
            out.append(ctx.get(node.smaller))

    simulator = Simulator(node)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    return out


@pytest.mark.parametrize(("own", "west"), list(itertools.product(itertools.product((0, 1), repeat=3), repeat=2)))
def test_the_smaller_key_passes_with_its_tail(own, west):
    tail_own, tail_west = (1, 0), (0, 1)
    winner = own + tail_own if own < west else west + tail_west
    assert passed(own, west, tail_own, tail_west) == list(winner)


@pytest.mark.parametrize("key", list(itertools.product((0, 1), repeat=3)))
def test_the_west_passes_among_equals(key):
    assert passed(key, key, (0, 0), (1, 1)) == [*key, 1, 1]


def test_a_tile_that_cannot_hold_its_elements_is_refused():
    with pytest.raises(ValueError, match=r"^2 banks of 4 elements cannot hold 9 elements$"):
        Tile(
            unit=UnitShape(metric="l1", bits=4),
            distance_width=6,
            radius=False,
            keeps=False,
            memories=[[0] * 4],
            memory="logic",
            write=None,
            memory_register=False,
            members=[1] * 9,
            rounds=1,
            pes_per_bank=4,
            place_width=2,
            bank_width=1,
            row=0,
            column=0,
            column_width=0,
            round_width=0,
        )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Mux(decided, self.west, self.own & self.west)", "Mux(decided, self.west, self.own | self.west)"),
        ("~self.own & self.west)", "self.own & ~self.west)"),
        ("takes_own.eq(Mux(decided, takes_own,", "takes_own.eq(Mux(decided, 1,"),
    ],
    ids=["larger bit", "larger key", "own after all"],
)
def test_a_node_that_is_wrong_is_noticed(old, new):
    with Mutation("tile:CompareExchange.elaborate", old, new).applied(), pytest.raises(AssertionError):
        test_the_smaller_key_passes_with_its_tail((1, 0, 1), (0, 1, 1))
