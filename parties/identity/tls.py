"""Mutual TLS between pinned keys, and the options of every gRPC server and channel.

Use a new channel for each redial: a channel carries one leaf certificate, valid for LEAF_LIFETIME.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Final, cast
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass_environment  # type: ignore[attr-defined]

import grpc

from mpc.errors import ConfigError, IdentityError
from parties.identity.certificates import LEAF_LIFETIME, Leaf, dns_name, make_anchor, make_leaf, tls_key_of
from parties.identity.consortium import Consortium, Member
from parties.identity.keys import Identity
from parties.identity.members import is_loopback, split_address

Option = tuple[str, str | int]
Clock = Callable[[], dt.datetime]

MAX_FRAME_BYTES: Final = 4 * 1024 * 1024  # payload of one message
MAX_MESSAGE_BYTES: Final = MAX_FRAME_BYTES + 64 * 1024  # with its tag and envelope
KEEPALIVE_PING_MS: Final = 2_000  # silence after which a peer is pinged
KEEPALIVE_TIMEOUT_MS: Final = 4_000  # a ping unanswered for so long ends the link

COMMON_OPTIONS: Final[tuple[Option, ...]] = (
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", KEEPALIVE_PING_MS),
    ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_MS),
    # Without this one an unanswered ping is waited for a minute, whatever the keep-alive timeout says.
    ("grpc.http2.ping_timeout_ms", KEEPALIVE_TIMEOUT_MS),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
)
#: For `grpc.server(..., options=SERVER_OPTIONS)`. Without SO_REUSEPORT a port in use is an error.
SERVER_OPTIONS: Final[tuple[Option, ...]] = (
    *COMMON_OPTIONS,
    ("grpc.http2.min_recv_ping_interval_without_data_ms", KEEPALIVE_PING_MS // 2),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.so_reuseport", 0),
)


def utc_now() -> dt.datetime:
    """The clock of this machine."""
    return dt.datetime.now(dt.UTC)


def server_credentials(
    identity: Identity, consortium: Consortium, *, clock: Clock = utc_now
) -> grpc.ServerCredentials:
    """Credentials of a listening node: only members of `consortium` complete the handshake.

    The leaf is renewed in memory when half of its life is over. Handlers still call `peer_of`.
    """
    consortium.check_own(identity)
    renewal = _Renewal(identity, consortium, clock)
    return grpc.dynamic_ssl_server_credentials(
        renewal.first,
        renewal,  # type: ignore[arg-type]  # the stubs do not know that None means "no change"
        require_client_authentication=True,
    )


def bind(server: grpc.Server, listen: str, credentials: grpc.ServerCredentials) -> int:
    """Opens a node's one port ("host:port"; 0 lets the system choose), returns it; ConfigError if taken."""
    try:
        return server.add_secure_port(listen, credentials)
    except RuntimeError as error:
        raise ConfigError(
            f"The address {listen} cannot be opened: another process has it, or it is not of this machine.",
            remedy="End the other process, or change `listen` in node.toml.",
        ) from error


def channel(
    identity: Identity,
    consortium: Consortium,
    peer_name: str,
    options: Sequence[Option] = (),
    *,
    proxy: str | None = None,
    clock: Clock = utc_now,
) -> grpc.Channel:
    """A channel to the compute member `peer_name`; whoever else answers there fails the handshake.

    Goes through `proxy` ("http://user:password@host:port") if given, else through HTTPS_PROXY unless NO_PROXY
    names the peer. A loopback peer is dialled directly unless `proxy` is given.
    """
    consortium.check_own(identity)
    peer = consortium.member(peer_name)
    if not peer.address:
        raise ConfigError(
            f"{peer_name} has no address to dial.", remedy="Only compute members listen; dial one of them."
        )
    leaf = make_leaf(identity, clock())
    credentials = grpc.ssl_channel_credentials(
        root_certificates=make_anchor(peer.name, peer.tls_key, clock()),
        private_key=leaf.private_key,
        certificate_chain=leaf.certificate,
    )
    own: tuple[Option, ...] = (
        ("grpc.ssl_target_name_override", dns_name(peer.name)),
        # A channel of its own: gRPC would share one connection among channels of equal options.
        ("grpc.use_local_subchannel_pool", 1),
        *proxy_options(peer.address, proxy),
    )
    return grpc.secure_channel(peer.address, credentials, options=(*COMMON_OPTIONS, *own, *options))


def proxy_options(address: str, proxy: str | None = None) -> tuple[Option, ...]:
    """How to reach "host:port": directly, or by CONNECT through a proxy. ConfigError for an unusable proxy.

    gRPC itself reads only small-letter variables, and `http_proxy` too: its own look-up is switched off.
    """
    direct = (("grpc.enable_http_proxy", 0),)
    if proxy is None:
        proxies = getproxies_environment()
        host = split_address(address)[0]
        proxy = proxies.get("https", "")
        if not proxy or is_loopback(host) or proxy_bypass_environment(address, proxies):
            return direct
    return (("grpc.http_proxy", _proxy_url(proxy)),) if proxy else direct


def peer_of(context: grpc.ServicerContext, consortium: Consortium) -> Member:
    """The member at the other end of a call; IdentityError if its key is not pinned.

    Every handler asks this first: a member could have issued a leaf for somebody else's key.
    """
    shown = cast("Mapping[str, Sequence[bytes]]", context.auth_context())  # the stubs say bytes
    certificates = shown.get("x509_pem_cert", ())
    if not certificates:
        raise IdentityError(
            "A peer showed no certificate.", remedy="Connect with the keys of a member of the consortium."
        )
    return consortium.member_by_tls_key(tls_key_of(certificates[0]))


class _Renewal:
    """Gives gRPC the certificate for each new connection: the current one, or a renewed one at half-life."""

    def __init__(self, identity: Identity, consortium: Consortium, clock: Clock) -> None:
        self._identity = identity
        self._clock = clock
        now = clock()
        self._anchors = b"".join(make_anchor(m.name, m.tls_key, now) for m in consortium.members)
        self._lock = threading.Lock()
        self._leaf = make_leaf(identity, now)
        self.first = self._configuration(self._leaf)

    def __call__(self) -> grpc.ServerCertificateConfiguration | None:
        with self._lock:
            now = self._clock()
            if self._leaf.not_after - now > LEAF_LIFETIME / 2:
                return None  # keep what there is
            self._leaf = make_leaf(self._identity, now)
            return self._configuration(self._leaf)

    def _configuration(self, leaf: Leaf) -> grpc.ServerCertificateConfiguration:
        return grpc.ssl_server_certificate_configuration(
            [(leaf.private_key, leaf.certificate)], root_certificates=self._anchors
        )


def _proxy_url(proxy: str) -> str:
    """`proxy` with its scheme. The messages never quote it, for it may contain a password."""
    url = proxy if "://" in proxy else f"http://{proxy}"
    try:
        parts = urlsplit(url)
        usable = parts.scheme == "http" and parts.hostname is not None and parts.port is not None
    except ValueError:
        usable = False
    if not usable:
        raise ConfigError(
            "The proxy in HTTPS_PROXY is not of the form http://[user:password@]host:port.",
            remedy="gRPC speaks to proxies in HTTP CONNECT only; set it so, or unset it.",
        )
    return url
