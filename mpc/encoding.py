"""Real numbers, integers and decimals as words of the ring Z_2^64, and back.

A word stands for `word / (2**bits * 10**digits)`. The scale is public and travels with the tensor,
as does a public bound on the magnitude of the word. Nothing here looks at a secret: encoding happens
at the owner, decoding at the recipient.

Sums over many holders use limbs: an integer of any size is written in base 2**48, each digit in its
own ring word, so that thousands of holders' digits add up without a wrap.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from mpc.errors import RangeError

Words = npt.NDArray[np.int64]

#: A word's magnitude stays below this: two bits of head room, one of them the sign.
MAX_MAGNITUDE = 1 << 62
#: Bits of one limb of a secure sum: 2**14 holders fit under MAX_MAGNITUDE.
LIMB_BITS = 48
_LIMB = 1 << LIMB_BITS
#: Fraction bits of a real input that names no scale.
DEFAULT_BITS = 16


@dataclass(frozen=True, order=True)
class Scale:
    """`value = word / (2**bits * 10**digits)`; `Scale()` is the integers."""

    bits: int = 0
    digits: int = 0

    @property
    def factor(self) -> int:
        return int(2**self.bits * 10**self.digits)

    def __mul__(self, other: Scale) -> Scale:
        return Scale(self.bits + other.bits, self.digits + other.digits)

    def join(self, other: Scale) -> Scale:
        """The coarsest scale that both fit into without loss."""
        return Scale(max(self.bits, other.bits), max(self.digits, other.digits))

    def steps_to(self, finer: Scale) -> int:
        """The public integer that turns a word of this scale into one of `finer`."""
        return int(2 ** (finer.bits - self.bits) * 10 ** (finer.digits - self.digits))


INTEGER = Scale()


def scale_of(values: npt.NDArray[np.generic]) -> Scale:
    """The scale used when the owner names none: integers exact, reals with 16 fraction bits."""
    return INTEGER if values.dtype.kind in "biu" else Scale(bits=DEFAULT_BITS)


def encode(values: npt.ArrayLike, scale: Scale, bound: int = MAX_MAGNITUDE) -> Words:
    """Words of `values` at `scale`, rounded to nearest; same shape.

    Raises `RangeError` for NaN, infinities, and words beyond `bound` (the value itself is not shown).
    """
    array = np.asarray(values)
    if array.dtype.kind in "biu":
        return _encode_integers(array, scale.factor, bound)
    scaled = array.astype(np.float64) * float(scale.factor)
    if not np.all(np.isfinite(scaled)):
        raise RangeError(
            "An input holds NaN or an infinity, which have no ring word.",
            remedy="Remove or impute missing values first.",
        )
    if scaled.size and float(np.max(np.abs(scaled))) > bound:
        raise _too_large(bound)
    return np.rint(scaled).astype(np.int64)


def _encode_integers(array: npt.NDArray[np.generic], factor: int, bound: int) -> Words:
    top = max((abs(int(array.max())), abs(int(array.min())))) if array.size else 0
    if top * factor > bound:
        raise _too_large(bound)
    return array.astype(np.int64) * np.int64(factor)


def _too_large(bound: int) -> RangeError:
    return RangeError(
        f"An input's magnitude exceeds its public bound of {bound} (as a word).",
        remedy="Declare a wider range or a coarser scale.",
    )


def decode(words: Words, scale: Scale) -> npt.NDArray[np.generic]:
    """Integers for an integer scale, float64 otherwise (exact up to the last float rounding)."""
    if scale == INTEGER:
        return words
    return words.astype(np.float64) / float(scale.factor)


def as_fraction(word: int, scale: Scale) -> Fraction:
    return Fraction(word, scale.factor)


def limbs_for(bound: int) -> int:
    """How many 48-bit limbs hold every integer of magnitude at most `bound`, sign included."""
    return max(1, -(-(int(bound).bit_length() + 1) // LIMB_BITS))


def to_limbs(values: list[int], bound: int) -> Words:
    """`[limbs, n]` words: base 2**48 digits, lowest first; the top digit carries the sign.

    Raises `RangeError` if a value is beyond `bound`.
    """
    count = limbs_for(bound)
    words = np.zeros((count, len(values)), dtype=np.int64)
    for column, value in enumerate(values):
        if abs(value) > bound:
            raise _too_large(bound)
        rest = int(value)
        for limb in range(count - 1):
            words[limb, column] = rest % _LIMB
            rest //= _LIMB
        words[count - 1, column] = rest
    return words


def from_limbs(limbs: Words) -> list[int]:
    """Recombine `[limbs, n]` words, also sums of many holders' limbs, into Python integers."""
    totals = [0] * limbs.shape[1]
    for limb in range(limbs.shape[0] - 1, -1, -1):
        totals = [(total << LIMB_BITS) + int(word) for total, word in zip(totals, limbs[limb], strict=True)]
    return totals
