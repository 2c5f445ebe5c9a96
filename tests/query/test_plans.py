"""Plans: canonical, signed, validated against catalogue and time."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from mpc.errors import CatalogueError, IdentityError, PlanExpired, PlanInvalid, TriuneError
from parties.demo.cohort import SCHEMA_FILE
from parties.identity.consortium import Consortium, Member
from parties.identity.keys import Identity
from parties.management.catalogue import Registration
from parties.management.schema_file import load_schema
from parties.query.builder import make_plan
from parties.query.case import case_of
from parties.query.compile import compile_plan
from parties.query.filters import parse
from parties.query.plan import Plan, SignedPlan, StatisticSpec, open_plan, parse_plan, sign_plan
from parties.query.text import parse_statistic, statistic
from parties.query.validation import validate

NOW = 1_800_000_000
NAMES = ("alice", "bob", "carol", "dora", "eve")
IDENTITIES = {name: Identity.generate(name) for name in NAMES}
SCHEMA = load_schema(SCHEMA_FILE)
REGISTRATIONS = [
    Registration(
        dataset="gbsg2", holder=name, rows_at_most=100 * (place + 1), version=1 + place // 2, catalogue=SCHEMA
    )
    for place, name in enumerate(("alice", "bob", "dora"))
]


def member(name: str, roles: set[str], address: str = "") -> Member:
    public = IDENTITIES[name].public()
    return Member(name, frozenset(roles), address, public.tls_key, public.signing_key)


CONSORTIUM = Consortium(
    "test",
    True,
    (
        member("alice", {"compute", "holder"}, "localhost:7001"),
        member("bob", {"compute", "holder"}, "localhost:7002"),
        member("carol", {"compute"}, "localhost:7003"),
        member("dora", {"holder"}),
        member("eve", {"analyst"}),
    ),
)


def plan(*statistics: str, **changes: Any) -> Plan:
    made = make_plan(
        IDENTITIES["eve"], CONSORTIUM, REGISTRATIONS, SCHEMA,
        [parse_statistic(text) for text in statistics or ("count",)], now=NOW,
    )  # fmt: skip
    return made.model_copy(update=changes)


def _spec(kind: str) -> StatisticSpec:
    return StatisticSpec(kind=kind, columns=("age",))


def test_a_signed_plan_opens_to_itself() -> None:
    made = plan("mean:tsize", "quantiles:age:5,50,95", "histogram:age:0,50,100", where=parse("age >= 50"))
    assert open_plan(sign_plan(made, IDENTITIES["eve"]), CONSORTIUM) == made
    assert validate(made, CONSORTIUM, REGISTRATIONS, NOW).schema == SCHEMA
    assert compile_plan(made, SCHEMA).query.facts.rows_at_most == (100, 200, 300)


def test_an_altered_or_foreign_plan_is_refused() -> None:
    signed = sign_plan(plan(), IDENTITIES["eve"])
    altered = signed.plan.replace(b'"minimum_count":1', b'"minimum_count":2')
    for bad in (SignedPlan(altered, signed.signature), sign_plan(plan(), IDENTITIES["bob"])):
        with pytest.raises(IdentityError):
            open_plan(bad, CONSORTIUM)
    with pytest.raises(IdentityError, match="no analyst"):
        open_plan(sign_plan(plan(analyst="bob"), IDENTITIES["bob"]), CONSORTIUM)
    with pytest.raises(IdentityError, match="mallory"):
        open_plan(sign_plan(plan(analyst="mallory"), IDENTITIES["bob"]), CONSORTIUM)


@pytest.mark.parametrize("at", [("erin",), ("bob", "bob")])
def test_a_plan_asks_of_holders_that_take_part(at: tuple[str, ...]) -> None:
    asked = plan().model_copy(update={"at": at})
    with pytest.raises(PlanInvalid, match="takes no part"):
        validate(asked, CONSORTIUM, REGISTRATIONS, NOW)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: b" " + data,
        lambda data: data.replace(b'"version":4', b'"version":3'),
        lambda data: data.replace(b'"version":4', b'"version":4,"x":1'),
        lambda data: data[:-1],
        lambda data: data.replace(b'"parameters":{}', b'"parameters":{"bins":1.5}'),
        lambda data: data.replace(b'"parameters":{}', b'"parameters":{"bins":true}'),
        lambda data: data.replace(b'"parameters":{}', b'"parameters":{"bins":[[1]]}'),
        lambda data: data.replace(b'"parameters":{}', b'"parameters":{"bins":{"a":1}}'),
        lambda data: data.replace(b'"parameters":{}', b'"parameters":{"x":"%s"}' % (b"9" * 1001)),
        lambda _: b"[" * 100_000,
        lambda _: b"x" * 300_000,
    ],
)
def test_bytes_that_are_not_the_canonical_form_are_refused(change: Any) -> None:
    with pytest.raises(PlanInvalid):
        parse_plan(change(plan().canonical()))


@pytest.mark.parametrize(
    ("made", "error", "words"),
    [
        (lambda: plan(expires=NOW - 1), PlanExpired, "expired"),
        (lambda: plan(expires=NOW + 10**8), PlanInvalid, "times"),
        (lambda: plan(created=NOW + 10**6), PlanInvalid, "times"),
        (lambda: plan(consortium="0" * 64), PlanInvalid, "consortium"),
        (lambda: plan(dataset="gbsg3"), CatalogueError, "Did you mean gbsg2"),
        (lambda: plan(schema_hash="0" * 64), PlanInvalid, "schema"),
        (lambda: plan(holders=plan().holders[:1] * 2), PlanInvalid, "twice"),
        (
            lambda: plan(holders=(plan().holders[0].model_copy(update={"rows_at_most": 7}),)),
            PlanInvalid,
            "alice",
        ),
        (
            lambda: plan(holders=(plan().holders[0].model_copy(update={"version": 2}),)),
            PlanInvalid,
            "alice does not hold",
        ),
        (lambda: plan("mean:tsise"), PlanInvalid, "Did you mean tsize"),
        (lambda: plan("mean:tgrade"), PlanInvalid, "category"),
        (lambda: plan("men:age"), PlanInvalid, "Did you mean mean"),
        (
            lambda: plan("sum:age").model_copy(update={"statistics": (_spec("mode"),)}),
            PlanInvalid,
            "no statistic",
        ),
        (lambda: plan("mean:age,age"), PlanInvalid, "twice"),
        (lambda: plan("mean:"), PlanInvalid, "takes 1 to"),
        (lambda: plan("quantiles:age:200"), PlanInvalid, "percentile"),
        (lambda: plan("histogram:age:50,40"), PlanInvalid, "edges of histogram must grow"),
        (lambda: plan(group_by=("age",)), PlanInvalid, "group"),
        (lambda: plan(where=parse('tgrade == "IV"')), PlanInvalid, "levels"),
        (lambda: plan(where=parse('tgrade > "I"')), PlanInvalid, "order"),
        (lambda: plan(where=parse("aeg > 3")), PlanInvalid, "Did you mean age"),
    ],
)
def test_a_plan_that_does_not_fit_is_refused_with_a_remedy(
    made: Any, error: type[TriuneError], words: str
) -> None:
    with pytest.raises(error, match=words) as refusal:
        validate(made(), CONSORTIUM, REGISTRATIONS, NOW)
    assert refusal.value.remedy


@pytest.mark.parametrize(
    "text",
    [
        "quantiles:age:1e999999999",
        "histogram:age:0,1e999999999",
        "mean:age:5",
        "describe:age:x",
        "nothing:age",
    ],
)
def test_numbers_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(PlanInvalid):
        validate(plan(text), CONSORTIUM, REGISTRATIONS, NOW)


def test_python_s_numbers_stay_exact() -> None:
    made = statistic(
        "quantiles", ["age"], {"probabilities": [5, np.float64(37.5), Decimal("2.5"), np.int32(7)]}
    )
    assert made.parameters == {"probabilities": (5, "37.5", "2.5", 7)}
    with pytest.raises(PlanInvalid, match="parameters"):
        statistic("quantiles", ["age"], {"probabilities": object()})


def test_a_party_s_rules_see_what_a_question_opens() -> None:
    made = plan("count", "mean:age,tsize", "histogram:age:0,50,100", "quantiles:age:0,50")
    case = case_of(compile_plan(made, SCHEMA), "compute")
    assert (case.analyst, case.dataset, case.role) == ("eve", "gbsg2", "compute")
    assert case.exact == ("mean age", "mean tsize")
    assert case.extremes == ("quantiles age",)
    assert case.holders == ("alice", "bob", "dora")


def test_every_plan_has_its_own_nonce_and_recipient_key() -> None:
    first, second = plan(), plan()
    assert first.nonce != second.nonce
    assert first.recipient_key != second.recipient_key


def asked_in(study: str) -> Plan:
    return make_plan(
        IDENTITIES["eve"], CONSORTIUM, REGISTRATIONS, SCHEMA, [parse_statistic("count")], now=NOW, study=study
    )


def test_a_plan_says_which_data_and_which_study() -> None:
    assert [part.version for part in plan().holders] == [1, 1, 2]
    assert plan().study == ""
    for study in ("relapse_2026", "_", "a" * 64):
        made = asked_in(study)
        assert parse_plan(made.canonical()).study == study


@pytest.mark.parametrize("study", ["1st", "a b", "a" * 65, "é", "a\n"])
def test_a_study_has_a_name_as_data_sets_have(study: str) -> None:
    with pytest.raises(PlanInvalid, match="cannot name a study") as refusal:
        asked_in(study)
    assert refusal.value.remedy
    data = plan().model_copy(update={"study": study}).canonical()
    with pytest.raises(PlanInvalid, match="study"):
        parse_plan(data)
