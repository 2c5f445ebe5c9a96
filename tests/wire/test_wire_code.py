"""Errors survive the wire; other versions do not."""

from __future__ import annotations

from concurrent import futures

import grpc
import pytest

from mpc.errors import BY_CODE, CatalogueError, ConfigError, PeerVanished, RemoteError, TriuneError
from parties.wire import version
from parties.wire.common_pb2 import Status
from parties.wire.status import METADATA_KEY, abort, from_rpc_error, from_status, to_status


@pytest.mark.parametrize("kind", BY_CODE.values())
def test_every_error_survives_the_wire(kind: type[TriuneError]) -> None:
    error = from_status(to_status(kind("It broke.", remedy="Mend it.", culprit="bert")))
    assert type(error) is kind
    assert (error.message, error.remedy, error.culprit) == ("It broke.", "Mend it.", "bert")


def test_of_an_unexpected_exception_only_an_incident_number_crosses() -> None:
    status = to_status(ValueError("canary-48151623"))
    assert "48151623" not in str(status)
    assert "incident" in status.message


def test_received_texts_are_cut_and_cleaned() -> None:
    error = from_status(Status(code="NEW", message="a\x1b[31m" + "x" * 10_000), "bert")
    assert isinstance(error, RemoteError)
    assert "\x1b" not in error.message
    assert len(error.message) <= 2000


@pytest.mark.parametrize("text", [f"{version.MAJOR + 1}.0", f"{version.MAJOR - 1}.9", "", "x"])
def test_another_major_version_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="bert"):
        version.check_text(text, "bert")
    version.check_text(f"{version.MAJOR}.99", "bert")


def over_grpc(error: Exception) -> TriuneError:
    """What a caller gets of an error that a servicer aborts with."""

    def fail(_: bytes, context: grpc.ServicerContext) -> bytes:
        abort(context, error)

    class Handler(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # generic in the stubs only
        def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
            return grpc.unary_unary_rpc_method_handler(fail)

    server = grpc.server(futures.ThreadPoolExecutor(1), handlers=[Handler()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel, pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary("/test/Fail", None, None)(b"", timeout=20)
    server.stop(0).wait()
    return from_rpc_error(caught.value, "bert")


@pytest.mark.parametrize("message", ["Größe ≥ 5 fails.", "x" * 20_000])
def test_typed_errors_cross_grpc_whatever_their_words(message: str) -> None:
    error = over_grpc(CatalogueError(message, remedy=message, culprit="bert"))
    assert isinstance(error, CatalogueError)
    assert message.startswith(error.message)


def test_of_an_unexpected_exception_nothing_crosses_grpc() -> None:
    assert "48151623" not in str(over_grpc(ValueError("canary-48151623")))


def test_a_peer_that_is_not_there_is_named() -> None:
    with grpc.insecure_channel("127.0.0.1:1") as channel, pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary("/test/Fail", None, None)(b"", timeout=20)
    error = from_rpc_error(caught.value, "bert")
    assert isinstance(error, PeerVanished)
    assert (error.culprit, "bert" in error.message) == ("bert", True)


class _Failed(grpc.RpcError, grpc.Call):
    """A failed call with a status that is none."""

    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.ABORTED

    def trailing_metadata(self) -> tuple[tuple[str, bytes], ...]:
        return ((METADATA_KEY, b"\xff\xff"),)


_Failed.__abstractmethods__ = frozenset()


def test_a_malformed_status_is_an_error_of_the_peer() -> None:
    error = from_rpc_error(_Failed(), "bert")
    assert isinstance(error, RemoteError)
    assert error.culprit == "bert"
