"""Square roots over their whole range, by the same normalising as division.

x 2^(scale) = m 4^e with m in [1/4, 1); sqrt(m), or its inverse, is a sum of waves (error below 2^-25).
"""

from __future__ import annotations

import math

from mpc.checks import in_domain
from mpc.encoding import DEFAULT_BITS, INTEGER, MAX_MAGNITUDE, Scale
from mpc.errors import RangeError
from mpc.functions.curves import curve
from mpc.functions.normalised import binary_scale, leading, power_factors, product, products, stated
from mpc.functions.powers_of_two import KEPT_BITS
from mpc.protocols.branches import both
from mpc.tensor import SecretTensor

#: Words of the operand stay below 2^60, to leave room for the place that makes a power even.
MAX_BITS = 60


def sqrt(x: SecretTensor, *, otherwise: float | None = None) -> SecretTensor:
    """The square root at x's scale, of at least 16 fraction bits.

    Error: below 2 units in the last place plus 2^-22 of the root. Where x is below 0 the result is
    `otherwise`; without it that is demanded not to happen (`mpc.checks`). `RangeError` for decimals and for
    bounds of 2^60 and above. 23 rounds (docs/tables.md).
    """
    scale = _root_scale(x)
    bound = math.isqrt(x.bound << (2 * scale.bits - x.scale.bits)) + 4
    made, invalid = _powered(x, scale, 0, inverse=False, bound=bound + (bound >> (KEPT_BITS - 2)))
    return in_domain(made, invalid, otherwise, "a square root: no number is below 0")


def rsqrt(x: SecretTensor, *, least: float | None = None, otherwise: float | None = None) -> SecretTensor:
    """1 / sqrt(x); as `sqrt`, for x above 0. `least` is a public lower bound on x, by default one unit."""
    stated("least", least)
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
    bits = max(1, flat.bound.bit_length())
    # flat = m 2^places with an even places - x.scale.bits: one place more where it would be odd
    places = [place + 1 + (place + 1 + x.scale.bits) % 2 for place in range(bits)]
    lifts = [bits + 1 - place for place in places]  # all odd or all even
    (halves, negative, some), below = both(
        x.protocol,
        lambda: leading(flat, [lift // 2 for lift in lifts]),
        lambda: flat < least if least > 1 else None,
    )
    valid = (1 - (negative if below is None else below)).view(bound=1)
    roots = power_factors(halves, complement=not inverse)
    lift, power, valid = products(
        [power_factors(halves, 2), [*roots, valid, some], [valid, some] if least == 1 else [valid]]
    )
    m = product(flat, lift.linear(lambda words: words << lifts[0] % 2), 0, 1 << (bits + 1))
    # the power of the root is (places - x.scale.bits) / 2, so a constant less half of the lift
    constant = (bits + 1 - x.scale.bits - lifts[0] % 2) // 2
    rest = (1 << halves.shape[0]) - 1
    down = KEPT_BITS - scale.bits + (constant if inverse else rest - constant)
    root, most = (curve("rsqrt"), 2.0) if inverse else (curve("sqrt"), 1.0)
    kept = root.at(m, 1 << (bits + 1), KEPT_BITS, most)
    if down < 0:
        wide = product(kept, power, 0, MAX_MAGNITUDE - 1)
        made = wide.linear(lambda words: words << -down, bound=bound)
    else:
        made = product(kept, power, down, bound)
    return made.view(scale=scale).reshape(*x.shape), (1 - valid).view(bound=1).reshape(*x.shape)
