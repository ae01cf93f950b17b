"""All proofs."""

from formal.proofs import accumulator, collector, handshake, link, minimum, response, tournament, writing

PROOFS = (
    *minimum.PROOFS,
    *tournament.PROOFS,
    *collector.PROOFS,
    *accumulator.PROOFS,
    *handshake.PROOFS,
    *writing.PROOFS,
    *link.PROOFS,
    *response.PROOFS,
)
