"""Three compute parties as processes, linked as nodes are, with mutual TLS, that run one piece of work.

What a benchmark measures is the work alone: inputs are shared before, then all three are told to go, and the
slowest party counts. Telling and hearing takes some 0.1 ms.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import combinations
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import grpc

from benchmarks.relay import Network, Pair, relays
from mpc.kernels import Kernels
from mpc.randomness import FreshKeys, PairKeys
from mpc.session import Session
from parties.demo.processes import free_ports
from parties.identity import consortium as consortia
from parties.identity import tls
from parties.identity.keys import Identity
from parties.identity.members import split_address
from parties.node import machine, sandbox
from parties.node.config import ComputeConfig
from parties.node.transport.mesh import Mesh, MeshEvents

NAMES = ("ada", "bert", "cleo")
PATIENCE_S = 120.0
SESSION_BYTES = 32

DEFAULT = ComputeConfig(lane_port=0)
Prepare = Callable[[Session], tuple[Any, ...]]
Work = Callable[..., object]


@dataclass(frozen=True)
class Task:
    """`work(*prepare(session))`; both are module-level functions, so that they reach another process."""

    prepare: Prepare
    work: Work
    number: int
    keys: dict[int, bytes]
    repeat: int = 1


@dataclass(frozen=True)
class Lap:
    """What one party sent and waited for in the work alone."""

    rounds: int
    bytes_sent: int


@dataclass
class Parties:
    """Three running processes."""

    pipes: list[Connection]
    number: int = 0

    def ready(self, prepare: Prepare, work: Work, repeat: int = 1) -> None:
        """A session with fresh keys, up to the moment before the work, which is done `repeat` times."""
        self.number += 1
        for pipe, keys in zip(self.pipes, FreshKeys().keys(len(NAMES)), strict=True):
            pipe.send(Task(prepare, work, self.number, keys, repeat))
        for pipe in self.pipes:
            _answer(pipe)

    def go(self) -> list[Lap]:
        """The work, until the slowest party is done."""
        for pipe in self.pipes:
            pipe.send(None)
        return [_answer(pipe) for pipe in self.pipes]


def _answer(pipe: Connection) -> Any:
    if not pipe.poll(PATIENCE_S):
        raise TimeoutError("a party did not answer")
    answer = pipe.recv()
    if isinstance(answer, BaseException):
        raise answer
    return answer


@contextmanager
def linked_parties(
    folder: Path, settings: ComputeConfig = DEFAULT, network: Network | None = None
) -> Iterator[Parties]:
    """Start the three, wait for their links, and end them. Over a `network` there are no lanes."""
    ports = free_ports(len(NAMES))
    compute = {name: f"127.0.0.1:{port}" for name, port in zip(NAMES, ports, strict=True)}
    sandbox.init(folder, "bench", compute=compute, holders=[NAMES[0]], analysts=["eve"])
    with ExitStack() as stack:
        relayed: dict[Pair, int] = {}
        if network is not None:
            settings = settings.model_copy(update={"lane_port": None})
            by_name = dict(zip(NAMES, ports, strict=True))
            relayed = stack.enter_context(relays(network, by_name, list(combinations(NAMES, 2))))
        yield from _started(folder, settings, relayed)


def _started(folder: Path, settings: ComputeConfig, relayed: dict[Pair, int]) -> Iterator[Parties]:
    spawn = multiprocessing.get_context("spawn")
    pipes: list[Connection] = []
    processes = []
    for name in NAMES:
        here, there = spawn.Pipe()
        dialled = {peer: port for (dialler, peer), port in relayed.items() if dialler == name}
        arguments = (folder, name, settings, dialled, there)
        processes.append(spawn.Process(target=_serve, args=arguments, daemon=True))
        pipes.append(here)
        processes[-1].start()
    try:
        yield Parties(pipes)
    finally:
        for process in processes:
            process.terminate()
            process.join()


def _serve(
    folder: Path, name: str, settings: ComputeConfig, dialled: dict[str, int], pipe: Connection
) -> None:
    kernels = machine.prepare(settings)
    mesh = _mesh(folder, name, settings, dialled)
    while True:
        task = pipe.recv()
        try:
            pipe.send(_run(mesh, kernels, task, pipe))
        except Exception as error:  # noqa: BLE001 - the benchmark raises it
            pipe.send(error)


def _run(mesh: Mesh, kernels: Kernels, task: Task, pipe: Connection) -> Lap:
    name = task.number.to_bytes(SESSION_BYTES, "big")
    channel = mesh.open(name)
    session = Session(channel, PairKeys(task.keys), kernels=kernels)
    inputs = task.prepare(session)
    rounds, sent = channel.traffic.rounds, channel.traffic.bytes_sent
    pipe.send(None)
    pipe.recv()
    for _ in range(task.repeat):
        task.work(*inputs)
    mesh.close(name)
    return Lap(channel.traffic.rounds - rounds, channel.traffic.bytes_sent - sent)


def _mesh(folder: Path, name: str, settings: ComputeConfig, dialled: dict[str, int]) -> Mesh:
    identity = Identity.load(folder / name / "keys")
    consortium = consortia.load(folder / "consortium.toml")
    members = [
        dataclasses.replace(member, address=f"127.0.0.1:{dialled[member.name]}")
        if member.name in dialled
        else member
        for member in consortium.members
    ]
    consortium = dataclasses.replace(consortium, members=tuple(members))
    up = threading.Semaphore(0)

    def linked(_: str, is_up: bool) -> None:
        if is_up:
            up.release()

    def ignore(*_: object) -> None:
        return None

    mesh = Mesh(identity, consortium, MeshEvents(ignore, ignore, ignore, ignore, linked, ignore), PATIENCE_S)
    server = grpc.server(futures.ThreadPoolExecutor(8), options=tls.SERVER_OPTIONS)
    mesh.register(server)
    address = consortium.member(name).address
    if settings.lane_port is not None:
        mesh.lanes.open(split_address(address)[0], settings.lane_port)
    tls.bind(server, address, tls.server_credentials(identity, consortium))
    server.start()
    mesh.start()
    for _ in range(len(NAMES) - 1):
        if not up.acquire(timeout=PATIENCE_S):
            raise TimeoutError("a link did not come up")
    return mesh
