"""Jobs and sealed results in SQLite, or PostgreSQL by URL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Self

import structlog
from sqlalchemy import Engine, Float, LargeBinary, String, Text, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

from mpc.errors import StorageError
from parties.node.jobs import NEXT, Fault, Job, JobCost, State
from parties.node.storage.base import JobStore
from parties.node.storage.database import open_database

_OPEN_STATES = tuple(state.value for state in State if NEXT[state])
_log = structlog.get_logger("triune.storage")


class Base(DeclarativeBase):
    """The tables as the code sees them; `migrations` makes them. A test compares the two."""


class _JobRow(Base):
    __tablename__ = "jobs"

    plan_hash: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    nonce: Mapped[str] = mapped_column(String(32), unique=True)
    analyst: Mapped[str] = mapped_column(String(32), index=True)
    plan: Mapped[bytes] = mapped_column(LargeBinary)
    signature: Mapped[bytes] = mapped_column(LargeBinary(64))
    created: Mapped[float] = mapped_column(Float, index=True)
    updated: Mapped[float] = mapped_column(Float)
    state: Mapped[str] = mapped_column(String(16))
    session: Mapped[bytes] = mapped_column(LargeBinary(32))
    fault: Mapped[str] = mapped_column(Text)
    cost: Mapped[str] = mapped_column(Text)
    transcripts: Mapped[str] = mapped_column(Text)


class _ResultRow(Base):
    __tablename__ = "results"

    plan_hash: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)


class SqlStore(JobStore):
    """Jobs as rows of SQLite or PostgreSQL. `transcripts` are kept for comparing what two parties saw."""

    def __init__(self, engine: Engine, owner: str) -> None:
        self._owner, self._engine = owner, engine
        self._session = sessionmaker(engine)

    @classmethod
    def open(cls, url: str, owner: str, *, read_only: bool = False) -> Self:
        return cls(open_database(url, read_only=read_only), owner)

    @contextmanager
    def _opened(self) -> Iterator[Session]:
        """A transaction; `StorageError` if the database fails."""
        try:
            with self._session.begin() as session:
                yield session
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
        with self._opened() as session:
            session.merge(_to_row(job))

    def get(self, plan_hash: bytes) -> Job | None:
        with self._opened() as session:
            row = session.get(_JobRow, plan_hash)
            return None if row is None else _to_job(row)

    def by_nonce(self, nonce: str) -> Job | None:
        with self._opened() as session:
            row = session.scalar(select(_JobRow).where(_JobRow.nonce == nonce))
            return None if row is None else _to_job(row)

    def jobs(
        self, analyst: str | None = None, *, before: float | None = None, limit: int | None = None
    ) -> list[Job]:
        query = select(_JobRow).order_by(_JobRow.created.desc()).limit(limit)
        if analyst is not None:
            query = query.where(_JobRow.analyst == analyst)
        if before is not None:
            query = query.where(_JobRow.created < before)
        with self._opened() as session:
            return [_to_job(row) for row in session.scalars(query)]

    def unfinished(self) -> list[Job]:
        query = select(_JobRow).where(_JobRow.state.in_(_OPEN_STATES)).order_by(_JobRow.created)
        with self._opened() as session:
            return [_to_job(row) for row in session.scalars(query)]

    def put_result(self, job: Job, sealed: bytes) -> None:
        with self._opened() as session:
            session.merge(_to_row(job))
            session.merge(_ResultRow(plan_hash=job.plan_hash, sealed=sealed))

    def result(self, plan_hash: bytes) -> bytes | None:
        with self._opened() as session:
            row = session.get(_ResultRow, plan_hash)
            return None if row is None else row.sealed


def _to_row(job: Job) -> _JobRow:
    return _JobRow(
        plan_hash=job.plan_hash,
        nonce=job.nonce,
        analyst=job.analyst,
        plan=job.plan,
        signature=job.signature,
        created=job.created,
        updated=job.updated,
        state=job.state.value,
        session=job.session,
        fault=json.dumps(asdict(job.fault) if job.fault else None),
        cost=json.dumps(asdict(job.cost)),
        transcripts=json.dumps(dict(job.transcripts)),
    )


def _to_job(row: _JobRow) -> Job:
    fault = json.loads(row.fault)
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
        cost=JobCost(**json.loads(row.cost)),
        transcripts={peer: tuple(pair) for peer, pair in json.loads(row.transcripts).items()},
    )
