"""Sigmoid, tanh and erf as sums of waves up to their limits; softmax and logsumexp from exp, log, division.

The last two run on e to a power <= 0, so nothing can grow; a few guard bits take the rounding of the steps.
"""

from __future__ import annotations

import math

from mpc.encoding import DEFAULT_BITS, INTEGER, Scale
from mpc.functions.curves import curve
from mpc.functions.divide import divide_from
from mpc.functions.exponential import MAX_EXP_BITS, exp_up_to
from mpc.functions.logarithm import log
from mpc.functions.normal import binary_scale, product
from mpc.functions.order import amax
from mpc.functions.shape import expand_dims
from mpc.protocols.branches import both
from mpc.tensor import SecretTensor, stack

GUARD_BITS = 5


def sigmoid(x: SecretTensor) -> SecretTensor:
    """1 / (1 + e^-x) at x's scale (16 fraction bits for integers); error below 2 units in the last place.

    For every x. 3 rounds where x's bound is below 11.7 (16 bits), else at most 9. `RangeError` for decimals
    and more than 26 fraction bits.
    """
    return _saturating("sigmoid", x, 0.5) + 0.5


def tanh(x: SecretTensor) -> SecretTensor:
    """The hyperbolic tangent; as `sigmoid`."""
    return _saturating("tanh", x, 1.0)


def erf(x: SecretTensor) -> SecretTensor:
    """The error function, 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x; as `sigmoid`."""
    return _saturating("erf", x, 1.0)


def logsumexp(x: SecretTensor, axis: int = -1) -> SecretTensor:
    """log of the sum of e^x along an axis; error below 2 units in the last place."""
    fine = _finer(x)
    top = expand_dims(amax(fine, axis), axis)
    total = _exp_below(fine - top).sum(axis)
    # at least one term is 1 but for its last bit
    return _coarser(top.linear(lambda words: words.squeeze(axis)) + log(total, otherwise=0.0), x)


def softmax(x: SecretTensor, axis: int = -1) -> SecretTensor:
    """e^x over its sum along an axis; error below 2 units in the last place."""
    fine = _finer(x)
    top = expand_dims(amax(fine, axis), axis)
    made = _exp_below(fine - top)
    total = expand_dims(made.sum(axis), axis)
    return _coarser(divide_from(made, total, least=0.5), x)


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


def _exp_below(x: SecretTensor) -> SecretTensor:
    """e^x for x <= 0 by construction: at most 1."""
    made = exp_up_to(x, 0.0)
    return made.view(bound=made.scale.factor + 4)


def _finer(x: SecretTensor) -> SecretTensor:
    bits = binary_scale(x, DEFAULT_BITS, MAX_EXP_BITS).bits
    return x.rescale(Scale(max(bits, min(bits + GUARD_BITS, MAX_EXP_BITS))))


def _coarser(made: SecretTensor, x: SecretTensor) -> SecretTensor:
    """At x's own scale again; 16 fraction bits if it had none."""
    wanted = DEFAULT_BITS if x.scale == INTEGER else x.scale.bits
    drop = made.scale.bits - wanted
    return made.truncate(drop) if drop else made
