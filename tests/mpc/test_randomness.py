"""Streams are addressed: reproducible, independent, used once, never shown."""

from __future__ import annotations

import hmac

import numpy as np
import pytest
from blake3 import blake3
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from mpc.errors import ProtocolAbort
from mpc.randomness import SHORT_WORDS, Address, FreshKeys, OnceLedger, PairKeys, expand

ADDRESS = Address("mul", (1, 2), 0, 7)


def test_expansion_is_the_plain_aes_ctr_key_stream() -> None:
    key = bytes(range(16))
    zeros = bytes(8 * 40_001)
    expected = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor().update(zeros)
    assert expand(key, 40_001).tobytes() == expected


@pytest.mark.parametrize("elements", [0, 1, SHORT_WORDS, SHORT_WORDS + 1])
def test_streams_are_what_the_module_says(elements: int) -> None:
    key = bytes(range(32))
    mask = PairKeys({1: key}).words(1, ADDRESS, elements)
    if elements <= SHORT_WORDS:
        short = hmac.digest(key, b"triune/short-streams/v1\x01", "sha256")
        expected = blake3(ADDRESS.to_bytes(), key=short).digest(length=8 * elements) if elements else b""
    else:
        stream = hmac.digest(key, ADDRESS.to_bytes() + b"\x01", "sha256")[:16]
        expected = expand(stream, elements).tobytes()
    assert mask.tobytes() == expected


@pytest.mark.parametrize("elements", [100, SHORT_WORDS + 1])
def test_two_parties_draw_the_same_mask_and_each_address_another(elements: int) -> None:
    keys = FreshKeys().keys(3)
    first, second = PairKeys(keys[0]), PairKeys(keys[1])
    mask = first.words(1, ADDRESS, elements)
    assert np.array_equal(mask, second.words(0, ADDRESS, elements))
    for other in (
        Address("dot", (1, 2), 0, 7),
        Address("mul", (1, 3), 0, 7),
        Address("mul", (1, 2), 1, 7),
        Address("mul", (1, 2), 0, 8),
    ):
        assert not np.array_equal(mask, first.words(1, other, elements))
    assert not np.array_equal(mask, first.words(2, ADDRESS, elements))


def test_the_ledger_refuses_a_mask_used_twice() -> None:
    keys = PairKeys(FreshKeys().keys(3)[0], OnceLedger())
    keys.words(1, ADDRESS, 1)
    keys.words(2, ADDRESS, 1)
    with pytest.raises(ProtocolAbort, match="twice"):
        keys.words(1, ADDRESS, 1)


def test_keys_do_not_show() -> None:
    own = FreshKeys().keys(3)[0]
    shown = repr(PairKeys(own))
    assert all(key.hex() not in shown and repr(key) not in shown for key in own.values())


def test_short_keys_are_refused() -> None:
    with pytest.raises(ProtocolAbort):
        PairKeys({1: bytes(16)})
