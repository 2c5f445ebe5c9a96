"""Whoever ends a job chooses its words, not whom it accuses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc.errors import (
    BY_CODE,
    DataError,
    InputMismatch,
    PeerSilent,
    PeerVanished,
    PlanRefused,
    ProtocolAbort,
    RemoteError,
    SessionCancelled,
    TriuneError,
)
from parties.node import reports
from parties.node.transport.vanished import vanished
from parties.wire.status import to_status

INVOLVED = frozenset({"ada", "bert", "cleo", "dora"})
kinds = st.sampled_from(list(BY_CODE.values()))
names = st.sampled_from(["", "ada", "bert", "dora", "eve", "mallory"])


@given(kinds, names)
def test_a_holder_names_itself(kind: type[TriuneError], culprit: str) -> None:
    error = reports.from_holder(to_status(kind("Bert cheats.", culprit=culprit)), "dora")
    assert error.culprit == "dora"
    assert not isinstance(error, ProtocolAbort | SessionCancelled)


def test_a_holder_that_accuses_another_is_the_one_that_is_named() -> None:
    forged = InputMismatch("bert shared two versions of its input.", culprit="bert")
    error = reports.from_holder(to_status(forged), "dora")
    assert (type(error), error.culprit) == (RemoteError, "dora")
    assert "bert" not in str(error)
    other = reports.from_holder(to_status(DataError("bert's file is broken.", culprit="bert")), "dora")
    assert (type(other), other.culprit) == (DataError, "dora")
    assert other.message.startswith("dora reports: ")


def test_a_holders_refusal_arrives_in_its_own_words() -> None:
    refusal = PlanRefused("dora refuses.", remedy="Ask dora.", culprit="dora")
    error = reports.from_holder(to_status(refusal), "dora")
    assert (type(error), str(error), error.culprit) == (PlanRefused, "dora refuses. Ask dora.", "dora")


@pytest.mark.parametrize("kind", [PeerVanished, PeerSilent])
def test_a_holder_whose_link_broke_is_a_holder_that_vanished(kind: type[TriuneError]) -> None:
    error = reports.from_holder(to_status(kind("The link to bert is down.", culprit="bert")), "dora")
    assert str(error) == str(vanished("dora"))


@given(kinds, names)
def test_a_peer_names_who_takes_part(kind: type[TriuneError], culprit: str) -> None:
    error = reports.from_peer(to_status(kind("It broke.", culprit=culprit)), "bert", INVOLVED, "eve")
    assert error.culprit in {"", "eve", *INVOLVED}
    if isinstance(error, SessionCancelled):
        assert error.culprit == "eve"
    if culprit == "mallory":
        assert (type(error), error.culprit) == (RemoteError, "bert")


def test_a_crash_names_its_own_party_and_shows_nothing_of_it() -> None:
    error = reports.own(ValueError("canary-48151623"), "ada")
    assert (error.code, error.culprit) == ("REMOTE", "ada")
    assert "48151623" not in str(error)
    assert "ada failed unexpectedly (incident" in error.message
    refusal = PlanRefused("No.")
    assert reports.own(refusal, "ada") is refusal


def test_other_holders_hear_no_words_of_a_holder() -> None:
    told = reports.for_holders(DataError("/srv/dora/part.csv, column age", remedy="x", culprit="dora"))
    assert (told.code, told.culprit, told.remedy) == ("DATA", "dora", "")
    assert "part.csv" not in str(told)
