"""Mutual TLS between pinned keys on plain sockets, with the certificates of `tls`."""

from __future__ import annotations

import os
import socket
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mpc.errors import IdentityError
from parties.identity.certificates import dns_name, make_anchor, make_leaf, tls_key_of
from parties.identity.consortium import Consortium, Member
from parties.identity.keys import Identity
from parties.identity.tls import Clock, utc_now


def accept(
    plain: socket.socket, identity: Identity, consortium: Consortium, *, clock: Clock = utc_now
) -> tuple[ssl.SSLSocket, Member]:
    """The listening end of a handshake, and who dialled; `IdentityError` or OSError unless a member did."""
    context = _context(ssl.PROTOCOL_TLS_SERVER, identity, consortium.members, clock)
    context.verify_mode = ssl.CERT_REQUIRED
    context.num_tickets = 0  # nothing is resumed
    secured = context.wrap_socket(plain, server_side=True)
    try:
        return secured, _member(secured, consortium)
    except IdentityError:
        secured.close()
        raise


def _member(secured: ssl.SSLSocket, consortium: Consortium) -> Member:
    certificate = secured.getpeercert(binary_form=True)
    if certificate is None:
        raise IdentityError("A peer showed no certificate.")
    return consortium.member_by_tls_key(tls_key_of(ssl.DER_cert_to_PEM_cert(certificate).encode()))


def dial(plain: socket.socket, identity: Identity, peer: Member, *, clock: Clock = utc_now) -> ssl.SSLSocket:
    """The dialling end; whoever is not `peer` fails the handshake (OSError)."""
    context = _context(ssl.PROTOCOL_TLS_CLIENT, identity, (peer,), clock)
    return context.wrap_socket(plain, server_hostname=dns_name(peer.name))


def _context(protocol: int, identity: Identity, accepted: tuple[Member, ...], clock: Clock) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    now = clock()
    anchors = b"".join(make_anchor(member.name, member.tls_key, now) for member in accepted)
    context.load_verify_locations(cadata=anchors.decode("ascii"))
    leaf = make_leaf(identity, now)
    with _as_file(leaf.private_key + leaf.certificate) as path:
        context.load_cert_chain(path)
    return context


@contextmanager
def _as_file(content: bytes) -> Iterator[str]:
    """The ssl module reads keys from files alone: one in memory where there is such a thing."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("leaf", os.MFD_CLOEXEC)
        try:
            os.write(descriptor, content)
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
    else:
        with tempfile.TemporaryDirectory() as folder:  # 0700, and gone at once
            path = Path(folder) / "leaf.pem"
            path.write_bytes(content)
            yield str(path)
