"""Numbers of any size as a normalised fraction and a power of two, and back: no function has a sweet spot.

The highest 1 of a word is where the prefix ORs of its bits change. The binary digits of any public function
of its place are then XORs of prefix ORs, without a message; a power of two is a product over its digits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import accumulate
from operator import xor

import torch

from mpc.bits import SecretBits
from mpc.encoding import INTEGER, MAX_MAGNITUDE, Scale
from mpc.errors import RangeError
from mpc.functions.words import join, planes_of, prefix_or
from mpc.tensor import SecretTensor, concat


def binary_scale(x: SecretTensor, default: int, most: int) -> Scale:
    """x's scale, of at least `default` fraction bits; `RangeError` for decimals and above `most` bits."""
    if x.scale.digits or x.scale.bits > most:
        raise RangeError(
            f"There is no such function of shares of {x.scale}: of decimals, or of more than {most} bits.",
            remedy=f"Take x.to_binary(bits), of at most {most} fraction bits.",
        )
    return x.scale.at_least(default)


def stated(name: str, value: float | None, above: float = 0.0) -> None:
    """`RangeError` unless a limit that a caller states is None, or a finite number above `above`."""
    if value is not None and not above < value < math.inf:
        raise RangeError(f"{name}={value:g} is no limit.", remedy=f"State a finite number above {above:g}.")


@dataclass(frozen=True, repr=False)
class Normalised:
    """`[n]` words as fractions and powers of two: a word is its fraction times 2^(bits - shift)."""

    #: in [1/2, 1], with `bits` fraction bits; 0 for 0
    fraction: SecretTensor
    #: 2^shift, with the sign that makes the fraction positive
    lift: SecretTensor
    #: `[k, n]`: binary digits of the shift to the left, lowest first
    digits: SecretTensor
    #: flags of words below 0, and of words that are not 0
    negative: SecretTensor
    nonzero: SecretTensor
    #: of a word
    bits: int

    @property
    def shift(self) -> SecretTensor:
        """How far the word was shifted to the left, `[n]`. No message."""
        return from_digits(self.digits)


def normalised(x: SecretTensor, *, signed: bool = False) -> Normalised:
    """`[n]` words with their highest 1 at the top; without `signed` a fraction below 0 means nothing.

    About 19 rounds for words of 62 bits: bits, prefix OR, conversion, the shift's power, a product.
    """
    bits = max(1, x.bound.bit_length())
    digits, negative, top = leading(x, [bits - 1 - place for place in range(bits)], signed=signed)
    factors, above = power_factors(digits), (1 - negative).view(bound=1)
    if signed:  # the highest 1 of -x - 1 was looked for where x < 0: 0 and -1 have none
        factors.append((1 - 2 * negative).view(bound=1))
        top = (1 - top).view(bound=1)
    lift, some = products([factors, [top, above]])
    nonzero = (1 - some).view(bound=1) if signed else some
    return Normalised(product(x, lift, 0, 1 << bits), lift, digits, negative, nonzero, bits)


def leading(
    x: SecretTensor, exponents: Sequence[int], *, signed: bool = False
) -> tuple[SecretTensor, SecretTensor, SecretTensor]:
    """The digits `[k, n]` of a public function of the place of the highest 1; flags of x < 0 and of such a 1.

    With `signed` the 1 is that of -x - 1 where x < 0, so that a power of two counts as the place below its
    own. Where there is none, the digits are those of place 0. Only these digits become words, not every bit.
    """
    planes = planes_of(x, len(exponents) + 1)
    sign, planes = planes[len(exponents) :], planes[: len(exponents)]
    if signed:
        planes = planes ^ sign.broadcast_to(planes.shape)
    above = prefix_or(planes)
    made = SecretTensor.of_bits(join([_digits(above, exponents), sign, above[:1]]))
    return made[:-2], made[-2], made[-1]


def _digits(above: SecretBits, exponents: Sequence[int]) -> SecretBits:
    """Digits of the exponent that the place of the highest 1 has, from the prefix ORs. No message.

    A digit is 1 where it is so for place 0, changed by every prefix OR at whose place it changes.
    """
    rows = []
    for digit in range(max(1, max(exponents).bit_length())):
        values = [exponent >> digit & 1 for exponent in exponents]
        changes = [place for place in range(1, len(values)) if values[place] != values[place - 1]]
        row = reduce(xor, (above[place : place + 1] for place in changes), above[:1] ^ above[:1])
        rows.append(~row if values[0] else row)
    return join(rows)


def from_digits(digits: SecretTensor) -> SecretTensor:
    """The number that `[k, n]` digits make, lowest first. No message."""
    column = torch.tensor([1 << digit for digit in range(digits.shape[0])]).reshape(-1, 1)
    return digits.linear(lambda words: (words * column).sum(0), bound=(1 << digits.shape[0]) - 1)


def power_factors(digits: SecretTensor, unit: int = 1, *, complement: bool = False) -> list[SecretTensor]:
    """Factors of 2^(unit number), or with `complement` of 2^(unit (2^k - 1 - number)). No message."""
    made = []
    for place in range(digits.shape[0]):
        step = (1 << (unit << place)) - 1
        digit = 1 - digits[place] if complement else digits[place]
        made.append((digit.view(bound=1) * step + 1).view(bound=step + 1))
    return made


def products(groups: Sequence[Sequence[SecretTensor]]) -> list[SecretTensor]:
    """The product of each group's `[n]` words, whatever n of a group: all trees grow in the same rounds.

    ceil(log2 of the longest group) rounds. What a product cannot reach is not held against its bound.
    """
    rows = [list(group) for group in groups]
    while any(len(row) > 1 for row in rows):
        left, right = ([row[i] for row in rows for i in range(side, len(row) // 2 * 2, 2)] for side in (0, 1))
        bounds = [min(a.bound * b.bound, MAX_MAGNITUDE - 1) for a, b in zip(left, right, strict=True)]
        wide = product(concat(left), concat(right), 0, MAX_MAGNITUDE - 1)
        ends = list(accumulate(part.shape[0] for part in left))
        made = [
            wide[end - part.shape[0] : end].view(bound=bound)
            for end, part, bound in zip(ends, left, bounds, strict=True)
        ]
        rows = [[*(made.pop(0) for _ in range(len(row) // 2)), *row[len(row) // 2 * 2 :]] for row in rows]
    return [row[0] for row in rows]


def product(x: SecretTensor, y: SecretTensor, drop: int, bound: int) -> SecretTensor:
    """Words times words, `drop` bits less; `bound` is what the algorithm guarantees of the outcome."""
    return x.like(x.protocol.mul(x.share, y.share, drop), scale=INTEGER, bound=bound)
