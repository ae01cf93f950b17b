"""All proofs."""

from formal.proofs import (
    accumulator,
    bus,
    chip,
    collector,
    handshake,
    link,
    minimum,
    outbox,
    response,
    sequencer,
    tournament,
    vote,
    writing,
)

PROOFS = (
    *minimum.PROOFS,
    *tournament.PROOFS,
    *vote.PROOFS,
    *collector.PROOFS,
    *accumulator.PROOFS,
    *handshake.PROOFS,
    *sequencer.PROOFS,
    *outbox.PROOFS,
    *chip.PROOFS,
    *writing.PROOFS,
    *link.PROOFS,
    *response.PROOFS,
    *bus.PROOFS,
)
