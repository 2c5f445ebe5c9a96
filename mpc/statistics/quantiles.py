"""Percentiles, among them median, minimum and maximum, on shared rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, ClassVar, Final

from mpc.errors import PlanInvalid
from mpc.statistics.moments import MISSING, N, counted, missing_sums, present_cohorts
from mpc.statistics.outcome import Value
from mpc.statistics.parameters import exact_number, list_of
from mpc.statistics.rows import ColumnSpec, Mask, Rows
from mpc.statistics.selection import Percentile
from mpc.statistics.statistic import Opened, Quantity, Statistic

MAX_DENOMINATOR: Final = 100
MAX_PERCENTS: Final = 100


def percent(value: object, what: str) -> tuple[str, Fraction]:
    """A percentile 0..100: as the plan writes it, and as a fraction of 1 that fits the ring."""
    fraction = exact_number(value, what) / 100
    if not 0 <= fraction <= 1 or fraction.denominator > MAX_DENOMINATOR:
        raise PlanInvalid(
            f"{what}: {value} is not a percentile that can be computed exactly.",
            remedy="Percentiles go from 0 to 100 (50 is the median), whole, or as 2.5, 37.5, 97.5.",
        )
    return str(value), fraction


percents: Final = list_of(percent, MAX_PERCENTS)


def percentile(name: str, column: ColumnSpec, fraction: Fraction) -> Percentile:
    """The target of a percentile, governed by the number of values."""
    return Percentile(name, N, fraction in (0, 1), column, fraction)


def value_of(goal: Percentile, word: int | None) -> Value:
    """The percentile from its opened integer D * (word - lo)."""
    if word is None:
        return None
    total = word + goal.fraction.denominator * goal.column.lo
    return float(Fraction(total, goal.fraction.denominator * goal.column.scale.factor))


class Quantiles(Statistic):
    """n, missing and percentiles of a column, interpolated linearly as pandas does."""

    kind = "quantiles"
    example = "quantiles:age:5,50,95"
    parameters: ClassVar = {"probabilities": percents}

    def __init__(self, columns: Sequence[ColumnSpec], given: Mapping[str, Any]) -> None:
        super().__init__(columns, given)
        (self.column,) = columns
        self._targets = tuple(percentile(name, self.column, fraction) for name, fraction in self._named())

    def _named(self) -> tuple[tuple[str, Fraction], ...]:
        """Each percentile with the name of its value."""
        if "probabilities" not in self.given:
            raise PlanInvalid(f"{self.kind} names no percentile.", remedy=f"Write {self.example}")
        return tuple((f"{text}%", fraction) for text, fraction in self.given["probabilities"])

    @classmethod
    def of_numbers(cls, numbers: Sequence[Any]) -> Mapping[str, Any]:
        """`quantiles:age:5,50,95`."""
        return (
            {"probabilities": tuple(numbers)}
            if "probabilities" in cls.parameters
            else super().of_numbers(numbers)
        )

    def quantities(self) -> tuple[Quantity, ...]:
        """How many values there are, and how many are missing."""
        return counted(self.column)

    def cohorts(self, rows: Rows) -> list[Mask]:
        """The rows with a value."""
        return present_cohorts(rows, self.column)

    def sums(self, rows: Rows) -> list[int]:
        """How many are missing."""
        return missing_sums(rows, self.column)

    def targets(self) -> tuple[Percentile, ...]:
        """The percentiles."""
        return self._targets

    def finish(self, opened: Opened) -> dict[str, Value]:
        """n, missing, and each percentile by its name."""
        counts: dict[str, Value] = {N: opened[N], MISSING: opened[MISSING]}
        return counts | {goal.name: value_of(goal, opened[goal.name]) for goal in self._targets}

    def is_point(self, name: str) -> bool:
        """Percentiles are."""
        return name not in (N, MISSING)


class _Fixed(Quantiles):
    """One percentile under a name of its own."""

    parameters: ClassVar = {}
    fraction: ClassVar[Fraction]

    def _named(self) -> tuple[tuple[str, Fraction], ...]:
        return ((self.kind, self.fraction),)


class Median(_Fixed):
    """n, missing and the median of a column."""

    kind = "median"
    example = "median:tsize"
    fraction = Fraction(1, 2)


class Minimum(_Fixed):
    """n, missing and the smallest value of a column; opens only if every holder allows extremes."""

    kind = "minimum"
    example = "minimum:age"
    fraction = Fraction(0)


class Maximum(_Fixed):
    """n, missing and the largest value of a column; opens only if every holder allows extremes."""

    kind = "maximum"
    example = "maximum:age"
    fraction = Fraction(1)
