"""What compute parties say of their space is checked, and what a liar says names it."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest

from mpc.errors import CatalogueError, ProtocolAbort
from parties.client import connection
from parties.client.connection import Connection
from parties.client.described import read
from parties.client.job import combine
from parties.law.rules import DEFAULT_TERMS
from parties.law.terms import to_wire
from parties.query.prediction import Link
from parties.wire import analyst_pb2 as pb
from tests.query.test_plans import CONSORTIUM, REGISTRATIONS

COMPUTE, MEMBERS = ("alice", "bob", "carol"), ("alice", "bob", "carol", "dora")
STRICT = replace(DEFAULT_TERMS, minimum_count=9)


def told(name: str, **terms: bytes) -> pb.Catalogue:
    """What an honest party says, but for these terms."""
    demanded = {one: to_wire(DEFAULT_TERMS) for one in MEMBERS if one != "carol" or name == "carol"} | terms
    return pb.Catalogue(
        registrations=[item.to_json() for item in REGISTRATIONS],
        terms=[pb.PartyTerms(party=party, terms=made) for party, made in demanded.items() if made],
        links=[
            pb.MeasuredLink(party=name, peer=peer, round_trip_s=0.25, bytes_per_second=1e6)
            for peer in COMPUTE
            if peer != name
        ],
    )


def everybody() -> dict[str, pb.Catalogue]:
    return {name: told(name) for name in COMPUTE}


def test_three_answers_become_one() -> None:
    made = read(everybody(), CONSORTIUM)
    assert made.registrations == tuple(REGISTRATIONS)
    assert made.policies == dict.fromkeys(MEMBERS, DEFAULT_TERMS)
    assert Link("alice", "bob", 0.25, 1e6) in made.links
    assert len(made.links) == 6
    assert made.holders_of("gbsg2") == ("alice", "bob", "dora")


class _Parties(Connection):
    """Compute parties that say these things one after the other."""

    def __init__(self, *answers: dict[str, pb.Catalogue]) -> None:
        self.analyst, self._answers = SimpleNamespace(consortium=CONSORTIUM), list(answers)

    def everywhere(self, method: str, request: object) -> dict[str, pb.Catalogue]:
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def moved() -> dict[str, pb.Catalogue]:
    """Bob has heard of new data of dora, alice and carol have not yet."""
    answers = everybody()
    place = next(at for at, item in enumerate(REGISTRATIONS) if item.holder == "dora")
    answers["bob"].registrations[place] = REGISTRATIONS[place].model_copy(update={"version": 3}).to_json()
    return answers


def test_what_three_parties_say_may_take_a_moment_to_settle(monkeypatch: pytest.MonkeyPatch) -> None:
    made = _Parties(moved(), moved(), everybody()).describe()
    assert made.registrations == tuple(REGISTRATIONS)
    monkeypatch.setattr(connection, "SETTLE_S", 0.2)
    with pytest.raises(CatalogueError, match="describe gbsg2 of dora differently"):
        _Parties(moved()).describe()


def test_of_terms_that_just_changed_the_strictest_stand() -> None:
    made = read(everybody() | {"bob": told("bob", dora=to_wire(STRICT))}, CONSORTIUM)
    assert made.policies["dora"] == STRICT


@pytest.mark.parametrize(
    "terms",
    [
        {"dora": b"{}"},
        {"dora": to_wire(DEFAULT_TERMS) + b" "},
        {"mallory": to_wire(DEFAULT_TERMS)},
        {"bob": b""},  # its own are missing
    ],
)
def test_terms_that_make_no_sense_name_who_tells_them(terms: dict[str, bytes]) -> None:
    with pytest.raises(ProtocolAbort) as refusal:
        read(everybody() | {"bob": told("bob", **terms)}, CONSORTIUM)
    assert refusal.value.culprit == "bob"


def test_a_holder_has_terms() -> None:
    with pytest.raises(ProtocolAbort):
        read({name: told(name, dora=b"") for name in COMPUTE}, CONSORTIUM)


@pytest.mark.parametrize(
    "link",
    [
        {"party": "alice"},
        {"peer": "bob"},
        {"peer": "dora"},
        {"round_trip_s": 0.0},
        {"round_trip_s": -1.0},
        {"round_trip_s": math.nan},
        {"bytes_per_second": math.inf},
        {"bytes_per_second": 0.0},
    ],
)
def test_a_way_that_makes_no_sense_names_who_tells_of_it(link: dict[str, str | float]) -> None:
    lying = told("bob")
    for key, value in link.items():
        setattr(lying.links[0], key, value)
    with pytest.raises(ProtocolAbort) as refusal:
        read(everybody() | {"bob": lying}, CONSORTIUM)
    assert refusal.value.culprit == "bob"


def test_a_session_has_one_set_of_terms() -> None:
    def said(terms: bytes) -> pb.JobStatus:
        return pb.JobStatus(state=pb.RELEASED, terms=terms)

    same = combine(dict.fromkeys(COMPUTE, said(to_wire(STRICT))))
    assert same.terms == STRICT
    assert combine(dict.fromkeys(COMPUTE, said(b""))).terms is None  # a job of before they were told
    with pytest.raises(ProtocolAbort, match="different terms"):
        combine({"alice": said(to_wire(STRICT)), "bob": said(to_wire(DEFAULT_TERMS)), "carol": said(b"")})
    with pytest.raises(ProtocolAbort):
        combine(dict.fromkeys(COMPUTE, said(b"{")))
