"""The life of a job as a pure state machine; clock and storage come in from outside.

submitted > validated > approved > running > released
     └──────────┴──────────┴──────────┴──> refused | failed | cancelled
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType

from mpc.errors import JobError


class State(StrEnum):
    """Where a job stands; the last four are ends."""

    SUBMITTED = "submitted"
    VALIDATED = "validated"
    APPROVED = "approved"
    RUNNING = "running"
    RELEASED = "released"
    REFUSED = "refused"
    FAILED = "failed"
    CANCELLED = "cancelled"


_ENDS = frozenset({State.REFUSED, State.FAILED, State.CANCELLED})
NEXT: Mapping[State, frozenset[State]] = MappingProxyType(
    {
        State.SUBMITTED: _ENDS | {State.VALIDATED},
        State.VALIDATED: _ENDS | {State.APPROVED},
        State.APPROVED: _ENDS | {State.RUNNING},
        State.RUNNING: _ENDS | {State.RELEASED},
        State.RELEASED: frozenset(),
        State.REFUSED: frozenset(),
        State.FAILED: frozenset(),
        State.CANCELLED: frozenset(),
    }
)


@dataclass(frozen=True)
class Fault:
    """Why a job ended: the public form of an error."""

    code: str
    message: str
    remedy: str = ""
    culprit: str = ""


@dataclass(frozen=True)
class JobCost:
    """What a session took at this party; `compared`: with how many earlier questions."""

    seconds: float = 0.0
    rounds: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    compared: int = 0


@dataclass(frozen=True)
class Job:
    """One plan at this party. Times are Unix seconds. Holds no key and no share.

    `terms`: those of the session, as they travel, once agreed.
    """

    plan_hash: bytes
    nonce: str
    analyst: str
    plan: bytes
    signature: bytes
    created: float
    updated: float
    state: State = State.SUBMITTED
    session: bytes = b""
    fault: Fault | None = None
    cost: JobCost = JobCost()
    transcripts: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    terms: str = ""

    @property
    def is_final(self) -> bool:
        """Whether the job has ended."""
        return not NEXT[self.state]

    def to(self, state: State, now: float, **changes: object) -> Job:
        """The job in its next state; `JobError` for a step that its life does not have."""
        if state not in NEXT[self.state]:
            raise JobError(f"A {self.state} job cannot become {state}.", remedy="Submit a new query.")
        return replace(self, state=state, updated=now, **changes)  # type: ignore[arg-type]
