"""Division of secrets over their whole range: both numbers are normalised, so there is no sweet spot.

|x| = v_x 2^(e_x) with v in [1/2, 1) comes from the place of the highest bit, found once for both numbers.
v_x / v_y takes Newton's iteration for 1 / v_y, three steps from a linear start (relative error 0.0858,
then squared each time); the powers of two come back as products of one-hot sums, in parts that fit the
ring. (Catrina, Saxena, FC 2010, section 3.4, with the highest bit from a prefix OR.)
"""

from __future__ import annotations

from itertools import product as pairs

import numpy as np
import torch

from mpc.encoding import DEFAULT_BITS, INTEGER, MAX_MAGNITUDE, Scale
from mpc.errors import RangeError
from mpc.functions.normal import fraction, highest_ones, part_of, product, shifted, weighted
from mpc.tensor import SecretTensor, concat

#: Fraction bits of normalised numbers, and those that a quotient of two of them keeps.
NORMAL_BITS = 30
QUOTIENT_BITS = 24
#: Powers of two are taken in parts of so many bits: a quotient times two parts stays below 2^60.
PART_BITS = 17
STEPS = 3
START = 2.9142


def divide(x: SecretTensor, y: SecretTensor, *, least: float | None = None) -> SecretTensor:
    """x / y at the finer scale of the two (16 fraction bits for integers). 0 where y is 0.

    Error: below 2 units in the last place plus 2^-22 of the quotient. `least` is a public lower bound on
    |y|; without it y may be one unit of its scale, and the quotient as large as that makes it. Raises
    `RangeError` before anything runs if the quotient could then leave the ring, and for decimal scales.
    50 to 65 rounds.
    """
    scale = _quotient_scale(x, y)
    shape = np.broadcast_shapes(x.shape, y.shape)
    x, y = x.broadcast_to(shape).reshape(-1), y.broadcast_to(shape).reshape(-1)
    units = scale.bits + y.scale.bits - x.scale.bits
    smallest = 1 if least is None else max(1, int(least * y.scale.factor))
    bound = _quotient_bound(x.bound, units, smallest)
    both = concat([_words(x, max(x.bound, y.bound)), _words(y, max(x.bound, y.bound))])
    magnitudes, negative = _magnitudes(both)
    above = highest_ones(magnitudes)
    quotient = _quotient(magnitudes, above, units, bound)
    size = x.shape[0]
    differs = negative[:size] + negative[size:] - 2 * negative[:size] * negative[size:]
    signed = quotient - 2 * _flag(differs) * quotient
    return SecretTensor(signed.protocol, signed.share, scale, bound).reshape(*shape)


def reciprocal(y: SecretTensor, *, least: float | None = None) -> SecretTensor:
    """1 / y; as `divide`."""
    one = y.protocol.public(torch.ones(y.shape, dtype=torch.int64))
    return divide(SecretTensor(y.protocol, one, INTEGER, 1), y, least=least)


def _quotient_scale(x: SecretTensor, y: SecretTensor) -> Scale:
    if x.scale.digits or y.scale.digits:
        raise RangeError(
            "Decimals are not divided on shares.", remedy="Release the sums, or use a binary scale."
        )
    return Scale(max(x.scale.bits, y.scale.bits) or DEFAULT_BITS)


def _quotient_bound(bound: int, units: int, smallest: int) -> int:
    """A quotient's greatest magnitude as a word, with room for its error."""
    exact = (bound << max(units, 0)) // (smallest << max(-units, 0))
    reach = exact + (exact >> (QUOTIENT_BITS - 2)) + 4
    if reach >= MAX_MAGNITUDE // 4:
        raise RangeError(
            f"A quotient could reach {reach.bit_length()} bits; the ring holds words below 2^62.",
            remedy="State least=..., a public lower bound on the divisor's magnitude, or narrow the bounds.",
        )
    return reach


def _words(x: SecretTensor, bound: int) -> SecretTensor:
    return x.linear(lambda words: words, scale=INTEGER, bound=bound)


def _flag(x: SecretTensor) -> SecretTensor:
    return x.linear(lambda words: words, scale=INTEGER, bound=1)


def _magnitudes(x: SecretTensor) -> tuple[SecretTensor, SecretTensor]:
    """|x| and the flags of what was below 0."""
    negative = x < 0
    return SecretTensor(x.protocol, (x - 2 * negative * x).share, INTEGER, x.bound), negative


def _quotient(x: SecretTensor, above: SecretTensor, units: int, bound: int) -> SecretTensor:
    """|x| / |y| as words of `units` more fraction bits; x holds both, `above` their prefix ORs."""
    bits, size = above.shape[0], x.shape[0] // 2
    lift = weighted(above, [1 << (bits - 1 - place) for place in range(bits)])
    normal = fraction(product(x, lift, 0, 1 << bits), bits, NORMAL_BITS)
    top, bottom = normal[:size], normal[size:]
    mantissa = product(top, _inverse(bottom), 2 * NORMAL_BITS - QUOTIENT_BITS, 1 << (QUOTIENT_BITS + 1))
    parts = range(-(-bits // PART_BITS))
    up = [weighted(above[:, :size], part_of(range(bits), part, PART_BITS)) for part in parts]
    down = [weighted(above[:, size:], part_of(range(bits - 1, -1, -1), part, PART_BITS)) for part in parts]
    terms = []
    for j, k in pairs(parts, parts):
        shift = bits - 1 + QUOTIENT_BITS - units - PART_BITS * (j + k)
        if shift <= QUOTIENT_BITS + 2 * PART_BITS:  # beyond that a term is below one unit
            power = product(up[j], down[k], 0, 1 << 2 * PART_BITS)
            terms.append(shifted(mantissa, power, shift, bound).share)
    # one term alone is not 0, so the sum has its bound
    total = x.protocol.linear(lambda *words: torch.stack(words).sum(0), *terms)
    return SecretTensor(x.protocol, total, INTEGER, bound)


def _inverse(v: SecretTensor) -> SecretTensor:
    """1 / v for v in [1/2, 1], both with `NORMAL_BITS`; relative error below 2^-27."""
    one = 1 << NORMAL_BITS
    w = SecretTensor(v.protocol, (round(START * one) - 2 * v).share, INTEGER, 3 * one)
    for _ in range(STEPS):
        rest = 2 * one - product(v, w, NORMAL_BITS, 2 * one)
        rest = SecretTensor(rest.protocol, rest.share, INTEGER, 2 * one)
        w = product(w, rest, NORMAL_BITS, 2 * one + 1024)
    return w
