"""Additive shares: x is the sum (arithmetic) or the XOR (boolean) of what the parties hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from torch import Tensor

from mpc.errors import NotSupported


@dataclass(frozen=True, repr=False)
class CryptenShare:
    """A party's part of every word."""

    words: Tensor

    def __repr__(self) -> str:
        return f"CryptenShare(shape={tuple(self.words.shape)}, redacted)"

    def __reduce__(self) -> NoReturn:
        raise NotSupported("A share is neither pickled nor copied.", remedy="Release the result.")
