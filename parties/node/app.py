"""A node, wired: the only place where roles, links, storage and gates meet."""

from __future__ import annotations

import signal
import threading
import time
from concurrent import futures
from dataclasses import replace
from pathlib import Path

import grpc

from mpc.errors import ConfigError
from parties.identity import tls
from parties.identity.consortium import load as load_consortium
from parties.identity.consortium import require_loopback_if_sandbox
from parties.identity.keys import Identity
from parties.identity.members import split_address
from parties.management.datasets import DataSets
from parties.node import config, machine, telemetry
from parties.node.attempt import Seat
from parties.node.compute import ComputeParty
from parties.node.config import NodeConfig
from parties.node.database import sqlite_url
from parties.node.deadlines import DEADLINES, Deadlines
from parties.node.desk import HolderDesk
from parties.node.gates import AnalystGate, HolderGate
from parties.node.holder import Holder
from parties.node.running import RunningJobs
from parties.node.storage import Storage
from parties.node.transport import admission
from parties.node.transport.mesh import Mesh, MeshEvents
from parties.wire.analyst_pb2_grpc import add_AnalystGateServicer_to_server
from parties.wire.holder_pb2_grpc import add_HolderGateServicer_to_server

STOP_GRACE_S = 0.5
ATTACH_WAIT_S = 30.0
DATABASE_FILE = "jobs.sqlite"


def open_storage(settings: NodeConfig) -> Storage:
    """The jobs of a compute party."""
    return Storage(settings.database or sqlite_url(settings.state / DATABASE_FILE), settings.name)


class Node:
    """One party's process: the holder role, the compute role, or both."""

    def __init__(self, settings: NodeConfig, deadlines: Deadlines = DEADLINES) -> None:
        self.settings = settings
        self.deadlines = replace(deadlines, round=settings.compute.round_timeout_s)
        self.identity = Identity.load(settings.keys)
        self.consortium = load_consortium(settings.consortium)
        self.member = self.consortium.check_own(self.identity)
        if settings.name != self.identity.name:
            raise ConfigError(
                f"The settings are for {settings.name}, the keys belong to {self.identity.name}.",
                remedy="Point `keys` in node.toml to this party's own keys.",
            )
        require_loopback_if_sandbox(self.consortium, *([settings.listen] if settings.listen else []))
        self.desk = HolderDesk()
        self.storage: Storage | None = None
        self.mesh: Mesh | None = None
        self.holder: Holder | None = None
        self.party: ComputeParty | None = None
        self._server: grpc.Server | None = None

    def start(self) -> None:
        """Open the port, dial the others. `ConfigError` if the port is in use or a key is missing."""
        if "compute" in self.member.roles:
            self._start_compute()
        if "holder" in self.member.roles:
            self._start_holder()

    def _start_holder(self) -> None:
        datasets = DataSets(self.settings.state, self.identity.name)
        policy = self.settings.policy.policy()
        self.holder = Holder(self.identity, self.consortium, datasets, policy, self.deadlines)
        self.holder.start()

    def _start_compute(self) -> None:
        if not self.settings.listen:
            raise ConfigError(
                "A compute party needs the key 'listen'.", remedy='Add listen = "host:port" to node.toml.'
            )
        kernels = machine.prepare(self.settings.compute)
        self.storage = open_storage(self.settings)
        running = RunningJobs(self.identity.name, self.consortium)
        events = MeshEvents(
            running.on_offer, running.on_ready, running.on_verdict, running.on_abort, running.on_link
        )
        deadlines = self.deadlines
        self.mesh = Mesh(self.identity, self.consortium, events, deadlines.round, deadlines.hello)
        policy = self.settings.policy.policy()
        seat = Seat(self.identity, self.consortium, policy, self.desk, self.mesh, kernels, deadlines)
        self.party = ComputeParty(seat, running, self.storage)
        self.party.recover()
        if self.settings.compute.lane_port is not None:
            host = split_address(self.settings.listen)[0]
            self.mesh.lanes.open(host, self.settings.compute.lane_port)
        threads = admission.threads(self.consortium)
        self._server = grpc.server(futures.ThreadPoolExecutor(threads), options=tls.SERVER_OPTIONS)
        self.mesh.register(self._server)
        add_HolderGateServicer_to_server(HolderGate(self.party), self._server)
        add_AnalystGateServicer_to_server(AnalystGate(self.party), self._server)
        tls.bind(self._server, self.settings.listen, tls.server_credentials(self.identity, self.consortium))
        self._server.start()
        self.mesh.start()

    def wait_ready(self, timeout_s: float = ATTACH_WAIT_S) -> bool:
        """Wait until every link of this node is up; False if some are not yet."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if self._links_up():
                return True
            time.sleep(0.02)
        return False

    def _links_up(self) -> bool:
        compute = len(self.consortium.compute)
        mesh = self.mesh is None or len(self.mesh.linked()) == compute - 1
        return mesh and (self.holder is None or len(self.holder.attached()) == compute)

    def stop(self) -> None:
        if self.holder is not None:
            self.holder.stop()
        if self.mesh is not None:
            self.mesh.stop()
        self.desk.close()
        if self.party is not None:
            self.party.close()
        if self._server is not None:
            self._server.stop(STOP_GRACE_S).wait()
        if self.storage is not None:
            self.storage.close()


def run_node(config_path: Path) -> None:
    """Run until SIGTERM or Ctrl-C. Prints one line when the node is up."""
    settings = config.load(config_path)
    telemetry.configure(settings.state, settings.log_level)
    node = Node(settings)
    stop = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: stop.set())
    node.start()
    try:
        place = f"on {settings.listen}" if settings.listen else "holder only"
        print(f"{settings.name} ready, {place}", flush=True)  # noqa: T201 - the operator's sign of life
        stop.wait()
    finally:
        node.stop()
