"""Links between three compute parties: real gRPC, real mutual TLS, on loopback."""

from __future__ import annotations

import dataclasses
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import numpy as np
import pytest
import torch

import mpc
from mpc.channel import Tag
from mpc.errors import (
    ConfigError,
    IdentityError,
    PeerSilent,
    PeerVanished,
    ProtocolAbort,
    TagMismatch,
    TriuneError,
)
from mpc.randomness import FreshKeys, PairKeys
from mpc.session import Session
from mpc.simulation import run_parties
from parties.demo.processes import free_ports
from parties.identity import tls
from parties.identity.consortium import Consortium
from parties.identity.keys import Identity
from parties.node.transport.channel import GrpcChannel
from parties.node.transport.framing import CHUNK_BYTES
from parties.node.transport.mesh import Mesh, MeshEvents
from parties.node.transport.probing import MAX_PADDING_BYTES
from parties.wire import status, version
from parties.wire.common_pb2 import Offer
from parties.wire.mesh_pb2 import Data, MeshFrame, MeshHello, Probe
from parties.wire.mesh_pb2_grpc import MeshStub
from tests.helping import member, until

NAMES = ("ada", "bert", "cleo")
SESSION = bytes(range(32))


@dataclass
class Peer:
    identity: Identity
    consortium: Consortium
    timeout_s: float = 20.0
    lanes: bool = False
    offers: list[tuple[str, Offer]] = field(default_factory=list)
    fault: Exception | None = None  # what the node does with the next offer
    mesh: Mesh = field(init=False)
    server: grpc.Server = field(init=False)

    def start(self) -> None:
        ignore: Callable[..., None] = lambda *_: None  # noqa: E731
        events = MeshEvents(self.offered, ignore, ignore, ignore, ignore, ignore)
        self.mesh = Mesh(self.identity, self.consortium, events, self.timeout_s)
        self.server = grpc.server(futures.ThreadPoolExecutor(8), options=tls.SERVER_OPTIONS)
        self.mesh.register(self.server)
        address = self.consortium.member(self.identity.name).address
        tls.bind(self.server, address, tls.server_credentials(self.identity, self.consortium))
        if self.lanes:
            self.mesh.lanes.open("127.0.0.1", 0)
        self.server.start()
        self.mesh.start()

    def offered(self, peer: str, offer: Offer) -> None:
        fault, self.fault = self.fault, None
        if fault is not None:
            raise fault
        self.offers.append((peer, offer))

    def stop(self) -> None:
        self.mesh.stop()
        self.server.stop(0).wait(5)


@pytest.fixture(params=[False, True], ids=["links", "lanes"])
def peers(request: pytest.FixtureRequest) -> Iterator[list[Peer]]:
    identities = [Identity.generate(name) for name in NAMES]
    ports = free_ports(len(NAMES))
    members = [
        member(identity, address=f"127.0.0.1:{port}")
        for identity, port in zip(identities, ports, strict=True)
    ]
    made = [
        Peer(identity, Consortium("test", True, tuple(members)), lanes=request.param)
        for identity in identities
    ]
    for peer in made:
        peer.start()
    until(lambda: all(len(peer.mesh.linked()) == 2 for peer in made))
    yield made
    for peer in made:
        peer.stop()


def channels(peers: list[Peer], session: bytes = SESSION) -> list[GrpcChannel]:
    return [peer.mesh.open(session) for peer in peers]


@pytest.mark.parametrize("words", [0, 1, CHUNK_BYTES // 8, 5 * CHUNK_BYTES // 16 + 3])
def test_messages_of_all_sizes_arrive_in_both_directions(peers: list[Peer], words: int) -> None:
    first, second, _ = channels(peers)
    data, tag = np.random.default_rng(1).integers(0, 2**62, words).tobytes(), Tag((1, 0), 3, "mul", words, 1)
    first.send(1, tag, data)
    second.send(0, tag, data)
    assert bytes(second.recv(0, tag)[1]) == bytes(first.recv(1, tag)[1]) == data
    assert first.digests()["bert"][0] == second.digests()["ada"][1]


def test_a_whole_computation_runs_over_the_links(peers: list[Peer]) -> None:
    keys, results = FreshKeys().keys(3), {}

    def run(party: int, channel: GrpcChannel) -> None:
        session = Session(channel, PairKeys(keys[party]))
        x = session.input(np.arange(-50, 50), owner=0, bound=50)
        results[party] = session.protocol.reveal((x < 7).sum().share).item()

    threads = [threading.Thread(target=run, args=item) for item in enumerate(channels(peers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert results == {0: 57, 1: 57, 2: 57}


class Injected:
    """The same keys for a simulation and for the links; only a test can hand them in."""

    def __init__(self, keys: list[dict[int, bytes]]) -> None:
        self._keys = keys

    def keys(self, parties: int) -> list[dict[int, bytes]]:
        return self._keys[:parties]


def test_a_simulation_and_three_nodes_have_the_same_shares_bit_by_bit(peers: list[Peer]) -> None:
    keys = FreshKeys().keys(3)
    x = np.random.default_rng(5).uniform(-50, 50, 200)

    def program(session: Session, made: dict[int, list[Any]]) -> None:
        a = session.input(x, owner=0, bound=50 << 16)
        b, c = session.gather(lambda: a * a, lambda: mpc.sort(a))
        made[session.party] = [value.share for value in (b, c, b < c, mpc.max(a), mpc.abs(a))]

    linked: dict[int, list[Any]] = {}
    simulated: dict[int, list[Any]] = {}

    def run(party: int, channel: GrpcChannel) -> None:
        program(Session(channel, PairKeys(keys[party])), linked)

    threads = [threading.Thread(target=run, args=item) for item in enumerate(channels(peers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    run_parties(lambda session: program(session, simulated), keys=Injected(keys))
    assert linked.keys() == simulated.keys() == {0, 1, 2}
    for party, shares in linked.items():
        for here, there in zip(shares, simulated[party], strict=True):
            assert torch.equal(here.own, there.own)
            assert torch.equal(here.next, there.next)


def test_what_comes_before_its_session_is_open_is_kept(peers: list[Peer]) -> None:
    tag = Tag((), 0, "mul", 1, 1)
    peers[0].mesh.open(SESSION).send(1, tag, b"12345678")
    peers[0].mesh.open(bytes(32)).send(1, tag, b"abcdefgh")
    time.sleep(0.1)
    assert bytes(peers[1].mesh.open(SESSION).recv(0, tag)[1]) == b"12345678"
    assert bytes(peers[1].mesh.open(bytes(32)).recv(0, tag)[1]) == b"abcdefgh"


def test_programs_that_diverge_abort(peers: list[Peer]) -> None:
    first, second, _ = channels(peers)
    first.send(1, Tag((), 0, "mul", 1, 1), b"12345678")
    with pytest.raises(TagMismatch, match="ada"):
        second.recv(0, Tag((), 0, "dot", 1))


def test_a_party_that_vanishes_is_named_and_the_links_come_back(peers: list[Peer]) -> None:
    first, second, _ = channels(peers)
    peers[2].stop()
    for channel in (first, second):
        with pytest.raises(PeerVanished) as lost:
            channel.recv(2, Tag((), 0, "mul", 1))
        assert lost.value.culprit == "cleo"
    peers[2].start()
    until(lambda: all(len(peer.mesh.linked()) == 2 for peer in peers))
    again = channels(peers, b"\1" * 32)
    again[2].send(0, Tag((), 0, "mul", 1, 1), b"12345678")
    assert bytes(again[0].recv(2, Tag((), 0, "mul", 1))[1]) == b"12345678"


def test_a_session_that_fails_wakes_who_waits_at_once(peers: list[Peer]) -> None:
    channel, caught = peers[1].mesh.open(SESSION), []

    def wait() -> None:
        for _ in range(2):  # the second time this thread reads the lane itself
            try:
                caught.append(bytes(channel.recv(0, Tag((), len(caught), "mul", 1))[1]))
            except ProtocolAbort as error:
                caught.append(error.message)

    waiter = threading.Thread(target=wait)
    waiter.start()
    sent(peers[0].mesh.open(SESSION), 1, 0)
    until(lambda: caught == [b"12345678"])
    time.sleep(0.05)
    before = time.monotonic()
    peers[1].mesh.fail(SESSION, ProtocolAbort("It is over."))
    waiter.join(10)
    assert caught[1:] == ["It is over."]
    assert time.monotonic() - before < 0.2  # less than a glance


def test_a_silent_party_hits_the_deadline() -> None:
    channel = GrpcChannel(0, NAMES, SESSION, lambda *_: None, timeout_s=0.05)
    with pytest.raises(PeerSilent, match="bert"):
        channel.recv(1, Tag((), 0, "mul", 1))


def test_control_frames_reach_every_peer(peers: list[Peer]) -> None:
    peers[1].mesh.tell(MeshFrame(offer=Offer(party="bert", attempt=1)))
    until(lambda: peers[0].offers and peers[2].offers)
    assert peers[0].offers[0][0] == peers[2].offers[0][0] == "bert"


def test_the_ways_to_the_peers_are_measured_as_data_goes(peers: list[Peer]) -> None:
    for peer in peers:
        until(lambda peer=peer: len(peer.mesh.measured()) == 2)
        found = peer.mesh.measured()
        assert set(found) == {*NAMES} - {peer.identity.name}
        assert all(0 < way.round_trip_s < 1 and way.bytes_per_second > 1e5 for way in found.values())


def test_a_probe_that_is_too_long_ends_the_link(peers: list[Peer]) -> None:
    link = peers[0].mesh._links[1]
    link.put(MeshFrame(probe=Probe(padding=bytes(MAX_PADDING_BYTES + 1))).SerializeToString())
    until(lambda: link.outbox._closed or (link.lane is not None and _hung_up(peers[0].mesh)))
    until(lambda: peers[0].mesh.linked() == ("bert", "cleo"))


def _hung_up(mesh: Mesh) -> bool:
    """Whether a lane that the peer has closed is found closed; that takes a message or two."""
    try:
        sent(mesh.open(os.urandom(32)), 1, 0)
    except PeerVanished:
        return True
    return False


def test_a_session_opened_after_a_loss_fails_at_once(peers: list[Peer]) -> None:
    peers[2].stop()
    until(lambda: peers[0].mesh.linked() == ("bert",))
    with pytest.raises(PeerVanished, match="cleo"):
        peers[0].mesh.open(SESSION).recv(2, Tag((), 0, "mul", 1))


@contextmanager
def dialled(peer: Peer, to: str, hello: MeshHello) -> Iterator[Any]:
    """A link by hand, with the keys of `peer`."""
    ended = threading.Event()

    def frames() -> Iterator[MeshFrame]:
        yield MeshFrame(hello=hello)
        ended.wait(20)

    with tls.channel(peer.identity, peer.consortium, to) as channel:
        call = MeshStub(channel).Link(frames(), metadata=version.METADATA)
        yield call
        ended.set()
        call.cancel()


def test_a_link_that_replaces_another_ends_its_sessions(peers: list[Peer]) -> None:
    channel = peers[1].mesh.open(SESSION)
    with dialled(peers[0], "bert", MeshHello(major=version.MAJOR, name="ada")) as call:
        next(call)
        with pytest.raises(PeerVanished, match="ada"):
            channel.recv(0, Tag((), 0, "mul", 1))


@pytest.mark.parametrize(
    ("who", "hello", "code", "kind"),
    [
        (0, MeshHello(major=version.MAJOR + 1, name="ada"), grpc.StatusCode.FAILED_PRECONDITION, ConfigError),
        (0, MeshHello(major=version.MAJOR, name="cleo"), grpc.StatusCode.ABORTED, ProtocolAbort),
        (2, MeshHello(major=version.MAJOR, name="cleo"), grpc.StatusCode.PERMISSION_DENIED, IdentityError),
    ],
)
def test_who_does_not_fit_is_refused_with_a_typed_status(
    peers: list[Peer], who: int, hello: MeshHello, code: grpc.StatusCode, kind: type[TriuneError]
) -> None:
    with dialled(peers[who], "bert", hello) as call:
        with pytest.raises(grpc.RpcError) as refused:
            next(call)
        assert refused.value.code() is code
        assert type(status.from_rpc_error(refused.value, "bert")) is kind
    assert peers[1].mesh.linked() == ("ada", "cleo")


def test_only_compute_parties_may_link(peers: list[Peer]) -> None:
    stranger = Identity.generate("ada")
    public, ada = stranger.public(), peers[0].consortium.member("ada")
    forged = dataclasses.replace(ada, tls_key=public.tls_key, signing_key=public.signing_key)
    members = (forged, *peers[0].consortium.members[1:])
    cheat = Peer(stranger, Consortium("test", True, members))
    with dialled(cheat, "bert", MeshHello(major=version.MAJOR, name="ada")) as call:
        with pytest.raises(grpc.RpcError) as refused:
            next(call)
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("fault", [ValueError("a fault of the node's"), IdentityError("A forged offer.")])
def test_a_control_frame_that_cannot_be_digested_costs_at_most_the_link(
    peers: list[Peer], fault: Exception
) -> None:
    peers[0].fault = fault
    peers[1].mesh.tell(MeshFrame(offer=Offer(party="bert")))
    until(lambda: peers[0].fault is None)
    until(lambda: peers[0].mesh.linked() == ("bert", "cleo") and peers[1].mesh.linked() == ("ada", "cleo"))
    peers[1].mesh.tell(MeshFrame(offer=Offer(party="bert")))
    until(lambda: peers[0].offers)


def test_sessions_share_the_links_and_end_alone(peers: list[Peer]) -> None:
    tag, sessions = Tag((), 0, "mul", 3 * CHUNK_BYTES // 8, 1), [bytes([n]) * 32 for n in range(8)]
    opened = [channels(peers, session) for session in sessions]
    senders = [
        threading.Thread(target=each[0].send, args=(1, tag, bytes([n]) * 3 * CHUNK_BYTES))
        for n, each in enumerate(opened)
    ]
    for sender in senders:
        sender.start()
    # A forged piece ends the session that it names, no other.
    forged = MeshFrame(data=Data(session=sessions[0], primitive="mul", elements=1, total=8, offset=1))
    peers[0].mesh._post(1, forged.SerializeToString())
    for sender in senders:
        sender.join(30)
    for n, each in enumerate(opened[1:], 1):
        assert bytes(each[1].recv(0, tag)[1]) == bytes([n]) * 3 * CHUNK_BYTES
    with pytest.raises(ProtocolAbort, match="ada"):
        opened[0][1].recv(0, Tag((), 1, "mul", 1))


def sent(channel: GrpcChannel, to: int, index: int) -> None:
    channel.send(to, Tag((), index, "mul", 1, 1), b"12345678")


def send_until_it_fails(mesh: Mesh, to: int) -> None:
    for index in range(1000):
        sent(mesh.open(index.to_bytes(32, "big")), to, index)
        time.sleep(0.01)


@pytest.mark.parametrize("peers", [True], indirect=True, ids=["lanes"])
def test_a_control_frame_on_a_lane_ends_it_and_the_link_comes_back(peers: list[Peer]) -> None:
    link = peers[0].mesh._links[1]
    assert link.lane is not None
    link.lane.put(MeshFrame(offer=Offer(party="ada")).SerializeToString())
    with pytest.raises(PeerVanished):
        send_until_it_fails(peers[0].mesh, 1)
    until(lambda: peers[0].mesh._links.get(1) not in (None, link))
    assert not peers[1].offers
    channel = peers[0].mesh.open(SESSION)
    sent(channel, 1, 0)
    assert bytes(peers[1].mesh.open(SESSION).recv(0, Tag((), 0, "mul", 1))[1]) == b"12345678"


def test_a_party_without_lanes_computes_with_parties_that_have_them(peers: list[Peer]) -> None:
    peers[2].stop()
    peers[2].lanes = not peers[2].lanes
    until(lambda: peers[0].mesh.linked() == ("bert",) and peers[1].mesh.linked() == ("ada",))
    peers[2].start()
    until(lambda: all(len(peer.mesh.linked()) == 2 for peer in peers))
    first, second, third = channels(peers)
    for sender, to in ((first, 1), (second, 2), (third, 0)):
        sent(sender, to, 0)
    for receiver, frm in ((second, 0), (third, 1), (first, 2)):
        assert bytes(receiver.recv(frm, Tag((), 0, "mul", 1))[1]) == b"12345678"
