"""The holder role: dial every compute party, decide for itself, share its own rows' sums.

A holder trusts no compute party: it checks the plan, its own policy, and the three offers, each from
that party's own stream, before it consents and opens its file. It remembers which of its rows each question
was about before the first share leaves.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

import structlog

from mpc.errors import (
    ChannelError,
    HistoryLost,
    PeerVanished,
    PlanMismatch,
    PlanRefused,
    ProtocolAbort,
    TriuneError,
)
from mpc.protocols.replicated.packages import InputPackage, share_input
from mpc.statistics.holding import Memory as Remembered
from mpc.statistics.rows import Rows
from parties.identity import tls
from parties.identity.consortium import Consortium
from parties.identity.keys import SIGNATURE_BYTES, Identity
from parties.law.policy import decide, demand
from parties.law.rules import Policy
from parties.law.terms import to_wire
from parties.management.catalogue import Registration
from parties.management.datasets import DataSets
from parties.node import handshake, reports
from parties.node.cohorts import CohortStore
from parties.node.deadlines import DEADLINES, Deadlines
from parties.node.history import MAX_WANTED, in_order
from parties.node.memory import Memory
from parties.node.room import Room
from parties.node.transport.dialling import keep_dialling
from parties.node.transport.outbox import Outbox
from parties.node.transport.vanished import vanished
from parties.query.case import case_of, role_of
from parties.query.compile import Question
from parties.query.earlier import Earlier, Recollection, beside
from parties.query.plan import Plan, SignedPlan, open_plan
from parties.query.validation import validate
from parties.wire import common_pb2 as wire
from parties.wire import status, version
from parties.wire.holder_pb2 import Ask, EarlierPlan, FromHolder, HolderHello, InputShare, ToHolder, Want
from parties.wire.holder_pb2_grpc import HolderGateStub

CHUNK_BYTES = 1 << 20
LINK_TIMEOUT_S = 30.0
ANNOUNCE_INTERVAL_S = 1.0
MAX_JOBS = 32
#: What a room calls a compute party's word that it takes the input of a session.
ASK = "word that it takes the input"
_log = structlog.get_logger("triune.holder")


@dataclass
class _Part:
    """What this holder does for one job. `over`: a compute party has ended the job."""

    room: Room = field(default_factory=Room)
    over: threading.Event = field(default_factory=threading.Event)
    #: plans of earlier questions that a compute party was asked for
    wanted: frozenset[bytes] = frozenset()


class Holder:
    """This party's data sets, offered to the consortium's compute parties."""

    def __init__(
        self,
        identity: Identity,
        consortium: Consortium,
        datasets: DataSets,
        store: CohortStore,
        policy: Policy,
        deadlines: Deadlines = DEADLINES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._identity, self._consortium, self._datasets = identity, consortium, datasets
        self._policy, self._deadlines, self._clock = policy, deadlines, clock
        self._memory = Memory(store, datasets, identity.name)
        self._recollection = Recollection()
        self._names = tuple(member.name for member in consortium.compute)
        self._lock = threading.Lock()
        self._outboxes: dict[str, Outbox[FromHolder]] = {}
        self._parts: dict[bytes, _Part] = {}
        self._stopping = threading.Event()
        #: what of its data sets each compute party was told last
        self._announced: dict[str, Hashable] = {}

    def start(self) -> None:
        """Dial every compute party, now and whenever a link breaks."""
        threading.Thread(target=self._announce_changes, daemon=True, name="announce").start()
        for name in self._names:
            threading.Thread(target=self._dial, args=(name,), daemon=True, name=f"attach {name}").start()

    def stop(self) -> None:
        """End all links, for good."""
        self._stopping.set()
        with self._lock:
            outboxes = list(self._outboxes.values())
        for outbox in outboxes:
            outbox.close()

    def attached(self) -> tuple[str, ...]:
        """The compute parties that have welcomed this holder."""
        with self._lock:
            return tuple(name for name in self._names if name in self._outboxes)

    # --- links ----------------------------------------------------------------------------------

    def _dial(self, name: str) -> None:
        keep_dialling(name, lambda: self._dial_once(name), self._stopping)

    def _dial_once(self, name: str) -> None:
        """Dial, and listen to the link to its end."""
        outbox: Outbox[FromHolder] = Outbox(name, LINK_TIMEOUT_S)
        self._announced[name] = self._datasets.stamp()
        outbox.put_control(FromHolder(hello=self._hello()))
        with tls.channel(self._identity, self._consortium, name) as channel:
            frames = HolderGateStub(channel).Attach(iter(outbox), metadata=version.METADATA)
            try:
                self._listen(name, outbox, frames)
            finally:
                self._detach(name, outbox)
                frames.cancel()

    def _hello(self) -> HolderHello:
        return HolderHello(
            major=version.MAJOR,
            minor=version.MINOR,
            name=self._identity.name,
            registrations=[item.to_json() for item in self._datasets.list()],
            terms=to_wire(self._policy.terms),
        )

    def _announce_changes(self) -> None:
        """`triune data add` and `remove` take effect on a running node."""
        while not self._stopping.wait(ANNOUNCE_INTERVAL_S):
            current = self._datasets.stamp()
            for name in self.attached():
                if self._announced.get(name) != current:
                    self._announced[name] = current
                    self._tell([name], FromHolder(hello=self._hello()))

    def _tell(self, names: Sequence[str], frame: FromHolder) -> None:
        for name in names:
            try:
                self._outbox(name).put_control(frame)
            except ChannelError:
                _log.info("not delivered", to=name)

    def _listen(self, name: str, outbox: Outbox[FromHolder], frames: Iterator[ToHolder]) -> None:
        for frame in frames:
            kind = frame.WhichOneof("frame")
            if kind == "welcome":
                with self._lock:
                    self._outboxes[name] = outbox
            elif kind == "job":
                self._on_job(SignedPlan(frame.job.plan, frame.job.signature))
            elif kind == "offer":
                self._on_offer(name, frame.offer)
            elif kind == "abort":
                self._on_abort(name, frame.abort)
            elif kind == "earlier":
                self._on_earlier(name, frame.earlier)
            elif kind == "ask":
                self._on_ask(name, frame.ask)

    def _detach(self, name: str, outbox: Outbox[FromHolder]) -> None:
        outbox.close()
        with self._lock:
            if self._outboxes.get(name) is outbox:
                del self._outboxes[name]

    def _outbox(self, name: str) -> Outbox[FromHolder]:
        """The link to a compute party; `PeerVanished` if it is down."""
        with self._lock:
            outbox = self._outboxes.get(name)
        if outbox is None:
            raise vanished(name)
        return outbox

    # --- jobs -----------------------------------------------------------------------------------

    def _on_offer(self, name: str, offer: wire.Offer) -> None:
        with self._lock:
            part = self._parts.get(offer.plan_hash)
        if part is None:
            return
        try:
            handshake.check_offer(offer, name, self._consortium)
        except TriuneError as error:
            part.room.fail(error)
        else:
            self._put(offer.plan_hash, "offer", name, offer)

    def _on_abort(self, name: str, abort: wire.Abort) -> None:
        with self._lock:
            part = self._parts.get(abort.plan_hash)
        if part is not None:
            part.over.set()
            part.room.fail(status.from_status(abort.status, name))

    def _on_ask(self, name: str, ask: Ask) -> None:
        self._put(ask.plan_hash, ASK, name, ask)

    def _on_earlier(self, name: str, earlier: EarlierPlan) -> None:
        """A plan counts by its hash, which the signed histories have; who brings another one is named."""
        with self._lock:
            part = self._parts.get(earlier.plan_hash)
        if part is None:
            return
        signed = SignedPlan(earlier.plan.plan, earlier.plan.signature)
        if signed.hash in part.wanted and len(signed.signature) == SIGNATURE_BYTES:
            self._put(earlier.plan_hash, _plan_of(signed.hash), name, signed)
        else:
            part.room.fail(_not_wanted(name))

    def _put(self, plan_hash: bytes, kind: str, name: str, message: Any) -> None:
        with self._lock:
            part = self._parts.get(plan_hash)
        if part is None:
            return
        try:
            part.room.put(kind, name, message)
        except TriuneError as error:
            part.room.fail(error)

    def _on_job(self, signed: SignedPlan) -> None:
        """The first party to bring a plan starts it; a copy from another party changes nothing."""
        with self._lock:
            if signed.hash in self._parts:
                return
            busy = len(self._parts) >= MAX_JOBS
            if not busy:
                part = self._parts[signed.hash] = _Part()
        if busy:
            self._refuse(signed.hash, _busy(self._identity.name))
            return
        name = f"share {signed.hash.hex()[:8]}"
        threading.Thread(target=self._serve, args=(signed, part), daemon=True, name=name).start()

    def _serve(self, signed: SignedPlan, part: _Part) -> None:
        try:
            self._take_part(signed, part)
        except Exception as error:  # noqa: BLE001 - the last line of defence: the log gets the detail
            self._give_up(signed.hash, part, reports.own(error, self._identity.name))
        finally:
            with self._lock:
                self._parts.pop(signed.hash, None)

    def _give_up(self, plan_hash: bytes, part: _Part, error: TriuneError) -> None:
        """Tell the parties why, unless they have ended the job themselves.

        If a link broke, or one of them has forgotten something, they may be about to: they see better which.
        """
        if isinstance(error, PeerVanished | HistoryLost) and error.culprit != self._identity.name:
            part.over.wait(self._deadlines.lost_link)
        _log.info("job not served", job=plan_hash.hex()[:12], code=error.code, culprit=error.culprit)
        if not part.over.is_set():
            self._refuse(plan_hash, error)

    def _refuse(self, plan_hash: bytes, error: TriuneError) -> None:
        refusal = wire.Abort(plan_hash=plan_hash, status=status.to_status(error))
        self._tell(self.attached(), FromHolder(refusal=refusal))

    def _take_part(self, signed: SignedPlan, part: _Part) -> None:
        question, room = self._checked(signed), part.room
        received = room.collect("offer", self._names, self._deadlines.holder_offers)
        offers = [received[name] for name in self._names]
        session, counting = handshake.session_of(offers), handshake.history_of(offers)
        self._consent(signed, session)
        told, earlier = self._recall(signed, question, part, counting, self._sizes(room, session))
        lost = self._memory.learn(told, earlier)
        compared = beside(question, earlier)
        self._demand(compared.question)
        opened = self._memory.open_rows(compared.question, everything=bool(lost))
        room.check()
        self._memory.make_anew(lost, told, opened)
        remembered = self._memory.of(compared, opened)
        self._memory.keep(signed, remembered.own, opened)
        rows = question.select(opened.rows, self._identity.name)
        self._share(compared.question, rows, remembered, room, session)

    def _demand(self, question: Question) -> None:
        """Raises `PolicyRefused` by this holder's own rules."""
        case = case_of(question, role_of(question, self._identity.name))
        demand(decide(case, self._policy), self._identity.name)

    def _consent(self, signed: SignedPlan, session: bytes) -> None:
        accept = handshake.make_accept(self._identity, signed.hash, session, self._policy.terms)
        for name in self._names:
            self._outbox(name).put_control(FromHolder(accept=accept))
        _log.debug("job accepted", job=signed.hash.hex()[:12], session=session.hex()[:12])

    def _sizes(self, room: Room, session: bytes) -> Sequence[int]:
        """How many cohorts each earlier question has that counts, as all three compute parties ask."""
        asked = room.collect(ASK, self._names, self._deadlines.holder_offers)
        first = asked[self._names[0]]
        for name, theirs in asked.items():
            if theirs.session != session or theirs.cohorts != first.cohorts:
                raise PlanMismatch(f"{name} asks for the input of another session.", culprit=name)
        return tuple(first.cohorts)

    def _recall(
        self, signed: SignedPlan, question: Question, part: _Part, counting: Set[bytes], sizes: Sequence[int]
    ) -> tuple[dict[bytes, SignedPlan], list[Earlier]]:
        """The plans that this holder did not remember; all that count, in the order that everybody has."""
        known = self._memory.plans(counting)
        told = self._fetch(signed.hash, part, sorted(counting - known.keys()))
        plans = {one: self._recollection.plan(kept.plan) for one, kept in {**known, **told}.items()}
        if len(sizes) != len(plans):
            raise PlanMismatch("The compute parties count other earlier questions than their offers name.")
        return told, [
            self._recollection.recall(one, plan, question, size)
            for (one, plan), size in zip(in_order(plans), sizes, strict=True)
        ]

    def _fetch(self, job: bytes, part: _Part, missing: Sequence[bytes]) -> dict[bytes, SignedPlan]:
        """From one compute party, for all have the plans of their lists; `PeerSilent` if it does not tell."""
        name, deadline = self._names[0], time.monotonic() + self._deadlines.plans
        part.wanted = frozenset(missing)
        told = {}
        for start in range(0, len(missing), MAX_WANTED):
            batch = missing[start : start + MAX_WANTED]
            self._outbox(name).put_control(FromHolder(want=Want(plan_hash=job, earlier=batch)))
            for one in batch:
                left = max(0.0, deadline - time.monotonic())
                told[one] = part.room.collect(_plan_of(one), [name], left)[name]
        return told

    def _share(self, question: Question, rows: Rows, memory: Remembered, room: Room, session: bytes) -> None:
        """Send shares of this holder's blocks: all three compute parties know what they take."""
        query = question.query
        place = [part.name for part in question.plan.holders].index(self._identity.name)
        blocks = query.at_holder(rows, place, memory)
        for block in query.blocks_for(place):
            room.check()
            packages = share_input(blocks[block.name], block.domain)
            for name, package in zip(self._names, packages, strict=True):
                self._send_block(room, name, session, block.name, package)

    def _checked(self, signed: SignedPlan) -> Question:
        """What the plan asks, if it makes sense and this holder's policy allows it."""
        plan = open_plan(signed, self._consortium)
        own = self._datasets.find(plan.dataset)
        question = validate(plan, self._consortium, self._claimed(plan, own), int(self._clock()))
        self._demand(question)
        return question

    def _send_block(self, room: Room, name: str, session: bytes, block: str, package: InputPackage) -> None:
        data = package.to_bytes()
        for offset in range(0, len(data), CHUNK_BYTES):
            room.check()
            piece = data[offset : offset + CHUNK_BYTES]
            share = InputShare(session=session, block=block, offset=offset, total=len(data), payload=piece)
            self._outbox(name).put(FromHolder(share=share), len(piece))

    def _claimed(self, plan: Plan, own: Registration) -> list[Registration]:
        """What the plan says of the other holders, and what is true of this one."""
        others = [
            Registration(
                dataset=plan.dataset,
                holder=part.name,
                rows_at_most=part.rows_at_most,
                version=part.version,
                catalogue=own.catalogue,
            )
            for part in plan.holders
            if part.name != self._identity.name
        ]
        return [own, *others]


def _plan_of(plan_hash: bytes) -> str:
    """What a room calls an earlier question's plan."""
    return f"plan {plan_hash.hex()}"


def _not_wanted(name: str) -> ProtocolAbort:
    return ProtocolAbort(
        f"{name} sent a plan that no signed history names.",
        remedy="Do not compute with that node before its operator has looked at it.",
        culprit=name,
    )


def _busy(name: str) -> PlanRefused:
    return PlanRefused(
        f"{name} serves {MAX_JOBS} jobs already.", remedy="Try again in a minute.", culprit=name
    )
