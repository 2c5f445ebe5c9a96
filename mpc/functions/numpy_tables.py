"""Tables: which function of `mpc` each of numpy's is, under numpy's parameters. `numpy_names` looks here."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from mpc.encoding import INTEGER
from mpc.errors import NotSupported, RangeError
from mpc.functions import masks, order, products, reductions, scans, segments, shape, sort, words
from mpc.functions.activation import logsumexp, tanh
from mpc.functions.divide import divide, reciprocal
from mpc.functions.exponential import exp
from mpc.functions.logarithm import log, log1p
from mpc.functions.power import power
from mpc.functions.root import sqrt
from mpc.tensor import SecretTensor

Table = Mapping[Any, Callable[..., Any]]


def _swapped(fn: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """A commutative function whose secret may stand on either side."""
    return lambda x, y: fn(x, y) if isinstance(x, SecretTensor) else fn(y, x)


def _compared(
    fn: Callable[[Any, Any], Any], mirrored: Callable[[Any, Any], Any]
) -> Callable[[Any, Any], Any]:
    """A comparison; with the secret on the right it is the mirrored one."""
    return lambda x, y: fn(x, y) if isinstance(x, SecretTensor) else mirrored(y, x)


def divided(x: Any, y: Any) -> Any:
    """x / y where one of them is secret."""
    if not isinstance(x, SecretTensor):
        return divide(y.lift(x), y)
    return divide(x, y) if isinstance(y, SecretTensor) else x / y


def raised(x: Any, y: Any) -> Any:
    """x ** y where one of them is secret. `NotSupported` for public exponents that differ."""
    if not isinstance(x, SecretTensor):
        return power(y.lift(x), y)
    if isinstance(y, SecretTensor):
        return power(x, y)
    exponents = np.unique(np.asarray(y))
    if exponents.size != 1:
        raise NotSupported("Public exponents that differ.", remedy="Take mpc.power for each of them.")
    return power(order.pair(x, y)[0] if np.ndim(y) else x, exponents.item())


def _shifted(fn: Callable[[SecretTensor, int], SecretTensor]) -> Callable[[Any, Any], Any]:
    """A shift of integers by one public number of places."""

    def shift(x: Any, places: Any) -> SecretTensor:
        if not isinstance(x, SecretTensor) or x.scale != INTEGER or np.ndim(places):
            raise NotSupported(
                "A shift of others than secret integers.", remedy="Shift by one public number."
            )
        return fn(x, operator.index(places))

    return shift


def _matvec(x: Any, y: Any) -> Any:
    return products.matmul(x, _column(y))[..., 0]


def _vecmat(x: Any, y: Any) -> Any:
    row = x[..., None, :]
    return products.matmul(row, y)[..., 0, :]


def _column(x: Any) -> Any:
    return x[..., None]


#: numpy's elementwise functions.
UFUNCS: Final[Table] = MappingProxyType(
    {
        np.add: _swapped(operator.add),
        np.subtract: lambda x, y: x - y if isinstance(x, SecretTensor) else -(y - x),
        np.multiply: products.multiply,
        np.true_divide: divided,
        np.matmul: products.matmul,
        np.vecdot: products.vecdot,
        np.matvec: _matvec,
        np.vecmat: _vecmat,
        np.negative: operator.neg,
        np.positive: lambda x: x,
        np.less: _compared(operator.lt, operator.gt),
        np.less_equal: _compared(operator.le, operator.ge),
        np.greater: _compared(operator.gt, operator.lt),
        np.greater_equal: _compared(operator.ge, operator.le),
        np.equal: _swapped(operator.eq),
        np.not_equal: _swapped(operator.ne),
        np.bitwise_and: masks.conjunction,
        np.bitwise_or: masks.disjunction,
        np.bitwise_xor: masks.exclusive,
        np.invert: masks.negation,
        np.logical_and: masks.logical_and,
        np.logical_or: masks.logical_or,
        np.logical_xor: masks.logical_xor,
        np.logical_not: masks.logical_not,
        np.left_shift: _shifted(words.shift_left),
        np.right_shift: _shifted(words.shift_right),
        np.absolute: order.absolute,
        np.fabs: order.absolute,
        np.sign: order.sign,
        np.square: lambda x: x * x,
        np.reciprocal: reciprocal,
        np.sqrt: sqrt,
        np.exp: exp,
        np.log: log,
        np.log1p: log1p,
        np.logaddexp: lambda x, y: logsumexp(shape.stack(order.pair(x, y)), 0),
        np.power: raised,
        np.tanh: tanh,
        np.maximum: order.maximum,
        np.fmax: order.maximum,
        np.minimum: order.minimum,
        np.fmin: order.minimum,
    }
)

#: `np.maximum.accumulate(x, axis=0)`.
ACCUMULATED: Final[Table] = MappingProxyType(
    {
        np.add: shape.cumulative_sum,
        np.maximum: scans.cumulative_max,
        np.minimum: scans.cumulative_min,
        np.multiply: scans.cumulative_prod,
    }
)

#: `np.maximum.reduce(x, axis=0, keepdims=False)`.
REDUCED: Final[Table] = MappingProxyType(
    {
        np.add: reductions.total,
        np.maximum: order.amax,
        np.minimum: order.amin,
        np.multiply: reductions.prod,
        np.logical_and: masks.every,
        np.logical_or: masks.some,
    }
)


# --- functions, whose options have numpy's names ----------------------------------------------------


def _clip(a: Any, a_min: Any = None, a_max: Any = None, min: Any = None, max: Any = None) -> SecretTensor:  # noqa: A002
    return order.clip(a, min if a_min is None else a_min, max if a_max is None else a_max)


def _cumsum(a: Any, axis: int | None = None) -> SecretTensor:
    return shape.along(a, axis, lambda rows: shape.cumulative_sum(rows, 0))


def _cumprod(a: Any, axis: int | None = None) -> SecretTensor:
    return scans.cumulative_prod(a, axis)


def _cumulative_prod(x: Any, axis: int | None = None) -> SecretTensor:
    if axis is None and x.ndim != 1:
        raise RangeError(f"Running products of {x.shape} along which axis?", remedy="Give axis=....")
    return scans.cumulative_prod(x, axis)


def _einsum(pattern: Any, *operands: Any) -> SecretTensor:
    if not isinstance(pattern, str):
        raise NotSupported("np.einsum without a pattern.", remedy="Write it as a text, as in 'ij,jk->ik'.")
    return products.einsum(pattern, *operands)


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> SecretTensor:  # noqa: A002
    return reductions.norm(x, ord, axis, keepdims)


def _var(
    a: Any, axis: Any = None, ddof: float = 0, keepdims: bool = False, correction: float | None = None
) -> SecretTensor:
    return reductions.var(a, axis, correction=ddof if correction is None else correction, keepdims=keepdims)


def _std(
    a: Any, axis: Any = None, ddof: float = 0, keepdims: bool = False, correction: float | None = None
) -> SecretTensor:
    return reductions.std(a, axis, correction=ddof if correction is None else correction, keepdims=keepdims)


def _where(condition: Any, x: Any = None, y: Any = None) -> SecretTensor:
    if x is None or y is None:
        raise NotSupported("np.where without a choice.", remedy="Where a secret holds, nobody may know.")
    return masks.where(condition, x, y)


def _size(a: Any, axis: Any = None) -> int:
    return int(np.size(np.broadcast_to(0, a.shape), axis))


FUNCTIONS: Final[Table] = MappingProxyType(
    {
        np.shape: lambda a: a.shape,
        np.ndim: lambda a: a.ndim,
        np.size: _size,
        np.sum: reductions.total,
        np.mean: reductions.mean,
        np.prod: reductions.prod,
        np.var: _var,
        np.std: _std,
        np.linalg.norm: _norm,
        np.max: order.amax,
        np.min: order.amin,
        np.amax: order.amax,
        np.amin: order.amin,
        np.argmax: order.argmax,
        np.argmin: order.argmin,
        np.any: masks.some,
        np.all: masks.every,
        np.count_nonzero: masks.count_nonzero,
        np.clip: _clip,
        np.where: _where,
        np.sort: sort.sort,
        np.argsort: sort.argsort,
        np.searchsorted: segments.searchsorted,
        np.cumsum: _cumsum,
        np.cumulative_sum: shape.cumulative_sum,
        np.cumprod: _cumprod,
        np.cumulative_prod: _cumulative_prod,
        np.diff: shape.diff,
        np.dot: products.dot,
        np.inner: products.inner,
        np.outer: products.outer,
        np.linalg.outer: products.outer,
        np.linalg.matmul: products.matmul,
        np.linalg.vecdot: products.vecdot,
        np.einsum: _einsum,
        np.reshape: shape.reshape,
        np.squeeze: shape.squeeze,
        np.expand_dims: shape.expand_dims,
        np.transpose: shape.permute_dims,
        np.flip: shape.flip,
        np.roll: shape.roll,
        np.take: shape.take,
        np.concatenate: shape.concat,
        np.stack: shape.stack,
    }
)
#: Options of any function that change nothing here: sorting is stable, a sum of products has one order.
NO_MATTER: Final = frozenset({"kind", "optimize", "stable"})

#: These only move elements of their first argument: numpy moves their places.
MOVES: Final = frozenset(
    {
        np.array_split, np.broadcast_to, np.copy, np.delete, np.diagonal, np.dsplit, np.fliplr, np.flipud,
        np.hsplit, np.linalg.diagonal, np.linalg.matrix_transpose, np.matrix_transpose, np.moveaxis, np.ravel,
        np.repeat, np.resize, np.rollaxis, np.rot90, np.split, np.swapaxes, np.tile, np.unstack, np.vsplit,
    }
)  # fmt: skip
#: And these put 0 elsewhere.
FILLS: Final = frozenset({np.diag, np.diagflat, np.tril, np.triu})
#: These move elements of all in a sequence, some of which may be public.
JOINS: Final = frozenset({np.column_stack, np.dstack, np.hstack, np.vstack})
