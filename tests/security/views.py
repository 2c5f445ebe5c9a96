"""What one party of three sees of a primitive, and two ways of asking whether that says anything.

`uneven`: words that are not uniform, alone or together with what the party knows. `telling`: whether a secret
bit is an XOR of any bits at all of the view, found by elimination over GF(2). Sums mod 2^64 are XORs in their
lowest bits, so this sees every way of adding up messages, streams and shares, however many it takes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import combinations, product
from typing import Any

import numpy as np
import torch

from mpc.channel import memory_network
from mpc.protocols.replicated.packages import PARTIES
from mpc.protocols.replicated.shares import ReplicatedShare
from mpc.randomness import Address, FreshKeys, PairKeys
from mpc.session import Session

BYTE_VALUES = 256
#: Chi-squared of 255 degrees of freedom: above this once in 10^10 tests of uniform bytes.
LIMIT = 430.0
#: Runs and elements of `uneven`; of `telling`, whose samples must outnumber the bits of a view.
RUNS, ELEMENTS = 24, 1024  # whole words of packed bits
TELLING_RUNS, TELLING_ELEMENTS = 40, 256
#: Two secrets are both 0, or one of these pairs: what a shift, a rounding or a product leaves of some pair
#: has the secret bit in its lowest place, where sums are XORs.
SECRETS = ((0x1B873593CC9E2D51, -1), (1 << 16, 1), (-(1 << 63), 1))
#: Components of bits that a party knows, chosen so that each part of an AND has the secret bit in it.
BITS_KNOWN = np.array([[-1, 0], [0, -1]])

Words = np.ndarray
Primitive = Callable[[Session, ReplicatedShare, ReplicatedShare], object]


@dataclass
class View:
    """What one party receives in a run, sends, knows as streams, and has of the result."""

    received: dict[tuple[Any, ...], Words] = field(default_factory=dict)
    sent: dict[tuple[Any, ...], Words] = field(default_factory=dict)
    masks: dict[tuple[Any, ...], Words] = field(default_factory=dict)
    result: list[Words] = field(default_factory=list)

    @property
    def everything(self) -> list[Words]:
        """With what two messages of one slot open, and the sum of the result's components, for carries."""
        messages = [*self.received.items(), *self.sent.items()]
        opened = [
            words + other
            for ((slot, _), words), ((at, _), other) in combinations(messages, 2)
            if slot == at and words.size == other.size
        ]
        known = [*(words for _, words in messages), *self.masks.values(), *self.result]
        return [*known, *opened, *([self.result[0] + self.result[1]] if self.result else [])]


def components(value: int, party: int, known: tuple[Words, Words], *, bits: bool = False) -> list[Words]:
    """Three components of a vector of `value`, its sum or with `bits` its XOR; the party's two are given."""
    own, following = known
    secret = np.full(own.shape, value, dtype=np.int64)
    hidden = secret ^ own ^ following if bits else secret - own - following
    parts = [hidden] * PARTIES
    parts[party], parts[(party + 1) % PARTIES] = known
    return parts


def observe(primitive: Primitive, party: int, inputs: list[list[Words]]) -> View:
    """One run as all three parties, with the party's view recorded."""
    view, channels = View(), memory_network(PARTIES, timeout_s=20.0)
    keys = [PairKeys(own) for own in FreshKeys().keys(PARTIES)]
    _record(view, channels[party], keys[party])

    def run(place: int) -> Callable[[], object]:
        pairs = [
            ReplicatedShare(*(torch.from_numpy(x[(place + k) % PARTIES].copy()) for k in (0, 1)))
            for x in inputs
        ]
        return lambda: primitive(Session(channels[place], keys[place]), *pairs)

    made = _together([run(place) for place in range(PARTIES)])[party]
    if isinstance(made, ReplicatedShare):
        view.result = [part.numpy().reshape(-1).copy() for part in made.pair]
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
        view.masks[address, peer] = np.array(stream)
        return stream

    channel.recv, channel.send, keys.words = recv, send, words  # type: ignore[method-assign]


def _together(programs: list[Callable[[], object]]) -> list[object]:
    with ThreadPoolExecutor(len(programs)) as pool:
        return [done.result() for done in [pool.submit(program) for program in programs]]


# --- words that are not uniform -------------------------------------------------------------------


def uneven(primitive: Primitive, party: int) -> list[str]:
    """Every statistic of the party's view that no uniform words would show."""
    pooled: dict[str, list[Words]] = defaultdict(list)
    rng = np.random.default_rng(1)
    known = rng.integers(-(2**63), 2**63, (2, 2, ELEMENTS), dtype=np.int64)
    for run in range(RUNS):
        view = observe(primitive, party, [components(run % 2, party, (own, after)) for own, after in known])
        for name, words in _joint(view):
            pooled[name].append(words)
    return [name for name, parts in pooled.items() if chi2(np.concatenate(parts)) > LIMIT]


def _joint(view: View) -> Iterator[tuple[str, Words]]:
    """Each message, and its differences with other messages and with the streams that the party knows."""
    messages = {f"{slot} from {frm}": words for (slot, frm), words in view.received.items()}
    known = {f"mask {address.purpose} {address.index} {address.stream} with {peer}": words
             for (address, peer), words in view.masks.items()}  # fmt: skip
    known |= dict(_permuted(known))
    yield from messages.items()
    pairs = [*combinations(messages.items(), 2), *((m, k) for m in messages.items() for k in known.items())]
    for (name, words), (other, partner) in pairs:
        if words.size == partner.size:
            yield f"{name} - {other}", words - partner
            yield f"{name} ^ {other}", words ^ partner


def _permuted(known: dict[str, Words]) -> Iterator[tuple[str, Words]]:
    """The party's streams in every order that it knows: a permutation hides nothing from who drew it."""
    orders = {name: np.argsort(words, kind="stable") for name, words in known.items() if "draw" in name}
    for (drawn, order), (name, words) in product(orders.items(), known.items()):
        if words.size == order.size:
            yield f"{name} in order of {drawn}", words[order]
            yield f"{name} against the order of {drawn}", words[np.argsort(order)]


def chi2(words: Words) -> float:
    """The worst of the eight bytes of the words, against uniform bytes."""
    columns = np.ascontiguousarray(words).view(np.uint8).reshape(-1, 8)
    expected = columns.shape[0] / BYTE_VALUES
    counts = [np.bincount(columns[:, place], minlength=BYTE_VALUES) for place in range(8)]
    return max(float(((count - expected) ** 2 / expected).sum()) for count in counts)


# --- a secret bit in a view -----------------------------------------------------------------------


def telling(primitive: Primitive, party: int, *, bits: bool = False) -> bool:
    """Whether some XOR of bits of the party's view is the secret bit, in every run and for every element.

    `bits`: operands are shared bits, all those of the first are the secret one.
    """
    if bits:
        return _tells(primitive, party, (-1, 0), BITS_KNOWN)
    known = np.random.default_rng(2).integers(-(2**63), 2**63, (2, 2))
    return any(_tells(primitive, party, pair, known) for pair in SECRETS)


def _tells(primitive: Primitive, party: int, pair: tuple[int, int], known: Words) -> bool:
    secrets, views = _views(primitive, party, pair, known)
    features = np.concatenate([_bits(view, TELLING_ELEMENTS) for view in views], axis=1)
    return _spans(features, np.repeat(secrets, TELLING_ELEMENTS))


def telling_sums(primitive: Primitive, party: int) -> bool:
    """As `telling`, of the sums of messages and streams over an odd number of rows: whatever their order.

    A message whose sum is the same in all runs tells in what order it has what the party knows.
    """
    known = np.random.default_rng(3).integers(-(2**63), 2**63, (2, 2))
    secrets, views = _views(primitive, party, (1, 1), known, runs=3 * TELLING_RUNS)
    features = np.array([[int(words.sum()) & 1 for words in view.everything] for view in views], dtype=bool)
    messages = features[:, : len(views[0].received)]
    same = messages.all(0) | ~messages.any(0)
    return bool(same.any()) or _spans(features.T, secrets, spare=16)


def _views(
    primitive: Primitive, party: int, pair: tuple[int, int], own: Words, runs: int = TELLING_RUNS
) -> tuple[np.ndarray, list[View]]:
    """The secret bit of each run, and the view.

    The party's own components are the same in all runs and elements, so that what is made of them is 0, 1 or
    the secret bit.
    """
    known = np.broadcast_to(own[..., None], (2, 2, TELLING_ELEMENTS))
    bits = own is BITS_KNOWN
    secrets = np.random.default_rng(4).permutation(np.arange(runs) % 2)
    views = [
        observe(
            primitive,
            party,
            [
                components(secret * int(bit), party, (own, after), bits=bits)
                for secret, (own, after) in zip(pair, known, strict=True)
            ],
        )
        for bit in secrets
    ]
    return secrets.astype(bool), views


def _bits(view: View, elements: int) -> np.ndarray:
    """`[bits, elements]`: every bit of a view that belongs to an element, in a word or in a plane."""
    rows = []
    for words in view.everything:
        if words.size and words.size % elements == 0:
            unpacked = np.unpackbits(words.astype("<i8").view(np.uint8), bitorder="little")
            rows.append(unpacked.reshape(-1, elements, 64).transpose(0, 2, 1).reshape(-1, elements))
        if words.size and words.size % (elements // 64) == 0 and words.size < 2 * elements:
            planes = np.ascontiguousarray(words.reshape(-1, elements // 64).astype("<i8"))
            rows.append(np.unpackbits(planes.view(np.uint8), axis=1, bitorder="little"))
    return np.concatenate(rows).astype(bool)


def _spans(features: np.ndarray, target: np.ndarray, spare: int = 128) -> bool:
    """Whether the target is an XOR of the features and 1, over all samples."""
    live = features[features.any(1) & ~features.all(1)]
    assert live.shape[0] + spare < target.size, "more bits in a view than samples"
    rows = np.concatenate([np.ones((1, target.size), dtype=bool), live, target[None]])
    packed = np.packbits(rows, axis=1)
    packed = np.pad(packed, ((0, 0), (0, -packed.shape[1] % 8))).view(np.uint64)
    for place in range(packed.shape[0] - 1):
        words = packed[place].nonzero()[0]
        if not words.size:
            continue
        column = words[0]
        bit = packed[place, column] & (~packed[place, column] + np.uint64(1))
        below = place + 1 + (packed[place + 1 :, column] & bit).nonzero()[0]
        packed[below] ^= packed[place]
    return not packed[-1].any()
