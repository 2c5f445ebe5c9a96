"""Numbers of any size as a normalised fraction and a power of two, and back: no function has a sweet spot.

The highest 1 of a word gives a one-hot vector, as the difference of neighbours in the prefix OR of its bits.
Any function of its place that is a public table is then a public sum, without a message. Powers of two
that would not fit into one word are taken in parts, of which only one is not 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from mpc.encoding import INTEGER, MAX_MAGNITUDE, Scale
from mpc.errors import RangeError
from mpc.functions.words import planes_of, prefix_or
from mpc.tensor import SecretTensor, concat, stack


def binary_scale(x: SecretTensor, default: int, most: int) -> Scale:
    """x's scale, `default` fraction bits for integers; `RangeError` for decimals and above `most` bits."""
    if x.scale.digits or x.scale.bits > most:
        raise RangeError(
            f"There is no such function of shares of {x.scale}: of decimals, or of more than {most} bits.",
            remedy=f"Use a binary scale of at most {most} fraction bits.",
        )
    return Scale(x.scale.bits or default)


def highest_ones(x: SecretTensor) -> SecretTensor:
    """`[bits, n]` for `[n]` words >= 0: 1 from the lowest place up to that of the highest 1, above it 0."""
    return SecretTensor.of_bits(prefix_or(planes_of(x, x.bound.bit_length())))


def part_of(exponents: Sequence[int], part: int, size: int) -> list[int]:
    """2^e where e falls into the part, taken from the part's lowest bit; else 0."""
    low = size * part
    return [1 << (power - low) if low <= power < low + size else 0 for power in exponents]


def weighted(above: SecretTensor, weights: Sequence[int]) -> SecretTensor:
    """The weight of the highest 1: sums over a one-hot vector are sums over its prefix ORs. No message."""
    steps = [weight - before for weight, before in zip(weights, [0, *weights], strict=False)]
    column = torch.tensor(steps).reshape(-1, 1)
    return above.linear(lambda words: (words * column).sum(0), bound=max(1, *map(abs, weights)))


def fraction(x: SecretTensor, bits: int, wanted: int) -> SecretTensor:
    """A number below 2^bits as the fraction with `wanted` bits that it is of 2^bits."""
    if bits > wanted:
        return x.shifted_down(bits - wanted).view(bound=1 << wanted)
    return x.linear(lambda words: words << (wanted - bits), bound=1 << wanted)


def normalised(x: SecretTensor, wanted: int) -> tuple[SecretTensor, SecretTensor]:
    """Of `[n]` words >= 0 the prefix ORs, and the fraction in [1/2, 1) that the highest 1 leads; 0 for 0."""
    above = highest_ones(x)
    bits = above.shape[0]
    lift = weighted(above, [1 << (bits - 1 - place) for place in range(bits)])
    return above, fraction(product(x, lift, 0, 1 << bits), bits, wanted)


def product(x: SecretTensor, y: SecretTensor, drop: int, bound: int) -> SecretTensor:
    """Words times words, `drop` bits less; `bound` is what the algorithm guarantees of the outcome."""
    return SecretTensor(x.protocol, x.protocol.mul(x.share, y.share, drop), INTEGER, bound)


def times_powers(x: SecretTensor, powers: Sequence[tuple[SecretTensor, int]], bound: int) -> SecretTensor:
    """The sum of x power / 2^shift over (power, shift), of which at most one power is not 0.

    Shifts below 0 go to the left. All products are one batch: two rounds, or one if nothing is dropped.
    """
    wide = product(stack([x] * len(powers)), stack([power for power, _ in powers]), 0, MAX_MAGNITUDE - 1)
    down = [place for place, (_, shift) in enumerate(powers) if shift > 0]
    rest = [(place, -shift) for place, (_, shift) in enumerate(powers) if shift <= 0]
    parts = [
        wide[place : place + 1].linear(lambda words, up=up: words << up, bound=bound) for place, up in rest
    ]
    if down:
        shifts = torch.tensor([powers[place][1] for place in down]).reshape(-1, *[1] * x.ndim)
        parts.append(wide[down].shifted_down(shifts).view(bound=bound))
    # one term alone is not 0, so the sum has its bound
    return concat(parts).linear(lambda words: words.sum(0), bound=bound)


def interpolated(
    function: Callable[[np.ndarray], np.ndarray], degree: int, bits: int, reach: float = 1.0
) -> tuple[int, ...]:
    """Coefficients with `bits`, lowest first, of the polynomial through Chebyshev's points within `reach`."""
    fitted = np.polynomial.chebyshev.Chebyshev.interpolate(function, degree, [-reach, reach])
    return tuple(round(float(c) * 2**bits) for c in fitted.convert(kind=np.polynomial.Polynomial).coef)


def powers_of(x: SecretTensor, degree: int, bits: int) -> SecretTensor:
    """`[degree, ...]`: x, x^2, ... of |x| <= 1 with `bits` fraction bits. 2 ceil(log2 degree) rounds."""
    bound = (1 << bits) + degree
    rows = x.view(bound=bound).linear(lambda words: words.unsqueeze(0))
    while (have := rows.shape[0]) < degree:
        lower = rows[: degree - have]
        top = rows[have - 1 :].broadcast_to(lower.shape)
        rows = concat([rows, product(lower, top, bits, bound)])
    return rows


def polynomial(x: SecretTensor, coefficients: Sequence[int], bits: int, wanted: int) -> SecretTensor:
    """A public polynomial of |x| <= 1; x and the coefficients have `bits` fraction bits, the value `wanted`.

    Its magnitudes must sum to below 4. 2 ceil(log2 degree) + 2 rounds.
    """
    rows = powers_of(x, len(coefficients) - 1, bits)
    column = torch.tensor(coefficients[1:]).reshape(-1, *[1] * x.ndim)
    bound = sum(map(abs, coefficients)) << bits
    total = rows.linear(lambda words: (words * column).sum(0), bound=bound) + (coefficients[0] << bits)
    return total.view(bound=bound).shifted_down(2 * bits - wanted)
