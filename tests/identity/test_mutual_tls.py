"""Who gets an RPC through: only who holds a pinned key, and only to the party that was dialled."""

from __future__ import annotations

import dataclasses
import datetime as dt
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mpc.errors import ConfigError, IdentityError
from parties.identity import certificates, tls
from parties.identity.consortium import Consortium
from parties.identity.keys import Identity

CALL_TIMEOUT_S = 20


def call(channel: grpc.Channel, request: bytes = b"") -> str:
    with channel:
        answer: bytes = channel.unary_unary("/test/Echo", None, None)(request, timeout=CALL_TIMEOUT_S)
    return answer.decode()


def refusal(channel: grpc.Channel) -> grpc.StatusCode:
    with pytest.raises(grpc.RpcError) as caught:
        call(channel)
    code: grpc.StatusCode = caught.value.code()
    return code


def with_key_of(consortium: Consortium, name: str, identity: Identity) -> Consortium:
    """The consortium as a cheat would like to have it: `name` has the TLS key of `identity`."""
    public = identity.public()
    members = tuple(
        dataclasses.replace(member, tls_key=public.tls_key, signing_key=public.signing_key)
        if member.name == name
        else member
        for member in consortium.members
    )
    return Consortium(consortium.name, consortium.sandbox, members)


def tls_socket(world: Any, tmp_path: Path, leaf: certificates.Leaf | None) -> ssl.SSLSocket:
    """A plain TLS connection to alpha's node that trusts alpha's pinned key only."""
    now = dt.datetime.now(dt.UTC)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anchor = certificates.make_anchor("alpha", world.consortium.member("alpha").tls_key, now)
    context.load_verify_locations(cadata=anchor.decode())
    context.set_alpn_protocols(["h2"])
    if leaf is not None:
        path = tmp_path / "leaf.pem"
        path.write_bytes(leaf.certificate + leaf.private_key)
        context.load_cert_chain(path)
    raw = socket.create_connection(("127.0.0.1", world.port), timeout=CALL_TIMEOUT_S)
    return context.wrap_socket(raw, server_hostname=certificates.dns_name("alpha"))


def received(connection: ssl.SSLSocket) -> bytes:
    """What the server says first; nothing if it ends the connection, in whichever way."""
    try:
        return connection.recv(1)
    except (ssl.SSLError, ConnectionError):
        return b""


def test_each_member_is_known_by_its_key(world: Any, serve: Callable[..., grpc.Server]) -> None:
    serve()
    for name in ("beta", "delta", "ana"):
        channel = tls.channel(world.identities[name], world.consortium, "alpha")
        assert call(channel, b"12345") == f"{name} 5"


def test_tls_1_3_is_negotiated(world: Any, serve: Callable[..., grpc.Server], tmp_path: Path) -> None:
    serve()
    leaf = certificates.make_leaf(world.identities["delta"], dt.datetime.now(dt.UTC))
    with tls_socket(world, tmp_path, leaf) as connection:
        assert connection.version() == "TLSv1.3"
        assert connection.selected_alpn_protocol() == "h2"
        assert received(connection)  # the HTTP/2 settings: the server accepted the certificate


def test_no_certificate_no_connection(world: Any, serve: Callable[..., grpc.Server], tmp_path: Path) -> None:
    serve()
    with tls_socket(world, tmp_path, None) as connection:
        assert received(connection) == b""
    anchor = certificates.make_anchor(
        "alpha", world.consortium.member("alpha").tls_key, dt.datetime.now(dt.UTC)
    )
    channel = grpc.secure_channel(
        f"127.0.0.1:{world.port}",
        grpc.ssl_channel_credentials(root_certificates=anchor),
        options=[("grpc.ssl_target_name_override", certificates.dns_name("alpha"))],
    )
    assert refusal(channel) is grpc.StatusCode.UNAVAILABLE
    assert refusal(grpc.insecure_channel(f"127.0.0.1:{world.port}")) is grpc.StatusCode.UNAVAILABLE
    assert world.calls == []


def test_a_foreign_key_gets_no_rpc_through(world: Any, serve: Callable[..., grpc.Server]) -> None:
    serve()
    stranger = Identity.generate("delta")
    cheated = with_key_of(world.consortium, "delta", stranger)
    assert refusal(tls.channel(stranger, cheated, "alpha")) is grpc.StatusCode.UNAVAILABLE
    assert world.calls == []


def test_a_channel_needs_ones_own_keys(world: Any) -> None:
    with pytest.raises(IdentityError, match="other keys for delta"):
        tls.channel(Identity.generate("delta"), world.consortium, "alpha")
    with pytest.raises(IdentityError, match="mallory is no member"):
        tls.server_credentials(Identity.generate("mallory"), world.consortium)


def delegated(issuer: Identity, subject: Identity) -> certificates.Leaf:
    """A leaf for the key and the name of `subject` that `issuer`'s pinned key signed."""
    now = dt.datetime.now(dt.UTC)
    own = x509.load_pem_x509_certificate(certificates.make_leaf(subject, now).certificate)
    issuer_name = x509.load_pem_x509_certificate(certificates.make_leaf(issuer, now).certificate).issuer
    builder = x509.CertificateBuilder(
        issuer_name=issuer_name,
        subject_name=own.subject,
        public_key=own.public_key(),
        serial_number=1,
        not_valid_before=own.not_valid_before_utc,
        not_valid_after=own.not_valid_after_utc,
        extensions=list(own.extensions),
    )
    signed = builder.sign(issuer.tls, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    key = certificates.make_leaf(subject, now).private_key
    return certificates.Leaf(signed, key, own.not_valid_after_utc)


def channel_with(world: Any, leaf: certificates.Leaf) -> grpc.Channel:
    anchor = certificates.make_anchor(
        "alpha", world.consortium.member("alpha").tls_key, dt.datetime.now(dt.UTC)
    )
    credentials = grpc.ssl_channel_credentials(anchor, leaf.private_key, leaf.certificate)
    options = [("grpc.ssl_target_name_override", certificates.dns_name("alpha"))]
    return grpc.secure_channel(f"127.0.0.1:{world.port}", credentials, options=options)


def test_a_member_cannot_lend_its_place(world: Any, serve: Callable[..., grpc.Server]) -> None:
    serve()
    leaf = delegated(world.identities["delta"], Identity.generate("delta"))
    assert refusal(channel_with(world, leaf)) is grpc.StatusCode.UNAUTHENTICATED
    assert len(world.refused) == 1
    assert world.calls == []


def test_a_member_cannot_issue_anothers_name(world: Any, serve: Callable[..., grpc.Server]) -> None:
    serve()
    leaf = delegated(world.identities["delta"], Identity.generate("beta"))
    assert refusal(channel_with(world, leaf)) is grpc.StatusCode.UNAVAILABLE
    assert world.calls == world.refused == []


def test_dialling_the_wrong_party_fails(world: Any, serve: Callable[..., grpc.Server]) -> None:
    serve()
    swapped = tuple(
        dataclasses.replace(member, address={"alpha": "127.0.0.1:9"}.get(member.name, member.address))
        if member.name != "beta"
        else dataclasses.replace(member, address=f"127.0.0.1:{world.port}")
        for member in world.consortium.members
    )
    misled = Consortium(world.consortium.name, True, swapped)
    channel = tls.channel(world.identities["delta"], misled, "beta")
    assert refusal(channel) is grpc.StatusCode.UNAVAILABLE
    assert world.calls == []


def test_renewal_keeps_identity(world: Any, serve: Callable[..., grpc.Server], tmp_path: Path) -> None:
    now = dt.datetime.now(dt.UTC)
    times = iter([now - dt.timedelta(days=20)])  # the server's start; afterwards it is now
    serve(clock=lambda: next(times, now))
    serials = set()
    for age in (dt.timedelta(days=10), dt.timedelta(0)):
        leaf = certificates.make_leaf(world.identities["delta"], now - age)
        serials.add(x509.load_pem_x509_certificate(leaf.certificate).serial_number)
        assert call(channel_with(world, leaf)) == "delta 0"
        with tls_socket(world, tmp_path, leaf) as connection:
            shown = connection.getpeercert(binary_form=True)
        assert shown is not None
        remaining = x509.load_der_x509_certificate(shown).not_valid_after_utc - now
        assert remaining > certificates.LEAF_LIFETIME / 2
    assert len(serials) == 2


def test_an_expired_leaf_is_refused(world: Any, serve: Callable[..., grpc.Server]) -> None:
    serve()
    past = dt.datetime.now(dt.UTC) - certificates.LEAF_LIFETIME - dt.timedelta(hours=1)
    leaf = certificates.make_leaf(world.identities["delta"], past)
    assert refusal(channel_with(world, leaf)) is grpc.StatusCode.UNAVAILABLE


def test_one_frame_fits_and_more_does_not(world: Any, serve: Callable[..., grpc.Server]) -> None:
    serve()
    delta = world.identities["delta"]
    frame = bytes(tls.MAX_FRAME_BYTES)
    assert call(tls.channel(delta, world.consortium, "alpha"), frame) == f"delta {len(frame)}"
    with pytest.raises(grpc.RpcError) as caught:
        call(tls.channel(delta, world.consortium, "alpha"), bytes(tls.MAX_MESSAGE_BYTES + 1))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_port_in_use_is_said_so(world: Any, serve: Callable[..., grpc.Server]) -> None:
    serve()
    with pytest.raises(ConfigError, match=rf"127\.0\.0\.1:{world.port} cannot be opened"):
        serve()


def test_only_listeners_can_be_dialled(world: Any) -> None:
    with pytest.raises(ConfigError, match="delta has no address"):
        tls.channel(world.identities["alpha"], world.consortium, "delta")


def test_certificates_of_other_kinds_are_refused() -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "delta")])
    now = dt.datetime.now(dt.UTC)
    certificate = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now).sign(
        key, hashes.SHA256()
    )
    with pytest.raises(IdentityError, match="no P-256"):
        certificates.tls_key_of(certificate.public_bytes(serialization.Encoding.PEM))
    with pytest.raises(IdentityError, match="cannot be read"):
        certificates.tls_key_of(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
