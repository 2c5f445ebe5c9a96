"""The rules of a party: each a pure function with an id, listed in `RULES`.

A rule is told what is public of a query and what its party's policy says, and answers why it refuses, or
nothing. To add one: write the function here or in a file of its own, and list it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from mpc.privacy.terms import Terms

Pillar = Literal["technology", "management", "law"]


DEFAULT_TERMS: Final = Terms(minimum_count=5)


@dataclass(frozen=True)
class Policy:
    """What one party's settings demand."""

    terms: Terms = DEFAULT_TERMS


@dataclass(frozen=True)
class Case:
    """What is public of a query when a party decides. `extremes`: the statistics that open one."""

    analyst: str
    dataset: str
    extremes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rule:
    """`refuses` gives the reason as the end of the sentence "NAME refuses the plan: ...", or ""."""

    id: str
    pillar: Pillar
    refuses: Callable[[Case, Policy], str]
    remedy: str


def _extremes(case: Case, policy: Policy) -> str:
    if not case.extremes or policy.terms.allow_extremes:
        return ""
    return f"it lets no extreme open, and {' and '.join(case.extremes)} would"


NO_EXTREMES: Final = Rule(
    "no-extremes",
    "law",
    _extremes,
    "Ask for percentiles between 5 and 95, or ask that holder to set allow_extremes.",
)

RULES: Final[tuple[Rule, ...]] = (NO_EXTREMES,)
