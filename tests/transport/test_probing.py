"""What a way takes is measured while nobody computes, within limits, and decides nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest

from mpc.errors import PeerVanished, ProtocolAbort
from parties.node.transport import probing
from parties.node.transport.probing import MAX_PADDING_BYTES, MAX_PROBES, PAUSE_S, Prober
from parties.wire.mesh_pb2 import Echo, MeshFrame, Probe
from tests.helping import until


class Pair:
    """Two parties' probers whose frames arrive at once; `cut`: sending fails, `busy`: the second computes."""

    def __init__(self) -> None:
        self.cut = self.busy = False
        self.sent: list[tuple[str, str]] = []
        self.now = 0.0
        self.first = Prober((1,), lambda _, data: self.carry("first", data), lambda: False)
        self.second = Prober((0,), lambda _, data: self.carry("second", data), lambda: self.busy)

    def carry(self, sender: str, data: bytes) -> None:
        if self.cut:
            raise PeerVanished("It is gone.", culprit="bert")
        frame = MeshFrame.FromString(data)
        self.sent.append((sender, str(frame.WhichOneof("frame"))))
        receiver = self.second if sender == "first" else self.first
        if frame.WhichOneof("frame") == "probe":
            receiver.on_probe(0 if sender == "first" else 1, "ada", frame.probe)
        else:
            receiver.on_echo(frame.echo)


@pytest.fixture
def pair() -> Iterator[Pair]:
    made = Pair()
    made.first.start()
    made.second.start()
    yield made
    made.first.stop()
    made.second.stop()


def test_both_sides_measure_when_the_link_is_up(pair: Pair) -> None:
    assert pair.first.measured() == {}
    pair.first.linked(1)
    pair.second.linked(0)
    until(lambda: pair.first.measured() and pair.second.measured())
    found = pair.first.measured()[1]
    assert 0 < found.round_trip_s < 1
    assert 0 < found.bytes_per_second < math.inf


def test_a_link_that_comes_up_again_is_measured_anew(pair: Pair) -> None:
    pair.first.linked(1)
    until(pair.first.measured)
    pair.cut = True
    pair.first.linked(1)
    assert pair.first.measured() == {}
    pair.cut = False  # the next of the first pauses comes after a second
    until(pair.first.measured)


def test_who_computes_neither_asks_nor_answers(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "PATIENCE_S", 0.01)
    pair.busy = True
    pair.second.linked(0)
    pair.first.linked(1)
    until(lambda: pair.sent)
    assert ("second", "echo") not in pair.sent
    assert ("second", "probe") not in pair.sent
    assert pair.first.measured() == {}


def test_who_asks_too_often_gets_no_more_answers() -> None:
    now = [100.0]
    prober = Prober((1,), lambda *_: None, lambda: False, lambda: now[0])
    for number in range(3 * MAX_PROBES):
        prober.on_probe(1, "bert", Probe(number=number))
    assert prober._to_answer.qsize() == MAX_PROBES
    now[0] += PAUSE_S
    prober.on_probe(1, "bert", Probe(number=7))
    assert prober._to_answer.qsize() == MAX_PROBES + 1


def test_a_probe_that_is_too_long_names_its_sender() -> None:
    prober = Prober((1,), lambda *_: None, lambda: False)
    prober.on_probe(1, "bert", Probe(padding=bytes(MAX_PADDING_BYTES)))
    with pytest.raises(ProtocolAbort) as refusal:
        prober.on_probe(1, "bert", Probe(padding=bytes(MAX_PADDING_BYTES + 1)))
    assert refusal.value.culprit == "bert"


def test_an_echo_that_nobody_waits_for_is_nothing(pair: Pair) -> None:
    pair.first.on_echo(Echo(number=2**63))
    pair.first.linked(1)
    until(pair.first.measured)
