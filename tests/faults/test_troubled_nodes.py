"""Nodes of one process with short deadlines, among slow files and databases, lost links and rude callers."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from structlog.testing import capture_logs

from mpc.errors import PeerSilent, PlanExpired, PlanRefused, StorageError, TriuneError
from parties.client import Space, connect
from parties.client.job import Job
from parties.identity import tls
from parties.node import holder, running
from parties.node.attempt import Attempt
from parties.node.computing import Computing
from parties.node.deadlines import Deadlines
from parties.node.holder import Holder
from parties.node.storage.base import JobStore
from parties.node.transport.mesh import Mesh
from parties.node.transport.vanished import vanished
from parties.node.work import Work
from parties.query.plan import sign_plan
from parties.query.text import parse_statistic
from parties.wire import analyst_pb2 as pb
from parties.wire import common_pb2, status, version
from parties.wire.holder_pb2 import FromHolder, HolderHello
from parties.wire.holder_pb2_grpc import HolderGateStub
from parties.wire.mesh_pb2 import MeshFrame
from parties.wire.mesh_pb2_grpc import MeshStub
from tests.helping import HOLDERS, Hospitals, running_hospitals, until

BRISK = Deadlines(hello=0.6, links=2.0, margin=0.6, inputs=20.0)
ROUND_S = 2.0
#: Longer than a round, and than everything up to the holders' consent.
SLOW_S = 5.0
#: Longer than a round and than the peers wait for an offer, and no longer than a store waits for a lock.
LOCKED_S = 3.5
COMPUTE = HOLDERS[:3]


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospitals]:
    with running_hospitals(tmp_path_factory.mktemp("troubled") / "box", BRISK, ROUND_S) as made:
        yield made


@pytest.fixture
def space(box: Hospitals) -> Iterator[Space]:
    with connect(box.config) as made:
        made.dataset("gbsg2", holders=HOLDERS)  # waits until all are attached everywhere
        until(lambda: all(node.wait_ready() for node in box.nodes.values()))
        yield made


def submit(space: Space, *statistics: str) -> Job:
    return space.dataset("gbsg2", holders=HOLDERS).submit(*statistics or ("count",))


def failure(job: Job) -> TriuneError:
    with pytest.raises(TriuneError) as failed:
        job.result()
    return failed.value


def faults(box: Hospitals, job: Job) -> dict[str, Any]:
    """What each compute party wrote down of how the job failed."""
    until(lambda: all(stored is not None and stored.is_final for stored in records(box, job).values()))
    return {name: stored.fault for name, stored in records(box, job).items()}


def records(box: Hospitals, job: Job) -> dict[str, Any]:
    return {name: storage(box, name).get(bytes.fromhex(job.hash)) for name in COMPUTE}


def storage(box: Hospitals, name: str) -> JobStore:
    return computing(box, name).storage


def computing(box: Hospitals, name: str) -> Computing:
    found = box.nodes[name]._computing
    assert found is not None
    return found


def work(box: Hospitals, name: str, job: Job) -> Work:
    found = computing(box, name).running.get(bytes.fromhex(job.hash))
    assert found is not None
    return found


class Gate:
    """A holder stops before it opens its file, until the test lets it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, box: Hospitals, name: str) -> None:
        self.reached, self.go = threading.Event(), threading.Event()
        datasets = holder_of(box, name)._datasets
        read = datasets.open_rows

        def open_rows(*arguments: Any) -> Any:
            self.reached.set()
            assert self.go.wait(60)
            return read(*arguments)

        monkeypatch.setattr(datasets, "open_rows", open_rows)


def holder_of(box: Hospitals, name: str) -> Holder:
    holder = box.nodes[name]._holder
    assert holder is not None
    return holder


# --- slow holders ---------------------------------------------------------------------------------


def test_a_holder_may_read_for_long_once_it_has_consented(
    box: Hospitals, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch, box, "dora")
    assert BRISK.accepts < SLOW_S < BRISK.inputs
    job = submit(space)
    assert gate.reached.wait(20)
    time.sleep(SLOW_S)
    assert set(job.status().parties.values()) == {"running"}
    gate.go.set()
    assert job.result().value == 686


def test_nobody_computes_before_everybody_has_all_inputs(
    box: Hospitals, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = Holder._send_block

    def slow_to_cleo(holder: Holder, room: Any, name: str, *rest: Any) -> None:
        if name == "cleo" and holder._identity.name == "dora":
            time.sleep(SLOW_S)
        send(holder, room, name, *rest)

    monkeypatch.setattr(Holder, "_send_block", slow_to_cleo)
    assert ROUND_S < SLOW_S
    assert submit(space).result().value == 686


def test_a_cancelled_job_is_answered_as_cancelled_and_its_holder_stops(
    box: Hospitals, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch, box, "dora")
    job = submit(space)
    assert gate.reached.wait(20)
    reply = space.connection.attempt("Cancel", pb.JobRef(plan_hash=bytes.fromhex(job.hash)))
    assert {name: pb.JobState.Name(told.state) for name, told in reply.items()} == dict.fromkeys(
        COMPUTE, "CANCELLED"
    )
    shared: list[str] = []
    monkeypatch.setattr(Holder, "_send_block", lambda *_: shared.append("a block"))
    gate.go.set()
    until(lambda: not holder_of(box, "dora")._parts)
    assert shared == []


# --- slow and broken databases --------------------------------------------------------------------


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Nobody else can write."""
    other = sqlite3.connect(database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def test_a_slow_database_holds_up_nobody_else(
    box: Hospitals, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch, box, "dora")
    job = submit(space)
    assert gate.reached.wait(20)
    with futures.ThreadPoolExecutor(1) as pool:
        with locked(box.folder / "ada" / "state" / "jobs.sqlite"):
            another = pool.submit(submit, space)
            time.sleep(0.5)
            gate.go.set()  # the shares, and everything after them, arrive while ada writes nothing
            time.sleep(LOCKED_S)
            assert not any(stored.fault for stored in records(box, job).values())
        assert job.result().value == 686
        assert failure(another.result(30)).culprit == "ada"  # where it could not begin in time


def test_a_release_that_cannot_be_written_down_says_so(
    box: Hospitals, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise StorageError("The database of ada failed.", culprit="ada")

    monkeypatch.setattr(storage(box, "ada"), "put_result", broken)
    job = submit(space)
    error = failure(job)
    assert (error.code, error.culprit) == ("STORAGE", "ada")
    assert "the other parties may have released theirs" in error.message
    assert "nothing was released" not in str(error)
    assert job.status().parties["ada"] == "failed"


# --- lost links -----------------------------------------------------------------------------------


def test_who_misses_a_holder_is_believed_before_it_is_blamed(
    box: Hospitals, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = computing(box, "ada").desk
    monkeypatch.setattr(desk, "missing", lambda names: [name for name in names if name == "dora"])
    job = submit(space)
    assert failure(job).culprit == "dora"
    assert {fault.culprit for fault in faults(box, job).values()} == {"dora"}


@contextmanager
def attached(box: Hospitals, holder: str, party: str, *frames: FromHolder) -> Iterator[Any]:
    """A holder's stream by hand, with its own keys."""
    node, ended = box.nodes[holder], threading.Event()

    def sent() -> Iterator[FromHolder]:
        yield from frames
        ended.wait(30)

    with tls.channel(node.identity, node.consortium, party) as channel:
        call = HolderGateStub(channel).Attach(sent(), metadata=version.METADATA)
        yield call
        ended.set()
        call.cancel()


def hello(box: Hospitals, holder: str) -> FromHolder:
    return FromHolder(hello=holder_of(box, holder)._hello())


def test_a_stream_that_is_replaced_ends_what_its_holder_owes(
    box: Hospitals, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch, box, "dora")
    job = submit(space)
    assert gate.reached.wait(20)
    with attached(box, "dora", "bert", hello(box, "dora")) as call:
        next(call)
        error = failure(job)
    assert str(error) == str(vanished("dora"))
    assert {fault.message for fault in faults(box, job).values()} == {vanished("dora").message}
    assert set(job.status().parties.values()) == {"failed"}
    gate.go.set()
    until(lambda: box.nodes["dora"].wait_ready())


def test_a_holder_that_has_shared_everything_may_leave_and_come_back(
    box: Hospitals, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch, box, "cleo")
    job = submit(space)
    assert gate.reached.wait(20)
    node = box.nodes["dora"]
    until(lambda: not any(work(box, name, job).needs("dora") for name in COMPUTE))
    holder_of(box, "dora").stop()
    until(lambda: all("dora" in computing(box, name).desk.missing(["dora"]) for name in COMPUTE))
    gate.go.set()
    assert job.result().value == 686
    node._start_holder()
    until(node.wait_ready)
    assert submit(space).result().value == 686


def test_a_link_that_breaks_is_one_sentence_everywhere(
    box: Hospitals, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch, box, "dora")
    job = submit(space)
    assert gate.reached.wait(20)
    mesh = computing(box, "bert").mesh
    mesh._links[2].close()  # between bert and cleo
    error = failure(job)
    gate.go.set()
    assert str(error) in {str(vanished("bert")), str(vanished("cleo"))}
    sentences = {fault.message for fault in faults(box, job).values()}
    assert sentences <= {vanished("bert").message, vanished("cleo").message}


def test_a_verdict_that_does_not_come_in_time_keeps_everything_closed(
    box: Hospitals, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell = Mesh.tell

    def silent(mesh: Mesh, frame: MeshFrame) -> None:
        if frame.WhichOneof("frame") != "verdict" or mesh.party != 2:
            tell(mesh, frame)

    collect = Attempt._collect_verdicts

    def late(attempt: Attempt) -> None:
        collect(attempt)
        if attempt._seat.identity.name == "cleo":  # it has the others' and would release
            attempt._work.room.wait_until(lambda: False, 30)

    monkeypatch.setattr(Mesh, "tell", silent)
    monkeypatch.setattr(Attempt, "_collect_verdicts", late)
    job = submit(space)
    error = failure(job)
    assert (type(error), error.culprit) == (PeerSilent, "cleo")
    assert f"no verdict within {ROUND_S + BRISK.margin:g} s" in error.message
    stored = [storage(box, name).result(bytes.fromhex(job.hash)) for name in COMPUTE]
    assert stored == [None, None, None]


# --- rude callers ---------------------------------------------------------------------------------


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


def refusal_of(call: Any) -> TriuneError:
    with pytest.raises(grpc.RpcError) as refused:
        next(call)
    return status.from_rpc_error(refused.value, "ada")


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
    gate = Gate(monkeypatch, box, "dora")
    first = submit(space)
    assert gate.reached.wait(20)
    monkeypatch.setattr(holder, "MAX_JOBS", 1)
    error = failure(submit(space))
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
