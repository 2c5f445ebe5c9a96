from parties.wire import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MeshFrame(_message.Message):
    __slots__ = ("hello", "data", "offer", "verdict", "abort", "ready", "probe", "echo", "turn")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    OFFER_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    ABORT_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    PROBE_FIELD_NUMBER: _ClassVar[int]
    ECHO_FIELD_NUMBER: _ClassVar[int]
    TURN_FIELD_NUMBER: _ClassVar[int]
    hello: MeshHello
    data: Data
    offer: _common_pb2.Offer
    verdict: _common_pb2.Verdict
    abort: _common_pb2.Abort
    ready: Ready
    probe: Probe
    echo: Echo
    turn: Turn
    def __init__(self, hello: _Optional[_Union[MeshHello, _Mapping]] = ..., data: _Optional[_Union[Data, _Mapping]] = ..., offer: _Optional[_Union[_common_pb2.Offer, _Mapping]] = ..., verdict: _Optional[_Union[_common_pb2.Verdict, _Mapping]] = ..., abort: _Optional[_Union[_common_pb2.Abort, _Mapping]] = ..., ready: _Optional[_Union[Ready, _Mapping]] = ..., probe: _Optional[_Union[Probe, _Mapping]] = ..., echo: _Optional[_Union[Echo, _Mapping]] = ..., turn: _Optional[_Union[Turn, _Mapping]] = ...) -> None: ...

class Probe(_message.Message):
    __slots__ = ("number", "padding")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    PADDING_FIELD_NUMBER: _ClassVar[int]
    number: int
    padding: bytes
    def __init__(self, number: _Optional[int] = ..., padding: _Optional[bytes] = ...) -> None: ...

class Echo(_message.Message):
    __slots__ = ("number",)
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    number: int
    def __init__(self, number: _Optional[int] = ...) -> None: ...

class Ready(_message.Message):
    __slots__ = ("plan_hash", "session")
    PLAN_HASH_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    plan_hash: bytes
    session: bytes
    def __init__(self, plan_hash: _Optional[bytes] = ..., session: _Optional[bytes] = ...) -> None: ...

class Turn(_message.Message):
    __slots__ = ("plan_hash", "plan_nonce", "taken")
    PLAN_HASH_FIELD_NUMBER: _ClassVar[int]
    PLAN_NONCE_FIELD_NUMBER: _ClassVar[int]
    TAKEN_FIELD_NUMBER: _ClassVar[int]
    plan_hash: bytes
    plan_nonce: str
    taken: bool
    def __init__(self, plan_hash: _Optional[bytes] = ..., plan_nonce: _Optional[str] = ..., taken: _Optional[bool] = ...) -> None: ...

class MeshHello(_message.Message):
    __slots__ = ("major", "minor", "name", "lane_port")
    MAJOR_FIELD_NUMBER: _ClassVar[int]
    MINOR_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    LANE_PORT_FIELD_NUMBER: _ClassVar[int]
    major: int
    minor: int
    name: str
    lane_port: int
    def __init__(self, major: _Optional[int] = ..., minor: _Optional[int] = ..., name: _Optional[str] = ..., lane_port: _Optional[int] = ...) -> None: ...

class Data(_message.Message):
    __slots__ = ("session", "branch", "index", "primitive", "elements", "depth", "offset", "total", "payload")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    BRANCH_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    PRIMITIVE_FIELD_NUMBER: _ClassVar[int]
    ELEMENTS_FIELD_NUMBER: _ClassVar[int]
    DEPTH_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    session: bytes
    branch: _containers.RepeatedScalarFieldContainer[int]
    index: int
    primitive: str
    elements: int
    depth: int
    offset: int
    total: int
    payload: bytes
    def __init__(self, session: _Optional[bytes] = ..., branch: _Optional[_Iterable[int]] = ..., index: _Optional[int] = ..., primitive: _Optional[str] = ..., elements: _Optional[int] = ..., depth: _Optional[int] = ..., offset: _Optional[int] = ..., total: _Optional[int] = ..., payload: _Optional[bytes] = ...) -> None: ...
