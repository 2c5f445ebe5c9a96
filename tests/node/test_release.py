"""Nothing leaves a compute party before it holds the release verdicts of all three."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mpc.errors import TriuneError
from parties.client import Space, connect
from parties.node import handshake
from parties.wire.common_pb2 import Verdict
from tests.helping import HOLDERS

Make = Callable[..., Verdict]


@pytest.fixture
def space(hospitals: Any) -> Any:
    with connect(hospitals.config) as made:
        made.dataset("gbsg2", holders=HOLDERS)
        yield made


def outcome(hospitals: Any, space: Space) -> tuple[TriuneError, list[bytes | None]]:
    """How a count ends, and what each compute party has stored of its result."""
    job = space.dataset("gbsg2", holders=HOLDERS).submit("count")
    with pytest.raises(TriuneError) as failed:
        job.result()
    plan_hash = bytes.fromhex(job.hash)
    return failed.value, [hospitals.nodes[name].storage.result(plan_hash) for name in HOLDERS[:3]]


def withheld(make: Make) -> Make:
    def made(identity: Any, *rest: Any) -> Verdict:
        verdict = make(identity, *rest)
        return Verdict(party="cleo") if identity.name == "cleo" else verdict

    return made


def for_another_session(make: Make) -> Make:
    def made(identity: Any, plan_hash: bytes, session: bytes) -> Verdict:
        return make(identity, plan_hash, bytes(32) if identity.name == "cleo" else session)

    return made


def forged(make: Make) -> Make:
    """Cleo's verdict, signed by nobody but with everything else right."""

    def made(identity: Any, *rest: Any) -> Verdict:
        verdict = make(identity, *rest)
        if identity.name == "cleo":
            verdict.signature = bytes(64)
        return verdict

    return made


@pytest.mark.parametrize("change", [withheld, for_another_session, forged])
def test_a_verdict_that_does_not_hold_keeps_everything_closed(
    hospitals: Any, space: Space, monkeypatch: pytest.MonkeyPatch, change: Callable[[Make], Make]
) -> None:
    monkeypatch.setattr(handshake, "make_verdict", change(handshake.make_verdict))
    error, stored = outcome(hospitals, space)
    assert error.culprit == "cleo", str(error)
    assert stored[:2] == [None, None]
