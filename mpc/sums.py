"""Exact sums over rows, as Python integers: words below 2^52 in blocks that fit int64."""

from __future__ import annotations

from typing import Final

import numpy as np

from mpc.encoding import Words

_HALF_BITS: Final = 26
#: Rows summed in one int64 before the total moves to a Python integer: 2^11 * 2^52 < 2^63.
_BLOCK: Final = 1 << 11


def exact_sum(words: Words) -> int:
    """Sum of words below 2^52."""
    return sum(int(block.sum()) for block in np.array_split(words, -(-max(1, words.size) // _BLOCK)))


def exact_dot(x: Words, y: Words) -> int:
    """Sum of x*y for words below 2^52: halves of 26 bits, whose products fit int64."""
    x_high, x_low = x >> _HALF_BITS, x & ((1 << _HALF_BITS) - 1)
    y_high, y_low = y >> _HALF_BITS, y & ((1 << _HALF_BITS) - 1)
    high = exact_sum(x_high * y_high)
    cross = exact_sum(x_high * y_low) + exact_sum(x_low * y_high)
    return (high << (2 * _HALF_BITS)) + (cross << _HALF_BITS) + exact_sum(x_low * y_low)
