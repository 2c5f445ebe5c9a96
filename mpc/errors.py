"""Every error Triune raises, in one tree.

    TriuneError                 code, message, remedy, culprit; safe to show to anybody
    ├── RangeError              a value or an operation could leave its public range
    ├── NotSupported            an operation that a protocol, or numpy's side, does not have
    ├── SecretControlFlow       somebody asked a secret for its truth value
    ├── ProtocolAbort           a security abort: nothing of this session may be released
    │   ├── TagMismatch         the programs of two parties have diverged
    │   ├── InputMismatch       two copies of one input component differ; names the holder
    │   └── CopyMismatch        two copies of one result component differ
    ├── ChannelError            the network, not the mathematics
    │   ├── PeerVanished        a party's link broke
    │   ├── PeerSilent          a party missed a deadline
    │   └── SessionCancelled    the session was ended on purpose
    ├── ConfigError             a file or an option of the operator's
    ├── IdentityError           certificate, key or signature is not who it should be
    ├── PlanRefused             a plan that a party will not run
    │   ├── PlanInvalid         does not fit schema or version
    │   ├── PlanExpired         its time is over
    │   ├── PlanReplayed        its nonce was used for another plan
    │   ├── PlanMismatch        two parties were sent different plans
    │   ├── PolicyRefused       a policy says no
    │   └── TooClose            earlier answers and this one would tell of too few records
    ├── DataError               a data file against its schema; row and column, never the value
    ├── CatalogueError          unknown data set, differing schemas
    ├── JobError                no such job, or not in a state that allows it
    ├── StorageError            a party's database or files do not answer
    │   └── HistoryLost         a party does not know what others remember
    └── RemoteError             an error that a peer reported and this version does not know

Messages and remedies are public: they never contain a secret, a key or a data value.
"""

from __future__ import annotations

from typing import ClassVar


class TriuneError(Exception):
    """What happened, where, and what to do about it.

    `message` says what happened and where, `remedy` what to do, `culprit` names the party
    that caused it where one is known. `code` is stable and crosses the wire.
    """

    code: ClassVar[str] = "TRIUNE"

    def __init__(self, message: str, *, remedy: str = "", culprit: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.culprit = culprit

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


class RangeError(TriuneError):
    """A value, shape, scale or operation is outside of its public range; nothing was computed."""

    code = "RANGE"


class NotSupported(TriuneError):
    """An operation that a protocol, or numpy's side, does not have; the remedy says what to write."""

    code = "NOT_SUPPORTED"


class SecretControlFlow(TriuneError):
    """A program asked a secret for its truth value, its number or its place."""

    code = "SECRET_CONTROL_FLOW"


class ProtocolAbort(TriuneError):
    """A party does not follow the protocol, or a program is no program: nothing may be released."""

    code = "PROTOCOL_ABORT"


class TagMismatch(ProtocolAbort):
    """A message belongs to another place of the program: two parties' programs have diverged."""

    code = "TAG_MISMATCH"


class InputMismatch(ProtocolAbort):
    """Two parties were sent different copies of one component; `culprit` is the holder."""

    code = "INPUT_MISMATCH"


class CopyMismatch(ProtocolAbort):
    """The recipient got different copies of one component of a result."""

    code = "COPY_MISMATCH"


class ChannelError(TriuneError):
    """A link between parties failed; what was computed is lost, a new attempt may do."""

    code = "CHANNEL"


class PeerVanished(ChannelError):
    """A party's link broke; `culprit` is the party."""

    code = "PEER_VANISHED"


class PeerSilent(ChannelError):
    """A party sent nothing before a deadline; `culprit` is the party."""

    code = "PEER_SILENT"


class SessionCancelled(ChannelError):
    """A session was ended on purpose: another error, or a job that was cancelled."""

    code = "SESSION_CANCELLED"


class ConfigError(TriuneError):
    """A file, a name or an option of the operator's, or a program's, is wrong."""

    code = "CONFIG"


class IdentityError(TriuneError):
    """A certificate, key or signature is not that of who it should be."""

    code = "IDENTITY"


class PlanRefused(TriuneError):
    """A party will not run a plan; the classes below say why."""

    code = "PLAN_REFUSED"


class PlanInvalid(PlanRefused):
    """A plan does not fit the schema, or a version that this node speaks."""

    code = "PLAN_INVALID"


class PlanExpired(PlanRefused):
    """A plan's time was over when it arrived."""

    code = "PLAN_EXPIRED"


class PlanReplayed(PlanRefused):
    """A plan's nonce was used for another plan."""

    code = "PLAN_REPLAYED"


class PlanMismatch(PlanRefused):
    """Two parties were sent different plans under one nonce."""

    code = "PLAN_MISMATCH"


class PolicyRefused(PlanRefused):
    """A policy, permit or purpose says no; the message names the rule."""

    code = "POLICY_REFUSED"


class TooClose(PlanRefused):
    """A question's records differ from those of earlier questions by too few; nothing was opened."""

    code = "TOO_CLOSE"


class DataError(TriuneError):
    """A data file does not fit its schema: row and column are named, never the value."""

    code = "DATA"


class CatalogueError(TriuneError):
    """A data set is not known, or parties have different schemas for it."""

    code = "CATALOGUE"


class JobError(TriuneError):
    """There is no such job, or its state does not allow what was asked."""

    code = "JOB"


class StorageError(TriuneError):
    """A party's database, or a file of its state, does not answer."""

    code = "STORAGE"


class HistoryLost(StorageError):
    """A party has lost its memory of earlier questions; `culprit` is the party."""

    code = "HISTORY_LOST"


class RemoteError(TriuneError):
    """A peer reported an error of a kind that this version does not know."""

    code = "REMOTE"


def _descendants(kind: type[TriuneError]) -> list[type[TriuneError]]:
    return [kind, *(deeper for child in kind.__subclasses__() for deeper in _descendants(child))]


#: code -> class, for the one place that turns a wire status back into an exception.
BY_CODE: dict[str, type[TriuneError]] = {kind.code: kind for kind in _descendants(TriuneError)}
