"""One job in memory: what was asked, what has arrived for it, and how far it has come.

It ends once: the first `end` gives the reason, and wakes whatever its thread waits for.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from mpc.channel import Channel
from mpc.errors import ProtocolAbort, TriuneError
from mpc.privacy.terms import Terms
from mpc.protocols.replicated.packages import InputPackage
from mpc.statistics.joint import JointQuery
from mpc.statistics.program import Block
from parties.law.terms import to_wire
from parties.node.history import Entry
from parties.node.jobs import Job
from parties.node.room import Room
from parties.query.compile import Question
from parties.query.plan import SignedPlan
from parties.wire.common_pb2 import Accept
from parties.wire.holder_pb2 import InputShare

MAX_SHARE_BYTES = 1 << 20


@dataclass
class _Buffer:
    """An input block of a holder as it comes in: room for exactly what the plan implies."""

    elements: int
    content: bytearray
    filled: int = 0

    def take(self, piece: InputShare) -> bool:
        """Add the next piece; False if it is not that."""
        size = len(piece.payload)
        end = self.filled + size
        total = len(self.content)
        if (
            piece.total != total
            or piece.offset != self.filled
            or not 0 < size <= MAX_SHARE_BYTES
            or end > total
        ):
            return False
        self.content[self.filled : end] = piece.payload
        self.filled = end
        return True

    def give_up(self) -> None:
        """The words are shares now."""
        self.content = bytearray()
        self.filled = 0


@dataclass
class _Input:
    """What one holder sends for the session that it accepted."""

    session: bytes
    blocks: dict[str, _Buffer] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        return all(block.filled == len(block.content) for block in self.blocks.values())


class Work:
    """A running job. Any thread may call; nothing here waits, except `wait_beyond`."""

    def __init__(self, party: int, question: Question, signed: SignedPlan, room: Room, job: Job) -> None:
        self.question, self.plan, self.signed, self.room = question, question.plan, signed, room
        self.holders = tuple(part.name for part in self.plan.holders)
        self.session = b""
        self.error: TriuneError | None = None
        #: Held while the job's record is changed and written down, so that records are in order.
        self.writing = threading.Lock()
        self._party = party
        self._job = job
        self._channel: Channel | None = None
        self._holders_told = False
        self._query: JointQuery | None = None
        self._earlier: Mapping[bytes, SignedPlan] = {}
        #: with which the question is compared, in the order of its guard
        self.earlier: tuple[Entry, ...] = ()
        self._accepted: dict[str, bytes] = {}
        self._inputs: dict[str, _Input] = {}
        self._changed = threading.Condition()

    # --- states ---------------------------------------------------------------------------------

    @property
    def job(self) -> Job:
        """The job as it stands now."""
        return self._job

    def become(self, job: Job) -> None:
        """The job goes on; wakes who waits for that. The caller holds `writing`."""
        with self._changed:
            self._job = job
            self._changed.notify_all()

    def agree(self, terms: Terms) -> None:
        """What all parties of the session demand together; the job's next record has it."""
        with self.writing:
            self.become(replace(self._job, terms=to_wire(terms).decode()))

    def wait_beyond(self, state: str, timeout_s: float) -> None:
        """Until the job is in another state than this, or the time is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._job.state != state, timeout_s)

    def end(self, error: TriuneError) -> bool:
        """End the job with this error; False if it has ended already, with another one."""
        with self._changed:
            if self.error is not None:
                return False
            self.error = error
            channel = self._channel
        self.room.fail(error)
        if channel is not None:
            channel.fail(error)
        return True

    def check(self) -> None:
        """Raises the error that the job ended with, if it has."""
        if self.error is not None:
            raise self.error

    def use(self, channel: Channel) -> None:
        """The channel of the session, which fails when the job ends."""
        with self._changed:
            self._channel = channel
            error = self.error
        if error is not None:
            channel.fail(error)

    # --- what is asked ---------------------------------------------------------------------------

    def remember(self, earlier: Mapping[bytes, SignedPlan]) -> None:
        """The plans of this party's list of earlier questions, by hash: holders may want them."""
        self._earlier = earlier

    def earlier_plan(self, holder: str, plan_hash: bytes) -> SignedPlan:
        """A plan that a holder wants; `ProtocolAbort`, which names it, if it is not in the list."""
        found = self._earlier.get(plan_hash)
        if found is None:
            raise ProtocolAbort(
                f"{holder} wants a plan that does not concern the job.",
                remedy="Make sure that it runs the same version of Triune.",
                culprit=holder,
            )
        return found

    def ask(self, query: JointQuery, earlier: Sequence[Entry] = ()) -> None:
        """What is computed, beside the `earlier` questions in its order: it is known now what holders share.

        Makes room for the inputs of those who have accepted already.
        """
        self.earlier = tuple(earlier)
        with self._changed:
            self._query = query
            self._make_room()

    @property
    def query(self) -> JointQuery:
        """What is computed; `ProtocolAbort` before `ask`."""
        if self._query is None:
            raise ProtocolAbort("It is not agreed yet what this job computes.", remedy="Report this.")
        return self._query

    # --- inputs ---------------------------------------------------------------------------------

    def tell_holders(self) -> None:
        """From now on the holders' part depends on the streams that they have now."""
        self._holders_told = True

    def needs(self, holder: str) -> bool:
        """Whether the job ends if this holder's stream does: it has been asked, and owes an input."""
        if not self._holders_told or holder not in self.holders:
            return False
        with self._changed:
            given = self._inputs.get(holder)
            return given is None or not given.complete

    def take_accept(self, holder: str, accept: Accept) -> None:
        """A holder's consent, whose signature has been checked. Makes room for its input, now or at `ask`.

        Raises `ProtocolAbort` for a second, different one.
        """
        self.room.put("accept", holder, accept)
        with self._changed:
            self._accepted.setdefault(holder, accept.session)
            self._make_room()

    def _make_room(self) -> None:
        """For each holder that has accepted, once it is known for what. The caller holds `_changed`."""
        if self._query is None:
            return
        for holder in self._accepted.keys() - self._inputs.keys():
            sizes = {block.name: block.elements for block in self._blocks(holder)}
            buffers = {
                name: _Buffer(elements, bytearray(InputPackage.size(self._party, elements)))
                for name, elements in sizes.items()
            }
            self._inputs[holder] = _Input(self._accepted[holder], buffers)

    def take_share(self, holder: str, piece: InputShare) -> bool:
        """A piece of a holder's input; False if it is for another session.

        Raises `ProtocolAbort`, which names the holder, for a piece that does not fit the plan.
        """
        with self._changed:
            given = self._inputs.get(holder)
            if given is None or given.session != piece.session:
                return False
            block = given.blocks.get(piece.block)
            if block is None or not block.take(piece):
                raise ProtocolAbort(
                    f"{holder} sent an input that does not fit the plan.",
                    remedy="Make sure that it runs the same version of Triune.",
                    culprit=holder,
                )
            complete = given.complete
        if complete:
            self.room.put("input", holder, True)
        return True

    def packages_of(self, holder: str) -> dict[str, InputPackage]:
        """A holder's complete input by block; its bytes are given up."""
        made = {}
        for name, block in self._inputs[holder].blocks.items():
            made[name] = InputPackage.from_bytes(self._party, memoryview(block.content), block.elements)
            block.give_up()
        return made

    def forget(self) -> None:
        """The job is over: nothing that was shared stays."""
        with self._changed:
            self._inputs.clear()
            self._accepted.clear()
            self._earlier = {}
            self._channel = None

    def _blocks(self, holder: str) -> Sequence[Block]:
        return self.query.blocks_for(self.holders.index(holder))
