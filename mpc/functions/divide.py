"""Division of secrets over their whole range: both numbers are normalised, so there is no sweet spot.

|x| = v_x 2^(e_x) with v in [1/2, 1) comes from the place of the highest bit, found once for both numbers.
v_x / v_y takes Newton's iteration for 1 / v_y, three steps from a linear start (relative error 0.0858,
then squared each time); the powers of two come back as products of one-hot sums, in parts that fit the
ring. (Catrina, Saxena, FC 2010, section 3.4, with the highest bit from a prefix OR.)
"""

from __future__ import annotations

from itertools import product as pairs

import numpy as np
import torch

from mpc.checks import in_domain
from mpc.encoding import DEFAULT_BITS, INTEGER, MAX_MAGNITUDE, Scale
from mpc.errors import RangeError
from mpc.functions.normal import normalised, part_of, product, times_powers, weighted
from mpc.tensor import SecretTensor, concat, stack

#: Fraction bits of normalised numbers, and those that a quotient of two of them keeps.
NORMAL_BITS = 30
QUOTIENT_BITS = 24
#: Powers of two are taken in parts of so many bits: a quotient times two parts stays below 2^60.
PART_BITS = 17
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
    decimal scales. About 40 rounds.
    """
    shape = np.broadcast_shapes(x.shape, y.shape)
    x, y = x.broadcast_to(shape).reshape(-1), y.broadcast_to(shape).reshape(-1)
    scale, smallest = _quotient_scale(x, y), 1 if least is None else max(1, int(least * y.scale.factor))
    bound = _quotient_bound(x.bound, scale.bits + y.scale.bits - x.scale.bits, smallest)
    magnitudes, sign, invalid = _magnitudes(x, y, smallest)
    quotient = _quotient(magnitudes, scale.bits + y.scale.bits - x.scale.bits, bound)
    made = (sign * quotient).view(scale=scale, bound=bound)
    why = f"division: no divisor is nearer to 0 than {smallest / y.scale.factor:g}"
    return in_domain(made, invalid, otherwise, why).reshape(*shape)


def divide_from(x: SecretTensor, y: SecretTensor, least: float) -> SecretTensor:
    """x / y for 0 <= x and 0 < least <= y by construction, which nobody needs to check. 10 rounds less."""
    units = _quotient_scale(x, y).bits + y.scale.bits - x.scale.bits
    bound = _quotient_bound(x.bound, units, max(1, int(least * y.scale.factor)))
    shape = np.broadcast_shapes(x.shape, y.shape)
    flat = [part.broadcast_to(shape).reshape(-1).view(scale=INTEGER) for part in (x, y)]
    return _quotient(concat(flat), units, bound).view(scale=_quotient_scale(x, y)).reshape(*shape)


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
    reach = exact + (exact >> (QUOTIENT_BITS - 2)) + 4
    if reach >= MAX_MAGNITUDE // 4:
        raise RangeError(
            f"A quotient could reach {reach.bit_length()} bits; the ring holds words below 2^62.",
            remedy="State least=..., a public lower bound on the divisor's magnitude, or narrow the bounds.",
        )
    return reach


def _magnitudes(
    x: SecretTensor, y: SecretTensor, smallest: int
) -> tuple[SecretTensor, SecretTensor, SecretTensor]:
    """`[2 n]` |x| and |y|; the quotient's sign, 0 where y is out of the domain; flags of where it is.

    One comparison of three elements an element (below 0: x, y - smallest, -y - smallest) and two products.
    """
    x, y = x.view(scale=INTEGER), y.view(scale=INTEGER)
    flags = stack([x, y, y - smallest, -y - smallest]) < 0
    negative = concat([flags[0], flags[1]])
    both = concat([x, y])
    joint = product(concat([both, flags[0], flags[2]]), concat([negative, flags[1], flags[3]]), 0, both.bound)
    size = x.shape[0]
    magnitudes = (both - 2 * joint[: 2 * size]).view(bound=both.bound)
    differ = (flags[0] + flags[1] - 2 * joint[2 * size : 3 * size].view(bound=1)).view(bound=1)
    invalid = joint[3 * size :].view(bound=1)
    sign = ((1 - 2 * differ) * (1 - invalid)).view(bound=1)
    return magnitudes, sign, invalid


def _quotient(both: SecretTensor, units: int, bound: int) -> SecretTensor:
    """`[n]` words of `units` more fraction bits from `[2 n]`: the first half over the second; all >= 0."""
    above, normal = normalised(both, NORMAL_BITS)
    bits, size = above.shape[0], both.shape[0] // 2
    mantissa = product(
        normal[:size], _inverse(normal[size:]), 2 * NORMAL_BITS - QUOTIENT_BITS, 1 << (QUOTIENT_BITS + 1)
    )
    parts = range(-(-bits // PART_BITS))
    up = [weighted(above[:, :size], part_of(range(bits), part, PART_BITS)) for part in parts]
    down = [weighted(above[:, size:], part_of(range(bits - 1, -1, -1), part, PART_BITS)) for part in parts]
    shifts = {
        (j, k): shift
        for j, k in pairs(parts, parts)
        # beyond that a term is below one unit
        if (shift := bits - 1 + QUOTIENT_BITS - units - PART_BITS * (j + k)) <= QUOTIENT_BITS + 2 * PART_BITS
    }
    powers = product(
        stack([up[j] for j, _ in shifts]), stack([down[k] for _, k in shifts]), 0, 1 << 2 * PART_BITS
    )
    return times_powers(mantissa, [(powers[i], shift) for i, shift in enumerate(shifts.values())], bound)


def _inverse(v: SecretTensor) -> SecretTensor:
    """1 / v for v in [1/2, 1], both with `NORMAL_BITS`; relative error below 2^-27."""
    one = 1 << NORMAL_BITS
    w = (round(START * one) - 2 * v).view(bound=3 * one)
    for _ in range(STEPS):
        rest = (2 * one - product(v, w, NORMAL_BITS, 2 * one)).view(bound=2 * one)
        w = product(w, rest, NORMAL_BITS, 2 * one + 1024)
    return w
