"""Upsets of the link's flip-flops; ``make faults`` tries each of them more often, and those of the netlist, too."""

import pytest
from faults.line import board_sources
from faults.subjects import Host, fixed_design, written_design
from faults.test_noise import SEED
from faults.upsets import PATIENCE, try_upsets
from formal.proof import Mutation

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("design", [fixed_design, written_design], ids=["fixed", "written"])
def test_the_link_serves_again_after_any_flip_flop_was_upset(design):
    host = Host(design())
    told = try_upsets(host, times=2, seed=SEED)
    assert told.dead == [], f"seed {SEED}"
    assert told.tried > 300
    assert told.rounds[1] > 0.9 * told.tried
    assert max(told.rounds) <= PATIENCE
    # Parts of a query that were checked already, and of an answer whose CRC is not made yet, have no other guard.
    assert len(told.wrong) < 0.02 * told.tried
    # Nothing but a word that is written where it should not be changes a memory.
    assert len(told.rewritten) < 0.02 * told.tried
    assert not (told.rewritten and host.chip.image is None)


def test_codes_that_are_no_states_are_noticed():
    """As they are dead ends without `safe`."""
    host = Host(written_design())
    with Mutation("link.request:safe", "fsm.state.eq(fsm.state.init)", "fsm.state.eq(fsm.state)").applied():
        sources = board_sources(host.design)
    dead = try_upsets(host, times=2, seed=SEED, sources=sources).dead
    assert any(name.startswith("requests.fsm_state") for name in dead)
