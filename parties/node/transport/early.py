"""What arrives for a session before this party has opened it: kept for a while, within limits."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from mpc.channel import MESSAGE_OVERHEAD_BYTES, Payload, Tag

#: Sessions that wait, and what they may hold in all (bytes).
MAX_EARLY_SESSIONS = 64
MAX_EARLY_BYTES = 64 << 20
#: Sessions that are over, or whose early messages were dropped, remembered so that they stay so.
MAX_FORGOTTEN = 4096

Message = tuple[int, Tag, Payload]


@dataclass
class _Waiting:
    since: float
    messages: list[Message] = field(default_factory=list)
    weight: int = 0


class EarlyMessages:
    """Messages by session, oldest first. Not thread-safe: its owner holds a lock. `clock` in seconds."""

    def __init__(self, keep_s: float, clock: Callable[[], float]) -> None:
        self._keep_s, self._clock = keep_s, clock
        self._sessions: OrderedDict[bytes, _Waiting] = OrderedDict()
        self._weight = 0
        self._over = _Recent()
        self._dropped = _Recent()

    def keep(self, session: bytes, message: Message) -> None:
        """Keep a message; older sessions give way to it. Stragglers of ended sessions are not kept."""
        self._expire()
        if session in self._over or session in self._dropped:
            return
        waiting = self._sessions.setdefault(session, _Waiting(self._clock()))
        weight = len(message[2]) + MESSAGE_OVERHEAD_BYTES
        waiting.messages.append(message)
        waiting.weight += weight
        self._weight += weight
        while self._weight > MAX_EARLY_BYTES or len(self._sessions) > MAX_EARLY_SESSIONS:
            self._drop(next(iter(self._sessions)))

    def claim(self, session: bytes) -> list[Message] | None:
        """What came for a session that opens now; None if some of it was dropped."""
        if session in self._dropped:
            return None
        waiting = self._sessions.pop(session, None)
        if waiting is None:
            return []
        self._weight -= waiting.weight
        return waiting.messages

    def end(self, session: bytes) -> None:
        """The session is over."""
        self._over.add(session)

    def lose(self, peer: int) -> None:
        """A peer's link broke: sessions that it began cannot be completed."""
        for session, waiting in list(self._sessions.items()):
            if any(frm == peer for frm, _, _ in waiting.messages):
                self._drop(session)

    def _expire(self) -> None:
        horizon = self._clock() - self._keep_s
        while self._sessions and next(iter(self._sessions.values())).since < horizon:
            self._drop(next(iter(self._sessions)))

    def _drop(self, session: bytes) -> None:
        self._weight -= self._sessions.pop(session).weight
        self._dropped.add(session)


class _Recent:
    """The last `MAX_FORGOTTEN` session ids."""

    def __init__(self) -> None:
        self._order: deque[bytes] = deque()
        self._known: set[bytes] = set()

    def __contains__(self, session: bytes) -> bool:
        return session in self._known

    def add(self, session: bytes) -> None:
        if session in self._known:
            return
        self._known.add(session)
        self._order.append(session)
        if len(self._order) > MAX_FORGOTTEN:
            self._known.discard(self._order.popleft())
