"""The links of one compute party to its peers: dialled, kept, redialled; frames in, frames out.

The party that stands earlier in the consortium file dials. A link that breaks ends every session at
once; it is dialled again with a growing pause, and nothing has to be restarted. Data goes over a lane
(`lanes`) where a peer takes them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import grpc
import structlog

from mpc.channel import ROUND_TIMEOUT_S
from mpc.errors import ChannelError, IdentityError, ProtocolAbort, TriuneError
from parties.identity import tls
from parties.identity.consortium import Consortium
from parties.identity.keys import Identity
from parties.node.deadlines import DEADLINES
from parties.node.transport import lanes
from parties.node.transport.admission import MAX_LINKS, Places, first_frame
from parties.node.transport.channel import GrpcChannel, Switchboard
from parties.node.transport.dialling import keep_dialling
from parties.node.transport.framing import Assembler, Piece, parsed
from parties.node.transport.inlet import LONG_FRAME_BYTES, Inlet
from parties.node.transport.lanes import Lane, LaneDoor
from parties.node.transport.outbox import Outbox
from parties.node.transport.probing import Measured, Prober
from parties.node.transport.vanished import vanished
from parties.wire import status, version
from parties.wire.common_pb2 import Abort, Offer, Verdict
from parties.wire.mesh_pb2 import DESCRIPTOR, MeshFrame, MeshHello, Ready, Turn

_log = structlog.get_logger("triune.mesh")


@dataclass(frozen=True)
class _Link:
    """What goes out to a peer: control frames, and data where there is no lane."""

    outbox: Outbox[bytes]
    lane: Lane | None

    def put(self, frame: bytes) -> None:
        if self.lane is None:
            self.outbox.put(frame, len(frame))
            return
        try:
            self.lane.put(frame)
        except ChannelError:
            self.close()  # the link ends with its lane, and is dialled again
            raise

    def close(self) -> None:
        self.outbox.close()
        if self.lane is not None:
            self.lane.close()


@dataclass(frozen=True)
class MeshEvents:
    """What the node does with control frames; called on a link's own thread, so nothing here may wait."""

    offer: Callable[[str, Offer], None]
    ready: Callable[[str, Ready], None]
    verdict: Callable[[str, Verdict], None]
    abort: Callable[[str, Abort], None]
    link: Callable[[str, bool], None]
    turn: Callable[[str, Turn], None]


#: The RPC as the .proto file names it. Frames travel serialised: the framing knows how not to copy payloads.
_SERVICE = DESCRIPTOR.services_by_name["Mesh"].full_name
_METHOD = "Link"
MAX_PORT = 65535


class Mesh:
    """All links of this party. `start` dials; `open` and `close` make channels of sessions."""

    def __init__(
        self,
        identity: Identity,
        consortium: Consortium,
        events: MeshEvents,
        timeout_s: float = ROUND_TIMEOUT_S,
        hello_timeout_s: float = DEADLINES.hello,
    ) -> None:
        self._identity, self._consortium, self._events = identity, consortium, events
        self.names = tuple(member.name for member in consortium.compute)
        self.party = self.names.index(identity.name)
        self._timeout_s, self._hello_timeout_s = timeout_s, hello_timeout_s
        self._streams = Places(MAX_LINKS, "links")
        self._greeting = Places(1, "link without a greeting")
        self._links: dict[int, _Link] = {}
        self.lanes = LaneDoor(
            identity, consortium, frozenset(self.names) - {identity.name}, self._lane_reader
        )
        self._board = Switchboard(self.party, self.names, self._post, timeout_s, self._is_linked, self._inlet)
        peers = tuple(peer for peer in range(len(self.names)) if peer != self.party)
        self._prober = Prober(peers, self._post, lambda: self._board.busy)
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._dialers = [
            threading.Thread(target=self._dial, args=(peer,), daemon=True, name=f"dial {self.names[peer]}")
            for peer in range(self.party + 1, len(self.names))
        ]

    def register(self, server: grpc.Server) -> None:
        """Serve the links that peers dial."""
        handler = grpc.stream_stream_rpc_method_handler(self._link)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, {_METHOD: handler}),))

    def start(self) -> None:
        """Dial the peers that stand later in the consortium file, now and whenever a link breaks."""
        self._prober.start()
        for dialer in self._dialers:
            dialer.start()

    def stop(self) -> None:
        """End all links, for good."""
        self._stopping.set()
        self._prober.stop()
        self.lanes.close()
        with self._lock:
            links = list(self._links.values())
        for link in links:
            link.close()

    def open(self, session: bytes) -> GrpcChannel:
        """The channel of a new session."""
        return self._board.open(session)

    def close(self, session: bytes) -> None:
        """The session is over: what still comes for it is dropped."""
        self._board.close(session)

    def fail(self, session: bytes, error: TriuneError) -> None:
        """End one session here with an error."""
        self._board.fail(session, error)

    def linked(self) -> tuple[str, ...]:
        """Names of the peers whose link is up."""
        with self._lock:
            return tuple(self.names[peer] for peer in sorted(self._links))

    def measured(self) -> dict[str, Measured]:
        """What the ways to the peers take, of those that were measured."""
        return {self.names[peer]: found for peer, found in self._prober.measured().items()}

    def tell(self, frame: MeshFrame) -> None:
        """Send a control frame to every peer; a peer whose link is down is skipped."""
        with self._lock:
            links = list(self._links.values())
        for link in links:
            try:  # a full link to one peer must not keep an abort from the other
                link.outbox.put_control(frame.SerializeToString())
            except ChannelError as error:
                _log.info("control frame not sent", peer=error.culprit)

    def _is_linked(self, peer: int) -> bool:
        with self._lock:
            return peer in self._links

    def _post(self, peer: int, frame: bytes) -> None:
        with self._lock:
            link = self._links.get(peer)
        if link is None:
            raise vanished(self.names[peer])
        if len(frame) > LONG_FRAME_BYTES:
            self.lanes.resume()  # the peers may be sending at length, too: somebody must take it
        link.put(frame)

    def _inlet(self, peer: int) -> Inlet | None:
        return self.lanes.inlet(self.names[peer])

    # --- dialling and serving -------------------------------------------------------------------

    def _dial(self, peer: int) -> None:
        keep_dialling(self.names[peer], lambda: self._dial_once(peer), self._stopping)

    def _dial_once(self, peer: int) -> None:
        """Dial, and serve the link to its end."""
        name = self.names[peer]
        with tls.channel(self._identity, self._consortium, name) as channel:
            outbox = self._outbox(name)
            link = channel.stream_stream(f"/{_SERVICE}/{_METHOD}", None, None)
            frames: Any = link(iter(outbox), metadata=version.METADATA)
            try:
                port = self._check_greeting(name, frames)
                self._serve_link(peer, port, outbox, frames)
            finally:
                outbox.close()
                frames.cancel()

    def _link(self, request_iterator: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        """A peer dials: answer on the same stream until either side ends it.

        Its hello is read before anything is answered, so that a refusal is the RPC's own status.
        """
        try:
            peer = tls.peer_of(context, self._consortium)
            if peer.name not in self.names[: self.party]:
                raise IdentityError(
                    f"{peer.name} may not open a mesh link to {self.names[self.party]}.",
                    remedy="Only compute parties that stand earlier in the consortium file dial.",
                    culprit=peer.name,
                )
            with self._streams.enter(peer.name):
                with self._greeting.enter(peer.name):
                    port = self._check_greeting(peer.name, request_iterator)
                yield from self._answered(peer.name, port, request_iterator, context)
        except grpc.RpcError:
            return  # the peer has left
        except TriuneError as error:
            _log.warning("link refused", peer=error.culprit, reason=error.message)
            status.abort(context, error)

    def _answered(
        self, name: str, port: int, frames: Iterator[bytes], context: grpc.ServicerContext
    ) -> Iterator[bytes]:
        outbox = self._outbox(name)
        if not context.add_callback(outbox.close):
            return  # the peer has left
        arguments = (self.names.index(name), port, outbox, frames, context)
        threading.Thread(
            target=self._read_until_end, args=arguments, daemon=True, name=f"link {name}"
        ).start()
        yield from outbox

    def _read_until_end(
        self,
        peer: int,
        port: int,
        outbox: Outbox[bytes],
        frames: Iterator[bytes],
        context: grpc.ServicerContext,
    ) -> None:
        try:
            self._serve_link(peer, port, outbox, frames)
        except grpc.RpcError:
            _log.info("link down", peer=self.names[peer])
        except TriuneError as error:
            _log.warning("link ended", peer=self.names[peer], reason=error.message)
            context.cancel()
        finally:
            outbox.close()

    def _outbox(self, name: str) -> Outbox[bytes]:
        outbox: Outbox[bytes] = Outbox(name, self._timeout_s)
        hello = MeshHello(
            major=version.MAJOR,
            minor=version.MINOR,
            name=self._identity.name,
            lane_port=self.lanes.port,
        )
        outbox.put_control(MeshFrame(hello=hello).SerializeToString())
        return outbox

    def _check_greeting(self, name: str, frames: Iterator[bytes]) -> int:
        """Reads the first frame, for the lane's port.

        Raises `ProtocolAbort` or `ConfigError` unless it is a hello, `PeerSilent` if it does not come.
        """
        greeting = first_frame(frames, self._hello_timeout_s, name)
        first = None if greeting is None else parsed(greeting, name)
        if (
            not isinstance(first, MeshFrame)
            or first.WhichOneof("frame") != "hello"
            or first.hello.name != name
            or first.hello.lane_port > MAX_PORT
        ):
            raise ProtocolAbort(f"{name} did not greet.", remedy="Check that it runs Triune.", culprit=name)
        version.check(first.hello.major, name)
        return first.hello.lane_port

    def _serve_link(self, peer: int, port: int, outbox: Outbox[bytes], frames: Iterator[bytes]) -> None:
        """Read a link to its end; it counts as up once its lane is there, or cannot be had."""
        lane = lanes.dial(self._identity, self._consortium.member(self.names[peer]), port, self._timeout_s)
        link = _Link(outbox, lane)
        with self._lock:
            previous, self._links[peer] = self._links.get(peer), link
        if previous is not None:
            # The peer was restarted before its old link was seen to break: its sessions are gone with it.
            previous.close()
            self._board.peer_lost(peer)
            self._events.link(self.names[peer], False)
        try:
            self._events.link(self.names[peer], True)
            self._prober.linked(peer)
            self._read(peer, frames)
        finally:
            self._down(peer, link)

    def _down(self, peer: int, link: _Link) -> None:
        link.close()
        with self._lock:
            current = self._links.get(peer) is link
            if current:
                del self._links[peer]
        if current:
            self.lanes.drop(self.names[peer])
            self._board.peer_lost(peer)
            self._events.link(self.names[peer], False)

    def _read(self, peer: int, frames: Iterator[bytes]) -> None:
        assembler, name = Assembler(self.names[peer]), self.names[peer]
        for serialised in frames:
            frame = parsed(serialised, name)
            if isinstance(frame, Piece):
                self._read_data(peer, assembler, frame)
            elif not self._read_probe(peer, frame):
                self._read_control(name, frame.WhichOneof("frame"), frame)

    def _read_probe(self, peer: int, frame: MeshFrame) -> bool:
        """Whether it is one that measures: these go the way that data goes."""
        kind = frame.WhichOneof("frame")
        if kind == "probe":
            self._prober.on_probe(peer, self.names[peer], frame.probe)
        elif kind == "echo":
            self._prober.on_echo(frame.echo)
        return kind in ("probe", "echo")

    def _lane_reader(self, name: str) -> Callable[[bytearray], None]:
        """Data comes by a lane, and what measures it."""
        peer, assembler = self.names.index(name), Assembler(name)

        def read(serialised: bytearray) -> None:
            frame = parsed(serialised, name)
            if isinstance(frame, Piece):
                self._read_data(peer, assembler, frame)
            elif not self._read_probe(peer, frame):
                raise ProtocolAbort(f"{name} sent a control frame on a lane.", culprit=name)

        return read

    def _read_control(self, name: str, kind: str | None, frame: MeshFrame) -> None:
        handlers: dict[str, Callable[[str, Any], None]] = {
            "offer": self._events.offer,
            "ready": self._events.ready,
            "verdict": self._events.verdict,
            "abort": self._events.abort,
            "turn": self._events.turn,
        }
        if kind is None or kind not in handlers:
            raise ProtocolAbort(
                f"{name} sent a frame of no known kind.",
                remedy="Make sure that both run the same version.",
                culprit=name,
            )
        try:
            handlers[kind](name, getattr(frame, kind))
        except TriuneError:
            raise  # the peer's fault: its link ends
        except Exception:  # noqa: BLE001 - logged
            # One frame that the node cannot digest must not end the sessions on this link.
            _log.exception("control frame failed", peer=name, kind=kind)

    def _read_data(self, peer: int, assembler: Assembler, piece: Piece) -> None:
        try:
            message = assembler.add(piece)
        except ProtocolAbort as error:
            self._board.fail(piece.head.session, error)
            return
        if message is not None:
            self._board.route(piece.head.session, peer, *message)
