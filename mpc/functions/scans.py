"""Prefix scans: every prefix of a row combined by an associative operation, in ceil(log2 n) steps.

The tree is Sklansky's (1960): at step k the last element of every left block of 2^k is combined with the
whole right block, n/2 combinations a step. Sums need none of it: `cumulative_sum` is free. Nothing is
revealed; scans of no rows are empty.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from mpc.encoding import INTEGER
from mpc.errors import RangeError
from mpc.functions.masks import where
from mpc.functions.order import maximum, minimum
from mpc.functions.shape import along
from mpc.tensor import SecretTensor, concat

State = Sequence[SecretTensor]


def prefix_scan(columns: State, combine: Callable[[State, State], State]) -> list[SecretTensor]:
    """Columns `[n, ...]` with each row combined with all rows before it; `combine(earlier, later)`.

    ceil(log2 n) times the rounds of `combine`, and n/2 of its products and comparisons each time. Its results
    must keep the bounds of its operands, as a maximum does. `RangeError` if they do not, or for no columns.
    """
    if not columns or any(column.ndim == 0 or len(column) != len(columns[0]) for column in columns):
        raise RangeError("Columns to scan have one length.", remedy="Give one or more [n, ...] tensors.")
    count = columns[0].shape[0]
    made = list(columns)
    for level in range(max(0, count - 1).bit_length()):
        rows = np.arange(count)
        later = rows[(rows >> level) & 1 == 1]
        earlier = (later >> level << level) - 1
        joined = combine([column[earlier] for column in made], [column[later] for column in made])
        # row i stays, or becomes the one that was joined for it
        places = rows.copy()
        places[later] = count + np.arange(later.size)
        made = [_kept(old, concat([old, new])[places]) for old, new in zip(made, joined, strict=True)]
    return made


def segmented_scan(
    x: SecretTensor, starts: SecretTensor, combine: Callable[[SecretTensor, SecretTensor], SecretTensor]
) -> SecretTensor:
    """As `prefix_scan`, beginning anew where the 0/1 words `starts` `[n]` are 1. One product more a step."""

    def joined(earlier: State, later: State) -> State:
        value = where(_wide(later[1], later[0]), later[0], combine(earlier[0], later[0]))
        begun = earlier[1] + later[1] - earlier[1] * later[1]
        return value, begun.view(bound=1)

    return prefix_scan([x, starts], joined)[0]


def cumulative_max(x: SecretTensor, axis: int | None = 0) -> SecretTensor:
    """The greatest of each row and those before it, along an axis (for None in C order).

    ceil(log2 n) times a comparison and a product.
    """
    return along(x, axis, lambda rows: prefix_scan([rows], lambda old, new: [maximum(old[0], new[0])])[0])


def cumulative_min(x: SecretTensor, axis: int | None = 0) -> SecretTensor:
    """The least of each row and those before it; as `cumulative_max`."""
    return along(x, axis, lambda rows: prefix_scan([rows], lambda old, new: [minimum(old[0], new[0])])[0])


def cumulative_prod(x: SecretTensor, axis: int | None = 0) -> SecretTensor:
    """Running products along an axis (for None in C order) of numbers within 1, or of integers.

    ceil(log2 n) products one after the other. `RangeError` for a wider bound of reals, and where that of
    integers to the power of n leaves the ring.
    """
    return along(x, axis, _products)


def _products(x: SecretTensor) -> SecretTensor:
    small = x.bound <= x.scale.factor
    if not small and x.scale != INTEGER:
        raise RangeError(
            "Running products take numbers of magnitude at most 1.",
            remedy="Scale them, or add their logarithms: mpc.exp(mpc.cumulative_sum(mpc.log(x))).",
        )
    wide = x if small else x.view(bound=x.bound ** len(x))

    def multiplied(earlier: State, later: State) -> State:
        old, new = earlier[0], later[0]
        if not small:  # exact, and within the bound of them all, which the bounds of two do not know
            old, new = old.view(bound=1), new.view(bound=1)
        return [(old * new).view(bound=wide.bound)]

    return prefix_scan([wide], multiplied)[0]


def _wide(flags: SecretTensor, x: SecretTensor) -> SecretTensor:
    return flags.reshape(-1, *[1] * (x.ndim - 1)).broadcast_to(x.shape)


def _kept(old: SecretTensor, new: SecretTensor) -> SecretTensor:
    if new.bound > old.bound or new.scale != old.scale:
        raise RangeError(
            "A scan's operation widens its operands' bound or scale.",
            remedy="Give one that keeps them, as a maximum does; sums are mpc.cumulative_sum.",
        )
    return new
