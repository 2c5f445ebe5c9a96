"""The work that systems of secure computation are compared on: inputs from fixed seeds, and numpy's answers.

Every piece is a pair of module-level functions, so that it reaches another process: `prepare(session)` shares
the inputs, `work(*inputs)` is timed. Sizes and ranges are those of the usual comparisons in the field;
reals have 16 fraction bits, and bounds are the stated ranges.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

import mpc
from mpc.session import Session
from mpc.tensor import SecretTensor

FRACTION_BITS = 16
EPOCHS = 10
RATE = 0.5
#: One scalar operation is shorter than what telling three processes to go takes.
SCALAR_REPEAT = 50
MLP_WEIGHTS = 784 * 128 + 128 * 128 + 128 * 10
CNN_PRODUCTS = 28 * 28 * 6 * 25 + 10 * 10 * 16 * 150 + 400 * 120 + 120 * 84 + 84 * 10
#: What the owner of the network states of its activations; without it bounds multiply through five layers.
ACTIVATION = 64

Array = np.ndarray[Any, np.dtype[Any]]
Prepare = Callable[[Session], tuple[Any, ...]]
Work = Callable[..., Any]


@dataclass(frozen=True)
class Workload:
    """`numpy(*inputs)` is the answer in the clear.

    `multiply_adds` are those of the ring that a party's matrix products need at least, `words_read` what it
    reads of its inputs at least: the limits of a row beside its messages. A lap does it `repeat` times.
    """

    name: str
    prepare: Prepare
    work: Work
    inputs: Callable[[], tuple[Array, ...]]
    numpy: Callable[..., Any]
    multiply_adds: int = 0
    words_read: int = 0
    repeat: int = 1

    @property
    def id(self) -> str:
        """The name as pytest's `-k` takes it."""
        return self.name.replace(" ", "-")


def _rng(name: str) -> np.random.Generator:
    return np.random.default_rng(sum(map(ord, name)))


def _share(inputs: Callable[[], tuple[Array, ...]], session: Session) -> tuple[SecretTensor, ...]:
    """The first input from party 0, the others from party 1; bounds are the arrays' ranges."""
    return tuple(
        session.input(array, owner=min(place, 1), bound=_bound(array)) for place, array in enumerate(inputs())
    )


def _bound(array: Array) -> int:
    return int(np.ceil(np.abs(array).max())) << FRACTION_BITS


# --- inputs ---------------------------------------------------------------------------------------


def _pair(name: str, size: int, low: float, high: float) -> tuple[Array, ...]:
    rng = _rng(name)
    return rng.uniform(low, high, size), rng.uniform(low, high, size)


def _one(name: str, size: int, low: float, high: float) -> tuple[Array, ...]:
    return (_rng(name).uniform(low, high, size),)


def _matrices(side: int) -> tuple[Array, ...]:
    rng = _rng("matmul")
    return rng.uniform(-1, 1, (side, side)), rng.uniform(-1, 1, (side, side))


def _division(size: int) -> tuple[Array, ...]:
    rng = _rng("division")
    return rng.uniform(-10, 10, size), rng.uniform(0.5, 50, size)


def _labelled(rows: int, columns: int) -> tuple[Array, ...]:
    rng = _rng("logreg")
    x = rng.standard_normal((rows, columns))
    chance = 1 / (1 + np.exp(-x @ rng.standard_normal(columns) / 10))
    return x, (chance > rng.uniform(0, 1, rows)).astype(float)


def _mlp(batch: int) -> tuple[Array, ...]:
    rng = _rng("mlp")
    layers = _layers(rng, [784, 128, 128, 10])
    return rng.uniform(0, 1, (batch, 784)), *layers


def _layers(rng: np.random.Generator, sizes: list[int]) -> list[Array]:
    made: list[Array] = []
    for wide, narrow in itertools.pairwise(sizes):
        made += [rng.standard_normal((wide, narrow)) * np.sqrt(2 / wide), rng.standard_normal(narrow) * 0.05]
    return made


def _cnn(batch: int) -> tuple[Array, ...]:
    rng = _rng("cnn")
    x = rng.uniform(0, 1, (batch, 1, 28, 28))
    kernels = [rng.standard_normal((6, 1, 5, 5)) * np.sqrt(2 / 25), rng.standard_normal(6) * 0.05]
    kernels += [rng.standard_normal((16, 6, 5, 5)) * np.sqrt(2 / 150), rng.standard_normal(16) * 0.05]
    return x, *kernels, *_layers(rng, [400, 120, 84, 10])


# --- the same on secrets and on arrays ------------------------------------------------------------


def _mul(x: Any, y: Any) -> Any:
    return x * y


def _less(x: Any, y: Any) -> Any:
    return x < y


def _matmul(x: Any, y: Any) -> Any:
    return x @ y


def _divide(x: Any, y: Any) -> Any:
    return mpc.divide(x, y, least=0.5)


def _rsqrt(x: Any) -> Any:
    return mpc.rsqrt(x, least=0.1)


def _sum(x: Any) -> Any:
    return x.sum()


def _mean(x: Any) -> Any:
    return x.mean()


def _regression(x: Any, y: Any) -> Any:
    rows = np.concatenate([x, np.ones((x.shape[0], 1))], axis=1)  # the last weight is the offset
    weights = rows[0] * 0
    for _ in range(EPOCHS):
        rest = mpc.sigmoid(rows @ weights.reshape(-1, 1)).reshape(-1) - y
        slope = (rest.reshape(1, -1) @ rows).reshape(-1)
        weights = weights - slope * (RATE / y.shape[0])
    return weights[:-1]


def _regression_of_arrays(x: Array, y: Array) -> Array:
    weights, offset = np.zeros(x.shape[1]), 0.0
    for _ in range(EPOCHS):
        rest = 1 / (1 + np.exp(-(x @ weights + offset))) - y
        weights = weights - RATE / len(y) * (rest @ x)
        offset -= RATE / len(y) * rest.sum()
    return weights


def _relu(x: Any) -> Any:
    return mpc.maximum(x, 0)


def _dense(x: Any, *layers: Any, relu: Callable[[Any], Any] = _relu) -> Any:
    for place in range(0, len(layers), 2):
        x = x @ layers[place] + layers[place + 1]
        x = relu(x) if place + 2 < len(layers) else x
    return x


def _pooled(x: Any) -> Any:
    rows = mpc.maximum(x[:, :, ::2], x[:, :, 1::2])
    return mpc.maximum(rows[:, :, :, ::2], rows[:, :, :, 1::2])


def _network(x: Any, k1: Any, b1: Any, k2: Any, b2: Any, *layers: Any) -> Any:
    x = _relu(_pooled(mpc.conv2d(x, k1, padding=2) + b1.reshape(1, -1, 1, 1)))
    x = _relu(_pooled(mpc.conv2d(x, k2) + b2.reshape(1, -1, 1, 1)))
    most = ACTIVATION << FRACTION_BITS
    x = mpc.assume_bound(x.reshape(x.shape[0], -1), most, least=0, source="model owner", what="activations")
    return _dense(x, *layers)


def _dense_of_arrays(x: Array, *layers: Array) -> Array:
    made: Array = _dense(x, *layers, relu=lambda value: np.maximum(value, 0))
    return made


def _network_of_arrays(x: Array, k1: Array, b1: Array, k2: Array, b2: Array, *layers: Array) -> Array:
    for kernel, offset, padding in ((k1, b1, 2), (k2, b2, 0)):
        padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape[2:], axis=(2, 3))
        x = np.einsum("nchwij,ocij->nohw", windows, kernel) + offset[None, :, None, None]
        n, c, h, w = x.shape
        x = np.maximum(x.reshape(n, c, h // 2, 2, w // 2, 2).max(axis=(3, 5)), 0)
    return _dense_of_arrays(x.reshape(x.shape[0], -1), *layers)


def _workload(
    name: str,
    inputs: Callable[[], tuple[Array, ...]],
    work: Work,
    numpy: Callable[..., Any] | None = None,
    **facts: int,
) -> Workload:
    return Workload(name, partial(_share, inputs), work, inputs, numpy or work, **facts)


def _unary(name: str, low: float, high: float, work: Work, numpy: Callable[..., Any]) -> Workload:
    return _workload(f"{name} 100k", partial(_one, name, 100_000, low, high), work, numpy)


def _stats(name: str, size: int, work: Work, numpy: Callable[..., Any]) -> Workload:
    title = f"{name} {size // 1_000_000}M"
    return _workload(title, partial(_one, "stats", size, 0, 10), work, numpy, words_read=2 * size)


def _square(side: int) -> Workload:
    return _workload(f"matmul {side}", partial(_matrices, side), _matmul, multiply_adds=2 * side**3)


def _logistic(rows: int, columns: int) -> Workload:
    return _workload(
        f"logreg {rows}x{columns}", partial(_labelled, rows, columns), _regression, _regression_of_arrays,
        multiply_adds=4 * EPOCHS * rows * columns,
    )  # fmt: skip


_TABLE = [
    _workload("scalar mul", partial(_pair, "mul", 1, -10, 10), _mul, repeat=SCALAR_REPEAT),
    _workload("scalar less", partial(_pair, "less", 1, -100, 100), _less, repeat=SCALAR_REPEAT),
    _workload("mul 1M", partial(_pair, "mul", 1_000_000, -10, 10), _mul),
    _square(512),
    _square(1024),
    _workload("less 100k", partial(_pair, "less", 100_000, -100, 100), _less),
    _workload("less 1M", partial(_pair, "less", 1_000_000, -100, 100), _less),
    _stats("sum", 10_000_000, _sum, np.sum),
    _stats("mean", 10_000_000, _mean, np.mean),
    _stats("var", 1_000_000, mpc.var, np.var),
    _stats("var", 10_000_000, mpc.var, np.var),
    _workload("div 100k", partial(_division, 100_000), _divide, np.divide),
    _unary("exp", -4, 4, mpc.exp, np.exp),
    _unary("log", 0.1, 100, mpc.log, np.log),
    _unary("sqrt", 0.1, 100, mpc.sqrt, np.sqrt),
    _unary("rsqrt", 0.1, 100, _rsqrt, lambda x: 1 / np.sqrt(x)),
    _unary("sigmoid", -8, 8, mpc.sigmoid, lambda x: 1 / (1 + np.exp(-x))),
    _workload("sort 10k", partial(_one, "sort", 10_000, -1000, 1000), mpc.sort, np.sort),
    _workload("sort 100k", partial(_one, "sort", 100_000, -1000, 1000), mpc.sort, np.sort),
    _logistic(569, 30),
    _logistic(10_000, 100),
    _workload("mlp b128", partial(_mlp, 128), _dense, _dense_of_arrays, multiply_adds=2 * 128 * MLP_WEIGHTS),
    _workload(
        "cnn b32", partial(_cnn, 32), _network, _network_of_arrays, multiply_adds=2 * 32 * CNN_PRODUCTS
    ),
]
#: For systems to which the sizes above would be hours.
SMALL_TABLE = [
    _workload("mul 10k", partial(_pair, "mul", 10_000, -10, 10), _mul),
    _workload("less 10k", partial(_pair, "less", 10_000, -100, 100), _less),
    _square(100),
]
WORKLOADS = {workload.name: workload for workload in _TABLE}
