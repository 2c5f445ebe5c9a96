"""Three compute parties as threads of this process, with the interface of `links.Parties`: no network."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from benchmarks.links import PATIENCE_S, Lap, Prepare, Work
from mpc.channel import Traffic
from mpc.kernels import Kernels
from mpc.session import Session
from mpc.simulation import run_parties

PARTIES = 3


class LocalParties:
    """All three with the same kernels."""

    def __init__(self, kernels: Kernels) -> None:
        self._kernels = kernels
        self._thread = threading.Thread()
        self._ready = self._start = threading.Barrier(1)
        self._laps: dict[int, Lap] = {}
        self._error: BaseException | None = None

    def ready(self, prepare: Prepare, work: Work, repeat: int = 1) -> None:
        """A fresh session, up to the moment before the work."""
        self._ready = threading.Barrier(PARTIES + 1, timeout=PATIENCE_S)
        self._start = threading.Barrier(PARTIES + 1, timeout=PATIENCE_S)
        program = self._program(prepare, work, repeat)
        self._error = None
        self._thread = threading.Thread(target=self._run, args=(program,), daemon=True)
        self._thread.start()
        self._meet(self._ready)

    def go(self) -> list[Lap]:
        """The work, until the slowest party is done."""
        self._meet(self._start)
        self._thread.join()
        if self._error is not None:
            raise self._error
        return [self._laps[party] for party in range(PARTIES)]

    def _meet(self, barrier: threading.Barrier) -> None:
        try:
            barrier.wait()
        except threading.BrokenBarrierError:
            self._thread.join(PATIENCE_S)
            raise (self._error or TimeoutError("a party did not answer")) from None

    def _run(self, program: Callable[[Session], Any]) -> None:
        try:
            run_parties(program, timeout_s=PATIENCE_S, kernels=self._kernels)
        except BaseException as error:  # noqa: BLE001 - the benchmark raises it
            self._error = error
            self._ready.abort()
            self._start.abort()

    def _program(self, prepare: Prepare, work: Work, repeat: int) -> Callable[[Session], None]:
        def program(session: Session) -> None:
            inputs = prepare(session)
            before = Traffic(**vars(session.traffic))
            self._ready.wait()
            self._start.wait()
            for _ in range(repeat):
                work(*inputs)
            traffic = session.traffic
            self._laps[session.party] = Lap(
                traffic.rounds - before.rounds, traffic.bytes_sent - before.bytes_sent
            )

        return program
