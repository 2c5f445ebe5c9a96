"""The links of one compute party to its peers: dialled, kept, redialled; frames in, frames out.

The party that stands earlier in the consortium file dials. A link that breaks ends every session at
once; it is dialled again with a growing pause, and nothing has to be restarted.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import grpc
import structlog

from mpc.channel import ROUND_TIMEOUT_S
from mpc.errors import IdentityError, PeerVanished, ProtocolAbort, TriuneError
from parties.identity import tls
from parties.identity.consortium import Consortium
from parties.identity.keys import Identity
from parties.node.transport.channel import GrpcChannel, Switchboard
from parties.node.transport.framing import Assembler
from parties.node.transport.outbox import Outbox
from parties.wire import status, version
from parties.wire.common_pb2 import Abort, Offer, SignedPlan, Verdict
from parties.wire.mesh_pb2 import MeshFrame, MeshHello
from parties.wire.mesh_pb2_grpc import MeshServicer, MeshStub, add_MeshServicer_to_server

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
_log = structlog.get_logger("triune.mesh")


@dataclass(frozen=True)
class MeshEvents:
    """What the node does with control frames; called on a link's own thread, with the peer's name."""

    offer: Callable[[str, Offer], None]
    plan: Callable[[str, SignedPlan], None]
    verdict: Callable[[str, Verdict], None]
    abort: Callable[[str, Abort], None]
    link: Callable[[str, bool], None]


class Mesh(MeshServicer):
    """All links of this party. `start` dials; `open` and `close` make channels of sessions."""

    def __init__(
        self,
        identity: Identity,
        consortium: Consortium,
        events: MeshEvents,
        timeout_s: float = ROUND_TIMEOUT_S,
    ) -> None:
        self._identity, self._consortium, self._events = identity, consortium, events
        self.names = tuple(member.name for member in consortium.compute)
        self.party = self.names.index(identity.name)
        self._timeout_s = timeout_s
        self._board = Switchboard(self.party, self.names, self._post, timeout_s)
        self._outboxes: dict[int, Outbox[MeshFrame]] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._dialers = [
            threading.Thread(target=self._dial, args=(peer,), daemon=True, name=f"dial {self.names[peer]}")
            for peer in range(self.party + 1, len(self.names))
        ]

    def register(self, server: grpc.Server) -> None:
        """Serve the links that peers dial."""
        add_MeshServicer_to_server(self, server)

    def start(self) -> None:
        for dialer in self._dialers:
            dialer.start()

    def stop(self) -> None:
        self._stopping.set()
        with self._lock:
            outboxes = list(self._outboxes.values())
        for outbox in outboxes:
            outbox.close()

    def open(self, session: bytes) -> GrpcChannel:
        return self._board.open(session)

    def close(self, session: bytes) -> None:
        self._board.close(session)

    def fail(self, session: bytes, error: TriuneError) -> None:
        self._board.fail(session, error)

    def linked(self) -> tuple[str, ...]:
        """Names of the peers whose link is up."""
        with self._lock:
            return tuple(self.names[peer] for peer in sorted(self._outboxes))

    def tell(self, frame: MeshFrame) -> None:
        """Send a control frame to every peer; a peer whose link is down is skipped."""
        with self._lock:
            outboxes = list(self._outboxes.values())
        for outbox in outboxes:
            try:
                outbox.put(frame)
            except PeerVanished as error:
                _log.info("control frame not sent", peer=error.culprit)

    def _post(self, peer: int, frame: MeshFrame) -> None:
        with self._lock:
            outbox = self._outboxes.get(peer)
        if outbox is None:
            name = self.names[peer]
            raise PeerVanished(f"There is no link to {name}.", remedy="Start that node.", culprit=name)
        outbox.put(frame)

    # --- dialling and serving -------------------------------------------------------------------

    def _dial(self, peer: int) -> None:
        name, pause = self.names[peer], FIRST_PAUSE_S
        while not self._stopping.is_set():
            started = time.monotonic()
            with tls.channel(self._identity, self._consortium, name) as channel:
                outbox = self._outbox(name)
                frames = MeshStub(channel).Link(iter(outbox), metadata=version.METADATA)
                try:
                    self._serve_link(peer, outbox, frames)
                except grpc.RpcError as error:
                    _log.info("link down", peer=name, reason=status.from_rpc_error(error, name).message)
                except TriuneError as error:
                    _log.warning("link refused", peer=name, reason=error.message)
                finally:
                    outbox.close()
                    frames.cancel()
            pause = (
                FIRST_PAUSE_S
                if time.monotonic() - started > LONGEST_PAUSE_S
                else min(2 * pause, LONGEST_PAUSE_S)
            )
            self._stopping.wait(pause)

    def Link(  # noqa: N802 - the name of the RPC
        self, request_iterator: Iterator[MeshFrame], context: grpc.ServicerContext
    ) -> Iterator[MeshFrame]:
        """A peer dials: answer on the same stream until either side ends it."""
        try:
            peer = tls.peer_of(context, self._consortium)
            if peer.name not in self.names[: self.party]:
                raise IdentityError(f"{peer.name} may not open a mesh link here.", culprit=peer.name)
            place = self.names.index(peer.name)
        except TriuneError as error:
            status.abort(context, error)
        outbox = self._outbox(peer.name)
        context.add_callback(outbox.close)
        reader = threading.Thread(
            target=self._read_until_end, args=(place, outbox, request_iterator, context), daemon=True
        )
        reader.start()
        yield from outbox

    def _read_until_end(
        self, peer: int, outbox: Outbox[MeshFrame], frames: Iterator[MeshFrame], context: grpc.ServicerContext
    ) -> None:
        try:
            self._serve_link(peer, outbox, frames)
        except grpc.RpcError:
            _log.info("link down", peer=self.names[peer])
        except TriuneError as error:
            _log.warning("link refused", peer=self.names[peer], reason=error.message)
            context.cancel()
        finally:
            outbox.close()

    def _outbox(self, name: str) -> Outbox[MeshFrame]:
        outbox: Outbox[MeshFrame] = Outbox(name, self._timeout_s)
        hello = MeshHello(major=version.MAJOR, minor=version.MINOR, name=self._identity.name)
        outbox.put(MeshFrame(hello=hello))
        return outbox

    def _serve_link(self, peer: int, outbox: Outbox[MeshFrame], frames: Iterator[MeshFrame]) -> None:
        """Read a link to its end; it counts as up from the peer's hello on."""
        name = self.names[peer]
        first = next(iter(frames), None)
        if first is None or first.WhichOneof("frame") != "hello" or first.hello.name != name:
            raise ProtocolAbort(f"{name} did not greet.", remedy="Check that it runs Triune.", culprit=name)
        version.check(first.hello.major, name)
        with self._lock:
            previous, self._outboxes[peer] = self._outboxes.get(peer), outbox
        if previous is not None:
            previous.close()
        self._events.link(name, True)
        try:
            self._read(peer, frames)
        finally:
            self._down(peer, outbox)

    def _down(self, peer: int, outbox: Outbox[MeshFrame]) -> None:
        with self._lock:
            current = self._outboxes.get(peer) is outbox
            if current:
                del self._outboxes[peer]
        if current:
            self._board.peer_lost(peer)
            self._events.link(self.names[peer], False)

    def _read(self, peer: int, frames: Iterator[MeshFrame]) -> None:
        name, assembler = self.names[peer], Assembler(self.names[peer])
        for frame in frames:
            kind = frame.WhichOneof("frame")
            if kind == "data":
                self._read_data(peer, assembler, frame)
            elif kind == "offer":
                self._events.offer(name, frame.offer)
            elif kind == "plan":
                self._events.plan(name, frame.plan)
            elif kind == "verdict":
                self._events.verdict(name, frame.verdict)
            elif kind == "abort":
                self._events.abort(name, frame.abort)
            else:
                raise ProtocolAbort(f"{name} sent a frame of no known kind.", culprit=name)

    def _read_data(self, peer: int, assembler: Assembler, frame: MeshFrame) -> None:
        try:
            message = assembler.add(frame.data)
        except ProtocolAbort as error:
            self._board.fail(frame.data.session, error)
            return
        if message is not None:
            self._board.route(frame.data.session, peer, *message)
