"""Masks: words of 0 and 1 under `& | ^ ~`, truth in numpy's sense, and the choice between two tensors.

A mask is an integer tensor of bound 1, as comparisons make them; public masks are arrays of 0 and 1, packed
bits are converted. Shapes broadcast as numpy's. Nothing is revealed. `RangeError` for what is no mask.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from mpc.bits import SecretBits
from mpc.bounds import common_shape
from mpc.encoding import INTEGER, MAX_MAGNITUDE, encode, scale_of
from mpc.errors import RangeError
from mpc.functions.order import chosen, pair
from mpc.functions.products import multiply
from mpc.functions.shape import Axes, in_front
from mpc.tensor import Public, SecretTensor

Mask = SecretTensor | SecretBits | Public


def conjunction(x: Mask, y: Mask) -> SecretTensor:
    """x & y: one product, none with a public mask."""
    return multiply(_mask(x), _mask(y)).view(bound=1)


def disjunction(x: Mask, y: Mask) -> SecretTensor:
    """x | y = x + y - xy: one product, none with a public mask."""
    left, right = _mask(x), _mask(y)
    made: SecretTensor = left + right - multiply(left, right)
    return made.view(bound=1)


def exclusive(x: Mask, y: Mask) -> SecretTensor:
    """x ^ y = x + y - 2xy: one product, none with a public mask."""
    left, right = _mask(x), _mask(y)
    made: SecretTensor = left + right - 2 * multiply(left, right)
    return made.view(bound=1)


def negation(x: SecretTensor | SecretBits) -> SecretTensor:
    """~x = 1 - x. No message."""
    made: SecretTensor = 1 - _mask(x)
    return made.view(bound=1)


def _mask(x: Mask) -> Any:
    """A mask of words, secret or public."""
    if isinstance(x, SecretBits):
        return SecretTensor.of_bits(x)
    if isinstance(x, SecretTensor):
        if x.scale != INTEGER or x.bound > 1:
            raise RangeError(
                f"{x!r} is no mask of 0 and 1.",
                remedy="Compare it, as in x != 0, or state a bound of 1 for an input.",
            )
        return x
    words = np.asarray(x)
    if words.dtype.kind not in "biu" or np.any((words != 0) & (words != 1)):
        raise RangeError("A public operand is no mask of 0 and 1.", remedy="Compare it, as in x != 0.")
    return words.astype(np.int64)


# --- truth ----------------------------------------------------------------------------------------


def truth(x: Mask) -> Any:
    """1 where x is not 0: a comparison, or a product where words are -1, 0 or 1. Public for public x."""
    if isinstance(x, SecretBits):
        return SecretTensor.of_bits(x)
    if not isinstance(x, SecretTensor):
        return (np.asarray(x) != 0).astype(np.int64)
    if x.bound > 1:
        return x != 0
    words = x.view(scale=INTEGER)
    return (words * words).view(bound=1)


def logical_and(x: Mask, y: Mask) -> SecretTensor:
    """1 where both are not 0. The truth of each, and one product."""
    return conjunction(truth(x), truth(y))


def logical_or(x: Mask, y: Mask) -> SecretTensor:
    """1 where one or both are not 0; cost as `logical_and`."""
    return disjunction(truth(x), truth(y))


def logical_xor(x: Mask, y: Mask) -> SecretTensor:
    """1 where one is not 0 and the other is; cost as `logical_and`."""
    return exclusive(truth(x), truth(y))


def logical_not(x: SecretTensor) -> SecretTensor:
    """1 where x is 0. The truth of x."""
    return negation(truth(x))


def count_nonzero(x: SecretTensor, axis: Axes = None, keepdims: bool = False) -> SecretTensor:
    """How many elements of the axes (of all, for None) are not 0. The truth of x."""
    rows, shape = in_front(truth(x), axis, keepdims)
    return rows.sum(0).reshape(*shape)


def some(x: SecretTensor, axis: Axes = None, keepdims: bool = False) -> SecretTensor:
    """`any`: 1 where an element of the axes is not 0. The truth of x and a comparison of the count."""
    rows, shape = in_front(truth(x), axis, keepdims)
    return (rows.sum(0) > 0).reshape(*shape)


def every(x: SecretTensor, axis: Axes = None, keepdims: bool = False) -> SecretTensor:
    """`all`: 1 where no element of the axes is 0; cost as `some`."""
    rows, shape = in_front(truth(x), axis, keepdims)
    missing = (rows.shape[0] - rows.sum(0)).view(bound=rows.shape[0])
    return (missing <= 0).reshape(*shape)


# --- choice ---------------------------------------------------------------------------------------


def where(condition: Mask, x: SecretTensor | Public, y: SecretTensor | Public) -> SecretTensor:
    """x where the mask is 1, else y; at least one of the three is secret.

    One round, 8 B an element and party (2 rounds more for packed bits); no message where the mask, or both
    others, are public. A public condition is true where it is not 0. `RangeError` for a secret one that is no
    mask, and for shapes that do not broadcast.
    """
    secret = isinstance(condition, SecretTensor | SecretBits)
    mask = _mask(condition) if secret else np.asarray(condition) != 0
    if not isinstance(x, SecretTensor) and not isinstance(y, SecretTensor):
        return _of_public(mask, np.asarray(x), np.asarray(y))
    left, right = pair(x, y)
    shape = common_shape("A condition and what it chooses from,", mask, left)
    left, right = left.broadcast_to(shape), right.broadcast_to(shape)
    if secret:
        return chosen(mask.broadcast_to(shape), left, right)
    flags = torch.from_numpy(np.array(np.broadcast_to(mask, shape)))
    share = left.protocol.linear(lambda a, b: torch.where(flags, a, b), left.share, right.share)
    return left.like(share, bound=max(left.bound, right.bound))


def _of_public(mask: SecretTensor, x: Any, y: Any) -> SecretTensor:
    """The choice between public numbers: a public factor."""
    scale = scale_of(x).join(scale_of(y))
    left, right = (encode(part, scale, MAX_MAGNITUDE // 2 - 1) for part in (x, y))
    bound = max((int(np.abs(part).max()) for part in (left, right) if part.size), default=0)
    steps = torch.from_numpy(np.asarray(left - right))
    wide = mask.linear(lambda words: words * steps, scale=scale, bound=2 * bound)
    end = torch.from_numpy(np.array(np.broadcast_to(right, wide.shape)))
    return wide.like(wide.protocol.add_public(wide.share, end), bound=bound)
