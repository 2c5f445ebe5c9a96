"""Messages that come before their session, stragglers after it, and messages that never become whole."""

from __future__ import annotations

from typing import Any

import pytest

from mpc.channel import MESSAGE_OVERHEAD_BYTES, Tag
from mpc.errors import PeerVanished, ProtocolAbort
from parties.node.transport import early, framing
from parties.node.transport.channel import Switchboard
from parties.node.transport.early import EarlyMessages
from parties.node.transport.framing import CHUNK_BYTES, Assembler, piece_of
from parties.wire.mesh_pb2 import Data

NAMES = ("ada", "bert", "cleo")
TAG = Tag((), 0, "mul", 1, 1)
WORD = b"12345678"


def session(number: int) -> bytes:
    return number.to_bytes(32, "big")


def board(*lost: int) -> Switchboard:
    return Switchboard(0, NAMES, lambda *_: None, 0.2, lambda peer: peer not in lost)


def big(share: int = 1) -> tuple[int, Tag, bytes]:
    return 1, TAG, bytes(early.MAX_EARLY_BYTES // share - MESSAGE_OVERHEAD_BYTES)


def test_stragglers_of_ended_sessions_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(early, "MAX_EARLY_BYTES", 4096)
    made = board()
    made.open(session(1))
    made.close(session(1))
    for _ in range(100):
        made.route(session(1), *big())
    made.route(session(2), 1, TAG, WORD)
    assert bytes(made.open(session(2)).recv(1, TAG)[1]) == WORD


def test_older_sessions_give_way_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(early, "MAX_EARLY_BYTES", 4096)
    made = board()
    made.route(session(1), *big())
    made.route(session(2), 1, TAG, WORD)
    with pytest.raises(ProtocolAbort, match="opened too late"):
        made.open(session(1)).recv(1, TAG)
    assert bytes(made.open(session(2)).recv(1, TAG)[1]) == WORD


def test_sessions_that_wait_are_few_and_not_for_ever() -> None:
    now = [0.0]
    waiting = EarlyMessages(10.0, lambda: now[0])
    for number in range(early.MAX_EARLY_SESSIONS + 1):
        waiting.keep(session(number), (1, TAG, WORD))
    assert waiting.claim(session(0)) is None
    assert waiting.claim(session(1)) == [(1, TAG, WORD)]
    now[0] = 11.0
    waiting.keep(session(1000), (1, TAG, WORD))
    assert waiting.claim(session(2)) is None
    assert waiting.claim(session(1000)) == [(1, TAG, WORD)]


def test_a_lost_peer_takes_its_early_messages_along() -> None:
    made = board()
    made.route(session(1), 1, TAG, WORD)
    made.peer_lost(1)
    with pytest.raises(ProtocolAbort):
        made.open(session(1)).recv(1, TAG)


def test_a_session_without_a_link_fails_at_once() -> None:
    with pytest.raises(PeerVanished, match="cleo"):
        board(2).open(session(1)).recv(1, TAG)


def test_a_session_is_opened_once() -> None:
    made = board()
    made.open(session(1))
    with pytest.raises(ProtocolAbort, match="twice"):
        made.open(session(1))


def piece(number: int, offset: int = 0) -> Any:
    total = 2 * CHUNK_BYTES
    return piece_of(
        Data(
            session=session(number),
            primitive="mul",
            elements=total // 8,
            offset=offset,
            total=total,
            payload=bytes(CHUNK_BYTES),
        )
    )


def test_incomplete_messages_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing, "MAX_PARTIAL_MESSAGES", 2)
    assembler = Assembler("mallory")
    for number in range(3):
        assert assembler.add(piece(number)) is None
    with pytest.raises(ProtocolAbort, match="mallory"):
        assembler.add(piece(0, CHUNK_BYTES))  # gave way
    for number in (1, 2):
        assert assembler.add(piece(number, CHUNK_BYTES)) is not None
    assert assembler._held == 0
