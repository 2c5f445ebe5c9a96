"""What do the engine's primitives take? Sizes are those of the field's usual comparisons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from mpc.session import Session

Bench = Callable[[Callable[[Session], Any], Callable[..., object]], None]


def _reals(size: tuple[int, ...], reach: float) -> Callable[[Session], Any]:
    rng = np.random.default_rng(1)
    x, y = rng.uniform(-reach, reach, (2, *size))
    bound = int(reach * 2**16) + 1
    return lambda s: (s.input(x, owner=0, bound=bound), s.input(y, owner=1, bound=bound))


@pytest.mark.parametrize("size", [1, 1_000_000], ids=["scalar", "1M"])
def test_mul(session_benchmark: Bench, size: int) -> None:
    session_benchmark(_reals((size,), 10), lambda x, y: x * y)


@pytest.mark.parametrize("size", [1, 100_000, 1_000_000], ids=["scalar", "100k", "1M"])
def test_less(session_benchmark: Bench, size: int) -> None:
    session_benchmark(_reals((size,), 100), lambda x, y: x < y)


@pytest.mark.parametrize("side", [512], ids=["512"])
def test_matmul(session_benchmark: Bench, side: int) -> None:
    session_benchmark(_reals((side, side), 1), lambda x, y: x @ y)


def test_sum_1m(session_benchmark: Bench) -> None:
    session_benchmark(_reals((1_000_000,), 10), lambda x, y: (x + y).sum())
