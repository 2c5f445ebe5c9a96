"""Square roots over their whole range, by the same normalising as division.

x 2^(scale) = m 4^e with m in [1/4, 1); 1 / sqrt(m) takes a polynomial of degree 8 (relative error below
2^-13) and one step of Newton's iteration (3/2 of its square), and sqrt(m) = m / sqrt(m).
"""

from __future__ import annotations

import math
from typing import Final

from mpc.checks import in_domain
from mpc.encoding import DEFAULT_BITS, INTEGER, MAX_MAGNITUDE, Scale
from mpc.errors import RangeError
from mpc.functions.normal import (
    binary_scale,
    fraction,
    highest_ones,
    interpolated,
    part_of,
    polynomial,
    product,
    times_powers,
    weighted,
)
from mpc.tensor import SecretTensor

#: One fraction bit less than in division: squares of up to 4 have to fit.
NORMAL_BITS = 29
KEPT_BITS = 24
PART_BITS = 35
#: m = 5/8 + t/2 for t within 3/4.
_RSQRT: Final = interpolated(lambda t: (0.625 + t / 2) ** -0.5, 8, NORMAL_BITS, 0.75)
#: Words of the operand stay below 2^60, to leave room for the place that makes a power even.
MAX_BITS = 60


def sqrt(x: SecretTensor, *, otherwise: float | None = None) -> SecretTensor:
    """The square root at x's scale (16 fraction bits for integers).

    Error: below 2 units in the last place plus 2^-22 of the root. Where x is below 0 the result is
    `otherwise`; without it that is demanded not to happen (`mpc.checks`). `RangeError` for decimals and for
    bounds of 2^60 and above. About 45 rounds.
    """
    scale = _root_scale(x)
    bound = math.isqrt(x.bound << (2 * scale.bits - x.scale.bits)) + 4
    made, invalid = _powered(x, scale, 0, inverse=False, bound=bound + (bound >> (KEPT_BITS - 2)))
    return in_domain(made, invalid, otherwise, "a square root: no number is below 0")


def rsqrt(x: SecretTensor, *, least: float | None = None, otherwise: float | None = None) -> SecretTensor:
    """1 / sqrt(x); as `sqrt`, for x above 0. `least` is a public lower bound on x, by default one unit."""
    scale = _root_scale(x)
    smallest = 1 if least is None else max(1, int(least * x.scale.factor))
    bound = math.isqrt((1 << (2 * scale.bits + x.scale.bits)) // smallest) + 4
    bound += bound >> (KEPT_BITS - 2)
    if bound >= MAX_MAGNITUDE // 4:
        raise RangeError(
            "An inverse root could leave the ring.", remedy="State least=..., or a coarser scale."
        )
    made, invalid = _powered(x, scale, smallest, inverse=True, bound=bound)
    return in_domain(
        made, invalid, otherwise, f"an inverse root: no number is below {smallest / x.scale.factor:g}"
    )


def _root_scale(x: SecretTensor) -> Scale:
    if x.bound.bit_length() > MAX_BITS:
        raise RangeError(
            f"A root of up to {x.bound.bit_length()} bits.",
            remedy=f"Roots take words below 2^{MAX_BITS}: narrow the bound.",
        )
    return binary_scale(x, DEFAULT_BITS, MAX_BITS)


def _powered(
    x: SecretTensor, scale: Scale, least: int, *, inverse: bool, bound: int
) -> tuple[SecretTensor, SecretTensor]:
    """The root, or its inverse, of words from `least` on, 0 elsewhere; flags of elsewhere."""
    flat = x.view(scale=INTEGER).reshape(-1)
    invalid = flat < least
    positive = (flat - flat * invalid).view(bound=x.bound)
    above = highest_ones(positive)
    bits = above.shape[0]
    # X = m 2^places with an even 2^(places - x.scale.bits): one place more where it would be odd
    places = [i + 1 + (i + 1 + x.scale.bits) % 2 for i in range(bits)]
    lift = weighted(above, [1 << (bits + 1 - place) for place in places])
    m = fraction(product(positive, lift, 0, 1 << (bits + 1)), bits + 1, NORMAL_BITS)
    w = _inverse_root(m)
    kept = w if inverse else product(m, w, NORMAL_BITS, 1 << NORMAL_BITS)
    kept = kept.shifted_down(NORMAL_BITS - KEPT_BITS)
    halves = [(place - x.scale.bits) // 2 for place in places]
    powers = [-half if inverse else half for half in halves]
    root = _times_power(kept, above, powers, scale.bits - KEPT_BITS, bound)
    return root.view(scale=scale).reshape(*x.shape), invalid.reshape(*x.shape)


def _times_power(
    x: SecretTensor, above: SecretTensor, powers: list[int], places: int, bound: int
) -> SecretTensor:
    """x 2^(power of the highest 1 + places), in as many parts as the powers need."""
    least = min(powers)
    exponents = [power - least for power in powers]
    parts = range(max(exponents) // PART_BITS + 1)
    return times_powers(
        x,
        [
            (weighted(above, part_of(exponents, part, PART_BITS)), -(places + least) - PART_BITS * part)
            for part in parts
        ],
        bound,
    )


def _inverse_root(m: SecretTensor) -> SecretTensor:
    """1 / sqrt(m) for m in [1/4, 1], both with `NORMAL_BITS`; relative error below 2^-26."""
    one = 1 << NORMAL_BITS
    centred = (2 * m - 5 * one // 4).view(bound=one)
    w = polynomial(centred, _RSQRT, NORMAL_BITS, NORMAL_BITS)
    square = product(w, w, NORMAL_BITS, 5 * one)
    rest = (3 * one - product(m, square, NORMAL_BITS, 2 * one)).view(bound=3 * one)
    return product(w, rest, NORMAL_BITS + 1, 2 * one + 1024)
