"""Sigmoid, tanh and erf by pieces; softmax and logsumexp from exp, log and division.

The last two run on e to a power <= 0, so nothing can grow; a few guard bits take the rounding of the steps.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from mpc.encoding import DEFAULT_BITS, INTEGER, Scale
from mpc.functions.divide import divide_from
from mpc.functions.exponential import MAX_EXP_BITS, exp_up_to
from mpc.functions.logarithm import log
from mpc.functions.normal import binary_scale
from mpc.functions.order import amax
from mpc.functions.piecewise import Curve, evaluate
from mpc.functions.shape import expand_dims
from mpc.tensor import SecretTensor

GUARD_BITS = 5
#: Integers get this many fraction bits for the widths of pieces.
_PIECE_BITS = 2

_erf = np.vectorize(math.erf, otypes=[np.float64])
SIGMOID: Final = Curve(lambda x: 1 / (1 + np.exp(-x)), 1.0, 2.0, lambda bits: (bits + 3) * math.log(2))
TANH: Final = Curve(np.tanh, 1.0, 1.0, lambda bits: (bits + 4) * math.log(2) / 2)
#: 1 - erf(x) is below e to the power -x^2.
ERF: Final = Curve(_erf, 1.0, 0.5, lambda bits: math.sqrt((bits + 3) * math.log(2)))


def sigmoid(x: SecretTensor) -> SecretTensor:
    """1 / (1 + e^-x) at x's scale (16 fraction bits for integers); error below 2 units in the last place.

    For every x. About 28 rounds. `RangeError` for decimals and more than 26 fraction bits.
    """
    made, negative = _mirrored(SIGMOID, x)
    return _at_shape(made + negative * (1 - 2 * made), x)


def tanh(x: SecretTensor) -> SecretTensor:
    """The hyperbolic tangent; as `sigmoid`."""
    made, negative = _mirrored(TANH, x)
    return _at_shape(made - 2 * (negative * made), x)


def erf(x: SecretTensor) -> SecretTensor:
    """The error function, 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x; as `sigmoid`."""
    made, negative = _mirrored(ERF, x)
    return _at_shape(made - 2 * (negative * made), x)


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


def _mirrored(curve: Curve, x: SecretTensor) -> tuple[SecretTensor, SecretTensor]:
    """f(|x|) and the flags of x below 0, flat."""
    binary_scale(x, DEFAULT_BITS, MAX_EXP_BITS)
    fine = x.rescale(Scale(max(x.scale.bits, _PIECE_BITS))).reshape(-1)
    negative = fine < 0
    magnitude = (fine - 2 * (negative * fine)).view(bound=fine.bound)
    return evaluate(curve, magnitude, Scale(x.scale.bits or DEFAULT_BITS)), negative


def _at_shape(made: SecretTensor, x: SecretTensor) -> SecretTensor:
    """What lies between -1 and 1, in the shape of x."""
    return made.view(bound=made.scale.factor + 2).reshape(*x.shape)


def _exp_below(x: SecretTensor) -> SecretTensor:
    """e^x for x <= 0 by construction: at most 1."""
    made, _ = exp_up_to(x, 0.0)
    return made.view(bound=made.scale.factor + 4)


def _finer(x: SecretTensor) -> SecretTensor:
    bits = binary_scale(x, DEFAULT_BITS, MAX_EXP_BITS).bits
    return x.rescale(Scale(max(bits, min(bits + GUARD_BITS, MAX_EXP_BITS))))


def _coarser(made: SecretTensor, x: SecretTensor) -> SecretTensor:
    """At x's own scale again; 16 fraction bits if it had none."""
    wanted = DEFAULT_BITS if x.scale == INTEGER else x.scale.bits
    drop = made.scale.bits - wanted
    return made.truncate(drop) if drop else made
