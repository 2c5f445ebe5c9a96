"""A rehearsal on shapes against what the channel counted: bytes exactly, rounds from just above."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import mpc
from mpc.errors import RangeError
from mpc.protocols.base import Cost
from mpc.session import Session
from mpc.simulation import rehearse, run_parties

X = np.linspace(0.5, 4.5, 70)


def shared(session: Session, owner: int = 0) -> mpc.SecretTensor:
    return session.input(X, owner, bound=1 << 19)


PROGRAMS: dict[str, Callable[[Session, Any, Any], Any]] = {
    "product": lambda s, x, y: (x * y).sum(),
    "dot": lambda s, x, y: x.dot(y),
    "matmul": lambda s, x, y: x.reshape(7, 10) @ y.reshape(10, 7),
    "matrix times vector": lambda s, x, y: x.reshape(7, 10) @ y[:10],
    "public factor": lambda s, x, y: x * 1.1,
    "less": lambda s, x, y: x < y,
    "equal": lambda s, x, y: x == y,
    "divide": lambda s, x, y: x / y,
    "exp": lambda s, x, y: mpc.exp(x),
    "log": lambda s, x, y: mpc.log(x),
    "sqrt": lambda s, x, y: mpc.sqrt(x),
    "sigmoid": lambda s, x, y: mpc.sigmoid(x),
    "power": lambda s, x, y: mpc.power(x, 1.7),
    "softmax": lambda s, x, y: mpc.softmax(x),
    "std": lambda s, x, y: mpc.std(x),
    "max": lambda s, x, y: mpc.max(x),
    "sort": lambda s, x, y: mpc.sort(x),
    "rank": lambda s, x, y: mpc.rank(x),
    "popcount": lambda s, x, y: mpc.popcount(x),
    "branches": lambda s, x, y: s.gather(lambda: mpc.exp(x), lambda: y < 3),
}


def program_of(name: str) -> Callable[[Session], Any]:
    return lambda session: PROGRAMS[name](session, shared(session), shared(session, 1))


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_is_booked_is_what_is_sent(name: str) -> None:
    booked, runs = rehearse(program_of(name)), run_parties(program_of(name))
    counted = Cost(max(run.traffic.rounds for run in runs), tuple(run.traffic.bytes_sent for run in runs))
    assert booked.sent == counted.sent
    assert counted.rounds <= booked.rounds <= 1.25 * counted.rounds + 1


def test_a_range_that_cannot_hold_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(RangeError):
        rehearse(lambda s: s.input([1], 0, bound=1 << 40) * s.input([1], 1, bound=1 << 40))


def test_it_ends_where_the_program_looks_at_a_value() -> None:
    def program(session: Session) -> Any:
        opened = session.open(shared(session) < 2, why="a test")
        raise AssertionError(f"went on with {opened}")

    assert rehearse(program).rounds > 0


def test_nothing_else_of_torch_is_loaded() -> None:
    """Meta tensors would do the same, and bring torch's compiler: seconds, and hundreds of modules."""
    code = "import sys, mpc; mpc.rehearse(lambda s: mpc.sort(s.input([3, 1], 0, bound=9)));"
    subprocess.run([sys.executable, "-c", f"{code} sys.exit('torch._dynamo' in sys.modules)"], check=True)
