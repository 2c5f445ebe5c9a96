"""From a question's outcomes to results: one a statistic, or one table for all."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mpc.errors import JobError
from mpc.statistics import table
from mpc.statistics.outcome import Outcome
from mpc.statistics.results import Facts, Result, TableResult
from parties.query.plan import Plan, StatisticSpec

#: A job's facts, and with them what the given outcomes disclose.
FactsOf = Callable[[Sequence[Outcome]], Facts]


def separate_results(plan: Plan, outcomes: Sequence[Sequence[Outcome]], facts: FactsOf) -> tuple[Result, ...]:
    """One result for each statistic of `plan`, in its order."""
    return tuple(
        table.find(spec.kind).result(plan.title_of(spec), mine, plan.group_by, facts(mine))
        for spec, mine in zip(plan.statistics, outcomes, strict=True)
    )


def combined_result(plan: Plan, outcomes: Sequence[Sequence[Outcome]], facts: FactsOf) -> Result:
    """One result for the whole plan; `JobError` if its statistics do not fit into one table."""
    if len(plan.statistics) == 1 and not plan.statistics[0].name:
        return separate_results(plan, outcomes, facts)[0]
    if not all(fits_a_table(spec) for spec in plan.statistics):
        raise JobError(
            "The statistics of this job do not fit into one table.",
            remedy="Take them apart with job.results().",
        )
    by_group = [one for group in zip(*outcomes, strict=True) for one in group]
    names = [spec.name or str(spec) for spec in plan.statistics]
    return TableResult(plan.title, by_group, plan.group_by, facts(by_group), names)


def fits_a_table(spec: StatisticSpec) -> bool:
    """Whether its answer is one row a group."""
    found = table.find(spec.kind)
    return issubclass(found.result, TableResult) and (not found.takes.each or len(spec.columns) == 1)
