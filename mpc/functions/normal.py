"""Numbers of any size as a normalised fraction and a power of two, and back: no function has a sweet spot.

The highest 1 of a word gives a one-hot vector, as the difference of neighbours in the prefix OR of its bits.
Any function of its place that is a public table is then a public sum, without a message. Powers of two
that would not fit into one word are taken in parts, of which only one is not 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from mpc.encoding import INTEGER, MAX_MAGNITUDE
from mpc.functions.words import planes_of, prefix_or
from mpc.tensor import SecretTensor


def highest_ones(x: SecretTensor) -> SecretTensor:
    """`[bits, n]` for `[n]` words >= 0: 1 from the lowest place up to that of the highest 1, above it 0."""
    return SecretTensor.of_bits(prefix_or(planes_of(x, x.bound.bit_length())))


def part_of(exponents: Sequence[int], part: int, size: int) -> list[int]:
    """2^e where e falls into the part, taken from the part's lowest bit; else 0."""
    low = size * part
    return [1 << (power - low) if low <= power < low + size else 0 for power in exponents]


def shifted(x: SecretTensor, power: SecretTensor, shift: int, bound: int) -> SecretTensor:
    """x times a power of two, shifted right by a public number of places (left where it is below 0)."""
    if shift > 0:
        return product(x, power, shift, bound)
    wide = product(x, power, 0, MAX_MAGNITUDE - 1)
    return wide.linear(lambda words: words << -shift, bound=bound)


def weighted(above: SecretTensor, weights: Sequence[int]) -> SecretTensor:
    """The weight of the highest 1: sums over a one-hot vector are sums over its prefix ORs. No message."""
    steps = [weight - before for weight, before in zip(weights, [0, *weights], strict=False)]
    column = torch.tensor(steps).reshape(-1, 1)
    return above.linear(lambda words: (words * column).sum(0), bound=max(1, *weights))


def fraction(x: SecretTensor, bits: int, wanted: int) -> SecretTensor:
    """A number below 2^bits as the fraction with `wanted` bits that it is of 2^bits."""
    if bits > wanted:
        share = x.protocol.truncate(x.share, bits - wanted)
        return SecretTensor(x.protocol, share, INTEGER, 1 << wanted)
    return x.linear(lambda words: words << (wanted - bits), bound=1 << wanted)


def product(x: SecretTensor, y: SecretTensor, drop: int, bound: int) -> SecretTensor:
    """Words times words, `drop` bits less; `bound` is what the algorithm guarantees of the outcome."""
    return SecretTensor(x.protocol, x.protocol.mul(x.share, y.share, drop), INTEGER, bound)
