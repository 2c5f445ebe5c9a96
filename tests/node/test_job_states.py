"""The life of a job: what no order of events can bring about."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from mpc.errors import JobError
from parties.node.jobs import NEXT, Fault, Job, JobCost, State

START = Job(bytes(32), "00", "eve", b"{}", bytes(64), 0.0, 0.0)
FORWARD = (State.SUBMITTED, State.VALIDATED, State.APPROVED, State.RUNNING, State.RELEASED)
BAD_ENDS = {State.REFUSED, State.FAILED, State.CANCELLED}
ENDS = {*BAD_ENDS, State.RELEASED}
PAIRS = list(itertools.product(State, State))


def allowed(before: State, after: State) -> bool:
    """The life that the module's drawing shows, written down a second time: `NEXT` is what is tested."""
    return before not in ENDS and (after in BAD_ENDS or (before, after) in itertools.pairwise(FORWARD))


def in_state(state: State) -> Job:
    return Job(bytes(32), "00", "eve", b"{}", bytes(64), 0.0, 0.0, state=state)


@pytest.mark.parametrize(("before", "after"), [pair for pair in PAIRS if allowed(*pair)])
def test_a_step_of_its_life_is_taken(before: State, after: State) -> None:
    job = in_state(before).to(after, 7.0)
    assert (job.state, job.updated, job.created) == (after, 7.0, 0.0)


@pytest.mark.parametrize(("before", "after"), [pair for pair in PAIRS if not allowed(*pair)])
def test_any_other_step_is_refused_and_named(before: State, after: State) -> None:
    with pytest.raises(JobError, match=f"A {before} job cannot become {after}") as refusal:
        in_state(before).to(after, 7.0)
    assert refusal.value.remedy


def test_every_state_has_its_steps_and_the_ends_have_none() -> None:
    assert set(NEXT) == set(State)
    assert {state for state in State if in_state(state).is_final} == ENDS


class Life(RuleBasedStateMachine):
    """Whoever may change a job tries to, in any order; what was recorded on the way stays."""

    def __init__(self) -> None:
        super().__init__()
        self.job, self.now, self.path = START, 0.0, [State.SUBMITTED]
        self.recorded: dict[str, object] = {}

    def step(self, state: State, **changes: object) -> None:
        self.now += 1
        try:
            self.job = self.job.to(state, self.now, **changes)
        except JobError:
            return
        self.path.append(state)
        self.recorded |= {"updated": self.now, **changes}

    @rule(state=st.sampled_from(State))
    def anything(self, state: State) -> None:
        self.step(state)

    @rule()
    def goes_on(self) -> None:
        self.step(FORWARD[min(len(self.path), len(FORWARD) - 1)])

    @rule(session=st.binary(min_size=32, max_size=32))
    def runs(self, session: bytes) -> None:
        self.step(State.RUNNING, session=session)

    @rule(rounds=st.integers(0, 100))
    def is_released(self, rounds: int) -> None:
        self.step(State.RELEASED, cost=JobCost(0.5, rounds), transcripts={"bert": ("aa", "bb")})

    @rule(state=st.sampled_from(sorted(BAD_ENDS)), culprit=st.sampled_from(["", "bert"]))
    def ends_badly(self, state: State, culprit: str) -> None:
        self.step(state, fault=Fault("PEER_VANISHED", "bert vanished.", culprit=culprit))

    @invariant()
    def what_was_recorded_stays(self) -> None:
        for name, value in self.recorded.items():
            assert getattr(self.job, name) == value
        assert (self.job.plan_hash, self.job.nonce, self.job.analyst) == (bytes(32), "00", "eve")
        assert (self.job.plan, self.job.signature, self.job.created) == (b"{}", bytes(64), 0.0)

    @invariant()
    def an_end_is_reached_once_and_a_release_by_every_step(self) -> None:
        assert not ENDS & set(self.path[:-1])
        assert self.job.is_final == (self.path[-1] in ENDS)
        assert State.RELEASED not in self.path or tuple(self.path) == FORWARD


test_a_life_in_any_order = Life.TestCase
