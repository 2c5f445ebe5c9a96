"""One attempt of a plan at a compute party: from the offers to a sealed share.

    links > offers > session and keys > inputs > shares > verdicts > seal

Nothing is sealed before the three signed verdicts for this session are held.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mpc.channel import Channel
from mpc.errors import PeerVanished, PlanMismatch
from mpc.kernels import Kernels
from mpc.privacy.gate import Released
from mpc.privacy.terms import Terms
from mpc.protocols.replicated.packages import InputPackage
from mpc.protocols.replicated.shares import ReplicatedShare, result_to_bytes
from mpc.randomness import PairKeys
from mpc.session import Session
from mpc.statistics.joint import JointQuery
from parties.identity.consortium import Consortium
from parties.identity.keys import Identity
from parties.identity.seal import seal
from parties.law.rules import Policy
from parties.law.terms import from_wire
from parties.node import handshake
from parties.node.desk import HolderDesk, not_attached
from parties.node.room import Room
from parties.node.transport.mesh import Mesh
from parties.query.plan import Plan, SignedPlan, result_context
from parties.wire import common_pb2 as wire
from parties.wire.holder_pb2 import ToHolder
from parties.wire.mesh_pb2 import MeshFrame

#: How long a holder of the plan may take to attach, and a party to answer a handshake (seconds).
HOLDER_WAIT_S = 8.0
HANDSHAKE_TIMEOUT_S = 8.0
#: How long all inputs may take: holders read and aggregate their files meanwhile (seconds).
INPUT_TIMEOUT_S = 300.0


@dataclass(frozen=True)
class Seat:
    """Who this compute party is, what it asks for, and whom it can reach."""

    identity: Identity
    consortium: Consortium
    policy: Policy
    desk: HolderDesk
    mesh: Mesh
    kernels: Kernels

    @property
    def names(self) -> tuple[str, ...]:
        """The compute parties in their order."""
        return self.mesh.names

    @property
    def peers(self) -> tuple[str, ...]:
        return tuple(name for name in self.names if name != self.identity.name)


@dataclass
class Work:
    """One job in memory: its plan, its query, and the room where its messages arrive."""

    plan: Plan
    signed: SignedPlan
    query: JointQuery
    room: Room
    session: bytes = b""
    ended: bool = False  # the others know
    shares: dict[str, dict[str, ReplicatedShare]] = field(default_factory=dict)

    @property
    def holders(self) -> tuple[str, ...]:
        return tuple(part.name for part in self.plan.holders)


class Attempt:
    """The steps of one attempt, in the order in which they are called."""

    def __init__(self, seat: Seat, work: Work) -> None:
        self._seat, self._work = seat, work
        self._offers: list[wire.Offer] = []
        self._keys: PairKeys

    def wait_for_links(self) -> None:
        """Until all holders of the plan and both peers are connected; `PeerVanished` names who is not."""
        room, mesh, peers = self._work.room, self._seat.mesh, self._seat.peers
        absent = self._seat.desk.missing
        if not room.wait_until(lambda: not absent(self._work.holders), HOLDER_WAIT_S):
            raise not_attached(absent(self._work.holders)[0])
        if not room.wait_until(lambda: len(mesh.linked()) == len(peers), HANDSHAKE_TIMEOUT_S):
            raise _not_linked(next(peer for peer in peers if peer not in mesh.linked()))

    def agree_session(self) -> None:
        """Exchange offers; from then on the work has its session, and this attempt its keys."""
        seat, work = self._seat, self._work
        ticket = handshake.make_offer(seat.identity, work.signed.hash, work.plan.nonce, seat.policy.terms)
        plan = wire.SignedPlan(plan=work.signed.plan, signature=work.signed.signature)
        seat.mesh.tell(MeshFrame(offer=ticket.offer))
        seat.desk.tell(work.holders, ToHolder(job=plan))
        seat.desk.tell(work.holders, ToHolder(offer=ticket.offer))
        received = work.room.collect("offer", seat.peers, HANDSHAKE_TIMEOUT_S)
        received[seat.identity.name] = ticket.offer
        self._offers = [received[name] for name in seat.names]
        work.session = handshake.session_of(self._offers)
        self._keys = handshake.pair_keys(ticket, self._offers, seat.mesh.party, seat.consortium)

    def compute(self) -> tuple[bytes, Channel]:
        """The result's sealed share, once all three release it, and the channel with its counters."""
        work = self._work
        terms = self._collect_inputs()
        channel = self._seat.mesh.open(work.session)
        work.room.check()
        session = Session(channel, self._keys, kernels=self._seat.kernels)
        digest = handshake.parameters_digest(work.signed.hash, terms, work.holders)
        inputs = {holder: work.shares[holder] for holder in work.holders}
        released = work.query.compute(session, inputs, terms, digest)
        self._collect_verdicts()
        return self._seal(released), channel

    def _collect_inputs(self) -> Terms:
        """Every holder's consent and shares; the terms that all parties have in common."""
        work = self._work
        accepts = work.room.collect("accept", work.holders, HANDSHAKE_TIMEOUT_S + HOLDER_WAIT_S)
        for holder, accept in accepts.items():
            handshake.check_accept(accept, holder, self._seat.consortium)
            if accept.session != work.session or accept.plan_hash != work.signed.hash:
                raise PlanMismatch(f"{holder} accepted another session.", culprit=holder)
        packages = work.room.collect("input", work.holders, INPUT_TIMEOUT_S)
        for place, holder in enumerate(work.holders):
            work.shares[holder] = self._unpack(place, packages[holder])
        terms = Terms(work.plan.minimum_count, allow_extremes=True)
        for message in (*self._offers, *accepts.values()):
            terms &= from_wire(message.terms, message.party)
        return terms

    def _unpack(self, place: int, packages: dict[str, bytes]) -> dict[str, ReplicatedShare]:
        party = self._seat.mesh.party
        return {
            block.name: ReplicatedShare.of(
                InputPackage.from_bytes(party, packages[block.name], block.elements)
            )
            for block in self._work.query.blocks_for(place)
        }

    def _collect_verdicts(self) -> None:
        seat, work = self._seat, self._work
        verdict = handshake.make_verdict(seat.identity, work.signed.hash, work.session)
        seat.mesh.tell(MeshFrame(verdict=verdict))
        verdicts = work.room.collect("verdict", seat.peers, HANDSHAKE_TIMEOUT_S)
        handshake.check_verdicts(verdicts, work.signed.hash, work.session, seat.consortium)

    def _seal(self, released: Released) -> bytes:
        work = self._work
        recipient = bytes.fromhex(work.plan.recipient_key)
        return seal(
            recipient, result_to_bytes(released.words.share), result_context(work.signed.hash, work.session)
        )


def _not_linked(name: str) -> PeerVanished:
    return PeerVanished(f"{name} is not connected.", remedy="Start its node and submit again.", culprit=name)
