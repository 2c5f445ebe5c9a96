"""One session's channel over the mesh, and the board where arriving messages find their session."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from mpc.channel import Channel, Mailbox, Payload, Tag
from mpc.errors import PeerVanished, TriuneError
from parties.node.transport.framing import split
from parties.wire.mesh_pb2 import MeshFrame

#: Messages of sessions that this party has not opened yet: how many sessions, how many bytes in all.
MAX_EARLY_SESSIONS = 64
MAX_EARLY_BYTES = 64 << 20

Post = Callable[[int, MeshFrame], None]


class GrpcChannel(Channel):
    """A `Channel` whose messages travel as frames of the mesh links."""

    def __init__(
        self, party: int, names: Sequence[str], session: bytes, post: Post, timeout_s: float
    ) -> None:
        super().__init__(party, names, session)
        self._post = post
        self._mailbox = Mailbox(names, timeout_s)
        self._order = {peer: threading.Lock() for peer in range(len(names)) if peer != party}

    def send(self, to: int, tag: Tag, payload: Payload) -> None:
        with self._order[to]:  # both ends hash a peer's messages in the order of the stream
            self._count_sent(to, tag, payload)
            for frame in split(self.session_id, tag, payload):
                self._post(to, frame)

    def recv(self, frm: int, tag: Tag) -> tuple[Tag, Payload]:
        return self._mailbox.take(frm, tag)

    def fail(self, error: TriuneError) -> None:
        self._mailbox.fail(error)

    def arrived(self, frm: int, tag: Tag, payload: Payload) -> None:
        """A whole message from the link; a fault in it ends the session."""
        self._count_received(frm, tag, payload)
        try:
            self._mailbox.deliver(frm, tag, payload)
        except TriuneError as error:
            self.fail(error)


class Switchboard:
    """Open sessions by id. What arrives for a session not yet open waits, within limits."""

    def __init__(self, party: int, names: Sequence[str], post: Post, timeout_s: float) -> None:
        self._party, self._names, self._post, self._timeout_s = party, tuple(names), post, timeout_s
        self._lock = threading.Lock()
        self._open: dict[bytes, GrpcChannel] = {}
        self._early: dict[bytes, list[tuple[int, Tag, Payload]]] = {}
        self._early_bytes = 0

    def open(self, session: bytes) -> GrpcChannel:
        """The channel of a new session, with what came early already delivered."""
        channel = GrpcChannel(self._party, self._names, session, self._post, self._timeout_s)
        with self._lock:
            self._open[session] = channel
            early = self._early.pop(session, [])
            self._early_bytes -= sum(len(payload) for _, _, payload in early)
            for frm, tag, payload in early:
                channel.arrived(frm, tag, payload)
        return channel

    def close(self, session: bytes) -> None:
        with self._lock:
            self._open.pop(session, None)

    def route(self, session: bytes, frm: int, tag: Tag, payload: Payload) -> None:
        """Hand a message to its session; of unknown sessions only a bounded amount is kept."""
        with self._lock:
            channel = self._open.get(session)
            if channel is not None:
                channel.arrived(frm, tag, payload)
                return
            if self._early_bytes + len(payload) > MAX_EARLY_BYTES:
                return
            if session not in self._early and len(self._early) >= MAX_EARLY_SESSIONS:
                self._early_bytes -= self._drop_oldest()
            self._early.setdefault(session, []).append((frm, tag, payload))
            self._early_bytes += len(payload)

    def _drop_oldest(self) -> int:
        first = next(iter(self._early))
        return sum(len(payload) for _, _, payload in self._early.pop(first))

    def fail(self, session: bytes, error: TriuneError) -> None:
        with self._lock:
            channel = self._open.get(session)
        if channel is not None:
            channel.fail(error)

    def peer_lost(self, peer: int) -> None:
        """Every open session ends at once and names the peer."""
        name = self._names[peer]
        with self._lock:
            channels = list(self._open.values())
        for channel in channels:
            channel.fail(
                PeerVanished(
                    f"{name} vanished in the middle of a session.",
                    remedy="Nothing was released. Submit the query again when that node is back.",
                    culprit=name,
                )
            )
