"""Jobs and sealed results in SQLite, or PostgreSQL by URL."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from dataclasses import asdict
from typing import Any, Self

from sqlalchemy import ColumnElement, Connection, Engine, Row, Select, select

from parties.node.jobs import NEXT, Fault, Job, JobCost, State
from parties.node.storage.base import JobStore, Ledger
from parties.node.storage.database import open_database
from parties.node.storage.sql_ledger import SqlLedger
from parties.node.storage.tables import JOBS, RESULTS, opened, write

_OPEN_STATES = tuple(state.value for state in State if NEXT[state])


class SqlStore(JobStore):
    """Jobs as rows of SQLite or PostgreSQL. `transcripts` are evidence; no command shows them yet."""

    def __init__(self, engine: Engine, owner: str) -> None:
        self._owner, self._engine = owner, engine

    @classmethod
    def open(cls, url: str, owner: str, *, read_only: bool = False) -> Self:
        return cls(open_database(url, read_only=read_only), owner)

    @property
    def ledger(self) -> Ledger:
        return SqlLedger(self._opened)

    def _opened(self) -> AbstractContextManager[Connection]:
        return opened(self._engine, self._owner)

    def close(self) -> None:
        self._engine.dispose()

    def put(self, job: Job) -> None:
        with self._opened() as connection:
            write(connection, JOBS, _to_row(job))

    def put_result(self, job: Job, sealed: bytes) -> None:
        with self._opened() as connection:
            write(connection, JOBS, _to_row(job))
            write(connection, RESULTS, {"plan_hash": job.plan_hash, "sealed": sealed})

    def get(self, plan_hash: bytes) -> Job | None:
        return self._first(JOBS.c.plan_hash == plan_hash)

    def by_nonce(self, nonce: str) -> Job | None:
        return self._first(JOBS.c.nonce == nonce)

    def jobs(
        self, analyst: str | None = None, *, before: float | None = None, limit: int | None = None
    ) -> list[Job]:
        query = select(JOBS).order_by(JOBS.c.created.desc()).limit(limit)
        if analyst is not None:
            query = query.where(JOBS.c.analyst == analyst)
        if before is not None:
            query = query.where(JOBS.c.created < before)
        return self._all(query)

    def unfinished(self) -> list[Job]:
        return self._all(select(JOBS).where(JOBS.c.state.in_(_OPEN_STATES)).order_by(JOBS.c.created))

    def result(self, plan_hash: bytes) -> bytes | None:
        query = select(RESULTS.c.sealed).where(RESULTS.c.plan_hash == plan_hash)
        with self._opened() as connection:
            sealed: bytes | None = connection.scalar(query)
            return sealed

    def _first(self, condition: ColumnElement[bool]) -> Job | None:
        return next(iter(self._all(select(JOBS).where(condition))), None)

    def _all(self, query: Select[Any]) -> list[Job]:
        with self._opened() as connection:
            return [_to_job(row) for row in connection.execute(query)]


def _to_row(job: Job) -> dict[str, Any]:
    return {
        "plan_hash": job.plan_hash,
        "nonce": job.nonce,
        "analyst": job.analyst,
        "plan": job.plan,
        "signature": job.signature,
        "created": job.created,
        "updated": job.updated,
        "state": job.state.value,
        "session": job.session,
        "fault": json.dumps(asdict(job.fault) if job.fault else None),
        # Beside the cost, so that databases of before need no new column.
        "cost": json.dumps({**asdict(job.cost), "terms": job.terms}),
        "transcripts": json.dumps(dict(job.transcripts)),
    }


def _to_job(row: Row[Any]) -> Job:
    fault, cost = json.loads(row.fault), json.loads(row.cost)
    terms = cost.pop("terms", "")
    return Job(
        plan_hash=row.plan_hash,
        nonce=row.nonce,
        analyst=row.analyst,
        plan=row.plan,
        signature=row.signature,
        created=row.created,
        updated=row.updated,
        state=State(row.state),
        session=row.session,
        fault=Fault(**fault) if fault else None,
        cost=JobCost(**cost),
        transcripts={peer: tuple(pair) for peer, pair in json.loads(row.transcripts).items()},
        terms=terms,
    )
