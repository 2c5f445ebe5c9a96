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
from parties.node.attempt import Seat
from parties.node.compute import ComputeParty
from parties.node.config import NodeConfig
from parties.node.deadlines import Deadlines
from parties.node.desk import HolderDesk
from parties.node.gates import AnalystGate, HolderGate
from parties.node.loading import load_engine
from parties.node.running import RunningJobs
from parties.node.storage.table import store_of
from parties.node.transport import admission
from parties.node.transport.mesh import Mesh, MeshEvents
from parties.wire.analyst_pb2_grpc import add_AnalystGateServicer_to_server
from parties.wire.holder_pb2_grpc import add_HolderGateServicer_to_server

STOP_GRACE_S = 0.5


class Computing:
    """A compute party's process: opened by making it, served from `start` to `stop`."""

    def __init__(
        self, settings: NodeConfig, identity: Identity, consortium: Consortium, deadlines: Deadlines
    ) -> None:
        """Opens the jobs and ends those that a restart cut off. Raises `ConfigError` or `StorageError`."""
        if not settings.listen:
            raise ConfigError(
                "A compute party needs the key 'listen'.", remedy='Add listen = "host:port" to node.toml.'
            )
        self._settings, self._identity, self._consortium = settings, identity, consortium
        self.desk = HolderDesk()
        self.engine = load_engine(settings.compute)
        self.storage = store_of(settings)
        self.running = RunningJobs(identity.name, consortium)
        events = MeshEvents(
            self.running.on_offer,
            self.running.on_ready,
            self.running.on_verdict,
            self.running.on_abort,
            self.running.on_link,
            self.running.on_turn,
        )
        self.mesh = Mesh(identity, consortium, events, deadlines.round, deadlines.hello)
        policy = settings.policy.policy()
        seat = Seat(
            identity, consortium, policy, self.desk, self.mesh, self.engine, deadlines, self.storage.ledger
        )
        self._party = ComputeParty(seat, self.running, self.storage)
        self._party.recover()
        self._server: grpc.Server | None = None

    def start(self) -> None:
        """Open the port and dial the peers. Raises `ConfigError` for a port in use."""
        listen, lane_port = self._settings.listen, self._settings.compute.lane_port
        if lane_port is not None:
            self.mesh.lanes.open(split_address(listen)[0], lane_port)
        threads = admission.threads(self._consortium)
        self._server = grpc.server(futures.ThreadPoolExecutor(threads), options=tls.SERVER_OPTIONS)
        self.mesh.register(self._server)
        add_HolderGateServicer_to_server(HolderGate(self._party), self._server)
        add_AnalystGateServicer_to_server(AnalystGate(self._party), self._server)
        tls.bind(self._server, listen, tls.server_credentials(self._identity, self._consortium))
        self._server.start()
        self.mesh.start()

    def linked(self) -> tuple[str, ...]:
        """The peers whose link is up."""
        return self.mesh.linked()

    def stop(self) -> None:
        """Close links, port and storage; what runs ends at the others with this party's name."""
        self.mesh.stop()
        self.desk.close()
        self._party.close()
        if self._server is not None:
            self._server.stop(STOP_GRACE_S).wait()
        self.storage.close()
