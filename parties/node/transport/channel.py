"""One session's channel over the mesh, and the board where arriving messages find their session."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from mpc.channel import Channel, Mailbox, Payload, Tag
from mpc.errors import ProtocolAbort, TriuneError
from parties.node.transport.early import EarlyMessages
from parties.node.transport.framing import split
from parties.node.transport.inlet import Inlet
from parties.node.transport.vanished import vanished

#: Messages of a session not yet open are kept this many round timeouts: holders may still be sharing.
EARLY_TIMEOUTS = 4

#: Hands (peer, serialised frame) to the peer's outbox; raises `PeerVanished` or `PeerSilent`.
Post = Callable[[int, bytes], None]
#: Where a thread that waits for a message of a peer may read itself, if there is such a place.
Inlets = Callable[[int], Inlet | None]


class GrpcChannel(Channel):
    """A `Channel` whose messages travel as frames of the mesh links."""

    def __init__(
        self,
        party: int,
        names: Sequence[str],
        session: bytes,
        post: Post,
        timeout_s: float,
        inlet: Inlets = lambda _: None,
    ) -> None:
        super().__init__(party, names, session)
        self._post, self._inlet = post, inlet
        self._mailbox = Mailbox(names, timeout_s)
        self._order = {peer: threading.Lock() for peer in range(len(names)) if peer != party}

    def send(self, to: int, tag: Tag, payload: Payload) -> None:
        """Hand a message to the peer's link; `PeerVanished` or `PeerSilent` if that takes none."""
        with self._order[to]:  # both ends hash a peer's messages in the order of the stream
            for frame in split(self.session_id, tag, payload):
                self._post(to, frame)
            self._count_sent(to, tag, payload)  # while gRPC already sends

    def recv(self, frm: int, tag: Tag) -> tuple[Tag, Payload]:
        """The message with this tag; raises what ended the session, `PeerSilent` at the deadline."""
        inlet = self._inlet(frm)
        return self._mailbox.take(frm, tag) if inlet is None else self._mailbox.take(frm, tag, inlet.wait)

    def fail(self, error: TriuneError) -> None:
        """End the session here: whoever waits gets this error."""
        self._mailbox.fail(error)
        for peer in self._order:
            inlet = self._inlet(peer)
            if inlet is not None:
                inlet.interrupt()

    def arrived(self, frm: int, tag: Tag, payload: Payload) -> None:
        """A whole message from the link; a fault in it ends the session."""
        self._count_received(frm, tag, payload)
        try:
            self._mailbox.deliver(frm, tag, payload)
        except TriuneError as error:
            self.fail(error)


class Switchboard:
    """Open sessions by id. What arrives for a session not yet open waits, within limits."""

    def __init__(
        self,
        party: int,
        names: Sequence[str],
        post: Post,
        timeout_s: float,
        linked: Callable[[int], bool] = lambda _: True,
        inlet: Inlets = lambda _: None,
    ) -> None:
        self._party, self._names, self._post, self._timeout_s = party, tuple(names), post, timeout_s
        self._linked, self._inlet = linked, inlet
        self._lock = threading.Lock()
        self._open: dict[bytes, GrpcChannel] = {}
        self._early = EarlyMessages(EARLY_TIMEOUTS * timeout_s, time.monotonic)

    def open(self, session: bytes) -> GrpcChannel:
        """The channel of a new session, with what came early already delivered.

        Every receive of it raises at once if a peer's link is down or its early messages were dropped.
        """
        channel = GrpcChannel(self._party, self._names, session, self._post, self._timeout_s, self._inlet)
        with self._lock:
            if session in self._open:
                raise ProtocolAbort("A session was opened twice.", remedy="Submit the query again.")
            early = self._early.claim(session)
            self._open[session] = channel
            for frm, tag, payload in early or ():
                channel.arrived(frm, tag, payload)
            if early is None:
                channel.fail(_dropped())
            # Here, under the lock: a link that breaks later finds the channel among the open ones.
            for peer in range(len(self._names)):
                if peer != self._party and not self._linked(peer):
                    channel.fail(vanished(self._names[peer]))
        return channel

    def close(self, session: bytes) -> None:
        """The session is over: what still comes for it is dropped."""
        with self._lock:
            self._early.end(session)
            self._open.pop(session, None)

    @property
    def busy(self) -> bool:
        """Whether a session is open."""
        return bool(self._open)

    def route(self, session: bytes, frm: int, tag: Tag, payload: Payload) -> None:
        """Hand a message to its session; of unknown sessions only a bounded amount is kept."""
        with self._lock:
            channel = self._open.get(session)
            if channel is None:
                self._early.keep(session, (frm, tag, payload))
                return
        channel.arrived(frm, tag, payload)  # hashes: not under the lock that all links share

    def fail(self, session: bytes, error: TriuneError) -> None:
        """End one session here."""
        with self._lock:
            channel = self._open.get(session)
        if channel is not None:
            channel.fail(error)

    def peer_lost(self, peer: int) -> None:
        """Every open session ends at once and names the peer."""
        with self._lock:
            self._early.lose(peer)
            channels = list(self._open.values())
        for channel in channels:
            channel.fail(vanished(self._names[peer]))


def _dropped() -> ProtocolAbort:
    return ProtocolAbort(
        "Messages of a session were dropped because it was opened too late.",
        remedy="Submit the query again; if it happens again, run fewer queries at a time.",
    )
