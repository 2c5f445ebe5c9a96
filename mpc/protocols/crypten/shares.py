"""Additive shares: x is the sum (arithmetic) or the XOR (boolean) of what the parties hold."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, repr=False)
class CryptenShare:
    """A party's part of every word."""

    words: Tensor

    def __repr__(self) -> str:
        return f"CryptenShare(shape={tuple(self.words.shape)}, redacted)"
