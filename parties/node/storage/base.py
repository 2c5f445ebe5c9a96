"""What a store of jobs is, and the ledger beside it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self

from parties.node.history import Entry
from parties.node.jobs import Job


class Ledger(ABC):
    """The questions that one party answered, or refused for earlier ones; any thread may call.

    Every method raises `StorageError`, which names this party, if the store fails. A plan has one entry.
    """

    @abstractmethod
    def put(self, entry: Entry) -> None:
        """Insert or update; when it returns, a power cut does not undo it."""

    @abstractmethod
    def earlier(self, dataset: str, study: str, analyst: str) -> list[Entry]:
        """What `history.concerns` a new question, in whatever state, by the plans' times and then hashes."""


class JobStore(ABC):
    """One party's jobs and sealed results; any thread may call.

    Every method raises `StorageError`, which names this party, if the store fails. A plan has one job, and
    a nonce has one plan.
    """

    @classmethod
    @abstractmethod
    def open(cls, url: str, owner: str, *, read_only: bool = False) -> Self:
        """The store at a URL, made if it is not there; `owner` is named when it fails.

        `read_only` makes, changes and locks nothing: a running node does not notice. Raises `ConfigError`,
        without the URL's password, for a store that cannot be opened, or not by this version.
        """

    @property
    @abstractmethod
    def ledger(self) -> Ledger:
        """The earlier questions, kept in the same place."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the store; what was put is kept."""

    @abstractmethod
    def put(self, job: Job) -> None:
        """Insert or update."""

    @abstractmethod
    def put_result(self, job: Job, sealed: bytes) -> None:
        """A released job and its sealed share: both, or neither."""

    @abstractmethod
    def get(self, plan_hash: bytes) -> Job | None:
        """The job of a plan."""

    @abstractmethod
    def by_nonce(self, nonce: str) -> Job | None:
        """The job that a nonce was used for."""

    @abstractmethod
    def jobs(
        self, analyst: str | None = None, *, before: float | None = None, limit: int | None = None
    ) -> list[Job]:
        """Newest first, at most `limit`; if given of one analyst, created `before` a time (Unix seconds)."""

    @abstractmethod
    def unfinished(self) -> list[Job]:
        """Jobs that have not ended, oldest first: after a restart, those that it cut off."""

    @abstractmethod
    def result(self, plan_hash: bytes) -> bytes | None:
        """The sealed share of a released job."""
