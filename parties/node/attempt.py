"""One attempt of a plan at a compute party: from the offers to a sealed share.

    links > offers > session and keys > inputs > everybody has them > shares > verdicts > seal

Nothing is sealed before the three signed verdicts for this session are held.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import structlog

from mpc.channel import Channel
from mpc.errors import PeerVanished, PlanMismatch
from mpc.privacy.terms import NONE, Terms
from mpc.randomness import PairKeys
from parties.identity.consortium import Consortium
from parties.identity.keys import Identity
from parties.identity.seal import seal
from parties.law.rules import Policy
from parties.law.terms import from_wire
from parties.node import handshake
from parties.node.deadlines import Deadlines
from parties.node.desk import HolderDesk, not_attached
from parties.node.transport.mesh import Mesh
from parties.node.work import Work
from parties.query.plan import result_context
from parties.wire import common_pb2 as wire
from parties.wire.holder_pb2 import ToHolder
from parties.wire.mesh_pb2 import MeshFrame, Ready

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

    def agree_session(self) -> None:
        """Exchange offers; from then on the work has its session, and this attempt its keys.

        Raises `PeerSilent` for a peer without an offer, `PeerVanished` for a holder that has left.
        """
        seat, work = self._seat, self._work
        ticket = handshake.make_offer(seat.identity, work.signed.hash, work.plan.nonce, seat.policy.terms)
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
        released = engine.compute(channel, self._keys, work, terms)
        self._collect_verdicts()
        return self._seal(engine.content(released)), channel

    def _collect_consents(self) -> Terms:
        """The terms that this party, its peers and all holders have in common."""
        work = self._work
        accepts = work.room.collect("accept", work.holders, self._seat.deadlines.accepts)
        terms = replace(NONE, minimum_count=work.plan.minimum_count)
        for message in (*self._offers, *accepts.values()):
            terms &= from_wire(message.terms, message.party)
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
