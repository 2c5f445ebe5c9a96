"""Frames as protobuf reads them, pieces put together, rubbish refused."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager

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


NUMBERS = ("index", "elements", "depth", "offset", "total")


@contextmanager
def pieces_of_64_bytes() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(framing, "CHUNK_BYTES", 64)
        yield


def valid_pieces(words: int) -> list[Data]:
    payload = bytes(range(256))[: 8 * words]
    return [
        MeshFrame.FromString(raw).data for raw in split(SESSION, Tag((1, 2), 3, "mul", words, 4), payload)
    ]


@given(st.integers(0, 32), st.data())
def test_one_damaged_field_is_refused_or_ends_in_a_whole_message(words: int, data: st.DataObject) -> None:
    """Whatever is altered in one of the pieces of a valid message: no message of another length comes out."""
    with pieces_of_64_bytes():
        pieces = valid_pieces(words)
        damage(data.draw(st.sampled_from(pieces)), data)
        assembler = Assembler("mallory")
        for piece in pieces:
            with contextlib.suppress(ProtocolAbort):
                message = assembler.add(piece_of(piece))
                assert message is None or len(message[1]) == 8 * message[0].elements == 8 * words


def damage(piece: Data, data: st.DataObject) -> None:
    field = data.draw(st.sampled_from([*NUMBERS, "session", "primitive", "branch", "payload"]))
    if field in NUMBERS:
        near = st.integers(-65, 65).map(lambda step: max(0, getattr(piece, field) + step))
        wild = st.integers(0, 2**32 - 1)
        setattr(piece, field, data.draw(near | wild))
    elif field == "branch":
        piece.branch[:] = data.draw(st.lists(st.integers(0, 9), max_size=70))
    elif field == "primitive":
        piece.primitive = data.draw(st.text(max_size=80))
    else:
        setattr(piece, field, data.draw(st.binary(max_size=130)))


@pytest.mark.parametrize("words", [0, 1, 8, 9, 32])
def test_undamaged_pieces_come_out_as_they_went_in(words: int) -> None:
    with pieces_of_64_bytes():
        assembler = Assembler("ada")
        *before, last = [assembler.add(piece_of(piece)) for piece in valid_pieces(words)]
    assert before == [None] * max(0, (words - 1) // 8)
    assert last is not None
    assert bytes(last[1]) == bytes(range(256))[: 8 * words]


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
    """A frame whose length lies is none; nor is what protobuf cannot read."""
    for forged in (b"\x12\xff" + raw, b"\x12" + bytes([len(raw) + 1]) + raw, b"\xff" * 11 + raw):
        with pytest.raises(ProtocolAbort, match="mallory"):
            parsed(forged, "mallory")


def test_pieces_out_of_order_are_refused() -> None:
    size = 2 * CHUNK_BYTES
    first, second = (
        parsed(raw, "ada") for raw in split(SESSION, Tag((), 0, "mul", size // 8, 1), bytes(size))
    )
    for pieces in ([second], [first, first]):
        assembler = Assembler("mallory")
        with pytest.raises(ProtocolAbort):
            [assembler.add(piece) for piece in pieces]
