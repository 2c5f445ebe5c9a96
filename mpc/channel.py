"""How one party of a session talks to the others: tags, mailboxes, counters, the in-memory channel.

A message is addressed by its tag: the branch of the program, the operation's index in that branch,
the primitive's name and the element count. Both ends compute the tag for themselves; the receiver
compares all of it, so programs that diverge abort at the first message.

Rounds are counted, not claimed: every tag carries a Lamport depth (a message's depth is one more than
the deepest message its sender had received in that branch), and the deepest message of a session is
its number of rounds.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import NamedTuple

from blake3 import blake3

from mpc.errors import PeerSilent, ProtocolAbort, SessionCancelled, TagMismatch, TriuneError

Payload = bytes | bytearray | memoryview

#: A message is refused above this size (bytes).
MAX_MESSAGE_BYTES = 1 << 30
#: Messages that nobody has asked for yet may hold this much memory in one session (bytes).
MAX_UNCLAIMED_BYTES = 1 << 30
#: What a message weighs besides its payload, so that empty ones are not for free (bytes).
MESSAGE_OVERHEAD_BYTES = 512
#: How long a party waits for one message before it blames the sender (seconds).
ROUND_TIMEOUT_S = 30.0
#: The longest primitive name in a tag (characters).
MAX_PRIMITIVE_CHARS = 64


class Tag(NamedTuple):
    """Where in the program a message belongs. `depth` only counts rounds and is not compared."""

    branch: tuple[int, ...]
    index: int  # type: ignore[assignment]  # not that of a tuple
    primitive: str
    elements: int
    depth: int = 0

    @property
    def slot(self) -> tuple[tuple[int, ...], int]:
        """The place that a message belongs to, without what is compared."""
        return self.branch, self.index

    def to_bytes(self) -> bytes:
        """As it goes into the transcripts."""
        path = ".".join(map(str, self.branch))
        return f"{path}|{self.index}|{self.primitive}|{self.elements}".encode()


@dataclass
class Traffic:
    """What one party sent and received in one session. Bytes are payload bytes."""

    rounds: int = 0
    messages: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0


#: A queue of one message; None says that the session has failed.
Slot = SimpleQueue[tuple[Tag, Payload] | None]
#: Waits for what a slot gets, so many seconds; `queue.Empty` if it is late.
Wait = Callable[[Slot, float], tuple[Tag, Payload] | None]


def _wait(slot: Slot, timeout_s: float) -> tuple[Tag, Payload] | None:
    return slot.get(timeout=timeout_s)


class Mailbox:
    """Messages waiting to be taken, by sender and slot. Thread-safe; `fail` wakes every waiter."""

    def __init__(self, names: Sequence[str], timeout_s: float = ROUND_TIMEOUT_S) -> None:
        self._names = tuple(names)
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._slots: dict[tuple[int, tuple[int, ...], int], Slot] = {}
        self._used: set[tuple[int, tuple[int, ...], int]] = set()
        self._unclaimed = 0
        self._failure: TriuneError | None = None

    def deliver(self, frm: int, tag: Tag, payload: Payload) -> None:
        """Hand in a message. Raises `ProtocolAbort` on a second message for one tag or on overflow."""
        key = (frm, *tag.slot)
        with self._lock:
            if key in self._used:
                raise ProtocolAbort(
                    f"{self._names[frm]} sent a second message for step {tag.slot}.",
                    remedy="Ask its operator for the node's version and log.",
                    culprit=self._names[frm],
                )
            self._unclaimed += len(payload) + MESSAGE_OVERHEAD_BYTES
            if self._unclaimed > MAX_UNCLAIMED_BYTES:
                raise ProtocolAbort(
                    f"{self._names[frm]} sent over {MAX_UNCLAIMED_BYTES} bytes ahead of the computation.",
                    culprit=self._names[frm],
                )
            self._used.add(key)
            self._slots.setdefault(key, SimpleQueue()).put((tag, payload))

    def take(self, frm: int, expected: Tag, wait: Wait = _wait) -> tuple[Tag, Payload]:
        """Wait for the message of this slot and compare its tag. Blocks up to the deadline.

        `wait` gets the slot's queue and seconds, and may bring the message about itself.
        """
        key = (frm, *expected.slot)
        with self._lock:
            if self._failure is not None:
                raise self._failure
            slot = self._slots.setdefault(key, SimpleQueue())
        try:
            message = wait(slot, self._timeout_s)
        except Empty:
            raise PeerSilent(
                f"{self._names[frm]} sent nothing for {self._timeout_s:g} s at {expected.primitive}.",
                remedy="Check that node and the network between you.",
                culprit=self._names[frm],
            ) from None
        if message is None:
            raise self._failure or SessionCancelled("The session was ended.")
        tag, payload = message
        with self._lock:
            del self._slots[key]
            self._unclaimed -= len(payload) + MESSAGE_OVERHEAD_BYTES
        if (tag.primitive, tag.elements) != (expected.primitive, expected.elements):
            raise TagMismatch(
                f"{self._names[frm]} is at {tag.primitive}[{tag.elements}], this party at "
                f"{expected.primitive}[{expected.elements}]: the programs have diverged.",
                remedy="Make sure that all parties run the same version.",
                culprit=self._names[frm],
            )
        return tag, payload

    def fail(self, error: TriuneError) -> None:
        """End the session for every present and future waiter; the first error stays."""
        with self._lock:
            if self._failure is None:
                self._failure = error
            for slot in self._slots.values():
                slot.put(None)


@dataclass
class Edge:
    """Running transcripts of one peer's edge, one per direction."""

    sent: blake3 = field(default_factory=blake3)
    received: blake3 = field(default_factory=blake3)


class Channel(ABC):
    """One party's ends of one session's links.

    `party` is this party's index, `names` the parties in order. `send` returns once the message is
    handed over; `recv` blocks until it is there or the deadline has passed. Implementations call
    `_count_sent` and `_count_received` in the order in which a peer's messages travel; both ends'
    transcripts then agree.
    """

    def __init__(self, party: int, names: Sequence[str], session_id: bytes) -> None:
        self.party = party
        self.names = tuple(names)
        self.session_id = session_id
        self.traffic = Traffic()
        self._edges = {peer: Edge() for peer in range(len(names)) if peer != party}
        self._meter = threading.Lock()

    @property
    def parties(self) -> int:
        """How many have ends of this channel, helpers too."""
        return len(self.names)

    @abstractmethod
    def send(self, to: int, tag: Tag, payload: Payload) -> None:
        """Hand a message over to the link to `to`; what arrives is compared by its tag."""

    @abstractmethod
    def recv(self, frm: int, tag: Tag) -> tuple[Tag, Payload]:
        """The message and the tag it came with (its depth is the sender's)."""

    @abstractmethod
    def fail(self, error: TriuneError) -> None:
        """End the session here: every waiter gets `error`."""

    def digests(self) -> dict[str, tuple[str, str]]:
        """BLAKE3 of what went over each edge: `{peer: (sent, received)}` in hex."""
        with self._meter:
            return {
                self.names[peer]: (edge.sent.hexdigest(), edge.received.hexdigest())
                for peer, edge in self._edges.items()
            }

    def _count_sent(self, to: int, tag: Tag, payload: Payload) -> None:
        with self._meter:
            self._edges[to].sent.update(tag.to_bytes())
            self._edges[to].sent.update(payload)
            self.traffic.messages += 1
            self.traffic.bytes_sent += len(payload)
            self.traffic.rounds = max(self.traffic.rounds, tag.depth)

    def _count_received(self, frm: int, tag: Tag, payload: Payload) -> None:
        with self._meter:
            self._edges[frm].received.update(tag.to_bytes())
            self._edges[frm].received.update(payload)

    def claimed(self, tag: Tag, payload: Payload) -> None:
        """The program has taken a message: count it (one that came early counts only now)."""
        with self._meter:
            self.traffic.bytes_received += len(payload)
            self.traffic.rounds = max(self.traffic.rounds, tag.depth)


class MemoryChannel(Channel):
    """A channel between threads of one process."""

    def __init__(self, party: int, mailboxes: Sequence[Mailbox], names: Sequence[str]) -> None:
        super().__init__(party, names, session_id=bytes(32))
        self._mailboxes = tuple(mailboxes)
        self._order = threading.Lock()
        self._network: tuple[MemoryChannel, ...] = ()

    def send(self, to: int, tag: Tag, payload: Payload) -> None:
        copy = bytes(payload)
        with self._order:
            self._count_sent(to, tag, copy)
            self._network[to]._count_received(self.party, tag, copy)
            self._mailboxes[to].deliver(self.party, tag, copy)

    def recv(self, frm: int, tag: Tag) -> tuple[Tag, Payload]:
        return self._mailboxes[self.party].take(frm, tag)

    def fail(self, error: TriuneError) -> None:
        for mailbox in self._mailboxes:
            mailbox.fail(error)


def memory_network(parties: int, *, timeout_s: float = ROUND_TIMEOUT_S) -> tuple[MemoryChannel, ...]:
    """Channels of `parties` parties in one process."""
    names = tuple(f"party {index}" for index in range(parties))
    mailboxes = [Mailbox(names, timeout_s) for _ in names]
    channels = tuple(MemoryChannel(index, mailboxes, names) for index in range(parties))
    for channel in channels:
        channel._network = channels
    return channels
