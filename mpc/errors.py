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
    │   └── PolicyRefused       a policy says no
    ├── DataError               a data file against its schema; row and column, never the value
    ├── CatalogueError          unknown data set, differing schemas
    ├── JobError                no such job, or not in a state that allows it
    ├── StorageError            a party's database does not answer
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
    code = "RANGE"


class NotSupported(TriuneError):
    code = "NOT_SUPPORTED"


class SecretControlFlow(TriuneError):
    code = "SECRET_CONTROL_FLOW"


class ProtocolAbort(TriuneError):
    code = "PROTOCOL_ABORT"


class TagMismatch(ProtocolAbort):
    code = "TAG_MISMATCH"


class InputMismatch(ProtocolAbort):
    code = "INPUT_MISMATCH"


class CopyMismatch(ProtocolAbort):
    code = "COPY_MISMATCH"


class ChannelError(TriuneError):
    code = "CHANNEL"


class PeerVanished(ChannelError):
    code = "PEER_VANISHED"


class PeerSilent(ChannelError):
    code = "PEER_SILENT"


class SessionCancelled(ChannelError):
    code = "SESSION_CANCELLED"


class ConfigError(TriuneError):
    code = "CONFIG"


class IdentityError(TriuneError):
    code = "IDENTITY"


class PlanRefused(TriuneError):
    code = "PLAN_REFUSED"


class PlanInvalid(PlanRefused):
    code = "PLAN_INVALID"


class PlanExpired(PlanRefused):
    code = "PLAN_EXPIRED"


class PlanReplayed(PlanRefused):
    code = "PLAN_REPLAYED"


class PlanMismatch(PlanRefused):
    code = "PLAN_MISMATCH"


class PolicyRefused(PlanRefused):
    code = "POLICY_REFUSED"


class DataError(TriuneError):
    code = "DATA"


class CatalogueError(TriuneError):
    code = "CATALOGUE"


class JobError(TriuneError):
    code = "JOB"


class StorageError(TriuneError):
    code = "STORAGE"


class RemoteError(TriuneError):
    code = "REMOTE"


def _descendants(kind: type[TriuneError]) -> list[type[TriuneError]]:
    return [kind, *(deeper for child in kind.__subclasses__() for deeper in _descendants(child))]


#: code -> class, for the one place that turns a wire status back into an exception.
BY_CODE: dict[str, type[TriuneError]] = {kind.code: kind for kind in _descendants(TriuneError)}
