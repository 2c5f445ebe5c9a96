"""The compute role, wired: storage, the port and the links around a `ComputeParty`.

Apart from `app`, because torch and the database load slowly and a holder needs neither.
"""

from __future__ import annotations

from concurrent import futures

import grpc

from mpc.errors import ConfigError
from parties.identity import tls
from parties.identity.consortium import Consortium
from parties.identity.keys import Identity
from parties.identity.members import split_address
from parties.node import machine
from parties.node.compute import ComputeParty
from parties.node.config import NodeConfig
from parties.node.desk import HolderDesk
from parties.node.gates import AnalystGate, HolderGate
from parties.node.storage.table import store_of
from parties.node.transport.mesh import Mesh, MeshEvents
from parties.wire.analyst_pb2_grpc import add_AnalystGateServicer_to_server
from parties.wire.holder_pb2_grpc import add_HolderGateServicer_to_server

#: Each attached holder, link and watching analyst keeps one thread.
SPARE_THREADS = 64
STOP_GRACE_S = 0.5


class Computing:
    """A compute party's process: opened by making it, served from `start` to `stop`."""

    def __init__(self, settings: NodeConfig, identity: Identity, consortium: Consortium) -> None:
        """Opens the jobs and ends those that a restart cut off. Raises `ConfigError` or `StorageError`."""
        if not settings.listen:
            raise ConfigError(
                "A compute party needs the key 'listen'.", remedy='Add listen = "host:port" to node.toml.'
            )
        self._settings, self._identity, self._consortium = settings, identity, consortium
        self._desk = HolderDesk()
        kernels = machine.prepare(settings.compute)
        self.storage = store_of(settings)
        policy = settings.policy.policy()
        self._party = ComputeParty(identity, consortium, policy, self.storage, self._desk, kernels)
        self._party.recover()
        events = MeshEvents(
            self._party.on_offer,
            self._party.on_plan,
            self._party.on_verdict,
            self._party.on_abort,
            self._party.on_link,
        )
        self._mesh = Mesh(identity, consortium, events, settings.compute.round_timeout_s)
        self._party.connect(self._mesh)
        self._server: grpc.Server | None = None

    def start(self) -> None:
        """Open the port and dial the peers. Raises `ConfigError` for a port in use."""
        listen, lane_port = self._settings.listen, self._settings.compute.lane_port
        if lane_port is not None:
            self._mesh.lanes.open(split_address(listen)[0], lane_port)
        threads = len(self._consortium.members) + SPARE_THREADS
        self._server = grpc.server(futures.ThreadPoolExecutor(threads), options=tls.SERVER_OPTIONS)
        self._mesh.register(self._server)
        add_HolderGateServicer_to_server(HolderGate(self._party), self._server)
        add_AnalystGateServicer_to_server(AnalystGate(self._party), self._server)
        tls.bind(self._server, listen, tls.server_credentials(self._identity, self._consortium))
        self._server.start()
        self._mesh.start()

    def linked(self) -> tuple[str, ...]:
        """The peers whose link is up."""
        return self._mesh.linked()

    def stop(self) -> None:
        """Close links, port and storage; what runs ends at the others with this party's name."""
        self._mesh.stop()
        self._desk.close()
        if self._server is not None:
            self._server.stop(STOP_GRACE_S).wait()
        self.storage.close()
