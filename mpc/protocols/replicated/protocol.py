"""The replicated protocol behind `base.Protocol`, and the declared cost of every primitive."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import MappingProxyType

from torch import Tensor

from mpc.errors import ProtocolAbort
from mpc.packing import WORD_BITS, words_for
from mpc.protocols.base import Cost, Costs, Guarantees, Protocol
from mpc.protocols.branches import cost_in_pieces, pieces
from mpc.protocols.replicated import (
    arithmetic,
    boolean,
    conversion,
    permutation,
    separable,
    truncation,
)
from mpc.protocols.replicated.packages import PARTIES
from mpc.protocols.replicated.shares import ReplicatedShare, concatenated, flat, part
from mpc.protocols.runtime import Runtime
from mpc.protocols.separable import Separable


def _separable_cost(elements: int, rows: int, truncations: int = 1) -> Cost:
    return cost_in_pieces(separable.separable_cost, elements, rows, truncations, rows=rows)


def _of_output(cost: Callable[[int], Cost]) -> Callable[..., Cost]:
    """What costs as much whatever its operands' elements, or shifts, are."""
    return lambda elements, *_: cost(elements)


#: Declared cost by primitive; arguments are element counts, and bits where planes depend on them.
COSTS: Costs = MappingProxyType(
    {
        "input": arithmetic.input_cost,
        "reveal": arithmetic.reveal_cost,
        "reveal_to": arithmetic.reveal_to_cost,
        "agree": arithmetic.agree_cost,
        "announce_bound": arithmetic.announce_bound_cost,
        "compare_copies": arithmetic.compare_copies_cost,
        "mul": partial(cost_in_pieces, arithmetic.product_cost),
        "dot": _of_output(arithmetic.product_cost),
        "matmul": _of_output(arithmetic.product_cost),
        "mul_truncate": partial(cost_in_pieces, truncation.truncate_parts_cost),
        "matmul_truncate": _of_output(truncation.truncate_parts_cost),
        "truncate": _of_output(partial(cost_in_pieces, truncation.truncate_cost)),
        "separable": _separable_cost,
        "and": boolean.and_cost,
        "a2b": partial(cost_in_pieces, conversion.a2b_cost),
        "b2a": partial(cost_in_pieces, conversion.b2a_cost),
        "sign": partial(cost_in_pieces, conversion.sign_cost),
        "sign_bits": partial(cost_in_pieces, conversion.sign_bits_cost),
        "is_zero": partial(cost_in_pieces, conversion.is_zero_cost),
        "shuffle": permutation.apply_cost,
        "unshuffle": permutation.undo_cost,
    }
)


class ReplicatedProtocol(Protocol[ReplicatedShare]):
    """Three parties, semi-honest, one corruption. Truncations are the floor or the ceiling."""

    guarantees = Guarantees(
        name="replicated",
        parties=PARTIES,
        model="semi-honest, honest majority",
        node_ready=True,
    )
    costs = COSTS

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

    # Elementwise primitives take long vectors in pieces (`branches`).

    def mul(self, x: ReplicatedShare, y: ReplicatedShare, truncate: int = 0) -> ReplicatedShare:
        def product(piece: slice) -> ReplicatedShare:
            a, b = part(flat_x, piece), part(flat_y, piece)
            if truncate:
                return truncation.mul(self.runtime, a, b, truncate)
            return arithmetic.mul(self.runtime, a, b)

        flat_x, flat_y = flat(x), flat(y)
        return self._in_pieces(product, flat_x).reshape(x.own.shape)

    def dot(self, x: ReplicatedShare, y: ReplicatedShare, truncate: int = 0) -> ReplicatedShare:
        if truncate:
            return truncation.dot(self.runtime, x, y, truncate)
        return arithmetic.dot(self.runtime, x, y)

    def matmul(self, x: ReplicatedShare, y: ReplicatedShare, truncate: int = 0) -> ReplicatedShare:
        if truncate:
            return truncation.matmul(self.runtime, x, y, truncate)
        return arithmetic.matmul(self.runtime, x, y)

    def truncate(self, x: ReplicatedShare, bits: int | Tensor) -> ReplicatedShare:
        if not isinstance(bits, int):
            return truncation.truncate(self.runtime, x, bits)
        words = flat(x)
        made = self._in_pieces(
            lambda piece: truncation.truncate(self.runtime, part(words, piece), bits), words
        )
        return made.reshape(x.own.shape)

    def separable(self, x: ReplicatedShare, function: Separable, bits: int | Tensor) -> ReplicatedShare:
        def made(piece: slice) -> ReplicatedShare:
            return separable.separable(self.runtime, part(x, piece), function, bits)

        return concatenated(pieces(self.runtime, x.own.numel(), made, function.rows))

    def xor_public(self, x: ReplicatedShare, words: Tensor) -> ReplicatedShare:
        return boolean.xor_public(self.runtime.party, x, words)

    def and_(self, x: ReplicatedShare, y: ReplicatedShare) -> ReplicatedShare:
        return boolean.and_(self.runtime, x, y)

    def a2b(self, x: ReplicatedShare, bits: int) -> ReplicatedShare:
        return self._in_pieces(lambda piece: conversion.a2b(self.runtime, part(x, piece), bits), x)

    def b2a(self, x: ReplicatedShare, elements: int) -> ReplicatedShare:
        def words(piece: slice) -> ReplicatedShare:
            packed = part(x, slice(piece.start // WORD_BITS, words_for(piece.stop)))
            return conversion.b2a(self.runtime, packed, piece.stop - piece.start)

        return concatenated(pieces(self.runtime, elements, words))

    def sign(self, x: ReplicatedShare, bits: int) -> ReplicatedShare:
        return self._in_pieces(lambda piece: conversion.sign(self.runtime, part(x, piece), bits), x)

    def sign_bits(self, x: ReplicatedShare, bits: int) -> ReplicatedShare:
        return self._in_pieces(lambda piece: conversion.sign_bits(self.runtime, part(x, piece), bits), x)

    def is_zero(self, x: ReplicatedShare, bits: int) -> ReplicatedShare:
        return self._in_pieces(lambda piece: conversion.is_zero(self.runtime, part(x, piece), bits), x)

    def _in_pieces(self, work: Callable[[slice], ReplicatedShare], x: ReplicatedShare) -> ReplicatedShare:
        """`work` on each piece of `[n]` words; its results side by side."""
        return concatenated(pieces(self.runtime, x.own.numel(), work))

    def draw_shuffle(self, rows: int) -> permutation.Shuffle:
        return permutation.draw(self.runtime, rows)

    def shuffle(self, x: ReplicatedShare, shuffle: permutation.Shuffle) -> ReplicatedShare:
        return permutation.apply(self.runtime, x, shuffle)

    def unshuffle(self, x: ReplicatedShare, shuffle: permutation.Shuffle) -> ReplicatedShare:
        return permutation.undo(self.runtime, x, shuffle)


__all__ = ["COSTS", "ReplicatedProtocol"]
