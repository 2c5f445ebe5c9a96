from parties.wire import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FromHolder(_message.Message):
    __slots__ = ("hello", "accept", "share", "refusal", "beat", "want")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    ACCEPT_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    BEAT_FIELD_NUMBER: _ClassVar[int]
    WANT_FIELD_NUMBER: _ClassVar[int]
    hello: HolderHello
    accept: _common_pb2.Accept
    share: InputShare
    refusal: _common_pb2.Abort
    beat: Beat
    want: Want
    def __init__(self, hello: _Optional[_Union[HolderHello, _Mapping]] = ..., accept: _Optional[_Union[_common_pb2.Accept, _Mapping]] = ..., share: _Optional[_Union[InputShare, _Mapping]] = ..., refusal: _Optional[_Union[_common_pb2.Abort, _Mapping]] = ..., beat: _Optional[_Union[Beat, _Mapping]] = ..., want: _Optional[_Union[Want, _Mapping]] = ...) -> None: ...

class ToHolder(_message.Message):
    __slots__ = ("welcome", "job", "offer", "abort", "beat", "earlier", "ask")
    WELCOME_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    OFFER_FIELD_NUMBER: _ClassVar[int]
    ABORT_FIELD_NUMBER: _ClassVar[int]
    BEAT_FIELD_NUMBER: _ClassVar[int]
    EARLIER_FIELD_NUMBER: _ClassVar[int]
    ASK_FIELD_NUMBER: _ClassVar[int]
    welcome: Beat
    job: _common_pb2.SignedPlan
    offer: _common_pb2.Offer
    abort: _common_pb2.Abort
    beat: Beat
    earlier: EarlierPlan
    ask: Ask
    def __init__(self, welcome: _Optional[_Union[Beat, _Mapping]] = ..., job: _Optional[_Union[_common_pb2.SignedPlan, _Mapping]] = ..., offer: _Optional[_Union[_common_pb2.Offer, _Mapping]] = ..., abort: _Optional[_Union[_common_pb2.Abort, _Mapping]] = ..., beat: _Optional[_Union[Beat, _Mapping]] = ..., earlier: _Optional[_Union[EarlierPlan, _Mapping]] = ..., ask: _Optional[_Union[Ask, _Mapping]] = ...) -> None: ...

class HolderHello(_message.Message):
    __slots__ = ("major", "minor", "name", "registrations", "terms")
    MAJOR_FIELD_NUMBER: _ClassVar[int]
    MINOR_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REGISTRATIONS_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    major: int
    minor: int
    name: str
    registrations: _containers.RepeatedScalarFieldContainer[bytes]
    terms: bytes
    def __init__(self, major: _Optional[int] = ..., minor: _Optional[int] = ..., name: _Optional[str] = ..., registrations: _Optional[_Iterable[bytes]] = ..., terms: _Optional[bytes] = ...) -> None: ...

class InputShare(_message.Message):
    __slots__ = ("session", "block", "offset", "total", "payload")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    BLOCK_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    session: bytes
    block: str
    offset: int
    total: int
    payload: bytes
    def __init__(self, session: _Optional[bytes] = ..., block: _Optional[str] = ..., offset: _Optional[int] = ..., total: _Optional[int] = ..., payload: _Optional[bytes] = ...) -> None: ...

class Want(_message.Message):
    __slots__ = ("plan_hash", "earlier")
    PLAN_HASH_FIELD_NUMBER: _ClassVar[int]
    EARLIER_FIELD_NUMBER: _ClassVar[int]
    plan_hash: bytes
    earlier: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, plan_hash: _Optional[bytes] = ..., earlier: _Optional[_Iterable[bytes]] = ...) -> None: ...

class EarlierPlan(_message.Message):
    __slots__ = ("plan_hash", "plan")
    PLAN_HASH_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    plan_hash: bytes
    plan: _common_pb2.SignedPlan
    def __init__(self, plan_hash: _Optional[bytes] = ..., plan: _Optional[_Union[_common_pb2.SignedPlan, _Mapping]] = ...) -> None: ...

class Ask(_message.Message):
    __slots__ = ("plan_hash", "session", "cohorts")
    PLAN_HASH_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    COHORTS_FIELD_NUMBER: _ClassVar[int]
    plan_hash: bytes
    session: bytes
    cohorts: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, plan_hash: _Optional[bytes] = ..., session: _Optional[bytes] = ..., cohorts: _Optional[_Iterable[int]] = ...) -> None: ...

class Beat(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
