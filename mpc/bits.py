"""Secret bits, packed 64 to a word: what comparisons work on and filters are made of."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor

from mpc.errors import SecretControlFlow
from mpc.kernels import words_for
from mpc.protocols.base import Protocol


def no_truth(what: str) -> NoReturn:
    """Control must not depend on a secret."""
    raise SecretControlFlow(
        f"{what} of a secret is not known to anybody here.",
        remedy="Use mpc.where, or release it as a result.",
    )


class SecretBits:
    """Secret bits packed 64 to a word along the last axis; `shape` counts bits."""

    __array_ufunc__ = None
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, protocol: Protocol[Any], share: Any, length: int) -> None:
        self.protocol = protocol
        self.share = share
        self.length = length

    @classmethod
    def from_plane(cls, protocol: Protocol[Any], plane: Any, shape: tuple[int, ...]) -> SecretBits:
        """From one plane over the flattened `shape`; repacked along the last axis. No message."""
        total, kernels = math.prod(shape), protocol.kernels

        def repack(words: Tensor) -> Tensor:
            return kernels.words_to_bits(kernels.bits_to_words(words[0], total).reshape(shape))

        return cls(protocol, protocol.linear(repack, plane), shape[-1])

    @property
    def shape(self) -> tuple[int, ...]:
        return (*self.protocol.shape(self.share)[:-1], self.length)

    def __repr__(self) -> str:
        return f"SecretBits(shape={self.shape})"

    def __bool__(self) -> NoReturn:
        no_truth("The truth value")

    def _linear(self, fn: Callable[..., Tensor], *others: SecretBits) -> SecretBits:
        share = self.protocol.linear(fn, self.share, *(other.share for other in others))
        return SecretBits(self.protocol, share, self.length)

    def __getitem__(self, index: Any) -> SecretBits:
        """Index leading axes only; the packed axis stays whole."""
        return self._linear(lambda words: words[index])

    def broadcast_to(self, shape: tuple[int, ...]) -> SecretBits:
        """Broadcast leading axes."""
        words = self.protocol.shape(self.share)[-1]
        return self._linear(lambda planes: planes.expand(*shape[:-1], words))

    def __xor__(self, other: SecretBits) -> SecretBits:
        return self._linear(torch.bitwise_xor, other)

    def __invert__(self) -> SecretBits:
        ones = torch.full((1,), -1, dtype=torch.int64)
        return SecretBits(self.protocol, self.protocol.xor_public(self.share, ones), self.length)

    def __and__(self, other: SecretBits) -> SecretBits:
        """One round, one bit an element and party."""
        shape = np.broadcast_shapes(self.shape, other.shape)
        x, y = self.broadcast_to(shape), other.broadcast_to(shape)
        return SecretBits(self.protocol, self.protocol.and_(x.share, y.share), self.length)

    def __or__(self, other: SecretBits) -> SecretBits:
        return ~(~self & ~other)

    def expand(self, length: int) -> SecretBits:
        """`[..., 1]` -> `[..., length]`: each single bit repeated. No message."""

        def repeat(words: Tensor) -> Tensor:
            return (-(words & 1)).expand(*words.shape[:-1], words_for(length))

        share = self.protocol.linear(repeat, self.share)
        return SecretBits(self.protocol, share, length)
