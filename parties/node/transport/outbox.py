"""Outgoing frames of one link: bounded by bytes, so that a slow peer slows its sender."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

from mpc.errors import PeerSilent, PeerVanished

#: Frames that wait for a peer may hold this much (bytes).
MAX_QUEUED_BYTES = 64 << 20


class Sized(Protocol):
    """A protobuf message."""

    def ByteSize(self) -> int: ...  # noqa: N802 - protobuf's name


Frame = TypeVar("Frame", bound=Sized)


class Outbox(Generic[Frame]):
    """A queue of frames that gRPC's sender iterates over. `close` ends the iteration."""

    def __init__(self, peer: str, timeout_s: float, limit: int = MAX_QUEUED_BYTES) -> None:
        self._peer, self._timeout_s, self._limit = peer, timeout_s, limit
        self._frames: deque[tuple[Frame, int]] = deque()
        self._bytes = 0
        self._closed = False
        self._changed = threading.Condition()

    def put(self, frame: Frame) -> None:
        """Queue a frame; waits while the link is full.

        Raises `PeerSilent` at the deadline, `PeerVanished` once the link is closed.
        """
        size = frame.ByteSize()
        with self._changed:
            room = self._changed.wait_for(
                lambda: self._closed or self._bytes == 0 or self._bytes + size <= self._limit, self._timeout_s
            )
            if self._closed:
                raise PeerVanished(f"The link to {self._peer} is down.", culprit=self._peer)
            if not room:
                raise PeerSilent(
                    f"{self._peer} took nothing for {self._timeout_s:g} s.",
                    remedy="Check that node and the network between you.",
                    culprit=self._peer,
                )
            self._frames.append((frame, size))
            self._bytes += size
            self._changed.notify_all()

    def __iter__(self) -> Iterator[Frame]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._frames)
                if self._closed:
                    return
                frame, size = self._frames.popleft()
                self._bytes -= size
                self._changed.notify_all()
            yield frame

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._frames.clear()
            self._changed.notify_all()
