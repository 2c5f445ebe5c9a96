"""Comparisons of a secret tensor: `< <= > >= == !=` as words of 0 and 1, and `less_bits` as packed bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from mpc.bits import SecretBits
from mpc.bounds import Public, common_shape, magnitude
from mpc.encoding import INTEGER, threshold
from mpc.operators import FunctionOperators


class Comparisons(FunctionOperators):
    """What `SecretTensor` inherits: exact, with any public numbers, of any size or fineness.

    At most 8 rounds, about 24 B an element and party for 62-bit bounds. Shapes broadcast. `RangeError` for
    NaN, for shapes that do not broadcast, and where one of two secrets leaves the ring at the other's scale.
    """

    __hash__ = None  # type: ignore[assignment]

    def _gap(
        self, other: Any, rounding: Callable[..., Any], *, swapped: bool = False
    ) -> tuple[Any, int, tuple[int, ...]]:
        """Flat words of self - other (or the reverse), how many bits they have, and their shape. No message.

        A public operand is taken as the word that decides (`threshold`), so its scale is no matter.
        """
        x: Any = self
        if isinstance(other, Comparisons):
            y: Any = other
            scale = self.scale.join(other.scale)
            x, y = x.rescale(scale), y.rescale(scale)
            share, reach = y.share, y.bound
        else:
            words = threshold(other, self.scale, self.bound, rounding)
            share, reach = self.protocol.public(torch.from_numpy(words)), magnitude(words)
        shape = common_shape("A comparison", self, other)

        def difference(own: Tensor, word: Tensor) -> Tensor:
            return (word - own if swapped else own - word).reshape(-1)

        flat = self.protocol.linear(difference, x.share, share)
        return flat, max(1, (x.bound + reach).bit_length()), shape

    def _flags(self, share: Any, shape: tuple[int, ...]) -> Any:
        x: Any = self
        return x.like(share, scale=INTEGER, bound=1).reshape(*shape)

    def __lt__(self, other: Self | Public) -> Self:
        """0/1 of the broadcast shape. At most 8 rounds, about 24 B an element and party for 62-bit bounds.

        Exact, with any public numbers, of any size or fineness. `RangeError` for NaN, for shapes that do not
        broadcast, and where one of two secrets leaves the ring at the other's scale. So are all comparisons.
        """
        flat, bits, shape = self._gap(other, np.ceil)
        return self._flags(self.protocol.sign(flat, bits), shape)  # type: ignore[no-any-return]

    def __gt__(self, other: Self | Public) -> Self:
        """0/1, as `<`."""
        flat, bits, shape = self._gap(other, np.floor, swapped=True)
        return self._flags(self.protocol.sign(flat, bits), shape)  # type: ignore[no-any-return]

    def __ge__(self, other: Self | Public) -> Self:
        """0/1, as `<`."""
        return _opposite(self < other)  # type: ignore[no-any-return]

    def __le__(self, other: Self | Public) -> Self:
        """0/1, as `<`."""
        return _opposite(self > other)  # type: ignore[no-any-return]

    def __eq__(self, other: Any) -> Self:  # type: ignore[override]
        """0/1, as `<`; at most 8 rounds."""
        flat, bits, shape = self._gap(other, np.equal)
        return self._flags(self.protocol.is_zero(flat, bits), shape)  # type: ignore[no-any-return]

    def __ne__(self, other: Any) -> Self:  # type: ignore[override]
        """0/1, as `==`."""
        return _opposite(self == other)  # type: ignore[no-any-return]

    def less_bits(self, other: Self | Public) -> SecretBits:
        """`self < other` for vectors `[..., n]` as packed bits `[..., n]`: one conversion less than `<`."""
        flat, bits, shape = self._gap(other, np.ceil)
        return SecretBits.from_plane(self.protocol, self.protocol.sign_bits(flat, bits), shape)


def _opposite(flags: Any) -> Any:
    """1 - flags of 0/1 words. Interval arithmetic would say at most 2, and a product of k flags 2^k."""
    return (1 - flags).view(bound=1)
