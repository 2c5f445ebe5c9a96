"""Products of arrays: inner and outer ones, Einstein's sums, convolutions.

Each is one product of the protocol over the output's elements: a secret with a secret one round and 8 B an
element and party (with a truncation two rounds and 16 B), with a public operand no message but the
truncation's. Nothing is revealed. `RangeError` for shapes that do not fit, and bounds that leave the ring.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from mpc.bounds import misfit
from mpc.bounds import shape_of as _shape
from mpc.errors import RangeError
from mpc.functions.shape import axis_of, permute_dims
from mpc.tensor import Public, SecretTensor

Operand = SecretTensor | Public
Pair = int | tuple[int, int]


def multiply(x: Operand, y: Operand) -> SecretTensor:
    """Elementwise, where at least one is secret."""
    if isinstance(x, SecretTensor):
        return x * y
    return _secret(y) * x


def matmul(x: Operand, y: Operand) -> SecretTensor:
    """Matrix product with numpy's shapes, where at least one is secret."""
    if isinstance(x, SecretTensor):
        return x @ y
    return _secret(y).__rmatmul__(x)


def outer(x: Operand, y: Operand) -> SecretTensor:
    """`[n]` and `[m]`, or other shapes in C order, to `[n, m]`."""
    return multiply(_reshaped(x, (-1, 1)), _reshaped(y, (1, -1)))


def dot(x: Operand, y: Operand) -> SecretTensor:
    """`numpy.dot`: the sum over x's last axis and y's last but one, all other axes of x before y's.

    With a number: the product.
    """
    left, right = _shape(x), _shape(y)
    if not left or not right:
        return multiply(x, y)
    place = max(0, len(right) - 2)
    if left[-1] != right[place]:
        raise misfit("dot", x, y)
    rest = [axis for axis in range(len(right)) if axis != place]
    rows = _reshaped(x, (math.prod(left[:-1]), left[-1]))
    columns = _reshaped(_permuted(y, [place, *rest]), (right[place], math.prod(right[axis] for axis in rest)))
    return matmul(rows, columns).reshape(*left[:-1], *(right[axis] for axis in rest))


def inner(x: Operand, y: Operand) -> SecretTensor:
    """`numpy.inner`: the sum over both last axes, all other axes of x before y's; as `dot`."""
    right = _shape(y)
    if len(right) < 2:
        return dot(x, y)
    return dot(x, _permuted(y, [*range(len(right) - 2), len(right) - 1, len(right) - 2]))


def vecdot(x: Operand, y: Operand, axis: int = -1) -> SecretTensor:
    """The array API's: sums of products over an axis, the others broadcast."""
    if not _shape(x) or not _shape(y):
        raise misfit("vecdot", x, y)
    left, right = _last(x, axis), _last(y, axis)
    return left.vecdot(right) if isinstance(left, SecretTensor) else _secret(right).vecdot(left)


def _secret(x: Operand) -> SecretTensor:
    if isinstance(x, SecretTensor):
        return x
    raise RangeError("A product of public operands.", remedy="Give a secret one, or use numpy.")


def _last(x: Operand, axis: int) -> Any:
    if not isinstance(x, SecretTensor):
        return np.moveaxis(np.asarray(x), axis, -1)
    place = axis_of(x, axis)
    return permute_dims(x, [*(other for other in range(x.ndim) if other != place), place])


def _reshaped(x: Operand, shape: tuple[int, ...]) -> Any:
    return x.reshape(*shape) if isinstance(x, SecretTensor) else np.reshape(x, shape)


def _permuted(x: Operand, axes: Sequence[int]) -> Any:
    return permute_dims(x, axes) if isinstance(x, SecretTensor) else np.transpose(x, axes)


# --- convolutions -----------------------------------------------------------------------------------


def conv2d(
    x: Operand,
    kernel: Operand,
    *,
    stride: Pair = 1,
    padding: Pair | Literal["valid", "same"] = 0,
    dilation: Pair = 1,
) -> SecretTensor:
    """`[n, c, h, w]` with kernels `[o, c, kh, kw]` to `[n, o, h', w']` (cross-correlation, as torch's).

    `padding` adds zeros on both sides; "same" keeps h and w, for a stride of 1. Either operand may be public.
    """
    image, filters = _shape(x), _shape(kernel)
    if len(image) != 4 or len(filters) != 4 or image[1] != filters[1]:
        raise misfit("convolution", x, kernel)
    steps, gaps = _two(stride, "stride", 1), _two(dilation, "dilation", 1)
    spans = tuple(gap * (size - 1) + 1 for gap, size in zip(gaps, filters[2:], strict=True))
    edges = _edges(padding, steps, spans)
    if any(size + sum(edge) < span for size, edge, span in zip(image[2:], edges, spans, strict=True)):
        raise misfit("convolution", x, kernel)

    def patches(words: Tensor) -> Tensor:
        return _patches(words, edges, spans, steps, gaps)

    rows = x.linear(patches) if isinstance(x, SecretTensor) else patches(torch.tensor(np.asarray(x))).numpy()
    columns = _permuted(_reshaped(kernel, (filters[0], math.prod(filters[1:]))), [1, 0])
    return permute_dims(matmul(rows, columns), (0, 3, 1, 2))  # of [n, h', w', o]


def _two(value: Any, what: str, least: int) -> tuple[int, int]:
    """One number for both directions, or one for each."""
    pair = (value, value) if isinstance(value, int) else tuple(value)
    if len(pair) != 2 or any(not isinstance(part, int) or part < least for part in pair):
        raise RangeError(
            f"A {what} of {value!r}.", remedy=f"Give one integer from {least} on, or a pair of them."
        )
    return pair[0], pair[1]


def _edges(padding: Any, steps: tuple[int, int], spans: Sequence[int]) -> list[tuple[int, int]]:
    """Zeros before and behind, for height and width."""
    if padding == "valid":
        padding = 0
    if padding != "same":
        return [(edge, edge) for edge in _two(padding, "padding", 0)]
    if steps != (1, 1):
        raise RangeError("Padding 'same' with a stride.", remedy="Give the padding in numbers.")
    return [((span - 1) // 2, span - 1 - (span - 1) // 2) for span in spans]


def _patches(
    words: Tensor, edges: Sequence[tuple[int, int]], spans: Sequence[int], steps: Any, gaps: Any
) -> Tensor:
    """`[n, c, h, w]` -> `[n, h', w', c kh kw]`."""
    padded = torch.nn.functional.pad(words, (*edges[1], *edges[0]))
    windows = padded.unfold(2, spans[0], steps[0]).unfold(3, spans[1], steps[1])
    rows = windows[..., :: gaps[0], :: gaps[1]].permute(0, 2, 3, 1, 4, 5)
    return rows.reshape(*rows.shape[:3], math.prod(rows.shape[3:]))


# --- Einstein's sums --------------------------------------------------------------------------------


def einsum(pattern: str, *operands: Operand) -> SecretTensor:
    """Einstein's sums of one or two operands, without repeated letters in one operand and without dots.

    Without an arrow the result has the letters that occur once, in order. Two operands cost one (batched)
    matrix product; one of them may be public. `RangeError` for other patterns.
    """
    operands = tuple(one if isinstance(one, SecretTensor) else np.asarray(one) for one in operands)
    inputs, output = _read(pattern, operands)
    if len(operands) == 1:
        return _ordered(_summed(operands[0], inputs[0], output), inputs[0], output)  # type: ignore[no-any-return]
    left, right = inputs
    shared = [letter for letter in left if letter in right]
    batch = [letter for letter in shared if letter in output]
    inner = [letter for letter in shared if letter not in output]
    mine = [letter for letter in left if letter in output and letter not in shared]
    yours = [letter for letter in right if letter in output and letter not in shared]
    kept = output + "".join(inner)
    x = _ordered(_summed(operands[0], left, kept), left, "".join(batch + mine + inner))
    y = _ordered(_summed(operands[1], right, kept), right, "".join(batch + inner + yours))
    sizes = dict(zip(left + right, _shape(operands[0]) + _shape(operands[1]), strict=True))

    def product(letters: list[str]) -> int:
        return math.prod(sizes[letter] for letter in letters)

    x = _reshaped(x, (product(batch), product(mine), product(inner)))
    y = _reshaped(y, (product(batch), product(inner), product(yours)))
    made = matmul(x, y).reshape(*(sizes[letter] for letter in batch + mine + yours))
    return _ordered(made, "".join(batch + mine + yours), output)  # type: ignore[no-any-return]


def _read(pattern: str, operands: Sequence[Operand]) -> tuple[list[str], str]:
    left, arrow, output = pattern.replace(" ", "").partition("->")
    inputs, letters = left.split(","), left.replace(",", "")
    if not arrow:
        output = "".join(sorted(letter for letter in set(letters) if letters.count(letter) == 1))
    shapes = [_shape(operand) for operand in operands]
    fits = (
        1 <= len(operands) <= 2
        and len(inputs) == len(operands)
        and all((part.isalpha() or not part) and len(set(part)) == len(part) for part in inputs)
        and len(set(output)) == len(output)
        and set(output) <= set(letters)
        and all(len(part) == len(shape) for part, shape in zip(inputs, shapes, strict=True))
        and _agree(letters, [size for shape in shapes for size in shape])
    )
    if not fits:
        raise RangeError(
            f"einsum cannot do {pattern!r} with operands of {shapes}.",
            remedy="Write one or two operands with distinct letters and an arrow, as in 'bij,bjk->bik'.",
        )
    return inputs, output


def _agree(letters: str, sizes: Sequence[int]) -> bool:
    """Whether each letter has one length."""
    return len(set(zip(letters, sizes, strict=True))) == len(set(letters))


def _summed(x: Operand, letters: str, kept: str) -> Any:
    """Sum over the axes whose letters are not kept; they stay as axes of length 1."""
    for axis, letter in enumerate(letters):
        if letter not in kept:
            x = _summed_over(x, axis)
    return x


def _summed_over(x: Operand, axis: int) -> Operand:
    if isinstance(x, SecretTensor):
        return x.sum(axis, keepdims=True)
    return np.asarray(np.sum(x, axis, keepdims=True))


def _ordered(x: Any, letters: str, wanted: str) -> Any:
    """The axes in the wanted order; axes that are not wanted have length 1 and go."""
    axes = [letters.index(letter) for letter in wanted]
    gone = [axis for axis in range(len(letters)) if axis not in axes]
    shape = tuple(x.shape[axis] for axis in axes)
    return _reshaped(_permuted(x, [*axes, *gone]), shape)
