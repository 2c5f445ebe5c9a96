"""Logarithms over their whole range: log(x) = log(m) + e log(2) with m in [1/2, 1).

log(m) is a sum of waves (error below 2^-29, rounding included).
"""

from __future__ import annotations

from typing import Final

from mpc.checks import in_domain
from mpc.encoding import DEFAULT_BITS, INTEGER
from mpc.functions import exact
from mpc.functions.curves import curve
from mpc.functions.normalised import Normalised, binary_scale, normalised, product
from mpc.tensor import SecretTensor

#: Fraction bits of logarithms before they are rounded. Up to 60 octaves are multiplied with log(2), whose
#: last bit must not count.
LOG_BITS: Final = 36
#: Of operands.
MOST_BITS: Final = 29


def log(x: SecretTensor, *, otherwise: float | None = None) -> SecretTensor:
    """The natural logarithm at x's scale, of at least 16 fraction bits.

    Error: below 2 units in the last place. Where x is not above 0 the result is `otherwise`; without it that
    is demanded not to happen (`mpc.checks`). `RangeError` for decimals. 24 rounds (docs/tables.md).
    """
    scale = binary_scale(x, DEFAULT_BITS, MOST_BITS)
    flat = x.view(scale=INTEGER).reshape(-1)
    normal = normalised(flat)
    whole = ((normal.bits - x.scale.bits) - normal.shift) * round(exact.LN2 * 2**LOG_BITS)
    total = whole + of_mantissa(normal, "log", LOG_BITS)
    total = product(total, normal.nonzero, 0, total.bound)
    invalid = (1 - normal.nonzero).view(bound=1)
    made = total.shifted_down(LOG_BITS - scale.bits).view(scale=scale)
    why = "a logarithm: every number is above 0"
    return in_domain(made, invalid, otherwise, why).reshape(*x.shape)


def log1p(x: SecretTensor, *, otherwise: float | None = None) -> SecretTensor:
    """log(1 + x) for x above -1; as `log`."""
    return log(x + 1, otherwise=otherwise)


def of_mantissa(x: Normalised, name: str, wanted: int) -> SecretTensor:
    """A logarithm of the fractions, in [1/2, 1], with `wanted` bits. 3 rounds."""
    return curve(name).at(x.fraction, 1 << x.bits, wanted, 1.0)
