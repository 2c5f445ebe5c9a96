"""The compute role: the jobs of this party, one thread a job.

Any error ends a job at all parties, with the culprit's name. What a job does is in `attempt.py`, what arrives
for it in `running.py`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

import structlog

from mpc.channel import Channel
from mpc.errors import (
    ChannelError,
    IdentityError,
    JobError,
    PeerVanished,
    PlanRefused,
    SessionCancelled,
    StorageError,
    TriuneError,
)
from parties.law.policy import decide, demand
from parties.node import reports
from parties.node.attempt import Attempt, Seat
from parties.node.jobs import Fault, Job, JobCost, State
from parties.node.machine import give_back_memory
from parties.node.running import RunningJobs, same_plan
from parties.node.storage.base import JobStore
from parties.node.work import Work
from parties.query.case import case_of
from parties.query.plan import Plan, SignedPlan, open_plan
from parties.query.validation import validate
from parties.wire import common_pb2 as wire
from parties.wire import status
from parties.wire.holder_pb2 import ToHolder
from parties.wire.mesh_pb2 import MeshFrame

#: Ends that the database did not take are kept in memory, so many.
MAX_OWED: Final = 256

_log = structlog.get_logger("triune.compute")


class ComputeParty:
    """This party's jobs, from the plan to the record of how it ended."""

    def __init__(
        self, seat: Seat, running: RunningJobs, storage: JobStore, clock: Callable[[], float] = time.time
    ) -> None:
        self.seat, self.running, self.storage = seat, running, storage
        self._clock = clock
        self._name = seat.identity.name
        self._owed: dict[bytes, Job] = {}
        threading.Thread(target=self._tell_ends, daemon=True, name="tell ends").start()

    # --- what analysts ask for ------------------------------------------------------------------

    def submit(self, signed: SignedPlan, analyst: str) -> Job:
        """Validate a plan and start its job; the same plan again returns the job that exists.

        Raises what `open_plan` and `validate` raise, `IdentityError` for a plan of another analyst than who
        brings it, `PlanReplayed` for a nonce used by another plan, `PlanRefused` where too many jobs run.
        """
        try:
            plan = open_plan(signed, self.seat.consortium)
            if analyst != plan.analyst:
                raise _not_theirs(analyst)
            return self._submit(plan, signed)
        except TriuneError as error:
            _log.info(
                "plan refused", job=signed.hash.hex()[:12], analyst=analyst, code=error.code,
                culprit=error.culprit,
            )  # fmt: skip
            raise

    def _submit(self, plan: Plan, signed: SignedPlan) -> Job:
        now = self._clock()
        job = Job(signed.hash, plan.nonce, plan.analyst, signed.plan, signed.signature, now, now)
        known = self.running.reserve(job)
        if known is not None:
            return known
        try:  # from here on without a lock: a slow database holds up this call alone
            known = self.storage.by_nonce(plan.nonce)
            if known is not None:
                return self.settled(same_plan(known, signed.hash))
            work = self._checked(plan, signed, job)
            self._add(work)
        finally:
            self.running.release(signed.hash)
        threading.Thread(target=self._run, args=(work,), daemon=True, name=f"job {plan.nonce[:8]}").start()
        return work.job

    def _add(self, work: Work) -> None:
        self.running.add(work)
        try:
            with work.writing:
                self.storage.put(work.job)
        except StorageError:
            self.running.remove(work)
            raise

    def _checked(self, plan: Plan, signed: SignedPlan, job: Job) -> Work:
        now = self._clock()
        question = validate(plan, self.seat.consortium, self.seat.desk.registrations(), int(now))
        demand(decide(case_of(question, "compute"), self.seat.policy), self._name)
        room = self.running.room(signed.hash)
        return Work(self.seat.mesh.party, question, signed, room, job.to(State.VALIDATED, now))

    def job(self, plan_hash: bytes, analyst: str) -> Job:
        """An analyst's own job; `JobError` for others' jobs, of which one learns nothing."""
        work = self.running.get(plan_hash)
        job = work.job if work is not None else self.storage.get(plan_hash)
        if job is None or job.analyst != analyst:
            raise JobError(f"{self._name} knows no such job of yours.", remedy="See `triune jobs`.")
        return self.settled(job)

    def settled(self, job: Job) -> Job:
        """The job as it stands; one that nobody works on has ended, though that was not written down."""
        work = self.running.get(job.plan_hash)
        if work is not None:
            return work.job
        if job.is_final:
            return job
        stored = self.storage.get(job.plan_hash) or job  # it may have ended between the two looks
        if not stored.is_final:
            stored = self._owed.get(job.plan_hash) or self._ended(stored, self._cut_off())
            self.storage.put(stored)
            self._owed.pop(job.plan_hash, None)
        return stored

    def wait_beyond(self, job: Job, timeout_s: float) -> None:
        """Until the job is in another state, or the time is over; at once if it does not run."""
        work = self.running.get(job.plan_hash)
        if work is not None:
            work.wait_beyond(job.state, timeout_s)

    def cancel(self, plan_hash: bytes, analyst: str) -> Job:
        """End an analyst's job; the answer is how it ended. `JobError` as for `job`."""
        job = self.job(plan_hash, analyst)
        work = self.running.get(plan_hash)
        if work is None:
            return self.job(plan_hash, analyst) if not job.is_final else job
        self.running.end(work, SessionCancelled("The analyst cancelled the job.", culprit=analyst))
        self._finish(work)
        return work.job

    def close(self) -> None:
        """No more ends are told."""
        self.running.ended.put(None)

    def recover(self) -> None:
        """Jobs that a restart cut off end as failed: their keys and shares are gone."""
        for job in self.storage.unfinished():
            self.settled(job)

    def _cut_off(self) -> PeerVanished:
        name = self._name
        return PeerVanished(
            f"{name} was cut off in the middle of the job.", remedy="Submit the query again.", culprit=name
        )

    # --- one job --------------------------------------------------------------------------------

    def _run(self, work: Work) -> None:
        started = time.monotonic()
        try:
            self._execute(work, started)
        except Exception as error:  # noqa: BLE001 - the last line of defence: the log gets the detail
            if work.error is None:  # else this is how the thread learned of it
                self.running.end(work, reports.own(error, self._name))
            self._finish(work)
        finally:
            self.seat.mesh.close(work.session)
            self.running.remove(work)
            self.seat.turns.leave(work, self._name)
            work.forget()
            give_back_memory()

    def _execute(self, work: Work, started: float) -> None:
        attempt = Attempt(self.seat, work)
        attempt.wait_for_links()
        attempt.wait_for_turn()
        attempt.wait_for_links()  # a holder may have left meanwhile
        self._advance(work, State.APPROVED)
        attempt.agree_session()
        self._advance(work, State.RUNNING, session=work.session)
        attempt.ask()
        sealed, channel = attempt.compute()
        traffic, seconds = channel.traffic, time.monotonic() - started
        cost = JobCost(seconds, traffic.rounds, traffic.bytes_sent, traffic.bytes_received, attempt.compared)
        self._release(work, sealed, channel, cost)

    def _advance(self, work: Work, state: State, **changes: object) -> None:
        """The job goes on. Only what a restart needs is written down: its session."""
        with work.writing:
            work.check()
            work.become(work.job.to(state, self._clock(), **changes))
            if changes:
                self.storage.put(work.job)
        _log.debug("job goes on", job=work.job.plan_hash.hex()[:12], state=state.value)

    def _release(self, work: Work, sealed: bytes, channel: Channel, cost: JobCost) -> None:
        with work.writing:
            work.check()
            released = work.job.to(State.RELEASED, self._clock(), cost=cost, transcripts=channel.digests())
            try:
                self.storage.put_result(released, sealed)
            except StorageError as error:
                raise self._not_stored(error) from None
            work.become(released)
        _log.info(
            "job ended", job=released.plan_hash.hex()[:12], state=released.state.value, rounds=cost.rounds,
            bytes_sent=cost.bytes_sent, seconds=round(cost.seconds, 3),
        )  # fmt: skip

    def _not_stored(self, error: StorageError) -> StorageError:
        return StorageError(
            f"{error.message} So {self._name} did not release its part of the result; "
            "the other parties may have released theirs, which cannot be opened without it.",
            remedy=error.remedy,
            culprit=self._name,
        )

    def _finish(self, work: Work) -> None:
        """Write down how a job ended; an end that the database does not take is owed to it."""
        error = work.error
        with work.writing:
            if work.job.is_final or error is None:
                return
            ended = self._ended(work.job, error)
            work.become(ended)
            try:
                self.storage.put(ended)
            except StorageError:
                _log.warning("the end of a job is not written down", job=ended.plan_hash.hex()[:12])
                while len(self._owed) >= MAX_OWED:
                    self._owed.pop(next(iter(self._owed)), None)
                self._owed[ended.plan_hash] = ended

    def _ended(self, job: Job, error: TriuneError) -> Job:
        state = State.FAILED
        if isinstance(error, PlanRefused):
            state = State.REFUSED
        elif isinstance(error, SessionCancelled):
            state = State.CANCELLED
        fault = Fault(error.code, error.message, error.remedy, error.culprit)
        _log.info(
            "job ended",
            job=job.plan_hash.hex()[:12],
            state=state.value,
            code=error.code,
            culprit=error.culprit,
        )
        return job.to(state, self._clock(), fault=fault)

    # --- telling the others ---------------------------------------------------------------------

    def _tell_ends(self) -> None:
        """On a thread of its own: those who end a job read links, and must not wait."""
        while (item := self.running.ended.get()) is not None:
            try:
                self._tell_end(*item)
            except Exception:  # noqa: BLE001 - logged; the next job's end is to be told as well
                _log.exception("the end of a job is not told")

    def _tell_end(self, work: Work, error: TriuneError) -> None:
        plan_hash = work.signed.hash
        self.seat.mesh.tell(MeshFrame(abort=wire.Abort(plan_hash=plan_hash, status=status.to_status(error))))
        for holder in work.holders:
            over = wire.Abort(plan_hash=plan_hash, status=reports.for_holders(error))
            try:
                self.seat.desk.tell([holder], ToHolder(abort=over))
            except ChannelError:
                _log.info("abort not delivered", holder=holder)


def _not_theirs(analyst: str) -> IdentityError:
    return IdentityError(
        f"{analyst} brought a plan of another analyst.",
        remedy="Send plans that you signed yourself.",
        culprit=analyst,
    )
