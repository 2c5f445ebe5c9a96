"""One question of a data set at a time, in one order for all; those that end in the line hold up nobody."""

from __future__ import annotations

import threading
import time
from concurrent import futures
from typing import Any

import pytest

from mpc.errors import PeerSilent, PlanExpired, TriuneError
from parties.client import Space
from parties.client.job import Job
from parties.node.attempt import Attempt
from parties.node.room import Room
from parties.node.turns import FIRST, Turns
from parties.query.plan import sign_plan
from parties.query.text import parse_statistic
from parties.wire import analyst_pb2 as pb
from parties.wire import common_pb2 as wire
from tests.faults.troubles import (
    BRISK,
    COMPUTE,
    SLOW_S,
    Gate,
    another_dataset,
    computing,
    failure,
    records,
    submit,
)
from tests.helping import HOLDERS, Hospitals, until


class Line:
    """A job in a line, as far as `Turns` looks at it."""

    def __init__(self, dataset: str = "gbsg2") -> None:
        self.plan, self.room = type("Plan", (), {"dataset": dataset})(), Room()

    @property
    def first(self) -> bool:
        try:
            self.room.collect(FIRST, ["ada"], 0)
        except PeerSilent:
            return False
        return True


def test_a_line_moves_on_whoever_leaves_it() -> None:
    turns: Any = Turns()
    one, two, three, other, never = Line(), Line(), Line(), Line("other"), Line()
    for line in (one, two, three, other):
        turns.enter(line, "ada")
    assert [line.first for line in (one, two, three, other)] == [True, False, False, True]
    turns.leave(two, "ada")  # in the middle
    turns.leave(never, "ada")
    assert not three.first
    turns.leave(one, "ada")
    assert three.first
    turns.leave(three, "ada")
    turns.leave(other, "ada")
    assert turns._lines == {}
    turns.enter(two, "ada")
    assert two.first


def states(box: Hospitals, job: Job) -> set[str]:
    works = [computing(box, name).running.get(bytes.fromhex(job.hash)) for name in COMPUTE]
    return {str(work.job.state) for work in works if work is not None}


def test_questions_on_one_data_set_run_one_after_the_other(
    box: Hospitals, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, running, most, order = threading.Lock(), [], [0], {name: [] for name in COMPUTE}
    compute = Attempt.compute

    def note(attempt: Attempt) -> Any:
        name = attempt._seat.identity.name
        with lock:
            running.append(name)
            most[0] = max(most[0], running.count(name))
            order[name].append(attempt._work.signed.hash)
        try:
            return compute(attempt)
        finally:
            with lock:
                running.remove(name)

    monkeypatch.setattr(Attempt, "compute", note)
    with futures.ThreadPoolExecutor(6) as pool:
        asked = [pool.submit(lambda: submit(space).result().value) for _ in range(6)]
        assert [one.result(90) for one in asked] == [686] * 6
    assert most == [1]
    assert order["ada"] == order["bert"] == order["cleo"]


def test_a_turn_may_take_longer_than_any_deadline_and_other_data_sets_do_not_wait(
    box: Hospitals, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = another_dataset(box, space)
    gate = Gate(monkeypatch, box, "dora")
    first, second = submit(space), submit(space)
    assert gate.reached.wait(20)
    monkeypatch.undo()  # dora reads at once from now on
    assert BRISK.accepts < SLOW_S
    time.sleep(SLOW_S)
    assert {frozenset(states(box, first)), frozenset(states(box, second))} == {
        frozenset({"running"}),
        frozenset({"validated"}),
    }
    assert other.count().value == 686
    gate.go.set()
    assert [first.result().value, second.result().value] == [686, 686]


def waiting(box: Hospitals, *jobs: Job) -> Job:
    """The one that waits."""
    until(lambda: any(states(box, job) == {"running"} for job in jobs))
    return next(job for job in jobs if states(box, job) == {"validated"})


def test_a_job_that_is_cancelled_in_the_line_holds_up_nobody(
    box: Hospitals, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch, box, "dora")
    jobs = [submit(space), submit(space)]
    assert gate.reached.wait(20)
    late = waiting(box, *jobs)
    third = submit(space)
    assert late.cancel().state == "cancelled"
    gate.go.set()
    for job in jobs:
        if job is not late:
            assert job.result().value == 686
    assert third.result().value == 686


def test_a_job_that_is_cancelled_at_its_turn_makes_way(
    box: Hospitals, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch, box, "dora")
    jobs = [submit(space), submit(space)]
    assert gate.reached.wait(20)
    late = waiting(box, *jobs)
    (first,) = (job for job in jobs if job is not late)
    first.cancel()
    gate.go.set()
    assert late.result().value == 686


@pytest.mark.parametrize("name", COMPUTE)
def test_a_job_that_breaks_at_one_party_makes_way(
    box: Hospitals, space: Space, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    compute, broken = Attempt.compute, threading.Lock()

    def breaking(attempt: Attempt) -> Any:
        if attempt._seat.identity.name == name and broken.acquire(blocking=False):
            raise ValueError("canary")
        return compute(attempt)

    monkeypatch.setattr(Attempt, "compute", breaking)
    jobs = [submit(space) for _ in range(3)]
    ends = []
    for job in jobs:
        try:
            ends.append(job.result().value)
        except TriuneError as error:
            ends.append(error.culprit)
    assert sorted(map(str, ends)) == sorted(["686", "686", name])


@pytest.mark.parametrize("name", COMPUTE)
def test_a_link_that_breaks_ends_the_line_and_a_new_question_runs(
    box: Hospitals, space: Space, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    gate = Gate(monkeypatch, box, "dora")
    jobs = [submit(space), submit(space)]
    assert gate.reached.wait(20)
    waiting(box, *jobs)
    mesh = computing(box, name).mesh  # as after a restart: its links are gone, and with them all jobs
    for link in list(mesh._links.values()):
        link.close()
    for job in jobs:
        assert failure(job).culprit in COMPUTE
    gate.go.set()
    until(lambda: all(node.wait_ready() for node in box.nodes.values()))
    assert submit(space).result().value == 686


def test_a_plan_that_expires_in_the_line_says_so(
    box: Hospitals, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch, box, "dora")
    first = submit(space)
    assert gate.reached.wait(20)
    question = space.question(space.dataset("gbsg2", holders=HOLDERS), [parse_statistic("count")])
    plan = question.plan.model_copy(update={"expires": int(time.time()) + 4})
    signed = sign_plan(plan, space.identity)
    request = pb.SubmitRequest(plan=wire.SignedPlan(plan=signed.plan, signature=signed.signature))
    assert not [
        one for one in space.connection.attempt("Submit", request).values() if isinstance(one, Exception)
    ]
    late = space.job(signed.hash.hex())
    error = failure(late)
    assert isinstance(error, PlanExpired)
    assert "while other questions on gbsg2 ran" in error.message
    until(lambda: all(record.is_final for record in records(box, late).values()))
    gate.go.set()
    assert first.result().value == 686
    assert submit(space).result().value == 686
