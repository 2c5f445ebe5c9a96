"""What every protocol offers, and the runtime that its steps run on.

A *step* is one message slot: it has one tag, and under it any party may send at most one message to
each other party. Primitives are written as a few steps. The runtime keeps each thread's position in
the program (branch, next index, depth), so that `session.gather` can overlap branches.
"""

from __future__ import annotations

import math
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Final, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor

from mpc.channel import Channel, Payload, Tag
from mpc.errors import NotSupported, ProtocolAbort
from mpc.kernels import Kernels, choose
from mpc.protocols.separable import Separable
from mpc.randomness import Address, PairKeys

ShareT = TypeVar("ShareT")


#: Words as they travel.
_LITTLE_ENDIAN: Final = np.dtype("<i8")
_STAYS: Final = nullcontext()
#: Messages of up to so many bytes are copied out of their tensor.
_COPIED_BYTES: Final = 1 << 12
#: Of a SHA-256 digest.
DIGEST_BYTES: Final = 32


@dataclass(frozen=True)
class Cost:
    """Rounds, and payload bytes that each party sends (party 0 first)."""

    rounds: int
    sent: tuple[int, ...]

    def __add__(self, other: Cost) -> Cost:
        """One after the other."""
        return Cost(
            self.rounds + other.rounds, tuple(a + b for a, b in zip(self.sent, other.sent, strict=True))
        )


#: Declared cost by primitive; arguments are element counts, and what else it depends on.
Costs = Mapping[str, Callable[..., Cost]]


@dataclass(frozen=True)
class Guarantees:
    """What a protocol promises: read by tests for tolerances and by nodes for their refusals."""

    name: str
    parties: int
    corrupted: int
    model: str
    truncation_error: str
    node_ready: bool
    #: the same as numbers: below so many units in the last place, for words below 2^truncation_bits
    truncation_units: int = 1
    truncation_bits: int = 62
    #: more than `parties` where the number is chosen; 0 where it is not
    parties_at_most: int = 0
    #: parties of the channel that run no program, after the computing ones
    helpers: int = 0
    #: whether branches of `session.gather` overlap
    concurrent: bool = True
    #: whether it shuffles, which all that sorts rests on
    permutations: bool = True


def lacks_permutations(guarantees: Guarantees) -> NotSupported:
    """What a protocol without shuffles answers."""
    return NotSupported(
        f"The protocol {guarantees.name} has no shuffle, and so nothing that sorts.",
        remedy="Use the protocol replicated.",
    )


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
    """One slot of the program: a tag for its messages, an address for its masks."""

    runtime: Runtime
    branch: tuple[int, ...]
    index: int
    primitive: str
    turn: int = 0

    def mask(self, peer: int, shape: torch.Size | tuple[int, ...], lane: int = 0) -> Tensor:
        """Uniform words that only this party and `peer` know (`peer` = this party: it alone)."""
        address = Address(self.primitive, self.branch, lane, self.index)
        words = torch.from_numpy(self.runtime.keys.words(self._place(peer), address, math.prod(shape)))
        return words if len(shape) == 1 else words.reshape(shape)

    def digest(self, peer: int, data: bytes | memoryview, lane: int) -> bytes:
        """Salted digest that only `peer` can compare."""
        return self.runtime.keys.digest(
            self._place(peer), Address(self.primitive, self.branch, lane, self.index), data
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
        self._send(to, len(data) // 8, memoryview(data))

    def recv_bytes(self, frm: int, size: int) -> bytes:
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


class Protocol(ABC, Generic[ShareT]):
    """The operations of one secret-sharing scheme over Z_2^64 words and packed GF(2) planes.

    Shares are opaque to callers. Arithmetic shares hold words of any shape; boolean shares hold
    planes packed 64 bits a word. Shapes of the two operands must already agree. Truncating products
    shift right by `bits` with the error that `guarantees.truncation_error` names; `truncate` takes one
    public shift, or words of shifts that broadcast to the share.
    """

    guarantees: Guarantees
    costs: ClassVar[Costs] = MappingProxyType({})

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    @property
    def kernels(self) -> Kernels:
        return self.runtime.kernels

    @property
    def parties(self) -> int:
        """How many parties compute."""
        return self.runtime.channel.parties - self.guarantees.helpers

    def serve(self) -> None:
        """What a helper does instead of a program, until the session ends."""

    def close(self, *, completed: bool) -> None:
        """The session has ended, well (`completed`) or not."""

    # sharing and opening
    @abstractmethod
    def input(self, words: Tensor | None, shape: tuple[int, ...], owner: int) -> ShareT: ...
    @abstractmethod
    def public(self, words: Tensor) -> ShareT: ...
    @abstractmethod
    def reveal(self, x: ShareT) -> Tensor: ...
    @abstractmethod
    def reveal_to(self, x: ShareT, party: int) -> Tensor | None: ...

    @abstractmethod
    def compare_copies(self, inputs: dict[str, list[ShareT]]) -> None:
        """Compare the copies of each outside owner's input before use; `InputMismatch` names the owner."""

    # linear, no round: `fn` must be linear (a sum, a reshape, an index, a product with public words)
    @abstractmethod
    def linear(self, fn: Callable[..., Tensor], *shares: ShareT) -> ShareT: ...
    @abstractmethod
    def add_public(self, x: ShareT, words: Tensor) -> ShareT: ...
    @abstractmethod
    def shape(self, x: ShareT) -> tuple[int, ...]: ...

    # products
    @abstractmethod
    def mul(self, x: ShareT, y: ShareT, truncate: int = 0) -> ShareT: ...
    @abstractmethod
    def dot(self, x: ShareT, y: ShareT, truncate: int = 0) -> ShareT: ...
    @abstractmethod
    def matmul(self, x: ShareT, y: ShareT, truncate: int = 0) -> ShareT: ...
    @abstractmethod
    def truncate(self, x: ShareT, bits: int | Tensor) -> ShareT: ...

    @abstractmethod
    def separable(self, x: ShareT, function: Separable, bits: int | Tensor) -> ShareT:
        """f of flat `[n]` words, `bits` fraction bits less; `[k, 1]` shifts make `[k, n]`."""

    # bits
    @abstractmethod
    def xor_public(self, x: ShareT, words: Tensor) -> ShareT: ...
    @abstractmethod
    def and_(self, x: ShareT, y: ShareT) -> ShareT: ...

    # conversions; arithmetic operands are flat `[n]`, bit results are planes `[count, ceil(n/64)]`
    @abstractmethod
    def a2b(self, x: ShareT, bits: int) -> ShareT: ...
    @abstractmethod
    def b2a(self, x: ShareT, elements: int) -> ShareT: ...
    @abstractmethod
    def sign(self, x: ShareT, bits: int) -> ShareT: ...
    @abstractmethod
    def sign_bits(self, x: ShareT, bits: int) -> ShareT: ...
    @abstractmethod
    def is_zero(self, x: ShareT, bits: int) -> ShareT: ...

    # permutations of the rows of `[n, ...]`; a shuffle is drawn once and known to nobody as a whole
    @abstractmethod
    def draw_shuffle(self, rows: int) -> Any: ...
    @abstractmethod
    def shuffle(self, x: ShareT, shuffle: Any) -> ShareT: ...
    @abstractmethod
    def unshuffle(self, x: ShareT, shuffle: Any) -> ShareT: ...

    def open(self, x: ShareT, why: str) -> Tensor:
        """A declared opening to all computing parties; stands in `runtime.openings` with its reason."""
        words = self.reveal(x)
        self.runtime.openings.append(Opening(why, words.numel()))
        return words

    def agree(self, digest: bytes, what: str) -> None:
        """Compare a 32-byte digest of public parameters; `ProtocolAbort` if a party holds another.

        One round, 32 bytes to each other party.
        """
        step, me = self.runtime.step("agree"), self.runtime.party
        peers = [peer for peer in range(self.parties) if peer != me]
        for peer in peers:
            step.send_bytes(peer, digest)
        for peer in peers:
            if step.recv_bytes(peer, DIGEST_BYTES) != digest:
                name = self.runtime.channel.names[peer]
                raise ProtocolAbort(
                    f"{name} and this party disagree on {what}.",
                    remedy="Compare the plan and the policies at both parties.",
                    culprit=name,
                )
