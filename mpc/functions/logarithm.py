"""Logarithms over their whole range: log(x) = log(m) + e log(2) with m in [1/2, 1).

The polynomial for log(m) interpolates at Chebyshev's points around the octave's middle (error below 2^-31).
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from mpc.checks import in_domain
from mpc.encoding import DEFAULT_BITS, INTEGER
from mpc.functions.exponential import NORMAL_BITS
from mpc.functions.normal import binary_scale, interpolated, normalised, polynomial, product
from mpc.tensor import SecretTensor

UNIT: Final = 1 << NORMAL_BITS
#: Up to 60 octaves are multiplied with log(2): its last bit must not count.
SPARE_BITS: Final = 6
#: m = 3/4 + t/4 for t in [-1, 1].
_LOG: Final = interpolated(lambda t: np.log(0.75 + t / 4), 13, NORMAL_BITS)
LOG2: Final = interpolated(lambda t: np.log2(0.75 + t / 4), 13, NORMAL_BITS)


def log(x: SecretTensor, *, otherwise: float | None = None) -> SecretTensor:
    """The natural logarithm at x's scale (16 fraction bits for integers).

    Error: below 2 units in the last place. Where x is not above 0 the result is `otherwise`; without it that
    is demanded not to happen (`mpc.checks`). `RangeError` for decimals. About 32 rounds.
    """
    scale = binary_scale(x, DEFAULT_BITS, NORMAL_BITS - 1)
    flat = x.view(scale=INTEGER).reshape(-1)
    normal = normalised(flat, NORMAL_BITS)
    octave = round(math.log(2) * UNIT * (1 << SPARE_BITS))
    whole = ((normal.bits - x.scale.bits) - normal.shift) * octave
    total = whole + of_mantissa(normal.fraction, _LOG) * (1 << SPARE_BITS)
    total = product(total, normal.nonzero, 0, total.bound)
    invalid = (1 - normal.nonzero).view(bound=1)
    made = total.shifted_down(NORMAL_BITS + SPARE_BITS - scale.bits).view(scale=scale)
    why = "a logarithm: every number is above 0"
    return in_domain(made, invalid, otherwise, why).reshape(*x.shape)


def log1p(x: SecretTensor, *, otherwise: float | None = None) -> SecretTensor:
    """log(1 + x) for x above -1; as `log`."""
    return log(x + 1, otherwise=otherwise)


def of_mantissa(m: SecretTensor, coefficients: tuple[int, ...]) -> SecretTensor:
    """A logarithm of m in [1/2, 1]; both with `NORMAL_BITS`."""
    centred = (4 * m - 3 * UNIT).view(bound=UNIT)
    return polynomial(centred, coefficients, NORMAL_BITS, NORMAL_BITS)
