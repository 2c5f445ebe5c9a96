"""From a plan's outcomes to results: which outcome belongs to which statistic, and how it is shown."""

from __future__ import annotations

from collections.abc import Sequence

from mpc.errors import JobError
from mpc.statistics.base import StatisticOutcome
from mpc.statistics.table import KINDS
from mpc.statistics.tables import bin_edges
from parties.client.results import CorrelationResult, Facts, HistogramResult, Result, TableResult
from parties.management.catalogue import Schema
from parties.query.compile import request_of
from parties.query.plan import Plan, StatisticSpec

#: Statistics whose answer is no row of a table.
SHAPED = frozenset({"histogram", "correlation"})


def separate_results(
    plan: Plan, schema: Schema, outcomes: Sequence[StatisticOutcome], facts: Facts
) -> tuple[Result, ...]:
    """One result for each statistic of `plan`, in its order."""
    sizes = [outcomes_of(spec) for spec in plan.statistics]
    stride, start, results = sum(sizes), 0, []
    for spec, size in zip(plan.statistics, sizes, strict=True):
        mine = [
            outcome
            for group in range(0, len(outcomes), stride)
            for outcome in outcomes[group + start : group + start + size]
        ]
        results.append(_result(spec, plan, schema, mine, facts))
        start += size
    return tuple(results)


def combined_result(
    title: str,
    plan: Plan,
    schema: Schema,
    outcomes: Sequence[StatisticOutcome],
    facts: Facts,
    labels: Sequence[str] = (),
) -> Result:
    """One result for the whole plan; JobError if its statistics do not fit into one table."""
    if len(plan.statistics) == 1 and not labels:
        return separate_results(plan, schema, outcomes, facts)[0]
    if any(spec.kind in SHAPED or outcomes_of(spec) != 1 for spec in plan.statistics):
        raise JobError(
            "The statistics of this job do not fit into one table.",
            remedy="Take them apart with job.results().",
        )
    names = labels or [" ".join((spec.kind, *spec.columns)) for spec in plan.statistics]
    return TableResult(title, outcomes, plan.group_by, facts, names)


def outcomes_of(spec: StatisticSpec) -> int:
    """How many outcomes a group a statistic has: one a column for those that work column by column."""
    return len(spec.columns) if KINDS[spec.kind].each else 1


def describe_spec(spec: StatisticSpec, plan: Plan) -> str:
    """A statistic in words."""
    what = f"{spec.kind} of {', '.join(spec.columns)}" if spec.columns else spec.kind
    groups = f" by {', '.join(plan.group_by)}" if plan.group_by else ""
    where = f" where {plan.where}" if plan.where is not None else ""
    return f"{what}{groups}{where} ({plan.dataset})"


def _result(
    spec: StatisticSpec, plan: Plan, schema: Schema, outcomes: Sequence[StatisticOutcome], facts: Facts
) -> Result:
    title = describe_spec(spec, plan)
    if spec.kind == "correlation":
        return CorrelationResult(title, outcomes, plan.group_by, facts)
    if spec.kind == "histogram":
        request = request_of(spec)
        edges = {
            name: [float(edge) for edge in bin_edges(request, schema.column(name).spec())]
            for name in spec.columns
        }
        return HistogramResult(title, outcomes, plan.group_by, facts, edges)
    return TableResult(title, outcomes, plan.group_by, facts)
