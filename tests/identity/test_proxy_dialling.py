"""Dialling out through an HTTP proxy: CONNECT, credentials, NO_PROXY, and loopback."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest

from mpc.errors import ConfigError
from parties.identity import tls
from parties.identity.consortium import Consortium

OUTSIDE = "alpha.hospital.example:7001"  # resolves nowhere; only the proxy knows where it is


class ConnectProxy:
    """A proxy that takes every CONNECT to one local port, and remembers what it was asked."""

    def __init__(self, target_port: int) -> None:
        self.target_port = target_port
        self.requests: list[str] = []
        self.threads: list[threading.Thread] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self._start(self._accept)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.listener.getsockname()[1]}"

    def _start(self, work: Callable[..., None], *arguments: socket.socket) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self.threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return  # closed at the end of the test
            self._start(self._tunnel, client)

    def _tunnel(self, client: socket.socket) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += client.recv(1)
        self.requests.append(head.decode())
        with client, socket.create_connection(("127.0.0.1", self.target_port)) as target:
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=_pump, args=(target, client), daemon=True)
            back.start()
            _pump(client, target)
            back.join()

    def close(self) -> None:
        """Wakes and ends everything that still waits, tunnels too."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for thread in self.threads:
            thread.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass  # either side hung up: the other one is told below
    for side in (source, sink):
        with contextlib.suppress(OSError):
            side.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def proxy(world: Any, serve: Callable[..., grpc.Server]) -> Iterator[ConnectProxy]:
    serve()
    proxy = ConnectProxy(world.port)
    yield proxy
    proxy.close()


def outside(consortium: Consortium) -> Consortium:
    members = tuple(
        dataclasses.replace(member, address=OUTSIDE) if member.name == "alpha" else member
        for member in consortium.members
    )
    return Consortium(consortium.name, consortium.sandbox, members)


def echo(channel: grpc.Channel) -> bytes:
    with channel:
        answer: bytes = channel.unary_unary("/test/Echo", None, None)(b"", timeout=20)
    return answer


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy"])
def test_rpcs_pass_the_proxy(
    world: Any, proxy: ConnectProxy, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, f"http://me:pass@{proxy.address}")
    assert echo(tls.channel(world.identities["delta"], outside(world.consortium), "alpha")) == b"delta 0"
    (request,) = proxy.requests
    assert request.startswith(f"CONNECT {OUTSIDE} HTTP/1")
    assert base64.b64encode(b"me:pass").decode() in request


def test_loopback_is_direct_unless_told(
    world: Any, proxy: ConnectProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", f"http://{proxy.address}")
    monkeypatch.setenv("http_proxy", f"http://{proxy.address}")
    delta = world.identities["delta"]
    assert echo(tls.channel(delta, world.consortium, "alpha")) == b"delta 0"
    assert proxy.requests == []
    told = tls.channel(delta, world.consortium, "alpha", proxy=f"http://{proxy.address}")
    assert echo(told) == b"delta 0"
    assert len(proxy.requests) == 1


@pytest.mark.parametrize(
    ("bypass", "direct"),
    [("", False), ("hospital.example", True), (".example", True), ("*", True), ("other.example", False)],
)
def test_no_proxy_is_honoured(monkeypatch: pytest.MonkeyPatch, bypass: str, direct: bool) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", bypass)
    expected = ("grpc.enable_http_proxy", 0) if direct else ("grpc.http_proxy", "http://proxy.example:3128")
    assert tls.proxy_options(OUTSIDE) == (expected,)


def test_a_plain_http_proxy_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    assert tls.proxy_options(OUTSIDE) == (("grpc.enable_http_proxy", 0),)


@pytest.mark.parametrize(
    "url",
    ["https://u:hush@proxy.example:3128", "http://u:hush@proxy.example", "http://u:hush@p:many", "http://"],
)
def test_an_unusable_proxy_is_an_error_without_its_password(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", url)
    with pytest.raises(ConfigError, match="HTTPS_PROXY") as caught:
        tls.proxy_options(OUTSIDE)
    assert "hush" not in str(caught.value)
