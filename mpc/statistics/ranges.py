"""What the catalogue says of the words that a holder shares, as ranges that are checked on shares.

A holder that shared a count above its registered rows, or a sum that those cannot make, would shift a
result as far as it likes, and nobody would see it. (Input validation as in Prio, NSDI 2017, here by
comparisons.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from mpc.encoding import LIMB_BITS, limbs_for

WHY: Final = "each holder's counts and sums are such as its registered rows and ranges allow"
Ends = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]


def of_counts(rows_at_most: Sequence[int], counts: int) -> Ends:
    """`[holders, counts]` least and greatest words: a count lies between 0 and the holder's rows."""
    greatest = np.repeat(np.array(rows_at_most, dtype=np.int64).reshape(-1, 1), counts, axis=1)
    return np.zeros_like(greatest), greatest


def up_to(greatest: Sequence[Sequence[int]]) -> Ends:
    """Words from 0 to these, row after row."""
    high = np.array(greatest, dtype=np.int64).reshape(-1)
    return np.zeros_like(high), high


def of_limbs(bounds: Sequence[int]) -> Ends:
    """`[limbs]` of sums of those magnitudes, as `to_limbs` writes them: low digits, and one with the sign."""
    low, high = [], []
    for bound in bounds:
        digits = limbs_for(bound) - 1
        top = bound >> (LIMB_BITS * digits)
        low += [0] * digits + [-top - 1 if digits else -top]
        high += [(1 << LIMB_BITS) - 1] * digits + [top]
    return np.array(low, dtype=np.int64), np.array(high, dtype=np.int64)
