"""Square roots over their whole range, by the same normalising as division.

x 2^(scale) = m 4^e with m in [1/4, 1); 1 / sqrt(m) takes Newton's iteration, four steps from a linear start
(relative error 0.127, then 3/2 of its square each time), and sqrt(m) = m / sqrt(m).
"""

from __future__ import annotations

import math

import torch

from mpc.encoding import DEFAULT_BITS, INTEGER, MAX_MAGNITUDE, Scale
from mpc.errors import RangeError
from mpc.functions.normal import fraction, highest_ones, part_of, product, shifted, weighted
from mpc.tensor import SecretTensor

#: One fraction bit less than in division: squares of up to 4 have to fit.
NORMAL_BITS = 29
KEPT_BITS = 24
PART_BITS = 35
STEPS = 4
START, SLOPE = 2.2067, 4 / 3


def sqrt(x: SecretTensor) -> SecretTensor:
    """The square root at x's scale (16 fraction bits for integers); 0 where x is not above 0.

    Error: below 2 units in the last place plus 2^-22 of the root. About 60 rounds. `RangeError` for
    decimals, and for words of 2^60 and above.
    """
    scale = _root_scale(x)
    bound = math.isqrt(x.bound << (2 * scale.bits - x.scale.bits)) + 4
    return _powered(x, scale, inverse=False, bound=bound + (bound >> (KEPT_BITS - 2)))


def rsqrt(x: SecretTensor, *, least: float | None = None) -> SecretTensor:
    """1 / sqrt(x); as `sqrt`. `least` is a public lower bound on x; without it one unit of its scale."""
    scale = _root_scale(x)
    smallest = 1 if least is None else max(1, int(least * x.scale.factor))
    bound = math.isqrt((1 << (2 * scale.bits + x.scale.bits)) // smallest) + 4
    bound += bound >> (KEPT_BITS - 2)
    if bound >= MAX_MAGNITUDE // 4:
        raise RangeError(
            "An inverse root could leave the ring.", remedy="State least=..., or a coarser scale."
        )
    return _powered(x, scale, inverse=True, bound=bound)


def _root_scale(x: SecretTensor) -> Scale:
    if x.scale.digits:
        raise RangeError("Roots of decimals are not taken on shares.", remedy="Use a binary scale.")
    return Scale(x.scale.bits or DEFAULT_BITS)


def _powered(x: SecretTensor, scale: Scale, *, inverse: bool, bound: int) -> SecretTensor:
    flat = x.reshape(-1).linear(lambda words: words, scale=INTEGER)
    positive = flat * (flat > 0)
    positive = SecretTensor(x.protocol, positive.share, INTEGER, x.bound)
    above = highest_ones(positive)
    bits = above.shape[0]
    # X = m 2^places with an even 2^(places - x.scale.bits): one place more where it would be odd
    places = [i + 1 + (i + 1 + x.scale.bits) % 2 for i in range(bits)]
    lift = weighted(above, [1 << (bits + 1 - place) for place in places])
    m = fraction(product(positive, lift, 0, 1 << (bits + 1)), bits + 1, NORMAL_BITS)
    w = _inverse_root(m)
    drop = NORMAL_BITS - KEPT_BITS
    kept = w if inverse else product(m, w, NORMAL_BITS, 1 << NORMAL_BITS)
    share = x.protocol.truncate(kept.share, drop)
    kept = SecretTensor(x.protocol, share, INTEGER, (1 << (KEPT_BITS + 1)) + 2)
    halves = [(place - x.scale.bits) // 2 for place in places]
    powers = [-half if inverse else half for half in halves]
    root = _times_power(kept, above, powers, scale.bits - KEPT_BITS, bound)
    return SecretTensor(x.protocol, root.share, scale, bound).reshape(*x.shape)


def _times_power(
    x: SecretTensor, above: SecretTensor, powers: list[int], places: int, bound: int
) -> SecretTensor:
    """x 2^(power of the highest 1 + places), in as many parts as the powers need."""
    least = min(powers)
    exponents = [power - least for power in powers]
    terms = []
    for part in range(max(exponents) // PART_BITS + 1):
        power = weighted(above, part_of(exponents, part, PART_BITS))
        terms.append(shifted(x, power, -(places + least) - PART_BITS * part, bound).share)
    # one term alone is not 0, so the sum has its bound
    total = x.protocol.linear(lambda *words: torch.stack(words).sum(0), *terms)
    return SecretTensor(x.protocol, total, INTEGER, bound)


def _inverse_root(m: SecretTensor) -> SecretTensor:
    """1 / sqrt(m) for m in [1/4, 1], both with `NORMAL_BITS`; relative error below 2^-26."""
    one = 1 << NORMAL_BITS
    slope = round(SLOPE * 2**20)
    steep = SecretTensor(m.protocol, m.protocol.truncate((m * slope).share, 20), INTEGER, 2 * one)
    w = SecretTensor(m.protocol, (round(START * one) - steep).share, INTEGER, 3 * one)
    for _ in range(STEPS):
        square = product(w, w, NORMAL_BITS, 5 * one)
        rest = 3 * one - product(m, square, NORMAL_BITS, 2 * one)
        rest = SecretTensor(rest.protocol, rest.share, INTEGER, 3 * one)
        w = product(w, rest, NORMAL_BITS + 1, 2 * one + 1024)
    return w
