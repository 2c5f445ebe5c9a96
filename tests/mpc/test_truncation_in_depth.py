"""Truncation over the whole range, often: where the textbook protocol has huge errors, ours never has.

The long suite runs 10^8 values of every magnitude and 10^8 near the top; every run takes a hundredth of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from mpc.encoding import Scale
from mpc.protocols.replicated.shares import ReplicatedShare
from mpc.session import Session
from mpc.simulation import run_parties

BATCH = 1_000_000
DROP = 16
TOP = (1 << 62) - 1

Draw = Callable[[np.random.Generator], np.ndarray]


def of_every_magnitude(rng: np.random.Generator) -> np.ndarray:
    """|x| log-uniform up to 2^62 - 1."""
    size = np.exp2(rng.uniform(0, 62, BATCH)).astype(np.int64)
    return np.minimum(size, TOP) * rng.choice((-1, 1), BATCH)


def near_the_top(rng: np.random.Generator) -> np.ndarray:
    """|x| in [2^61, 2^62)."""
    return rng.integers(1 << 61, TOP, BATCH, endpoint=True) * rng.choice((-1, 1), BATCH)


def ours(x: np.ndarray) -> np.ndarray:
    def program(session: Session) -> Any:
        share = session.input(x, owner=0, bound=TOP).share
        return session.secret(share, Scale(bits=DROP), TOP).truncate(DROP)

    return np.asarray(run_parties(program)[0].result)


def worst(cut: Callable[[np.ndarray], np.ndarray], draw: Draw, batches: int) -> int:
    rng = np.random.default_rng(7)
    errors = []
    for _ in range(batches):
        x = draw(rng)
        errors.append(int(np.abs(cut(x) - (x >> DROP)).max()))
    return max(errors)


@pytest.mark.parametrize("draw", [of_every_magnitude, near_the_top])
def test_no_truncation_is_off_by_more_than_one(draw: Draw) -> None:
    assert worst(ours, draw, 1) <= 1


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("draw", [of_every_magnitude, near_the_top])
def test_a_hundred_million_truncations(draw: Draw) -> None:
    assert worst(ours, draw, 100) <= 1


def test_every_edge() -> None:
    edges = np.array([0, 1, -1, TOP, -TOP, (1 << DROP) - 1, 1 << DROP, -(1 << DROP), 1 << 61, -(1 << 61)])
    x = np.repeat(edges, 1000)
    assert set(np.unique(ours(x) - (x >> DROP))) <= {0, 1}
    exact = x % (1 << DROP) == 0
    assert np.array_equal(ours(x)[exact], (x >> DROP)[exact])


def test_shares_of_a_truncation_are_replicated_alike() -> None:
    x = np.arange(-500, 500) << 40

    def program(session: Session) -> ReplicatedShare:
        return session.protocol.truncate(session.input(x, owner=1, bound=TOP).share, DROP)

    made = [run.result for run in run_parties(program)]
    for party in range(3):
        assert torch.equal(made[party].next, made[(party + 1) % 3].own)
