"""The tables of a node's database as the code sees them; `migrations` makes them. A test compares the two."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import structlog
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    insert,
    update,
)
from sqlalchemy.exc import SQLAlchemyError

from mpc.errors import StorageError

METADATA: Final = MetaData()
JOBS: Final = Table(
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
RESULTS: Final = Table(
    "results",
    METADATA,
    Column("plan_hash", LargeBinary(32), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)
LEDGER: Final = Table(
    "ledger",
    METADATA,
    Column("plan_hash", LargeBinary(32), primary_key=True),
    Column("session", LargeBinary(32), nullable=False),
    Column("dataset", String(64), nullable=False, index=True),
    Column("study", String(64), nullable=False),
    Column("analyst", String(32), nullable=False),
    Column("plan", LargeBinary, nullable=False),
    Column("signature", LargeBinary(64), nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("minimum_count", Integer, nullable=False),
    Column("asked", Float, nullable=False),
    Column("state", String(16), nullable=False),
    Column("cohorts", Integer, nullable=False),
    Column("opened", LargeBinary, nullable=False),
)
_log = structlog.get_logger("triune.storage")


@contextmanager
def opened(engine: Engine, owner: str) -> Iterator[Connection]:
    """A transaction; `StorageError`, which names the owner, if the database fails."""
    try:
        with engine.begin() as connection:
            yield connection
    except SQLAlchemyError as error:
        _log.error("database failed", kind=type(error).__name__, exc_info=error)
        raise StorageError(
            f"The database of {owner} failed ({type(error).__name__}).",
            remedy="Its operator finds the reason in the node's log. Submit the query again afterwards.",
            culprit=owner,
        ) from None


def write(connection: Connection, table: Table, row: dict[str, Any]) -> None:
    """Update, or insert. It begins with a write: SQLite refuses a reader that becomes a writer too late."""
    known = table.c.plan_hash == row["plan_hash"]
    if not connection.execute(update(table).where(known).values(row)).rowcount:
        connection.execute(insert(table).values(row))
