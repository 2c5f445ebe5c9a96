"""What the ways to the peers take: small and long messages that a peer answers, while nobody computes.

For predictions alone: nothing waits for a probe, none is sent or answered while a session is open here, and a
peer that asks too often goes without answers. Two threads, since one that waits for an answer gives none.
"""

from __future__ import annotations

import itertools
import statistics
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Final

from mpc.errors import ChannelError, ProtocolAbort
from parties.wire.mesh_pb2 import Echo, MeshFrame, Probe

#: Padding of a probe for the round trip, of one for the throughput, and the most that is taken (bytes).
SMALL_BYTES: Final = 64
LONG_BYTES: Final = 256 << 10
MAX_PADDING_BYTES: Final = LONG_BYTES
#: Small probes of one measurement.
SMALL_PROBES: Final = 5
#: Pauses after a link has come up, then between measurements (seconds): a node that just starts is busy with
#: itself, so what it measured first should not stand for long.
FIRST_PAUSES_S: Final = (1.0, 3.0, 10.0)
PAUSE_S: Final = 30.0
#: Later is no answer (seconds).
PATIENCE_S: Final = 5.0
#: The medians are over so many small probes, and the best of so many long ones.
KEPT_SMALL, KEPT_LONG = 9, 3
#: Of a long probe's time so much is its bytes', however long a small one took: the two vary.
LEAST_OF_LONG: Final = 0.25
#: A peer may send so many probes in `PAUSE_S`.
MAX_PROBES: Final = 64
#: Clocks do not tell apart what is shorter (seconds).
_LEAST_S: Final = 1e-6


@dataclass(frozen=True)
class Measured:
    """A way to a peer: a small message there and back, and what goes there at length."""

    round_trip_s: float
    bytes_per_second: float


class _Way:
    """What was found of the way to one peer, and how often it asked."""

    def __init__(self) -> None:
        self.small: deque[float] = deque(maxlen=KEPT_SMALL)
        self.long: deque[float] = deque(maxlen=KEPT_LONG)
        self.asked: deque[float] = deque(maxlen=MAX_PROBES)
        #: when it is measured next, and after that; nothing: the link was never up
        self.due: list[float] = []


class Prober:
    """Measures the ways to `peers`. `send` takes a frame the way that data goes, `busy` says who computes."""

    def __init__(
        self,
        peers: tuple[int, ...],
        send: Callable[[int, bytes], None],
        busy: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._send, self._busy, self._clock = send, busy, clock
        self._ways = {peer: _Way() for peer in peers}
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._awaited = 0
        self._answer: SimpleQueue[float] = SimpleQueue()
        self._to_answer: SimpleQueue[tuple[int, int] | None] = SimpleQueue()
        self._news = threading.Event()
        self._stopping = False

    def start(self) -> None:
        """Begin to measure and to answer."""
        for work in (self._ask_all, self._answer_all):
            threading.Thread(target=work, daemon=True, name=work.__name__.strip("_")).start()

    def stop(self) -> None:
        """Neither any more."""
        self._stopping = True
        self._news.set()
        self._to_answer.put(None)

    def linked(self, peer: int) -> None:
        """The link to a peer has come up: what was found of an earlier one is forgotten."""
        now = self._clock()
        fresh = _Way()
        fresh.due = [now, *(now + pause for pause in itertools.accumulate(FIRST_PAUSES_S))]
        with self._lock:
            self._ways[peer] = fresh
        self._news.set()

    def measured(self) -> dict[int, Measured]:
        """What is known of each peer's way by now."""
        with self._lock:
            return {
                peer: Measured(statistics.median(way.small), max(way.long))
                for peer, way in self._ways.items()
                if way.small and way.long
            }

    # --- frames, on threads that read links: nothing here waits -----------------------------------

    def on_probe(self, peer: int, name: str, probe: Probe) -> None:
        """A peer measures. `ProtocolAbort` if it does so at a length that nobody has agreed to."""
        if len(probe.padding) > MAX_PADDING_BYTES:
            raise ProtocolAbort(
                f"{name} sent a probe of {len(probe.padding)} bytes; at most {MAX_PADDING_BYTES} are taken.",
                remedy="Make sure that both run the same version.",
                culprit=name,
            )
        now = self._clock()
        with self._lock:
            asked = self._ways[peer].asked
            too_often = len(asked) == MAX_PROBES and now - asked[0] < PAUSE_S
            if not too_often:
                asked.append(now)
        if not (too_often or self._busy()):
            self._to_answer.put((peer, probe.number))

    def on_echo(self, echo: Echo) -> None:
        """The answer to a probe; one that nobody waits for is nothing."""
        if echo.number == self._awaited:
            self._answer.put(self._clock())

    # --- the two threads --------------------------------------------------------------------------

    def _answer_all(self) -> None:
        while (item := self._to_answer.get()) is not None:
            peer, number = item
            self._try_to_send(peer, MeshFrame(echo=Echo(number=number)))

    def _ask_all(self) -> None:
        while not self._stopping:
            for peer, way in self._due():
                self._measure(peer, way)
            self._news.wait(self._next_due())
            self._news.clear()

    def _due(self) -> list[tuple[int, _Way]]:
        now, found = self._clock(), []
        with self._lock:
            for peer, way in self._ways.items():
                if way.due and way.due[0] <= now:
                    way.due = way.due[1:] or [now + PAUSE_S]
                    found.append((peer, way))
        return found

    def _next_due(self) -> float:
        with self._lock:
            first = min((way.due[0] for way in self._ways.values() if way.due), default=None)
        return PAUSE_S if first is None else max(0.0, first - self._clock())

    def _measure(self, peer: int, way: _Way) -> None:
        """A few round trips, then one long message; given up at the first that is not answered."""
        for _ in range(SMALL_PROBES):
            seconds = self._ask(peer, SMALL_BYTES)
            if seconds is None:
                return
            with self._lock:
                way.small.append(max(seconds, _LEAST_S))
        seconds = self._ask(peer, LONG_BYTES)
        if seconds is not None:
            with self._lock:
                own = max(seconds - statistics.median(way.small), seconds * LEAST_OF_LONG, _LEAST_S)
                way.long.append(LONG_BYTES / own)

    def _ask(self, peer: int, size: int) -> float | None:
        """Seconds until the answer; None if there is none, or if a session opened meanwhile."""
        number = self._awaited = next(self._numbers)
        while not self._answer.empty():
            self._answer.get_nowait()
        frame, begun = MeshFrame(probe=Probe(number=number, padding=bytes(size))), self._clock()
        if self._busy() or not self._try_to_send(peer, frame):
            return None
        try:
            answered = self._answer.get(timeout=PATIENCE_S)
        except Empty:
            return None
        return None if self._busy() else answered - begun

    def _try_to_send(self, peer: int, frame: MeshFrame) -> bool:
        try:
            self._send(peer, frame.SerializeToString())
        except ChannelError:
            return False  # the link is down, and will be measured when it is up again
        return True
