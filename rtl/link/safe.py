"""State machines without dead states: what a flipped flip-flop leads to is left again."""

from amaranth.hdl import Module


def safe(m: Module, fsm) -> None:
    """Let a state machine that is in none of its states go to its first; to be called behind it.

    Synthesis is told to keep the codes of the states, of which it could make others.
    """
    fsm.state.attrs["fsm_encoding"] = "none"
    with m.If(fsm.state > max(fsm.encoding.values())):
        m.d.sync += fsm.state.eq(fsm.state.init)
