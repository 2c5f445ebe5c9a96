"""Real numbers, integers and decimals as words of the ring Z_2^64, and back.

A word stands for `word / (2**bits * 10**digits)`. The scale is public and travels with the tensor,
as does a public bound on the magnitude of the word. Nothing here looks at a secret: encoding happens
at the owner, decoding at the recipient.

Sums over many holders use limbs: an integer of any size is written in base 2**48, each digit in its
own ring word, so that thousands of holders' digits add up without a wrap.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

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
#: What has no ring word, by numpy's kind of it.
_REFUSED: Final = {
    "c": "complex numbers",
    "M": "dates",
    "m": "durations",
    "U": "text",
    "S": "bytes",
    "O": "objects, or integers beyond 64 bits",
    "V": "records",
}
#: A decimal's word and a float64 times the decimal's factor differ by a rounding (of the latter).
_DECIMAL_ROUNDING: Final = 2.0**-51


@dataclass(frozen=True, order=True)
class Scale:
    """`value = word / (2**bits * 10**digits)`; `Scale()` is the integers."""

    bits: int = 0
    digits: int = 0

    @property
    def factor(self) -> int:
        """Words to one unit of value: 2^bits 10^digits."""
        return int(2**self.bits * 10**self.digits)

    def __mul__(self, other: Scale) -> Scale:
        return Scale(self.bits + other.bits, self.digits + other.digits)

    def join(self, other: Scale) -> Scale:
        """The coarsest scale that both fit into without loss."""
        return Scale(max(self.bits, other.bits), max(self.digits, other.digits))

    def steps_to(self, finer: Scale) -> int:
        """The public integer that turns a word of this scale into one of `finer`.

        Raises `RangeError` if that has fewer bits or digits.
        """
        if finer.bits < self.bits or finer.digits < self.digits:
            raise RangeError(
                f"{finer} is coarser than {self}: words would lose bits.",
                remedy="Truncate, or choose a finer scale.",
            )
        return int(2 ** (finer.bits - self.bits) * 10 ** (finer.digits - self.digits))

    def at_least(self, bits: int) -> Scale:
        """This scale with no fewer than `bits` fraction bits."""
        return Scale(max(self.bits, bits), self.digits)


INTEGER = Scale()


def as_numbers(values: npt.ArrayLike) -> npt.NDArray[np.generic]:
    """An array of booleans, integers or reals, of the same shape (`[]` too).

    Raises `RangeError`, without a value, for what has no ring word: complex numbers, dates, text, objects.
    """
    try:
        array = np.asarray(values)
    except ValueError:  # numpy's message is not for everybody
        raise RangeError("Values make no array.", remedy="Give rows of one length.") from None
    if array.dtype.kind not in "biuf":
        raise RangeError(
            f"Values of shape {array.shape} are {_REFUSED.get(array.dtype.kind, 'of another type')}: "
            "there are no ring words of those.",
            remedy="Give booleans, integers or reals: days since a date, real and imaginary parts apart.",
        )
    return array


def whole_bound(bound: Any) -> int:
    """A public bound on the magnitude of words as a Python integer, which cannot wrap.

    numpy's integers and whole floats count. Raises `RangeError` for anything else and below 0.
    """
    whole = int(bound) if isinstance(bound, float | np.floating) and float(bound).is_integer() else bound
    try:
        made = operator.index(whole)
    except TypeError:
        made = -1
    if made < 0:
        raise RangeError(
            f"A bound of the type {type(bound).__name__} is no whole number, or is below 0.",
            remedy="Give an integer: the largest magnitude of a value, times its scale's factor.",
        )
    return made


def scale_of(values: npt.NDArray[np.generic]) -> Scale:
    """The scale used when the owner names none: integers exact, reals with 16 fraction bits."""
    return INTEGER if values.dtype.kind in "biu" else Scale(bits=DEFAULT_BITS)


def encode(values: npt.ArrayLike, scale: Scale, bound: int = MAX_MAGNITUDE) -> Words:
    """Words of `values` at `scale`, rounded to nearest; same shape, in C order.

    Raises `RangeError` for what has no word, NaN, infinities, and words beyond `bound` (the value itself is
    not shown).
    """
    array = as_numbers(values)
    if array.dtype.kind in "biu":
        return _encode_integers(array, scale.factor, bound)
    words = np.rint(array.astype(np.float64) * float(scale.factor))
    if not np.all(np.isfinite(words)):
        raise RangeError(
            f"Values of shape {array.shape} hold NaN or an infinity, or are too large for {scale}.",
            remedy="Remove or impute missing values first.",
        )
    if words.size and int(np.max(np.abs(words))) > bound:
        raise _too_large(bound)
    return np.asarray(words, dtype=np.int64, order="C")


def _encode_integers(array: npt.NDArray[np.generic], factor: int, bound: int) -> Words:
    top = max((abs(int(array.max())), abs(int(array.min())))) if array.size else 0
    if top * factor > bound:
        raise _too_large(bound)
    return np.array(array.astype(np.int64) * np.int64(factor if top else 0), order="C")


def threshold(values: npt.ArrayLike, scale: Scale, bound: int, rounding: Callable[..., Any]) -> Words:
    """What words of magnitude up to `bound` compare with as their values do with `values`; same shape.

    A word is below a number iff it is below its `np.ceil` at `scale`, and above iff above its `np.floor`; so
    no finer scale is needed. What no word can be is `bound` + 1, or less than -`bound`: infinities too, and
    with `np.equal` all numbers between two words. Exact; with decimals, but for the rounding of a float64.

    Raises `RangeError` for NaN and what has no word.
    """
    array = as_numbers(values)
    if array.dtype.kind in "biu":
        return _whole_threshold(array, scale.factor, bound)
    reals = array.astype(np.float64)
    if np.any(np.isnan(reals)):
        raise RangeError(f"Numbers of {array.shape} to compare with hold NaN.", remedy="Leave them out.")
    with np.errstate(over="ignore", invalid="ignore"):
        exact = np.ldexp(reals, scale.bits) * 10.0**scale.digits
        nearest = np.rint(exact)
        off = np.where(exact == nearest, 0.0, np.abs(exact - nearest))
    same = off <= (_DECIMAL_ROUNDING * np.abs(exact) if scale.digits else 0.0)
    words = np.where(same, nearest, np.inf if rounding is np.equal else rounding(exact))
    within = np.clip(words, -float(MAX_MAGNITUDE), float(MAX_MAGNITUDE)).astype(np.int64)
    return np.array(np.clip(within, -bound - 1, bound + 1), order="C")


def _whole_threshold(array: npt.NDArray[Any], factor: int, bound: int) -> Words:
    """Integers times the factor, where that is within the bound."""
    most = bound // factor
    low, high = array < -most, array > most
    inside = np.where(low | high, 0, array).astype(np.int64) * np.int64(min(factor, MAX_MAGNITUDE))
    return np.array(np.where(high, bound + 1, np.where(low, -bound - 1, inside)), order="C")


def _too_large(bound: int) -> RangeError:
    return RangeError(
        f"An input's magnitude exceeds its public bound of {bound} (as a word).",
        remedy="Declare a wider range or a coarser scale.",
    )


def decode(words: Words, scale: Scale) -> npt.NDArray[np.generic]:
    """Integers for an integer scale, float64 otherwise (exact up to the last float rounding); same shape."""
    if scale == INTEGER:
        return words
    return words.astype(np.float64) / float(scale.factor)


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
