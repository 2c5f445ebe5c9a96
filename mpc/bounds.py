"""Public facts of operands: bounds that stay in the ring, shapes that fit; errors that name them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mpc.encoding import MAX_MAGNITUDE
from mpc.errors import RangeError

#: An operand that is no secret.
Public = int | float | npt.NDArray[np.generic]


def checked(bound: int, what: str, *operands: Any) -> int:
    """The bound of an outcome, which has to stay in the ring."""
    if bound >= MAX_MAGNITUDE:
        raise RangeError(
            f"{what} could reach {bound.bit_length()} bits; the ring holds words below 2^62."
            + named(operands),
            remedy="Narrow the operands' bounds, use a coarser scale, or sum in limbs.",
        )
    return bound


def named(operands: Sequence[Any]) -> str:
    """Operands in a message: what is public of them."""
    facts = [x if _is_secret(x) else f"public numbers of shape {shape_of(x)}" for x in operands]
    return f" Of: {', '.join(map(str, facts))}." if facts else ""


def shape_of(x: Any) -> tuple[int, ...]:
    """The shape of an operand, secret or public."""
    return x.shape if _is_secret(x) else np.shape(x)


def _is_secret(x: Any) -> bool:
    # a tensor stands above this module
    return hasattr(x, "share")


def common_shape(what: str, x: Any, y: Any) -> tuple[int, ...]:
    """The shape that two operands broadcast to; `RangeError` if they do not."""
    try:
        return np.broadcast_shapes(shape_of(x), shape_of(y))
    except ValueError:
        raise RangeError(
            f"{what} of shapes that do not broadcast.{named([x, y])}",
            remedy="Give shapes that agree, or axes of length 1.",
        ) from None


def magnitude(words: npt.NDArray[np.int64]) -> int:
    """The largest magnitude of public words; 0 of none."""
    return max(abs(int(words.max())), abs(int(words.min()))) if words.size else 0


def summed_terms(x: Any, y: Any) -> int:
    """How many products each element of a matrix product sums; `RangeError` if the shapes do not fit."""
    left, right = shape_of(x), shape_of(y)
    if not left or not right or left[-1] != right[max(0, len(right) - 2)]:
        raise misfit("matrix product", x, y)
    try:
        np.broadcast_shapes(left[:-2], right[:-2])
    except ValueError:
        raise misfit("matrix product", x, y) from None
    return int(left[-1])


def misfit(what: str, x: Any, y: Any) -> RangeError:
    """The answer to a product whose shapes do not fit."""
    return RangeError(
        f"A {what} of shapes that do not fit.{named([x, y])}",
        remedy="Compare their inner axes, and whether the others broadcast.",
    )
