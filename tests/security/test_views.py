"""What a single party receives is uniform given what it holds, and says nothing: for every primitive.

A party's own components of the inputs are held fixed while the secret values change, and fresh keys are drawn
for every run. `tests.security.views` has the two tests of a view; here they are run on every primitive, and
must fail where any one stream of it is missing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from mpc.protocols.replicated import boolean, conversion, shares
from mpc.protocols.replicated.packages import PARTIES, share_input
from mpc.protocols.replicated.protocol import COSTS
from mpc.protocols.replicated.shares import ReplicatedShare
from mpc.protocols.runtime import Step
from mpc.protocols.separable import Octaves, Waves
from mpc.session import Session
from tests.security.views import (
    ELEMENTS,
    LIMIT,
    RUNS,
    Primitive,
    chi2,
    components,
    observe,
    telling,
    telling_sums,
    uneven,
)

PAIRS: list[set[int]] = [{0, 1}, {0, 2}, {1, 2}]
WAVES = Waves((1e9, 1e8), (0.0, 1e7), 1 << 60, 1, 30)

PRIMITIVES: dict[str, Primitive] = {
    "input": lambda s, x, y: s.protocol.input(torch.full((_size(x),), 7), (_size(x),), 0),
    "mul": lambda s, x, y: s.protocol.mul(x, y),
    "dot": lambda s, x, y: s.protocol.dot(_column(s, x), _column(s, y)),
    "matmul": lambda s, x, y: s.protocol.matmul(_column(s, x), _one(s, y)),
    "truncate": lambda s, x, y: s.protocol.truncate(x, 16),
    "mul and truncate": lambda s, x, y: s.protocol.mul(x, y, 16),
    "waves": lambda s, x, y: s.protocol.separable(x, WAVES, 30),
    "octaves": lambda s, x, y: s.protocol.separable(x, Octaves(22, 27), torch.tensor([[20], [34]])),
    "and": lambda s, x, y: s.protocol.and_(x, y),
    "and of rows": lambda s, x, y: boolean.and_rows(s.runtime, boolean.join(_row(x), _row(y)), [1], [0], [0]),
    "last and, to words": lambda s, x, y: conversion._finish_words(s.runtime, _last(x, y, x), _size(x)),
    "last and alone, to words": lambda s, x, y: conversion._finish_words(s.runtime, _last(x, y, y), _size(x)),
    "a2b": lambda s, x, y: s.protocol.a2b(x, 64),
    "b2a": lambda s, x, y: s.protocol.b2a(_packed(s, x), _size(x)),
    "sign": lambda s, x, y: s.protocol.sign(x, 62),
    "sign of few bits": lambda s, x, y: s.protocol.sign(x, 17),
    "sign_bits": lambda s, x, y: s.protocol.sign_bits(x, 40),
    "is_zero": lambda s, x, y: s.protocol.is_zero(x, 62),
    "shuffle": lambda s, x, y: s.protocol.shuffle(x, s.protocol.draw_shuffle(_size(x))),
    "unshuffle": lambda s, x, y: s.protocol.unshuffle(x, s.protocol.draw_shuffle(_size(x))),
}


def _size(x: ReplicatedShare) -> int:
    return x.own.numel()


def _column(session: Session, x: ReplicatedShare) -> Any:
    return session.protocol.linear(lambda words: words.reshape(-1, 1), x)


def _one(session: Session, x: ReplicatedShare) -> Any:
    return session.protocol.linear(lambda words: words[:1].reshape(1, 1), x)


def _row(x: ReplicatedShare) -> ReplicatedShare:
    return x.reshape((1, -1))


def _last(*bits: ReplicatedShare) -> Any:
    return conversion._Pending(*(_row(shares.part(x, slice(0, _size(x) // 64))) for x in bits))


def _packed(session: Session, x: ReplicatedShare) -> Any:
    return session.protocol.linear(lambda words: words[: _size(x) // 64].reshape(1, -1), x)


#: Operands of these are shared bits.
BITS = {"and", "and of rows", "last and, to words", "last and alone, to words", "b2a"}
#: What opens nothing and sends public facts, or digests of them, or opens by intention.
OTHERS = {"agree", "announce_bound", "compare_copies", "reveal", "reveal_to"}


def tells(name: str, party: int) -> bool:
    if name in ODD:
        return telling_sums(ODD[name], party)
    return telling(PRIMITIVES[name], party, bits=name in BITS)


#: The same over an odd number of rows.
ODD: dict[str, Primitive] = {
    "shuffle": lambda s, x, y: PRIMITIVES["shuffle"](s, shares.part(x, slice(1, None)), y),
    "unshuffle": lambda s, x, y: PRIMITIVES["unshuffle"](s, shares.part(x, slice(1, None)), y),
}


@pytest.mark.parametrize("party", range(PARTIES))
@pytest.mark.parametrize("name", PRIMITIVES)
def test_what_a_party_receives_is_uniform(name: str, party: int) -> None:
    assert uneven(PRIMITIVES[name], party) == []


@pytest.mark.parametrize("party", range(PARTIES))
@pytest.mark.parametrize("name", sorted(PRIMITIVES.keys() - {"input"}))
def test_a_view_says_nothing_of_a_secret(name: str, party: int) -> None:
    assert not tells(name, party)


def test_every_primitive_is_looked_at() -> None:
    composed = {"mul_truncate": "mul and truncate", "matmul_truncate": "matmul", "separable": "waves"}
    assert {composed.get(name, name) for name in COSTS.keys() - OTHERS} <= PRIMITIVES.keys()


def test_a_holders_packages_are_uniform_for_each_party() -> None:
    for domain in ("arithmetic", "boolean"):
        for party in range(PARTIES):
            words = [
                ReplicatedShare.of(share_input(np.zeros(ELEMENTS, dtype=np.int64), domain)[party])
                for _ in range(RUNS)
            ]
            for pick in (
                lambda s: s.own,
                lambda s: s.next,
                lambda s: s.own - s.next,
                lambda s: s.own ^ s.next,
            ):
                assert chi2(np.concatenate([pick(share).numpy() for share in words])) < LIMIT


#: Where each step of the protocols is tried without each of its streams: primitive, step, stream, pair.
#: What is not here is the same code as what is: the truncation in `waves`, the ANDs in `sign`.
STREAMS = [
    *[("mul", "mul", 0, pair) for pair in PAIRS],
    *[("dot", "dot", 0, pair) for pair in PAIRS],
    *[("matmul", "matmul", 0, pair) for pair in PAIRS],
    *[("and", "and", 0, pair) for pair in PAIRS],
    *[("and of rows", "and", 0, pair) for pair in PAIRS],
    ("truncate", "truncate", 1, {0, 2}),
    ("truncate", "truncate", 2, {0, 2}),
    ("truncate", "spread", 0, {0, 2}),
    ("truncate", "spread", 0, {1, 2}),
    ("mul and truncate", "truncate.open", 0, {0, 2}),
    ("mul and truncate", "truncate.open", 0, {1, 2}),
    ("mul and truncate", "truncate.open", 1, {0, 2}),
    ("mul and truncate", "truncate.open", 2, {0, 2}),
    ("waves", "separable", 0, {0, 2}),
    ("octaves", "separable", 0, {0, 2}),
    ("sign_bits", "split", 0, {0, 1}),
    ("sign_bits", "spread_bits", 0, {0, 1}),
    ("sign_bits", "spread_bits", 0, {0, 2}),
    ("last and alone, to words", "open_bit", 0, {0, 2}),  # {0, 1} has nothing to hide: only these two receive
    ("last and alone, to words", "open_bit", 0, {1, 2}),
    ("last and, to words", "open_bit", 1, {2}),
    ("last and, to words", "open_bit", 2, {0, 2}),
    ("last and, to words", "spread", 0, {0, 2}),
    ("last and, to words", "spread", 0, {1, 2}),
    ("b2a", "b2a", 0, {0, 1}),
    ("b2a", "spread_words", 0, {0, 1}),
    ("b2a", "spread_words", 0, {0, 2}),
    ("shuffle", "shuffle.there", 0, {0, 1}),
    ("shuffle", "shuffle.there", 0, {0, 2}),
    ("shuffle", "shuffle.back", 0, {0, 1}),
    ("shuffle", "shuffle.back", 0, {0, 2}),
]


@pytest.mark.parametrize(("name", "step", "stream", "pair"), STREAMS)
def test_a_stream_that_is_missing_is_found(
    monkeypatch: pytest.MonkeyPatch, name: str, step: str, stream: int, pair: set[int]
) -> None:
    mask, missed = Step.mask, []

    def without(self: Step, peer: int, shape: Any, at: int = 0, **named: int) -> Any:
        drawn, place = mask(self, peer, shape, named.get("stream", at)), named.get("stream", at)
        if (self.primitive, place, {self.runtime.party, peer}) != (step, stream, pair):
            return drawn
        missed.append(peer)
        return torch.zeros_like(drawn)

    monkeypatch.setattr(Step, "mask", without)
    assert any(tells(name, party) for party in range(PARTIES))
    assert missed


def test_every_step_is_tried_without_its_streams() -> None:
    """Steps of all primitives, as streams name them; but for `input` and the drawing of permutations."""
    seen: set[str] = set()
    for primitive in PRIMITIVES.values():
        for party in range(PARTIES):
            known = [(np.zeros(ELEMENTS, dtype=np.int64),) * 2] * 2
            view = observe(primitive, party, [components(1, party, pair) for pair in known])
            seen |= {address.purpose for address, _ in view.masks}
    assert seen == {step for _, step, _, _ in STREAMS} | {"input", "shuffle.draw"}


@pytest.mark.parametrize("lacking", [None, *PAIRS])
def test_a_shuffle_is_known_to_nobody(monkeypatch: pytest.MonkeyPatch, lacking: set[int] | None) -> None:
    """What opens after a shuffle, taken back through the orders that a party knows, is not what went in."""
    mask = Step.mask

    def without(self: Step, peer: int, shape: Any, stream: int = 0) -> Any:
        drawn = mask(self, peer, shape, stream)
        drawing = self.primitive == "shuffle.draw" and {self.runtime.party, peer} == lacking
        return torch.zeros_like(drawn) if drawing else drawn

    def opened(session: Session, x: ReplicatedShare, _: ReplicatedShare) -> Any:
        orders = session.protocol.draw_shuffle(_size(x))
        seen = session.protocol.reveal(session.protocol.shuffle(x, orders)).numpy()
        ours[session.party] = (seen, [order.numpy() for order in orders.known.values()])

    monkeypatch.setattr(Step, "mask", without)
    ours: dict[int, Any] = {}
    places = np.arange(ELEMENTS)
    zero = np.zeros(ELEMENTS, dtype=np.int64)
    observe(opened, 0, [[places, zero, zero], [zero, zero, zero]])
    found = set()
    for party, (seen, known) in ours.items():
        for first, second in (known, known[::-1]):
            back = np.empty_like(seen)
            back[first[second]] = seen
            if np.array_equal(back, places):
                found.add(party)
    assert found == ({party for party in range(PARTIES) if party not in lacking} if lacking else set())


def test_a_mask_that_is_used_twice_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two products under one stream: their difference shows."""
    mask = Step.mask

    def again(self: Step, peer: int, shape: Any, stream: int = 0) -> Any:
        return mask(Step(self.runtime, self.branch, 0, "again"), peer, shape, stream)

    def twice(session: Session, x: ReplicatedShare, y: ReplicatedShare) -> None:
        session.protocol.mul(x, y)
        session.protocol.mul(y, x)

    assert not any(uneven(twice, party) for party in range(PARTIES))
    monkeypatch.setattr(Step, "mask", again)
    assert any(uneven(twice, party) for party in range(PARTIES))
