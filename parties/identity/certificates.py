"""X.509 as a mere envelope for a pinned key.

gRPC's TLS verifies certificates, a consortium pins keys; two certificates made in memory join both:

    anchor  CA, subject = issuer = the name of the pinned key, holds the pinned key   (made by the verifier)
    leaf    issuer = the name of the pinned key, SAN = the party, signed by that key   (made by the party)

TLS trusts an anchor without checking its own signature, so the verifier can make one for a key whose private
half it never saw. A leaf verifies exactly if the holder of the pinned key signed it; a renewed leaf does too.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mpc.errors import IdentityError
from parties.identity.keys import Identity, tls_key_bytes, tls_public_key

LEAF_LIFETIME: Final = dt.timedelta(days=30)
CLOCK_SKEW: Final = dt.timedelta(days=1)  # by which a peer's clock may be behind ours
_ANCHOR_LIFETIME: Final = dt.timedelta(days=3650)  # pinned for as long as the process lives
_DOMAIN: Final = "triune.internal"


@dataclass(frozen=True, slots=True, repr=False)
class Leaf:
    """A party's certificate with its private key, both PEM, and the end of its validity."""

    certificate: bytes
    private_key: bytes
    not_after: dt.datetime

    def __repr__(self) -> str:
        return f"Leaf(not_after={self.not_after.isoformat()})"


def dns_name(party: str) -> str:
    """The name in a party's certificate; it need not resolve anywhere."""
    return f"{party}.{_DOMAIN}"


def make_leaf(identity: Identity, now: dt.datetime) -> Leaf:
    """A leaf certificate of `identity`, valid from a day before `now` for LEAF_LIFETIME after it."""
    public = identity.tls.public_key()
    builder = _certificate(
        subject=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, identity.name)]),
        issuer=_key_name(public),
        key=public,
        validity=(now - CLOCK_SKEW, now + LEAF_LIFETIME),
    )
    usages = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    names = x509.SubjectAlternativeName([x509.DNSName(dns_name(identity.name))])
    builder = (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usages, critical=False)
        .add_extension(names, critical=False)
    )
    certificate = builder.sign(identity.tls, hashes.SHA256())
    private = identity.tls.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Leaf(certificate.public_bytes(serialization.Encoding.PEM), private, now + LEAF_LIFETIME)


def make_anchor(party: str, tls_key: bytes, now: dt.datetime) -> bytes:
    """The trust anchor (PEM) that accepts leaves of the pinned `tls_key`, for `party`'s name alone.

    The name constraint keeps one member from issuing a leaf under another member's name.
    """
    public = tls_public_key(tls_key)
    name = _key_name(public)
    builder = _certificate(
        subject=name, issuer=name, key=public, validity=(now - CLOCK_SKEW, now + _ANCHOR_LIFETIME)
    )
    constraints = x509.NameConstraints([x509.DNSName(dns_name(party))], excluded_subtrees=None)
    authority = x509.BasicConstraints(ca=True, path_length=0)
    builder = builder.add_extension(authority, critical=True).add_extension(constraints, critical=True)
    # Signed by a key that is thrown away at once: nobody checks an anchor's signature.
    certificate = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return certificate.public_bytes(serialization.Encoding.PEM)


def tls_key_of(certificate: bytes) -> bytes:
    """The 33 bytes of the key in a PEM certificate; IdentityError if it holds no P-256 key."""
    try:
        key = x509.load_pem_x509_certificate(certificate).public_key()
    except ValueError as error:
        raise IdentityError("A peer's certificate cannot be read.") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise IdentityError("A peer's certificate holds no P-256 key.")
    return tls_key_bytes(key)


def _key_name(key: ec.EllipticCurvePublicKey) -> x509.Name:
    """The synthetic issuer: the SHA-256 of the key's SubjectPublicKeyInfo, which is all of a pin."""
    spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Triune pinned key"),
            x509.NameAttribute(NameOID.COMMON_NAME, hashlib.sha256(spki).hexdigest()),
        ]
    )


def _certificate(
    *,
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    validity: tuple[dt.datetime, dt.datetime],
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(validity[0])
        .not_valid_after(validity[1])
    )
