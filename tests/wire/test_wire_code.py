"""Generated code is current; errors survive the wire."""

from __future__ import annotations

import pytest

from mpc.errors import BY_CODE, ConfigError, RemoteError, TriuneError
from parties.wire import generate, version
from parties.wire.common_pb2 import Status
from parties.wire.status import from_status, to_status


def test_generated_code_is_current() -> None:
    pytest.importorskip("grpc_tools")
    assert generate.stale() == []


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


@pytest.mark.parametrize("text", ["2.0", "", "x", "0.9"])
def test_another_major_version_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="bert"):
        version.check_text(text, "bert")
    version.check_text("1.99", "bert")
