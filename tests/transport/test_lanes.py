"""Lanes by hand: who gets one, what may travel on it, and what happens when it breaks."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mpc.errors import ConfigError, PeerSilent, PeerVanished
from parties.identity import tls_sockets
from parties.identity.consortium import Consortium, Member
from parties.identity.keys import Identity
from parties.node.transport import lanes
from parties.node.transport.lanes import Lane, LaneDoor

NAMES = ("ada", "bert", "cleo")
PATIENCE_S = 20.0


@dataclasses.dataclass
class Bert:
    """A door that expects ada, with what came through it."""

    identities: dict[str, Identity]
    consortium: Consortium
    door: LaneDoor
    frames: list[bytes]
    ended: threading.Event
    opened: list[Any] = dataclasses.field(default_factory=list)

    def dialled(self, who: str = "ada", timeout_s: float = PATIENCE_S) -> Lane | None:
        bert = dataclasses.replace(self.consortium.member("bert"), address="127.0.0.1:1")
        lane = lanes.dial(self.identities[who], bert, self.door.port, timeout_s)
        self.opened += [lane] if lane is not None else []
        return lane

    def secured(self) -> Any:
        plain = socket.create_connection(("127.0.0.1", self.door.port), timeout=PATIENCE_S)
        secured = tls_sockets.dial(plain, self.identities["ada"], self.consortium.member("bert"))
        self.opened.append(secured)
        assert secured.recv(1) == b"\x01"
        return secured


def until(done: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.01)


def flood(lane: Lane) -> None:
    for _ in range(1000):
        lane.put(bytes(1 << 20))


@pytest.fixture
def bert() -> Iterator[Bert]:
    identities = {name: Identity.generate(name) for name in NAMES}
    members = []
    for place, (name, identity) in enumerate(identities.items()):
        public = identity.public()
        members.append(
            Member(name, frozenset({"compute"}), f"127.0.0.1:{place + 1}", public.tls_key, public.signing_key)
        )
    consortium, frames, ended = Consortium("test", True, tuple(members)), [], threading.Event()

    def read(_: str, arriving: Iterator[bytearray]) -> None:
        try:
            frames.extend(bytes(frame) for frame in arriving)
        finally:
            ended.set()

    door = LaneDoor(identities["bert"], consortium, frozenset({"ada"}), read)
    door.open("127.0.0.1", 0)
    identities["stranger"] = Identity.generate("ada")
    made = Bert(identities, consortium, door, frames, ended)
    yield made
    for lane in made.opened:
        lane.close()
    door.close()


def test_frames_arrive_whole_and_in_order(bert: Bert) -> None:
    lane = bert.dialled()
    assert lane is not None
    sent = [bytes([place]) * size for place, size in enumerate((1, 100, lanes.JOINED_BYTES + 1, 3 << 20))]
    for frame in sent:
        lane.put(frame)
    lane.close()
    assert bert.ended.wait(PATIENCE_S)
    assert bert.frames == sent


@pytest.mark.parametrize("who", ["cleo", "stranger"])
def test_only_whom_the_door_expects_gets_a_lane(bert: Bert, who: str) -> None:
    assert bert.dialled(who) is None
    assert bert.dialled("ada") is not None


def test_only_the_dialled_member_is_talked_to(bert: Bert) -> None:
    cleo = dataclasses.replace(bert.consortium.member("cleo"), address="127.0.0.1:1")
    assert lanes.dial(bert.identities["ada"], cleo, bert.door.port, PATIENCE_S) is None


def test_a_port_where_nobody_listens_is_no_lane(bert: Bert) -> None:
    bert.door.close()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert lanes.dial(bert.identities["ada"], bert.consortium.member("bert"), port, PATIENCE_S) is None
    assert lanes.dial(bert.identities["ada"], bert.consortium.member("bert"), 0, PATIENCE_S) is None


def test_a_peer_behind_a_proxy_gets_its_data_over_the_link(
    bert: Bert, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    far = dataclasses.replace(bert.consortium.member("bert"), address="far.test:7001")
    assert lanes.dial(bert.identities["ada"], far, bert.door.port, PATIENCE_S) is None


@pytest.mark.parametrize(
    "rubbish", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + bytes(300), b"", bytes(4096)]
)
def test_rubbish_is_hung_up_on_and_harms_nobody(bert: Bert, rubbish: bytes) -> None:
    with socket.create_connection(("127.0.0.1", bert.door.port), timeout=PATIENCE_S) as plain:
        plain.sendall(rubbish)
        plain.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            while plain.recv(4096):
                pass
    assert bert.dialled() is not None


def test_who_dials_and_says_nothing_is_hung_up_on(bert: Bert, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "SETUP_TIMEOUT_S", 0.2)
    idle = [socket.create_connection(("127.0.0.1", bert.door.port)) for _ in range(lanes.MAX_HANDSHAKES + 4)]
    for plain in idle:
        plain.settimeout(PATIENCE_S)
        with contextlib.suppress(ConnectionResetError):
            assert plain.recv(1) == b""
        plain.close()
    monkeypatch.undo()
    assert bert.dialled() is not None


@pytest.mark.parametrize("head", [0, 2**32 - 1, 5 << 20])
def test_a_frame_of_no_size_or_too_long_ends_the_lane_before_memory_is_taken(bert: Bert, head: int) -> None:
    secured = bert.secured()
    secured.sendall(struct.pack("<I", head))
    assert bert.ended.wait(PATIENCE_S)
    assert bert.frames == []


def test_a_frame_that_is_cut_off_is_not_delivered(bert: Bert) -> None:
    secured = bert.secured()
    secured.sendall(struct.pack("<I", 100) + bytes(60))
    secured.close()
    assert bert.ended.wait(PATIENCE_S)
    assert bert.frames == []


def test_a_second_lane_replaces_the_first(bert: Bert) -> None:
    first, second = bert.dialled(), bert.dialled()
    assert first is not None
    assert second is not None
    assert bert.ended.wait(PATIENCE_S)
    second.put(b"here")
    until(lambda: bert.frames == [b"here"])


def test_a_dropped_peer_hears_it_when_it_sends(bert: Bert) -> None:
    lane = bert.dialled()
    assert lane is not None
    bert.door.drop("ada")
    with pytest.raises(PeerVanished, match="bert"):
        flood(lane)


def test_a_peer_that_takes_nothing_hits_the_deadline(bert: Bert) -> None:
    release = threading.Event()
    bert.door._read = lambda _, frames: release.wait(PATIENCE_S) and None
    lane = bert.dialled(timeout_s=0.2)
    assert lane is not None
    with pytest.raises(PeerSilent, match="bert"):
        flood(lane)
    release.set()


def test_a_taken_port_says_so(bert: Bert) -> None:
    other = LaneDoor(bert.identities["bert"], bert.consortium, frozenset(), lambda *_: None)
    with pytest.raises(ConfigError, match="lane_port"):
        other.open("127.0.0.1", bert.door.port)
    other.close()
    assert other.port == 0
