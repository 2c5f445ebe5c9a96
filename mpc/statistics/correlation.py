"""Pearson correlations, pairwise complete, from exact integer sums."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

from mpc.statistics import plots
from mpc.statistics.outcome import Outcome, Shown, Value
from mpc.statistics.results import Key, Result, frame_of, key_of, unwrap
from mpc.statistics.rows import ColumnSpec, Mask, Rows
from mpc.statistics.statistic import Opened, Quantity, Statistic, Takes
from mpc.sums import exact_dot, exact_sum

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_SUMS: Final = ("x", "y", "xx", "yy", "xy")
#: A correlation is a line through the records: slope and intercept.
_PARAMETERS: Final = 2


class CorrelationResult(Result):
    """Pearson correlations of every pair of columns, pairwise complete."""

    @property
    def value(self) -> Any:
        """{(column, column): r} without groups, else {group: {(column, column): r}}."""
        made = {unwrap(key_of(one, several=False)): _pairs(one) for one in self.outcomes}
        return made if self.group_by else next(iter(made.values()))

    def to_pandas(self) -> pd.DataFrame:
        """A matrix for each group."""
        rows = {key: values for one in self.outcomes for key, values in _matrix(one).items()}
        return frame_of(rows, [*self.group_by, "column"])

    def plot(self, ax: Axes | None = None) -> Axes:
        """The matrix in colours; of several groups the first, which the title names."""
        first = self.outcomes[0]
        group = ", ".join(f"{name} = {level}" for name, level in first.group)
        matrix = {key[-1]: values for key, values in _matrix(first).items()}
        return plots.matrix(matrix, plots.axes(ax, f"{self.title}; {group}" if group else self.title))


def _pairs(one: Outcome) -> dict[tuple[str, str], Value]:
    pairs = combinations(one.columns, 2)
    return dict(zip(pairs, one.values.values(), strict=True))


def _matrix(one: Outcome) -> dict[Key, dict[str, Shown]]:
    names, pairs = one.columns, _pairs(one)
    both = pairs | {(b, a): value for (a, b), value in pairs.items()} | {(name, name): 1.0 for name in names}
    group = key_of(one, several=False)
    return {(*group, row): {column: both[row, column] for column in names} for row in names}


class Correlation(Statistic):
    """Pearson's correlation of every pair of columns over the rows that have both.

    The parts (n, sums, squares and cross products of each pair) open to the recipient: they say more than
    r, and the plan's openings list them.
    """

    kind = "correlation"
    example = "correlation:age,tsize"
    takes = Takes(least=2, each=False)
    result = CorrelationResult

    def __init__(self, columns: Sequence[ColumnSpec], given: Mapping[str, Any]) -> None:
        super().__init__(columns, given)
        self.pairs = list(combinations(columns, 2))

    def quantities(self) -> tuple[Quantity, ...]:
        """n of each pair, and its sums, which n governs."""
        made: list[Quantity] = []
        for x, y in self.pairs:
            a, b, n = x.magnitude, y.magnitude, f"n {x.name}~{y.name}"
            made.append(Quantity(n, values=(x.name, y.name), parameters=_PARAMETERS))
            bounds = zip(_SUMS, (a, b, a * a, b * b, a * b), strict=True)
            for part, bound in bounds:
                weighs = tuple({"x": x, "y": y}[letter].name for letter in part)
                made.append(Quantity(f"{part} {x.name}~{y.name}", bound, n, weighs=weighs))
        return tuple(made)

    def cohorts(self, rows: Rows) -> list[Mask]:
        """The rows that have both, pair by pair."""
        return [rows.present[x.name] & rows.present[y.name] for x, y in self.pairs]

    def sums(self, rows: Rows) -> list[int]:
        """Of the holder's rows."""
        sums: list[int] = []
        for (x, y), both in zip(self.pairs, self.cohorts(rows), strict=True):
            a, b = rows.words[x.name][both], rows.words[y.name][both]
            sums += [exact_sum(a), exact_sum(b)]
            sums += [exact_dot(a, a), exact_dot(b, b), exact_dot(a, b)]
        return sums

    def finish(self, opened: Opened) -> dict[str, Value]:
        """r of each pair, NaN for a column without spread."""
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
