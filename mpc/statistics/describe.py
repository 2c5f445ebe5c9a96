"""`describe`: n, missing, mean, standard deviation and percentiles of a column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from mpc.statistics.moments import Std
from mpc.statistics.outcome import Value
from mpc.statistics.quantiles import percentile, percents, value_of
from mpc.statistics.results import BoxResult
from mpc.statistics.rows import ColumnSpec
from mpc.statistics.selection import Percentile
from mpc.statistics.statistic import Opened, Takes

PERCENTS: Final = (5, 25, 50, 75, 95)


class Describe(Std):
    """n, missing, mean, standard deviation and the 5, 25, 50, 75 and 95 % points (or others) of a column.

    Moments on sums, percentiles on shared rows, under one governing count. Without columns: of every number.
    """

    kind = "describe"
    example = "describe:age,tsize"
    takes = Takes(all_numbers=True)
    parameters: ClassVar = {"probabilities": percents}
    result = BoxResult
    reported: ClassVar = ("mean", "std")

    def __init__(self, columns: Sequence[ColumnSpec], given: Mapping[str, Any]) -> None:
        super().__init__(columns, {"probabilities": PERCENTS} | dict(given))
        named = self.given["probabilities"]
        self._targets = tuple(percentile(f"{text}%", self.column, fraction) for text, fraction in named)

    @classmethod
    def of_numbers(cls, numbers: Sequence[Any]) -> Mapping[str, Any]:
        """`describe:age:10,50,90`."""
        return {"probabilities": tuple(numbers)}

    def targets(self) -> tuple[Percentile, ...]:
        """The percentiles."""
        return self._targets

    def finish(self, opened: Opened) -> dict[str, Value]:
        """n, missing, mean, std and each percentile."""
        return super().finish(opened) | {
            goal.name: value_of(goal, opened[goal.name]) for goal in self._targets
        }

    def is_point(self, name: str) -> bool:
        """Means and percentiles are."""
        return super().is_point(name) or name.endswith("%")
