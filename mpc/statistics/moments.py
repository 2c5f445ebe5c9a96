"""Counts, sums, means and variances: sums over rows, exact until one last float division."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from mpc.statistics.outcome import Value
from mpc.statistics.rows import ColumnSpec, Mask, Rows
from mpc.statistics.statistic import Opened, Quantity, Statistic, Takes
from mpc.sums import exact_dot, exact_sum

N, MISSING, SUM, SQUARES = "n", "missing", "sum", "sum of squares"


def variance_of(n: int, total: int, squares: int, factor: int) -> float:
    """Sample variance (n - 1) from exact integer sums; NaN for one record."""
    if n < 2:
        return math.nan
    return float(Fraction(n * squares - total * total, n * (n - 1) * factor * factor))


def counted(column: ColumnSpec, parameters: int = 0) -> tuple[Quantity, Quantity]:
    """How many rows have a value in a column, of which `parameters` are estimated, and how many have none.

    The second opens with the first, since whoever knows the number of records can tell it, unless the schema
    protects it: then it is a count of its own.
    """
    missing = Quantity(MISSING) if column.missing_protected else Quantity(MISSING, governor=N)
    return Quantity(N, values=(column.name,), parameters=parameters), missing


def present_cohorts(rows: Rows, column: ColumnSpec) -> list[Mask]:
    """The rows of those that are counts."""
    present = rows.present[column.name]
    return [present, ~present] if column.missing_protected else [present]


def missing_sums(rows: Rows, column: ColumnSpec) -> list[int]:
    """The number of rows without a value, where it opens with the others."""
    return [] if column.missing_protected else [int((~rows.present[column.name]).sum())]


class Count(Statistic):
    """The number of records; that of present values comes with every mean, as n."""

    kind = "count"
    example = "count"
    takes = Takes(least=0, most=0, each=False)

    def quantities(self) -> tuple[Quantity, ...]:
        """The count, which governs itself."""
        return (Quantity(N, structural_zero=True),)

    def cohorts(self, rows: Rows) -> list[Mask]:
        """All of them."""
        return [np.ones(rows.count, dtype=np.bool_)]

    def finish(self, opened: Opened) -> dict[str, Value]:
        """The count."""
        return {"count": opened[N]}


class _Moments(Statistic):
    """n, missing, and what follows from the sum, and from the sum of squares where `squares`."""

    reported: ClassVar[tuple[str, ...]]
    squares: ClassVar[bool] = False

    def __init__(self, columns: Sequence[ColumnSpec], given: Mapping[str, Any]) -> None:
        super().__init__(columns, given)
        (self.column,) = columns

    def quantities(self) -> tuple[Quantity, ...]:
        """n and missing; the sums, which n governs."""
        magnitude, weighs = self.column.magnitude, self.columns
        sums = [Quantity(SUM, magnitude, N, weighs=weighs)]
        if self.squares:
            sums.append(Quantity(SQUARES, magnitude * magnitude, N, weighs=(*weighs, *weighs)))
        return (*counted(self.column), *sums)

    def cohorts(self, rows: Rows) -> list[Mask]:
        """The rows with a value."""
        return present_cohorts(rows, self.column)

    def sums(self, rows: Rows) -> list[int]:
        """Of the holder's rows."""
        words = rows.words[self.column.name][rows.present[self.column.name]]
        sums = [exact_sum(words)]
        if self.squares:
            sums.append(exact_dot(words, words))
        return [*missing_sums(rows, self.column), *sums]

    def finish(self, opened: Opened) -> dict[str, Value]:
        """n, missing, and what is reported."""
        moments = self._moments(opened)
        counts: dict[str, Value] = {N: opened[N], MISSING: opened[MISSING]}
        return counts | {name: moments[name] for name in self.reported}

    def _moments(self, opened: Opened) -> dict[str, Value]:
        n, total = opened[N], opened[SUM]
        if n is None or total is None or n == 0:
            return dict.fromkeys(self.reported)
        factor = self.column.scale.factor
        values: dict[str, Value] = dict.fromkeys(self.reported)
        values |= {"sum": float(Fraction(total, factor)), "mean": float(Fraction(total, n * factor))}
        squares = opened.get(SQUARES)
        if squares is not None:
            variance = variance_of(n, total, squares, factor)
            values |= {"variance": variance, "std": math.sqrt(variance)}
        return values

    def is_point(self, name: str) -> bool:
        """A mean is."""
        return name == "mean"


class Sum(_Moments):
    """n, missing and the sum of a column."""

    kind = "sum"
    example = "sum:pnodes"
    takes = Takes(kinds=frozenset({"number"}))  # a sum of dates says nothing
    reported = ("sum",)


class Mean(_Moments):
    """n, missing and the arithmetic mean of a column."""

    kind = "mean"
    example = "mean:tsize"
    reported = ("mean",)


class Variance(_Moments):
    """n, missing and the sample variance (n - 1) of a column."""

    kind = "variance"
    example = "variance:tsize"
    reported, squares = ("variance",), True


class Std(_Moments):
    """n, missing and the sample standard deviation (n - 1) of a column."""

    kind = "std"
    example = "std:tsize"
    reported: ClassVar[tuple[str, ...]] = ("std",)
    squares = True
