"""What a store of jobs is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self

from parties.node.jobs import Job


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
