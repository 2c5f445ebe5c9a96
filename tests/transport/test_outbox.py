"""The queue of a link: bounded by bytes, open to control frames."""

from __future__ import annotations

from concurrent import futures

import pytest

from mpc.errors import PeerSilent, PeerVanished
from parties.node.transport.outbox import Outbox
from parties.wire.common_pb2 import Offer
from parties.wire.mesh_pb2 import Data, MeshFrame


def test_an_outbox_lets_control_frames_pass() -> None:
    outbox: Outbox[MeshFrame] = Outbox("bert", timeout_s=0.05, limit=100)
    outbox.put(MeshFrame(data=Data(payload=bytes(200))), 200)
    outbox.put_control(MeshFrame(offer=Offer(attempt=7)))
    frames = iter(outbox)
    assert [next(frames).WhichOneof("frame"), next(frames).WhichOneof("frame")] == ["data", "offer"]


def test_who_waits_for_room_gets_it_or_hears_that_the_link_is_down() -> None:
    outbox: Outbox[MeshFrame] = Outbox("bert", timeout_s=20, limit=100)
    outbox.put(MeshFrame(data=Data(payload=bytes(90))), 90)
    with futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(outbox.put, MeshFrame(data=Data(payload=bytes(80))), 80)
        frames = iter(outbox)
        assert len(next(frames).data.payload) == 90
        assert len(next(frames).data.payload) == 80
        assert waiting.result(20) is None
        blocked = pool.submit(outbox.put, MeshFrame(data=Data(payload=bytes(90))), 90)
        outbox.close()
        with pytest.raises(PeerVanished):
            blocked.result(20)


def test_an_outbox_is_bounded() -> None:
    outbox = Outbox("bert", timeout_s=0.05, limit=100)
    outbox.put(MeshFrame(data=Data(payload=bytes(200))), 200)
    with pytest.raises(PeerSilent):
        outbox.put(MeshFrame(data=Data(payload=bytes(10))), 10)
    outbox.close()
    with pytest.raises(PeerVanished):
        outbox.put(MeshFrame(), 0)
