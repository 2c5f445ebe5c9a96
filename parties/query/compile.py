"""A plan and its schema as the question that holder, compute party and recipient all build alike."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from mpc.statistics.joint import JointQuery
from mpc.statistics.rows import Rows
from parties.management.catalogue import Schema
from parties.query.plan import Plan


@dataclass(frozen=True)
class Question:
    """A plan that makes sense, with the schema that it was made for and the query that it is."""

    plan: Plan
    schema: Schema
    query: JointQuery

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a holder has to read."""
        filtered = self.plan.where.columns if self.plan.where is not None else frozenset()
        compared = self.query.guard.columns if self.query.guard is not None else frozenset()
        return tuple(sorted({*self.query.columns_used, *filtered, *compared}))

    @cached_property
    def cuts(self) -> Mapping[str, Set[int]]:
        """By column: the words from which on a row belongs to other cohorts; none where presence alone
        counts."""
        found = self.query.cuts()
        if self.plan.where is not None:
            for name in self.plan.where.columns:
                found.setdefault(name, set())
            for name, word in self.plan.where.cuts(self.schema.specs()):
                found[name].add(word)
        return found

    def cohorts(self, rows: Rows, holder: str = "") -> npt.NDArray[np.bool_]:
        """`[counts, rows]`: which of a holder's rows each count of the question is of. As `select`."""
        return self.query.cohorts(self.select(rows, holder))

    def select(self, rows: Rows, holder: str = "") -> Rows:
        """A holder's rows under the plan's filter.

        `holder`: whose they are; none of those of one that is not asked. Without it, of one that is.
        """
        if holder and holder not in self.plan.asked:
            return rows.select(np.zeros(rows.count, dtype=np.bool_))
        if self.plan.where is None:
            return rows
        return rows.select(rows.selected & self.plan.where.truth(rows, self.schema.specs())[0])


def compile_plan(plan: Plan, schema: Schema) -> Question:
    """Raises `PlanInvalid` or `RangeError` if the statistics make no sense or would leave the ring."""
    rows_at_most = [part.rows_at_most for part in plan.holders]
    return Question(plan, schema, JointQuery(schema.specs(), plan.statistics, plan.group_by, rows_at_most))
