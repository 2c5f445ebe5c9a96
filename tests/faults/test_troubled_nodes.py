"""Slow files, slow databases and lost links: who is named, and what goes on."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mpc.errors import PeerSilent, StorageError
from parties.client import Space
from parties.node.attempt import Attempt
from parties.node.holder import Holder
from parties.node.transport.mesh import Mesh
from parties.node.transport.vanished import vanished
from parties.wire import analyst_pb2 as pb
from parties.wire.mesh_pb2 import MeshFrame
from tests.faults.troubles import (
    BRISK,
    COMPUTE,
    LOCKED_S,
    ROUND_S,
    SLOW_S,
    Gate,
    attached,
    computing,
    failure,
    faults,
    hello,
    holder_of,
    records,
    storage,
    submit,
    work,
)
from tests.helping import Hospitals, until

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
        state = another.result(30).wait()  # it may have begun too late at ada
        assert state.error.culprit == "ada" if state.error else state.state == "released"


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
