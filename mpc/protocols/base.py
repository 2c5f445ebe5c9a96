"""What every protocol offers, what it promises, and what it says that it costs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Generic, TypeVar

import torch
from torch import Tensor

from mpc.errors import NotSupported, ProtocolAbort
from mpc.kernels import Kernels
from mpc.protocols.runtime import DIGEST_BYTES, Opening, Runtime
from mpc.protocols.separable import Separable

ShareT = TypeVar("ShareT")


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
    """What a protocol promises: read by tests for tolerances and by sessions of nodes, which refuse some."""

    name: str
    parties: int
    #: whom it protects from whom
    model: str
    #: whether nodes run it
    node_ready: bool
    #: a truncation is the floor, or this many units above it at most, for words below 2^truncation_bits
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


class Protocol(ABC, Generic[ShareT]):
    """The operations of one secret-sharing scheme over Z_2^64 words and packed GF(2) planes.

    Shares are opaque to callers. Arithmetic shares hold words of any shape; boolean shares hold
    planes packed 64 bits a word. Shapes of the two operands must already agree. What is shifted right is
    within `guarantees.truncation_units` of the floor for words below 2^`guarantees.truncation_bits`; where
    `bits` is a tensor, they are public shifts that broadcast to the share.

    What says nothing else sends messages as its row in `costs` says, where the protocol declares them, and
    reveals nothing. Every party calls the same primitives in the same order.
    """

    guarantees: Guarantees
    costs: ClassVar[Costs] = MappingProxyType({})

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    @classmethod
    def costs_for(cls, parties: int) -> Costs:  # noqa: ARG003 - of those that leave the choice
        """`costs` where that many parties compute."""
        return cls.costs

    @property
    def kernels(self) -> Kernels:
        """What computes on this party's own words."""
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
    def input(self, words: Tensor | None, shape: tuple[int, ...], owner: int) -> ShareT:
        """A share of the words of party `owner`; the others give None. `ProtocolAbort` if it does."""

    @abstractmethod
    def public(self, words: Tensor) -> ShareT:
        """A share of words that every party has, the same at all. No message."""

    @abstractmethod
    def reveal(self, x: ShareT) -> Tensor:
        """The words, to all computing parties. What a program opens goes through `open`."""

    @abstractmethod
    def reveal_to(self, x: ShareT, party: int) -> Tensor | None:
        """The words, to one computing party only; None at the others. For recipients that compute."""

    @abstractmethod
    def compare_copies(self, inputs: dict[str, list[ShareT]]) -> None:
        """Compare the copies of each outside owner's input before use; `InputMismatch` names the owner.

        Reveals digests that who has the copy could compute.
        """

    # linear: no message

    @abstractmethod
    def linear(self, fn: Callable[..., Tensor], *shares: ShareT) -> ShareT:
        """A linear function of words: a sum, a reshape, an index, a product with public words. No message.

        Of boolean shares: linear over GF(2).
        """

    @abstractmethod
    def add_public(self, x: ShareT, words: Tensor) -> ShareT:
        """x + words, which broadcast to x. No message."""

    @abstractmethod
    def shape(self, x: ShareT) -> tuple[int, ...]:
        """Of the words, or of the planes. Public."""

    # products

    @abstractmethod
    def mul(self, x: ShareT, y: ShareT, truncate: int = 0) -> ShareT:
        """Elementwise product of one shape, `truncate` bits less."""

    @abstractmethod
    def dot(self, x: ShareT, y: ShareT, truncate: int = 0) -> ShareT:
        """`[..., n]` and `[..., n]` of one shape to `[...]`: sums of products, `truncate` bits less."""

    @abstractmethod
    def matmul(self, x: ShareT, y: ShareT, truncate: int = 0) -> ShareT:
        """Matrix product with torch's shapes, batched too, `truncate` bits less."""

    @abstractmethod
    def truncate(self, x: ShareT, bits: int | Tensor) -> ShareT:
        """Words shifted right by 1 to 62 bits, exact but for the last bit."""

    @abstractmethod
    def separable(self, x: ShareT, function: Separable, bits: int | Tensor) -> ShareT:
        """f of flat `[n]` words, `bits` fraction bits less; `[k, 1]` shifts make `[k, n]`."""

    # bits: planes of one shape

    @abstractmethod
    def xor_public(self, x: ShareT, words: Tensor) -> ShareT:
        """XOR with packed words that every party has and that broadcast to x. No message."""

    @abstractmethod
    def and_(self, x: ShareT, y: ShareT) -> ShareT:
        """AND of packed bits."""

    # conversions; arithmetic operands are flat `[n]`, bit results are planes `[count, ceil(n/64)]`

    @abstractmethod
    def a2b(self, x: ShareT, bits: int) -> ShareT:
        """The low `bits` bits of any words as planes, lowest first."""

    @abstractmethod
    def b2a(self, x: ShareT, elements: int) -> ShareT:
        """One plane `[1, ceil(n/64)]` as n words of 0 and 1."""

    @abstractmethod
    def sign(self, x: ShareT, bits: int) -> ShareT:
        """1 where x < 0, else 0, as words, for |x| < 2^bits; of other words still 0 or 1."""

    @abstractmethod
    def sign_bits(self, x: ShareT, bits: int) -> ShareT:
        """As `sign`, as one plane."""

    @abstractmethod
    def is_zero(self, x: ShareT, bits: int) -> ShareT:
        """1 where x = 0, else 0, as words, for |x| < 2^bits; of other words still 0 or 1."""

    # permutations of the rows of `[n, ...]`; `NotSupported` without `guarantees.permutations`

    @abstractmethod
    def draw_shuffle(self, rows: int) -> Any:
        """A fresh uniform order, drawn once and known to nobody as a whole. No message."""

    @abstractmethod
    def shuffle(self, x: ShareT, shuffle: Any) -> ShareT:
        """The rows in that order."""

    @abstractmethod
    def unshuffle(self, x: ShareT, shuffle: Any) -> ShareT:
        """The rows from that order back."""

    # the same for all

    def open(self, x: ShareT, why: str) -> Tensor:
        """A declared opening to all computing parties; stands in `runtime.openings` with its reason."""
        words = self.reveal(x)
        self.runtime.openings.append(Opening(why, words.numel()))
        return words

    def announce_bound(self, bits: int | None, owner: int) -> int:
        """The bit length that party `owner` says of its words; the others give None. Public by intention.

        One round, 8 B to each other party. Simulations only: nodes have bounds from the catalogue.
        """
        step = self.runtime.step("announce_bound")
        if bits is None:
            return int(step.recv(owner, (1,))[0].item() % 63)
        for peer in self._peers():
            step.send(peer, torch.tensor([bits]))
        return bits

    def agree(self, digest: bytes, what: str) -> None:
        """Compare a 32-byte digest of public parameters; `ProtocolAbort` if a party holds another.

        One round, 32 bytes to each other party.
        """
        step = self.runtime.step("agree")
        for peer in self._peers():
            step.send_bytes(peer, digest)
        for peer in self._peers():
            if step.recv_bytes(peer, DIGEST_BYTES) != digest:
                name = self.runtime.channel.names[peer]
                raise ProtocolAbort(
                    f"{name} and this party disagree on {what}.",
                    remedy="Compare the plan, the policies and the versions of Triune at both parties.",
                    culprit=name,
                )

    def _peers(self) -> list[int]:
        return [peer for peer in range(self.parties) if peer != self.runtime.party]
