"""The doors of a compute party: holders attach, analysts ask. Thin: check who it is, hand on, translate."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any, Final

import grpc
import structlog

from mpc.errors import ConfigError, IdentityError, JobError, ProtocolAbort, TriuneError
from mpc.privacy.terms import Terms
from parties.identity import tls
from parties.identity.consortium import Consortium, Member
from parties.law.terms import from_wire, to_wire
from parties.management.catalogue import Registration
from parties.node.compute import ComputeParty
from parties.node.desk import Announced
from parties.node.jobs import Job, State
from parties.node.transport.admission import MAX_LINKS, MAX_WATCHES, Places, first_frame
from parties.node.transport.outbox import Outbox
from parties.query.plan import SignedPlan
from parties.wire import analyst_pb2 as rpc
from parties.wire import common_pb2 as wire
from parties.wire import status, version
from parties.wire.analyst_pb2_grpc import AnalystGateServicer
from parties.wire.holder_pb2 import Beat, EarlierPlan, FromHolder, ToHolder, Want
from parties.wire.holder_pb2_grpc import HolderGateServicer

MAX_REGISTRATIONS: Final = 1000
#: A page of jobs: so many, and not over so many bytes.
PAGE_JOBS: Final = 100
PAGE_BYTES: Final = 3 << 20
#: A watch says at least this often how the job stands (seconds).
HEARTBEAT_S: Final = 1.0
#: How long a full link may block its sender (seconds).
LINK_TIMEOUT_S: Final = 30.0
_log = structlog.get_logger("triune.gate")


class HolderGate(HolderGateServicer):
    """Holders dial in, announce their data sets, and answer jobs with shares."""

    def __init__(self, party: ComputeParty) -> None:
        self._seat, self._running = party.seat, party.running
        self._streams = Places(MAX_LINKS, "streams")
        self._greeting = Places(1, "stream without a greeting")
        #: An equal part of what one answer to an analyst may hold, so that no holder takes another's.
        self._max_bytes = tls.MAX_FRAME_BYTES // max(1, len(self._seat.consortium.holders))

    def Attach(  # noqa: N802 - the name of the RPC
        self, request_iterator: Iterator[FromHolder], context: grpc.ServicerContext
    ) -> Iterator[ToHolder]:
        """A holder's stream, from its hello to its end."""
        with _Translated(context):
            holder = _member(self._seat.consortium, context, "holder").name
            with self._streams.enter(holder):
                with self._greeting.enter(holder):
                    hello = first_frame(request_iterator, self._seat.deadlines.hello, holder)
                announced = self._announced(holder, hello or FromHolder())
                yield from self._serve(holder, announced, request_iterator, context)

    def _serve(
        self,
        holder: str,
        announced: Announced,
        frames: Iterator[FromHolder],
        context: grpc.ServicerContext,
    ) -> Iterator[ToHolder]:
        outbox: Outbox[ToHolder] = Outbox(holder, LINK_TIMEOUT_S)
        outbox.put_control(ToHolder(welcome=Beat()))
        if not context.add_callback(outbox.close):
            return  # it has left already
        if self._seat.desk.attach(holder, announced, outbox):
            self._running.lose_holder(holder)  # what it still owed was promised on the stream before
        arguments = (holder, outbox, frames, context)
        threading.Thread(target=self._read, args=arguments, daemon=True, name=f"read {holder}").start()
        yield from outbox

    def _announced(self, holder: str, frame: FromHolder) -> Announced:
        """What a greeting announces.

        Raises `ProtocolAbort` if it is none or its terms make no sense, `IdentityError` if it speaks for
        another holder, `ConfigError` if it announces too much.
        """
        if frame.WhichOneof("frame") != "hello" or frame.hello.name != holder:
            raise ProtocolAbort(
                f"{holder} did not greet.", remedy="Check that it runs Triune.", culprit=holder
            )
        version.check(frame.hello.major, holder)
        announced = frame.hello.registrations
        size = sum(map(len, announced)) + len(frame.hello.terms)
        if len(announced) > MAX_REGISTRATIONS or size > self._max_bytes:
            raise ConfigError(
                f"{holder} announces {len(announced)} data sets of {size} bytes; "
                f"at most {MAX_REGISTRATIONS} and {self._max_bytes} bytes are taken.",
                remedy="Remove data sets, or shorten what their schemas say.",
                culprit=holder,
            )
        made = tuple(Registration.from_json(data) for data in announced)
        if any(item.holder != holder for item in made):
            raise IdentityError(
                f"{holder} announces data of another holder.",
                remedy="Register each holder's data at its own node.",
                culprit=holder,
            )
        return Announced(made, from_wire(frame.hello.terms, holder))

    def _read(
        self,
        holder: str,
        outbox: Outbox[ToHolder],
        frames: Iterator[FromHolder],
        context: grpc.ServicerContext,
    ) -> None:
        try:
            for frame in frames:
                self._take(holder, frame)
        except grpc.RpcError:
            _log.info("holder left", holder=holder)
        except TriuneError as error:
            _log.warning("holder refused", holder=holder, code=error.code)
            self._running.lose_holder(holder, error)
            context.cancel()
        finally:
            outbox.close()
            if self._seat.desk.detach(holder, outbox):
                self._running.lose_holder(holder)

    def _take(self, holder: str, frame: FromHolder) -> None:
        kind = frame.WhichOneof("frame")
        if kind == "share":
            self._running.on_share(holder, frame.share)
        elif kind == "accept":
            self._running.on_accept(holder, frame.accept)
        elif kind == "refusal":
            self._running.on_refusal(holder, frame.refusal)
        elif kind == "want":
            self._send_plans(holder, frame.want)
        elif kind == "hello":  # the holder added or removed a data set
            self._seat.desk.announce(holder, self._announced(holder, frame))
        elif kind != "beat":
            raise ProtocolAbort(
                f"{holder} sent a frame of no known kind.",
                remedy="Make sure that it runs the same version of Triune.",
                culprit=holder,
            )

    def _send_plans(self, holder: str, want: Want) -> None:
        """From memory; it waits for this holder's own link alone."""
        for signed in self._running.on_want(holder, want):
            plan = wire.SignedPlan(plan=signed.plan, signature=signed.signature)
            earlier = EarlierPlan(plan_hash=want.plan_hash, plan=plan)
            self._seat.desk.send(holder, ToHolder(earlier=earlier), earlier.ByteSize())


def _member(consortium: Consortium, context: grpc.ServicerContext, role: str) -> Member:
    """The caller, if it has the role and speaks our version."""
    member = tls.peer_of(context, consortium)
    if role not in member.roles:
        raise IdentityError(
            f"{member.name} is no {role} of this consortium.",
            remedy="Ask the consortium to give it that role, or use other keys.",
            culprit=member.name,
        )
    spoken = dict(context.invocation_metadata()).get(version.METADATA_KEY, "")
    version.check_text(str(spoken), member.name)
    return member


class AnalystGate(AnalystGateServicer):
    """Analysts submit plans and see their own jobs."""

    def __init__(self, party: ComputeParty) -> None:
        self._party, self._seat = party, party.seat
        self._watches = Places(MAX_WATCHES, "watched jobs")

    def Describe(self, request: rpc.DescribeRequest, context: grpc.ServicerContext) -> rpc.Catalogue:  # noqa: N802, ARG002
        """What holders have announced, what they and this party demand, and the ways to its peers."""
        with _Translated(context):
            self._analyst(context)
            return rpc.Catalogue(
                registrations=[item.to_json() for item in self._seat.desk.registrations()],
                terms=[rpc.PartyTerms(party=name, terms=to_wire(made)) for name, made in self._terms()],
                links=self._links(),
            )

    def _terms(self) -> Iterable[tuple[str, Terms]]:
        seat = self._seat
        return ({**seat.desk.terms(), seat.identity.name: seat.policy.terms}).items()

    def _links(self) -> list[rpc.MeasuredLink]:
        own, found = self._seat.identity.name, self._seat.mesh.measured()
        return [
            rpc.MeasuredLink(
                party=own, peer=peer, round_trip_s=way.round_trip_s, bytes_per_second=way.bytes_per_second
            )
            for peer, way in found.items()
        ]

    def Submit(self, request: rpc.SubmitRequest, context: grpc.ServicerContext) -> rpc.JobStatus:  # noqa: N802
        """A plan becomes a job."""
        with _Translated(context):
            analyst = self._analyst(context)
            return _status(self._party.submit(SignedPlan(request.plan.plan, request.plan.signature), analyst))

    def List(self, request: rpc.ListRequest, context: grpc.ServicerContext) -> rpc.JobList:  # noqa: N802
        """One job, or a page of them."""
        with _Translated(context):
            analyst = self._analyst(context)
            return rpc.JobList(jobs=_page(map(_status, self._listed(request, analyst))))

    def _listed(self, request: rpc.ListRequest, analyst: str) -> Iterable[Job]:
        storage = self._party.storage
        if request.plan_hash:
            one = storage.get(request.plan_hash)
            jobs = [one] if one is not None and one.analyst == analyst else []
        else:
            jobs = storage.jobs(analyst, before=request.before or None, limit=PAGE_JOBS)
        return map(self._party.settled, jobs)

    def Watch(self, request: rpc.JobRef, context: grpc.ServicerContext) -> Iterator[rpc.JobStatus]:  # noqa: N802
        """A job's states until its end."""
        with _Translated(context):
            analyst = self._analyst(context)
            with self._watches.enter(analyst):
                yield from self._changes(request.plan_hash, analyst, context)

    def _changes(
        self, plan_hash: bytes, analyst: str, context: grpc.ServicerContext
    ) -> Iterator[rpc.JobStatus]:
        told, when = None, 0.0
        while context.is_active():
            job = self._party.job(plan_hash, analyst)
            if job.state is not told or time.monotonic() - when >= HEARTBEAT_S:
                told, when = job.state, time.monotonic()
                yield _status(job)
            if job.is_final:
                return
            self._party.wait_beyond(job, HEARTBEAT_S)

    def Fetch(self, request: rpc.JobRef, context: grpc.ServicerContext) -> rpc.SealedShare:  # noqa: N802
        """This party's part of a released result."""
        with _Translated(context):
            job = self._party.job(request.plan_hash, self._analyst(context))
            sealed = self._party.storage.result(job.plan_hash)
            if job.state is not State.RELEASED or sealed is None:
                raise JobError(
                    f"The job is {job.state}, not released.", remedy="Wait for it, or submit again."
                )
            return rpc.SealedShare(session=job.session, sealed=sealed)

    def Cancel(self, request: rpc.JobRef, context: grpc.ServicerContext) -> rpc.JobStatus:  # noqa: N802
        """End a job."""
        with _Translated(context):
            return _status(self._party.cancel(request.plan_hash, self._analyst(context)))

    def _analyst(self, context: grpc.ServicerContext) -> str:
        return _member(self._seat.consortium, context, "analyst").name


def _page(jobs: Iterator[rpc.JobStatus]) -> Iterator[rpc.JobStatus]:
    """As many as fit into one answer, at least one."""
    size = 0
    for job in jobs:
        size += job.ByteSize()
        if size > PAGE_BYTES and size > job.ByteSize():
            return
        yield job


class _Translated:
    """Turns an error inside into the RPC's status."""

    def __init__(self, context: grpc.ServicerContext) -> None:
        self._context = context

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        # An RpcError says that the caller has left: there is nobody to tell.
        if isinstance(error, Exception) and not isinstance(error, grpc.RpcError):
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
            compared=job.cost.compared,
        ),
        terms=job.terms.encode(),
    )
