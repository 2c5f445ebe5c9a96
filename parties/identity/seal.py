"""Sealing to a recipient's X25519 key: whoever carries the sealed bytes learns their length and no more.

    sealed = 0x01 || ephemeral public key (32) || AES-256-GCM ciphertext and tag
    key    = HKDF-SHA256(X25519(ephemeral, recipient), salt = ephemeral public || recipient public,
                         info = "triune/seal/v1" || SHA-256(context))

The key is used once, so the GCM nonce is zero. The context (who, which session, which plan) is bound twice,
in the key and as associated data. There is no sender in it: who sent the bytes is the channel's matter.
"""

from __future__ import annotations

import hashlib
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mpc.errors import IdentityError

_VERSION: Final = b"\x01"
_KEY_BYTES: Final = 32
_HEADER_BYTES: Final = len(_VERSION) + _KEY_BYTES
_ZERO_NONCE: Final = bytes(12)
SEAL_OVERHEAD_BYTES: Final = _HEADER_BYTES + 16  # what sealing adds to a plaintext


def seal(recipient_public: bytes, plaintext: bytes, context: bytes) -> bytes:
    """`plaintext`, readable only with the private key of `recipient_public` (32 bytes) and this `context`.

    Raises IdentityError if `recipient_public` is no usable X25519 key.
    """
    ephemeral = X25519PrivateKey.generate()
    ephemeral_public = ephemeral.public_key().public_bytes_raw()
    key = _key(ephemeral, recipient_public, ephemeral_public + recipient_public, context)
    return _VERSION + ephemeral_public + AESGCM(key).encrypt(_ZERO_NONCE, plaintext, context)


def unseal(private: X25519PrivateKey, sealed: bytes, context: bytes) -> bytes:
    """What was sealed; IdentityError if anything was altered, or meant for another key or context."""
    if len(sealed) < SEAL_OVERHEAD_BYTES or not sealed.startswith(_VERSION):
        raise _cannot_open()
    ephemeral_public = sealed[len(_VERSION) : _HEADER_BYTES]
    salt = ephemeral_public + private.public_key().public_bytes_raw()
    key = _key(private, ephemeral_public, salt, context)
    try:
        return AESGCM(key).decrypt(_ZERO_NONCE, sealed[_HEADER_BYTES:], context)
    except InvalidTag:
        raise _cannot_open() from None


def _key(own: X25519PrivateKey, other_public: bytes, salt: bytes, context: bytes) -> bytes:
    try:
        shared = own.exchange(X25519PublicKey.from_public_bytes(other_public))
    except ValueError as error:  # a wrong length, or a point of small order
        raise IdentityError(
            "A key to seal with is no usable X25519 key.", remedy="Submit the query again."
        ) from error
    info = b"triune/seal/v1" + hashlib.sha256(context).digest()
    return HKDF(hashes.SHA256(), _KEY_BYTES, salt=salt, info=info).derive(shared)


def _cannot_open() -> IdentityError:
    return IdentityError(
        "A sealed message does not open: it was altered, or sealed for another key or purpose.",
        remedy="Submit the query again; if it happens again, ask the party that sent it.",
    )
