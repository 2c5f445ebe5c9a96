"""Powers of 2 and of e over their whole range: a public power of two apart, a polynomial on one octave.

2^t = 2^n 2^r with t = n + r, n whole and r in [0, 1). The polynomial interpolates 2^r at Chebyshev's points
(relative error below 2^-31), so there is no t at which it gets worse.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from mpc.checks import demand
from mpc.encoding import DEFAULT_BITS, INTEGER, Scale
from mpc.errors import RangeError
from mpc.functions.normal import binary_scale, interpolated, polynomial
from mpc.functions.order import limited
from mpc.functions.powers_of_two import KEPT_BITS, SPARE, scaled, scaling
from mpc.functions.words import shift_right
from mpc.protocols.branches import both
from mpc.tensor import SecretTensor

#: Fraction bits of numbers of one octave.
NORMAL_BITS = 30
#: The finest scale whose whole range times log2(e) with `NORMAL_BITS` fits the ring.
MAX_EXP_BITS = 26
#: Words of results stay below 2^60.
RESULT_BITS = 60


def exp(x: SecretTensor, *, most: float | None = None) -> SecretTensor:
    """e^x at x's scale (16 fraction bits for integers).

    Error: below 2 units in the last place plus 2^-22 of the result. `most` is a public upper bound on x,
    which is demanded to hold (`mpc.checks`); without it x's own bound. To cut off instead: `mpc.clip` first.
    Raises `RangeError` before anything runs if e^most leaves the ring, and for decimals. About 32 rounds.
    """
    made, above = exp_up_to(x, most)
    if above is not None:
        demand(above, f"an exponential: no exponent is above {most:g}")
    return made


def exp_up_to(x: SecretTensor, most: float | None) -> tuple[SecretTensor, SecretTensor | None]:
    """e^min(x, most), and flags of what was above `most` (None if x's own bound excludes it)."""
    scale = binary_scale(x, DEFAULT_BITS, MAX_EXP_BITS)
    flat = x.rescale(scale).reshape(-1)
    reach, above = flat.bound / scale.factor, None
    top = reach if most is None else min(most, reach)
    check_exponent(top * math.log2(math.e), scale, "most=..., a public upper bound on x")
    lowest = least_exponent(scale) * math.log(2)
    if top < reach or reach > -lowest:
        high = math.ceil(max(top, lowest) * scale.factor)
        words, beyond = limited(flat.view(scale=INTEGER), math.floor(lowest * scale.factor), high)
        flat = words.view(scale=scale)
        above = beyond.reshape(*x.shape) if top < reach else None
    factor = round(math.log2(math.e) * 2**NORMAL_BITS)
    scaled = flat.linear(lambda words: words * factor, scale=INTEGER, bound=flat.bound * factor)
    made = exp2(scaled, scale.bits + NORMAL_BITS, scale, math.exp(max(top, 0.0)))
    return made.reshape(*x.shape), above


def least_exponent(scale: Scale) -> int:
    """Powers of 2 below this one round to 0."""
    return -(scale.bits + SPARE - 1)


def check_exponent(top: float, scale: Scale, remedy: str) -> None:
    """`RangeError` if 2^top leaves the ring."""
    if top + scale.bits >= RESULT_BITS:
        raise RangeError(f"A power of up to 2^{top:.1f} leaves the ring.", remedy=f"State {remedy}.")


def exp2(x: SecretTensor, places: int, scale: Scale, most: float) -> SecretTensor:
    """2^x at `scale` of `[n]` words with `places` >= 30 fraction bits, from `least_exponent`; at most `most`.

    About 24 rounds.
    """
    whole = shift_right(x, places)
    rest = x - whole * (1 << places)
    part = rest.shifted_down(places - NORMAL_BITS) if places > NORMAL_BITS else rest
    centred = (2 * part.view(bound=1 << NORMAL_BITS) - (1 << NORMAL_BITS)).view(bound=1 << NORMAL_BITS)
    power = (whole + (scale.bits + SPARE)).view(bound=63)
    mantissa, by = both(
        x.protocol,
        lambda: polynomial(centred, _EXP2, NORMAL_BITS, KEPT_BITS),
        lambda: scaling(power),
    )
    bound = int(most * scale.factor * (1 + 2.0**-20)) + 4
    return scaled(mantissa, by, bound).view(scale=scale)


#: 2^r for t = 2 r - 1: around the octave's middle the coefficients are small.
_EXP2: Final = interpolated(lambda t: np.exp2((t + 1) / 2), 7, NORMAL_BITS)
