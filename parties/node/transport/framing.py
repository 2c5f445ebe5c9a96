"""Messages of a session as pieces on a stream, and back. Everything received is checked here."""

from __future__ import annotations

from collections.abc import Iterator

from mpc.channel import MAX_MESSAGE_BYTES, MAX_PRIMITIVE_CHARS, Payload, Tag
from mpc.errors import ProtocolAbort
from parties.wire.mesh_pb2 import Data, MeshFrame

#: A piece of one message (bytes).
CHUNK_BYTES = 2 << 20
#: What a piece weighs in the outbox besides its payload (bytes, roughly).
ENVELOPE_BYTES = 256
SESSION_BYTES = 32
MAX_BRANCH_DEPTH = 64
MAX_INDEX = 1 << 31
MAX_DEPTH = 1 << 31
#: Messages of one peer that may be incomplete at a time, and what their pieces may hold (bytes).
MAX_PARTIAL_MESSAGES = 32
MAX_PARTIAL_BYTES = MAX_MESSAGE_BYTES + (64 << 20)


def split(session: bytes, tag: Tag, payload: Payload) -> Iterator[MeshFrame]:
    """The frames of one message; an empty message is one empty piece."""
    view = memoryview(payload).cast("B")
    for offset in range(0, max(len(view), 1), CHUNK_BYTES):
        frame = MeshFrame()
        data = frame.data  # filled in place: handing a Data to the constructor would copy the payload
        data.session = session
        data.branch.extend(tag.branch)
        data.index = tag.index
        data.primitive = tag.primitive
        data.elements = tag.elements
        data.depth = tag.depth
        data.offset = offset
        data.total = len(view)
        data.payload = bytes(view[offset : offset + CHUNK_BYTES])
        yield frame


def weight(total: int, offset: int) -> int:
    """What the piece at `offset` weighs in the outbox; `ByteSize` would serialise it to find out."""
    return min(total - offset, CHUNK_BYTES) + ENVELOPE_BYTES


def tag_of(data: Data, size: int, peer: str) -> Tag:
    """The tag of a piece of `size` bytes; `ProtocolAbort` names the peer if a field is out of its range."""
    fits = (
        len(data.session) == SESSION_BYTES
        and len(data.branch) <= MAX_BRANCH_DEPTH
        and data.index < MAX_INDEX
        and data.depth < MAX_DEPTH
        and 0 < len(data.primitive) <= MAX_PRIMITIVE_CHARS
        and data.primitive.isascii()
        and data.primitive.isprintable()
        and data.total <= MAX_MESSAGE_BYTES
        and data.total == 8 * data.elements
        and data.offset % CHUNK_BYTES == 0
        and size == max(min(CHUNK_BYTES, data.total - data.offset), 0)
        and (size > 0 or data.total == data.offset == 0)
    )
    if not fits:
        raise _nonsense(peer)
    return Tag(tuple(data.branch), data.index, data.primitive, data.elements, data.depth)


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

    def add(self, data: Data) -> tuple[Tag, Payload] | None:
        """The whole message once its last piece is in. `ProtocolAbort` for pieces that do not fit."""
        payload = data.payload  # read once: every reading copies it
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
