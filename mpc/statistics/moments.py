"""Counts, sums, means and variances: sums over rows, exact until one last float division."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from mpc.encoding import Words
from mpc.errors import PlanInvalid
from mpc.statistics.base import Opened, Quantity, Statistic, StatisticRequest, Value
from mpc.statistics.rows import ColumnSpec, Mask, Rows

N, MISSING, SUM, SQUARES = "n", "missing", "sum", "sum of squares"
_HALF_BITS = 26
#: Rows summed in one int64 before the total moves to a Python integer: 2**11 * 2**52 < 2**63.
_BLOCK = 1 << 11


def exact_sum(words: Words) -> int:
    """Sum of words below 2**52 as a Python integer."""
    return sum(int(block.sum()) for block in np.array_split(words, -(-max(1, words.size) // _BLOCK)))


def exact_dot(x: Words, y: Words) -> int:
    """Sum of x*y for words below 2**52: halves of 26 bits, whose products fit int64."""
    x_high, x_low = x >> _HALF_BITS, x & ((1 << _HALF_BITS) - 1)
    y_high, y_low = y >> _HALF_BITS, y & ((1 << _HALF_BITS) - 1)
    high = exact_sum(x_high * y_high)
    cross = exact_sum(x_high * y_low) + exact_sum(x_low * y_high)
    return (high << (2 * _HALF_BITS)) + (cross << _HALF_BITS) + exact_sum(x_low * y_low)


def variance_of(n: int, total: int, squares: int, factor: int) -> float:
    """Sample variance (n - 1) from exact integer sums; NaN for one record."""
    if n < 2:
        return math.nan
    return float(Fraction(n * squares - total * total, n * (n - 1) * factor * factor))


class Count(Statistic):
    """The number of selected rows."""

    kind = "count"
    columns = ()

    def __init__(self, request: StatisticRequest, columns: dict[str, ColumnSpec]) -> None:
        if request.columns:
            raise PlanInvalid(
                "count takes no column; it counts the selected rows.",
                remedy="The number of present values comes with every mean, as n.",
            )

    def quantities(self) -> tuple[Quantity, ...]:
        return (Quantity(N, structural_zero=True),)

    def summarise(self, rows: Rows, mask: Mask) -> list[int]:
        return [int(mask.sum())]

    def finish(self, opened: Opened) -> dict[str, Value]:
        return {"count": opened[N]}


class Moments(Statistic):
    """n, missing, and the sum, mean, variance or standard deviation of one column."""

    def __init__(self, request: StatisticRequest, columns: dict[str, ColumnSpec]) -> None:
        self.kind = request.kind
        self.columns = request.columns
        self.column = columns[request.columns[0]]

    @property
    def needs_squares(self) -> bool:
        return self.kind not in ("sum", "mean")

    def quantities(self) -> tuple[Quantity, ...]:
        magnitude = self.column.magnitude
        sums = [Quantity(SUM, magnitude, N)]
        if self.needs_squares:
            sums.append(Quantity(SQUARES, magnitude * magnitude, N))
        return (Quantity(N), Quantity(MISSING), *sums)

    def summarise(self, rows: Rows, mask: Mask) -> list[int]:
        present = mask & rows.present[self.column.name]
        words = rows.words[self.column.name][present]
        sums = [exact_sum(words)]
        if self.needs_squares:
            sums.append(exact_dot(words, words))
        return [int(present.sum()), int((mask & ~present).sum()), *sums]

    def finish(self, opened: Opened) -> dict[str, Value]:
        values: dict[str, Value] = {N: opened[N], MISSING: opened[MISSING]}
        return values | {name: value for name, value in self.moments(opened).items() if name in self.reported}

    @property
    def reported(self) -> tuple[str, ...]:
        return (self.kind,)

    def moments(self, opened: Opened) -> dict[str, Value]:
        n, total = opened[N], opened[SUM]
        if n is None or total is None or n == 0:
            return dict.fromkeys(("sum", "mean", "variance", "std"))
        factor = self.column.scale.factor
        values: dict[str, Value] = {
            "sum": float(Fraction(total, factor)),
            "mean": float(Fraction(total, n * factor)),
        }
        squares = opened.get(SQUARES)
        if squares is not None:
            variance = variance_of(n, total, squares, factor)
            values |= {"variance": variance, "std": math.sqrt(variance)}
        return values
