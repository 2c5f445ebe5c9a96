"""Bounded functions by pieces: a comparison finds the piece, its polynomial's coefficients are a public sum.

A curve is given on x >= 0 up to where it has become its limit. Every piece interpolates it at Chebyshev's
points, to below an eighth of a unit in the last place. (Piecewise approximation on shares: Mohassel, Zhang,
S&P 2017, section 5.3; here with as many pieces as the scale needs, so that there is no gap.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import torch

from mpc.encoding import INTEGER, Scale
from mpc.functions.exponential import NORMAL_BITS
from mpc.functions.normal import interpolated, powers_of
from mpc.tensor import SecretTensor, concat

#: A scale whose pieces would need a higher degree has no curve.
MAX_DEGREE: Final = 16


@dataclass(frozen=True)
class Curve:
    """f on x >= 0 with its limit; `width` of a piece, a power of two; `end`: x from where f is its limit."""

    function: Callable[[np.ndarray], np.ndarray]
    limit: float
    width: float
    #: for a number of fraction bits, from where on f is within 1/8 unit of its limit
    end: Callable[[int], float]


def evaluate(curve: Curve, x: SecretTensor, scale: Scale) -> SecretTensor:
    """f of `[n]` numbers x >= 0 of a binary scale of 2 to 26 bits, at `scale`. About 18 rounds.

    Error: 1 unit in the last place, and an eighth.
    """
    table = _table(curve, scale.bits)  # [pieces + 1, degree + 1]; the last row is the limit
    pieces, width = table.shape[0] - 1, int(curve.width * 2**x.scale.bits)
    words = x.view(scale=INTEGER)
    edges = width * np.arange(1, pieces + 1).reshape(-1, 1)
    reached = words.broadcast_to((pieces, *x.shape)) >= edges
    near = (words * (1 - reached[-1])).view(bound=pieces * width)
    # in half widths around the middle of the piece that x is in; 0 beyond the last one
    middles = torch.tensor([*(width * (2 * piece + 1) for piece in range(pieces)), 0]).reshape(-1, 1)
    centred = 2 * near - _selected(reached, middles)[0]
    t = (centred * ((1 << NORMAL_BITS) // width)).view(bound=1 << NORMAL_BITS)
    coefficients = _selected(reached, torch.from_numpy(table))
    made = _dot(coefficients, powers_of(t, table.shape[1] - 1, NORMAL_BITS), 2 * NORMAL_BITS - scale.bits)
    return made.view(scale=scale, bound=int(np.abs(table).max() + 1) * 4 >> (NORMAL_BITS - scale.bits))


def _selected(reached: SecretTensor, table: torch.Tensor) -> SecretTensor:
    """`[k, n]`: of a public table `[pieces + 1, k]` the row that the flags `[pieces, n]` have come to."""
    steps = table.diff(dim=0).T.contiguous()
    bound = max(1, int(table.abs().max()))
    moved = reached.linear(lambda flags: torch.matmul(steps, flags), bound=bound)
    first = SecretTensor(moved.protocol, moved.protocol.public(table[0].reshape(-1, 1)), INTEGER, bound)
    return (moved + first).view(bound=bound)


def _dot(coefficients: SecretTensor, powers: SecretTensor, drop: int) -> SecretTensor:
    """The polynomial's value, `drop` bits less than its terms: two rounds."""
    shape = (1, *powers.shape[1:])
    one = powers.protocol.public(torch.full(shape, 1 << NORMAL_BITS))
    rows = concat([SecretTensor(powers.protocol, one, INTEGER, powers.bound), powers])
    share = powers.protocol.dot(coefficients.T.share, rows.T.share, drop)
    return SecretTensor(powers.protocol, share, INTEGER, 1)


@cache
def _table(curve: Curve, bits: int) -> np.ndarray:
    """Coefficients `[pieces + 1, degree + 1]` of the smallest degree that is good enough for `bits`."""
    pieces = int(np.ceil(curve.end(bits) / curve.width))
    grid = np.linspace(-1, 1, 201)
    for degree in range(3, MAX_DEGREE + 1):
        rows = []
        for piece in range(pieces):

            def local(t: np.ndarray, piece: int = piece) -> np.ndarray:
                return curve.function((piece + 0.5 + t / 2) * curve.width)

            coefficients = interpolated(local, degree, NORMAL_BITS)
            value = np.polynomial.Polynomial(np.array(coefficients) / 2.0**NORMAL_BITS)(grid)
            if np.abs(value - local(grid)).max() > 2.0 ** -(bits + 3):
                break
            rows.append(coefficients)
        else:
            limit = [round(curve.limit * 2**NORMAL_BITS), *[0] * degree]
            return np.array([*rows, limit], dtype=np.int64)
    raise ValueError(f"a curve of degree {MAX_DEGREE} is not good enough for {bits} bits")
