"""Constants, logarithms and powers of public numbers, with the same bits on every machine.

What a party makes of public numbers becomes words and bounds, and must be the same at all of them: shares
under other words do not fit together, and nothing would say so. The mathematics library of a machine promises
no last bit, so none of it is used for them: here are literals, and whole numbers.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Final

#: log(2) and log2(e).
LN2: Final = float.fromhex("0x1.62e42fefa39efp-1")
LOG2_E: Final = float.fromhex("0x1.71547652b82fep+0")
#: Bits of whole numbers that stand for numbers in [1, 2), and how many digits of a logarithm they give.
_BITS: Final = 160
_DIGITS: Final = 64
_ONE: Final = 1 << _BITS


def log2(value: float) -> float:
    """log2 of a public number above 0, within a unit of its last bit.

    Digit by digit: the square of a number in [1, 2) is in [2, 4) where its logarithm's next digit is 1.
    """
    fraction, power = math.frexp(value)
    rest, digits = int(Fraction(fraction) * 2 * _ONE), 0
    for _ in range(_DIGITS):
        rest = rest * rest >> _BITS
        digits <<= 1
        if rest >= 2 * _ONE:
            rest, digits = rest >> 1, digits | 1
    return float(power - 1 + Fraction(digits, 1 << _DIGITS))


def exp2(value: float) -> float:
    """2 to the power of a public number, within a unit of its last bit: a product of roots of 2."""
    whole = math.floor(value)
    digits, made, root = int((Fraction(value) - whole) * (1 << _DIGITS)), _ONE, 2 * _ONE
    for place in range(_DIGITS - 1, -1, -1):
        root = math.isqrt(root << _BITS)
        if digits >> place & 1:
            made = made * root >> _BITS
    return float(Fraction(made, _ONE) * Fraction(2) ** whole)
