"""Lanes by hand: who gets one, what may travel on it, and what happens when it breaks."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import struct
import threading
from collections.abc import Iterator
from queue import Empty, SimpleQueue
from typing import Any

import pytest

from mpc.errors import ConfigError, PeerSilent, PeerVanished, ProtocolAbort
from parties.identity import tls_sockets
from parties.identity.consortium import Consortium
from parties.identity.keys import Identity
from parties.node.transport import inlet, lanes
from parties.node.transport.inlet import Inlet
from parties.node.transport.lanes import Lane, LaneDoor
from tests.helping import member, until

NAMES = ("ada", "bert", "cleo")
PATIENCE_S = 20.0


@dataclasses.dataclass
class Bert:
    """A door that expects ada, with what came through it."""

    identities: dict[str, Identity]
    consortium: Consortium
    frames: list[bytes]
    opened: list[Any] = dataclasses.field(default_factory=list)
    door: LaneDoor = dataclasses.field(init=False)

    def take(self, frame: bytearray) -> None:
        self.frames.append(bytes(frame))

    def inlet(self) -> Inlet:
        until(lambda: self.door.inlet("ada"))
        made = self.door.inlet("ada")
        assert made is not None
        return made

    def ended(self) -> bool:
        """Whether the lane is gone."""
        until(lambda: self.door.inlet("ada") is None)
        return True

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


def flood(lane: Lane, frames: int = 1000) -> None:
    for _ in range(frames):
        lane.put(bytes(1 << 20))


@pytest.fixture
def bert() -> Iterator[Bert]:
    identities = {name: Identity.generate(name) for name in NAMES}
    members = [member(identities[name], address=f"127.0.0.1:{place + 1}") for place, name in enumerate(NAMES)]
    consortium, frames = Consortium("test", True, tuple(members)), []
    made = Bert(identities, consortium, frames)
    made.door = LaneDoor(identities["bert"], consortium, frozenset({"ada"}), lambda _: made.take)
    made.door.open("127.0.0.1", 0)
    identities["stranger"] = Identity.generate("ada")
    yield made
    for lane in made.opened:
        lane.close()
    made.door.close()


def test_frames_arrive_whole_and_in_order(bert: Bert) -> None:
    lane = bert.dialled()
    assert lane is not None
    sent = [bytes([place]) * size for place, size in enumerate((1, 100, lanes.JOINED_BYTES + 1, 3 << 20))]
    for frame in sent:
        lane.put(frame)
    lane.close()
    assert bert.ended()
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
    assert bert.ended()
    assert bert.frames == []


def test_a_frame_that_is_cut_off_is_not_delivered(bert: Bert) -> None:
    secured = bert.secured()
    secured.sendall(struct.pack("<I", 100) + bytes(60))
    secured.close()
    assert bert.ended()
    assert bert.frames == []


def test_a_second_lane_replaces_the_first(bert: Bert) -> None:
    first = bert.dialled()
    replaced = bert.inlet()
    second = bert.dialled()
    assert first is not None
    assert second is not None
    until(lambda: bert.inlet() is not replaced and replaced._socket.fileno() < 0)
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
    bert.door._reader = lambda _: lambda frame: release.wait(PATIENCE_S) and None
    lane = bert.dialled(timeout_s=0.2)
    assert lane is not None
    with pytest.raises(PeerSilent, match="bert"):
        flood(lane)
    release.set()


def test_a_taken_port_says_so(bert: Bert) -> None:
    other = LaneDoor(bert.identities["bert"], bert.consortium, frozenset(), lambda _: lambda _: None)
    with pytest.raises(ConfigError, match="lane_port"):
        other.open("127.0.0.1", bert.door.port)
    other.close()
    assert other.port == 0


# --- who reads ------------------------------------------------------------------------------------


@dataclasses.dataclass
class Slots:
    """Frames go to the queue that their first byte names, on the thread that reads them."""

    bert: Bert
    queues: dict[int, SimpleQueue[Any]] = dataclasses.field(default_factory=dict)
    readers: list[str] = dataclasses.field(default_factory=list)

    def __post_init__(self) -> None:
        self.bert.door._reader = lambda _: self.take

    def take(self, frame: bytearray) -> None:
        self.readers.append(threading.current_thread().name)
        self.queue(frame[0]).put(bytes(frame))

    def queue(self, number: int) -> SimpleQueue[Any]:
        return self.queues.setdefault(number, SimpleQueue())

    def wait(self, number: int, timeout_s: float = PATIENCE_S) -> Any:
        return self.bert.inlet().wait(self.queue(number), timeout_s)

    def waiting(self, number: int, timeout_s: float = PATIENCE_S) -> tuple[threading.Thread, list[Any]]:
        """A thread that waits for a frame, and what it gets."""
        got: list[Any] = []

        def run() -> None:
            try:
                got.append(self.wait(number, timeout_s))
            except Empty:
                got.append(None)

        thread = threading.Thread(target=run, name=f"waits for {number}")
        thread.start()
        return thread, got


def parked(bert: Bert) -> Inlet:
    """The lane once its own thread has given way: somebody may lead at once."""
    made = bert.inlet()
    until(lambda: not made._turns._led)
    return made


@pytest.fixture
def slots(bert: Bert, monkeypatch: pytest.MonkeyPatch) -> Slots:
    """A lane whose own thread, once it has given way, reads again only when it is told to."""
    monkeypatch.setattr(inlet, "TICK_S", PATIENCE_S)
    monkeypatch.setattr(inlet, "GLANCE_S", PATIENCE_S)
    return Slots(bert)


def opened(slots: Slots) -> Lane:
    """A lane that nobody leads."""
    lane = used(slots)
    parked(slots.bert)
    return lane


def used(slots: Slots) -> Lane:
    """A lane that one frame has come by, for one who stood in line for it."""
    lane = slots.bert.dialled()
    assert lane is not None
    thread, got = slots.waiting(0)
    until(lambda: slots.bert.inlet()._turns.asked)
    lane.put(b"\0")
    thread.join()
    assert got == [b"\0"]
    return lane


def test_who_waits_reads(slots: Slots) -> None:
    lane = opened(slots)
    thread, got = slots.waiting(1)
    lane.put(b"\1")
    thread.join()
    assert got == [b"\1"]
    assert slots.readers[1:] == ["waits for 1"]


def test_what_comes_while_nobody_waits_is_read_by_the_lane_s_own_thread(
    slots: Slots, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inlet, "TICK_S", 0.05)
    lane = used(slots)
    flood(lane, 30)  # far more than sockets hold
    lane.put(b"\1")
    until(lambda: not slots.queue(1).empty())
    assert set(slots.readers[1:]) == {"lane"}
    assert slots.wait(1) == b"\1"


def test_a_party_that_is_about_to_send_at_length_has_its_lanes_read(slots: Slots) -> None:
    lane = opened(slots)
    slots.bert.door.resume()
    flood(lane, 30)
    assert slots.readers[-1] == "lane"


def test_who_leads_reads_for_the_others_and_passes_the_lead_on(slots: Slots) -> None:
    lane = opened(slots)
    first, first_got = slots.waiting(1)
    until(lambda: slots.bert.inlet()._turns._led)
    others = [slots.waiting(number) for number in (2, 3)]
    until(lambda: len(slots.bert.inlet()._turns._line) == 2)
    for frame in (b"\2", b"\1", b"\3"):
        lane.put(frame)
    for thread in (first, *(thread for thread, _ in others)):
        thread.join()
    assert [first_got, *(got for _, got in others)] == [[b"\1"], [b"\2"], [b"\3"]]
    assert slots.readers[1:] == ["waits for 1", "waits for 1", "waits for 3"]
    parked(slots.bert)


def test_who_waits_in_vain_is_late_and_leaves_the_lead(slots: Slots) -> None:
    lane = opened(slots)
    for _ in range(2):
        with pytest.raises(Empty):
            slots.wait(1, 0.05)
    parked(slots.bert)
    lane.put(b"\1")
    assert slots.wait(1) == b"\1"


def test_who_stands_in_line_in_vain_leaves_it(slots: Slots) -> None:
    lane = opened(slots)
    leader, got = slots.waiting(1)
    until(lambda: slots.bert.inlet()._turns._led)
    with pytest.raises(Empty):
        slots.wait(2, 0.05)
    assert not slots.bert.inlet()._turns.wanted
    lane.put(b"\1")
    leader.join()
    assert got == [b"\1"]


def test_who_reads_looks_up_when_it_is_interrupted(slots: Slots) -> None:
    opened(slots)
    thread, got = slots.waiting(1)
    until(lambda: slots.bert.inlet()._turns._led)
    slots.queue(1).put("it failed")
    slots.bert.inlet().interrupt()
    thread.join(1.0)
    assert got == ["it failed"]


@pytest.mark.parametrize(
    "last", [b"", b"\1\0", struct.pack("<I", 9) + b"\1"], ids=["whole", "in head", "in frame"]
)
def test_a_peer_that_dies_while_a_thread_reads_ends_the_lane(slots: Slots, last: bytes) -> None:
    lane = opened(slots)
    thread, got = slots.waiting(1, 2.0)
    until(lambda: slots.bert.inlet()._turns._led)
    lane._socket.sendall(last)
    lane.close()
    assert slots.bert.ended()
    thread.join()
    assert got == [None]


def test_what_the_handler_refuses_ends_the_lane_and_not_who_reads(slots: Slots) -> None:
    lane = opened(slots)
    thread, got = slots.waiting(1, 2.0)
    until(lambda: slots.bert.inlet()._turns._led)
    slots.bert.inlet()._take = lambda _: refuse()
    lane.put(b"\1")
    assert slots.bert.ended()
    thread.join()
    assert got == [None]


def refuse() -> None:
    raise ProtocolAbort("A frame that may not be.", culprit="ada")


@pytest.mark.parametrize("sizes", [(1, inlet.BUFFER_BYTES - 4, 3), (5, inlet.BUFFER_BYTES - 3, 1 << 20, 7)])
def test_frames_around_the_buffer_s_size_arrive_in_pieces_of_any_size(
    slots: Slots, sizes: tuple[int, ...]
) -> None:
    lane = opened(slots)
    frames = [bytes([place]) * size for place, size in enumerate(sizes, 1)]
    stream = b"".join(struct.pack("<I", len(frame)) + frame for frame in frames)

    def send() -> None:
        for start in range(0, len(stream), 9999):
            lane._socket.sendall(stream[start : start + 9999])

    sender = threading.Thread(target=send)
    sender.start()
    for place, frame in enumerate(frames, 1):
        assert slots.wait(place) == frame
    sender.join()


def test_many_threads_and_many_frames(bert: Bert) -> None:
    slots = Slots(bert)
    lane = bert.dialled()
    assert lane is not None
    waiting = [slots.waiting(number) for number in range(1, 200)]
    for number in reversed(range(1, 200)):
        lane.put(bytes([number]) * 1000)
    for number, (thread, got) in enumerate(waiting, 1):
        thread.join()
        assert got == [bytes([number]) * 1000]
