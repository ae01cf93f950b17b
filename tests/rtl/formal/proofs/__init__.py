"""All proofs."""

from formal.proofs import accumulator, chip, collector, handshake, link, minimum, outbox, response, tournament, writing

PROOFS = (
    *minimum.PROOFS,
    *tournament.PROOFS,
    *collector.PROOFS,
    *accumulator.PROOFS,
    *handshake.PROOFS,
    *outbox.PROOFS,
    *chip.PROOFS,
    *writing.PROOFS,
    *link.PROOFS,
    *response.PROOFS,
)
