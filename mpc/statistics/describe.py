"""`describe`: n, missing, mean, standard deviation and five percentiles of a column."""

from __future__ import annotations

from mpc.statistics.base import Opened, StatisticRequest, Target, Value
from mpc.statistics.moments import Moments
from mpc.statistics.quantiles import checked_percents, target, value_of
from mpc.statistics.rows import ColumnSpec

PERCENTS = (5, 25, 50, 75, 95)


class Describe(Moments):
    """Moments on sums, percentiles on shared rows, under one governing count."""

    def __init__(self, request: StatisticRequest, columns: dict[str, ColumnSpec]) -> None:
        super().__init__(request, columns)
        self.percents = checked_percents(request.parameters.get("probabilities", PERCENTS))

    @property
    def reported(self) -> tuple[str, ...]:
        return ("mean", "std")

    def targets(self) -> tuple[Target, ...]:
        return tuple(target(f"{percent}%", self.column, percent) for percent in self.percents)

    def finish(self, opened: Opened) -> dict[str, Value]:
        return super().finish(opened) | {
            goal.name: value_of(goal, opened[goal.name]) for goal in self.targets()
        }
