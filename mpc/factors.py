"""Public real factors of secret words, with as many bits as the product needs.

A factor c multiplies words of magnitude up to B, `terms` of them a sum. It goes to its whole part and a rest,
and the rest to `places` bits: the wide sum of words times rests is truncated by them once. Its error is below
1 unit of the result, and that of the rests is held to 1 unit, for which the sum of all words times the rests
has to fit the ring. Where it does not, the words are first taken apart into limbs of few bits, each a
truncation, which need fewer places each. Factors that are whole, or have few enough bits, stay exact.

Every party must hold a public factor to the last bit: shares under different factors fit nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import reduce
from operator import add
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mpc.encoding import MAX_MAGNITUDE, Words
from mpc.errors import RangeError
from mpc.protocols.base import Protocol
from mpc.protocols.shifts import MAX_SHIFT

Multiply = Callable[[Tensor, Tensor], Tensor]

#: Bits of a mantissa: it stays below 2^62, so that a rounding does not wrap.
MANTISSA_BITS: Final = 62
#: The most limbs that words are taken apart into. Elementwise 4 are always enough, for 10^6 terms 8.
MOST_LIMBS: Final = 8
#: What rests may be off in all, in units of the result; its truncation is off by less than 1 more.
ERROR_UNITS: Final = 1


@dataclass(frozen=True)
class Factor:
    """Public numbers, each a mantissa times 2^exponent: the mantissa from 2^61 to 2^62, or 0."""

    mantissas: Words
    exponents: Words
    #: what a mantissa may be off, relative to it
    off: Fraction = Fraction(0)

    def scaled(self, bits: int) -> Factor:
        """Times 2^bits."""
        return replace(self, exponents=self.exponents + bits)

    @property
    def magnitude(self) -> Fraction:
        """The largest one's."""
        some = self.mantissas != 0
        if not some.any():
            return Fraction(0)
        top = int(self.exponents[some].max())
        largest = int(np.abs(self.mantissas[some & (self.exponents == top)]).max())
        return largest * Fraction(2) ** top

    @property
    def places(self) -> int:
        """The fraction bits that all of them have at most."""
        some = self.mantissas != 0
        lowest = np.frexp((self.mantissas & -self.mantissas).astype(np.float64))[1] - 1
        return max(0, int((-self.exponents - lowest)[some].max(initial=0)))

    def words(self, bits: int) -> Words:
        """Times 2^bits, to the nearest integer; the largest must stay below 2^62."""
        return _shifted(self.mantissas, self.exponents + bits)

    def rests(self, bits: int, places: int) -> Words:
        """What `words(bits)` leaves, at most 1/2 in magnitude, times 2^places."""
        up = self.exponents + bits
        down = np.clip(-up, 0, MANTISSA_BITS)
        left = np.where(up < 0, self.mantissas - (self.words(bits) << down), 0)
        return _shifted(left, up + places)


def _shifted(words: Words, places: Words) -> Words:
    """Words below 2^62 in magnitude times 2^places, to the nearest."""
    up, down = np.clip(places, 0, MANTISSA_BITS), np.clip(-places, 0, MANTISSA_BITS)
    half = np.where(down > 0, np.int64(1) << np.maximum(down - 1, 0), 0)
    made = ((words << up) + half) >> down
    return np.asarray(np.where(places < -MANTISSA_BITS, 0, made), dtype=np.int64, order="C")


def of_reals(values: npt.NDArray[np.generic]) -> Factor:
    """float64 numbers, exactly. `RangeError` for NaN and infinities."""
    reals = _finite(values)
    fractions, exponents = np.frexp(reals)
    mantissas = np.asarray(np.ldexp(fractions, MANTISSA_BITS)).astype(np.int64)
    return Factor(mantissas, np.asarray(exponents, dtype=np.int64) - MANTISSA_BITS)


def of_inverses(values: npt.NDArray[np.generic]) -> Factor:
    """1 over integers or float64 numbers, to 62 bits. `RangeError` for 0, NaN and infinities."""
    numbers = _finite(values) if values.dtype.kind == "f" else values
    if not np.all(numbers):
        raise RangeError("Division by 0.", remedy="Give divisors that are not 0.")
    different, places = np.unique(numbers, return_inverse=True)
    inverses = [_inverse(number.item()) for number in different]
    mantissas, exponents = (
        np.array([inverse[part] for inverse in inverses], dtype=np.int64)[places].reshape(numbers.shape)
        for part in (0, 1)
    )
    exact = all(inverse[2] for inverse in inverses)
    return Factor(mantissas, exponents, Fraction(0 if exact else 1, 1 << MANTISSA_BITS))


def _inverse(number: int | float) -> tuple[int, int, bool]:
    """Mantissa and exponent of 1 / number, and whether they are exact."""
    over, under = abs(number).as_integer_ratio()
    up = MANTISSA_BITS + over.bit_length() - under.bit_length()  # the mantissa, from 2^61 to 2^63
    top, bottom = under << max(up, 0), over << max(-up, 0)
    if top >= bottom << MANTISSA_BITS:
        bottom, up = bottom << 1, up - 1
    mantissa, rest = divmod(top, bottom)
    if 2 * rest >= bottom and mantissa + 1 < MAX_MAGNITUDE:
        mantissa += 1
    return (mantissa if number > 0 else -mantissa), -up, rest == 0


def _finite(values: npt.NDArray[np.generic]) -> npt.NDArray[np.float64]:
    reals = np.asarray(values, dtype=np.float64)
    if not np.all(np.isfinite(reals)):
        raise RangeError(
            f"Public numbers of {values.shape} hold NaN or an infinity.",
            remedy="Give finite numbers.",
        )
    return reals


@dataclass(frozen=True)
class Plan:
    """How a product is made: the words in limbs of `width` bits, the rests of the factor with `places`."""

    limbs: int
    width: int
    places: int
    #: whether whole parts are multiplied apart, without a truncation
    apart: bool


def plan(bound: int, terms: int, factor: Factor) -> Plan | None:
    """The cheapest that is right to 2 units; None if there is none."""
    if terms * bound * (Fraction(1, 2) + factor.magnitude * factor.off) < ERROR_UNITS + 1:
        return Plan(1, bound.bit_length(), 0, apart=False)  # factors to the nearest, no truncation: flags
    for limbs, apart in ((1, False), *((count, True) for count in range(1, MOST_LIMBS + 1))):
        width = -(-bound.bit_length() // limbs)
        if limbs > 1 and width * (limbs - 1) >= bound.bit_length():
            break  # narrower limbs would only be empty
        places = _places(limb_bounds(bound, limbs, width), bound, terms, factor, apart=apart)
        if places is not None:
            return Plan(limbs, width, places, apart)
    return None


def limb_bounds(bound: int, limbs: int, width: int) -> list[int]:
    """Of the limbs, lowest first: a truncation leaves less than 2^width, and rounds up at most."""
    bounds = [(1 << width) - 1] * (limbs - 1)
    for _ in range(limbs - 1):
        bound = -(-bound >> width)
    return [*bounds, bound]


def _places(bounds: Sequence[int], bound: int, terms: int, factor: Factor, *, apart: bool) -> int | None:
    """As many places of the rests as the ring holds, or as they have; None if they are too few."""
    width = bounds[0].bit_length()
    largest = [factor.magnitude * 2 ** (width * place) for place in range(len(bounds))]
    rests = [min(Fraction(1, 2), rest) for rest in largest] if apart else largest
    reach = terms * sum(limb * rest for limb, rest in zip(bounds, rests, strict=True))
    rounding = Fraction(terms * sum(bounds), 2)
    room = MAX_MAGNITUDE - 1 - rounding
    if room < reach:
        return None
    most = MAX_SHIFT if reach == 0 else min(MAX_SHIFT, int(room / reach).bit_length() - 1)
    places = min(most, factor.places)
    error = rounding / 2**places if places < factor.places else Fraction(0)
    return places if error + terms * bound * factor.magnitude * factor.off <= ERROR_UNITS else None


def product(protocol: Protocol[Any], share: Any, factor: Factor, made: Plan, multiply: Multiply) -> Any:
    """The share times the factor by a plan; `multiply` is bilinear in words and factors.

    No message where neither places nor limbs ask for one. Else a truncation of the result, after one of the
    words for every limb but one: under `replicated` 8, 8 and 16 B an element each, 2 rounds and one more for
    every further one.
    """
    limbs = _limbs(protocol, share, made)
    shifts = [made.width * place for place in range(made.limbs)]
    if not made.apart:
        return _truncated(protocol, _sum(protocol, limbs, [factor.words(made.places)], multiply), made.places)
    whole = [factor.words(shift) for shift in shifts]
    rests = [factor.rests(shift, made.places) for shift in shifts]
    result = _truncated(protocol, _sum(protocol, limbs, rests, multiply), made.places)
    if not any(part.any() for part in whole):
        return result
    return protocol.linear(torch.add, result, _sum(protocol, limbs, whole, multiply))


def _limbs(protocol: Protocol[Any], share: Any, made: Plan) -> list[Any]:
    """Shares whose sum, each times 2^width more than the one before, is the share."""
    limbs = []
    for _ in range(made.limbs - 1):
        upper = protocol.truncate(share, made.width)
        limbs.append(protocol.linear(lambda word, top: word - (top << made.width), share, upper))
        share = upper
    return [*limbs, share]


def _sum(protocol: Protocol[Any], limbs: Sequence[Any], factors: Sequence[Words], multiply: Multiply) -> Any:
    tensors = [torch.from_numpy(words) for words in factors]

    def fn(*words: Tensor) -> Tensor:
        return reduce(add, (multiply(word, by) for word, by in zip(words, tensors, strict=True)))

    return protocol.linear(fn, *limbs)


def _truncated(protocol: Protocol[Any], share: Any, places: int) -> Any:
    return protocol.truncate(share, places) if places else share
