"""The jobs that a compute party runs now, and what arrives for them.

In memory only: no call here reads a database, checks a plan or waits for a link, so the threads that read the
links never stand still. Jobs that end, and that the others must hear of, are put on `ended`.
"""

from __future__ import annotations

import threading
from queue import SimpleQueue
from typing import Any, Final

from mpc.errors import PlanMismatch, PlanRefused, PlanReplayed, ProtocolAbort, TriuneError
from parties.identity.consortium import Consortium
from parties.node import handshake, reports
from parties.node.history import MAX_WANTED
from parties.node.jobs import Job
from parties.node.room import Room
from parties.node.transport.vanished import vanished
from parties.node.work import Work
from parties.query.plan import SignedPlan
from parties.wire import common_pb2 as wire
from parties.wire import mesh_pb2 as mesh
from parties.wire.holder_pb2 import InputShare, Want

#: Jobs at a time, in all and of one analyst.
MAX_RUNNING_JOBS: Final = 32
MAX_JOBS_OF_ANALYST: Final = 8
#: Plans of which peers have spoken and that this party has not got yet.
MAX_ROOMS: Final = 256
#: What a room calls a peer's word that it has the plan, and that it is the job's turn there.
QUEUED: Final = "sign of having the plan"
TURN: Final = "word that it is the job's turn"


class RunningJobs:
    """Works and their rooms by plan hash. Thread-safe."""

    def __init__(self, name: str, consortium: Consortium) -> None:
        self._name, self._consortium = name, consortium
        self._compute = tuple(member.name for member in consortium.compute)
        self._lock = threading.Lock()
        self._reserved: dict[bytes, Job] = {}
        self._works: dict[bytes, Work] = {}
        self._rooms: dict[bytes, Room] = {}
        self.ended: SimpleQueue[tuple[Work, TriuneError] | None] = SimpleQueue()

    # --- coming and going -----------------------------------------------------------------------

    def reserve(self, job: Job) -> Job | None:
        """A place for a job that is about to be checked; the job itself if it has one already.

        Raises `PlanReplayed` for a nonce in use by another plan, `PlanRefused` where there is no place.
        """
        with self._lock:
            present = [*self._reserved.values(), *(work.job for work in self._works.values())]
            for other in present:
                if other.nonce == job.nonce:
                    return same_plan(other, job.plan_hash)
            if len(present) >= MAX_RUNNING_JOBS:
                raise self._full(f"{MAX_RUNNING_JOBS} jobs")
            if sum(other.analyst == job.analyst for other in present) >= MAX_JOBS_OF_ANALYST:
                raise self._full(f"{MAX_JOBS_OF_ANALYST} jobs of {job.analyst}")
            self._reserved[job.plan_hash] = job
            return None

    def release(self, plan_hash: bytes) -> None:
        """Give a reserved place back."""
        with self._lock:
            self._reserved.pop(plan_hash, None)

    def add(self, work: Work) -> None:
        """The job runs, at the place that was reserved for it."""
        with self._lock:
            self._reserved.pop(work.signed.hash, None)
            self._works[work.signed.hash] = work

    def remove(self, work: Work) -> None:
        """The job has ended, and its end is written down."""
        with self._lock:
            self._works.pop(work.signed.hash, None)
            self._rooms.pop(work.signed.hash, None)

    def get(self, plan_hash: bytes) -> Work | None:
        """The running job of this plan."""
        with self._lock:
            return self._works.get(plan_hash)

    def room(self, plan_hash: bytes) -> Room:
        """The room of a plan, made at the first message; rooms without a job are few and forgotten first."""
        with self._lock:
            room = self._rooms.get(plan_hash)
            if room is None:
                waiting = [key for key in self._rooms if key not in self._works]
                if len(waiting) >= MAX_ROOMS:
                    del self._rooms[waiting[0]]
                room = self._rooms[plan_hash] = Room()
            return room

    def end(self, work: Work, error: TriuneError) -> bool:
        """End a job and have the others told; False if it has ended already."""
        first = work.end(error)
        if first:
            self.ended.put((work, error))
        return first

    # --- from peers: the mesh calls these ---------------------------------------------------------

    def on_offer(self, peer: str, offer: wire.Offer) -> None:
        """A peer takes part. `ProtocolAbort` or `IdentityError` for what is no offer of its own."""
        handshake.check_offer(offer, peer, self._consortium)
        # A peer offers when it has heard that it is the job's turn here: without a job it has ended since.
        if self._same_plan(peer, offer) and self.get(offer.plan_hash) is not None:
            self._put(offer.plan_hash, "offer", peer, offer)

    def on_turn(self, peer: str, turn: mesh.Turn) -> None:
        """A peer has the plan, or it is the job's turn there. `ProtocolAbort` for what is no such word."""
        if len(turn.plan_hash) != handshake.HASH_BYTES:
            raise ProtocolAbort(f"{peer} speaks of a job that cannot be.", culprit=peer)
        if self._same_plan(peer, turn):
            self._put(turn.plan_hash, TURN if turn.taken else QUEUED, peer, turn)

    def _same_plan(self, peer: str, told: wire.Offer | mesh.Turn) -> bool:
        """False, and the end of the job here, if the peer was sent another plan under its nonce."""
        for work in self._all():
            if work.plan.nonce == told.plan_nonce and work.signed.hash != told.plan_hash:
                self.end(work, _mismatch(peer))
                return False
        return True

    def on_ready(self, peer: str, ready: mesh.Ready) -> None:
        """A peer has all inputs."""
        self._put(ready.plan_hash, "ready", peer, ready)

    def on_verdict(self, peer: str, verdict: wire.Verdict) -> None:
        """A peer releases; the attempt checks its signature."""
        self._put(verdict.plan_hash, "verdict", peer, verdict)

    def on_abort(self, peer: str, abort: wire.Abort) -> None:
        """A peer ends a job, and has told the others itself."""
        work = self.get(abort.plan_hash)
        if work is not None:
            involved = frozenset({*self._compute, *work.holders})
            work.end(reports.from_peer(abort.status, peer, involved, work.plan.analyst))

    def on_link(self, peer: str, up: bool) -> None:
        """A link to a peer came up, or broke: then every job ends and names it."""
        if not up:
            for work in self._all():
                self.end(work, vanished(peer))

    # --- from holders: their gate calls these -----------------------------------------------------

    def on_accept(self, holder: str, accept: wire.Accept) -> None:
        """A holder takes part. `ProtocolAbort` or `IdentityError` for what is no accept of its own."""
        work = self._of(accept.plan_hash, holder)
        if work is not None:
            handshake.check_accept(accept, holder, self._consortium)
            work.take_accept(holder, accept)

    def on_want(self, holder: str, want: Want) -> list[SignedPlan]:
        """The plans of earlier questions that a holder lacks; `ProtocolAbort` for what it may not have."""
        if not 0 < len(want.earlier) <= MAX_WANTED:
            raise ProtocolAbort(f"{holder} wants {len(want.earlier)} plans at once.", culprit=holder)
        work = self._of(want.plan_hash, holder)
        return [] if work is None else [work.earlier_plan(holder, one) for one in want.earlier]

    def on_share(self, holder: str, piece: InputShare) -> None:
        """A piece of a holder's input; `ProtocolAbort` if it does not fit the plan."""
        for work in self._all():
            if work.take_share(holder, piece):
                return

    def on_refusal(self, holder: str, refusal: wire.Abort) -> None:
        """A holder does not take part, or cannot go on."""
        work = self._of(refusal.plan_hash, holder)
        if work is not None:
            self.end(work, reports.from_holder(refusal.status, holder))

    def lose_holder(self, holder: str, error: TriuneError | None = None) -> None:
        """A holder's stream has ended: so do the jobs that it owes an input, with `error` or its name."""
        for work in self._all():
            if work.needs(holder):
                self.end(work, error or vanished(holder))

    def _all(self) -> list[Work]:
        with self._lock:
            return list(self._works.values())

    def _of(self, plan_hash: bytes, holder: str) -> Work | None:
        """The running job; None if it ended while the holder worked, or does not concern it."""
        work = self.get(plan_hash)
        return work if work is not None and holder in work.holders else None

    def _put(self, plan_hash: bytes, kind: str, sender: str, message: Any) -> None:
        room = self.room(plan_hash)
        try:
            room.put(kind, sender, message)
        except TriuneError as error:
            room.fail(error)

    def _full(self, what: str) -> PlanRefused:
        return PlanRefused(f"{self._name} runs {what} already.", remedy="Try again in a minute.")


def same_plan(known: Job, plan_hash: bytes) -> Job:
    """The job that has a plan's nonce; `PlanReplayed` if it is of another plan."""
    if known.plan_hash != plan_hash:
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
