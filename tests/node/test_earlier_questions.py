"""Nodes that remember: what is written down when, who knows which plan, and whose memory is lost."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import pytest

from mpc.errors import HistoryLost, StorageError, TooClose, TriuneError
from parties.client import Space, connect
from parties.client.job import Job
from parties.node import attempt as attempts
from parties.node import holder as holders
from parties.node.attempt import Attempt
from parties.node.engine import Engine
from parties.node.history import EntryState
from parties.node.transport.mesh import Mesh
from parties.node.work import Work
from parties.query import earlier as asked_before
from parties.query.compile import Question
from parties.query.earlier import Compared, Earlier
from parties.query.plan import SignedPlan
from tests.faults.troubles import COMPUTE, computing, holder_of, records, storage
from tests.helping import HOLDERS, Hospitals, until


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Question, list[Earlier]]]:
    """What each party and holder puts a question beside."""
    found: list[tuple[Question, list[Earlier]]] = []

    def note(question: Question, earlier: list[Earlier]) -> Compared:
        if earlier:
            found.append((question, earlier))
        return asked_before.beside(question, earlier)

    monkeypatch.setattr(attempts, "beside", note)
    monkeypatch.setattr(holders, "beside", note)
    return found


def submit(space: Space, holders: tuple[str, ...] = HOLDERS, study: str = "", filter_: str = "") -> Job:
    asked = space.dataset("gbsg2", holders=holders, study=study)
    return (asked.where(filter_) if filter_ else asked).submit("count")


def ledger(box: Hospitals, name: str, analyst: str = "eve", study: str = "") -> dict[str, Any]:
    found = storage(box, name).ledger.earlier("gbsg2", study, analyst)
    return {entry.plan_hash.hex(): entry for entry in found}


def states(box: Hospitals, job: Job) -> list[str]:
    return [
        str(ledger(box, name)[job.hash].state) if job.hash in ledger(box, name) else "" for name in COMPUTE
    ]


def failure(job: Job) -> TriuneError:
    with pytest.raises(TriuneError) as failed:
        job.result()
    return failed.value


def test_every_party_and_holder_puts_a_question_beside_the_same_ones(
    box: Hospitals, space: Space, seen: list[tuple[Question, list[Earlier]]]
) -> None:
    first = submit(space)
    first.result()
    assert seen == []  # nothing was asked before
    assert states(box, first) == ["answered"] * 3
    second = submit(space, filter_="age >= 50")
    second.result()
    with connect(box.folder / "otto" / "analyst.toml") as other:
        stranger = submit(other, study="relapse")
        stranger.result()
    assert len(seen) == 7  # of the second question alone: otto has not asked anything
    third = submit(space, study="relapse")
    third.result()
    asked = sorted((job.plan.created, bytes.fromhex(job.hash)) for job in (first, second, stranger))
    for question, earlier in seen[7:]:
        assert [(one.plan.created, one.plan_hash) for one in earlier] == asked
        assert all(one.plan.hash == one.plan_hash for one in earlier)
        assert all(one.current and one.question is not None for one in earlier)
        assert question.plan.study == "relapse"
    assert [[one.cohorts for one in earlier] for _, earlier in seen[7:]] == [[1, 1, 1]] * 7
    entry = ledger(box, "ada")[first.hash]
    assert (entry.minimum_count, entry.cohorts, entry.study, entry.analyst) == (5, 1, "", "eve")
    assert entry.session == records(box, first)["ada"].session


def test_a_holder_is_told_the_plans_that_it_had_no_part_in(
    box: Hospitals, space: Space, seen: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holders, "MAX_WANTED", 2)
    jobs = [submit(space, HOLDERS[:3]) for _ in range(3)]
    for job in jobs:
        job.result()
    seen.clear()
    submit(space).result()
    assert {len(earlier) for _, earlier in seen} == {3}
    dora = holder_of(box, "dora")._memory._store
    assert [dora.get(bytes.fromhex(job.hash)).version for job in jobs] == [0, 0, 0]
    ada = holder_of(box, "ada")._memory._store
    assert [ada.get(bytes.fromhex(job.hash)).version for job in jobs] == [1, 1, 1]
    monkeypatch.setattr(holders.Holder, "_fetch", lambda *_: {})  # nothing is asked for a second time
    seen.clear()
    submit(space).result()
    assert {len(earlier) for _, earlier in seen} == {4}


def test_a_plan_that_no_history_names_is_not_taken(
    box: Hospitals, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit(space, HOLDERS[:3]).result()
    (entry,) = ledger(box, "ada").values()
    forged = SignedPlan(entry.plan.replace(b'"minimum_count":1', b'"minimum_count":2'), entry.signature)
    with monkeypatch.context() as patched:
        patched.setattr(Work, "earlier_plan", lambda *_: forged)
        error = failure(submit(space))
    assert (error.code, error.culprit) == ("REMOTE", "dora")  # at once; its own log says who it was
    assert holder_of(box, "dora")._memory._store.find(forged.hash) is None
    assert submit(space).result().value == 686


def test_cohorts_are_remembered_before_a_share_leaves(
    box: Hospitals, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[bool] = []
    send = holders.Holder._send_block

    def note(holder: Any, room: Any, name: str, session: bytes, *rest: Any) -> None:
        kept.append(holder._memory._store.find(bytes.fromhex(hashes[0])) is not None)
        send(holder, room, name, session, *rest)

    hashes: list[str] = []
    monkeypatch.setattr(holders.Holder, "_send_block", note)
    submitted = Attempt.wait_for_turn

    def late(attempt: Attempt) -> None:
        until(lambda: hashes)
        submitted(attempt)

    monkeypatch.setattr(Attempt, "wait_for_turn", late)
    job = submit(space, filter_="age >= 50")
    hashes.append(job.hash)
    job.result()
    assert len(kept) == 12
    assert all(kept)
    found = 0
    for name in HOLDERS:
        store, sets = holder_of(box, name)._memory._store, holder_of(box, name)._datasets
        rows = sets.open_rows("gbsg2")
        laid = store.over(bytes.fromhex(job.hash), "gbsg2", store.get_row_ids("gbsg2", 1))
        assert laid.masks[0].tolist() == (rows.words["age"] >= 50).tolist()
        found += int(laid.masks.sum())
    assert found == (box.pooled.age >= 50).sum()


def test_nobody_shares_before_all_three_know_what_they_take(
    box: Hospitals, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask, send = Attempt.ask, holders.Holder._send_block
    asked: list[str] = []
    before: list[int] = []

    def late(attempt: Attempt) -> None:
        name = attempt._seat.identity.name
        if name == "cleo":
            attempt._work.room.collect("accept", HOLDERS, 10)  # they wait
            time.sleep(0.5)
        asked.append(name)
        ask(attempt)

    def note(holder: Any, *arguments: Any) -> None:
        before.append(len(asked))
        send(holder, *arguments)

    monkeypatch.setattr(Attempt, "ask", late)
    monkeypatch.setattr(holders.Holder, "_send_block", note)
    assert submit(space).result().value == 686
    assert set(before) == {3}


# --- what is written down, and when ----------------------------------------------------------------


def test_a_question_is_pending_before_a_verdict_leaves_and_answered_before_it_is_sealed(
    box: Hospitals, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, str]] = []
    tell, seal = Mesh.tell, Attempt._seal

    def state(name: str) -> str:
        found = list(ledger(box, name).values())
        return str(found[0].state) if found else ""

    def telling(mesh: Mesh, frame: Any) -> None:
        if frame.WhichOneof("frame") == "verdict":
            told.append(("verdict", state(mesh.names[mesh.party])))
        tell(mesh, frame)

    def sealing(attempt: Attempt, content: bytes) -> bytes:
        told.append(("seal", state(attempt._seat.identity.name)))
        return seal(attempt, content)

    monkeypatch.setattr(Mesh, "tell", telling)
    monkeypatch.setattr(Attempt, "_seal", sealing)
    submit(space).result()
    assert sorted(told) == [("seal", "answered")] * 3 + [("verdict", "pending")] * 3


@pytest.mark.parametrize("state", [EntryState.PENDING, EntryState.ANSWERED])
def test_what_cannot_be_written_down_is_not_released(
    box: Hospitals, space: Space, monkeypatch: pytest.MonkeyPatch, state: EntryState
) -> None:
    put = Attempt._write_down

    def failing(attempt: Attempt, written: EntryState, terms: Any, opened: bytes = b"") -> None:
        if written is state and attempt._seat.identity.name == "bert":
            raise StorageError("The database of bert failed.", culprit="bert")
        put(attempt, written, terms, opened)

    monkeypatch.setattr(Attempt, "_write_down", failing)
    job = submit(space)
    error = failure(job)
    assert (error.code, error.culprit) == ("STORAGE", "bert")
    until(lambda: all(record.is_final for record in records(box, job).values()))
    results = [storage(box, name).result(bytes.fromhex(job.hash)) for name in COMPUTE]
    assert results[1] is None
    if state is EntryState.PENDING:  # nobody had its verdict
        assert results == [None] * 3
        assert "answered" not in states(box, job)
    monkeypatch.undo()
    assert submit(space).result().value == 686


def test_a_question_that_is_too_close_is_refused_everywhere_and_counts_for_no_comparison(
    box: Hospitals, space: Space, seen: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def close(*_: object) -> None:
        raise TooClose("An earlier answer and this one would tell of 1 record.", remedy="Ask otherwise.")

    with monkeypatch.context() as patched:
        patched.setattr(Engine, "compute", close)
        job = submit(space)
        error = failure(job)
    assert isinstance(error, TooClose)
    assert error.remedy == "Ask otherwise."
    until(lambda: all(record.is_final for record in records(box, job).values()))
    assert {str(record.state) for record in records(box, job).values()} == {"refused"}
    assert states(box, job) == ["refused"] * 3
    assert [storage(box, name).result(bytes.fromhex(job.hash)) for name in COMPUTE] == [None] * 3
    assert submit(space).result().value == 686
    assert seen == []


# --- memories that are lost ------------------------------------------------------------------------


def forget(box: Hospitals, name: str) -> None:
    engine = storage(box, name)._engine  # type: ignore[attr-defined]
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM ledger")


@pytest.mark.parametrize("name", COMPUTE)
def test_a_party_that_forgot_an_answer_is_named(box: Hospitals, space: Space, name: str) -> None:
    submit(space).result()
    forget(box, name)
    job = submit(space)
    error = failure(job)
    assert isinstance(error, HistoryLost)
    assert error.culprit == name
    assert f"{name} has lost its memory of earlier questions" in error.message
    assert "backup" in error.remedy
    for other in COMPUTE:
        forget(box, other)
    assert submit(space).result().value == 686


def test_what_only_some_had_pending_does_not_count(box: Hospitals, space: Space, seen: list[Any]) -> None:
    first = submit(space)
    first.result()
    entry = ledger(box, "ada")[first.hash]
    for name in COMPUTE:
        storage(box, name).ledger.put(dataclasses.replace(entry, state=EntryState.PENDING))
    forget(box, "cleo")
    second = submit(space)
    second.result()
    assert seen == []
    third = submit(space)
    third.result()
    assert {one.plan_hash.hex() for _, earlier in seen for one in earlier} == {second.hash}


def forget_cohorts(box: Hospitals, name: str) -> None:
    for path in (box.folder / name / "state" / "cohorts").iterdir():
        path.unlink()


def add_row(box: Hospitals, name: str) -> None:
    part = box.folder / name / "part.csv"
    text = part.read_text()
    part.write_text(text + text.splitlines()[-1] + "\n")
    sets = holder_of(box, name)._datasets
    sets.add(sets.find("gbsg2").catalogue, part)
    registered = sets.find("gbsg2")
    until(lambda: all(registered in computing(box, party).desk.registrations() for party in COMPUTE))


def test_a_holder_makes_cohorts_anew_while_its_data_are_the_same(box: Hospitals, space: Space) -> None:
    job = submit(space, filter_="age >= 50")
    job.result()
    store = holder_of(box, "dora")._memory._store
    before = store.get(bytes.fromhex(job.hash))
    forget_cohorts(box, "dora")
    assert submit(space).result().value == 686
    after = store.get(bytes.fromhex(job.hash))
    assert (after.signed, after.version, after.rows) == (before.signed, before.version, before.rows)
    assert (after.masks == before.masks).all()


def test_a_holder_that_forgot_cohorts_of_other_data_is_named(box: Hospitals, space: Space) -> None:
    submit(space).result()
    forget_cohorts(box, "dora")
    add_row(box, "dora")
    error = failure(submit(space))
    assert isinstance(error, HistoryLost)
    assert error.culprit == "dora"
    assert "state/cohorts" in error.remedy


def test_other_data_are_another_version_and_earlier_cohorts_lie_over_them(
    box: Hospitals, space: Space, seen: list[Any]
) -> None:
    first = submit(space)
    first.result()
    add_row(box, "dora")
    second = submit(space)
    assert second.result().value == 687
    assert {part.name: part.version for part in second.plan.holders} == {
        **dict.fromkeys(HOLDERS, 1),
        "dora": 2,
    }
    assert {one.current for _, earlier in seen for one in earlier} == {False}
    assert {one.question is not None for _, earlier in seen for one in earlier} == {True}
    store = holder_of(box, "dora")._memory._store
    now = store.get_row_ids("gbsg2", 2)
    laid = store.over(bytes.fromhex(first.hash), "gbsg2", now)
    assert laid.masks[0].tolist() == [True] * (now.size - 1) + [False]  # the last row is new
    assert laid.gone.size == 0


def test_a_damaged_memory_ends_the_question_with_its_holder(box: Hospitals, space: Space) -> None:
    first = submit(space)
    first.result()
    path = holder_of(box, "dora")._memory._store._question(bytes.fromhex(first.hash))
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    error = failure(submit(space))
    assert (error.code, error.culprit) == ("STORAGE", "dora")
    assert str(box.folder) not in str(error)


def test_data_that_are_registered_in_the_middle_are_not_asked(
    box: Hospitals, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    sets = holder_of(box, "dora")._datasets
    read = sets.open_rows

    def late(*arguments: Any, **options: Any) -> Any:
        rows = read(*arguments, **options)
        part = box.folder / "dora" / "part.csv"
        part.write_text(part.read_text() + part.read_text().splitlines()[-1] + "\n")
        sets.add(sets.find("gbsg2").catalogue, part)
        return rows

    monkeypatch.setattr(sets, "open_rows", late)
    error = failure(submit(space))
    assert (error.code, error.culprit) == ("CATALOGUE", "dora")
    assert "registered at dora just now" in error.message


def test_all_columns_are_read_once_a_version(
    box: Hospitals, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    sets, read = holder_of(box, "dora")._datasets, []
    opening = sets.open_rows

    def note(name: str, columns: Any = None) -> Any:
        read.append(columns)
        return opening(name, columns)

    monkeypatch.setattr(sets, "open_rows", note)
    for _ in range(2):
        submit(space, filter_="age >= 50").result()
    assert read == [None, ("age",)]
