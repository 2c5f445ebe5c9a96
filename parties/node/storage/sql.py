"""Jobs and sealed results in SQLite, or PostgreSQL by URL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, Final, Self

import structlog
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Engine,
    Float,
    LargeBinary,
    MetaData,
    Row,
    Select,
    String,
    Table,
    Text,
    insert,
    select,
    update,
)
from sqlalchemy.exc import SQLAlchemyError

from mpc.errors import StorageError
from parties.node.jobs import NEXT, Fault, Job, JobCost, State
from parties.node.storage.base import JobStore
from parties.node.storage.database import open_database

_OPEN_STATES = tuple(state.value for state in State if NEXT[state])
_log = structlog.get_logger("triune.storage")


#: The tables as the code sees them; `migrations` makes them. A test compares the two.
METADATA: Final = MetaData()
_JOBS: Final = Table(
    "jobs",
    METADATA,
    Column("plan_hash", LargeBinary(32), primary_key=True),
    Column("nonce", String(32), nullable=False, unique=True),
    Column("analyst", String(32), nullable=False, index=True),
    Column("plan", LargeBinary, nullable=False),
    Column("signature", LargeBinary(64), nullable=False),
    Column("created", Float, nullable=False, index=True),
    Column("updated", Float, nullable=False),
    Column("state", String(16), nullable=False),
    Column("session", LargeBinary(32), nullable=False),
    Column("fault", Text, nullable=False),
    Column("cost", Text, nullable=False),
    Column("transcripts", Text, nullable=False),
)
_RESULTS: Final = Table(
    "results",
    METADATA,
    Column("plan_hash", LargeBinary(32), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)


class SqlStore(JobStore):
    """Jobs as rows of SQLite or PostgreSQL. `transcripts` are evidence; no command shows them yet."""

    def __init__(self, engine: Engine, owner: str) -> None:
        self._owner, self._engine = owner, engine

    @classmethod
    def open(cls, url: str, owner: str, *, read_only: bool = False) -> Self:
        return cls(open_database(url, read_only=read_only), owner)

    @contextmanager
    def _opened(self) -> Iterator[Connection]:
        """A transaction; `StorageError` if the database fails."""
        try:
            with self._engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            _log.error("database failed", kind=type(error).__name__, exc_info=error)
            raise StorageError(
                f"The database of {self._owner} failed ({type(error).__name__}).",
                remedy="Its operator finds the reason in the node's log. Submit the query again afterwards.",
                culprit=self._owner,
            ) from None

    def close(self) -> None:
        self._engine.dispose()

    def put(self, job: Job) -> None:
        with self._opened() as connection:
            _write(connection, _JOBS, _to_row(job))

    def put_result(self, job: Job, sealed: bytes) -> None:
        with self._opened() as connection:
            _write(connection, _JOBS, _to_row(job))
            _write(connection, _RESULTS, {"plan_hash": job.plan_hash, "sealed": sealed})

    def get(self, plan_hash: bytes) -> Job | None:
        return self._first(_JOBS.c.plan_hash == plan_hash)

    def by_nonce(self, nonce: str) -> Job | None:
        return self._first(_JOBS.c.nonce == nonce)

    def jobs(
        self, analyst: str | None = None, *, before: float | None = None, limit: int | None = None
    ) -> list[Job]:
        query = select(_JOBS).order_by(_JOBS.c.created.desc()).limit(limit)
        if analyst is not None:
            query = query.where(_JOBS.c.analyst == analyst)
        if before is not None:
            query = query.where(_JOBS.c.created < before)
        return self._all(query)

    def unfinished(self) -> list[Job]:
        return self._all(select(_JOBS).where(_JOBS.c.state.in_(_OPEN_STATES)).order_by(_JOBS.c.created))

    def result(self, plan_hash: bytes) -> bytes | None:
        query = select(_RESULTS.c.sealed).where(_RESULTS.c.plan_hash == plan_hash)
        with self._opened() as connection:
            sealed: bytes | None = connection.scalar(query)
            return sealed

    def _first(self, condition: ColumnElement[bool]) -> Job | None:
        return next(iter(self._all(select(_JOBS).where(condition))), None)

    def _all(self, query: Select[Any]) -> list[Job]:
        with self._opened() as connection:
            return [_to_job(row) for row in connection.execute(query)]


def _write(connection: Connection, table: Table, row: dict[str, Any]) -> None:
    """Update, or insert. It begins with a write: SQLite refuses a reader that becomes a writer too late."""
    known = table.c.plan_hash == row["plan_hash"]
    if not connection.execute(update(table).where(known).values(row)).rowcount:
        connection.execute(insert(table).values(row))


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
