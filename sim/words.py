"""How the components of a query lie in the words of the core."""

import numpy as np
from numpy.typing import NDArray

from prototile.config import CHUNK_BITS, Configuration


def pack_words(config: Configuration, queries: NDArray[np.integer]) -> NDArray[np.uint32]:
    """(queries, words, chunks) of 32 bits, low chunk first; component j of a word in bits ``j * bits`` and up."""
    padded = np.zeros((len(queries), config.words, config.lanes), dtype=np.uint32)
    padded.reshape(len(queries), config.words * config.lanes)[:, : config.features] = queries
    words = np.zeros((len(queries), config.words, -(-config.word_width // CHUNK_BITS)), dtype=np.uint32)
    for lane in range(config.lanes):
        components = padded[:, :, lane]
        chunk, place = divmod(lane * config.bits, CHUNK_BITS)
        words[:, :, chunk] |= components << np.uint32(place)
        if place + config.bits > CHUNK_BITS:
            words[:, :, chunk + 1] |= components >> np.uint32(CHUNK_BITS - place)
    return words
