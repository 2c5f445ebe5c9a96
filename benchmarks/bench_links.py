"""What do the engine's primitives take between processes, over gRPC with mutual TLS?

The same work in memory is in `bench_primitives.py`; the difference is what links cost on this machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

from benchmarks.links import Parties, Prepare, Work, linked_parties
from mpc.session import Session

REPETITIONS = 5
SCALAR_REPETITIONS = 31
BIG = 100_000


@pytest.fixture(scope="module")
def parties(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parties]:
    with linked_parties(tmp_path_factory.mktemp("links") / "box") as made:
        yield made


def _reals(size: int, session: Session) -> tuple[Any, ...]:
    x, y = np.random.default_rng(1).uniform(-10, 10, (2, size))
    return session.input(x, owner=0, bound=10 << 16), session.input(y, owner=1, bound=10 << 16)


def _side(side: int, session: Session) -> tuple[Any, ...]:
    x, y = _reals(side * side, session)
    return x.reshape(side, side), y.reshape(side, side)


def _mul(x: Any, y: Any) -> object:
    return x * y


def _less(x: Any, y: Any) -> object:
    return x < y


def _matmul(x: Any, y: Any) -> object:
    return x @ y


@pytest.mark.parametrize(
    ("prepare", "work"),
    [
        pytest.param(partial(_reals, 1), _mul, id="mul-scalar"),
        pytest.param(partial(_reals, 1), _less, id="less-scalar"),
        pytest.param(partial(_reals, 10 * BIG), _mul, id="mul-1M"),
        pytest.param(partial(_reals, BIG), _less, id="less-100k"),
        pytest.param(partial(_side, 512), _matmul, id="matmul-512"),
    ],
)
def test_over_links(
    benchmark: Any, parties: Parties, prepare: Prepare, work: Work, request: pytest.FixtureRequest
) -> None:
    parties.ready(prepare, work)
    laps = parties.go()
    benchmark.extra_info.update(
        security="3 parties, semi-honest, honest majority",
        transport="gRPC, TLS 1.3, loopback, a process a party",
        threads_per_party=1,
        rounds=max(lap.rounds for lap in laps),
        bytes_sent_per_party=[lap.bytes_sent for lap in laps],
    )
    repetitions = SCALAR_REPETITIONS if "scalar" in request.node.name else REPETITIONS
    benchmark.pedantic(parties.go, setup=lambda: parties.ready(prepare, work), rounds=repetitions)
