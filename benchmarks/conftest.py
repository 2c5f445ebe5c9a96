"""Benchmarks run whole sessions; the clock runs from a barrier to the slowest party."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import torch

from mpc.channel import Traffic
from mpc.session import Session
from mpc.simulation import run_parties

Prepare = Callable[[Session], tuple[Any, ...]]
Work = Callable[..., object]

PARTIES = 3
#: A party that has not come to a barrier by then has failed (seconds).
BARRIER_TIMEOUT_S = 120.0
REPETITIONS = 5


@dataclass(frozen=True)
class Measured:
    """What one party sent in the timed part alone."""

    rounds: int
    bytes_sent: int


def measure(prepare: Prepare, work: Work) -> list[Measured]:
    """Rounds and payload bytes of `work`, by party, without those of `prepare`."""
    before: dict[int, Traffic] = {}

    def program(session: Session) -> None:
        inputs = prepare(session)
        before[session.party] = Traffic(**vars(session.traffic))
        work(*inputs)

    return [
        Measured(run.traffic.rounds - before[party].rounds, run.traffic.bytes_sent - before[party].bytes_sent)
        for party, run in enumerate(run_parties(program))
    ]


@pytest.fixture(autouse=True)
def _one_thread_a_party() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def session_benchmark(benchmark: Any) -> Callable[[Prepare, Work], None]:
    """Benchmark `work(*prepare(session))`; rounds, bytes and the setting stand in `extra_info`."""

    def run(prepare: Prepare, work: Work) -> None:
        measured = measure(prepare, work)
        benchmark.extra_info.update(
            security="3 parties, semi-honest, honest majority",
            transport="memory",
            device="cpu",
            threads_per_party=1,
            rounds=max(party.rounds for party in measured),
            bytes_sent_per_party=[party.bytes_sent for party in measured],
        )
        clock = _SessionClock(prepare, work)
        benchmark.pedantic(clock.work, setup=clock.ready, rounds=REPETITIONS)

    return run


class _SessionClock:
    """Keeps the preparation of a session outside of the timed part."""

    def __init__(self, prepare: Prepare, body: Work) -> None:
        self._prepare, self._body = prepare, body
        self._thread = threading.Thread()
        self._ready = self._start = threading.Barrier(1)

    def ready(self) -> None:
        """Bring a fresh session to its barrier."""
        self._ready = threading.Barrier(PARTIES + 1, timeout=BARRIER_TIMEOUT_S)
        self._start = threading.Barrier(PARTIES + 1, timeout=BARRIER_TIMEOUT_S)
        self._thread = threading.Thread(target=run_parties, args=(self._program,), daemon=True)
        self._thread.start()
        self._ready.wait()

    def work(self) -> None:
        """The timed part: from the barrier to the end of the slowest party."""
        self._start.wait()
        self._thread.join()

    def _program(self, session: Session) -> None:
        inputs = self._prepare(session)
        self._ready.wait()
        self._start.wait()
        self._body(*inputs)
