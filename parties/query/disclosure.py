"""What a result discloses: what opened and what that tells, what stayed closed and why, under whose terms.

Pure: made of the question, the terms and the outcomes. It says what the numbers tell by themselves; what they
tell beside other results is the subject of the rule on differencing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from mpc.privacy import complement, each_side
from mpc.privacy.dominance import RULE as DOMINANCE
from mpc.privacy.minimum_count import RULE as MINIMUM_COUNT
from mpc.privacy.terms import NONE, Differencing, Terms
from mpc.statistics.outcome import Outcome
from mpc.statistics.statistic import Statistic
from parties.law.rules import NO_EXTREMES, ROUNDING

#: Names of what opened that are printed; the JSON has them all.
_SHOWN: Final = 20
_ONLY_NOISE: Final = "Only noise would stop this, and none is added."


@dataclass(frozen=True)
class Opened:
    """A statistic: what opens of it in each group, what that tells, and what it could tell of one record."""

    statistic: str
    opens: tuple[str, ...]
    tells: str
    learnable: str


@dataclass(frozen=True)
class Closed:
    """A value that did not open: in which group, by which rule, and that rule's setting."""

    cell: str
    value: str
    rule: str
    setting: str


@dataclass(frozen=True)
class Demand:
    """A term in force, and the parties that demand it so; none where that is not known."""

    term: str
    value: int | bool | str
    parties: tuple[str, ...]


@dataclass(frozen=True)
class DisclosureReport:
    """The report. `earlier`: with how many earlier questions this one was compared; None: not known."""

    recipient: str
    holders: tuple[str, ...]
    opened: tuple[Opened, ...]
    closed: tuple[Closed, ...]
    terms: tuple[Demand, ...]
    earlier: int | None = None

    def to_json(self) -> dict[str, Any]:
        """The report, as JSON has it."""
        return asdict(self)

    def __str__(self) -> str:
        lines = [f"What this result of {', '.join(self.holders)} discloses to {self.recipient}"]
        for one in self.opened:
            lines += [f"  {one.statistic}", f"    opened: {_shortened(one.opens)}"]
            lines += [f"    that tells: {one.tells}", f"    of one record: {one.learnable}"]
        lines.append("  stayed closed: " + ("nothing" if not self.closed else ""))
        lines += [f"    {one.cell}: {one.value} (rule {one.rule}: {one.setting})" for one in self.closed]
        lines.append("  terms in force:" + ("" if self.terms else " not known"))
        lines += [f"    {one.term} = {one.value}{_by(one.parties)}" for one in self.terms]
        return "\n".join([*(line.rstrip() for line in lines), f"  {_compared(self.earlier)}"])


def _shortened(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _by(parties: Sequence[str]) -> str:
    return f", demanded by {', '.join(parties)}" if parties else ""


def _compared(earlier: int | None) -> str:
    if earlier is None:
        return "earlier questions: the parties did not say with how many this one was compared"
    return f"earlier questions: compared with {earlier}"


def report(
    recipient: str,
    holders: Sequence[str],
    outcomes: Sequence[Outcome],
    terms: Terms | None,
    policies: Mapping[str, Terms],
    earlier: int | None = None,
) -> DisclosureReport:
    """Of `outcomes`, for who opened them. `terms` are the session's, `policies` those of single parties."""
    statistics = {str(one): one for one in (_statistic(outcome) for outcome in outcomes)}
    rounded = terms.round_to if terms is not None else 1
    return DisclosureReport(
        recipient=recipient,
        holders=tuple(holders),
        opened=tuple(_opened(one, rounded) for one in statistics.values()),
        closed=tuple(closed for outcome in outcomes for closed in _closed(outcome, terms)),
        terms=demands(terms, policies) if terms is not None else (),
        earlier=earlier,
    )


def demands(terms: Terms, policies: Mapping[str, Terms]) -> tuple[Demand, ...]:
    """Each term that demands something, and whose policy demands just that."""
    made = []
    for name in (field.name for field in fields(Terms)):
        value = getattr(terms, name)
        if value != getattr(NONE, name):
            parties = tuple(party for party, own in policies.items() if getattr(own, name) == value)
            shown = Differencing(value).name.lower() if name == "differencing" else value
            made.append(Demand(name, shown, parties))
    return tuple(made)


def _statistic(outcome: Outcome) -> Statistic:
    if not isinstance(outcome.statistic, Statistic):
        raise TypeError("the outcome is of no statistic that declares what opens")
    return outcome.statistic


def _opened(statistic: Statistic, rounded: int) -> Opened:
    quantities, targets = statistic.quantities(), statistic.targets()
    names = (*(one.name for one in quantities), *(goal.name for goal in targets))
    return Opened(str(statistic), names, _tells(statistic, rounded), _learnable(statistic, rounded))


def _tells(statistic: Statistic, rounded: int) -> str:
    """What follows from the opened integers, beyond what is printed."""
    exact = "exact numbers" if rounded == 1 else f"counts to the nearest {rounded}"
    sums = [one for one in statistic.quantities() if not one.is_count]
    if not any(one.is_of_values for one in sums):
        return f"{exact} of records" + (", and values computed on shares" if statistic.targets() else "")
    parts = _and(f"{one.name} (with {one.governor})" for one in sums)
    return f"{exact} of records, and exactly {parts}: printed values follow from these, and these from them"


def _learnable(statistic: Statistic, rounded: int) -> str:
    """What somebody could learn who knows all records but one."""
    sums = any(one.is_of_values for one in statistic.quantities())
    count = (
        "whether it is counted" if rounded == 1 else "whether it is counted, where it moves a rounded count"
    )
    parts = [count, *(["its exact values in these columns"] if sums else [])]
    parts += dict.fromkeys(goal.learnable for goal in statistic.targets())
    return f"who knows all others learns {_and(parts)}. {_ONLY_NOISE}"


def _closed(outcome: Outcome, terms: Terms | None) -> Iterable[Closed]:
    statistic = _statistic(outcome)
    where = ", ".join(f"{name}={level}" for name, level in outcome.group) or "all selected records"
    for name in outcome.suppressed:
        rule = _rule_of(statistic, name, outcome, terms)
        yield Closed(f"{statistic} for {where}", name, rule, _setting(rule, terms))


def _rule_of(statistic: Statistic, name: str, outcome: Outcome, terms: Terms | None) -> str:
    """Which rule kept a value closed, as far as what opened tells."""
    goal = next((goal for goal in statistic.targets() if goal.name == name), None)
    counts = {one.name for one in statistic.quantities() if one.is_count}
    governors = {goal.governor} if goal is not None else {one.governor for one in statistic.quantities()}
    open_counts = {count for count in counts if outcome.values.get(count) is not None}
    if name in counts or not governors & open_counts:
        return MINIMUM_COUNT
    if goal is not None:
        return NO_EXTREMES.id if goal.extreme else goal.rule or MINIMUM_COUNT
    return ROUNDING.id if terms is not None and terms.round_to > 1 else DOMINANCE


def _setting(rule: str, terms: Terms | None) -> str:
    if terms is None:
        return "its setting is not known"
    k = terms.minimum_count
    beside = "" if terms.allow_single_holder else " beside the largest holder's"
    # A cell that was closed for another's sake says nothing of that, so neither does this.
    sake = f", or closed for another cell's sake (rule {complement.RULE})" if terms.differencing else ""
    settings = {
        MINIMUM_COUNT: f"at least {k} records{beside}{sake}",
        NO_EXTREMES.id: "no party opens single records",
        ROUNDING.id: f"counts to the nearest {terms.round_to}, no sums",
        DOMINANCE: f"p = {terms.p_percent} %, and {terms.dominance_records} records make up at most "
        f"{terms.dominance_percent} %",
        each_side.RULE: f"at least {k} records below it and {k} above",
    }
    return settings.get(rule, f"at least {k} records")


def _and(parts: Iterable[str]) -> str:
    *rest, last = parts
    return f"{', '.join(rest)} and {last}" if rest else last
