"""Bits packed 64 to a word: bit r of word w is element 64 w + r."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

WORD_BITS = 64


def words_for(elements: int) -> int:
    """Words of one plane of `elements` bits."""
    return -(-elements // WORD_BITS)


def packed(bits: npt.NDArray[np.generic]) -> npt.NDArray[np.int64]:
    """`[..., 64 m]` zeros and ones as `[..., m]` words."""
    octets = np.packbits(bits.astype(np.uint8), axis=-1, bitorder="little")
    return np.ascontiguousarray(octets).view("<i8").astype(np.int64)
