"""Numbers times a secret power of two, for powers of any size: the way back from a fraction to a word.

The power's digits give 2^(power mod 32) as a product; which half of 0 to 63 it is in, and whether it is below
0, choose between a shift to the right, one to the left, and 0. All of it but four rounds can run beside what
computes the fraction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mpc.encoding import INTEGER, MAX_MAGNITUDE
from mpc.functions.normalised import power_factors, product, products
from mpc.functions.words import join, planes_of
from mpc.tensor import SecretTensor, stack

#: Fraction bits of numbers that are scaled.
KEPT_BITS = 24
#: Powers are counted from 2^-SPARE: what is below rounds to 0.
SPARE = 3
LOW_DIGITS = 5


@dataclass(frozen=True, repr=False)
class Scaling:
    """2^(power mod 32), and the weights of the shifts to the right and to the left: both 0 below power 0."""

    low: SecretTensor
    weights: SecretTensor  # [n, 2]


def weighted_scaling(power: SecretTensor, weights: Sequence[SecretTensor]) -> Scaling:
    """What multiplies by 2^(power - SPARE) times `weights`, words of -1, 0 or 1, for `[n]` powers below 64.

    About 11 rounds.
    """
    bits = max(power.bound.bit_length(), LOW_DIGITS + 1)
    planes = planes_of(power, bits + 1)
    words = SecretTensor.of_bits(join([planes[: LOW_DIGITS + 1], planes[bits:]]))
    low, weight = products([power_factors(words[:LOW_DIGITS]), [(1 - words[-1]).view(bound=1), *weights]])
    left = product(weight, words[LOW_DIGITS], 0, 1)
    return Scaling(low, stack([(weight - left).view(bound=1), left], axis=1))


def scaled(x: SecretTensor, by: Scaling, bound: int) -> SecretTensor:
    """x times the power of two, without x's `KEPT_BITS`, for |x| below 2. 4 rounds."""
    wide = product(x, by.low, 0, 1 << (KEPT_BITS + 33))
    low = wide.shifted_down(KEPT_BITS + SPARE).view(bound=1 << 30)
    up = (1 << LOW_DIGITS) - KEPT_BITS - SPARE
    # where it is not chosen, this one may have left the ring
    high = wide.linear(lambda words: words << up, bound=MAX_MAGNITUDE - 1)
    both = stack([low, high], axis=1)
    return x.like(x.protocol.dot(both.share, by.weights.share), scale=INTEGER, bound=bound)
