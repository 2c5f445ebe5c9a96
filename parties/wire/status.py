"""Errors on the wire: the one place where a `TriuneError` becomes a gRPC status and comes back.

The typed status travels in trailing metadata. An unexpected exception crosses as an incident number;
its details stay in the node's own log under that number.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NoReturn

import grpc
import structlog
from google.protobuf.message import DecodeError

from mpc.errors import (
    BY_CODE,
    CatalogueError,
    ChannelError,
    ConfigError,
    DataError,
    IdentityError,
    JobError,
    PeerVanished,
    PlanRefused,
    ProtocolAbort,
    RangeError,
    RemoteError,
    StorageError,
    TriuneError,
)
from parties.wire.common_pb2 import Status

METADATA_KEY = "triune-status-bin"
#: Texts are cut to this on both ends: a status must fit the 8 KiB that gRPC allows for metadata.
_MAX_TEXT_CHARS = 1000

_GRPC_CODES: Mapping[type[TriuneError], grpc.StatusCode] = MappingProxyType(
    {
        IdentityError: grpc.StatusCode.PERMISSION_DENIED,
        PlanRefused: grpc.StatusCode.FAILED_PRECONDITION,
        ConfigError: grpc.StatusCode.FAILED_PRECONDITION,
        CatalogueError: grpc.StatusCode.NOT_FOUND,
        JobError: grpc.StatusCode.NOT_FOUND,
        StorageError: grpc.StatusCode.INTERNAL,
        DataError: grpc.StatusCode.INVALID_ARGUMENT,
        RangeError: grpc.StatusCode.OUT_OF_RANGE,
        ProtocolAbort: grpc.StatusCode.ABORTED,
        ChannelError: grpc.StatusCode.ABORTED,
    }
)
_log = structlog.get_logger("triune.wire")


def to_status(error: BaseException) -> Status:
    """The public form of an error. Of a foreign exception only an incident number."""
    if isinstance(error, TriuneError):
        return Status(
            code=error.code,
            message=error.message[:_MAX_TEXT_CHARS],
            remedy=error.remedy[:_MAX_TEXT_CHARS],
            culprit=error.culprit[:64],
        )
    return to_status(incident(error))


def incident(error: BaseException, name: str = "") -> RemoteError:
    """The public form of an unexpected exception of `name`: a number under which the log has the rest."""
    number = secrets.token_hex(4)
    _log.error("incident", incident=number, kind=type(error).__name__, exc_info=error)
    return RemoteError(
        f"{name or 'A party'} failed unexpectedly (incident {number}).",
        remedy="Its operator finds the incident in the node's log.",
        culprit=name,
    )


def from_status(status: Status, peer: str = "") -> TriuneError:
    """The exception of a received status, word for word but cut to a sane length.

    Whom it names is the sender's claim: `parties.node.reports` judges what ends a job.
    """
    kind = BY_CODE.get(status.code, RemoteError)
    return kind(
        _clean(status.message) or f"{peer or 'A party'} reported an error without words.",
        remedy=_clean(status.remedy),
        culprit=_clean(status.culprit)[:64],
    )


def _clean(text: str) -> str:
    return "".join(sign for sign in text[:_MAX_TEXT_CHARS] if sign.isprintable())


def abort(context: grpc.ServicerContext, error: BaseException) -> NoReturn:
    """End an RPC with an error."""
    status = to_status(error)
    code = next((c for kind, c in _GRPC_CODES.items() if isinstance(error, kind)), grpc.StatusCode.INTERNAL)
    context.set_trailing_metadata(((METADATA_KEY, status.SerializeToString()),))
    context.abort(code, status.message)
    raise RuntimeError("context.abort returned")


def from_rpc_error(error: grpc.RpcError, peer: str) -> TriuneError:
    """The exception behind a failed RPC to `peer`."""
    trailing: Any = error.trailing_metadata() if isinstance(error, grpc.Call) else ()
    for key, value in trailing or ():
        if key == METADATA_KEY and isinstance(value, bytes):
            try:
                return from_status(Status.FromString(value), peer)
            except DecodeError:
                break  # no status of ours: the gRPC code says what there is to say
    code = error.code() if isinstance(error, grpc.Call) else None
    if code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, None):
        return PeerVanished(
            f"{peer} cannot be reached.",
            remedy="Check that its node runs, its address, and that both use the same consortium.toml.",
            culprit=peer,
        )
    return RemoteError(
        f"{peer} ended the call ({code.name}).", remedy="Ask its operator for the log.", culprit=peer
    )
