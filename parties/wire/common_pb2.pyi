from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Status(_message.Message):
    __slots__ = ("code", "message", "remedy", "culprit")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    REMEDY_FIELD_NUMBER: _ClassVar[int]
    CULPRIT_FIELD_NUMBER: _ClassVar[int]
    code: str
    message: str
    remedy: str
    culprit: str
    def __init__(self, code: _Optional[str] = ..., message: _Optional[str] = ..., remedy: _Optional[str] = ..., culprit: _Optional[str] = ...) -> None: ...

class SignedPlan(_message.Message):
    __slots__ = ("plan", "signature")
    PLAN_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    plan: bytes
    signature: bytes
    def __init__(self, plan: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...

class Offer(_message.Message):
    __slots__ = ("plan_hash", "plan_nonce", "attempt", "party", "nonce", "ephemeral_key", "terms", "history", "signature")
    PLAN_HASH_FIELD_NUMBER: _ClassVar[int]
    PLAN_NONCE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    PARTY_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    EPHEMERAL_KEY_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    plan_hash: bytes
    plan_nonce: str
    attempt: int
    party: str
    nonce: bytes
    ephemeral_key: bytes
    terms: bytes
    history: bytes
    signature: bytes
    def __init__(self, plan_hash: _Optional[bytes] = ..., plan_nonce: _Optional[str] = ..., attempt: _Optional[int] = ..., party: _Optional[str] = ..., nonce: _Optional[bytes] = ..., ephemeral_key: _Optional[bytes] = ..., terms: _Optional[bytes] = ..., history: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...

class Accept(_message.Message):
    __slots__ = ("plan_hash", "session", "party", "terms", "signature")
    PLAN_HASH_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    PARTY_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    plan_hash: bytes
    session: bytes
    party: str
    terms: bytes
    signature: bytes
    def __init__(self, plan_hash: _Optional[bytes] = ..., session: _Optional[bytes] = ..., party: _Optional[str] = ..., terms: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...

class Verdict(_message.Message):
    __slots__ = ("plan_hash", "session", "party", "decision", "signature")
    PLAN_HASH_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    PARTY_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    plan_hash: bytes
    session: bytes
    party: str
    decision: str
    signature: bytes
    def __init__(self, plan_hash: _Optional[bytes] = ..., session: _Optional[bytes] = ..., party: _Optional[str] = ..., decision: _Optional[str] = ..., signature: _Optional[bytes] = ...) -> None: ...

class Abort(_message.Message):
    __slots__ = ("plan_hash", "status")
    PLAN_HASH_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    plan_hash: bytes
    status: Status
    def __init__(self, plan_hash: _Optional[bytes] = ..., status: _Optional[_Union[Status, _Mapping]] = ...) -> None: ...
