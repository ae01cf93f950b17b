"""How the components of a query lie in the words of the core."""

import numpy as np
from numpy.typing import NDArray

from prototile.config import CHUNK_BITS, Configuration


def pack_words(config: Configuration, queries: NDArray[np.integer]) -> NDArray[np.uint32]:
    """(queries, words, chunks) of 32 bits, low chunk first; component j of a word in bits ``j * bits`` and up."""
    padded = np.zeros((len(queries), config.words * config.lanes), dtype=np.uint32)
    padded[:, : config.features] = queries
    bits = padded[:, :, None] >> np.arange(config.bits, dtype=np.uint32) & 1
    bits = bits.reshape(len(queries), config.words, config.word_width)
    chunks = -(-config.word_width // CHUNK_BITS)
    full = np.zeros((len(queries), config.words, chunks * CHUNK_BITS), dtype=np.uint32)
    full[:, :, : config.word_width] = bits
    places = np.uint32(1) << np.arange(CHUNK_BITS, dtype=np.uint32)
    chunked = full.reshape(len(queries), config.words, chunks, CHUNK_BITS) * places
    words: NDArray[np.uint32] = chunked.sum(axis=-1, dtype=np.uint32)
    return words
