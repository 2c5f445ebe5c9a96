"""A rule is one pure function with an id: one is added here, and nothing else is touched."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc.errors import PolicyRefused, ProtocolAbort, RangeError
from mpc.privacy.terms import Terms
from parties.law.policy import decide, demand
from parties.law.rules import DEFAULT_TERMS, RULES, Case, Policy, Role, Rule
from parties.law.terms import from_wire, to_wire

terms = st.builds(
    Terms,
    st.integers(1, 10**6),
    st.booleans(),
    allow_single_holder=st.booleans(),
    dominance_records=st.integers(0, 3),
    dominance_percent=st.integers(1, 100),
    p_percent=st.integers(0, 100),
    round_to=st.integers(1, 1000),
    residual_records=st.integers(0, 10**6),
    records_per_parameter=st.integers(0, 10**6),
    differencing=st.integers(0, 2),
    records_per_cohort=st.integers(0, 10**9),
)
MORNING = Rule(
    "not-by-mallory",
    "management",
    lambda case, policy: "it has fallen out with mallory" if case.analyst == "mallory" else "",
    "Ask somebody else to ask.",
)


def test_a_new_rule_is_asked_and_named() -> None:
    verdicts = decide(Case("mallory", "gbsg2"), Policy(), (*RULES, MORNING))
    assert [verdict.pillar for verdict in verdicts] == ["technology", "management", "law"]
    with pytest.raises(PolicyRefused) as refusal:
        demand(verdicts, "ada")
    assert refusal.value.message == (
        "ada refuses the plan by rule not-by-mallory (management): it has fallen out with mallory."
    )
    assert refusal.value.remedy == "Ask somebody else to ask."
    assert refusal.value.culprit == "ada"
    demand(decide(Case("eve", "gbsg2"), Policy(), (*RULES, MORNING)), "ada")


def test_extremes_need_the_holder_s_leave() -> None:
    asked = Case("eve", "gbsg2", ("minimum age",))
    demand(decide(Case("eve", "gbsg2"), Policy()), "ada")
    demand(decide(asked, Policy(Terms(5, allow_extremes=True))), "ada")
    with pytest.raises(PolicyRefused, match=r"ada .* no-extremes .*minimum age"):
        demand(decide(asked, Policy()), "ada")


def test_a_single_holder_consents_itself() -> None:
    alone = Case("eve", "gbsg2", holders=("ada",))
    demand(decide(replace(alone, holders=("ada", "bert")), Policy()), "ada")
    demand(decide(alone, Policy(replace(DEFAULT_TERMS, allow_single_holder=True))), "ada")
    demand(decide(replace(alone, role="compute"), Policy()), "bert")  # it is not its records that are asked
    with pytest.raises(PolicyRefused, match=r"ada .* single-holder .*it asks ada alone"):
        demand(decide(alone, Policy()), "ada")


@pytest.mark.parametrize("role", ["holder", "compute"])
def test_who_rounds_counts_lets_no_plan_ask_for_exact_sums(role: Role) -> None:
    rounded = Policy(replace(DEFAULT_TERMS, round_to=5))
    asked = Case("eve", "gbsg2", exact=("mean age", "std age"), role=role)
    demand(decide(replace(asked, exact=()), rounded), "ada")
    demand(decide(asked, Policy()), "ada")
    with pytest.raises(PolicyRefused, match=r"ada .* rounding .*multiples of 5, and mean age and std age"):
        demand(decide(asked, rounded), "ada")


def test_every_rule_has_an_id_of_its_own_and_a_remedy() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES)
    assert all(rule.remedy for rule in RULES)


@given(terms, terms, terms)
def test_the_strictest_terms_hold_in_any_order(one: Terms, two: Terms, three: Terms) -> None:
    both = one & two
    assert both.minimum_count == max(one.minimum_count, two.minimum_count)
    assert both.allow_extremes == (one.allow_extremes and two.allow_extremes)
    assert both == two & one
    assert both & three == one & (two & three)


@given(terms)
def test_terms_travel_as_they_are(one: Terms) -> None:
    assert from_wire(to_wire(one), "ada") == one


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"allow_extremes":false,"minimum_count":0}', b"\xff"])
def test_what_is_no_terms_is_refused_by_name(data: bytes) -> None:
    with pytest.raises(ProtocolAbort) as refusal:
        from_wire(data, "ada")
    assert refusal.value.culprit == "ada"


def test_a_minimum_below_one_would_open_empty_cells() -> None:
    with pytest.raises(RangeError):
        Terms(0)
