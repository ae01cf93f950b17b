"""All proofs."""

from formal.proofs import accumulator, collector, handshake, link, minimum, tournament, writing

PROOFS = (
    *minimum.PROOFS,
    *tournament.PROOFS,
    *collector.PROOFS,
    *accumulator.PROOFS,
    *handshake.PROOFS,
    *writing.PROOFS,
    *link.PROOFS,
)
