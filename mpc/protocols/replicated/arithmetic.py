"""Inputs, openings and products mod 2^64.

Araki, Furukawa, Lindell, Nof, Ohara: eprint 2016/768, section 2. A product, dot product or matrix
product is local cross terms plus one reshare: one round, 8 bytes an output element from each party.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mpc.errors import InputMismatch, ProtocolAbort
from mpc.protocols.base import Cost
from mpc.protocols.replicated.packages import PARTIES
from mpc.protocols.replicated.shares import ReplicatedShare
from mpc.protocols.runtime import DIGEST_BYTES, Runtime, Step


def following(party: int) -> int:
    """The party after this one; components i and i+1 are party i's."""
    return (party + 1) % PARTIES


def preceding(party: int) -> int:
    """The party before this one."""
    return (party - 1) % PARTIES


def share_public(party: int, words: Tensor) -> ReplicatedShare:
    """A public value as a share: component 0 is the value. No message."""
    zero = torch.zeros_like(words)
    return ReplicatedShare(words if party == 0 else zero, words if following(party) == 0 else zero)


def share_own(runtime: Runtime, words: Tensor | None, shape: tuple[int, ...], owner: int) -> ReplicatedShare:
    """A computing party shares its own words: x_owner = x - mask, x_{owner+1} = mask, the third is 0.

    One round; the owner sends 8 bytes an element to the party before it.
    """
    step, party = runtime.step("input"), runtime.party
    zero = torch.zeros(shape, dtype=torch.int64)
    if party == owner:
        if words is None:
            raise ProtocolAbort("The owner of an input must give its words.")
        mask = step.mask(following(owner), shape)
        own = words.reshape(shape) - mask
        step.send(preceding(owner), own)
        return ReplicatedShare(own, mask)
    if party == following(owner):
        return ReplicatedShare(step.mask(owner, shape), zero)
    return ReplicatedShare(zero, step.recv(owner, shape)[0])


def input_cost(elements: int, owner: int = 0) -> Cost:
    """The owner's words to the party before it."""
    return Cost(1, tuple(8 * elements if party == owner else 0 for party in range(PARTIES)))


def zero_masks(step: Step, shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Two streams: the first less the second, or their XOR, is this party's part of a fresh sharing of zero.

    eprint 2016/768, 2.2. No message.
    """
    party = step.runtime.party
    return step.mask(following(party), shape), step.mask(preceding(party), shape)


def reshare(step: Step, part: Tensor) -> ReplicatedShare:
    """Turn masked additive parts z_i into replicated shares: send z_i to party i-1."""
    party = step.runtime.party
    step.send(preceding(party), part)
    return ReplicatedShare(part, step.recv(following(party), tuple(part.shape))[0])


def mul(runtime: Runtime, x: ReplicatedShare, y: ReplicatedShare) -> ReplicatedShare:
    """Elementwise product of one shape. One round, 8 B an element (eprint 2016/768, section 2.2)."""
    step = runtime.step("mul")
    masks = zero_masks(step, tuple(x.own.shape))
    return reshare(step, runtime.kernels.cross(x.pair, y.pair, masks))


def dot(runtime: Runtime, x: ReplicatedShare, y: ReplicatedShare) -> ReplicatedShare:
    """Sum of products over the last axis. One round, 8 B an output element (section 2.2)."""
    return _product(runtime, "dot", runtime.kernels.cross_dot(x.pair, y.pair))


def matmul(runtime: Runtime, x: ReplicatedShare, y: ReplicatedShare) -> ReplicatedShare:
    """Matrix product. One round, 8 B an output element (section 2.2)."""
    return _product(runtime, "matmul", runtime.kernels.cross_matmul(x.pair, y.pair))


def _product(runtime: Runtime, name: str, part: Tensor) -> ReplicatedShare:
    step = runtime.step(name)
    plus, minus = zero_masks(step, tuple(part.shape))
    return reshare(step, part + plus - minus)


def product_cost(elements: int) -> Cost:
    """A word of every output element from each party."""
    return Cost(1, (8 * elements,) * PARTIES)


def reveal(runtime: Runtime, x: ReplicatedShare) -> Tensor:
    """Open to all: party i sends x_i to party i+1, which lacks it. One round, 8 B (eprint 2016/768, 2.2)."""
    step, party = runtime.step("reveal"), runtime.party
    step.send(following(party), x.own)
    return x.own + x.next + step.recv(preceding(party), tuple(x.own.shape))[0]


def reveal_cost(elements: int) -> Cost:
    """A word of every element from each party."""
    return Cost(1, (8 * elements,) * PARTIES)


def reveal_to(runtime: Runtime, x: ReplicatedShare, party: int) -> Tensor | None:
    """Open to one party. One round; the party before it sends 8 bytes an element."""
    step = runtime.step("reveal_to")
    if runtime.party == preceding(party):
        step.send(party, x.own)
    if runtime.party != party:
        return None
    return x.own + x.next + step.recv(preceding(party), tuple(x.own.shape))[0]


def reveal_to_cost(elements: int, party: int = 0) -> Cost:
    """A word of every element from the party before the recipient."""
    return Cost(1, tuple(8 * elements if sender == preceding(party) else 0 for sender in range(PARTIES)))


def announce_bound_cost(owner: int = 0) -> Cost:
    """A word from the owner to each of the others."""
    return Cost(1, tuple(8 * (PARTIES - 1) if party == owner else 0 for party in range(PARTIES)))


def agree_cost() -> Cost:
    """A digest to each of the others."""
    return Cost(1, (2 * DIGEST_BYTES,) * PARTIES)


def compare_copies(runtime: Runtime, inputs: dict[str, list[ReplicatedShare]]) -> None:
    """Compare both copies of every component an outside owner sent, by salted digest, before use.

    Each pair of parties holds one component in common; it exchanges 32 bytes an owner in each
    direction, salted with the pair's key. One round. `InputMismatch` names the owner.
    """
    step, party = runtime.step("compare_copies"), runtime.party
    after, before = following(party), preceding(party)
    for stream, peer, pick in ((0, after, "next"), (1, before, "own")):
        digests = [
            step.digest(peer, _bytes_of(shares, pick), 2 * place + stream)
            for place, shares in enumerate(inputs.values())
        ]
        step.send_bytes(peer, b"".join(digests))
    for stream, peer, pick in ((1, after, "next"), (0, before, "own")):
        theirs = step.recv_bytes(peer, DIGEST_BYTES * len(inputs))
        for place, (owner, shares) in enumerate(inputs.items()):
            mine = step.digest(peer, _bytes_of(shares, pick), 2 * place + stream)
            if mine != theirs[place * DIGEST_BYTES : (place + 1) * DIGEST_BYTES]:
                raise InputMismatch(
                    f"{owner} sent {runtime.channel.names[peer]} and this party two versions of its input.",
                    remedy=f"Nothing was released. Ask the operator of {owner} to check its node.",
                    culprit=owner,
                )


def compare_copies_cost(owners: int) -> Cost:
    """Two digests for every owner from each party."""
    return Cost(1, (2 * DIGEST_BYTES * owners,) * PARTIES)


def _bytes_of(shares: list[ReplicatedShare], pick: str) -> bytes:
    parts = [share.own if pick == "own" else share.next for share in shares]
    return b"".join(part.reshape(-1).cpu().numpy().tobytes() for part in parts)
