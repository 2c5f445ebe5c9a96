"""What steps of a protocol run on: one party's channel, streams and kernels, and its place in the program.

A *step* is one message slot: it has one tag, and under it any party may send at most one message to
each other party. Primitives are written as a few steps. The runtime keeps each thread's position in
the program (branch, next index, depth), so that `session.gather` can overlap branches.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from mpc.channel import Channel, Payload, Tag
from mpc.errors import ProtocolAbort
from mpc.kernels import Kernels, choose
from mpc.randomness import Address, PairKeys

#: Words as they travel.
_LITTLE_ENDIAN: Final = np.dtype("<i8")
_STAYS: Final = nullcontext()
#: Messages of up to so many bytes are copied out of their tensor.
_COPIED_BYTES: Final = 1 << 12
#: Of a SHA-256 digest.
DIGEST_BYTES: Final = 32


@dataclass(frozen=True)
class Opening:
    """A declared opening inside a program: what became public to the computing parties, and why."""

    why: str
    elements: int


@dataclass
class _Position:
    branch: tuple[int, ...] = ()
    index: int = 0
    depth: int = 0
    #: how many places the parties' roles are turned on: party `turn` has role 0
    turn: int = 0
    #: whether this thread is the one of its party's pieces that computes
    computes: bool = False


class Runtime:
    """One party's channel, keys and kernels, and where each of its threads stands in the program."""

    def __init__(self, channel: Channel, keys: PairKeys, kernels: Kernels | None = None) -> None:
        self.channel = channel
        self.keys = keys
        self.kernels = kernels or choose()
        self.openings: list[Opening] = []
        #: what `mpc.checks` keeps until the release, by place in the program
        self.checks: dict[tuple[int, ...], Any] = {}
        self._local = threading.local()
        self._core = threading.Lock()
        #: taken by the program's own thread
        self._rooted = threading.Lock()

    @property
    def party(self) -> int:
        """This party's role: its place, less the turn that this thread's piece has."""
        place: _Position | None = getattr(self._local, "position", None)
        turn = place.turn if place else 0
        return (self.channel.party - turn) % self.channel.parties if turn else self.channel.party

    @property
    def position(self) -> _Position:
        """This thread's place; the program's own thread, which nobody places, stands at the root.

        `ProtocolAbort` in any other thread: two at one place would draw the same masks twice.
        """
        place: _Position | None = getattr(self._local, "position", None)
        if place is None:
            if self._rooted.acquire(blocking=False):
                place = self._local.position = _Position()
            else:
                raise ProtocolAbort(
                    "A thread that the session did not start works on its secrets.",
                    remedy="Run independent work with session.gather.",
                )
        return place

    def step(self, primitive: str) -> Step:
        """The next message slot of this thread's branch, for this primitive. No message yet."""
        place = self.position
        step = Step(self, place.branch, place.index, primitive, place.turn)
        place.index += 1
        return step

    def fork(self) -> tuple[int, ...]:
        """A branch path for children: this position, which is then used up."""
        place = self.position
        path = (*place.branch, place.index)
        place.index += 1
        return path

    def enter(self, branch: tuple[int, ...], depth: int, turn: int = 0) -> None:
        """Place this thread at the start of a branch."""
        self._local.position = _Position(branch, 0, depth, turn)

    @contextmanager
    def computing(self) -> Iterator[None]:
        """One piece of a long vector computes at a time; it gives way while it waits for a message."""
        place = self.position
        self._core.acquire()
        place.computes = True
        try:
            yield
        finally:
            place.computes = False
            self._core.release()

    def waiting(self) -> AbstractContextManager[None]:
        """Around waiting for a message: a piece gives way to another."""
        return self._giving_way() if self.position.computes else _STAYS

    @contextmanager
    def _giving_way(self) -> Iterator[None]:
        self._core.release()
        try:
            yield
        finally:
            self._core.acquire()


@dataclass(slots=True, eq=False)
class Step:
    """One slot of the program: a tag for its messages, an address for its masks.

    Peers are named by the role they have here; at most one message goes to each, and comes from each.
    """

    runtime: Runtime
    branch: tuple[int, ...]
    index: int
    primitive: str
    turn: int = 0

    def mask(self, peer: int, shape: torch.Size | tuple[int, ...], stream: int = 0) -> Tensor:
        """Uniform words that only this party and `peer` know (`peer` = this party: it alone)."""
        address = Address(self.primitive, self.branch, stream, self.index)
        words = torch.from_numpy(self.runtime.keys.words(self._place(peer), address, math.prod(shape)))
        return words if len(shape) == 1 else words.reshape(shape)

    def digest(self, peer: int, data: bytes | memoryview, stream: int) -> bytes:
        """Salted digest that only `peer` can compare."""
        return self.runtime.keys.digest(
            self._place(peer), Address(self.primitive, self.branch, stream, self.index), data
        )

    def send(self, to: int, *parts: Tensor) -> None:
        """Send the words of `parts`, one after the other, as this step's message to `to`."""
        flat = parts[0] if len(parts) == 1 else torch.cat([part.reshape(-1) for part in parts])
        words = (flat if flat.is_cpu else flat.cpu()).numpy().astype(_LITTLE_ENDIAN, copy=False)
        self._send(to, words.size, _bytes_of(words))

    def recv(self, frm: int, *shapes: torch.Size | tuple[int, ...]) -> list[Tensor]:
        """The words `frm` sent in this step, cut into `shapes`."""
        sizes = [math.prod(shape) for shape in shapes]
        words = _words(self._recv(frm, sum(sizes)))
        if len(shapes) == 1:
            return [words if len(shapes[0]) == 1 else words.reshape(shapes[0])]
        return [part.reshape(shape) for part, shape in zip(torch.split(words, sizes), shapes, strict=True)]

    def send_bytes(self, to: int, data: bytes) -> None:
        """Send whole words of bytes as this step's message to `to`."""
        self._send(to, len(data) // 8, memoryview(data))

    def recv_bytes(self, frm: int, size: int) -> bytes:
        """The `size` bytes that `frm` sent in this step."""
        return bytes(self._recv(frm, size // 8))

    def _place(self, role: int) -> int:
        """The party that has a role."""
        return (role + self.turn) % self.runtime.channel.parties if self.turn else role

    def _send(self, to: int, elements: int, payload: Payload) -> None:
        tag = Tag(self.branch, self.index, self.primitive, elements, self.runtime.position.depth + 1)
        self.runtime.channel.send(self._place(to), tag, payload)

    def _recv(self, frm: int, elements: int) -> Any:
        frm, expected = self._place(frm), Tag(self.branch, self.index, self.primitive, elements)
        channel, place = self.runtime.channel, self.runtime.position
        with self.runtime.waiting():
            tag, payload = channel.recv(frm, expected)
        if len(payload) != elements * 8:
            raise ProtocolAbort(
                f"{channel.names[frm]} sent {len(payload)} bytes at {self.primitive}, "
                f"expected {elements * 8}.",
                culprit=channel.names[frm],
            )
        channel.claimed(tag, payload)
        place.depth = max(place.depth, tag.depth)
        return payload


def _bytes_of(words: np.ndarray[Any, Any]) -> Payload:
    """The bytes of an array: a copy where there are few of them, since a view of them costs more."""
    if words.nbytes <= _COPIED_BYTES:
        return words.tobytes()
    return np.ascontiguousarray(words).reshape(-1).view(np.uint8).data


def _words(payload: Payload) -> Tensor:
    """Little-endian words; what nobody else can see is not copied."""
    array = np.frombuffer(payload, dtype=_LITTLE_ENDIAN)
    if array.dtype.isnative and array.flags.writeable:
        return torch.from_numpy(array)
    return torch.from_numpy(array.astype(np.int64))
