"""Frames as protobuf reads them, pieces put together, rubbish refused."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc.channel import Tag
from mpc.errors import ProtocolAbort
from parties.node.transport import framing
from parties.node.transport.framing import CHUNK_BYTES, Assembler, Piece, parsed, piece_of, split
from parties.wire.mesh_pb2 import Data, MeshFrame

SESSION = bytes(range(32))


@pytest.fixture(
    params=[0, framing.SMALL_FRAME_BYTES],
    ids=["payloads beside", "small frames whole"],
    autouse=True,
    scope="module",
)
def small(request: pytest.FixtureRequest) -> Iterator[None]:
    """Frames of every size are read in both ways."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(framing, "SMALL_FRAME_BYTES", request.param)
        yield


@given(
    st.builds(
        Data,
        session=st.binary(max_size=40), branch=st.lists(st.integers(0, 9), max_size=3),
        index=st.integers(0, 2**32 - 1),
        primitive=st.text(max_size=80), elements=st.integers(0, 2**40), offset=st.integers(0, 40),
        total=st.integers(0, 40), payload=st.binary(max_size=48),
    )
)  # fmt: skip
def test_forged_pieces_are_refused_or_are_whole_messages(data: Data) -> None:
    with contextlib.suppress(ProtocolAbort):
        message = Assembler("mallory").add(piece_of(data))
        assert message is None or len(message[1]) == 8 * message[0].elements


messages = st.builds(
    Data,
    session=st.binary(min_size=32, max_size=32), branch=st.lists(st.integers(0, 2**32 - 1), max_size=4),
    index=st.integers(0, 2**32 - 1), primitive=st.text(max_size=70), elements=st.integers(0, 2**64 - 1),
    depth=st.integers(0, 2**32 - 1), offset=st.integers(0, 2**64 - 1), total=st.integers(0, 2**64 - 1),
    payload=st.binary(max_size=300),
)  # fmt: skip


@given(messages, st.booleans())
def test_a_piece_is_what_protobuf_reads(data: Data, payload_first: bool) -> None:
    """Whatever the order of the fields: protobuf allows every one."""
    head = Data.FromString(data.SerializeToString())
    head.ClearField("payload")
    body = data.SerializeToString()
    if payload_first:
        body = Data(payload=data.payload).SerializeToString() + head.SerializeToString()
    frame = MeshFrame.FromString(MeshFrame(data=Data.FromString(body)).SerializeToString())
    for raw in (frame.SerializeToString(), _framed(body)):
        piece = parsed(raw, "ada")
        assert isinstance(piece, Piece)
        assert piece.head == head
        assert bytes(piece.payload) == data.payload


def _framed(body: bytes) -> bytes:
    """`MeshFrame(data=...)` around a serialised body, whatever its order."""
    size, length = len(body), b""
    while size > 0x7F:
        length, size = length + bytes([size & 0x7F | 0x80]), size >> 7
    return b"\x12" + length + bytes([size]) + body


@given(st.binary(max_size=20_000), st.lists(st.integers(0, 9), max_size=3))
def test_what_is_sent_is_protobuf(payload: bytes, branch: list[int]) -> None:
    words = payload[: len(payload) // 8 * 8]
    tag = Tag(tuple(branch), 70_000, "mul", len(words) // 8, 3)
    (raw,) = split(SESSION, tag, words)
    data = MeshFrame.FromString(raw).data
    assert (data.session, tuple(data.branch), data.index) == (SESSION, tag.branch, tag.index)
    assert (data.primitive, data.elements, data.depth, data.offset) == ("mul", tag.elements, 3, 0)
    assert (data.payload, data.total) == (words, len(words))
    assert Assembler("ada").add(parsed(raw, "ada")) == (tag, words)  # type: ignore[arg-type]


@given(st.binary(max_size=60))
def test_what_is_no_frame_names_the_peer(raw: bytes) -> None:
    for forged in (raw, b"\x12" + raw, b"\x12" + bytes([len(raw)]) + raw):
        with contextlib.suppress(ProtocolAbort):
            assert isinstance(parsed(forged, "mallory"), Piece | MeshFrame)
    with pytest.raises(ProtocolAbort, match="mallory"):
        parsed(b"\x12\xff" + raw, "mallory")


def test_pieces_out_of_order_are_refused() -> None:
    size = 2 * CHUNK_BYTES
    first, second = (
        parsed(raw, "ada") for raw in split(SESSION, Tag((), 0, "mul", size // 8, 1), bytes(size))
    )
    for pieces in ([second], [first, first]):
        assembler = Assembler("mallory")
        with pytest.raises(ProtocolAbort):
            [assembler.add(piece) for piece in pieces]
