"""The replicated protocol behind `base.Protocol`, and the declared cost of every primitive."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from torch import Tensor

from mpc.errors import ProtocolAbort
from mpc.protocols.base import Cost, Guarantees, Protocol, Runtime
from mpc.protocols.replicated import arithmetic, boolean, conversion, permutation, truncation
from mpc.protocols.replicated.shares import PARTIES, ReplicatedShare

#: Declared cost by primitive; arguments are element counts, and bits where planes depend on them.
COSTS: Mapping[str, Callable[..., Cost]] = MappingProxyType(
    {
        "input": arithmetic.input_cost,
        "reveal": arithmetic.reveal_cost,
        "reveal_to": arithmetic.reveal_to_cost,
        "agree": arithmetic.agree_cost,
        "compare_copies": arithmetic.compare_copies_cost,
        "mul": arithmetic.product_cost,
        "dot": arithmetic.product_cost,
        "matmul": arithmetic.product_cost,
        "truncate": truncation.truncate_cost,
        "and": boolean.and_cost,
        "a2b": conversion.a2b_cost,
        "b2a": conversion.b2a_cost,
        "sign": conversion.sign_cost,
        "sign_bits": conversion.sign_bits_cost,
        "is_zero": conversion.is_zero_cost,
        "shuffle": permutation.apply_cost,
        "unshuffle": permutation.undo_cost,
    }
)


class ReplicatedProtocol(Protocol[ReplicatedShare]):
    """Three parties, semi-honest, one corruption."""

    guarantees = Guarantees(
        name="replicated",
        parties=PARTIES,
        corrupted=1,
        model="semi-honest, honest majority",
        truncation_error="floor or ceiling: below 1 unit in the last place for |x| < 2^62",
        node_ready=True,
    )

    def __init__(self, runtime: Runtime) -> None:
        if runtime.channel.parties != PARTIES:
            raise ProtocolAbort(
                f"The replicated protocol needs {PARTIES} parties, not {runtime.channel.parties}."
            )
        super().__init__(runtime)

    def input(self, words: Tensor | None, shape: tuple[int, ...], owner: int) -> ReplicatedShare:
        return arithmetic.share_own(self.runtime, words, shape, owner)

    def public(self, words: Tensor) -> ReplicatedShare:
        return arithmetic.share_public(self.runtime.party, words)

    def reveal(self, x: ReplicatedShare) -> Tensor:
        return arithmetic.reveal(self.runtime, x)

    def reveal_to(self, x: ReplicatedShare, party: int) -> Tensor | None:
        return arithmetic.reveal_to(self.runtime, x, party)

    def compare_copies(self, inputs: dict[str, list[ReplicatedShare]]) -> None:
        arithmetic.compare_copies(self.runtime, inputs)

    def linear(self, fn: Callable[..., Tensor], *shares: ReplicatedShare) -> ReplicatedShare:
        return ReplicatedShare(fn(*(share.own for share in shares)), fn(*(share.next for share in shares)))

    def add_public(self, x: ReplicatedShare, words: Tensor) -> ReplicatedShare:
        constant = self.public(words.expand(x.own.shape))
        return ReplicatedShare(x.own + constant.own, x.next + constant.next)

    def shape(self, x: ReplicatedShare) -> tuple[int, ...]:
        return tuple(x.own.shape)

    def mul(self, x: ReplicatedShare, y: ReplicatedShare, truncate: int = 0) -> ReplicatedShare:
        if truncate:
            return truncation.mul(self.runtime, x, y, truncate)
        return arithmetic.mul(self.runtime, x, y)

    def dot(self, x: ReplicatedShare, y: ReplicatedShare, truncate: int = 0) -> ReplicatedShare:
        if truncate:
            return truncation.dot(self.runtime, x, y, truncate)
        return arithmetic.dot(self.runtime, x, y)

    def matmul(self, x: ReplicatedShare, y: ReplicatedShare, truncate: int = 0) -> ReplicatedShare:
        if truncate:
            return truncation.matmul(self.runtime, x, y, truncate)
        return arithmetic.matmul(self.runtime, x, y)

    def truncate(self, x: ReplicatedShare, bits: int | Tensor) -> ReplicatedShare:
        return truncation.truncate(self.runtime, x, bits)

    def xor_public(self, x: ReplicatedShare, words: Tensor) -> ReplicatedShare:
        return boolean.xor_public(self.runtime.party, x, words)

    def and_(self, x: ReplicatedShare, y: ReplicatedShare) -> ReplicatedShare:
        return boolean.and_(self.runtime, x, y)

    def a2b(self, x: ReplicatedShare, bits: int) -> ReplicatedShare:
        return conversion.a2b(self.runtime, x, bits)

    def b2a(self, x: ReplicatedShare, elements: int) -> ReplicatedShare:
        return conversion.b2a(self.runtime, x, elements)

    def sign(self, x: ReplicatedShare, bits: int) -> ReplicatedShare:
        return conversion.sign(self.runtime, x, bits)

    def sign_bits(self, x: ReplicatedShare, bits: int) -> ReplicatedShare:
        return conversion.sign_bits(self.runtime, x, bits)

    def is_zero(self, x: ReplicatedShare, bits: int) -> ReplicatedShare:
        return conversion.is_zero(self.runtime, x, bits)

    def draw_shuffle(self, rows: int) -> permutation.Shuffle:
        return permutation.draw(self.runtime, rows)

    def shuffle(self, x: ReplicatedShare, shuffle: permutation.Shuffle) -> ReplicatedShare:
        return permutation.apply(self.runtime, x, shuffle)

    def unshuffle(self, x: ReplicatedShare, shuffle: permutation.Shuffle) -> ReplicatedShare:
        return permutation.undo(self.runtime, x, shuffle)


__all__ = ["COSTS", "ReplicatedProtocol"]
