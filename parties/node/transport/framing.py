"""Messages of a session as pieces on a stream, and back. Everything received is checked here."""

from __future__ import annotations

from collections.abc import Iterator

from mpc.channel import MAX_MESSAGE_BYTES, MAX_PRIMITIVE_CHARS, Payload, Tag
from mpc.errors import ProtocolAbort
from parties.wire.mesh_pb2 import Data, MeshFrame

#: A piece of one message (bytes).
CHUNK_BYTES = 2 << 20
SESSION_BYTES = 32
MAX_BRANCH_DEPTH = 64
MAX_INDEX = 1 << 31


def split(session: bytes, tag: Tag, payload: Payload) -> Iterator[MeshFrame]:
    """The frames of one message; an empty message is one empty piece."""
    view, total = memoryview(payload).cast("B"), len(payload)
    for offset in range(0, max(total, 1), CHUNK_BYTES):
        yield MeshFrame(
            data=Data(
                session=session,
                branch=tag.branch,
                index=tag.index,
                primitive=tag.primitive,
                elements=tag.elements,
                depth=tag.depth,
                offset=offset,
                total=total,
                payload=bytes(view[offset : offset + CHUNK_BYTES]),
            )
        )


def tag_of(data: Data, peer: str) -> Tag:
    """The tag of a piece; `ProtocolAbort` names the peer if a field is out of its range."""
    fits = (
        len(data.session) == SESSION_BYTES
        and len(data.branch) <= MAX_BRANCH_DEPTH
        and data.index < MAX_INDEX
        and len(data.primitive) <= MAX_PRIMITIVE_CHARS
        and data.total <= MAX_MESSAGE_BYTES
        and data.total == 8 * data.elements
        and len(data.payload) <= CHUNK_BYTES
        and data.offset + len(data.payload) <= data.total
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
    """Puts the pieces of one peer's messages together, session by session."""

    def __init__(self, peer: str) -> None:
        self._peer = peer
        self._open: dict[bytes, tuple[Tag, int, bytearray]] = {}

    def add(self, data: Data) -> tuple[Tag, Payload] | None:
        """The whole message once its last piece is in. `ProtocolAbort` for pieces that do not fit."""
        tag = tag_of(data, self._peer)
        if len(data.payload) == data.total and data.session not in self._open:
            return tag, data.payload
        known, total, buffer = self._open.setdefault(data.session, (tag, data.total, bytearray()))
        if (known, total) != (tag, data.total) or data.offset != len(buffer) or not data.payload:
            del self._open[data.session]
            raise _nonsense(self._peer)
        buffer += data.payload
        if len(buffer) < total:
            return None
        del self._open[data.session]
        return tag, buffer

    def forget(self, session: bytes) -> None:
        self._open.pop(session, None)
