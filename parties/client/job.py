"""A job: a signed plan that the compute parties run. It outlives the process that submitted it."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, Protocol

from rich.console import Console

from mpc.errors import CopyMismatch, JobError, PeerVanished, ProtocolAbort, SessionCancelled, TriuneError
from mpc.privacy.terms import Terms
from mpc.protocols.replicated.packages import reconstruct
from mpc.statistics.joint import JointQuery
from mpc.statistics.outcome import Outcome
from mpc.statistics.results import Facts, Predicted, Result, Spent
from parties.client.answers import FactsOf, combined_result, separate_results
from parties.client.connection import Connection
from parties.client.progress import ProgressBar
from parties.client.watching import Watchers
from parties.identity.consortium import Consortium
from parties.identity.keys import Identity
from parties.identity.seal import unseal
from parties.law.terms import from_wire
from parties.management.catalogue import Schema
from parties.query.compile import Question, compile_plan
from parties.query.disclosure import report
from parties.query.plan import Plan, SignedPlan, open_plan, result_context
from parties.query.prediction import Outlook, predict
from parties.wire import analyst_pb2 as pb
from parties.wire.status import from_status

#: States in the order in which a job passes through them; then the ways to end badly.
PROGRESS: Final = ("submitted", "validated", "approved", "running", "released")
FAILURES: Final = ("refused", "failed", "cancelled")
FINAL: Final = ("released", *FAILURES)
SHORT_HASH_DIGITS: Final = 12
_HELD_AT: Final = PROGRESS.index("running")


class Home(Protocol):
    """What a job needs of the space that it was asked in."""

    connection: Connection

    @property
    def identity(self) -> Identity:
        """Whose key opens the result."""

    @property
    def consortium(self) -> Consortium:
        """Who signs plans."""

    def schema_of(self, name: str, schema_hash: str) -> Schema:
        """The schema with this hash."""


@dataclass(frozen=True)
class JobState:
    """What the parties say of a job: the state of each, of the whole, why it failed, under which terms."""

    state: str
    parties: Mapping[str, str]
    error: TriuneError | None = None
    spent: Spent = field(default_factory=lambda: Spent(0.0, 0, {}))
    terms: Terms | None = None

    @property
    def final(self) -> bool:
        """Whether it has ended, well or badly."""
        return self.state in FINAL

    def __str__(self) -> str:
        told = ", ".join(f"{name} {state}" for name, state in self.parties.items())
        why = f" {self.error}" if self.error is not None else ""
        return f"{self.state} ({told}){why}"


class Job:
    """One submitted plan. `plan` is what was signed; `hash` names it everywhere."""

    def __init__(
        self,
        space: Home,
        plan: Plan,
        plan_hash: bytes,
        question: Question | None = None,
        outlook: Outlook | None = None,
    ) -> None:
        """`question`: the plan's, where it is known already; `outlook`: the space when it was submitted."""
        self._space = space
        self._question, self._outlook = question, outlook
        self._foresight: Future[Predicted | None] | None = None
        self.plan = plan
        self.hash = plan_hash.hex()

    @classmethod
    def known(cls, space: Home, signed: SignedPlan) -> Job:
        """A job that parties tell of; raises what `open_plan` raises."""
        return cls(space, open_plan(signed, space.consortium), signed.hash)

    def __repr__(self) -> str:
        return f"Job({self.short}, {self.title})"

    @property
    def short(self) -> str:
        """Enough of the hash for people."""
        return self.hash[:SHORT_HASH_DIGITS]

    @property
    def title(self) -> str:
        """What was asked, in words."""
        return self.plan.title

    @property
    def created(self) -> datetime:
        """When the plan was made."""
        return datetime.fromtimestamp(self.plan.created, UTC)

    def status(self) -> JobState:
        """What each compute party says now; one that does not answer is "unreachable"."""
        return combine(self._told())

    def _told(self) -> dict[str, pb.JobStatus | TriuneError | None]:
        """Each party's word on this job, None if it does not know it."""
        request = pb.ListRequest(plan_hash=bytes.fromhex(self.hash))
        replies = self._space.connection.attempt("List", request)
        return {
            name: reply if isinstance(reply, TriuneError) else next(iter(reply.jobs), None)
            for name, reply in replies.items()
        }

    def cancel(self) -> JobState:
        """Ends the job at all parties that answer. JobError if it has ended already."""
        replies = self._space.connection.attempt("Cancel", self._reference)
        errors = [reply for reply in replies.values() if isinstance(reply, TriuneError)]
        if len(errors) == len(replies):
            raise errors[0]
        state = combine(replies)
        if state.final and state.state != "cancelled":
            raise JobError(
                f"Job {self.short} had ended already as {state.state}.", remedy="There is nothing to cancel."
            )
        return state

    def wait(self, timeout: float | None = None) -> JobState:
        """Waits for the end, with progress on a terminal; JobError after `timeout` seconds.

        Ctrl-C on a terminal asks whether to detach (the job goes on) or to cancel.
        """
        try:
            return self._wait(timeout)
        except KeyboardInterrupt:
            if _asks_to_cancel(self.short):
                self.cancel()
                raise SessionCancelled(
                    f"You cancelled job {self.short}.", remedy="Submit the query again if you still need it."
                ) from None
            raise

    def result(self, timeout: float | None = None) -> Result:
        """The result: waits for it, fetches the three sealed shares, opens and compares them.

        A job of several statistics gives one table; `results` gives them apart. Raises the error of the
        party at fault if the job failed, and CopyMismatch if two copies of a component differ.
        """
        return combined_result(self.plan, *self._outcomes(timeout))

    def results(self, timeout: float | None = None) -> tuple[Result, ...]:
        """One result a statistic of the plan."""
        return separate_results(self.plan, *self._outcomes(timeout))

    @property
    def question(self) -> Question:
        """What the plan asks, for its schema; CatalogueError if nobody describes that any more."""
        if self._question is None:
            schema = self._space.schema_of(self.plan.dataset, self.plan.schema_hash)
            self._question = compile_plan(self.plan, schema)
        return self._question

    @property
    def _reference(self) -> pb.JobRef:
        return pb.JobRef(plan_hash=bytes.fromhex(self.hash))

    def _wait(self, timeout: float | None) -> JobState:
        deadline = None if timeout is None else time.monotonic() + timeout
        with Watchers(self._space.connection, self._reference) as watchers, ProgressBar(self.title) as bar:
            while True:
                state = combine(watchers.told)
                bar.update(state.state, _fraction(state))
                if state.final or watchers.ended:
                    return state
                if deadline is not None and time.monotonic() > deadline:
                    raise JobError(
                        f"Job {self.short} has not ended within {timeout:g} s; it goes on.",
                        remedy=f"Ask later: triune result {self.short}",
                    )
                watchers.wait()

    def _outcomes(self, timeout: float | None) -> tuple[list[list[Outcome]], FactsOf]:
        self._foresee()
        state = self.wait(timeout)
        if state.state != "released":
            raise state.error or JobError(
                f"Job {self.short} ended as {state.state}.", remedy="Submit the query again."
            )
        shares = self._space.connection.everywhere("Fetch", self._reference)
        query = self.question.query
        outcomes = query.at_recipient(self._open(query, shares))
        return outcomes, partial(self._facts, state, query.accuracy)

    def _foresee(self) -> None:
        """Predict while the parties compute: that takes the engine's shapes, which load slowly."""
        if self._outlook is not None and self._foresight is None:
            self._foresight = Future()
            threading.Thread(target=self._predict, args=(self._foresight, self._outlook)).start()

    def _predict(self, made: Future[Predicted | None], outlook: Outlook) -> None:
        try:
            made.set_result(predict(self.question, outlook.terms, outlook.links))
        except TriuneError:  # the parties will say so themselves, and better
            made.set_result(None)
        except Exception as error:  # noqa: BLE001 - who asks for it gets it
            made.set_exception(error)

    def _open(self, query: JointQuery, shares: Mapping[str, pb.SealedShare]) -> Any:
        sessions = {share.session for share in shares.values()}
        if len(sessions) != 1:
            raise CopyMismatch(
                f"The parties' shares of job {self.short} are of different sessions.",
                remedy="Do not use this result; submit the query again.",
            )
        private = self._space.identity.recipient_key(bytes.fromhex(self.plan.nonce))
        context = result_context(bytes.fromhex(self.hash), sessions.pop())
        copies = [unseal(private, share.sealed, context) for share in shares.values()]
        return reconstruct(copies, query.output_elements, list(shares))

    def _facts(self, state: JobState, accuracy: tuple[str, ...], outcomes: Sequence[Outcome]) -> Facts:
        holders = self.plan.asked
        policies = self._outlook.policies if self._outlook is not None else {}
        return Facts(
            state.spent,
            holders,
            self.hash,
            accuracy,
            terms=state.terms,
            foresight=self._foresight,
            disclosure=report(
                self.plan.analyst, holders, outcomes, state.terms, policies, state.spent.compared
            ),
        )


def combine(told: Mapping[str, pb.JobStatus | TriuneError | None]) -> JobState:
    """The state of the whole from what each party said; the least advanced counts, and any failure.

    None: the party has not said anything yet, or does not know the job.
    """
    names = {name: _state_of(reply) for name, reply in told.items()}
    failed = [state for state in names.values() if state in FAILURES]
    if failed:
        return JobState(failed[0], names, _error_of(told))
    unreachable = [reply for reply in told.values() if isinstance(reply, TriuneError)]
    known = [state for state in names.values() if state in PROGRESS]
    least = min(known, key=PROGRESS.index, default=PROGRESS[0])
    if unreachable:  # what the others released stays closed until the third answers
        least = min(least, PROGRESS[_HELD_AT], key=PROGRESS.index)
        return JobState(least, names, unreachable[0])
    complete = len(known) == len(names)
    return JobState(least if complete else PROGRESS[0], names, spent=_spent(told), terms=_terms(told))


def _terms(told: Mapping[str, pb.JobStatus | TriuneError | None]) -> Terms | None:
    """The terms of the session, which all three have compared before they computed. ProtocolAbort if not."""
    found = {
        name: from_wire(reply.terms, name)
        for name, reply in told.items()
        if isinstance(reply, pb.JobStatus) and reply.terms
    }
    if len(set(found.values())) > 1:
        raise ProtocolAbort(
            f"{', '.join(found)} tell of different terms of one job.",
            remedy="Do not use its result; ask the parties for their versions.",
        )
    return next(iter(found.values()), None)


def _spent(told: Mapping[str, pb.JobStatus | TriuneError | None]) -> Spent:
    """What the parties that told say that it took."""
    costs = {name: reply.cost for name, reply in told.items() if isinstance(reply, pb.JobStatus)}
    return Spent(
        seconds=max((cost.seconds for cost in costs.values()), default=0.0),
        rounds=max((cost.rounds for cost in costs.values()), default=0),
        bytes_sent_per_party={name: cost.bytes_sent for name, cost in costs.items()},
        compared=max((cost.compared for cost in costs.values()), default=None),
    )


def _state_of(reply: pb.JobStatus | TriuneError | None) -> str:
    if isinstance(reply, TriuneError):
        return "unreachable" if isinstance(reply, PeerVanished) else "unknown"
    return pb.JobState.Name(reply.state).lower() if reply is not None else "unknown"


def _error_of(told: Mapping[str, pb.JobStatus | TriuneError | None]) -> TriuneError | None:
    """The most telling error: one that names a culprit before one that does not."""
    replies = [reply for reply in told.values() if isinstance(reply, pb.JobStatus)]
    errors = [from_status(reply.error) for reply in replies if reply.HasField("error")]
    return next((error for error in errors if error.culprit), next(iter(errors), None))


def _fraction(state: JobState) -> float:
    place = PROGRESS.index(state.state) if state.state in PROGRESS else 0
    return place / (len(PROGRESS) - 1)


def _asks_to_cancel(short: str) -> bool:
    """Whether the person at the terminal wants the job to end; without a terminal nobody is asked."""
    console = Console(file=sys.stderr)
    if not (sys.stdin.isatty() and console.is_terminal):
        return False
    answer = console.input(f"\nJob {short}: (d)etach, it goes on without you, or (c)ancel it? ")
    if answer.strip().lower().startswith("c"):
        return True
    console.print(f"Detached. Ask later: triune result {short}")
    return False
