"""x^y = 2^(y e) 2^(y log2(m)) for |x| = m 2^e: the whole part of the logarithm multiplies y exactly, so that
a large result is as good as a small one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mpc.checks import demand, in_domain
from mpc.encoding import DEFAULT_BITS, INTEGER, MAX_MAGNITUDE, Scale
from mpc.errors import RangeError
from mpc.functions import exact
from mpc.functions.exponential import MAX_EXP_BITS, check_exponent, exp2
from mpc.functions.logarithm import of_mantissa
from mpc.functions.normalised import Normalised, binary_scale, normalised, product, stated
from mpc.protocols.branches import both
from mpc.tensor import SecretTensor, stack

#: The largest magnitude of an exponent: the error of x^y grows with it, to 2^-15 here.
MAX_EXPONENT = 1 << 12
#: Fraction bits of exponents and of logarithms.
PLACES = 30


def power(
    x: SecretTensor,
    y: SecretTensor | float,
    *,
    least: float | None = None,
    most: float | None = None,
    otherwise: float | None = None,
) -> SecretTensor:
    """x^y at x's scale, of at least 16 fraction bits but for whole powers of integers.

    The domain: any x for whole public y, x >= 0 for other public y, but not 0 where y < 0; x > 0 for secret
    y. y is within 2^12. Integers to a whole power >= 0 are exact; else the error is below 2 units in the last
    place plus 2^-22 + 2^-27 |y| of the result.

    `least` is a public lower bound on |x| and belongs to the domain; `most` one above the result, which is
    demanded to hold (`mpc.checks`). Out of the domain the result is `otherwise`; without it that is demanded
    not to happen. `RangeError` before anything runs if the result could leave the ring, and for decimals.
    Whole powers of integers: 1 round a product; a square of reals 2; else 36 for a public y (docs/tables.md).
    """
    stated("least", least)
    stated("most", most)
    unlimited = least is most is otherwise is None
    if not isinstance(y, SecretTensor) and unlimited and _by_products_of(x, y):
        return _by_products(x, int(y))
    scale = binary_scale(x, DEFAULT_BITS, MAX_EXP_BITS)
    shape = np.broadcast_shapes(x.shape, y.shape if isinstance(y, SecretTensor) else ())
    exponent = _secret(y.broadcast_to(shape)) if isinstance(y, SecretTensor) else _public(y)
    smallest = max(1, int((least or 0) * x.scale.factor))
    reach = exponent.reach(
        exact.log2(smallest / x.scale.factor), exact.log2(max(1, x.bound) / x.scale.factor)
    )
    top = reach if most is None else min(reach, exact.log2(most))
    check_exponent(top, scale, "least=..., a public lower bound on |x|, or most=..., one above the result")

    flat = x.broadcast_to(shape).view(scale=INTEGER).reshape(-1)
    lowest = 0 if exponent.takes_zero and least is None else smallest
    normal, near = both(
        flat.protocol,
        lambda: normalised(flat, signed=exponent.takes_negative),
        lambda: _nearer(flat, lowest, signed=exponent.takes_negative) if lowest > 1 else None,
    )
    invalid = _out_of_domain(normal, lowest, signed=exponent.takes_negative) if near is None else near
    made, weight, over = _raised(normal, exponent, x.scale, scale, top, invalid, checked=top < reach)
    if over is not None:
        demand(over, f"a power: no result is above {most:g}")
    made = (made * weight).view(bound=made.bound)
    return in_domain(made, invalid, otherwise, "a power: every base is in the domain").reshape(*shape)


def _raised(
    x: Normalised,
    y: _Exponent,
    given: Scale,
    scale: Scale,
    top: float,
    invalid: SecretTensor,
    *,
    checked: bool,
) -> tuple[SecretTensor, SecretTensor, SecretTensor | None]:
    """|x|^y at `scale`; its sign, 0 out of the domain; if `checked`, flags of what is above 2^top."""
    scaled = y.times((x.bits - given.bits) - x.shift, of_mantissa(x, "log2", PLACES))
    high = math.ceil(top * 2**PLACES)
    made, over = both(
        x.fraction.protocol,
        lambda: exp2(scaled, 2.0**PLACES, scale, top),
        lambda: scaled > high if checked else None,
    )
    weight = product(x.nonzero, (1 - invalid).view(bound=1), 0, 1)
    if over is not None:
        over = product(over, weight, 0, 1)
    if y.odd:
        weight = product((1 - 2 * x.negative).view(bound=1), weight, 0, 1)
    return made, weight, over


def _by_products_of(x: SecretTensor, y: float) -> bool:
    """Whether products alone do it within the error: a power of integers, or a square that fits the ring."""
    whole = y >= 0 and float(y).is_integer()
    return whole and (x.scale == INTEGER or y <= 1 or (y == 2 and x.bound**2 < MAX_MAGNITUDE))


def _by_products(x: SecretTensor, exponent: int) -> SecretTensor:
    """Square and multiply."""
    if exponent == 0:
        return x.lift(np.ones(x.shape, dtype=np.int64)).rescale(x.scale)
    if exponent == 1:
        return x
    root = _by_products(x, exponent // 2)
    return root * root * x if exponent % 2 else root * root


def _out_of_domain(x: Normalised, lowest: int, *, signed: bool) -> SecretTensor:
    """Flags of what is nearer to 0 than `lowest`, 0 or 1, or below 0 if not `signed`."""
    if lowest == 1:
        return (1 - x.nonzero).view(bound=1)
    return (x.negative * 0 if signed else x.negative).view(bound=1)


def _nearer(x: SecretTensor, lowest: int, *, signed: bool) -> SecretTensor:
    if not signed:
        return x < lowest
    below = stack([x - lowest, -x - lowest]) < 0
    return product(below[0], below[1], 0, 1)


@dataclass(frozen=True, repr=False)
class _Exponent:
    """y as words with `places` fraction bits, public (an integer) or secret; and what it takes as a base."""

    words: SecretTensor | int
    places: int
    takes_negative: bool = False
    takes_zero: bool = False
    odd: bool = False

    def reach(self, low: float, high: float) -> float:
        """The largest y L for logarithms L from low to high."""
        if isinstance(self.words, int):
            y = self.words / 2.0**self.places
            return max(y * low, y * high)
        return self.words.bound / 2.0**self.places * max(abs(low), abs(high))

    def times(self, whole: SecretTensor, part: SecretTensor) -> SecretTensor:
        """y (whole + part) with `PLACES`, as the part has."""
        y, up = self.words, PLACES - self.places
        if isinstance(y, int):
            below = part.linear(lambda words: words * y, bound=part.bound * abs(y))
            below = below.shifted_down(self.places) if self.places else below
            return whole * (y << up) + below
        both = y.reshape(-1)
        below = product(part, both, self.places, (part.bound * both.bound) >> self.places)
        return whole * both * (1 << up) + below


def _public(y: float) -> _Exponent:
    if not abs(y) <= MAX_EXPONENT:
        raise _too_large()
    if float(y).is_integer():
        return _Exponent(int(y), 0, takes_negative=True, takes_zero=y > 0, odd=bool(int(y) % 2))
    places = PLACES - max(0, math.frexp(y)[1])
    return _Exponent(round(y * 2**places), places, takes_zero=y > 0)


def _secret(y: SecretTensor) -> _Exponent:
    scale = binary_scale(y, 0, PLACES)
    if y.bound > min(MAX_EXPONENT * scale.factor, 1 << PLACES):
        raise _too_large()
    return _Exponent(y.view(scale=INTEGER), scale.bits)


def _too_large() -> RangeError:
    return RangeError(
        f"An exponent beyond {MAX_EXPONENT} (or beyond 2^30 units of its scale) loses the result's digits.",
        remedy="Narrow its bound; or take the logarithm, multiply, and take mpc.exp.",
    )
