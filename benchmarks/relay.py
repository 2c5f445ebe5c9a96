"""A distant network on one machine: TCP through a relay that holds bytes back for as long as a link would.

Each party has one uplink of a rate, shared by all it sends; each byte then travels for half a round trip.
Needs no rights and no kernel module (`tc netem` is missing on many machines); TLS runs end to end through it.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from queue import SimpleQueue

CHUNK_BYTES = 1 << 16
Pair = tuple[str, str]


@dataclass(frozen=True)
class Network:
    """`round_trip_s` between any two parties, `bits_per_s` of each party's uplink."""

    name: str
    round_trip_s: float
    bits_per_s: float

    def seconds(self, rounds: int, sent: int) -> float:
        """What rounds and the bytes of the busiest party need at least."""
        return rounds * self.round_trip_s / 2 + 8 * sent / self.bits_per_s


class _Uplink:
    """When a party's bytes have left it."""

    def __init__(self, network: Network) -> None:
        self._network, self._free, self._lock = network, 0.0, threading.Lock()

    def arrival(self, size: int) -> float:
        with self._lock:
            self._free = max(self._free, time.monotonic()) + 8 * size / self._network.bits_per_s
            return self._free + self._network.round_trip_s / 2


@contextmanager
def relays(network: Network, ports: Mapping[str, int], pairs: Sequence[Pair]) -> Iterator[dict[Pair, int]]:
    """Ports that lead, over the network, from the first of a pair to the second's port."""
    here, there = multiprocessing.Pipe()
    spawn = multiprocessing.get_context("spawn")
    process = spawn.Process(target=_serve, args=(network, dict(ports), list(pairs), there), daemon=True)
    process.start()
    try:
        yield here.recv()
    finally:
        process.terminate()
        process.join()


def _serve(network: Network, ports: dict[str, int], pairs: list[Pair], pipe: Connection) -> None:
    uplinks = {name: _Uplink(network) for name in ports}
    listeners = {pair: socket.create_server(("127.0.0.1", 0)) for pair in pairs}
    for pair, listener in listeners.items():
        arguments = (listener, ports[pair[1]], uplinks[pair[0]], uplinks[pair[1]])
        threading.Thread(target=_accept, args=arguments, daemon=True).start()
    pipe.send({pair: listener.getsockname()[1] for pair, listener in listeners.items()})
    threading.Event().wait()


def _accept(listener: socket.socket, port: int, up: _Uplink, down: _Uplink) -> None:
    while True:
        near, _ = listener.accept()
        try:
            far = socket.create_connection(("127.0.0.1", port))
        except OSError:
            near.close()  # nobody is there yet: who dialled tries again
            continue
        for source, target, uplink in ((near, far, up), (far, near, down)):
            source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            travelling: SimpleQueue[tuple[float, bytes]] = SimpleQueue()
            threading.Thread(target=_depart, args=(source, uplink, travelling), daemon=True).start()
            threading.Thread(target=_arrive, args=(target, travelling), daemon=True).start()


def _depart(source: socket.socket, uplink: _Uplink, travelling: SimpleQueue[tuple[float, bytes]]) -> None:
    data = b"first"
    while data:
        try:
            data = source.recv(CHUNK_BYTES)
        except OSError:
            data = b""
        travelling.put((uplink.arrival(len(data)), data))


def _arrive(target: socket.socket, travelling: SimpleQueue[tuple[float, bytes]]) -> None:
    while True:
        due, data = travelling.get()
        time.sleep(max(0.0, due - time.monotonic()))
        with contextlib.suppress(OSError):
            if not data:
                target.shutdown(socket.SHUT_RDWR)
                return
            target.sendall(data)
