"""Secret bits, packed 64 to a word: what comparisons work on and filters are made of."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor

from mpc.bounds import common_shape
from mpc.errors import NotSupported, RangeError, SecretControlFlow
from mpc.packing import WORD_BITS, words_for
from mpc.protocols.base import Protocol


def no_truth(what: str) -> NoReturn:
    """Control must not depend on a secret."""
    raise SecretControlFlow(
        f"{what} of a secret is not known to anybody here.",
        remedy="Use mpc.where, or release it as a result.",
    )


class SecretBits:
    """Secret bits packed 64 to a word along the last axis; `shape` counts bits.

    Shapes of two operands broadcast as numpy's do, and `RangeError` says where they do not. `^`, `~`, `==`,
    `!=` and indexing send nothing; nothing is revealed anywhere. Arithmetic takes words of 0 and 1:
    `SecretTensor.of_bits(bits)`; without it `NotSupported` says so.
    """

    __array_ufunc__ = None
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, protocol: Protocol[Any], share: Any, length: int) -> None:
        self.protocol = protocol
        self.share = share
        self.length = length

    @classmethod
    def from_plane(cls, protocol: Protocol[Any], plane: Any, shape: tuple[int, ...]) -> SecretBits:
        """From one plane over a flattened shape; packed along the last axis, `[]` as `[1]`. No message."""
        shape = shape or (1,)
        total, kernels = math.prod(shape), protocol.kernels

        def repack(words: Tensor) -> Tensor:
            if shape[-1] % WORD_BITS == 0:  # a row ends where a word does
                return words[0].reshape(*shape[:-1], shape[-1] // WORD_BITS)
            return kernels.words_to_bits(kernels.bits_to_words(words[0], total).reshape(shape))

        return cls(protocol, protocol.linear(repack, plane), shape[-1])

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes, in bits."""
        return (*self.protocol.shape(self.share)[:-1], self.length)

    @property
    def ndim(self) -> int:
        """How many axes there are."""
        return len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"SecretBits(shape={self.shape})"

    def __bool__(self) -> NoReturn:
        no_truth("The truth value")

    def __contains__(self, item: object) -> NoReturn:
        no_truth("Whether something is in the bits")

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        raise _no_numbers()

    def _linear(self, fn: Callable[..., Tensor], *others: SecretBits) -> SecretBits:
        share = self.protocol.linear(fn, self.share, *(other.share for other in others))
        return SecretBits(self.protocol, share, self.length)

    # --- shape ----------------------------------------------------------------------------------

    def __getitem__(self, index: Any) -> SecretBits:
        """Public indices, as numpy's. No message; what takes the packed axis apart packs it anew.

        `RangeError` for a single bit without an axis: a slice of length 1 keeps one.
        """
        if _inside_leading(index, self.ndim):
            return self._linear(lambda words: words[index])
        places = np.array(np.arange(math.prod(self.shape)).reshape(self.shape)[index], order="C")
        if places.ndim == 0:
            raise RangeError("Bits keep a last axis.", remedy="Take one bit as a slice: bits[..., 3:4].")
        chosen, kernels, length = torch.from_numpy(places), self.protocol.kernels, self.length

        def repack(words: Tensor) -> Tensor:
            return kernels.words_to_bits(kernels.bits_to_words(words, length).reshape(-1)[chosen])

        return SecretBits(self.protocol, self.protocol.linear(repack, self.share), places.shape[-1])

    def broadcast_to(self, shape: tuple[int, ...]) -> SecretBits:
        """Broadcast as numpy does; a single bit of the last axis is repeated. No message."""
        try:
            np.broadcast_to(np.broadcast_to(0, self.shape), shape)
        except ValueError as error:
            raise RangeError(
                f"Bits of {self.shape} do not broadcast to {shape}.",
                remedy="Give shapes that agree, or axes of length 1.",
            ) from error
        wide = self.expand(shape[-1])
        return wide._linear(lambda planes: planes.expand(*shape[:-1], planes.shape[-1]))

    def expand(self, length: int) -> SecretBits:
        """`[..., 1]` -> `[..., length]`: single bits repeated. No message. `RangeError` for other widths."""
        if self.length == length:
            return self
        if self.length != 1:
            raise RangeError(f"A row of {self.length} bits is no single bit.", remedy="Expand [..., 1] only.")

        def repeat(words: Tensor) -> Tensor:
            return (-(words & 1)).expand(*words.shape[:-1], words_for(length))

        share = self.protocol.linear(repeat, self.share)
        return SecretBits(self.protocol, share, length)

    def _pair(self, other: object) -> tuple[SecretBits, SecretBits]:
        """Two operands in one shape."""
        if not isinstance(other, SecretBits):
            raise _no_numbers()
        shape = common_shape("Bits", self, other)
        return self.broadcast_to(shape), other.broadcast_to(shape)

    # --- logic ----------------------------------------------------------------------------------

    def __xor__(self, other: SecretBits) -> SecretBits:
        """Exclusive or. No message."""
        x, y = self._pair(other)
        return x._linear(torch.bitwise_xor, y)

    def __invert__(self) -> SecretBits:
        """Not. No message."""
        ones = torch.full((1,), -1, dtype=torch.int64)
        return SecretBits(self.protocol, self.protocol.xor_public(self.share, ones), self.length)

    def __and__(self, other: SecretBits) -> SecretBits:
        """One round, one bit an element and party."""
        x, y = self._pair(other)
        return SecretBits(self.protocol, self.protocol.and_(x.share, y.share), x.length)

    def __or__(self, other: SecretBits) -> SecretBits:
        """As `&`."""
        x, y = self._pair(other)
        return ~(~x & ~y)

    def __eq__(self, other: object) -> SecretBits:  # type: ignore[override]
        """1 where both have the same bit. No message."""
        return ~(self != other)

    def __ne__(self, other: object) -> SecretBits:  # type: ignore[override]
        """As `^`."""
        x, y = self._pair(other)
        return x._linear(torch.bitwise_xor, y)

    # --- what takes words -----------------------------------------------------------------------

    def _no_arithmetic(self, *_: object) -> NoReturn:
        raise _no_numbers()

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __matmul__ = __rmatmul__ = _no_arithmetic
    __truediv__ = __rtruediv__ = __pow__ = __rpow__ = __neg__ = __abs__ = _no_arithmetic
    __rand__ = __ror__ = __rxor__ = __lt__ = __le__ = __gt__ = __ge__ = _no_arithmetic


def _inside_leading(index: Any, ndim: int) -> bool:
    """Whether an index leaves the last axis whole, in torch's terms (which have no negative steps)."""
    items = index if isinstance(index, tuple) else (index,)
    places = [place for place, item in enumerate(items) if item is Ellipsis]
    if places and places[0] != len(items) - 1:
        return False
    steps = [item.step for item in items if isinstance(item, slice)]
    used = sum(_axes_used(item) for item in items)
    return used < ndim and all(step is None or step > 0 for step in steps)


def _axes_used(item: Any) -> int:
    """How many axes one part of an index speaks about."""
    if item is None or item is Ellipsis:
        return 0
    return np.ndim(item) if getattr(item, "dtype", None) in (np.bool_, torch.bool) else 1


def _no_numbers() -> NotSupported:
    return NotSupported(
        "Packed bits compute with packed bits only.",
        remedy="Make words of 0 and 1: mpc.SecretTensor.of_bits(bits).",
    )
