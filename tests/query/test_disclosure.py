"""The report says what opened, what that tells, what stayed closed and by which rule, under whose terms."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from mpc.privacy.terms import Terms
from mpc.statistics.outcome import Outcome, Value
from parties.law.rules import DEFAULT_TERMS
from parties.query.compile import compile_plan
from parties.query.disclosure import DisclosureReport, report
from tests.query.test_plans import SCHEMA, plan

STRICT = replace(DEFAULT_TERMS, minimum_count=8)


def outcome(asked: str, **closed: Value) -> Outcome:
    """An outcome of a question of one statistic in which everything opened but what is `closed`."""
    (statistic,) = compile_plan(plan(asked), SCHEMA).query.statistics
    names = [one.name for one in (*statistic.quantities(), *statistic.targets())]
    values = statistic.finish(dict.fromkeys(names, 20))
    return Outcome(statistic, (("horTh", "yes"),), {**values, **closed})


def reported(*outcomes: Outcome, terms: Terms | None = STRICT) -> DisclosureReport:
    return report("eve", ("alice", "bob"), outcomes, terms, {"alice": DEFAULT_TERMS, "bob": STRICT})


def test_a_mean_opens_its_sums_and_says_so() -> None:
    made = reported(outcome("std:age"))
    assert made.opened[0].opens == ("n", "missing", "sum", "sum of squares")
    assert "sum (with n) and sum of squares (with n)" in made.opened[0].tells
    assert "its exact values" in made.opened[0].learnable
    assert "Only noise" in made.opened[0].learnable
    assert made.closed == ()
    assert "stayed closed: nothing" in str(made)


def test_a_percentile_tells_an_interval() -> None:
    (opened,) = reported(outcome("median:age")).opened
    assert opened.opens == ("n", "missing", "median")
    assert "an interval" in opened.learnable
    assert "exact values" not in opened.learnable


def test_a_curve_tells_a_step_and_stays_closed_by_its_own_rule() -> None:
    full = outcome("distribution:age:4")
    name = next(name for name in full.values if name != "n")
    made = reported(outcome("distribution:age:4", **{name: None}))
    assert "between which two points" in made.opened[0].learnable
    assert [(one.value, one.rule) for one in made.closed] == [(name, "steps")]
    assert "8 records" in made.closed[0].setting


def test_counts_tell_of_membership_and_rounded_ones_less() -> None:
    assert "whether it is counted. " in reported(outcome("count")).opened[0].learnable
    (opened,) = reported(outcome("count"), terms=replace(STRICT, round_to=5)).opened
    assert "where it moves a rounded count" in opened.learnable
    assert "to the nearest 5" in opened.tells


@pytest.mark.parametrize(
    ("made", "terms", "rule", "setting"),
    [
        (
            outcome("count", count=None),
            STRICT,
            "minimum-count",
            "8 records beside the largest holder's, or closed for another",
        ),
        (outcome("mean:age", missing=None, n=None, mean=None), STRICT, "minimum-count", "8 records"),
        (outcome("mean:age", missing=None), replace(STRICT, round_to=5), "rounding", "nearest 5"),
        (outcome("mean:age", n=None, mean=None), STRICT, "minimum-count", "8 records"),
        (outcome("mean:age", mean=None), STRICT, "dominance", "p = 10 %"),
        (outcome("mean:age", mean=None), replace(STRICT, round_to=5), "rounding", "nearest 5"),
        (
            outcome("median:age", median=None),
            STRICT,
            "records-on-each-side",
            "8 records below it and 8 above",
        ),
        (outcome("median:age", n=None, median=None), STRICT, "minimum-count", "8 records"),
        (outcome("minimum:age", minimum=None), STRICT, "no-extremes", "no party"),
        (outcome("count", count=None), None, "minimum-count", "not known"),
    ],
)
def test_what_stayed_closed_has_its_rule(made: Outcome, terms: Terms | None, rule: str, setting: str) -> None:
    closed = reported(made, terms=terms).closed
    assert {one.value for one in closed} == set(made.suppressed)
    assert {one.rule for one in closed} == {rule}
    assert setting in closed[0].setting
    assert "horTh=yes" in closed[0].cell


def test_terms_in_force_and_whose_they_are() -> None:
    made = reported(outcome("count"))
    by = {one.term: (one.value, one.parties) for one in made.terms}
    assert by["minimum_count"] == (8, ("bob",))
    assert by["differencing"] == ("combinations", ("alice", "bob"))
    assert "dominance_records" not in by  # nobody demands it
    assert "minimum_count = 8, demanded by bob" in str(made)
    assert "not known" in str(reported(outcome("count"), terms=None))


def test_the_report_is_json() -> None:
    made = report("eve", ("alice",), [outcome("mean:age", mean=None)], STRICT, {}, earlier=3)
    read = json.loads(json.dumps(made.to_json()))
    assert read["earlier"] == 3
    assert read["closed"][0]["rule"] == "dominance"
    assert "compared with 3" in str(made)
