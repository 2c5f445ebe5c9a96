"""Replicated shares: the pair a party holds, how it comes from an owner and leaves for a recipient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
import torch
from torch import Tensor

from mpc.errors import NotSupported, ProtocolAbort
from mpc.protocols.replicated.packages import InputPackage


@dataclass(frozen=True, repr=False)
class ReplicatedShare:
    """Party i's two components: `own` = x_i, `next` = x_{i+1}."""

    own: Tensor
    next: Tensor

    @classmethod
    def of(cls, package: InputPackage) -> ReplicatedShare:
        """From what an outside owner sent, flat `[elements]`."""
        own, following = package.components()
        return cls(torch.from_numpy(own), torch.from_numpy(following))

    @property
    def pair(self) -> tuple[Tensor, Tensor]:
        """Both components, own first."""
        return self.own, self.next

    def __repr__(self) -> str:
        return f"ReplicatedShare(shape={tuple(self.own.shape)}, redacted)"

    def __reduce__(self) -> NoReturn:
        raise NotSupported("A share is neither pickled nor copied.", remedy="Use result_to_bytes.")

    def reshape(self, shape: tuple[int, ...]) -> ReplicatedShare:
        """Both components in another shape."""
        return ReplicatedShare(self.own.reshape(shape), self.next.reshape(shape))


def flat(x: ReplicatedShare) -> ReplicatedShare:
    """As `[n]`."""
    return x.reshape((-1,))


def part(x: ReplicatedShare, piece: slice) -> ReplicatedShare:
    """A piece of the last axis."""
    return ReplicatedShare(x.own[..., piece], x.next[..., piece])


def concatenated(parts: Sequence[ReplicatedShare]) -> ReplicatedShare:
    """Pieces side by side along the last axis."""
    if len(parts) == 1:
        return parts[0]
    return ReplicatedShare(torch.cat([x.own for x in parts], -1), torch.cat([x.next for x in parts], -1))


def result_from_bytes(data: bytes, elements: int) -> ReplicatedShare:
    """What `result_to_bytes` made of `[elements]` words. `ProtocolAbort` if the size is another."""
    words = np.frombuffer(data, dtype="<i8").astype(np.int64)
    if words.size != 2 * elements:
        raise ProtocolAbort(
            "A share that was kept is not of the size that it had.", remedy="Restore the database."
        )
    return ReplicatedShare(torch.from_numpy(words[:elements]), torch.from_numpy(words[elements:]))


def result_to_bytes(share: ReplicatedShare) -> bytes:
    """A party's two components of a released result, little-endian words, own first."""
    return b"".join(part.reshape(-1).cpu().numpy().astype("<i8").tobytes() for part in share.pair)
