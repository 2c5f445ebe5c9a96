"""What numpy's own functions do with a secret tensor: `np.maximum(x, y)`, `np.sum(x)`, `np.cumsum(x)`.

A tensor asks here when numpy asks it (NEP 13 and NEP 18). What is not listed raises `NotSupported`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from mpc.errors import NotSupported
from mpc.functions import order, scans, segments, shape, sort
from mpc.functions.activation import tanh
from mpc.functions.divide import divide, reciprocal
from mpc.functions.exponential import exp
from mpc.functions.logarithm import log, log1p
from mpc.functions.power import power
from mpc.functions.root import sqrt
from mpc.tensor import SecretTensor, concat, stack, where


def _swapped(fn: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """A binary function whose secret may stand on either side."""
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


def _raised(x: Any, y: Any) -> Any:
    """x ** y where one of them is secret."""
    return power(x if isinstance(x, SecretTensor) else y.lift(x), y)


def _product(x: Any, y: Any) -> Any:
    return x @ y if isinstance(x, SecretTensor) else y.__rmatmul__(x)


UFUNCS: Mapping[Any, Callable[..., Any]] = MappingProxyType(
    {
        np.add: _swapped(operator.add),
        np.subtract: lambda x, y: x - y if isinstance(x, SecretTensor) else -(y - x),
        np.multiply: _swapped(operator.mul),
        np.true_divide: divided,
        np.matmul: _product,
        np.negative: operator.neg,
        np.less: _compared(operator.lt, operator.gt),
        np.less_equal: _compared(operator.le, operator.ge),
        np.greater: _compared(operator.gt, operator.lt),
        np.greater_equal: _compared(operator.ge, operator.le),
        np.equal: _swapped(operator.eq),
        np.not_equal: _swapped(operator.ne),
        np.absolute: order.absolute,
        np.sign: order.sign,
        np.reciprocal: reciprocal,
        np.sqrt: sqrt,
        np.exp: exp,
        np.log: log,
        np.log1p: log1p,
        np.power: _raised,
        np.tanh: tanh,
        np.maximum: _swapped(order.maximum),
        np.minimum: _swapped(order.minimum),
    }
)

#: `np.maximum.accumulate(x)`, along the first axis.
ACCUMULATED: Mapping[Any, Callable[..., Any]] = MappingProxyType(
    {
        np.add: lambda x: shape.cumulative_sum(x, 0),
        np.maximum: scans.cumulative_max,
        np.minimum: scans.cumulative_min,
        np.multiply: scans.cumulative_prod,
    }
)

FUNCTIONS: Mapping[Any, Callable[..., Any]] = MappingProxyType(
    {
        np.sum: lambda x, axis=None: x.sum(axis),
        np.mean: lambda x, axis=None: x.mean(axis),
        np.max: order.amax,
        np.min: order.amin,
        np.argmax: order.argmax,
        np.argmin: order.argmin,
        np.clip: order.clip,
        np.sort: sort.sort,
        np.argsort: sort.argsort,
        np.searchsorted: segments.searchsorted,
        np.cumprod: scans.cumulative_prod,
        np.cumsum: lambda x, axis=None: shape.cumulative_sum(x.reshape(-1) if axis is None else x, axis or 0),
        np.diff: lambda x, axis=-1: shape.diff(x, axis),
        np.flip: shape.flip,
        np.roll: shape.roll,
        np.take: shape.take,
        np.outer: shape.outer,
        np.einsum: shape.einsum,
        np.dot: _product,
        np.reshape: lambda x, new: x.reshape(*(new if isinstance(new, tuple) else (new,))),
        np.squeeze: shape.squeeze,
        np.expand_dims: shape.expand_dims,
        np.transpose: lambda x, axes=None: shape.permute_dims(
            x, tuple(reversed(range(x.ndim))) if axes is None else axes
        ),
        np.concatenate: lambda parts, axis=0: concat(parts, axis),
        np.stack: lambda parts, axis=0: stack(parts, axis),
        np.where: where,
        np.shape: lambda x: x.shape,
        np.ndim: lambda x: x.ndim,
        np.size: lambda x: x.size,
    }
)


def ufunc(asked: np.ufunc, method: str, inputs: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
    """One of numpy's elementwise functions, or its `accumulate`."""
    if method == "accumulate" and not options and asked in ACCUMULATED:
        return ACCUMULATED[asked](*inputs)
    if method != "__call__" or options or asked not in UFUNCS:
        raise _not_supported(asked.__name__ if method == "__call__" else f"{asked.__name__}.{method}")
    return UFUNCS[asked](*inputs)


def function(asked: Callable[..., Any], inputs: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
    """One of numpy's functions of arrays."""
    if asked not in FUNCTIONS:
        raise _not_supported(asked.__name__)
    return FUNCTIONS[asked](*inputs, **options)


def _not_supported(name: str) -> NotSupported:
    return NotSupported(
        f"np.{name} is not there for secret tensors, or not with these options.",
        remedy="See mpc.functions for what there is.",
    )
