"""The compute role: the jobs of this party, one thread a job, and what others send for them.

Any error ends a job at all parties, with the culprit's name. What a job does is in `attempt.py`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import structlog

from mpc.errors import (
    ChannelError,
    IdentityError,
    JobError,
    PeerVanished,
    PlanMismatch,
    PlanRefused,
    PlanReplayed,
    SessionCancelled,
    StorageError,
    TriuneError,
)
from mpc.kernels import Kernels
from parties.identity.consortium import Consortium
from parties.identity.keys import Identity
from parties.law.rules import Policy
from parties.node import handshake
from parties.node.attempt import Attempt, Seat, Work
from parties.node.desk import HolderDesk
from parties.node.jobs import Fault, Job, JobCost, State
from parties.node.machine import give_back_memory
from parties.node.room import Room
from parties.node.storage.base import JobStore
from parties.node.transport.mesh import Mesh
from parties.query.plan import Plan, SignedPlan, open_plan
from parties.query.validation import validate
from parties.wire import common_pb2 as wire
from parties.wire import status
from parties.wire.holder_pb2 import ToHolder
from parties.wire.mesh_pb2 import MeshFrame

MAX_RUNNING_JOBS = 16
MAX_ROOMS = 256

_log = structlog.get_logger("triune.compute")


class ComputeParty:
    """This party's jobs. `connect` gives it the links, which need its callbacks."""

    def __init__(
        self,
        identity: Identity,
        consortium: Consortium,
        policy: Policy,
        storage: JobStore,
        desk: HolderDesk,
        kernels: Kernels,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.identity, self.consortium, self._policy = identity, consortium, policy
        self.storage, self.desk, self.clock = storage, desk, clock
        self._kernels = kernels
        self._seat: Seat
        self._lock = threading.RLock()
        self._work: dict[bytes, Work] = {}
        self._rooms: dict[bytes, Room] = {}

    def connect(self, mesh: Mesh) -> None:
        """Before the first link comes up."""
        self._seat = Seat(self.identity, self.consortium, self._policy, self.desk, mesh, self._kernels)

    @property
    def mesh(self) -> Mesh:
        """The links to the peers."""
        return self._seat.mesh

    # --- what others ask for --------------------------------------------------------------------

    def submit(self, signed: SignedPlan, *, sender: str = "", relay: bool = False) -> Job:
        """Validate a plan and start its job; the same plan again returns the job that exists.

        `sender` is the analyst who brings it, empty if a peer passes it on. Raises what `open_plan` and
        `validate` raise, `PlanReplayed` for a nonce used by another plan, `IdentityError` for a plan of
        another analyst.
        """
        plan = open_plan(signed, self.consortium)
        if sender and sender != plan.analyst:
            raise IdentityError(
                f"{sender} brought a plan of another analyst.",
                remedy="Send plans that you signed yourself.",
                culprit=sender,
            )
        with self._lock:
            known = self.storage.by_nonce(plan.nonce)
            if known is not None:
                return _same(known, signed)
            question = validate(plan, self.consortium, self.desk.registrations(), int(self.clock()))
            if len(self._work) >= MAX_RUNNING_JOBS:
                raise PlanRefused(
                    f"{self.identity.name} runs {MAX_RUNNING_JOBS} jobs already.",
                    remedy="Try again in a minute.",
                )
            work = Work(plan, signed, question.query, self._room(signed.hash))
            job = self._new_job(plan, signed)
            self._work[signed.hash] = work
        if relay:
            frame = wire.SignedPlan(plan=signed.plan, signature=signed.signature)
            self.mesh.tell(MeshFrame(plan=frame))
        threading.Thread(
            target=self._run, args=(work, job), daemon=True, name=f"job {plan.nonce[:8]}"
        ).start()
        return job

    def job(self, plan_hash: bytes, analyst: str) -> Job:
        """An analyst's own job; of others' jobs one learns nothing."""
        job = self.storage.get(plan_hash)
        if job is None or job.analyst != analyst:
            raise JobError(f"{self.identity.name} knows no such job of yours.", remedy="See `triune jobs`.")
        return self.settled(job)

    def settled(self, job: Job) -> Job:
        """The job; one that nobody works on has ended, though its end could not be written down."""
        with self._lock:
            running = job.plan_hash in self._work
        if job.is_final or running:
            return job
        self._finish(job.plan_hash, self._cut_off())
        return self.storage.get(job.plan_hash) or job

    def cancel(self, plan_hash: bytes, analyst: str) -> Job:
        job = self.job(plan_hash, analyst)
        if not job.is_final:
            self.end(
                plan_hash, SessionCancelled("The analyst cancelled the job.", culprit=analyst), tell=True
            )
        return self.job(plan_hash, analyst)

    def recover(self) -> None:
        """Jobs that a restart cut off end as failed: their keys and shares are gone."""
        for job in self.storage.unfinished():
            self.settled(job)

    def _cut_off(self) -> PeerVanished:
        name = self.identity.name
        return PeerVanished(
            f"{name} was cut off in the middle of the job.", remedy="Submit the query again.", culprit=name
        )

    # --- what arrives ---------------------------------------------------------------------------

    def on_offer(self, peer: str, offer: wire.Offer) -> None:
        handshake.check_offer(offer, peer, self.consortium)
        with self._lock:
            for work in self._work.values():
                if work.plan.nonce == offer.plan_nonce and work.signed.hash != offer.plan_hash:
                    work.room.fail(_mismatch(peer))
                    return
        self._put(offer.plan_hash, "offer", peer, offer)

    def on_plan(self, peer: str, plan: wire.SignedPlan) -> None:
        try:
            self.submit(SignedPlan(plan.plan, plan.signature))
        except TriuneError as error:
            _log.info("relayed plan refused", peer=peer, code=error.code)

    def on_verdict(self, peer: str, verdict: wire.Verdict) -> None:
        self._put(verdict.plan_hash, "verdict", peer, verdict)

    def on_abort(self, peer: str, abort: wire.Abort) -> None:
        self.end(abort.plan_hash, status.from_status(abort.status, peer), tell=False)

    def on_link(self, peer: str, up: bool) -> None:
        if not up:
            self._lost(peer, lambda _: True)

    def on_holder_lost(self, holder: str) -> None:
        self._lost(holder, lambda work: holder in work.holders and holder not in work.shares)

    def work_of(self, plan_hash: bytes, holder: str) -> Work:
        """The running job that a holder sends inputs for."""
        with self._lock:
            work = self._work.get(plan_hash)
        if work is None or holder not in work.holders:
            raise JobError(f"{self.identity.name} runs no such job with {holder}.")
        return work

    def runs(self, work: Work) -> bool:
        """Whether the job has not ended yet."""
        with self._lock:
            return self._work.get(work.signed.hash) is work

    def _put(self, plan_hash: bytes, kind: str, sender: str, message: Any) -> None:
        room = self._room(plan_hash)
        try:
            room.put(kind, sender, message)
        except TriuneError as error:
            room.fail(error)

    def _room(self, plan_hash: bytes) -> Room:
        """The room of a plan, made at the first message; rooms without a job are few and forgotten first."""
        with self._lock:
            room = self._rooms.get(plan_hash)
            if room is None:
                waiting = [key for key in self._rooms if key not in self._work]
                if len(waiting) >= MAX_ROOMS:
                    del self._rooms[waiting[0]]
                room = self._rooms[plan_hash] = Room()
            return room

    def _lost(self, name: str, concerns: Callable[[Work], bool]) -> None:
        with self._lock:
            works = [work for work in self._work.values() if concerns(work)]
        for work in works:
            self.end(work.signed.hash, _vanished(name), tell=True)

    def end(self, plan_hash: bytes, error: TriuneError, *, tell: bool) -> None:
        """End a job here, and at the others if `tell`."""
        with self._lock:
            work = self._work.get(plan_hash)
        if work is not None:
            work.ended = True
            work.room.fail(error)
            self.mesh.fail(work.session, error)
            if tell:
                self._tell_abort(work, error)

    def _tell_abort(self, work: Work, error: TriuneError) -> None:
        abort = wire.Abort(plan_hash=work.signed.hash, status=status.to_status(error))
        self.mesh.tell(MeshFrame(abort=abort))
        for holder in work.holders:
            try:
                self.desk.tell([holder], ToHolder(abort=abort))
            except ChannelError:
                _log.info("abort not delivered", holder=holder)

    # --- one job --------------------------------------------------------------------------------

    def _run(self, work: Work, job: Job) -> None:
        started = time.monotonic()
        try:
            self._execute(work, job, started)
        except TriuneError as error:
            self._fail(work, error)
        except Exception as error:  # noqa: BLE001 - the last line of defence: the log gets the detail
            self._fail(work, status.from_status(status.to_status(error)))
        finally:
            self.mesh.close(work.session)
            with self._lock:
                self._work.pop(work.signed.hash, None)
                self._rooms.pop(work.signed.hash, None)
            work.shares.clear()
            give_back_memory()

    def _fail(self, work: Work, error: TriuneError) -> None:
        if not work.ended:
            self._tell_abort(work, error)
        try:
            self._finish(work.signed.hash, error)
        except StorageError:
            _log.warning("the end of a job is not written down", job=work.signed.hash.hex()[:12])

    def _execute(self, work: Work, job: Job, started: float) -> None:
        attempt = Attempt(self._seat, work)
        job = self._advance(job, State.VALIDATED)
        attempt.wait_for_links()
        job = self._advance(job, State.APPROVED)
        attempt.agree_session()
        job = self._advance(job, State.RUNNING, session=work.session)
        sealed, channel = attempt.compute()
        traffic = channel.traffic
        cost = JobCost(time.monotonic() - started, traffic.rounds, traffic.bytes_sent, traffic.bytes_received)
        released = job.to(State.RELEASED, self.clock(), cost=cost, transcripts=channel.digests())
        self.storage.put_result(released, sealed)
        _log.info(
            "job ended", job=job.plan_hash.hex()[:12], state=released.state.value, rounds=cost.rounds,
            bytes_sent=cost.bytes_sent, seconds=round(cost.seconds, 3),
        )  # fmt: skip

    # --- states ---------------------------------------------------------------------------------

    def _new_job(self, plan: Plan, signed: SignedPlan) -> Job:
        now = self.clock()
        job = Job(signed.hash, plan.nonce, plan.analyst, signed.plan, signed.signature, now, now)
        self.storage.put(job)
        return job

    def _advance(self, job: Job, state: State, **changes: object) -> Job:
        moved = job.to(state, self.clock(), **changes)
        self.storage.put(moved)
        _log.debug("job goes on", job=job.plan_hash.hex()[:12], state=state.value)
        return moved

    def _finish(self, plan_hash: bytes, error: TriuneError) -> None:
        job = self.storage.get(plan_hash)
        if job is None or job.is_final:
            return
        state = State.FAILED
        if isinstance(error, PlanRefused):
            state = State.REFUSED
        elif isinstance(error, SessionCancelled):
            state = State.CANCELLED
        fault = Fault(error.code, error.message, error.remedy, error.culprit)
        self.storage.put(job.to(state, self.clock(), fault=fault))
        _log.info(
            "job ended", job=plan_hash.hex()[:12], state=state.value, code=error.code, culprit=error.culprit
        )


def _same(known: Job, signed: SignedPlan) -> Job:
    if known.plan_hash != signed.hash:
        raise PlanReplayed(
            "The plan's nonce was used for another plan.", remedy="Make a new plan with a fresh nonce."
        )
    return known


def _mismatch(peer: str) -> PlanMismatch:
    return PlanMismatch(
        f"{peer} was sent a different plan under the same nonce.",
        remedy="Send the same signed plan to every party.",
        culprit=peer,
    )


def _vanished(name: str) -> PeerVanished:
    return PeerVanished(
        f"{name} vanished in the middle of the job; nothing was released.",
        remedy="Submit the query again when its node is back.",
        culprit=name,
    )
