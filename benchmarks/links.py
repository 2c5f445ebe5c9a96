"""Three compute parties as processes on loopback, linked by gRPC with mutual TLS, that run one piece of work.

What a benchmark measures is the work alone: inputs are shared before, then all three are told to go, and the
slowest party counts. Telling and hearing takes some 0.1 ms.
"""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import grpc

from mpc.kernels import Kernels
from mpc.randomness import FreshKeys, PairKeys
from mpc.session import Session
from parties.demo.processes import free_ports
from parties.identity import consortium as consortia
from parties.identity import sandbox, tls
from parties.identity.keys import Identity
from parties.node import machine
from parties.node.config import ComputeConfig
from parties.node.transport.mesh import Mesh, MeshEvents

NAMES = ("ada", "bert", "cleo")
PATIENCE_S = 120.0
SESSION_BYTES = 32

Prepare = Callable[[Session], tuple[Any, ...]]
Work = Callable[..., object]


@dataclass(frozen=True)
class Task:
    """`work(*prepare(session))`; both are module-level functions, so that they reach another process."""

    prepare: Prepare
    work: Work
    number: int
    keys: dict[int, bytes]


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

    def ready(self, prepare: Prepare, work: Work) -> None:
        """A session with fresh keys, up to the moment before the work."""
        self.number += 1
        for pipe, keys in zip(self.pipes, FreshKeys().keys(len(NAMES)), strict=True):
            pipe.send(Task(prepare, work, self.number, keys))
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
def linked_parties(folder: Path) -> Iterator[Parties]:
    """Start the three, wait for their links, and end them."""
    ports = free_ports(len(NAMES))
    compute = {name: f"127.0.0.1:{port}" for name, port in zip(NAMES, ports, strict=True)}
    sandbox.init(folder, "bench", compute=compute, holders=[NAMES[0]], analysts=["eve"])
    spawn = multiprocessing.get_context("spawn")
    pipes: list[Connection] = []
    processes = []
    for name in NAMES:
        here, there = spawn.Pipe()
        processes.append(spawn.Process(target=_serve, args=(folder, name, there), daemon=True))
        pipes.append(here)
        processes[-1].start()
    try:
        yield Parties(pipes)
    finally:
        for process in processes:
            process.terminate()
            process.join()


def _serve(folder: Path, name: str, pipe: Connection) -> None:
    kernels = machine.prepare(ComputeConfig())
    mesh = _mesh(folder, name)
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
    task.work(*inputs)
    mesh.close(name)
    return Lap(channel.traffic.rounds - rounds, channel.traffic.bytes_sent - sent)


def _mesh(folder: Path, name: str) -> Mesh:
    identity = Identity.load(folder / name / "keys")
    consortium = consortia.load(folder / "consortium.toml")
    up = threading.Semaphore(0)

    def linked(_: str, is_up: bool) -> None:
        if is_up:
            up.release()

    def ignore(*_: object) -> None:
        return None

    mesh = Mesh(identity, consortium, MeshEvents(ignore, ignore, ignore, ignore, linked), PATIENCE_S)
    server = grpc.server(futures.ThreadPoolExecutor(8), options=tls.SERVER_OPTIONS)
    mesh.register(server)
    mesh.lanes.open("127.0.0.1", 0)
    tls.bind(server, consortium.member(name).address, tls.server_credentials(identity, consortium))
    server.start()
    mesh.start()
    for _ in range(len(NAMES) - 1):
        if not up.acquire(timeout=PATIENCE_S):
            raise TimeoutError("a link did not come up")
    return mesh
