"""What a single party receives is uniform given what it holds: for every primitive, jointly and measured.

A party's own components of the inputs are held fixed while the secret values change, and fresh keys are
drawn for every run. Then every word it receives must look uniform, and so must the differences and XORs of
any two messages, and of a message and any mask stream that the party knows itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
import torch

from mpc.channel import memory_network
from mpc.protocols.base import Step
from mpc.protocols.replicated import arithmetic, shares
from mpc.protocols.replicated.shares import PARTIES, ReplicatedShare
from mpc.protocols.separable import Octaves, Waves
from mpc.randomness import Address, FreshKeys, PairKeys
from mpc.session import Session

RUNS = 24
ELEMENTS = 1024  # whole words of packed bits
BYTE_VALUES = 256
#: Chi-squared of 255 degrees of freedom: above this once in 10^10 tests of uniform bytes.
LIMIT = 430.0

WAVES = Waves((1e9, 1e8), (0.0, 1e7), 1 << 60, 1, 30)

Words = np.ndarray
Primitive = Callable[[Session, ReplicatedShare, ReplicatedShare], object]

PRIMITIVES: dict[str, Primitive] = {
    "input": lambda s, x, y: s.protocol.input(torch.full((ELEMENTS,), 7), (ELEMENTS,), 0),
    "mul": lambda s, x, y: s.protocol.mul(x, y),
    "dot": lambda s, x, y: s.protocol.dot(_table(s, x), _table(s, y)),
    "matmul": lambda s, x, y: s.protocol.matmul(_table(s, x), _table(s, y)),
    "truncate": lambda s, x, y: s.protocol.truncate(x, 16),
    "mul and truncate": lambda s, x, y: s.protocol.mul(x, y, 16),
    "waves": lambda s, x, y: s.protocol.separable(x, WAVES, 30),
    "octaves": lambda s, x, y: s.protocol.separable(x, Octaves(22, 27), torch.tensor([[20], [34]])),
    "and": lambda s, x, y: s.protocol.and_(x, y),
    "a2b": lambda s, x, y: s.protocol.a2b(x, 64),
    "b2a": lambda s, x, y: s.protocol.b2a(s.protocol.linear(lambda w: w[:16].reshape(1, -1), x), ELEMENTS),
    "sign": lambda s, x, y: s.protocol.sign(x, 62),
    "sign of few bits": lambda s, x, y: s.protocol.sign(x, 17),
    "sign_bits": lambda s, x, y: s.protocol.sign_bits(x, 40),
    "is_zero": lambda s, x, y: s.protocol.is_zero(x, 62),
    "shuffle": lambda s, x, y: s.protocol.shuffle(x, s.protocol.draw_shuffle(ELEMENTS)),
    "unshuffle": lambda s, x, y: s.protocol.unshuffle(x, s.protocol.draw_shuffle(ELEMENTS)),
}


def _table(session: Session, x: ReplicatedShare) -> Any:
    return session.protocol.linear(lambda words: words.reshape(32, 32), x)


def components(value: int, party: int, seed: int) -> list[Words]:
    """Three components of a vector of `value` of which party's two do not depend on the value."""
    rng = np.random.default_rng(seed)
    parts = [rng.integers(-(2**63), 2**63, ELEMENTS, dtype=np.int64) for _ in range(PARTIES)]
    hidden = (party + 2) % PARTIES
    known = sum(parts[place] for place in range(PARTIES) if place != hidden)
    parts[hidden] = np.full(ELEMENTS, value, dtype=np.int64) - known
    return parts


class View:
    """What one party receives in a run, what it sends, and the mask streams that it knows."""

    def __init__(self) -> None:
        self.received: dict[tuple[Any, ...], Words] = {}
        self.sent: dict[tuple[Any, ...], Words] = {}
        self.masks: dict[tuple[Any, ...], Words] = {}


def observe(primitive: Primitive, party: int, value: int) -> View:
    """One run as all three parties, with the party's view recorded."""
    view, channels = View(), memory_network(PARTIES, timeout_s=20.0)
    keys = [PairKeys(own) for own in FreshKeys().keys(PARTIES)]
    inputs = [components(value, party, seed) for seed in (1, 2)]
    _record(view, channels[party], keys[party])

    def run(place: int) -> Callable[[], None]:
        pairs = [
            ReplicatedShare(*(torch.from_numpy(x[(place + k) % 3].copy()) for k in (0, 1))) for x in inputs
        ]
        return lambda: primitive(Session(channels[place], keys[place]), *pairs)  # type: ignore[return-value]

    _together([run(place) for place in range(PARTIES)])
    return view


def _record(view: View, channel: Any, keys: PairKeys) -> None:
    receive, give, draw = channel.recv, channel.send, keys.words

    def recv(frm: int, tag: Any) -> Any:
        full, payload = receive(frm, tag)
        view.received[tag.slot, frm] = np.frombuffer(payload, dtype="<i8").copy()
        return full, payload

    def send(to: int, tag: Any, payload: Any) -> None:
        view.sent[tag.slot, to] = np.frombuffer(payload, dtype="<i8").copy()
        give(to, tag, payload)

    def words(peer: int, address: Address, elements: int) -> Any:
        stream = draw(peer, address, elements)
        view.masks[address, peer] = stream.numpy().copy()
        return stream

    channel.recv, channel.send, keys.words = recv, send, words


def _together(programs: list[Callable[[], None]]) -> None:
    with ThreadPoolExecutor(len(programs)) as pool:
        for done in [pool.submit(program) for program in programs]:
            done.result()


def suspicious(primitive: Primitive, party: int) -> list[str]:
    """Every statistic of the party's view that no uniform words would show."""
    pooled: dict[str, list[Words]] = defaultdict(list)
    for run in range(RUNS):
        view = observe(primitive, party, value=run % 2)
        for name, words in _joint(view):
            pooled[name].append(words)
    return [name for name, parts in pooled.items() if _chi2(np.concatenate(parts)) > LIMIT]


def _joint(view: View) -> Iterator[tuple[str, Words]]:
    """Each message, and its sums and differences with one or two things that the party knew when it came.

    What it sends later may be made from the message, and proves nothing.
    """
    messages = {(slot, frm): words for (slot, frm), words in view.received.items()}
    masks = {f"mask {address.purpose} {address.index} {address.lane} with {peer}": words
             for (address, peer), words in view.masks.items()}  # fmt: skip
    masks |= dict(_permuted(masks))
    for (slot, frm), words in messages.items():
        name = f"{slot} from {frm}"
        yield name, words
        known = masks | {f"sent {at} to {to}": own for (at, to), own in view.sent.items() if at <= slot}
        known = {other: partner for other, partner in known.items() if partner.size == words.size}
        others = {
            f"{at} from {peer}": own for (at, peer), own in messages.items() if (at, peer) > (slot, frm)
        }
        for other, partner in [*known.items(), *others.items()]:
            if words.size == partner.size:
                yield f"{name} - {other}", words - partner
                yield f"{name} ^ {other}", words ^ partner
        for (one, mine), (other, too) in combinations(known.items(), 2):
            for sign, both in (("+", words + mine), ("-", words - mine)):
                yield f"{name} {sign} {one} + {other}", both + too
                yield f"{name} {sign} {one} - {other}", both - too


def _permuted(known: dict[str, Words]) -> Iterator[tuple[str, Words]]:
    """The party's streams in every order that it knows: a permutation hides nothing from who drew it."""
    orders = {name: np.argsort(words, kind="stable") for name, words in known.items() if "draw" in name}
    for (drawn, order), (name, words) in product(orders.items(), known.items()):
        if words.size == order.size:
            yield f"{name} in order of {drawn}", words[order]
            yield f"{name} against the order of {drawn}", words[np.argsort(order)]


def _chi2(words: Words) -> float:
    """The worst of the eight bytes of the words, against uniform bytes."""
    columns = words.view(np.uint8).reshape(-1, 8)
    expected = columns.shape[0] / BYTE_VALUES
    counts = [np.bincount(columns[:, place], minlength=BYTE_VALUES) for place in range(8)]
    return max(float(((count - expected) ** 2 / expected).sum()) for count in counts)


@pytest.mark.parametrize("party", range(PARTIES))
@pytest.mark.parametrize("name", PRIMITIVES)
def test_what_a_party_receives_is_uniform(name: str, party: int) -> None:
    assert suspicious(PRIMITIVES[name], party) == []


def test_a_holders_packages_are_uniform_for_each_party() -> None:
    for domain in ("arithmetic", "boolean"):
        for party in range(PARTIES):
            words = [
                shares.share_input(np.zeros(ELEMENTS, dtype=np.int64), domain)[party].share()
                for _ in range(RUNS)
            ]
            for pick in (
                lambda s: s.own,
                lambda s: s.next,
                lambda s: s.own - s.next,
                lambda s: s.own ^ s.next,
            ):
                assert _chi2(np.concatenate([pick(share).numpy() for share in words])) < LIMIT


def _no_zero_masks(step: Step, shape: Any) -> Any:
    return (torch.zeros(shape, dtype=torch.int64),) * 2


@pytest.mark.parametrize("name", ["mul", "matmul", "and"])
def test_a_missing_mask_is_found(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(arithmetic, "zero_masks", _no_zero_masks)
    monkeypatch.setattr("mpc.protocols.replicated.boolean.zero_masks", _no_zero_masks)
    assert any(suspicious(PRIMITIVES[name], party) for party in range(PARTIES))


@pytest.mark.parametrize(
    ("name", "pair"),
    [("truncate", {0, 2}), ("truncate", {1, 2}), ("mul and truncate", {0, 2}), ("mul and truncate", {1, 2}),
     ("waves", {0, 2}), ("waves", {1, 2}), ("octaves", {0, 2}), ("octaves", {1, 2}),
     ("sign", {1, 2}), ("sign", {0, 1}), ("b2a", {0, 1}),
     ("shuffle", {0, 1}), ("shuffle", {0, 2}), ("unshuffle", {1, 2}), ("unshuffle", {0, 2})],
)  # fmt: skip
def test_streams_of_a_pair_that_are_missing_are_found(
    monkeypatch: pytest.MonkeyPatch, name: str, pair: set[int]
) -> None:
    mask = Step.mask

    def without(self: Step, peer: int, shape: Any, lane: int = 0) -> Any:
        drawn = mask(self, peer, shape, lane)
        return torch.zeros_like(drawn) if {self.runtime.party, peer} == pair else drawn

    monkeypatch.setattr(Step, "mask", without)
    assert any(suspicious(PRIMITIVES[name], party) for party in range(PARTIES))


def test_a_mask_that_is_used_twice_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two products under one stream: their difference shows."""
    mask = Step.mask

    def again(self: Step, peer: int, shape: Any, lane: int = 0) -> Any:
        return mask(Step(self.runtime, self.branch, 0, "again"), peer, shape, lane)

    def twice(session: Session, x: ReplicatedShare, y: ReplicatedShare) -> None:
        session.protocol.mul(x, y)
        session.protocol.mul(y, x)

    assert not any(suspicious(twice, party) for party in range(PARTIES))
    monkeypatch.setattr(Step, "mask", again)
    assert any(suspicious(twice, party) for party in range(PARTIES))
