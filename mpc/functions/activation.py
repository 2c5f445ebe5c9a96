"""Sigmoid, tanh and erf as sums of waves up to their limits; softmax and logsumexp from exp, log, division.

The last two run on e to a power <= 0, so nothing can grow; guard bits take the rounding of each term.
"""

from __future__ import annotations

import math

from mpc.encoding import DEFAULT_BITS, INTEGER, Scale
from mpc.errors import RangeError
from mpc.functions.curves import curve
from mpc.functions.divide import divide_from
from mpc.functions.exponential import MAX_EXP_BITS, exp_up_to
from mpc.functions.logarithm import MOST_BITS as LOG_BITS
from mpc.functions.logarithm import log
from mpc.functions.normalised import binary_scale, product
from mpc.functions.order import amax
from mpc.functions.shape import expand_dims
from mpc.protocols.branches import both
from mpc.tensor import SecretTensor, concat, stack

#: Fraction bits that steps have beyond the result's, beside those for the number of terms.
GUARD_BITS = 5
#: A sum of powers has at most so many bits.
SUM_BITS = 60


def sigmoid(x: SecretTensor) -> SecretTensor:
    """1 / (1 + e^-x) at x's scale, of at least 16 fraction bits; error below 2 units in the last place.

    For every x. 3 rounds where x's bound is below 11.7 (16 bits), else 7 or 8.
    `RangeError` for decimals and more than 26 fraction bits.
    """
    return _saturating("sigmoid", x, 0.5) + 0.5


def tanh(x: SecretTensor) -> SecretTensor:
    """The hyperbolic tangent; as `sigmoid`."""
    return _saturating("tanh", x, 1.0)


def erf(x: SecretTensor) -> SecretTensor:
    """The error function, 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x; as `sigmoid`."""
    return _saturating("erf", x, 1.0)


def logsumexp(x: SecretTensor, axis: int = -1) -> SecretTensor:
    """log of the sum of e^x along an axis; error below 2 units in the last place.

    43 rounds for two terms (docs/tables.md), and a comparison and a product for each further halving of the
    axis. `RangeError` for decimals, for more than 26 fraction bits, and for more terms than their rounding
    leaves room for (2^14 at 26 bits).
    """
    top, _, total = _terms(x, axis)
    # at least one term is 1 but for its last bit
    made = log(total, otherwise=0.0)
    return _at(top.linear(lambda words: words.squeeze(axis)) + made, x)


def softmax(x: SecretTensor, axis: int = -1) -> SecretTensor:
    """e^x over its sum along an axis; as `logsumexp`, in 45 rounds, and off by 2^-22 of it as well."""
    _, terms, total = _terms(x, axis)
    return _at(divide_from(terms, expand_dims(total, axis), least=0.5), x)


def _terms(x: SecretTensor, axis: int) -> tuple[SecretTensor, SecretTensor, SecretTensor]:
    """The greatest along an axis (which stays, of length 1), e^(x - greatest), and the sum of these."""
    bits, more = binary_scale(x, DEFAULT_BITS, MAX_EXP_BITS).bits, x.shape[axis].bit_length()
    fine = bits + GUARD_BITS + more
    if fine + more > SUM_BITS:
        raise RangeError(
            f"A sum of {x.shape[axis]} powers of e has no room for their rounding at {bits} fraction bits.",
            remedy="Use a coarser scale.",
        )
    top = expand_dims(amax(x, axis), axis)
    terms = exp_up_to(x - top, 0.0, Scale(fine))
    terms = terms.view(bound=terms.scale.factor + 4)
    total, count = terms.sum(axis), terms.size
    drop = fine - min(bits + GUARD_BITS, LOG_BITS)
    short = concat([terms.reshape(-1), total.reshape(-1)]).truncate(drop)
    powers = short[:count].view(bound=(terms.bound >> drop) + 1).reshape(*x.shape)
    return top, powers, short[count:].reshape(*total.shape)


def _saturating(name: str, x: SecretTensor, limit: float) -> SecretTensor:
    """An odd function that is within half a unit of its limit where its curve ends."""
    scale = binary_scale(x, DEFAULT_BITS, MAX_EXP_BITS)
    curved = curve(f"{name}{16 if scale.bits <= DEFAULT_BITS else MAX_EXP_BITS}")
    flat, units = x.view(scale=INTEGER).reshape(-1), x.scale.factor
    end, bound = math.floor(curved.end * units), round(limit * scale.factor)

    def inside() -> SecretTensor:
        return curved.at(flat, units, scale.bits, limit)

    if flat.bound <= end:
        made = inside()
    else:
        near, (above, below) = both(x.protocol, inside, lambda: _beyond(flat, end))
        made = product(near, 1 - above - below, 0, bound) + (above - below) * bound
    return made.view(scale=scale, bound=bound + 2).reshape(*x.shape)


def _beyond(x: SecretTensor, end: int) -> tuple[SecretTensor, SecretTensor]:
    """Flags of what is above `end`, and below -`end`."""
    flags = stack([x, -x]) > end
    return flags[0], flags[1]


def _at(made: SecretTensor, x: SecretTensor) -> SecretTensor:
    """At x's own scale again; 16 fraction bits if it had none."""
    drop = made.scale.bits - x.scale.at_least(DEFAULT_BITS).bits
    return made.truncate(drop) if drop else made
