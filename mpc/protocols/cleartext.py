"""The oracle: the same interface on plain words, one party, no protection. Nodes refuse it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from mpc.errors import ProtocolAbort
from mpc.protocols.base import Guarantees, Protocol
from mpc.protocols.separable import Separable


class CleartextProtocol(Protocol[Tensor]):
    """Every operation in the clear; truncation is the floor."""

    guarantees = Guarantees(
        name="cleartext",
        parties=1,
        model="none: an oracle for tests",
        node_ready=False,
    )

    def input(self, words: Tensor | None, shape: tuple[int, ...], owner: int) -> Tensor:
        if words is None:
            raise ProtocolAbort("The owner of an input must give its words.")
        return words.reshape(shape)

    def public(self, words: Tensor) -> Tensor:
        return words

    def reveal(self, x: Tensor) -> Tensor:
        return x

    def reveal_to(self, x: Tensor, party: int) -> Tensor | None:
        return x

    def compare_copies(self, inputs: dict[str, list[Tensor]]) -> None:
        """There is one copy."""

    def linear(self, fn: Callable[..., Tensor], *shares: Tensor) -> Tensor:
        return fn(*shares)

    def add_public(self, x: Tensor, words: Tensor) -> Tensor:
        return x + words

    def shape(self, x: Tensor) -> tuple[int, ...]:
        return tuple(x.shape)

    def mul(self, x: Tensor, y: Tensor, truncate: int = 0) -> Tensor:
        return (x * y) >> truncate

    def dot(self, x: Tensor, y: Tensor, truncate: int = 0) -> Tensor:
        return (x * y).sum(-1) >> truncate

    def matmul(self, x: Tensor, y: Tensor, truncate: int = 0) -> Tensor:
        return self.kernels.matmul(x, y) >> truncate

    def truncate(self, x: Tensor, bits: int | Tensor) -> Tensor:
        return x >> bits

    def separable(self, x: Tensor, function: Separable, bits: int | Tensor) -> Tensor:
        dealt = function.dealt(self.kernels, torch.zeros_like(x))
        return function.part(self.kernels, x, dealt, first=True) >> bits

    def xor_public(self, x: Tensor, words: Tensor) -> Tensor:
        return x ^ words

    def and_(self, x: Tensor, y: Tensor) -> Tensor:
        return x & y

    def a2b(self, x: Tensor, bits: int) -> Tensor:
        return self.kernels.to_planes(x, bits)

    def b2a(self, x: Tensor, elements: int) -> Tensor:
        return self.kernels.bits_to_words(x[0], elements)

    def sign(self, x: Tensor, bits: int) -> Tensor:
        return (x < 0).to(torch.int64)

    def sign_bits(self, x: Tensor, bits: int) -> Tensor:
        return self.kernels.to_planes(self.sign(x, bits), 1)

    def is_zero(self, x: Tensor, bits: int) -> Tensor:
        return (x == 0).to(torch.int64)

    def draw_shuffle(self, rows: int) -> Tensor:
        step = self.runtime.step("shuffle.draw")
        return torch.argsort(step.mask(self.runtime.party, (rows,)), stable=True)

    def shuffle(self, x: Tensor, shuffle: Tensor) -> Tensor:
        return x[shuffle]

    def unshuffle(self, x: Tensor, shuffle: Tensor) -> Tensor:
        return x[torch.argsort(shuffle)]
