"""Outgoing frames of one link: bounded by bytes, so that a slow peer slows its sender."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from queue import SimpleQueue
from typing import Generic, TypeVar

from mpc.errors import PeerSilent
from parties.node.transport.vanished import vanished

#: Data frames that wait for a peer may hold this much (bytes of payload and envelope).
MAX_QUEUED_BYTES = 64 << 20
#: Control frames pass even a full queue, up to this many.
MAX_QUEUED_CONTROL_FRAMES = 4096


Frame = TypeVar("Frame")


class Outbox(Generic[Frame]):
    """A queue of frames that gRPC's sender iterates over. `close` ends the iteration.

    The hand-off is a SimpleQueue; the condition is only waited on where the queue is full.
    """

    def __init__(self, peer: str, timeout_s: float, limit: int = MAX_QUEUED_BYTES) -> None:
        self._peer, self._timeout_s, self._limit = peer, timeout_s, limit
        self._frames: SimpleQueue[tuple[Frame, int, bool] | None] = SimpleQueue()
        self._bytes = 0
        self._control = 0
        self._closed = False
        self._room = threading.Condition(threading.Lock())

    def put(self, frame: Frame, size: int) -> None:
        """Queue a frame of `size` bytes; blocks while the link is full.

        Raises `PeerSilent` at the deadline, `PeerVanished` if the link is closed.
        """
        with self._room:
            if not self._room.wait_for(lambda: self._closed or self._fits(size), self._timeout_s):
                raise self._silent()
            self._check_open()
            self._bytes += size
            self._frames.put((frame, size, False))

    def put_control(self, frame: Frame) -> None:
        """Queue a control frame; never blocks. Raises as `put` does."""
        with self._room:
            self._check_open()
            if self._control >= MAX_QUEUED_CONTROL_FRAMES:
                raise self._silent()
            self._control += 1
            self._frames.put((frame, 0, True))

    def __iter__(self) -> Iterator[Frame]:
        while True:
            item = self._frames.get()
            if item is None or self._closed:
                return
            frame, size, control = item
            yield frame
            self._sent(size, control)

    def close(self) -> None:
        """End the iteration; frames that wait are dropped, and who waits for room gets `PeerVanished`."""
        with self._room:
            if not self._closed:
                self._closed = True
                self._frames.put(None)
                self._room.notify_all()

    def _fits(self, size: int) -> bool:
        return self._bytes == 0 or self._bytes + size <= self._limit

    def _sent(self, size: int, control: bool) -> None:
        with self._room:
            self._bytes -= size
            self._control -= control
            self._room.notify_all()

    def _check_open(self) -> None:
        if self._closed:
            raise vanished(self._peer)

    def _silent(self) -> PeerSilent:
        return PeerSilent(
            f"{self._peer} took nothing for {self._timeout_s:g} s.",
            remedy="Check that node and the network between you.",
            culprit=self._peer,
        )
