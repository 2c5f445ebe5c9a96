"""The rules of a party: each a pure function with an id, listed in `RULES`.

A rule is told what is public of a query and what its party's policy says, and answers why it refuses, or
nothing. To add one: write the function here or in a file of its own, and list it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from mpc.privacy import guard
from mpc.privacy.guard import over_budget
from mpc.privacy.terms import Differencing, Terms

Pillar = Literal["technology", "management", "law"]
#: In which part a party decides: with its own records at stake, or as one that computes on shares.
#: `beside`: a holder that is not asked, but differences with earlier questions may be of its records.
Role = Literal["holder", "beside", "compute"]

DEFAULT_TERMS: Final = Terms(
    minimum_count=5,
    p_percent=10,
    residual_records=3,
    records_per_parameter=3,
    differencing=Differencing.COMBINATIONS,
    records_per_cohort=5,
)


@dataclass(frozen=True)
class Policy:
    """What one party's settings demand."""

    terms: Terms = DEFAULT_TERMS


@dataclass(frozen=True)
class Case:
    """What is public of a query when a party decides, and in which role it does.

    `extremes`: the statistics that open one. `exact`: those that open sums. `holders`: who is asked.
    `differencing`: with what it is to be compared. `cohorts`: of it and all earlier questions, of `records`
    registered ones.
    """

    analyst: str
    dataset: str
    extremes: tuple[str, ...] = ()
    exact: tuple[str, ...] = ()
    holders: tuple[str, ...] = ()
    role: Role = "holder"
    differencing: int = Differencing.COMBINATIONS
    cohorts: int = 0
    records: int = 0


@dataclass(frozen=True)
class Rule:
    """`refuses` gives the reason as the end of the sentence "NAME refuses the plan: ...", or "".

    `roles`: in which a party applies it. What only who has the records can consent to, holders decide alone.
    """

    id: str
    pillar: Pillar
    refuses: Callable[[Case, Policy], str]
    remedy: str
    roles: frozenset[Role] = frozenset({"holder", "beside", "compute"})


def _extremes(case: Case, policy: Policy) -> str:
    if not case.extremes or policy.terms.allow_extremes:
        return ""
    return f"it lets no extreme open, and {' and '.join(case.extremes)} would"


def _single_holder(case: Case, policy: Policy) -> str:
    if len(case.holders) != 1 or policy.terms.allow_single_holder:
        return ""
    return f"it asks {case.holders[0]} alone, and no other holder's records would stand beside its own"


def _rounding(case: Case, policy: Policy) -> str:
    if policy.terms.round_to == 1 or not case.exact:
        return ""
    return (
        f"it lets counts open as multiples of {policy.terms.round_to}, and {' and '.join(case.exact)} "
        "would open exact sums"
    )


def _differencing(case: Case, policy: Policy) -> str:
    if case.differencing >= policy.terms.differencing:
        return ""
    wanted = Differencing(policy.terms.differencing).name.lower()
    return f"it is to be compared with earlier questions less than by {wanted}"


def _budget(case: Case, policy: Policy) -> str:
    if not over_budget(case.cohorts, case.records, policy.terms):
        return ""
    return (
        f"with the earlier ones of its study and analyst it asks for {case.cohorts} cohorts of "
        f"{case.records} records, and there may be one for {policy.terms.records_per_cohort} of these"
    )


_OF_HOLDERS: Final[frozenset[Role]] = frozenset({"holder"})

NO_EXTREMES: Final = Rule(
    "no-extremes",
    "law",
    _extremes,
    "Ask for percentiles between 5 and 95, or ask that holder to set allow_extremes.",
    _OF_HOLDERS,
)
SINGLE_HOLDER: Final = Rule(
    "single-holder",
    "law",
    _single_holder,
    "Ask two holders or more together, or ask that holder to set allow_single_holder.",
    _OF_HOLDERS,
)
ROUNDING: Final = Rule(
    "rounding",
    "law",
    _rounding,
    "Ask for counts, histograms or percentiles, or ask that party to set round_to = 1.",
)

DIFFERENCING: Final = Rule(
    guard.RULE,
    "technology",
    _differencing,
    "Make the plan with the SDK or `triune query`, which look that up.",
)
COHORT_BUDGET: Final = Rule(
    guard.BUDGET,
    "law",
    _budget,
    "Use the answers that there are, or ask that party for a larger budget (records_per_cohort).",
)

RULES: Final[tuple[Rule, ...]] = (NO_EXTREMES, SINGLE_HOLDER, ROUNDING, DIFFERENCING, COHORT_BUDGET)
