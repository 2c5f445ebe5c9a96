"""Sums, means, deviations and products over axes, as numpy's. Nothing is revealed.

An axis is a number, several, or None for all; `keepdims` keeps them with length 1. `RangeError` where a bound
would leave the ring.
"""

from __future__ import annotations

import math

import numpy as np

from mpc.encoding import INTEGER, Scale
from mpc.errors import RangeError
from mpc.functions.order import absolute, amax
from mpc.functions.products import vecdot
from mpc.functions.root import sqrt
from mpc.functions.shape import Axes, in_front
from mpc.tensor import SecretTensor


def total(x: SecretTensor, axis: Axes = None, keepdims: bool = False) -> SecretTensor:
    """`SecretTensor.sum`. No message."""
    return x.sum(axis, keepdims)


def mean(x: SecretTensor, axis: Axes = None, keepdims: bool = False) -> SecretTensor:
    """`SecretTensor.mean`; error 1 unit in the last place. `RangeError` if there are no elements."""
    return x.mean(axis, keepdims)


def prod(x: SecretTensor, axis: Axes = None, keepdims: bool = False) -> SecretTensor:
    """The product; of none 1. At most 2 log2 n products one after the other."""
    rows, shape = in_front(x, axis, keepdims)
    rest = None
    while rows.shape[0] > 1:
        half = rows.shape[0] // 2
        if rows.shape[0] % 2:
            rest = rows[-1] if rest is None else rest * rows[-1]
        rows = rows[:half] * rows[half : 2 * half]
    if not rows.shape[0]:
        return x.lift(np.ones(shape, dtype=np.int64))
    return (rows[0] if rest is None else rows[0] * rest).reshape(*shape)


def var(x: SecretTensor, axis: Axes = None, *, correction: float = 0, keepdims: bool = False) -> SecretTensor:
    """The mean square distance from the mean, over the number less `correction`.

    Error: below 2 units in the last place. One product an element of the result and two truncations.
    `RangeError` if there are too few elements.
    """
    rows, shape = in_front(x, axis, keepdims)
    fine, bits = _variance(rows, correction)
    return (fine.truncate(bits) if bits else fine).reshape(*shape)


def std(x: SecretTensor, axis: Axes = None, *, correction: float = 0, keepdims: bool = False) -> SecretTensor:
    """The root of the variance. Error: below 3 units in the last place. A variance and a root."""
    rows, shape = in_front(x, axis, keepdims)
    fine, bits = _variance(rows, correction)
    return _root(fine, bits).reshape(*shape)


def norm(
    x: SecretTensor, order: float | str | None = None, axis: Axes = None, keepdims: bool = False
) -> SecretTensor:
    """The length of a vector (order None or 2; of all elements: "fro"), or the sum (1) or maximum (inf) of
    magnitudes. Error: below 2 units in the last place and 2^-22 of it. A product and a root, or a comparison.

    `RangeError` for other orders, and for those of matrices.
    """
    rows, shape = in_front(x, axis, keepdims)
    vectors = isinstance(axis, int) or x.ndim == 1
    if order is None or (order == 2 and vectors) or (order == "fro" and not vectors):
        made = _root(_squares(rows), x.scale.bits)
    elif order == 1 and vectors:
        made = absolute(rows).sum(0)
    elif order == math.inf and vectors:
        made = amax(absolute(rows), 0)
    else:
        raise RangeError(f"There is no norm of order {order} here.", remedy="Take None, 1, 2, inf or 'fro'.")
    return made.reshape(*shape)


def _variance(rows: SecretTensor, correction: float) -> tuple[SecretTensor, int]:
    """Along the first axis at twice the fraction bits of the mean, and these bits."""
    count = rows.shape[0]
    if count <= correction or not count:
        raise RangeError(f"{count} elements have no variance.", remedy="Give more than the correction.")
    distances = rows - rows.sum(0) / count
    # one may be twice the bound from the mean; all squares together are never above those of the rows
    squares = _squares(distances.view(bound=rows.rescale(distances.scale).bound + 3))
    return squares / (count - correction), distances.scale.bits


def _squares(rows: SecretTensor) -> SecretTensor:
    """The sum of squares along the first axis, exactly, at twice the scale."""
    words = rows.view(scale=INTEGER)
    return vecdot(words, words, axis=0).view(scale=Scale(2 * rows.scale.bits, 2 * rows.scale.digits))


def _root(fine: SecretTensor, bits: int) -> SecretTensor:
    """The root with `bits` fraction bits of what has twice as many."""
    made = sqrt(fine, otherwise=0.0)  # sums of squares are not below 0
    drop = made.scale.bits - (bits or made.scale.bits)
    return made.truncate(drop) if drop else made
