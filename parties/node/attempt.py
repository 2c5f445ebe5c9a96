"""One attempt of a plan at a compute party: from the offers to a sealed share.

    links > turn > offers > session, keys > question > inputs > everybody has them > shares > verdicts > seal

Nothing is sealed before the three signed verdicts for this session are held. The ledger has the question as
pending before this party's own verdict leaves, and as answered before it seals: so what one of them has
sealed, all three remember.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import structlog

from mpc.channel import Channel
from mpc.errors import PeerSilent, PeerVanished, PlanExpired, PlanMismatch, TooClose
from mpc.privacy.terms import NONE, Terms
from mpc.randomness import PairKeys
from parties.identity.consortium import Consortium
from parties.identity.keys import Identity
from parties.identity.seal import seal
from parties.law.policy import decide, demand
from parties.law.rules import Policy
from parties.law.terms import from_wire
from parties.node import handshake, history
from parties.node.deadlines import Deadlines
from parties.node.desk import HolderDesk, not_attached
from parties.node.history import Entry, EntryState
from parties.node.kept import KeptShares
from parties.node.running import QUEUED, TURN
from parties.node.storage.base import Ledger
from parties.node.transport.mesh import Mesh
from parties.node.turns import FIRST, Turns
from parties.node.work import Work
from parties.query.case import case_of
from parties.query.compile import Question
from parties.query.earlier import Recollection, beside
from parties.query.plan import SignedPlan, result_context
from parties.wire import common_pb2 as wire
from parties.wire.holder_pb2 import Ask, ToHolder
from parties.wire.mesh_pb2 import MeshFrame, Ready, Turn

if TYPE_CHECKING:
    from parties.node.engine import Engine

_log = structlog.get_logger("triune.attempt")


@dataclass(frozen=True)
class Seat:
    """Who this compute party is, what it asks for, and whom it can reach."""

    identity: Identity
    consortium: Consortium
    policy: Policy
    desk: HolderDesk
    mesh: Mesh
    engine: Future[Engine]
    deadlines: Deadlines
    ledger: Ledger
    turns: Turns = field(default_factory=Turns)
    recollection: Recollection = field(default_factory=Recollection)
    clock: Callable[[], float] = time.time

    @property
    def names(self) -> tuple[str, ...]:
        """The compute parties in their order."""
        return self.mesh.names

    @property
    def peers(self) -> tuple[str, ...]:
        """The other two."""
        return tuple(name for name in self.names if name != self.identity.name)


class Attempt:
    """The steps of one attempt, in the order in which they are called."""

    def __init__(self, seat: Seat, work: Work) -> None:
        self._seat, self._work = seat, work
        self._offers: list[wire.Offer] = []
        self._keys: PairKeys
        self._entries: Sequence[Entry] = ()
        self._kept = KeptShares(seat.identity)
        #: with how many earlier questions this one is compared
        self.compared = 0

    def wait_for_links(self) -> None:
        """Until all holders of the plan and both peers are connected; `PeerVanished` names who is not."""
        seat, holders = self._seat, self._work.holders

        def absent() -> bool:
            return bool(seat.desk.missing(holders)) or len(seat.mesh.linked()) < len(seat.peers)

        if not self._work.room.wait_until(lambda: not absent(), seat.deadlines.links):
            for holder in seat.desk.missing(holders):
                raise not_attached(holder)
            for peer in set(seat.peers) - set(seat.mesh.linked()):
                raise _not_linked(peer)

    def wait_for_turn(self) -> None:
        """Until this is the one question on its data set that runs, here and at both peers.

        Raises `PeerSilent` for a peer that does not have the plan, `PlanExpired` if the turn does not come.
        """
        seat, work = self._seat, self._work
        own, leader = seat.identity.name, seat.names[0]
        self._tell_turn(taken=False)
        work.room.collect(QUEUED, seat.peers, seat.deadlines.queued)
        if own != leader:  # whose line is the order for all: nobody waits for one who waits for it
            self._await(TURN, [leader])
        seat.turns.enter(work, own)
        self._await(FIRST, [own])
        self._tell_turn(taken=True)
        self._await(TURN, seat.peers)

    def _tell_turn(self, taken: bool) -> None:
        turn = Turn(plan_hash=self._work.signed.hash, plan_nonce=self._work.plan.nonce, taken=taken)
        self._seat.mesh.tell(MeshFrame(turn=turn))

    def _await(self, kind: str, names: Sequence[str]) -> None:
        """Other questions take their time: this waits as long as the plan is valid."""
        work = self._work
        try:
            work.room.collect(kind, names, max(0.0, work.plan.expires - self._seat.clock()))
        except PeerSilent:
            work.check()
            raise PlanExpired(
                f"The plan expired while other questions on {work.plan.dataset} ran.",
                remedy="Submit the query again.",
            ) from None

    def agree_session(self) -> None:
        """Exchange offers; from then on the work has its session, and this attempt its keys.

        Raises `PeerSilent` for a peer without an offer, `PeerVanished` for a holder that has left, and
        `PlanRefused` where there are too many earlier questions.
        """
        seat, work = self._seat, self._work
        ticket = handshake.make_offer(
            seat.identity, work.signed.hash, work.plan.nonce, seat.policy.terms, history=self._history()
        )
        plan = wire.SignedPlan(plan=work.signed.plan, signature=work.signed.signature)
        work.tell_holders()
        seat.mesh.tell(MeshFrame(offer=ticket.offer))
        seat.desk.tell(work.holders, ToHolder(job=plan))
        seat.desk.tell(work.holders, ToHolder(offer=ticket.offer))
        received = work.room.collect("offer", seat.peers, seat.deadlines.offers)
        received[seat.identity.name] = ticket.offer
        self._offers = [received[name] for name in seat.names]
        work.session = handshake.session_of(self._offers)
        self._keys = handshake.pair_keys(ticket, self._offers, seat.mesh.party, seat.consortium)

    def _history(self) -> bytes:
        """This party's list of earlier questions, packed; their plans are at hand for holders."""
        work = self._work
        self._entries = self._seat.ledger.earlier(work.plan.dataset, work.plan.study, work.plan.analyst)
        packed = history.pack(self._entries)
        work.remember({one.plan_hash: SignedPlan(one.plan, one.signature) for one in self._entries})
        return packed

    def ask(self) -> None:
        """Put the question beside the earlier ones that all remember, and ask the holders for their shares.

        Raises `HistoryLost` for a party that does not know what another one has answered.
        """
        work = self._work
        agreed = handshake.history_of(self._offers)
        counting = {entry.plan_hash: entry for entry in self._entries if entry.plan_hash in agreed}
        memory = self._seat.recollection
        earlier = [
            memory.recall(plan_hash, memory.plan(entry.plan), work.question, entry.cohorts)
            for plan_hash, entry in counting.items()
        ]
        compared = beside(work.question, earlier)
        self.compared = len(compared.earlier)
        self._decide(compared.question)
        work.ask(
            compared.question.query, [self._unlocked(counting[one.plan_hash]) for one in compared.earlier]
        )
        cohorts = [entry.cohorts for entry in counting.values()]
        ask = Ask(plan_hash=work.signed.hash, session=work.session, cohorts=cohorts)
        self._seat.desk.tell(work.holders, ToHolder(ask=ask))

    def _unlocked(self, entry: Entry) -> Entry:
        return replace(entry, opened=self._kept.unlock(entry.plan_hash, entry.opened))

    def _decide(self, question: Question) -> None:
        """Once more by this party's rules, now that earlier questions are known. Raises `PolicyRefused`."""
        refused = [entry.cohorts for entry in self._entries if entry.state is EntryState.REFUSED]
        case = case_of(question, "compute", refused=sum(refused))
        demand(decide(case, self._seat.policy), self._seat.identity.name)

    def compute(self) -> tuple[bytes, Channel]:
        """The result's sealed share, once all three release it, and the channel with its counters.

        Raises what a peer or a holder did wrong, and `PeerSilent` or `PeerVanished` for who is gone.
        """
        work = self._work
        channel = self._seat.mesh.open(work.session)
        work.use(channel)
        terms = self._collect_consents()
        work.room.collect("input", work.holders, self._seat.deadlines.inputs)
        _log.info("all inputs are here", job=work.signed.hash.hex()[:12], holders=len(work.holders))
        engine = self._seat.engine.result(self._seat.deadlines.inputs)
        self._await_peers_inputs()
        try:
            answer = engine.compute(channel, self._keys, work, terms)
        except TooClose:
            self._write_down(EntryState.REFUSED, terms)
            raise
        kept = self._kept.lock(work.signed.hash, engine.kept(answer))
        self._write_down(EntryState.PENDING, terms, kept)
        self._collect_verdicts()
        self._write_down(EntryState.ANSWERED, terms, kept)
        return self._seal(engine.content(answer)), channel

    def _collect_consents(self) -> Terms:
        """The terms that this party, its peers and all holders have in common."""
        work = self._work
        accepts = work.room.collect("accept", work.holders, self._seat.deadlines.accepts)
        plan = work.plan
        terms = replace(NONE, minimum_count=plan.minimum_count, differencing=plan.differencing)
        for offer in self._offers:  # as one that computes it demands all of its terms, asked or not
            terms &= from_wire(offer.terms, offer.party)
        for holder, accept in accepts.items():
            theirs = from_wire(accept.terms, holder)
            terms &= theirs.beside if holder in plan.beside else theirs
        for holder, accept in accepts.items():
            if accept.session != work.session:
                raise PlanMismatch(f"{holder} accepted another session.", culprit=holder)
        work.agree(terms)
        return terms

    def _await_peers_inputs(self) -> None:
        """Inputs may take minutes, a message of the computation may not: so nobody begins before all can."""
        seat, work = self._seat, self._work
        ready = Ready(plan_hash=work.signed.hash, session=work.session)
        seat.mesh.tell(MeshFrame(ready=ready))
        for peer, theirs in work.room.collect("ready", seat.peers, seat.deadlines.ready).items():
            if theirs != ready:
                raise PlanMismatch(f"{peer} is ready for another session.", culprit=peer)

    def _write_down(self, state: EntryState, terms: Terms, opened: bytes = b"") -> None:
        """What becomes of this question, for those that come after it. Raises `StorageError`."""
        work = self._work
        plan = work.plan
        entry = Entry(
            plan_hash=work.signed.hash,
            session=work.session,
            dataset=plan.dataset,
            study=plan.study,
            analyst=plan.analyst,
            plan=work.signed.plan,
            signature=work.signed.signature,
            created=plan.created,
            minimum_count=terms.minimum_count,
            asked=self._seat.clock(),
            state=state,
            cohorts=len(work.question.query.told),
            opened=opened,
        )
        self._seat.ledger.put(entry)

    def _collect_verdicts(self) -> None:
        seat, work = self._seat, self._work
        verdict = handshake.make_verdict(seat.identity, work.signed.hash, work.session)
        seat.mesh.tell(MeshFrame(verdict=verdict))
        verdicts = work.room.collect("verdict", seat.peers, seat.deadlines.verdicts)
        handshake.check_verdicts(verdicts, work.signed.hash, work.session, seat.consortium)

    def _seal(self, content: bytes) -> bytes:
        work = self._work
        recipient = bytes.fromhex(work.plan.recipient_key)
        return seal(recipient, content, result_context(work.signed.hash, work.session))


def _not_linked(name: str) -> PeerVanished:
    return PeerVanished(f"{name} is not connected.", remedy="Start its node and submit again.", culprit=name)
