"""Shuffles that no party knows: three permutations in a row, each known to two of the three parties.

Araki, Furukawa, Ohara, Pinkas, Rosemarin, Tsuchida (CCS 2021), as used by Asharov et al. (CCS 2022,
eprint 2022/1595, section 4): two parties that between them hold all components permute and mask them, the
third gets nothing it could undo. Two rounds; 8, 16 and 8 bytes an element from the three parties.

Stages go through the pairs of `ORDER`. Let L be the party of the first two pairs, R that of the first
and third, S that of the second and third; Z are streams of a pair.
  round 1  L sends R  p2(p1(x_LR + x_LS + Z_LR) + Z_LS);  R sends S  p1(x_RS - Z_LR)
  round 2  R applies p3 to what it got, S subtracts Z_LS and applies p2 and p3; the two parts, less
           new streams of L and R and of L and S, are exchanged: their sum is the new x_RS.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from mpc.protocols.base import Cost
from mpc.protocols.replicated.packages import PARTIES
from mpc.protocols.replicated.shares import ReplicatedShare
from mpc.protocols.runtime import Runtime, Step

Pair = frozenset[int]
ORDER: tuple[Pair, Pair, Pair] = (frozenset({0, 1}), frozenset({0, 2}), frozenset({1, 2}))


@dataclass(frozen=True, repr=False)
class Shuffle:
    """What one party knows of a shuffle: two of the three permutations, as gather indices, by pair."""

    known: dict[Pair, Tensor]


@dataclass(frozen=True)
class _Roles:
    left: int
    right: int
    last: int


def draw(runtime: Runtime, rows: int) -> Shuffle:
    """A fresh shuffle of `rows` rows: each pair ranks words of its stream. No message.

    Two equal words among n, with probability below n^2 / 2^65, would keep their order.
    """
    step = runtime.step("shuffle.draw")
    peers = [peer for peer in range(PARTIES) if peer != runtime.party]
    return Shuffle(
        {
            frozenset({runtime.party, peer}): runtime.kernels.argsort(step.mask(peer, (rows,)))
            for peer in peers
        }
    )


def apply(runtime: Runtime, x: ReplicatedShare, shuffle: Shuffle) -> ReplicatedShare:
    """The rows of `[n, ...]` in the shuffle's order. Two rounds; 8, 16 and 8 B (CCS 2021, section 4)."""
    return _permute(runtime, x, ORDER, shuffle.known)


def undo(runtime: Runtime, x: ReplicatedShare, shuffle: Shuffle) -> ReplicatedShare:
    """The rows back in the order that they had before the shuffle. As `apply`, with the pairs reversed."""
    inverse = {pair: runtime.kernels.inverse(places) for pair, places in shuffle.known.items()}
    return _permute(runtime, x, tuple(reversed(ORDER)), inverse)


def apply_cost(elements: int) -> Cost:
    """P0 and P2 send a word an element, P1 two."""
    return Cost(2, (8 * elements, 16 * elements, 8 * elements))


def undo_cost(elements: int) -> Cost:
    """As `apply_cost`."""
    return apply_cost(elements)


def _permute(
    runtime: Runtime, x: ReplicatedShare, order: Sequence[Pair], places: dict[Pair, Tensor]
) -> ReplicatedShare:
    first, second, third = order
    (left,), (right,), (last,) = first & second, first & third, second & third
    roles = _Roles(left, right, last)
    there, back = runtime.step("shuffle.there"), runtime.step("shuffle.back")
    if runtime.party == left:
        return _left(there, back, x, roles, places[first], places[second])
    if runtime.party == right:
        return _right(there, back, x, roles, places[first], places[third])
    return _last(there, back, roles, places[second], places[third], tuple(x.own.shape))


def _left(
    there: Step, back: Step, x: ReplicatedShare, roles: _Roles, first: Tensor, second: Tensor
) -> ReplicatedShare:
    shape, gather = tuple(x.own.shape), there.runtime.kernels.gather
    once = gather(first, x.own, x.next, there.mask(roles.right, shape))
    there.send(roles.right, gather(second, once, there.mask(roles.last, shape)))
    return _placed(
        roles.left,
        {roles.last: back.mask(roles.last, shape), roles.right: back.mask(roles.right, shape)},
    )


def _right(
    there: Step, back: Step, x: ReplicatedShare, roles: _Roles, first: Tensor, third: Tensor
) -> ReplicatedShare:
    shape, gather = tuple(x.own.shape), there.runtime.kernels.gather
    mine = x.own if _component(roles.right, roles.last) == roles.right else x.next
    there.send(roles.last, gather(first, mine - there.mask(roles.left, shape)))
    twice = there.recv(roles.left, shape)[0]
    common = back.mask(roles.left, shape)
    part = gather(third, twice) - common
    back.send(roles.last, part)
    total = part + back.recv(roles.last, shape)[0]
    return _placed(roles.right, {roles.left: common, roles.last: total})


def _last(
    there: Step, back: Step, roles: _Roles, second: Tensor, third: Tensor, shape: tuple[int, ...]
) -> ReplicatedShare:
    gather = there.runtime.kernels.gather
    once = there.recv(roles.right, shape)[0]
    twice = gather(second, once - there.mask(roles.left, shape))
    common = back.mask(roles.left, shape)
    part = gather(third, twice) - common
    back.send(roles.right, part)
    total = part + back.recv(roles.right, shape)[0]
    return _placed(roles.last, {roles.left: common, roles.right: total})


def _component(party: int, peer: int) -> int:
    """The component that two parties hold in common: party i has components i and i+1."""
    return peer if peer == (party + 1) % PARTIES else party


def _placed(party: int, with_peer: dict[int, Tensor]) -> ReplicatedShare:
    """A share from the components that the party holds in common with each peer."""
    parts = {_component(party, peer): words for peer, words in with_peer.items()}
    return ReplicatedShare(parts[party], parts[(party + 1) % PARTIES])
