"""The rules of a party: each a pure function with an id, listed in `RULES`.

A rule is told what is public of a query and what its party's policy says, and answers why it refuses, or
nothing. To add one: write the function here or in a file of its own, and list it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from mpc.privacy.terms import Differencing, Terms

Pillar = Literal["technology", "management", "law"]
#: In which part a party decides: with its own records at stake, or as one that computes on shares.
Role = Literal["holder", "compute"]

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
    """

    analyst: str
    dataset: str
    extremes: tuple[str, ...] = ()
    exact: tuple[str, ...] = ()
    holders: tuple[str, ...] = ()
    role: Role = "holder"


@dataclass(frozen=True)
class Rule:
    """`refuses` gives the reason as the end of the sentence "NAME refuses the plan: ...", or "".

    `roles`: in which a party applies it. What only who has the records can consent to, holders decide alone.
    """

    id: str
    pillar: Pillar
    refuses: Callable[[Case, Policy], str]
    remedy: str
    roles: frozenset[Role] = frozenset({"holder", "compute"})


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

RULES: Final[tuple[Rule, ...]] = (NO_EXTREMES, SINGLE_HOLDER, ROUNDING)
