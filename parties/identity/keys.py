"""A party's own two private keys, where they lie, and what they sign.

P-256 authenticates TLS connections (grpcio fails on Ed25519 certificates), Ed25519 signs documents.
Both are pinned by their public halves in the consortium file; there is no certificate to lose or renew.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mpc.errors import ConfigError, IdentityError

NAME_PATTERN: Final = re.compile(r"[a-z0-9-]{1,32}")
TLS_KEY_BYTES: Final = 33  # a compressed P-256 point
SIGNING_KEY_BYTES: Final = 32  # a raw Ed25519 public key
SIGNATURE_BYTES: Final = 64  # Ed25519
MIN_NONCE_BYTES: Final = 16

_TLS_FILE: Final = "tls.pem"
_SIGNING_FILE: Final = "signing.pem"
_LABEL: Final = "Triune party: "
# Nobody but the owner, and at most readers of its own group, may open a key (mounted secrets are 0440).
_FORBIDDEN_MODE: Final = stat.S_IWGRP | stat.S_IXGRP | stat.S_IRWXO


def check_name(name: str, *, field: str = "name") -> str:
    """`name` if it can name a party, else ConfigError that points at `field`."""
    if not NAME_PATTERN.fullmatch(name):
        raise ConfigError(
            f"{field} is {name!r}, which cannot name a party.",
            remedy="Use 1 to 32 small letters, digits and hyphens.",
        )
    return name


def tls_public_key(data: bytes) -> ec.EllipticCurvePublicKey:
    """The P-256 key whose compressed point is `data`; IdentityError if there is none."""
    try:
        if len(data) == TLS_KEY_BYTES:
            return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), data)
    except ValueError:
        pass  # not on the curve: the same answer as for a wrong length, below
    raise IdentityError(
        "A TLS key is not a compressed P-256 point.", remedy="Copy it again from the request file."
    )


def tls_key_bytes(key: ec.EllipticCurvePublicKey) -> bytes:
    """The 33 bytes by which a P-256 public key is pinned."""
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)


def _framed(context: str, data: bytes) -> bytes:
    """What is really signed: the context cannot run into the data, because it contains no zero byte."""
    if not context or "\0" in context:
        raise ValueError("a signature context is a non-empty text without zero bytes")
    return context.encode() + b"\0" + data


@dataclass(frozen=True, slots=True)
class PublicIdentity:
    """What everybody may know of a party: `tls_key` (33 bytes) and `signing_key` (32 bytes)."""

    name: str
    tls_key: bytes
    signing_key: bytes

    @property
    def fingerprint(self) -> str:
        """32 hex digits over both keys, for people to compare by telephone."""
        return hashlib.sha256(b"triune/fingerprint/v1\0" + self.tls_key + self.signing_key).hexdigest()[:32]

    def verify(self, context: str, data: bytes, signature: bytes) -> None:
        """Raises IdentityError unless `signature` is this party's over `data` in `context`."""
        try:
            key = Ed25519PublicKey.from_public_bytes(self.signing_key)
            key.verify(signature, _framed(context, data))
        except (InvalidSignature, ValueError) as error:
            raise IdentityError(
                f"A signature of {self.name} ({context}) does not fit what it should sign.",
                remedy="Something was altered on the way, or signed with another key; ask that party.",
                culprit=self.name,
            ) from error

    def verify_possession(self, context: str, data: bytes, proof: bytes) -> None:
        """Raises IdentityError unless `proof` shows that the party holds the TLS key that it names."""
        key = tls_public_key(self.tls_key)
        try:
            key.verify(proof, _framed(context, data), ec.ECDSA(hashes.SHA256()))
        except InvalidSignature as error:
            raise IdentityError(
                f"{self.name} does not prove that it holds its TLS key ({context}).",
                remedy="Ask that party for the request file that its own command wrote.",
                culprit=self.name,
            ) from error


@dataclass(frozen=True, slots=True, repr=False)
class Identity:
    """A party's name and its two private keys. Its repr shows the name and the fingerprint only."""

    name: str
    signing: Ed25519PrivateKey
    tls: ec.EllipticCurvePrivateKey

    def __repr__(self) -> str:
        return f"Identity(name={self.name!r}, fingerprint={self.public().fingerprint!r})"

    @classmethod
    def generate(cls, name: str) -> Identity:
        """Fresh keys from the operating system's randomness."""
        return cls(check_name(name), Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1()))

    def public(self) -> PublicIdentity:
        """The public halves."""
        return PublicIdentity(
            self.name, tls_key_bytes(self.tls.public_key()), self.signing.public_key().public_bytes_raw()
        )

    def sign(self, context: str, data: bytes) -> bytes:
        """64 bytes of Ed25519 over `data`, valid in `context` (as "triune/offer/v1") and no other."""
        return self.signing.sign(_framed(context, data))

    def prove_possession(self, context: str, data: bytes) -> bytes:
        """An ECDSA signature with the TLS key; used once, in the request file."""
        return self.tls.sign(_framed(context, data), ec.ECDSA(hashes.SHA256()))

    def recipient_key(self, nonce: bytes) -> X25519PrivateKey:
        """The key to which results of the plan with this `nonce` are sealed.

        Derived, never stored: whoever has the party's keys and the plan can open the result days later.
        """
        if len(nonce) < MIN_NONCE_BYTES:
            raise ValueError(f"a plan nonce has at least {MIN_NONCE_BYTES} bytes")
        # In `info` and hashed: HMAC pads a salt with zeros, so as salts two nonces could mean one key.
        info = b"triune/recipient/v1" + hashlib.sha256(nonce).digest()
        derived = HKDF(hashes.SHA256(), 32, salt=None, info=info)
        return X25519PrivateKey.from_private_bytes(derived.derive(self.signing.private_bytes_raw()))

    def storage_key(self, purpose: str) -> bytes:
        """32 bytes for what this party keeps for itself, one key a `purpose` (as "triune/cohorts/v1").

        Derived, never stored: files under it open with the party's keys alone.
        """
        info = b"triune/storage/v1" + hashlib.sha256(purpose.encode()).digest()
        return HKDF(hashes.SHA256(), 32, salt=None, info=info).derive(self.signing.private_bytes_raw())

    def save(self, folder: Path, exist_ok: bool = False) -> None:
        """Writes `tls.pem` and `signing.pem`, readable by the owner alone.

        Existing keys raise ConfigError (who overwrites a key loses an identity); with `exist_ok` they go.
        """
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        files: dict[Path, Ed25519PrivateKey | ec.EllipticCurvePrivateKey] = {
            folder / _TLS_FILE: self.tls,
            folder / _SIGNING_FILE: self.signing,
        }
        present = [path for path in files if path.exists()]
        if present and not exist_ok:
            raise ConfigError(
                f"There is a key already: {present[0]}.",
                remedy="Choose another folder, or move the old keys away if that identity is given up.",
            )
        for path in present:
            path.unlink()
        for path, key in files.items():
            _write_key(path, self.name, key)

    @classmethod
    def load(cls, folder: Path) -> Identity:
        """Reads what `save` wrote; ConfigError if a file is missing, damaged or open to strangers."""
        signing, name = _read_key(folder / _SIGNING_FILE)
        tls, tls_name = _read_key(folder / _TLS_FILE)
        if not isinstance(signing, Ed25519PrivateKey):
            raise _damaged(folder / _SIGNING_FILE, "holds no Ed25519 key")
        if not isinstance(tls, ec.EllipticCurvePrivateKey) or not isinstance(tls.curve, ec.SECP256R1):
            raise _damaged(folder / _TLS_FILE, "holds no P-256 key")
        if name != tls_name:
            raise _damaged(folder / _TLS_FILE, f"is of {tls_name}, but {_SIGNING_FILE} is of {name}")
        return cls(check_name(name, field=f"The party named in {folder / _SIGNING_FILE}"), signing, tls)


def _write_key(path: Path, name: str, key: Ed25519PrivateKey | ec.EllipticCurvePrivateKey) -> None:
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    # O_EXCL and the mode at creation: there is no moment at which somebody else could open the file.
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(f"{_LABEL}{name}\n".encode() + pem)


def _read_key(path: Path) -> tuple[object, str]:
    """The private key in a file, and the party that its first line names."""
    try:
        mode = path.stat().st_mode
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"The key file {path} cannot be read ({error.strerror}).",
            remedy="Check `keys` in the configuration file, or make keys with `triune party new`.",
        ) from error
    if os.name == "posix" and mode & _FORBIDDEN_MODE:
        raise ConfigError(
            f"Other users can open the key file {path} (mode {stat.S_IMODE(mode):04o}).",
            remedy=f"Run: chmod 600 {path}",
        )
    label, _, pem = data.partition(b"\n")
    if not label.startswith(_LABEL.encode()):
        raise _damaged(path, "does not begin with the name of its party")
    try:
        return serialization.load_pem_private_key(pem, password=None), label[len(_LABEL) :].decode().strip()
    except (ValueError, TypeError):
        # The parser's own words are dropped: they may quote from the file.
        raise _damaged(path, "holds no private key that can be read") from None


def _damaged(path: Path, what: str) -> ConfigError:
    return ConfigError(
        f"The key file {path} {what}.", remedy="Restore it from the backup of this party's keys."
    )
