"""Kinds of job stores: the contract over SQLite, PostgreSQL, and one in memory that only this file knows."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import ClassVar, Self

import pytest

from mpc.errors import ConfigError, StorageError
from parties.node.history import Entry, concerns, order
from parties.node.jobs import Job
from parties.node.storage import table
from parties.node.storage.base import JobStore, Ledger
from parties.node.storage.database import sqlite_url
from parties.node.storage.sql import SqlStore
from parties.node.storage.table import open_store
from tests.node.job_store_contract import JobStoreContract


class MemoryLedger(Ledger):
    """Entries of this process."""

    def __init__(self, owner: str, entries: dict[bytes, Entry], *, read_only: bool) -> None:
        self._owner, self._entries, self._read_only = owner, entries, read_only

    def put(self, entry: Entry) -> None:
        if self._read_only:
            raise StorageError(f"The memory of {self._owner} failed.", remedy="Restart.", culprit=self._owner)
        self._entries[entry.plan_hash] = entry

    def earlier(self, dataset: str, study: str, analyst: str) -> list[Entry]:
        found = [one for one in self._entries.values() if concerns(one, dataset, study, analyst)]
        return sorted(found, key=lambda one: order(one.created, one.plan_hash))


class MemoryStore(JobStore):
    """Jobs of this process, by URL."""

    places: ClassVar[dict[str, tuple[dict[bytes, Job], dict[bytes, bytes], dict[bytes, Entry]]]] = {}
    lock = threading.Lock()

    def __init__(self, place: str, owner: str, *, read_only: bool) -> None:
        self._jobs, self._results, self._entries = self.places[place]
        self._owner, self._read_only = owner, read_only

    @classmethod
    def open(cls, url: str, owner: str, *, read_only: bool = False) -> Self:
        if read_only and url not in cls.places:
            raise ConfigError("This process holds no jobs yet.", remedy="Put one.")
        cls.places.setdefault(url, ({}, {}, {}))
        return cls(url, owner, read_only=read_only)

    @property
    def ledger(self) -> Ledger:
        return MemoryLedger(self._owner, self._entries, read_only=self._read_only)

    def close(self) -> None:
        pass

    def put(self, job: Job) -> None:
        with self.lock:
            known = self.by_nonce(job.nonce)
            if self._read_only or (known is not None and known.plan_hash != job.plan_hash):
                raise StorageError(
                    f"The memory of {self._owner} failed.", remedy="Restart.", culprit=self._owner
                )
            self._jobs[job.plan_hash] = job

    def put_result(self, job: Job, sealed: bytes) -> None:
        self.put(job)
        self._results[job.plan_hash] = sealed

    def get(self, plan_hash: bytes) -> Job | None:
        return self._jobs.get(plan_hash)

    def by_nonce(self, nonce: str) -> Job | None:
        return next((job for job in list(self._jobs.values()) if job.nonce == nonce), None)

    def jobs(
        self, analyst: str | None = None, *, before: float | None = None, limit: int | None = None
    ) -> list[Job]:
        found = sorted(self._jobs.values(), key=lambda job: job.created, reverse=True)
        found = [job for job in found if analyst in (None, job.analyst)]
        return [job for job in found if before is None or job.created < before][:limit]

    def unfinished(self) -> list[Job]:
        return [job for job in reversed(self.jobs()) if not job.is_final]

    def result(self, plan_hash: bytes) -> bytes | None:
        return self._results.get(plan_hash)


class TestMemory(JobStoreContract):
    kind = MemoryStore

    @pytest.fixture
    def url(self, monkeypatch: pytest.MonkeyPatch) -> str:
        monkeypatch.setattr(table, "STORES", {**table.STORES, "memory": MemoryStore})
        monkeypatch.setattr(MemoryStore, "places", {})
        return "memory://here"


class TestSqlite(JobStoreContract):
    kind = SqlStore

    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return sqlite_url(tmp_path / "a state" / "100%?.sqlite")


class TestPostgresql(JobStoreContract):
    kind = SqlStore

    @pytest.fixture
    def url(self, empty_postgres: str) -> str:
        return empty_postgres


@pytest.mark.parametrize("url", ["mysql://ada:hunter2@db/ada", "hunter2", ""])
def test_a_url_of_no_kind_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ConfigError, match="no database URL") as refusal:
        open_store(url, "ada")
    assert "sqlite, postgresql" in refusal.value.remedy
    assert "hunter2" not in str(refusal.value)
