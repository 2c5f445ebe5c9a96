"""Order: the larger and the smaller, extremes by trees, clipping. Ties go to the lower index, as in numpy."""

from __future__ import annotations

import numpy as np
import torch

from mpc.encoding import INTEGER
from mpc.errors import RangeError
from mpc.functions.shape import permute_dims
from mpc.tensor import Public, SecretTensor, concat, stack, where


def absolute(x: SecretTensor) -> SecretTensor:
    """|x|. One comparison with 0 and one product."""
    return (x - 2 * ((x < 0) * x)).view(bound=x.bound)


def sign(x: SecretTensor) -> SecretTensor:
    """-1, 0 or 1. Two comparisons in the rounds of one."""
    below = stack([x, -x]) < 0
    return below[1] - below[0]


def maximum(x: SecretTensor, y: SecretTensor | Public) -> SecretTensor:
    """The larger of two, elementwise. One comparison and one product."""
    x, y = _pair(x, y)
    return where(x < y, y, x)


def minimum(x: SecretTensor, y: SecretTensor | Public) -> SecretTensor:
    """The smaller of two, elementwise. One comparison and one product."""
    x, y = _pair(x, y)
    return where(y < x, y, x)


def clip(x: SecretTensor, low: Public, high: Public) -> SecretTensor:
    """x within public limits. Two comparisons in the rounds of one, and one product.

    Raises `RangeError` if a lower limit is above the upper one.
    """
    return limited(x, low, high)[0]


def limited(x: SecretTensor, low: Public, high: Public) -> tuple[SecretTensor, SecretTensor]:
    """As `clip`, and flags of what was above."""
    if np.any(np.asarray(low) > np.asarray(high)):
        raise RangeError("A lower limit is above the upper one.", remedy="Exchange the limits.")
    x, floor = _pair(x, low)
    x, ceiling = _pair(x, high)
    floor, ceiling = floor.rescale(x.scale), ceiling.rescale(x.scale)
    beyond = stack([x - floor, ceiling - x]) < 0
    steps = (beyond * stack([floor - x, ceiling - x])).sum(0)
    return (x + steps).view(bound=max(floor.bound, ceiling.bound)), beyond[1]


def amax(x: SecretTensor, axis: int | None = None) -> SecretTensor:
    """The greatest element of an axis, or of all: ceil(log2 n) times a comparison and a product."""
    return _greatest(_in_front(x, axis), placed=False)[0]


def amin(x: SecretTensor, axis: int | None = None) -> SecretTensor:
    """The least element; cost as `amax`."""
    return -amax(-x, axis)


def argmax(x: SecretTensor, axis: int | None = None) -> SecretTensor:
    """The first place of the greatest element; rounds as `amax`, two products an element."""
    return _greatest(_in_front(x, axis), placed=True)[1]


def argmin(x: SecretTensor, axis: int | None = None) -> SecretTensor:
    """The first place of the least element; cost as `argmax`."""
    return argmax(-x, axis)


def _pair(x: SecretTensor, y: SecretTensor | Public) -> tuple[SecretTensor, SecretTensor]:
    """Two tensors of one shape and scale."""
    other = y if isinstance(y, SecretTensor) else x.lift(y)
    scale = x.scale.join(other.scale)
    shape = np.broadcast_shapes(x.shape, other.shape)
    return x.rescale(scale).broadcast_to(shape), other.rescale(scale).broadcast_to(shape)


def _in_front(x: SecretTensor, axis: int | None) -> SecretTensor:
    """The axis in front, or all elements in a row; `RangeError` if it is empty."""
    if axis is None:
        x = x.reshape(-1)
    else:
        axis %= x.ndim
        x = permute_dims(x, [axis, *(other for other in range(x.ndim) if other != axis)])
    if x.shape[0] == 0:
        raise RangeError("An empty axis has no extreme.", remedy="Give at least one element.")
    return x


def _greatest(values: SecretTensor, placed: bool) -> list[SecretTensor]:
    """The greatest along the first axis, and its first place if asked.

    A tree over neighbours, in which the left one wins a tie; values and places move in one product.
    """
    bound = max(values.bound, values.shape[0]) if placed else values.bound
    rows = [values.view(scale=INTEGER, bound=bound)]
    if placed:
        rows.append(_places(values).view(bound=bound))
    items = stack(rows)  # [1 or 2, n, ...] words
    while items.shape[1] > 1:
        whole = items.shape[1] // 2 * 2
        left, right = items[:, 0:whole:2], items[:, 1:whole:2]
        second = left[0] < right[0]
        made = (left + second * (right - left)).view(bound=bound)
        items = concat([made, items[:, whole:]], axis=1) if items.shape[1] > whole else made
    found = [items[row, 0] for row in range(items.shape[0])]
    found[0] = found[0].view(scale=values.scale, bound=values.bound)
    return [found[0], *(place.view(bound=values.shape[0]) for place in found[1:])]


def _places(values: SecretTensor) -> SecretTensor:
    """The index along the first axis, as a tensor of the same shape."""
    count = values.shape[0]
    index = torch.arange(count).reshape(-1, *[1] * (values.ndim - 1)).expand(values.shape)
    return SecretTensor(values.protocol, values.protocol.public(index.contiguous()), INTEGER, count)
