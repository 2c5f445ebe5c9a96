"""Benchmarks run whole sessions; time runs from a barrier to the slowest party."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch

from mpc.session import Session, run_parties

Prepare = Callable[[Session], tuple[Any, ...]]
Work = Callable[..., object]
PARTIES = 3


def _bytes_sent(prepare: Prepare, work: Work) -> list[int]:
    """Payload bytes that each party sends in `work` alone."""
    before: dict[int, int] = {}

    def program(session: Session) -> None:
        inputs = prepare(session)
        before[session.party] = session.traffic.bytes_sent
        work(*inputs)

    return [run.traffic.bytes_sent - before[party] for party, run in enumerate(run_parties(program))]


@pytest.fixture
def session_benchmark(benchmark: Any) -> Callable[[Prepare, Work], None]:
    """Benchmark `work(*prepare(session))`; bytes and threads stand in `extra_info`."""

    def run(prepare: Prepare, work: Work) -> None:
        torch.set_num_threads(1)
        benchmark.extra_info.update(
            security="3 parties, semi-honest, honest majority",
            transport="memory",
            device="cpu",
            threads_per_party=1,
            bytes_sent_per_party=_bytes_sent(prepare, work),
        )
        clock = _SessionClock(prepare, work)
        benchmark.pedantic(clock.work, setup=clock.ready, rounds=5)

    return run


class _SessionClock:
    """Keeps the sharing of inputs outside of the timed part."""

    def __init__(self, prepare: Prepare, work: Work) -> None:
        self.prepare, self.body = prepare, work
        self._gate = self._ready = threading.Barrier(PARTIES + 1)
        self._thread = threading.Thread()

    def ready(self) -> None:
        """Bring a fresh session to its barrier."""
        self._gate, self._ready = threading.Barrier(PARTIES + 1), threading.Barrier(PARTIES + 1)

        def program(session: Session) -> None:
            inputs = self.prepare(session)
            self._ready.wait()
            self._gate.wait()
            self.body(*inputs)

        self._thread = threading.Thread(target=run_parties, args=(program,), daemon=True)
        self._thread.start()
        self._ready.wait()

    def work(self) -> None:
        self._gate.wait()
        self._thread.join()
