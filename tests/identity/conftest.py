"""A small consortium with real keys, and a node that answers every method with the caller's name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent import futures
from dataclasses import dataclass, field

import grpc
import pytest

from mpc.errors import IdentityError
from parties.demo.processes import free_ports
from parties.identity import tls
from parties.identity.consortium import Consortium
from parties.identity.keys import Identity
from tests.helping import member

COMPUTE = ("alpha", "beta", "gamma")
OTHERS = {"delta": "holder", "ana": "analyst"}


def found(identities: dict[str, Identity], addresses: dict[str, str]) -> Consortium:
    """A sandbox consortium of these parties, signed by all."""
    members = tuple(
        member(identity, {OTHERS.get(name, "compute")}, addresses.get(name, ""))
        for name, identity in identities.items()
    )
    consortium = Consortium("heart study", sandbox=True, members=members)
    for identity in identities.values():
        consortium = consortium.signed_by(identity)
    return consortium


@dataclass
class World:
    """Identities, their consortium, and what `alpha`'s node has seen."""

    identities: dict[str, Identity]
    consortium: Consortium
    calls: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    @property
    def port(self) -> int:
        return self.consortium.member("alpha").host_port[1]


class _Echo(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # generic in the stubs only
    """Answers with the caller's name and the length of the request."""

    def __init__(self, world: World) -> None:
        self._world = world

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        return grpc.unary_unary_rpc_method_handler(self._answer)

    def _answer(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        try:
            peer = tls.peer_of(context, self._world.consortium)
        except IdentityError as error:
            self._world.refused.append(error.message)
            context.abort(grpc.StatusCode.UNAUTHENTICATED, error.message)
            raise
        self._world.calls.append(peer.name)
        return f"{peer.name} {len(request)}".encode()


@pytest.fixture
def world() -> World:
    identities = {name: Identity.generate(name) for name in (*COMPUTE, *OTHERS)}
    ports = free_ports(len(COMPUTE))
    addresses = {name: f"127.0.0.1:{port}" for name, port in zip(COMPUTE, ports, strict=True)}
    return World(identities, found(identities, addresses))


Serve = Callable[..., grpc.Server]


@pytest.fixture
def serve(world: World) -> Iterator[Serve]:
    """Starts `alpha`'s node; keywords go to `tls.server_credentials`."""
    servers: list[grpc.Server] = []

    def start(**keywords: tls.Clock) -> grpc.Server:
        server = grpc.server(
            futures.ThreadPoolExecutor(4), handlers=[_Echo(world)], options=tls.SERVER_OPTIONS
        )
        credentials = tls.server_credentials(world.identities["alpha"], world.consortium, **keywords)
        tls.bind(server, f"127.0.0.1:{world.port}", credentials)
        server.start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.stop(grace=None).wait()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "http_proxy", "grpc_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
