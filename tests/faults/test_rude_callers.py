"""Callers that do not greet, announce too much or ask too much; what others hear of a failure."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any

import pytest
from structlog.testing import capture_logs

from mpc.errors import PeerSilent, PlanExpired, PlanRefused
from parties.client import Space, connect
from parties.identity import tls
from parties.node import holder, running
from parties.node.holder import Holder
from parties.query.plan import sign_plan
from parties.query.text import parse_statistic
from parties.wire import analyst_pb2 as pb
from parties.wire import common_pb2, version
from parties.wire.holder_pb2 import FromHolder, HolderHello
from parties.wire.holder_pb2_grpc import HolderGateStub
from parties.wire.mesh_pb2 import MeshFrame
from parties.wire.mesh_pb2_grpc import MeshStub
from tests.faults.troubles import (
    Gate,
    another_dataset,
    attached,
    failure,
    hello,
    holder_of,
    refusal_of,
    submit,
)
from tests.helping import HOLDERS, Hospitals, until


def test_streams_that_do_not_greet_keep_nobody_waiting(box: Hospitals, space: Space) -> None:
    calls: list[Any] = []
    node, ended = box.nodes["dora"], threading.Event()

    def nothing() -> Iterator[FromHolder]:
        ended.wait(30)
        yield from ()

    with tls.channel(node.identity, node.consortium, "ada") as channel:
        stub = HolderGateStub(channel)
        calls += [stub.Attach(nothing(), metadata=version.METADATA) for _ in range(80)]
        assert submit(space).result().value == 686
        refusals = [refusal_of(call) for call in calls]
        ended.set()
    assert {error.culprit for error in refusals} == {"dora"}
    late = [error for error in refusals if isinstance(error, PeerSilent)]
    assert late
    assert "did not greet within 0.6 s" in late[0].message


def test_a_peer_that_does_not_greet_is_refused(box: Hospitals) -> None:
    node, ended = box.nodes["ada"], threading.Event()

    def nothing() -> Iterator[MeshFrame]:
        ended.wait(30)
        yield from ()

    with tls.channel(node.identity, node.consortium, "bert") as channel:
        error = refusal_of(MeshStub(channel).Link(nothing(), metadata=version.METADATA))
        ended.set()
    assert isinstance(error, PeerSilent)
    assert error.culprit == "ada"


def test_a_holder_cannot_fill_the_catalogue_alone(box: Hospitals) -> None:
    greeting = hello(box, "dora").hello
    big = HolderHello(
        major=greeting.major, name="dora", registrations=[bytes(tls.MAX_FRAME_BYTES // len(HOLDERS)), b"x"]
    )
    with attached(box, "dora", "ada", FromHolder(hello=big)) as call:
        error = refusal_of(call)
    assert (error.code, error.culprit) == ("CONFIG", "dora")
    assert "announces 2 data sets of 1048577 bytes" in error.message


# --- many jobs, bad plans, words ------------------------------------------------------------------


def test_two_jobs_at_once_do_not_mix(box: Hospitals, space: Space) -> None:
    with futures.ThreadPoolExecutor(4) as pool:
        counts = [pool.submit(lambda: submit(space, "count").result().value) for _ in range(3)]
        medians = [pool.submit(lambda: submit(space, "median:age").result().value) for _ in range(2)]
        assert [one.result(60) for one in counts] == [686] * 3
        assert [one.result(60) for one in medians] == [box.pooled.age.median()] * 2


def test_a_holder_serves_only_so_many_jobs(
    box: Hospitals, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = another_dataset(box, space)
    gate = Gate(monkeypatch, box, "dora")
    first = submit(space)
    assert gate.reached.wait(20)
    monkeypatch.setattr(holder, "MAX_JOBS", 1)
    error = failure(other.submit("count"))
    assert "serves 1 jobs already" in error.message
    assert (error.code, error.culprit in HOLDERS) == ("PLAN_REFUSED", True)
    gate.go.set()
    assert first.result().value == 686


def test_a_compute_party_runs_only_so_many_jobs_of_an_analyst(
    box: Hospitals, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch, box, "dora")
    monkeypatch.setattr(running, "MAX_JOBS_OF_ANALYST", 1)
    first = submit(space)
    assert gate.reached.wait(20)
    with pytest.raises(PlanRefused, match="runs 1 jobs of eve already"):
        submit(space)
    with connect(box.folder / "otto" / "analyst.toml") as other:
        second = submit(other)
        gate.go.set()
        assert second.result().value == first.result().value == 686


def test_a_plan_that_is_refused_at_once_stands_in_the_log(box: Hospitals, space: Space) -> None:
    question = space.question(space.dataset("gbsg2", holders=HOLDERS), [parse_statistic("count")])
    old = question.plan.model_copy(update={"created": 1000, "expires": 2000})
    signed = sign_plan(old, space.identity)
    request = pb.SubmitRequest(plan=common_pb2.SignedPlan(plan=signed.plan, signature=signed.signature))
    with capture_logs() as logs:
        replies = space.connection.attempt("Submit", request)
    assert all(isinstance(reply, PlanExpired) for reply in replies.values())
    refused = [entry for entry in logs if entry["event"] == "plan refused"]
    assert len(refused) == 3
    assert {(entry["job"], entry["analyst"], entry["code"]) for entry in refused} == {
        (signed.hash.hex()[:12], "eve", "PLAN_EXPIRED")
    }


def test_what_breaks_at_a_holder_is_told_to_the_analyst_and_to_no_other_holder(
    box: Hospitals, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[common_pb2.Abort] = []
    listen: Callable[..., None] = Holder._on_abort

    def note(holder: Holder, name: str, abort: common_pb2.Abort) -> None:
        heard.append(abort)
        listen(holder, name, abort)

    monkeypatch.setattr(Holder, "_on_abort", note)
    part = box.folder / "dora" / "part.csv"
    kept = part.read_text()
    part.write_text(kept + kept.splitlines()[-1] + "\n")
    error = failure(submit(space))
    part.write_text(kept)
    assert (error.code, error.culprit) == ("DATA", "dora")
    assert "triune data add" in error.remedy
    until(lambda: heard)
    told = [one.status for one in heard]
    assert {(one.message, one.remedy, one.culprit) for one in told} == {("The job is over.", "", "dora")}


def test_a_crash_at_a_holder_names_it(box: Hospitals, space: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object) -> None:
        raise KeyError("age")

    monkeypatch.setattr(holder_of(box, "dora")._datasets, "open_rows", crash)
    error = failure(submit(space))
    assert (error.code, error.culprit) == ("REMOTE", "dora")
    assert error.message.startswith("dora failed unexpectedly (incident ")
