"""exp and log over their whole range: a public power of two apart, a polynomial on one octave.

exp(x) = 2^n 2^r with n + r = x log2(e), n whole and r in [0, 1); log(x) = log(m) + e log(2) with m in
[1/2, 1). The polynomials interpolate at Chebyshev's points (relative error below 2^-31), so there is no
x at which they get worse.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from mpc.encoding import DEFAULT_BITS, INTEGER, Scale
from mpc.errors import RangeError
from mpc.functions.normal import fraction, highest_ones, product, weighted
from mpc.functions.order import clip
from mpc.functions.words import planes_of, shift_right
from mpc.tensor import SecretTensor

#: Fraction bits of numbers of one octave, and those that a power of two is multiplied with.
NORMAL_BITS = 30
KEPT_BITS = 24
#: The finest scale whose whole range times log2(e) with `NORMAL_BITS` fits the ring.
MAX_EXP_BITS = 26
#: Words of results stay below 2^60.
RESULT_BITS = 60
#: Whole powers are counted from 2^-(fraction bits + SPARE): what is below rounds to 0.
SPARE = 3
LOW_BITS = 5


def exp(x: SecretTensor, *, most: float | None = None) -> SecretTensor:
    """e^x at x's scale (16 fraction bits for integers).

    Error: below 2 units in the last place plus 2^-22 of the result. `most` is a public upper bound on x;
    without it x's own bound. What is above it is taken as `most`. Raises `RangeError` before anything runs
    if e^most leaves the ring, and for decimals. About 50 rounds.
    """
    scale = _scale(x, MAX_EXP_BITS)
    x = x.rescale(scale)
    places, reach = scale.bits, x.bound / scale.factor
    top = reach if most is None else min(most, reach)
    if top * math.log2(math.e) + places >= RESULT_BITS:
        raise RangeError(
            f"exp of up to {top:g} leaves the ring.", remedy="State most=..., a public upper bound on x."
        )
    bottom = -(places + SPARE - 1) * math.log(2)
    if reach > min(top, -bottom):
        x = clip(x, bottom, max(top, bottom))
    whole, part = _whole_and_part(x.reshape(-1), places)
    mantissa = _polynomial(part, _EXP2, KEPT_BITS)
    bound = int(math.exp(max(top, 0.0)) * scale.factor * (1 + 2.0**-20)) + 4
    made = _times_power_of_two(mantissa, whole + (places + SPARE), bound)
    return SecretTensor(x.protocol, made.share, scale, bound).reshape(*x.shape)


def log(x: SecretTensor) -> SecretTensor:
    """The natural logarithm at x's scale (16 fraction bits for integers); 0 where x is not above 0.

    Error: below 2 units in the last place. About 50 rounds. `RangeError` for decimals.
    """
    scale = _scale(x, NORMAL_BITS - 1)
    flat = x.reshape(-1).linear(lambda words: words, scale=INTEGER)
    positive = SecretTensor(x.protocol, (flat * (flat > 0)).share, INTEGER, x.bound)
    above = highest_ones(positive)
    bits = above.shape[0]
    lift = weighted(above, [1 << (bits - 1 - place) for place in range(bits)])
    m = fraction(product(positive, lift, 0, 1 << bits), bits, NORMAL_BITS)
    unit = 1 << NORMAL_BITS
    powers = [round((place + 1 - x.scale.bits) * math.log(2) * unit) for place in range(bits)]
    steps = _table(above, powers)
    some = above[0]  # 1 unless x is 0
    total = steps + some * _polynomial(m - round(_CENTRE * unit), _LOG, NORMAL_BITS)
    share = x.protocol.truncate(total.share, NORMAL_BITS - scale.bits)
    bound = (max(abs(power) for power in powers) + unit) >> (NORMAL_BITS - scale.bits)
    return SecretTensor(x.protocol, share, scale, bound + 4).reshape(*x.shape)


def _scale(x: SecretTensor, most: int) -> Scale:
    if x.scale.digits or x.scale.bits > most:
        raise RangeError(
            f"exp and log are not there for the scale {x.scale}.",
            remedy=f"Use a binary scale of at most {most} fraction bits.",
        )
    return Scale(x.scale.bits or DEFAULT_BITS)


def _interpolated(
    function: Callable[[np.ndarray], np.ndarray], low: float, high: float, degree: int
) -> tuple[int, ...]:
    """Coefficients with `NORMAL_BITS`, lowest first, of the polynomial through Chebyshev's points."""
    fitted = np.polynomial.chebyshev.Chebyshev.interpolate(function, degree, [low, high])
    return tuple(round(float(c) * 2**NORMAL_BITS) for c in fitted.convert(kind=np.polynomial.Polynomial).coef)


#: Around its middle an octave's logarithm has small coefficients; around 0 they would cancel.
_CENTRE = 0.75
_EXP2 = _interpolated(np.exp2, 0.0, 1.0, 8)
_LOG = _interpolated(lambda t: np.log(_CENTRE + t), -0.25, 0.25, 13)


def _whole_and_part(x: SecretTensor, places: int) -> tuple[SecretTensor, SecretTensor]:
    """x log2(e) as a whole number and a fraction with `NORMAL_BITS`."""
    factor = round(math.log2(math.e) * 2**NORMAL_BITS)
    scaled = x.linear(lambda words: words * factor, scale=INTEGER, bound=x.bound * factor)
    whole = shift_right(scaled, places + NORMAL_BITS)
    rest = scaled - whole * (1 << (places + NORMAL_BITS))
    part = x.protocol.truncate(rest.share, places)
    return whole, SecretTensor(x.protocol, part, INTEGER, 1 << NORMAL_BITS)


def _polynomial(x: SecretTensor, coefficients: Sequence[int], bits: int) -> SecretTensor:
    """Horner's scheme for |x| <= 1 with `NORMAL_BITS`; the value with `bits`."""
    bound = 4 << NORMAL_BITS
    value = x * 0 + coefficients[-1]
    for coefficient in reversed(coefficients[:-1]):
        value = product(x, value, NORMAL_BITS, bound) + coefficient
    if bits < NORMAL_BITS:
        share = value.protocol.truncate(value.share, NORMAL_BITS - bits)
        return SecretTensor(value.protocol, share, INTEGER, (2 << bits) + 2)
    return SecretTensor(value.protocol, value.share, INTEGER, bound)


def _times_power_of_two(x: SecretTensor, power: SecretTensor, bound: int) -> SecretTensor:
    """x 2^(power - SPARE) without x's `KEPT_BITS`, for a secret power from 0 to 63."""
    power = SecretTensor(power.protocol, power.share, INTEGER, 63)
    bits = SecretTensor.of_bits(planes_of(power, LOW_BITS + 1))
    factors = [bits[j] * ((1 << (1 << j)) - 1) + 1 for j in range(LOW_BITS)]
    while len(factors) > 1:
        factors = [
            product(a, b, 0, a.bound * b.bound) for a, b in zip(factors[::2], factors[1::2], strict=False)
        ] + factors[len(factors) // 2 * 2 :]
    wide = product(x, factors[0], 0, 1 << (KEPT_BITS + 33))
    small = wide.protocol.truncate(wide.share, KEPT_BITS + SPARE)
    low = SecretTensor(wide.protocol, small, INTEGER, 1 << 30)
    shift = (1 << LOW_BITS) - KEPT_BITS - SPARE
    high = wide.linear(lambda words: words << shift, bound=1 << 61)
    return SecretTensor(x.protocol, (low + bits[LOW_BITS] * (high - low)).share, INTEGER, bound)


def _table(above: SecretTensor, entries: Sequence[int]) -> SecretTensor:
    """The entry of the highest 1's place; entries may be negative. No message."""
    made = weighted(above, [entry - min(entries) for entry in entries]) + min(entries) * above[0]
    bound = max(abs(entry) for entry in entries)
    return SecretTensor(made.protocol, made.share, INTEGER, max(1, bound))
