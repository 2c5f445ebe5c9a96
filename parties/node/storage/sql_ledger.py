"""The ledger in SQLite, or PostgreSQL by URL, beside the jobs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, and_, or_, select

from parties.node.history import Entry, EntryState
from parties.node.storage.base import Ledger
from parties.node.storage.tables import LEDGER, write


class SqlLedger(Ledger):
    """Entries as rows. `opened` begins a transaction."""

    def __init__(self, opened: Callable[[], AbstractContextManager[Connection]]) -> None:
        self._opened = opened

    def put(self, entry: Entry) -> None:
        with self._opened() as connection:
            write(connection, LEDGER, asdict(entry) | {"state": entry.state.value})

    def earlier(self, dataset: str, study: str, analyst: str) -> list[Entry]:
        columns = LEDGER.c
        same = or_(columns.analyst == analyst, and_(columns.study == study, columns.study != ""))
        query = select(LEDGER).where(columns.dataset == dataset, same)
        query = query.order_by(columns.created, columns.plan_hash)
        with self._opened() as connection:
            return [_to_entry(row) for row in connection.execute(query)]


def _to_entry(row: Row[Any]) -> Entry:
    return Entry(**{**row._mapping, "state": EntryState(row.state)})
