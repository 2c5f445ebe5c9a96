"""A party's own rules for a plan, and how the parties' rules join: the strictest wins."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from mpc.errors import PolicyRefused

DEFAULT_MINIMUM_COUNT = 5
EXTREMES = frozenset({"minimum", "maximum"})


@dataclass(frozen=True)
class Policy:
    """What one party demands. `minimum_count` is k; `allow_extremes` lets minimum and maximum open."""

    minimum_count: int = DEFAULT_MINIMUM_COUNT
    allow_extremes: bool = False


@dataclass(frozen=True)
class Verdict:
    """One pillar's answer, with the rule that decided."""

    pillar: Literal["technology", "management", "law"]
    allowed: bool
    rule: str
    message: str = ""


def decide(kinds: frozenset[str], policy: Policy) -> Verdict:
    """Whether a holder takes part in statistics of these kinds."""
    asked = sorted(kinds & EXTREMES)
    if asked and not policy.allow_extremes:
        return Verdict("law", False, "no-extremes", f"this holder does not let {' or '.join(asked)} open")
    return Verdict("law", True, "default")


def demand(verdict: Verdict, party: str) -> None:
    """`PolicyRefused` with the rule's id unless the verdict allows."""
    if not verdict.allowed:
        raise PolicyRefused(
            f"{party} refuses the plan by rule {verdict.rule}: {verdict.message}.",
            remedy="Ask for percentiles between 5 and 95, or ask that holder to set allow_extremes.",
            culprit=party,
        )


def strictest(counts: Iterable[int]) -> int:
    """The effective minimum count."""
    return max((1, *counts))
