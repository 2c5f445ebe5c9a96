"""The life of a job: what no order of events can bring about."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc.errors import JobError
from parties.node.jobs import NEXT, Job, State

START = Job(bytes(32), "00", "eve", b"{}", bytes(64), 0.0, 0.0)
steps = st.lists(st.sampled_from(State), max_size=12)
ENDS = {State.RELEASED, State.REFUSED, State.FAILED, State.CANCELLED}
FORWARD = [State.SUBMITTED, State.VALIDATED, State.APPROVED, State.RUNNING, State.RELEASED]


def walk(wanted: list[State]) -> list[Job]:
    """The job after each step that it accepts."""
    jobs = [START]
    for now, state in enumerate(wanted, start=1):
        if state in NEXT[jobs[-1].state]:
            jobs.append(jobs[-1].to(state, float(now)))
            continue
        with pytest.raises(JobError) as refusal:
            jobs[-1].to(state, float(now))
        assert refusal.value.remedy
    return jobs


@given(steps)
def test_an_end_is_final(wanted: list[State]) -> None:
    jobs = walk(wanted)
    assert all(not job.is_final for job in jobs[:-1])
    assert {job.state for job in jobs if job.is_final} <= ENDS


@given(steps)
def test_nothing_is_released_without_every_step_before(wanted: list[State]) -> None:
    states = [job.state for job in walk(wanted)]
    if State.RELEASED in states:
        assert states == FORWARD


@given(steps)
def test_a_step_changes_state_and_time_alone(wanted: list[State]) -> None:
    for job in walk(wanted)[1:]:
        assert (job.plan_hash, job.nonce, job.analyst, job.plan) == (bytes(32), "00", "eve", b"{}")
        assert job.created == 0.0
        assert job.updated > 0.0


def test_every_job_that_runs_can_end_badly() -> None:
    assert {state for state in State if State.FAILED in NEXT[state]} == set(State) - ENDS


@pytest.mark.parametrize("end", sorted(ENDS))
def test_the_step_that_is_refused_is_named(end: State) -> None:
    job = Job(bytes(32), "00", "eve", b"{}", bytes(64), 0.0, 0.0, state=end)
    with pytest.raises(JobError, match=f"A {end} job cannot become running"):
        job.to(State.RUNNING, 1.0)
