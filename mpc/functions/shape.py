"""Shape and linear algebra on words: no message, unless a product is involved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mpc.errors import RangeError
from mpc.tensor import SecretTensor


def permute_dims(x: SecretTensor, axes: Sequence[int]) -> SecretTensor:
    """Reorder the axes. No message."""
    return x.linear(lambda words: words.permute(tuple(axes)))


def expand_dims(x: SecretTensor, axis: int = 0) -> SecretTensor:
    """A new axis of length 1. No message."""
    return x.linear(lambda words: words.unsqueeze(axis))


def squeeze(x: SecretTensor, axis: int) -> SecretTensor:
    """Drop an axis of length 1. No message. `RangeError` if it is longer."""
    if x.shape[axis] != 1:
        raise RangeError(
            f"Axis {axis} of {x.shape} has not length 1.", remedy="Squeeze only axes of length 1."
        )
    return x.linear(lambda words: words.squeeze(axis))


def flip(x: SecretTensor, axis: int = 0) -> SecretTensor:
    """Reverse an axis. No message."""
    return x.linear(lambda words: words.flip(axis))


def roll(x: SecretTensor, shift: int, axis: int = 0) -> SecretTensor:
    """Rotate an axis. No message."""
    return x.linear(lambda words: words.roll(shift, axis))


def take(x: SecretTensor, indices: Sequence[int] | np.ndarray, axis: int = 0) -> SecretTensor:
    """Elements at public places. No message."""
    places = torch.from_numpy(np.asarray(indices, dtype=np.int64))
    return x.linear(lambda words: words.index_select(axis, places))


def cumulative_sum(x: SecretTensor, axis: int = -1) -> SecretTensor:
    """Running sums along an axis. No message; the bound grows with the length."""
    return x.linear(lambda words: words.cumsum(axis), bound=x.bound * max(1, x.shape[axis]))


def diff(x: SecretTensor, axis: int = -1) -> SecretTensor:
    """Differences of neighbours along an axis. No message."""
    return x.linear(lambda words: words.diff(dim=axis), bound=2 * x.bound)


def outer(x: SecretTensor, y: SecretTensor) -> SecretTensor:
    """`[n]` and `[m]` to `[n, m]`. The cost of `n m` products."""
    return x.reshape(-1, 1) * y.reshape(1, -1)


def conv2d(x: SecretTensor, kernel: SecretTensor, *, stride: int = 1, padding: int = 0) -> SecretTensor:
    """`[n, c, h, w]` with kernels `[o, c, kh, kw]` to `[n, o, h', w']` (cross-correlation, as torch's).

    One matrix product: its cost is that of the output's elements.
    """
    count, _, high, wide = kernel.shape
    patches = x.linear(lambda words: _patches(words, (high, wide), stride, padding))
    filters = kernel.reshape(count, -1)
    made = patches @ filters.T  # [n, h', w', o]
    return permute_dims(made, (0, 3, 1, 2))


def _patches(words: Tensor, kernel: tuple[int, int], stride: int, padding: int) -> Tensor:
    """`[n, c, h, w]` -> `[n, h', w', c kh kw]`."""
    padded = torch.nn.functional.pad(words, (padding,) * 4)
    windows = padded.unfold(2, kernel[0], stride).unfold(3, kernel[1], stride)
    rows = windows.permute(0, 2, 3, 1, 4, 5)
    return rows.reshape(*rows.shape[:3], -1)


def einsum(pattern: str, *operands: SecretTensor) -> SecretTensor:
    """Einstein's sums of one or two operands, without repeated letters in one operand and without dots.

    Two operands cost one (batched) matrix product. Raises `RangeError` for other patterns.
    """
    inputs, output = _read(pattern, operands)
    if len(operands) == 1:
        return _ordered(_summed(operands[0], inputs[0], output), inputs[0], output)
    x, y = operands
    left, right = inputs
    shared = [letter for letter in left if letter in right]
    batch = [letter for letter in shared if letter in output]
    inner = [letter for letter in shared if letter not in output]
    mine = [letter for letter in left if letter in output and letter not in shared]
    yours = [letter for letter in right if letter in output and letter not in shared]
    x = _ordered(_summed(x, left, output + "".join(inner)), left, "".join(batch + mine + inner))
    y = _ordered(_summed(y, right, output + "".join(inner)), right, "".join(batch + inner + yours))
    sizes = dict(zip(left, operands[0].shape, strict=True)) | dict(zip(right, operands[1].shape, strict=True))

    def product(letters: list[str]) -> int:
        return int(np.prod([sizes[letter] for letter in letters], dtype=np.int64))

    x = x.reshape(product(batch), product(mine), product(inner))
    y = y.reshape(product(batch), product(inner), product(yours))
    made = (x @ y).reshape(*(sizes[letter] for letter in batch + mine + yours))
    return _ordered(made, "".join(batch + mine + yours), output)


def _read(pattern: str, operands: Sequence[SecretTensor]) -> tuple[list[str], str]:
    left, arrow, output = pattern.replace(" ", "").partition("->")
    inputs = left.split(",")
    fits = (
        bool(arrow)
        and 1 <= len(operands) <= 2
        and len(inputs) == len(operands)
        and all(part.isalpha() and len(set(part)) == len(part) for part in inputs)
        and len(set(output)) == len(output)
        and set(output) <= set("".join(inputs))
        and all(len(part) == operand.ndim for part, operand in zip(inputs, operands, strict=True))
    )
    if not fits:
        raise RangeError(
            f"einsum cannot do {pattern!r} with operands of {[operand.ndim for operand in operands]} axes.",
            remedy="Write one or two operands with distinct letters and an arrow, as in 'bij,bjk->bik'.",
        )
    return inputs, output


def _summed(x: SecretTensor, letters: str, kept: str) -> SecretTensor:
    """Sum over the axes whose letters are not kept; they stay as axes of length 1."""
    for axis, letter in enumerate(letters):
        if letter not in kept:
            x = expand_dims(x.sum(axis), axis)
    return x


def _ordered(x: SecretTensor, letters: str, wanted: str) -> SecretTensor:
    """The axes in the wanted order; axes that are not wanted have length 1 and go."""
    axes: Any = [letters.index(letter) for letter in wanted]
    gone = [axis for axis in range(len(letters)) if axis not in axes]
    shape = [x.shape[axis] for axis in axes]
    return permute_dims(x, [*axes, *gone]).reshape(*shape)
