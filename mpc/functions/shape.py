"""Axes and places: what moves, joins and subtracts elements at public places. No message anywhere.

Axes are numpy's: negative ones count from the end, and `numpy.exceptions.AxisError` names one that is not
there. Nothing is revealed: shapes and places are public.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from mpc.bits import no_truth
from mpc.errors import RangeError
from mpc.tensor import Axes, Public, SecretTensor, axes_of, concat, secrets, stack

__all__ = [
    "Axes", "along", "axes_of", "axis_of", "concat", "cumulative_sum", "diff", "expand_dims", "flip",
    "gathered", "in_front", "permute_dims", "reshape", "roll", "secrets", "squeeze", "stack", "sum_by",
    "take",
]  # fmt: skip


def axis_of(x: SecretTensor, axis: int) -> int:
    """An axis counted from the front."""
    return normalize_axis_index(axis, x.ndim)


# --- one axis after the other ---------------------------------------------------------------------


def permute_dims(x: SecretTensor, axes: Sequence[int] | None = None) -> SecretTensor:
    """Reorder the axes; reverse them for None. `RangeError` if an axis is left out."""
    order = tuple(reversed(range(x.ndim))) if axes is None else axes_of(x, axes)
    if len(order) != x.ndim:
        raise RangeError(f"{axes} are not the {x.ndim} axes of {x.shape}.", remedy="Name each axis once.")
    return x.linear(lambda words: words.permute(order))


def expand_dims(x: SecretTensor, axis: int | Sequence[int] = 0) -> SecretTensor:
    """New axes of length 1, at these places of the result."""
    count = 1 if isinstance(axis, int) else len(axis)
    new = normalize_axis_tuple(axis, x.ndim + count)
    sizes = iter(x.shape)
    return x.reshape(*(1 if place in new else next(sizes) for place in range(x.ndim + count)))


def squeeze(x: SecretTensor, axis: Axes = None) -> SecretTensor:
    """Drop axes of length 1, all of them for None. `RangeError` for a longer one."""
    gone = [place for place, size in enumerate(x.shape) if size == 1] if axis is None else axes_of(x, axis)
    for place in gone:
        if x.shape[place] != 1:
            raise RangeError(
                f"Axis {place} of {x.shape} has not length 1.", remedy="Squeeze only axes of length 1."
            )
    return x.reshape(*(size for place, size in enumerate(x.shape) if place not in gone))


def reshape(x: SecretTensor, shape: int | Sequence[int]) -> SecretTensor:
    """`SecretTensor.reshape`: the same elements; one length may be -1. `RangeError` if they do not fit."""
    return x.reshape(shape)


def flip(x: SecretTensor, axis: Axes = None) -> SecretTensor:
    """Reverse axes, all of them for None."""
    return x.linear(lambda words: words.flip(axes_of(x, axis)))


def roll(x: SecretTensor, shift: int | Sequence[int], axis: Axes = None) -> SecretTensor:
    """Rotate axes; for None the elements in C order."""
    if axis is None:
        flat = x.reshape(-1)
        return flat.linear(
            lambda words: words.roll(sum(operator.index(step) for step in np.atleast_1d(shift)), 0)
        ).reshape(*x.shape)
    shifts, axes = np.broadcast_arrays(shift, axis)
    for step, place in zip(shifts.ravel().tolist(), axes.ravel().tolist(), strict=True):
        x = _rolled(x, step, axis_of(x, place))
    return x


def _rolled(x: SecretTensor, shift: int, axis: int) -> SecretTensor:
    return x.linear(lambda words: words.roll(shift, axis))


def take(x: SecretTensor, indices: Any, axis: int | None = None) -> SecretTensor:
    """Elements at public places of an axis, for None of the elements in C order.

    The places' axes stand where that axis was. `RangeError` for places that are no integers or outside.
    """
    if isinstance(indices, SecretTensor):
        no_truth("The place")
    places = np.asarray(indices)
    if axis is None:
        x, axis = x.reshape(-1), 0
    place = axis_of(x, axis)
    count = x.shape[place]
    whole = places.dtype.kind in "iu" or places.size == 0
    if not whole or (places.size and not -count <= places.min() <= places.max() < count):
        raise RangeError(
            f"Places are integers from {-count} to {count - 1} here.", remedy="Take what is there."
        )
    flat = torch.from_numpy(np.array(places % max(1, count), dtype=np.int64).reshape(-1))
    taken = x.linear(lambda words: words.index_select(place, flat))
    return taken.reshape(*x.shape[:place], *places.shape, *x.shape[place + 1 :])


def along(x: SecretTensor, axis: int | None, fn: Callable[[SecretTensor], SecretTensor]) -> SecretTensor:
    """A function of `[n, ...]` along another axis; for None of the elements in C order."""
    if axis is None:
        return fn(x.reshape(-1))
    place = axis_of(x, axis)
    order = [place, *(other for other in range(x.ndim) if other != place)]
    return permute_dims(fn(permute_dims(x, order)), np.argsort(order).tolist())


def in_front(x: SecretTensor, axis: Axes, keepdims: bool = False) -> tuple[SecretTensor, tuple[int, ...]]:
    """`[k, ...]` with all elements of the axes (of all, for None) in front; and the shape of what is left."""
    axes = axes_of(x, axis)
    rest = [place for place in range(x.ndim) if place not in axes]
    sizes = [x.shape[place] for place in rest]
    count = math.prod(x.shape[place] for place in axes)
    kept = tuple(1 if place in axes else size for place, size in enumerate(x.shape))
    return permute_dims(x, [*axes, *rest]).reshape(count, *sizes), kept if keepdims else tuple(sizes)


# --- any places -----------------------------------------------------------------------------------


def gathered(x: SecretTensor, places: Any) -> SecretTensor:
    """The elements that stand at `places` of x in C order; 0 where the place is -1."""
    chosen = torch.from_numpy(np.array(places, dtype=np.int64, order="C"))
    filled = bool((chosen < 0).any())

    def pick(words: torch.Tensor) -> torch.Tensor:
        flat = words.reshape(-1)
        return torch.cat([flat, flat.new_zeros(1)])[chosen] if filled else flat[chosen]

    return x.linear(pick)


# --- sums and differences along an axis -----------------------------------------------------------


def cumulative_sum(x: SecretTensor, axis: int | None = None) -> SecretTensor:
    """Running sums along an axis, which `[n]` need not name. The bound grows with the length.

    `RangeError` if an axis has to be named, or if the bound would leave the ring.
    """
    if axis is None and x.ndim != 1:
        raise RangeError(f"Running sums of {x.shape} along which axis?", remedy="Give axis=....")
    place = axis_of(x, axis or 0)
    return x.linear(lambda words: words.cumsum(place), bound=x.bound * max(1, x.shape[place]))


def sum_by(x: SecretTensor, places: Any, size: int) -> SecretTensor:
    """`[..., size]`: element j of the last axis is added to the sum at `places[j]`, 0 <= places[j] < size.

    The bound grows with the most elements of a place. `RangeError` for places that do not fit, and if the
    bound would leave the ring.
    """
    target = np.ascontiguousarray(places, dtype=np.int64)
    if target.shape != x.shape[-1:] or (target.size and not 0 <= target.min() <= target.max() < size):
        raise RangeError(
            f"{target.shape} places below {size} do not fit the last axis of {x.shape}.",
            remedy="Give each element a place.",
        )
    most = int(np.bincount(target, minlength=1).max())

    def added(words: torch.Tensor) -> torch.Tensor:
        index = torch.from_numpy(target).to(words.device)
        return words.new_zeros((*words.shape[:-1], size)).index_add(-1, index, words)

    return x.linear(added, bound=x.bound * max(1, most))


def diff(
    x: SecretTensor | Public, n: int = 1, axis: int = -1, *, prepend: Any = None, append: Any = None
) -> SecretTensor:
    """Differences of neighbours along an axis, `n` times, after joining what stands before and behind.

    The bound doubles each time. `RangeError` if it leaves the ring, for n below 0, and for `[]`.
    """
    parts = secrets(*(part for part in (prepend, x, append) if part is not None))
    x = parts[0 if prepend is None else 1]
    if n < 0 or x.ndim == 0:
        raise RangeError(f"No differences of {x.shape}, {n} times.", remedy="Give n >= 0 and an axis.")
    place = axis_of(x, axis)
    if n == 0:
        return x
    one = (*x.shape[:place], 1, *x.shape[place + 1 :])
    wide = [part.broadcast_to(one) if part.ndim == 0 else part for part in parts]
    x = concat(wide, place) if len(wide) > 1 else x
    return x.linear(lambda words: words.diff(min(n, words.shape[place]), place), bound=x.bound << n)
