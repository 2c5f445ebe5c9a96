"""Tags, deadlines, transcripts and the failure of a session."""

from __future__ import annotations

import threading

import pytest

from mpc.channel import Tag, memory_network
from mpc.errors import PeerSilent, PeerVanished, ProtocolAbort, TagMismatch

TAG = Tag((), 0, "mul", 1, 1)


def test_a_message_arrives_and_both_transcripts_agree() -> None:
    first, second, _ = memory_network(3)
    first.send(1, TAG, b"12345678")
    assert second.recv(0, TAG)[1] == b"12345678"
    assert first.digests()["party 1"][0] == second.digests()["party 0"][1]
    assert (first.traffic.bytes_sent, second.traffic.bytes_received) == (8, 0)


@pytest.mark.parametrize("other", [Tag((), 0, "dot", 1), Tag((), 0, "mul", 2)])
def test_programs_that_diverge_abort_and_name_the_peer(other: Tag) -> None:
    first, second, _ = memory_network(3)
    first.send(1, TAG, b"12345678")
    with pytest.raises(TagMismatch) as abort:
        second.recv(0, other)
    assert abort.value.culprit == "party 0"


def test_a_silent_peer_hits_the_deadline_and_is_named() -> None:
    _, second, _ = memory_network(3, timeout_s=0.05)
    with pytest.raises(PeerSilent, match="party 0"):
        second.recv(0, TAG)


def test_a_second_message_for_one_tag_is_refused() -> None:
    first, _, _ = memory_network(3)
    first.send(1, TAG, b"12345678")
    with pytest.raises(ProtocolAbort, match="second message"):
        first.send(1, TAG, b"87654321")


def test_failing_a_session_wakes_every_waiter() -> None:
    first, second, _ = memory_network(3)
    caught: list[PeerVanished] = []

    def wait() -> None:
        try:
            second.recv(0, TAG)
        except PeerVanished as error:
            caught.append(error)

    waiter = threading.Thread(target=wait)
    waiter.start()
    first.fail(PeerVanished("party 2 is gone.", culprit="party 2"))
    waiter.join(5)
    assert [error.culprit for error in caught] == ["party 2"]
    with pytest.raises(PeerVanished):
        second.recv(0, TAG)
