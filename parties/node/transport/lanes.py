"""Lanes: plain TLS sockets beside the gRPC links that carry the messages of sessions, one a direction.

A message over gRPC costs some 0.3 ms of processor time in Python, a frame on a lane 0.04 ms, and a round is
one message. The link stays: it greets, carries control frames, pings, and says who is up. A party that
listens for lanes says so in its hello; a peer that reaches that port directly sends its data there. Frames
are those of the link, each behind its length (4 bytes, little-endian), and are checked as they are there. Who
reads them: `inlet`.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from typing import Final

import structlog

from mpc.errors import ConfigError, IdentityError, PeerSilent, TriuneError
from parties.identity import tls_sockets
from parties.identity.consortium import Consortium, Member
from parties.identity.keys import Identity
from parties.identity.members import split_address
from parties.identity.tls import proxy_options
from parties.node.transport.inlet import Inlet
from parties.node.transport.vanished import vanished

_log = structlog.get_logger("triune.lane")

_LENGTH: Final = struct.Struct("<I")
#: The listening end answers a dialler that it takes with one byte.
_READY: Final = b"\x01"
#: Dialling and the handshake may take so long; a port behind a firewall costs this once a link (seconds).
SETUP_TIMEOUT_S = 3.0
#: Handshakes under way at a time; who dials beyond is hung up on.
MAX_HANDSHAKES = 16
#: Frames up to this size are joined with their length, so that they are one TLS record (bytes).
JOINED_BYTES = 1 << 14


class Lane:
    """The sending end."""

    def __init__(self, peer: str, secured: ssl.SSLSocket, timeout_s: float) -> None:
        self._peer, self._socket = peer, secured
        self._lock = threading.Lock()
        secured.settimeout(timeout_s)

    def put(self, frame: bytes) -> None:
        """Send a frame. `PeerSilent` if the peer takes nothing before the deadline, else `PeerVanished`."""
        length = _LENGTH.pack(len(frame))
        try:
            with self._lock:
                if len(frame) <= JOINED_BYTES:
                    self._socket.sendall(length + frame)
                else:
                    self._socket.sendall(length)
                    self._socket.sendall(frame)
        except TimeoutError:
            raise PeerSilent(
                f"{self._peer} took nothing for {self._socket.gettimeout():g} s.",
                remedy="Check that node and the network between you.",
                culprit=self._peer,
            ) from None
        except (OSError, ValueError):
            raise vanished(self._peer) from None

    def close(self) -> None:
        """Hang up."""
        _hang_up(self._socket)


def dial(identity: Identity, peer: Member, port: int, timeout_s: float) -> Lane | None:
    """A lane to the port that a peer announced; None if it cannot be reached: the link carries the data."""
    host = split_address(peer.address)[0]
    if port == 0 or proxy_options(peer.address) != proxy_options(peer.address, ""):
        return None
    try:
        plain = socket.create_connection((host, port), timeout=SETUP_TIMEOUT_S)
        with contextlib.ExitStack() as undo:
            undo.callback(plain.close)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            secured = tls_sockets.dial(plain, identity, peer)
            undo.callback(secured.close)
            if secured.recv(len(_READY)) != _READY:
                raise ConnectionRefusedError("not taken")
            undo.pop_all()
    except OSError as error:
        _log.warning("no lane, data goes over the link", peer=peer.name, reason=type(error).__name__)
        return None
    return Lane(peer.name, secured, timeout_s)


class LaneDoor:
    """The listening end: every member that `expected` names may have one lane.

    `reader(peer)` is called once a lane, and makes what is called with each of its frames.
    """

    def __init__(
        self,
        identity: Identity,
        consortium: Consortium,
        expected: frozenset[str],
        reader: Callable[[str], Callable[[bytearray], None]],
    ) -> None:
        self._identity, self._consortium = identity, consortium
        self._expected, self._reader = expected, reader
        self._handshakes = threading.BoundedSemaphore(MAX_HANDSHAKES)
        self._lock = threading.Lock()
        self._lanes: dict[str, Inlet] = {}
        self._listener: socket.socket | None = None

    @property
    def port(self) -> int:
        """Where it listens; 0 if it does not."""
        return 0 if self._listener is None else int(self._listener.getsockname()[1])

    def open(self, host: str, port: int) -> None:
        """Listen; port 0 lets the system choose. `ConfigError` if the port is taken."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._listener = socket.create_server((host, port), family=family)
        except OSError as error:
            raise ConfigError(
                f"The port {port} of {host} cannot be opened for lanes ({error.strerror}).",
                remedy="End the other process, or change `lane_port` in [compute] of node.toml.",
            ) from error
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True, name="lanes").start()

    def inlet(self, peer: str) -> Inlet | None:
        """Where a thread that waits for a message of `peer` may read; None if that peer has no lane."""
        return self._lanes.get(peer)

    def resume(self) -> None:
        """This party's threads are about to be busy: lanes that nobody reads shall be read."""
        for lane in list(self._lanes.values()):
            lane.resume()

    def drop(self, peer: str) -> None:
        """Hang up on a peer whose link has ended."""
        with self._lock:
            lane = self._lanes.pop(peer, None)
        if lane is not None:
            lane.hang_up()

    def close(self) -> None:
        """Listen no more, and hang up on everybody."""
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
            self._listener.close()
        for peer in self._expected:
            self.drop(peer)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return  # closed
            if self._handshakes.acquire(blocking=False):
                threading.Thread(target=self._serve, args=(plain,), daemon=True, name="lane").start()
            else:
                plain.close()

    def _serve(self, plain: socket.socket) -> None:
        try:
            try:
                lane, peer = self._greet(plain)
            finally:
                self._handshakes.release()
        except (OSError, TriuneError) as error:
            _log.warning("lane refused", reason=type(error).__name__)
            plain.close()
            return
        try:
            lane.serve(_READY)
        except TriuneError as error:
            _log.warning("lane ended", peer=peer, reason=error.message)
        except OSError:
            _log.info("lane down", peer=peer)
        finally:
            lane.close()
            self._forget(peer, lane)

    def _forget(self, peer: str, lane: Inlet) -> None:
        with self._lock:
            if self._lanes.get(peer) is lane:
                del self._lanes[peer]

    def _greet(self, plain: socket.socket) -> tuple[Inlet, str]:
        plain.settimeout(SETUP_TIMEOUT_S)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        secured, member = tls_sockets.accept(plain, self._identity, self._consortium)
        if member.name not in self._expected:
            secured.close()
            raise IdentityError(f"{member.name} may not open a lane.", culprit=member.name)
        lane = Inlet(secured, member.name, self._reader(member.name))
        with self._lock:
            previous, self._lanes[member.name] = self._lanes.get(member.name), lane
        if previous is not None:
            previous.hang_up()
        return lane, member.name


def _hang_up(secured: ssl.SSLSocket) -> None:
    """Close a socket that another thread may be waiting on: shutting down wakes it."""
    with contextlib.suppress(OSError):
        socket.socket.shutdown(secured, socket.SHUT_RDWR)
    with contextlib.suppress(OSError):
        secured.close()
