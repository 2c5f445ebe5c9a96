"""Division of secrets over their whole range: both numbers are normalised, so there is no sweet spot.

|x| = v_x 2^(e_x) with v in [1/2, 1] comes from the place of the highest bit, found once for both numbers.
v_x / v_y takes Goldschmidt's iteration, three steps from a linear start (relative error 0.0858, then squared
each time), while 2^(e_x - e_y) is made beside it. (Catrina, Saxena, FC 2010, section 3.4, with the highest
bit from a prefix OR.)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from mpc.checks import in_domain
from mpc.encoding import DEFAULT_BITS, INTEGER, MAX_MAGNITUDE, Scale
from mpc.errors import RangeError
from mpc.functions.normal import Normal, normalised, product
from mpc.functions.powers_of_two import KEPT_BITS, SPARE, scaled, weighted_scaling
from mpc.protocols.branches import both
from mpc.tensor import SecretTensor, concat, stack

#: Fraction bits of normalised numbers.
NORMAL_BITS = 30
STEPS = 3
START = 2.9142


def divide(
    x: SecretTensor, y: SecretTensor, *, least: float | None = None, otherwise: float | None = None
) -> SecretTensor:
    """x / y at the finer scale of the two (16 fraction bits for integers).

    Error: below 2 units in the last place plus 2^-22 of the quotient. `least` is a public lower bound on |y|;
    without it y may be one unit of its scale, and the quotient as large as that makes it. Where y is 0, or
    nearer to 0 than `least`, the result is `otherwise`; without `otherwise` that is demanded not to happen
    (`mpc.checks`). Raises `RangeError` before anything runs if the quotient could leave the ring, and for
    decimal scales. About 35 rounds.
    """
    shape = np.broadcast_shapes(x.shape, y.shape)
    x, y = x.broadcast_to(shape).reshape(-1), y.broadcast_to(shape).reshape(-1)
    scale, smallest = _quotient_scale(x, y), 1 if least is None else max(1, int(least * y.scale.factor))
    units = scale.bits + y.scale.bits - x.scale.bits
    bound = _quotient_bound(x.bound, units, smallest)
    x, y = x.view(scale=INTEGER), y.view(scale=INTEGER)
    normal, near = both(
        y.protocol,
        lambda: normalised(concat([x, y]), NORMAL_BITS, signed=True),
        lambda: _nearer(y, smallest) if smallest > 1 else None,
    )
    size = x.shape[0]
    invalid = (1 - normal.nonzero[size:]).view(bound=1) if near is None else near
    weights = [(1 - 2 * normal.negative[:size]), (1 - 2 * normal.negative[size:]), 1 - invalid]
    quotient = _quotient(normal, units, bound, [weight.view(bound=1) for weight in weights])
    why = f"division: no divisor is nearer to 0 than {smallest / y.scale.factor:g}"
    return in_domain(quotient.view(scale=scale), invalid, otherwise, why).reshape(*shape)


def divide_from(x: SecretTensor, y: SecretTensor, least: float) -> SecretTensor:
    """x / y for 0 <= x and 0 < least <= y by construction, which nobody needs to check. 10 rounds less."""
    units = _quotient_scale(x, y).bits + y.scale.bits - x.scale.bits
    bound = _quotient_bound(x.bound, units, max(1, int(least * y.scale.factor)))
    shape = np.broadcast_shapes(x.shape, y.shape)
    flat = [part.broadcast_to(shape).reshape(-1).view(scale=INTEGER) for part in (x, y)]
    made = _quotient(normalised(concat(flat), NORMAL_BITS), units, bound)
    return made.view(scale=_quotient_scale(x, y)).reshape(*shape)


def reciprocal(
    y: SecretTensor, *, least: float | None = None, otherwise: float | None = None
) -> SecretTensor:
    """1 / y; as `divide`."""
    one = y.protocol.public(torch.ones(y.shape, dtype=torch.int64))
    return divide(SecretTensor(y.protocol, one, INTEGER, 1), y, least=least, otherwise=otherwise)


def _quotient_scale(x: SecretTensor, y: SecretTensor) -> Scale:
    if x.scale.digits or y.scale.digits:
        raise RangeError(
            "Decimals are not divided on shares.", remedy="Release the sums, or use a binary scale."
        )
    return Scale(max(x.scale.bits, y.scale.bits) or DEFAULT_BITS)


def _quotient_bound(bound: int, units: int, smallest: int) -> int:
    """A quotient's greatest magnitude as a word, with room for its error."""
    exact = (bound << max(units, 0)) // (smallest << max(-units, 0))
    reach = exact + (exact >> (KEPT_BITS - 2)) + 4
    if reach >= MAX_MAGNITUDE // 4:
        raise RangeError(
            f"A quotient could reach {reach.bit_length()} bits; the ring holds words below 2^62.",
            remedy="State least=..., a public lower bound on the divisor's magnitude, or narrow the bounds.",
        )
    return reach


def _nearer(y: SecretTensor, smallest: int) -> SecretTensor:
    """Flags of |y| < smallest. 9 rounds."""
    below = stack([y - smallest, -y - smallest]) < 0
    return product(below[0], below[1], 0, 1)


def _quotient(normal: Normal, units: int, bound: int, weights: Sequence[SecretTensor] = ()) -> SecretTensor:
    """`[n]` words of `units` more fraction bits from `[2 n]`: the first half over the second, weighted."""
    size = normal.fraction.shape[0] // 2
    power = normal.shift[size:] - normal.shift[:size] + (units + SPARE)
    ratio, by = both(
        power.protocol,
        lambda: _ratio(normal.fraction[:size], normal.fraction[size:]),
        lambda: weighted_scaling(power, weights),
    )
    return scaled(ratio, by, bound)


def _ratio(u: SecretTensor, v: SecretTensor) -> SecretTensor:
    """u / v with `KEPT_BITS` for v in [1/2, 1], u up to 1, both with `NORMAL_BITS`; error below 2^-23.

    With w = START - 2 v and e = 1 - v w: u / v = u w (1 + e) (1 + e^2) (1 + e^4) / (1 - e^8). 8 rounds.
    """
    one, size = 1 << NORMAL_BITS, u.shape[0]
    start = (round(START * one) - 2 * v).view(bound=2 * one)
    made = product(concat([u, v]), concat([start, start]), NORMAL_BITS, 2 * one)
    ratio, rest = made[:size], (one - made[size:]).view(bound=one)
    for _ in range(STEPS - 1):
        factor = concat([(one + rest).view(bound=2 * one), rest])
        made = product(concat([ratio, rest]), factor, NORMAL_BITS, 2 * one + 1024)
        ratio, rest = made[:size], made[size:].view(bound=one)
    return product(ratio, (one + rest).view(bound=2 * one), 2 * NORMAL_BITS - KEPT_BITS, 2 << KEPT_BITS)
