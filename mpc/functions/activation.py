"""Sigmoid, tanh, softmax and logsumexp: made of exp, log and division where those are at their best.

Everything runs on e to a power <= 0, so nothing can grow; a few guard bits take the rounding of the steps.
"""

from __future__ import annotations

import numpy as np

from mpc.encoding import DEFAULT_BITS, INTEGER, Scale
from mpc.errors import RangeError
from mpc.functions.divide import divide
from mpc.functions.exponential import MAX_EXP_BITS, exp, log
from mpc.functions.order import absolute, amax
from mpc.functions.shape import expand_dims
from mpc.tensor import SecretTensor

GUARD_BITS = 5


def sigmoid(x: SecretTensor) -> SecretTensor:
    """1 / (1 + e^-x) at x's scale; error below 2 units in the last place for every x. About 120 rounds."""
    return _coarser(_sigmoid(_finer(x)), x)


def tanh(x: SecretTensor) -> SecretTensor:
    """The hyperbolic tangent, 2 sigmoid(2 x) - 1; error below 2 units in the last place."""
    return _coarser(2 * _sigmoid(2 * _finer(x)) - 1, x)


def logsumexp(x: SecretTensor, axis: int = -1) -> SecretTensor:
    """log of the sum of e^x along an axis; error below 2 units in the last place."""
    fine = _finer(x)
    top = expand_dims(amax(fine, axis), axis)
    total = _exp_below(fine - top).sum(axis)
    return _coarser(top.linear(lambda words: words.squeeze(axis)) + log(total), x)


def softmax(x: SecretTensor, axis: int = -1) -> SecretTensor:
    """e^x over its sum along an axis; error below 2 units in the last place."""
    fine = _finer(x)
    top = expand_dims(amax(fine, axis), axis)
    made = _exp_below(fine - top)
    total = expand_dims(made.sum(axis), axis)
    return _coarser(divide(made, total, least=0.5), x)


def _sigmoid(x: SecretTensor) -> SecretTensor:
    """s = 1 / (1 + e^-|x|), and 1 - s where x is below 0."""
    magnitude = absolute(x)
    s = divide(_one(x), _exp_below(-magnitude) + 1, least=1.0)
    negative = x < 0
    return s + negative * (1 - 2 * s)


def _exp_below(x: SecretTensor) -> SecretTensor:
    """e^x for x <= 0 (up to rounding): at most 1."""
    made = exp(x, most=0.0)
    return SecretTensor(made.protocol, made.share, made.scale, made.scale.factor + 4)


def _one(x: SecretTensor) -> SecretTensor:
    return x.lift(np.ones(x.shape)).rescale(x.scale)


def _finer(x: SecretTensor) -> SecretTensor:
    if x.scale.digits:
        raise RangeError("Decimals have no sigmoid on shares.", remedy="Use a binary scale.")
    bits = x.scale.bits or DEFAULT_BITS
    return x.rescale(Scale(max(bits, min(bits + GUARD_BITS, MAX_EXP_BITS))))


def _coarser(made: SecretTensor, x: SecretTensor) -> SecretTensor:
    """At x's own scale again; 16 fraction bits if it had none."""
    wanted = DEFAULT_BITS if x.scale == INTEGER else x.scale.bits
    drop = made.scale.bits - wanted
    return made.truncate(drop) if drop else made
