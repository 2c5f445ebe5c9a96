"""Products over GF(2) on packed planes: one round, one bit an element and AND.

The same protocol as in `arithmetic` with XOR for + (eprint 2016/768, section 2).
"""

from __future__ import annotations

import torch
from torch import Tensor

from mpc.protocols.base import Cost
from mpc.protocols.replicated.arithmetic import preceding, reshare, zero_masks
from mpc.protocols.replicated.packages import PARTIES
from mpc.protocols.replicated.shares import ReplicatedShare
from mpc.protocols.runtime import Runtime


def and_(runtime: Runtime, x: ReplicatedShare, y: ReplicatedShare) -> ReplicatedShare:
    """Bitwise AND of two equally shaped boolean shares. One round, 1 bit each (eprint 2016/768, 2.2)."""
    step = runtime.step("and")
    masks = zero_masks(step, tuple(x.own.shape))
    return reshare(step, runtime.kernels.cross_and(x.pair, y.pair, masks))


def and_rows(
    runtime: Runtime, x: ReplicatedShare, high: list[int], low: list[int], add: list[int]
) -> ReplicatedShare:
    """Planes x[high] AND x[low]; the first `len(add)` of them XOR x[add]. One AND a plane, one round."""
    step = runtime.step("and")
    masks = zero_masks(step, (len(high), x.own.shape[1]))
    return reshare(step, runtime.kernels.cross_and_rows(x.pair, high, low, add, masks))


def and_cost(words: int) -> Cost:
    """A word of every packed word from each party."""
    return Cost(1, (8 * words,) * PARTIES)


def xor(x: ReplicatedShare, y: ReplicatedShare) -> ReplicatedShare:
    """Exclusive or. No message."""
    return ReplicatedShare(x.own ^ y.own, x.next ^ y.next)


def xor_public(party: int, x: ReplicatedShare, words: Tensor) -> ReplicatedShare:
    """Component 0 takes the public words: parties 0 and 2 hold it."""
    own = x.own ^ words if party == 0 else x.own
    after = x.next ^ words if preceding(0) == party else x.next
    return ReplicatedShare(own, after)


def join(*shares: ReplicatedShare) -> ReplicatedShare:
    """Stack the planes of several shares."""
    return ReplicatedShare(torch.cat([s.own for s in shares]), torch.cat([s.next for s in shares]))


def take(x: ReplicatedShare, planes: slice | list[int]) -> ReplicatedShare:
    """Some of the planes. No message."""
    return ReplicatedShare(x.own[planes], x.next[planes])
