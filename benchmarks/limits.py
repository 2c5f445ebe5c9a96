"""What a row can take at best on this machine, measured in the same run.

Its messages on bare sockets with TLS, its matrix products as plain floating-point ones, its inputs copied
once.
"""

from __future__ import annotations

import datetime as dt
import multiprocessing
import queue
import socket
import ssl
import struct
import tempfile
import threading
import time
from dataclasses import dataclass
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import torch
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

PARTIES = 3
SMALL, LARGE = 8, 4 << 20
SMALL_ROUNDS, LARGE_ROUNDS = 1500, 16
PATIENCE_S = 60.0
SIDE = 1024
COPIED_BYTES = 256 << 20
_LENGTH = struct.Struct("<I")


@dataclass(frozen=True)
class Limits:
    """Of one party while the two others do the same."""

    round_s: float
    link_bytes_per_s: float
    copy_bytes_per_s: float
    multiply_adds_per_s: float

    def seconds(
        self, rounds: int, sent: int, multiply_adds: int = 0, words_read: int = 0
    ) -> dict[str, float]:
        """What each resource needs at least, by its name."""
        return {
            "rounds": rounds * self.round_s,
            "bytes": sent / self.link_bytes_per_s,
            "products": multiply_adds / self.multiply_adds_per_s,
            "memory": 8 * words_read / self.copy_bytes_per_s,
        }


@cache
def measured() -> Limits:
    """Three processes at once, as parties are; about three seconds."""
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        _certificate(Path(folder))
        listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(PARTIES)]
        ports = [listener.getsockname()[1] for listener in listeners]
        pipes = [spawn.Pipe() for _ in range(PARTIES)]
        processes = [
            spawn.Process(target=_party, args=(folder, listeners[party], ports[(party + 1) % PARTIES], there))
            for party, (_, there) in enumerate(pipes)
        ]
        for process in processes:
            process.start()
        try:
            laps = [_answer(here) for here, _ in pipes]
        finally:
            for process in processes:
                process.terminate()
                process.join()
            for listener in listeners:
                listener.close()
    rounds, links, copies, products = zip(*laps, strict=True)
    return Limits(max(rounds), min(links), min(copies), min(products))


def _answer(pipe: Connection) -> tuple[float, float, float, float]:
    if not pipe.poll(PATIENCE_S):
        raise TimeoutError("the limits of this machine could not be measured")
    made: tuple[float, float, float, float] = pipe.recv()
    return made


def _certificate(folder: Path) -> None:
    """One key for all: what is measured is the cipher, not who is who."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "limits")])
    now = dt.datetime.now(dt.UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=1))
    signed = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "pem").write_bytes(private + signed)


def _party(folder: str, listener: socket.socket, port: int, pipe: Connection) -> None:
    pem = str(Path(folder) / "pem")
    inbox: queue.SimpleQueue[bytearray] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(listener, pem, inbox), daemon=True).start()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_REQUIRED
    context.load_verify_locations(pem)
    plain = socket.create_connection(("127.0.0.1", port))
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    secured = context.wrap_socket(plain)

    def lap(size: int, rounds: int) -> float:
        payload, started = bytes(size), time.perf_counter()
        for _ in range(rounds):
            secured.sendall(_LENGTH.pack(size) + payload if size == SMALL else _LENGTH.pack(size))
            if size != SMALL:
                secured.sendall(payload)
            inbox.get(timeout=PATIENCE_S)
        return (time.perf_counter() - started) / rounds

    lap(SMALL, 100)
    small, large = lap(SMALL, SMALL_ROUNDS), lap(LARGE, LARGE_ROUNDS)
    pipe.send((small, LARGE / large, _copy_rate(), _product_rate()))
    pipe.recv()


def _read(listener: socket.socket, pem: str, inbox: queue.SimpleQueue[bytearray]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    plain, _ = listener.accept()
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    secured = context.wrap_socket(plain, server_side=True)
    while True:
        size = _LENGTH.unpack(_exactly(secured, _LENGTH.size))[0]
        inbox.put(_exactly(secured, size))


def _exactly(secured: ssl.SSLSocket, size: int) -> bytearray:
    made = bytearray(size)
    view, got = memoryview(made), 0
    while got < size:
        count = secured.recv_into(view[got:])
        if count == 0:
            raise EOFError
        got += count
    return made


def _copy_rate() -> float:
    source = np.ones(COPIED_BYTES // 8)
    target = source.copy()
    started = time.perf_counter()
    np.copyto(target, source)
    return COPIED_BYTES / (time.perf_counter() - started)


def _product_rate() -> float:
    """Multiply-adds a second of a matrix product of doubles, on one thread."""
    torch.set_num_threads(1)
    x = torch.ones((SIDE, SIDE), dtype=torch.float64)
    x @ x
    started = time.perf_counter()
    x @ x
    return float(SIDE**3 / (time.perf_counter() - started))
