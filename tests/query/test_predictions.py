"""What is said of a question before it runs: its holders, openings, rules, rounds, bytes and seconds."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from mpc.privacy.terms import Differencing, Terms
from parties.law.rules import DEFAULT_TERMS
from parties.law.terms import joined
from parties.query.cohorts import guarded
from parties.query.compile import Question, compile_plan
from parties.query.explain import explain
from parties.query.prediction import Link, Outlook, predict, shared_bytes
from tests.privacy.study import DEFAULTS, Study, category, number, schema_of
from tests.query.test_plans import SCHEMA, plan

NEAR = Link("alice", "bob", 0.001, 1e8)
FAR = Link("carol", "alice", 0.04, 1e7)
POLICIES = {
    "alice": DEFAULT_TERMS,
    "bob": replace(DEFAULT_TERMS, minimum_count=8),
    "carol": DEFAULT_TERMS,
    "dora": replace(DEFAULT_TERMS, round_to=5),
}


def question(*asked: str) -> Question:
    return compile_plan(plan(*asked), SCHEMA)


def outlook(**changes: Terms) -> Outlook:
    policies = POLICIES | changes
    return Outlook(joined(policies, policies), policies, (NEAR, FAR), ("alice", "bob", "dora", "erin"))


def test_the_slowest_way_decides() -> None:
    asked = question("median:age")
    quick, slow = (predict(asked, DEFAULT_TERMS, links) for links in ([NEAR], [NEAR, FAR]))
    assert (quick.rounds, quick.bytes_sent) == (slow.rounds, slow.bytes_sent)
    assert quick.seconds is not None
    assert slow.seconds is not None
    assert slow.seconds > slow.rounds * FAR.round_trip_s / 2 + slow.bytes_sent / FAR.bytes_per_second
    assert slow.seconds - quick.seconds > slow.rounds * (FAR.round_trip_s - NEAR.round_trip_s) / 2


def test_rounds_and_bytes_are_those_of_the_query() -> None:
    asked = question("describe:age", "count")
    asked = replace(asked, plan=asked.plan.model_copy(update={"differencing": Differencing.OFF}))
    cost = asked.query.cost(DEFAULT_TERMS)
    made = predict(asked, DEFAULT_TERMS, [])
    assert (made.seconds, made.rounds, made.bytes_sent) == (None, cost.rounds, max(cost.sent))
    assert shared_bytes(asked) == 16 * sum(b.elements for h in range(3) for b in asked.query.blocks_for(h))


@pytest.mark.parametrize("level", list(Differencing))
@pytest.mark.parametrize("last", ["count", "mean:age", "histogram:age:4"])
def test_rounds_are_enough_for_any_comparison(level: Differencing, last: str) -> None:
    asked = study(level)
    before = [asked.question("count", where=where) for where in ("age < 50", "age >= 30 and sex == 'm'", "")]
    before += [asked.question("histogram:age:5", by=["sex"]), asked.question("mean:weight")]
    now = asked.question(last, where="age < 70")
    most = predict(now, asked.terms, []).rounds
    least = now.query.cost(asked.terms).rounds
    for earlier in ([], before[:1], before[:3], before):
        compared = guarded(now, earlier, drifted=2 if earlier else 0)
        assert least <= compared.query.cost(asked.terms).rounds <= most
    assert most == least if level == Differencing.OFF else most > least


def study(level: Differencing) -> Study:
    schema = schema_of(
        number("age", 0, 100), number("weight", 0, 200, complete=False), category("sex", "f", "m")
    )
    rows = pd.DataFrame({"age": [40], "weight": [70], "sex": ["f"]})
    return Study(schema, dict.fromkeys(("a", "b", "c"), rows), replace(DEFAULTS, differencing=level))


def test_explanations_say_who_demands_what_and_what_it_takes() -> None:
    text = "\n".join(explain(question("mean:age"), outlook()))
    assert "Term minimum_count = 8, demanded by bob." in text
    assert "Term round_to = 5, demanded by dora." in text
    assert "Not asked, though they hold it too: erin." in text
    assert "between carol and alice" in text
    assert "40 ms" in text
    assert "10 MB a second" in text


def test_explanations_foresee_refusals() -> None:
    text = "\n".join(explain(question("mean:age", "minimum:age"), outlook()))
    assert "dora will refuse it by rule no-extremes" in text
    assert "carol will refuse" not in text  # it has no records at stake
    text = "\n".join(explain(question("mean:age"), outlook()))
    assert "dora will refuse it by rule rounding: it lets counts open as multiples of 5" in text
    assert "refuse" not in "\n".join(explain(question("count"), outlook()))


def test_without_a_space_there_are_no_seconds() -> None:
    text = "\n".join(explain(question("mean:age")))
    assert "Opens" in text
    assert "rounds" in text
    assert "Term" not in text
    assert " s:" not in text
