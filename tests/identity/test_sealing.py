"""Sealed bytes open for one key and one context, unaltered, or not at all."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from mpc.errors import IdentityError
from parties.identity.keys import Identity
from parties.identity.seal import SEAL_OVERHEAD_BYTES, seal, unseal

PRIVATE = Identity.generate("ana").recipient_key(b"nonce of a plan.")
PUBLIC = PRIVATE.public_key().public_bytes_raw()


@given(plaintext=st.binary(max_size=500), context=st.binary(max_size=80))
def test_round_trip(plaintext: bytes, context: bytes) -> None:
    sealed = seal(PUBLIC, plaintext, context)
    assert len(sealed) == len(plaintext) + SEAL_OVERHEAD_BYTES
    assert unseal(PRIVATE, sealed, context) == plaintext
    assert seal(PUBLIC, plaintext, context) != sealed


@given(data=st.data(), plaintext=st.binary(max_size=60))
def test_any_altered_bit_is_noticed(data: st.DataObject, plaintext: bytes) -> None:
    sealed = bytearray(seal(PUBLIC, plaintext, b"session"))
    bit = data.draw(st.integers(0, 8 * len(sealed) - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(IdentityError):
        unseal(PRIVATE, bytes(sealed), b"session")


@given(length=st.integers(0, SEAL_OVERHEAD_BYTES + 4))
def test_shortened_messages_do_not_open(length: int) -> None:
    sealed = seal(PUBLIC, b"12345", b"session")[:length]
    with pytest.raises(IdentityError, match="does not open"):
        unseal(PRIVATE, sealed, b"session")


@given(context=st.binary(max_size=40).filter(lambda context: context != b"session"))
def test_another_context_or_key_does_not_open(context: bytes) -> None:
    sealed = seal(PUBLIC, b"12345", b"session")
    with pytest.raises(IdentityError, match="does not open"):
        unseal(PRIVATE, sealed, context)
    with pytest.raises(IdentityError, match="does not open"):
        unseal(X25519PrivateKey.generate(), sealed, b"session")


@pytest.mark.parametrize("key", [bytes(32), b"\x01" + bytes(31), bytes(31)])
def test_unusable_keys_are_refused(key: bytes) -> None:
    with pytest.raises(IdentityError, match="no usable X25519 key"):
        seal(key, b"12345", b"session")
