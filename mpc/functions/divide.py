"""Division of secrets over their whole range: the divisor is normalised, so there is no sweet spot.

y = v 2^e with v in [1/2, 1] comes from the place of the highest bit (Catrina, Saxena, FC 2010, section 3.4,
with the highest bit from a prefix OR); 1 / v is a sum of waves (error below 2^-26). Where x 2^k / y fits a
word with all the digits that the quotient needs, that product is the quotient. Elsewhere x is normalised as
well, and 2^(e_x - e_y) is made beside the ratio.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mpc.checks import in_domain
from mpc.encoding import DEFAULT_BITS, INTEGER, MAX_MAGNITUDE, Scale
from mpc.errors import RangeError
from mpc.functions.curves import curve
from mpc.functions.normalised import Normalised, normalised, product, stated
from mpc.functions.powers_of_two import KEPT_BITS, SPARE, scaled, weighted_scaling
from mpc.protocols.branches import both
from mpc.tensor import SecretTensor, concat, stack

#: Fraction bits of normalised numbers and of their inverses.
NORMAL_BITS = 30
#: The fewest with which an inverse is still as good.
LEAST_NORMAL_BITS = 25
#: A quotient's error from the last bit of 2^k / y is at most 2^-GUARD_BITS units.
GUARD_BITS = 4
#: Products stay below 2^61.
PRODUCT_BITS = 61


def divide(
    x: SecretTensor, y: SecretTensor, *, least: float | None = None, otherwise: float | None = None
) -> SecretTensor:
    """x / y at the finer scale of the two, of at least 16 fraction bits.

    Error: below 2 units in the last place plus 2^-22 of the quotient. `least` is a public lower bound on |y|;
    without it y may be one unit of its scale, and the quotient as large as that makes it. Where y is 0, or
    nearer to 0 than `least`, the result is `otherwise`; without `otherwise` that is demanded not to happen
    (`mpc.checks`). Raises `RangeError` before anything runs if the quotient could leave the ring, and for
    decimal scales. 30 rounds where x has to be normalised as well (docs/tables.md), else at most 25.
    """
    stated("least", least)
    shape = np.broadcast_shapes(x.shape, y.shape)
    x, y = x.broadcast_to(shape).reshape(-1), y.broadcast_to(shape).reshape(-1)
    scale, smallest = _quotient_scale(x, y), 1 if least is None else max(1, int(least * y.scale.factor))
    units = scale.bits + y.scale.bits - x.scale.bits
    bound = _quotient_bound(x.bound, units, smallest)
    x, y, divisor = x.view(scale=INTEGER), y.view(scale=INTEGER), y.scale
    wide = _inverse_bits(x.bound, y.bound, units, smallest) is None
    normal, near = both(
        y.protocol,
        lambda: normalised(concat([x, y]) if wide else y, signed=True),
        lambda: _nearer(y, smallest) if smallest > 1 else None,
    )
    size = x.shape[0]
    invalid = (1 - normal.nonzero[-size:]).view(bound=1) if near is None else near
    weights = [1 - invalid]
    if wide:
        weights += [1 - 2 * normal.negative[:size], 1 - 2 * normal.negative[size:]]
    weights = [weight.view(bound=1) for weight in weights]
    if wide:
        quotient = _quotient(normal, units, bound, weights)
    else:
        quotient = _by_inverse(x, y.bound, normal, units, smallest, bound, weights)
    why = f"division: no divisor is nearer to 0 than {smallest / divisor.factor:g}"
    return in_domain(quotient.view(scale=scale), invalid, otherwise, why).reshape(*shape)


def divide_from(x: SecretTensor, y: SecretTensor, least: float) -> SecretTensor:
    """x / y for 0 <= x and 0 < least <= y by construction, which nobody needs to check. 8 rounds less."""
    units = _quotient_scale(x, y).bits + y.scale.bits - x.scale.bits
    bound = _quotient_bound(x.bound, units, max(1, int(least * y.scale.factor)))
    shape = np.broadcast_shapes(x.shape, y.shape)
    u, v = (part.broadcast_to(shape).reshape(-1).view(scale=INTEGER) for part in (x, y))
    smallest = max(1, int(least * y.scale.factor))
    if _inverse_bits(u.bound, v.bound, units, smallest) is None:
        made = _quotient(normalised(concat([u, v])), units, bound)
    else:
        made = _by_inverse(u, v.bound, normalised(v), units, smallest, bound)
    return made.view(scale=_quotient_scale(x, y)).reshape(*shape)


def reciprocal(
    y: SecretTensor, *, least: float | None = None, otherwise: float | None = None
) -> SecretTensor:
    """1 / y; as `divide`."""
    return divide(y.lift(np.ones(y.shape, dtype=np.int64)), y, least=least, otherwise=otherwise)


def _quotient_scale(x: SecretTensor, y: SecretTensor) -> Scale:
    if x.scale.digits or y.scale.digits:
        raise RangeError(
            "Decimals are not divided on shares.", remedy="Take x.to_binary(bits), or release the sums."
        )
    return x.scale.join(y.scale).at_least(DEFAULT_BITS)


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


def _inverse_bits(x: int, y: int, units: int, smallest: int) -> tuple[int, int] | None:
    """Bits of 1 / v, and the k of 2^k / y, with which x 2^k / y fits the ring; None if too few would."""
    bits = min(NORMAL_BITS, PRODUCT_BITS - y.bit_length())
    k = min(PRODUCT_BITS - 1 - x.bit_length() + smallest.bit_length() - 1, bits + y.bit_length() - 1)
    enough = bits >= LEAST_NORMAL_BITS and k >= max(x.bit_length() + GUARD_BITS, 1) + units
    return (bits, k) if enough else None


def _by_inverse(
    x: SecretTensor,
    reach: int,
    y: Normalised,
    units: int,
    smallest: int,
    bound: int,
    weights: Sequence[SecretTensor] = (),
) -> SecretTensor:
    """x / y by 2^k / y, `units` more fraction bits; 0 where a weight is 0. 7 rounds."""
    places = _inverse_bits(x.bound, reach, units, smallest)
    if places is None:
        raise RangeError("A quotient by an inverse that has too few bits.", remedy="Normalise both.")
    bits, k = places

    def lift() -> SecretTensor:
        return product(y.lift, weights[0], 0, y.lift.bound) if weights else y.lift

    inverse, lifts = both(
        x.protocol, lambda: curve("reciprocal").at(y.fraction, 1 << y.bits, bits, 2.0), lift
    )
    made = product(inverse, lifts, bits + y.bits - k, (1 << k) // smallest + 4)
    return product(x, made, k - units, bound)


def _quotient(
    normal: Normalised, units: int, bound: int, weights: Sequence[SecretTensor] = ()
) -> SecretTensor:
    """`[n]` words of `units` more fraction bits from `[2 n]`: the first half over the second, weighted."""
    size = normal.fraction.shape[0] // 2
    power = normal.shift[size:] - normal.shift[:size] + (units + SPARE)
    ratio, by = both(
        power.protocol,
        lambda: _ratio(normal.fraction[:size], normal.fraction[size:], normal.bits),
        lambda: weighted_scaling(power, weights),
    )
    return scaled(ratio, by, bound)


def _ratio(u: SecretTensor, v: SecretTensor, bits: int) -> SecretTensor:
    """u / v with `KEPT_BITS` for v in [1/2, 1], u up to 1, both with `bits`; error below 2^-24. 5 rounds."""
    inverse, short = both(
        u.protocol,
        lambda: curve("reciprocal").at(v, 1 << bits, NORMAL_BITS, 2.0),
        lambda: u.shifted_down(bits - NORMAL_BITS) if bits > NORMAL_BITS else u,
    )
    return product(short, inverse, NORMAL_BITS + min(bits, NORMAL_BITS) - KEPT_BITS, 2 << KEPT_BITS)
