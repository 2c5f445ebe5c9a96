"""What do the engine's primitives take? Sizes are those of the field's usual comparisons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import mpc
from mpc.session import Session

Bench = Callable[[Callable[[Session], Any], Callable[..., object]], None]

FRACTION_BITS = 16


def _reals(size: tuple[int, ...], reach: float) -> Callable[[Session], Any]:
    """Two inputs of fixed-point numbers in [-reach, reach], 16 fraction bits."""
    rng = np.random.default_rng(1)
    x, y = rng.uniform(-reach, reach, (2, *size))
    bound = int(reach * 2**FRACTION_BITS) + 1
    return lambda session: (session.input(x, owner=0, bound=bound), session.input(y, owner=1, bound=bound))


def _integers(size: tuple[int, ...], bound: int) -> Callable[[Session], Any]:
    rng = np.random.default_rng(1)
    x, y = rng.integers(-bound, bound, (2, *size), endpoint=True)
    return lambda session: (session.input(x, owner=0, bound=bound), session.input(y, owner=1, bound=bound))


@pytest.mark.parametrize("size", [1, 1_000_000], ids=["scalar", "1M"])
def test_mul(session_benchmark: Bench, size: int) -> None:
    session_benchmark(_integers((size,), 1 << 20), lambda x, y: x * y)


@pytest.mark.parametrize("size", [1, 1_000_000], ids=["scalar", "1M"])
def test_mul_fixed_point(session_benchmark: Bench, size: int) -> None:
    session_benchmark(_reals((size,), 10), lambda x, y: x * y)


@pytest.mark.parametrize("size", [1, 100_000, 1_000_000], ids=["scalar", "100k", "1M"])
def test_less(session_benchmark: Bench, size: int) -> None:
    session_benchmark(_reals((size,), 100), lambda x, y: x < y)


@pytest.mark.parametrize("size", [1, 100_000], ids=["scalar", "100k"])
def test_less_of_whole_words(session_benchmark: Bench, size: int) -> None:
    session_benchmark(_integers((size,), (1 << 60)), lambda x, y: x < y)


@pytest.mark.parametrize("size", [1, 100_000], ids=["scalar", "100k"])
def test_equal(session_benchmark: Bench, size: int) -> None:
    session_benchmark(_integers((size,), 1 << 31), lambda x, y: x == y)


@pytest.mark.parametrize("side", [512], ids=["512"])
def test_matmul(session_benchmark: Bench, side: int) -> None:
    session_benchmark(_integers((side, side), 1 << 20), lambda x, y: x @ y)


@pytest.mark.parametrize("side", [512], ids=["512"])
def test_matmul_fixed_point(session_benchmark: Bench, side: int) -> None:
    session_benchmark(_reals((side, side), 1), lambda x, y: x @ y)


def test_sum_1m(session_benchmark: Bench) -> None:
    session_benchmark(_reals((1_000_000,), 10), lambda x, y: (x + y).sum())


@pytest.mark.parametrize("size", [10_000, 100_000], ids=["10k", "100k"])
def test_sort(session_benchmark: Bench, size: int) -> None:
    session_benchmark(_integers((size,), (1 << 31) - 1), lambda x, _: mpc.sort(x))


@pytest.mark.parametrize("size", [100_000], ids=["100k"])
def test_max(session_benchmark: Bench, size: int) -> None:
    session_benchmark(_integers((size,), (1 << 31) - 1), lambda x, _: mpc.max(x))
