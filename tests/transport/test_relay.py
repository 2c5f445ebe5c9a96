"""The distant network of the benchmarks: what goes in comes out, no earlier than a link would let it."""

from __future__ import annotations

import socket
import time

from benchmarks.relay import Network, relays

BYTES = 200_000
SLOW = Network("slow", round_trip_s=0.2, bits_per_s=8e6)


def exactly(connection: socket.socket, size: int) -> bytes:
    made = b""
    while len(made) < size:
        piece = connection.recv(size - len(made))
        assert piece, "hung up"
        made += piece
    return made


def test_bytes_take_their_time_and_arrive_unchanged() -> None:
    data = bytes(range(250)) * (BYTES // 250)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ports = {"ada": 0, "bert": listener.getsockname()[1]}
        with relays(SLOW, ports, [("ada", "bert")]) as relayed:
            near = socket.create_connection(("127.0.0.1", relayed["ada", "bert"]), timeout=20)
            far, _ = listener.accept()
            far.settimeout(20)
            started = time.monotonic()
            near.sendall(data)
            assert exactly(far, BYTES) == data
            assert time.monotonic() - started >= SLOW.seconds(1, BYTES) * 0.99
            started = time.monotonic()
            far.sendall(b"back")
            assert exactly(near, 4) == b"back"
            assert time.monotonic() - started >= SLOW.round_trip_s / 2 * 0.99
            near.close()
            assert far.recv(1) == b""
            far.close()


def test_limits_are_those_of_rounds_and_bytes() -> None:
    assert SLOW.seconds(10, 1_000_000) == 2.0
