"""Order: the larger and the smaller, extremes by trees, clipping. Ties go to the lower index, as in numpy.

Any bounds that the ring holds will do: the difference of two words below 2^62 has its sign in the 64th bit.
Shapes broadcast and axes count as numpy's. Nothing is revealed. A comparison takes at most 8 rounds and about
24 B an element and party, the product after it one round and 8 B.
"""

from __future__ import annotations

import numpy as np
import torch

from mpc.bounds import common_shape
from mpc.encoding import INTEGER, MAX_MAGNITUDE, Scale, Words, encode
from mpc.errors import RangeError
from mpc.functions.shape import Axes, in_front, secrets
from mpc.packing import WORD_BITS
from mpc.tensor import Public, SecretTensor, concat, stack

Limit = SecretTensor | Public | None


def absolute(x: SecretTensor) -> SecretTensor:
    """|x|. One comparison with 0 and one product."""
    return ((1 - 2 * (x < 0)).view(bound=1) * x).view(bound=x.bound)


def sign(x: SecretTensor) -> SecretTensor:
    """-1, 0 or 1. Two comparisons in the rounds of one."""
    below = stack([x, -x]) < 0
    return (below[1] - below[0]).view(bound=1)


def maximum(x: SecretTensor | Public, y: SecretTensor | Public) -> SecretTensor:
    """The larger of two, elementwise; one may be public. One comparison and one product."""
    left, right = pair(x, y)
    return chosen(less(left, right), right, left)


def minimum(x: SecretTensor | Public, y: SecretTensor | Public) -> SecretTensor:
    """The smaller of two, elementwise; one may be public. One comparison and one product."""
    left, right = pair(x, y)
    return chosen(less(right, left), right, left)


def pair(x: SecretTensor | Public, y: SecretTensor | Public) -> tuple[SecretTensor, SecretTensor]:
    """Two tensors, one of which may be public, in one shape and scale. No message."""
    left, right = secrets(x, y)
    scale = left.scale.join(right.scale)
    shape = common_shape("Operands", left, right)
    return left.rescale(scale).broadcast_to(shape), right.rescale(scale).broadcast_to(shape)


def less(x: SecretTensor, y: SecretTensor) -> SecretTensor:
    """x < y for tensors of one shape and scale, whatever their bounds."""
    if x.bound + y.bound < MAX_MAGNITUDE:
        return x < y
    flat = x.protocol.linear(lambda a, b: (a - b).reshape(-1), x.share, y.share)
    return x.like(x.protocol.sign(flat, WORD_BITS - 1), scale=INTEGER, bound=1).reshape(*x.shape)


def chosen(flags: SecretTensor, x: SecretTensor, y: SecretTensor) -> SecretTensor:
    """x where the 0/1 flag is 1, else y, of one shape and scale: one product, one round.

    The difference may wrap, since what comes out is one of the two and fits.
    """
    protocol, bound = x.protocol, max(x.bound, y.bound)
    steps = flags * x.like(protocol.linear(torch.sub, x.share, y.share), bound=bound)
    return x.like(protocol.linear(torch.add, y.share, steps.share), bound=bound)


# --- limits ---------------------------------------------------------------------------------------


def clip(x: SecretTensor | Public, low: Limit = None, high: Limit = None) -> SecretTensor:
    """x within limits; None, or an infinity, is no limit.

    Public limits: two comparisons in the rounds of one and one product, less where x's bound makes a limit
    idle; the bound becomes the least that holds. Secret limits: one after the other. `RangeError` if a public
    lower limit is above the upper one.
    """
    if not isinstance(x, SecretTensor):
        x = secrets(x, *(limit for limit in (low, high) if limit is not None))[0]
    if isinstance(low, SecretTensor) or isinstance(high, SecretTensor):
        raised = x if low is None else maximum(x, low)
        return raised if high is None else minimum(raised, high)
    scale = _common_scale(x, low, high)
    x = x.rescale(scale)
    floor, ceiling = _limit(low, scale, -x.bound), _limit(high, scale, x.bound)
    if np.any(floor > ceiling):
        raise RangeError("A lower limit is above the upper one.", remedy="Exchange the limits.")
    ends = [np.clip(end, floor, ceiling) for end in (-x.bound, x.bound)]
    bound = max((int(np.abs(end).max()) for end in ends if end.size), default=0)
    shape = np.broadcast_shapes(x.shape, floor.shape, ceiling.shape)
    return _within(x.broadcast_to(shape), floor, ceiling).view(bound=bound)


def _within(x: SecretTensor, floor: Words, ceiling: Words) -> SecretTensor:
    """x between words of its shape; what no word can pass costs nothing."""
    least, most = (_words(x, words) for words in (floor, ceiling))
    below, above = bool((floor > -x.bound).any()), bool((ceiling < x.bound).any())
    if below and above:
        beyond = less(stack([x, most]), stack([least, x]))
        steps = beyond * _difference(stack([least, most]), stack([x, x]))
        share = x.protocol.linear(lambda words, step: words + step.sum(0), x.share, steps.share)
        return x.like(share, bound=max(x.bound, least.bound, most.bound))
    if below:
        return chosen(less(x, least), least, x)
    return chosen(less(most, x), most, x) if above else x


def _difference(x: SecretTensor, y: SecretTensor) -> SecretTensor:
    """x - y where it may wrap, since it is only one step to what fits."""
    share = x.protocol.linear(torch.sub, x.share, y.share)
    return x.like(share, bound=max(x.bound, y.bound))


def _common_scale(x: SecretTensor, *limits: Limit) -> Scale:
    scale = x.scale
    for limit in limits:
        if limit is not None:
            scale = scale.join(x.lift(np.zeros_like(limit)).scale)
    return scale


def _limit(limit: Limit, scale: Scale, idle: int) -> Words:
    """A public limit as words; where there is none, the idle one."""
    values = np.asarray(np.copysign(np.inf, idle) if limit is None else limit)
    none = np.isinf(values) & ((values < 0) == (idle < 0))
    words = encode(np.where(none, 0, values), scale, MAX_MAGNITUDE - 1)
    return np.where(none, np.int64(idle), words)


def _words(x: SecretTensor, words: Words) -> SecretTensor:
    """Public words of x's scale, in its shape."""
    return x.lift(np.array(np.broadcast_to(words, x.shape))).view(scale=x.scale)


# --- extremes -------------------------------------------------------------------------------------


def amax(x: SecretTensor, axis: Axes = None, keepdims: bool = False) -> SecretTensor:
    """The greatest element of some axes, or of all: ceil(log2 n) times a comparison and a product.

    `RangeError` if there is none.
    """
    rows, shape = _some(x, axis, keepdims)
    return _greatest(rows, placed=False)[0].reshape(*shape)


def amin(x: SecretTensor, axis: Axes = None, keepdims: bool = False) -> SecretTensor:
    """The least element; cost and errors as `amax`."""
    return -amax(-x, axis, keepdims)


def argmax(x: SecretTensor, axis: int | None = None, keepdims: bool = False) -> SecretTensor:
    """The first place of the greatest element; rounds and errors as `amax`, two products an element."""
    rows, shape = _some(x, axis, keepdims)
    return _greatest(rows, placed=True)[1].reshape(*shape)


def argmin(x: SecretTensor, axis: int | None = None, keepdims: bool = False) -> SecretTensor:
    """The first place of the least element; cost and errors as `argmax`."""
    return argmax(-x, axis, keepdims)


def _some(x: SecretTensor, axis: Axes, keepdims: bool) -> tuple[SecretTensor, tuple[int, ...]]:
    """As `in_front`; `RangeError` if that axis is empty."""
    rows, shape = in_front(x, axis, keepdims)
    if rows.shape[0] == 0:
        raise RangeError("An empty axis has no extreme.", remedy="Give at least one element.")
    return rows, shape


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
        second = less(left[0].view(bound=values.bound), right[0].view(bound=values.bound))
        made = chosen(second, right, left)
        items = concat([made, items[:, whole:]], axis=1) if items.shape[1] > whole else made
    found = [items[row, 0] for row in range(items.shape[0])]
    found[0] = found[0].view(scale=values.scale, bound=values.bound)
    return [found[0], *(place.view(bound=values.shape[0]) for place in found[1:])]


def _places(values: SecretTensor) -> SecretTensor:
    """The index along the first axis, as a tensor of the same shape."""
    count = values.shape[0]
    index = np.arange(count).reshape(-1, *[1] * (values.ndim - 1))
    return values.lift(np.array(np.broadcast_to(index, values.shape))).view(bound=count)
