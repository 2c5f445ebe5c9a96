"""Masks from streams that are addressed, not consumed.

Two parties that share a 32-byte pair key derive one stream from an address: purpose, branch, stream,
operation index. Parties that skip a stream therefore never drift. Each address is used once; a
`Ledger` in tests holds every party to that.

A mask of over `SHORT_WORDS` words is AES-128 in counter mode from 0, under the key that HKDF-Expand with
SHA-256 (RFC 5869) makes of the address. A shorter one is the output of BLAKE3, keyed, of the address: one
call, where setting up AES for a few words takes eight times as long. The two never share a key: that of
BLAKE3 is itself expanded from the pair key, under a label that is no address.

Keys live in memory only and never show in a `repr`.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import NamedTuple, NoReturn, Protocol

import numpy as np
import numpy.typing as npt
from blake3 import blake3
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from mpc.errors import NotSupported, ProtocolAbort

Words = npt.NDArray[np.int64]
#: Length of a pair key (bytes) and of a stream's AES key (bytes).
PAIR_KEY_BYTES = 32
STREAM_KEY_BYTES = 16
#: Masks of up to so many words come from keyed BLAKE3: from about here on AES is the faster one.
SHORT_WORDS = 512
_SHORT_LABEL = b"triune/short-streams/v1"
#: Zero bytes are encrypted in pieces of this size, so that they stay in cache (bytes).
_PIECE_BYTES = 1 << 18
_ZEROS = memoryview(bytes(_PIECE_BYTES))


class Address(NamedTuple):
    """Where a stream belongs. `stream` tells apart several streams of one operation."""

    purpose: str
    branch: tuple[int, ...]
    stream: int
    index: int  # type: ignore[assignment]  # not that of a tuple

    def to_bytes(self) -> bytes:
        """What a stream's key is expanded from; `lane` in the vectors is `stream`."""
        path = ".".join(map(str, self.branch))
        return f"triune/stream/v1|{self.purpose}|{path}|{self.stream}|{self.index}".encode()


class Ledger(Protocol):
    """Told of every address a party uses, with the peer that shares the stream."""

    def record(self, peer: int, address: Address) -> None:
        """A stream with `peer` is about to be drawn."""


class OnceLedger:
    """Refuses the second use of an address: the check that tests run the whole engine under."""

    def __init__(self) -> None:
        self._seen: set[tuple[int, Address]] = set()

    def record(self, peer: int, address: Address) -> None:
        """As `Ledger`'s. `ProtocolAbort` for an address that was used."""
        if (peer, address) in self._seen:
            raise ProtocolAbort(f"Mask {address} with party {peer} would be used twice.")
        self._seen.add((peer, address))


def expand(key: bytes, elements: int) -> Words:
    """`[elements]` uniform words of the AES-128-CTR stream of `key`, counter from 0."""
    out = np.empty(elements * 8 + STREAM_KEY_BYTES, dtype=np.uint8)
    encryptor = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor()
    view, total = out.data, elements * 8
    for offset in range(0, total, _PIECE_BYTES):
        size = min(_PIECE_BYTES, total - offset)
        encryptor.update_into(_ZEROS[:size], view[offset : offset + size + 15])
    return out[:total].view(np.int64)


class PairKeys:
    """The keys one party shares with each of its peers in one attempt, and one key of its own.

    The own key (under the party's own index) makes masks that nobody else knows.
    """

    def __init__(self, keys: Mapping[int, bytes], ledger: Ledger | None = None) -> None:
        if any(len(key) != PAIR_KEY_BYTES for key in keys.values()):
            raise ProtocolAbort(f"A pair key must have {PAIR_KEY_BYTES} bytes.")
        self._keys = dict(keys)
        self._short = {peer: _expanded(key, _SHORT_LABEL) for peer, key in keys.items()}
        self._ledger = ledger

    def __repr__(self) -> str:
        return f"PairKeys(peers={sorted(self._keys)}, redacted)"

    def __reduce__(self) -> NoReturn:
        raise NotSupported("Keys are neither pickled nor copied.", remedy="Agree on fresh ones.")

    def words(self, peer: int, address: Address, elements: int) -> Words:
        """`[elements]` uniform words that only this party and `peer` know."""
        if self._ledger is not None:
            self._ledger.record(peer, address)
        if 0 < elements <= SHORT_WORDS:
            return short_stream(self._short[peer], address, elements)
        return expand(self._stream_key(peer, address), elements)

    def digest(self, peer: int, address: Address, data: bytes | memoryview) -> bytes:
        """A digest of `data` salted with a value that only this party and `peer` know."""
        if self._ledger is not None:
            self._ledger.record(peer, address)
        return hmac.new(self._stream_key(peer, address), data, hashlib.sha256).digest()

    def _stream_key(self, peer: int, address: Address) -> bytes:
        return _expanded(self._keys[peer], address.to_bytes())[:STREAM_KEY_BYTES]


def _expanded(key: bytes, label: bytes) -> bytes:
    """The first block of HKDF-Expand."""
    return hmac.digest(key, label + b"\x01", "sha256")


def short_stream(key: bytes, address: Address, elements: int) -> Words:
    """`[elements]` uniform words: the output of keyed BLAKE3 of the address."""
    made = bytearray(blake3(address.to_bytes(), key=key).digest(length=8 * elements))
    return np.frombuffer(made, dtype=np.int64)


class KeySource(Protocol):
    """Where the keys of a simulated session come from. Nodes agree theirs by X25519 instead.

    `keys(n)[i]` maps each peer of party i to their common key, and i itself to a key of its own.
    """

    def keys(self, parties: int) -> list[dict[int, bytes]]:
        """For each party its keys with every other, and one of its own, by party."""


class FreshKeys:
    """Keys from the operating system's generator."""

    def keys(self, parties: int) -> list[dict[int, bytes]]:
        """As `KeySource`'s, drawn anew."""
        keys: list[dict[int, bytes]] = [{} for _ in range(parties)]
        for low in range(parties):
            for high in range(low, parties):
                keys[low][high] = keys[high][low] = secrets.token_bytes(PAIR_KEY_BYTES)
        return keys


def fresh_seed() -> bytes:
    """A key for `expand` from the operating system's generator."""
    return secrets.token_bytes(STREAM_KEY_BYTES)
