"""The doors of a compute party: holders attach, analysts ask. Thin: check who it is, hand on, translate."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import structlog

from mpc.errors import IdentityError, JobError, ProtocolAbort, TriuneError
from mpc.protocols.replicated.packages import InputPackage
from parties.identity import tls
from parties.identity.consortium import Member
from parties.management.catalogue import Registration
from parties.node import handshake
from parties.node.attempt import Work
from parties.node.compute import ComputeParty
from parties.node.jobs import Job, State
from parties.node.transport.outbox import Outbox
from parties.query.plan import SignedPlan
from parties.wire import analyst_pb2 as rpc
from parties.wire import common_pb2 as wire
from parties.wire import status, version
from parties.wire.analyst_pb2_grpc import AnalystGateServicer
from parties.wire.holder_pb2 import Beat, FromHolder, InputShare, ToHolder
from parties.wire.holder_pb2_grpc import HolderGateServicer

MAX_SHARE_BYTES = 1 << 20
MAX_REGISTRATIONS = 1000
MAX_WATCHES = 16
PAGE_JOBS = 100
WATCH_INTERVAL_S = 0.05
HEARTBEAT_S = 1.0
#: How long a full link may block its sender (seconds).
LINK_TIMEOUT_S = 30.0
_log = structlog.get_logger("triune.gate")


@dataclass
class _Intake:
    """The inputs of one holder for one job, as they come in."""

    work: Work
    place: int
    blocks: dict[str, bytearray] = field(default_factory=dict)


class HolderGate(HolderGateServicer):
    """Holders dial in, announce their data sets, and answer jobs with shares."""

    def __init__(self, party: ComputeParty) -> None:
        self._party = party
        self._index = party.mesh.party

    def Attach(  # noqa: N802 - the name of the RPC
        self, request_iterator: Iterator[FromHolder], context: grpc.ServicerContext
    ) -> Iterator[ToHolder]:
        try:
            holder = _member(self._party, context, "holder")
            hello = next(iter(request_iterator), FromHolder())
            registrations = self._registrations(holder.name, hello)
        except TriuneError as error:
            status.abort(context, error)
        outbox: Outbox[ToHolder] = Outbox(holder.name, LINK_TIMEOUT_S)
        outbox.put_control(ToHolder(welcome=Beat()))
        self._party.desk.attach(holder.name, registrations, outbox)
        context.add_callback(outbox.close)
        threading.Thread(
            target=self._read, args=(holder.name, outbox, request_iterator, context), daemon=True
        ).start()
        yield from outbox

    def _registrations(self, holder: str, frame: FromHolder) -> tuple[Registration, ...]:
        """What a greeting announces; `ProtocolAbort` if it is none or speaks for another holder."""
        if frame.WhichOneof("frame") != "hello" or frame.hello.name != holder:
            raise ProtocolAbort(f"{holder} did not greet.", culprit=holder)
        version.check(frame.hello.major, holder)
        if len(frame.hello.registrations) > MAX_REGISTRATIONS:
            raise ProtocolAbort(f"{holder} announces too many data sets.", culprit=holder)
        made = tuple(Registration.from_json(data) for data in frame.hello.registrations)
        if any(item.holder != holder for item in made):
            raise IdentityError(f"{holder} announces data of another holder.", culprit=holder)
        return made

    def _read(
        self,
        holder: str,
        outbox: Outbox[ToHolder],
        frames: Iterator[FromHolder],
        context: grpc.ServicerContext,
    ) -> None:
        intakes: dict[bytes, _Intake] = {}
        try:
            for frame in frames:
                self._take(holder, frame, intakes)
        except grpc.RpcError:
            _log.info("holder left", holder=holder)
        except TriuneError as error:
            _log.warning("holder refused", holder=holder, code=error.code)
            for intake in intakes.values():
                self._party.end(intake.work.signed.hash, error, tell=True)
            context.cancel()
        finally:
            outbox.close()
            if self._party.desk.detach(holder, outbox):
                self._party.on_holder_lost(holder)

    def _take(self, holder: str, frame: FromHolder, intakes: dict[bytes, _Intake]) -> None:
        kind = frame.WhichOneof("frame")
        if kind == "accept":
            self._take_accept(holder, frame.accept, intakes)
        elif kind == "share":
            self._take_share(holder, frame.share, intakes)
        elif kind == "refusal":
            self._take_refusal(holder, frame.refusal)
        elif kind == "hello":  # the holder added or removed a data set
            self._party.desk.announce(holder, self._registrations(holder, frame))
        elif kind != "beat":
            raise ProtocolAbort(f"{holder} sent a frame of no known kind.", culprit=holder)

    def _take_refusal(self, holder: str, refusal: wire.Abort) -> None:
        try:
            work = self._party.work_of(refusal.plan_hash, holder)
        except JobError:
            return  # the job ended before the refusal came
        self._party.end(work.signed.hash, status.from_status(refusal.status, holder), tell=True)

    def _take_accept(self, holder: str, accept: wire.Accept, intakes: dict[bytes, _Intake]) -> None:
        try:
            work = self._party.work_of(accept.plan_hash, holder)
        except JobError:
            return  # the job ended while the holder worked
        handshake.check_accept(accept, holder, self._party.consortium)
        for session in [key for key, intake in intakes.items() if not self._party.runs(intake.work)]:
            del intakes[session]  # its job ended before all its shares were in
        intakes[accept.session] = _Intake(work, work.holders.index(holder))
        work.room.put("accept", holder, accept)

    def _take_share(self, holder: str, share: InputShare, intakes: dict[bytes, _Intake]) -> None:
        intake = intakes.get(share.session)
        if intake is None:
            return
        blocks = {block.name: block for block in intake.work.query.blocks_for(intake.place)}
        block = blocks.get(share.block)
        buffer = intake.blocks.setdefault(share.block, bytearray()) if block else bytearray()
        if (
            block is None
            or share.total != InputPackage.size(self._index, block.elements)
            or share.offset != len(buffer)
            or not 0 < len(share.payload) <= MAX_SHARE_BYTES
            or share.offset + len(share.payload) > share.total
        ):
            raise ProtocolAbort(f"{holder} sent an input that does not fit the plan.", culprit=holder)
        buffer += share.payload
        sizes = {name: InputPackage.size(self._index, item.elements) for name, item in blocks.items()}
        if all(len(intake.blocks.get(name, b"")) == size for name, size in sizes.items()):
            del intakes[share.session]
            packages = {name: bytes(buffer) for name, buffer in intake.blocks.items()}
            intake.work.room.put("input", holder, packages)


def _member(party: ComputeParty, context: grpc.ServicerContext, role: str) -> Member:
    """The caller, if it has the role and speaks our version."""
    member = tls.peer_of(context, party.consortium)
    if role not in member.roles:
        raise IdentityError(f"{member.name} is no {role} of this consortium.", culprit=member.name)
    spoken = dict(context.invocation_metadata()).get(version.METADATA_KEY, "")
    version.check_text(str(spoken), member.name)
    return member


class AnalystGate(AnalystGateServicer):
    """Analysts submit plans and see their own jobs."""

    def __init__(self, party: ComputeParty) -> None:
        self._party = party
        self._watches = _Places(MAX_WATCHES)

    def Describe(self, request: rpc.DescribeRequest, context: grpc.ServicerContext) -> rpc.Catalogue:  # noqa: N802, ARG002
        with _Translated(context):
            _member(self._party, context, "analyst")
            return rpc.Catalogue(registrations=[item.to_json() for item in self._party.desk.registrations()])

    def Submit(self, request: rpc.SubmitRequest, context: grpc.ServicerContext) -> rpc.JobStatus:  # noqa: N802
        with _Translated(context):
            analyst = _member(self._party, context, "analyst")
            signed = SignedPlan(request.plan.plan, request.plan.signature)
            return _status(self._party.submit(signed, sender=analyst.name, relay=request.relay))

    def List(self, request: rpc.ListRequest, context: grpc.ServicerContext) -> rpc.JobList:  # noqa: N802
        with _Translated(context):
            analyst = _member(self._party, context, "analyst")
            return rpc.JobList(jobs=map(_status, self._listed(request, analyst.name)))

    def _listed(self, request: rpc.ListRequest, analyst: str) -> list[Job]:
        if not request.plan_hash:
            jobs = self._party.storage.jobs(analyst, before=request.before or None, limit=PAGE_JOBS)
            return [self._party.settled(job) for job in jobs]
        job = self._party.storage.get(request.plan_hash)
        return [self._party.settled(job)] if job is not None and job.analyst == analyst else []

    def Watch(self, request: rpc.JobRef, context: grpc.ServicerContext) -> Iterator[rpc.JobStatus]:  # noqa: N802
        with _Translated(context):
            analyst = _member(self._party, context, "analyst")
            with self._watches.enter(analyst.name):
                yield from self._changes(request.plan_hash, analyst.name, context)

    def _changes(
        self, plan_hash: bytes, analyst: str, context: grpc.ServicerContext
    ) -> Iterator[rpc.JobStatus]:
        told, when = None, 0.0
        while context.is_active():
            job = self._party.job(plan_hash, analyst)
            if job.state is not told or time.monotonic() - when > HEARTBEAT_S:
                told, when = job.state, time.monotonic()
                yield _status(job)
            if job.is_final:
                return
            time.sleep(WATCH_INTERVAL_S)

    def Fetch(self, request: rpc.JobRef, context: grpc.ServicerContext) -> rpc.SealedShare:  # noqa: N802
        with _Translated(context):
            analyst = _member(self._party, context, "analyst")
            job = self._party.job(request.plan_hash, analyst.name)
            sealed = self._party.storage.result(job.plan_hash)
            if job.state is not State.RELEASED or sealed is None:
                raise JobError(
                    f"The job is {job.state}, not released.", remedy="Wait for it, or submit again."
                )
            return rpc.SealedShare(session=job.session, sealed=sealed)

    def Cancel(self, request: rpc.JobRef, context: grpc.ServicerContext) -> rpc.JobStatus:  # noqa: N802
        with _Translated(context):
            analyst = _member(self._party, context, "analyst")
            return _status(self._party.cancel(request.plan_hash, analyst.name))


class _Places:
    """A number of places for each analyst: every stream keeps a thread, and holders need theirs."""

    def __init__(self, each: int) -> None:
        self._each, self._taken, self._lock = each, Counter[str](), threading.Lock()

    @contextmanager
    def enter(self, name: str) -> Iterator[None]:
        with self._lock:
            if self._taken[name] >= self._each:
                raise JobError(
                    f"{name} watches {self._each} jobs here already.", remedy="Wait for one of them to end."
                )
            self._taken[name] += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken[name] -= 1


class _Translated:
    """Turns an error inside into the RPC's status."""

    def __init__(self, context: grpc.ServicerContext) -> None:
        self._context = context

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, Exception):
            status.abort(self._context, error)


def _status(job: Job) -> rpc.JobStatus:
    fault = job.fault
    return rpc.JobStatus(
        plan_hash=job.plan_hash,
        state=job.state.name,
        error=wire.Status(code=fault.code, message=fault.message, remedy=fault.remedy, culprit=fault.culprit)
        if fault
        else None,
        session=job.session,
        plan=wire.SignedPlan(plan=job.plan, signature=job.signature),
        created=job.created,
        cost=rpc.Cost(
            seconds=job.cost.seconds,
            rounds=job.cost.rounds,
            bytes_sent=job.cost.bytes_sent,
            bytes_received=job.cost.bytes_received,
        ),
    )
