"""Pearson correlations, pairwise complete, from exact integer sums."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import combinations

from mpc.statistics.base import Opened, Quantity, Statistic, StatisticRequest, Value
from mpc.statistics.moments import exact_dot, exact_sum
from mpc.statistics.rows import ColumnSpec, Mask, Rows

_SUMS = ("x", "y", "xx", "yy", "xy")


class Correlation(Statistic):
    """The correlation of every pair of columns over the rows that have both.

    The parts (n, sums, squares and cross products of each pair) open to the recipient: they say more than
    r, and the plan's openings list them.
    """

    kind = "correlation"

    def __init__(self, request: StatisticRequest, columns: dict[str, ColumnSpec]) -> None:
        self.columns = request.columns
        self.pairs = [(columns[a], columns[b]) for a, b in combinations(request.columns, 2)]

    def quantities(self) -> tuple[Quantity, ...]:
        made: list[Quantity] = []
        for x, y in self.pairs:
            a, b, n = x.magnitude, y.magnitude, f"n {x.name}~{y.name}"
            made.append(Quantity(n))
            bounds = zip(_SUMS, (a, b, a * a, b * b, a * b), strict=True)
            made += [Quantity(f"{part} {x.name}~{y.name}", bound, n) for part, bound in bounds]
        return tuple(made)

    def summarise(self, rows: Rows, mask: Mask) -> list[int]:
        sums: list[int] = []
        for x, y in self.pairs:
            both = mask & rows.present[x.name] & rows.present[y.name]
            a, b = rows.words[x.name][both], rows.words[y.name][both]
            sums += [
                int(both.sum()),
                exact_sum(a),
                exact_sum(b),
                exact_dot(a, a),
                exact_dot(b, b),
                exact_dot(a, b),
            ]
        return sums

    def finish(self, opened: Opened) -> dict[str, Value]:
        return {f"{x.name}~{y.name}": _pearson(opened, f"{x.name}~{y.name}") for x, y in self.pairs}


def _pearson(opened: Opened, pair: str) -> Value:
    n = opened[f"n {pair}"]
    parts = [opened[f"{part} {pair}"] for part in _SUMS]
    if n is None or any(part is None for part in parts):
        return None
    x, y, xx, yy, xy = (int(part or 0) for part in parts)
    spread = (n * xx - x * x) * (n * yy - y * y)
    if spread == 0:
        return math.nan
    # r^2 is rational: one float division, one square root
    covariance = n * xy - x * y
    return math.copysign(math.sqrt(Fraction(covariance * covariance, spread)), covariance)
