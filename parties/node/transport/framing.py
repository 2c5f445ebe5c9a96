"""Messages of a session as pieces on a stream, and back. Everything received is checked here."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from google.protobuf.message import DecodeError

from mpc.channel import MAX_MESSAGE_BYTES, MAX_PRIMITIVE_CHARS, Payload, Tag
from mpc.errors import ProtocolAbort
from parties.wire.mesh_pb2 import Data, MeshFrame

#: A piece of one message (bytes).
CHUNK_BYTES = 2 << 20
#: Protobuf's wire types, and the keys of `MeshFrame.data` and `Data.payload`.
_VARINT: Final = 0
_LENGTH_DELIMITED: Final = 2
_PAYLOAD_FIELD: Final = Data.DESCRIPTOR.fields_by_name["payload"].number
_PAYLOAD: Final = bytes([_PAYLOAD_FIELD << 3 | _LENGTH_DELIMITED])
_INDEX, _DEPTH, _OFFSET = (
    bytes([Data.DESCRIPTOR.fields_by_name[name].number << 3 | _VARINT])
    for name in ("index", "depth", "offset")
)
_ONE_BYTE: Final = tuple(bytes([value]) for value in range(0x80))
_DATA: Final = bytes([MeshFrame.DESCRIPTOR.fields_by_name["data"].number << 3 | _LENGTH_DELIMITED])
#: Frames up to this size are parsed by protobuf as a whole: that copies the payload, and is faster (bytes).
SMALL_FRAME_BYTES = 4 << 10
#: The heads of so many kinds of message are kept serialised.
KEPT_HEADS = 1024
SESSION_BYTES = 32
MAX_BRANCH_DEPTH = 64
MAX_INDEX = 1 << 31
MAX_DEPTH = 1 << 31
#: Messages of one peer that may be incomplete at a time, and what their pieces may hold (bytes).
MAX_PARTIAL_MESSAGES = 32
MAX_PARTIAL_BYTES = MAX_MESSAGE_BYTES + (64 << 20)


class Piece(NamedTuple):
    """A data frame whose payload stands beside it, where it lay in what came in: it is not copied out."""

    head: Data
    payload: bytes | memoryview


def split(session: bytes, tag: Tag, payload: Payload) -> Iterator[bytes]:
    """The serialised frames of one message; an empty message is one empty piece.

    The payload is copied once, behind a serialised head: protobuf would copy it three times.
    """
    view = memoryview(payload).cast("B")
    constant = _head(session, tag.branch, tag.primitive, tag.elements, len(view))
    place = _INDEX + _varint(tag.index) + _DEPTH + _varint(tag.depth)
    for offset in range(0, max(len(view), 1), CHUNK_BYTES):
        head = constant + place + _OFFSET + _varint(offset) if offset else constant + place
        piece = view[offset : offset + CHUNK_BYTES]
        tail = _PAYLOAD + _varint(len(piece)) if len(piece) else b""
        yield b"".join((_DATA, _varint(len(head) + len(tail) + len(piece)), head, tail, piece))


@lru_cache(KEPT_HEADS)
def _head(session: bytes, branch: tuple[int, ...], primitive: str, elements: int, total: int) -> bytes:
    """The fields that all messages of one kind have in common."""
    head = Data(session=session, branch=branch, primitive=primitive, elements=elements, total=total)
    return head.SerializeToString()


def parsed(frame: bytes | bytearray, peer: str) -> MeshFrame | Piece:
    """A frame that came in; `ProtocolAbort` names the peer if it is none."""
    try:
        piece = _split_off(frame) if len(frame) > SMALL_FRAME_BYTES and frame[:1] == _DATA else None
        if piece is not None:
            return piece
        message = MeshFrame.FromString(bytes(frame))
    except (DecodeError, IndexError):
        raise ProtocolAbort(
            f"{peer} sent what is no frame.", remedy="Make sure that both run the same version.", culprit=peer
        ) from None
    return piece_of(message.data) if message.WhichOneof("frame") == "data" else message


def piece_of(data: Data) -> Piece:
    """The head and the payload of a data frame that protobuf has read."""
    payload = data.payload
    data.ClearField("payload")
    return Piece(data, payload)


def _split_off(frame: bytes | bytearray) -> Piece | None:
    """A data frame whose payload is its last field, as `split` makes them; None if it is built otherwise."""
    size, start = _read_varint(frame, 1)
    if start + size != len(frame):
        return None
    at = start
    while at < len(frame):
        field, wire = frame[at] >> 3, frame[at] & 7
        value, after = _read_varint(frame, at + 1)
        if field == _PAYLOAD_FIELD:
            if wire != _LENGTH_DELIMITED or after + value != len(frame):
                return None
            return Piece(Data.FromString(bytes(frame[start:at])), memoryview(frame)[after:])
        if wire not in (_VARINT, _LENGTH_DELIMITED):
            return None
        at = after + value if wire == _LENGTH_DELIMITED else after
    return None


def _varint(value: int) -> bytes:
    if value <= 0x7F:
        return _ONE_BYTE[value]
    made = bytearray()
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    made.append(value)
    return bytes(made)


def _read_varint(data: bytes | bytearray, at: int) -> tuple[int, int]:
    """A number of protobuf's wire format, and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80 or shift > 63:
            return value, at


def tag_of(data: Data, size: int, peer: str) -> Tag:
    """The tag of a piece of `size` bytes; `ProtocolAbort` names the peer if a field is out of its range."""
    branch, index, depth = tuple(data.branch[:]), data.index, data.depth
    primitive, elements, total, offset = data.primitive, data.elements, data.total, data.offset
    fits = (
        len(data.session) == SESSION_BYTES
        and len(branch) <= MAX_BRANCH_DEPTH
        and index < MAX_INDEX
        and depth < MAX_DEPTH
        and 0 < len(primitive) <= MAX_PRIMITIVE_CHARS
        and primitive.isascii()
        and primitive.isprintable()
        and total <= MAX_MESSAGE_BYTES
        and total == 8 * elements
        and offset % CHUNK_BYTES == 0
        and size == max(min(CHUNK_BYTES, total - offset), 0)
        and (size > 0 or total == offset == 0)
    )
    if not fits:
        raise _nonsense(peer)
    return Tag(branch, index, primitive, elements, depth)


def _nonsense(peer: str) -> ProtocolAbort:
    return ProtocolAbort(
        f"{peer} sent a piece of a message whose sizes or order make no sense.",
        remedy="Make sure that both run the same version.",
        culprit=peer,
    )


class Assembler:
    """Puts the pieces of one peer's messages together, session by session.

    What is incomplete is bounded: the oldest gives way, and its session ends at its next piece.
    """

    def __init__(self, peer: str) -> None:
        self._peer = peer
        self._open: dict[bytes, tuple[Tag, bytearray]] = {}
        self._held = 0

    def add(self, piece: Piece) -> tuple[Tag, Payload] | None:
        """The whole message once its last piece is in. `ProtocolAbort` for pieces that do not fit."""
        data, payload = piece.head, piece.payload
        tag, session = self._tag(data, len(payload)), data.session
        if session not in self._open:
            if data.offset:
                raise _nonsense(self._peer)
            if len(payload) == data.total:
                return tag, payload
            self._open[session] = tag, bytearray()
        known, buffer = self._open[session]
        if known != tag or data.offset != len(buffer):
            self.forget(session)
            raise _nonsense(self._peer)
        buffer += payload
        self._held += len(payload)
        if len(buffer) == data.total:
            self.forget(session)
            return tag, buffer
        self._make_room()
        return None

    def forget(self, session: bytes) -> None:
        """Drop what there is of a session's message."""
        _, buffer = self._open.pop(session, (None, b""))
        self._held -= len(buffer)

    def _tag(self, data: Data, size: int) -> Tag:
        try:
            return tag_of(data, size, self._peer)
        except ProtocolAbort:
            self.forget(data.session)
            raise

    def _make_room(self) -> None:
        while len(self._open) > MAX_PARTIAL_MESSAGES or self._held > MAX_PARTIAL_BYTES:
            self.forget(next(iter(self._open)))
