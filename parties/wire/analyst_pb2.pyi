from parties.wire import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class JobState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    JOB_STATE_UNSPECIFIED: _ClassVar[JobState]
    SUBMITTED: _ClassVar[JobState]
    VALIDATED: _ClassVar[JobState]
    APPROVED: _ClassVar[JobState]
    RUNNING: _ClassVar[JobState]
    RELEASED: _ClassVar[JobState]
    REFUSED: _ClassVar[JobState]
    FAILED: _ClassVar[JobState]
    CANCELLED: _ClassVar[JobState]
JOB_STATE_UNSPECIFIED: JobState
SUBMITTED: JobState
VALIDATED: JobState
APPROVED: JobState
RUNNING: JobState
RELEASED: JobState
REFUSED: JobState
FAILED: JobState
CANCELLED: JobState

class DescribeRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Catalogue(_message.Message):
    __slots__ = ("registrations", "terms", "links")
    REGISTRATIONS_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    LINKS_FIELD_NUMBER: _ClassVar[int]
    registrations: _containers.RepeatedScalarFieldContainer[bytes]
    terms: _containers.RepeatedCompositeFieldContainer[PartyTerms]
    links: _containers.RepeatedCompositeFieldContainer[MeasuredLink]
    def __init__(self, registrations: _Optional[_Iterable[bytes]] = ..., terms: _Optional[_Iterable[_Union[PartyTerms, _Mapping]]] = ..., links: _Optional[_Iterable[_Union[MeasuredLink, _Mapping]]] = ...) -> None: ...

class PartyTerms(_message.Message):
    __slots__ = ("party", "terms")
    PARTY_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    party: str
    terms: bytes
    def __init__(self, party: _Optional[str] = ..., terms: _Optional[bytes] = ...) -> None: ...

class MeasuredLink(_message.Message):
    __slots__ = ("party", "peer", "round_trip_s", "bytes_per_second")
    PARTY_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    ROUND_TRIP_S_FIELD_NUMBER: _ClassVar[int]
    BYTES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    party: str
    peer: str
    round_trip_s: float
    bytes_per_second: float
    def __init__(self, party: _Optional[str] = ..., peer: _Optional[str] = ..., round_trip_s: _Optional[float] = ..., bytes_per_second: _Optional[float] = ...) -> None: ...

class SubmitRequest(_message.Message):
    __slots__ = ("plan",)
    PLAN_FIELD_NUMBER: _ClassVar[int]
    plan: _common_pb2.SignedPlan
    def __init__(self, plan: _Optional[_Union[_common_pb2.SignedPlan, _Mapping]] = ...) -> None: ...

class ListRequest(_message.Message):
    __slots__ = ("plan_hash", "before")
    PLAN_HASH_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    plan_hash: bytes
    before: float
    def __init__(self, plan_hash: _Optional[bytes] = ..., before: _Optional[float] = ...) -> None: ...

class JobList(_message.Message):
    __slots__ = ("jobs",)
    JOBS_FIELD_NUMBER: _ClassVar[int]
    jobs: _containers.RepeatedCompositeFieldContainer[JobStatus]
    def __init__(self, jobs: _Optional[_Iterable[_Union[JobStatus, _Mapping]]] = ...) -> None: ...

class JobRef(_message.Message):
    __slots__ = ("plan_hash",)
    PLAN_HASH_FIELD_NUMBER: _ClassVar[int]
    plan_hash: bytes
    def __init__(self, plan_hash: _Optional[bytes] = ...) -> None: ...

class JobStatus(_message.Message):
    __slots__ = ("plan_hash", "state", "error", "session", "plan", "created", "cost", "terms")
    PLAN_HASH_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    COST_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    plan_hash: bytes
    state: JobState
    error: _common_pb2.Status
    session: bytes
    plan: _common_pb2.SignedPlan
    created: float
    cost: Cost
    terms: bytes
    def __init__(self, plan_hash: _Optional[bytes] = ..., state: _Optional[_Union[JobState, str]] = ..., error: _Optional[_Union[_common_pb2.Status, _Mapping]] = ..., session: _Optional[bytes] = ..., plan: _Optional[_Union[_common_pb2.SignedPlan, _Mapping]] = ..., created: _Optional[float] = ..., cost: _Optional[_Union[Cost, _Mapping]] = ..., terms: _Optional[bytes] = ...) -> None: ...

class Cost(_message.Message):
    __slots__ = ("seconds", "rounds", "bytes_sent", "bytes_received", "compared")
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    ROUNDS_FIELD_NUMBER: _ClassVar[int]
    BYTES_SENT_FIELD_NUMBER: _ClassVar[int]
    BYTES_RECEIVED_FIELD_NUMBER: _ClassVar[int]
    COMPARED_FIELD_NUMBER: _ClassVar[int]
    seconds: float
    rounds: int
    bytes_sent: int
    bytes_received: int
    compared: int
    def __init__(self, seconds: _Optional[float] = ..., rounds: _Optional[int] = ..., bytes_sent: _Optional[int] = ..., bytes_received: _Optional[int] = ..., compared: _Optional[int] = ...) -> None: ...

class SealedShare(_message.Message):
    __slots__ = ("session", "sealed")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    SEALED_FIELD_NUMBER: _ClassVar[int]
    session: bytes
    sealed: bytes
    def __init__(self, session: _Optional[bytes] = ..., sealed: _Optional[bytes] = ...) -> None: ...
