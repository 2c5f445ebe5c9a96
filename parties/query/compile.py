"""A plan and its schema as the `JointQuery` that holder, compute party and recipient all build alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mpc.statistics.base import StatisticRequest
from mpc.statistics.joint import JointQuery
from mpc.statistics.rows import Rows
from parties.management.catalogue import Kind, Schema
from parties.query.expressions import evaluate
from parties.query.plan import Plan, StatisticSpec


def request_of(spec: StatisticSpec) -> StatisticRequest:
    """Only the parameters that were given."""
    given: dict[str, Any] = {"probabilities": spec.probabilities, "bins": spec.bins, "edges": spec.edges}
    return StatisticRequest(spec.kind, spec.columns, {name: value for name, value in given.items() if value})


@dataclass(frozen=True)
class Question:
    """A plan that makes sense, with the schema that it was made for and the query that it is."""

    plan: Plan
    schema: Schema
    query: JointQuery

    def select(self, rows: Rows) -> Rows:
        """A holder's rows under the plan's filter."""
        if self.plan.where is None:
            return rows
        dates = date_columns(self.schema)
        return rows.select(rows.selected & evaluate(self.plan.where, rows, self.schema.specs(), dates))


def compile_plan(plan: Plan, schema: Schema) -> Question:
    """Raises `PlanInvalid` or `RangeError` if the statistics make no sense or would leave the ring."""
    query = JointQuery(
        schema.specs(),
        [request_of(spec) for spec in plan.statistics],
        plan.group_by,
        [part.rows_at_most for part in plan.holders],
    )
    return Question(plan, schema, query)


def date_columns(schema: Schema) -> frozenset[str]:
    return frozenset(column.name for column in schema.columns if column.kind is Kind.DATE)
