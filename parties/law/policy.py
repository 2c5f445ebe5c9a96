"""A party's decision on a query: three verdicts, one for each pillar, all of which must allow it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from mpc.errors import PolicyRefused
from parties.law.rules import RULES, Case, Pillar, Policy, Rule


@dataclass(frozen=True)
class Verdict:
    """One pillar's answer: the rule that refuses, and why; None if all of its rules allow."""

    pillar: Pillar
    refusal: tuple[Rule, str] | None = None


def decide(case: Case, policy: Policy, rules: Sequence[Rule] = RULES) -> tuple[Verdict, ...]:
    """What each pillar's rules for the case's role say; the first that refuses speaks for its pillar."""
    found: dict[Pillar, tuple[Rule, str]] = {}
    for rule in rules:
        reason = rule.refuses(case, policy) if case.role in rule.roles else ""
        if reason:
            found.setdefault(rule.pillar, (rule, reason))
    return tuple(Verdict(pillar, found.get(pillar)) for pillar in get_args(Pillar))


def demand(verdicts: Sequence[Verdict], party: str) -> None:
    """`PolicyRefused` with the first refusing rule's id, reason and remedy, unless all pillars allow."""
    for verdict in verdicts:
        if verdict.refusal is not None:
            rule, reason = verdict.refusal
            raise PolicyRefused(
                f"{party} refuses the plan by rule {rule.id} ({rule.pillar}): {reason}.",
                remedy=rule.remedy,
                culprit=party,
            )
