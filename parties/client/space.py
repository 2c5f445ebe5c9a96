"""The data space as an analyst enters it: data sets to ask, jobs to come back to."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final

from mpc.errors import CatalogueError, JobError, PeerVanished, TriuneError
from mpc.privacy.terms import Differencing, Terms
from mpc.statistics.statistic import nearest
from parties.client.connection import Analyst, Connection
from parties.client.dataset import Dataset
from parties.client.described import Described
from parties.client.job import Job
from parties.identity.consortium import Consortium
from parties.identity.keys import Identity
from parties.law.terms import joined
from parties.management.catalogue import Registration, Schema
from parties.query.builder import make_plan
from parties.query.compile import Question
from parties.query.explain import explain
from parties.query.plan import SignedPlan, StatisticSpec, sign_plan
from parties.query.prediction import Outlook
from parties.query.validation import dataset_schema, validate
from parties.wire import analyst_pb2 as pb
from parties.wire import common_pb2

HOLDERS_DEADLINE_S: Final = 30.0
_POLL_S: Final = 0.1


def connect(config: str | Path = "analyst.toml") -> Space:
    """Enters the data space with the analyst's keys; PeerVanished if a compute party does not answer."""
    space = Space(Connection(Analyst.load(Path(config))))
    try:
        space.registrations()
    except TriuneError:
        space.close()
        raise
    return space


class Space:
    """What three compute parties offer to one analyst. A context manager."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def __enter__(self) -> Space:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Space({self.consortium.name}, analyst {self.identity.name})"

    def close(self) -> None:
        """Ends the connections; jobs go on."""
        self.connection.close()

    @property
    def identity(self) -> Identity:
        """The analyst's keys."""
        return self.connection.analyst.identity

    @property
    def consortium(self) -> Consortium:
        """Who takes part."""
        return self.connection.analyst.consortium

    # --- data sets ------------------------------------------------------------------------------

    def registrations(self) -> tuple[Registration, ...]:
        """What holders have announced to all three compute parties, those included that are away now."""
        return self.connection.describe().registrations

    def datasets(self) -> dict[str, tuple[str, ...]]:
        """Data set -> its holders."""
        found: dict[str, tuple[str, ...]] = {}
        for item in self.registrations():
            found[item.dataset] = (*found.get(item.dataset, ()), item.holder)
        return found

    def holders_of(self, name: str) -> tuple[str, ...]:
        """Who holds the data set `name`."""
        return self.connection.describe().holders_of(name)

    def policies(self) -> dict[str, Terms]:
        """What each party demands of a release: holders as they last announced it, and compute parties."""
        return dict(self.connection.describe().policies)

    def terms(self, dataset: Dataset) -> Terms:
        """What the compute parties and the holders of a data set demand together: the strictest of each.

        Of holders that `at` leaves out, what they demand of a comparison.
        """
        told = self.connection.describe()
        return self._outlook(self._question(dataset, [StatisticSpec(kind="count")], told), told).terms

    def dataset(
        self,
        name: str,
        holders: str | Sequence[str] = (),
        timeout: float = HOLDERS_DEADLINE_S,
        study: str = "",
    ) -> Dataset:
        """The data set `name` of all its holders; one that is away when a question is asked ends it by name.

        With `holders`, of exactly these: waits up to `timeout` seconds until all are connected to all
        compute parties. `study` names what the questions are for: those of one study are compared with each
        other, whoever asks. Raises CatalogueError for an unknown data set, holders whose schemas differ, and
        holders that do not come; PeerVanished for a compute party that does not.
        """
        holders = (holders,) if isinstance(holders, str) else holders
        self._check_names(holders)
        chosen = self._await_holders(name, holders, timeout) if holders else self.registrations()
        return Dataset(self, dataset_schema(name, chosen), holders=tuple(holders), study=study)

    def _check_names(self, holders: Sequence[str]) -> None:
        known = [member.name for member in self.consortium.holders]
        for name in holders:
            if name not in known:
                raise CatalogueError(
                    f"{name} is no holder of this consortium.{nearest(name, known)}",
                    remedy=f"Its holders: {', '.join(known)}.",
                )

    def _await_holders(self, name: str, holders: Sequence[str], timeout: float) -> list[Registration]:
        deadline = time.monotonic() + timeout
        while True:
            late = time.monotonic() > deadline
            try:
                chosen = _chosen(self.registrations(), name, holders)
                missing = sorted(set(holders) - {item.holder for item in chosen})
                if not missing:
                    return chosen
                if late:
                    raise _not_offered(name, missing, timeout)
            except PeerVanished:  # a node that is just starting
                if late:
                    raise
            time.sleep(_POLL_S)

    def schema_of(self, name: str, schema_hash: str) -> Schema:
        """The schema with this hash, as one of its holders describes it."""
        for item in self.registrations():
            if item.dataset == name and item.catalogue.hash == schema_hash:
                return item.catalogue
        raise CatalogueError(
            f"Nobody describes {name} by the schema {schema_hash[:12]} now, so its result cannot be read.",
            remedy="Try again when one of its holders is connected.",
        )

    # --- plans and jobs -------------------------------------------------------------------------

    def question(self, dataset: Dataset, statistics: Sequence[StatisticSpec]) -> Question:
        """A question, checked here as every party will check it before its own policy decides."""
        return self._question(dataset, statistics, self.connection.describe())

    def _question(self, dataset: Dataset, statistics: Sequence[StatisticSpec], told: Described) -> Question:
        offered = [item for item in told.registrations if item.dataset == dataset.name]
        chosen = _chosen(offered, dataset.name, dataset.holders) if dataset.holders else offered
        asked = [item.holder for item in chosen]
        level = joined(told.policies, (*self.connection.parties, *asked)).differencing
        if level == Differencing.OFF:  # the others have nothing to compare
            offered = chosen
        else:
            parties = (*self.connection.parties, *(item.holder for item in offered))
            level = joined(told.policies, parties).differencing
        now = int(time.time())
        plan = make_plan(
            self.identity,
            self.consortium,
            offered,
            dataset.schema,
            statistics,
            now=now,
            at=asked if len(asked) < len(offered) else (),
            where=dataset.filter,
            group_by=dataset.groups,
            study=dataset.study,
            differencing=level,
        )
        return validate(plan, self.consortium, offered, now)

    def explain(self, dataset: Dataset, statistics: Sequence[StatisticSpec]) -> str:
        """What the question would do; nothing is submitted."""
        told = self.connection.describe()
        question = self._question(dataset, statistics, told)
        return "\n".join(explain(question, self._outlook(question, told)))

    def _outlook(self, question: Question, told: Described) -> Outlook:
        plan = question.plan
        parties = (*self.connection.parties, *(part.name for part in plan.holders))
        policies = {name: told.policies[name] for name in parties}
        only_beside = set(plan.beside).difference(self.connection.parties)
        policies |= {name: policies[name].beside for name in only_beside}
        terms = joined(policies, parties, plan.minimum_count)
        return Outlook(terms, policies, told.links, told.holders_of(plan.dataset))

    def submit(self, dataset: Dataset, statistics: Sequence[StatisticSpec]) -> Job:
        """Signs the plan, sends the same bytes to all three; ends it everywhere if one does not take it."""
        told = self.connection.describe()
        question = self._question(dataset, statistics, told)
        signed = sign_plan(question.plan, self.identity)
        job = Job(self, question.plan, signed.hash, question, self._outlook(question, told))
        wire = common_pb2.SignedPlan(plan=signed.plan, signature=signed.signature)
        replies = self.connection.attempt("Submit", pb.SubmitRequest(plan=wire))
        errors = [reply for reply in replies.values() if isinstance(reply, TriuneError)]
        if errors:
            self.connection.attempt("Cancel", pb.JobRef(plan_hash=signed.hash))
            raise errors[0]
        return job

    def jobs(self) -> list[Job]:
        """This analyst's jobs that any compute party knows, newest first."""
        found: dict[bytes, Job] = {}
        for status in self.connection.jobs():
            if status.plan_hash not in found:
                found[status.plan_hash] = Job.known(self, SignedPlan(status.plan.plan, status.plan.signature))
        return sorted(found.values(), key=lambda job: job.plan.created, reverse=True)

    def job(self, hash_prefix: str) -> Job:
        """The one job whose hash begins so; JobError if there is none or more than one."""
        found = [job for job in self.jobs() if job.hash.startswith(hash_prefix.lower())]
        if len(found) != 1:
            what = "No job's hash begins" if not found else f"{len(found)} jobs' hashes begin"
            raise JobError(
                f"{what} with {hash_prefix}.", remedy="`triune jobs` lists them; give more digits."
            )
        return found[0]


def _chosen(offered: Sequence[Registration], name: str, holders: Sequence[str]) -> list[Registration]:
    return [item for item in offered if item.dataset == name and item.holder in holders]


def _not_offered(name: str, missing: Sequence[str], timeout: float) -> CatalogueError:
    return CatalogueError(
        f"{', '.join(missing)} did not offer {name} to all compute parties within {timeout:g} s.",
        remedy="Ask whether their nodes run and the data set is registered, or leave them out.",
        culprit=missing[0],
    )
