"""What a compute party keeps of an answer: its share of which cohorts opened, encrypted under a key of its
own.

One party's share tells nothing; encrypted, copies of two parties' databases do not either.
"""

from __future__ import annotations

import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mpc.errors import StorageError
from parties.identity.keys import Identity

_NONCE_BYTES: Final = 12


class KeptShares:
    """Locks and unlocks shares, each bound to its plan."""

    def __init__(self, identity: Identity) -> None:
        self._owner = identity.name
        self._cipher = AESGCM(identity.storage_key("triune/ledger/v1"))

    def lock(self, plan_hash: bytes, share: bytes) -> bytes:
        """The bytes that are stored."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, share, plan_hash)

    def unlock(self, plan_hash: bytes, stored: bytes) -> bytes:
        """The share; `StorageError` for bytes that are damaged, or of another party or plan."""
        try:
            return self._cipher.decrypt(stored[:_NONCE_BYTES], stored[_NONCE_BYTES:], plan_hash)
        except (InvalidTag, ValueError):
            raise StorageError(
                f"{self._owner} cannot read what an earlier question opened.",
                remedy="Its operator restores its database and its keys from one backup.",
                culprit=self._owner,
            ) from None
