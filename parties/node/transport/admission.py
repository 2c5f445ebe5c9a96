"""Who may keep a stream open: a few places for each member, and a deadline for the first frame.

A stream keeps one of the server's threads for as long as it stands. Places are counted for each member
apart, and the server has a thread for every place and some beside (`threads`): so nobody's streams, however
many, keep another member's calls waiting.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Final, TypeVar

import grpc

from mpc.errors import JobError, PeerSilent
from parties.identity.consortium import Consortium

#: Watches of one analyst.
MAX_WATCHES: Final = 16
#: Links of one compute party or holder: one that stands, one that greets, one that just ends.
MAX_LINKS: Final = 3
#: Threads for calls that end by themselves.
SPARE_THREADS: Final = 16
Frame = TypeVar("Frame")


class Places:
    """A number of places for each member. Thread-safe."""

    def __init__(self, each: int, what: str) -> None:
        self._each, self._what = each, what
        self._taken, self._lock = Counter[str](), threading.Lock()

    @contextmanager
    def enter(self, name: str) -> Iterator[None]:
        """Keep a place for the time of the block; `JobError` if the member has all of its own taken."""
        with self._lock:
            if self._taken[name] >= self._each:
                raise JobError(
                    f"{name} has {self._each} {self._what} here already.",
                    remedy="Wait for one of them to end.",
                    culprit=name,
                )
            self._taken[name] += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken[name] -= 1


def threads(consortium: Consortium) -> int:
    """What a server needs at most; they are made when they are needed."""
    each = {"holder": MAX_LINKS, "compute": MAX_LINKS, "analyst": MAX_WATCHES}
    places = sum(each.get(role, 0) for member in consortium.members for role in member.roles)
    return places + SPARE_THREADS


def first_frame(frames: Iterator[Frame], seconds: float, name: str) -> Frame | None:
    """The first frame of a stream, None if it ended before.

    Raises `PeerSilent` if there is none in time, and the `grpc.RpcError` of a stream that broke off.
    """
    found: SimpleQueue[Frame | grpc.RpcError | None] = SimpleQueue()

    def read() -> None:
        try:
            found.put(next(frames, None))
        except grpc.RpcError as error:
            found.put(error)

    threading.Thread(target=read, daemon=True, name=f"greeting of {name}").start()
    try:
        first = found.get(timeout=seconds)
    except Empty:
        raise PeerSilent(
            f"{name} opened a stream and did not greet within {seconds:g} s.",
            remedy="Check that it runs Triune, and the network between you.",
            culprit=name,
        ) from None
    if isinstance(first, grpc.RpcError):
        raise first
    return first
